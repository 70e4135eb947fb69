#include "worker/rights/policy.h"

#include <string.h>

#include "shared/base/number.h"

/* ---- ids ---- */

bool policy_is_id(const char *id)
{
    int64_t number;
    return id[0] != '0' && number_parse(slice_str(id), &number) && number > 0;
}

bool policy_is_user(const char *user)
{
    size_t len = strspn(user, "abcdefghijklmnopqrstuvwxyz0123456789._-");
    return user[len] == '\0' && len >= 1 && len <= POLICY_USER_BYTES_MAX &&
           strchr("._-", user[0]) == NULL && strcmp(user, "me") != 0; /* whoever asks */
}

const char *policy_group_id(const char *id, struct arena *arena)
{
    char *copy = arena_strndup(arena, id, strlen(id));
    for (char *c = copy; c && *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return copy;
}

/* ---- statements ---- */

uint32_t policy_action_bit(uint32_t action)
{
    return action >= 1 && action <= POLICY_ACTION_GOD ? 1u << (action - 1) : 0;
}

static bool restriction_met(const char *restriction, const char *target)
{
    return !restriction || (target && strcmp(restriction, target) == 0);
}

bool policy_statement_matches(const struct policy_statement *statement,
                              const struct policy_target *target)
{
    return restriction_met(statement->group, target->group) &&
           restriction_met(statement->user, target->user);
}

/* The first statement whose group is not before `group`; unrestricted ones are before all. */
static size_t first_of_group(const struct policy_rights *rights, const char *group)
{
    size_t low = 0, high = rights->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *at = rights->statements[middle].group;
        if (!at || strcmp(at, group) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool gives(const struct policy_statement *statement, uint32_t bit,
                  const struct policy_target *target)
{
    return statement->actions & bit && policy_statement_matches(statement, target);
}

bool policy_rights_allow(const struct policy_rights *rights, uint32_t bit,
                         const struct policy_target *target)
{
    for (size_t i = 0; i < rights->count && !rights->statements[i].group; i++)
        if (gives(&rights->statements[i], bit, target))
            return true;
    if (target->group)
        for (size_t i = first_of_group(rights, target->group); i < rights->count; i++) {
            if (strcmp(rights->statements[i].group, target->group) != 0)
                break;
            if (gives(&rights->statements[i], bit, target))
                return true;
        }
    return false;
}

enum status policy_rights_scope(const struct policy_rights *rights, uint32_t bit,
                                struct arena *arena, struct policy_scope *ret_scope)
{
    static const struct policy_target whole_realm = {NULL, NULL};
    if (policy_rights_allow(rights, bit, &whole_realm)) {
        *ret_scope = (struct policy_scope){.all = true};
        return STATUS_OK;
    }
    struct slice *groups = arena_zalloc(arena, rights->count + 1, sizeof(*groups));
    if (!groups)
        return STATUS_RESOURCE_EXHAUSTED;
    size_t count = 0;
    for (size_t i = 0; i < rights->count; i++) {
        const char *group = rights->statements[i].group;
        struct policy_target target = {group, NULL};
        bool known = count > 0 && group && slice_equal_str(groups[count - 1], group);
        if (group && !known && gives(&rights->statements[i], bit, &target))
            groups[count++] = slice_str(group);
    }
    *ret_scope = (struct policy_scope){.groups = groups, .group_count = count};
    return STATUS_OK;
}
