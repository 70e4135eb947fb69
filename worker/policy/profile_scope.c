#include "worker/policy/profile_scope.h"

#include "pek/options.rpc.h"
#include "worker/domain/domain.h"

/* 512 is VIEW_FULL_PROFILE: a literal, so that the statement can be pasted. */
_Static_assert(1u << (PEK_ACTION_VIEW_FULL_PROFILE - 1) == 512, "in SQL as a literal");
_Static_assert(PROFILE_SCOPE_MAX == 5000, "in SQL as a literal");

/* A row without a user: of everybody. 2 and 3 are NEWBIE and ACTIVE: a statement on a group is about those who are in it. */
const struct pg_statement profile_scope_statement = {
    "policy_profile_scope",
    "WITH given AS MATERIALIZED ("
    "  SELECT s.group_id, s.user_id FROM pek.policy_holding AS h CROSS JOIN LATERAL ("
    "    SELECT t.group_id, t.user_id FROM pek.policy_statement AS t"
    "     WHERE t.policy_id = h.policy_id AND t.actions & 512 <> 0 OFFSET 0) AS s"
    "   WHERE h.user_id = $1), "
    "on_all AS MATERIALIZED ("
    "  SELECT FROM given AS g WHERE g.group_id IS NULL AND g.user_id IS NULL LIMIT 1) "
    "SELECT NULL FROM on_all UNION ALL (SELECT seen.user_id FROM ("
    "  SELECT g.user_id FROM given AS g WHERE g.group_id IS NULL AND g.user_id IS NOT NULL"
    "  UNION"
    "  SELECT m.user_id FROM given AS g CROSS JOIN LATERAL ("
    "    SELECT n.user_id FROM pek.membership_now AS n WHERE n.group_id = g.group_id"
    "       AND n.status IN (2, 3) AND (g.user_id IS NULL OR n.user_id = g.user_id) OFFSET 0) AS m"
    "  ) AS seen WHERE NOT EXISTS (SELECT FROM on_all) ORDER BY 1 LIMIT 5000)",
};

enum status profile_scope_get(struct rpc_ctx *ctx, const policy_v1_get_profile_scope_request *req,
                              policy_v1_profile_scope *res)
{
    const struct domain *domain = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);
    struct pg_result *rows;
    (void)req;
    PEK_TRY(pg_read(domain->service.pg, PG_LONG_READ, rpc_cancel(ctx), &profile_scope_statement,
                    PG_PARAMS(pg_text(rpc_principal(ctx)->user)), &rows));
    size_t count = pg_rows(rows);
    res->all = count > 0 && pg_is_null(rows, 0, 0);
    res->user_ids = arena_zalloc(arena, count + 1, sizeof(*res->user_ids));
    for (size_t i = 0; res->user_ids && !res->all && i < count; i++)
        res->user_ids[res->n_user_ids++] = arena_printf(arena, "%s", pg_get_str(rows, i, 0));
    pg_result_free(rows);
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}
