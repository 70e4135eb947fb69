/* revision_store: the SQL that makes the next version of a scoreboard. Row security limits every statement to the realm of the
 * connection. Statuses are pg's.
 */
#ifndef PEK_WORKER_EVALUATION_REVISION_STORE_H
#define PEK_WORKER_EVALUATION_REVISION_STORE_H

#include "worker/evaluation/scoreboard_store.h"

/* The next version, with guidelines and drafts, and with points and entries of who may get points (pek.evaluated_member);
 * whose were left is a message of it. ALREADY_EXISTS when somebody made it. */
PEK_MUST_CHECK enum status revision_store_make(struct change *change,
                                               const evaluation_v1_scoreboard *scoreboard,
                                               evaluation_v1_scoreboard *ret_scoreboard);

#endif
