/* tunnel_frame: what travels in a tunnel, as bytes. Private to shared/rpc.
 *
 * A tunnel is one gRPC stream in both directions that carries many calls; tunnel.h says how. Each of its messages is a row of
 * frames: 1 byte kind, 4 bytes slot, 4 bytes length of the body, the body. Numbers are little-endian.
 *
 *   from  kind      slot  body
 *   S     HELLO     0     empty; the first frame: calls may come
 *   C     OPENING   its   a call begins: u32 microseconds that it may take, u16 length of the path, u8 count of metadata pairs,
 *                         then the path, then for each pair u16 and u16, the lengths of key and value, with their bytes, then
 *                         the request
 *   C     CANCEL    its   empty; nobody waits for the call any more
 *   C     CREDIT    its   u32: so much of the call's window was read (at least 1)
 *   S     PART      its   bytes of a message that goes on
 *   S     MESSAGE   its   the rest of a message, or all of it
 *   S     END       its   u8 status, then the details as fault_wire has them
 *   S     LEAVING   0     empty; the server goes: no further call should be opened here
 *
 * A slot is a number below TUNNEL_CALLS_MAX that the client gives to a call, and gives anew only after the END. So both
 * sides find a call by it in a table, and what is said of a slot without a call (a CANCEL that met the END) is dropped.
 */
#ifndef PEK_SHARED_RPC_TUNNEL_FRAME_H
#define PEK_SHARED_RPC_TUNNEL_FRAME_H

#include "shared/base/buffer.h"
#include "shared/rpc/rpc.h"

/* Calls open in one tunnel at a time. */
#define TUNNEL_CALLS_MAX 1024
/* A message of the tunnel, with all its frames. */
#define TUNNEL_MESSAGE_BYTES_MAX (256u * 1024)

enum tunnel_kind {
    TUNNEL_HELLO = 1,
    TUNNEL_OPENING = 2,
    TUNNEL_CANCEL = 3,
    TUNNEL_CREDIT = 4,
    TUNNEL_PART = 5,
    TUNNEL_MESSAGE = 6,
    TUNNEL_END = 7,
    TUNNEL_LEAVING = 8,
};
#define TUNNEL_KIND_MAX TUNNEL_LEAVING
#define TUNNEL_HEAD_BYTES 9

struct tunnel_frame {
    enum tunnel_kind kind;
    uint32_t slot; /* below TUNNEL_CALLS_MAX */
    struct slice body;
};

struct tunnel_opening {
    struct slice path;
    uint32_t timeout_us;
    const struct rpc_pair *pairs;
    size_t pair_count;
    struct slice request;
};

struct tunnel_end {
    enum status status;
    struct slice details; /* at most FAULT_WIRE_BYTES_MAX */
};

/* ---- writing: the buffer is broken when there is no room ---- */

void tunnel_put(struct buffer *out, enum tunnel_kind kind, uint32_t slot, struct slice body);
void tunnel_put_opening(struct buffer *out, uint32_t slot, const struct tunnel_opening *opening);
void tunnel_put_credit(struct buffer *out, uint32_t slot, uint32_t bytes);
void tunnel_put_end(struct buffer *out, uint32_t slot, const struct tunnel_end *end);
/* What tunnel_put_opening adds. */
size_t tunnel_opening_bytes(const struct tunnel_opening *opening);

/* ---- reading: false for what is malformed; all results point into what was read ---- */

/* Takes the first frame off `rest`, which is not empty. */
PEK_MUST_CHECK bool tunnel_take(struct slice *rest, struct tunnel_frame *ret_frame);
/* The pairs are written to `pairs`. Their keys and values are legal, and they keep RPC_METADATA_BYTES_MAX. */
PEK_MUST_CHECK bool tunnel_read_opening(struct slice body, struct rpc_pair pairs[RPC_PAIRS_MAX],
                                        struct tunnel_opening *ret_opening);
PEK_MUST_CHECK bool tunnel_read_credit(struct slice body, uint32_t *ret_bytes);
PEK_MUST_CHECK bool tunnel_read_end(struct slice body, struct tunnel_end *ret_end);

#endif
