#include "shared/base/heap.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define LARGER_BYTES (8u * 1024 * 1024)
#define LARGE_BYTES (1024u * 1024)

static void *volatile kept; /* or the compiler would see that nobody uses it */

static void large_buffers_go_back_whatever_was_freed_before(void **state)
{
    (void)state;
    heap_return_large();
    size_t before = mallinfo2().hblkhd; /* bytes in mappings of their own */
    kept = malloc(LARGER_BYTES);
    if (mallinfo2().hblkhd == 0)
        skip(); /* a sanitizer's malloc */
    free(kept);
    kept = malloc(LARGE_BYTES);
    assert_true(mallinfo2().hblkhd >= before + LARGE_BYTES);
    free(kept);
    assert_int_equal(mallinfo2().hblkhd, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_buffers_go_back_whatever_was_freed_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
