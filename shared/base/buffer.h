/* buffer: bytes that grow up to a maximum, and stay broken after it.
 *
 * Append freely and check `failed` once at the end: after the maximum (or memory) was exceeded nothing
 * more is added. Owns its memory. Not thread-safe.
 */
#ifndef PEK_SHARED_BASE_BUFFER_H
#define PEK_SHARED_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/slice.h"
#include "shared/base/status.h"

struct buffer {
    char *ptr;
    size_t len;
    size_t cap;
    size_t len_max;
    bool failed;
};

/* In place; takes no memory before the first append. */
void buffer_init(struct buffer *buffer, size_t len_max);
/* Empties, keeps the memory, mends `failed`. */
void buffer_reset(struct buffer *buffer);
void buffer_done(struct buffer *buffer);

void buffer_append(struct buffer *buffer, const void *bytes, size_t len);
void buffer_append_slice(struct buffer *buffer, struct slice bytes);
void buffer_append_str(struct buffer *buffer, const char *str);
void buffer_append_char(struct buffer *buffer, char c);
void buffer_printf(struct buffer *buffer, const char *format, ...) PEK_PRINTF(2, 3);
/* Room for `len` more bytes at ptr + len of the buffer, NULL when broken; the caller adds to `len`. */
char *buffer_reserve(struct buffer *buffer, size_t len);

struct slice buffer_slice(const struct buffer *buffer);

#endif
