#include "shared/rpc/health.h"

#include <stdlib.h>

#include "grpc/health/v1/health.pb-c.h"
#include "shared/base/list.h"

#define SERVING_STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

struct health {
    const struct rpc_host *described;
    struct list watchers;
    bool serving;
    bool ending;
};

struct watcher {
    struct list node;
    struct fiber_event changed;
};

struct service_search {
    const char *name;
    bool found;
};

static void service_compare(void *arg, const struct rpc_service *service)
{
    struct service_search *search = arg;
    search->found |= strcmp(service->name, search->name) == 0;
}

static bool service_is_known(const struct health *health, const char *name)
{
    struct service_search search = {.name = name, .found = name[0] == '\0'};
    rpc_host_each(health->described, service_compare, &search);
    return search.found;
}

static enum status health_check(struct rpc_ctx *ctx,
                                const Grpc__Health__V1__HealthCheckRequest *request,
                                Grpc__Health__V1__HealthCheckResponse *response)
{
    const struct health *health = rpc_data(ctx);
    if (!service_is_known(health, request->service))
        return rpc_fail(ctx, STATUS_NOT_FOUND, "unknown service");
    response->status = health->serving ? SERVING_STATUS(SERVING) : SERVING_STATUS(NOT_SERVING);
    return STATUS_OK;
}

static enum status watch_send(struct rpc_stream *stream, int status)
{
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    response.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    return rpc_stream_send(stream, &response.base);
}

/* A first message at once, then one for each change; an unknown service is a state, not an error. */
static enum status health_watch(struct rpc_ctx *ctx,
                                const Grpc__Health__V1__HealthCheckRequest *request,
                                struct rpc_stream *stream)
{
    struct health *health = rpc_data(ctx);
    bool known = service_is_known(health, request->service);
    struct watcher *watcher = arena_zalloc(rpc_arena(ctx), 1, sizeof(*watcher));
    if (!watcher)
        return STATUS_RESOURCE_EXHAUSTED;
    list_append(&health->watchers, &watcher->node);
    enum status status = STATUS_OK;
    int told = -1;
    for (;;) {
        int now = !known            ? SERVING_STATUS(SERVICE_UNKNOWN)
                  : health->serving ? SERVING_STATUS(SERVING)
                                    : SERVING_STATUS(NOT_SERVING);
        if (now != told) {
            status = watch_send(stream, now);
            told = now;
        } else if (health->ending) {
            status = rpc_fail(ctx, STATUS_UNAVAILABLE, "the server is going down");
        } else {
            status = fiber_event_wait_cancel(&watcher->changed, rpc_cancel(ctx));
        }
        if (status != STATUS_OK)
            break;
    }
    list_remove(&watcher->node);
    return status;
}

/* ---- the service table, as the generator would write it; these protos carry no options of ours ---- */

static bool health_implemented(const void *ops)
{
    return ops != NULL;
}

static enum status health_check_dispatch(const void *ops, struct rpc_ctx *ctx, const void *request,
                                         void *response, struct rpc_stream *stream)
{
    (void)ops, (void)stream;
    return health_check(ctx, request, response);
}

static enum status health_watch_dispatch(const void *ops, struct rpc_ctx *ctx, const void *request,
                                         void *response, struct rpc_stream *stream)
{
    (void)ops, (void)response;
    return health_watch(ctx, request, stream);
}

static const struct rpc_access health_access[] = {{.kind = RPC_ACCESS_PUBLIC}};

static const struct rpc_method health_methods[] = {
    {
        .name = "Check",
        .path = "/grpc.health.v1.Health/Check",
        .request = &grpc__health__v1__health_check_request__descriptor,
        .response = &grpc__health__v1__health_check_response__descriptor,
        .idempotency = RPC_NO_SIDE_EFFECTS,
        .request_bytes_max = 1024,
        .access = health_access,
        .access_count = 1,
        .implemented = health_implemented,
        .dispatch = health_check_dispatch,
    },
    {
        .name = "Watch",
        .path = "/grpc.health.v1.Health/Watch",
        .request = &grpc__health__v1__health_check_request__descriptor,
        .response = &grpc__health__v1__health_check_response__descriptor,
        .server_streaming = true,
        .idempotency = RPC_NO_SIDE_EFFECTS,
        .request_bytes_max = 1024,
        .access = health_access,
        .access_count = 1,
        .implemented = health_implemented,
        .dispatch = health_watch_dispatch,
    },
};

static const struct rpc_service health_service = {
    .name = "grpc.health.v1.Health",
    .methods = health_methods,
    .method_count = 2,
};

enum status health_new(struct rpc_host *system, const struct rpc_host *described,
                       struct health **ret_health, struct fault *fault)
{
    struct health *health = calloc(1, sizeof(*health));
    if (!health)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    health->described = described;
    list_init(&health->watchers);
    enum status status = rpc_host_add(system, &health_service, health, health, fault);
    if (status != STATUS_OK) {
        free(health);
        return status;
    }
    *ret_health = health;
    return STATUS_OK;
}

struct health *health_free(struct health *health)
{
    free(health);
    return NULL;
}

static void watchers_wake(struct health *health)
{
    LIST_FOR_EACH (node, &health->watchers)
        fiber_event_signal(&LIST_ENTRY(node, struct watcher, node)->changed);
}

void health_set_serving(struct health *health, bool serving)
{
    if (health->serving == serving)
        return;
    health->serving = serving;
    watchers_wake(health);
}

void health_end(struct health *health)
{
    health->serving = false;
    health->ending = true;
    watchers_wake(health);
}
