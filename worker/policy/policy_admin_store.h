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

enum { POLICY_ID, POLICY_NAME, POLICY_CAN_ISSUE, POLICY_PARENT, POLICY_CREATED_US, POLICY_VERSION };
/* Where GROUP and USER may be NULL. */
enum {
    STATEMENT_ID,
    STATEMENT_GROUP,
    STATEMENT_USER,
    STATEMENT_RESOURCE,
    STATEMENT_ACTIONS,
    STATEMENT_POLICY_ID,   /* of policy_admin_held only */
    STATEMENT_POLICY_NAME, /* likewise */
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
/* All statements of all policies of a user, policy by policy; a policy without any has one row whose statement
 * is NULL. At most POLICY_STATEMENTS_MAX + 1. */
PEK_MUST_CHECK enum status policy_admin_held(struct pg *pg, struct cancel *cancel,
                                             struct slice user, struct pg_result **ret_statements);

/* ---- within a change, under policy_store_lock ---- */

PEK_MUST_CHECK enum status policy_admin_find(struct pg_transaction *transaction, const char *id,
                                             struct pg_result **ret_policy);
/* How many policies there are from the root to this one. */
PEK_MUST_CHECK enum status policy_admin_depth(struct pg_transaction *transaction, const char *id,
                                              size_t *ret_depth);
/* All of a policy, at most POLICY_STATEMENTS_MAX, in the arena. */
PEK_MUST_CHECK enum status policy_admin_statements(struct pg_transaction *transaction,
                                                   const char *id, struct arena *arena,
                                                   const struct policy_statement **ret_statements,
                                                   size_t *ret_count);
/* Statements of people. */
PEK_MUST_CHECK enum status policy_admin_count(struct pg_transaction *transaction, const char *id,
                                              size_t *ret_count);
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
/* Id and name of the direct children, those with a statement beyond it when `exceeding`; one more than
 * POLICY_ADMIN_NAMED_MAX at most. */
PEK_MUST_CHECK enum status policy_admin_children(struct pg_transaction *transaction, const char *id,
                                                 bool exceeding, struct pg_result **ret_policies);
/* The policy has no statement beyond the one above it. */
PEK_MUST_CHECK enum status policy_admin_is_within(struct pg_transaction *transaction,
                                                  const char *id, bool *ret_within);
/* Somebody has GOD. */
PEK_MUST_CHECK enum status policy_admin_has_god(struct pg_transaction *transaction,
                                                bool *ret_has_god);

/* ALREADY_EXISTS for the name. */
PEK_MUST_CHECK enum status policy_admin_insert(struct pg_transaction *transaction,
                                               const char *parent_id, struct slice name,
                                               struct slice unique_key, bool can_issue,
                                               struct pg_result **ret_policy);
/* ALREADY_EXISTS for one with the same restrictions and resource, NOT_FOUND for the group. */
PEK_MUST_CHECK enum status policy_admin_add_statement(struct pg_transaction *transaction,
                                                      const char *policy_id,
                                                      const struct policy_statement *statement,
                                                      const char *resource, struct arena *arena,
                                                      struct pg_result **ret_statement);
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
/* The assignment that there is afterwards; `ret_made` tells whether it is new. */
PEK_MUST_CHECK enum status policy_admin_assign(struct pg_transaction *transaction, const char *id,
                                               const char *user, const char *assigned_by,
                                               bool *ret_made, struct pg_result **ret_assignment);
PEK_MUST_CHECK enum status policy_admin_assigned(struct pg_transaction *transaction,
                                                 const char *user, size_t *ret_count);
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
