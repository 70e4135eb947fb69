/* What every outgoing call has in common, and the straight-line unary call. */
#include <grpc/grpc.h>

#include "shared/base/clock.h"
#include "shared/rpc/fault_wire.h"
#include "shared/rpc/outgoing.h"
#include "shared/rpc/queue.h"

/* Of rpc_call_unary when neither the caller nor its cancellation knows one. */
#define CALL_DEADLINE_DEFAULT_MS 30000

/* A batch with illegal metadata would neither be sent nor complete: look first. */
bool rpc_pair_is_legal(const struct rpc_pair *pair)
{
    grpc_slice key = grpc_slice_from_static_buffer(pair->key.ptr, pair->key.len);
    if (pair->key.len == 0 || !grpc_header_key_is_legal(key) ||
        slice_starts_with(pair->key, SLICE_LIT("grpc-")) || pair->key.ptr[0] == ':')
        return false;
    if (grpc_is_binary_header(key))
        return true;
    grpc_slice value = grpc_slice_from_static_buffer(pair->value.ptr, pair->value.len);
    return pair->value.len == 0 || grpc_header_nonbin_value_is_legal(value);
}

static enum status options_check(const struct rpc_call_options *options)
{
    if (options->deadline_us == DEADLINE_NONE || options->metadata_count > RPC_PAIRS_MAX ||
        options->path.len == 0 || options->path.ptr[0] != '/')
        return STATUS_INVALID_ARGUMENT;
    size_t bytes = 0;
    for (size_t i = 0; i < options->metadata_count; i++) {
        const struct rpc_pair *pair = &options->metadata[i];
        if (!rpc_pair_is_legal(pair))
            return STATUS_INVALID_ARGUMENT;
        bytes += pair->key.len + pair->value.len;
    }
    if (bytes > RPC_METADATA_BYTES_MAX || options->request.len > RPC_MESSAGE_BYTES_MAX)
        return STATUS_RESOURCE_EXHAUSTED;
    return STATUS_OK;
}

void rpc_call_init(struct rpc_call *call, const struct rpc_channel *channel,
                   const struct rpc_call_options *options)
{
    *call = (struct rpc_call){
        .verbs = channel->verbs,
        .event = options->event,
        .server_streaming = options->server_streaming,
    };
}

enum status rpc_call_start(struct rpc_channel *channel, const struct rpc_call_options *options,
                           struct rpc_call **ret_call)
{
    enum status status = options_check(options);
    if (status != STATUS_OK)
        return status;
    return channel->verbs->start(channel, options, ret_call);
}

/* The answer of a unary call counts only with an outcome of OK, and when it is the only one. */
static void call_take_unary(struct rpc_call *call)
{
    size_t count = 0;
    grpc_slice message;
    while (call->verbs->next(call, &message)) {
        if (count++ == 0)
            call->unary = message;
        else
            grpc_slice_unref(message);
    }
    if (call->outcome.status == STATUS_OK && count == 1) {
        call->has_unary = true;
        return;
    }
    if (count > 0)
        grpc_slice_unref(call->unary);
    if (call->outcome.status == STATUS_OK)
        fault_set(&call->outcome, STATUS_INTERNAL, NULL, "the answer holds %zu messages, not one",
                  count);
}

static void call_settle(struct rpc_call *call)
{
    if (call->state != RPC_CALL_OPEN || !call->verbs->finished(call, &call->outcome))
        return;
    call->state = RPC_CALL_SETTLED;
    /* Not ours: the other side dropped the call, as a server does that goes down. */
    if (call->outcome.status == STATUS_CANCELLED)
        fault_set(&call->outcome, STATUS_UNAVAILABLE, NULL, "%s",
                  rpc_status_text(STATUS_UNAVAILABLE));
    if (!call->server_streaming)
        call_take_unary(call);
}

bool rpc_call_next(struct rpc_call *call, struct slice *ret_message)
{
    if (call->has_message)
        grpc_slice_unref(call->message);
    call->has_message = false;
    if (call->server_streaming) {
        call->has_message = call->verbs->next(call, &call->message);
    } else {
        call_settle(call);
        if (call->has_unary) {
            call->message = call->unary;
            call->has_message = true;
            call->has_unary = false;
        }
    }
    if (!call->has_message)
        return false;
    *ret_message = rpc_message_bytes(&call->message);
    return true;
}

bool rpc_call_ended(struct rpc_call *call, const struct fault **ret_outcome)
{
    call_settle(call);
    if (call->state == RPC_CALL_OPEN || call->has_unary)
        return false;
    if (call->state == RPC_CALL_SETTLED && call->server_streaming && !call->verbs->is_empty(call))
        return false;
    if (ret_outcome)
        *ret_outcome = &call->outcome;
    return true;
}

struct slice rpc_call_diagnostic(struct rpc_call *call)
{
    return call->state == RPC_CALL_SETTLED ? call->verbs->diagnostic(call) : (struct slice){0};
}

struct rpc_call *rpc_call_free(struct rpc_call *call)
{
    if (!call)
        return NULL;
    if (call->state == RPC_CALL_OPEN)
        call->verbs->cancel(call);
    if (call->has_message)
        grpc_slice_unref(call->message);
    if (call->has_unary)
        grpc_slice_unref(call->unary);
    call->verbs->release(call);
    return NULL;
}

struct rpc_channel *rpc_channel_free(struct rpc_channel *channel)
{
    if (channel)
        channel->verbs->free(channel);
    return NULL;
}

/* ---- straight-line ---- */

static enum status unary_finish(struct rpc_call *call, const ProtobufCMessageDescriptor *type,
                                struct arena *arena, ProtobufCMessage **ret_response,
                                struct fault *fault)
{
    struct slice bytes = {0};
    bool has_message = rpc_call_next(call, &bytes);
    const struct fault *outcome = NULL;
    if (!rpc_call_ended(call, &outcome))
        return fault_set(fault, STATUS_INTERNAL, NULL, "%s", rpc_status_text(STATUS_INTERNAL));
    if (outcome->status != STATUS_OK || !has_message) {
        if (fault)
            *fault = *outcome;
        return outcome->status;
    }
    enum status status = rpc_decode(type, bytes, arena, ret_response, NULL);
    if (status == STATUS_RESOURCE_EXHAUSTED)
        return fault_set(fault, status, NULL, "the arena has no room for the answer");
    /* What does not decode is the answering side's mistake, not our caller's. */
    if (status != STATUS_OK)
        return fault_set(fault, STATUS_DATA_LOSS, NULL, "the answer is not a valid message");
    return STATUS_OK;
}

static enum status unary_wait(struct rpc_call *call, struct fiber_event *event,
                              struct cancel *cancel)
{
    while (call->state == RPC_CALL_OPEN) {
        call_settle(call);
        if (call->state != RPC_CALL_OPEN)
            break;
        enum status status = fiber_event_wait_cancel(event, cancel);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status rpc_call_unary(struct rpc_channel *channel, const struct rpc_method *method,
                           const ProtobufCMessage *request, const struct rpc_pair *metadata,
                           size_t metadata_count, struct cancel *cancel, struct arena *arena,
                           ProtobufCMessage **ret_response, struct fault *fault)
{
    enum status status = cancel_status(cancel);
    if (status != STATUS_OK)
        return fault_set(fault, status, NULL, "%s", rpc_status_text(status));
    int64_t deadline_us = cancel ? cancel->deadline_us : DEADLINE_NONE;
    if (deadline_us == DEADLINE_NONE)
        deadline_us = deadline_after_ms(CALL_DEADLINE_DEFAULT_MS);
    size_t bytes = protobuf_c_message_get_packed_size(request);
    uint8_t *packed = bytes <= RPC_MESSAGE_BYTES_MAX ? arena_alloc(arena, bytes) : NULL;
    if (!packed)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "the request is too large");
    protobuf_c_message_pack(request, packed);

    struct fiber_event event = {0};
    struct rpc_call_options options = {
        .path = slice_str(method->path),
        .request = slice_make(packed, bytes),
        .metadata = metadata,
        .metadata_count = metadata_count,
        .deadline_us = deadline_us,
        .event = &event,
    };
    struct rpc_call *call = NULL;
    status = rpc_call_start(channel, &options, &call);
    if (status != STATUS_OK)
        return fault_set(fault, status, NULL, "%s", rpc_status_text(status));
    status = unary_wait(call, &event, cancel);
    if (status == STATUS_OK)
        status = unary_finish(call, method->response, arena, ret_response, fault);
    else
        fault_set(fault, status, NULL, "%s", rpc_status_text(status));
    rpc_call_free(call);
    return status;
}
