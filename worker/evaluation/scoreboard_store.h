/* scoreboard_store: the SQL of evaluations. Row security limits every statement to the realm of the connection. Statuses are
 * pg's.
 */
#ifndef PEK_WORKER_EVALUATION_SCOREBOARD_STORE_H
#define PEK_WORKER_EVALUATION_SCOREBOARD_STORE_H

#include "pek/evaluation/v1/scoreboard.row.h"
#include "shared/service/change.h"
#include "shared/service/read.h"
#include "worker/evaluation/scoreboard.h"

/* ---- reads ---- */

/* NOT_FOUND, and no fault, when there is no such group. */
PEK_MUST_CHECK enum status scoreboard_store_now(struct rpc_ctx *ctx, const char *group_id,
                                                struct scoreboard_now *ret_now);
/* Semester and season alone. */
PEK_MUST_CHECK enum status scoreboard_store_season(struct rpc_ctx *ctx,
                                                   struct scoreboard_now *ret_now);
/* The same, and one of the group's, without guidelines: its id is "" when there is none of this id. */
PEK_MUST_CHECK enum status scoreboard_store_get(struct rpc_ctx *ctx, const char *group_id,
                                                const char *id, struct scoreboard_now *ret_now,
                                                evaluation_v1_scoreboard *ret_scoreboard);
PEK_MUST_CHECK enum status scoreboard_store_guidelines(struct rpc_ctx *ctx,
                                                       evaluation_v1_scoreboard *scoreboard);
/* The rows of a statement that begins with the columns of guidelines. */
PEK_MUST_CHECK enum status scoreboard_store_take_guidelines(const struct pg_result *rows,
                                                            struct arena *arena,
                                                            struct fault *fault,
                                                            evaluation_v1_scoreboard *scoreboard);

/* For read_list: of a scoreboard. */
struct scoreboard_query {
    const evaluation_v1_scoreboard *scoreboard;
};
PEK_MUST_CHECK enum status scoreboard_store_messages(const struct read_batch *batch,
                                                     const void *query,
                                                     struct pg_result **ret_rows);

/* ---- within a change ---- */

/* The guidelines of another scoreboard, whose id is said behind it, as those of $2. */
#define SCOREBOARD_STORE_COPY_GUIDELINES                                                           \
    "INSERT INTO pek.guideline"                                                                    \
    " (scoreboard_id, position, name, description, category, max_per_member, max_per_guideline) "  \
    "SELECT $2::bigint, u.position, u.name, u.description, u.category, u.max_per_member,"          \
    " u.max_per_guideline FROM pek.guideline AS u WHERE u.scoreboard_id = "

/* Neither the season nor the group changes until the transaction ends. NOT_FOUND, and no fault, when there is no group. */
PEK_MUST_CHECK enum status scoreboard_store_hold(struct change *change, const char *group_id,
                                                 struct scoreboard_now *ret_now);
/* One with its guidelines, locked: NOT_FOUND on "id", ABORTED when the caller knows another etag. */
PEK_MUST_CHECK enum status scoreboard_store_lock(struct change *change, const char *group_id,
                                                 const char *id, const char *etag,
                                                 evaluation_v1_scoreboard *ret_scoreboard);
/* ABORTED when there is a later version of it. */
PEK_MUST_CHECK enum status scoreboard_store_check_last(struct change *change,
                                                       const evaluation_v1_scoreboard *scoreboard);
/* The last version of the group's in that semester, with guidelines; `ret_made` when there was none. */
PEK_MUST_CHECK enum status scoreboard_store_open(struct change *change, const char *group_id,
                                                 const char *semester, bool *ret_made,
                                                 evaluation_v1_scoreboard *ret_scoreboard);
/* Report and guidelines. NOT_FOUND for a guideline that it does not have; FAILED_PRECONDITION where there are more points
 * than a guideline then gives, and when no guideline is left though there are points. */
PEK_MUST_CHECK enum status
scoreboard_store_write(struct change *change, const evaluation_v1_update_scoreboard_request *req,
                       evaluation_v1_scoreboard *scoreboard);
/* Cells that scoreboard_take_points took. FAILED_PRECONDITION for who may get no points, but for taking theirs back, and on
 * `field` where a guideline gives no more. */
PEK_MUST_CHECK enum status scoreboard_store_set(struct change *change,
                                                const evaluation_v1_batch_set_points_request *req,
                                                const char *field,
                                                evaluation_v1_scoreboard *scoreboard);
/* Whom a change is about. From somebody it takes back what they have, also when they may get nothing now. */
struct scoreboard_people {
    const struct slice *users;
    const bool *takes_back; /* of each; NULL: all get something */
    size_t count;
    const char *scoreboard_id, *subgroup_id; /* NULL: of the scoreboard itself, and of no draft */
    const char *list;                        /* in the request; NULL: one user alone */
};
/* FAILED_PRECONDITION for the first who may get no points in the group (pek.evaluated_member), nor has anything to be taken
 * back: on "points[3].user_id" where the list is "points", and on "user_id" where it is NULL. */
PEK_MUST_CHECK enum status scoreboard_store_check_members(struct change *change,
                                                          const char *group_id,
                                                          const struct scoreboard_people *people);
/* FAILED_PRECONDITION on `field` where a guideline gives less than there is, by its name and, if it is one member's, by
 * theirs. */
PEK_MUST_CHECK enum status scoreboard_store_check_maxima(struct change *change,
                                                         const evaluation_v1_scoreboard *scoreboard,
                                                         const char *field);
/* Who is named in a message: the first column of `rows`, "dan, eve and 3 more". NULL when the arena is full. */
const char *scoreboard_store_names(const struct pg_result *rows, struct arena *arena);
PEK_MUST_CHECK enum status scoreboard_store_guidelines_within(struct change *change,
                                                              evaluation_v1_scoreboard *scoreboard);
/* As it is after a change of what belongs to it: another etag. */
PEK_MUST_CHECK enum status scoreboard_store_touch(struct change *change,
                                                  evaluation_v1_scoreboard *scoreboard);
/* Its statuses, as they are in `scoreboard`. */
PEK_MUST_CHECK enum status scoreboard_store_set_status(struct change *change, bool submits,
                                                       evaluation_v1_scoreboard *scoreboard);
/* FAILED_PRECONDITION for who has sent SCOREBOARD_MESSAGES_AUTHOR_MAX messages about it. */
PEK_MUST_CHECK enum status scoreboard_store_check_said(struct change *change,
                                                       const evaluation_v1_scoreboard *scoreboard);
/* `user` is "" for the realm's own. `ret_message` may be NULL. */
PEK_MUST_CHECK enum status scoreboard_store_say(struct change *change,
                                                const evaluation_v1_scoreboard *scoreboard,
                                                const char *user, const char *text,
                                                evaluation_v1_message *ret_message);

extern const struct pg_statement scoreboard_store_audit; /* for change_audit */

#endif
