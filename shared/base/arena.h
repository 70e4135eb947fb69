/* arena: memory that is freed all at once, with a ceiling.
 *
 * One per call or per job. Blocks are taken from malloc as needed and kept over a reset up to
 * ARENA_KEEP_BYTES. After the ceiling is reached every further allocation answers NULL and `failed` stays
 * set until the reset: check once at the end, or at each step. Not thread-safe.
 */
#ifndef PEK_SHARED_BASE_ARENA_H
#define PEK_SHARED_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/slice.h"
#include "shared/base/status.h"

#define ARENA_BLOCK_BYTES 8192
#define ARENA_KEEP_BYTES 65536

struct arena_block;

struct arena {
    struct arena_block *block; /* newest first */
    struct arena_block *spare; /* kept over a reset, empty */
    size_t used_bytes;         /* given out since init or reset, with alignment */
    size_t used_bytes_max;     /* the ceiling */
    bool failed;
};

/* In place; takes no memory before the first allocation. */
void arena_init(struct arena *arena, size_t used_bytes_max);
/* Everything given out becomes invalid; the arena can be used again. */
void arena_reset(struct arena *arena);
void arena_done(struct arena *arena);

/* Uninitialised, aligned for any type; NULL at the ceiling. A size of 0 gives a unique pointer. */
void *arena_alloc(struct arena *arena, size_t bytes);
/* Zeroed; also NULL when count * bytes overflows. */
void *arena_zalloc(struct arena *arena, size_t count, size_t bytes);
/* NUL-terminated copy; NULL at the ceiling. */
char *arena_strndup(struct arena *arena, const char *bytes, size_t len);
/* Copy as a slice; empty at the ceiling (and `failed`). */
struct slice arena_copy(struct arena *arena, struct slice bytes);
char *arena_printf(struct arena *arena, const char *format, ...) PEK_PRINTF(2, 3);

#endif
