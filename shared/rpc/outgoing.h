/* outgoing: one call that goes out, whichever way. Private to shared/rpc.
 *
 * Each kind of channel (gRPC, in this process) embeds `struct rpc_channel` and `struct rpc_call`, and
 * brings its verbs. What is common, call.c does: every call has a deadline, metadata is legal, a unary
 * answer is exactly one message and is seen only with its outcome.
 */
#ifndef PEK_SHARED_RPC_OUTGOING_H
#define PEK_SHARED_RPC_OUTGOING_H

#include <grpc/slice.h>

#include "shared/rpc/rpc.h"

struct rpc_channel_verbs {
    enum status (*start)(struct rpc_channel *channel, const struct rpc_call_options *options,
                         struct rpc_call **ret_call);
    void (*free)(struct rpc_channel *channel);
    /* The next message, owned by the caller. */
    bool (*next)(struct rpc_call *call, grpc_slice *ret_message);
    bool (*is_empty)(struct rpc_call *call);
    /* True once the outcome is known and no message will be added any more. */
    bool (*finished)(struct rpc_call *call, struct fault *ret_fault);
    /* Drops what is queued; nothing more is asked of the call but `release`. */
    void (*cancel)(struct rpc_call *call);
    /* Finished or cancelled before. */
    void (*release)(struct rpc_call *call);
    struct slice (*diagnostic)(struct rpc_call *call);
};

struct rpc_channel {
    const struct rpc_channel_verbs *verbs;
};

enum rpc_call_state {
    RPC_CALL_OPEN,    /* messages and the outcome may still come */
    RPC_CALL_SETTLED, /* `outcome` is known; messages may be left in the queue */
};

struct rpc_call {
    const struct rpc_channel_verbs *verbs;
    struct fiber_event *event;
    enum rpc_call_state state;
    bool server_streaming;
    bool has_unary;   /* `unary` waits to be taken */
    bool has_message; /* `message` is what rpc_call_next gave last */
    grpc_slice unary;
    grpc_slice message;
    struct fault outcome;
};

void rpc_call_init(struct rpc_call *call, const struct rpc_channel *channel,
                   const struct rpc_call_options *options);

/* A key and a value as HTTP/2 may carry them, none of gRPC's own. */
bool rpc_pair_is_legal(const struct rpc_pair *pair);

#endif
