#include "hub/notification/notification_service.h"

#include <stdio.h>
#include <string.h>

#include "hub/notification/notification.h"
#include "hub/notification/notification_store.h"
#include "shared/base/clock.h"

/* ---- live -------------------------------------------------------------------------------------- */

struct watch {
    struct list node;
    struct slice user;
    struct fiber_event event;
    struct cancel_hook hook; /* the caller goes away */
    struct session_interest interest;
};

static void caller_went(struct cancel_hook *hook)
{
    fiber_event_signal(&LIST_ENTRY(hook, struct watch, hook)->event);
}

static void on_notify(void *arg, struct slice channel, struct slice payload)
{
    struct notification_service *service = arg;
    (void)channel;
    LIST_FOR_EACH (node, &service->watches) {
        struct watch *watch = LIST_ENTRY(node, struct watch, node);
        if (slice_equal(watch->user, payload))
            fiber_event_signal(&watch->event);
    }
}

static void look_again(void *arg)
{
    struct notification_service *service = arg;
    LIST_FOR_EACH (node, &service->watches)
        fiber_event_signal(&LIST_ENTRY(node, struct watch, node)->event);
}

static void on_lost(void *arg)
{
    (void)arg; /* look_again makes up for it */
}

/* The rows behind the position, which moves on. */
static enum status send_batch(struct rpc_ctx *ctx, const struct notification_query *query,
                              struct read_batch *batch, char key[8], char id[24],
                              struct hub_v1_list_notifications_stream *stream, size_t *ret_count)
{
    struct pg_result *rows;
    PEK_TRY(notification_store_follow(batch, query, &rows));
    enum status status = STATUS_OK;
    size_t count = pg_rows(rows);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        hub_v1_notification item;
        status = notification_store_row.read(rows, i, rpc_scratch(ctx), &item, rpc_fault(ctx));
        if (status != STATUS_OK)
            break;
        memcpy(key, item.sort_key.data, 8);
        snprintf(id, 24, "%s", item.id);
        batch->after_key = slice_make(key, 8);
        batch->after_id = id;
        batch->inclusive = false;
        status = hub_v1_list_notifications_send(stream, &item);
    }
    pg_result_free(rows);
    *ret_count = count;
    return status;
}

static enum status go_on(struct rpc_ctx *ctx, const hub_v1_list_notifications_request *req,
                         struct watch *watch, struct hub_v1_list_notifications_stream *stream)
{
    const struct notification_service *service = rpc_data(ctx);
    struct cancel *cancel = rpc_cancel(ctx);
    const struct notification_query query = {watch->user, req->unseen};
    struct read_batch batch = {
        .ctx = ctx,
        .lane = PG_POINT_READ,
        .after_key = SLICE_LIT(""),
        .after_id = "",
        .limit = NOTIFICATION_FOLLOW_ROWS,
    };
    char key[8], id[24];
    if (req->after) {
        batch.after_key = slice_make(req->after->sort_key.data, req->after->sort_key.len);
        batch.after_id = req->after->id;
        batch.inclusive = req->after->inclusive;
    }
    while (true) {
        size_t count = NOTIFICATION_FOLLOW_ROWS;
        while (count == NOTIFICATION_FOLLOW_ROWS) {
            arena_reset(rpc_scratch(ctx));
            batch.arena = rpc_scratch(ctx);
            PEK_TRY(send_batch(ctx, &query, &batch, key, id, stream, &count));
        }
        int64_t until_us = deadline_after_ms(NOTIFICATION_CHECK_MS);
        (void)!fiber_event_wait(&watch->event,
                                cancel->deadline_us < until_us ? cancel->deadline_us : until_us);
        PEK_TRY(cancel_status(cancel));
        if (service->ending)
            return rpc_fail(ctx, STATUS_UNAVAILABLE, "this hub is being closed");
        PEK_TRY(session_check(rpc_attached(ctx), cancel, rpc_scratch(ctx), rpc_fault(ctx)));
    }
}

static enum status follow(struct rpc_ctx *ctx, const hub_v1_list_notifications_request *req,
                          struct hub_v1_list_notifications_stream *stream)
{
    struct notification_service *service = rpc_data(ctx);
    struct watch watch = {.user = rpc_principal(ctx)->user, .hook = {.run = caller_went}};
    PEK_TRY(read_check_page(ctx, req->page_size, req->page_token));
    if (service->ending)
        return rpc_fail(ctx, STATUS_UNAVAILABLE, "this hub is being closed");
    /* Before it reads: what comes meanwhile is not missed. */
    list_append(&service->watches, &watch.node);
    cancel_hook_add(rpc_cancel(ctx), &watch.hook);
    session_follow(rpc_attached(ctx), &watch.interest, &watch.event);
    enum status status = go_on(ctx, req, &watch, stream);
    session_unfollow(&watch.interest);
    cancel_hook_remove(&watch.hook);
    list_remove(&watch.node);
    return status;
}

/* ---- lists ------------------------------------------------------------------------------------- */

static enum status list_notifications(struct rpc_ctx *ctx,
                                      const hub_v1_list_notifications_request *req,
                                      struct hub_v1_list_notifications_stream *stream)
{
    const struct notification_query query = {rpc_principal(ctx)->user, req->unseen};
    const struct read_list list = {
        .type = &notification_store_row,
        .request = req,
        READ_PAGE(req),
        .next = notification_store_list,
        .arg = &query,
    };
    return req->live ? follow(ctx, req, stream) : read_list(ctx, &list);
}

static enum status count_unseen(struct rpc_ctx *ctx, const hub_v1_count_unseen_request *req,
                                hub_v1_count_unseen_response *res)
{
    const struct notification_service *service = rpc_data(ctx);
    (void)req;
    return notification_store_count_unseen(service->service.pg, rpc_cancel(ctx),
                                           rpc_principal(ctx)->user, &res->unseen);
}

/* ---- marking ----------------------------------------------------------------------------------- */

static enum status check_marks(const hub_v1_mark_seen_request *req, struct fault *fault)
{
    if ((req->n_ids > 0) == (req->up_to[0] != '\0'))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, req->n_ids > 0 ? "up_to" : "ids",
                         "either ids says which were seen, or up_to the last of them");
    if (req->n_ids > NOTIFICATION_MARK_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "ids", "ids are %d at most",
                         NOTIFICATION_MARK_MAX);
    for (size_t i = 0; i < req->n_ids; i++)
        if (!notification_is_id(req->ids[i]))
            return fault_set(fault, STATUS_INVALID_ARGUMENT, "ids",
                             "ids[%zu] is no notification's id", i);
    if (req->up_to[0] && !notification_is_id(req->up_to))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "up_to", "up_to is no notification's id");
    return STATUS_OK;
}

CHANGE_METHOD(mark_seen, hub_v1_mark_seen_request, hub_v1_mark_seen_response)
{
    PEK_TRY(check_marks(req, change->fault));
    return notification_store_mark_seen(change, req->ids, req->n_ids, req->up_to, &res->unseen);
}

/* ---- the service ------------------------------------------------------------------------------- */

enum status notification_service_open(struct rpc_host *host, struct notification_service *service,
                                      struct fault *fault)
{
    static const struct hub_v1_notification_service methods = {
        .list_notifications = list_notifications,
        .count_unseen = count_unseen,
        .mark_seen = mark_seen,
    };
    static const struct pg_listener_events events = {on_notify, on_lost, look_again};
    list_init(&service->watches);
    PEK_TRY(hub_v1_notification_service_add(host, &methods, service, fault));
    return pg_listen(service->service.pg, NOTIFICATION_CHANNEL, &events, service,
                     &service->listener);
}

void notification_service_end_watches(struct notification_service *service)
{
    service->ending = true;
    if (service->listener)
        look_again(service);
}

void notification_service_close(struct notification_service *service)
{
    service->listener = pg_listener_free(service->listener);
}
