#include "shared/base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void equal_compares_bytes_not_addresses(void **state)
{
    (void)state;
    char copy[] = "abc";
    assert_true(slice_equal(SLICE_LIT("abc"), slice_str(copy)));
    assert_false(slice_equal(SLICE_LIT("abc"), SLICE_LIT("abd")));
    assert_false(slice_equal(SLICE_LIT("abc"), SLICE_LIT("ab")));
    assert_true(slice_equal(slice_str(NULL), SLICE_LIT("")));
    assert_true(slice_equal_str(SLICE_LIT("abc"), "abc"));
}

static void order_is_of_unsigned_bytes_and_a_prefix_comes_first(void **state)
{
    (void)state;
    assert_true(slice_compare(SLICE_LIT("a"), SLICE_LIT("b")) < 0);
    assert_true(slice_compare(SLICE_LIT("\x7f"), SLICE_LIT("\x80")) < 0);
    assert_true(slice_compare(SLICE_LIT("ab"), SLICE_LIT("a")) > 0);
    assert_true(slice_compare(slice_str(NULL), SLICE_LIT("a")) < 0);
    assert_int_equal(slice_compare(SLICE_LIT("ab"), SLICE_LIT("ab")), 0);
}

static void starts_with_takes_empty_and_longer_prefixes(void **state)
{
    (void)state;
    assert_true(slice_starts_with(SLICE_LIT("Bearer x"), SLICE_LIT("Bearer ")));
    assert_true(slice_starts_with(SLICE_LIT("x"), slice_str(NULL)));
    assert_false(slice_starts_with(SLICE_LIT("x"), SLICE_LIT("xy")));
}

static void cut_walks_over_all_parts(void **state)
{
    (void)state;
    struct slice rest = SLICE_LIT("a,,bc");
    assert_true(slice_equal_str(slice_cut(&rest, ','), "a"));
    assert_true(slice_equal_str(slice_cut(&rest, ','), ""));
    assert_true(slice_equal_str(slice_cut(&rest, ','), "bc"));
    assert_int_equal(rest.len, 0);
    assert_int_equal(slice_cut(&rest, ',').len, 0);
}

static void printable_is_ascii_without_blanks_of_a_length(void **state)
{
    (void)state;
    assert_true(slice_is_printable(SLICE_LIT("!a~"), 3));
    assert_false(slice_is_printable(SLICE_LIT("!a~"), 2));
    assert_false(slice_is_printable(SLICE_LIT(""), 2));
    static const char *const others[] = {"a b", "a\t", "\x7f", "\xc3\xa1", "\x1f"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(slice_is_printable(slice_str(others[i]), 9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_compares_bytes_not_addresses),
        cmocka_unit_test(order_is_of_unsigned_bytes_and_a_prefix_comes_first),
        cmocka_unit_test(starts_with_takes_empty_and_longer_prefixes),
        cmocka_unit_test(cut_walks_over_all_parts),
        cmocka_unit_test(printable_is_ascii_without_blanks_of_a_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
