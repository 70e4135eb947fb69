/* The sending end of a server stream: a blocking send is the backpressure. */
#include "shared/base/clock.h"
#include "shared/rpc/incoming.h"

/* A stream ends with its caller's token, give or take what clocks may differ. */
#define STREAM_TOKEN_LEEWAY_S 30

bool rpc_stream_has_room(struct rpc_stream *stream)
{
    return stream->ctx->transport->has_room(stream->ctx);
}

enum status rpc_stream_wait(struct rpc_stream *stream)
{
    struct rpc_ctx *ctx = stream->ctx;
    while (!rpc_stream_has_room(stream)) {
        enum status status = fiber_event_wait_cancel(&ctx->room, &ctx->cancel);
        if (status != STATUS_OK)
            return status;
    }
    return cancel_status(&ctx->cancel);
}

enum status rpc_stream_send(struct rpc_stream *stream, const ProtobufCMessage *message)
{
    struct rpc_ctx *ctx = stream->ctx;
    enum status status = cancel_status(&ctx->cancel);
    if (status != STATUS_OK)
        return status;
    if (ctx->principal.expires_s > 0 &&
        clock_wall_s() > ctx->principal.expires_s + STREAM_TOKEN_LEEWAY_S)
        return fault_set_reason(&ctx->fault, STATUS_UNAUTHENTICATED, "TOKEN_EXPIRED", NULL,
                                "the token expired while the stream was open");
    grpc_slice bytes;
    if (rpc_encode(shown_of(&ctx->shown, message), &bytes) != STATUS_OK)
        return rpc_fail(ctx, STATUS_RESOURCE_EXHAUSTED, "a message of the stream is too large");
    status = rpc_stream_wait(stream);
    if (status != STATUS_OK) {
        grpc_slice_unref(bytes);
        return status;
    }
    ctx->transport->send(ctx, bytes);
    arena_reset(&ctx->scratch);
    return STATUS_OK;
}

struct rpc_stream *rpc_stream(struct rpc_ctx *ctx)
{
    return &ctx->stream;
}
