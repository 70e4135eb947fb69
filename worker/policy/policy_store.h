/* policy_store: the SQL of policies, statements and assignments.
 *
 * Row security limits every statement to the realm of the connection. The writes are the system's own: what
 * creating and moving groups entails (README.md, escalations), the first GOD of a realm, and plain policies
 * for whoever checked the rules of delegation before.
 */
#ifndef PEK_WORKER_POLICY_POLICY_STORE_H
#define PEK_WORKER_POLICY_POLICY_STORE_H

#include "shared/base/fault.h"
#include "shared/pg/pg.h"
#include "worker/rights/policy.h"

#define POLICY_SHRINK_ROUNDS_MAX 24 /* twice the depth of policies, and some */

/* ---- within a change ---- */

/* The subset rule in SQL: statement `s` lies within statement `q`, NULL is no restriction. */
#define POLICY_STORE_WITHIN                                                                        \
    "(q.group_id IS NULL OR q.group_id = s.group_id) "                                             \
    "AND (q.user_id IS NULL OR q.user_id = s.user_id) AND s.actions & ~q.actions = 0"

/* `tree`: the policies whose id is `of` and all below them. Subqueries behind LATERAL … OFFSET 0 are run once for each row before them,
 * by an index, and so are those of EXISTS with OFFSET 0: a plan that joined whole tables instead would cost what
 * everybody has, not what the change concerns. And no UNION in a recursion: its table is as large as the guess. */
#define POLICY_STORE_TREE(of)                                                                      \
    "WITH RECURSIVE tree (id, parent_id) AS ("                                                     \
    "  SELECT t.id, t.parent_id FROM pek.policy AS t WHERE t.id = " of " UNION ALL"                \
    "  SELECT c.id, tree.id FROM tree, LATERAL ("                                                  \
    "    SELECT p.id FROM pek.policy AS p WHERE p.parent_id = tree.id OFFSET 0) AS c) "

/* `below`: the group $1 and all below it, which is level 1. */
#define POLICY_STORE_BELOW                                                                         \
    "WITH RECURSIVE below (id, parent_id, level) AS ("                                             \
    "  SELECT g.id, g.parent_id, 1 FROM pek.realm_group AS g WHERE g.id = $1"                      \
    "  UNION ALL"                                                                                  \
    "  SELECT c.id, below.id, below.level + 1 FROM below, LATERAL ("                               \
    "    SELECT g.id FROM pek.realm_group AS g WHERE g.parent_id = below.id OFFSET 0) AS c"        \
    "   WHERE below.level < 16) "

/* An audit row for each statement of people in `gone`; $2 is the actor, $3 the trace id. */
#define POLICY_STORE_TELL_GONE                                                                     \
    "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "         \
    "SELECT $2, 'policy.shrink', 'policy', gone.policy_id::text, $3, to_jsonb(gone) "              \
    "FROM gone WHERE gone.resource <> 'GROUP_ESCALATION'"
/* And another etag of the policies that had them. */
#define POLICY_STORE_TOUCH_GONE                                                                    \
    "UPDATE pek.policy AS c SET version = c.version + 1 WHERE c.id IN ("                           \
    "SELECT gone.policy_id FROM gone WHERE gone.resource <> 'GROUP_ESCALATION')"

/* Until the end of the transaction, in the realm of the connection: alone for whoever changes policies; shared for
 * what creating and moving groups does to them, which touches no group of another tree. Held before
 * anything of policies is read that the change relies on. */
PEK_MUST_CHECK enum status policy_store_lock(struct pg_transaction *transaction, bool shared);

/* The one door of assignments, until then (a timestamp) or without an end (PG_NULL). Assigned already with that end is fine,
 * `ret_made` tells; one with another end is replaced. FAILED_PRECONDITION, reason
 * DELEGATION_USER_FULL, when the giver gave this user DELEGATION_ASSIGNMENTS_MAX; NOT_FOUND for the policy. */
PEK_MUST_CHECK enum status policy_store_assign(struct pg_transaction *transaction,
                                               const char *policy_id, const char *user,
                                               const char *giver, struct pg_param valid_until,
                                               bool *ret_made, struct fault *fault);
/* `GOD in GROUP`: all rights on the group, under the realm's GOD, assigned to its creator by themselves: refused as
 * above. Only to GOD of the realm, who needs it not, it is not assigned then. */
PEK_MUST_CHECK enum status policy_store_add_group_god(struct pg_transaction *transaction,
                                                      const char *group, const char *user,
                                                      struct arena *arena, struct fault *fault);
/* What managers of the groups above it get on the group and on all below it, as far as the policy above theirs has
 * it. Twice is once. */
PEK_MUST_CHECK enum status policy_store_escalate(struct pg_transaction *transaction,
                                                 const char *group);
/* The same from the side of the policy and all those below it, after statements that manage a group were added to
 * it; or changed or taken when `narrowed`. */
PEK_MUST_CHECK enum status policy_store_derive(struct pg_transaction *transaction,
                                               const char *policy_id, bool narrowed);
/* After a move: the escalations of the group and all below it as their present ancestors make them; and what
 * policies gave on by an escalation that is gone, is gone as well. */
PEK_MUST_CHECK enum status policy_store_escalate_again(struct pg_transaction *transaction,
                                                       const char *group);
/* Who has any statement on the group $1 or a group below it; for change_names_users. */
extern const struct pg_statement policy_store_holders;

/* ---- for the operator's commands; each writes its audit row ---- */

/* A policy of that name with one statement on the whole realm (or on `group`), unless there is one. */
PEK_MUST_CHECK enum status policy_store_ensure(struct pg_transaction *transaction, const char *name,
                                               bool can_issue, const char *group, uint32_t actions,
                                               struct arena *arena);
/* As policy_store_assign, of the policy of that name. */
PEK_MUST_CHECK enum status policy_store_assign_named(struct pg_transaction *transaction,
                                                     const char *name, const char *user,
                                                     const char *giver, struct fault *fault);

#endif
