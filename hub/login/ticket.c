#include "hub/login/ticket.h"

#include <assert.h>
#include <inttypes.h>

#include "shared/base/buffer.h"
#include "shared/base/number.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

#define MAC_CHARS BASE64URL_CHARS(SHA256_BYTES)

static struct sha256 mac_of(struct slice key, const char *kind, struct slice body)
{
    /* Parts with their lengths: no kind and body can be read as another kind and body. */
    const struct slice parts[] = {slice_str(kind), body};
    struct sha256 digest = sha256_of_parts(parts, 2);

    return hmac_sha256(key, slice_make(digest.bytes, sizeof(digest.bytes)));
}

static void append_base64url(struct buffer *out, struct slice bytes)
{
    size_t chars = BASE64URL_CHARS(bytes.len);
    char *at = buffer_reserve(out, chars + 1);

    if (!at)
        return;
    base64url_encode(bytes, at);
    out->len += chars;
}

enum status ticket_seal(struct slice key, const char *kind, int64_t expires_s,
                        const struct slice *fields, size_t count, struct arena *arena,
                        struct slice *ret_ticket)
{
    struct buffer out;

    assert(count <= TICKET_FIELDS_MAX);
    buffer_init(&out, TICKET_BYTES_MAX);
    buffer_printf(&out, "%" PRId64, expires_s);
    for (size_t i = 0; i < count; i++) {
        buffer_append_char(&out, '.');
        append_base64url(&out, fields[i]);
    }
    struct sha256 mac = mac_of(key, kind, buffer_slice(&out));
    buffer_append_char(&out, '.');
    append_base64url(&out, slice_make(mac.bytes, sizeof(mac.bytes)));
    enum status status = STATUS_RESOURCE_EXHAUSTED;
    if (!out.failed) {
        struct slice copy = arena_copy(arena, buffer_slice(&out));
        if (copy.ptr) {
            *ret_ticket = copy;
            status = STATUS_OK;
        }
    }
    buffer_done(&out);
    return status;
}

/* The body, when the MAC behind its last dot is ours. */
static enum status verify(struct slice key, const char *kind, struct slice ticket,
                          struct slice *ret_body)
{
    struct sha256 mac;
    size_t len;

    if (ticket.len > TICKET_BYTES_MAX || ticket.len < MAC_CHARS + 1)
        return STATUS_INVALID_ARGUMENT;
    struct slice body = slice_make(ticket.ptr, ticket.len - MAC_CHARS - 1);
    struct slice text = slice_make(body.ptr + body.len + 1, MAC_CHARS);
    if (body.ptr[body.len] != '.' ||
        base64url_decode(text, mac.bytes, sizeof(mac.bytes), &len) != STATUS_OK)
        return STATUS_INVALID_ARGUMENT;
    struct sha256 expected = mac_of(key, kind, body);
    if (!sha256_equal(&mac, &expected))
        return STATUS_INVALID_ARGUMENT;
    *ret_body = body;
    return STATUS_OK;
}

/* No digit, and no letter of base64url, is a dot. */
static size_t fields_in(struct slice body)
{
    size_t count = 0;

    for (size_t i = 0; i < body.len; i++)
        count += body.ptr[i] == '.';
    return count;
}

enum status ticket_open(struct slice key, const char *kind, struct slice ticket, int64_t now_s,
                        struct arena *arena, struct slice *ret_fields, size_t count)
{
    struct slice fields[TICKET_FIELDS_MAX];
    struct slice body;
    int64_t expires_s;

    assert(count <= TICKET_FIELDS_MAX);
    enum status status = verify(key, kind, ticket, &body);
    if (status)
        return status;
    if (fields_in(body) != count || !number_parse(slice_cut(&body, '.'), &expires_s))
        return STATUS_INVALID_ARGUMENT;
    for (size_t i = 0; i < count; i++) {
        status = base64url_decode_in(arena, slice_cut(&body, '.'), &fields[i]);
        if (status)
            return status;
    }
    if (now_s >= expires_s)
        return STATUS_DEADLINE_EXCEEDED;
    for (size_t i = 0; i < count; i++)
        ret_fields[i] = fields[i];
    return STATUS_OK;
}
