/* What policy_admin_store.h reads outside a change. */
#include "worker/policy/policy_admin_store.h"

#include "worker/rights/rights_store.h"

const struct pg_statement policy_admin_get = {
    "policy_admin_get",
    "SELECT " POLICY_V1_POLICY_COLUMNS(p) " FROM pek.policy AS p WHERE p.id = $1::bigint",
};

const struct pg_statement policy_admin_statements = {
    "policy_admin_statements",
    "(SELECT " POLICY_V1_STATEMENT_COLUMNS(
        s) " FROM pek.policy_statement AS s WHERE s.policy_id = $1::bigint"
           "  AND s.resource <> 'GROUP_ESCALATION' ORDER BY s.id LIMIT 2001) UNION ALL "
           "(SELECT " POLICY_V1_STATEMENT_COLUMNS(
               s) " FROM pek.policy_statement AS s WHERE s.policy_id = $1::bigint"
                  "  AND s.user_id IS NULL AND s.resource = 'GROUP_ESCALATION' "
                  "ORDER BY s.group_id LIMIT 2001) LIMIT "
                  "2001",
};
_Static_assert(POLICY_ADMIN_TOLD_STATEMENTS_MAX == 2000, "the LIMIT above is one more");

const struct pg_statement policy_admin_group = {
    "policy_admin_group",
    "SELECT l.group_id, l.kind FROM pek.group_policy AS l WHERE l.policy_id = $1::bigint",
};

/* $1 key, $2 id, $3 inclusive, $4 limit. No two of a realm have one key: it has the id in it. */
#define BEHIND                                                                                     \
    "p.sort_key >= $1::bytea AND ($3::boolean OR (p.sort_key, p.id::text) <> ($1::bytea, $2)) "
/* Without those that the realm made, one for each group and post: the parameter of that number, as "5". */
#define MADE(number) "AND (NOT $" number "::boolean OR p.made_by IS NOT NULL) "
#define IN_ORDER "ORDER BY p.sort_key LIMIT $4::integer"
/* What $5 holds, and all below it. */
#define SEEN                                                                                       \
    "WITH RECURSIVE seen (id) AS ("                                                                \
    "  SELECT a.policy_id FROM pek.policy_holding AS a WHERE a.user_id = $5"                       \
    "  UNION"                                                                                      \
    "  SELECT c.id FROM seen, LATERAL ("                                                           \
    "    SELECT q.id FROM pek.policy AS q WHERE q.parent_id = seen.id OFFSET 0) AS c) "            \
    "SELECT " POLICY_V1_POLICY_COLUMNS(p) " FROM seen, LATERAL ("                                  \
                                          "  SELECT * FROM pek.policy AS q"                        \
                                          "   WHERE q.id = seen.id OFFSET 0) AS p WHERE " BEHIND

const struct pg_statement policy_admin_list_all = {
    "policy_admin_list_all",
    "SELECT " POLICY_V1_POLICY_COLUMNS(p) " FROM pek.policy AS p WHERE " BEHIND MADE("5") IN_ORDER,
};

enum status policy_admin_list(const struct read_batch *batch, const void *query,
                              struct pg_result **ret_rows)
{
    static const struct pg_statement children = {
        "policy_admin_list_children",
        "SELECT " POLICY_V1_POLICY_COLUMNS(
            p) " FROM pek.policy AS p WHERE p.parent_id = $5::bigint AND " BEHIND MADE("6")
            IN_ORDER,
    };
    static const struct pg_statement seen = {"policy_admin_list_seen", SEEN MADE("6") IN_ORDER};
    static const struct pg_statement seen_children = {
        "policy_admin_list_seen_children",
        SEEN "AND p.parent_id = $6::bigint " MADE("7") IN_ORDER,
    };
    const struct policy_query *wanted = query;
    const struct policy_scope *scope = batch->scope;
    const struct pg_param limit = pg_int(batch->arena, (int64_t)batch->limit);
    const struct pg_param made = pg_bool(wanted->by_people);
    const struct pg_param viewer = pg_text(wanted->viewer), parent = pg_str(wanted->parent_id);
    if (scope->all && wanted->parent_id)
        return read_rows(batch, &children, PG_PARAMS(READ_POSITION(batch), limit, parent, made),
                         ret_rows);
    if (scope->all)
        return read_rows(batch, &policy_admin_list_all,
                         PG_PARAMS(READ_POSITION(batch), limit, made), ret_rows);
    if (wanted->parent_id)
        return read_rows(batch, &seen_children,
                         PG_PARAMS(READ_POSITION(batch), limit, viewer, parent, made), ret_rows);
    return read_rows(batch, &seen, PG_PARAMS(READ_POSITION(batch), limit, viewer, made), ret_rows);
}

enum status policy_admin_assignments(const struct read_batch *batch, const void *policy_id,
                                     struct pg_result **ret_rows)
{
    /* Their order has no key but the user's id. */
    static const struct pg_statement assignments = {
        "policy_admin_assignments",
        "SELECT " POLICY_V1_ASSIGNMENT_COLUMNS(
            a) " FROM pek.policy_holding AS a "
               "WHERE a.policy_id = $1::bigint AND a.user_id >= $2 "
               "AND ($3::boolean OR a.user_id <> $2) ORDER BY a.user_id LIMIT $4::integer",
    };
    return read_rows(batch, &assignments,
                     PG_PARAMS(pg_str(policy_id), pg_str(batch->after_id),
                               pg_bool(batch->inclusive),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}

#define IS_THERE RIGHTS_STORE_KNOWS("$4")
#define GROUPS RIGHTS_STORE_GROUPS_OF("$4")

enum status policy_admin_held(struct pg *pg, struct cancel *cancel,
                              const struct policy_question *question, struct arena *arena,
                              struct pg_result **ret_held)
{
    static const struct pg_statement held = {
        "policy_admin_held",
        /* A person without a group is about each group that they are in. */
        "WITH target AS MATERIALIZED ("
        "  SELECT $4::text IS NULL OR " IS_THERE "AS is_there,"
        "         ARRAY (" GROUPS "AND $3::text IS NULL UNION ALL SELECT $3) AS groups), "
        "nearest AS ("
        "  SELECT DISTINCT ON (p.id) " POLICY_V1_STATEMENT_COLUMNS(
            s) ","
               "         p.id AS policy_id, p.name,"
               "         CASE WHEN s.id IS NULL THEN 1"
               "              WHEN s.group_id IS NOT NULL"
               "               AND s.group_id = ANY (target.groups) IS NOT TRUE THEN 2"
               "              WHEN NOT target.is_there THEN 3"
               "              WHEN s.user_id <> coalesce($4, '') THEN 3 ELSE 4 END AS reason"
               "    FROM target, pek.policy_holding AS a, LATERAL ("
               "      SELECT q.id, q.name FROM pek.policy AS q WHERE q.id = a.policy_id OFFSET 0"
               "    ) AS p"
               "    LEFT JOIN LATERAL ("
               "      SELECT * FROM pek.policy_statement AS t WHERE t.policy_id = p.id"
               "         AND t.actions & $2::integer <> 0 OFFSET 0) AS s ON true"
               "   WHERE a.user_id = $1 ORDER BY p.id, reason DESC, s.id) "
               "SELECT * FROM (SELECT * FROM nearest"
               "  ORDER BY nearest.name = ANY ($5::text[]) DESC, reason = 4 DESC, policy_id"
               "  LIMIT 1000) AS told ORDER BY policy_id",
    };
    _Static_assert(POLICY_ADMIN_HELD_MAX == 1000, "the LIMIT above");
    return pg_read(pg, PG_POINT_READ, cancel, &held,
                   PG_PARAMS(pg_text(question->user), pg_int(arena, question->bit),
                             pg_str(question->target.group), pg_str(question->target.user),
                             pg_text_array(arena, question->hints, question->hint_count)),
                   ret_held);
}
