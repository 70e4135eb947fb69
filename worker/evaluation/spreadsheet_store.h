/* spreadsheet_store: the SQL of evaluations as files. Row security limits every statement to the realm of the connection.
 * Statuses are pg's.
 */
#ifndef PEK_WORKER_EVALUATION_SPREADSHEET_STORE_H
#define PEK_WORKER_EVALUATION_SPREADSHEET_STORE_H

#include "pek/evaluation/v1/spreadsheet.row.h"
#include "shared/service/change.h"
#include "shared/service/read.h"
#include "worker/evaluation/points_csv.h"

/* Newcomers and active members of the group by user id or displayed name, in any writing that is the same name, an id before
 * a name: the user of each row, NULL and how many there are where it is not one. Who has left but is in the scoreboard is found for
 * a row of 0 alone, and by a name that no member has now. In the change's arena. */
PEK_MUST_CHECK enum status spreadsheet_store_find(struct change *change,
                                                  const evaluation_v1_scoreboard *scoreboard,
                                                  const struct points_csv_row *rows, size_t count,
                                                  char ***ret_users, int32_t **ret_matches);
/* Its statement, for the test that reads what it costs. */
extern const struct pg_statement spreadsheet_store_candidates;

/* For read_list: of the semester `semester`. */
PEK_MUST_CHECK enum status spreadsheet_store_entries(const struct read_batch *batch,
                                                     const void *semester,
                                                     struct pg_result **ret_rows);
PEK_MUST_CHECK enum status spreadsheet_store_scored(const struct read_batch *batch,
                                                    const void *semester,
                                                    struct pg_result **ret_rows);
PEK_MUST_CHECK enum status spreadsheet_store_active(const struct read_batch *batch,
                                                    const void *semester,
                                                    struct pg_result **ret_rows);

#endif
