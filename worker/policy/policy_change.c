/* What the changes of policies have in common. */
#include "worker/policy/policy_admin_store.h"
#include "worker/policy/policy_handlers.h"
#include "worker/policy/policy_message.h"
#include "worker/policy/policy_store.h"
#include "worker/rights/rights_store.h"

enum status policy_change_begin_own(struct change *change)
{
    return policy_store_lock(change->transaction, false);
}

enum status policy_change_begin(struct change *change, const char *policy_id,
                                enum standing_right right)
{
    struct policy_standing standing;
    enum status status = policy_store_lock(change->transaction, false);
    if (status == STATUS_OK)
        status =
            rights_store_standing_in(change->transaction, change->actor, policy_id, &standing);
    if (status == STATUS_OK && !standing_allows(&standing, right))
        status =
            fault_set(change->fault, STATUS_PERMISSION_DENIED, NULL, "you may not do this here");
    return status;
}

enum status policy_change_find(struct change *change, const char *policy_id, const char *etag,
                               const char **ret_parent_id)
{
    struct pg_result *row;
    enum status status = policy_admin_find(change->transaction, policy_id, &row);
    if (status != STATUS_OK)
        return status;
    if (pg_rows(row) == 0) {
        pg_result_free(row);
        return fault_set(change->fault, STATUS_NOT_FOUND, NULL, "there is no policy %s", policy_id);
    }
    struct slice parent = pg_get_slice(row, 0, POLICY_PARENT);
    const char *now = policy_etag(pg_get_int(row, 0, POLICY_VERSION), change->arena);
    bool is_god =
        parent.len == 0 && slice_equal_str(pg_get_slice(row, 0, POLICY_NAME), POLICY_REALM_GOD);
    const char *parent_id = arena_strndup(change->arena, parent.len ? parent.ptr : "", parent.len);
    pg_result_free(row);
    if (!now || !parent_id)
        return STATUS_RESOURCE_EXHAUSTED;
    if (is_god)
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "REALM_POLICY", NULL,
                                "the policy that all others are under stays as it is");
    if (etag[0] && strcmp(etag, now) != 0)
        return fault_set_reason(change->fault, STATUS_ABORTED, "ETAG_MISMATCH", "etag",
                                "policy %s was changed by somebody else", policy_id);
    *ret_parent_id = parent_id;
    return STATUS_OK;
}

enum status policy_change_within(struct change *change, const char *parent_id,
                                 const struct policy_statement *statements, size_t count)
{
    const struct policy_statement *parents;
    size_t parent_count;
    if (!parent_id[0])
        return STATUS_OK;
    enum status status = policy_admin_statements(change->transaction, parent_id, change->arena,
                                                 &parents, &parent_count);
    return status == STATUS_OK ? delegation_check_within(statements, count, parents, parent_count,
                                                         "statement", change->fault)
                               : status;
}

const char *policy_change_list(struct change *change, struct pg_result *policies)
{
    size_t count = pg_rows(policies);
    const char *list = "";
    for (size_t i = 0; list && i < count && i < POLICY_ADMIN_NAMED_MAX; i++)
        list = arena_printf(change->arena, "%s%s%s (%s)", list, i ? ", " : "",
                            pg_get_str(policies, i, 0), pg_get_str(policies, i, 1));
    if (list && count > POLICY_ADMIN_NAMED_MAX)
        list = arena_printf(change->arena, "%s and more", list);
    pg_result_free(policies);
    return list;
}

/* What follows is derived and what exceeds is taken, until both have nothing to do. */
static enum status shrink(struct change *change, const char *policy_id)
{
    int64_t shrunk = 1;
    enum status status = STATUS_OK;
    for (int round = 0; status == STATUS_OK && shrunk > 0; round++) {
        if (round == POLICY_SHRINK_ROUNDS_MAX)
            return STATUS_INTERNAL;
        status = policy_admin_shrink(change->transaction, policy_id, change->actor,
                                     rpc_trace_id(change->ctx), &shrunk);
        if (status == STATUS_OK)
            status = policy_store_derive(change->transaction, policy_id);
    }
    return status;
}

enum status policy_change_settle(struct change *change, const char *policy_id, bool cascade)
{
    struct pg_result *exceeding = NULL;
    bool within = false;
    enum status status = policy_store_derive(change->transaction, policy_id);
    if (status == STATUS_OK)
        status = policy_admin_is_within(change->transaction, policy_id, &within);
    if (status == STATUS_OK && !within)
        return fault_set_reason(change->fault, STATUS_PERMISSION_DENIED, "EXCEEDS_PARENT", NULL,
                                "this would allow what no statement above it does");
    if (status == STATUS_OK)
        status = policy_admin_children(change->transaction, policy_id, true, &exceeding);
    if (status != STATUS_OK)
        return status;
    if (pg_rows(exceeding) == 0) {
        pg_result_free(exceeding);
        return STATUS_OK;
    }
    const char *list = policy_change_list(change, exceeding);
    if (!list)
        return STATUS_RESOURCE_EXHAUSTED;
    if (!cascade)
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "CHILDREN_EXCEED",
                                "cascade", "policies under it would exceed it: %s", list);
    return shrink(change, policy_id);
}

enum status policy_change_watch_god(struct change *change, bool *ret_had_god)
{
    return policy_admin_has_god(change->transaction, ret_had_god);
}

enum status policy_change_keep_god(struct change *change, bool had_god)
{
    bool has_god;
    enum status status = policy_admin_has_god(change->transaction, &has_god);
    if (status == STATUS_OK && had_god && !has_god)
        status = fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "LAST_GOD", NULL,
                                  "nobody would be left who may do everything here");
    return status;
}

enum status policy_change_names_holders(struct change *change, const char *policy_id)
{
    struct pg_result *users;
    enum status status = policy_admin_holders(change->transaction, policy_id, &users);
    return status == STATUS_OK ? change_names_users(change, users) : status;
}

enum status policy_change_names_user(struct change *change, const char *user)
{
    if (change->user_count == CHANGE_USERS_MAX)
        change->everybody = true;
    else
        change->users[change->user_count++] = arena_copy(change->arena, slice_str(user));
    return change->arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}
