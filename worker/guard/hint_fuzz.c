/* Hints come from whoever calls: decoding must hold for any bytes, and never give what SQL cannot take. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "worker/guard/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct slice name;
    arena_init(&arena, 1u << 16);
    if (guard_hint_decode(slice_make(data, size), &arena, &name)) {
        assert(name.len > 0 && name.len <= size);
        assert(!memchr(name.ptr, '\0', name.len));
    }
    arena_done(&arena);
    return 0;
}
