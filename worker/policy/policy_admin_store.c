/* What policy_admin_store.h reads outside a change. */
#include "worker/policy/policy_admin_sql.h"

const struct pg_statement policy_admin_get_sql = {
    "policy_admin_get",
    "SELECT " POLICY_COLUMNS "FROM pek.policy AS p WHERE p.id = $1::bigint",
};

const struct pg_statement policy_admin_rows_sql = {
    "policy_admin_rows",
    "(SELECT " STATEMENT_COLUMNS "FROM pek.policy_statement AS s WHERE s.policy_id = $1::bigint"
    "  AND s.resource <> 'GROUP_ESCALATION' ORDER BY s.id LIMIT 2001) UNION ALL "
    "(SELECT " STATEMENT_COLUMNS "FROM pek.policy_statement AS s WHERE s.policy_id = $1::bigint"
    "  AND s.resource = 'GROUP_ESCALATION' ORDER BY s.group_id LIMIT 2001) LIMIT 2001",
};
_Static_assert(POLICY_ADMIN_TOLD_STATEMENTS_MAX == 2000, "the LIMIT above is one more");

enum status policy_admin_list(struct pg *pg, struct cancel *cancel, const struct policy_list *list,
                              struct arena *arena, struct pg_result **ret_policies)
{
    static const struct pg_statement all = {
        "policy_admin_list_all",
        "SELECT " POLICY_COLUMNS "FROM pek.policy AS p WHERE p.id > $1::bigint "
        "AND ($2::bigint = 0 OR p.parent_id = $2::bigint) ORDER BY p.id LIMIT $3::integer",
    };
    static const struct pg_statement seen = {
        "policy_admin_list_seen",
        "WITH RECURSIVE seen (id) AS ("
        "  SELECT a.policy_id FROM pek.policy_assignment AS a WHERE a.user_id = $4"
        "  UNION"
        "  SELECT c.id FROM seen, LATERAL ("
        "    SELECT q.id FROM pek.policy AS q WHERE q.parent_id = seen.id OFFSET 0) AS c) "
        "SELECT " POLICY_COLUMNS "FROM seen, LATERAL ("
        "  SELECT * FROM pek.policy AS q WHERE q.id = seen.id OFFSET 0) AS p "
        "WHERE p.id > $1::bigint AND ($2::bigint = 0 OR p.parent_id = $2::bigint) "
        "ORDER BY p.id LIMIT $3::integer",
    };
    const struct pg_param params[] = {
        pg_str(list->after_id),
        pg_str(list->parent_id),
        pg_int(arena, (int64_t)list->limit),
        pg_text(list->viewer),
    };
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    return pg_read(pg, PG_LONG_READ, cancel, list->all ? &all : &seen, params, list->all ? 3 : 4,
                   ret_policies);
}

enum status policy_admin_get(struct pg *pg, struct cancel *cancel, const char *id,
                             struct pg_result **ret_policy)
{
    return pg_read(pg, PG_POINT_READ, cancel, &policy_admin_get_sql, PARAMS(pg_str(id)),
                   ret_policy);
}

enum status policy_admin_get_statements(struct pg *pg, struct cancel *cancel, const char *id,
                                        struct pg_result **ret_statements)
{
    return pg_read(pg, PG_POINT_READ, cancel, &policy_admin_rows_sql, PARAMS(pg_str(id)),
                   ret_statements);
}

enum status policy_admin_assignments(struct pg *pg, struct cancel *cancel, const char *id,
                                     const char *after_user, size_t limit, struct arena *arena,
                                     struct pg_result **ret_assignments)
{
    static const struct pg_statement assignments = {
        "policy_admin_assignments",
        "SELECT " ASSIGNMENT_COLUMNS "FROM pek.policy_assignment AS a "
        "WHERE a.policy_id = $1::bigint AND a.user_id > $2 ORDER BY a.user_id LIMIT $3::integer",
    };
    struct pg_param count = pg_int(arena, (int64_t)limit);
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    return pg_read(pg, PG_LONG_READ, cancel, &assignments,
                   PARAMS(pg_str(id), pg_str(after_user), count), ret_assignments);
}

enum status policy_admin_held(struct pg *pg, struct cancel *cancel,
                              const struct policy_question *question, struct arena *arena,
                              struct pg_result **ret_held)
{
    static const struct pg_statement held = {
        "policy_admin_held",
        "WITH nearest AS ("
        "  SELECT DISTINCT ON (p.id) s.id, s.group_id, s.user_id, s.resource, s.actions,"
        "         p.id AS policy_id, p.name,"
        "         CASE WHEN s.id IS NULL THEN 1 WHEN s.group_id <> coalesce($3, '') THEN 2"
        "              WHEN s.user_id <> coalesce($4, '') THEN 3 ELSE 4 END AS reason"
        "    FROM pek.policy_assignment AS a, LATERAL ("
        "      SELECT q.id, q.name FROM pek.policy AS q WHERE q.id = a.policy_id OFFSET 0) AS p"
        "    LEFT JOIN LATERAL ("
        "      SELECT * FROM pek.policy_statement AS t WHERE t.policy_id = p.id"
        "         AND t.actions & $2::integer <> 0 OFFSET 0) AS s ON true"
        "   WHERE a.user_id = $1 ORDER BY p.id, reason DESC, s.id) "
        "SELECT * FROM (SELECT * FROM nearest"
        "  ORDER BY nearest.name = ANY ($5::text[]) DESC, reason = 4 DESC, policy_id LIMIT 1000)"
        "  AS told ORDER BY policy_id",
    };
    _Static_assert(POLICY_ADMIN_HELD_MAX == 1000, "the LIMIT above");
    const struct pg_param params[] = {
        pg_text(question->user),
        pg_int(arena, question->bit),
        pg_str(question->target.group),
        pg_str(question->target.user),
        pg_text_array(arena, question->hints, question->hint_count),
    };
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    return pg_read(pg, PG_POINT_READ, cancel, &held, params, 5, ret_held);
}
