#include "shared/rpc/tunnel_frame.h"

#include <assert.h>

#include "shared/rpc/fault_wire.h"
#include "shared/rpc/outgoing.h"

/* Of an opening before the path. */
#define OPENING_HEAD_BYTES 7
/* Of a pair before its key. */
#define PAIR_HEAD_BYTES 4

/* ---- numbers ---- */

static char *put_number(char *at, uint32_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (char)(uint8_t)(value >> (8 * i));
    return at + bytes;
}

static char *put_bytes(char *at, struct slice bytes)
{
    if (bytes.len > 0)
        memcpy(at, bytes.ptr, bytes.len);
    return at + bytes.len;
}

static bool take_number(struct slice *rest, size_t bytes, uint32_t *ret_value)
{
    if (rest->len < bytes)
        return false;
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint32_t)(uint8_t)rest->ptr[i] << (8 * i);
    *rest = slice_make(rest->ptr + bytes, rest->len - bytes);
    *ret_value = value;
    return true;
}

static bool take_bytes(struct slice *rest, size_t len, struct slice *ret_bytes)
{
    if (rest->len < len)
        return false;
    *ret_bytes = slice_make(rest->ptr, len);
    *rest = slice_make(rest->ptr + len, rest->len - len);
    return true;
}

/* ---- writing ---- */

/* The head of a frame, and room for its body, whose bytes count already; NULL without room. */
static char *put_head(struct buffer *out, enum tunnel_kind kind, uint32_t slot, size_t body_bytes)
{
    char *at = buffer_reserve(out, TUNNEL_HEAD_BYTES + body_bytes);
    if (!at)
        return NULL;
    out->len += TUNNEL_HEAD_BYTES + body_bytes;
    at = put_number(at, kind, 1);
    at = put_number(at, slot, 4);
    return put_number(at, (uint32_t)body_bytes, 4);
}

void tunnel_put(struct buffer *out, enum tunnel_kind kind, uint32_t slot, struct slice body)
{
    char *at = put_head(out, kind, slot, body.len);
    if (at)
        put_bytes(at, body);
}

static size_t opening_body_bytes(const struct tunnel_opening *opening)
{
    size_t bytes = OPENING_HEAD_BYTES + opening->path.len + opening->request.len;
    for (size_t i = 0; i < opening->pair_count; i++)
        bytes += PAIR_HEAD_BYTES + opening->pairs[i].key.len + opening->pairs[i].value.len;
    return bytes;
}

size_t tunnel_opening_bytes(const struct tunnel_opening *opening)
{
    return TUNNEL_HEAD_BYTES + opening_body_bytes(opening);
}

void tunnel_put_opening(struct buffer *out, uint32_t slot, const struct tunnel_opening *opening)
{
    assert(opening->path.len <= UINT16_MAX && opening->pair_count <= RPC_PAIRS_MAX);
    char *at = put_head(out, TUNNEL_OPENING, slot, opening_body_bytes(opening));
    if (!at)
        return;
    at = put_number(at, opening->timeout_us, 4);
    at = put_number(at, (uint32_t)opening->path.len, 2);
    at = put_number(at, (uint32_t)opening->pair_count, 1);
    at = put_bytes(at, opening->path);
    for (size_t i = 0; i < opening->pair_count; i++) {
        const struct rpc_pair *pair = &opening->pairs[i];
        assert(pair->key.len + pair->value.len <= RPC_METADATA_BYTES_MAX);
        at = put_number(at, (uint32_t)pair->key.len, 2);
        at = put_number(at, (uint32_t)pair->value.len, 2);
        at = put_bytes(at, pair->key);
        at = put_bytes(at, pair->value);
    }
    put_bytes(at, opening->request);
}

void tunnel_put_credit(struct buffer *out, uint32_t slot, uint32_t bytes)
{
    char *at = put_head(out, TUNNEL_CREDIT, slot, 4);
    if (at)
        put_number(at, bytes, 4);
}

void tunnel_put_end(struct buffer *out, uint32_t slot, const struct tunnel_end *end)
{
    char *at = put_head(out, TUNNEL_END, slot, 1 + end->details.len);
    if (at)
        put_bytes(put_number(at, end->status, 1), end->details);
}

/* ---- reading ---- */

/* What a frame of this kind may be beside its body. */
static bool frame_is_whole(const struct tunnel_frame *frame)
{
    switch (frame->kind) {
    case TUNNEL_HELLO:
    case TUNNEL_LEAVING: return frame->slot == 0 && frame->body.len == 0;
    case TUNNEL_CANCEL: return frame->body.len == 0;
    case TUNNEL_PART: return frame->body.len > 0;
    case TUNNEL_OPENING:
    case TUNNEL_CREDIT:
    case TUNNEL_MESSAGE:
    case TUNNEL_END: break;
    }
    return true;
}

bool tunnel_take(struct slice *rest, struct tunnel_frame *ret_frame)
{
    struct slice left = *rest;
    struct tunnel_frame frame = {0};
    uint32_t kind, len;
    if (!take_number(&left, 1, &kind) || !take_number(&left, 4, &frame.slot) ||
        !take_number(&left, 4, &len) || !take_bytes(&left, len, &frame.body))
        return false;
    if (kind == 0 || kind > TUNNEL_KIND_MAX || frame.slot >= TUNNEL_CALLS_MAX)
        return false;
    frame.kind = kind;
    if (!frame_is_whole(&frame))
        return false;
    *rest = left;
    *ret_frame = frame;
    return true;
}

static bool take_pair(struct slice *rest, struct rpc_pair *ret_pair)
{
    uint32_t key_bytes, value_bytes;
    return take_number(rest, 2, &key_bytes) && take_number(rest, 2, &value_bytes) &&
           take_bytes(rest, key_bytes, &ret_pair->key) &&
           take_bytes(rest, value_bytes, &ret_pair->value) && rpc_pair_is_legal(ret_pair);
}

bool tunnel_read_opening(struct slice body, struct rpc_pair pairs[RPC_PAIRS_MAX],
                         struct tunnel_opening *ret_opening)
{
    struct tunnel_opening opening = {.pairs = pairs};
    uint32_t path_bytes, pair_count;
    if (!take_number(&body, 4, &opening.timeout_us) || !take_number(&body, 2, &path_bytes) ||
        !take_number(&body, 1, &pair_count) || pair_count > RPC_PAIRS_MAX ||
        !take_bytes(&body, path_bytes, &opening.path))
        return false;
    size_t bytes = 0;
    for (size_t i = 0; i < pair_count; i++) {
        if (!take_pair(&body, &pairs[i]))
            return false;
        bytes += pairs[i].key.len + pairs[i].value.len;
    }
    if (bytes > RPC_METADATA_BYTES_MAX)
        return false;
    opening.pair_count = pair_count;
    opening.request = body;
    *ret_opening = opening;
    return true;
}

bool tunnel_read_credit(struct slice body, uint32_t *ret_bytes)
{
    uint32_t bytes;
    if (!take_number(&body, 4, &bytes) || body.len > 0 || bytes == 0)
        return false;
    *ret_bytes = bytes;
    return true;
}

bool tunnel_read_end(struct slice body, struct tunnel_end *ret_end)
{
    uint32_t code;
    if (!take_number(&body, 1, &code) || code > STATUS_UNAUTHENTICATED ||
        body.len > FAULT_WIRE_BYTES_MAX || (code == STATUS_OK && body.len > 0))
        return false;
    *ret_end = (struct tunnel_end){(enum status)code, body};
    return true;
}
