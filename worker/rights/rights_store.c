#include "worker/rights/rights_store.h"

/* Until the next of the user's assignments ends, in milliseconds; NULL: none does. */
#define ENDS_MS                                                                                    \
    "(SELECT floor(extract(epoch FROM min(e.valid_until) - statement_timestamp()) * 1000)::bigint" \
    " FROM pek.policy_holding AS e WHERE e.user_id = $1)"
/* The statements of assignment `a` with what is added, by an index: a join could read those of everybody. */
#define OF_POLICY                                                                                  \
    "SELECT t.group_id, t.user_id, t.actions FROM pek.policy_statement AS t"                       \
    " WHERE t.policy_id = a.policy_id AND "
/* Of policies `held`: those on the whole realm, whose number is bounded, and of the others so many that one more is
 * seen. Grouped only then: what others gave is not sorted to be thrown away. In the order that policy_rights_allow
 * searches in. */
#define LOAD                                                                                       \
    "SELECT s.group_id, s.user_id, bit_or(s.actions), " ENDS_MS ", sum(count(*)) OVER () > 2000"   \
    " FROM (SELECT w.* FROM held AS a, LATERAL (" OF_POLICY                                        \
    "t.group_id IS NULL AND t.user_id IS NULL OFFSET 0) AS w "                                     \
    "UNION ALL (SELECT o.* FROM held AS a, LATERAL (" OF_POLICY                                    \
    "(t.group_id IS NOT NULL OR t.user_id IS NOT NULL) OFFSET 0) AS o LIMIT 2001)) AS s "          \
    "GROUP BY s.group_id, s.user_id ORDER BY s.group_id NULLS FIRST, s.user_id NULLS FIRST"
_Static_assert(POLICY_STATEMENTS_MAX == 2000, "in SQL as a literal, and one more");

const struct pg_statement rights_store_all = {
    "policy_rights",
    "WITH held AS (SELECT a.policy_id FROM pek.policy_holding AS a WHERE a.user_id = $1) " LOAD,
};

enum status rights_store_load(struct pg *pg, struct cancel *cancel, struct slice user,
                              const struct slice *names, size_t name_count, struct arena *arena,
                              struct pg_result **ret_rows)
{
    static const struct pg_statement named = {
        "policy_rights_named",
        "WITH held AS (SELECT a.policy_id FROM pek.policy AS p "
        "JOIN pek.policy_holding AS a ON a.realm = p.realm AND a.policy_id = p.id "
        "WHERE a.user_id = $1 AND p.name = ANY ($2::text[])) " LOAD,
    };
    if (!names)
        return pg_read(pg, PG_POINT_READ, cancel, &rights_store_all, PG_PARAMS(pg_text(user)),
                       ret_rows);
    return pg_read(pg, PG_POINT_READ, cancel, &named,
                   PG_PARAMS(pg_text(user), pg_text_array(arena, names, name_count)), ret_rows);
}

/* A restriction that the target lacks compares with NULL and does not match. Four parts, each of which an index
 * finds: with OR all of the policy would be read. */
const struct pg_statement rights_store_actions_on = {
    "policy_actions",
    "SELECT coalesce(bit_or(s.actions), 0) FROM pek.policy_holding AS a, LATERAL (" OF_POLICY
    "t.group_id IS NULL AND t.user_id IS NULL UNION ALL " OF_POLICY
    "t.group_id = $2 AND t.user_id IS NULL UNION ALL " OF_POLICY
    "t.group_id IS NULL AND t.user_id = $3 UNION ALL " OF_POLICY
    "t.group_id = $2 AND t.user_id = $3 OFFSET 0) AS s WHERE a.user_id = $1",
};

enum status rights_store_actions(struct pg *pg, struct cancel *cancel, struct slice user,
                                 const struct policy_target *target, uint32_t *ret_actions)
{
    struct pg_result *row;
    PEK_TRY(pg_read(pg, PG_POINT_READ, cancel, &rights_store_actions_on,
                    PG_PARAMS(pg_text(user), pg_str(target->group), pg_str(target->user)), &row));
    *ret_actions = (uint32_t)pg_get_int(row, 0, 0);
    pg_result_free(row);
    return STATUS_OK;
}

enum status rights_store_names(struct pg *pg, struct cancel *cancel, struct slice user,
                               struct pg_result **ret_rows)
{
    static const struct pg_statement names = {
        "policy_names",
        "SELECT p.name FROM pek.policy_holding AS a, LATERAL ("
        "  SELECT q.name FROM pek.policy AS q WHERE q.id = a.policy_id OFFSET 0) AS p "
        "WHERE a.user_id = $1 ORDER BY a.policy_id LIMIT 100",
    };
    _Static_assert(POLICY_NAMES_MAX == 100, "the LIMIT above");
    return pg_read(pg, PG_POINT_READ, cancel, &names, PG_PARAMS(pg_text(user)), ret_rows);
}

enum status rights_store_ended(struct pg *pg, struct cancel *cancel, const char *since,
                               struct pg_result **ret_rows)
{
    static const struct pg_statement ended = {
        "rights_ended",
        "SELECT statement_timestamp()::text, '' UNION ALL "
        "SELECT '', e.user_id FROM (SELECT DISTINCT a.user_id FROM pek.policy_assignment AS a"
        "  WHERE a.valid_until > $1::timestamptz AND a.valid_until <= statement_timestamp()) AS e "
        "ORDER BY 2",
    };
    return pg_read(pg, PG_POINT_READ, cancel, &ended, PG_PARAMS(pg_str(since)), ret_rows);
}

/* ---- who has been here ---- */

enum status rights_store_been_here(struct pg *pg, struct cancel *cancel, struct slice user)
{
    static const struct pg_statement add = {
        "rights_add_user",
        "INSERT INTO pek.realm_user (user_id) VALUES ($1) ON CONFLICT DO NOTHING",
    };
    static const struct pg_statement find = {
        "rights_find_user",
        "SELECT FROM pek.realm_user WHERE user_id = $1",
    };
    struct pg_result *row;
    PEK_TRY(pg_read(pg, PG_POINT_READ, cancel, &find, PG_PARAMS(pg_text(user)), &row));
    bool known = pg_rows(row) == 1;
    pg_result_free(row);
    return known ? STATUS_OK : pg_note(pg, cancel, &add, PG_PARAMS(pg_text(user)), NULL);
}

/* ---- standing ---- */

/* From $2 up. */
#define PATH                                                                                       \
    "WITH RECURSIVE path (id, parent_id, can_issue, distance) AS ("                                \
    "  SELECT p.id, p.parent_id, p.can_issue, 0 FROM pek.policy AS p WHERE p.id = $2::bigint"      \
    "  UNION ALL"                                                                                  \
    "  SELECT u.id, u.parent_id, u.can_issue, path.distance + 1 FROM path, LATERAL ("              \
    "    SELECT p.id, p.parent_id, p.can_issue FROM pek.policy AS p"                               \
    "     WHERE p.id = path.parent_id OFFSET 0) AS u WHERE path.distance < 16) "

/* The policies that the user holds on the way from $2 up, and whether they hold GOD. */
static const struct pg_statement standing = {
    "rights_standing",
    PATH "SELECT EXISTS (SELECT FROM pek.policy_statement AS s"
         "          JOIN pek.policy_holding AS b ON b.realm = s.realm AND b.policy_id = s.policy_id"
         "         WHERE s.actions >= 2048 AND b.user_id = $1),"
         "       count(*) > 0,"
         "       coalesce(bool_or(path.distance = 0 AND path.can_issue), false),"
         "       coalesce(bool_or(path.distance > 0 AND path.can_issue), false) "
         "FROM path JOIN pek.policy_holding AS a ON a.policy_id = path.id AND a.user_id = $1",
};
_Static_assert(1u << (POLICY_ACTION_GOD - 1) == 2048, "in SQL as a literal");

static enum status take_standing(struct pg_result *row, struct policy_standing *ret_standing)
{
    *ret_standing = (struct policy_standing){
        .god = pg_get_bool(row, 0, 0),
        .sees = pg_get_bool(row, 0, 1),
        .issues = pg_get_bool(row, 0, 2),
        .administers = pg_get_bool(row, 0, 3),
    };
    pg_result_free(row);
    return STATUS_OK;
}

enum status rights_store_standing(struct pg *pg, struct cancel *cancel, struct slice user,
                                  const char *policy_id, struct policy_standing *ret_standing)
{
    struct pg_result *row;
    PEK_TRY(pg_read(pg, PG_POINT_READ, cancel, &standing,
                    PG_PARAMS(pg_text(user), pg_str(policy_id)), &row));
    return take_standing(row, ret_standing);
}

enum status rights_store_standing_in(struct pg_transaction *transaction, const char *user,
                                     const char *policy_id, struct policy_standing *ret_standing)
{
    struct pg_result *row;
    PEK_TRY(pg_execute(transaction, &standing, PG_PARAMS(pg_str(user), pg_str(policy_id)), &row));
    return take_standing(row, ret_standing);
}

enum status rights_store_outlasts(struct pg_transaction *transaction, const char *user,
                                  const char *policy_id, struct pg_param until, struct arena *arena,
                                  struct slice *ret_end)
{
    static const struct pg_statement outlasts = {
        "rights_outlasts",
        PATH "SELECT to_char(max(h.valid_until) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM ("
             "  SELECT a.valid_until FROM path JOIN pek.policy_holding AS a"
             "      ON a.policy_id = path.id AND a.user_id = $1"
             "   WHERE path.distance > 0 AND path.can_issue"
             "  UNION ALL"
             "  SELECT b.valid_until FROM pek.policy_statement AS s JOIN pek.policy_holding AS b"
             "      ON b.realm = s.realm AND b.policy_id = s.policy_id"
             "   WHERE s.actions >= 2048 AND b.user_id = $1) AS h "
             "HAVING bool_and(h.valid_until IS NOT NULL)"
             "   AND ($3::timestamptz IS NULL OR $3::timestamptz > max(h.valid_until))",
    };
    struct pg_result *rows;
    *ret_end = (struct slice){0};
    PEK_TRY(pg_execute(transaction, &outlasts, PG_PARAMS(pg_str(user), pg_str(policy_id), until),
                       &rows));
    if (pg_rows(rows) > 0)
        *ret_end = arena_copy(arena, pg_get_slice(rows, 0, 0));
    pg_result_free(rows);
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}
