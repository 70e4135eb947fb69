/* queue: the messages of one call on their way between two hands, bounded by whoever fills it.
 *
 * A message is a grpc_slice: bytes with a reference count, which gRPC takes and gives without a copy, and
 * which the in-process channel hands over as it is. Owns the messages in it.
 */
#ifndef PEK_SHARED_RPC_QUEUE_H
#define PEK_SHARED_RPC_QUEUE_H

#include <grpc/slice.h>
#include <stdbool.h>
#include <stddef.h>

#include "shared/base/slice.h"
#include "shared/base/status.h"

/* What a message costs beside its bytes, so that many empty ones are bounded as well. */
#define RPC_MESSAGE_OVERHEAD_BYTES 64

struct rpc_queue {
    grpc_slice *ring;
    size_t head;
    size_t count;
    size_t capacity;
    size_t cost_bytes; /* of all messages in it */
};

/* A zeroed queue is empty and ready; takes no memory before the first push. */
void rpc_queue_done(struct rpc_queue *queue);
/* Drops the messages, keeps the memory. */
void rpc_queue_clear(struct rpc_queue *queue);

/* Takes the message, also when it fails for want of memory (then the message is dropped). */
PEK_MUST_CHECK bool rpc_queue_push(struct rpc_queue *queue, grpc_slice message);
/* False when empty; the message is the caller's. */
bool rpc_queue_pop(struct rpc_queue *queue, grpc_slice *ret_message);

static inline size_t rpc_message_cost(const grpc_slice *message)
{
    return GRPC_SLICE_LENGTH(*message) + RPC_MESSAGE_OVERHEAD_BYTES;
}

/* The bytes of a message, valid as long as the slice object itself (short ones live inside it). */
static inline struct slice rpc_message_bytes(const grpc_slice *message)
{
    return slice_make(message->refcount ? message->data.refcounted.bytes
                                        : message->data.inlined.bytes,
                      GRPC_SLICE_LENGTH(*message));
}

#endif
