#include "shared/base/clock.h"
#include "shared/fiber/internal.h"

void cancel_init(struct cancel *cancel, int64_t deadline_us)
{
    *cancel = (struct cancel){.deadline_us = deadline_us};
    list_init(&cancel->hooks);
}

void cancel_fire(struct cancel *cancel)
{
    cancel->cancelled = true;
    for (struct list *node; (node = list_pop(&cancel->hooks));) {
        struct cancel_hook *hook = LIST_ENTRY(node, struct cancel_hook, node);
        hook->run(hook);
    }
}

void cancel_hook_add(struct cancel *cancel, struct cancel_hook *hook)
{
    list_init(&hook->node);
    if (cancel->cancelled)
        hook->run(hook);
    else
        list_append(&cancel->hooks, &hook->node);
}

void cancel_hook_remove(struct cancel_hook *hook)
{
    list_remove(&hook->node);
}

static void parent_fired(struct cancel_hook *hook)
{
    cancel_fire(LIST_ENTRY(hook, struct cancel_link, hook)->child);
}

void cancel_link(struct cancel_link *link, struct cancel *parent, struct cancel *child,
                 int64_t deadline_us)
{
    cancel_init(child, deadline_us);
    *link = (struct cancel_link){.hook = {.run = parent_fired}, .child = child};
    cancel_hook_add(parent, &link->hook);
}

void cancel_unlink(struct cancel_link *link)
{
    cancel_hook_remove(&link->hook);
}

enum status cancel_status(const struct cancel *cancel)
{
    if (!cancel)
        return STATUS_OK;
    if (cancel->cancelled)
        return STATUS_CANCELLED;
    if (cancel->deadline_us != DEADLINE_NONE && clock_monotonic_us() >= cancel->deadline_us)
        return STATUS_DEADLINE_EXCEEDED;
    return STATUS_OK;
}
