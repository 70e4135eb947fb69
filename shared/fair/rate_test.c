/* Buckets, by a clock that the test turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "shared/fair/rate.h"

#define S 1000000LL
#define NOW (1000 * S)

static struct rate rate;
static struct rate_state now;

static bool take(const char *key, int64_t at_us)
{
    return rate_take(&rate, slice_str(key), at_us, &now);
}

static void burst_is_given_and_then_the_rate(void **state)
{
    size_t taken = 0;
    (void)state;
    assert_int_equal(rate_init(&rate, 4, 10, 100), STATUS_OK);
    for (int i = 0; i < 100; i++)
        taken += take("a", NOW);
    assert_int_equal(taken, 10);
    assert_int_equal(now.remaining, 0);
    assert_int_equal(now.next_after_ms, 250);
    assert_int_equal(now.full_after_s, 3);     /* 2.5 */
    for (int64_t ms = 0; ms < 10000; ms += 10) /* refused ones cost nothing */
        taken += take("a", NOW + ms * 1000);
    assert_int_equal(taken, 10 + 39);
    assert_true(take("b", NOW)); /* each its own */
    assert_int_equal(now.remaining, 9);
    rate_done(&rate);
}

static void bucket_is_never_more_than_full(void **state)
{
    size_t taken = 0;
    (void)state;
    assert_int_equal(rate_init(&rate, 1, 5, 100), STATUS_OK);
    assert_true(take("a", NOW));
    for (int i = 0; i < 100; i++)
        taken += take("a", NOW + 3600 * S);
    assert_int_equal(taken, 5);
    rate_done(&rate);
}

static void table_is_bounded_and_who_uses_it_stays(void **state)
{
    char key[16];
    (void)state;
    assert_int_equal(rate_init(&rate, 1, 2, 50), STATUS_OK);
    assert_true(take("a", NOW));
    assert_true(take("a", NOW));
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "%d", i);
        assert_true(take(key, NOW));
        if (i % 20 == 0)
            assert_false(take("a", NOW));
        assert_true(rate.buckets.count <= 50);
    }
    rate_done(&rate);
}

static void no_limit_limits_nothing(void **state)
{
    (void)state;
    assert_int_equal(rate_init(&rate, 0, 0, 0), STATUS_OK);
    for (int i = 0; i < 1000; i++)
        assert_true(take("a", NOW));
    rate_done(&rate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_is_given_and_then_the_rate),
        cmocka_unit_test(bucket_is_never_more_than_full),
        cmocka_unit_test(table_is_bounded_and_who_uses_it_stays),
        cmocka_unit_test(no_limit_limits_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
