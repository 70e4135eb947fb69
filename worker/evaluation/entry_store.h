/* entry_store: the SQL of entries. Row security limits every statement to the realm of the connection. Statuses are pg's. */
#ifndef PEK_WORKER_EVALUATION_ENTRY_STORE_H
#define PEK_WORKER_EVALUATION_ENTRY_STORE_H

#include "pek/evaluation/v1/entry.row.h"
#include "worker/evaluation/entry.h"
#include "worker/evaluation/scoreboard_store.h"

/* For read_list: of a struct scoreboard_query. */
PEK_MUST_CHECK enum status entry_store_list(const struct read_batch *batch, const void *query,
                                            struct pg_result **ret_rows);
/* NOT_FOUND on "user_id" for who is not in the scoreboard. */
PEK_MUST_CHECK enum status entry_store_read(struct rpc_ctx *ctx, const char *scoreboard_id,
                                            const char *user_id, evaluation_v1_entry *ret_entry);
/* For read_list, with the scope of EVALUATE_SCORES: KB and AB of the semester `semester`. */
PEK_MUST_CHECK enum status entry_store_reviews(const struct read_batch *batch, const void *semester,
                                               struct pg_result **ret_rows);

/* ---- within a change, the scoreboard locked ---- */

/* Entries that entry_take_batch took. FAILED_PRECONDITION for who is no member, and, but for who accepts, of what is
 * finalized. */
PEK_MUST_CHECK enum status entry_store_set(struct change *change,
                                           const evaluation_v1_batch_set_entries_request *req,
                                           const struct scoreboard_now *now, bool accepts,
                                           evaluation_v1_scoreboard *scoreboard);
/* NOT_FOUND on "entry.user_id" for who is not in the scoreboard. */
PEK_MUST_CHECK enum status entry_store_get(struct change *change,
                                           const evaluation_v1_scoreboard *scoreboard,
                                           const char *user_id, evaluation_v1_entry *ret_entry);
PEK_MUST_CHECK enum status entry_store_review(struct change *change,
                                              const evaluation_v1_entry *entry, unsigned fields,
                                              const struct scoreboard_now *now,
                                              evaluation_v1_scoreboard *scoreboard,
                                              evaluation_v1_entry *ret_entry);
/* FAILED_PRECONDITION, and who it is, when a KB or AB has no justification. */
PEK_MUST_CHECK enum status entry_store_check_justified(struct change *change,
                                                       const char *scoreboard_id);
/* Of all KDO of the realm: when groups write no more. */
PEK_MUST_CHECK enum status entry_store_blank(struct change *change);

#endif
