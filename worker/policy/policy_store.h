/* policy_store: the SQL of policies, statements and assignments.
 *
 * Row security limits every statement to the realm of the connection. The writes are the system's own: what
 * creating and moving groups entails (README.md, escalations), the first GOD of a realm, and plain policies
 * for whoever checked the rules of delegation before.
 */
#ifndef PEK_WORKER_POLICY_POLICY_STORE_H
#define PEK_WORKER_POLICY_POLICY_STORE_H

#include "shared/pg/pg.h"
#include "worker/rights/policy.h"

#define POLICY_SHRINK_ROUNDS_MAX 24 /* twice the depth of policies, and some */

/* ---- within a change ---- */

/* The subset rule in SQL: statement `s` lies within statement `q`, as policy_statement_within has it. */
#define POLICY_STORE_WITHIN                                                                        \
    "(q.group_id IS NULL OR q.group_id = s.group_id) "                                             \
    "AND (q.user_id IS NULL OR q.user_id = s.user_id) AND s.actions & ~q.actions = 0"

/* An audit row for each statement of people in `gone`; $2 is the actor, $3 the trace id. */
#define POLICY_STORE_TELL_GONE                                                                     \
    "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "         \
    "SELECT $2, 'policy.shrink', 'policy', gone.policy_id::text, $3, to_jsonb(gone) "              \
    "FROM gone WHERE gone.resource <> 'GROUP_ESCALATION'"

/* Until the end of the transaction, in the realm of the connection: alone for whoever changes policies; shared for
 * what creating and moving groups does to them, which touches no group of another tree. Held before
 * anything of policies is read that the change relies on. */
PEK_MUST_CHECK enum status policy_store_lock(struct pg_transaction *transaction, bool shared);

/* `GOD in GROUP`: all rights on the group, under the realm's GOD, assigned to its creator. */
PEK_MUST_CHECK enum status policy_store_add_group_god(struct pg_transaction *transaction,
                                                      const char *group, const char *user,
                                                      struct arena *arena);
/* What managers of the groups above it get on the group and on all below it, as far as the policy above theirs has
 * it. Twice is once. */
PEK_MUST_CHECK enum status policy_store_escalate(struct pg_transaction *transaction,
                                                 const char *group);
/* The same from the side of the policy and all those below it, after their statements changed. */
PEK_MUST_CHECK enum status policy_store_derive(struct pg_transaction *transaction,
                                               const char *policy_id);
/* After a move: the escalations of the group and all below it as their present ancestors make them; and what
 * policies gave on by an escalation that is gone, is gone as well. */
PEK_MUST_CHECK enum status policy_store_escalate_again(struct pg_transaction *transaction,
                                                       const char *group);
/* Who has any statement on the group or a group below it. */
PEK_MUST_CHECK enum status policy_store_holders(struct pg_transaction *transaction,
                                                const char *group, struct pg_result **ret_users);

/* ---- for the operator's commands; each writes its audit row ---- */

/* A policy of that name with one statement on the whole realm (or on `group`), unless there is one. */
PEK_MUST_CHECK enum status policy_store_ensure(struct pg_transaction *transaction, const char *name,
                                               bool can_issue, const char *group, uint32_t actions,
                                               struct arena *arena);
/* Assigned already is fine. NOT_FOUND when there is no such policy. */
PEK_MUST_CHECK enum status policy_store_assign(struct pg_transaction *transaction, const char *name,
                                               const char *user, const char *assigned_by);

#endif
