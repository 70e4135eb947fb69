/* One call that came through a gRPC port.
 *
 * The host's side (`ctx`) fills the queue. Who finds something to send and nothing under way starts the batch;
 * the completion of one batch starts the next, so that a stream needs its handler only to fill the queue.
 *
 * It goes back to the pool when the host has released ctx and no batch is under way. */
#include <assert.h>
#include <grpc/grpc_security.h>
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/rpc/fault_wire.h"
#include "shared/rpc/queue.h"
#include "shared/rpc/server.h"

enum server_call_state {
    SERVER_CALL_POSTED, /* gRPC's: waits for a call */
    SERVER_CALL_OPEN,   /* the host's: messages are queued and sent */
    SERVER_CALL_ENDING, /* the host gave the outcome; the rest of the queue is being sent */
    SERVER_CALL_ENDED, /* the outcome is with gRPC, or the caller is gone: nothing is sent any more */
};

struct server_call {
    struct rpc_ctx ctx;
    struct list node; /* in the pool */
    struct rpc_server *server;
    struct server_method *method;
    struct rpc_tag requested, sent, closed;

    /* Filled by gRPC. */
    grpc_call *call;
    gpr_timespec deadline;
    grpc_call_details details;
    grpc_metadata_array metadata;
    grpc_byte_buffer *payload;
    int was_cancelled;

    /* Valid from ENDING on. */
    enum status outcome;
    grpc_slice outcome_text;
    grpc_metadata outcome_details;

    enum server_call_state state;
    bool hosted;       /* not released by the host */
    bool sending;      /* a batch of `sent` is under way */
    bool watching;     /* `closed` is under way */
    bool began;        /* initial metadata went out */
    bool watched;      /* the notice of close was asked for, by `closed` or with the last batch */
    bool sender_waits; /* the handler sleeps until there is room */
    bool broken;       /* the caller is gone: what is queued or comes is dropped */
    struct rpc_queue queue;
};

static struct server_call *call_of_ctx(struct rpc_ctx *ctx)
{
    return LIST_ENTRY(ctx, struct server_call, ctx);
}

/* ---- the pool ---- */

void server_call_free(struct list *node)
{
    struct server_call *call = LIST_ENTRY(node, struct server_call, node);
    rpc_ctx_done(&call->ctx);
    rpc_queue_done(&call->queue);
    grpc_metadata_array_destroy(&call->metadata);
    free(call);
}

static struct server_call *call_take(struct rpc_server *server)
{
    server_ref(server);
    struct list *node = list_pop(&server->pool);
    if (!node)
        return NULL;
    server->pooled--;
    return LIST_ENTRY(node, struct server_call, node);
}

/* Unless somebody still has it. The server may be gone afterwards. */
static void call_recycle(struct server_call *call)
{
    struct rpc_server *server = call->server;
    struct server_method *method = call->method;
    if (call->hosted || call->sending || call->watching)
        return;
    rpc_queue_clear(&call->queue);
    arena_reset(&call->ctx.arena); /* of a call that never reached the host */
    call->metadata.count = 0;
    if (call->outcome != STATUS_OK) {
        grpc_slice_unref(call->outcome_text);
        grpc_slice_unref(call->outcome_details.value);
    }
    if (call->call) {
        grpc_call_unref(call->call);
        server->calls_open--;
    }
    call->call = NULL;
    if (server->pooled < SERVER_POOL_MAX) {
        list_prepend(&server->pool, &call->node);
        server->pooled++;
    } else {
        server_call_free(&call->node);
    }
    if (method->missing > 0) {
        method->missing--;
        server_call_post(method);
    }
    server_unref(server);
}

/* ---- sending ---- */

/* What the next batch sends. */
struct batch {
    bool first;
    bool has_message;
    bool more_follows;
    bool last;
    bool watch;
    grpc_slice message;
};

/* True when there is something to send and nothing under way. */
static bool batch_take(struct server_call *call, struct batch *ret_batch)
{
    if (call->sending || call->broken || call->state == SERVER_CALL_ENDED)
        return false;
    struct batch batch = {.first = !call->began};
    batch.has_message = rpc_queue_pop(&call->queue, &batch.message);
    batch.more_follows = call->queue.count > 0;
    batch.last = call->state == SERVER_CALL_ENDING && !batch.more_follows;
    if (!batch.has_message && !batch.last)
        return false;
    if (batch.last) {
        call->state = SERVER_CALL_ENDED;
        batch.watch = !call->watched;
        call->watched = true;
    }
    call->began = true;
    *ret_batch = batch;
    return true;
}

/* The caller is gone, nothing reaches it any more. */
static void call_break(struct server_call *call)
{
    if (call->broken)
        return;
    call->broken = true;
    rpc_queue_clear(&call->queue);
    if (call->hosted && call->ctx.state == RPC_CTX_RUNNING)
        cancel_fire(&call->ctx.cancel);
}

static void batch_start(struct server_call *call, const struct batch *batch)
{
    grpc_op ops[4] = {0};
    size_t count = 0;
    grpc_byte_buffer *buffer = NULL;
    if (batch->first)
        ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    if (batch->has_message) {
        grpc_slice message = batch->message;
        buffer = grpc_raw_byte_buffer_create(&message, 1);
        grpc_slice_unref(message);
        ops[count].op = GRPC_OP_SEND_MESSAGE;
        ops[count].data.send_message.send_message = buffer;
        /* A hint on the first message or on the last one would stall it; one with a successor in the queue
         * is pushed out by that one. */
        if (batch->more_follows && !batch->first)
            ops[count].flags = GRPC_WRITE_BUFFER_HINT;
        count++;
    }
    if (batch->last) {
        struct grpc_op_send_status_from_server *end = &ops[count].data.send_status_from_server;
        ops[count++].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
        end->status = (grpc_status_code)call->outcome;
        if (call->outcome != STATUS_OK) {
            end->status_details = &call->outcome_text;
            end->trailing_metadata = &call->outcome_details;
            end->trailing_metadata_count = 1;
        }
    }
    if (batch->watch) {
        ops[count].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
        ops[count++].data.recv_close_on_server.cancelled = &call->was_cancelled;
    }
    call->sending = rpc_runtime_batch(call->server->runtime, call->call, ops, count, &call->sent);
    if (buffer)
        grpc_byte_buffer_destroy(buffer);
    if (!call->sending) { /* only a call that is already over gets there */
        rpc_runtime_cancel(call->server->runtime, call->call);
        call_break(call);
    }
}

static void call_send(struct server_call *call)
{
    struct batch batch;
    if (batch_take(call, &batch))
        batch_start(call, &batch);
}

static void call_sent(struct rpc_tag *tag, bool ok)
{
    struct server_call *call = LIST_ENTRY(tag, struct server_call, sent);
    call->sending = false;
    if (!ok)
        call_break(call);
    call_send(call);
    if (call->sender_waits && call->queue.cost_bytes <= RPC_STREAM_QUEUE_BYTES / 2) {
        call->sender_waits = false;
        if (call->hosted)
            fiber_event_signal(&call->ctx.room);
    }
    call_recycle(call);
}

/* ---- cancellation ---- */

static void call_closed(struct rpc_tag *tag, bool ok)
{
    (void)ok; /* always succeeds */
    struct server_call *call = LIST_ENTRY(tag, struct server_call, closed);
    call->watching = false;
    if (call->was_cancelled)
        call_break(call);
    call_recycle(call);
}

/* The handler waits: now it is worth a batch to learn that the caller left. One that answers at once has
 * this in its last batch. */
static void server_suspended(struct rpc_ctx *ctx)
{
    struct server_call *call = call_of_ctx(ctx);
    if (call->watched)
        return;
    call->watched = true;
    grpc_op watch = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
    watch.data.recv_close_on_server.cancelled = &call->was_cancelled;
    call->watching = rpc_runtime_batch(call->server->runtime, call->call, &watch, 1, &call->closed);
    if (!call->watching)
        call_break(call);
}

/* ---- the host's verbs ---- */

static bool server_has_room(struct rpc_ctx *ctx)
{
    struct server_call *call = call_of_ctx(ctx);
    call->sender_waits = call->queue.cost_bytes >= RPC_STREAM_QUEUE_BYTES;
    return !call->sender_waits;
}

/* Takes the message. Without memory: better no stream than one with a gap. */
static void call_push(struct server_call *call, grpc_slice message)
{
    if (call->broken) {
        grpc_slice_unref(message);
    } else if (!rpc_queue_push(&call->queue, message)) {
        rpc_runtime_cancel(call->server->runtime, call->call);
        call_break(call);
    }
}

static void server_send(struct rpc_ctx *ctx, grpc_slice message)
{
    struct server_call *call = call_of_ctx(ctx);
    call_push(call, message);
    call_send(call);
}

static void server_end(struct rpc_ctx *ctx, const struct fault *outcome, const grpc_slice *message)
{
    struct server_call *call = call_of_ctx(ctx);
    call->outcome = outcome->status;
    if (outcome->status != STATUS_OK) {
        call->outcome_text = grpc_slice_from_copied_string(outcome->text);
        call->outcome_details.key = grpc_slice_from_static_string(FAULT_WIRE_KEY);
        call->outcome_details.value = fault_wire_pack(outcome);
    }
    if (message)
        call_push(call, *message);
    call->state = SERVER_CALL_ENDING;
    call_send(call);
}

static void server_release(struct rpc_ctx *ctx)
{
    struct server_call *call = call_of_ctx(ctx);
    call->hosted = false;
    call_recycle(call);
}

static struct slice server_peer_certificate(struct rpc_ctx *ctx, struct arena *arena)
{
    struct slice pem = {0};
    grpc_auth_context *auth = grpc_call_auth_context(call_of_ctx(ctx)->call);
    if (!auth)
        return pem;
    if (grpc_auth_context_peer_is_authenticated(auth)) {
        grpc_auth_property_iterator it =
            grpc_auth_context_find_properties_by_name(auth, GRPC_X509_PEM_CERT_PROPERTY_NAME);
        const grpc_auth_property *property = grpc_auth_property_iterator_next(&it);
        if (property)
            pem = arena_copy(arena, slice_make(property->value, property->value_length));
    }
    grpc_auth_context_release(auth);
    return pem;
}

static const struct rpc_transport server_transport = {
    .has_room = server_has_room,
    .send = server_send,
    .end = server_end,
    .suspended = server_suspended,
    .release = server_release,
    .peer_certificate = server_peer_certificate,
};

/* ---- arrival ---- */

/* The metadata stays gRPC's and lives as long as the call. */
static bool call_list_metadata(struct server_call *call)
{
    struct rpc_ctx *ctx = &call->ctx;
    struct rpc_pair *pairs = arena_alloc(&ctx->arena, call->metadata.count * sizeof(*pairs));
    if (!pairs)
        return false;
    for (size_t i = 0; i < call->metadata.count; i++) {
        pairs[i].key = rpc_message_bytes(&call->metadata.metadata[i].key);
        pairs[i].value = rpc_message_bytes(&call->metadata.metadata[i].value);
    }
    ctx->pairs = pairs;
    ctx->pair_count = call->metadata.count;
    return true;
}

/* Ends a call that never reached the host. */
static void call_refuse(struct server_call *call, enum status status, const char *reason,
                        const char *text)
{
    struct fault fault;
    fault_set_reason(&fault, status, reason, NULL, "%s", text);
    if (status == STATUS_RESOURCE_EXHAUSTED)
        fault_set_retry(&fault, RPC_RETRY_AFTER_MS);
    server_end(&call->ctx, &fault, NULL);
    server_release(&call->ctx);
}

static void call_begin(struct server_call *call)
{
    struct rpc_ctx *ctx = &call->ctx;
    grpc_byte_buffer *payload = call->payload;
    call->payload = NULL;
    ctx->entry = call->method->entry;
    ctx->deadline_us = rpc_time_to_us(call->deadline);
    if (!rpc_message_take(payload, &ctx->request)) {
        call_refuse(call, STATUS_INVALID_ARGUMENT, NULL, "the call came without a request");
        return;
    }
    if (!call_list_metadata(call)) {
        grpc_slice_unref(ctx->request);
        call_refuse(call, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
        return;
    }
    rpc_host_start(ctx);
}

static void call_arrived(struct rpc_tag *tag, bool ok)
{
    struct server_call *call = LIST_ENTRY(tag, struct server_call, requested);
    struct rpc_server *server = call->server;
    struct server_method *method = call->method;
    if (!ok) { /* the server goes down */
        call->call = NULL;
        call_recycle(call);
        return;
    }
    server_call_post(method);
    bool refuse = !method->system && server->calls_open >= server->calls_max;
    server->calls_open++;
    call->state = SERVER_CALL_OPEN;
    call->hosted = true;
    if (!method->entry) {
        grpc_call_details_destroy(&call->details);
        call_refuse(call, STATUS_UNIMPLEMENTED, NULL, rpc_status_text(STATUS_UNIMPLEMENTED));
    } else if (refuse) {
        if (call->payload)
            grpc_byte_buffer_destroy(call->payload);
        call->payload = NULL;
        call_refuse(call, STATUS_RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", "too many calls are open");
    } else {
        call_begin(call);
    }
}

static struct server_call *call_new(void)
{
    struct server_call *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    rpc_ctx_init(&call->ctx, &server_transport);
    grpc_metadata_array_init(&call->metadata);
    call->requested.done = call_arrived;
    call->sent.done = call_sent;
    call->closed.done = call_closed;
    return call;
}

void server_call_post(struct server_method *method)
{
    struct rpc_server *server = method->server;
    struct server_call *call = call_take(server);
    if (!call)
        call = call_new();
    if (!call) {
        method->missing++;
        server_unref(server);
        return;
    }
    call->server = server;
    call->method = method;
    call->state = SERVER_CALL_POSTED;
    call->hosted = call->sending = call->watching = call->began = call->watched =
        call->sender_waits = call->broken = false;
    call->outcome = STATUS_OK;
    call->was_cancelled = 0;
    call->payload = NULL;
    struct rpc_request_slot slot = {&call->call, &call->metadata, &call->deadline, &call->payload,
                                    &call->details};
    if (!method->entry)
        grpc_call_details_init(&call->details);
    if (!rpc_runtime_request(server->runtime, server->server, method->registered, &slot,
                             &call->requested)) {
        call->call = NULL;
        call_recycle(call);
    }
}
