/* The server's end of tunnels: one gRPC stream each. */
#include <grpc/grpc_security.h>
#include <stdlib.h>

#include "shared/rpc/tunnel_in.h"

/* What one write of a call may add to a message: its share and the END. */
#define WRITE_BYTES_MAX (TUNNEL_SHARE_BYTES + 8192)

struct tunnel_server {
    struct rpc_server *server;
    void *registered;
    struct list open;
    size_t open_count;
    struct list pool; /* of calls */
    size_t pooled;
    bool leaving;
    bool deaf; /* no next tunnel was asked for, for want of memory: it is when one has ended */
};

struct rpc_server *tunnel_in_server(const struct tunnel_in *tunnel)
{
    return tunnel->tunnels->server;
}

struct list *tunnel_in_pool(struct tunnel_server *tunnels, size_t **ret_count)
{
    *ret_count = &tunnels->pooled;
    return &tunnels->pool;
}

static void tunnel_post(struct tunnel_server *tunnels);

/* ---- the end ---- */

static void tunnel_destroy(struct tunnel_in *tunnel)
{
    struct tunnel_server *tunnels = tunnel->tunnels;
    if (tunnel->grpc) {
        list_remove(&tunnel->node);
        tunnels->open_count--;
        grpc_call_unref(tunnel->grpc);
    }
    list_remove(&tunnel->flush.node);
    grpc_metadata_array_destroy(&tunnel->metadata);
    buffer_done(&tunnel->out);
    free(tunnel->certificate);
    free(tunnel);
    if (tunnels->deaf)
        tunnel_post(tunnels);
    server_unref(tunnels->server);
}

/* Unless somebody still has it. */
static void tunnel_let_go(struct tunnel_in *tunnel)
{
    if (tunnel->batches == 0 && tunnel->call_count == 0 && tunnel->state >= TUNNEL_IN_ENDING)
        tunnel_destroy(tunnel);
}

void tunnel_in_call_left(struct tunnel_in *tunnel)
{
    tunnel->call_count--;
    /* One that is used has a batch under way, which comes to an end later than this. */
    if (tunnel->state == TUNNEL_IN_BROKEN)
        tunnel_let_go(tunnel);
    else if (tunnel->call_count == 0)
        tunnel_in_due(tunnel);
}

static void tunnel_completed(struct tunnel_in *tunnel)
{
    tunnel->batches--;
    tunnel_let_go(tunnel);
}

/* The calls unwind. Whoever calls this holds a batch that was not yet counted off. */
static void tunnel_break(struct tunnel_in *tunnel)
{
    if (tunnel->state == TUNNEL_IN_BROKEN)
        return;
    tunnel->state = TUNNEL_IN_BROKEN;
    list_remove(&tunnel->flush.node);
    rpc_runtime_cancel(tunnel_in_server(tunnel)->runtime, tunnel->grpc);
    for (size_t i = 0; i < TUNNEL_CALLS_MAX; i++)
        if (tunnel->calls[i])
            tunnel_in_call_break(tunnel->calls[i]);
}

/* ---- sending ---- */

void tunnel_in_due(struct tunnel_in *tunnel)
{
    if (tunnel->state == TUNNEL_IN_OPEN)
        rpc_runtime_flush_later(tunnel_in_server(tunnel)->runtime, &tunnel->flush);
}

static bool tunnel_batch(struct tunnel_in *tunnel, const grpc_op *ops, size_t count,
                         struct rpc_tag *tag)
{
    if (!rpc_runtime_batch(tunnel_in_server(tunnel)->runtime, tunnel->grpc, ops, count, tag))
        return false;
    tunnel->batches++;
    return true;
}

static bool tunnel_send(struct tunnel_in *tunnel)
{
    grpc_op ops[2] = {0};
    size_t count = 0;
    if (!tunnel->began)
        ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    tunnel->began = true;
    grpc_slice bytes = grpc_slice_from_copied_buffer(tunnel->out.ptr, tunnel->out.len);
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&bytes, 1);
    grpc_slice_unref(bytes);
    buffer_reset(&tunnel->out);
    ops[count].op = GRPC_OP_SEND_MESSAGE;
    ops[count++].data.send_message.send_message = message;
    tunnel->sending = tunnel_batch(tunnel, ops, count, &tunnel->sent);
    grpc_byte_buffer_destroy(message);
    return tunnel->sending;
}

/* The stream ends; `over` completes then. */
static void tunnel_send_status(struct tunnel_in *tunnel, grpc_status_code status)
{
    grpc_op ops[2] = {0};
    size_t count = 0;
    if (!tunnel->began)
        ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    tunnel->began = true;
    ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[count++].data.send_status_from_server.status = status;
    tunnel->state = TUNNEL_IN_ENDING;
    tunnel->sending = tunnel_batch(tunnel, ops, count, &tunnel->sent);
    if (!tunnel->sending)
        rpc_runtime_cancel(tunnel_in_server(tunnel)->runtime, tunnel->grpc);
}

/* At the end of a turn: what the calls have to send, each its share in turn. */
static void tunnel_flush(struct rpc_flush *flush)
{
    struct tunnel_in *tunnel = LIST_ENTRY(flush, struct tunnel_in, flush);
    if (tunnel->sending || tunnel->state != TUNNEL_IN_OPEN)
        return; /* the completion comes back to it */
    if (tunnel->leaving_due)
        tunnel_put(&tunnel->out, TUNNEL_LEAVING, 0, (struct slice){0});
    tunnel->leaving_due = false;
    while (!list_empty(&tunnel->ready) &&
           tunnel->out.len + WRITE_BYTES_MAX <= TUNNEL_MESSAGE_BYTES_MAX) {
        struct list *node = list_pop(&tunnel->ready);
        if (tunnel_in_call_write(LIST_ENTRY(node, struct tunnel_in_call, ready)))
            list_append(&tunnel->ready, node);
    }
    if (tunnel->out.failed || (tunnel->out.len > 0 && !tunnel_send(tunnel)))
        tunnel_break(tunnel);
    else if (tunnel->closed && tunnel->call_count == 0 && !tunnel->sending)
        tunnel_send_status(tunnel, GRPC_STATUS_OK);
}

static void tunnel_sent(struct rpc_tag *tag, bool ok)
{
    struct tunnel_in *tunnel = LIST_ENTRY(tag, struct tunnel_in, sent);
    tunnel->sending = false;
    if (ok)
        tunnel_in_due(tunnel); /* else `over` says that the client is gone */
    tunnel_completed(tunnel);
}

/* ---- receiving ---- */

static bool tunnel_take_frame(struct tunnel_in *tunnel, const struct tunnel_frame *frame)
{
    switch (frame->kind) {
    case TUNNEL_OPENING: return tunnel_in_call_open(tunnel, frame);
    case TUNNEL_CANCEL:
    case TUNNEL_CREDIT: return tunnel_in_call_take(tunnel, frame);
    case TUNNEL_HELLO:
    case TUNNEL_PART:
    case TUNNEL_MESSAGE:
    case TUNNEL_END:
    case TUNNEL_LEAVING: break;
    }
    return false;
}

static bool tunnel_take_message(struct tunnel_in *tunnel, struct slice rest)
{
    struct tunnel_frame frame;
    if (rest.len > TUNNEL_MESSAGE_BYTES_MAX)
        return false;
    while (rest.len > 0)
        if (!tunnel_take(&rest, &frame) || !tunnel_take_frame(tunnel, &frame))
            return false;
    return true;
}

static void tunnel_receive(struct tunnel_in *tunnel)
{
    grpc_op receive = {.op = GRPC_OP_RECV_MESSAGE};
    receive.data.recv_message.recv_message = &tunnel->arriving;
    if (!tunnel_batch(tunnel, &receive, 1, &tunnel->received))
        tunnel_break(tunnel);
}

/* The client sends no more: it has no calls any more, or should not say so. */
static void tunnel_closed(struct tunnel_in *tunnel)
{
    if (tunnel->call_count > 0)
        tunnel_break(tunnel);
    tunnel->closed = true;
    tunnel_in_due(tunnel);
}

static void tunnel_received(struct rpc_tag *tag, bool ok)
{
    struct tunnel_in *tunnel = LIST_ENTRY(tag, struct tunnel_in, received);
    grpc_slice message;
    bool got = rpc_message_take(tunnel->arriving, &message);
    tunnel->arriving = NULL;
    if (tunnel->state == TUNNEL_IN_OPEN && ok) {
        if (!got)
            tunnel_closed(tunnel);
        else if (tunnel_take_message(tunnel, rpc_message_bytes(&message)))
            tunnel_receive(tunnel);
        else
            tunnel_break(tunnel);
    }
    if (got)
        grpc_slice_unref(message);
    tunnel_completed(tunnel);
}

/* The last that is heard of a tunnel: the client is gone, or the status went out. */
static void tunnel_over(struct rpc_tag *tag, bool ok)
{
    (void)ok; /* always succeeds */
    struct tunnel_in *tunnel = LIST_ENTRY(tag, struct tunnel_in, over);
    tunnel_break(tunnel);
    tunnel_completed(tunnel);
}

/* ---- arrival ---- */

static void tunnel_arrived(struct rpc_tag *tag, bool ok)
{
    struct tunnel_in *tunnel = LIST_ENTRY(tag, struct tunnel_in, requested);
    struct tunnel_server *tunnels = tunnel->tunnels;
    if (!ok) { /* the server goes down */
        tunnel->grpc = NULL;
        tunnel_destroy(tunnel);
        return;
    }
    tunnel_post(tunnels);
    list_append(&tunnels->open, &tunnel->node);
    bool refuse = tunnels->open_count++ >= TUNNEL_SERVER_MAX || tunnels->leaving || tunnels->deaf;
    grpc_op watch = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
    watch.data.recv_close_on_server.cancelled = &tunnel->was_cancelled;
    if (!tunnel_batch(tunnel, &watch, 1, &tunnel->over)) {
        rpc_runtime_cancel(tunnels->server->runtime, tunnel->grpc);
        tunnel_destroy(tunnel);
    } else if (refuse) {
        tunnel_send_status(tunnel, tunnels->leaving ? GRPC_STATUS_UNAVAILABLE
                                                    : GRPC_STATUS_RESOURCE_EXHAUSTED);
    } else {
        tunnel->state = TUNNEL_IN_OPEN;
        tunnel_put(&tunnel->out, TUNNEL_HELLO, 0, (struct slice){0});
        tunnel_in_due(tunnel);
        tunnel_receive(tunnel);
    }
}

static void tunnel_post(struct tunnel_server *tunnels)
{
    struct rpc_server *server = tunnels->server;
    struct tunnel_in *tunnel = calloc(1, sizeof(*tunnel));
    tunnels->deaf = !tunnel;
    if (!tunnel)
        return;
    tunnel->tunnels = tunnels;
    tunnel->state = TUNNEL_IN_POSTED;
    tunnel->requested.done = tunnel_arrived;
    tunnel->received.done = tunnel_received;
    tunnel->sent.done = tunnel_sent;
    tunnel->over.done = tunnel_over;
    tunnel->flush.run = tunnel_flush;
    list_init(&tunnel->node);
    list_init(&tunnel->flush.node);
    list_init(&tunnel->ready);
    buffer_init(&tunnel->out, TUNNEL_MESSAGE_BYTES_MAX);
    grpc_metadata_array_init(&tunnel->metadata);
    server_ref(server);
    struct rpc_request_slot slot = {
        .call = &tunnel->grpc, .metadata = &tunnel->metadata, .deadline = &tunnel->deadline};
    if (!rpc_runtime_request(server->runtime, server->server, tunnels->registered, &slot,
                             &tunnel->requested)) {
        tunnel->grpc = NULL;
        tunnel_destroy(tunnel);
    }
}

/* ---- the peer ---- */

static void certificate_ask(struct tunnel_in *tunnel)
{
    grpc_auth_context *auth = grpc_call_auth_context(tunnel->grpc);
    if (!auth)
        return;
    if (grpc_auth_context_peer_is_authenticated(auth)) {
        grpc_auth_property_iterator it =
            grpc_auth_context_find_properties_by_name(auth, GRPC_X509_PEM_CERT_PROPERTY_NAME);
        const grpc_auth_property *property = grpc_auth_property_iterator_next(&it);
        tunnel->certificate = property ? malloc(property->value_length + 1) : NULL;
        if (tunnel->certificate) {
            memcpy(tunnel->certificate, property->value, property->value_length);
            tunnel->certificate_bytes = property->value_length;
        }
    }
    grpc_auth_context_release(auth);
}

struct slice tunnel_in_certificate(struct tunnel_in *tunnel)
{
    if (!tunnel->certificate_known)
        certificate_ask(tunnel);
    tunnel->certificate_known = true;
    return slice_make(tunnel->certificate, tunnel->certificate_bytes);
}

/* ---- life ---- */

enum status tunnel_server_new(struct rpc_server *server, struct tunnel_server **ret_tunnels,
                              struct fault *fault)
{
    struct tunnel_server *tunnels = calloc(1, sizeof(*tunnels));
    if (!tunnels)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    tunnels->server = server;
    list_init(&tunnels->open);
    list_init(&tunnels->pool);
    tunnels->registered =
        grpc_server_register_method(server->server, TUNNEL_PATH, NULL, GRPC_SRM_PAYLOAD_NONE, 0);
    if (!tunnels->registered) {
        free(tunnels);
        return fault_set(fault, STATUS_INTERNAL, NULL, "the tunnel could not be registered");
    }
    *ret_tunnels = tunnels;
    return STATUS_OK;
}

void tunnel_server_start(struct tunnel_server *tunnels)
{
    tunnel_post(tunnels);
}

void tunnel_server_set_serving(struct tunnel_server *tunnels, bool serving)
{
    tunnels->leaving = !serving;
    if (serving)
        return;
    LIST_FOR_EACH (node, &tunnels->open) {
        struct tunnel_in *tunnel = LIST_ENTRY(node, struct tunnel_in, node);
        tunnel->leaving_due = true;
        tunnel_in_due(tunnel);
    }
}

size_t tunnel_server_open(const struct tunnel_server *tunnels)
{
    return tunnels->open_count;
}

struct tunnel_server *tunnel_server_free(struct tunnel_server *tunnels)
{
    if (!tunnels)
        return NULL;
    for (struct list *node; (node = list_pop(&tunnels->pool));)
        tunnel_in_call_free(node);
    free(tunnels);
    return NULL;
}
