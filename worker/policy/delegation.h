/* delegation: who may give which rights on, as pure rules.
 *
 * Policies form a tree. Whatever a policy allows lies within the one above it: every statement of the child
 * within one single statement of the parent (POLICY_STORE_WITHIN). Whoever holds a policy that can issue
 * may create policies under it, and administer all below it: change, delete, assign, revoke. Nobody does
 * that to a policy that they merely hold. GOD may everything (worker/rights/policy.h).
 */
#ifndef PEK_WORKER_POLICY_DELEGATION_H
#define PEK_WORKER_POLICY_DELEGATION_H

#include "shared/base/fault.h"
#include "worker/rights/policy.h"
#include "worker/rights/standing.h"

#define DELEGATION_DEPTH_MAX 10        /* policies from a root to the deepest */
#define DELEGATION_STATEMENTS_MAX 1000 /* of one policy, made by people */
#define DELEGATION_ASSIGNMENTS_MAX 100 /* from one user to one user */
#define DELEGATION_RESOURCE_BYTES_MAX 64

/* What is made by people, each user within their own: nobody oversees more policies; a statement with its indexes
 * takes about 300 bytes of disk. What follows from statements counts for who made the policy. */
#define DELEGATION_USER_POLICIES_MAX 1000
#define DELEGATION_USER_STATEMENTS_MAX 200000
#define DELEGATION_REALM_POLICIES_MAX 20000
#define DELEGATION_REALM_STATEMENTS_MAX 2000000

#define DELEGATION_ESCALATION "GROUP_ESCALATION" /* the realm's own statements */
#define DELEGATION_USER_FULL "USER_FULL"         /* the reason of DELEGATION_ASSIGNMENTS_MAX */

/* What there is after a change: of the policy by people, of its maker, of all people. */
struct delegation_room {
    int64_t policy_statements;
    int64_t user_policies, user_statements;
    int64_t realm_policies, realm_statements;
};
/* FAILED_PRECONDITION with the reason of the limit: POLICY_FULL, MAKER_FULL, REALM_FULL. */
PEK_MUST_CHECK enum status delegation_check_room(const struct delegation_room *room,
                                                 struct fault *fault);

/* A child of a policy that is `parent_depth` deep (a root is 1). FAILED_PRECONDITION. */
PEK_MUST_CHECK enum status delegation_check_child(bool parent_can_issue, bool child_can_issue,
                                                  size_t parent_depth, struct fault *fault);

/* A statement as somebody wrote it: 1 to 11 actions, ids that can be ids, and `resource` ([A-Z][A-Z0-9_]*,
 * not the realm's own GROUP_ESCALATION), made from the restrictions when it is empty: GROUP, USER, REALM.
 * INVALID_ARGUMENT. The ids are the caller's or in the arena, a group's in lower case. */
PEK_MUST_CHECK enum status delegation_make_statement(const char *group, const char *user,
                                                     const char *resource, const uint32_t *actions,
                                                     size_t action_count, struct arena *arena,
                                                     struct policy_statement *ret_statement,
                                                     const char **ret_resource,
                                                     struct fault *fault);

/* The unique key of a name that only the realm itself gives: "god", "god in …". */
bool delegation_name_is_reserved(struct slice unique_key);

#endif
