/* draft_store: the SQL of what subgroups propose. Row security limits every statement to the realm of the connection. Statuses
 * are pg's.
 */
#ifndef PEK_WORKER_EVALUATION_DRAFT_STORE_H
#define PEK_WORKER_EVALUATION_DRAFT_STORE_H

#include "pek/evaluation/v1/draft.row.h"
#include "worker/evaluation/scoreboard_store.h"

#define DRAFT_MEMBERS_MAX 500 /* of one answer; of more there are the first */

/* The subgroup's, for the last version of the parent's scoreboard in the semester. NOT_FOUND, and no fault, when there is no
 * such scoreboard; of a draft that nobody wrote to there is an empty one. */
PEK_MUST_CHECK enum status draft_store_read(struct rpc_ctx *ctx, const char *subgroup_id,
                                            const struct scoreboard_now *now,
                                            evaluation_v1_point_draft *ret_draft);
/* For read_list, of a struct scoreboard_query; and the cells of a row of it. */
PEK_MUST_CHECK enum status draft_store_list(const struct read_batch *batch, const void *query,
                                            struct pg_result **ret_rows);
PEK_MUST_CHECK enum status draft_store_cells(const struct pg_result *rows, size_t row,
                                             struct arena *arena,
                                             evaluation_v1_drafted_points *member);

/* ---- within a change ---- */

/* Before two groups of a tree are held: what is above and below what stays until the transaction ends (worker/group/README.md). */
PEK_MUST_CHECK enum status draft_store_hold_tree(struct change *change, struct slice org);
/* The scoreboard that drafts are written for, with guidelines; its status stays until the transaction ends. NOT_FOUND, and no
 * fault, when there is none. */
PEK_MUST_CHECK enum status draft_store_hold(struct change *change, const char *parent_id,
                                            const char *semester,
                                            evaluation_v1_scoreboard *ret_scoreboard);
/* Cells that scoreboard_take_points took, of people who were looked at. ABORTED when the caller knows another version. */
PEK_MUST_CHECK enum status draft_store_set(struct change *change, const char *subgroup_id,
                                           const evaluation_v1_scoreboard *scoreboard,
                                           const evaluation_v1_batch_set_point_draft_request *req,
                                           evaluation_v1_point_draft *ret_draft);
/* What is taken from a subgroup that is held, for a scoreboard that is locked: all that counts when no cells are named. */
struct draft_taking {
    evaluation_v1_scoreboard *scoreboard;
    const char *subgroup_id;
    const struct scoreboard_named *cells; /* looked at by scoreboard_check_named */
    size_t cell_count;
};
/* Cells of a draft become the scoreboard's, which a message of it says. NOT_FOUND names the cell that the draft has not, or the
 * subgroup whose draft has nothing; FAILED_PRECONDITION where what is named, or nothing of all, counts, and where a guideline
 * gives no more. */
PEK_MUST_CHECK enum status draft_store_take(struct change *change,
                                            const struct draft_taking *taking,
                                            evaluation_v1_take_over_draft_response *res);

extern const struct pg_statement
    draft_store_audit; /* for change_audit; an id is "scoreboard subgroup" */

#endif
