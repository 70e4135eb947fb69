#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/federation/combine.h"

static uint32_t combined(uint32_t max, const int32_t *values, size_t count)
{
    struct combine combine = {0};
    for (size_t i = 0; i < count; i++)
        combine_add(&combine, values[i]);
    return combine_value(&combine, max);
}
#define COMBINED(max, ...)                                                                         \
    combined(max, (const int32_t[]){__VA_ARGS__},                                                  \
             sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static void root_of_the_sum_of_squares_is_cut_and_bounded(void **state)
{
    (void)state;
    assert_int_equal(combined(100, NULL, 0), 0);
    assert_int_equal(COMBINED(100, 50 + 50, 50), 100); /* 111.8 */
    assert_int_equal(COMBINED(100, 30, 40), 50);
    assert_int_equal(COMBINED(100, 35, 36), 50); /* 50.2 */
    assert_int_equal(COMBINED(100, 25), 25);
    assert_int_equal(COMBINED(100, 0, 0), 0);
    assert_int_equal(COMBINED(100, 1, 1), 1);
    assert_int_equal(COMBINED(99, 100), 99);
    assert_int_equal(COMBINED(1000, 100, 100, 100), 173);
}

static void it_is_exact_at_every_square(void **state)
{
    (void)state;
    for (int32_t n = 1; n < 3000; n++) {
        const struct combine at = {(uint64_t)n * n}, below = {(uint64_t)n * n - 1};
        assert_int_equal(combine_value(&at, UINT32_MAX), n);
        assert_int_equal(combine_value(&below, UINT32_MAX), n - 1);
    }
}

static void whatever_a_realm_says_it_stays_within(void **state)
{
    struct combine combine = {0};
    (void)state;
    for (int i = 0; i < 100; i++)
        combine_add(&combine, i % 2 ? INT32_MIN : INT32_MAX);
    assert_int_equal(combine_value(&combine, 100), 100);
    assert_int_equal(combine_value(&combine, UINT32_MAX), UINT32_MAX);
    assert_int_equal(COMBINED(100, -3, 4), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_of_the_sum_of_squares_is_cut_and_bounded),
        cmocka_unit_test(it_is_exact_at_every_square),
        cmocka_unit_test(whatever_a_realm_says_it_stays_within),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
