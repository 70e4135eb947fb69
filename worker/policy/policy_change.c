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
        status = rights_store_standing_in(change->transaction, change->actor, policy_id, &standing);
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

enum status policy_change_check_written(struct change *change, const char *parent_id,
                                        const struct policy_written *written)
{
    size_t beyond = 0;
    const char *missing = NULL;
    enum status status =
        policy_admin_check_written(change->transaction, parent_id[0] ? parent_id : NULL, written,
                                   change->arena, &beyond, &missing);
    if (status != STATUS_OK)
        return status;
    /* First: who may not have a group here is not told whether there is one. */
    if (beyond > 0)
        return fault_set_reason(change->fault, STATUS_PERMISSION_DENIED, "EXCEEDS_PARENT",
                                "statement", "statement %zu allows what no statement above it does",
                                beyond);
    return missing ? fault_set(change->fault, STATUS_NOT_FOUND, "statement.group_id",
                               "there is no group %s", missing)
                   : STATUS_OK;
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
            status = policy_store_derive(change->transaction, policy_id, true);
    }
    return status;
}

/* Statements that follow from this one, or need it to follow. */
static bool manages(const struct policy_statement *statement)
{
    return !statement->user && statement->actions & POLICY_ACTIONS_MANAGE;
}

static enum status refuse_to_shrink(struct change *change, struct pg_result *exceeding)
{
    const char *list = policy_change_list(change, exceeding);
    return list ? fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "CHILDREN_EXCEED",
                                   "cascade", "policies under it would exceed it: %s", list)
                : STATUS_RESOURCE_EXHAUSTED;
}

enum status policy_change_settle(struct change *change, const char *policy_id,
                                 const struct policy_statement *was,
                                 const struct policy_statement *now, size_t now_count, bool cascade)
{
    struct pg_result *exceeding;
    struct delegation_room room;
    bool wide = was && manages(was), adds = !was || now_count > 0;
    for (size_t i = 0; i < now_count; i++)
        wide |= manages(&now[i]);
    enum status status =
        wide ? policy_store_derive(change->transaction, policy_id, was != NULL) : STATUS_OK;
    if (status == STATUS_OK && adds)
        status = policy_admin_room(change->transaction, policy_id, change->actor, &room);
    if (status == STATUS_OK && adds)
        status = delegation_check_room(&room, change->fault);
    if (status != STATUS_OK || !was)
        return status;
    status = policy_admin_exceeding(change->transaction, policy_id, was->group, wide, &exceeding);
    if (status != STATUS_OK)
        return status;
    if (pg_rows(exceeding) > 0 && !cascade)
        return refuse_to_shrink(change, exceeding);
    bool shrinks = pg_rows(exceeding) > 0;
    pg_result_free(exceeding);
    return shrinks ? shrink(change, policy_id) : STATUS_OK;
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
