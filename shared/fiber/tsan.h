/* tsan: tells ThreadSanitizer of handovers through libraries that it does not see into (libuv, gRPC).
 *
 * Release before giving, acquire after taking, with the same address. Nothing without the sanitizer. */
#ifndef PEK_SHARED_FIBER_TSAN_H
#define PEK_SHARED_FIBER_TSAN_H

#if defined(__SANITIZE_THREAD__)
#define PEK_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PEK_TSAN 1
#endif
#endif
#ifndef PEK_TSAN
#define PEK_TSAN 0
#endif

#if PEK_TSAN
#include <sanitizer/tsan_interface.h>
#endif

static inline void tsan_release(void *tag)
{
#if PEK_TSAN
    __tsan_release(tag);
#else
    (void)tag;
#endif
}

static inline void tsan_acquire(void *tag)
{
#if PEK_TSAN
    __tsan_acquire(tag);
#else
    (void)tag;
#endif
}

#endif
