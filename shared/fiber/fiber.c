#include "shared/fiber/fiber.h"

#include <assert.h>
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/fiber/internal.h"

static _Thread_local struct fiber *running;

struct fiber *fiber_self(void)
{
    return running;
}

struct fibers *fiber_fibers(const struct fiber *fiber)
{
    return fiber->fibers;
}

struct uv_loop_s *fibers_loop(const struct fibers *fibers)
{
    return fibers->loop;
}

size_t fibers_count(const struct fibers *fibers)
{
    return fibers->count;
}

/* A stack never returns from here: it runs one fiber after another, so that taking one from the pool is
 * nothing but a switch, and the sanitizers' idea of the stack stays balanced. */
static void fiber_entry(void *arg)
{
    struct fiber *fiber = arg;
    stack_arrived(&fiber->stack);
    for (;;) {
        fiber->run(fiber->arg);
        fiber->state = FIBER_ENDED;
        stack_switch(&fiber->stack, &fiber->fibers->stack);
    }
}

static struct fiber *fiber_take(struct fibers *fibers)
{
    struct list *node = list_pop(&fibers->idle);
    if (node) {
        fibers->idle_count--;
        return LIST_ENTRY(node, struct fiber, node);
    }
    if (!heap_reserve(fibers, fibers->count + 1))
        return NULL;
    struct fiber *fiber = stack_map(fibers);
    if (fiber)
        stack_begin(fiber, fiber_entry);
    return fiber;
}

static void fiber_give_back(struct fiber *fiber)
{
    struct fibers *fibers = fiber->fibers;
    assert(fiber->heap_index == HEAP_INDEX_NONE);
    fiber->state = FIBER_IDLE;
    stack_idle(fiber);
    if (--fibers->count == 0)
        uv_unref((uv_handle_t *)&fibers->prepare);
    if (fibers->idle_count >= FIBERS_IDLE_MAX) {
        stack_unmap(fiber);
        return;
    }
    /* The most recent first: its pages are in the cache. */
    list_prepend(&fibers->idle, &fiber->node);
    fibers->idle_count++;
}

static void fiber_resume(struct fiber *fiber)
{
    struct fibers *fibers = fiber->fibers;
    assert(!running);
    fibers->ran = true;
    if (fibers->resumes_left > 0)
        fibers->resumes_left--;
    fiber->state = FIBER_RUNNING;
    running = fiber;
    stack_switch(&fibers->stack, &fiber->stack);
    running = NULL;
    if (fiber->state == FIBER_ENDED)
        fiber_give_back(fiber);
}

enum status fiber_go(struct fibers *fibers, void (*run)(void *arg), void *arg)
{
    if (fibers->count >= fibers->count_max)
        return STATUS_RESOURCE_EXHAUSTED;
    struct fiber *fiber = fiber_take(fibers);
    if (!fiber)
        return STATUS_UNAVAILABLE;
    fiber->run = run;
    fiber->arg = arg;
    fiber->wake_pending = false;
    if (fibers->count++ == 0)
        uv_ref((uv_handle_t *)&fibers->prepare);
    if (running) {
        fiber->state = FIBER_READY;
        list_append(&fibers->ready, &fiber->node);
    } else {
        fiber_resume(fiber);
    }
    return STATUS_OK;
}

void fiber_park(void)
{
    struct fiber *fiber = running;
    assert(fiber);
    if (fiber->wake_pending) {
        fiber->wake_pending = false;
        return;
    }
    fiber->state = FIBER_PARKED;
    stack_switch(&fiber->stack, &fiber->fibers->stack);
}

void fiber_park_until(int64_t deadline_us)
{
    struct fiber *fiber = running;
    assert(fiber);
    if (deadline_us == DEADLINE_NONE) {
        fiber_park();
        return;
    }
    heap_add(fiber->fibers, fiber, deadline_us);
    fiber_park();
    heap_remove(fiber->fibers, fiber);
}

void fiber_yield(void)
{
    struct fiber *fiber = running;
    assert(fiber);
    fiber->state = FIBER_READY;
    list_append(&fiber->fibers->ready, &fiber->node);
    stack_switch(&fiber->stack, &fiber->fibers->stack);
}

void fiber_ready(struct fiber *fiber)
{
    assert(fiber->state != FIBER_IDLE && fiber->state != FIBER_ENDED);
    if (fiber->state == FIBER_PARKED) {
        fiber->state = FIBER_READY;
        list_append(&fiber->fibers->ready, &fiber->node);
    } else if (fiber->state == FIBER_RUNNING) {
        fiber->wake_pending = true;
    }
    /* Ready already: it will see what changed when it runs. */
}

/* As many as the turn has left; fibers that begin at once count as well. */
static void run_ready(struct fibers *fibers)
{
    while (fibers->resumes_left > 0 && !list_empty(&fibers->ready))
        fiber_resume(LIST_ENTRY(list_pop(&fibers->ready), struct fiber, node));
}

static void on_again(uv_idle_t *again)
{
    (void)again; /* only its being active matters */
}

/* Between what the loop's callbacks made ready and its next sleep: run, then let the hooks send what the
 * fibers queued. A hook that readies a fiber (a send that failed) gets another round. */
static void turn_end(struct fibers *fibers)
{
    assert(!running);
    if (fibers->in_turn)
        return;
    fibers->in_turn = true;
    fibers->resumes_left = FIBERS_TURN_RESUMES_MAX;
    do {
        run_ready(fibers);
        if (!fibers->ran)
            break;
        fibers->ran = false;
        LIST_FOR_EACH (node, &fibers->hooks) {
            struct fibers_hook *hook = LIST_ENTRY(node, struct fibers_hook, node);
            hook->run(hook);
        }
    } while (fibers->resumes_left > 0 && (fibers->ran || !list_empty(&fibers->ready)));
    fibers->in_turn = false;
    if (list_empty(&fibers->ready) && !fibers->ran)
        uv_idle_stop(&fibers->again);
    else
        uv_idle_start(&fibers->again, on_again);
}

static void on_prepare(uv_prepare_t *prepare)
{
    turn_end(prepare->data);
}

static void on_check(uv_check_t *check)
{
    turn_end(check->data);
}

void fibers_hook_add(struct fibers *fibers, struct fibers_hook *hook)
{
    list_append(&fibers->hooks, &hook->node);
}

void fibers_hook_remove(struct fibers_hook *hook)
{
    list_remove(&hook->node);
}

void fibers_hooks_due(struct fibers *fibers)
{
    fibers->ran = true;
}

/* A handle that does not by itself keep the loop alive. */
static void handle_opened(struct fibers *fibers, uv_handle_t *handle)
{
    handle->data = fibers;
    uv_unref(handle);
    fibers->handles_open++;
}

enum status fibers_new(struct uv_loop_s *loop, const struct fibers_options *options,
                       struct fibers **ret_fibers)
{
    enum status status = overflow_watch();
    if (status != STATUS_OK)
        return status;
    struct fibers *fibers = calloc(1, sizeof(*fibers));
    if (!fibers)
        return STATUS_RESOURCE_EXHAUSTED;
    fibers->loop = loop;
    fibers->stack_bytes = options ? options->stack_bytes : 0;
    fibers->count_max = options && options->count_max > 0 ? options->count_max : FIBERS_COUNT_MAX;
    list_init(&fibers->ready);
    list_init(&fibers->idle);
    list_init(&fibers->hooks);
    stack_of_thread(&fibers->stack);
    uv_prepare_init(loop, &fibers->prepare);
    uv_check_init(loop, &fibers->check);
    uv_idle_init(loop, &fibers->again);
    uv_timer_init(loop, &fibers->timer);
    handle_opened(fibers, (uv_handle_t *)&fibers->prepare);
    handle_opened(fibers, (uv_handle_t *)&fibers->check);
    handle_opened(fibers, (uv_handle_t *)&fibers->again);
    handle_opened(fibers, (uv_handle_t *)&fibers->timer);
    uv_prepare_start(&fibers->prepare, on_prepare);
    uv_check_start(&fibers->check, on_check);
    *ret_fibers = fibers;
    return STATUS_OK;
}

static void on_close(uv_handle_t *handle)
{
    struct fibers *fibers = handle->data;
    if (--fibers->handles_open > 0)
        return;
    free(fibers->heap);
    free(fibers);
}

struct fibers *fibers_free(struct fibers *fibers)
{
    if (!fibers)
        return NULL;
    assert(fibers->count == 0);
    for (struct list *node; (node = list_pop(&fibers->idle));)
        stack_unmap(LIST_ENTRY(node, struct fiber, node));
    uv_close((uv_handle_t *)&fibers->prepare, on_close);
    uv_close((uv_handle_t *)&fibers->check, on_close);
    uv_close((uv_handle_t *)&fibers->again, on_close);
    uv_close((uv_handle_t *)&fibers->timer, on_close);
    return NULL;
}
