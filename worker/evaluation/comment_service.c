/* CommentService: what it reads, what it changes, and its table. */
#include "worker/evaluation/comment_service.h"

#include <string.h>

#include "worker/evaluation/comment_store.h"
#include "worker/evaluation/evaluator.h"
#include "worker/rights/policy.h"

static enum status audit(struct change *change, const char *action,
                         const evaluation_v1_comment *comment)
{
    const struct slice id = slice_str(comment->id);
    return change_audit(change, &comment_store_audit, action, &id, 1);
}

static enum status list_comments(struct rpc_ctx *ctx,
                                 const evaluation_v1_list_comments_request *req,
                                 struct evaluation_v1_list_comments_stream *stream)
{
    struct evaluator caller;
    evaluation_v1_scoreboard scoreboard;
    (void)stream;
    PEK_TRY(evaluator_read(ctx, req->group_id, req->scoreboard_id, "scoreboard_id", &caller,
                           &scoreboard));
    const struct comment_query query = {&scoreboard, req->user_id, req->guideline_id};
    const struct read_list list = {
        .type = &evaluation_v1_comment_row,
        .request = req,
        READ_PAGE(req),
        .next = comment_store_list,
        .arg = &query,
    };
    return read_list(ctx, &list);
}

/* Whoever sees it comments on it. */
static enum status lock_scoreboard(struct change *change, const char *group_id,
                                   const char *scoreboard_id, struct evaluator *ret_caller,
                                   evaluation_v1_scoreboard *ret_scoreboard)
{
    PEK_TRY(evaluator_lock(change, group_id, scoreboard_id, "", ret_caller, ret_scoreboard));
    return scoreboard_check(&ret_caller->now, ret_scoreboard, SEMESTER_V1_SEASON_ACTION_COMMENT,
                            change->fault);
}

static enum status take_text(struct change *change, const char *text, char **ret_text)
{
    return scoreboard_take_text(text, true, SCOREBOARD_TEXT_CHARS_MAX, "text", change->arena,
                                ret_text, change->fault);
}

/* Behind a comment that closes it, the discussion of a cell is changed by who may close it. */
static enum status check_open(struct change *change, const struct evaluator *caller,
                              const evaluation_v1_scoreboard *scoreboard, const char *user_id,
                              const char *guideline_id, struct comment_cell *ret_cell)
{
    PEK_TRY(comment_store_look(change, scoreboard->id, user_id, guideline_id, ret_cell));
    return ret_cell->closed && !caller->accepts
               ? fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "CLOSED", NULL,
                                  "the discussion of this cell is closed")
               : STATUS_OK;
}

CHANGE_METHOD(create_comment, evaluation_v1_create_comment_request, evaluation_v1_comment)
{
    struct evaluator caller;
    evaluation_v1_scoreboard scoreboard;
    struct comment_cell cell;
    evaluation_v1_create_comment_request taken = *req;
    PEK_TRY(take_text(change, req->text, &taken.text));
    PEK_TRY(lock_scoreboard(change, req->group_id, req->scoreboard_id, &caller, &scoreboard));
    if (req->closes && !caller.accepts)
        return fault_set(change->fault, STATUS_PERMISSION_DENIED, "closes",
                         "who accepts scoreboards closes a discussion");
    if (!policy_is_user(req->user_id))
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "user_id", "'%s' is no user's id",
                         req->user_id);
    if (!scoreboard_guideline(&scoreboard, req->guideline_id))
        return fault_set(change->fault, STATUS_NOT_FOUND, "guideline_id",
                         "the scoreboard has no such guideline");
    PEK_TRY(comment_store_make_cell(change, &scoreboard, req));
    PEK_TRY(check_open(change, &caller, &scoreboard, req->user_id, req->guideline_id, &cell));
    bool ends = req->closes && !cell.closed; /* whatever they said before it */
    if (cell.own >= COMMENT_AUTHOR_MAX && !ends)
        return fault_set(change->fault, STATUS_FAILED_PRECONDITION, NULL,
                         "nobody writes more than %d comments on a cell", COMMENT_AUTHOR_MAX);
    PEK_TRY(comment_store_make(change, scoreboard.id, &taken, res));
    return audit(change, "comment.create", res);
}

static enum status lock_own(struct change *change, const char *group_id, const char *scoreboard_id,
                            const char *id, const char *etag, evaluation_v1_comment *ret_comment)
{
    struct evaluator caller;
    evaluation_v1_scoreboard scoreboard;
    struct comment_cell cell;
    if (!policy_is_id(id))
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "id", "id is no comment's id");
    PEK_TRY(lock_scoreboard(change, group_id, scoreboard_id, &caller, &scoreboard));
    PEK_TRY(comment_store_lock(change, scoreboard.id, id, etag, ret_comment));
    if (strcmp(ret_comment->written_by, change->actor) != 0)
        return fault_set(change->fault, STATUS_PERMISSION_DENIED, "id", "somebody else wrote it");
    return check_open(change, &caller, &scoreboard, ret_comment->user_id, ret_comment->guideline_id,
                      &cell);
}

CHANGE_METHOD(update_comment, evaluation_v1_update_comment_request, evaluation_v1_comment)
{
    char *text;
    PEK_TRY(take_text(change, req->text, &text));
    PEK_TRY(lock_own(change, req->group_id, req->scoreboard_id, req->id, req->etag, res));
    PEK_TRY(comment_store_set(change, req->id, text, res));
    return audit(change, "comment.update", res);
}

CHANGE_METHOD(delete_comment, evaluation_v1_delete_comment_request, Google__Protobuf__Empty)
{
    evaluation_v1_comment comment;
    (void)res;
    PEK_TRY(lock_own(change, req->group_id, req->scoreboard_id, req->id, req->etag, &comment));
    PEK_TRY(audit(change, "comment.delete", &comment));
    return comment_store_delete(change, req->id);
}

/* ---- the service ---- */

enum status comment_service_add(struct rpc_host *host, struct domain *domain, struct fault *fault)
{
    static const struct evaluation_v1_comment_service service = {
        .list_comments = list_comments,
        .create_comment = create_comment,
        .update_comment = update_comment,
        .delete_comment = delete_comment,
    };
    return evaluation_v1_comment_service_add(host, &service, domain, fault);
}
