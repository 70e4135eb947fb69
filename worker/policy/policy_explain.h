/* policy_explain: why a check comes out as it does, statement by statement; pure. */
#ifndef PEK_WORKER_POLICY_POLICY_EXPLAIN_H
#define PEK_WORKER_POLICY_POLICY_EXPLAIN_H

#include "worker/rights/policy.h"

/* Numbers of pek.policy.v1.Refusal.Reason, the ones nearer to a grant behind the others, but the last, which
 * only a check for several rights has. */
enum policy_reason {
    POLICY_ACTION_NOT_GIVEN = 1,
    POLICY_OTHER_GROUP = 2,
    POLICY_OTHER_USER = 3,
    POLICY_NOT_ALL_ACTIONS = 4,
};

/* Of a policy whose statements do not grant all of `bits`: the reason nearest to a grant. */
enum policy_reason policy_explain_refusal(const struct policy_statement *statements, size_t count,
                                          uint32_t bits, const struct policy_target *target);

/* Marks in `ret_grants` (count of them) a smallest prefix choice of matching statements that together have all of
 * `bits`: the first that adds a bit, and so on. False, and nothing marked, when they do not. */
bool policy_explain_grants(const struct policy_statement *statements, size_t count, uint32_t bits,
                           const struct policy_target *target, bool *ret_grants);

#endif
