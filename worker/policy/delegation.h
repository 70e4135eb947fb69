/* delegation: who may give which rights on, as pure rules.
 *
 * Policies form a tree. Whatever a policy allows lies within the one above it: every statement of the child
 * within one single statement of the parent (POLICY_STORE_WITHIN). Whoever holds a policy that can issue
 * may create policies under it, and administer all below it: change, delete, assign, revoke. Nobody does
 * that to a policy that they merely hold. GOD may everything (worker/rights/policy.h).
 */
#ifndef PEK_WORKER_POLICY_DELEGATION_H
#define PEK_WORKER_POLICY_DELEGATION_H

#include "pek/policy/v1/policy.rpc.h"
#include "shared/base/fault.h"
#include "worker/rights/policy.h"

#define DELEGATION_DEPTH_MAX 10        /* policies from a root to the deepest */
#define DELEGATION_STATEMENTS_MAX 1000 /* of one policy, made by people */
#define DELEGATION_ASSIGNMENTS_MAX 100 /* from one user to one user */
#define DELEGATION_RESOURCE_BYTES_MAX 64
/* Statements of people that manage one group: each is written on every group below it, so that a group ten deep gets
 * ten times as many when it is made or moved. The realm's own are not counted: there is one a group. */
#define DELEGATION_MANAGERS_MAX 16
/* Statements of one policy with the same group and user: a check reads them all. */
#define DELEGATION_ALIKE_MAX 8

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
    int64_t policy_statements, policy_alike; /* the second: with the same restrictions, the most */
    int64_t user_policies, user_statements;
    int64_t realm_policies, realm_statements;
};
/* FAILED_PRECONDITION with the reason of the limit: POLICY_FULL, STATEMENTS_ALIKE, MAKER_FULL, REALM_FULL. */
PEK_MUST_CHECK enum status delegation_check_room(const struct delegation_room *room,
                                                 struct fault *fault);
/* FAILED_PRECONDITION, reason GROUP_MANAGERS_FULL, when people manage a group by so many statements. */
PEK_MUST_CHECK enum status delegation_check_managers(int64_t managers, struct fault *fault);

/* A child of a policy that is `parent_depth` deep (a root is 1). FAILED_PRECONDITION. */
PEK_MUST_CHECK enum status delegation_check_child(bool parent_can_issue, bool child_can_issue,
                                                  size_t parent_depth, struct fault *fault);

/* A name as people give it, normalised (shared/text), and its unique key. INVALID_ARGUMENT; also for one that only
 * the realm itself gives: "god", "god in …". */
PEK_MUST_CHECK enum status delegation_make_name(const char *written, struct arena *arena,
                                                struct slice *ret_name,
                                                struct slice *ret_unique_key, struct fault *fault);

/* A statement as somebody wrote it: 1 to 11 actions, ids that can be ids, and `resource` ([A-Z][A-Z0-9_]*,
 * not the realm's own GROUP_ESCALATION), made from the restrictions when it is empty: GROUP, USER, REALM.
 * INVALID_ARGUMENT. Points to what the written one does, or to the arena; a group's id is in lower case. */
PEK_MUST_CHECK enum status delegation_make_statement(const policy_v1_statement *written,
                                                     struct arena *arena,
                                                     policy_v1_statement *ret_statement,
                                                     struct fault *fault);
/* What may be changed of one; bits in the order of the names. */
enum delegation_statement_field {
    DELEGATION_GROUP = 1 << 0,
    DELEGATION_USER = 1 << 1,
    DELEGATION_ACTIONS = 1 << 2
};
#define DELEGATION_STATEMENT_FIELDS 3
extern const char *const delegation_statement_fields[DELEGATION_STATEMENT_FIELDS];
/* The statement with those fields of the body; as if somebody had written it: a kind that was made from the
 * restrictions is made again. */
policy_v1_statement delegation_merge_statement(const policy_v1_statement *statement,
                                               unsigned fields, const policy_v1_statement *body);
/* GOD is no action that a statement tells of: what is read of a policy can be written under it. */
void delegation_leave_out_god(policy_v1_statement *statement);
/* Its actions as bits. */
uint32_t delegation_actions(const policy_v1_statement *statement);
/* Others follow from it, as GROUP_ESCALATION, or need it to follow. */
bool delegation_manages(const policy_v1_statement *statement);

/* INVALID_ARGUMENT on user_id. */
PEK_MUST_CHECK enum status delegation_check_user(const char *user, struct fault *fault);
/* FAILED_PRECONDITION for the GOD that the realm made, and for a statement that follows from another one: nobody
 * changes them. */
PEK_MUST_CHECK enum status delegation_check_policy(const policy_v1_policy *policy,
                                                   struct fault *fault);
PEK_MUST_CHECK enum status delegation_check_statement(const policy_v1_statement *statement,
                                                      struct fault *fault);

#endif
