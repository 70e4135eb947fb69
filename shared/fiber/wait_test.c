/* gate, cancel and the waits that they end */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "shared/base/clock.h"
#include "shared/fiber/fiber.h"

static uv_loop_t loop;
static struct fibers *fibers;
static struct fiber_gate gate;
static char trace[64];

static int setup(void **state)
{
    (void)state;
    trace[0] = '\0';
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(fibers_new(&loop, NULL, &fibers), STATUS_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fibers_free(fibers);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

static void trace_add(char c)
{
    size_t len = strlen(trace);
    assert_true(len + 1 < sizeof(trace));
    trace[len] = c;
    trace[len + 1] = '\0';
}

static void go(void (*body)(void *arg), void *arg)
{
    assert_int_equal(fiber_go(fibers, body, arg), STATUS_OK);
}

static void run(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(fibers_count(fibers), 0);
}

static void pass_gate(void *arg)
{
    assert_int_equal(fiber_gate_enter(&gate, DEADLINE_NONE), STATUS_OK);
    trace_add(*(char *)arg);
    fiber_sleep_ms(0);
    fiber_gate_leave(&gate);
}

static void gate_lets_in_first_come_first_served(void **state)
{
    (void)state;
    char names[] = "abcdefgh";
    fiber_gate_init(&gate, 2, 100);
    for (size_t i = 0; i < 8; i++)
        go(pass_gate, &names[i]);
    assert_string_equal(trace, "ab");
    run();
    assert_string_equal(trace, names);
    assert_int_equal(gate.free, 2);
    assert_int_equal(gate.waiting, 0);
}

static void be_refused(void *arg)
{
    (void)arg;
    assert_int_equal(fiber_gate_enter(&gate, DEADLINE_NONE), STATUS_RESOURCE_EXHAUSTED);
    trace_add('r');
}

static void gate_refuses_when_too_many_wait(void **state)
{
    (void)state;
    char names[] = "ab";
    fiber_gate_init(&gate, 1, 1);
    go(pass_gate, &names[0]);
    go(pass_gate, &names[1]);
    go(be_refused, NULL);
    run();
    assert_string_equal(trace, "arb");
}

static void time_out(void *arg)
{
    (void)arg;
    assert_int_equal(fiber_gate_enter(&gate, deadline_after_ms(5)), STATUS_DEADLINE_EXCEEDED);
    trace_add('t');
    fiber_gate_leave(&gate); /* gives back what the test took */
}

static void whoever_gave_up_at_the_gate_is_passed_over(void **state)
{
    (void)state;
    char name = 'a';
    fiber_gate_init(&gate, 1, 10);
    gate.free = 0; /* the test holds the place */
    go(time_out, NULL);
    go(pass_gate, &name);
    run();
    assert_string_equal(trace, "ta");
    assert_int_equal(gate.free, 1);
}

struct cancelled_wait {
    struct fiber_event event;
    struct cancel cancel;
    enum status status;
};

static void wait_cancellable(void *arg)
{
    struct cancelled_wait *wait = arg;
    wait->status = fiber_event_wait_cancel(&wait->event, &wait->cancel);
}

static void cancel_ends_a_wait(void **state)
{
    (void)state;
    struct cancelled_wait wait = {.status = STATUS_UNKNOWN};
    cancel_init(&wait.cancel, DEADLINE_NONE);
    go(wait_cancellable, &wait);
    assert_int_equal(wait.status, STATUS_UNKNOWN);
    cancel_fire(&wait.cancel);
    cancel_fire(&wait.cancel);
    run();
    assert_int_equal(wait.status, STATUS_CANCELLED);
    assert_int_equal(cancel_status(&wait.cancel), STATUS_CANCELLED);
    /* A wait that begins after it ends at once. */
    go(wait_cancellable, &wait);
    assert_int_equal(fibers_count(fibers), 0);
}

static void a_deadline_ends_a_wait(void **state)
{
    (void)state;
    struct cancelled_wait wait = {.status = STATUS_UNKNOWN};
    cancel_init(&wait.cancel, deadline_after_ms(5));
    go(wait_cancellable, &wait);
    run();
    assert_int_equal(wait.status, STATUS_DEADLINE_EXCEEDED);
    assert_true(list_empty(&wait.cancel.hooks));
}

static void cancellation_ends_what_is_linked_to_it(void **state)
{
    (void)state;
    struct cancel parent;
    struct cancel_link link;
    struct cancelled_wait wait = {.status = STATUS_UNKNOWN};
    cancel_init(&parent, DEADLINE_NONE);
    cancel_link(&link, &parent, &wait.cancel, DEADLINE_NONE);
    go(wait_cancellable, &wait);
    cancel_fire(&parent);
    run();
    assert_int_equal(wait.status, STATUS_CANCELLED);
    cancel_unlink(&link);
    cancel_link(&link, &parent, &wait.cancel, DEADLINE_NONE);
    assert_int_equal(cancel_status(&wait.cancel), STATUS_CANCELLED);
}

static void a_signal_wins_over_a_cancellation_of_the_same_turn(void **state)
{
    (void)state;
    struct cancelled_wait wait = {.status = STATUS_UNKNOWN};
    cancel_init(&wait.cancel, DEADLINE_NONE);
    go(wait_cancellable, &wait);
    cancel_fire(&wait.cancel);
    fiber_event_signal(&wait.event);
    run();
    assert_int_equal(wait.status, STATUS_OK);
}

static void no_cancel_is_never_cancelled(void **state)
{
    (void)state;
    assert_int_equal(cancel_status(NULL), STATUS_OK);
}

static void enter_cancellable(void *arg)
{
    struct cancelled_wait *wait = arg;
    wait->status = fiber_gate_enter_cancel(&gate, &wait->cancel);
}

static void cancel_ends_the_queue_at_a_gate(void **state)
{
    (void)state;
    struct cancelled_wait wait = {.status = STATUS_UNKNOWN};
    cancel_init(&wait.cancel, DEADLINE_NONE);
    fiber_gate_init(&gate, 0, 1);
    go(enter_cancellable, &wait);
    assert_int_equal(gate.waiting, 1);
    cancel_fire(&wait.cancel);
    run();
    assert_int_equal(wait.status, STATUS_CANCELLED);
    assert_int_equal(gate.waiting, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(gate_lets_in_first_come_first_served),
        TEST(gate_refuses_when_too_many_wait),
        TEST(whoever_gave_up_at_the_gate_is_passed_over),
        TEST(cancel_ends_a_wait),
        TEST(a_deadline_ends_a_wait),
        TEST(cancellation_ends_what_is_linked_to_it),
        TEST(a_signal_wins_over_a_cancellation_of_the_same_turn),
        TEST(no_cancel_is_never_cancelled),
        TEST(cancel_ends_the_queue_at_a_gate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
