/* json_writer: JSON appended to a buffer, comma by comma.
 *
 *     struct json_writer json;
 *     json_writer_init(&json, &out);
 *     json_object(&json);
 *     json_key(&json, "realm"), json_str(&json, realm);
 *     json_key(&json, "groups"), json_array(&json);
 *     …
 *     json_array_end(&json);
 *     json_object_end(&json);
 *     if (json_writer_finish(&json) != STATUS_OK) …
 *
 * The writer owns nothing; it puts commas and colons where they belong and asserts that ends match
 * beginnings. The buffer's maximum is the limit: after it, nothing more is added and finish says so.
 * Several values in a row at the top are separated by nothing.
 *
 * Strings: UTF-8 stays as it is; quotes, backslashes, control characters, U+2028 and U+2029 are escaped, and
 * so is '<' (the text may be put into a script element); bytes that are not UTF-8 become U+FFFD.
 */
#ifndef PEK_SHARED_JSON_JSON_WRITER_H
#define PEK_SHARED_JSON_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buffer.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

#define JSON_WRITER_DEPTH_MAX 64

struct json_writer {
    struct buffer *out;
    uint64_t arrays; /* bit d: what is open at depth d is an array */
    unsigned depth;
    bool comma;     /* the next element is not the first */
    bool after_key; /* a value is due */
};

void json_writer_init(struct json_writer *writer, struct buffer *out);
/* OK when everything is closed and fitted; RESOURCE_EXHAUSTED when the buffer is broken. */
PEK_MUST_CHECK enum status json_writer_finish(const struct json_writer *writer);

void json_object(struct json_writer *writer);
void json_object_end(struct json_writer *writer);
void json_array(struct json_writer *writer);
void json_array_end(struct json_writer *writer);

/* In an object, before each value. */
void json_key(struct json_writer *writer, const char *key);
void json_key_slice(struct json_writer *writer, struct slice key);

/* NULL writes null. */
void json_str(struct json_writer *writer, const char *value);
void json_slice(struct json_writer *writer, struct slice value);
void json_int(struct json_writer *writer, int64_t value);
void json_uint(struct json_writer *writer, uint64_t value);
void json_bool(struct json_writer *writer, bool value);
void json_null(struct json_writer *writer);
/* A value that is JSON already; not looked at. */
void json_raw(struct json_writer *writer, struct slice json);

/* All members of an object that is JSON already, into the object that is open; not looked at. */
void json_members(struct json_writer *writer, struct slice object);

/* The escaped string with its quotes, without a writer. */
void json_escape(struct buffer *out, struct slice value);

#endif
