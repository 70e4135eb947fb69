#include "tests/chaos/rude_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pek/group/v1/group.rpc.h"
#include "pek/instance/v1/instance.rpc.h"
#include "pek/membership/v1/membership.rpc.h"
#include "pek/notification/v1/notification.rpc.h"
#include "shared/base/clock.h"
#include "shared/rpc/incoming.h"

#define LARGE_NAME_BYTES 700000
#define LONG_ETAG_BYTES 129
#define PADDED_NAME_BYTES_MAX 1000000
#define YEAR_10000_S INT64_C(253402300800)

static char *text(const char *string)
{
    union {
        const char *in;
        char *out;
    } either = {.in = string};
    return either.out;
}

/* ---- what goes out ------------------------------------------------------------------------------ */

/* Whatever the bytes are: behind the host's own check of what may be sent. */
static enum status send_bytes(struct rpc_stream *stream, const void *bytes, size_t len)
{
    struct rpc_ctx *ctx = stream->ctx;
    ctx->transport->send(ctx, grpc_slice_from_copied_buffer(bytes, len));
    return STATUS_OK;
}

static enum status send_group(struct rude_worker *worker, struct rpc_stream *stream,
                              const struct rude_item *item, enum rude_fault fault)
{
    static char large[LARGE_NAME_BYTES + 1], padded[PADDED_NAME_BYTES_MAX + 1];
    static char etag[LONG_ETAG_BYTES + 1];
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    group_v1_group group = GROUP_V1_GROUP_INIT;
    memset(large, '\x01', LARGE_NAME_BYTES); /* six bytes each in JSON */
    memset(etag, '1', LONG_ETAG_BYTES);
    memset(padded, 'x', worker->name_bytes);
    padded[worker->name_bytes] = '\0';
    time.seconds = fault == RUDE_NO_TIME ? YEAR_10000_S : 0;
    group.realm = text(fault == RUDE_OTHER_REALM ? "foreign" : worker->realm);
    group.id = text(fault == RUDE_OTHER_ID  ? "foreign"
                    : fault == RUDE_NO_ID   ? ""
                    : fault == RUDE_LONG_ID ? large
                                            : item->id);
    group.name = text(fault == RUDE_NOT_UTF8                                       ? "\xc3\x28\xff"
                      : fault == RUDE_CUT                                          ? "K\xc3"
                      : fault == RUDE_LARGE                                        ? large
                      : worker->name_bytes                                         ? padded
                      : worker->cuts && strcmp(worker->offered, worker->etag) == 0 ? ""
                                                                                   : item->id);
    group.foundation_time = &time;
    group.etag = fault == RUDE_LONG_ETAG  ? etag
                 : fault == RUDE_BAD_ETAG ? text("a\"b")
                                          : worker->etag;
    group.sort_key.data = (uint8_t *)text(fault == RUDE_BROKEN_ORDER ? "" : item->key);
    group.sort_key.len = fault == RUDE_BROKEN_ORDER ? 0 : strlen(item->key);
    return rpc_stream_send(stream, &group.base);
}

static enum status send_oversize(struct rpc_stream *stream)
{
    /* One byte over: name, of that length. */
    size_t len = RPC_MESSAGE_BYTES_MAX + 1, rest = len - 5;
    grpc_slice message = grpc_slice_malloc(len);
    uint8_t *bytes = GRPC_SLICE_START_PTR(message);
    memset(bytes, 'x', len);
    bytes[0] = 3 << 3 | 2;
    for (size_t i = 1; i < 5; i++, rest >>= 7)
        bytes[i] = (uint8_t)((rest & 0x7f) | (i < 4 ? 0x80 : 0));
    stream->ctx->transport->send(stream->ctx, message);
    return STATUS_OK;
}

static enum status stall(struct rude_worker *worker, struct rpc_ctx *ctx)
{
    struct fiber_event never = {0};
    worker->stalled++;
    enum status status = fiber_event_wait_cancel(&never, rpc_cancel(ctx));
    worker->stalled--;
    worker->cancelled++;
    return status;
}

/* The item and what follows it, until nobody listens. */
static enum status send_endless(struct rude_worker *worker, struct rpc_stream *stream,
                                const struct rude_item *item)
{
    struct rude_item next = *item;
    enum status status = STATUS_OK;
    for (unsigned i = 0; status == STATUS_OK; i++) {
        if (worker->fault != RUDE_SAME)
            snprintf(next.key, sizeof(next.key), "%.32s.%08u", item->key, i);
        if (worker->fault == RUDE_DRIP)
            fiber_sleep_ms(RUDE_DRIP_MS);
        status = send_group(worker, stream, &next, RUDE_NOT);
    }
    return status;
}

/* One item, or what comes in its place. */
static enum status give(struct rude_worker *worker, struct rpc_ctx *ctx, struct rpc_stream *stream,
                        const struct rude_item *item, bool rude)
{
    switch (rude ? worker->fault : RUDE_NOT) {
    case RUDE_GARBAGE: return send_bytes(stream, "\x0a\xff\xff\xff\xff\x0f", 6);
    case RUDE_OVERSIZE: return send_oversize(stream);
    case RUDE_FAIL: return rpc_fail(ctx, worker->status, "rude");
    case RUDE_STALL: return stall(worker, ctx);
    case RUDE_SAME:
    case RUDE_ENDLESS:
    case RUDE_DRIP: return send_endless(worker, stream, item);
    default: return send_group(worker, stream, item, rude ? worker->fault : RUDE_NOT);
    }
}

/* ---- groups ------------------------------------------------------------------------------------- */

/* Notes who calls; says how to begin. */
static enum status begin(struct rude_worker *worker, struct rpc_ctx *ctx)
{
    char own[RUDE_TEXT_BYTES_MAX];
    worker->calls++;
    snprintf(own, sizeof(own), "Bearer token-of-%s", worker->realm);
    if (!slice_equal_str(rpc_metadata(ctx, "authorization", 0), own))
        worker->strangers++;
    worker->hint_count = 0;
    for (size_t i = 0; i < RUDE_HINTS_MAX; i++) {
        struct slice hint = rpc_metadata(ctx, "x-policy-hint", i);
        if (hint.len == 0)
            break;
        snprintf(worker->hints[worker->hint_count++], RUDE_TEXT_BYTES_MAX, "%.*s", SLICE_ARG(hint));
    }
    snprintf(worker->offered, sizeof(worker->offered), "%.*s",
             SLICE_ARG(rpc_metadata(ctx, RPC_IF_NONE_MATCH, 0)));
    if (worker->refusals == 0)
        return STATUS_OK;
    worker->refusals--;
    return rpc_fail(ctx, worker->status, "refused");
}

static enum status get_group(const void *ops, struct rpc_ctx *ctx, const void *request,
                             void *response, struct rpc_stream *stream)
{
    struct rude_worker *worker = rpc_data(ctx);
    const group_v1_get_group_request *req = request;
    (void)ops;
    (void)response;
    enum status status = begin(worker, ctx);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < worker->item_count; i++)
        if (strcmp(worker->items[i].id, req->id) == 0 ||
            (worker->ignores_case && strcasecmp(worker->items[i].id, req->id) == 0))
            return give(worker, ctx, stream, &worker->items[i], worker->fault_after == 0);
    if (worker->fault == RUDE_STALL)
        return stall(worker, ctx);
    return rpc_fail(ctx, STATUS_NOT_FOUND, "no such group");
}

static bool is_after(const struct rude_item *item, const Pek__Cursor *after)
{
    if (!after)
        return true;
    struct slice key = slice_make((const char *)after->sort_key.data, after->sort_key.len);
    int order = slice_compare(slice_str(item->key), key);
    if (order == 0)
        order = slice_compare(slice_str(item->id), slice_str(after->id));
    return order > 0 || (order == 0 && after->inclusive);
}

/* Reads in the request what others gave last, and has something just behind it. */
static enum status give_shadow(struct rude_worker *worker, struct rpc_ctx *ctx,
                               struct rpc_stream *stream, const Pek__Cursor *after)
{
    struct rude_item item = {.key = "0", .id = "shadow"};
    if (after)
        snprintf(item.key, sizeof(item.key), "%.*s!", (int)after->sort_key.len,
                 (const char *)after->sort_key.data);
    enum status status = send_group(worker, stream, &item, RUDE_NOT);
    return status == STATUS_OK ? rpc_fail(ctx, worker->status, "rude") : status;
}

/* In order, and never done. */
static enum status give_ahead(struct rude_worker *worker, struct rpc_stream *stream,
                              const Pek__Cursor *after, size_t wanted)
{
    struct rude_item item = {.key = "0"};
    unsigned long at = after ? strtoul(after->id, NULL, 10) : 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < wanted; i++) {
        snprintf(item.id, sizeof(item.id), "%08lu", ++at);
        status = send_group(worker, stream, &item, RUDE_NOT);
    }
    return status;
}

static enum status list_groups(const void *ops, struct rpc_ctx *ctx, const void *request,
                               void *response, struct rpc_stream *stream)
{
    struct rude_worker *worker = rpc_data(ctx);
    const group_v1_list_groups_request *req = request;
    size_t given = 0, wanted = req->page_size > 0 ? (size_t)req->page_size : RUDE_ITEMS_MAX;
    (void)ops;
    (void)response;
    enum status status = begin(worker, ctx);
    if (status == STATUS_OK && worker->late_ms > 0)
        fiber_sleep_ms(worker->late_ms);
    if (status == STATUS_OK && worker->fault == RUDE_AHEAD)
        return give_ahead(worker, stream, req->after, wanted);
    if (status == STATUS_OK && worker->fault == RUDE_SHADOW)
        return give_shadow(worker, ctx, stream, req->after);
    for (size_t i = 0; status == STATUS_OK && i < worker->item_count && given < wanted; i++) {
        if (!is_after(&worker->items[i], req->after) && worker->fault != RUDE_REPLAY)
            continue;
        status = give(worker, ctx, stream, &worker->items[i], given == worker->fault_after);
        given++;
        worker->listed++;
    }
    /* A fault at the very end of the list. */
    if (status == STATUS_OK && given < wanted && given <= worker->fault_after &&
        (worker->fault == RUDE_FAIL || worker->fault == RUDE_STALL))
        status = give(worker, ctx, stream, NULL, true);
    return status;
}

/* All it has, of a group that it has. */
static enum status list_ancestors(const void *ops, struct rpc_ctx *ctx, const void *request,
                                  void *response, struct rpc_stream *stream)
{
    struct rude_worker *worker = rpc_data(ctx);
    const group_v1_list_ancestors_request *req = request;
    bool has_it = false;
    (void)ops;
    (void)response;
    enum status status = begin(worker, ctx);
    for (size_t i = 0; i < worker->item_count; i++)
        has_it |= strcmp(worker->items[i].id, req->id) == 0;
    if (status == STATUS_OK && !has_it)
        status = rpc_fail(ctx, STATUS_NOT_FOUND, "no such group");
    for (size_t i = 0; status == STATUS_OK && i < worker->item_count; i++)
        status = give(worker, ctx, stream, &worker->items[i], i == worker->fault_after);
    return status;
}

static enum status create_group(const void *ops, struct rpc_ctx *ctx, const void *request,
                                void *response, struct rpc_stream *stream)
{
    struct rude_worker *worker = rpc_data(ctx);
    const group_v1_create_group_request *req = request;
    struct rude_item item = {.key = ""};
    (void)ops;
    (void)response;
    enum status status = begin(worker, ctx);
    if (status != STATUS_OK)
        return status;
    snprintf(item.id, sizeof(item.id), "%s@%s", req->slug, req->slug);
    return give(worker, ctx, stream, &item, true);
}

static enum status update_group(const void *ops, struct rpc_ctx *ctx, const void *request,
                                void *response, struct rpc_stream *stream)
{
    struct rude_worker *worker = rpc_data(ctx);
    const group_v1_update_group_request *req = request;
    struct rude_item item = {.key = ""};
    size_t len = 0;
    (void)ops;
    (void)response;
    enum status status = begin(worker, ctx);
    if (status != STATUS_OK)
        return status;
    if (req->group->etag[0] && strcmp(req->group->etag, worker->etag) != 0)
        return rpc_fail_field(ctx, STATUS_ABORTED, "etag", "another etag");
    worker->mask[0] = '\0';
    for (size_t i = 0; req->update_mask && i < req->update_mask->n_paths; i++)
        len += (size_t)snprintf(worker->mask + len, sizeof(worker->mask) - len, "%s%s",
                                i ? "," : "", req->update_mask->paths[i]);
    snprintf(worker->etag, sizeof(worker->etag), "u%zu", ++worker->updates);
    snprintf(item.id, sizeof(item.id), "%s", req->group->id);
    return give(worker, ctx, stream, &item, true);
}

/* ---- members ------------------------------------------------------------------------------------ */

static enum status send_member(struct rude_worker *worker, struct rpc_stream *stream, size_t at,
                               const char *group_id, const char *user_id)
{
    const struct rude_item *item = &worker->items[at];
    enum rude_fault fault = at == worker->fault_after ? worker->fault : RUDE_NOT;
    membership_v1_membership member = MEMBERSHIP_V1_MEMBERSHIP_INIT;
    bool foreign = fault == RUDE_OTHER_ID, of_group = group_id != NULL;
    const char *own = fault == RUDE_NO_ID ? "" : item->id;
    member.realm = text(worker->realm);
    member.group_id = text(of_group && foreign ? "foreign" : of_group ? group_id : own);
    member.user_id = text(!of_group && foreign ? "foreign" : of_group ? own : user_id);
    member.sort_key.data = member.group_sort_key.data = (uint8_t *)text(item->key);
    member.sort_key.len = member.group_sort_key.len = strlen(item->key);
    return rpc_stream_send(stream, &member.base);
}

static enum status list_members(const void *ops, struct rpc_ctx *ctx, const void *request,
                                void *response, struct rpc_stream *stream)
{
    struct rude_worker *worker = rpc_data(ctx);
    const membership_v1_list_members_request *req = request;
    (void)ops;
    (void)response;
    enum status status = begin(worker, ctx);
    for (size_t i = 0; status == STATUS_OK && i < worker->item_count; i++)
        status = send_member(worker, stream, i, req->group_id, NULL);
    return status;
}

static enum status list_memberships(const void *ops, struct rpc_ctx *ctx, const void *request,
                                    void *response, struct rpc_stream *stream)
{
    struct rude_worker *worker = rpc_data(ctx);
    const membership_v1_list_memberships_request *req = request;
    (void)ops;
    (void)response;
    enum status status = begin(worker, ctx);
    for (size_t i = 0; status == STATUS_OK && i < worker->item_count; i++)
        status = send_member(worker, stream, i, NULL,
                             strcmp(req->user_id, "me") == 0 ? RUDE_USER : req->user_id);
    return status;
}

/* ---- the instance ------------------------------------------------------------------------------- */

static enum status issue_token(const void *ops, struct rpc_ctx *ctx, const void *request,
                               void *response, struct rpc_stream *stream)
{
    struct rude_worker *worker = rpc_data(ctx);
    instance_v1_issue_token_response res = INSTANCE_V1_ISSUE_TOKEN_RESPONSE_INIT;
    Google__Protobuf__Timestamp expires = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    char *policies[] = {text(RUDE_POLICY)};
    (void)ops;
    (void)request;
    (void)response;
    worker->tokens++;
    if (worker->refuses_hub)
        return rpc_fail(ctx, STATUS_UNAUTHENTICATED, "the token's claim iat is not acceptable");
    if (worker->holds_tokens) {
        enum status status = fiber_gate_enter_cancel(&worker->held, rpc_cancel(ctx));
        if (status != STATUS_OK)
            return status;
    }
    expires.seconds =
        worker->token_lifetime_s == INT64_MAX
            ? INT64_MAX
            : clock_wall_s() + (worker->token_lifetime_s ? worker->token_lifetime_s : 300);
    res.token = arena_printf(rpc_arena(ctx), "token-of-%s", worker->realm);
    res.expire_time = &expires;
    res.known = !worker->unknown;
    res.policies = policies;
    res.n_policies = 1;
    return rpc_stream_send(stream, &res.base);
}

static enum status get_info(const void *ops, struct rpc_ctx *ctx, const void *request,
                            void *response, struct rpc_stream *stream)
{
    const struct rude_worker *worker = rpc_data(ctx);
    instance_v1_info res = INSTANCE_V1_INFO_INIT;
    char *services[] = {text(group_v1_group_service_table.name),
                        text(instance_v1_instance_service_table.name),
                        text(membership_v1_membership_service_table.name),
                        text(notification_v1_notification_service_table.name)};
    (void)ops, (void)request, (void)response;
    res.realm = text(worker->claims ? worker->claims : worker->realm);
    res.version = text("rude");
    res.collator_version = text("1");
    res.services = services;
    res.n_services = RUDE_SERVICES;
    return rpc_stream_send(stream, &res.base);
}

static enum status watch_policies(const void *ops, struct rpc_ctx *ctx, const void *request,
                                  void *response, struct rpc_stream *stream)
{
    struct rude_worker *worker = rpc_data(ctx);
    instance_v1_policy_event event = INSTANCE_V1_POLICY_EVENT_INIT;
    (void)ops, (void)request, (void)response;
    event.reset = true;
    if (worker->watch_late_ms > 0)
        fiber_sleep_ms(worker->watch_late_ms);
    enum status status = rpc_stream_send(stream, &event.base);
    return status == STATUS_OK ? fiber_gate_enter_cancel(&worker->watches, rpc_cancel(ctx))
                               : status;
}

static enum status put_people(const void *ops, struct rpc_ctx *ctx, const void *request,
                              void *response, struct rpc_stream *stream)
{
    struct rude_worker *worker = rpc_data(ctx);
    const instance_v1_put_people_request *req = request;
    instance_v1_put_people_response res = INSTANCE_V1_PUT_PEOPLE_RESPONSE_INIT;
    (void)ops, (void)response;
    worker->told += req->n_people;
    res.n_known_users = worker->names;
    res.known_users = arena_zalloc(rpc_arena(ctx), worker->names + 1, sizeof(char *));
    for (size_t i = 0; res.known_users && i < worker->names; i++)
        res.known_users[i] = arena_printf(rpc_arena(ctx), "x%zu", i);
    return res.known_users ? rpc_stream_send(stream, &res.base) : STATUS_RESOURCE_EXHAUSTED;
}

static enum status list_unnamed_people(const void *ops, struct rpc_ctx *ctx, const void *request,
                                       void *response, struct rpc_stream *stream)
{
    struct rude_worker *worker = rpc_data(ctx);
    const instance_v1_list_unnamed_people_request *req = request;
    instance_v1_list_unnamed_people_response res = INSTANCE_V1_LIST_UNNAMED_PEOPLE_RESPONSE_INIT;
    (void)ops, (void)response;
    worker->unnamed_begun += req->after[0] == '\0';
    if (++worker->unnamed_calls == worker->unnamed_fails)
        return worker->status;
    res.users = arena_zalloc(rpc_arena(ctx), worker->unnamed + 1, sizeof(char *));
    for (size_t i = strtoull(req->after, NULL, 10) + 1; res.users && i <= worker->unnamed; i++)
        res.users[res.n_users++] = arena_printf(rpc_arena(ctx), RUDE_UNNAMED, i);
    return rpc_stream_send(stream, &res.base);
}

static enum status collect_notifications(const void *ops, struct rpc_ctx *ctx, const void *request,
                                         void *response, struct rpc_stream *stream)
{
    struct rude_worker *worker = rpc_data(ctx);
    const notification_v1_collect_notifications_request *req = request;
    notification_v1_collect_notifications_response res =
        NOTIFICATION_V1_COLLECT_NOTIFICATIONS_RESPONSE_INIT;
    Google__Protobuf__Timestamp now = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    struct arena *arena = rpc_arena(ctx);
    notification_v1_event *events = arena_zalloc(arena, worker->events + 1, sizeof(*events));
    (void)ops;
    (void)response;
    res.events = arena_zalloc(arena, worker->events + 1, sizeof(*res.events));
    if (!events || !res.events)
        return STATUS_RESOURCE_EXHAUSTED;
    worker->events_stored += req->n_stored;
    worker->events_later += req->n_later;
    now.seconds = clock_wall_s();
    for (size_t i = 0; i < worker->events; i++) {
        size_t number = worker->events_again ? i : worker->collected * worker->events + i;
        notification_v1_event_init(&events[i]);
        events[i].id = arena_printf(arena, "00000000-0000-0000-0000-%012zx", number);
        events[i].kind = NOTIFICATION_V1_KIND_MEMBERSHIP_ACCEPTED;
        events[i].recipient = events[i].subject =
            text(worker->event_to ? worker->event_to : "alice");
        events[i].actor = text("bob");
        events[i].link = worker->event_link
                             ? text(worker->event_link)
                             : arena_printf(arena, "realms/%s/groups/o@o", worker->realm);
        events[i].title = text(worker->event_title ? worker->event_title : "A");
        events[i].create_time = &now;
        res.events[i] = &events[i];
    }
    res.n_events = worker->events;
    worker->collected++;
    return rpc_stream_send(stream, &res.base);
}

/* ---- life cycle --------------------------------------------------------------------------------- */

static bool implemented(const void *ops)
{
    (void)ops;
    return true;
}

/* The method of the contract, for anybody, as a stream: on the wire a stream of one is a unary answer. */
static void add_method(struct rude_worker *worker, size_t at, const struct rpc_service *service,
                       const char *name,
                       enum status (*dispatch)(const void *ops, struct rpc_ctx *ctx,
                                               const void *request, void *response,
                                               struct rpc_stream *stream))
{
    static const struct rpc_access anybody = {.kind = RPC_ACCESS_PUBLIC};
    for (size_t i = 0; i < service->method_count; i++) {
        if (strcmp(service->methods[i].name, name) != 0)
            continue;
        worker->methods[at] = service->methods[i];
        worker->methods[at].server_streaming = true;
        worker->methods[at].kept = NULL;
        worker->methods[at].read_mask = NULL;
        worker->methods[at].access = &anybody;
        worker->methods[at].access_count = 1;
        worker->methods[at].implemented = implemented;
        worker->methods[at].dispatch = dispatch;
    }
}

enum status rude_worker_open(struct rude_worker *worker, struct fibers *fibers,
                             struct rpc_runtime *runtime)
{
    const struct rpc_server_options options = {.listen = "127.0.0.1:0"};
    const struct rpc_host_options host_options = {.unary_max = 0};
    struct fault fault = {0};
    fiber_gate_init(&worker->held, 0, RUDE_WAITING_MAX);
    fiber_gate_init(&worker->watches, 0, RUDE_WAITING_MAX);
    add_method(worker, 0, &group_v1_group_service_table, "GetGroup", get_group);
    add_method(worker, 1, &group_v1_group_service_table, "ListGroups", list_groups);
    add_method(worker, 2, &group_v1_group_service_table, "CreateGroup", create_group);
    add_method(worker, 3, &group_v1_group_service_table, "UpdateGroup", update_group);
    add_method(worker, 4, &group_v1_group_service_table, "ListAncestors", list_ancestors);
    add_method(worker, 5, &instance_v1_instance_service_table, "IssueToken", issue_token);
    add_method(worker, 6, &instance_v1_instance_service_table, "GetInfo", get_info);
    add_method(worker, 7, &instance_v1_instance_service_table, "WatchPolicies", watch_policies);
    add_method(worker, 8, &instance_v1_instance_service_table, "PutPeople", put_people);
    add_method(worker, 9, &instance_v1_instance_service_table, "ListUnnamedPeople",
               list_unnamed_people);
    add_method(worker, 10, &membership_v1_membership_service_table, "ListMembers", list_members);
    add_method(worker, 11, &membership_v1_membership_service_table, "ListMemberships",
               list_memberships);
    add_method(worker, 12, &notification_v1_notification_service_table, "CollectNotifications",
               collect_notifications);
    worker->services[3] = (struct rpc_service){notification_v1_notification_service_table.name,
                                               worker->methods + 12, 1};
    worker->services[0] =
        (struct rpc_service){group_v1_group_service_table.name, worker->methods, 5};
    worker->services[1] =
        (struct rpc_service){instance_v1_instance_service_table.name, worker->methods + 5, 5};
    worker->services[2] =
        (struct rpc_service){membership_v1_membership_service_table.name, worker->methods + 10, 2};
    enum status status = rpc_host_new(fibers, &host_options, &worker->host);
    for (size_t i = 0; status == STATUS_OK && i < RUDE_SERVICES; i++)
        status = rpc_host_add(worker->host, &worker->services[i], worker, worker, &fault);
    if (status == STATUS_OK)
        status = rpc_server_new(runtime, worker->host, &options, &worker->server, &fault);
    if (status != STATUS_OK) {
        fprintf(stderr, "rude_worker: %s\n", fault.text);
        return status;
    }
    worker->port = rpc_server_port(worker->server);
    return STATUS_OK;
}

void rude_worker_stop(struct rude_worker *worker)
{
    /* Watches never end by themselves. */
    (void)!rpc_server_drain(worker->server, clock_monotonic_us());
}

void rude_worker_close(struct rude_worker *worker)
{
    worker->server = rpc_server_free(worker->server);
    worker->host = rpc_host_free(worker->host);
}

void rude_worker_add(struct rude_worker *worker, const char *key, const char *id)
{
    struct rude_item *item = &worker->items[worker->item_count++];
    snprintf(item->key, sizeof(item->key), "%s", key);
    snprintf(item->id, sizeof(item->id), "%s", id);
}

void rude_worker_reset(struct rude_worker *worker)
{
    worker->fault = RUDE_NOT;
    worker->claims = NULL;
    worker->item_count = worker->fault_after = worker->refusals = worker->name_bytes = 0;
    worker->status = STATUS_UNAVAILABLE;
    worker->updates = 0;
    snprintf(worker->etag, sizeof(worker->etag), "v1");
    worker->unknown = worker->holds_tokens = worker->ignores_case = worker->refuses_hub = false;
    worker->watch_late_ms = worker->late_ms = 0;
    worker->token_lifetime_s = 0;
    worker->events = worker->collected = worker->events_stored = worker->events_later = 0;
    worker->events_again = false;
    worker->event_to = worker->event_link = worker->event_title = NULL;
    worker->tokens = worker->calls = worker->listed = worker->cancelled = worker->strangers =
        worker->hint_count = 0;
}

static void let_all_go(struct fiber_gate *gate)
{
    for (size_t waiting = gate->waiting; waiting > 0; waiting--)
        fiber_gate_leave(gate);
}

void rude_worker_release_tokens(struct rude_worker *worker)
{
    worker->holds_tokens = false;
    let_all_go(&worker->held);
}

void rude_worker_end_watches(struct rude_worker *worker)
{
    let_all_go(&worker->watches);
}
