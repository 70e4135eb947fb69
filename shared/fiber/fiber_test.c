#include "shared/fiber/fiber.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "shared/base/clock.h"

struct fixture {
    uv_loop_t loop;
    struct fibers *fibers;
};

static int setup_with(void **state, size_t count_max)
{
    static struct fixture fixture;
    assert_int_equal(uv_loop_init(&fixture.loop), 0);
    struct fibers_options options = {.count_max = count_max};
    assert_int_equal(fibers_new(&fixture.loop, &options, &fixture.fibers), STATUS_OK);
    *state = &fixture;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, 0);
}

static int setup_three(void **state)
{
    return setup_with(state, 3);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    fibers_free(fixture->fibers);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    return 0;
}

/* Until the last fiber has ended. */
static void run(struct fixture *fixture)
{
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(fibers_count(fixture->fibers), 0);
}

static void go(struct fixture *fixture, void (*body)(void *arg), void *arg)
{
    assert_int_equal(fiber_go(fixture->fibers, body, arg), STATUS_OK);
}

static char trace[64];

static void trace_add(char c)
{
    size_t len = strlen(trace);
    assert_true(len + 1 < sizeof(trace));
    trace[len] = c;
    trace[len + 1] = '\0';
}

static void trace_inner(void *arg)
{
    (void)arg;
    trace_add('i');
}

static void trace_outer(void *arg)
{
    trace_add('a');
    assert_non_null(fiber_self());
    assert_ptr_equal(fiber_fibers(fiber_self()), ((struct fixture *)arg)->fibers);
    go(arg, trace_inner, NULL);
    trace_add('b');
    fiber_sleep_ms(0);
    trace_add('c');
}

static void it_begins_at_once_outside_and_later_inside_a_fiber(void **state)
{
    struct fixture *fixture = *state;
    trace[0] = '\0';
    go(fixture, trace_outer, fixture);
    trace_add('|');
    assert_null(fiber_self());
    run(fixture);
    assert_string_equal(trace, "ab|ic");
}

struct waiter {
    struct fiber_event event;
    int woken;
};

static void wait_twice(void *arg)
{
    struct waiter *waiter = arg;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fiber_event_wait(&waiter->event, DEADLINE_NONE), STATUS_OK);
        waiter->woken++;
    }
}

static void signal_and_go_on(void *arg)
{
    struct waiter *waiter = arg;
    fiber_event_signal(&waiter->event);
    fiber_sleep_ms(0);
    fiber_event_signal(&waiter->event);
}

static void a_signal_before_the_wait_is_not_lost(void **state)
{
    struct fixture *fixture = *state;
    struct waiter waiter = {.woken = 0};
    fiber_event_signal(&waiter.event);
    go(fixture, wait_twice, &waiter);
    assert_int_equal(waiter.woken, 1);
    fiber_event_signal(&waiter.event);
    run(fixture);
    assert_int_equal(waiter.woken, 2);
    go(fixture, wait_twice, &waiter);
    go(fixture, signal_and_go_on, &waiter);
    run(fixture);
    assert_int_equal(waiter.woken, 4);
}

static struct fiber *self_woken;

static void self_wake(void *arg)
{
    self_woken = fiber_self();
    fiber_ready(fiber_self());
    fiber_ready(fiber_self());
    fiber_park();
    *(int *)arg = 1;
    fiber_park();
    *(int *)arg = 2;
}

static void a_wake_while_running_is_remembered_once(void **state)
{
    struct fixture *fixture = *state;
    int reached = 0;
    go(fixture, self_wake, &reached);
    assert_int_equal(reached, 1);
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_int_equal(reached, 1);
    assert_int_equal(fibers_count(fixture->fibers), 1);
    fiber_ready(self_woken);
    run(fixture);
    assert_int_equal(reached, 2);
}

static struct fiber *stuck;

static void stuck_body(void *arg)
{
    stuck = fiber_self();
    while (!*(bool *)arg)
        fiber_park();
}

static void the_maximum_refuses_at_once(void **state)
{
    struct fixture *fixture = *state;
    bool done = false;
    struct fiber *all[3];
    for (int i = 0; i < 3; i++) {
        go(fixture, stuck_body, &done);
        all[i] = stuck;
    }
    assert_int_equal(fiber_go(fixture->fibers, stuck_body, &done), STATUS_RESOURCE_EXHAUSTED);
    done = true;
    for (int i = 0; i < 3; i++)
        fiber_ready(all[i]);
    run(fixture);
    go(fixture, stuck_body, &done);
}

static void touch_stack(void *arg)
{
    volatile char bytes[4096];
    memset((char *)(uintptr_t)bytes, 1, sizeof(bytes));
    fiber_sleep_ms(0);
    *(size_t *)arg += (size_t)bytes[17];
}

static void ten_thousand_fibers_cycle_through_the_pool(void **state)
{
    struct fixture *fixture = *state;
    size_t ended = 0;
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 100; i++)
            go(fixture, touch_stack, &ended);
        run(fixture);
    }
    assert_int_equal(ended, 10000);
}

static void wait_until_deadline(void *arg)
{
    struct fiber_event event = {0};
    int64_t before = clock_monotonic_us();
    assert_int_equal(fiber_event_wait(&event, before + *(int64_t *)arg * 1000),
                     STATUS_DEADLINE_EXCEEDED);
    assert_true(clock_monotonic_us() - before >= *(int64_t *)arg * 1000);
    trace_add((char)('0' + *(int64_t *)arg / 5));
}

static void deadlines_come_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    int64_t waits_ms[] = {25, 5, 40, 15, 20, 10, 35, 30};
    trace[0] = '\0';
    for (size_t i = 0; i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++)
        go(fixture, wait_until_deadline, &waits_ms[i]);
    run(fixture);
    assert_string_equal(trace, "12345678");
}

static void sleeper(void *arg)
{
    (void)arg;
    int64_t before = clock_monotonic_us();
    fiber_sleep_ms(12);
    assert_true(clock_monotonic_us() - before >= 12000);
}

static void sleep_lasts_at_least_as_long_as_asked(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 5; i++)
        go(fixture, sleeper, NULL);
    run(fixture);
}

struct hook_count {
    struct fibers_hook hook;
    struct waiter *waiter;
    int calls;
};

static void count_call(struct fibers_hook *hook)
{
    struct hook_count *count = (struct hook_count *)(void *)hook;
    count->calls++;
    if (count->waiter)
        fiber_event_signal(&count->waiter->event);
    count->waiter = NULL;
}

static void on_timer_go(uv_timer_t *timer)
{
    struct fixture *fixture = timer->data;
    for (int i = 0; i < 10; i++)
        go(fixture, trace_inner, NULL);
    uv_close((uv_handle_t *)timer, NULL);
}

static void hooks_run_once_a_turn_however_many_fibers_ran(void **state)
{
    struct fixture *fixture = *state;
    struct hook_count count = {.hook = {.run = count_call}};
    fibers_hook_add(fixture->fibers, &count.hook);
    uv_timer_t timer;
    uv_timer_init(&fixture->loop, &timer);
    timer.data = fixture;
    uv_timer_start(&timer, on_timer_go, 0, 0);
    trace[0] = '\0';
    run(fixture);
    assert_string_equal(trace, "iiiiiiiiii");
    assert_int_equal(count.calls, 1);
    fibers_hook_remove(&count.hook);
    go(fixture, trace_inner, NULL);
    run(fixture);
    assert_int_equal(count.calls, 1);
}

static void what_a_hook_readies_runs_in_the_same_turn(void **state)
{
    struct fixture *fixture = *state;
    struct waiter waiter = {.event = {.signalled = true}};
    struct hook_count count = {.hook = {.run = count_call}, .waiter = &waiter};
    fibers_hook_add(fixture->fibers, &count.hook);
    go(fixture, wait_twice, &waiter);
    assert_int_equal(waiter.woken, 1);
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_int_equal(waiter.woken, 2);
    assert_int_equal(count.calls, 2);
    fibers_hook_remove(&count.hook);
}

static void yield_forever(void *arg)
{
    while (!*(bool *)arg)
        fiber_sleep_ms(0);
}

static void on_timer_set(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
    uv_close((uv_handle_t *)timer, NULL);
}

static void fibers_that_never_rest_do_not_starve_the_loop(void **state)
{
    struct fixture *fixture = *state;
    bool done = false;
    uv_timer_t timer;
    uv_timer_init(&fixture->loop, &timer);
    timer.data = &done;
    uv_timer_start(&timer, on_timer_set, 1, 0);
    go(fixture, yield_forever, &done);
    run(fixture);
    assert_true(done);
}

struct work {
    pthread_t loop_thread;
    int value;
};

static void square(void *arg)
{
    struct work *work = arg;
    assert_false(pthread_equal(work->loop_thread, pthread_self()));
    work->value *= work->value;
}

static void offload_square(void *arg)
{
    struct work work = {.loop_thread = pthread_self(), .value = *(int *)arg};
    assert_int_equal(fiber_offload(square, &work), STATUS_OK);
    *(int *)arg = work.value;
}

static void offloaded_work_runs_on_another_thread(void **state)
{
    struct fixture *fixture = *state;
    int values[8];
    for (int i = 0; i < 8; i++) {
        values[i] = i;
        go(fixture, offload_square, &values[i]);
    }
    run(fixture);
    for (int i = 0; i < 8; i++)
        assert_int_equal(values[i], i * i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(it_begins_at_once_outside_and_later_inside_a_fiber),
        TEST(a_signal_before_the_wait_is_not_lost),
        TEST(a_wake_while_running_is_remembered_once),
        cmocka_unit_test_setup_teardown(the_maximum_refuses_at_once, setup_three, teardown),
        TEST(ten_thousand_fibers_cycle_through_the_pool),
        TEST(deadlines_come_in_their_order),
        TEST(sleep_lasts_at_least_as_long_as_asked),
        TEST(hooks_run_once_a_turn_however_many_fibers_ran),
        TEST(what_a_hook_readies_runs_in_the_same_turn),
        TEST(fibers_that_never_rest_do_not_starve_the_loop),
        TEST(offloaded_work_runs_on_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
