#include "hub/federation/page_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct slice key = {"0123456789abcdef0123456789abcdef", 32};
static const struct page_position position = {
    {"\x2a\x00\xff", 3}, {"kir-dev@kir-dev", 15}, {"worker-acme", 11}};

static struct page_realm two[] = {{{"hub", 3}, false, 0x01020304, 127},
                                  {{"worker-acme", 11}, true, UINT32_MAX, PAGE_WAITED_ALL}};
static const struct page_realms realms = {two, 2, {"worker-zulu", 11}};

static struct page_question question_of(const char *text)
{
    struct slice part = slice_str(text);
    return page_question_of(&part, 1);
}

static void token_gives_back_its_position(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 65536);
    struct page_question question = question_of("q");
    struct slice token;
    struct page_position back;
    struct page_realms back_realms;
    struct fault fault;
    assert_int_equal(page_token_seal(key, &question, &position, &realms, &arena, &token),
                     STATUS_OK);
    assert_int_equal(page_token_open(key, &question, token, &arena, &back, &back_realms, &fault),
                     STATUS_OK);
    assert_true(slice_equal(back.sort_key, position.sort_key));
    assert_true(slice_equal(back.id, position.id));
    assert_true(slice_equal(back.realm, position.realm));
    assert_true(slice_equal(back_realms.not_asked, realms.not_asked));
    assert_int_equal(back_realms.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(slice_equal(back_realms.realms[i].name, realms.realms[i].name));
        assert_int_equal(back_realms.realms[i].out, realms.realms[i].out);
        assert_int_equal(back_realms.realms[i].given, realms.realms[i].given);
        assert_int_equal(back_realms.realms[i].waited, realms.realms[i].waited);
    }
    arena_done(&arena);
}

#define OF_QUESTION "80WrYZ_gxQtu18IptNKs"
#define AT_POSITION "AAMqAP8AD2tpci1kZXZAa2lyLWRldgALd29ya2VyLWFjbWUA"

/* Tokens that hubs of all versions made of this key, question and position, the last by one to come. Never change one: people have them. */
static const struct {
    const char *token;
    bool is_read;
} of_versions[] = {
    {"AX" OF_QUESTION "Ot7Pq-Ic2jA7yhKvhbDWyAAAMqAP8AD2tpci1kZXZAa2lyLWRldgALd29ya2VyLWFjbWU",
     false},
    {"An" OF_QUESTION "Me4FIY8f3KOXhlGadqc_jj" AT_POSITION "BCtodWIADC13b3JrZXItYWNtZQ", false},
    {"A3" OF_QUESTION "NAIORnsrXNE7pv_GIU_Efj" AT_POSITION
     "CisAAAAFAH9odWIAEi0AAAAHJxB3b3JrZXItYWNtZQ",
     false},
    {"BH" OF_QUESTION "Pj6bywkYjSK7tFUUwaktwh" AT_POSITION
     "C3dvcmtlci16dWx1A2h1YoSGiAh_i3dvcmtlci1hY21l_____w-QTg",
     true},
    {"BH" OF_QUESTION "POH2_9WdyY753-tuZBJsE_" AT_POSITION
     "AANodWIBAEt3b3JrZXItYWNtZQIAAAErAAN4QHg",
     true},
    {"BX" OF_QUESTION "OymH186sQ2dh81WX6Qaku7AAMqAP8AD2tpci1kZXZAa2lyLWRldgALd29ya2VyLWFjbWU",
     false},
};

static void token_of_any_version_is_read_or_refused_for_its_version(void **state)
{
    (void)state;
    struct page_question question = question_of("q");
    for (size_t i = 0; i < sizeof(of_versions) / sizeof(of_versions[0]); i++) {
        struct arena arena;
        struct page_position back;
        struct page_realms back_realms;
        struct fault fault = {0};
        struct slice token = slice_str(of_versions[i].token), again;
        arena_init(&arena, 65536);
        enum status status =
            page_token_open(key, &question, token, &arena, &back, &back_realms, &fault);
        if (of_versions[i].is_read) {
            assert_int_equal(status, STATUS_OK);
            assert_true(slice_equal(back.sort_key, position.sort_key));
            assert_true(slice_equal(back.id, position.id));
            assert_true(slice_equal(back.realm, position.realm));
            assert_int_equal(page_token_seal(key, &question, &back, &back_realms, &arena, &again),
                             STATUS_OK);
            assert_true(slice_equal(token, again));
        } else {
            assert_int_equal(status, STATUS_INVALID_ARGUMENT);
            assert_string_equal(fault.field, "page_token");
            assert_string_equal(fault.reason, PAGE_TOKEN_VERSION);
        }
        arena_done(&arena);
    }
}

static void realm_that_is_apart_keeps_its_place(void **state)
{
    (void)state;
    static struct page_realm apart = {.name = {"worker-acme", 11},
                                      .given = 2,
                                      .apart = true,
                                      .sort_key = {"\x2b", 1},
                                      .id = {"x@x", 3}};
    const struct page_realms one = {&apart, 1, {"", 0}};
    struct arena arena;
    arena_init(&arena, 65536);
    struct page_question question = question_of("q");
    struct slice token;
    struct page_position back;
    struct page_realms realms_back;
    struct fault fault;
    assert_int_equal(page_token_seal(key, &question, &position, &one, &arena, &token), STATUS_OK);
    assert_int_equal(page_token_open(key, &question, token, &arena, &back, &realms_back, &fault),
                     STATUS_OK);
    assert_int_equal(realms_back.count, 1);
    assert_true(realms_back.realms[0].apart);
    assert_false(realms_back.realms[0].out);
    assert_true(slice_equal(realms_back.realms[0].name, apart.name));
    assert_true(slice_equal(realms_back.realms[0].sort_key, apart.sort_key));
    assert_true(slice_equal(realms_back.realms[0].id, apart.id));
    arena_done(&arena);
}

static void token_changed_anywhere_or_cut_is_refused(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 22);
    struct page_question question = question_of("q");
    struct slice token;
    struct page_position back;
    struct page_realms back_realms;
    struct fault fault;
    assert_int_equal(page_token_seal(key, &question, &position, &realms, &arena, &token),
                     STATUS_OK);
    for (size_t i = 0; i < token.len; i++) {
        char *changed = arena_strndup(&arena, token.ptr, token.len);
        assert_non_null(changed);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_int_equal(page_token_open(key, &question, slice_make(changed, token.len), &arena,
                                         &back, &back_realms, &fault),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, "page_token");
        assert_int_equal(page_token_open(key, &question, slice_make(token.ptr, i), &arena, &back,
                                         &back_realms, &fault),
                         STATUS_INVALID_ARGUMENT);
    }
    arena_done(&arena);
}

static void token_of_another_question_or_key_is_refused(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 65536);
    struct page_question question = question_of("q"), other = question_of("other");
    struct slice token;
    struct page_position back;
    struct page_realms back_realms;
    struct fault fault;
    assert_int_equal(page_token_seal(key, &question, &position, &realms, &arena, &token),
                     STATUS_OK);
    assert_int_equal(page_token_open(key, &other, token, &arena, &back, &back_realms, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(page_token_open(SLICE_LIT("another key"), &question, token, &arena, &back,
                                     &back_realms, &fault),
                     STATUS_INVALID_ARGUMENT);
    arena_done(&arena);
}

/* A list that could not say where it goes on would seem to end there. */
static void largest_position_with_the_longest_realms_fits(void **state)
{
    (void)state;
    static char large[PAGE_POSITION_BYTES_MAX], realm[PAGE_REALM_BYTES_MAX];
    static struct page_realm each[PAGE_REALMS_MAX];
    struct arena arena;
    arena_init(&arena, 65536);
    struct page_realms all = {each, PAGE_REALMS_MAX, {realm, sizeof(realm)}};
    memset(realm, 'r', sizeof(realm));
    /* All that their names may have together, some of them the longest. */
    size_t left = PAGE_REALMS_BYTES_MAX;
    for (size_t i = 0; i < PAGE_REALMS_MAX; i++) {
        size_t rest = PAGE_REALMS_MAX - 1 - i, most = left - rest;
        size_t len = most < sizeof(realm) ? most : sizeof(realm);
        each[i] = (struct page_realm){{realm, len}, i % 2, UINT32_MAX, PAGE_WAITED_ALL};
        left -= len;
    }
    assert_int_equal(left, 0);
    struct page_question question = question_of("q");
    struct page_position largest = {{large, sizeof(large) - 1}, {"i", 1}, {realm, sizeof(realm)}};
    struct page_position back;
    struct page_realms back_realms;
    struct fault fault;
    struct slice token;
    assert_int_equal(page_token_seal(key, &question, &largest, &all, &arena, &token), STATUS_OK);
    assert_int_equal(page_token_open(key, &question, token, &arena, &back, &back_realms, &fault),
                     STATUS_OK);
    assert_int_equal(back.sort_key.len, sizeof(large) - 1);
    assert_int_equal(back_realms.count, PAGE_REALMS_MAX);
    for (size_t i = 0; i < PAGE_REALMS_MAX; i++) {
        assert_true(slice_equal(back_realms.realms[i].name, each[i].name));
        assert_int_equal(back_realms.realms[i].given, UINT32_MAX);
        assert_int_equal(back_realms.realms[i].waited, PAGE_WAITED_ALL);
        assert_int_equal(back_realms.realms[i].out, i % 2);
    }
    assert_true(token.len <= PAGE_TOKEN_BYTES_MAX);
    arena_done(&arena);
}

static void position_too_large_for_a_token_is_refused(void **state)
{
    (void)state;
    static char large[PAGE_TOKEN_BYTES_MAX];
    struct arena arena;
    arena_init(&arena, 65536);
    struct page_question question = question_of("q");
    struct page_position huge = {{large, sizeof(large)}, {"i", 1}, {"r", 1}};
    struct slice token;
    assert_int_equal(page_token_seal(key, &question, &huge, &realms, &arena, &token),
                     STATUS_RESOURCE_EXHAUSTED);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_gives_back_its_position),
        cmocka_unit_test(token_of_any_version_is_read_or_refused_for_its_version),
        cmocka_unit_test(realm_that_is_apart_keeps_its_place),
        cmocka_unit_test(token_changed_anywhere_or_cut_is_refused),
        cmocka_unit_test(token_of_another_question_or_key_is_refused),
        cmocka_unit_test(largest_position_with_the_longest_realms_fits),
        cmocka_unit_test(position_too_large_for_a_token_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
