/* Stacks, and every word that sanitizers and valgrind want to hear about them. */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/base/poison.h"
#include "shared/fiber/internal.h"
#include "shared/fiber/tsan.h"

#if PEK_ASAN
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

#define STACK_BYTES (64 * 1024)
#define STACK_BYTES_SANITIZED (256 * 1024)

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t stack_bytes(const struct fibers *fibers)
{
    size_t bytes = fibers->stack_bytes;
    if (bytes == 0)
        bytes = PEK_ASAN || PEK_TSAN ? STACK_BYTES_SANITIZED : STACK_BYTES;
    return (bytes + page_bytes() - 1) & ~(page_bytes() - 1);
}

struct fiber *stack_map(struct fibers *fibers)
{
    size_t guard = page_bytes();
    size_t bytes = stack_bytes(fibers);
    char *map = mmap(NULL, guard + bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    if (mprotect(map, guard, PROT_NONE) != 0) {
        munmap(map, guard + bytes);
        return NULL;
    }
    char *low = map + guard;
    /* 64: a cache line, and more than any ABI's stack alignment. */
    size_t head = (sizeof(struct fiber) + 63) & ~(size_t)63;
    struct fiber *fiber = (struct fiber *)(void *)(low + bytes - head);
    *fiber = (struct fiber){
        .fibers = fibers,
        .stack = {.low = low, .bytes = bytes - head},
        .heap_index = HEAP_INDEX_NONE,
    };
    list_init(&fiber->node);
#if PEK_ASAN
    __lsan_register_root_region(low, bytes);
#endif
#if PEK_TSAN
    fiber->stack.tsan_fiber = __tsan_create_fiber(0);
    __tsan_set_fiber_name(fiber->stack.tsan_fiber, "fiber");
#endif
#ifdef VALGRIND_STACK_REGISTER
    fiber->stack.valgrind_id = VALGRIND_STACK_REGISTER(low, low + bytes);
#endif
    return fiber;
}

void stack_unmap(struct fiber *fiber)
{
    char *low = fiber->stack.low;
    size_t bytes = stack_bytes(fiber->fibers);
#if PEK_ASAN
    __lsan_unregister_root_region(low, bytes);
#endif
#if PEK_TSAN
    __tsan_destroy_fiber(fiber->stack.tsan_fiber);
#endif
#ifdef VALGRIND_STACK_DEREGISTER
    VALGRIND_STACK_DEREGISTER(fiber->stack.valgrind_id);
#endif
    munmap(low - page_bytes(), page_bytes() + bytes);
}

void stack_begin(struct fiber *fiber, void (*entry)(void *arg))
{
    struct stack *stack = &fiber->stack;
    context_make(&stack->context, stack->low + stack->bytes, stack->bytes, entry, fiber);
}

void stack_idle(struct fiber *fiber)
{
    unpoison(fiber->stack.low, fiber->stack.bytes);
}

void stack_of_thread(struct stack *ret_stack)
{
    *ret_stack = (struct stack){0};
    pthread_attr_t attributes;
    void *low;
    size_t bytes;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        if (pthread_attr_getstack(&attributes, &low, &bytes) == 0) {
            ret_stack->low = low;
            ret_stack->bytes = bytes;
        }
        pthread_attr_destroy(&attributes);
    }
#if PEK_TSAN
    ret_stack->tsan_fiber = __tsan_get_current_fiber();
#endif
}

void stack_arrived(struct stack *self)
{
#if PEK_ASAN
    __sanitizer_finish_switch_fiber(self->asan_fake, NULL, NULL);
#else
    (void)self;
#endif
}

void stack_switch(struct stack *from, struct stack *to)
{
#if PEK_ASAN
    __sanitizer_start_switch_fiber(&from->asan_fake, to->low, to->bytes);
#endif
#if PEK_TSAN
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
    context_switch(&from->context, &to->context);
    stack_arrived(from);
}
