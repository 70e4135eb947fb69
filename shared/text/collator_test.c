#include "shared/text/collator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct text_collator *collator;
};

static int fixture_make(void **state)
{
    static struct fixture fixture;
    arena_init(&fixture.arena, 1024 * 1024);
    *state = &fixture;
    return text_collator_new(&fixture.collator) != STATUS_OK;
}

static int fixture_remove(void **state)
{
    struct fixture *fixture = *state;
    fixture->collator = text_collator_free(fixture->collator);
    arena_done(&fixture->arena);
    return 0;
}

static struct slice key_of(struct fixture *fixture, const char *text)
{
    struct slice key;
    assert_int_equal(text_sort_key(fixture->collator, slice_str(text), &fixture->arena, &key),
                     STATUS_OK);
    assert_null(memchr(key.ptr, '\0', key.len));
    return key;
}

static void assert_order(struct fixture *fixture, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            int order = slice_compare(key_of(fixture, names[i]), key_of(fixture, names[j]));
            if ((i < j && order >= 0) || (i > j && order <= 0) || (i == j && order != 0))
                fail_msg("%s and %s are in the wrong order", names[i], names[j]);
        }
}

#define ASSERT_ORDER(state, ...)                                                                   \
    do {                                                                                           \
        const char *const list[] = {__VA_ARGS__};                                                  \
        assert_order(*(state), list, sizeof(list) / sizeof(list[0]));                              \
    } while (0)

static void punctuation_is_passed_over(void **state)
{
    ASSERT_ORDER(state, "A", ".-B", "c++");
}

static void shorter_names_come_first(void **state)
{
    ASSERT_ORDER(state, "alma", "alma fa", "alma faház");
}

static void accents_follow_the_hungarian_standard(void **state)
{
    /* The predecessor had Uszo before Úr; the standard has u and ú equal at the first level. */
    ASSERT_ORDER(state, "Alma Fa", "Árok Part", "Olasz Paradicsom", "Örök Zöld", "Úr Iember",
                 "Uszo Da");
    ASSERT_ORDER(state, "kor", "kór", "kör", "kőr", "kur");
    ASSERT_ORDER(state, "oz", "öa", "pa");
}

static void digraphs_are_letters(void **state)
{
    ASSERT_ORDER(state, "cukor", "cz", "csak", "darab");
    ASSERT_ORDER(state, "Zuhany", "Zsolt");
    ASSERT_ORDER(state, "gz", "gyám");
    ASSERT_ORDER(state, "lz", "lyuk");
}

static void numbers_go_by_value(void **state)
{
    ASSERT_ORDER(state, "1. emelet", "2. emelet", "8. szint", "11. szint", "101. szint");
    ASSERT_ORDER(state, "Gólyatábor 2009", "Gólyatábor 2010", "Gólyatábor 20100");
    ASSERT_ORDER(state, "szint 7", "szint 07b", "szint 8a", "szint 8b", "szint 10a");
    /* Before letters, and of any length. */
    ASSERT_ORDER(state, "99999999999999999998", "99999999999999999999", "100000000000000000000",
                 "a");
}

static void case_decides_last(void **state)
{
    ASSERT_ORDER(state, "alma", "Alma", "almb");
}

static void forms_of_one_name_have_one_key(void **state)
{
    struct fixture *fixture = *state;
    assert_true(slice_equal(key_of(fixture, "ő"), key_of(fixture, "o\xcc\x8b")));
    assert_true(slice_equal(key_of(fixture, "a\u0323\u0302"), key_of(fixture, "a\u0302\u0323")));
}

static void an_empty_name_has_the_first_key(void **state)
{
    struct fixture *fixture = *state;
    assert_true(slice_compare(key_of(fixture, ""), key_of(fixture, "a")) < 0);
}

static void long_and_bad_input_is_judged(void **state)
{
    struct fixture *fixture = *state;
    static char text[TEXT_SORT_INPUT_BYTES_MAX + 1];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i * i % 26);
    struct slice key = {0}, shorter;
    assert_int_equal(
        text_sort_key(fixture->collator, slice_make(text, sizeof(text)), &fixture->arena, &key),
        STATUS_INVALID_ARGUMENT);
    assert_int_equal(text_sort_key(fixture->collator, SLICE_LIT("a\xff"), &fixture->arena, &key),
                     STATUS_INVALID_ARGUMENT);
    assert_null(key.ptr);
    assert_int_equal(
        text_sort_key(fixture->collator, slice_make(text, sizeof(text) - 1), &fixture->arena, &key),
        STATUS_OK);
    assert_true(key.len > 512);
    assert_int_equal(text_sort_key(fixture->collator, slice_make(text, sizeof(text) - 2),
                                   &fixture->arena, &shorter),
                     STATUS_OK);
    assert_true(slice_compare(shorter, key) < 0);
    struct arena small;
    arena_init(&small, 8);
    assert_int_equal(text_sort_key(fixture->collator, SLICE_LIT("alma"), &small, &key),
                     STATUS_RESOURCE_EXHAUSTED);
    arena_done(&small);
}

static void the_version_names_locale_and_rules(void **state)
{
    struct fixture *fixture = *state;
    const char *version = text_collator_version(fixture->collator);
    assert_memory_equal(version, TEXT_COLLATOR_LOCALE "/", sizeof(TEXT_COLLATOR_LOCALE));
    assert_in_range(strlen(version), sizeof(TEXT_COLLATOR_LOCALE) + 3,
                    TEXT_COLLATOR_VERSION_BYTES - 1);
    assert_null(text_collator_free(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(punctuation_is_passed_over),
        TEST(shorter_names_come_first),
        TEST(accents_follow_the_hungarian_standard),
        TEST(digraphs_are_letters),
        TEST(numbers_go_by_value),
        TEST(case_decides_last),
        TEST(forms_of_one_name_have_one_key),
        TEST(an_empty_name_has_the_first_key),
        TEST(long_and_bad_input_is_judged),
        TEST(the_version_names_locale_and_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
