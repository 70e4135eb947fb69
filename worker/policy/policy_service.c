/* What PolicyService reads, and its table of handlers. */
#include "worker/policy/policy_service.h"

#include "worker/policy/policy_admin_store.h"
#include "worker/policy/policy_handlers.h"
#include "worker/policy/policy_message.h"

static enum status get_policy(struct rpc_ctx *ctx, const policy_v1_get_policy_request *req,
                              policy_v1_policy *res)
{
    const struct domain *domain = rpc_data(ctx);
    struct pg_result *policy, *statements = NULL;
    enum status status = policy_admin_get(domain->service.pg, rpc_cancel(ctx), req->id, &policy);
    if (status != STATUS_OK)
        return status;
    status = pg_rows(policy) == 1
                 ? policy_to_message(policy, 0, domain->realm, rpc_arena(ctx), res)
                 : rpc_fail(ctx, STATUS_NOT_FOUND, "there is no policy %s", req->id);
    pg_result_free(policy);
    if (status == STATUS_OK)
        status =
            policy_admin_get_statements(domain->service.pg, rpc_cancel(ctx), req->id, &statements);
    if (status != STATUS_OK)
        return status;
    status = policy_statements_to_message(statements, rpc_arena(ctx), res);
    pg_result_free(statements);
    return status;
}

/* How many rows are wanted in all. */
static enum status take_page_size(struct rpc_ctx *ctx, int32_t page_size, size_t *ret_rows)
{
    if (page_size < 0)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "page_size", "page_size is negative");
    *ret_rows = page_size > 0 ? (size_t)page_size : SIZE_MAX;
    return STATUS_OK;
}

static size_t batch_rows(size_t left)
{
    return left < POLICY_ADMIN_BATCH_ROWS ? left : POLICY_ADMIN_BATCH_ROWS;
}

/* A stream that lasts is worth what the caller may see now: who has lost GOD is told so at the next batch. */
static enum status see_again(struct rpc_ctx *ctx, bool all)
{
    const struct domain *domain = rpc_data(ctx);
    struct policy_standing standing;
    if (!all)
        return STATUS_OK;
    enum status status = policy_cache_standing(domain->rights, rpc_cancel(ctx),
                                               rpc_principal(ctx)->user, "0", &standing);
    if (status == STATUS_OK && !standing.god)
        status = rpc_fail(ctx, STATUS_PERMISSION_DENIED, "you may not do this here");
    return status;
}

/* Sends a batch, and copies the last id to where the next begins behind. */
static enum status send_policies(struct rpc_ctx *ctx, struct policy_v1_list_policies_stream *stream,
                                 const struct pg_result *rows, struct buffer *after)
{
    const struct domain *domain = rpc_data(ctx);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < pg_rows(rows); i++) {
        policy_v1_policy item = POLICY_V1_POLICY_INIT;
        status = policy_to_message(rows, i, domain->realm, rpc_scratch(ctx), &item);
        if (status == STATUS_OK)
            status = policy_v1_list_policies_send(stream, &item);
        buffer_reset(after);
        buffer_append(after, pg_get_str(rows, i, POLICY_ID),
                      strlen(pg_get_str(rows, i, POLICY_ID)) + 1);
    }
    return status == STATUS_OK && after->failed ? STATUS_RESOURCE_EXHAUSTED : status;
}

static enum status list_policies(struct rpc_ctx *ctx, const policy_v1_list_policies_request *req,
                                 struct policy_v1_list_policies_stream *stream)
{
    const struct domain *domain = rpc_data(ctx);
    struct policy_list list = {
        .viewer = rpc_principal(ctx)->user,
        .all = guard_scope(ctx)->all,
        .after_id = req->after_id[0] ? req->after_id : "0",
        .parent_id = req->parent_id[0] ? req->parent_id : "0",
    };
    size_t left = 0;
    if (req->after_id[0] && !policy_is_id(req->after_id))
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "after_id",
                              "after_id is no policy's id");
    if (req->parent_id[0] && !policy_is_id(req->parent_id))
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "parent_id",
                              "parent_id is no policy's id");
    enum status status = take_page_size(ctx, req->page_size, &left);
    struct buffer after;
    buffer_init(&after, 64);
    while (status == STATUS_OK && left > 0) {
        struct pg_result *rows;
        list.limit = batch_rows(left);
        status =
            policy_admin_list(domain->service.pg, rpc_cancel(ctx), &list, rpc_scratch(ctx), &rows);
        if (status != STATUS_OK)
            break;
        size_t count = pg_rows(rows);
        status = send_policies(ctx, stream, rows, &after);
        pg_result_free(rows);
        if (status != STATUS_OK || count < list.limit)
            break;
        left -= count;
        list.after_id = after.ptr;
        status = see_again(ctx, list.all);
    }
    buffer_done(&after);
    return status;
}

static enum status list_assignments(struct rpc_ctx *ctx,
                                    const policy_v1_list_assignments_request *req,
                                    struct policy_v1_list_assignments_stream *stream)
{
    const struct domain *domain = rpc_data(ctx);
    size_t left = 0;
    enum status status = take_page_size(ctx, req->page_size, &left);
    const char *after_user = req->after_user_id;
    struct buffer after;
    buffer_init(&after, 256);
    while (status == STATUS_OK && left > 0) {
        struct pg_result *rows;
        size_t limit = batch_rows(left);
        status = policy_admin_assignments(domain->service.pg, rpc_cancel(ctx), req->policy_id,
                                          after_user, limit, rpc_scratch(ctx), &rows);
        if (status != STATUS_OK)
            break;
        size_t count = pg_rows(rows);
        for (size_t i = 0; status == STATUS_OK && i < count; i++) {
            policy_v1_assignment item = POLICY_V1_ASSIGNMENT_INIT;
            status = policy_assignment_to_message(rows, i, rpc_scratch(ctx), &item);
            if (status == STATUS_OK)
                status = policy_v1_list_assignments_send(stream, &item);
        }
        buffer_reset(&after);
        if (count > 0)
            buffer_printf(&after, "%s", pg_get_str(rows, count - 1, ASSIGNMENT_USER));
        buffer_append_char(&after, '\0');
        pg_result_free(rows);
        if (status != STATUS_OK || count < limit)
            break;
        left -= count;
        after_user = after.ptr;
        status = after.failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
    }
    buffer_done(&after);
    return status;
}

enum status policy_service_add(struct rpc_host *host, struct domain *domain, struct fault *fault)
{
    static const struct policy_v1_policy_service service = {
        .list_policies = list_policies,
        .get_policy = get_policy,
        .create_child = policy_handle_create_child,
        .delete_policy = policy_handle_delete,
        .create_statement = policy_handle_create_statement,
        .update_statement = policy_handle_update_statement,
        .delete_statement = policy_handle_delete_statement,
        .list_assignments = list_assignments,
        .assign_policy = policy_handle_assign,
        .revoke_policy = policy_handle_revoke,
        .check_policy = policy_handle_check,
    };
    _Static_assert((int)PEK_POLICY_RIGHT_VIEW == STANDING_VIEW &&
                       (int)PEK_POLICY_RIGHT_ISSUE == STANDING_ISSUE &&
                       (int)PEK_POLICY_RIGHT_ADMINISTER == STANDING_ADMINISTER,
                   "standing_right has the numbers of pek.PolicyRight");
    return policy_v1_policy_service_add(host, &service, domain, fault);
}
