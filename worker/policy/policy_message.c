#include "worker/policy/policy_message.h"

#include <inttypes.h>

#define US_PER_S 1000000

/* protobuf-c's string fields are not const, though it does not write to them. */
static char *text(const struct pg_result *rows, size_t row, int column, struct arena *arena)
{
    struct slice value = pg_get_slice(rows, row, column);
    return arena_strndup(arena, value.ptr ? value.ptr : "", value.len);
}

static Google__Protobuf__Timestamp *timestamp(int64_t us, struct arena *arena)
{
    Google__Protobuf__Timestamp *time = arena_alloc(arena, sizeof(*time));
    if (!time)
        return NULL;
    google__protobuf__timestamp__init(time);
    /* Made by now(): never before 1970. */
    time->seconds = us / US_PER_S;
    time->nanos = (int32_t)(us % US_PER_S * 1000);
    return time;
}

const char *policy_etag(int64_t version, struct arena *arena)
{
    return arena_printf(arena, "v%" PRId64, version);
}

enum status policy_to_message(const struct pg_result *policies, size_t row, const char *realm,
                              struct arena *arena, policy_v1_policy *ret_policy)
{
    ret_policy->realm = arena_strndup(arena, realm, strlen(realm));
    ret_policy->id = text(policies, row, POLICY_ID, arena);
    ret_policy->name = text(policies, row, POLICY_NAME, arena);
    ret_policy->can_issue = pg_get_bool(policies, row, POLICY_CAN_ISSUE);
    ret_policy->parent_id = text(policies, row, POLICY_PARENT, arena);
    ret_policy->create_time = timestamp(pg_get_int(policies, row, POLICY_CREATED_US), arena);
    ret_policy->etag = arena_printf(arena, "v%" PRId64, pg_get_int(policies, row, POLICY_VERSION));
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status policy_statement_to_message(const struct pg_result *statements, size_t row,
                                        struct arena *arena, policy_v1_statement *ret_statement)
{
    uint32_t bits = (uint32_t)pg_get_int(statements, row, STATEMENT_ACTIONS);
    ret_statement->id = text(statements, row, STATEMENT_ID, arena);
    ret_statement->group_id = text(statements, row, STATEMENT_GROUP, arena);
    ret_statement->user_id = text(statements, row, STATEMENT_USER, arena);
    ret_statement->resource = text(statements, row, STATEMENT_RESOURCE, arena);
    ret_statement->actions =
        arena_alloc(arena, (size_t)__builtin_popcount(bits) * sizeof(*ret_statement->actions));
    if (!ret_statement->actions || arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    ret_statement->n_actions = 0;
    for (uint32_t action = 1; action < POLICY_ACTION_GOD; action++)
        if (bits & policy_action_bit(action))
            ret_statement->actions[ret_statement->n_actions++] = (Pek__Action)action;
    return STATUS_OK;
}

enum status policy_statements_to_message(const struct pg_result *statements, struct arena *arena,
                                         policy_v1_policy *policy)
{
    size_t count = pg_rows(statements);
    policy->statements_cut = count > POLICY_ADMIN_TOLD_STATEMENTS_MAX;
    if (policy->statements_cut)
        count = POLICY_ADMIN_TOLD_STATEMENTS_MAX;
    policy->statements = arena_zalloc(arena, count + 1, sizeof(*policy->statements));
    policy_v1_statement *messages = arena_zalloc(arena, count + 1, sizeof(*messages));
    if (!policy->statements || !messages)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        policy_v1_statement_init(&messages[i]);
        enum status status = policy_statement_to_message(statements, i, arena, &messages[i]);
        if (status != STATUS_OK)
            return status;
        policy->statements[i] = &messages[i];
    }
    policy->n_statements = count;
    return STATUS_OK;
}

enum status policy_assignment_to_message(const struct pg_result *assignments, size_t row,
                                         struct arena *arena, policy_v1_assignment *ret_assignment)
{
    ret_assignment->user_id = text(assignments, row, ASSIGNMENT_USER, arena);
    ret_assignment->policy_id = text(assignments, row, ASSIGNMENT_POLICY, arena);
    ret_assignment->assign_time = timestamp(pg_get_int(assignments, row, ASSIGNMENT_US), arena);
    ret_assignment->assigned_by = text(assignments, row, ASSIGNMENT_BY, arena);
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status policy_statement_from_message(const policy_v1_statement *statement, struct arena *arena,
                                          struct policy_statement *ret_statement,
                                          const char **ret_resource, struct fault *fault)
{
    uint32_t *actions = arena_zalloc(arena, statement->n_actions + 1, sizeof(*actions));
    if (!actions)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < statement->n_actions; i++)
        actions[i] = (uint32_t)statement->actions[i];
    return delegation_make_statement(statement->group_id, statement->user_id, statement->resource,
                                     actions, statement->n_actions, arena, ret_statement,
                                     ret_resource, fault);
}
