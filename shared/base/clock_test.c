#include "shared/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void monotonic_never_goes_back(void **state)
{
    (void)state;
    int64_t before = clock_monotonic_us();
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_monotonic_us();
        assert_true(now >= before);
        before = now;
    }
}

static void wall_is_after_the_year_2020_in_both_units(void **state)
{
    (void)state;
    int64_t s = clock_wall_s();
    int64_t us = clock_wall_us();
    assert_true(s > 1577836800);
    assert_true(us / 1000000 - s <= 1);
}

static void deadlines_saturate(void **state)
{
    (void)state;
    assert_true(deadline_after_ms(INT64_MAX) == DEADLINE_NONE);
    assert_true(deadline_left_ms(DEADLINE_NONE) == INT64_MAX);
    assert_int_equal(deadline_left_ms(deadline_after_ms(-5)), 0);
    assert_int_equal(deadline_left_ms(0), 0);
}

static void time_left_is_rounded_up(void **state)
{
    (void)state;
    int64_t left = deadline_left_ms(deadline_after_ms(60000));
    assert_true(left > 50000 && left <= 60000);
    assert_true(deadline_left_ms(clock_monotonic_us() + 1000000000) == 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(monotonic_never_goes_back),
        cmocka_unit_test(wall_is_after_the_year_2020_in_both_units),
        cmocka_unit_test(deadlines_saturate),
        cmocka_unit_test(time_left_is_rounded_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
