/* Assigning and revoking policies. */
#include "worker/policy/policy_admin_store.h"
#include "worker/policy/policy_handlers.h"
#include "worker/policy/policy_message.h"

static enum status take_user(struct change *change, const char *user)
{
    if (!policy_is_user(user))
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "user_id",
                         "user_id is 1 to 64 printable characters");
    return STATUS_OK;
}

static enum status audit_user(struct change *change, const char *action, const char *policy_id,
                              const char *user)
{
    return policy_admin_audit_user(change->transaction, change->actor, rpc_trace_id(change->ctx),
                                   action, policy_id, user);
}

/* Whatever is new about an assignment that was made just now. */
static enum status assigned(struct change *change, const policy_v1_assign_policy_request *req)
{
    size_t count;
    enum status status = policy_admin_assigned(change->transaction, req->user_id, &count);
    if (status == STATUS_OK && count > DELEGATION_ASSIGNMENTS_MAX)
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "USER_FULL", "user_id",
                                "a user holds at most %d policies", DELEGATION_ASSIGNMENTS_MAX);
    if (status == STATUS_OK)
        status = policy_change_names_user(change, req->user_id);
    return status == STATUS_OK ? audit_user(change, "policy.assign", req->id, req->user_id)
                               : status;
}

static enum status assign(struct change *change, const void *request, void *response)
{
    const policy_v1_assign_policy_request *req = request;
    struct pg_result *row = NULL;
    bool made = false;
    enum status status = take_user(change, req->user_id);
    if (status == STATUS_OK)
        status = policy_change_begin(change, req->id, STANDING_ADMINISTER);
    /* It would outlive the right by which it was made. */
    if (status == STATUS_OK && strcmp(req->user_id, change->actor) == 0)
        return fault_set_reason(change->fault, STATUS_PERMISSION_DENIED, "SELF_ASSIGNMENT",
                                "user_id", "nobody assigns policies to themselves");
    if (status == STATUS_OK)
        status = policy_admin_assign(change->transaction, req->id, req->user_id, change->actor,
                                     &made, &row);
    if (status == STATUS_FAILED_PRECONDITION)
        return fault_set(change->fault, STATUS_NOT_FOUND, "id", "there is no policy %s", req->id);
    if (status != STATUS_OK)
        return status;
    status = policy_assignment_to_message(row, 0, change->arena, response);
    pg_result_free(row);
    return status == STATUS_OK && made ? assigned(change, req) : status;
}

enum status policy_handle_assign(struct rpc_ctx *ctx, const policy_v1_assign_policy_request *req,
                                 policy_v1_assignment *res)
{
    return change_run(ctx, &req->base, &res->base, assign);
}

static enum status revoke(struct change *change, const void *request, void *response)
{
    const policy_v1_revoke_policy_request *req = request;
    bool had_god = false, own = strcmp(req->user_id, change->actor) == 0;
    (void)response;
    /* Also before the empty name could mean the caller. */
    enum status status = take_user(change, req->user_id);
    if (status == STATUS_OK && !policy_is_id(req->id))
        status = fault_set(change->fault, STATUS_INVALID_ARGUMENT, "id", "id is no policy's id");
    if (status == STATUS_OK)
        status = own ? policy_change_begin_own(change)
                     : policy_change_begin(change, req->id, STANDING_ADMINISTER);
    if (status == STATUS_OK)
        status = policy_change_watch_god(change, &had_god);
    if (status == STATUS_OK)
        status = policy_admin_revoke(change->transaction, req->id, req->user_id);
    /* The same words whether there is such a policy or not. */
    if (status == STATUS_NOT_FOUND)
        return fault_set(change->fault, status, NULL, "%s does not hold policy %s", req->user_id,
                         req->id);
    if (status == STATUS_OK)
        status = policy_change_keep_god(change, had_god);
    if (status == STATUS_OK)
        status = policy_change_names_user(change, req->user_id);
    return status == STATUS_OK ? audit_user(change, "policy.revoke", req->id, req->user_id)
                               : status;
}

enum status policy_handle_revoke(struct rpc_ctx *ctx, const policy_v1_revoke_policy_request *req,
                                 Google__Protobuf__Empty *res)
{
    return change_run(ctx, &req->base, &res->base, revoke);
}
