/* point_table_store: the SQL of points as they are read, and of what they come to. Row security limits every statement to the
 * realm of the connection. Statuses are pg's.
 */
#ifndef PEK_WORKER_EVALUATION_POINT_TABLE_STORE_H
#define PEK_WORKER_EVALUATION_POINT_TABLE_STORE_H

#include "worker/evaluation/scoreboard_store.h"

#define POINT_TABLE_MEMBERS_MAX 500 /* of one table; of more there are the first */

/* Cells as views have them: "guideline points origin …", where the origin is "-" when there is none. */
PEK_MUST_CHECK enum status point_table_store_take_cells(struct slice text, struct arena *arena,
                                                        evaluation_v1_point_cell ***ret_cells,
                                                        size_t *ret_count);

/* For read_list, of a struct scoreboard_query: members. */
PEK_MUST_CHECK enum status point_table_store_members(const struct read_batch *batch,
                                                     const void *query,
                                                     struct pg_result **ret_rows);
/* The cells and sums of a row of it. */
PEK_MUST_CHECK enum status point_table_store_cells(const struct pg_result *rows, size_t row,
                                                   struct arena *arena,
                                                   evaluation_v1_member_points *member);

/* For read_list: scoreboards of the group `group_id`, without guidelines. */
PEK_MUST_CHECK enum status point_table_store_boards(const struct read_batch *batch,
                                                    const void *group_id,
                                                    struct pg_result **ret_rows);
/* The totals of a row of it. */
PEK_MUST_CHECK enum status point_table_store_totals(const struct pg_result *rows, size_t row,
                                                    struct arena *arena,
                                                    evaluation_v1_scoreboard *scoreboard);

/* Guidelines, totals and members of a scoreboard that was read without them, by two statements. The scoreboard is the
 * table's from then on. */
PEK_MUST_CHECK enum status point_table_store_read(struct rpc_ctx *ctx,
                                                  evaluation_v1_scoreboard *scoreboard,
                                                  evaluation_v1_point_table *ret_table);

#endif
