#include "hub/login/ticket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW 1000000

static const struct slice key = {"key of this test", 16};
static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 65536);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static struct slice seal(const char *kind, int64_t expires_s, const char *first, const char *second)
{
    const struct slice fields[] = {slice_str(first), slice_str(second)};
    struct slice ticket;

    assert_int_equal(ticket_seal(key, kind, expires_s, fields, 2, &arena, &ticket), STATUS_OK);
    return ticket;
}

static void ticket_gives_back_what_was_sealed(void **state)
{
    (void)state;
    struct slice fields[2];
    struct slice ticket = seal("login", NOW + 1, "state.with.dots", "");

    assert_int_equal(ticket_open(key, "login", ticket, NOW, &arena, fields, 2), STATUS_OK);
    assert_true(slice_equal_str(fields[0], "state.with.dots"));
    assert_int_equal(fields[1].len, 0);
}

static void ticket_is_made_of_characters_of_a_cookie(void **state)
{
    (void)state;
    struct slice ticket = seal("login", NOW, "\"; Domain=evil\r\n", "\xff\x00");

    for (size_t i = 0; i < ticket.len; i++)
        assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.",
                               ticket.ptr[i]));
}

static void ticket_expires(void **state)
{
    (void)state;
    struct slice fields[2];
    struct slice ticket = seal("login", NOW, "a", "b");

    assert_int_equal(ticket_open(key, "login", ticket, NOW - 1, &arena, fields, 2), STATUS_OK);
    assert_int_equal(ticket_open(key, "login", ticket, NOW, &arena, fields, 2),
                     STATUS_DEADLINE_EXCEEDED);
}

static void ticket_of_another_kind_or_key_is_refused(void **state)
{
    (void)state;
    struct slice fields[2];
    struct slice ticket = seal("login", NOW + 1, "a", "b");

    assert_int_equal(ticket_open(key, "register", ticket, NOW, &arena, fields, 2),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(ticket_open(SLICE_LIT("another"), "login", ticket, NOW, &arena, fields, 2),
                     STATUS_INVALID_ARGUMENT);
}

static void ticket_has_as_many_fields_as_were_sealed(void **state)
{
    (void)state;
    struct slice fields[3];
    struct slice ticket = seal("login", NOW + 1, "a", "");

    for (size_t count = 0; count <= 3; count++)
        assert_int_equal(ticket_open(key, "login", ticket, NOW, &arena, fields, count),
                         count == 2 ? STATUS_OK : STATUS_INVALID_ARGUMENT);
}

static void ticket_changed_or_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct slice fields[2];
    struct slice ticket = seal("login", NOW + 1, "state", "/path");
    char copy[TICKET_BYTES_MAX];

    for (size_t i = 0; i < ticket.len; i++) {
        memcpy(copy, ticket.ptr, ticket.len);
        copy[i] ^= 1;
        assert_int_equal(
            ticket_open(key, "login", slice_make(copy, ticket.len), NOW, &arena, fields, 2),
            STATUS_INVALID_ARGUMENT);
        assert_int_equal(
            ticket_open(key, "login", slice_make(ticket.ptr, i), NOW, &arena, fields, 2),
            STATUS_INVALID_ARGUMENT);
    }
}

static void ticket_too_long_for_a_cookie_is_not_made(void **state)
{
    (void)state;
    static char long_text[TICKET_BYTES_MAX];
    struct slice ticket = {"untouched", 9};
    memset(long_text, 'x', sizeof(long_text));
    const struct slice fields[] = {{long_text, sizeof(long_text)}};

    assert_int_equal(ticket_seal(key, "login", NOW, fields, 1, &arena, &ticket),
                     STATUS_RESOURCE_EXHAUSTED);
    assert_true(slice_equal_str(ticket, "untouched"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ticket_gives_back_what_was_sealed, setup, teardown),
        cmocka_unit_test_setup_teardown(ticket_is_made_of_characters_of_a_cookie, setup, teardown),
        cmocka_unit_test_setup_teardown(ticket_expires, setup, teardown),
        cmocka_unit_test_setup_teardown(ticket_of_another_kind_or_key_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(ticket_has_as_many_fields_as_were_sealed, setup, teardown),
        cmocka_unit_test_setup_teardown(ticket_changed_or_cut_anywhere_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(ticket_too_long_for_a_cookie_is_not_made, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
