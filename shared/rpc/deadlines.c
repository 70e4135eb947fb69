#include "shared/rpc/deadlines.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

#include "shared/base/clock.h"

/* heap[1] is the earliest; heap[0] is not used, so that position 0 means "not in it". */
struct deadlines {
    uv_timer_t timer;
    struct deadline **heap;
    size_t count;
    size_t capacity;
    int64_t armed_us; /* when the timer fires, DEADLINE_NONE when it is stopped */
};

static void heap_put(struct deadlines *deadlines, size_t position, struct deadline *deadline)
{
    deadlines->heap[position] = deadline;
    deadline->position = position;
}

static void heap_rise(struct deadlines *deadlines, size_t position, struct deadline *deadline)
{
    while (position > 1 && deadlines->heap[position / 2]->at_us > deadline->at_us) {
        heap_put(deadlines, position, deadlines->heap[position / 2]);
        position /= 2;
    }
    heap_put(deadlines, position, deadline);
}

static void heap_sink(struct deadlines *deadlines, size_t position, struct deadline *deadline)
{
    for (;;) {
        size_t child = position * 2;
        if (child > deadlines->count)
            break;
        if (child < deadlines->count &&
            deadlines->heap[child + 1]->at_us < deadlines->heap[child]->at_us)
            child++;
        if (deadlines->heap[child]->at_us >= deadline->at_us)
            break;
        heap_put(deadlines, position, deadlines->heap[child]);
        position = child;
    }
    heap_put(deadlines, position, deadline);
}

static void deadlines_fire(uv_timer_t *timer);

/* The timer is only ever moved earlier: firing early and looking again is cheaper than moving it with every
 * call that ends in time. */
static void deadlines_arm(struct deadlines *deadlines)
{
    if (deadlines->count == 0 || deadlines->heap[1]->at_us >= deadlines->armed_us)
        return;
    deadlines->armed_us = deadlines->heap[1]->at_us;
    int64_t left_ms = deadline_left_ms(deadlines->armed_us);
    /* The loop's idea of now is as old as its turn: count from the real one. */
    uv_update_time(deadlines->timer.loop);
    uv_timer_start(&deadlines->timer, deadlines_fire, (uint64_t)left_ms, 0);
}

static void deadlines_fire(uv_timer_t *timer)
{
    struct deadlines *deadlines = timer->data;
    int64_t now_us = clock_monotonic_us();
    while (deadlines->count > 0 && deadlines->heap[1]->at_us <= now_us) {
        struct deadline *deadline = deadlines->heap[1];
        deadlines_remove(deadlines, deadline);
        deadline->passed(deadline);
    }
    deadlines->armed_us = DEADLINE_NONE;
    deadlines_arm(deadlines);
}

enum status deadlines_new(struct uv_loop_s *loop, struct deadlines **ret_deadlines)
{
    struct deadlines *deadlines = calloc(1, sizeof(*deadlines));
    if (!deadlines)
        return STATUS_RESOURCE_EXHAUSTED;
    uv_timer_init(loop, &deadlines->timer);
    uv_unref((uv_handle_t *)&deadlines->timer);
    deadlines->timer.data = deadlines;
    deadlines->armed_us = DEADLINE_NONE;
    *ret_deadlines = deadlines;
    return STATUS_OK;
}

static void deadlines_closed(uv_handle_t *handle)
{
    struct deadlines *deadlines = handle->data;
    free(deadlines->heap);
    free(deadlines);
}

struct deadlines *deadlines_free(struct deadlines *deadlines)
{
    if (deadlines) {
        assert(deadlines->count == 0);
        uv_close((uv_handle_t *)&deadlines->timer, deadlines_closed);
    }
    return NULL;
}

enum status deadlines_add(struct deadlines *deadlines, struct deadline *deadline)
{
    assert(deadline->position == 0);
    if (deadline->at_us == DEADLINE_NONE)
        return STATUS_OK;
    if (deadlines->count + 2 > deadlines->capacity) {
        size_t capacity = deadlines->capacity ? deadlines->capacity * 2 : 64;
        struct deadline **heap = realloc(deadlines->heap, capacity * sizeof(struct deadline *));
        if (!heap)
            return STATUS_RESOURCE_EXHAUSTED;
        deadlines->heap = heap;
        deadlines->capacity = capacity;
    }
    heap_rise(deadlines, ++deadlines->count, deadline);
    deadlines_arm(deadlines);
    return STATUS_OK;
}

void deadlines_remove(struct deadlines *deadlines, struct deadline *deadline)
{
    size_t position = deadline->position;
    if (position == 0)
        return;
    deadline->position = 0;
    struct deadline *last = deadlines->heap[deadlines->count--];
    if (last == deadline)
        return;
    if (position > 1 && deadlines->heap[position / 2]->at_us > last->at_us)
        heap_rise(deadlines, position, last);
    else
        heap_sink(deadlines, position, last);
}
