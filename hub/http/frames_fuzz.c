/* Where frames begin: however they come in pieces, the same heads at the same places, and as a plain count says. */
#include <stdbool.h>
#include <stdlib.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/http/frames.h"

#define PREFACE_BYTES 24
#define HEADS_MAX 1024

struct heads {
    struct frame items[HEADS_MAX];
    size_t ends[HEADS_MAX]; /* of the heads, from the beginning */
    size_t starts;          /* payloads whose first bytes were there */
    size_t count;
};

static void cut(struct slice bytes, size_t step, struct heads *ret_heads, struct frames *ret_frames)
{
    size_t done = 0;
    *ret_heads = (struct heads){0};
    frames_init(ret_frames, PREFACE_BYTES);
    while (done < bytes.len) {
        size_t room = bytes.len - done < step ? bytes.len - done : step;
        enum frames_edge edge;
        size_t len = frames_cut(ret_frames, slice_make(bytes.ptr + done, room), &edge);
        if (len == 0 || len > room)
            abort();
        done += len;
        ret_heads->starts += edge == FRAMES_START;
        if (edge == FRAMES_HEAD && ret_heads->count < HEADS_MAX) {
            ret_heads->items[ret_heads->count] = ret_frames->now;
            ret_heads->ends[ret_heads->count++] = done;
        }
    }
}

/* By lengths alone. */
static bool is_head_at(struct slice bytes, size_t *at, struct frame *ret_frame)
{
    const uint8_t *head = (const uint8_t *)bytes.ptr + *at;
    if (bytes.len < *at + FRAME_HEAD_BYTES)
        return false;
    ret_frame->len = (size_t)(head[0] * 65536 + head[1] * 256 + head[2]);
    ret_frame->type = head[3];
    *at += FRAME_HEAD_BYTES;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct heads whole, pieces;
    struct frames at_end, in_pieces;
    struct slice bytes = slice_make(data, size);
    cut(bytes, size, &whole, &at_end);
    cut(bytes, 1, &pieces, &in_pieces);
    if (whole.count != pieces.count || whole.starts != pieces.starts ||
        at_end.left_bytes != in_pieces.left_bytes || at_end.head_bytes != in_pieces.head_bytes)
        abort();
    size_t at = PREFACE_BYTES;
    struct frame frame = {0};
    for (size_t i = 0; i < whole.count; i++) {
        const struct frame *one = &whole.items[i];
        if (!is_head_at(bytes, &at, &frame) || frame.len != one->len || frame.type != one->type ||
            one->stream_id < 0 || whole.ends[i] != at || pieces.ends[i] != at)
            abort();
        at += frame.len;
    }
    if (whole.count < HEADS_MAX && is_head_at(bytes, &at, &frame))
        abort();
    return 0;
}
