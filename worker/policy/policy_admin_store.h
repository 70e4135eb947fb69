/* policy_admin_store: the SQL of policies as people manage them.
 *
 * Ids are decimal text, as in the API: policy_is_id tells what may be sent. Row security limits every statement to the
 * realm of the connection. Statuses are pg's.
 */
#ifndef PEK_WORKER_POLICY_POLICY_ADMIN_STORE_H
#define PEK_WORKER_POLICY_POLICY_ADMIN_STORE_H

#include "pek/policy/v1/policy.row.h"
#include "shared/service/change.h"
#include "shared/service/read.h"
#include "worker/policy/delegation.h"

#define POLICY_ADMIN_TOLD_STATEMENTS_MAX 2000 /* in an answer with a policy */
#define POLICY_ADMIN_NAMED_MAX 20             /* policies named in a refusal */
#define POLICY_ADMIN_HELD_MAX 1000            /* told by a check */

/* ---- reads ---- */

extern const struct pg_statement policy_admin_get; /* for read_one and change_lock */
/* Of the policy $1, those of people first; one more than POLICY_ADMIN_TOLD_STATEMENTS_MAX at most. */
extern const struct pg_statement policy_admin_statements;

/* The group whose members, leader or holders of a post hold the policy $1, and its kind; no row when people give it. */
extern const struct pg_statement policy_admin_group;
#define POLICY_ADMIN_GROUP_LEADER 2 /* the kind of the one that leads it */

/* What the viewer holds and all below it, or everything when the batch's scope is all; for read_list. */
struct policy_query {
    struct slice viewer;
    const char *parent_id; /* NULL: any */
    bool by_people;        /* none that the realm made */
};
/* The statement of a list of everything; for the test that reads its plan. */
extern const struct pg_statement policy_admin_list_all;
PEK_MUST_CHECK enum status policy_admin_list(const struct read_batch *batch, const void *query,
                                             struct pg_result **ret_rows);
/* Of the policy of that id. */
PEK_MUST_CHECK enum status policy_admin_assignments(const struct read_batch *batch,
                                                    const void *policy_id,
                                                    struct pg_result **ret_rows);

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
enum { HELD_POLICY_ID = POLICY_V1_STATEMENT_COLUMN_COUNT, HELD_POLICY_NAME, HELD_REASON };
/* Of each policy of the user the statement nearest to a grant (NULL: none has the bit), and how near it is; in the
 * order of policies, POLICY_ADMIN_HELD_MAX at most: of more, those that grant and those that were hinted stay. */
PEK_MUST_CHECK enum status policy_admin_held(struct pg *pg, struct cancel *cancel,
                                             const struct policy_question *question,
                                             struct arena *arena, struct pg_result **ret_held);

/* ---- within a change, under policy_store_lock ---- */

/* How many policies there are from the root to this one. */
PEK_MUST_CHECK enum status policy_admin_depth(struct change *change, const char *id,
                                              size_t *ret_depth);
/* What there is now of the policy, of the actor, and of the realm. */
PEK_MUST_CHECK enum status policy_admin_room(struct change *change, const char *id,
                                             struct delegation_room *ret_room);
/* Statements of people that manage a group, the most of the groups; of many not all are counted. */
PEK_MUST_CHECK enum status policy_admin_managers(struct change *change, const struct slice *groups,
                                                 size_t count, int64_t *ret_managers);
/* Users who hold the policy $1 or one below it; for change_names_users. */
extern const struct pg_statement policy_admin_holders;
/* The direct children, "7 (Name), 8 (Other) and more"; NULL when there are none. In the arena. */
PEK_MUST_CHECK enum status policy_admin_children(struct change *change, const char *id,
                                                 const char **ret_list);
/* Those of them that have a statement beyond the policy: one on `group`, and on the groups under it when `below`;
 * any, when `group` is empty. */
PEK_MUST_CHECK enum status policy_admin_exceeding(struct change *change, const char *id,
                                                  const char *group, bool below,
                                                  const char **ret_list);
/* Somebody has GOD, and without an end, who has had a token of this realm. The actor has one now. */
PEK_MUST_CHECK enum status policy_admin_has_god(struct change *change, bool *ret_has_god);

/* FAILED_PRECONDITION, reason GROUP_POLICY, for the policy of a group's members, leader or post: who has it follows from
 * that, and from nothing else. */
PEK_MUST_CHECK enum status policy_admin_check_free(struct change *change, const char *id);

/* The same for a parent to be, but for the policy of a leader: those of members and posts come and go, and what was below
 * them would go with them. */
PEK_MUST_CHECK enum status policy_admin_check_parent(struct change *change, const char *id);

/* ALREADY_EXISTS for the name. */
PEK_MUST_CHECK enum status policy_admin_insert(struct change *change, const char *parent_id,
                                               struct slice name, struct slice unique_key,
                                               bool can_issue, policy_v1_policy *ret_policy);
/* Statements as delegation_make_statement gives them. */
struct policy_written {
    policy_v1_statement *statements;
    size_t count;
};
/* What is wrong with them under the parent, "" for none: `ret_beyond` counts from 1, 0 when each lies within one
 * statement of it; `ret_missing` is a group that is not there, or NULL; it lives as long as the change. */
PEK_MUST_CHECK enum status policy_admin_check_written(struct change *change, const char *parent_id,
                                                      const struct policy_written *written,
                                                      size_t *ret_beyond, const char **ret_missing);
/* ALREADY_EXISTS, with a fault, for one with the same restrictions and resource. `ret_last` is the last as stored; it
 * may be NULL. */
PEK_MUST_CHECK enum status policy_admin_add_statements(struct change *change, const char *policy_id,
                                                       const struct policy_written *written,
                                                       policy_v1_statement *ret_last);
/* NOT_FOUND, with a fault, when the policy has no such. */
PEK_MUST_CHECK enum status policy_admin_find_statement(struct change *change, const char *policy_id,
                                                       const char *id,
                                                       policy_v1_statement *ret_statement);
/* The one of that id; as policy_admin_add_statements. */
PEK_MUST_CHECK enum status policy_admin_set_statement(struct change *change,
                                                      const policy_v1_statement *statement,
                                                      policy_v1_statement *ret_statement);
extern const struct pg_statement policy_admin_delete_statement; /* of the id $1 */
/* Takes from all policies below it what they have beyond the one above them, and tells of it. */
PEK_MUST_CHECK enum status policy_admin_shrink(struct change *change, const char *id,
                                               int64_t *ret_count);
extern const struct pg_statement policy_admin_touch;  /* counts a change of the policy $1 */
extern const struct pg_statement policy_admin_delete; /* the policy $1 and all below it */

extern const struct pg_statement policy_admin_assignment; /* of the policy $1 and the user $2 */
/* NOT_FOUND when the user does not hold it. */
PEK_MUST_CHECK enum status policy_admin_revoke(struct change *change, const char *id,
                                               const char *user);

/* ---- audit rows; for change_audit ---- */

/* Of policies and all below them, with everything in their rows. */
extern const struct pg_statement policy_admin_audit;
/* Of the policies of statements, with those as they are now. */
extern const struct pg_statement policy_admin_audit_statement;
/* Of a policy because of a user: ids are the policy's and the user's. */
extern const struct pg_statement policy_admin_audit_user;

#endif
