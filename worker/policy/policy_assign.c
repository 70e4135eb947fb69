/* Assigning and revoking policies. */
#include "worker/policy/policy_admin_store.h"
#include "worker/policy/policy_handlers.h"
#include "worker/policy/policy_message.h"
#include "worker/policy/policy_store.h"

static enum status take_user(struct change *change, const char *user)
{
    if (!policy_is_user(user))
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "user_id",
                         "user_id is no id of a user: 1 to 64 of a-z, 0-9, '.', '_' and '-'");
    return STATUS_OK;
}

static enum status audit_user(struct change *change, const char *action, const char *policy_id,
                              const char *user)
{
    return policy_admin_audit_user(change->transaction, change->actor, rpc_trace_id(change->ctx),
                                   action, policy_id, user);
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
        status = policy_store_assign(change->transaction, req->id, req->user_id, change->actor,
                                     &made, change->fault);
    if (status == STATUS_OK && made)
        status = policy_change_names_user(change, req->user_id);
    if (status == STATUS_OK && made)
        status = audit_user(change, "policy.assign", req->id, req->user_id);
    if (status == STATUS_OK)
        status = policy_admin_assignment(change->transaction, req->id, req->user_id, &row);
    if (status != STATUS_OK)
        return status;
    status = policy_assignment_to_message(row, 0, change->arena, response);
    pg_result_free(row);
    return status;
}

enum status policy_handle_assign(struct rpc_ctx *ctx, const policy_v1_assign_policy_request *req,
                                 policy_v1_assignment *res)
{
    return change_run(ctx, &req->base, &res->base, assign);
}

/* Whether somebody is left who has GOD and has been here; that nobody was is no reason to refuse anything. */
static enum status keep_god(struct change *change, bool had_god)
{
    bool has_god;
    enum status status = policy_admin_has_god(change->transaction, change->actor, &has_god);
    if (status == STATUS_OK && had_god && !has_god)
        status = fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "LAST_GOD", NULL,
                                  "nobody who has been here would be left who may do everything");
    return status;
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
        status = policy_admin_has_god(change->transaction, change->actor, &had_god);
    if (status == STATUS_OK)
        status = policy_admin_revoke(change->transaction, req->id, req->user_id);
    /* The same words whether there is such a policy or not. */
    if (status == STATUS_NOT_FOUND)
        return fault_set(change->fault, status, NULL, "%s does not hold policy %s", req->user_id,
                         req->id);
    if (status == STATUS_OK)
        status = keep_god(change, had_god);
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
