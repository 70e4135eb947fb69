/* ScoreService: what it reads, and its table. */
#include "worker/evaluation/score_service.h"

#include <string.h>

#include "worker/evaluation/score_store.h"
#include "worker/semester/semester.h"

/* The caller, however they are named. */
static const char *person(struct rpc_ctx *ctx, const char *user_id)
{
    struct slice caller = rpc_principal(ctx)->user;
    if (user_id[0] && strcmp(user_id, GUARD_ME) != 0)
        return user_id;
    return arena_strndup(rpc_arena(ctx), caller.ptr, caller.len);
}

static enum status get_score(struct rpc_ctx *ctx, const evaluation_v1_get_score_request *req,
                             struct evaluation_v1_get_score_stream *stream)
{
    struct semester semester;
    (void)stream;
    if (!semester_parse(req->semester, &semester))
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "semester",
                              "a semester is written like 2024-2025/1, autumn, or 2024-2025/2, "
                              "spring");
    const struct score_query query = {person(ctx, req->user_id), req->semester};
    const struct read_list list = {
        .type = &evaluation_v1_group_score_row,
        .request = req,
        .page_token = "",
        .next = score_store_groups,
        .arg = &query,
    };
    if (!query.user_id)
        return STATUS_RESOURCE_EXHAUSTED;
    return read_list(ctx, &list);
}

static enum status list_point_history(struct rpc_ctx *ctx,
                                      const evaluation_v1_list_point_history_request *req,
                                      struct evaluation_v1_list_point_history_stream *stream)
{
    (void)stream;
    const struct score_query query = {person(ctx, req->user_id), NULL};
    const struct read_list list = {
        .type = &evaluation_v1_semester_score_row,
        .request = req,
        READ_PAGE(req),
        .next = score_store_history,
        .arg = &query,
    };
    if (!query.user_id)
        return STATUS_RESOURCE_EXHAUSTED;
    return read_list(ctx, &list);
}

enum status score_service_add(struct rpc_host *host, struct domain *domain, struct fault *fault)
{
    static const struct evaluation_v1_score_service service = {
        .get_score = get_score,
        .list_point_history = list_point_history,
    };
    return evaluation_v1_score_service_add(host, &service, domain, fault);
}
