#include "shared/rpc/testing/echo.h"

#include "shared/base/clock.h"

static struct echo_log *log_of(struct rpc_ctx *ctx)
{
    struct echo_log *log = rpc_data(ctx);
    log->handled++;
    return log;
}

static enum status say(struct rpc_ctx *ctx, const testing_text *request, testing_text *response)
{
    log_of(ctx);
    /* Whoever shares something out by user goes by the cancel. */
    if (!slice_equal(rpc_cancel(ctx)->user, rpc_principal(ctx)->user))
        return STATUS_INTERNAL;
    response->text = request->text;
    response->number = request->number;
    response->payload = request->payload;
    response->inner = request->inner;
    return STATUS_OK;
}

static enum status fail(struct rpc_ctx *ctx, const testing_fail_request *request,
                        testing_text *response)
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

static enum status wait_handler(struct rpc_ctx *ctx, const testing_text *request,
                                testing_text *response)
{
    (void)request, (void)response;
    return wait_for_cancel(ctx, log_of(ctx));
}

static enum status count(struct rpc_ctx *ctx, const testing_count_request *request,
                         struct testing_count_stream *stream)
{
    struct echo_log *log = log_of(ctx);
    testing_text message = TESTING_TEXT_INIT;
    if (request->payload_bytes > 0) {
        message.payload.len = (size_t)request->payload_bytes;
        message.payload.data = arena_zalloc(rpc_arena(ctx), 1, message.payload.len);
        if (!message.payload.data)
            return STATUS_RESOURCE_EXHAUSTED;
    }
    for (int64_t i = 0; i < request->count; i++) {
        message.number = i;
        message.text = arena_printf(rpc_scratch(ctx), "message %lld", (long long)i);
        enum status status = testing_count_send(stream, &message);
        if (status != STATUS_OK)
            return status;
        log->sent++;
    }
    if (request->wait)
        return wait_for_cancel(ctx, log);
    return status_from_code(request->status);
}

static void fill(const char *id, testing_object *object)
{
    static testing_inner inner = TESTING_INNER_INIT;
    static char name[] = "Name", word[] = "word", etag[] = "v3", left[] = "left";
    static char *words[] = {word, word};
    static uint8_t bytes[] = {1, 2, 3};
    inner.name = name;
    object->id = (char *)(uintptr_t)id;
    object->name = name;
    object->number = 42;
    object->n_list = 2;
    object->list = words;
    object->inner = &inner;
    object->payload = object->key = (ProtobufCBinaryData){sizeof(bytes), bytes};
    object->choice_case = PEK__TESTING__OBJECT__CHOICE_LEFT;
    object->left = left;
    object->flag = true;
    object->etag = etag;
}

static enum status read_object(struct rpc_ctx *ctx, const testing_read_request *request,
                               testing_object *response)
{
    fill(request->id, response);
    log_of(ctx)->had += rpc_caller_has(ctx, response->etag);
    return STATUS_OK;
}

static enum status read_both(struct rpc_ctx *ctx, const testing_read_request *request,
                             struct testing_read_both_stream *stream)
{
    testing_object object = TESTING_OBJECT_INIT;
    log_of(ctx);
    fill(request->id, &object);
    for (int i = 0; i < 2; i++)
        PEK_TRY(testing_read_both_send(stream, &object));
    /* What is sent is a copy. */
    return object.n_list == 2 && object.inner ? STATUS_OK : STATUS_INTERNAL;
}

const struct testing_echo echo_handlers = {
    .say = say,
    .say_guarded = say,
    .say_open = say,
    .fail = fail,
    .wait = wait_handler,
    .count = count,
    .read = read_object,
    .read_both = read_both,
};
