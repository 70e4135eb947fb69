/* poison: tells AddressSanitizer which bytes of our own pools must not be touched; nothing elsewhere. */
#ifndef PEK_SHARED_BASE_POISON_H
#define PEK_SHARED_BASE_POISON_H

#if defined(__SANITIZE_ADDRESS__)
#define PEK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PEK_ASAN 1
#endif
#endif
#ifndef PEK_ASAN
#define PEK_ASAN 0
#endif

#if PEK_ASAN
#include <sanitizer/asan_interface.h>
#endif
#include <stddef.h>

static inline void poison(void *ptr, size_t bytes)
{
    /* gcc takes a const pointer parameter for a read of memory not yet written: hide where it is from. */
    __asm__("" : "+r"(ptr));
#if PEK_ASAN
    __asan_poison_memory_region(ptr, bytes);
#else
    (void)bytes;
#endif
}

static inline void unpoison(void *ptr, size_t bytes)
{
#if PEK_ASAN
    __asan_unpoison_memory_region(ptr, bytes);
#else
    (void)ptr, (void)bytes;
#endif
}

#endif
