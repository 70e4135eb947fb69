/* delegation: who may give which rights on, as pure rules.
 *
 * Policies form a tree. Whatever a policy allows lies within the one above it: every statement of the child
 * within one single statement of the parent (policy_statement_within). Whoever holds a policy that can issue
 * may create policies under it, and administer all below it: change, delete, assign, revoke. Nobody does
 * that to a policy that they merely hold. GOD, which is all eleven rights on the whole realm, may everything.
 */
#ifndef PEK_WORKER_POLICY_DELEGATION_H
#define PEK_WORKER_POLICY_DELEGATION_H

#include "shared/base/fault.h"
#include "worker/rights/policy.h"
#include "worker/rights/standing.h"

#define DELEGATION_DEPTH_MAX 10        /* policies from a root to the deepest */
#define DELEGATION_STATEMENTS_MAX 1000 /* of one policy, made by people */
#define DELEGATION_ASSIGNMENTS_MAX 100 /* of one user, made by people */
#define DELEGATION_RESOURCE_BYTES_MAX 64

#define DELEGATION_ESCALATION "GROUP_ESCALATION" /* the realm's own statements */

/* A child of a policy that is `parent_depth` deep (a root is 1). FAILED_PRECONDITION. */
PEK_MUST_CHECK enum status delegation_check_child(bool parent_can_issue, bool child_can_issue,
                                                  size_t parent_depth, struct fault *fault);

/* Every one of `children` lies within one of `parents`, else PERMISSION_DENIED naming `field`. */
PEK_MUST_CHECK enum status delegation_check_within(const struct policy_statement *children,
                                                   size_t child_count,
                                                   const struct policy_statement *parents,
                                                   size_t parent_count, const char *field,
                                                   struct fault *fault);

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
