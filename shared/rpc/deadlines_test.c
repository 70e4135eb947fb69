#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <uv.h>

#include "shared/base/clock.h"
#include "shared/rpc/deadlines.h"

#define MANY 500

struct timed {
    struct deadline deadline;
    size_t *passed_count;
    int64_t *last_us;
};

static void passed(struct deadline *deadline)
{
    struct timed *timed = (struct timed *)deadline;
    assert_true(clock_monotonic_us() >= deadline->at_us);
    assert_true(deadline->at_us >= *timed->last_us); /* in their order */
    *timed->last_us = deadline->at_us;
    (*timed->passed_count)++;
}

static void too_late(uv_timer_t *timer)
{
    (void)timer;
    abort();
}

static void deadlines_pass_in_order_and_removed_ones_do_not(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct deadlines *deadlines = NULL;
    assert_int_equal(deadlines_new(&loop, &deadlines), STATUS_OK);
    static struct timed timed[MANY];
    size_t passed_count = 0;
    int64_t last_us = 0;
    int64_t now_us = clock_monotonic_us();
    size_t kept = 0;
    for (size_t i = 0; i < MANY; i++) {
        int64_t at_us = now_us + (int64_t)((i * 7919) % MANY) * 100; /* scattered over 50 ms */
        timed[i] = (struct timed){{.at_us = at_us, .passed = passed}, &passed_count, &last_us};
        assert_int_equal(deadlines_add(deadlines, &timed[i].deadline), STATUS_OK);
    }
    for (size_t i = 0; i < MANY; i++) {
        if (i % 3 == 0) {
            deadlines_remove(deadlines, &timed[i].deadline);
            deadlines_remove(deadlines, &timed[i].deadline);
        } else {
            kept++;
        }
    }
    struct deadline never = {.at_us = DEADLINE_NONE, .passed = passed};
    assert_int_equal(deadlines_add(deadlines, &never), STATUS_OK);
    /* Its timer does not keep the loop alive by itself; here it has to. */
    uv_timer_t alive;
    uv_timer_init(&loop, &alive);
    uv_timer_start(&alive, too_late, 20000, 0);
    while (passed_count < kept)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(passed_count, kept);
    uv_close((uv_handle_t *)&alive, NULL);
    deadlines_free(deadlines);
    while (uv_run(&loop, UV_RUN_DEFAULT) != 0)
        continue;
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadlines_pass_in_order_and_removed_ones_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
