/* evaluator: a caller, a group, and what the caller may do about its evaluation. What the season and the status let be done is
 * scoreboard.h's.
 *
 * Rights are policies alone: whoever has VIEW_SCORES on the group sees its evaluation, and so does who judges it. Who has
 * EVALUATE_SCORES on the parent judges; on the group's organisation, the top of its tree, they accept as well. Of an
 * organisation both are the realm's.
 */
#ifndef PEK_WORKER_EVALUATION_EVALUATOR_H
#define PEK_WORKER_EVALUATION_EVALUATOR_H

#include "worker/domain/domain.h"
#include "worker/domain/group_id.h"
#include "worker/evaluation/scoreboard_store.h"

struct evaluator {
    struct group_id group;
    struct scoreboard_now now;
    bool views, judges, accepts; /* who accepts judges as well */
};

/* Whether the caller has the right; `group` NULL: on the realm. */
PEK_MUST_CHECK enum status evaluator_has(struct rpc_ctx *ctx, uint32_t action, const char *group,
                                         bool *ret_has);
/* They have the rights that writing guidelines takes: EDIT_SCORES and EDIT_GROUP_PROFILE. */
PEK_MUST_CHECK enum status evaluator_leads(struct rpc_ctx *ctx, const struct evaluator *evaluator,
                                           bool *ret_leads);

/* Refuses nobody; NOT_FOUND on "group_id" for who would see the evaluation of one that is not there. */
PEK_MUST_CHECK enum status evaluator_take(struct rpc_ctx *ctx, const char *group_id,
                                          struct evaluator *ret_evaluator);
/* PERMISSION_DENIED alike for a group that is not there and one whose evaluation may not be seen; NOT_FOUND on "group_id"
 * for who would see it. */
PEK_MUST_CHECK enum status evaluator_find(struct rpc_ctx *ctx, const char *group_id,
                                          struct evaluator *ret_evaluator);
/* The same, and one of its scoreboards without guidelines, by one statement: INVALID_ARGUMENT and NOT_FOUND on `field`. */
PEK_MUST_CHECK enum status evaluator_read(struct rpc_ctx *ctx, const char *group_id, const char *id,
                                          const char *field, struct evaluator *ret_evaluator,
                                          evaluation_v1_scoreboard *ret_scoreboard);
/* Within a change, with the season and the scoreboard locked: also scoreboard_store_lock's statuses. Any version is judged, and
 * the last one is what all else changes: ABORTED for an earlier one. */
PEK_MUST_CHECK enum status evaluator_lock_any(struct change *change, const char *group_id,
                                              const char *id, const char *etag,
                                              struct evaluator *ret_evaluator,
                                              evaluation_v1_scoreboard *ret_scoreboard);
PEK_MUST_CHECK enum status evaluator_lock(struct change *change, const char *group_id,
                                          const char *id, const char *etag,
                                          struct evaluator *ret_evaluator,
                                          evaluation_v1_scoreboard *ret_scoreboard);

/* scoreboard_check, or the same of entries. */
typedef enum status (*evaluator_rule)(const struct scoreboard_now *now,
                                      const evaluation_v1_scoreboard *scoreboard,
                                      semester_v1_season_action action, struct fault *fault);
/* Whether they write what the rule is of: the group's own (`edits`) while it may, and its judges while they may.
 * PERMISSION_DENIED for who is neither; of who is both the group's refusal, in the judges' season theirs. */
PEK_MUST_CHECK enum status evaluator_check_edit(struct change *change,
                                                const struct evaluator *evaluator,
                                                const evaluation_v1_scoreboard *scoreboard,
                                                bool edits, evaluator_rule rule);

#endif
