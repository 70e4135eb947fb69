#include "shared/base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_FIRST_BYTES 256
/* What is formatted in one pass; longer texts take a second one. */
#define PRINTF_SHORT_BYTES 256

void buffer_init(struct buffer *buffer, size_t len_max)
{
    *buffer = (struct buffer){.len_max = len_max};
}

void buffer_reset(struct buffer *buffer)
{
    buffer->len = 0;
    buffer->failed = false;
}

void buffer_done(struct buffer *buffer)
{
    free(buffer->ptr);
    buffer_init(buffer, buffer->len_max);
}

char *buffer_reserve(struct buffer *buffer, size_t len)
{
    if (buffer->failed)
        return NULL;
    if (len > buffer->len_max - buffer->len) {
        buffer->failed = true;
        return NULL;
    }
    size_t need = buffer->len + len;
    if (need > buffer->cap || !buffer->ptr) {
        size_t cap = buffer->cap > 0 ? buffer->cap : BUFFER_FIRST_BYTES;
        while (cap < need)
            cap = cap > buffer->len_max / 2 ? buffer->len_max : cap * 2;
        char *ptr = realloc(buffer->ptr, cap);
        if (!ptr) {
            buffer->failed = true;
            return NULL;
        }
        buffer->ptr = ptr;
        buffer->cap = cap;
    }
    return buffer->ptr + buffer->len;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t len)
{
    char *room = buffer_reserve(buffer, len);
    if (room && len > 0) {
        memcpy(room, bytes, len);
        buffer->len += len;
    }
}

void buffer_append_slice(struct buffer *buffer, struct slice bytes)
{
    buffer_append(buffer, bytes.ptr, bytes.len);
}

void buffer_append_str(struct buffer *buffer, const char *str)
{
    buffer_append(buffer, str, strlen(str));
}

void buffer_append_char(struct buffer *buffer, char c)
{
    buffer_append(buffer, &c, 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    char text[PRINTF_SHORT_BYTES];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len < 0) {
        buffer->failed = true;
    } else if ((size_t)len < sizeof(text)) {
        buffer_append(buffer, text, (size_t)len);
    } else if ((size_t)len > buffer->len_max - buffer->len) {
        buffer->failed = true;
    } else {
        /* One byte more for vsnprintf's NUL, which is not part of the bytes. */
        size_t len_max = buffer->len_max;
        buffer->len_max += len_max < SIZE_MAX;
        char *room = buffer_reserve(buffer, (size_t)len + 1);
        buffer->len_max = len_max;
        if (room) {
            vsnprintf(room, (size_t)len + 1, format, again);
            buffer->len += (size_t)len;
        }
    }
    va_end(again);
}

struct slice buffer_slice(const struct buffer *buffer)
{
    return slice_make(buffer->ptr, buffer->len);
}
