/* frames: where the frames of HTTP/2 begin and end (RFC 9113 4.1), so that each can be judged by its head before
 * nghttp2 makes anything of it. Pure: no session, no clock.
 *
 *     frames_init(&frames, length of the preface)
 *     while bytes are left:
 *         len = frames_cut(&frames, bytes, &edge)     `len` bytes up to the next edge, at least one
 *
 * Frames that are larger than an endpoint must take are not refused here: nghttp2 does so at their head.
 */
#ifndef PEK_HUB_HTTP_FRAMES_H
#define PEK_HUB_HTTP_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"

#define FRAME_HEAD_BYTES 9
#define FRAME_START_BYTES 4

struct frame {
    size_t len; /* of its payload */
    uint8_t type, flags;
    int32_t stream_id;                /* without the reserved bit */
    uint8_t start[FRAME_START_BYTES]; /* the first bytes of the payload, as far as they came */
};

struct frames {
    struct frame now; /* the last whose head is complete; zeroed before the first */
    uint8_t head[FRAME_HEAD_BYTES];
    size_t head_bytes; /* of the next head, here */
    size_t left_bytes; /* of the payload of `now` (at first of the preface), to come */
};

enum frames_edge {
    FRAMES_INSIDE, /* of a head or a payload */
    FRAMES_HEAD,   /* the head of `now` just became complete */
    FRAMES_START,  /* FRAME_START_BYTES of its payload are there now */
};

void frames_init(struct frames *frames, size_t preface_bytes);
/* `bytes` is not empty. */
size_t frames_cut(struct frames *frames, struct slice bytes, enum frames_edge *ret_edge);
/* Between two frames: nothing of `now` is to come, and nothing of the next is there. */
static inline int frames_between(const struct frames *frames)
{
    return frames->left_bytes == 0 && frames->head_bytes == 0;
}
/* Four bytes, as the network has them. */
static inline uint32_t frames_number(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

#endif
