#include <stdint.h>

#include "shared/pg/internal.h"

struct pg_param pg_text(struct slice text)
{
    return (struct pg_param){text.ptr ? text.ptr : "", text.len, false};
}

struct pg_param pg_str(const char *str)
{
    return (struct pg_param){str, str ? strlen(str) : 0, false};
}

struct pg_param pg_bytea(struct slice bytes)
{
    return (struct pg_param){bytes.ptr ? bytes.ptr : "", bytes.len, true};
}

struct pg_param pg_bool(bool value)
{
    return (struct pg_param){value ? "t" : "f", 1, false};
}

struct pg_param pg_int(struct arena *arena, int64_t value)
{
    char *text = arena_printf(arena, "%lld", (long long)value);
    return text ? pg_str(text) : PARAM_FAILED;
}

/* {"a","b \"quoted\""}: https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO */
struct pg_param pg_text_array(struct arena *arena, const struct slice *items, size_t count)
{
    size_t bytes = 3;
    for (size_t i = 0; i < count; i++) {
        size_t item = 0;
        if (__builtin_mul_overflow(items[i].len, 2, &item) ||
            __builtin_add_overflow(bytes, item + 3, &bytes)) {
            arena->failed = true;
            return PARAM_FAILED;
        }
    }
    char *text = arena_alloc(arena, bytes);
    if (!text)
        return PARAM_FAILED;
    char *at = text;
    *at++ = '{';
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            *at++ = ',';
        *at++ = '"';
        for (size_t j = 0; j < items[i].len; j++) {
            char c = items[i].ptr[j];
            if (c == '"' || c == '\\')
                *at++ = '\\';
            *at++ = c;
        }
        *at++ = '"';
    }
    *at++ = '}';
    *at = '\0';
    return (struct pg_param){text, (size_t)(at - text), false};
}

struct pg_param pg_bytea_array(struct arena *arena, const struct slice *items, size_t count)
{
    static const char hex[] = "0123456789abcdef";
    size_t bytes = 3;
    for (size_t i = 0; i < count; i++)
        bytes += 2 * items[i].len + 6; /* of values that are in memory: no overflow */
    char *text = arena_alloc(arena, bytes);
    if (!text)
        return PARAM_FAILED;
    char *at = text;
    *at++ = '{';
    for (size_t i = 0; i < count; i++) {
        memcpy(at, i > 0 ? ",\"\\\\x" : "\"\\\\x", i > 0 ? 5 : 4);
        at += i > 0 ? 5 : 4;
        for (size_t j = 0; j < items[i].len; j++) {
            *at++ = hex[(unsigned char)items[i].ptr[j] >> 4];
            *at++ = hex[(unsigned char)items[i].ptr[j] & 15];
        }
        *at++ = '"';
    }
    *at++ = '}';
    *at = '\0';
    return (struct pg_param){text, (size_t)(at - text), false};
}

enum status params_check(const struct pg_param *params, size_t count)
{
    size_t bytes = 0;
    if (count > PG_PARAMS_MAX)
        return STATUS_INTERNAL;
    for (size_t i = 0; i < count; i++) {
        if (!params[i].ptr) {
            if (params[i].len > 0)
                return params[i].len == PARAM_FAILED.len ? STATUS_RESOURCE_EXHAUSTED
                                                         : STATUS_INVALID_ARGUMENT;
            continue;
        }
        if (params[i].len > PG_PARAM_BYTES_MAX - bytes)
            return STATUS_RESOURCE_EXHAUSTED;
        bytes += params[i].len;
        /* It would end the value there. */
        if (!params[i].binary && memchr(params[i].ptr, '\0', params[i].len))
            return STATUS_INVALID_ARGUMENT;
    }
    return STATUS_OK;
}

bool params_to_wire(struct pg *pg, const struct pg_param *params, size_t count,
                    struct wire_params *ret_wire)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        if (params[i].ptr && !params[i].binary)
            bytes += params[i].len + 1;
    if (pg->scratch.cap > PG_SCRATCH_KEEP_BYTES)
        buffer_done(&pg->scratch);
    buffer_reset(&pg->scratch);
    if (!buffer_reserve(&pg->scratch, bytes))
        return false;
    for (size_t i = 0; i < count; i++) {
        ret_wire->values[i] = params[i].ptr;
        ret_wire->lengths[i] = (int)params[i].len;
        ret_wire->formats[i] = params[i].binary;
        if (!params[i].ptr || params[i].binary)
            continue;
        ret_wire->values[i] = pg->scratch.ptr + pg->scratch.len;
        buffer_append(&pg->scratch, params[i].ptr, params[i].len);
        buffer_append_char(&pg->scratch, '\0');
    }
    return !pg->scratch.failed;
}
