/* tunnel_out: one tunnel at the client, and the calls in it. Private to tunnel_client.c and tunnel_client_call.c. */
#ifndef PEK_SHARED_RPC_TUNNEL_OUT_H
#define PEK_SHARED_RPC_TUNNEL_OUT_H

#include "shared/base/list.h"
#include "shared/rpc/queue.h"
#include "shared/rpc/tunnel.h"
#include "shared/rpc/tunnel_frame.h"

enum tunnel_out_state {
    TUNNEL_OUT_OPENS,  /* the server has not said HELLO */
    TUNNEL_OUT_OPEN,   /* takes calls */
    TUNNEL_OUT_LEAVES, /* takes none; ends when its calls have */
    TUNNEL_OUT_ENDED,  /* its calls have ended; waits for gRPC */
};

struct tunnel_out {
    struct tunnel_client *client; /* NULL once the channel is gone */
    struct list node;             /* of the client's */
    struct rpc_runtime *runtime;
    enum tunnel_out_state state;
    int64_t opened_us, deadline_us;
    char *peer;       /* the server's address, once it said HELLO */
    int64_t rests_us; /* until then others are asked, if there are any */
    double failures;  /* of its calls, the older the less of each; at failed_us */
    int64_t failed_us;
    uint64_t used; /* greater than that of a tunnel that was used before it */

    grpc_call *grpc;
    struct rpc_tag received, sent, finished;
    grpc_metadata_array initial, trailing;
    grpc_byte_buffer *arriving;
    grpc_status_code code;
    grpc_slice text;
    unsigned batches; /* under way */
    bool sending;
    bool closed; /* our end of the stream is */

    struct rpc_flush flush;
    struct buffer out;
    struct list owing;                               /* calls with credit to give back */
    struct tunnel_out_call *calls[TUNNEL_CALLS_MAX]; /* by slot */
    uint16_t free_slots[TUNNEL_CALLS_MAX];
    size_t free_count;
};

/* A call in a tunnel. Whoever called may be through with it before the server has said END; then it keeps its slot, and is
 * freed with it. */
struct tunnel_out_call {
    struct rpc_call call;
    struct tunnel_out *tunnel; /* NULL after the END, and when the tunnel broke */
    uint32_t slot;
    struct list owing;
    struct deadline deadline;
    struct rpc_queue queue;
    struct buffer part; /* of the message that is arriving */
    int64_t
        window; /* what the server may send before it gets credit; below 0 by one message at most */
    uint32_t owed_bytes;
    bool
        answered; /* with a message at least: who ends then with UNAUTHENTICATED saw a token expire */
    bool ended;   /* `outcome` is known */
    bool dropped;  /* what arrives is not kept */
    bool released; /* nobody reads it any more */
    struct fault outcome;
    grpc_slice diagnostic;
};

/* A call of this tunnel, in a free slot; its opening is in `out`. NULL when the tunnel cannot take it. */
struct tunnel_out_call *tunnel_out_call_new(struct tunnel_out *tunnel,
                                            const struct rpc_channel *channel,
                                            const struct rpc_call_options *options);
/* Takes what the server said of a call. False when it may not say that. */
bool tunnel_out_call_take(struct tunnel_out *tunnel, const struct tunnel_frame *frame);
/* The tunnel is broken: the call ends UNAVAILABLE, and is out of it. */
void tunnel_out_call_break(struct tunnel_out_call *call, grpc_slice diagnostic);
/* Puts what the call owes into `out`. */
void tunnel_out_call_give_credit(struct tunnel_out_call *call);

/* It gets no calls for so long, or longer, while others are there: another try of the same goes to another server. */
void tunnel_out_rest(struct tunnel_out *tunnel, int64_t ms);
/* The server does not take what the caller says of itself; `details` are those of the fault. */
void tunnel_out_refused(struct tunnel_out *tunnel, struct slice details);

/* How many calls that failed it still has to bear; a failure is forgotten within TUNNEL_REST_MS. */
double tunnel_failures(const struct tunnel_out *tunnel, int64_t now_us);

/* Something is to be sent at the end of this turn, or the last call has left. */
void tunnel_out_due(struct tunnel_out *tunnel);

#endif
