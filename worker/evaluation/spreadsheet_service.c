/* SpreadsheetService: what it takes, what it gives, and its table. */
#include "worker/evaluation/spreadsheet_service.h"

#include "pek/options.rpc.h"
#include "shared/text/text.h"
#include "worker/evaluation/evaluator.h"
#include "worker/evaluation/spreadsheet_store.h"
#include "worker/semester/semester.h"

/* ---- taking ---- */

static enum status take_guidelines(struct change *change,
                                   const evaluation_v1_import_scoreboard_request *req,
                                   evaluation_v1_scoreboard *scoreboard)
{
    evaluation_v1_update_scoreboard_request write = EVALUATION_V1_UPDATE_SCOREBOARD_REQUEST_INIT;
    write.report = scoreboard->report;
    PEK_TRY(points_csv_read_guidelines(slice_str(req->guidelines_csv), scoreboard, change->arena,
                                       &write.guidelines, &write.n_guidelines, change->fault));
    PEK_TRY(scoreboard_take_written(&write, change->arena, change->fault));
    return scoreboard_store_write(change, &write, scoreboard);
}

static enum status tell_unmatched(const struct points_csv_row *rows, size_t count,
                                  char *const *users, const int32_t *matches, struct arena *arena,
                                  evaluation_v1_import_scoreboard_response *res)
{
    res->unmatched = arena_zalloc(arena, count + 1, sizeof(*res->unmatched));
    for (size_t i = 0; res->unmatched && i < count; i++) {
        evaluation_v1_unmatched_row *row = users[i] ? NULL : arena_alloc(arena, sizeof(*row));
        if (!row)
            continue;
        *row = (evaluation_v1_unmatched_row)EVALUATION_V1_UNMATCHED_ROW_INIT;
        row->line = (int32_t)rows[i].line;
        row->member = arena_strndup(arena, rows[i].member.ptr, rows[i].member.len);
        row->matches = matches[i];
        res->unmatched[res->n_unmatched++] = row;
    }
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static enum status take_points(struct change *change,
                               const evaluation_v1_import_scoreboard_request *req,
                               evaluation_v1_import_scoreboard_response *res)
{
    evaluation_v1_batch_set_points_request set = EVALUATION_V1_BATCH_SET_POINTS_REQUEST_INIT;
    struct points_csv_row *rows;
    int32_t *matches;
    char **users;
    size_t count;
    PEK_TRY(points_csv_read(slice_str(req->points_csv), res->scoreboard, change->arena, &rows,
                            &count, change->fault));
    PEK_TRY(spreadsheet_store_find(change, res->scoreboard, rows, count, &users, &matches));
    PEK_TRY(points_csv_take(rows, count, users, change->arena, &set, change->fault));
    PEK_TRY(tell_unmatched(rows, count, users, matches, change->arena, res));
    res->points_count = (int32_t)set.n_points;
    if (set.n_points == 0)
        return STATUS_OK;
    return scoreboard_store_set(change, &set, POINTS_CSV_FIELD, res->scoreboard);
}

static enum status check_file(const char *text, size_t chars_max, const char *field,
                              struct fault *fault)
{
    if (text_chars(slice_str(text)) <= chars_max)
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "a file has %zu characters at most",
                     chars_max);
}

/* As UpdateScoreboard has it of guidelines, and BatchSetPoints of points alone. */
static enum status check_may(struct change *change, const struct evaluator *caller,
                             const evaluation_v1_import_scoreboard_request *req,
                             const evaluation_v1_scoreboard *scoreboard)
{
    bool leads, edits;
    if (!req->guidelines_csv[0]) {
        PEK_TRY(evaluator_has(change->ctx, PEK_ACTION_EDIT_SCORES, caller->group.text, &edits));
        return evaluator_check_edit(change, caller, scoreboard, edits, scoreboard_check);
    }
    PEK_TRY(evaluator_leads(change->ctx, caller, &leads));
    if (!leads)
        return fault_set(change->fault, STATUS_PERMISSION_DENIED, NULL,
                         "guidelines are written by who leads the group");
    return scoreboard_check(&caller->now, scoreboard, SEMESTER_V1_SEASON_ACTION_EDIT_EVALUATION,
                            change->fault);
}

CHANGE_METHOD(import_scoreboard, evaluation_v1_import_scoreboard_request,
              evaluation_v1_import_scoreboard_response)
{
    struct evaluator caller;
    evaluation_v1_scoreboard *scoreboard = arena_alloc(change->arena, sizeof(*scoreboard));
    if (!scoreboard)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(check_file(req->guidelines_csv, GUIDELINES_CSV_CHARS_MAX, GUIDELINES_CSV_FIELD,
                       change->fault));
    PEK_TRY(check_file(req->points_csv, POINTS_CSV_CHARS_MAX, POINTS_CSV_FIELD, change->fault));
    if (!req->guidelines_csv[0] && !req->points_csv[0])
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, POINTS_CSV_FIELD,
                         "a file of guidelines or of points is required");
    PEK_TRY(evaluator_lock(change, req->group_id, req->id, req->etag, &caller, scoreboard));
    PEK_TRY(check_may(change, &caller, req, scoreboard));
    if (req->guidelines_csv[0])
        PEK_TRY(take_guidelines(change, req, scoreboard));
    res->scoreboard = scoreboard;
    if (req->points_csv[0])
        PEK_TRY(take_points(change, req, res));
    const struct slice id = slice_str(scoreboard->id);
    return change_audit(change, &scoreboard_store_audit, "scoreboard.import", &id, 1);
}

/* ---- giving ---- */

static enum status list_accepted_entries(struct rpc_ctx *ctx,
                                         const evaluation_v1_list_accepted_entries_request *req,
                                         struct evaluation_v1_list_accepted_entries_stream *stream)
{
    struct scoreboard_now now;
    (void)stream;
    PEK_TRY(scoreboard_store_season(ctx, &now));
    const struct read_list list = {
        .type = &evaluation_v1_accepted_entry_row,
        .request = req,
        READ_PAGE(req),
        .next = spreadsheet_store_entries,
        .arg = now.semester,
        .is_long = true,
    };
    return read_list(ctx, &list);
}

/* The semester of an export, the current one when it is not said. FAILED_PRECONDITION while evaluations are made. */
static enum status exported_semester(struct rpc_ctx *ctx, const char *asked,
                                     const char **ret_semester)
{
    struct scoreboard_now now;
    struct semester semester;
    if (asked[0] && !semester_parse(asked, &semester))
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "semester",
                              "a semester is written like 2024-2025/1, autumn, or 2024-2025/2, "
                              "spring");
    PEK_TRY(scoreboard_store_season(ctx, &now));
    if (season_rule(now.season, SEMESTER_V1_SEASON_ACTION_EXPORT) == SEASON_NO)
        return fault_set_reason(rpc_fault(ctx), STATUS_FAILED_PRECONDITION,
                                SCOREBOARD_REASON_SEASON, NULL, "it is exported off season");
    *ret_semester = asked[0] ? asked : now.semester;
    return STATUS_OK;
}

static enum status list_scored_users(struct rpc_ctx *ctx,
                                     const evaluation_v1_list_scored_users_request *req,
                                     struct evaluation_v1_list_scored_users_stream *stream)
{
    const char *semester;
    (void)stream;
    PEK_TRY(exported_semester(ctx, req->semester, &semester));
    const struct read_list list = {
        .type = &evaluation_v1_scored_user_row,
        .request = req,
        READ_PAGE(req),
        .next = spreadsheet_store_scored,
        .arg = semester,
        .is_long = true,
    };
    return read_list(ctx, &list);
}

static enum status list_active_users(struct rpc_ctx *ctx,
                                     const evaluation_v1_list_active_users_request *req,
                                     struct evaluation_v1_list_active_users_stream *stream)
{
    const char *semester;
    (void)stream;
    PEK_TRY(exported_semester(ctx, req->semester, &semester));
    const struct read_list list = {
        .type = &evaluation_v1_active_user_row,
        .request = req,
        READ_PAGE(req),
        .next = spreadsheet_store_active,
        .arg = semester,
        .is_long = true,
    };
    return read_list(ctx, &list);
}

/* ---- the service ---- */

enum status spreadsheet_service_add(struct rpc_host *host, struct domain *domain,
                                    struct fault *fault)
{
    static const struct evaluation_v1_spreadsheet_service service = {
        .import_scoreboard = import_scoreboard,
        .list_accepted_entries = list_accepted_entries,
        .list_scored_users = list_scored_users,
        .list_active_users = list_active_users,
    };
    return evaluation_v1_spreadsheet_service_add(host, &service, domain, fault);
}
