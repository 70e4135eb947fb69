#include "hub/registry/registry_service.h"

#include "hub/registry/instance_rules.h"
#include "pek/hub/v1/session.rpc.h"

static hub_v1_instance_status status_of(enum instance_status status)
{
    switch (status) {
    case INSTANCE_SERVING: return HUB_V1_INSTANCE_STATUS_SERVING;
    case INSTANCE_NOT_SERVING: return HUB_V1_INSTANCE_STATUS_NOT_SERVING;
    case INSTANCE_UNREACHABLE: return HUB_V1_INSTANCE_STATUS_UNREACHABLE;
    case INSTANCE_IS_DRAINING: return HUB_V1_INSTANCE_STATUS_DRAINING;
    case INSTANCE_REFUSED: return HUB_V1_INSTANCE_STATUS_REFUSED;
    case INSTANCE_UNKNOWN: break;
    }
    return HUB_V1_INSTANCE_STATUS_UNSPECIFIED;
}

static char *copy(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

/* Copies: the instance may be gone before the answer is written. */
static hub_v1_instance *describe(struct arena *arena, const struct instance *instance)
{
    hub_v1_instance *res = arena_alloc(arena, sizeof(*res));
    Google__Protobuf__Timestamp *time = arena_alloc(arena, sizeof(*time));

    if (!res || !time)
        return NULL;
    hub_v1_instance_init(res);
    google__protobuf__timestamp__init(time);
    time->seconds = instance->status_wall_s;
    res->realm = copy(arena, instance->realm);
    res->name = copy(arena, instance->name);
    res->local = !instance->target;
    res->status = status_of(instance->status);
    res->version = copy(arena, instance->version);
    res->collator_version = copy(arena, instance->collator_version);
    res->problem = copy(arena, instance->problem);
    res->services = arena_zalloc(arena, instance->service_count + 1, sizeof(char *));
    for (size_t i = 0; res->services && i < instance->service_count; i++)
        res->services[res->n_services++] = copy(arena, instance->services[i]);
    if (instance->status_wall_s)
        res->status_time = time;
    return res;
}

static enum status list_instances(struct rpc_ctx *ctx, const hub_v1_list_instances_request *req,
                                  hub_v1_list_instances_response *res)
{
    const struct registry_service *service = rpc_data(ctx);
    const struct registry *registry = service->registry;
    struct arena *arena = rpc_arena(ctx);

    (void)req;
    res->instances = arena_zalloc(arena, registry->count + 1, sizeof(void *));
    for (size_t i = 0; res->instances && i < registry->count; i++)
        res->instances[res->n_instances++] = describe(arena, registry->instances[i]);
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

/* ---- changes ------------------------------------------------------------------------------------ */

static enum status answer(struct rpc_ctx *ctx, const char *realm, const char *status,
                          hub_v1_instance_change *res)
{
    const struct registry_service *service = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);

    if (service->on_change)
        service->on_change(service->arg, rpc_principal(ctx)->user, realm, status);
    res->realm = copy(arena, realm);
    res->status = copy(arena, status);
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static const char *caller(struct rpc_ctx *ctx)
{
    struct slice user = rpc_principal(ctx)->user;
    return arena_strndup(rpc_arena(ctx), user.ptr, user.len);
}

static const char *or_null(const char *text)
{
    return text[0] ? text : NULL;
}

static enum status add_instance(struct rpc_ctx *ctx, const hub_v1_add_instance_request *req,
                                hub_v1_instance_change *res)
{
    const struct registry_service *service = rpc_data(ctx);
    struct registry *registry = service->registry;
    const struct instance_row row = {
        .realm = req->realm,
        .name = or_null(req->name),
        .target = req->target,
        .tls_name = or_null(req->tls_name),
        .ca_pem = or_null(req->ca_pem),
    };

    enum status status = instance_row_check(&row, rpc_fault(ctx));
    if (status)
        return status;
    if (target_is_listen(row.target, service->listen))
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "target", "that is this hub itself");
    const struct instance *there = registry_find(registry, slice_str(req->realm));
    if (there && !there->target)
        return rpc_fail_field(ctx, STATUS_ALREADY_EXISTS, "realm", "realm %s is hosted in this hub",
                              req->realm);
    status = instance_store_put(service->pg, rpc_cancel(ctx), &row, req->replace, caller(ctx),
                                rpc_fault(ctx));
    return status ? status : answer(ctx, req->realm, "ACTIVE", res);
}

static enum status change(struct rpc_ctx *ctx, const char *realm, const char *wanted,
                          hub_v1_instance_change *res)
{
    const struct registry_service *service = rpc_data(ctx);

    enum status status = instance_store_change(service->pg, rpc_cancel(ctx), realm, wanted,
                                               caller(ctx), rpc_fault(ctx));
    return status ? status : answer(ctx, realm, wanted, res);
}

static enum status drain_instance(struct rpc_ctx *ctx, const hub_v1_drain_instance_request *req,
                                  hub_v1_instance_change *res)
{
    return change(ctx, req->realm, "DRAINING", res);
}

static enum status undrain_instance(struct rpc_ctx *ctx, const hub_v1_undrain_instance_request *req,
                                    hub_v1_instance_change *res)
{
    return change(ctx, req->realm, "ACTIVE", res);
}

static enum status remove_instance(struct rpc_ctx *ctx, const hub_v1_remove_instance_request *req,
                                   hub_v1_instance_change *res)
{
    return change(ctx, req->realm, "REMOVED", res);
}

enum status registry_service_add(struct rpc_host *host, struct registry_service *service,
                                 struct fault *fault)
{
    static const struct hub_v1_instance_registry_service ops = {
        .list_instances = list_instances,
        .add_instance = add_instance,
        .drain_instance = drain_instance,
        .undrain_instance = undrain_instance,
        .remove_instance = remove_instance,
    };

    return hub_v1_instance_registry_service_add(host, &ops, service, fault);
}
