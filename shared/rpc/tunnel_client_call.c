/* A call that goes out through a tunnel. */
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/rpc/fault_wire.h"
#include "shared/rpc/tunnel_out.h"

static struct tunnel_out_call *call_of(struct rpc_call *call)
{
    return LIST_ENTRY(call, struct tunnel_out_call, call);
}

static void call_destroy(struct tunnel_out_call *call)
{
    rpc_queue_done(&call->queue);
    buffer_done(&call->part);
    grpc_slice_unref(call->diagnostic);
    free(call);
}

/* The outcome, once. */
static void call_settle(struct tunnel_out_call *call)
{
    if (call->ended)
        return;
    call->ended = true;
    if (!call->released) {
        deadlines_remove(rpc_runtime_deadlines(call->tunnel->runtime), &call->deadline);
        fiber_event_signal(call->call.event);
    }
}

static void call_fail(struct tunnel_out_call *call, enum status status)
{
    if (!call->ended)
        fault_wire_unpack(status, (struct slice){0}, &call->outcome);
    call_settle(call);
}

/* The slot is free again; a call that nobody has any more goes. */
static void call_leave(struct tunnel_out_call *call)
{
    struct tunnel_out *tunnel = call->tunnel;
    tunnel->calls[call->slot] = NULL;
    tunnel->free_slots[tunnel->free_count++] = (uint16_t)call->slot;
    list_remove(&call->owing);
    call->tunnel = NULL;
    if (tunnel->state == TUNNEL_OUT_LEAVES)
        tunnel_out_due(tunnel);
    if (call->released)
        call_destroy(call);
}

double tunnel_failures(const struct tunnel_out *tunnel, int64_t now_us)
{
    double left = 1 - (double)(now_us - tunnel->failed_us) / (TUNNEL_REST_MS * 1000.0);

    return left > 0 ? tunnel->failures * left : 0;
}

/* The server's own failure, or one of its limits; what a caller did wrong, or may not, every server answers so. */
static bool is_failure(enum status status)
{
    return status == STATUS_UNKNOWN || status == STATUS_INTERNAL || status == STATUS_DATA_LOSS ||
           status == STATUS_RESOURCE_EXHAUSTED || status == STATUS_UNIMPLEMENTED;
}

static void tunnel_note_failure(struct tunnel_out *tunnel)
{
    int64_t now_us = clock_monotonic_us();

    tunnel->failures = tunnel_failures(tunnel, now_us) + 1;
    tunnel->failed_us = now_us;
}

/* The server should end it; what still comes is not kept. */
static void call_give_up(struct tunnel_out_call *call)
{
    if (!call->tunnel || call->dropped)
        return;
    call->dropped = true;
    list_remove(&call->owing);
    buffer_done(&call->part);
    tunnel_put(&call->tunnel->out, TUNNEL_CANCEL, call->slot, (struct slice){0});
    tunnel_out_due(call->tunnel);
}

static void call_deadline_passed(struct deadline *deadline)
{
    struct tunnel_out_call *call = LIST_ENTRY(deadline, struct tunnel_out_call, deadline);
    tunnel_out_rest(call->tunnel, TUNNEL_REST_MS);
    call_fail(call, STATUS_DEADLINE_EXCEEDED);
    call_give_up(call);
}

/* ---- starting ---- */

static const struct rpc_channel_verbs call_verbs;

static bool tunnel_has_room(const struct tunnel_out *tunnel, const struct tunnel_opening *opening)
{
    return tunnel->state == TUNNEL_OUT_OPEN && tunnel->free_count > 0 && !tunnel->out.failed &&
           tunnel->out.len + tunnel_opening_bytes(opening) <= TUNNEL_OPENINGS_BYTES_MAX;
}

struct tunnel_out_call *tunnel_out_call_new(struct tunnel_out *tunnel,
                                            const struct rpc_channel *channel,
                                            const struct rpc_call_options *options)
{
    int64_t left_us = options->deadline_us - clock_monotonic_us();
    struct tunnel_opening opening = {
        .path = options->path,
        .timeout_us = left_us > 0 ? (uint32_t)left_us : 0,
        .pairs = options->metadata,
        .pair_count = options->metadata_count,
        .request = options->request,
    };
    if (options->deadline_us > tunnel->deadline_us || options->path.len > UINT16_MAX ||
        options->request.len > RPC_REQUEST_BYTES_MAX || !tunnel_has_room(tunnel, &opening))
        return NULL;
    struct tunnel_out_call *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    rpc_call_init(&call->call, channel, options);
    call->call.verbs = &call_verbs;
    call->tunnel = tunnel;
    call->window = RPC_CALL_QUEUE_BYTES;
    call->diagnostic = grpc_empty_slice();
    call->deadline =
        (struct deadline){.at_us = options->deadline_us, .passed = call_deadline_passed};
    list_init(&call->owing);
    buffer_init(&call->part, RPC_MESSAGE_BYTES_MAX);
    if (deadlines_add(rpc_runtime_deadlines(tunnel->runtime), &call->deadline) != STATUS_OK) {
        call_destroy(call);
        return NULL;
    }
    call->slot = tunnel->free_slots[--tunnel->free_count];
    tunnel->calls[call->slot] = call;
    tunnel_put_opening(&tunnel->out, call->slot, &opening);
    tunnel_out_due(tunnel);
    return call;
}

/* ---- what the server says ---- */

/* A message larger than any may be, or no memory for it: better no stream than one with a gap. */
static void call_lose(struct tunnel_out_call *call, bool too_large)
{
    call_fail(call, too_large ? STATUS_DATA_LOSS : STATUS_RESOURCE_EXHAUSTED);
    call_give_up(call);
}

static bool call_append(struct tunnel_out_call *call, struct slice bytes, bool whole)
{
    if (call->dropped)
        return true;
    if (call->part.len == 0 && call->window <= 0)
        return false; /* nothing may begin without credit */
    if (bytes.len > RPC_MESSAGE_BYTES_MAX - call->part.len) {
        call_lose(call, true);
        return true;
    }
    grpc_slice message;
    if (whole && call->part.len == 0) {
        message = grpc_slice_from_copied_buffer(bytes.ptr, bytes.len);
    } else {
        buffer_append_slice(&call->part, bytes);
        if (call->part.failed)
            call_lose(call, false);
        if (call->part.failed || !whole)
            return true;
        message = grpc_slice_from_copied_buffer(call->part.ptr, call->part.len);
        buffer_done(&call->part);
    }
    call->answered = true;
    call->window -= (int64_t)rpc_message_cost(&message);
    if (!rpc_queue_push(&call->queue, message))
        call_lose(call, false);
    else if (call->call.server_streaming)
        fiber_event_signal(call->call.event);
    return true;
}

static bool call_end(struct tunnel_out_call *call, struct slice body)
{
    struct tunnel_end end;
    if (!tunnel_read_end(body, &end) || call->part.len > 0)
        return false;
    if (end.status == STATUS_UNAVAILABLE)
        tunnel_out_rest(call->tunnel, TUNNEL_REST_MS);
    else if (end.status == STATUS_UNAUTHENTICATED && !call->answered)
        tunnel_out_refused(call->tunnel, end.details);
    else if (is_failure(end.status))
        tunnel_note_failure(call->tunnel);
    if (!call->ended)
        fault_wire_unpack(end.status, end.details, &call->outcome);
    call_settle(call);
    call_leave(call);
    return true;
}

bool tunnel_out_call_take(struct tunnel_out *tunnel, const struct tunnel_frame *frame)
{
    struct tunnel_out_call *call = tunnel->calls[frame->slot];
    if (!call)
        return false; /* the server speaks last of a slot */
    switch (frame->kind) {
    case TUNNEL_PART: return call_append(call, frame->body, false);
    case TUNNEL_MESSAGE: return call_append(call, frame->body, true);
    case TUNNEL_END: return call_end(call, frame->body);
    case TUNNEL_HELLO:
    case TUNNEL_OPENING:
    case TUNNEL_CANCEL:
    case TUNNEL_CREDIT:
    case TUNNEL_LEAVING: break;
    }
    return false;
}

void tunnel_out_call_break(struct tunnel_out_call *call, grpc_slice diagnostic)
{
    if (!call->ended)
        call->diagnostic = grpc_slice_ref(diagnostic);
    call_fail(call, STATUS_UNAVAILABLE);
    call_leave(call);
}

void tunnel_out_call_give_credit(struct tunnel_out_call *call)
{
    tunnel_put_credit(&call->tunnel->out, call->slot, call->owed_bytes);
    call->window += call->owed_bytes;
    call->owed_bytes = 0;
}

/* ---- the caller's verbs ---- */

static bool carried_next(struct rpc_call *base, grpc_slice *ret_message)
{
    struct tunnel_out_call *call = call_of(base);
    if (!rpc_queue_pop(&call->queue, ret_message))
        return false;
    call->owed_bytes += (uint32_t)rpc_message_cost(ret_message);
    if (call->tunnel && !call->dropped && call->owed_bytes >= RPC_CALL_QUEUE_BYTES / 2 &&
        list_empty(&call->owing)) {
        list_append(&call->tunnel->owing, &call->owing);
        tunnel_out_due(call->tunnel);
    }
    return true;
}

static bool carried_is_empty(struct rpc_call *base)
{
    return call_of(base)->queue.count == 0;
}

static bool carried_finished(struct rpc_call *base, struct fault *ret_fault)
{
    struct tunnel_out_call *call = call_of(base);
    if (!call->ended)
        return false;
    *ret_fault = call->outcome;
    return true;
}

static void carried_cancel(struct rpc_call *base)
{
    struct tunnel_out_call *call = call_of(base);
    rpc_queue_clear(&call->queue);
    call_give_up(call);
}

static void carried_release(struct rpc_call *base)
{
    struct tunnel_out_call *call = call_of(base);
    if (!call->tunnel) {
        call_destroy(call);
        return;
    }
    deadlines_remove(rpc_runtime_deadlines(call->tunnel->runtime), &call->deadline);
    rpc_queue_clear(&call->queue);
    call_give_up(call);
    call->released = true;
}

static struct slice carried_diagnostic(struct rpc_call *base)
{
    return rpc_message_bytes(&call_of(base)->diagnostic);
}

/* Only what concerns a call: the channel is an ordinary one. */
static const struct rpc_channel_verbs call_verbs = {
    .next = carried_next,
    .is_empty = carried_is_empty,
    .finished = carried_finished,
    .cancel = carried_cancel,
    .release = carried_release,
    .diagnostic = carried_diagnostic,
};
