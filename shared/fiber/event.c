#include <assert.h>

#include "shared/base/clock.h"
#include "shared/fiber/internal.h"

void fiber_event_signal(struct fiber_event *event)
{
    event->signalled = true;
    if (event->waiter)
        fiber_ready(event->waiter);
}

enum status fiber_event_wait(struct fiber_event *event, int64_t deadline_us)
{
    assert(!event->waiter);
    event->waiter = fiber_self();
    while (!event->signalled) {
        if (deadline_us != DEADLINE_NONE && clock_monotonic_us() >= deadline_us)
            break;
        fiber_park_until(deadline_us);
    }
    event->waiter = NULL;
    enum status status = event->signalled ? STATUS_OK : STATUS_DEADLINE_EXCEEDED;
    event->signalled = false;
    return status;
}

struct cancel_wait {
    struct cancel_hook hook;
    struct fiber *fiber;
};

static void on_cancel(struct cancel_hook *hook)
{
    fiber_ready(((struct cancel_wait *)(void *)hook)->fiber);
}

enum status fiber_event_wait_cancel(struct fiber_event *event, struct cancel *cancel)
{
    if (!cancel)
        return fiber_event_wait(event, DEADLINE_NONE);
    assert(!event->waiter);
    struct cancel_wait wait = {.hook = {.run = on_cancel}, .fiber = fiber_self()};
    event->waiter = wait.fiber;
    cancel_hook_add(cancel, &wait.hook);
    enum status status = STATUS_OK;
    while (!event->signalled && (status = cancel_status(cancel)) == STATUS_OK)
        fiber_park_until(cancel->deadline_us);
    cancel_hook_remove(&wait.hook);
    event->waiter = NULL;
    if (event->signalled)
        status = STATUS_OK;
    event->signalled = false;
    return status;
}

void fiber_sleep_ms(int64_t ms)
{
    if (ms <= 0) {
        fiber_yield();
        return;
    }
    int64_t deadline_us = deadline_after_ms(ms);
    do
        fiber_park_until(deadline_us);
    while (clock_monotonic_us() < deadline_us);
}
