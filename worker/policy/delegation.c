#include "worker/policy/delegation.h"

#include <string.h>

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

bool delegation_name_is_reserved(struct slice unique_key)
{
    return slice_equal_str(unique_key, "god") ||
           slice_starts_with(unique_key, SLICE_LIT("god in "));
}

static bool resource_is_valid(const char *resource)
{
    size_t len = strspn(resource, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return resource[len] == '\0' && len >= 1 && len <= DELEGATION_RESOURCE_BYTES_MAX &&
           resource[0] >= 'A' && resource[0] <= 'Z' && strcmp(resource, DELEGATION_ESCALATION) != 0;
}

/* The kinds that say what a statement is restricted to must be right about it. */
static bool resource_fits(const char *resource, const struct policy_statement *statement)
{
    if (strcmp(resource, "REALM") == 0)
        return !statement->group && !statement->user;
    if (strcmp(resource, "GROUP") == 0)
        return statement->group;
    return strcmp(resource, "USER") != 0 || statement->user;
}

static enum status take_actions(const uint32_t *actions, size_t count, uint32_t *ret_bits,
                                struct fault *fault)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        if (actions[i] < 1 || actions[i] >= POLICY_ACTION_GOD)
            return fault_set(fault, STATUS_INVALID_ARGUMENT, "statement.actions",
                             "an action is one of the eleven");
        bits |= policy_action_bit(actions[i]);
    }
    if (bits == 0)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "statement.actions",
                         "a statement has at least one action");
    *ret_bits = bits;
    return STATUS_OK;
}

enum status delegation_make_statement(const char *group, const char *user, const char *resource,
                                      const uint32_t *actions, size_t action_count,
                                      struct arena *arena, struct policy_statement *ret_statement,
                                      const char **ret_resource, struct fault *fault)
{
    struct policy_statement made = {.user = user[0] ? user : NULL};
    enum status status = take_actions(actions, action_count, &made.actions, fault);
    if (status != STATUS_OK)
        return status;
    if (strlen(group) > GROUP_BYTES_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "statement.group_id",
                         "that is no group's id");
    if (made.user && !policy_is_user(user))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "statement.user_id",
                         "that is no user's id");
    if (group[0]) {
        made.group = policy_group_id(group, arena);
        if (!made.group)
            return STATUS_RESOURCE_EXHAUSTED;
    }
    if (!resource[0])
        resource = made.group ? "GROUP" : made.user ? "USER" : "REALM";
    if (!resource_is_valid(resource) || !resource_fits(resource, &made))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "statement.resource",
                         "this is no resource of such a statement");
    *ret_statement = made;
    *ret_resource = resource;
    return STATUS_OK;
}
