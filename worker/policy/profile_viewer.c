#include "worker/policy/profile_viewer.h"

#include "pek/options.rpc.h"
#include "shared/service/read.h"
#include "worker/domain/domain.h"
#include "worker/rights/rights_store.h"

enum { REALM, USER_ID, DISPLAY_NAME, POLICY_ID, POLICY_NAME, SORT_KEY };

/* 512 is VIEW_FULL_PROFILE: a literal, so that each statement can be pasted. */
#define GIVES "t.actions & 512 <> 0"
_Static_assert(1u << (PEK_ACTION_VIEW_FULL_PROFILE - 1) == 512, "in SQL as a literal");

/* The groups that the caller is in; and policies with a statement that gives the right on them: four parts, each of which an
 * index finds. */
#define MINE "mine AS MATERIALIZED (" RIGHTS_STORE_GROUPS_OF("$5") "), "
#define STATEMENTS "SELECT t.policy_id FROM pek.policy_statement AS t"
#define GROUP_STATEMENTS                                                                           \
    "SELECT t.policy_id FROM mine JOIN pek.policy_statement AS t ON t.group_id = mine.group_id"
#define GIVING                                                                                     \
    "giving AS MATERIALIZED (" STATEMENTS                                                          \
    " WHERE t.group_id IS NULL AND t.user_id IS NULL AND " GIVES " UNION " STATEMENTS              \
    " WHERE t.group_id IS NULL AND t.user_id = $5 AND " GIVES " UNION " GROUP_STATEMENTS           \
    " WHERE t.user_id IS NULL AND " GIVES " UNION " GROUP_STATEMENTS                               \
    " WHERE t.user_id = $5 AND " GIVES "), "
#define KNOWN RIGHTS_STORE_KNOWS("$5")

const struct pg_statement profile_viewer_statement = {
    "policy_profile_viewers",
    "WITH " MINE GIVING "viewers AS ("
    "  SELECT q.realm, a.user_id, coalesce(p.display_name, a.user_id) AS display_name,"
    "         q.id::text COLLATE \"C\" AS policy_id, q.name,"
    "         coalesce(p.sort_key, ''::bytea) || '\\x00'::bytea || convert_to(a.user_id, 'UTF8')"
    "           AS sort_key"
    "    FROM giving"
    "   CROSS JOIN LATERAL (SELECT h.user_id FROM pek.policy_holding AS h"
    "           WHERE h.policy_id = giving.policy_id OFFSET 0) AS a"
    "   CROSS JOIN LATERAL (SELECT r.realm, r.id, r.name FROM pek.policy AS r"
    "           WHERE r.id = giving.policy_id OFFSET 0) AS q"
    "    LEFT JOIN pek.person AS p ON p.id = a.user_id WHERE " KNOWN ") "
    "SELECT v.realm, v.user_id, v.display_name, v.policy_id, v.name, v.sort_key"
    "  FROM viewers AS v WHERE (v.sort_key, v.policy_id) >= ($1::bytea, $2)"
    "   AND ($3::boolean OR (v.sort_key, v.policy_id) <> ($1::bytea, $2))"
    " ORDER BY v.sort_key, v.policy_id LIMIT $4::integer",
};

static enum status read_viewer(const struct pg_result *rows, size_t index, struct arena *arena,
                               void *ret_message, struct fault *fault)
{
    struct row row = {.rows = rows, .index = index, .arena = arena};
    policy_v1_profile_viewer viewer = POLICY_V1_PROFILE_VIEWER_INIT;
    (void)fault;
    viewer.realm = row_text(&row, REALM);
    viewer.user_id = row_text(&row, USER_ID);
    viewer.display_name = row_text(&row, DISPLAY_NAME);
    viewer.policy_id = row_text(&row, POLICY_ID);
    viewer.policy_name = row_text(&row, POLICY_NAME);
    viewer.sort_key = row_bytes(&row, SORT_KEY);
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    *(policy_v1_profile_viewer *)ret_message = viewer;
    return STATUS_OK;
}

static enum status next_viewers(const struct read_batch *batch, const void *user,
                                struct pg_result **ret_rows)
{
    const struct slice *me = user;
    return read_rows(
        batch, &profile_viewer_statement,
        PG_PARAMS(READ_POSITION(batch), pg_int(batch->arena, (int64_t)batch->limit), pg_text(*me)),
        ret_rows);
}

enum status profile_viewer_list(struct rpc_ctx *ctx,
                                const policy_v1_list_profile_viewers_request *req,
                                struct policy_v1_list_profile_viewers_stream *stream)
{
    static const struct row_type type = {"viewer", &pek__policy__v1__profile_viewer__descriptor,
                                         read_viewer, .key_count = 0};
    (void)stream;
    const struct read_list list = {
        .type = &type,
        .request = req,
        READ_PAGE(req),
        .next = next_viewers,
        .arg = &rpc_principal(ctx)->user,
    };
    return read_list(ctx, &list);
}
