/* Whatever comes, it is refused, or it is a row of frames that is written again as the same bytes. */
#include <stdlib.h>

#include "bazel/fuzz/fuzz.h"
#include "shared/rpc/outgoing.h"
#include "shared/rpc/tunnel_frame.h"

/* False when the body is not one of this kind. */
static bool write_again(struct buffer *out, const struct tunnel_frame *frame)
{
    struct rpc_pair pairs[RPC_PAIRS_MAX];
    struct tunnel_opening opening;
    struct tunnel_end end;
    uint32_t bytes;
    size_t before = out->len;
    switch (frame->kind) {
    case TUNNEL_OPENING:
        if (!tunnel_read_opening(frame->body, pairs, &opening))
            return false;
        tunnel_put_opening(out, frame->slot, &opening);
        if (out->len - before != tunnel_opening_bytes(&opening))
            abort();
        for (size_t i = 0; i < opening.pair_count; i++)
            if (!rpc_pair_is_legal(&opening.pairs[i]))
                abort();
        return true;
    case TUNNEL_CREDIT:
        if (!tunnel_read_credit(frame->body, &bytes))
            return false;
        tunnel_put_credit(out, frame->slot, bytes);
        return true;
    case TUNNEL_END:
        if (!tunnel_read_end(frame->body, &end))
            return false;
        tunnel_put_end(out, frame->slot, &end);
        return true;
    case TUNNEL_HELLO:
    case TUNNEL_CANCEL:
    case TUNNEL_PART:
    case TUNNEL_MESSAGE:
    case TUNNEL_LEAVING: tunnel_put(out, frame->kind, frame->slot, frame->body); return true;
    }
    abort(); /* no such kind */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_make(data, size);
    struct tunnel_frame frame;
    struct buffer out;
    buffer_init(&out, size + 1);
    while (rest.len > 0 && tunnel_take(&rest, &frame))
        if (!write_again(&out, &frame))
            break;
    if (out.failed || out.len > size || (out.len > 0 && memcmp(out.ptr, data, out.len) != 0))
        abort();
    buffer_done(&out);
    return 0;
}
