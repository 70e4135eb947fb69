/* Hints come from whoever calls: decoding must hold for any bytes, and never give what SQL cannot take. */
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "shared/base/utf8.h"
#include "worker/guard/guard.h"

/* As the hub sends it. */
static struct slice encode(struct slice name, struct arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    char *hint = arena_alloc(arena, 3 * name.len);
    must(hint != NULL);
    for (size_t i = 0; i < name.len; i++) {
        hint[3 * i] = '%';
        hint[3 * i + 1] = digits[(uint8_t)name.ptr[i] >> 4];
        hint[3 * i + 2] = digits[(uint8_t)name.ptr[i] & 15];
    }
    return slice_make(hint, 3 * name.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct slice name, again;
    arena_init(&arena, 1u << 16);
    if (guard_hint_decode(slice_make(data, size), &arena, &name)) {
        must(name.len > 0 && name.len <= POLICY_NAME_BYTES_MAX && utf8_valid(name));
        must(!memchr(name.ptr, '\0', name.len));
        must(guard_hint_decode(encode(name, &arena), &arena, &again) && slice_equal(name, again));
    }
    arena_done(&arena);
    return 0;
}
