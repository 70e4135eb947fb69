#include "shared/fiber/context.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef FIBER_UCONTEXT

/* makecontext passes ints only: a pointer travels as two. */
static void context_start(unsigned entry_high, unsigned entry_low, unsigned arg_high,
                          unsigned arg_low)
{
    uintptr_t entry = (uintptr_t)((uint64_t)entry_high << 32 | entry_low);
    uintptr_t arg = (uintptr_t)((uint64_t)arg_high << 32 | arg_low);
    ((void (*)(void *))entry)((void *)arg);
    abort();
}

void context_make(struct context *ret_context, void *top, size_t bytes, void (*entry)(void *arg),
                  void *arg)
{
    ucontext_t *ucontext = &ret_context->ucontext;
    if (getcontext(ucontext) != 0)
        abort();
    ucontext->uc_stack.ss_sp = (char *)top - bytes;
    ucontext->uc_stack.ss_size = bytes;
    ucontext->uc_link = NULL;
    uint64_t entry_bits = (uintptr_t)entry;
    uint64_t arg_bits = (uintptr_t)arg;
    makecontext(ucontext, (void (*)(void))context_start, 4, (unsigned)(entry_bits >> 32),
                (unsigned)entry_bits, (unsigned)(arg_bits >> 32), (unsigned)arg_bits);
}

void context_switch(struct context *from, struct context *to)
{
    if (swapcontext(&from->ucontext, &to->ucontext) != 0)
        abort();
}

#else

void context_start(void); /* assembly */

/* The words that context_switch pops on the way to context_start, lowest address first. */
#if defined(__x86_64__)
enum { WORD_ARG = 2, WORD_ENTRY = 3, WORD_RETURN = 6, WORDS = 7 };
#else
enum { WORD_ENTRY = 0, WORD_ARG = 1, WORD_RETURN = 11, WORDS = 20 };
#endif

void context_make(struct context *ret_context, void *top, size_t bytes, void (*entry)(void *arg),
                  void *arg)
{
    (void)bytes;
    uintptr_t words[WORDS] = {0};
    words[WORD_ENTRY] = (uintptr_t)entry;
    words[WORD_ARG] = (uintptr_t)arg;
    words[WORD_RETURN] = (uintptr_t)context_start;
    char *sp = (char *)top - sizeof(words);
    memcpy(sp, words, sizeof(words));
    ret_context->sp = sp;
}

#endif
