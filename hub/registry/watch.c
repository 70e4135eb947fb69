#include "hub/registry/watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "grpc/health/v1/health.pb-c.h"
#include "pek/instance/v1/instance.rpc.h"
#include "shared/base/clock.h"

#define WATCH_ARENA_BYTES_MAX (256u * 1024)
#define INFO_TIMEOUT_MS 5000

static void set_status(struct instance *instance, enum instance_status status)
{
    const struct registry_options *options = &instance->registry->options;

    instance->status_wall_s = clock_wall_s();
    if (instance->status == status)
        return;
    instance->status = status;
    if (options->on_status)
        options->on_status(options->arg, instance);
}

/* Sleeps, longer each time; false when the instance is given up. */
static bool pause_grows(struct instance *instance, int64_t *pause_ms)
{
    struct fiber_event nothing = {0};
    struct cancel *cancel = &instance->cancel;

    if (cancel->cancelled)
        return false;
    (void)!fiber_event_wait(&nothing, deadline_after_ms(*pause_ms));
    *pause_ms = *pause_ms * 2 < WATCH_PAUSE_MAX_MS ? *pause_ms * 2 : WATCH_PAUSE_MAX_MS;
    return !cancel->cancelled;
}

/* A server stream read to its end, message by message. */
struct watch_stream {
    struct cancel_hook hook;
    struct fiber_event event;
};

static void wake_stream(struct cancel_hook *hook)
{
    struct watch_stream *stream = LIST_ENTRY(hook, struct watch_stream, hook);
    fiber_event_signal(&stream->event);
}

static void read_stream(struct instance *instance, const char *path, struct slice request,
                        void (*on_message)(struct instance *instance, struct slice message,
                                           struct arena *arena))
{
    struct watch_stream stream = {.hook = {.run = wake_stream}};
    const struct rpc_call_options options = {
        .path = slice_str(path),
        .request = request,
        .deadline_us = deadline_after_ms(WATCH_STREAM_MS),
        .server_streaming = true,
        .event = &stream.event,
    };
    struct rpc_call *call;
    struct arena arena;

    if (rpc_call_start(instance->channel, &options, &call))
        return;
    arena_init(&arena, WATCH_ARENA_BYTES_MAX);
    cancel_hook_add(&instance->cancel, &stream.hook);
    while (!rpc_call_ended(call, NULL) && !instance->cancel.cancelled) {
        struct slice message;
        if (rpc_call_next(call, &message)) {
            on_message(instance, message, &arena);
            arena_reset(&arena);
        } else if (fiber_event_wait(&stream.event, options.deadline_us)) {
            break;
        }
    }
    cancel_hook_remove(&stream.hook);
    rpc_call_free(call);
    arena_done(&arena);
}

/* ---- health ------------------------------------------------------------------------------------ */

static void on_health(struct instance *instance, struct slice message, struct arena *arena)
{
    ProtobufCMessage *decoded;

    if (rpc_decode(&grpc__health__v1__health_check_response__descriptor, message, arena, &decoded,
                   NULL))
        return;
    const Grpc__Health__V1__HealthCheckResponse *health =
        (const Grpc__Health__V1__HealthCheckResponse *)(const void *)decoded;
    set_status(instance,
               health->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
                   ? INSTANCE_SERVING
                   : INSTANCE_NOT_SERVING);
}

static void watch_health(struct instance *instance)
{
    int64_t pause_ms = WATCH_PAUSE_MIN_MS;

    do {
        read_stream(instance, "/grpc.health.v1.Health/Watch", slice_make("", 0), on_health);
        if (instance->status == INSTANCE_SERVING)
            pause_ms = WATCH_PAUSE_MIN_MS;
        set_status(instance, INSTANCE_UNREACHABLE);
    } while (pause_grows(instance, &pause_ms));
}

/* ---- policies ---------------------------------------------------------------------------------- */

static enum status ask_info(struct instance *instance, struct arena *arena)
{
    const instance_v1_get_info_request request = INSTANCE_V1_GET_INFO_REQUEST_INIT;
    struct cancel cancel;
    struct fault fault;
    instance_v1_info *info;

    cancel_init(&cancel, deadline_after_ms(INFO_TIMEOUT_MS));
    enum status status = instance_v1_get_info_call(instance->channel, &request, NULL, 0, &cancel,
                                                   arena, &info, &fault);
    if (status)
        return status;
    /* An instance that says it is another realm is misconfigured: its tokens would be refused anyway. */
    if (strcmp(info->realm, instance->realm) != 0)
        return STATUS_FAILED_PRECONDITION;
    snprintf(instance->version, sizeof(instance->version), "%s", info->version);
    snprintf(instance->collator_version, sizeof(instance->collator_version), "%s",
             info->collator_version);
    for (size_t i = 0; i < instance->service_count; i++)
        free(instance->services[i]);
    instance->service_count = 0;
    for (size_t i = 0; i < info->n_services && i < INSTANCE_SERVICES_MAX; i++) {
        instance->services[i] = strdup(info->services[i]);
        if (!instance->services[i])
            break;
        instance->service_count++;
    }
    return STATUS_OK;
}

static void tell_policies(struct instance *instance, const char *const *users, size_t count)
{
    const struct registry_options *options = &instance->registry->options;
    options->on_policies(options->arg, instance, users, count);
}

static void on_policy_event(struct instance *instance, struct slice message, struct arena *arena)
{
    ProtobufCMessage *decoded;

    if (rpc_decode(&pek__instance__v1__policy_event__descriptor, message, arena, &decoded, NULL)) {
        tell_policies(instance, NULL, 0);
        return;
    }
    const instance_v1_policy_event *event = (const instance_v1_policy_event *)(const void *)decoded;
    if (event->reset)
        tell_policies(instance, NULL, 0);
    else if (event->n_users > 0)
        tell_policies(instance, (const char *const *)event->users, event->n_users);
}

static enum status watch_policies_once(struct instance *instance, struct arena *arena)
{
    instance_v1_watch_policies_request request = INSTANCE_V1_WATCH_POLICIES_REQUEST_INIT;
    struct slice issuer = slice_str(instance->registry->options.issuer);
    struct slice assertion;

    enum status status = ask_info(instance, arena);
    if (!status)
        status = instance_assertion(instance, issuer, arena, &assertion);
    if (status)
        return status;
    /* The local realm has no health service of its own: it is there when it answers. */
    if (!instance->target)
        set_status(instance, INSTANCE_SERVING);
    request.assertion = arena_strndup(arena, assertion.ptr, assertion.len);
    size_t len = protobuf_c_message_get_packed_size(&request.base);
    uint8_t *bytes = request.assertion ? arena_alloc(arena, len) : NULL;
    if (!bytes)
        return STATUS_RESOURCE_EXHAUSTED;
    protobuf_c_message_pack(&request.base, bytes);
    read_stream(instance, "/pek.instance.v1.InstanceService/WatchPolicies", slice_make(bytes, len),
                on_policy_event);
    tell_policies(instance, NULL, 0);
    return STATUS_OK;
}

static void watch_policies(struct instance *instance)
{
    int64_t pause_ms = WATCH_PAUSE_MIN_MS;
    struct arena arena;

    arena_init(&arena, WATCH_ARENA_BYTES_MAX);
    do {
        if (watch_policies_once(instance, &arena) == STATUS_OK)
            pause_ms = WATCH_PAUSE_MIN_MS;
        arena_reset(&arena);
    } while (pause_grows(instance, &pause_ms));
    arena_done(&arena);
}

/* ---- fibers ------------------------------------------------------------------------------------ */

static void watch_ended(struct instance *instance)
{
    instance->fibers--;
    if (instance->registry->stopping)
        fiber_event_signal(instance->registry->stopping);
}

static void run_health(void *arg)
{
    watch_health(arg);
    watch_ended(arg);
}

static void run_policies(void *arg)
{
    watch_policies(arg);
    watch_ended(arg);
}

enum status watch_start(struct instance *instance)
{
    struct fibers *fibers = instance->registry->fibers;

    instance->fibers++;
    enum status status = fiber_go(fibers, run_policies, instance);
    if (status) {
        instance->fibers--;
        return status;
    }
    if (!instance->target)
        return STATUS_OK;
    instance->fibers++;
    status = fiber_go(fibers, run_health, instance);
    if (status)
        instance->fibers--;
    return status;
}
