/* EntryService: what it reads, what it changes, and its table. */
#include "worker/evaluation/entry_service.h"

#include <string.h>

#include "shared/row/mask.h"
#include "shared/row/told.h"
#include "worker/evaluation/entry_store.h"
#include "worker/evaluation/evaluator.h"

static enum status finish(struct change *change, const char *action,
                          const evaluation_v1_scoreboard *scoreboard)
{
    const struct slice id = slice_str(scoreboard->id);
    return change_audit(change, &scoreboard_store_audit, action, &id, 1);
}

/* ---- reading ---- */

static enum status list_entries(struct rpc_ctx *ctx, const evaluation_v1_list_entries_request *req,
                                struct evaluation_v1_list_entries_stream *stream)
{
    struct evaluator caller;
    evaluation_v1_scoreboard scoreboard;
    (void)stream;
    PEK_TRY(evaluator_read(ctx, req->group_id, req->scoreboard_id, "scoreboard_id", &caller,
                           &scoreboard));
    const struct scoreboard_query query = {&scoreboard};
    const struct read_list list = {
        .type = &evaluation_v1_entry_row,
        .request = req,
        READ_PAGE(req),
        .next = entry_store_list,
        .arg = &query,
    };
    return read_list(ctx, &list);
}

static enum status get_entry(struct rpc_ctx *ctx, const evaluation_v1_get_entry_request *req,
                             evaluation_v1_entry *res)
{
    struct evaluator caller;
    evaluation_v1_scoreboard scoreboard;
    PEK_TRY(evaluator_read(ctx, req->group_id, req->scoreboard_id, "scoreboard_id", &caller,
                           &scoreboard));
    PEK_TRY(entry_store_read(ctx, scoreboard.id, req->user_id, res));
    return told_set_etag(&res->base, rpc_arena(ctx)); /* the name is not the row's */
}

static enum status list_entry_reviews(struct rpc_ctx *ctx,
                                      const evaluation_v1_list_entry_reviews_request *req,
                                      struct evaluation_v1_list_entry_reviews_stream *stream)
{
    struct scoreboard_now now;
    (void)stream;
    PEK_TRY(scoreboard_store_season(ctx, &now));
    if (season_rule(now.season, SEMESTER_V1_SEASON_ACTION_REVIEW_ENTRIES) == SEASON_NO)
        return fault_set_reason(rpc_fault(ctx), STATUS_FAILED_PRECONDITION,
                                SCOREBOARD_REASON_SEASON, NULL, "the season is not for that");
    const struct read_list list = {
        .type = &evaluation_v1_entry_row,
        .request = req,
        READ_PAGE(req),
        .next = entry_store_reviews,
        .arg = now.semester,
    };
    return read_list(ctx, &list);
}

/* ---- writing ---- */

CHANGE_METHOD(batch_set_entries, evaluation_v1_batch_set_entries_request, evaluation_v1_scoreboard)
{
    struct evaluator caller;
    bool leads;
    PEK_TRY(evaluator_lock(change, req->group_id, req->id, req->etag, &caller, res));
    PEK_TRY(evaluator_leads(change->ctx, &caller, &leads));
    PEK_TRY(evaluator_check_edit(change, &caller, res, leads, scoreboard_check_entries));
    PEK_TRY(entry_take_batch(req, change->arena, change->fault));
    PEK_TRY(entry_store_set(change, req, &caller.now, caller.accepts, res));
    if (res->entry_status == EVALUATION_V1_EVALUATION_STATUS_SUBMITTED)
        PEK_TRY(entry_store_check_justified(change, res->id));
    return finish(change, "scoreboard.setEntries", res);
}

static enum status check_paths(const evaluation_v1_entry *entry,
                               const evaluation_v1_scoreboard *scoreboard, const char *realm,
                               struct fault *fault)
{
    const char *const pairs[][3] = {{"entry.realm", entry->realm, realm},
                                    {"entry.group_id", entry->group_id, scoreboard->group_id},
                                    {"entry.scoreboard_id", entry->scoreboard_id, scoreboard->id}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (pairs[i][1][0] && strcmp(pairs[i][1], pairs[i][2]) != 0)
            return fault_set(fault, STATUS_INVALID_ARGUMENT, pairs[i][0], "this is another one");
    return STATUS_OK;
}

CHANGE_METHOD(review_entry, evaluation_v1_review_entry_request, evaluation_v1_entry)
{
    struct evaluator caller;
    evaluation_v1_scoreboard scoreboard;
    evaluation_v1_entry *entry = req->entry;
    unsigned fields;
    if (!entry)
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "entry", "entry is required");
    PEK_TRY(mask_take(req->update_mask, &entry->base, entry_review_fields, ENTRY_FIELDS, &fields,
                      change->fault));
    PEK_TRY(evaluator_lock(change, req->group_id, req->scoreboard_id, "", &caller, &scoreboard));
    if (!caller.judges)
        return fault_set(change->fault, STATUS_PERMISSION_DENIED, NULL,
                         "you do not judge this group");
    PEK_TRY(check_paths(entry, &scoreboard, change_domain(change)->realm, change->fault));
    fields = entry_fields_of(fields, caller.accepts, caller.now.parent_id[0] != '\0');
    PEK_TRY(scoreboard_check(&caller.now, &scoreboard, SEMESTER_V1_SEASON_ACTION_REVIEW_ENTRIES,
                             change->fault));
    PEK_TRY(entry_store_get(change, &scoreboard, entry->user_id, res));
    PEK_TRY(
        row_check_etag(&evaluation_v1_entry_row, res, entry->user_id, entry->etag, change->fault));
    if (res->type == EVALUATION_V1_ENTRY_TYPE_KDO)
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, ENTRY_REASON_KDO,
                                "entry.user_id", "a KDO is not reviewed");
    PEK_TRY(entry_take_review(entry, fields, res->type, change->arena, change->fault));
    if (scoreboard.entry_status == EVALUATION_V1_EVALUATION_STATUS_ACCEPTED)
        PEK_TRY(entry_check_accepted(entry, fields, res, change->fault));
    if (fields == 0)
        return STATUS_OK;
    PEK_TRY(entry_store_review(change, entry, fields, &caller.now, &scoreboard, res));
    return finish(change, "scoreboard.reviewEntry", &scoreboard);
}

/* ---- the service ---- */

enum status entry_service_add(struct rpc_host *host, struct domain *domain, struct fault *fault)
{
    static const struct evaluation_v1_entry_service service = {
        .list_entries = list_entries,
        .get_entry = get_entry,
        .batch_set_entries = batch_set_entries,
        .review_entry = review_entry,
        .list_entry_reviews = list_entry_reviews,
    };
    return evaluation_v1_entry_service_add(host, &service, domain, fault);
}
