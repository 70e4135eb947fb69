/* judgement_store: the SQL of what judges have to judge. Row security limits every statement to the realm of the connection.
 * Statuses are pg's.
 */
#ifndef PEK_WORKER_EVALUATION_JUDGEMENT_STORE_H
#define PEK_WORKER_EVALUATION_JUDGEMENT_STORE_H

#include "pek/evaluation/v1/scoreboard.row.h"
#include "shared/service/read.h"
#include "worker/rights/rights_store.h"

#define JUDGEMENT_STORE_SEES RIGHTS_STORE_SEES("$6", "$7", "$8", "$9")
/* Whether who has the scope, $6 to $9, judges a group: by its parent, or else by its organisation, which is looked for only for who
 * has a right on one. Those of an organisation are the realm's. */
#define JUDGEMENT_STORE_JUDGES(parent, organisation)                                               \
    "($6::boolean OR EXISTS (SELECT FROM (VALUES (" parent "), (CASE WHEN EXISTS ("                \
    "   SELECT FROM pek.realm_group AS g WHERE g.parent_id IS NULL AND " JUDGEMENT_STORE_SEES      \
    ") THEN " organisation " END)) AS g (id)"                                                      \
    "  WHERE " parent " IS NOT NULL AND " JUDGEMENT_STORE_SEES ")) "

/* For read_list. The batch's scope are the groups on which the caller has EVALUATE_SCORES; what they judge by that is as
 * evaluator.h has it. */
struct judgement_query {
    const char *semester;
    evaluation_v1_evaluation_status status; /* of points or entries; UNSPECIFIED: all */
};
PEK_MUST_CHECK enum status judgement_store_list(const struct read_batch *batch, const void *query,
                                                struct pg_result **ret_rows);

#endif
