/* fiber: straight-line code on one libuv loop.
 *
 * A fiber is a function with a stack of its own; where it would wait, it parks, and the loop runs
 * something else. One `struct fibers` belongs to one loop and one thread; everything here is
 * called on that thread. A fiber runs until it parks or returns: there is no preemption,
 * so state shared by fibers needs no lock, but may have changed after every park.
 *
 * Stacks are mmapped with a guard page, pooled, and bounded in number: at the maximum fiber_go refuses
 * (RESOURCE_EXHAUSTED), it never queues. A sanitizer, valgrind and gdb are told of every switch.
 *
 * Rules: never block the loop thread (getaddrinfo, file I/O and scrypt go through fiber_offload); never
 * park with a pthread mutex held; no pointer to fiber stack outlives the fiber.
 */
#ifndef PEK_SHARED_FIBER_FIBER_H
#define PEK_SHARED_FIBER_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/list.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

struct uv_loop_s;
struct span; /* shared/trace */
struct fiber;
struct fibers;

struct fibers_options {
    size_t stack_bytes; /* 0: 64 KiB, 256 KiB under a sanitizer */
    size_t count_max;   /* 0: FIBERS_COUNT_MAX */
};
#define FIBERS_COUNT_MAX 8192

/* The loop is the caller's and outlives the fibers. */
PEK_MUST_CHECK enum status fibers_new(struct uv_loop_s *loop, const struct fibers_options *options,
                                      struct fibers **ret_fibers);
/* All fibers must have ended. Closes its loop handles: run the loop once more afterwards. Takes NULL,
 * returns NULL. A fiber that has not ended keeps the loop alive; `struct fibers` itself does not. */
struct fibers *fibers_free(struct fibers *fibers);
struct uv_loop_s *fibers_loop(const struct fibers *fibers);
size_t fibers_count(const struct fibers *fibers);

/* Starts `run(arg)` on a fiber. It begins at once when called outside a fiber, else at the next turn of
 * the loop's ready queue. RESOURCE_EXHAUSTED at count_max; UNAVAILABLE when no stack can be mapped. */
PEK_MUST_CHECK enum status fiber_go(struct fibers *fibers, void (*run)(void *arg), void *arg);
/* The running fiber, NULL outside any. */
struct fiber *fiber_self(void);
struct fibers *fiber_fibers(const struct fiber *fiber);
/* Sleeps until fiber_ready. A fiber_ready that came first is remembered (once), so no wake-up is lost; it
 * may be one meant for an earlier wait, so park in a loop around a condition, or use a fiber_event. */
void fiber_park(void);
/* Makes a parked fiber runnable; it runs when the current callback or fiber gives up the thread. */
void fiber_ready(struct fiber *fiber);
/* Called once at the end of every turn in which fibers ran (flush hooks of pg and rpc), in the order of
 * their registration. The node is owned by the caller and stays registered until fibers_hook_remove. */
struct fibers_hook {
    struct list node;
    void (*run)(struct fibers_hook *hook);
};
void fibers_hook_add(struct fibers *fibers, struct fibers_hook *hook);
void fibers_hook_remove(struct fibers_hook *hook);
/* Asks for the hooks at the end of this turn though no fiber may have run. */
void fibers_hooks_due(struct fibers *fibers);

/* Waits in the fiber for at least this long; 0 lets the others that are ready run first. */
void fiber_sleep_ms(int64_t ms);
/* Runs blocking `work(arg)` on a pool thread; the fiber sleeps meanwhile. */
PEK_MUST_CHECK enum status fiber_offload(void (*work)(void *arg), void *arg);

/* event: one fiber waits, anyone on the loop thread signals. Auto-reset: a signal before the wait is
 * remembered. At most one waiter. Plain memory, zero-initialised. */
struct fiber_event {
    struct fiber *waiter;
    bool signalled;
};
void fiber_event_signal(struct fiber_event *event);
/* STATUS_OK when signalled, STATUS_DEADLINE_EXCEEDED at `deadline_us` (monotonic, DEADLINE_NONE for
 * never). */
PEK_MUST_CHECK enum status fiber_event_wait(struct fiber_event *event, int64_t deadline_us);
struct cancel;
/* The same, ended by `cancel` (may be NULL): OK, CANCELLED or DEADLINE_EXCEEDED; OK wins when both came. */
PEK_MUST_CHECK enum status fiber_event_wait_cancel(struct fiber_event *event,
                                                   struct cancel *cancel);

/* gate: fibers queue for something countable (a connection, a slot), first come first served. */
struct fiber_gate {
    struct list waiters;
    size_t free;
    size_t waiting;
    size_t waiting_max;
};
void fiber_gate_init(struct fiber_gate *gate, size_t free, size_t waiting_max);
/* RESOURCE_EXHAUSTED at once when waiting_max already wait; DEADLINE_EXCEEDED at the deadline. */
PEK_MUST_CHECK enum status fiber_gate_enter(struct fiber_gate *gate, int64_t deadline_us);
PEK_MUST_CHECK enum status fiber_gate_enter_cancel(struct fiber_gate *gate, struct cancel *cancel);
void fiber_gate_leave(struct fiber_gate *gate);

/* cancel: a cancellation with its deadline, and for whom and in which trace it all is, handed down a call so that waits end with
 * it, lines are fair (shared/fair), and what is done for it is told of it (shared/trace).
 * Whoever waits registers a callback; cancelling calls each once, on the loop thread. */
struct cancel {
    struct list hooks;
    int64_t deadline_us;     /* monotonic */
    struct slice user;       /* who asked; empty: the program itself, or nobody known. Borrowed */
    const struct span *span; /* what is being done; NULL: not recorded. Borrowed */
    bool cancelled;
};
struct cancel_hook {
    struct list node;
    void (*run)(struct cancel_hook *hook);
};
void cancel_init(struct cancel *cancel, int64_t deadline_us);
/* Idempotent. */
void cancel_fire(struct cancel *cancel);
/* Runs at once when already cancelled. */
void cancel_hook_add(struct cancel *cancel, struct cancel_hook *hook);
void cancel_hook_remove(struct cancel_hook *hook);
/* Begins one with a deadline of its own, which ends also when the parent is cancelled, until the link is taken away. */
struct cancel_link {
    struct cancel_hook hook;
    struct cancel *child;
};
void cancel_link(struct cancel_link *link, struct cancel *parent, struct cancel *child,
                 int64_t deadline_us);
void cancel_unlink(struct cancel_link *link);
/* CANCELLED, DEADLINE_EXCEEDED or OK. `cancel` may be NULL: OK. */
enum status cancel_status(const struct cancel *cancel);

#endif
