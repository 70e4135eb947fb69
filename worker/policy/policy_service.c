/* PolicyService: what it reads, what it changes, and its table. */
#include "worker/policy/policy_service.h"

#include <string.h>

#include "pek/options.rpc.h"
#include "shared/base/clock.h"
#include "shared/row/mask.h"
#include "shared/row/told.h"
#include "worker/person/person_told.h"
#include "worker/policy/policy_admin_store.h"
#include "worker/policy/policy_check.h"
#include "worker/policy/policy_store.h"
#include "worker/policy/profile_scope.h"
#include "worker/policy/profile_viewer.h"
#include "worker/rights/rights_store.h"

/* ---- reads ---- */

/* The first POLICY_ADMIN_TOLD_STATEMENTS_MAX of the rows, into the policy. */
static enum status tell_statements(const struct pg_result *rows, struct arena *arena,
                                   policy_v1_policy *policy, struct fault *fault)
{
    size_t count = pg_rows(rows);
    policy->statements_cut = count > POLICY_ADMIN_TOLD_STATEMENTS_MAX;
    if (policy->statements_cut)
        count = POLICY_ADMIN_TOLD_STATEMENTS_MAX;
    policy->statements = arena_zalloc(arena, count + 1, sizeof(*policy->statements));
    policy_v1_statement *told = arena_zalloc(arena, count + 1, sizeof(*told));
    if (!policy->statements || !told)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        PEK_TRY(policy_v1_statement_from_row(rows, i, arena, &told[i], fault));
        delegation_leave_out_god(&told[i]);
        policy->statements[i] = &told[i];
    }
    policy->n_statements = count;
    return STATUS_OK;
}

/* What it goes with, and what the caller may do to it: so that nobody offers what would be refused. */
static enum status tell_standing(struct rpc_ctx *ctx, struct pg *pg, policy_v1_policy *policy)
{
    struct policy_standing standing;
    struct pg_result *rows;
    PEK_TRY(rights_store_standing(pg, rpc_cancel(ctx), rpc_principal(ctx)->user, policy->id,
                                  &standing));
    policy->caller_issues = policy->can_issue && standing_allows(&standing, STANDING_ISSUE);
    policy->caller_administers = standing_allows(&standing, STANDING_ADMINISTER);
    PEK_TRY(pg_read(pg, PG_POINT_READ, rpc_cancel(ctx), &policy_admin_group,
                    PG_PARAMS(pg_str(policy->id)), &rows));
    if (pg_rows(rows) > 0)
        policy->group_id = arena_printf(rpc_arena(ctx), "%s", pg_get_str(rows, 0, 0));
    pg_result_free(rows);
    return policy->group_id ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
}

static enum status get_policy(struct rpc_ctx *ctx, const policy_v1_get_policy_request *req,
                              policy_v1_policy *res)
{
    const struct domain *domain = rpc_data(ctx);
    struct pg_result *rows;
    PEK_TRY(read_one(ctx, &policy_v1_policy_row, &policy_admin_get, "id", req->id, res));
    PEK_TRY(tell_standing(ctx, domain->service.pg, res));
    PEK_TRY(pg_read(domain->service.pg, PG_POINT_READ, rpc_cancel(ctx), &policy_admin_statements,
                    PG_PARAMS(pg_str(req->id)), &rows));
    enum status status = tell_statements(rows, rpc_arena(ctx), res, rpc_fault(ctx));
    pg_result_free(rows);
    PEK_TRY(status);
    /* Statements that follow from others come and go without a change of the policy, and so does what its reader may do. */
    return told_set_etag(&res->base, rpc_arena(ctx));
}

static enum status list_policies(struct rpc_ctx *ctx, const policy_v1_list_policies_request *req,
                                 struct policy_v1_list_policies_stream *stream)
{
    (void)stream;
    const struct policy_query query = {
        .viewer = rpc_principal(ctx)->user,
        .parent_id = req->parent_id[0] ? req->parent_id : NULL,
        .by_people = req->by_people,
    };
    if (query.parent_id && !policy_is_id(query.parent_id))
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "parent_id",
                              "parent_id is no policy's id");
    const struct read_list list = {
        .type = &policy_v1_policy_row,
        .request = req,
        READ_PAGE(req),
        .next = policy_admin_list,
        .arg = &query,
    };
    return read_list(ctx, &list);
}

static enum status list_assignments(struct rpc_ctx *ctx,
                                    const policy_v1_list_assignments_request *req,
                                    struct policy_v1_list_assignments_stream *stream)
{
    policy_v1_policy policy;
    (void)stream;
    /* Who has GOD may see more than there is. */
    PEK_TRY(read_one(ctx, &policy_v1_policy_row, &policy_admin_get, "policy_id", req->policy_id,
                     &policy));
    const struct read_list list = {
        .type = &policy_v1_assignment_row,
        .request = req,
        READ_PAGE(req),
        .next = policy_admin_assignments,
        .arg = req->policy_id,
    };
    return read_list(ctx, &list);
}

/* ---- what the changes have in common ---- */

/* Takes the lock of the realm's policies, and looks under it whether the guard's answer still holds. */
static enum status begin(struct change *change, const char *policy_id, enum standing_right right)
{
    struct policy_standing standing;
    PEK_TRY(policy_store_lock(change->transaction, false));
    PEK_TRY(rights_store_standing_in(change->transaction, change->actor, policy_id, &standing));
    if (!standing_allows(&standing, right))
        return fault_set(change->fault, STATUS_PERMISSION_DENIED, NULL, "you may not do this here");
    return STATUS_OK;
}

/* The same for a change of the policy itself: it is there, of the version that the caller knows, and people's. */
static enum status begin_on(struct change *change, const char *policy_id, const char *field,
                            const char *etag, policy_v1_policy *ret_policy)
{
    PEK_TRY(begin(change, policy_id, STANDING_ADMINISTER));
    PEK_TRY(change_lock(change, &policy_v1_policy_row, &policy_admin_get, field, policy_id, etag,
                        ret_policy));
    PEK_TRY(policy_admin_check_free(change, policy_id));
    return delegation_check_policy(ret_policy, change->fault);
}

static enum status take_statements(struct change *change, policy_v1_statement *const *messages,
                                   size_t count, struct policy_written *ret_written)
{
    if (count > DELEGATION_STATEMENTS_MAX)
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "statements",
                         "a policy has at most %d statements", DELEGATION_STATEMENTS_MAX);
    policy_v1_statement *made = arena_zalloc(change->arena, count + 1, sizeof(*made));
    if (!made)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++)
        PEK_TRY(delegation_make_statement(messages[i], change->arena, &made[i], change->fault));
    *ret_written = (struct policy_written){made, count};
    return STATUS_OK;
}

/* Each statement lies within one of the parent, "" for none, and its group is there. */
static enum status check_written(struct change *change, const char *parent_id,
                                 const struct policy_written *written)
{
    size_t beyond;
    const char *missing;
    PEK_TRY(policy_admin_check_written(change, parent_id, written, &beyond, &missing));
    /* First: who may not have a group here is not told whether there is one. */
    if (beyond > 0)
        return fault_set_reason(change->fault, STATUS_PERMISSION_DENIED, "EXCEEDS_PARENT",
                                "statement", "statement %zu allows what no statement above it does",
                                beyond);
    if (missing)
        return fault_set(change->fault, STATUS_NOT_FOUND, "statement.group_id",
                         "there is no group %s", missing);
    return STATUS_OK;
}

/* What follows is derived and what exceeds is taken, until both have nothing to do. */
static enum status shrink(struct change *change, const char *policy_id)
{
    int64_t shrunk = 1;
    for (int round = 0; shrunk > 0; round++) {
        if (round == POLICY_SHRINK_ROUNDS_MAX)
            return STATUS_INTERNAL;
        PEK_TRY(policy_admin_shrink(change, policy_id, &shrunk));
        PEK_TRY(policy_store_derive(change->transaction, policy_id, true));
    }
    return STATUS_OK;
}

/* The groups that the statements manage and `was` did not have no more managers than a group may. */
static enum status check_managers(struct change *change, const policy_v1_statement *was,
                                  const struct policy_written *now)
{
    struct slice *groups = arena_zalloc(change->arena, now->count + 1, sizeof(*groups));
    size_t count = 0;
    int64_t managers;
    if (!groups)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < now->count; i++) {
        const policy_v1_statement *statement = &now->statements[i];
        bool had =
            was && delegation_manages(was) && strcmp(was->group_id, statement->group_id) == 0;
        if (statement->group_id[0] && delegation_manages(statement) && !had)
            groups[count++] = slice_str(statement->group_id);
    }
    if (count == 0)
        return STATUS_OK;
    PEK_TRY(policy_admin_managers(change, groups, count, &managers));
    return delegation_check_managers(managers, change->fault);
}

/* After the statements of a policy changed, from `was` (NULL: it is new) to `now` (none: it is gone): what follows
 * from them is derived again; what the actor has made is within the limits; and policies below that exceed it now
 * are shrunk when `cascade`, else the change is refused. */
static enum status settle(struct change *change, const char *policy_id,
                          const policy_v1_statement *was, const struct policy_written *now,
                          bool cascade)
{
    const char *exceeding;
    struct delegation_room room;
    bool wide = was && delegation_manages(was), adds = !was || now->count > 0;
    for (size_t i = 0; i < now->count; i++)
        wide |= delegation_manages(&now->statements[i]);
    PEK_TRY(check_managers(change, was, now)); /* first: what follows is many times as much */
    if (wide)
        PEK_TRY(policy_store_derive(change->transaction, policy_id, was != NULL));
    if (adds) {
        PEK_TRY(policy_admin_room(change, policy_id, &room));
        PEK_TRY(delegation_check_room(&room, change->fault));
    }
    if (!was)
        return STATUS_OK;
    PEK_TRY(policy_admin_exceeding(change, policy_id, was->group_id, wide, &exceeding));
    if (exceeding && !cascade)
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "CHILDREN_EXCEED",
                                "cascade", "policies under it would exceed it: %s", exceeding);
    return exceeding ? shrink(change, policy_id) : STATUS_OK;
}

/* Whoever holds the policy or one below it is forgotten after the commit. */
static enum status rights_change(struct change *change, const char *policy_id)
{
    return change_names_users(change, &policy_admin_holders, PG_PARAMS(pg_str(policy_id)));
}

static enum status audit(struct change *change, const struct pg_statement *statement,
                         const char *action, const char *id)
{
    struct slice ids = slice_str(id);
    return change_audit(change, statement, action, &ids, 1);
}

/* ---- policies ---- */

CHANGE_METHOD(create_child, policy_v1_create_child_request, policy_v1_policy)
{
    struct slice name, unique_key;
    struct policy_written written;
    policy_v1_policy parent;
    const struct pg_result *rows;
    size_t depth;
    PEK_TRY(delegation_make_name(req->name, change->arena, &name, &unique_key, change->fault));
    PEK_TRY(take_statements(change, req->statements, req->n_statements, &written));
    PEK_TRY(begin(change, req->parent_id, STANDING_ISSUE));
    PEK_TRY(change_lock(change, &policy_v1_policy_row, &policy_admin_get, "parent_id",
                        req->parent_id, "", &parent));
    PEK_TRY(policy_admin_check_parent(change, parent.id));
    PEK_TRY(policy_admin_depth(change, parent.id, &depth));
    PEK_TRY(delegation_check_child(parent.can_issue, req->can_issue, depth, change->fault));
    PEK_TRY(check_written(change, parent.id, &written));
    PEK_TRY(policy_admin_insert(change, parent.id, name, unique_key, req->can_issue, res));
    PEK_TRY(policy_admin_add_statements(change, res->id, &written, NULL));
    PEK_TRY(settle(change, res->id, NULL, &written, false));
    PEK_TRY(audit(change, &policy_admin_audit, "policy.create", res->id));
    PEK_TRY(change_execute(change, &policy_admin_statements, PG_PARAMS(pg_str(res->id)), &rows));
    return tell_statements(rows, change->arena, res, change->fault);
}

static enum status refuse_children(struct change *change, const char *policy_id)
{
    const char *children;
    PEK_TRY(policy_admin_children(change, policy_id, &children));
    if (!children)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "HAS_CHILDREN", "cascade",
                            "there are policies under it: %s", children);
}

CHANGE_METHOD(delete_policy, policy_v1_delete_policy_request, Google__Protobuf__Empty)
{
    policy_v1_policy policy;
    (void)res;
    PEK_TRY(begin_on(change, req->id, "id", req->etag, &policy));
    if (!req->cascade)
        PEK_TRY(refuse_children(change, policy.id));
    PEK_TRY(rights_change(change, policy.id));
    PEK_TRY(audit(change, &policy_admin_audit, "policy.delete", policy.id));
    return change_execute(change, &policy_admin_delete, PG_PARAMS(pg_str(policy.id)), NULL);
}

/* ---- statements ---- */

static enum status check_given(struct change *change, const policy_v1_statement *statement)
{
    if (!statement)
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "statement",
                         "statement is required");
    return STATUS_OK;
}

/* A statement of people. */
static enum status find_statement(struct change *change, const char *policy_id, const char *id,
                                  const char *field, policy_v1_statement *ret_statement)
{
    if (!policy_is_id(id))
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, field,
                         "that is no statement's id");
    PEK_TRY(policy_admin_find_statement(change, policy_id, id, ret_statement));
    return delegation_check_statement(ret_statement, change->fault);
}

/* What is the same after each change of a statement; as settle. */
static enum status finish(struct change *change, const char *policy_id,
                          const policy_v1_statement *was, const struct policy_written *now,
                          bool cascade)
{
    PEK_TRY(rights_change(change, policy_id));
    PEK_TRY(settle(change, policy_id, was, now, cascade));
    return change_execute(change, &policy_admin_touch, PG_PARAMS(pg_str(policy_id)), NULL);
}

CHANGE_METHOD(create_statement, policy_v1_create_statement_request, policy_v1_statement)
{
    struct policy_written written;
    policy_v1_policy policy;
    PEK_TRY(check_given(change, req->statement));
    PEK_TRY(take_statements(change, &req->statement, 1, &written));
    PEK_TRY(begin_on(change, req->policy_id, "policy_id", req->etag, &policy));
    PEK_TRY(check_written(change, policy.parent_id, &written));
    PEK_TRY(policy_admin_add_statements(change, policy.id, &written, res));
    PEK_TRY(finish(change, policy.id, NULL, &written, false));
    return audit(change, &policy_admin_audit_statement, "policy.statement.create", res->id);
}

CHANGE_METHOD(update_statement, policy_v1_update_statement_request, policy_v1_statement)
{
    unsigned fields;
    policy_v1_policy policy;
    policy_v1_statement was, merged, *one = &merged;
    struct policy_written written;
    PEK_TRY(check_given(change, req->statement));
    PEK_TRY(mask_take(req->update_mask, &req->statement->base, delegation_statement_fields,
                      DELEGATION_STATEMENT_FIELDS, &fields, change->fault));
    PEK_TRY(begin_on(change, req->policy_id, "policy_id", req->etag, &policy));
    PEK_TRY(find_statement(change, policy.id, req->statement->id, "statement.id", &was));
    merged = delegation_merge_statement(&was, fields, req->statement);
    PEK_TRY(take_statements(change, &one, 1, &written));
    PEK_TRY(check_written(change, policy.parent_id, &written));
    PEK_TRY(policy_admin_set_statement(change, written.statements, res));
    PEK_TRY(finish(change, policy.id, &was, &written, req->cascade));
    return audit(change, &policy_admin_audit_statement, "policy.statement.update", res->id);
}

CHANGE_METHOD(delete_statement, policy_v1_delete_statement_request, Google__Protobuf__Empty)
{
    static const struct policy_written nothing;
    policy_v1_policy policy;
    policy_v1_statement was;
    (void)res;
    PEK_TRY(begin_on(change, req->policy_id, "policy_id", req->etag, &policy));
    PEK_TRY(find_statement(change, policy.id, req->id, "id", &was));
    PEK_TRY(audit(change, &policy_admin_audit_statement, "policy.statement.delete", was.id));
    PEK_TRY(
        change_execute(change, &policy_admin_delete_statement, PG_PARAMS(pg_str(was.id)), NULL));
    return finish(change, policy.id, &was, &nothing, req->cascade);
}

/* ---- assignments ---- */

static enum status tell_user(struct change *change, const char *action, const char *policy_id,
                             const char *user)
{
    const struct slice ids[] = {slice_str(policy_id), slice_str(user)};
    PEK_TRY(change_names_user(change, ids[1]));
    return change_audit(change, &policy_admin_audit_user, action, ids, 2);
}

/* Somebody is left who has been here, and for good; that nobody was is no reason to refuse anything. */
static enum status check_god(struct change *change, bool had_god, bool has_god)
{
    if (!had_god || has_god)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "LAST_GOD", NULL,
                            "nobody who has been here would be left who may do everything");
}

static enum status check_end(const Google__Protobuf__Timestamp *time, struct fault *fault)
{
    PEK_TRY(row_check_time(time, "valid_until", fault));
    if (!time || time->seconds > clock_wall_s())
        return STATUS_OK;
    return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, "END_IS_PAST", "valid_until",
                            "valid_until is not in the future");
}

/* Else who has a right for a day would give it to a friend for good, and get it back from them. */
static enum status check_outlasts(struct change *change, const char *policy_id,
                                  struct pg_param until)
{
    struct slice end;
    PEK_TRY(rights_store_outlasts(change->transaction, change->actor, policy_id, until,
                                  change->arena, &end));
    return end.len == 0
               ? STATUS_OK
               : fault_set_reason(
                     change->fault, STATUS_FAILED_PRECONDITION, "END_TOO_LATE", "valid_until",
                     "you may give it until %.*s UTC, when your own right ends", SLICE_ARG(end));
}

/* The realm knows them now. */
static enum status keep_name(struct change *change, const struct person_told *told,
                             const char *user)
{
    const struct person *person = person_told_of(told, slice_str(user));
    struct pg_result *known = NULL;
    if (!person || person->version == 0)
        return STATUS_OK;
    enum status status = person_store_put(change->transaction, person, 1, change->arena, &known);
    pg_result_free(known);
    return status;
}

CHANGE_METHOD(assign_policy, policy_v1_assign_policy_request, policy_v1_assignment)
{
    bool made, had_god, has_god;
    struct person_told told;
    const struct pg_param until = row_time_param(change->arena, req->valid_until);
    PEK_TRY(delegation_check_user(req->user_id, change->fault));
    PEK_TRY(person_told_take(change_domain(change)->collator, req->told, change->arena, &told,
                             change->fault));
    PEK_TRY(person_told_check(&told, slice_str(req->user_id), "user_id", change->fault));
    PEK_TRY(check_end(req->valid_until, change->fault));
    PEK_TRY(begin(change, req->id, STANDING_ADMINISTER));
    /* It would outlive the right by which it was made. */
    if (strcmp(req->user_id, change->actor) == 0)
        return fault_set_reason(change->fault, STATUS_PERMISSION_DENIED, "SELF_ASSIGNMENT",
                                "user_id", "nobody assigns policies to themselves");
    PEK_TRY(check_outlasts(change, req->id, until));
    PEK_TRY(policy_admin_check_free(change, req->id));
    PEK_TRY(policy_admin_has_god(change, &had_god));
    PEK_TRY(policy_store_assign(change->transaction, req->id, req->user_id, change->actor, until,
                                &made, change->fault));
    PEK_TRY(keep_name(change, &told, req->user_id));
    PEK_TRY(policy_admin_has_god(change, &has_god));
    PEK_TRY(check_god(change, had_god, has_god));
    if (made)
        PEK_TRY(tell_user(change, "policy.assign", req->id, req->user_id));
    return change_row(change, &policy_v1_assignment_row, &policy_admin_assignment,
                      PG_PARAMS(pg_str(req->id), pg_str(req->user_id)), res);
}

/* The same words whether there is such a policy or not. */
static enum status revoke(struct change *change, const char *policy_id, const char *user)
{
    enum status status = policy_admin_revoke(change, policy_id, user);
    if (status == STATUS_NOT_FOUND)
        return fault_set(change->fault, status, NULL, "%s does not hold policy %s", user,
                         policy_id);
    return status;
}

CHANGE_METHOD(revoke_policy, policy_v1_revoke_policy_request, Google__Protobuf__Empty)
{
    bool had_god, has_god;
    (void)res;
    /* Also before the empty name could mean the caller. */
    PEK_TRY(delegation_check_user(req->user_id, change->fault));
    if (!policy_is_id(req->id))
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "id", "id is no policy's id");
    if (strcmp(req->user_id, change->actor) == 0) /* anybody may do that to themselves */
        PEK_TRY(policy_store_lock(change->transaction, false));
    else
        PEK_TRY(begin(change, req->id, STANDING_ADMINISTER));
    PEK_TRY(policy_admin_check_free(change, req->id));
    PEK_TRY(policy_admin_has_god(change, &had_god));
    PEK_TRY(revoke(change, req->id, req->user_id));
    PEK_TRY(policy_admin_has_god(change, &has_god));
    PEK_TRY(check_god(change, had_god, has_god));
    return tell_user(change, "policy.revoke", req->id, req->user_id);
}

/* ---- the service ---- */

enum status policy_service_add(struct rpc_host *host, struct domain *domain, struct fault *fault)
{
    static const struct policy_v1_policy_service service = {
        .list_policies = list_policies,
        .get_policy = get_policy,
        .create_child = create_child,
        .delete_policy = delete_policy,
        .create_statement = create_statement,
        .update_statement = update_statement,
        .delete_statement = delete_statement,
        .list_assignments = list_assignments,
        .assign_policy = assign_policy,
        .revoke_policy = revoke_policy,
        .check_policy = policy_check,
        .list_profile_viewers = profile_viewer_list,
        .get_profile_scope = profile_scope_get,
    };
    _Static_assert((int)PEK_POLICY_RIGHT_VIEW == STANDING_VIEW &&
                       (int)PEK_POLICY_RIGHT_ISSUE == STANDING_ISSUE &&
                       (int)PEK_POLICY_RIGHT_ADMINISTER == STANDING_ADMINISTER,
                   "standing_right has the numbers of pek.PolicyRight");
    return policy_v1_policy_service_add(host, &service, domain, fault);
}
