#include "shared/rpc/testing/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shared/base/clock.h"

static const struct rpc_pair good_token[] = {
    {SLICE_LIT("authorization"), SLICE_LIT("Bearer " WORLD_TOKEN)}};

static void trace_add(struct world *world, char letter)
{
    size_t len = strlen(world->trace);
    if (len + 1 < sizeof(world->trace)) {
        world->trace[len] = letter;
        world->trace[len + 1] = '\0';
    }
}

static enum status authenticate(void *arg, struct rpc_ctx *ctx, struct principal *ret_principal)
{
    struct world *world = arg;
    trace_add(world, 'a');
    if (rpc_peer_certificate_sha256(ctx).len == 32)
        world->certificates_seen++;
    struct slice token = rpc_metadata(ctx, "authorization", 0);
    if (!slice_equal_str(token, "Bearer " WORLD_TOKEN))
        return rpc_fail(ctx, STATUS_UNAUTHENTICATED, "no valid token");
    ret_principal->user = SLICE_LIT("alice");
    return STATUS_OK;
}

static enum status authorize(void *arg, struct rpc_ctx *ctx, const void *request)
{
    struct world *world = arg;
    trace_add(world, 'z');
    const struct rpc_access *access = &rpc_method(ctx)->access[0];
    if (access->target && strcmp(access->target(request), "secret") == 0)
        return rpc_fail(ctx, STATUS_PERMISSION_DENIED, "not for you");
    return STATUS_OK;
}

static void finished(void *arg, struct rpc_ctx *ctx, const struct fault *outcome,
                     int64_t elapsed_us)
{
    struct world *world = arg;
    assert_true(elapsed_us >= 0);
    trace_add(world, 'f');
    world->finished++;
    world->last_outcome = *outcome;
    struct slice user = rpc_principal(ctx)->user;
    snprintf(world->last_user, sizeof(world->last_user), "%.*s", SLICE_ARG(user));
}

static void open_channel(struct world *world, const struct world_options *options)
{
    struct fault fault;
    if (!options->grpc) {
        assert_int_equal(rpc_channel_new_local(world->host, &world->channel), STATUS_OK);
        return;
    }
    assert_int_equal(rpc_runtime_new(world->fibers, &world->runtime), STATUS_OK);
    struct rpc_server_options server_options = {
        .listen = options->listen ? options->listen : "127.0.0.1:0",
        .peer_uid = options->peer_uid,
        .tls = options->server_tls,
        .reflection = options->reflection,
        .descriptor_set = options->descriptor_set,
    };
    assert_int_equal(
        rpc_server_new(world->runtime, world->host, &server_options, &world->server, &fault),
        STATUS_OK);
    if (options->listen)
        snprintf(world->target, sizeof(world->target), "%s", options->listen);
    else
        snprintf(world->target, sizeof(world->target), "127.0.0.1:%d",
                 rpc_server_port(world->server));
    assert_int_equal(rpc_channel_new(world->runtime, world->target, options->channel_tls,
                                     &world->channel, &fault),
                     STATUS_OK);
    if (!options->carry)
        return;
    rpc_channel_carry(world->channel);
    world_run(world, world_await_carried);
}

void world_open(struct world *world, const struct world_options *options)
{
    *world = (struct world){0};
    assert_int_equal(uv_loop_init(&world->loop), 0);
    assert_int_equal(fibers_new(&world->loop, NULL, &world->fibers), STATUS_OK);
    struct rpc_host_options host_options = {
        .interceptor = {world, authenticate, authorize, finished},
        .unary_max = options->unary_max,
        .stream_max = options->stream_max,
        .deadline_default_ms = options->deadline_default_ms,
    };
    struct fault fault;
    assert_int_equal(rpc_host_new(world->fibers, &host_options, &world->host), STATUS_OK);
    assert_int_equal(testing_echo_add(world->host, &echo_handlers, &world->log, &fault), STATUS_OK);
    open_channel(world, options);
}

static void body_run(void *arg)
{
    struct world *world = arg;
    world->body(world);
    world->body_done = true;
}

void world_run(struct world *world, void (*body)(struct world *world))
{
    world->body = body;
    world->body_done = false;
    assert_int_equal(fiber_go(world->fibers, body_run, world), STATUS_OK);
    while (!world->body_done)
        uv_run(&world->loop, UV_RUN_ONCE);
}

static void drain(struct world *world)
{
    enum status status = rpc_server_drain(world->server, deadline_after_ms(5000));
    assert_true(status == STATUS_OK || status == STATUS_DEADLINE_EXCEEDED);
}

void world_close(struct world *world)
{
    rpc_channel_free(world->channel);
    if (world->server)
        world_run(world, drain);
    rpc_server_free(world->server);
    rpc_runtime_free(world->runtime);
    while (fibers_count(world->fibers) > 0)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(rpc_host_open_calls(world->host), 0);
    rpc_host_free(world->host);
    fibers_free(world->fibers);
    while (uv_run(&world->loop, UV_RUN_DEFAULT) != 0)
        continue;
    assert_int_equal(uv_loop_close(&world->loop), 0);
}

const struct world_options world_by_grpc = {.grpc = true};
const struct world_options world_by_tunnel = {.grpc = true, .carry = true};
const struct world_options world_in_process = {.grpc = false};

void world_case(void **state, void (*body)(struct world *world))
{
    struct world world;
    world_open(&world, *state);
    world_run(&world, body);
    world_close(&world);
}

static const struct rpc_method *method_find(const char *name)
{
    for (size_t i = 0; i < testing_echo_table.method_count; i++)
        if (strcmp(testing_echo_table.methods[i].name, name) == 0)
            return &testing_echo_table.methods[i];
    return NULL;
}

enum status world_start(struct world *world, const char *method, const ProtobufCMessage *request,
                        const struct rpc_pair *metadata, size_t metadata_count, int64_t deadline_ms,
                        struct fiber_event *event, struct rpc_call **ret_call)
{
    char path[128];
    snprintf(path, sizeof(path), "/pek.testing.Echo/%s", method);
    size_t len = protobuf_c_message_get_packed_size(request);
    uint8_t *bytes = malloc(len + 1);
    assert_non_null(bytes);
    protobuf_c_message_pack(request, bytes);
    const struct rpc_method *known = method_find(method);
    struct rpc_call_options options = {
        .path = slice_str(path),
        .request = slice_make(bytes, len),
        .metadata = metadata ? metadata : good_token,
        .metadata_count = metadata ? metadata_count : 1,
        .deadline_us = deadline_after_ms(deadline_ms),
        .server_streaming = known && known->server_streaming,
        .event = event,
    };
    enum status status = rpc_call_start(world->channel, &options, ret_call);
    free(bytes);
    return status;
}

bool world_next(struct rpc_call *call, struct fiber_event *event, struct slice *ret_message,
                const struct fault **ret_outcome)
{
    for (;;) {
        if (rpc_call_next(call, ret_message))
            return true;
        if (rpc_call_ended(call, ret_outcome))
            return false;
        assert_int_equal(fiber_event_wait(event, deadline_after_ms(WORLD_SOON_MS)), STATUS_OK);
    }
}

enum status world_unary(struct world *world, const char *method, const ProtobufCMessage *request,
                        const struct rpc_pair *metadata, size_t metadata_count, int64_t deadline_ms,
                        struct arena *arena, testing_text **ret_text, struct fault *ret_fault)
{
    struct fiber_event event = {0};
    struct rpc_call *call = NULL;
    struct slice message;
    const struct fault *outcome = NULL;
    *ret_fault = (struct fault){0};
    enum status status =
        world_start(world, method, request, metadata, metadata_count, deadline_ms, &event, &call);
    if (status != STATUS_OK)
        return status;
    size_t count = 0;
    while (world_next(call, &event, &message, &outcome)) {
        count++;
        ProtobufCMessage *decoded = NULL;
        if (arena &&
            rpc_decode(TESTING_TEXT_DESCRIPTOR, message, arena, &decoded, NULL) == STATUS_OK &&
            ret_text)
            *ret_text = (testing_text *)decoded;
    }
    assert_int_equal(count, outcome->status == STATUS_OK ? 1 : 0);
    *ret_fault = *outcome;
    rpc_call_free(call);
    return ret_fault->status;
}

void world_await_waiting(struct world *world, size_t count)
{
    while (world->log.waiting < count)
        assert_int_equal(fiber_event_wait(&world->log.changed, deadline_after_ms(WORLD_SOON_MS)),
                         STATUS_OK);
}

void world_await_cancelled(struct world *world, size_t count)
{
    while (world->log.cancelled < count)
        assert_int_equal(fiber_event_wait(&world->log.changed, deadline_after_ms(WORLD_SOON_MS)),
                         STATUS_OK);
}

void world_await_carried(struct world *world)
{
    const uint64_t before = rpc_channel_carried(world->channel);
    const int64_t until_us = deadline_after_ms(WORLD_SOON_MS);
    while (rpc_channel_carried(world->channel) == before) {
        struct fault fault;
        WORLD_TEXT(request, "hello");
        assert_true(clock_monotonic_us() < until_us);
        (void)world_unary(world, "SayOpen", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL,
                          &fault);
        fiber_sleep_ms(1);
    }
    world->trace[0] = '\0';
    world->finished = 0;
    world->last_user[0] = '\0';
    world->log = (struct echo_log){0};
}
