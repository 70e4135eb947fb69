#include "shared/rpc/testing/echo.h"

#include "shared/base/clock.h"

static struct echo_log *log_of(struct rpc_ctx *ctx)
{
    struct echo_log *log = rpc_data(ctx);
    log->handled++;
    return log;
}

static enum status say(struct rpc_ctx *ctx, const echo_text *request, echo_text *response)
{
    log_of(ctx);
    response->text = request->text;
    response->number = request->number;
    response->payload = request->payload;
    response->inner = request->inner;
    return STATUS_OK;
}

static enum status fail(struct rpc_ctx *ctx, const Pek__Testing__FailRequest *request,
                        echo_text *response)
{
    log_of(ctx);
    (void)response;
    enum status status = status_from_code(request->status);
    if (request->field[0])
        return rpc_fail_field(ctx, status, request->field, "%s", request->text);
    if (request->text[0])
        return rpc_fail(ctx, status, "%s", request->text);
    return status;
}

static enum status wait_for_cancel(struct rpc_ctx *ctx, struct echo_log *log)
{
    struct fiber_event never = {0};
    log->waiting++;
    fiber_event_signal(&log->changed);
    log->last_wait = fiber_event_wait_cancel(&never, rpc_cancel(ctx));
    log->waiting--;
    log->cancelled++;
    fiber_event_signal(&log->changed);
    return log->last_wait;
}

static enum status wait_handler(struct rpc_ctx *ctx, const echo_text *request, echo_text *response)
{
    (void)request, (void)response;
    return wait_for_cancel(ctx, log_of(ctx));
}

static enum status count(struct rpc_ctx *ctx, const Pek__Testing__CountRequest *request,
                         struct rpc_stream *stream)
{
    struct echo_log *log = log_of(ctx);
    echo_text message = PEK__TESTING__TEXT__INIT;
    if (request->payload_bytes > 0) {
        message.payload.len = (size_t)request->payload_bytes;
        message.payload.data = arena_zalloc(rpc_arena(ctx), 1, message.payload.len);
        if (!message.payload.data)
            return STATUS_RESOURCE_EXHAUSTED;
    }
    for (int64_t i = 0; i < request->count; i++) {
        message.number = i;
        message.text = arena_printf(rpc_scratch(ctx), "message %lld", (long long)i);
        enum status status = rpc_stream_send(stream, &message.base);
        if (status != STATUS_OK)
            return status;
        log->sent++;
    }
    if (request->wait)
        return wait_for_cancel(ctx, log);
    return status_from_code(request->status);
}

const struct echo_ops echo_handlers = {
    .say = say,
    .say_guarded = say,
    .say_open = say,
    .fail = fail,
    .wait = wait_handler,
    .count = count,
};

/* ---- the table, as the generator would write it ---- */

#define UNARY(method, request_type)                                                                \
    static bool method##_implemented(const void *ops)                                              \
    {                                                                                              \
        return ((const struct echo_ops *)ops)->method != NULL;                                     \
    }                                                                                              \
    static enum status method##_dispatch(const void *ops, struct rpc_ctx *ctx,                     \
                                         const void *request, void *response,                      \
                                         struct rpc_stream *stream)                                \
    {                                                                                              \
        (void)stream;                                                                              \
        return ((const struct echo_ops *)ops)->method(ctx, (const request_type *)request,          \
                                                      response);                                   \
    }

UNARY(say, echo_text)
UNARY(say_guarded, echo_text)
UNARY(say_open, echo_text)
UNARY(fail, Pek__Testing__FailRequest)
UNARY(wait, echo_text)

static bool count_implemented(const void *ops)
{
    return ((const struct echo_ops *)ops)->count != NULL;
}

static enum status count_dispatch(const void *ops, struct rpc_ctx *ctx, const void *request,
                                  void *response, struct rpc_stream *stream)
{
    (void)response;
    return ((const struct echo_ops *)ops)->count(ctx, request, stream);
}

static const char *text_target(const void *request)
{
    return ((const echo_text *)request)->text;
}

static const struct rpc_access access_authenticated[] = {{.kind = RPC_ACCESS_AUTHENTICATED}};
static const struct rpc_access access_public[] = {{.kind = RPC_ACCESS_PUBLIC}};
static const struct rpc_access access_target[] = {
    {.kind = RPC_ACCESS_TARGET, .action = 3, .field = "text", .target = text_target}};

#define METHOD(name_, c_name, request_type, access_)                                               \
    .name = name_, .path = "/pek.testing.Echo/" name_, .request = &request_type,                   \
    .response = &pek__testing__text__descriptor, .access = access_, .access_count = 1,             \
    .implemented = c_name##_implemented, .dispatch = c_name##_dispatch

static const struct rpc_method echo_methods[] = {
    {METHOD("Say", say, pek__testing__text__descriptor, access_authenticated)},
    {METHOD("SayGuarded", say_guarded, pek__testing__text__descriptor, access_target)},
    {METHOD("SayOpen", say_open, pek__testing__text__descriptor, access_public)},
    {METHOD("Fail", fail, pek__testing__fail_request__descriptor, access_authenticated)},
    {METHOD("Wait", wait, pek__testing__text__descriptor, access_authenticated)},
    {METHOD("Count", count, pek__testing__count_request__descriptor, access_authenticated),
     .server_streaming = true},
};

const struct rpc_service echo_service = {
    .name = "pek.testing.Echo",
    .methods = echo_methods,
    .method_count = sizeof(echo_methods) / sizeof(echo_methods[0]),
};
