#include "worker/evaluation/evaluator.h"

#include "pek/options.rpc.h"

enum status evaluator_has(struct rpc_ctx *ctx, uint32_t action, const char *group, bool *ret_has)
{
    const struct domain *domain = rpc_data(ctx);
    return guard_allows(domain->guard, ctx, action, group, ret_has);
}

enum status evaluator_leads(struct rpc_ctx *ctx, const struct evaluator *evaluator, bool *ret_leads)
{
    bool edits, leads = false;
    PEK_TRY(evaluator_has(ctx, PEK_ACTION_EDIT_SCORES, evaluator->group.text, &edits));
    if (edits)
        PEK_TRY(evaluator_has(ctx, PEK_ACTION_EDIT_GROUP_PROFILE, evaluator->group.text, &leads));
    *ret_leads = leads;
    return STATUS_OK;
}

static bool sees(const struct evaluator *evaluator)
{
    return evaluator->views || evaluator->judges;
}

static enum status take_rights(struct rpc_ctx *ctx, bool there, struct evaluator *evaluator)
{
    const char *group = evaluator->group.text,
               *parent = there && evaluator->now.parent_id[0] ? evaluator->now.parent_id : NULL,
               *top = parent ? evaluator->now.organisation_id : NULL;
    PEK_TRY(evaluator_has(ctx, PEK_ACTION_VIEW_SCORES, group, &evaluator->views));
    PEK_TRY(evaluator_has(ctx, PEK_ACTION_EVALUATE_SCORES, top, &evaluator->accepts));
    evaluator->judges = evaluator->accepts;
    if (!evaluator->judges && parent)
        PEK_TRY(evaluator_has(ctx, PEK_ACTION_EVALUATE_SCORES, parent, &evaluator->judges));
    if (!there && sees(evaluator))
        return rpc_fail_field(ctx, STATUS_NOT_FOUND, "group_id", "there is no such group");
    return STATUS_OK;
}

static enum status check_sees(struct rpc_ctx *ctx, const struct evaluator *evaluator)
{
    return sees(evaluator)
               ? STATUS_OK
               : rpc_fail(ctx, STATUS_PERMISSION_DENIED, "you may not see the group's evaluation");
}

enum status evaluator_take(struct rpc_ctx *ctx, const char *group_id,
                           struct evaluator *ret_evaluator)
{
    *ret_evaluator = (struct evaluator){0};
    PEK_TRY(group_id_parse(group_id, "group_id", rpc_arena(ctx), &ret_evaluator->group,
                           rpc_fault(ctx)));
    enum status status = scoreboard_store_now(ctx, ret_evaluator->group.text, &ret_evaluator->now);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    return take_rights(ctx, status == STATUS_OK, ret_evaluator);
}

enum status evaluator_find(struct rpc_ctx *ctx, const char *group_id,
                           struct evaluator *ret_evaluator)
{
    PEK_TRY(evaluator_take(ctx, group_id, ret_evaluator));
    return check_sees(ctx, ret_evaluator);
}

static enum status check_id(const char *id, const char *field, struct fault *fault)
{
    return policy_is_id(id)
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID_ARGUMENT, field, "this is no scoreboard's id");
}

enum status evaluator_read(struct rpc_ctx *ctx, const char *group_id, const char *id,
                           const char *field, struct evaluator *ret_evaluator,
                           evaluation_v1_scoreboard *ret_scoreboard)
{
    struct group_id *group = &ret_evaluator->group;
    *ret_evaluator = (struct evaluator){0};
    PEK_TRY(check_id(id, field, rpc_fault(ctx)));
    PEK_TRY(group_id_parse(group_id, "group_id", rpc_arena(ctx), group, rpc_fault(ctx)));
    enum status status =
        scoreboard_store_get(ctx, group->text, id, &ret_evaluator->now, ret_scoreboard);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    PEK_TRY(take_rights(ctx, status == STATUS_OK, ret_evaluator));
    PEK_TRY(check_sees(ctx, ret_evaluator));
    return ret_scoreboard->id[0]
               ? STATUS_OK
               : row_missing(&evaluation_v1_scoreboard_row, field, id, rpc_fault(ctx));
}

enum status evaluator_lock_any(struct change *change, const char *group_id, const char *id,
                               const char *etag, struct evaluator *ret_evaluator,
                               evaluation_v1_scoreboard *ret_scoreboard)
{
    struct group_id *group = &ret_evaluator->group;
    *ret_evaluator = (struct evaluator){0};
    PEK_TRY(check_id(id, "id", change->fault));
    PEK_TRY(group_id_parse(group_id, "group_id", change->arena, group, change->fault));
    enum status status = scoreboard_store_hold(change, group->text, &ret_evaluator->now);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    PEK_TRY(take_rights(change->ctx, status == STATUS_OK, ret_evaluator));
    PEK_TRY(check_sees(change->ctx, ret_evaluator));
    return scoreboard_store_lock(change, group->text, id, etag, ret_scoreboard);
}

enum status evaluator_lock(struct change *change, const char *group_id, const char *id,
                           const char *etag, struct evaluator *ret_evaluator,
                           evaluation_v1_scoreboard *ret_scoreboard)
{
    PEK_TRY(evaluator_lock_any(change, group_id, id, etag, ret_evaluator, ret_scoreboard));
    return scoreboard_store_check_last(change, ret_scoreboard);
}

enum status evaluator_check_edit(struct change *change, const struct evaluator *evaluator,
                                 const evaluation_v1_scoreboard *scoreboard, bool edits,
                                 evaluator_rule rule)
{
    if (!edits && !evaluator->judges)
        return fault_set(change->fault, STATUS_PERMISSION_DENIED, NULL,
                         "you may not write this of the group's evaluation");
    enum status status = STATUS_FAILED_PRECONDITION;
    if (edits)
        status = rule(&evaluator->now, scoreboard, SEMESTER_V1_SEASON_ACTION_EDIT_EVALUATION,
                      change->fault);
    /* Who is both hears why they may not as the group, unless it is the judges' season. */
    bool judging = season_rule(evaluator->now.season,
                               SEMESTER_V1_SEASON_ACTION_CORRECT_EVALUATION) != SEASON_NO;
    if (status == STATUS_FAILED_PRECONDITION && evaluator->judges && (!edits || judging))
        status = rule(&evaluator->now, scoreboard, SEMESTER_V1_SEASON_ACTION_CORRECT_EVALUATION,
                      change->fault);
    return status;
}
