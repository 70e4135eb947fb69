#include "worker/policy/policy_handlers.h"

#include "shared/text/text.h"
#include "worker/policy/policy_admin_store.h"
#include "worker/policy/policy_message.h"

/* ---- statements as they were written ---- */

static enum status take_statements(struct change *change, policy_v1_statement *const *messages,
                                   size_t count, struct policy_written *ret_written)
{
    if (count > DELEGATION_STATEMENTS_MAX)
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "statements",
                         "a policy has at most %d statements", DELEGATION_STATEMENTS_MAX);
    struct policy_written written = {
        .statements = arena_zalloc(change->arena, count + 1, sizeof(*written.statements)),
        .resources = arena_zalloc(change->arena, count + 1, sizeof(*written.resources)),
        .count = count,
    };
    if (!written.statements || !written.resources)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        enum status status =
            policy_statement_from_message(messages[i], change->arena, &written.statements[i],
                                          &written.resources[i], change->fault);
        if (status != STATUS_OK)
            return status;
    }
    *ret_written = written;
    return STATUS_OK;
}

static enum status explain_statement(struct change *change, enum status status)
{
    return status == STATUS_ALREADY_EXISTS
               ? fault_set(change->fault, status, "statement",
                           "the policy has a statement with these restrictions")
               : status;
}

/* `ret_rows`: the statements as they are stored. */
static enum status add_statements(struct change *change, const char *policy_id,
                                  const struct policy_written *written, struct pg_result **ret_rows)
{
    enum status status = policy_admin_add_statements(change->transaction, policy_id, written,
                                                     change->actor, change->arena, ret_rows);
    return explain_statement(change, status);
}

/* ---- policies ---- */

static enum status take_name(struct change *change, const char *name, struct slice *ret_name,
                             struct slice *ret_unique_key)
{
    enum status status =
        text_normalise_name(slice_str(name), "name", change->arena, ret_name, change->fault);
    if (status == STATUS_OK)
        status = text_unique_key(*ret_name, change->arena, ret_unique_key);
    if (status == STATUS_OK && delegation_name_is_reserved(*ret_unique_key))
        status = fault_set(change->fault, STATUS_INVALID_ARGUMENT, "name",
                           "names that begin with GOD are the realm's own");
    return status;
}

/* The parent as the child has to fit under it; the row is freed. */
static enum status check_parent(struct change *change, const policy_v1_create_child_request *req)
{
    struct pg_result *parent;
    size_t depth;
    enum status status = policy_admin_find(change->transaction, req->parent_id, &parent);
    if (status != STATUS_OK)
        return status;
    bool found = pg_rows(parent) == 1;
    bool can_issue = found && pg_get_bool(parent, 0, POLICY_CAN_ISSUE);
    pg_result_free(parent);
    if (!found)
        return fault_set(change->fault, STATUS_NOT_FOUND, "parent_id", "there is no policy %s",
                         req->parent_id);
    status = policy_admin_depth(change->transaction, req->parent_id, &depth);
    return status == STATUS_OK
               ? delegation_check_child(can_issue, req->can_issue, depth, change->fault)
               : status;
}

static enum status answer_policy(struct change *change, const char *id, policy_v1_policy *res)
{
    struct pg_result *policy, *statements = NULL;
    enum status status = policy_admin_find(change->transaction, id, &policy);
    if (status != STATUS_OK)
        return status;
    status = policy_to_message(policy, 0, change_domain(change)->realm, change->arena, res);
    pg_result_free(policy);
    if (status == STATUS_OK)
        status = policy_admin_rows(change->transaction, id, &statements);
    if (status != STATUS_OK)
        return status;
    status = policy_statements_to_message(statements, change->arena, res);
    pg_result_free(statements);
    return status;
}

static enum status insert_policy(struct change *change, const policy_v1_create_child_request *req,
                                 struct slice name, struct slice unique_key, const char **ret_id)
{
    struct pg_result *row;
    enum status status = policy_admin_insert(change->transaction, req->parent_id, name, unique_key,
                                             req->can_issue, change->actor, &row);
    if (status == STATUS_ALREADY_EXISTS)
        return fault_set_reason(change->fault, status, "POLICY_NAME_TAKEN", "name",
                                "another policy of this realm has that name");
    if (status != STATUS_OK)
        return status;
    *ret_id = arena_printf(change->arena, "%s", pg_get_str(row, 0, POLICY_ID));
    pg_result_free(row);
    return *ret_id ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
}

static enum status create_child(struct change *change, const void *request, void *response)
{
    const policy_v1_create_child_request *req = request;
    struct slice name, unique_key;
    struct policy_written written;
    struct pg_result *rows = NULL;
    const char *id = NULL;
    enum status status = take_name(change, req->name, &name, &unique_key);
    if (status == STATUS_OK)
        status = take_statements(change, req->statements, req->n_statements, &written);
    if (status == STATUS_OK)
        status = policy_change_begin(change, req->parent_id, STANDING_ISSUE);
    if (status == STATUS_OK)
        status = check_parent(change, req);
    if (status == STATUS_OK)
        status = policy_change_check_written(change, req->parent_id, &written);
    if (status == STATUS_OK)
        status = insert_policy(change, req, name, unique_key, &id);
    if (status == STATUS_OK)
        status = add_statements(change, id, &written, &rows);
    if (status != STATUS_OK)
        return status;
    pg_result_free(rows);
    status = policy_change_settle(change, id, NULL, written.statements, written.count, false);
    if (status == STATUS_OK)
        status = policy_admin_audit(change->transaction, change->actor, rpc_trace_id(change->ctx),
                                    "policy.create", id, false);
    return status == STATUS_OK ? answer_policy(change, id, response) : status;
}

enum status policy_handle_create_child(struct rpc_ctx *ctx,
                                       const policy_v1_create_child_request *req,
                                       policy_v1_policy *res)
{
    return change_run(ctx, &req->base, &res->base, create_child);
}

static enum status refuse_children(struct change *change, const char *id)
{
    struct pg_result *children;
    enum status status = policy_admin_children(change->transaction, id, &children);
    if (status != STATUS_OK)
        return status;
    bool none = pg_rows(children) == 0;
    const char *list = policy_change_list(change, children);
    if (!list)
        return STATUS_RESOURCE_EXHAUSTED;
    return none ? STATUS_OK
                : fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "HAS_CHILDREN",
                                   "cascade", "there are policies under it: %s", list);
}

static enum status delete_policy(struct change *change, const void *request, void *response)
{
    const policy_v1_delete_policy_request *req = request;
    const char *parent_id;
    (void)response;
    enum status status = policy_change_begin(change, req->id, STANDING_ADMINISTER);
    if (status == STATUS_OK)
        status = policy_change_find(change, req->id, req->etag, &parent_id);
    if (status == STATUS_OK && !req->cascade)
        status = refuse_children(change, req->id);
    if (status == STATUS_OK)
        status = policy_change_names_holders(change, req->id);
    if (status == STATUS_OK)
        status = policy_admin_audit(change->transaction, change->actor, rpc_trace_id(change->ctx),
                                    "policy.delete", req->id, true);
    if (status == STATUS_OK)
        status = policy_admin_delete(change->transaction, req->id);
    return status;
}

enum status policy_handle_delete(struct rpc_ctx *ctx, const policy_v1_delete_policy_request *req,
                                 Google__Protobuf__Empty *res)
{
    return change_run(ctx, &req->base, &res->base, delete_policy);
}

/* ---- statements ---- */

static enum status audit_statement(struct change *change, const char *action, const char *id)
{
    return policy_admin_audit_statement(change->transaction, change->actor,
                                        rpc_trace_id(change->ctx), action, id);
}

/* What is the same after each change of a statement; as policy_change_settle. */
static enum status finish(struct change *change, const char *policy_id,
                          const struct policy_statement *was, const struct policy_statement *now,
                          bool cascade)
{
    enum status status = policy_change_names_holders(change, policy_id);
    if (status == STATUS_OK)
        status = policy_change_settle(change, policy_id, was, now, now ? 1 : 0, cascade);
    return status == STATUS_OK ? policy_admin_touch(change->transaction, policy_id) : status;
}

static enum status create_statement(struct change *change, const void *request, void *response)
{
    const policy_v1_create_statement_request *req = request;
    policy_v1_statement *res = response;
    struct policy_written written;
    struct pg_result *row = NULL;
    const char *parent_id = "";
    enum status status = take_statements(change, &req->statement, 1, &written);
    if (status == STATUS_OK)
        status = policy_change_begin(change, req->policy_id, STANDING_ADMINISTER);
    if (status == STATUS_OK)
        status = policy_change_find(change, req->policy_id, req->etag, &parent_id);
    if (status == STATUS_OK)
        status = policy_change_check_written(change, parent_id, &written);
    if (status == STATUS_OK)
        status = add_statements(change, req->policy_id, &written, &row);
    if (status != STATUS_OK)
        return status;
    status = policy_statement_to_message(row, 0, change->arena, res);
    pg_result_free(row);
    if (status == STATUS_OK)
        status = finish(change, req->policy_id, NULL, written.statements, false);
    return status == STATUS_OK ? audit_statement(change, "policy.statement.create", res->id)
                               : status;
}

enum status policy_handle_create_statement(struct rpc_ctx *ctx,
                                           const policy_v1_create_statement_request *req,
                                           policy_v1_statement *res)
{
    if (!req->statement)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "statement", "statement is required");
    return change_run(ctx, &req->base, &res->base, create_statement);
}

/* A statement of people, as it is stored, and as the rules know it; in the arena. */
static enum status find_statement(struct change *change, const char *policy_id, const char *id,
                                  policy_v1_statement *ret_statement,
                                  struct policy_statement *ret_was)
{

    struct pg_result *row;
    if (!policy_is_id(id))
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "id", "that is no statement's id");
    enum status status = policy_admin_statement(change->transaction, policy_id, id, &row);
    if (status != STATUS_OK)
        return status;
    if (pg_rows(row) == 1)
        status = policy_statement_to_message(row, 0, change->arena, ret_statement);
    else
        status = fault_set(change->fault, STATUS_NOT_FOUND, NULL, "policy %s has no statement %s",
                           policy_id, id);
    pg_result_free(row);
    if (status == STATUS_OK && strcmp(ret_statement->resource, DELEGATION_ESCALATION) == 0)
        status = fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "REALM_STATEMENT",
                                  NULL, "this statement follows from another one; change that");
    if (status != STATUS_OK)
        return status;
    *ret_was = (struct policy_statement){
        .group = ret_statement->group_id[0] ? ret_statement->group_id : NULL,
        .user = ret_statement->user_id[0] ? ret_statement->user_id : NULL,
    };
    for (size_t i = 0; i < ret_statement->n_actions; i++)
        ret_was->actions |= policy_action_bit((uint32_t)ret_statement->actions[i]);
    return STATUS_OK;
}

/* The statement with what the request sets. A kind that was made from the restrictions is made again. */
static enum status merge_statement(struct change *change,
                                   const policy_v1_update_statement_request *req,
                                   policy_v1_statement *statement)
{
    static char remade[] = "";
    const policy_v1_statement *body = req->statement;
    bool masked = req->update_mask && req->update_mask->n_paths > 0;
    bool group = !masked && body->group_id[0], user = !masked && body->user_id[0];
    bool actions = !masked && body->n_actions > 0;
    for (size_t i = 0; masked && i < req->update_mask->n_paths; i++) {
        const char *path = req->update_mask->paths[i];
        bool is_group = strcmp(path, "group_id") == 0, is_user = strcmp(path, "user_id") == 0;
        bool is_actions = strcmp(path, "actions") == 0;
        if (!is_group && !is_user && !is_actions)
            return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "update_mask",
                             "of a statement only actions, group_id and user_id change");
        group |= is_group;
        user |= is_user;
        actions |= is_actions;
    }
    if (group)
        statement->group_id = body->group_id;
    if (user)
        statement->user_id = body->user_id;
    if (actions) {
        statement->actions = body->actions;
        statement->n_actions = body->n_actions;
    }
    const char *kind = statement->resource;
    if (strcmp(kind, "GROUP") == 0 || strcmp(kind, "USER") == 0 || strcmp(kind, "REALM") == 0)
        statement->resource = remade;
    return STATUS_OK;
}

static enum status set_statement(struct change *change, const char *id,
                                 const struct policy_written *written, policy_v1_statement *res)
{
    struct pg_result *row;
    enum status status = policy_admin_set_statement(change->transaction, id, written->statements,
                                                    written->resources[0], change->arena, &row);
    if (status != STATUS_OK)
        return explain_statement(change, status);
    status = policy_statement_to_message(row, 0, change->arena, res);
    pg_result_free(row);
    return status;
}

static enum status update_statement(struct change *change, const void *request, void *response)
{
    const policy_v1_update_statement_request *req = request;
    policy_v1_statement statement = POLICY_V1_STATEMENT_INIT;
    policy_v1_statement *one = &statement;
    struct policy_statement was;
    struct policy_written written;
    const char *parent_id = "";
    enum status status = policy_change_begin(change, req->policy_id, STANDING_ADMINISTER);
    if (status == STATUS_OK)
        status = policy_change_find(change, req->policy_id, req->etag, &parent_id);
    if (status == STATUS_OK)
        status = find_statement(change, req->policy_id, req->statement->id, &statement, &was);
    if (status == STATUS_OK)
        status = merge_statement(change, req, &statement);
    if (status == STATUS_OK)
        status = take_statements(change, &one, 1, &written);
    if (status == STATUS_OK)
        status = policy_change_check_written(change, parent_id, &written);
    if (status == STATUS_OK)
        status = set_statement(change, req->statement->id, &written, response);
    if (status == STATUS_OK)
        status = finish(change, req->policy_id, &was, written.statements, req->cascade);
    return status == STATUS_OK
               ? audit_statement(change, "policy.statement.update", req->statement->id)
               : status;
}

enum status policy_handle_update_statement(struct rpc_ctx *ctx,
                                           const policy_v1_update_statement_request *req,
                                           policy_v1_statement *res)
{
    if (!req->statement)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "statement", "statement is required");
    return change_run(ctx, &req->base, &res->base, update_statement);
}

static enum status delete_statement(struct change *change, const void *request, void *response)
{
    const policy_v1_delete_statement_request *req = request;
    policy_v1_statement statement = POLICY_V1_STATEMENT_INIT;
    struct policy_statement was;
    const char *parent_id;
    (void)response;
    enum status status = policy_change_begin(change, req->policy_id, STANDING_ADMINISTER);
    if (status == STATUS_OK)
        status = policy_change_find(change, req->policy_id, req->etag, &parent_id);
    if (status == STATUS_OK)
        status = find_statement(change, req->policy_id, req->id, &statement, &was);
    if (status == STATUS_OK)
        status = audit_statement(change, "policy.statement.delete", req->id);
    if (status == STATUS_OK)
        status = policy_admin_delete_statement(change->transaction, req->id);
    return status == STATUS_OK ? finish(change, req->policy_id, &was, NULL, req->cascade) : status;
}

enum status policy_handle_delete_statement(struct rpc_ctx *ctx,
                                           const policy_v1_delete_statement_request *req,
                                           Google__Protobuf__Empty *res)
{
    return change_run(ctx, &req->base, &res->base, delete_statement);
}
