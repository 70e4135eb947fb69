#include "hub/registry/registry_service.h"

#include "hub/registry/instance_rules.h"
#include "pek/hub/v1/session.rpc.h"
#include "shared/base/clock.h"
#include "shared/service/change.h"
#include "shared/service/read.h"

/* The list is read when something is wrong, which the database may be. */
#define ADMIN_TIMEOUT_MS 500

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
static hub_v1_instance *describe(struct arena *arena, const struct instance *instance,
                                 bool for_admin)
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
    if (for_admin)
        res->problem = copy(arena, instance_problem(instance));
    res->services = arena_zalloc(arena, instance->service_count + 1, sizeof(char *));
    for (size_t i = 0; res->services && i < instance->service_count; i++)
        res->services[res->n_services++] = copy(arena, instance->services[i]);
    if (instance->status_wall_s)
        res->status_time = time;
    return res;
}

/* The instances of now; the registry may change while the list is sent. */
struct snapshot {
    struct instance **items;
    size_t count;
    bool for_admin;
};

/* Asked only when there is something to tell. When it cannot be looked up it is nobody. */
static bool is_for_admin(struct rpc_ctx *ctx, const struct snapshot *snapshot)
{
    const struct registry_service *service = rpc_data(ctx);
    bool troubled = false, admin = false;
    struct cancel bounded;

    cancel_init(&bounded, deadline_after_ms(ADMIN_TIMEOUT_MS));
    for (size_t i = 0; i < snapshot->count && !troubled; i++)
        troubled = instance_problem(snapshot->items[i])[0];
    return troubled &&
           service->is_admin(service->service.pg, &bounded, rpc_principal(ctx)->user, &admin) ==
               STATUS_OK &&
           admin;
}

static enum status send_behind(struct rpc_ctx *ctx, const struct snapshot *snapshot,
                               const hub_v1_list_instances_request *req,
                               struct hub_v1_list_instances_stream *stream)
{
    size_t left = req->page_size > 0 ? (size_t)req->page_size : SIZE_MAX;

    for (size_t i = 0; i < snapshot->count && left > 0; i++) {
        int order = req->after ? strcmp(snapshot->items[i]->realm, req->after->id) : 1;
        if (order < 0 || (order == 0 && !req->after->inclusive))
            continue;
        hub_v1_instance *item = describe(rpc_scratch(ctx), snapshot->items[i], snapshot->for_admin);
        if (!item || rpc_scratch(ctx)->failed)
            return STATUS_RESOURCE_EXHAUSTED;
        PEK_TRY(hub_v1_list_instances_send(stream, item));
        left--;
    }
    return STATUS_OK;
}

static enum status list_instances(struct rpc_ctx *ctx, const hub_v1_list_instances_request *req,
                                  struct hub_v1_list_instances_stream *stream)
{
    const struct registry_service *service = rpc_data(ctx);
    struct snapshot snapshot = {.count = service->registry->count};

    PEK_TRY(read_check_page(ctx, req->page_size, req->page_token));
    snapshot.items = arena_alloc(rpc_arena(ctx), (snapshot.count + 1) * sizeof(struct instance *));
    if (!snapshot.items)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < snapshot.count; i++)
        snapshot.items[i] = instance_ref(service->registry->instances[i]);
    snapshot.for_admin = is_for_admin(ctx, &snapshot);
    enum status status = send_behind(ctx, &snapshot, req, stream);
    for (size_t i = 0; i < snapshot.count; i++)
        instance_unref(snapshot.items[i]);
    return status;
}

/* ---- changes ------------------------------------------------------------------------------------ */

static const struct registry_service *service_of(const struct change *change)
{
    return (const struct registry_service *)change->service;
}

static void committed(const struct change *change, const ProtobufCMessage *response)
{
    const struct registry_service *service = service_of(change);
    const hub_v1_instance_change *res = (const hub_v1_instance_change *)response;

    const struct rpc_trace trace = rpc_trace(change->ctx);

    if (service->on_change)
        service->on_change(service->arg, &trace, slice_str(change->actor), res->realm, res->status);
}

static enum status answer(struct change *change, const char *action, const char *realm,
                          const char *status, hub_v1_instance_change *res)
{
    struct slice ids = slice_str(realm);

    PEK_TRY(change_audit(change, &instance_store_audit, action, &ids, 1));
    res->realm = copy(change->arena, realm);
    res->status = copy(change->arena, status);
    return change->arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static const char *or_null(const char *text)
{
    return text[0] ? text : NULL;
}

CHANGE_METHOD(add_instance, hub_v1_add_instance_request, hub_v1_instance_change)
{
    const struct registry_service *service = service_of(change);
    const struct instance_row row = {
        .realm = req->realm,
        .name = or_null(req->name),
        .target = req->target,
        .tls_name = or_null(req->tls_name),
        .ca_pem = or_null(req->ca_pem),
    };

    PEK_TRY(instance_row_check(&row, change->fault));
    if (target_is_listen(row.target, service->listen))
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "target",
                         "that is this hub itself");
    const struct instance *there = registry_find(service->registry, slice_str(req->realm));
    if (there && !there->target)
        return fault_set(change->fault, STATUS_ALREADY_EXISTS, "realm",
                         "realm %s is hosted in this hub", req->realm);
    PEK_TRY(
        instance_store_put(change->transaction, &row, req->replace, change->actor, change->fault));
    return answer(change, "instance.add", req->realm, "ACTIVE", res);
}

static enum status set_status(struct change *change, const char *action, const char *realm,
                              const char *status, hub_v1_instance_change *res)
{
    PEK_TRY(
        instance_store_change(change->transaction, realm, status, change->actor, change->fault));
    return answer(change, action, realm, status, res);
}

CHANGE_METHOD(drain_instance, hub_v1_drain_instance_request, hub_v1_instance_change)
{
    return set_status(change, "instance.drain", req->realm, "DRAINING", res);
}

CHANGE_METHOD(undrain_instance, hub_v1_undrain_instance_request, hub_v1_instance_change)
{
    return set_status(change, "instance.undrain", req->realm, "ACTIVE", res);
}

CHANGE_METHOD(remove_instance, hub_v1_remove_instance_request, hub_v1_instance_change)
{
    return set_status(change, "instance.remove", req->realm, "REMOVED", res);
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

    service->service.committed = committed;
    return hub_v1_instance_registry_service_add(host, &ops, service, fault);
}
