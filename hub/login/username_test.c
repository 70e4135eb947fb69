#include "hub/login/username.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

static void assert_taken_as(const char *typed, const char *expected)
{
    struct slice username;

    assert_int_equal(username_check(slice_str(typed), &arena, &username, NULL), STATUS_OK);
    assert_true(slice_equal_str(username, expected));
}

static void assert_refused(const char *typed)
{
    struct slice username;
    struct fault fault = {0};

    assert_int_equal(username_check(slice_str(typed), &arena, &username, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "username");
}

static void username_is_lower_case_and_trimmed(void **state)
{
    (void)state;
    assert_taken_as("bela.kovacs", "bela.kovacs");
    assert_taken_as("  Kovacs_Bela-2 ", "kovacs_bela-2");
    assert_taken_as("abc", "abc");
    assert_taken_as("a12345678901234567890123456789", "a12345678901234567890123456789");
}

static void username_refuses_what_is_none(void **state)
{
    (void)state;
    assert_refused("");
    assert_refused("ab");
    assert_refused("a123456789012345678901234567890");
    assert_refused("kovács");
    assert_refused("a b c");
    assert_refused("a/b");
    assert_refused("a\\b");
    assert_refused("...");
    assert_refused("-abc");
    assert_refused("_abc");
    assert_refused("admin");
    assert_refused("Admin");
}

static void first_candidate_is_the_folded_name(void **state)
{
    (void)state;
    struct slice candidates[USERNAME_CANDIDATES];

    assert_int_equal(username_candidates(SLICE_LIT("Kovács Béla Őrs"), &arena, candidates),
                     STATUS_OK);
    assert_true(slice_equal_str(candidates[0], "kovacs-bela-ors"));
    assert_true(slice_equal_str(candidates[1], "kovacs-bela-ors-2"));
}

static void every_candidate_is_a_username(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        "Li",
        "admin",
        "田中",
        "Hub",
        "Verylongfamilyname Verylonggivenname Junior",
        "Aaaaaaaaaaaaaaaaaaaaaaaaaaa bb cc",
        "1",
        "---",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct slice candidates[USERNAME_CANDIDATES];
        assert_int_equal(username_candidates(slice_str(names[i]), &arena, candidates), STATUS_OK);
        for (size_t j = 0; j < USERNAME_CANDIDATES; j++) {
            struct slice username;
            assert_int_equal(username_check(candidates[j], &arena, &username, NULL), STATUS_OK);
            assert_true(slice_equal(username, candidates[j]));
            for (size_t k = 0; k < j; k++)
                assert_false(slice_equal(candidates[k], candidates[j]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(username_is_lower_case_and_trimmed, setup, teardown),
        cmocka_unit_test_setup_teardown(username_refuses_what_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(first_candidate_is_the_folded_name, setup, teardown),
        cmocka_unit_test_setup_teardown(every_candidate_is_a_username, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
