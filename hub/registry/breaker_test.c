#include "hub/registry/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void failed(struct breaker *breaker, int times, int64_t now_us)
{
    for (int i = 0; i < times; i++)
        breaker_told(breaker, BREAKER_LATE, now_us, now_us);
}

static void breaker_opens_after_five_failures_of_ten(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    failed(&breaker, 4, 0);
    for (int i = 0; i < 5; i++)
        breaker_told(&breaker, BREAKER_ANSWERED, 0, 0);
    assert_true(breaker_admit(&breaker, 0));
    failed(&breaker, 1, 0);
    assert_false(breaker_admit(&breaker, 0));
}

static void breaker_forgets_failures_older_than_its_window(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    failed(&breaker, 4, 0);
    for (int i = 0; i < BREAKER_WINDOW; i++)
        breaker_told(&breaker, BREAKER_ANSWERED, 0, 0);
    failed(&breaker, 4, 0);
    assert_true(breaker_admit(&breaker, 0));
}

static void breaker_lets_one_probe_through_after_the_pause(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    failed(&breaker, 5, 0);
    int64_t after = BREAKER_PAUSE_MIN_MS * 1000;
    assert_false(breaker_admit(&breaker, after - 1));
    assert_true(breaker_admit(&breaker, after));
    assert_false(breaker_admit(&breaker, after));
    breaker_told(&breaker, BREAKER_ANSWERED, after, after);
    assert_true(breaker_admit(&breaker, after));
    assert_true(breaker_admit(&breaker, after));
}

static void breaker_pause_grows_to_its_limit_while_probes_fail(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    int64_t now = 0;
    failed(&breaker, 5, now);
    for (int i = 0; i < 10; i++) {
        now = breaker.probe_after_us;
        assert_true(breaker_admit(&breaker, now));
        breaker_told(&breaker, BREAKER_LOST, now, now);
    }
    assert_int_equal(breaker.probe_after_us - now, BREAKER_PAUSE_MAX_MS * 1000);
}

static void breaker_probe_without_outcome_can_be_tried_again(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    failed(&breaker, 5, 0);
    int64_t now = breaker.probe_after_us;
    assert_true(breaker_admit(&breaker, now));
    breaker_told(&breaker, BREAKER_SILENT, now, now);
    assert_true(breaker_admit(&breaker, now));
}

/* A long answer, and one that comes too late. */
static void calls_from_before_it_opened_do_not_decide_for_the_probe(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    failed(&breaker, 5, 10);
    int64_t now = breaker.probe_after_us;
    assert_true(breaker_admit(&breaker, now));
    breaker_told(&breaker, BREAKER_ANSWERED, 9, now);
    breaker_told(&breaker, BREAKER_SILENT, 9, now);
    assert_false(breaker_admit(&breaker, now));
    breaker_told(&breaker, BREAKER_LATE, 9, now);
    breaker_told(&breaker, BREAKER_ANSWERED, now, now);
    failed(&breaker, 4, now);
    breaker_told(&breaker, BREAKER_LATE, 9, now);
    assert_true(breaker_admit(&breaker, now));
    assert_int_equal(breaker.opened, 1);
}

static void tripped_breaker_refuses_until_healed_however_long_and_whatever_is_told(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    breaker_trip(&breaker);
    breaker_trip(&breaker);
    breaker_told(&breaker, BREAKER_ANSWERED, 0, 0);
    breaker_told(&breaker, BREAKER_SILENT, 0, 0);
    assert_false(breaker_admit(&breaker, INT64_MAX));
    breaker_heal(&breaker);
    assert_true(breaker_admit(&breaker, 0));
    assert_int_equal(breaker.opened, 1);
}

static void healing_does_not_close_what_failures_opened(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    failed(&breaker, 5, 0);
    breaker_heal(&breaker);
    assert_false(breaker_admit(&breaker, 0));
}

/* One replica of two, and all that it had to answer. */
static void calls_that_are_lost_together_are_one_failure(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    int64_t now = 10;
    for (int i = 0; i < 100; i++)
        breaker_told(&breaker, BREAKER_LOST, i % 10, now++);
    assert_true(breaker_admit(&breaker, now));
    for (int i = 1; i < BREAKER_FAILURES; i++) {
        assert_true(breaker_admit(&breaker, now));
        breaker_told(&breaker, BREAKER_LOST, now, now);
        now++;
    }
    assert_false(breaker_admit(&breaker, now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breaker_opens_after_five_failures_of_ten),
        cmocka_unit_test(breaker_forgets_failures_older_than_its_window),
        cmocka_unit_test(breaker_lets_one_probe_through_after_the_pause),
        cmocka_unit_test(breaker_pause_grows_to_its_limit_while_probes_fail),
        cmocka_unit_test(breaker_probe_without_outcome_can_be_tried_again),
        cmocka_unit_test(calls_from_before_it_opened_do_not_decide_for_the_probe),
        cmocka_unit_test(tripped_breaker_refuses_until_healed_however_long_and_whatever_is_told),
        cmocka_unit_test(healing_does_not_close_what_failures_opened),
        cmocka_unit_test(calls_that_are_lost_together_are_one_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
