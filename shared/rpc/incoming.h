/* incoming: one call that came in, whichever way. Private to shared/rpc.
 *
 * A transport (gRPC server call, in-process call) embeds a `struct rpc_ctx`, fills what is marked its own
 * and hands it to rpc_host_start. From then on the host owns it, until it calls `release`. The transport may
 * fire `cancel` and signal `room` meanwhile.
 */
#ifndef PEK_SHARED_RPC_INCOMING_H
#define PEK_SHARED_RPC_INCOMING_H

#include <grpc/slice.h>

#include "shared/rpc/deadlines.h"
#include "shared/rpc/rpc.h"
#include "shared/rpc/shown.h"
#include "shared/trace/trace.h"

/* One method of one added service. Lives as long as the host; its address is stable. */
struct rpc_entry {
    struct rpc_host *host;
    const struct rpc_method *method;
    const void *ops;
    void *data;
    bool is_public;
    bool is_authorized; /* has a rule that the guard decides */
};

enum rpc_ctx_state {
    RPC_CTX_IDLE,     /* the transport's: in a pool, or being filled */
    RPC_CTX_RUNNING,  /* the host's: a fiber works on it */
    RPC_CTX_ANSWERED, /* the host's: the outcome was handed over, hooks still run */
};

/* All called by the host. */
struct rpc_transport {
    /* True when the queue to the caller has room; when false, `room` is signalled once it has. */
    bool (*has_room)(struct rpc_ctx *ctx);
    /* Takes the message. Dropped silently when the caller is gone: `cancel` has told. */
    void (*send)(struct rpc_ctx *ctx, grpc_slice message);
    /* The outcome, once; `message` is the answer of a unary call that went well (taken), else NULL. */
    void (*end)(struct rpc_ctx *ctx, const struct fault *outcome, const grpc_slice *message);
    /* The call could not be answered in one go: from here on it is worth knowing that the caller left. */
    void (*suspended)(struct rpc_ctx *ctx);
    /* The host has no more use for it: the last call of all. */
    void (*release)(struct rpc_ctx *ctx);
    /* PEM of the verified peer, empty when there is none. */
    struct slice (*peer_certificate)(struct rpc_ctx *ctx, struct arena *arena);
};

struct rpc_stream {
    struct rpc_ctx *ctx;
};

struct rpc_ctx {
    /* The transport's to fill. `pairs` may be in `arena`. */
    const struct rpc_transport *transport;
    const struct rpc_entry *entry;
    const struct rpc_pair *pairs;
    size_t pair_count;
    grpc_slice request;  /* taken by the host */
    int64_t deadline_us; /* DEADLINE_NONE: the host's default */

    /* The host's. */
    enum rpc_ctx_state state;
    struct arena arena, scratch;
    struct cancel cancel;
    struct deadline deadline;
    struct fiber_event room;
    struct rpc_stream stream;
    struct principal principal;
    struct fault fault;
    struct shown shown;
    void *attached;
    int64_t started_us;
    struct span span;
    char trace_id[33];
    uint8_t certificate_sha256[32];
    bool *ret_released; /* of whoever started it, while it has not waited */
};

/* Once per struct; a ctx is used for many calls one after the other. */
void rpc_ctx_init(struct rpc_ctx *ctx, const struct rpc_transport *transport);
void rpc_ctx_done(struct rpc_ctx *ctx);

/* Runs the call; it may be answered and released before this returns. Refuses at the limits. */
void rpc_host_start(struct rpc_ctx *ctx);

const struct rpc_entry *rpc_host_find(const struct rpc_host *host, struct slice path);
size_t rpc_host_entry_count(const struct rpc_host *host);
const struct rpc_entry *rpc_host_entry(const struct rpc_host *host, size_t index);
const struct rpc_host_options *rpc_host_limits(const struct rpc_host *host);

void rpc_host_new_trace_id(struct rpc_host *host, char ret_hex[33]);

/* Serialises for the wire. RESOURCE_EXHAUSTED over RPC_MESSAGE_BYTES_MAX. */
PEK_MUST_CHECK enum status rpc_encode(const ProtobufCMessage *message, grpc_slice *ret_bytes);
/* Deeper than this, or recursive: not a contract of ours. */
#define RPC_NESTING_MAX 32
bool rpc_type_is_bounded(const ProtobufCMessageDescriptor *type);

#endif
