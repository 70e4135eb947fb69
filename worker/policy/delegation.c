#include "worker/policy/delegation.h"

#include <string.h>

#include "shared/row/row.h"
#include "shared/text/text.h"

#define GROUP_BYTES_MAX 127

enum status delegation_check_child(bool parent_can_issue, bool child_can_issue, size_t parent_depth,
                                   struct fault *fault)
{
    if (child_can_issue && !parent_can_issue)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, "PARENT_CANNOT_ISSUE",
                                "can_issue", "a policy can issue only if the one above it can");
    if (parent_depth >= DELEGATION_DEPTH_MAX)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, "POLICY_TOO_DEEP", "parent_id",
                                "policies are at most %d deep", DELEGATION_DEPTH_MAX);
    return STATUS_OK;
}

enum status delegation_check_room(const struct delegation_room *room, struct fault *fault)
{
    if (room->policy_statements > DELEGATION_STATEMENTS_MAX)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, "POLICY_FULL", NULL,
                                "a policy has at most %d statements", DELEGATION_STATEMENTS_MAX);
    if (room->policy_alike > DELEGATION_ALIKE_MAX)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, "STATEMENTS_ALIKE", "statement",
                                "a policy has at most %d statements on the same group and user",
                                DELEGATION_ALIKE_MAX);
    if (room->user_policies > DELEGATION_USER_POLICIES_MAX ||
        room->user_statements > DELEGATION_USER_STATEMENTS_MAX)
        return fault_set_reason(
            fault, STATUS_FAILED_PRECONDITION, "MAKER_FULL", NULL,
            "what one user makes is at most %d policies, and %d statements with all that follows",
            DELEGATION_USER_POLICIES_MAX, DELEGATION_USER_STATEMENTS_MAX);
    if (room->realm_policies > DELEGATION_REALM_POLICIES_MAX ||
        room->realm_statements > DELEGATION_REALM_STATEMENTS_MAX)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, "REALM_FULL", NULL,
                                "people have made %d policies or %d statements in this realm",
                                DELEGATION_REALM_POLICIES_MAX, DELEGATION_REALM_STATEMENTS_MAX);
    return STATUS_OK;
}

enum status delegation_check_managers(int64_t managers, struct fault *fault)
{
    if (managers <= DELEGATION_MANAGERS_MAX)
        return STATUS_OK;
    return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, "GROUP_MANAGERS_FULL",
                            "statement.group_id",
                            "policies that people made manage one group by at most %d statements",
                            DELEGATION_MANAGERS_MAX);
}

enum status delegation_make_name(const char *written, struct arena *arena, struct slice *ret_name,
                                 struct slice *ret_unique_key, struct fault *fault)
{
    struct slice name, unique_key;
    PEK_TRY(text_normalise_name(slice_str(written), "name", arena, &name, fault));
    PEK_TRY(text_unique_key(name, arena, &unique_key));
    if (slice_equal_str(unique_key, "god") || slice_starts_with(unique_key, SLICE_LIT("god in ")))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "name",
                         "names that begin with GOD are the realm's own");
    *ret_name = name;
    *ret_unique_key = unique_key;
    return STATUS_OK;
}

/* ---- statements ---- */

static bool resource_is_valid(const char *resource)
{
    size_t len = strspn(resource, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return resource[len] == '\0' && len >= 1 && len <= DELEGATION_RESOURCE_BYTES_MAX &&
           resource[0] >= 'A' && resource[0] <= 'Z' && strcmp(resource, DELEGATION_ESCALATION) != 0;
}

/* The kinds that say what a statement is restricted to must be right about it. */
static bool resource_fits(const policy_v1_statement *statement)
{
    bool group = statement->group_id[0], user = statement->user_id[0];
    if (strcmp(statement->resource, "REALM") == 0)
        return !group && !user;
    if (strcmp(statement->resource, "GROUP") == 0)
        return group;
    return strcmp(statement->resource, "USER") != 0 || user;
}

static enum status check_actions(const policy_v1_statement *statement, struct fault *fault)
{
    for (size_t i = 0; i < statement->n_actions; i++)
        if (statement->actions[i] < 1 || (uint32_t)statement->actions[i] >= POLICY_ACTION_GOD)
            return fault_set(fault, STATUS_INVALID_ARGUMENT, "statement.actions",
                             "an action is one of the eleven");
    if (statement->n_actions == 0)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "statement.actions",
                         "a statement has at least one action");
    return STATUS_OK;
}

enum status delegation_make_statement(const policy_v1_statement *written, struct arena *arena,
                                      policy_v1_statement *ret_statement, struct fault *fault)
{
    policy_v1_statement made = *written;
    PEK_TRY(check_actions(written, fault));
    if (strlen(made.group_id) > GROUP_BYTES_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "statement.group_id",
                         "that is no group's id");
    if (made.user_id[0] && !policy_is_user(made.user_id))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "statement.user_id",
                         "that is no user's id");
    made.group_id = row_string(policy_group_id(made.group_id, arena));
    if (!made.group_id)
        return STATUS_RESOURCE_EXHAUSTED;
    if (!made.resource[0])
        made.resource = row_string(made.group_id[0] ? "GROUP" : made.user_id[0] ? "USER" : "REALM");
    if (!resource_is_valid(made.resource) || !resource_fits(&made))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "statement.resource",
                         "this is no resource of such a statement");
    *ret_statement = made;
    return STATUS_OK;
}

const char *const delegation_statement_fields[] = {"group_id", "user_id", "actions"};

policy_v1_statement delegation_merge_statement(const policy_v1_statement *statement,
                                               unsigned fields, const policy_v1_statement *body)
{
    policy_v1_statement merged = *statement;
    if (fields & DELEGATION_GROUP)
        merged.group_id = body->group_id;
    if (fields & DELEGATION_USER)
        merged.user_id = body->user_id;
    if (fields & DELEGATION_ACTIONS) {
        merged.actions = body->actions;
        merged.n_actions = body->n_actions;
    }
    const char *kind = merged.resource;
    if (strcmp(kind, "GROUP") == 0 || strcmp(kind, "USER") == 0 || strcmp(kind, "REALM") == 0)
        merged.resource = row_string("");
    return merged;
}

void delegation_leave_out_god(policy_v1_statement *statement)
{
    size_t count = statement->n_actions;
    if (count > 0 && (uint32_t)statement->actions[count - 1] == POLICY_ACTION_GOD)
        statement->n_actions--;
}

uint32_t delegation_actions(const policy_v1_statement *statement)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < statement->n_actions; i++)
        bits |= policy_action_bit((uint32_t)statement->actions[i]);
    return bits;
}

bool delegation_manages(const policy_v1_statement *statement)
{
    return !statement->user_id[0] && delegation_actions(statement) & POLICY_ACTIONS_MANAGE;
}

/* ---- what is somebody's, and what the realm's ---- */

enum status delegation_check_user(const char *user, struct fault *fault)
{
    if (policy_is_user(user))
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID_ARGUMENT, "user_id",
                     "user_id is no id of a user: 1 to 64 of a-z, 0-9, '.', '_' and '-'");
}

enum status delegation_check_policy(const policy_v1_policy *policy, struct fault *fault)
{
    if (policy->parent_id[0] || strcmp(policy->name, POLICY_REALM_GOD) != 0)
        return STATUS_OK;
    return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, "REALM_POLICY", NULL,
                            "the policy that all others are under stays as it is");
}

enum status delegation_check_statement(const policy_v1_statement *statement, struct fault *fault)
{
    if (strcmp(statement->resource, DELEGATION_ESCALATION) != 0)
        return STATUS_OK;
    return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, "REALM_STATEMENT", NULL,
                            "this statement follows from another one; change that");
}
