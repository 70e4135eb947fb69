#include "hub/login/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#define REFILL_US (RATE_REFILL_MS * 1000LL)

static struct rate rate;

static int setup(void **state)
{
    (void)state;
    return rate_init(&rate);
}

static int teardown(void **state)
{
    (void)state;
    rate_done(&rate);
    return 0;
}

static void drain(const char *address, int64_t now_us)
{
    for (int i = 0; i < RATE_BURST; i++)
        assert_true(rate_take(&rate, slice_str(address), now_us));
    assert_false(rate_take(&rate, slice_str(address), now_us));
}

static void address_gets_a_burst_and_then_a_trickle(void **state)
{
    (void)state;
    drain("192.0.2.1", 1000);
    assert_false(rate_take(&rate, SLICE_LIT("192.0.2.1"), 1000 + REFILL_US - 1));
    assert_true(rate_take(&rate, SLICE_LIT("192.0.2.1"), 1000 + REFILL_US));
    assert_false(rate_take(&rate, SLICE_LIT("192.0.2.1"), 1000 + REFILL_US));
}

static void bucket_fills_up_and_no_further(void **state)
{
    (void)state;
    drain("192.0.2.1", 0);
    drain("192.0.2.1", 1000 * RATE_BURST * REFILL_US);
}

static void addresses_do_not_share(void **state)
{
    (void)state;
    drain("192.0.2.1", 0);
    assert_true(rate_take(&rate, SLICE_LIT("192.0.2.2"), 0));
}

static void one_customer_has_one_bucket_in_ipv6(void **state)
{
    (void)state;
    drain("2001:db8:1:2::1", 0);
    assert_false(rate_take(&rate, SLICE_LIT("2001:db8:1:2:ffff::9"), 0));
    assert_true(rate_take(&rate, SLICE_LIT("2001:db8:1:3::1"), 0));
}

static void addresses_are_bounded(void **state)
{
    (void)state;
    char address[32];

    for (int i = 0; i < RATE_ADDRESSES_MAX + 100; i++) {
        int len = snprintf(address, sizeof(address), "10.%d.%d.1", i / 256, i % 256);
        assert_true(rate_take(&rate, slice_make(address, (size_t)len), 0));
    }
    assert_int_equal(rate.buckets.count, RATE_ADDRESSES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(address_gets_a_burst_and_then_a_trickle, setup, teardown),
        cmocka_unit_test_setup_teardown(bucket_fills_up_and_no_further, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses_do_not_share, setup, teardown),
        cmocka_unit_test_setup_teardown(one_customer_has_one_bucket_in_ipv6, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses_are_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
