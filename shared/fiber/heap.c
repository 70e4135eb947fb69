/* Deadlines of parked fibers: one binary heap and one loop timer for all, since a uv_timer_t cannot lie on
 * a stack that may be reused before its close callback. */
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/fiber/internal.h"

bool heap_reserve(struct fibers *fibers, size_t count)
{
    if (count <= fibers->heap_cap)
        return true;
    size_t cap = fibers->heap_cap > 0 ? fibers->heap_cap * 2 : 64;
    struct fiber **heap = realloc(fibers->heap, cap * sizeof(struct fiber *));
    if (!heap)
        return false;
    fibers->heap = heap;
    fibers->heap_cap = cap;
    return true;
}

static void heap_put(struct fibers *fibers, size_t index, struct fiber *fiber)
{
    fibers->heap[index] = fiber;
    fiber->heap_index = index;
}

static void heap_rise(struct fibers *fibers, size_t index, struct fiber *fiber)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (fibers->heap[parent]->wake_us <= fiber->wake_us)
            break;
        heap_put(fibers, index, fibers->heap[parent]);
        index = parent;
    }
    heap_put(fibers, index, fiber);
}

static void heap_sink(struct fibers *fibers, size_t index, struct fiber *fiber)
{
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= fibers->heap_count)
            break;
        if (child + 1 < fibers->heap_count &&
            fibers->heap[child + 1]->wake_us < fibers->heap[child]->wake_us)
            child++;
        if (fiber->wake_us <= fibers->heap[child]->wake_us)
            break;
        heap_put(fibers, index, fibers->heap[child]);
        index = child;
    }
    heap_put(fibers, index, fiber);
}

static void timer_arm(struct fibers *fibers)
{
    int64_t left_ms = deadline_left_ms(fibers->heap[0]->wake_us);
    /* uv_timer_start counts from the loop's idea of now, which a long callback leaves behind. */
    uv_update_time(fibers->loop);
    uv_timer_start(&fibers->timer, heap_on_timer, (uint64_t)left_ms, 0);
}

void heap_add(struct fibers *fibers, struct fiber *fiber, int64_t wake_us)
{
    fiber->wake_us = wake_us;
    heap_rise(fibers, fibers->heap_count++, fiber);
    if (fiber->heap_index == 0)
        timer_arm(fibers);
}

/* The timer stays armed: firing once in vain is cheaper than setting it for every wait that ends early. */
void heap_remove(struct fibers *fibers, struct fiber *fiber)
{
    size_t index = fiber->heap_index;
    if (index == HEAP_INDEX_NONE)
        return;
    fiber->heap_index = HEAP_INDEX_NONE;
    struct fiber *last = fibers->heap[--fibers->heap_count];
    if (last == fiber)
        return;
    heap_sink(fibers, index, last);
    heap_rise(fibers, last->heap_index, last);
}

void heap_on_timer(uv_timer_t *timer)
{
    struct fibers *fibers = timer->data;
    int64_t now = clock_monotonic_us();
    while (fibers->heap_count > 0 && fibers->heap[0]->wake_us <= now) {
        struct fiber *fiber = fibers->heap[0];
        heap_remove(fibers, fiber);
        fiber_ready(fiber);
    }
    if (fibers->heap_count > 0)
        timer_arm(fibers);
}
