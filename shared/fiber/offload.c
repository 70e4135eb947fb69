#include "shared/base/clock.h"
#include "shared/fiber/internal.h"
#include "shared/fiber/tsan.h"

/* On the stack of the fiber that waits; libuv does not touch the request after its last callback. */
struct offload {
    uv_work_t request;
    void (*work)(void *arg);
    void *arg;
    struct fiber_event done;
};

/* libuv is not instrumented: ThreadSanitizer is told who hands over to whom. */
static void on_work(uv_work_t *request)
{
    struct offload *offload = request->data;
    tsan_acquire(offload);
    offload->work(offload->arg);
    tsan_release(offload);
}

static void on_done(uv_work_t *request, int error)
{
    (void)error; /* nothing here cancels a request */
    struct offload *offload = request->data;
    tsan_acquire(offload);
    fiber_event_signal(&offload->done);
}

enum status fiber_offload(void (*work)(void *arg), void *arg)
{
    struct offload offload = {.work = work, .arg = arg};
    offload.request.data = &offload;
    tsan_release(&offload);
    struct uv_loop_s *loop = fibers_loop(fiber_fibers(fiber_self()));
    if (uv_queue_work(loop, &offload.request, on_work, on_done) != 0)
        return STATUS_UNAVAILABLE;
    /* Never ends early: the pool thread is using this stack. */
    return fiber_event_wait(&offload.done, DEADLINE_NONE);
}
