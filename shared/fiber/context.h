/* context: what a suspended stack needs to go on, and the switch between two of them.
 *
 * Assembly on x86-64 and aarch64 (13 ns a switch; a suspended context is its stack pointer), ucontext
 * elsewhere or with -DFIBER_UCONTEXT (274 ns: it saves the signal mask by a system call).
 */
#ifndef PEK_SHARED_FIBER_CONTEXT_H
#define PEK_SHARED_FIBER_CONTEXT_H

#if !defined(FIBER_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define FIBER_UCONTEXT
#endif

#ifndef __ASSEMBLER__
#include <stddef.h>

#ifdef FIBER_UCONTEXT
#include <ucontext.h>
struct context {
    ucontext_t ucontext;
};
#else
struct context {
    void *sp;
};
#endif

/* A context that calls `entry(arg)` when first switched to. `entry` must not return. `top` is the upper
 * end of a stack of `bytes`, aligned to 16. */
void context_make(struct context *ret_context, void *top, size_t bytes, void (*entry)(void *arg),
                  void *arg);
/* Suspends into `from`, goes on with `to`; returns when something switches to `from`. */
void context_switch(struct context *from, struct context *to);
#endif

#endif
