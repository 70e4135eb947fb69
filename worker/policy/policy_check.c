/* CheckPolicy: the guard's question, answered with its reasons from the rows themselves. */
#include "worker/policy/policy_admin_store.h"
#include "worker/policy/policy_explain.h"
#include "worker/policy/policy_handlers.h"
#include "worker/policy/policy_message.h"

/* What a user holds: statements policy by policy, as rows and as rules know them. */
struct held {
    const struct pg_result *rows;
    struct policy_statement *statements; /* one a row; without actions where a policy has none */
    size_t count;
};

static enum status take_held(const struct pg_result *rows, struct arena *arena,
                             struct held *ret_held)
{
    struct held held = {.rows = rows, .count = pg_rows(rows)};
    held.statements = arena_zalloc(arena, held.count + 1, sizeof(*held.statements));
    if (!held.statements)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < held.count; i++)
        held.statements[i] = (struct policy_statement){
            .group =
                pg_is_null(rows, i, STATEMENT_GROUP) ? NULL : pg_get_str(rows, i, STATEMENT_GROUP),
            .user =
                pg_is_null(rows, i, STATEMENT_USER) ? NULL : pg_get_str(rows, i, STATEMENT_USER),
            .actions = (uint32_t)pg_get_int(rows, i, STATEMENT_ACTIONS),
        };
    *ret_held = held;
    return STATUS_OK;
}

/* Behind the last row of the policy that begins at `first`. */
static size_t end_of_policy(const struct held *held, size_t first)
{
    size_t end = first + 1;
    struct slice id = pg_get_slice(held->rows, first, STATEMENT_POLICY_ID);
    while (end < held->count && slice_equal(id, pg_get_slice(held->rows, end, STATEMENT_POLICY_ID)))
        end++;
    return end;
}

static char *copied(const struct held *held, size_t row, int column, struct arena *arena)
{
    struct slice value = pg_get_slice(held->rows, row, column);
    return arena_strndup(arena, value.ptr, value.len);
}

static enum status tell_grants(const struct held *held, const bool *grants, struct arena *arena,
                               policy_v1_check_policy_response *res)
{
    res->grants = arena_zalloc(arena, POLICY_ACTION_GOD, sizeof(*res->grants));
    if (!res->grants)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < held->count; i++) {
        if (!grants[i])
            continue;
        policy_v1_grant *grant = arena_alloc(arena, sizeof(*grant));
        policy_v1_statement *statement = arena_alloc(arena, sizeof(*statement));
        if (!grant || !statement)
            return STATUS_RESOURCE_EXHAUSTED;
        policy_v1_grant_init(grant);
        policy_v1_statement_init(statement);
        grant->policy_id = copied(held, i, STATEMENT_POLICY_ID, arena);
        grant->policy_name = copied(held, i, STATEMENT_POLICY_NAME, arena);
        grant->statement = statement;
        enum status status = policy_statement_to_message(held->rows, i, arena, statement);
        if (status != STATUS_OK)
            return status;
        /* Each adds one of the eleven at least. */
        res->grants[res->n_grants++] = grant;
    }
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static enum status tell_refusals(const struct held *held, uint32_t bits,
                                 const struct policy_target *target, struct arena *arena,
                                 policy_v1_check_policy_response *res)
{
    res->refusals = arena_zalloc(arena, held->count + 1, sizeof(*res->refusals));
    for (size_t i = 0; res->refusals && i < held->count;) {
        size_t end = end_of_policy(held, i);
        policy_v1_refusal *refusal = arena_alloc(arena, sizeof(*refusal));
        if (!refusal)
            break;
        policy_v1_refusal_init(refusal);
        refusal->policy_id = copied(held, i, STATEMENT_POLICY_ID, arena);
        refusal->policy_name = copied(held, i, STATEMENT_POLICY_NAME, arena);
        refusal->reason = (policy_v1_refusal_reason)policy_explain_refusal(&held->statements[i],
                                                                           end - i, bits, target);
        res->refusals[res->n_refusals++] = refusal;
        i = end;
    }
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

/* What the guard would have found by each hint alone. */
static enum status tell_hints(struct rpc_ctx *ctx, const struct held *held, uint32_t bits,
                              const struct policy_target *target, bool *grants,
                              policy_v1_check_policy_response *res)
{
    struct arena *arena = rpc_arena(ctx);
    size_t count;
    const struct slice *names = guard_hints(ctx, &count);
    res->hints = arena_zalloc(arena, count + 1, sizeof(*res->hints));
    for (size_t n = 0; res->hints && n < count; n++) {
        policy_v1_hint *hint = arena_alloc(arena, sizeof(*hint));
        if (!hint)
            break;
        policy_v1_hint_init(hint);
        hint->policy_name = arena_strndup(arena, names[n].ptr, names[n].len);
        for (size_t i = 0, end; i < held->count; i = end) {
            end = end_of_policy(held, i);
            if (!slice_equal(names[n], pg_get_slice(held->rows, i, STATEMENT_POLICY_NAME)))
                continue;
            hint->held = true;
            hint->grants =
                policy_explain_grants(&held->statements[i], end - i, bits, target, grants);
        }
        res->hints[res->n_hints++] = hint;
    }
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static enum status explain(struct rpc_ctx *ctx, const struct held *held, uint32_t bits,
                           const struct policy_target *target, policy_v1_check_policy_response *res)
{
    struct arena *arena = rpc_arena(ctx);
    bool *grants = arena_zalloc(arena, held->count + 1, sizeof(*grants));
    if (!grants)
        return STATUS_RESOURCE_EXHAUSTED;
    enum status status = tell_hints(ctx, held, bits, target, grants, res);
    if (status != STATUS_OK)
        return status;
    res->allowed = policy_explain_grants(held->statements, held->count, bits, target, grants);
    return res->allowed ? tell_grants(held, grants, arena, res)
                        : tell_refusals(held, bits, target, arena, res);
}

enum status policy_handle_check(struct rpc_ctx *ctx, const policy_v1_check_policy_request *req,
                                policy_v1_check_policy_response *res)
{
    const struct domain *domain = rpc_data(ctx);
    uint32_t bits = policy_action_bits((uint32_t)req->action);
    struct slice user = req->user_id[0] ? slice_str(req->user_id) : rpc_principal(ctx)->user;
    struct policy_target target = {
        .user = req->target_user_id[0] ? req->target_user_id : NULL,
    };
    struct pg_result *rows;
    struct held held;
    if (bits == 0)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "action", "action is required");
    if (req->group_id[0]) {
        target.group = policy_group_id(req->group_id, rpc_arena(ctx));
        if (!target.group)
            return STATUS_RESOURCE_EXHAUSTED;
    }
    enum status status = policy_admin_held(domain->pg, rpc_cancel(ctx), user, &rows);
    if (status != STATUS_OK)
        return status;
    status = pg_rows(rows) <= POLICY_STATEMENTS_MAX ? take_held(rows, rpc_arena(ctx), &held)
                                                    : STATUS_RESOURCE_EXHAUSTED;
    if (status == STATUS_OK)
        status = explain(ctx, &held, bits, &target, res);
    pg_result_free(rows);
    return status;
}
