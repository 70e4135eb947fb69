/* DraftService: what it reads, what it changes, and its table. */
#include "worker/evaluation/draft_service.h"

#include <string.h>

#include "pek/options.rpc.h"
#include "shared/row/told.h"
#include "worker/evaluation/draft_store.h"
#include "worker/evaluation/evaluator.h"

static enum status no_parent(struct fault *fault)
{
    return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, DRAFT_REASON_NO_PARENT, "group_id",
                            "an organisation has no group above it");
}

static enum status no_scoreboard(struct fault *fault)
{
    return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, DRAFT_REASON_NO_SCOREBOARD,
                            "group_id",
                            "the group above has opened no scoreboard of this semester");
}

/* ---- reading ---- */

static enum status get_point_draft(struct rpc_ctx *ctx,
                                   const evaluation_v1_get_point_draft_request *req,
                                   evaluation_v1_point_draft *res)
{
    struct evaluator caller;
    PEK_TRY(evaluator_find(ctx, req->group_id, &caller));
    if (!caller.now.parent_id[0])
        return no_parent(rpc_fault(ctx));
    enum status status = draft_store_read(ctx, caller.group.text, &caller.now, res);
    if (status)
        return status == STATUS_NOT_FOUND ? no_scoreboard(rpc_fault(ctx)) : status;
    return told_set_etag(&res->base, rpc_arena(ctx)); /* what is proposed, and what it is for */
}

static enum status complete_drafted(const struct pg_result *rows, size_t row, struct arena *arena,
                                    void *item)
{
    return draft_store_cells(rows, row, arena, item);
}

static enum status list_drafts(struct rpc_ctx *ctx, const evaluation_v1_list_drafts_request *req,
                               struct evaluation_v1_list_drafts_stream *stream)
{
    struct evaluator caller;
    evaluation_v1_scoreboard scoreboard;
    (void)stream;
    PEK_TRY(evaluator_read(ctx, req->group_id, req->scoreboard_id, "scoreboard_id", &caller,
                           &scoreboard));
    const struct scoreboard_query query = {&scoreboard};
    const struct read_list list = {
        .type = &evaluation_v1_drafted_points_row,
        .request = req,
        READ_PAGE(req),
        .next = draft_store_list,
        .arg = &query,
        .complete = complete_drafted,
    };
    return read_list(ctx, &list);
}

/* ---- writing ---- */

/* The scoreboard that the subgroup writes for, while its group writes it. */
static enum status find_scoreboard(struct change *change, const char *subgroup_id,
                                   evaluation_v1_scoreboard *ret_scoreboard)
{
    struct scoreboard_now subgroup, above;
    enum status status = scoreboard_store_hold(change, subgroup_id, &subgroup);
    if (status == STATUS_NOT_FOUND)
        return fault_set(change->fault, status, "group_id", "there is no such group");
    PEK_TRY(status);
    if (subgroup.group_is_archived)
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "GROUP_ARCHIVED",
                                "group_id", "the group is archived");
    if (!subgroup.parent_id[0])
        return no_parent(change->fault);
    PEK_TRY(scoreboard_store_hold(change, subgroup.parent_id, &above));
    status = draft_store_hold(change, subgroup.parent_id, above.semester, ret_scoreboard);
    if (status == STATUS_NOT_FOUND)
        return no_scoreboard(change->fault);
    PEK_TRY(status);
    status = scoreboard_check(&above, ret_scoreboard, SEMESTER_V1_SEASON_ACTION_EDIT_EVALUATION,
                              change->fault);
    if (status == STATUS_OK)
        return STATUS_OK;
    const struct fault why = *change->fault;
    return fault_set_reason(change->fault, status, why.reason, "group_id",
                            "the scoreboard of %s: %s", subgroup.parent_id, why.text);
}

/* Who may get points in both groups, or takes back what they have. */
static enum status check_members(struct change *change, const char *subgroup_id,
                                 const evaluation_v1_scoreboard *scoreboard,
                                 const evaluation_v1_batch_set_point_draft_request *req)
{
    struct slice *users = arena_zalloc(change->arena, req->n_points + 1, sizeof(*users));
    bool *takes_back = arena_zalloc(change->arena, req->n_points + 1, sizeof(*takes_back));
    if (!users || !takes_back)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < req->n_points; i++) {
        users[i] = slice_str(req->points[i]->user_id);
        takes_back[i] = req->points[i]->points == 0;
    }
    const struct scoreboard_people people = {users,          takes_back,  req->n_points,
                                             scoreboard->id, subgroup_id, "points"};
    PEK_TRY(scoreboard_store_check_members(change, subgroup_id, &people));
    return scoreboard_store_check_members(change, scoreboard->group_id, &people);
}

CHANGE_METHOD(batch_set_point_draft, evaluation_v1_batch_set_point_draft_request,
              evaluation_v1_point_draft)
{
    evaluation_v1_batch_set_points_request points = EVALUATION_V1_BATCH_SET_POINTS_REQUEST_INIT;
    evaluation_v1_scoreboard scoreboard;
    struct group_id group;
    PEK_TRY(group_id_parse(req->group_id, "group_id", change->arena, &group, change->fault));
    PEK_TRY(draft_store_hold_tree(change, group.org));
    PEK_TRY(find_scoreboard(change, group.text, &scoreboard));
    points.points = req->points;
    points.n_points = req->n_points;
    points.clamp = req->clamp;
    PEK_TRY(scoreboard_take_points(&scoreboard, &points, change->arena, change->fault));
    PEK_TRY(check_members(change, group.text, &scoreboard, req));
    PEK_TRY(draft_store_set(change, group.text, &scoreboard, req, res));
    const char *id = arena_printf(change->arena, "%s %s", scoreboard.id, group.text);
    if (!id)
        return STATUS_RESOURCE_EXHAUSTED;
    const struct slice target = slice_str(id);
    return change_audit(change, &draft_store_audit, "point_draft.set", &target, 1);
}

/* ---- taking over ---- */

/* A draft counts while the subgroup is right below the group, and is not archived. */
static enum status hold_subgroup(struct change *change, const char *subgroup_id,
                                 const char *group_id)
{
    struct scoreboard_now subgroup;
    enum status status = scoreboard_store_hold(change, subgroup_id, &subgroup);
    if (status == STATUS_NOT_FOUND ||
        (status == STATUS_OK && strcmp(subgroup.parent_id, group_id) != 0))
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, DRAFT_REASON_NOT_BELOW,
                                "subgroup_id", "%s is not right below %s", subgroup_id, group_id);
    PEK_TRY(status);
    if (subgroup.group_is_archived)
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "GROUP_ARCHIVED",
                                "subgroup_id", "%s is archived", subgroup_id);
    return STATUS_OK;
}

static enum status take_named(const evaluation_v1_take_over_draft_request *req, struct arena *arena,
                              struct draft_taking *taking, struct fault *fault)
{
    struct scoreboard_named *named = arena_zalloc(arena, req->n_cells + 1, sizeof(*named));
    if (!named)
        return STATUS_RESOURCE_EXHAUSTED;
    if (req->n_cells > SCOREBOARD_CELLS_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "cells", "%d cells at most in one change",
                         SCOREBOARD_CELLS_MAX);
    for (size_t i = 0; i < req->n_cells; i++)
        named[i] = (struct scoreboard_named){req->cells[i]->user_id, req->cells[i]->guideline_id};
    taking->cells = named;
    taking->cell_count = req->n_cells;
    return scoreboard_check_named(named, req->n_cells, "cells", arena, fault);
}

CHANGE_METHOD(take_over_draft, evaluation_v1_take_over_draft_request,
              evaluation_v1_take_over_draft_response)
{
    struct evaluator caller;
    struct group_id subgroup;
    evaluation_v1_scoreboard *scoreboard = arena_alloc(change->arena, sizeof(*scoreboard));
    struct draft_taking taking = {.scoreboard = scoreboard};
    bool edits;
    if (!scoreboard)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(
        group_id_parse(req->subgroup_id, "subgroup_id", change->arena, &subgroup, change->fault));
    PEK_TRY(take_named(req, change->arena, &taking, change->fault));
    PEK_TRY(draft_store_hold_tree(change, subgroup.org));
    PEK_TRY(evaluator_lock(change, req->group_id, req->id, req->etag, &caller, scoreboard));
    PEK_TRY(evaluator_has(change->ctx, PEK_ACTION_EDIT_SCORES, caller.group.text, &edits));
    PEK_TRY(evaluator_check_edit(change, &caller, scoreboard, edits, scoreboard_check));
    PEK_TRY(hold_subgroup(change, subgroup.text, caller.group.text));
    taking.subgroup_id = subgroup.text;
    PEK_TRY(draft_store_take(change, &taking, res));
    const struct slice id = slice_str(scoreboard->id);
    return change_audit(change, &scoreboard_store_audit, "scoreboard.takeOver", &id, 1);
}

/* ---- the service ---- */

enum status draft_service_add(struct rpc_host *host, struct domain *domain, struct fault *fault)
{
    static const struct evaluation_v1_draft_service service = {
        .get_point_draft = get_point_draft,
        .batch_set_point_draft = batch_set_point_draft,
        .list_drafts = list_drafts,
        .take_over_draft = take_over_draft,
    };
    return evaluation_v1_draft_service_add(host, &service, domain, fault);
}
