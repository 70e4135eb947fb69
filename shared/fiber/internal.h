/* internal: the fields behind fiber.h, for the files of this folder only. */
#ifndef PEK_SHARED_FIBER_INTERNAL_H
#define PEK_SHARED_FIBER_INTERNAL_H

#include <stdatomic.h>
#include <stdint.h>

#include <uv.h>

#include "shared/fiber/context.h"
#include "shared/fiber/fiber.h"

/* Stacks kept for reuse; what a burst needed beyond that is given back. */
#define FIBERS_IDLE_MAX 1024
/* Resumptions in one turn of the loop, after which sockets get their turn. */
#define FIBERS_TURN_RESUMES_MAX 256
#define HEAP_INDEX_NONE SIZE_MAX

/* A stack and what the sanitizers know it by. The loop thread's own stack is one too. */
struct stack {
    struct context context;
    char *low; /* above the guard page */
    size_t bytes;
    void *asan_fake;
    void *tsan_fiber;
    unsigned valgrind_id;
};

enum fiber_state {
    FIBER_IDLE,    /* in the pool (fibers->idle) */
    FIBER_READY,   /* in fibers->ready */
    FIBER_RUNNING, /* fiber_self() */
    FIBER_PARKED,  /* nobody's but who will call fiber_ready */
    FIBER_ENDED,   /* on its way to the pool */
};

/* Lies at the top of its own stack. */
struct fiber {
    struct list node; /* idle or ready */
    struct fibers *fibers;
    struct stack stack;
    enum fiber_state state;
    bool wake_pending; /* fiber_ready came while it ran */
    void (*run)(void *arg);
    void *arg;
    int64_t wake_us;   /* deadline of the present park */
    size_t heap_index; /* in fibers->heap, or HEAP_INDEX_NONE */
};

struct fibers {
    uv_loop_t *loop;
    struct stack stack; /* of the loop thread */
    size_t stack_bytes;
    size_t count; /* started and not ended */
    size_t count_max;
    struct list ready;
    struct list idle;
    size_t idle_count;
    struct list hooks;
    size_t resumes_left; /* of this turn */
    bool ran;            /* a fiber ran since the hooks did */
    bool in_turn;        /* in turn_end: hooks are being called */
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t again;  /* active while something is ready, so that the loop does not sleep */
    uv_timer_t timer; /* for the earliest of the heap */
    unsigned handles_open;
    struct fiber **heap; /* parked with a deadline, earliest first */
    size_t heap_count;
    size_t heap_cap; /* at least as many as there are stacks */
};

/* stack.c */
/* A mapped stack with a guard page below; NULL when the system has no more. */
struct fiber *stack_map(struct fibers *fibers);
void stack_unmap(struct fiber *fiber);
/* The context is ready to call `entry(fiber)`. */
void stack_begin(struct fiber *fiber, void (*entry)(void *arg));
/* The one place where stacks are switched; returns when something switches back to `from`. */
void stack_switch(struct stack *from, struct stack *to);
/* First thing on a new stack. */
void stack_arrived(struct stack *self);
/* No frame is left but that of the entry: nothing in it is out of bounds any more. */
void stack_idle(struct fiber *fiber);
void stack_of_thread(struct stack *ret_stack);

/* heap.c */
/* Room for one more; false without memory. */
bool heap_reserve(struct fibers *fibers, size_t count);
void heap_add(struct fibers *fibers, struct fiber *fiber, int64_t wake_us);
void heap_remove(struct fibers *fibers, struct fiber *fiber);
/* Callback of fibers->timer: readies what is due. */
void heap_on_timer(uv_timer_t *timer);

/* fiber.c */
/* Parks until fiber_ready or `deadline_us`; may also return early. */
void fiber_park_until(int64_t deadline_us);
/* Lets the others that are ready run first. */
void fiber_yield(void);

/* overflow.c */
/* For the calling thread, once; the handler is the process's. */
enum status overflow_watch(void);

#endif
