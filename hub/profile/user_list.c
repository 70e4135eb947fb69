#include "hub/profile/user_list.h"

#include "hub/profile/user_store.h"

enum status user_list(struct rpc_ctx *ctx, const hub_v1_list_users_request *req,
                      struct hub_v1_list_users_stream *stream)
{
    const struct service *service = rpc_data(ctx);
    struct slice me = rpc_principal(ctx)->user;
    struct user_query query = {
        .me = arena_strndup(rpc_arena(ctx), me.ptr, me.len),
    };
    (void)stream;
    if (!query.me)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(search_parse(req->q, "q", rpc_arena(ctx), &query.search, rpc_fault(ctx)));
    if (details_are_asked(&query.search))
        PEK_TRY(details_seen_ask(ctx, &query.seen));
    PEK_TRY(user_store_find_lead(ctx, service->pg, &query));
    const struct read_list list = {
        .type = &user_store_row,
        .request = req,
        READ_PAGE(req),
        .next = user_store_list,
        .arg = &query,
        .is_long = query.search.pattern_count > 0,
    };
    return read_list(ctx, &list);
}
