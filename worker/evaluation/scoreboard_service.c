/* ScoreboardService: what it reads, what it changes, and its table. */
#include "worker/evaluation/scoreboard_service.h"

#include <string.h>

#include "pek/options.rpc.h"
#include "worker/evaluation/entry_store.h"
#include "worker/evaluation/evaluator.h"
#include "worker/evaluation/judgement_store.h"
#include "worker/evaluation/point_table_store.h"
#include "worker/evaluation/revision_store.h"
#include "worker/evaluation/scoreboard_notice.h"

static enum status finish(struct change *change, const char *action,
                          const evaluation_v1_scoreboard *res)
{
    const struct slice id = slice_str(res->id);
    return change_audit(change, &scoreboard_store_audit, action, &id, 1);
}

/* ---- reading ---- */

static enum status complete_scoreboard(const struct pg_result *rows, size_t row,
                                       struct arena *arena, void *item)
{
    return point_table_store_totals(rows, row, arena, item);
}

static enum status list_scoreboards(struct rpc_ctx *ctx,
                                    const evaluation_v1_list_scoreboards_request *req,
                                    struct evaluation_v1_list_scoreboards_stream *stream)
{
    struct evaluator caller;
    (void)stream;
    PEK_TRY(evaluator_find(ctx, req->group_id, &caller));
    const struct read_list list = {
        .type = &evaluation_v1_scoreboard_row,
        .request = req,
        READ_PAGE(req),
        .next = point_table_store_boards,
        .arg = &caller.group.text,
        .complete = complete_scoreboard,
    };
    return read_list(ctx, &list);
}

static enum status get_rights(struct rpc_ctx *ctx,
                              const evaluation_v1_get_evaluation_rights_request *req,
                              evaluation_v1_evaluation_rights *res)
{
    struct evaluator caller;
    bool writes, leads;
    PEK_TRY(evaluator_take(ctx, req->group_id, &caller));
    PEK_TRY(evaluator_has(ctx, PEK_ACTION_EDIT_SCORES, caller.group.text, &writes));
    PEK_TRY(evaluator_leads(ctx, &caller, &leads));
    res->views = caller.views;
    res->writes = writes;
    res->leads = leads;
    res->judges = caller.judges;
    res->accepts = caller.accepts;
    return STATUS_OK;
}

static enum status get_scoreboard(struct rpc_ctx *ctx,
                                  const evaluation_v1_get_scoreboard_request *req,
                                  evaluation_v1_scoreboard *res)
{
    struct evaluator caller;
    PEK_TRY(evaluator_read(ctx, req->group_id, req->id, "id", &caller, res));
    return rpc_caller_has(ctx, res->etag) ? STATUS_OK : scoreboard_store_guidelines(ctx, res);
}

static enum status get_point_table(struct rpc_ctx *ctx,
                                   const evaluation_v1_get_point_table_request *req,
                                   evaluation_v1_point_table *res)
{
    struct evaluator caller;
    evaluation_v1_scoreboard *scoreboard = arena_alloc(rpc_arena(ctx), sizeof(*scoreboard));
    if (!scoreboard)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(evaluator_read(ctx, req->group_id, req->scoreboard_id, "scoreboard_id", &caller,
                           scoreboard));
    return point_table_store_read(ctx, scoreboard, res);
}

static enum status complete_member(const struct pg_result *rows, size_t row, struct arena *arena,
                                   void *item)
{
    return point_table_store_cells(rows, row, arena, item);
}

static enum status list_points(struct rpc_ctx *ctx, const evaluation_v1_list_points_request *req,
                               struct evaluation_v1_list_points_stream *stream)
{
    struct evaluator caller;
    evaluation_v1_scoreboard scoreboard;
    (void)stream;
    PEK_TRY(evaluator_read(ctx, req->group_id, req->scoreboard_id, "scoreboard_id", &caller,
                           &scoreboard));
    const struct scoreboard_query query = {&scoreboard};
    const struct read_list list = {
        .type = &evaluation_v1_member_points_row,
        .request = req,
        READ_PAGE(req),
        .next = point_table_store_members,
        .arg = &query,
        .complete = complete_member,
    };
    return read_list(ctx, &list);
}

static enum status list_messages(struct rpc_ctx *ctx,
                                 const evaluation_v1_list_messages_request *req,
                                 struct evaluation_v1_list_messages_stream *stream)
{
    struct evaluator caller;
    evaluation_v1_scoreboard scoreboard;
    (void)stream;
    PEK_TRY(evaluator_read(ctx, req->group_id, req->scoreboard_id, "scoreboard_id", &caller,
                           &scoreboard));
    const struct scoreboard_query query = {&scoreboard};
    const struct read_list list = {
        .type = &evaluation_v1_message_row,
        .request = req,
        READ_PAGE(req),
        .next = scoreboard_store_messages,
        .arg = &query,
    };
    return read_list(ctx, &list);
}

static enum status list_judgements(struct rpc_ctx *ctx,
                                   const evaluation_v1_list_judgements_request *req,
                                   struct evaluation_v1_list_judgements_stream *stream)
{
    struct scoreboard_now now;
    (void)stream;
    if (req->status > EVALUATION_V1_EVALUATION_STATUS_REJECTED)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "status", "there is no such status");
    PEK_TRY(scoreboard_store_season(ctx, &now));
    if (season_rule(now.season, SEMESTER_V1_SEASON_ACTION_VIEW_JUDGEMENTS) == SEASON_NO)
        return fault_set_reason(rpc_fault(ctx), STATUS_FAILED_PRECONDITION,
                                SCOREBOARD_REASON_SEASON, NULL, "the season is not for that");
    const struct judgement_query query = {now.semester, req->status};
    const struct read_list list = {
        .type = &evaluation_v1_judged_scoreboard_row,
        .request = req,
        READ_PAGE(req),
        .next = judgement_store_list,
        .arg = &query,
    };
    return read_list(ctx, &list);
}

/* ---- making ---- */

CHANGE_METHOD(open_scoreboard, evaluation_v1_open_scoreboard_request, evaluation_v1_scoreboard)
{
    struct evaluator caller = {0};
    evaluation_v1_scoreboard fresh = EVALUATION_V1_SCOREBOARD_INIT;
    bool made;
    PEK_TRY(group_id_parse(req->group_id, "group_id", change->arena, &caller.group, change->fault));
    enum status status = scoreboard_store_hold(change, caller.group.text, &caller.now);
    if (status == STATUS_NOT_FOUND)
        return fault_set(change->fault, status, "group_id", "there is no such group");
    PEK_TRY(status);
    fresh.semester = row_string(caller.now.semester);
    PEK_TRY(scoreboard_check(&caller.now, &fresh, SEMESTER_V1_SEASON_ACTION_EDIT_EVALUATION,
                             change->fault));
    PEK_TRY(scoreboard_store_open(change, caller.group.text, caller.now.semester, &made, res));
    return made ? finish(change, "scoreboard.open", res) : STATUS_OK;
}

CHANGE_METHOD(revise_scoreboard, evaluation_v1_revise_scoreboard_request, evaluation_v1_scoreboard)
{
    struct evaluator caller;
    evaluation_v1_scoreboard accepted, fresh = EVALUATION_V1_SCOREBOARD_INIT;
    PEK_TRY(
        evaluator_lock(change, req->group_id, req->scoreboard_id, req->etag, &caller, &accepted));
    fresh.semester = accepted.semester;
    PEK_TRY(scoreboard_check(&caller.now, &fresh, SEMESTER_V1_SEASON_ACTION_EDIT_EVALUATION,
                             change->fault));
    PEK_TRY(scoreboard_check_revise(&accepted, change->fault));
    if (accepted.version >= SCOREBOARD_VERSIONS_MAX)
        return fault_set(change->fault, STATUS_FAILED_PRECONDITION, "id",
                         "there are %d versions of it, and no more", SCOREBOARD_VERSIONS_MAX);
    PEK_TRY(revision_store_make(change, &accepted, res));
    return finish(change, "scoreboard.revise", res);
}

/* ---- writing ---- */

CHANGE_METHOD(update_scoreboard, evaluation_v1_update_scoreboard_request, evaluation_v1_scoreboard)
{
    struct evaluator caller;
    evaluation_v1_update_scoreboard_request written = *req;
    PEK_TRY(scoreboard_take_written(&written, change->arena, change->fault));
    PEK_TRY(evaluator_lock(change, req->group_id, req->id, req->etag, &caller, res));
    PEK_TRY(scoreboard_check(&caller.now, res, SEMESTER_V1_SEASON_ACTION_EDIT_EVALUATION,
                             change->fault));
    PEK_TRY(scoreboard_know_guidelines(res, &written, change->arena));
    PEK_TRY(scoreboard_store_write(change, &written, res));
    return finish(change, "scoreboard.update", res);
}

CHANGE_METHOD(batch_set_points, evaluation_v1_batch_set_points_request, evaluation_v1_scoreboard)
{
    struct evaluator caller;
    bool edits;
    PEK_TRY(evaluator_lock(change, req->group_id, req->id, req->etag, &caller, res));
    PEK_TRY(evaluator_has(change->ctx, PEK_ACTION_EDIT_SCORES, caller.group.text, &edits));
    PEK_TRY(evaluator_check_edit(change, &caller, res, edits, scoreboard_check));
    PEK_TRY(scoreboard_take_points(res, req, change->arena, change->fault));
    PEK_TRY(scoreboard_store_set(change, req, "points", res));
    return finish(change, "scoreboard.setPoints", res);
}

/* ---- submitting, judging ---- */

CHANGE_METHOD(submit_scoreboard, evaluation_v1_submit_scoreboard_request, evaluation_v1_scoreboard)
{
    struct evaluator caller;
    PEK_TRY(evaluator_lock(change, req->group_id, req->id, req->etag, &caller, res));
    PEK_TRY(scoreboard_check(&caller.now, res, SEMESTER_V1_SEASON_ACTION_SUBMIT, change->fault));
    const evaluation_v1_scoreboard before = *res;
    PEK_TRY(scoreboard_submit(res, change->fault));
    if (res->entry_status != before.entry_status)
        PEK_TRY(entry_store_check_justified(change, res->id));
    PEK_TRY(scoreboard_store_set_status(change, true, res));
    PEK_TRY(scoreboard_notice_submitted(change, &caller.now, &before, res));
    return finish(change, "scoreboard.submit", res);
}

CHANGE_METHOD(cancel_submission, evaluation_v1_cancel_submission_request, evaluation_v1_scoreboard)
{
    struct evaluator caller;
    PEK_TRY(evaluator_lock(change, req->group_id, req->id, req->etag, &caller, res));
    PEK_TRY(scoreboard_check(&caller.now, res, SEMESTER_V1_SEASON_ACTION_CANCEL, change->fault));
    PEK_TRY(scoreboard_cancel(res, change->fault));
    PEK_TRY(scoreboard_store_set_status(change, false, res));
    return finish(change, "scoreboard.cancel", res);
}

static const char *status_word(evaluation_v1_evaluation_status status)
{
    static const char prefix[] = "EVALUATION_STATUS_";
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &pek__evaluation__v1__evaluation_status__descriptor, status);
    return value ? value->name + strlen(prefix) : "";
}

static enum status tell_judgement(struct change *change, const evaluation_v1_scoreboard *before,
                                  const evaluation_v1_scoreboard *now, const char *explanation)
{
    const char *text = arena_printf(
        change->arena, "points: %s -> %s, entries: %s -> %s, %s", status_word(before->point_status),
        status_word(now->point_status), status_word(before->entry_status),
        status_word(now->entry_status), explanation[0] ? explanation : "-");
    return text ? scoreboard_store_say(change, now, "", text, NULL) : STATUS_RESOURCE_EXHAUSTED;
}

CHANGE_METHOD(judge_scoreboard, evaluation_v1_judge_scoreboard_request, evaluation_v1_scoreboard)
{
    struct scoreboard_judgement judgement = {req->point_status, req->entry_status, false};
    struct evaluator caller;
    char *explanation;
    bool god;
    PEK_TRY(scoreboard_take_text(req->explanation, false, SCOREBOARD_TEXT_CHARS_MAX, "explanation",
                                 change->arena, &explanation, change->fault));
    PEK_TRY(evaluator_lock_any(change, req->group_id, req->id, req->etag, &caller, res));
    if (!caller.judges)
        return fault_set(change->fault, STATUS_PERMISSION_DENIED, NULL,
                         "you do not judge this group");
    PEK_TRY(scoreboard_check(&caller.now, res, SEMESTER_V1_SEASON_ACTION_JUDGE, change->fault));
    PEK_TRY(evaluator_has(change->ctx, PEK_ACTION_GOD, NULL, &god));
    PEK_TRY(scoreboard_judge(res, god, &judgement, change->fault));
    if (judgement.needs_accept && !caller.accepts)
        return fault_set(change->fault, STATUS_PERMISSION_DENIED, NULL,
                         "only who evaluates the whole organisation accepts, or changes what was "
                         "accepted");
    const evaluation_v1_scoreboard before = *res;
    if (judgement.points)
        res->point_status = judgement.points;
    if (judgement.entries)
        res->entry_status = judgement.entries;
    if (judgement.entries == EVALUATION_V1_EVALUATION_STATUS_ACCEPTED)
        PEK_TRY(entry_store_check_justified(change, res->id));
    PEK_TRY(scoreboard_store_set_status(change, false, res));
    PEK_TRY(tell_judgement(change, &before, res, explanation));
    PEK_TRY(scoreboard_notice_judged(change, &before, res));
    return finish(change, "scoreboard.judge", res);
}

CHANGE_METHOD(send_message, evaluation_v1_send_message_request, evaluation_v1_message)
{
    struct evaluator caller;
    evaluation_v1_scoreboard scoreboard;
    char *text;
    bool leads;
    PEK_TRY(scoreboard_take_text(req->text, true, SCOREBOARD_TEXT_CHARS_MAX, "text", change->arena,
                                 &text, change->fault));
    PEK_TRY(evaluator_lock(change, req->group_id, req->scoreboard_id, "", &caller, &scoreboard));
    PEK_TRY(evaluator_leads(change->ctx, &caller, &leads));
    if (!leads && !caller.judges)
        return fault_set(change->fault, STATUS_PERMISSION_DENIED, NULL,
                         "messages are between those who submit and those who judge");
    PEK_TRY(scoreboard_check(&caller.now, &scoreboard, SEMESTER_V1_SEASON_ACTION_DISCUSS,
                             change->fault));
    PEK_TRY(scoreboard_store_check_said(change, &scoreboard));
    PEK_TRY(scoreboard_store_say(change, &scoreboard, change->actor, text, res));
    return finish(change, "scoreboard.message", &scoreboard);
}

/* ---- the service ---- */

enum status scoreboard_service_add(struct rpc_host *host, struct domain *domain,
                                   struct fault *fault)
{
    static const struct evaluation_v1_scoreboard_service service = {
        .list_scoreboards = list_scoreboards,
        .get_evaluation_rights = get_rights,
        .get_scoreboard = get_scoreboard,
        .get_point_table = get_point_table,
        .open_scoreboard = open_scoreboard,
        .revise_scoreboard = revise_scoreboard,
        .update_scoreboard = update_scoreboard,
        .list_points = list_points,
        .batch_set_points = batch_set_points,
        .submit_scoreboard = submit_scoreboard,
        .cancel_submission = cancel_submission,
        .judge_scoreboard = judge_scoreboard,
        .list_judgements = list_judgements,
        .list_messages = list_messages,
        .send_message = send_message,
    };
    return evaluation_v1_scoreboard_service_add(host, &service, domain, fault);
}
