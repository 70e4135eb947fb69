#include "hub/registry/watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "grpc/health/v1/health.pb-c.h"
#include "hub/registry/replica.h"
#include "pek/instance/v1/instance.rpc.h"
#include "shared/base/clock.h"
#include "shared/base/utf8.h"

#define WATCH_ARENA_BYTES_MAX (256u * 1024)
#define INFO_TIMEOUT_MS 5000
#define INSTANCE_SERVICE "pek.instance.v1.InstanceService"

/* ---- what is told ------------------------------------------------------------------------------ */

static enum instance_status status_of(const struct instance *instance)
{
    if (instance->mode != INSTANCE_ACTIVE)
        return INSTANCE_IS_DRAINING;
    return instance->refused ? INSTANCE_REFUSED : instance->health;
}

void instance_publish(struct instance *instance)
{
    const struct registry_options *options = &instance->registry->options;
    enum instance_status status = status_of(instance);

    instance->status_wall_s = clock_wall_s();
    if (instance->status == status)
        return;
    instance->status = status;
    if (options->on_status)
        options->on_status(options->arg, instance);
}

/* What a peer says of itself, to be shown: whole characters, none that controls. */
static void take_text(char *to, size_t bytes, const char *from)
{
    snprintf(to, bytes, "%.*s", SLICE_ARG(utf8_prefix(slice_str(from), bytes - 1)));
}

static void set_problem(struct instance *instance, const char *problem)
{
    take_text(instance->problem, sizeof(instance->problem), problem);
}

static void set_health(struct instance *instance, enum instance_status health)
{
    instance->health = health;
    if (health != INSTANCE_UNREACHABLE && !instance->refused)
        set_problem(instance, "");
    instance_publish(instance);
}

void instance_refuse(struct instance *instance, const char *problem)
{
    instance->refused = true;
    set_problem(instance, problem);
    instance_publish(instance);
}

/* ---- waiting, until the instance is given up ---------------------------------------------------- */

struct wakeup {
    struct cancel_hook hook;
    struct fiber_event event;
};

static void wake(struct cancel_hook *hook)
{
    fiber_event_signal(&LIST_ENTRY(hook, struct wakeup, hook)->event);
}

/* What each instance does so often, all of them do rarely enough. */
static int64_t spread_ms(const struct instance *instance, int64_t least_ms)
{
    int64_t all_ms = WATCH_SPREAD_MS * (int64_t)instance->registry->count;

    return all_ms > least_ms ? all_ms : least_ms;
}

/* Sleeps, longer each time; false when the instance is given up. */
static bool pause_grows(struct instance *instance, int64_t *pause_ms)
{
    struct cancel pause;
    struct cancel_link link;
    struct fiber_event never = {0};

    cancel_link(&link, &instance->cancel, &pause, deadline_after_ms(*pause_ms));
    (void)!fiber_event_wait_cancel(&never, &pause);
    cancel_unlink(&link);
    int64_t pause_max_ms = spread_ms(instance, WATCH_PAUSE_MAX_MS);
    *pause_ms = *pause_ms * 2 < pause_max_ms ? *pause_ms * 2 : pause_max_ms;
    return !instance->cancel.cancelled;
}

/* ---- one call, message by message -------------------------------------------------------------- */

struct question {
    const char *path;
    struct slice request;
    bool streaming;
    int64_t timeout_ms;
    void (*on_message)(struct instance *instance, struct slice message, struct arena *arena);
    void (*on_beat)(struct instance *instance); /* every HEARTBEAT_EVERY_MS; NULL for never */
};

/* At most WATCH_MESSAGES_MAX in each WATCH_MESSAGES_MS: sleeps when there were more. */
struct pace {
    int64_t end_us;
    unsigned taken;
};

static void pace_one(struct pace *pace)
{
    int64_t now_us = clock_monotonic_us();

    if (now_us >= pace->end_us)
        *pace = (struct pace){.end_us = now_us + WATCH_MESSAGES_MS * INT64_C(1000)};
    if (++pace->taken > WATCH_MESSAGES_MAX)
        fiber_sleep_ms((pace->end_us - now_us) / 1000 + 1);
}

static void hear(struct instance *instance, const struct question *question, struct rpc_call *call,
                 struct wakeup *wakeup)
{
    int64_t until_us = deadline_after_ms(question->timeout_ms);
    int64_t beat_us = question->on_beat ? deadline_after_ms(spread_ms(instance, HEARTBEAT_EVERY_MS))
                                        : DEADLINE_NONE;
    struct pace pace = {0};
    struct arena arena;

    arena_init(&arena, WATCH_ARENA_BYTES_MAX);
    while (!rpc_call_ended(call, NULL) && !instance->cancel.cancelled &&
           clock_monotonic_us() < until_us) {
        struct slice message;
        bool beat_is_due = instance->in_doubt || clock_monotonic_us() >= beat_us;
        if (beat_is_due && question->on_beat) {
            question->on_beat(instance);
            beat_us = deadline_after_ms(spread_ms(instance, HEARTBEAT_EVERY_MS));
        } else if (rpc_call_next(call, &message)) {
            question->on_message(instance, message, &arena);
            arena_reset(&arena);
            pace_one(&pace);
        } else {
            (void)!fiber_event_wait(&wakeup->event, beat_us < until_us ? beat_us : until_us);
        }
    }
    arena_done(&arena);
}

/* The outcome; CANCELLED when the instance was given up. `ret_why` gets what gRPC said of a failure. */
static enum status ask(struct instance *instance, const struct question *question, char *ret_why,
                       size_t why_bytes)
{
    struct wakeup wakeup = {.hook = {.run = wake}};
    const struct rpc_call_options options = {
        .path = slice_str(question->path),
        .request = question->request,
        .deadline_us = deadline_after_ms(question->timeout_ms),
        .server_streaming = question->streaming,
        .event = &wakeup.event,
    };
    const struct fault *outcome;
    struct rpc_call *call;

    enum status status = rpc_call_start(instance->channel, &options, &call);
    if (status)
        return status;
    cancel_hook_add(&instance->cancel, &wakeup.hook);
    hear(instance, question, call, &wakeup);
    cancel_hook_remove(&wakeup.hook);
    if (instance->cancel.cancelled)
        status = STATUS_CANCELLED;
    else
        status = rpc_call_ended(call, &outcome) ? outcome->status : STATUS_DEADLINE_EXCEEDED;
    if (ret_why)
        snprintf(ret_why, why_bytes, "%.*s", SLICE_ARG(rpc_call_diagnostic(call)));
    rpc_call_free(call);
    return status;
}

/* ---- health ------------------------------------------------------------------------------------ */

static bool is_serving(struct slice message, struct arena *arena)
{
    ProtobufCMessage *decoded;

    if (rpc_decode(&grpc__health__v1__health_check_response__descriptor, message, arena, &decoded,
                   NULL))
        return false;
    const Grpc__Health__V1__HealthCheckResponse *health =
        (const Grpc__Health__V1__HealthCheckResponse *)(const void *)decoded;
    return health->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
}

static void on_check(struct instance *instance, struct slice message, struct arena *arena)
{
    instance->in_doubt = !is_serving(message, arena);
}

/* One replica that does not serve is not the realm: a heartbeat asks the others. */
static void on_health(struct instance *instance, struct slice message, struct arena *arena)
{
    on_check(instance, message, arena);
    if (instance->in_doubt)
        return;
    breaker_heal(&instance->breaker);
    set_health(instance, INSTANCE_SERVING);
}

/* What anybody may know of why it cannot be reached; gRPC's own words name addresses. */
static const char *public_reason(enum status status, const char *why)
{
    static const struct {
        const char *said, *means;
    } reasons[] = {
        {"ostname", "its certificate does not name the realm"},
        {"ERTIFICATE", "its certificate is not of the realm's authority, or it refuses the hub's"},
        {"andshake", "the TLS handshake failed"},
        {"refused", "nothing listens at its address"},
        {"No such file", "there is no socket at its path"},
        {"ermission denied", "the hub may not open its socket"},
        {"not permitted", "its socket is another user's than its target says"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (strstr(why, reasons[i].said))
            return reasons[i].means;
    }
    return status == STATUS_DEADLINE_EXCEEDED ? "it does not answer" : "it cannot be reached";
}

static enum status ask_health(struct instance *instance, int64_t timeout_ms, char *ret_why,
                              size_t why_bytes)
{
    const struct question question = {
        .path = "/grpc.health.v1.Health/Check",
        .request = {"", 0},
        .timeout_ms = timeout_ms,
        .on_message = on_check,
    };
    return ask(instance, &question, ret_why, why_bytes);
}

static void beat(struct instance *instance)
{
    char why[512] = "";
    replica_look(instance);
    bool drains = instance->in_doubt; /* the stream said so, before it ends */

    enum status status = ask_health(instance, HEARTBEAT_TIMEOUT_MS, why, sizeof(why));
    if ((status == STATUS_DEADLINE_EXCEEDED && !instance->breaker.tripped) ||
        (status == STATUS_OK && instance->in_doubt))
        status = ask_health(instance, HEARTBEAT_AGAIN_MS, why, sizeof(why));
    bool serves = status == STATUS_OK && !instance->in_doubt;
    instance->in_doubt = false;
    if (status == STATUS_CANCELLED)
        return;
    /* An answer of any kind came from something that is there; what it is, GetInfo tells. */
    if (drains || (status != STATUS_UNAVAILABLE && status != STATUS_DEADLINE_EXCEEDED)) {
        breaker_heal(&instance->breaker);
        set_health(instance, serves ? INSTANCE_SERVING : INSTANCE_NOT_SERVING);
        return;
    }
    bool was_there = !instance->breaker.tripped;
    breaker_trip(&instance->breaker);
    if (!instance->refused)
        set_problem(instance, public_reason(status, why));
    set_health(instance, INSTANCE_UNREACHABLE);
    if (was_there)
        instance_tell_away(instance);
}

static void watch_health(struct instance *instance)
{
    static const struct question question = {
        .path = "/grpc.health.v1.Health/Watch",
        .request = {"", 0},
        .streaming = true,
        .timeout_ms = WATCH_STREAM_MS,
        .on_message = on_health,
        .on_beat = beat,
    };
    int64_t pause_ms = WATCH_PAUSE_MIN_MS;

    do {
        (void)!ask(instance, &question, NULL, 0);
        /* The stream ends with its time, or with the realm: the heartbeat knows. */
        beat(instance);
        if (instance->health == INSTANCE_SERVING)
            pause_ms = WATCH_PAUSE_MIN_MS;
    } while (pause_grows(instance, &pause_ms));
}

/* ---- who it is --------------------------------------------------------------------------------- */

static bool has_service(const instance_v1_info *info, const char *name)
{
    for (size_t i = 0; i < info->n_services; i++) {
        if (strcmp(info->services[i], name) == 0)
            return true;
    }
    return false;
}

/* Those of its services that are remembered: names of contracts, as many as there may be. */
static size_t take_services(const instance_v1_info *info,
                            const char *ret_names[INSTANCE_SERVICES_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < info->n_services && count < INSTANCE_SERVICES_MAX; i++) {
        struct slice name = slice_str(info->services[i]);
        if (utf8_prefix(name, INSTANCE_SERVICE_BYTES_MAX).len == name.len)
            ret_names[count++] = info->services[i];
    }
    return count;
}

static bool same_services(const struct instance *instance, const char *const *names, size_t count)
{
    if (count != instance->service_count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], instance->services[i]) != 0)
            return false;
    }
    return true;
}

static void keep_info(struct instance *instance, const instance_v1_info *info)
{
    struct registry *registry = instance->registry;
    char version[INSTANCE_VERSION_BYTES_MAX + 1];
    const char *names[INSTANCE_SERVICES_MAX];
    size_t count = take_services(info, names);

    take_text(version, sizeof(version), info->version);
    if (strcmp(instance->version, version) == 0 && same_services(instance, names, count))
        return;
    memcpy(instance->version, version, sizeof(version));
    for (size_t i = 0; i < instance->service_count; i++)
        free(instance->services[i]);
    for (instance->service_count = 0; instance->service_count < count; instance->service_count++) {
        char *copy = strdup(names[instance->service_count]);
        if (!copy)
            break;
        instance->services[instance->service_count] = copy;
    }
    instance->info_is_new = true;
    if (registry->on_info)
        registry->on_info(registry->arg, instance);
}

static enum status ask_info(struct instance *instance, struct arena *arena)
{
    const instance_v1_get_info_request request = INSTANCE_V1_GET_INFO_REQUEST_INIT;
    struct cancel cancel;
    struct cancel_link link;
    struct fault fault;
    instance_v1_info *info;
    char problem[INSTANCE_PROBLEM_BYTES_MAX + 1];

    cancel_link(&link, &instance->cancel, &cancel, deadline_after_ms(INFO_TIMEOUT_MS));
    enum status status = instance_v1_get_info_call(instance->channel, &request, NULL, 0, &cancel,
                                                   arena, &info, &fault);
    cancel_unlink(&link);
    if (status == STATUS_UNIMPLEMENTED) {
        instance_refuse(instance, "it is not a worker: nobody there knows " INSTANCE_SERVICE);
        return status;
    }
    if (status)
        return status;
    if (!has_service(info, INSTANCE_SERVICE)) {
        instance_refuse(instance, "its list of services lacks " INSTANCE_SERVICE);
        return STATUS_FAILED_PRECONDITION;
    }
    if (strcmp(info->realm, instance->realm) != 0) {
        snprintf(problem, sizeof(problem), "it says that it is realm %.*s",
                 SLICE_ARG(utf8_prefix(slice_str(info->realm), REALM_BYTES_MAX)));
        instance_refuse(instance, problem);
        return STATUS_FAILED_PRECONDITION;
    }
    if (instance->refused) {
        instance->refused = false;
        set_problem(instance, "");
        instance_publish(instance);
    }
    take_text(instance->collator_version, sizeof(instance->collator_version),
              info->collator_version);
    keep_info(instance, info);
    return STATUS_OK;
}

/* ---- policies ---------------------------------------------------------------------------------- */

static void tell_policies(struct instance *instance, const char *const *users, size_t count)
{
    const struct registry_options *options = &instance->registry->options;

    if (options->on_policies)
        options->on_policies(options->arg, instance, users, count);
}

static void on_policy_event(struct instance *instance, struct slice message, struct arena *arena)
{
    ProtobufCMessage *decoded;

    instance->watched = true;
    if (rpc_decode(&pek__instance__v1__policy_event__descriptor, message, arena, &decoded, NULL)) {
        tell_policies(instance, NULL, 0);
        return;
    }
    const instance_v1_policy_event *event = (const instance_v1_policy_event *)(const void *)decoded;
    const struct registry_options *options = &instance->registry->options;
    if (event->notifications && options->on_notifications)
        options->on_notifications(options->arg, instance);
    if (event->reset || event->n_users > WATCH_EVENT_USERS_MAX)
        tell_policies(instance, NULL, 0);
    else if (event->n_users > 0)
        tell_policies(instance, (const char *const *)event->users, event->n_users);
}

static enum status watch_policies_once(struct instance *instance, struct arena *arena)
{
    instance_v1_watch_policies_request request = INSTANCE_V1_WATCH_POLICIES_REQUEST_INIT;
    const struct registry_options *options = &instance->registry->options;
    struct slice assertion;

    enum status status = ask_info(instance, arena);
    if (!status && !options->keys)
        return STATUS_OK;
    if (!status)
        status = instance_assertion(instance, slice_str(options->issuer), arena, &assertion);
    if (status)
        return status;
    /* The local realm has no health service of its own: it is there when it answers. */
    if (!instance->target)
        set_health(instance, INSTANCE_SERVING);
    request.assertion = arena_strndup(arena, assertion.ptr, assertion.len);
    size_t len = protobuf_c_message_get_packed_size(&request.base);
    uint8_t *bytes = request.assertion ? arena_alloc(arena, len) : NULL;
    if (!bytes)
        return STATUS_RESOURCE_EXHAUSTED;
    protobuf_c_message_pack(&request.base, bytes);
    const struct question question = {
        .path = "/pek.instance.v1.InstanceService/WatchPolicies",
        .request = slice_make(bytes, len),
        .streaming = true,
        .timeout_ms = WATCH_STREAM_MS,
        .on_message = on_policy_event,
    };
    (void)!ask(instance, &question, NULL, 0);
    instance->watched = false;
    tell_policies(instance, NULL, 0);
    return STATUS_OK;
}

static void watch_policies(struct instance *instance)
{
    int64_t pause_ms = WATCH_PAUSE_MIN_MS;
    struct arena arena;

    arena_init(&arena, WATCH_ARENA_BYTES_MAX);
    do {
        int64_t settled_us = deadline_after_ms(WATCH_SETTLED_MS);
        if (watch_policies_once(instance, &arena) == STATUS_OK &&
            clock_monotonic_us() >= settled_us)
            pause_ms = WATCH_PAUSE_MIN_MS;
        arena_reset(&arena);
    } while (pause_grows(instance, &pause_ms));
    arena_done(&arena);
}

/* ---- fibers ------------------------------------------------------------------------------------ */

static void watch_ended(struct instance *instance)
{
    struct registry *registry = instance->registry;

    instance->fibers--;
    if (instance->mode == INSTANCE_ACTIVE)
        watch_resume(instance);
    instance_unref(instance);
    if (registry->stopping)
        fiber_event_signal(registry->stopping);
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

static enum status start(struct instance *instance, void (*run)(void *arg))
{
    instance_ref(instance);
    instance->fibers++;
    enum status status = fiber_go(instance->registry->fibers, run, instance);
    if (status) {
        instance->fibers--;
        instance_unref(instance);
    }
    return status;
}

enum status watch_start(struct instance *instance)
{
    enum status status = start(instance, run_policies);

    if (!status && instance->target)
        status = start(instance, run_health);
    return status;
}

void watch_resume(struct instance *instance)
{
    if (instance->registry->is_stopping || instance->fibers > 0 || !instance->channel)
        return;
    cancel_init(&instance->cancel, DEADLINE_NONE);
    instance->health = INSTANCE_UNKNOWN;
    instance_publish(instance);
    if (watch_start(instance))
        instance_refuse(instance, "no fiber is free to watch it");
}
