/* A call that came through a tunnel: the host's other transport beside server_call.c. */
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/rpc/fault_wire.h"
#include "shared/rpc/tunnel_in.h"

static struct tunnel_in_call *call_of_ctx(struct rpc_ctx *ctx)
{
    return LIST_ENTRY(ctx, struct tunnel_in_call, ctx);
}

/* ---- the pool ---- */

void tunnel_in_call_free(struct list *node)
{
    struct tunnel_in_call *call = LIST_ENTRY(node, struct tunnel_in_call, node);
    rpc_ctx_done(&call->ctx);
    rpc_queue_done(&call->queue);
    free(call);
}

/* Nobody has the call any more. The tunnel may be gone afterwards. */
static void call_recycle(struct tunnel_in_call *call)
{
    struct tunnel_in *tunnel = call->tunnel;
    size_t *pooled;
    if (call->hosted || !call->written)
        return;
    struct list *pool = tunnel_in_pool(tunnel->tunnels, &pooled);
    arena_reset(&call->ctx.arena); /* of a call that never reached the host */
    grpc_slice_unref(call->details);
    tunnel_in_server(tunnel)->calls_open--;
    if (*pooled < SERVER_POOL_MAX) {
        list_prepend(pool, &call->node);
        (*pooled)++;
    } else {
        tunnel_in_call_free(&call->node);
    }
    tunnel_in_call_left(tunnel);
}

/* ---- sending ---- */

static void call_drop_queue(struct tunnel_in_call *call)
{
    rpc_queue_clear(&call->queue);
    if (call->has_head)
        grpc_slice_unref(call->head);
    call->has_head = false;
}

/* The next message may begin, or goes on, or the END is due. */
static bool call_is_ready(const struct tunnel_in_call *call)
{
    if (call->written)
        return false;
    if (call->has_head)
        return true;
    if (call->queue.count > 0)
        return call->window > 0;
    return call->answered;
}

static void call_look(struct tunnel_in_call *call)
{
    if (!call_is_ready(call) || !list_empty(&call->ready))
        return;
    list_append(&call->tunnel->ready, &call->ready);
    tunnel_in_due(call->tunnel);
}

/* The handler may go on once half of the queue is gone. */
static void call_has_room(struct tunnel_in_call *call)
{
    if (!call->sender_waits || call->queue.cost_bytes > RPC_STREAM_QUEUE_BYTES / 2)
        return;
    call->sender_waits = false;
    if (call->hosted)
        fiber_event_signal(&call->ctx.room);
}

/* A part of the message at the head, of at most so many bytes. Returns how many. */
static size_t call_write_part(struct tunnel_in_call *call, size_t bytes_max)
{
    struct slice rest = rpc_message_bytes(&call->head);
    rest = slice_make(rest.ptr + call->head_sent, rest.len - call->head_sent);
    bool whole = rest.len <= bytes_max;
    if (!whole)
        rest.len = bytes_max;
    tunnel_put(&call->tunnel->out, whole ? TUNNEL_MESSAGE : TUNNEL_PART, call->slot, rest);
    call->head_sent += rest.len;
    if (whole) {
        call->window -= (int64_t)rpc_message_cost(&call->head);
        grpc_slice_unref(call->head);
        call->has_head = false;
    }
    return rest.len;
}

static void call_write_end(struct tunnel_in_call *call)
{
    const struct tunnel_end end = {call->status, rpc_message_bytes(&call->details)};
    tunnel_put_end(&call->tunnel->out, call->slot, &end);
    call->tunnel->calls[call->slot] = NULL;
    call->written = true;
    call_recycle(call);
}

bool tunnel_in_call_write(struct tunnel_in_call *call)
{
    size_t left = TUNNEL_SHARE_BYTES;
    while (left > TUNNEL_HEAD_BYTES && call_is_ready(call)) {
        if (!call->has_head && call->queue.count == 0) {
            call_write_end(call);
            return false;
        }
        if (!call->has_head) {
            call->has_head = rpc_queue_pop(&call->queue, &call->head);
            call->head_sent = 0;
            call_has_room(call);
        }
        left -= TUNNEL_HEAD_BYTES;
        left -= call_write_part(call, left);
    }
    return call_is_ready(call);
}

/* ---- the caller leaves ---- */

static void call_drop(struct tunnel_in_call *call)
{
    if (call->dropped)
        return;
    call->dropped = true;
    call_drop_queue(call);
    if (call->hosted && call->ctx.state == RPC_CTX_RUNNING)
        cancel_fire(&call->ctx.cancel);
}

void tunnel_in_call_break(struct tunnel_in_call *call)
{
    call->tunnel->calls[call->slot] = NULL;
    list_remove(&call->ready);
    call->written = true;
    call_drop(call);
    call_recycle(call);
}

/* ---- the host's verbs ---- */

static bool served_has_room(struct rpc_ctx *ctx)
{
    struct tunnel_in_call *call = call_of_ctx(ctx);
    call->sender_waits = call->queue.cost_bytes >= RPC_STREAM_QUEUE_BYTES;
    return !call->sender_waits;
}

static void served_send(struct rpc_ctx *ctx, grpc_slice message)
{
    struct tunnel_in_call *call = call_of_ctx(ctx);
    if (call->dropped) {
        grpc_slice_unref(message);
    } else if (!rpc_queue_push(&call->queue, message)) {
        call_drop(call); /* no memory: better no stream than one with a gap */
    } else {
        call_look(call);
    }
}

static void served_end(struct rpc_ctx *ctx, const struct fault *outcome, const grpc_slice *message)
{
    struct tunnel_in_call *call = call_of_ctx(ctx);
    if (message)
        served_send(ctx, *message);
    call->answered = true;
    call->status = outcome->status;
    call->details = fault_wire_pack(outcome);
    call_look(call);
}

static void served_suspended(struct rpc_ctx *ctx)
{
    (void)ctx; /* that the caller leaves is said by the tunnel, asked or not */
}

static void served_release(struct rpc_ctx *ctx)
{
    struct tunnel_in_call *call = call_of_ctx(ctx);
    call->hosted = false;
    call_recycle(call);
}

static struct slice served_peer_certificate(struct rpc_ctx *ctx, struct arena *arena)
{
    (void)arena;
    return tunnel_in_certificate(call_of_ctx(ctx)->tunnel);
}

static const struct rpc_transport served_transport = {
    .has_room = served_has_room,
    .send = served_send,
    .end = served_end,
    .suspended = served_suspended,
    .release = served_release,
    .peer_certificate = served_peer_certificate,
};

/* ---- arrival ---- */

static struct tunnel_in_call *call_take(struct tunnel_in *tunnel)
{
    size_t *pooled;
    struct list *pool = tunnel_in_pool(tunnel->tunnels, &pooled);
    struct list *node = list_pop(pool);
    if (node) {
        (*pooled)--;
        return LIST_ENTRY(node, struct tunnel_in_call, node);
    }
    struct tunnel_in_call *call = calloc(1, sizeof(*call));
    if (call)
        rpc_ctx_init(&call->ctx, &served_transport);
    return call;
}

static struct tunnel_in_call *call_new(struct tunnel_in *tunnel, uint32_t slot)
{
    struct tunnel_in_call *call = call_take(tunnel);
    if (!call)
        return NULL;
    list_init(&call->node);
    list_init(&call->ready);
    call->tunnel = tunnel;
    call->slot = slot;
    call->window = RPC_CALL_QUEUE_BYTES;
    call->has_head = call->answered = call->written = call->dropped = call->sender_waits = false;
    call->hosted = true;
    call->status = STATUS_OK;
    call->details = grpc_empty_slice();
    tunnel->calls[slot] = call;
    tunnel->call_count++;
    tunnel_in_server(tunnel)->calls_open++;
    return call;
}

/* Ends a call that never reached the host. */
static void call_refuse(struct tunnel_in_call *call, enum status status, const char *reason,
                        const char *text)
{
    struct fault fault;
    fault_set_reason(&fault, status, reason, NULL, "%s", text);
    if (status == STATUS_RESOURCE_EXHAUSTED)
        fault_set_retry(&fault, RPC_RETRY_AFTER_MS);
    served_end(&call->ctx, &fault, NULL);
    served_release(&call->ctx);
}

/* The message that all this points into goes before the call does. */
static bool call_copy(struct tunnel_in_call *call, const struct tunnel_opening *opening)
{
    struct rpc_ctx *ctx = &call->ctx;
    struct rpc_pair *pairs = arena_zalloc(&ctx->arena, opening->pair_count, sizeof(*pairs));
    if (!pairs)
        return false;
    for (size_t i = 0; i < opening->pair_count; i++) {
        pairs[i].key = arena_copy(&ctx->arena, opening->pairs[i].key);
        pairs[i].value = arena_copy(&ctx->arena, opening->pairs[i].value);
    }
    ctx->pairs = pairs;
    ctx->pair_count = opening->pair_count;
    return !ctx->arena.failed;
}

static void call_begin(struct tunnel_in_call *call, const struct tunnel_opening *opening)
{
    struct rpc_server *server = tunnel_in_server(call->tunnel);
    struct rpc_ctx *ctx = &call->ctx;
    bool full = server->calls_open > server->calls_max;
    ctx->entry = rpc_host_find(server->host, opening->path);
    if (!ctx->entry) {
        ctx->entry = rpc_host_find(server->system_host, opening->path);
        full = false; /* health is not refused under load */
    }
    if (!ctx->entry) {
        call_refuse(call, STATUS_UNIMPLEMENTED, NULL, rpc_status_text(STATUS_UNIMPLEMENTED));
    } else if (full) {
        call_refuse(call, STATUS_RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", "too many calls are open");
    } else if (!call_copy(call, opening)) {
        call_refuse(call, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    } else {
        ctx->deadline_us = clock_monotonic_us() + opening->timeout_us;
        ctx->request = grpc_slice_from_copied_buffer(opening->request.ptr, opening->request.len);
        rpc_host_start(ctx);
    }
}

bool tunnel_in_call_open(struct tunnel_in *tunnel, const struct tunnel_frame *frame)
{
    struct rpc_pair pairs[RPC_PAIRS_MAX];
    struct tunnel_opening opening;
    if (tunnel->calls[frame->slot] || !tunnel_read_opening(frame->body, pairs, &opening))
        return false;
    struct tunnel_in_call *call = call_new(tunnel, frame->slot);
    if (!call)
        return false; /* no memory even to refuse it */
    call_begin(call, &opening);
    return true;
}

bool tunnel_in_call_take(struct tunnel_in *tunnel, const struct tunnel_frame *frame)
{
    struct tunnel_in_call *call = tunnel->calls[frame->slot];
    uint32_t bytes = 0;
    if (frame->kind == TUNNEL_CREDIT && !tunnel_read_credit(frame->body, &bytes))
        return false;
    if (!call)
        return true; /* it met the END */
    if (frame->kind == TUNNEL_CANCEL)
        call_drop(call);
    else
        call->window += bytes;
    call_look(call);
    return call->window <= RPC_CALL_QUEUE_BYTES;
}
