/* CheckPolicy: the guard's question, answered with its reasons from the rows themselves. */
#include "worker/policy/policy_check.h"

#include "worker/domain/domain.h"
#include "worker/policy/policy_admin_store.h"

static char *copied(const struct pg_result *rows, size_t row, int column, struct arena *arena)
{
    struct slice value = pg_get_slice(rows, row, column);
    return arena_strndup(arena, value.ptr ? value.ptr : "", value.len);
}

static bool grants(const struct pg_result *held, size_t row)
{
    return pg_get_int(held, row, HELD_REASON) == POLICY_GRANTS;
}

static enum status tell_grant(const struct pg_result *held, size_t row, struct arena *arena,
                              policy_v1_check_policy_response *res, struct fault *fault)
{
    policy_v1_grant *grant = arena_alloc(arena, sizeof(*grant));
    policy_v1_statement *statement = arena_alloc(arena, sizeof(*statement));
    if (!grant || !statement)
        return STATUS_RESOURCE_EXHAUSTED;
    policy_v1_grant_init(grant);
    grant->policy_id = copied(held, row, HELD_POLICY_ID, arena);
    grant->policy_name = copied(held, row, HELD_POLICY_NAME, arena);
    grant->statement = statement;
    res->grants[res->n_grants++] = grant;
    PEK_TRY(policy_v1_statement_from_row(held, row, arena, statement, fault));
    delegation_leave_out_god(statement);
    return STATUS_OK;
}

static enum status tell_refusal(const struct pg_result *held, size_t row, struct arena *arena,
                                policy_v1_check_policy_response *res)
{
    policy_v1_refusal *refusal = arena_alloc(arena, sizeof(*refusal));
    if (!refusal)
        return STATUS_RESOURCE_EXHAUSTED;
    policy_v1_refusal_init(refusal);
    refusal->policy_id = copied(held, row, HELD_POLICY_ID, arena);
    refusal->policy_name = copied(held, row, HELD_POLICY_NAME, arena);
    refusal->reason = (policy_v1_refusal_reason)pg_get_int(held, row, HELD_REASON);
    res->refusals[res->n_refusals++] = refusal;
    return STATUS_OK;
}

/* Of the policies that grant it, or else of all why they do not. */
static enum status tell_policies(const struct pg_result *held, struct arena *arena,
                                 policy_v1_check_policy_response *res, struct fault *fault)
{
    size_t count = pg_rows(held);
    res->grants = arena_zalloc(arena, count + 1, sizeof(*res->grants));
    res->refusals = arena_zalloc(arena, count + 1, sizeof(*res->refusals));
    if (!res->grants || !res->refusals)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++)
        res->allowed |= grants(held, i);
    for (size_t i = 0; i < count; i++) {
        if (grants(held, i))
            PEK_TRY(tell_grant(held, i, arena, res, fault));
        else if (!res->allowed)
            PEK_TRY(tell_refusal(held, i, arena, res));
    }
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

/* What the guard would have found by each hint alone. */
static enum status tell_hints(const struct pg_result *held, const struct slice *names, size_t count,
                              struct arena *arena, policy_v1_check_policy_response *res)
{
    res->hints = arena_zalloc(arena, count + 1, sizeof(*res->hints));
    for (size_t n = 0; res->hints && n < count; n++) {
        policy_v1_hint *hint = arena_alloc(arena, sizeof(*hint));
        if (!hint)
            break;
        policy_v1_hint_init(hint);
        hint->policy_name = arena_strndup(arena, names[n].ptr, names[n].len);
        for (size_t i = 0; i < pg_rows(held); i++) {
            if (!slice_equal(names[n], pg_get_slice(held, i, HELD_POLICY_NAME)))
                continue;
            hint->held = true;
            hint->grants = grants(held, i);
        }
        res->hints[res->n_hints++] = hint;
    }
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status policy_check(struct rpc_ctx *ctx, const policy_v1_check_policy_request *req,
                         policy_v1_check_policy_response *res)
{
    const struct domain *domain = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);
    struct policy_question question = {
        .user = req->user_id[0] ? slice_str(req->user_id) : rpc_principal(ctx)->user,
        .bit = policy_action_bit((uint32_t)req->action),
        .target.user = req->target_user_id[0] ? req->target_user_id : NULL,
    };
    struct pg_result *held;
    question.hints = guard_hints(ctx, &question.hint_count);
    if (question.bit == 0)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "action", "action is required");
    if (req->group_id[0]) {
        question.target.group = policy_group_id(req->group_id, arena);
        if (!question.target.group)
            return STATUS_RESOURCE_EXHAUSTED;
    }
    PEK_TRY(policy_admin_held(domain->service.pg, rpc_cancel(ctx), &question, arena, &held));
    enum status status = tell_hints(held, question.hints, question.hint_count, arena, res);
    if (status == STATUS_OK)
        status = tell_policies(held, arena, res, rpc_fault(ctx));
    pg_result_free(held);
    return status;
}
