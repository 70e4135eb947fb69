#include "hub/registry/registry_service.h"

#include "pek/hub/v1/session.rpc.h"

static hub_v1_instance_status status_of(enum instance_status status)
{
    switch (status) {
    case INSTANCE_SERVING: return HUB_V1_INSTANCE_STATUS_SERVING;
    case INSTANCE_NOT_SERVING: return HUB_V1_INSTANCE_STATUS_NOT_SERVING;
    case INSTANCE_UNREACHABLE: return HUB_V1_INSTANCE_STATUS_UNREACHABLE;
    case INSTANCE_UNKNOWN: break;
    }
    return HUB_V1_INSTANCE_STATUS_UNSPECIFIED;
}

/* Texts stay the instance's: it outlives the call. */
static hub_v1_instance *describe(struct arena *arena, struct instance *instance)
{
    hub_v1_instance *res = arena_alloc(arena, sizeof(*res));
    Google__Protobuf__Timestamp *time = arena_alloc(arena, sizeof(*time));

    if (!res || !time)
        return NULL;
    hub_v1_instance_init(res);
    google__protobuf__timestamp__init(time);
    time->seconds = instance->status_wall_s;
    res->realm = instance->realm;
    res->name = instance->realm;
    res->local = !instance->target;
    res->status = status_of(instance->status);
    res->version = instance->version;
    res->collator_version = instance->collator_version;
    res->services = instance->services;
    res->n_services = instance->service_count;
    if (instance->status_wall_s)
        res->status_time = time;
    return res;
}

static enum status list_instances(struct rpc_ctx *ctx, const hub_v1_list_instances_request *req,
                                  hub_v1_list_instances_response *res)
{
    const struct registry *registry = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);

    (void)req;
    res->instances = arena_zalloc(arena, registry->count + 1, sizeof(void *));
    for (size_t i = 0; res->instances && i < registry->count; i++) {
        res->instances[i] = describe(arena, registry->instances[i]);
        res->n_instances++;
    }
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status registry_service_add(struct rpc_host *host, struct registry *registry,
                                 struct fault *fault)
{
    static const struct hub_v1_instance_registry service = {.list_instances = list_instances};

    return hub_v1_instance_registry_add(host, &service, registry, fault);
}
