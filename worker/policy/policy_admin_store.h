/* policy_admin_store: the SQL of policies as people manage them.
 *
 * Ids are decimal text, as in the API: policy_is_id tells what may be sent. Rows are those of PostgreSQL,
 * their columns are named by the enums; a result lives until pg_result_free.
 */
#ifndef PEK_WORKER_POLICY_POLICY_ADMIN_STORE_H
#define PEK_WORKER_POLICY_POLICY_ADMIN_STORE_H

#include "shared/pg/pg.h"
#include "worker/policy/delegation.h"

#define POLICY_ADMIN_BATCH_ROWS 256
#define POLICY_ADMIN_TOLD_STATEMENTS_MAX 2000 /* in an answer with a policy */
#define POLICY_ADMIN_NAMED_MAX 20             /* policies named in a refusal */
#define POLICY_ADMIN_HELD_MAX 1000            /* told by a check */

enum { POLICY_ID, POLICY_NAME, POLICY_CAN_ISSUE, POLICY_PARENT, POLICY_CREATED_US, POLICY_VERSION };
/* Where GROUP and USER may be NULL. */
enum {
    STATEMENT_ID,
    STATEMENT_GROUP,
    STATEMENT_USER,
    STATEMENT_RESOURCE,
    STATEMENT_ACTIONS,
};
enum { ASSIGNMENT_USER, ASSIGNMENT_POLICY, ASSIGNMENT_US, ASSIGNMENT_BY };

/* ---- reads ---- */

struct policy_list {
    struct slice viewer; /* whose view it is … */
    bool all;            /* … unless that is everything */
    const char *after_id;
    const char *parent_id; /* "0": any */
    size_t limit;
};
PEK_MUST_CHECK enum status policy_admin_list(struct pg *pg, struct cancel *cancel,
                                             const struct policy_list *list, struct arena *arena,
                                             struct pg_result **ret_policies);
/* No row when there is none. */
PEK_MUST_CHECK enum status policy_admin_get(struct pg *pg, struct cancel *cancel, const char *id,
                                            struct pg_result **ret_policy);
/* Those of people first; one more than POLICY_ADMIN_TOLD_STATEMENTS_MAX at most. */
PEK_MUST_CHECK enum status policy_admin_get_statements(struct pg *pg, struct cancel *cancel,
                                                       const char *id,
                                                       struct pg_result **ret_statements);
PEK_MUST_CHECK enum status policy_admin_assignments(struct pg *pg, struct cancel *cancel,
                                                    const char *id, const char *after_user,
                                                    size_t limit, struct arena *arena,
                                                    struct pg_result **ret_assignments);
/* What CheckPolicy asks. `hints` are names of policies that are told of in any case. */
struct policy_question {
    struct slice user;
    uint32_t bit;
    struct policy_target target;
    const struct slice *hints;
    size_t hint_count;
};
/* Numbers of pek.policy.v1.Refusal.Reason, the ones nearer to a grant behind the others; and the grant. */
enum policy_reason {
    POLICY_ACTION_NOT_GIVEN = 1,
    POLICY_OTHER_GROUP = 2,
    POLICY_OTHER_USER = 3,
    POLICY_GRANTS = 4,
};
/* Columns behind those of a statement. */
enum { HELD_POLICY_ID = STATEMENT_ACTIONS + 1, HELD_POLICY_NAME, HELD_REASON };
/* Of each policy of the user the statement nearest to a grant (NULL: none has the bit), and how near it is; in the
 * order of policies, POLICY_ADMIN_HELD_MAX at most: of more, those that grant and those that were hinted stay. */
PEK_MUST_CHECK enum status policy_admin_held(struct pg *pg, struct cancel *cancel,
                                             const struct policy_question *question,
                                             struct arena *arena, struct pg_result **ret_held);

/* ---- within a change, under policy_store_lock ---- */

PEK_MUST_CHECK enum status policy_admin_find(struct pg_transaction *transaction, const char *id,
                                             struct pg_result **ret_policy);
/* How many policies there are from the root to this one. */
PEK_MUST_CHECK enum status policy_admin_depth(struct pg_transaction *transaction, const char *id,
                                              size_t *ret_depth);
/* What there is now of the policy, of `maker`, and of the realm. */
PEK_MUST_CHECK enum status policy_admin_room(struct pg_transaction *transaction, const char *id,
                                             const char *maker, struct delegation_room *ret_room);
/* As policy_admin_get_statements. */
PEK_MUST_CHECK enum status policy_admin_rows(struct pg_transaction *transaction, const char *id,
                                             struct pg_result **ret_statements);
/* One of a policy; no row when it has no such. */
PEK_MUST_CHECK enum status policy_admin_statement(struct pg_transaction *transaction,
                                                  const char *policy_id, const char *id,
                                                  struct pg_result **ret_statement);
/* Users who hold the policy or one below it. */
PEK_MUST_CHECK enum status policy_admin_holders(struct pg_transaction *transaction, const char *id,
                                                struct pg_result **ret_users);
/* Id and name of the direct children; one more than POLICY_ADMIN_NAMED_MAX at most. */
PEK_MUST_CHECK enum status policy_admin_children(struct pg_transaction *transaction, const char *id,
                                                 struct pg_result **ret_policies);
/* Those of them that have a statement beyond the policy: one on `group`, and on the groups under it when `below`;
 * any, when `group` is NULL. */
PEK_MUST_CHECK enum status policy_admin_exceeding(struct pg_transaction *transaction,
                                                  const char *id, const char *group, bool below,
                                                  struct pg_result **ret_policies);
/* Somebody has GOD who has had a token of this realm. The actor has one now. */
PEK_MUST_CHECK enum status policy_admin_has_god(struct pg_transaction *transaction,
                                                const char *actor, bool *ret_has_god);

/* ALREADY_EXISTS for the name. */
PEK_MUST_CHECK enum status policy_admin_insert(struct pg_transaction *transaction,
                                               const char *parent_id, struct slice name,
                                               struct slice unique_key, bool can_issue,
                                               const char *maker, struct pg_result **ret_policy);
/* Statements as somebody wrote them. */
struct policy_written {
    struct policy_statement *statements;
    const char **resources;
    size_t count;
};
/* What is wrong with them under the parent, NULL for none: `ret_beyond` counts from 1, 0 when each lies within one
 * statement of it; `ret_missing` is a group that is not there, in the arena, or NULL. */
PEK_MUST_CHECK enum status policy_admin_check_written(struct pg_transaction *transaction,
                                                      const char *parent_id,
                                                      const struct policy_written *written,
                                                      struct arena *arena, size_t *ret_beyond,
                                                      const char **ret_missing);
/* ALREADY_EXISTS for one with the same restrictions and resource. */
PEK_MUST_CHECK enum status policy_admin_add_statements(struct pg_transaction *transaction,
                                                       const char *policy_id,
                                                       const struct policy_written *written,
                                                       const char *maker, struct arena *arena,
                                                       struct pg_result **ret_statements);
PEK_MUST_CHECK enum status policy_admin_set_statement(struct pg_transaction *transaction,
                                                      const char *id,
                                                      const struct policy_statement *statement,
                                                      const char *resource, struct arena *arena,
                                                      struct pg_result **ret_statement);
PEK_MUST_CHECK enum status policy_admin_delete_statement(struct pg_transaction *transaction,
                                                         const char *id);
/* Takes from all policies below it what they have beyond the one above them. */
PEK_MUST_CHECK enum status policy_admin_shrink(struct pg_transaction *transaction, const char *id,
                                               const char *actor, struct slice trace_id,
                                               int64_t *ret_count);
/* Counts a change of the policy. */
PEK_MUST_CHECK enum status policy_admin_touch(struct pg_transaction *transaction, const char *id);
/* With all below it. */
PEK_MUST_CHECK enum status policy_admin_delete(struct pg_transaction *transaction, const char *id);
PEK_MUST_CHECK enum status policy_admin_assignment(struct pg_transaction *transaction,
                                                   const char *id, const char *user,
                                                   struct pg_result **ret_assignment);
/* NOT_FOUND when the user does not hold it. */
PEK_MUST_CHECK enum status policy_admin_revoke(struct pg_transaction *transaction, const char *id,
                                               const char *user);

/* ---- audit rows ---- */

/* Of the policy, and of all below it when `tree`, with everything in its row. */
PEK_MUST_CHECK enum status policy_admin_audit(struct pg_transaction *transaction, const char *actor,
                                              struct slice trace_id, const char *action,
                                              const char *id, bool tree);
/* Of a policy because of one of its statements, as it is now. */
PEK_MUST_CHECK enum status policy_admin_audit_statement(struct pg_transaction *transaction,
                                                        const char *actor, struct slice trace_id,
                                                        const char *action, const char *id);
/* Of a policy because of a user. */
PEK_MUST_CHECK enum status policy_admin_audit_user(struct pg_transaction *transaction,
                                                   const char *actor, struct slice trace_id,
                                                   const char *action, const char *id,
                                                   const char *user);

#endif
