/* judgement_store: the SQL of what judges have to judge. Row security limits every statement to the realm of the connection.
 * Statuses are pg's.
 */
#ifndef PEK_WORKER_EVALUATION_JUDGEMENT_STORE_H
#define PEK_WORKER_EVALUATION_JUDGEMENT_STORE_H

#include "pek/evaluation/v1/scoreboard.row.h"
#include "shared/service/read.h"

/* For read_list. The batch's scope are the groups on which the caller has EVALUATE_SCORES; what they judge by that is as
 * evaluator.h has it. */
struct judgement_query {
    const char *semester;
    evaluation_v1_evaluation_status status; /* of points or entries; UNSPECIFIED: all */
};
PEK_MUST_CHECK enum status judgement_store_list(const struct read_batch *batch, const void *query,
                                                struct pg_result **ret_rows);

#endif
