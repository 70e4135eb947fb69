#include "worker/notification/notification_service.h"

#include "shared/row/row.h"
#include "worker/notification/notification_store.h"

/* As PostgreSQL writes one: 8-4-4-4-12 hexadecimal digits. */
static bool is_event_id(const char *text)
{
    size_t i = 0;
    for (; text[i]; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool digit = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (i >= 36 || (dash ? text[i] != '-' : !digit))
            return false;
    }
    return i == 36;
}

static enum status check_ids(struct rpc_ctx *ctx, const char *field, char *const *ids, size_t count)
{
    if (count > NOTIFICATION_BATCH)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, field, "%s are %d at most", field,
                              NOTIFICATION_BATCH);
    for (size_t i = 0; i < count; i++)
        if (!is_event_id(ids[i]))
            return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, field, "%s[%zu] is no event's id",
                                  field, i);
    return STATUS_OK;
}

static enum status event_of(struct rpc_ctx *ctx, const struct pg_result *rows, size_t row,
                            notification_v1_event *ret_event)
{
    const struct instance_service *service = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);
    notification_v1_event event = NOTIFICATION_V1_EVENT_INIT;
    Google__Protobuf__Timestamp *time = arena_alloc(arena, sizeof(*time));
    if (!time)
        return STATUS_RESOURCE_EXHAUSTED;
    google__protobuf__timestamp__init(time);
    PEK_TRY(pg_get_timestamp(rows, row, 8, &time->seconds, &time->nanos));
    event.id = arena_printf(arena, "%s", pg_get_str(rows, row, 0));
    event.kind = (notification_v1_kind)pg_get_int(rows, row, 1);
    event.recipient = arena_printf(arena, "%s", pg_get_str(rows, row, 2));
    event.actor = arena_printf(arena, "%s", pg_get_str(rows, row, 3));
    event.subject = arena_printf(arena, "%s", pg_get_str(rows, row, 4));
    event.link = arena_printf(arena, "realms/%s/groups/%s", service->instance.realm,
                              pg_get_str(rows, row, 5));
    event.title = arena_printf(arena, "%s", pg_get_str(rows, row, 6));
    event.detail = arena_printf(arena, "%s", pg_get_str(rows, row, 7));
    event.create_time = time;
    event.retracts = pg_get_bool(rows, row, 9);
    event.order = pg_get_int(rows, row, 10);
    *ret_event = event;
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static enum status answer(struct rpc_ctx *ctx, const struct pg_result *rows,
                          notification_v1_collect_notifications_response *res)
{
    size_t count = pg_rows(rows);
    notification_v1_event *events = arena_zalloc(rpc_arena(ctx), count + 1, sizeof(*events));
    res->events = arena_zalloc(rpc_arena(ctx), count + 1, sizeof(*res->events));
    if (!events || !res->events)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        PEK_TRY(event_of(ctx, rows, i, &events[i]));
        res->events[i] = &events[i];
    }
    res->n_events = count;
    return STATUS_OK;
}

static enum status collect_notifications(struct rpc_ctx *ctx,
                                         const notification_v1_collect_notifications_request *req,
                                         notification_v1_collect_notifications_response *res)
{
    const struct instance_service *service = rpc_data(ctx);
    struct pg_result *rows;
    PEK_TRY(instance_service_take_hub(ctx, req->assertion));
    PEK_TRY(check_ids(ctx, "stored", req->stored, req->n_stored));
    PEK_TRY(check_ids(ctx, "later", req->later, req->n_later));
    PEK_TRY(notification_store_collect(service->pg, rpc_cancel(ctx), rpc_arena(ctx), req, &rows));
    enum status status = answer(ctx, rows, res);
    pg_result_free(rows);
    return status;
}

enum status notification_service_add(struct rpc_host *host, struct instance_service *instance,
                                     struct fault *fault)
{
    static const struct notification_v1_notification_service service = {
        .collect_notifications = collect_notifications,
    };
    return notification_v1_notification_service_add(host, &service, instance, fault);
}
