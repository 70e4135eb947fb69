#include "shared/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/poison.h"

/* Under AddressSanitizer a poisoned gap follows each allocation, so that an overrun is seen. */
/* What is formatted in one pass; longer texts take a second one. */
#define PRINTF_SHORT_BYTES 256
#define ARENA_GAP_BYTES (PEK_ASAN ? 16 : 0)

struct arena_block {
    struct arena_block *next;
    size_t cap;
    size_t used;
    _Alignas(max_align_t) unsigned char bytes[];
};

static size_t align_up(size_t bytes)
{
    const size_t align = _Alignof(max_align_t);
    return (bytes + align - 1) & ~(align - 1);
}

static void block_free(struct arena_block *block)
{
    unpoison(block->bytes, block->cap);
    free(block);
}

static void block_list_free(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;
        block_free(block);
        block = next;
    }
}

void arena_init(struct arena *arena, size_t used_bytes_max)
{
    *arena = (struct arena){.used_bytes_max = used_bytes_max};
}

void arena_reset(struct arena *arena)
{
    size_t kept = 0;
    struct arena_block *spare = NULL;
    struct arena_block *lists[2] = {arena->block, arena->spare};
    for (size_t i = 0; i < 2; i++) {
        for (struct arena_block *block = lists[i], *next; block; block = next) {
            next = block->next;
            /* Blocks of the usual size only: any of them serves the next call. */
            if (block->cap != ARENA_BLOCK_BYTES || kept + block->cap > ARENA_KEEP_BYTES) {
                block_free(block);
                continue;
            }
            kept += block->cap;
            block->used = 0;
            poison(block->bytes, block->cap);
            block->next = spare;
            spare = block;
        }
    }
    arena->block = NULL;
    arena->spare = spare;
    arena->used_bytes = 0;
    arena->failed = false;
}

void arena_done(struct arena *arena)
{
    block_list_free(arena->block);
    block_list_free(arena->spare);
    arena_init(arena, arena->used_bytes_max);
}

/* Makes a block with room for `bytes` the newest. */
static struct arena_block *arena_grow(struct arena *arena, size_t bytes)
{
    struct arena_block *block = arena->spare;
    if (block && bytes <= block->cap) {
        arena->spare = block->next;
    } else {
        size_t cap = bytes > ARENA_BLOCK_BYTES ? bytes : ARENA_BLOCK_BYTES;
        block = malloc(sizeof(*block) + cap);
        if (!block)
            return NULL;
        block->cap = cap;
        block->used = 0;
        poison(block->bytes, cap);
    }
    struct arena_block *first = arena->block;
    if (first && block->cap > ARENA_BLOCK_BYTES) {
        /* A block for one large thing goes behind, so that the rest of the first is still used. */
        block->next = first->next;
        first->next = block;
    } else {
        block->next = first;
        arena->block = block;
    }
    return block;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    size_t left = arena->used_bytes_max - arena->used_bytes;
    /* The ceiling keeps every sum below far from overflow unless it is itself absurd. */
    if (arena->failed || bytes > left || bytes > SIZE_MAX / 2)
        goto fail;
    size_t taken = align_up(bytes > 0 ? bytes : 1);
    if (taken > left)
        goto fail;

    struct arena_block *block = arena->block;
    size_t spaced = taken + ARENA_GAP_BYTES;
    if (!block || block->cap - block->used < spaced) {
        block = arena_grow(arena, spaced);
        if (!block)
            goto fail;
    }
    void *ptr = block->bytes + block->used;
    block->used += spaced;
    arena->used_bytes += taken;
    unpoison(ptr, bytes);
#ifdef PEK_ARENA_FILL
    memset(ptr, 0xA5, bytes); /* what somebody forgot to set is no 0 by luck */
#endif
    return ptr;

fail:
    arena->failed = true;
    return NULL;
}

void *arena_zalloc(struct arena *arena, size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        arena->failed = true;
        return NULL;
    }
    void *ptr = arena_alloc(arena, total);
    return ptr ? memset(ptr, 0, total) : NULL;
}

char *arena_strndup(struct arena *arena, const char *bytes, size_t len)
{
    char *copy = len < SIZE_MAX ? arena_alloc(arena, len + 1) : NULL;
    if (!copy) {
        arena->failed = true;
        return NULL;
    }
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    char *copy = arena_strndup(arena, bytes.ptr, bytes.len);
    return copy ? slice_make(copy, bytes.len) : slice_make(NULL, 0);
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    char first[PRINTF_SHORT_BYTES];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(first, sizeof(first), format, args);
    va_end(args);
    char *text = len >= 0 ? arena_alloc(arena, (size_t)len + 1) : NULL;
    if (!text)
        arena->failed = true;
    else if ((size_t)len < sizeof(first))
        memcpy(text, first, (size_t)len + 1);
    else
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}
