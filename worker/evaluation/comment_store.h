/* comment_store: the SQL of comments on cells. Row security limits every statement to the realm of the connection. Statuses
 * are pg's.
 */
#ifndef PEK_WORKER_EVALUATION_COMMENT_STORE_H
#define PEK_WORKER_EVALUATION_COMMENT_STORE_H

#include "pek/evaluation/v1/comment.row.h"
#include "worker/evaluation/scoreboard_store.h"

#define COMMENT_AUTHOR_MAX 50 /* by one author of one cell: nobody takes the word from others */

/* For read_list. */
struct comment_query {
    const evaluation_v1_scoreboard *scoreboard;
    const char *user_id, *guideline_id; /* "": of any */
};
PEK_MUST_CHECK enum status comment_store_list(const struct read_batch *batch, const void *query,
                                              struct pg_result **ret_rows);

/* ---- within a change, the scoreboard locked ---- */

/* The cell is there from now on. FAILED_PRECONDITION when it was not, and the person is no member. */
PEK_MUST_CHECK enum status comment_store_make_cell(struct change *change,
                                                   const evaluation_v1_scoreboard *scoreboard,
                                                   const evaluation_v1_create_comment_request *req);
struct comment_cell {
    int64_t own; /* by the actor */
    bool closed; /* a comment closes its discussion */
};
PEK_MUST_CHECK enum status comment_store_look(struct change *change, const char *scoreboard_id,
                                              const char *user_id, const char *guideline_id,
                                              struct comment_cell *ret_cell);
PEK_MUST_CHECK enum status comment_store_make(struct change *change, const char *scoreboard_id,
                                              const evaluation_v1_create_comment_request *req,
                                              evaluation_v1_comment *ret_comment);
/* NOT_FOUND on "id", ABORTED when the caller knows another version. */
PEK_MUST_CHECK enum status comment_store_lock(struct change *change, const char *scoreboard_id,
                                              const char *id, const char *etag,
                                              evaluation_v1_comment *ret_comment);
PEK_MUST_CHECK enum status comment_store_set(struct change *change, const char *id,
                                             const char *text, evaluation_v1_comment *ret_comment);
PEK_MUST_CHECK enum status comment_store_delete(struct change *change, const char *id);

extern const struct pg_statement comment_store_audit; /* for change_audit */

#endif
