#include "shared/fiber/internal.h"

/* On the stack of the fiber that waits. */
struct gate_waiter {
    struct list node;
    struct fiber_event entered;
};

void fiber_gate_init(struct fiber_gate *gate, size_t free, size_t waiting_max)
{
    *gate = (struct fiber_gate){.free = free, .waiting_max = waiting_max};
    list_init(&gate->waiters);
}

enum status fiber_gate_enter_cancel(struct fiber_gate *gate, struct cancel *cancel)
{
    enum status status = cancel_status(cancel);
    if (status != STATUS_OK)
        return status;
    if (gate->free > 0) {
        gate->free--;
        return STATUS_OK;
    }
    if (gate->waiting >= gate->waiting_max)
        return STATUS_RESOURCE_EXHAUSTED;
    struct gate_waiter waiter = {.entered = {0}};
    list_append(&gate->waiters, &waiter.node);
    gate->waiting++;
    status = fiber_event_wait_cancel(&waiter.entered, cancel);
    if (status != STATUS_OK) {
        list_remove(&waiter.node);
        gate->waiting--;
    }
    return status;
}

enum status fiber_gate_enter(struct fiber_gate *gate, int64_t deadline_us)
{
    struct cancel cancel;
    cancel_init(&cancel, deadline_us);
    return fiber_gate_enter_cancel(gate, &cancel);
}

/* The place goes straight to whoever waited longest, so that nobody overtakes. */
void fiber_gate_leave(struct fiber_gate *gate)
{
    struct list *node = list_pop(&gate->waiters);
    if (!node) {
        gate->free++;
        return;
    }
    gate->waiting--;
    fiber_event_signal(&LIST_ENTRY(node, struct gate_waiter, node)->entered);
}
