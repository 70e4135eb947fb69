/* The channel to a host in this process: no socket, but the same bytes, limits, interceptors and outcomes.
 *
 * Both ends of a call are one struct on one thread; it goes when both have let go of it. */
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/rpc/fault_wire.h"
#include "shared/rpc/incoming.h"
#include "shared/rpc/outgoing.h"
#include "shared/rpc/queue.h"

/* Calls kept for reuse, with their arenas. */
#define LOCAL_POOL_MAX 256

struct local_channel {
    struct rpc_channel channel;
    struct rpc_host *host;
    struct list pool;
    size_t pooled;
    size_t refs; /* the owner, and each call outside the pool */
};

struct local_call {
    struct rpc_call call; /* the caller's end */
    struct rpc_ctx ctx;   /* the handler's end */
    struct list node;     /* in the pool */
    struct local_channel *channel;
    unsigned refs;
    struct rpc_queue queue;
    bool handler_done; /* `outcome` is known */
    bool caller_gone;
    struct fault outcome;
    struct cancel_hook cancelled; /* deadline, or the caller's cancel */
};

static struct local_call *call_of(struct rpc_call *call)
{
    return (struct local_call *)call;
}

static struct local_call *call_of_ctx(struct rpc_ctx *ctx)
{
    return LIST_ENTRY(ctx, struct local_call, ctx);
}

static void channel_unref(struct local_channel *channel)
{
    if (--channel->refs > 0)
        return;
    for (struct list *node; (node = list_pop(&channel->pool));) {
        struct local_call *call = LIST_ENTRY(node, struct local_call, node);
        rpc_ctx_done(&call->ctx);
        rpc_queue_done(&call->queue);
        free(call);
    }
    free(channel);
}

static void call_unref(struct local_call *call)
{
    if (--call->refs > 0)
        return;
    struct local_channel *channel = call->channel;
    rpc_queue_clear(&call->queue);
    arena_reset(&call->ctx.arena);
    if (channel->pooled < LOCAL_POOL_MAX) {
        list_prepend(&channel->pool, &call->node);
        channel->pooled++;
    } else {
        rpc_ctx_done(&call->ctx);
        rpc_queue_done(&call->queue);
        free(call);
    }
    channel_unref(channel);
}

static void call_finish(struct local_call *call, const struct fault *outcome)
{
    if (call->handler_done)
        return;
    call->handler_done = true;
    call->outcome = *outcome;
    if (!call->caller_gone)
        fiber_event_signal(call->call.event);
}

/* ---- the handler's end ---- */

static bool local_has_room(struct rpc_ctx *ctx)
{
    return call_of_ctx(ctx)->queue.cost_bytes < RPC_STREAM_QUEUE_BYTES;
}

static void local_send(struct rpc_ctx *ctx, grpc_slice message)
{
    struct local_call *call = call_of_ctx(ctx);
    if (call->handler_done || call->caller_gone)
        grpc_slice_unref(message);
    else if (rpc_queue_push(&call->queue, message))
        fiber_event_signal(call->call.event);
    else
        cancel_fire(&ctx->cancel); /* no memory: better no stream than one with a gap */
}

static void local_end(struct rpc_ctx *ctx, const struct fault *outcome, const grpc_slice *message)
{
    struct local_call *call = call_of_ctx(ctx);
    cancel_hook_remove(&call->cancelled);
    if (message)
        local_send(ctx, *message);
    call_finish(call, outcome);
}

/* The caller does not wait for a handler that is slow to notice. */
static void local_cancelled(struct cancel_hook *hook)
{
    struct local_call *call = LIST_ENTRY(hook, struct local_call, cancelled);
    enum status status = clock_monotonic_us() >= call->ctx.cancel.deadline_us
                             ? STATUS_DEADLINE_EXCEEDED
                             : STATUS_CANCELLED;
    struct fault outcome;
    fault_set_reason(&outcome, status, NULL, NULL, "%s", rpc_status_text(status));
    call_finish(call, &outcome);
}

static void local_suspended(struct rpc_ctx *ctx)
{
    cancel_hook_add(&ctx->cancel, &call_of_ctx(ctx)->cancelled);
}

static void local_release(struct rpc_ctx *ctx)
{
    call_unref(call_of_ctx(ctx));
}

static struct slice local_peer_certificate(struct rpc_ctx *ctx, struct arena *arena)
{
    (void)ctx, (void)arena;
    return (struct slice){0};
}

static const struct rpc_transport local_transport = {
    .has_room = local_has_room,
    .send = local_send,
    .end = local_end,
    .suspended = local_suspended,
    .release = local_release,
    .peer_certificate = local_peer_certificate,
};

/* ---- the caller's end ---- */

static struct local_call *call_take(struct local_channel *channel)
{
    struct list *node = list_pop(&channel->pool);
    if (node) {
        channel->pooled--;
        return LIST_ENTRY(node, struct local_call, node);
    }
    struct local_call *call = calloc(1, sizeof(*call));
    if (call)
        rpc_ctx_init(&call->ctx, &local_transport);
    return call;
}

/* The fiber may begin after the caller's options are gone. */
static bool call_copy_metadata(struct local_call *call, const struct rpc_call_options *options)
{
    struct arena *arena = &call->ctx.arena;
    struct rpc_pair *pairs = arena_zalloc(arena, options->metadata_count, sizeof(*pairs));
    if (!pairs)
        return false;
    for (size_t i = 0; i < options->metadata_count; i++) {
        pairs[i].key = arena_copy(arena, options->metadata[i].key);
        pairs[i].value = arena_copy(arena, options->metadata[i].value);
    }
    call->ctx.pairs = pairs;
    call->ctx.pair_count = options->metadata_count;
    return !arena->failed;
}

static enum status local_start(struct rpc_channel *base, const struct rpc_call_options *options,
                               struct rpc_call **ret_call)
{
    struct local_channel *channel = (struct local_channel *)base;
    struct local_call *call = call_take(channel);
    if (!call)
        return STATUS_RESOURCE_EXHAUSTED;
    rpc_call_init(&call->call, base, options);
    call->channel = channel;
    channel->refs++;
    call->refs = 1;
    call->handler_done = false;
    call->caller_gone = false;
    call->cancelled.run = local_cancelled;
    list_init(&call->cancelled.node);
    if (!call_copy_metadata(call, options)) {
        call_unref(call);
        return STATUS_RESOURCE_EXHAUSTED;
    }
    *ret_call = &call->call;

    const struct rpc_entry *entry = rpc_host_find(channel->host, options->path);
    if (!entry) {
        struct fault outcome;
        fault_set(&outcome, STATUS_UNIMPLEMENTED, NULL, "%s",
                  rpc_status_text(STATUS_UNIMPLEMENTED));
        call_finish(call, &outcome);
        return STATUS_OK;
    }
    call->refs++;
    call->ctx.entry = entry;
    call->ctx.deadline_us = options->deadline_us;
    call->ctx.request = grpc_slice_from_copied_buffer(options->request.ptr, options->request.len);
    rpc_host_start(&call->ctx);
    return STATUS_OK;
}

static bool local_next(struct rpc_call *base, grpc_slice *ret_message)
{
    struct local_call *call = call_of(base);
    if (!rpc_queue_pop(&call->queue, ret_message))
        return false;
    if (call->queue.cost_bytes <= RPC_STREAM_QUEUE_BYTES / 2 && call->ctx.state == RPC_CTX_RUNNING)
        fiber_event_signal(&call->ctx.room);
    return true;
}

static bool local_is_empty(struct rpc_call *base)
{
    return call_of(base)->queue.count == 0;
}

static bool local_finished(struct rpc_call *base, struct fault *ret_fault)
{
    struct local_call *call = call_of(base);
    if (!call->handler_done)
        return false;
    *ret_fault = call->outcome;
    return true;
}

static void local_cancel(struct rpc_call *base)
{
    struct local_call *call = call_of(base);
    call->caller_gone = true;
    rpc_queue_clear(&call->queue);
    if (call->ctx.state == RPC_CTX_RUNNING)
        cancel_fire(&call->ctx.cancel);
}

static void local_call_release(struct rpc_call *base)
{
    struct local_call *call = call_of(base);
    call->caller_gone = true;
    call_unref(call);
}

static struct slice local_diagnostic(struct rpc_call *base)
{
    (void)base; /* nothing is said here that the outcome does not say */
    return (struct slice){0};
}

static void local_free(struct rpc_channel *base)
{
    channel_unref((struct local_channel *)base);
}

static const struct rpc_channel_verbs local_verbs = {
    .start = local_start,
    .free = local_free,
    .next = local_next,
    .is_empty = local_is_empty,
    .finished = local_finished,
    .cancel = local_cancel,
    .release = local_call_release,
    .diagnostic = local_diagnostic,
};

enum status rpc_channel_new_local(struct rpc_host *host, struct rpc_channel **ret_channel)
{
    struct local_channel *channel = calloc(1, sizeof(*channel));
    if (!channel)
        return STATUS_RESOURCE_EXHAUSTED;
    channel->channel.verbs = &local_verbs;
    channel->host = host;
    channel->refs = 1;
    list_init(&channel->pool);
    *ret_channel = &channel->channel;
    return STATUS_OK;
}
