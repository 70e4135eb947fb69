/* score_store: the SQL of what points come to. Row security limits every statement to the realm of the connection. Statuses are
 * pg's.
 */
#ifndef PEK_WORKER_EVALUATION_SCORE_STORE_H
#define PEK_WORKER_EVALUATION_SCORE_STORE_H

#include "pek/evaluation/v1/score.row.h"
#include "shared/service/change.h"
#include "shared/service/read.h"

/* For read_list. */
struct score_query {
    const char *user_id;
    const char *semester; /* NULL of a history */
};
PEK_MUST_CHECK enum status score_store_groups(const struct read_batch *batch, const void *query,
                                              struct pg_result **ret_rows);
PEK_MUST_CHECK enum status score_store_history(const struct read_batch *batch, const void *query,
                                               struct pg_result **ret_rows);

/* The history of a semester, anew, of everybody who has points in it or the one before; whoever reads sees the one or the
 * other. `always` false: only when there is one. */
PEK_MUST_CHECK enum status score_store_recount(struct change *change, const char *semester,
                                               bool always);

#endif
