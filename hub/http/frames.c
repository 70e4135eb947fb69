#include "hub/http/frames.h"

#include <string.h>

void frames_init(struct frames *frames, size_t preface_bytes)
{
    *frames = (struct frames){.left_bytes = preface_bytes};
}

static void take_head(struct frames *frames)
{
    const uint8_t *head = frames->head;
    frames->head_bytes = 0;
    frames->now = (struct frame){
        .len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2],
        .type = head[3],
        .flags = head[4],
        .stream_id = (int32_t)(frames_number(head + 5) & INT32_MAX),
    };
    frames->left_bytes = frames->now.len;
}

static size_t cut_head(struct frames *frames, struct slice bytes, enum frames_edge *ret_edge)
{
    size_t room = FRAME_HEAD_BYTES - frames->head_bytes;
    size_t len = bytes.len < room ? bytes.len : room;
    memcpy(frames->head + frames->head_bytes, bytes.ptr, len);
    frames->head_bytes += len;
    if (frames->head_bytes == FRAME_HEAD_BYTES) {
        take_head(frames);
        *ret_edge = FRAMES_HEAD;
    }
    return len;
}

size_t frames_cut(struct frames *frames, struct slice bytes, enum frames_edge *ret_edge)
{
    *ret_edge = FRAMES_INSIDE;
    if (frames->left_bytes == 0)
        return cut_head(frames, bytes, ret_edge);
    size_t len = bytes.len < frames->left_bytes ? bytes.len : frames->left_bytes;
    struct frame *now = &frames->now;
    if (frames->left_bytes <= now->len) { /* else it is the preface */
        size_t at = now->len - frames->left_bytes;
        for (size_t i = 0; at + i < FRAME_START_BYTES && i < len; i++)
            now->start[at + i] = (uint8_t)bytes.ptr[i];
        if (at < FRAME_START_BYTES && at + len >= FRAME_START_BYTES)
            *ret_edge = FRAMES_START;
    }
    frames->left_bytes -= len;
    return len;
}
