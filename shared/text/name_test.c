#include "shared/text/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct fault fault;
    struct text_collator *collator;
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof(fixture));
    arena_init(&fixture.arena, 1u << 20);
    if (text_collator_new(&fixture.collator) != STATUS_OK)
        return -1;
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    text_collator_free(f->collator);
    arena_done(&f->arena);
    return 0;
}

static void names_equal_after_normalisation_have_one_key(void **state)
{
    struct fixture *f = *state;
    struct text_name a, b;
    assert_int_equal(text_name_make(f->collator, "Őrült  Kör", "name", &f->arena, &a, &f->fault),
                     STATUS_OK);
    assert_int_equal(text_name_make(f->collator, " o\xcc\x8br\xc3\xbclt k\xc3\xb6r ", "name",
                                    &f->arena, &b, &f->fault),
                     STATUS_OK);
    assert_true(slice_equal(a.unique_key, b.unique_key));
    assert_true(slice_equal_str(a.folded, "orult kor"));
}

static void names_order_as_hungarian_has_it(void **state)
{
    struct fixture *f = *state;
    static const char *const order[] = {"A",  ".-B",  "c++",    "cukor",
                                        "cz", "csak", "Zuhany", "Zsolt"};
    struct text_name before, after;
    for (size_t i = 1; i < sizeof(order) / sizeof(order[0]); i++) {
        assert_int_equal(
            text_name_make(f->collator, order[i - 1], "name", &f->arena, &before, &f->fault),
            STATUS_OK);
        assert_int_equal(
            text_name_make(f->collator, order[i], "name", &f->arena, &after, &f->fault), STATUS_OK);
        assert_true(slice_compare(before.sort_key, after.sort_key) < 0);
    }
}

static void empty_name_is_refused(void **state)
{
    struct fixture *f = *state;
    struct text_name name;
    assert_int_equal(text_name_make(f->collator, "  ", "group.name", &f->arena, &name, &f->fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(f->fault.field, "group.name");
}

static void name_whose_keys_fit_no_index_is_refused(void **state)
{
    struct fixture *f = *state;
    struct text_name made;
    char letters[4 * 200 + 1] = "", phrases[3 * 200 + 1] = "";
    for (int i = 0; i < 200; i++) {
        memcpy(letters + i * 4, "\xf0\xa0\x80\x8b", 4); /* U+2000B */
        memcpy(phrases + i * 3, "\xef\xb7\xba", 3);     /* U+FDFA, eighteen letters */
    }
    assert_int_equal(text_name_make(f->collator, letters, "name", &f->arena, &made, &f->fault),
                     STATUS_OK);
    assert_int_equal(text_name_make(f->collator, phrases, "name", &f->arena, &made, &f->fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(f->fault.field, "name");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_equal_after_normalisation_have_one_key),
        TEST(names_order_as_hungarian_has_it),
        TEST(empty_name_is_refused),
        TEST(name_whose_keys_fit_no_index_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
