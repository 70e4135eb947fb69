#include "shared/json/json_writer.h"

#include <assert.h>
#include <inttypes.h>

#include "shared/base/number.h"
#include "shared/base/utf8.h"

void json_writer_init(struct json_writer *writer, struct buffer *out)
{
    *writer = (struct json_writer){.out = out};
}

enum status json_writer_finish(const struct json_writer *writer)
{
    assert(writer->depth == 0 && !writer->after_key);
    return writer->out->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

/* ---- where commas go -------------------------------------------------------------------------- */

static bool in_array(const struct json_writer *writer)
{
    return writer->depth > 0 && (writer->arrays >> (writer->depth - 1) & 1) != 0;
}

static void value_begin(struct json_writer *writer)
{
    assert(writer->depth == 0 || in_array(writer) || writer->after_key);
    if (in_array(writer) && writer->comma)
        buffer_append_char(writer->out, ',');
    writer->comma = true;
    writer->after_key = false;
}

static void container_begin(struct json_writer *writer, bool array)
{
    value_begin(writer);
    assert(writer->depth < JSON_WRITER_DEPTH_MAX);
    uint64_t bit = UINT64_C(1) << writer->depth;
    writer->arrays = array ? writer->arrays | bit : writer->arrays & ~bit;
    writer->depth++;
    writer->comma = false;
    buffer_append_char(writer->out, array ? '[' : '{');
}

static void container_end(struct json_writer *writer, bool array)
{
    assert(writer->depth > 0 && in_array(writer) == array && !writer->after_key);
    writer->depth--;
    writer->comma = true;
    buffer_append_char(writer->out, array ? ']' : '}');
}

void json_object(struct json_writer *writer)
{
    container_begin(writer, false);
}

void json_object_end(struct json_writer *writer)
{
    container_end(writer, false);
}

void json_array(struct json_writer *writer)
{
    container_begin(writer, true);
}

void json_array_end(struct json_writer *writer)
{
    container_end(writer, true);
}

void json_key_slice(struct json_writer *writer, struct slice key)
{
    assert(writer->depth > 0 && !in_array(writer) && !writer->after_key);
    if (writer->comma)
        buffer_append_char(writer->out, ',');
    json_escape(writer->out, key);
    buffer_append_char(writer->out, ':');
    writer->after_key = true;
}

void json_key(struct json_writer *writer, const char *key)
{
    json_key_slice(writer, slice_str(key));
}

/* ---- values ----------------------------------------------------------------------------------- */

void json_members(struct json_writer *writer, struct slice object)
{
    assert(writer->depth > 0 && !in_array(writer) && !writer->after_key);
    while (object.len > 0 && object.ptr[object.len - 1] != '}')
        object.len--;
    const char *open = object.len > 0 ? memchr(object.ptr, '{', object.len) : NULL;
    const char *end = object.ptr + object.len - (object.len > 0);
    const char *start = open ? open + 1 : end;
    while (start < end && strchr(" \t\r\n", *start))
        start++;
    if (start == end)
        return;
    if (writer->comma)
        buffer_append_char(writer->out, ',');
    buffer_append(writer->out, start, (size_t)(end - start));
    writer->comma = true;
}

void json_raw(struct json_writer *writer, struct slice json)
{
    value_begin(writer);
    buffer_append_slice(writer->out, json);
}

void json_slice(struct json_writer *writer, struct slice value)
{
    value_begin(writer);
    json_escape(writer->out, value);
}

void json_str(struct json_writer *writer, const char *value)
{
    if (value)
        json_slice(writer, slice_str(value));
    else
        json_null(writer);
}

void json_int(struct json_writer *writer, int64_t value)
{
    value_begin(writer);
    buffer_printf(writer->out, "%" PRId64, value);
}

void json_uint(struct json_writer *writer, uint64_t value)
{
    value_begin(writer);
    buffer_printf(writer->out, "%" PRIu64, value);
}

void json_bool(struct json_writer *writer, bool value)
{
    json_raw(writer, value ? SLICE_LIT("true") : SLICE_LIT("false"));
}

void json_null(struct json_writer *writer)
{
    json_raw(writer, SLICE_LIT("null"));
}

/* ---- strings ---------------------------------------------------------------------------------- */

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\' && byte != '<';
}

/* Appends the character that `rest` begins with and is not plain; how many bytes it took. */
static size_t escape_char(struct buffer *out, struct slice rest)
{
    unsigned char byte = (unsigned char)rest.ptr[0];
    if (byte == '"' || byte == '\\') {
        buffer_append_char(out, '\\');
        buffer_append_char(out, (char)byte);
        return 1;
    }
    if (byte == '\n') {
        buffer_append_str(out, "\\n");
        return 1;
    }
    if (byte < 0x80) {
        buffer_printf(out, "\\u%04x", byte);
        return 1;
    }
    unsigned len = utf8_char_len(rest);
    if (len == 0) {
        buffer_append_str(out, UTF8_REPLACEMENT);
        return 1;
    }
    /* U+2028 and U+2029 end a line in JavaScript, also inside a string literal of older engines. */
    if (len == 3 && memcmp(rest.ptr, "\xE2\x80", 2) == 0 &&
        ((unsigned char)rest.ptr[2] & 0xFE) == 0xA8)
        buffer_append_str(out, rest.ptr[2] == '\xA8' ? "\\u2028" : "\\u2029");
    else
        buffer_append(out, rest.ptr, len);
    return len;
}

void json_escape(struct buffer *out, struct slice value)
{
    buffer_append_char(out, '"');
    size_t i = 0;
    while (i < value.len && !out->failed) {
        size_t plain = i;
        while (plain < value.len && is_plain((unsigned char)value.ptr[plain]))
            plain++;
        buffer_append(out, value.ptr + i, plain - i);
        i = plain;
        if (i < value.len)
            i += escape_char(out, slice_make(value.ptr + i, value.len - i));
    }
    buffer_append_char(out, '"');
}
