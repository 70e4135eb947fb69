/* tunnel_in: one tunnel at the server, and the calls in it. Private to tunnel_server.c and tunnel_server_call.c. */
#ifndef PEK_SHARED_RPC_TUNNEL_IN_H
#define PEK_SHARED_RPC_TUNNEL_IN_H

#include "shared/base/list.h"
#include "shared/rpc/queue.h"
#include "shared/rpc/server.h"
#include "shared/rpc/tunnel.h"
#include "shared/rpc/tunnel_frame.h"

enum tunnel_in_state {
    TUNNEL_IN_POSTED, /* waits for a client */
    TUNNEL_IN_OPEN,   /* calls come and are answered */
    TUNNEL_IN_ENDING, /* the client closed its end, the status is with gRPC */
    TUNNEL_IN_BROKEN, /* the client is gone, or broke the protocol; the calls unwind */
};

struct tunnel_in {
    struct tunnel_server *tunnels;
    struct list node; /* of those that are open */
    enum tunnel_in_state state;

    grpc_call *grpc;
    struct rpc_tag requested, received, sent, over;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *arriving;
    int was_cancelled;
    unsigned batches; /* under way */
    bool sending;
    bool began;       /* initial metadata went out */
    bool closed;      /* the client's end of the stream is */
    bool leaving_due; /* LEAVING is to be said */

    struct rpc_flush flush;
    struct buffer out;
    struct list ready;                              /* calls that have something to send */
    struct tunnel_in_call *calls[TUNNEL_CALLS_MAX]; /* by slot */
    size_t call_count; /* also of those that the host has not released */
    char *certificate; /* PEM of the peer; NULL: not asked yet, or none */
    size_t certificate_bytes;
    bool certificate_known;
};

/* A call keeps its slot until the END is written, and its tunnel until the host has released it as well. */
struct tunnel_in_call {
    struct rpc_ctx ctx;
    struct list node; /* in the pool */
    struct list ready;
    struct tunnel_in *tunnel;
    uint32_t slot;
    int64_t window; /* what the client takes before it gives credit */
    struct rpc_queue queue;
    grpc_slice head;  /* the message that is being sent */
    size_t head_sent; /* bytes of it */
    bool has_head;
    bool hosted;   /* not released by the host */
    bool answered; /* the outcome is known */
    bool
        written; /* END is in `out`, or the tunnel is broken: the slot is not this call's any more */
    bool dropped;      /* the caller is gone: what is queued or comes is dropped */
    bool sender_waits; /* the handler sleeps until there is room */
    enum status status;
    grpc_slice details;
};

/* Begins a call, which may be over when this returns. False when the client breaks the protocol by it. */
bool tunnel_in_call_open(struct tunnel_in *tunnel, const struct tunnel_frame *frame);
/* What else the client said of a call. False as above. */
bool tunnel_in_call_take(struct tunnel_in *tunnel, const struct tunnel_frame *frame);
/* Writes a share of what the call has into `out`. True when there is more. */
bool tunnel_in_call_write(struct tunnel_in_call *call);
/* The tunnel is broken: the handler is told, and nothing is sent any more. */
void tunnel_in_call_break(struct tunnel_in_call *call);
void tunnel_in_call_free(struct list *node);

/* Something is to be sent at the end of this turn. */
void tunnel_in_due(struct tunnel_in *tunnel);
/* A call has let go of the tunnel, which may be gone afterwards. */
void tunnel_in_call_left(struct tunnel_in *tunnel);
/* PEM of the peer; empty when there is none. */
struct slice tunnel_in_certificate(struct tunnel_in *tunnel);
/* Calls for reuse. */
struct list *tunnel_in_pool(struct tunnel_server *tunnels, size_t **ret_count);
struct rpc_server *tunnel_in_server(const struct tunnel_in *tunnel);

#endif
