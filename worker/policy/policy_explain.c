#include "worker/policy/policy_explain.h"

#include <string.h>

enum policy_reason policy_explain_refusal(const struct policy_statement *statements, size_t count,
                                          uint32_t bits, const struct policy_target *target)
{
    enum policy_reason nearest = POLICY_ACTION_NOT_GIVEN;
    for (size_t i = 0; i < count; i++) {
        const struct policy_statement *statement = &statements[i];
        enum policy_reason reason = POLICY_ACTION_NOT_GIVEN;
        if ((statement->actions & bits) == 0)
            continue;
        if (policy_statement_matches(statement, target))
            reason = POLICY_NOT_ALL_ACTIONS;
        else if (statement->group &&
                 (!target->group || strcmp(statement->group, target->group) != 0))
            reason = POLICY_OTHER_GROUP;
        else
            reason = POLICY_OTHER_USER;
        if (reason > nearest)
            nearest = reason;
    }
    return nearest;
}

bool policy_explain_grants(const struct policy_statement *statements, size_t count, uint32_t bits,
                           const struct policy_target *target, bool *ret_grants)
{
    uint32_t missing = bits;
    memset(ret_grants, 0, count * sizeof(*ret_grants));
    for (size_t i = 0; i < count && missing; i++)
        if (statements[i].actions & missing && policy_statement_matches(&statements[i], target)) {
            ret_grants[i] = true;
            missing &= ~statements[i].actions;
        }
    if (missing == 0 && bits != 0)
        return true;
    memset(ret_grants, 0, count * sizeof(*ret_grants));
    return false;
}
