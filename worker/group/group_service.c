/* What GroupService reads, and its table of handlers. */
#include "worker/group/group_service.h"

#include "worker/group/group_handlers.h"
#include "worker/group/group_message.h"
#include "worker/group/group_store.h"

/* Up to this many rows a list is a page that a person waits for; more is an export. */
#define POINT_PAGE_ROWS_MAX 100

static enum status get_group(struct rpc_ctx *ctx, const group_v1_get_group_request *req,
                             group_v1_group *res)
{
    const struct domain *domain = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);
    struct group_id id;
    struct group group;
    enum status status = group_id_parse(req->id, "id", arena, &id, rpc_fault(ctx));
    if (status != STATUS_OK)
        return status;
    status = group_store_get(domain->pg, rpc_cancel(ctx), id.text, arena, &group);
    if (status == STATUS_NOT_FOUND)
        return rpc_fail(ctx, status, "there is no group %s", id.text);
    return status == STATUS_OK ? group_to_message(&group, domain->realm, arena, res) : status;
}

/* ---- lists ---- */

static enum status query_from_request(struct rpc_ctx *ctx, const group_v1_list_groups_request *req,
                                      struct group_query *ret_query)
{
    struct arena *arena = rpc_arena(ctx);
    struct fault *fault = rpc_fault(ctx);
    struct group_query query = {
        .scope = guard_scope(ctx),
        .purpose = (int)req->purpose,
        .include_archived = req->include_archived,
    };
    if (req->page_size < 0)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "page_size", "page_size is negative");
    if (req->page_token[0])
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "page_token",
                              "page tokens are the hub's; a realm takes `after`");
    if (query.purpose < 0 || query.purpose > GROUP_PURPOSE_MAX)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "purpose",
                              "purpose is none of the known ones");
    enum status status = search_parse(req->q, "q", arena, &query.search, fault);
    if (status == STATUS_OK && req->parent_id[0]) {
        struct group_id parent;
        status = group_id_parse(req->parent_id, "parent_id", arena, &parent, fault);
        if (status == STATUS_OK)
            query.parent_id = parent.text;
    }
    if (req->after) {
        query.after_key = slice_make(req->after->sort_key.data, req->after->sort_key.len);
        query.after_id = req->after->id;
        query.inclusive = req->after->inclusive;
    }
    if (status == STATUS_OK)
        *ret_query = query;
    return status;
}

/* How the names that match are found: of a scope there are so many groups, of a parent's children it is not
 * known. */
static enum status find_lead(struct rpc_ctx *ctx, struct group_query *query)
{
    const struct domain *domain = rpc_data(ctx);
    size_t others = SEARCH_ALL_NAMES;
    if (query->parent_id)
        others = SEARCH_COUNTED_MAX;
    if (!query->scope->all && query->scope->group_count < others)
        others = query->scope->group_count;
    query->lead = (struct search_lead){SLICE_LIT(""), SEARCH_COUNTED_MAX};
    if (!domain->search_is_ready)
        return STATUS_OK;
    return search_find_lead(domain->pg, PG_LONG_READ, rpc_cancel(ctx), "group", &query->search,
                            others, rpc_arena(ctx), &query->lead);
}

/* Sends one batch and moves the query behind its last row. */
static enum status send_batch(struct rpc_ctx *ctx, struct group_v1_list_groups_stream *stream,
                              const struct group_rows *rows, struct group_query *query,
                              struct buffer *position)
{
    const struct domain *domain = rpc_data(ctx);
    struct group group = {0};
    for (size_t i = 0; i < rows->count; i++) {
        group_v1_group item = GROUP_V1_GROUP_INIT;
        group_rows_at(rows, i, rpc_scratch(ctx), &group);
        if (i + 1 == rows->count) {
            buffer_reset(position);
            buffer_append_slice(position, group.sort_key);
            buffer_append(position, group.id, strlen(group.id) + 1);
            if (position->failed)
                return STATUS_RESOURCE_EXHAUSTED;
            query->after_key = slice_make(position->ptr, group.sort_key.len);
            query->after_id = position->ptr + group.sort_key.len;
            query->inclusive = false;
        }
        enum status status = group_to_message(&group, domain->realm, rpc_scratch(ctx), &item);
        if (status == STATUS_OK)
            status = group_v1_list_groups_send(stream, &item);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* In batches that continue behind the last row, so that memory stays flat however much is asked for. */
static enum status list_groups(struct rpc_ctx *ctx, const group_v1_list_groups_request *req,
                               struct group_v1_list_groups_stream *stream)
{
    const struct domain *domain = rpc_data(ctx);
    struct group_query query;
    enum status status = query_from_request(ctx, req, &query);
    if (status != STATUS_OK)
        return status;
    size_t left = req->page_size > 0 ? (size_t)req->page_size : SIZE_MAX;
    bool point = left <= POINT_PAGE_ROWS_MAX && query.search.pattern_count == 0;
    status = find_lead(ctx, &query);
    if (status != STATUS_OK || query.lead.names == 0)
        return status;
    struct buffer position;
    buffer_init(&position, 8192);
    while (left > 0) {
        struct group_rows rows;
        query.limit = left < GROUP_BATCH_ROWS ? left : GROUP_BATCH_ROWS;
        status = group_store_list(domain->pg, point ? PG_POINT_READ : PG_LONG_READ, rpc_cancel(ctx),
                                  &query, rpc_scratch(ctx), &rows);
        if (status != STATUS_OK)
            break;
        size_t count = rows.count;
        status = send_batch(ctx, stream, &rows, &query, &position);
        group_rows_done(&rows);
        if (status != STATUS_OK || count < query.limit)
            break;
        left -= count;
        status = guard_scope_again(domain->guard, ctx, &query.scope);
        if (status != STATUS_OK)
            break;
    }
    buffer_done(&position);
    return status;
}

/* ---- the tree ---- */

/* The target exists, and `ret_id` is its id as stored: for a caller who may see more than what is there. */
static enum status existing(struct rpc_ctx *ctx, const char *id, struct group_id *ret_id)
{
    const struct domain *domain = rpc_data(ctx);
    struct group group;
    enum status status = group_id_parse(id, "id", rpc_arena(ctx), ret_id, rpc_fault(ctx));
    if (status != STATUS_OK)
        return status;
    status = group_store_get(domain->pg, rpc_cancel(ctx), ret_id->text, rpc_arena(ctx), &group);
    return status == STATUS_NOT_FOUND ? rpc_fail(ctx, status, "there is no group %s", ret_id->text)
                                      : status;
}

static enum status list_ancestors(struct rpc_ctx *ctx, const group_v1_list_ancestors_request *req,
                                  struct group_v1_list_ancestors_stream *stream)
{
    const struct domain *domain = rpc_data(ctx);
    struct group_id id;
    struct group_rows rows;
    enum status status = existing(ctx, req->id, &id);
    if (status == STATUS_OK)
        status = group_store_ancestors(domain->pg, rpc_cancel(ctx), id.text, guard_scope(ctx),
                                       rpc_arena(ctx), &rows);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; status == STATUS_OK && i < rows.count; i++) {
        struct group group;
        group_v1_group item = GROUP_V1_GROUP_INIT;
        group_rows_at(&rows, i, rpc_scratch(ctx), &group);
        status = group_to_message(&group, domain->realm, rpc_scratch(ctx), &item);
        if (status == STATUS_OK)
            status = group_v1_list_ancestors_send(stream, &item);
    }
    group_rows_done(&rows);
    return status;
}

static enum status list_descendants(struct rpc_ctx *ctx,
                                    const group_v1_list_descendants_request *req,
                                    struct group_v1_list_descendants_stream *stream)
{
    const struct domain *domain = rpc_data(ctx);
    struct group_id id;
    struct group_rows rows;
    enum status status = existing(ctx, req->id, &id);
    if (status == STATUS_OK)
        status =
            group_store_descendants(domain->pg, rpc_cancel(ctx), id.text, req->include_archived,
                                    guard_scope(ctx), rpc_arena(ctx), &rows);
    if (status == STATUS_RESOURCE_EXHAUSTED)
        return rpc_fail(ctx, status, "more than %d groups below %s: list them by parent",
                        GROUP_DESCENDANTS_MAX, id.text);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; status == STATUS_OK && i < rows.count; i++) {
        struct group group;
        group_v1_group item = GROUP_V1_GROUP_INIT;
        group_rows_at(&rows, i, rpc_scratch(ctx), &group);
        status = group_to_message(&group, domain->realm, rpc_scratch(ctx), &item);
        if (status == STATUS_OK)
            status = group_v1_list_descendants_send(stream, &item);
    }
    group_rows_done(&rows);
    return status;
}

/* ---- the service ---- */

enum status group_service_add(struct rpc_host *host, struct domain *domain, struct fault *fault)
{
    static const struct group_v1_group_service service = {
        .get_group = get_group,
        .list_groups = list_groups,
        .create_group = group_handle_create,
        .update_group = group_handle_update,
        .configure_group = group_handle_configure,
        .archive_group = group_handle_archive,
        .unarchive_group = group_handle_unarchive,
        .move_group = group_handle_move,
        .list_ancestors = list_ancestors,
        .list_descendants = list_descendants,
    };
    return group_v1_group_service_add(host, &service, domain, fault);
}
