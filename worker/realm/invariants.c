#include "worker/realm/invariants.h"

#include <libpq-fe.h>
#include <stdlib.h>

#include "worker/policy/policy_store.h"

/* Each statement answers what breaks it, as a text; row security limits all of them to the realm. */
static const struct {
    const char *name, *sql;
} invariants[] = {
    {"no active group is under an archived one",
     "SELECT g.id FROM pek.realm_group AS g JOIN pek.realm_group AS p ON p.id = g.parent_id"
     " WHERE p.is_archived AND NOT g.is_archived"},
    {"every group hangs under an organisation of its own name",
     "WITH RECURSIVE reached (id, org) AS ("
     "  SELECT g.id, g.org FROM pek.realm_group AS g"
     "   WHERE g.parent_id IS NULL"
     "  UNION"
     "  SELECT g.id, g.org FROM reached JOIN pek.realm_group AS g"
     "    ON g.parent_id = reached.id AND g.org = reached.org) "
     "SELECT g.id FROM pek.realm_group AS g WHERE g.id NOT IN (SELECT reached.id FROM reached)"},
    {"every policy is within the one above it",
     "SELECT c.name FROM pek.policy AS c JOIN pek.policy_statement AS s ON s.policy_id = c.id"
     " WHERE c.parent_id IS NOT NULL AND NOT EXISTS (SELECT FROM pek.policy_statement AS q"
     "   WHERE q.policy_id = c.parent_id AND " POLICY_STORE_WITHIN ")"},
    {"somebody who has been here has GOD",
     "SELECT 'nobody' WHERE EXISTS (SELECT FROM pek.policy)"
     "  AND NOT EXISTS (SELECT FROM pek.policy_statement AS s JOIN pek.policy_assignment AS a"
     "    ON a.policy_id = s.policy_id WHERE s.actions >= 2048"
     "     AND a.valid_until IS NULL)"},
    {"policies and statements are counted as there are",
     "SELECT coalesce(c.made_by, made.made_by) FROM pek.policy_count AS c FULL JOIN ("
     "  SELECT p.made_by, count(*) AS policies FROM pek.policy AS p WHERE p.made_by IS NOT NULL"
     "   GROUP BY p.made_by) AS made ON made.made_by = c.made_by"
     " WHERE coalesce(c.made_by, '-') <> ''"
     "   AND coalesce(c.policies, 0) <> coalesce(made.policies, 0)"},
    {"every membership has exactly one open period",
     "SELECT m.group_id || ' ' || m.user_id FROM pek.membership AS m WHERE 1 <> ("
     "  SELECT count(*) FROM pek.membership_period AS s WHERE s.group_id = m.group_id"
     "     AND s.user_id = m.user_id AND s.end_time IS NULL)"},
    {"every period begins where the one before it ends",
     "SELECT s.group_id || ' ' || s.user_id FROM pek.membership_period AS s"
     "  LEFT JOIN pek.membership_period AS n ON n.group_id = s.group_id"
     "    AND n.user_id = s.user_id AND n.seq = s.seq + 1"
     " WHERE s.end_time IS DISTINCT FROM n.begin_time"},
    {"members are in the order of their names, applicants first",
     "SELECT m.group_id || ' ' || m.user_id FROM pek.membership AS m"
     "  JOIN pek.person AS p ON p.id = m.user_id"
     "  JOIN pek.membership_period AS s ON s.group_id = m.group_id AND s.user_id = m.user_id"
     "    AND s.end_time IS NULL"
     " WHERE m.sort_key <> (CASE s.status WHEN 1 THEN '\\x00'::bytea ELSE '\\x01'::bytea END)"
     "   || p.sort_key"},
    {"members are told by the names of people, and as what their periods and posts say",
     "SELECT m.group_id || ' ' || m.user_id FROM pek.membership AS m"
     "  JOIN pek.person AS p ON p.id = m.user_id"
     "  LEFT JOIN pek.membership_now AS n ON n.group_id = m.group_id AND n.user_id = m.user_id"
     "  LEFT JOIN LATERAL (SELECT s.* FROM pek.membership_period AS s"
     "     WHERE s.group_id = m.group_id AND s.user_id = m.user_id"
     "       AND s.begin_time <= statement_timestamp()"
     "     ORDER BY s.seq DESC LIMIT 1) AS s ON true"
     "  LEFT JOIN LATERAL (SELECT string_agg(concat_ws(' ', t.kind, t.id, t.name), E'\n'"
     "       ORDER BY t.kind, t.sort_key, t.id) AS lines"
     "      FROM pek.post AS o JOIN pek.post_type AS t ON t.id = o.type_id"
     "     WHERE o.group_id = m.group_id AND o.user_id = m.user_id) AS o ON true"
     " WHERE (m.display_name, m.folded, m.posts, n.status, n.status_time, n.end_time)"
     "   IS DISTINCT FROM"
     "   (p.display_name, p.folded, coalesce(o.lines, ''), s.status, s.begin_time, s.end_time)"},
    {"memberships are what the audit log says last",
     "SELECT coalesce(told.id, m.group_id || ' ' || m.user_id) FROM ("
     "   SELECT DISTINCT ON (l.target_id, l.detail->>'user_id')"
     "     l.target_id || ' ' || (l.detail->>'user_id') AS id, l.detail->'periods'->-1->>'status' "
     "AS status"
     "     FROM pek.audit_log AS l WHERE l.target_kind = 'membership'"
     "    ORDER BY l.target_id, l.detail->>'user_id', l.id DESC) AS told"
     "  FULL JOIN (SELECT s.* FROM pek.membership_period AS s WHERE s.end_time IS NULL) AS m"
     "    ON told.id = m.group_id || ' ' || m.user_id"
     " WHERE told.status::integer IS DISTINCT FROM m.status::integer"
     /* What it said before it was thinned is gone; not of what changed since. */
     "   AND NOT (told.id IS NULL AND EXISTS (SELECT FROM pek.audit_log AS p"
     "     JOIN pek.membership AS s ON s.group_id = m.group_id AND s.user_id = m.user_id"
     "    WHERE p.action = 'audit.prune' AND s.update_time < (p.detail->>'before')::timestamptz))"},
    {"members hold the policies of their groups and posts, and nobody else does",
     "SELECT coalesce(due.user_id, held.user_id) || ' ' || coalesce(due.policy_id, held.policy_id)"
     "  FROM (SELECT l.policy_id, m.user_id FROM pek.group_policy AS l"
     "          JOIN pek.member AS m ON m.group_id = l.group_id"
     "         WHERE l.kind = 1 AND m.status IN (2, 3)"
     "        UNION ALL"
     "        SELECT t.policy_id, m.user_id FROM pek.post_type AS t"
     "          JOIN pek.post AS o ON o.group_id = t.group_id AND o.type_id = t.id"
     "          JOIN pek.member AS m ON m.group_id = o.group_id AND m.user_id = o.user_id"
     "         WHERE t.policy_id IS NOT NULL AND m.status IN (2, 3)) AS due"
     "  FULL JOIN (SELECT a.policy_id, a.user_id FROM pek.policy_holding AS a"
     "          JOIN pek.group_policy AS l ON l.policy_id = a.policy_id"
     "         WHERE l.kind IN (1, 3)) AS held"
     "    ON held.policy_id = due.policy_id AND held.user_id = due.user_id"
     " WHERE due.user_id IS NULL OR held.user_id IS NULL"},
    {"who leads a group is a member of it, and one does",
     "SELECT l.group_id FROM pek.group_policy AS l JOIN pek.policy_holding AS a"
     "    ON a.policy_id = l.policy_id"
     "  LEFT JOIN pek.member AS m ON m.group_id = l.group_id AND m.user_id = a.user_id"
     "   AND m.status IN (2, 3)"
     " WHERE l.kind = 2 GROUP BY l.group_id HAVING count(*) > 1 OR count(m.user_id) < 1"},
    {"the realm is in one semester",
     "SELECT count(*)::text FROM pek.realm_state AS r HAVING count(*) <> 1"},
    {"points are within what their guidelines give",
     "SELECT u.id::text FROM pek.guideline AS u JOIN pek.point AS p"
     "    ON p.scoreboard_id = u.scoreboard_id AND p.guideline_id = u.id"
     " GROUP BY u.realm, u.id HAVING max(p.points) > u.max_per_member"
     "     OR (u.max_per_guideline > 0 AND sum(p.points) > u.max_per_guideline)"},
    /* An acceptance may be taken back when the next version is there. */
    {"a scoreboard's version follows one that was judged",
     "SELECT b.id::text FROM pek.scoreboard AS b WHERE b.version > 1 AND NOT EXISTS ("
     "  SELECT FROM pek.scoreboard AS o WHERE o.group_id = b.group_id AND o.semester = b.semester"
     "     AND o.version = b.version - 1 AND greatest(o.point_status, o.entry_status) >= 3)"},
    {"nothing is said of a KDO but while groups write",
     "SELECT e.scoreboard_id || ' ' || e.user_id FROM pek.entry_request AS e, pek.realm_state AS r"
     " WHERE r.season <> 2 AND e.type = 1 AND e.justification <> ''"},
    /* Of the semester that is open, and of the next one, they are told again when it is closed. */
    {"scores are what points come to",
     "SELECT coalesce(h.user_id, s.user_id) || ' ' || coalesce(h.semester, s.semester)"
     "  FROM (SELECT h.* FROM pek.point_history AS h, pek.realm_state AS r WHERE r.season = 1"
     "    OR r.semester NOT IN (h.semester, pek.semester_before(h.semester))) AS h"
     "  FULL JOIN (SELECT d.semester, d.score_max, s.user_id, s.squares FROM ("
     "      SELECT h.semester, max(h.score_max) AS score_max FROM pek.point_history AS h"
     "        JOIN pek.realm_state AS r ON r.season = 1"
     "          OR r.semester NOT IN (h.semester, pek.semester_before(h.semester))"
     "       GROUP BY h.semester) AS d"
     "    CROSS JOIN LATERAL pek.point_squares(d.semester, NULL) AS s) AS s"
     "    ON s.user_id = h.user_id AND s.semester = h.semester"
     " WHERE s.user_id IS NULL"
     "    OR h.score IS DISTINCT FROM least(h.score_max, trunc(sqrt(s.squares)))"},
    {"every name is found by its letters",
     "SELECT g.id FROM pek.realm_group AS g, pek.realm_state AS r"
     " WHERE r.search_version <> '' AND NOT EXISTS (SELECT FROM pek.search_gram AS s"
     "   WHERE s.kind = CASE WHEN g.is_archived THEN 'archived_' ELSE '' END || 'group'"
     "     AND s.gram = left(g.folded, 1) AND s.sort_key = g.sort_key"
     "     AND s.id = g.id AND s.folded = g.folded)"},
};

static bool run(PGconn *connection, const char *sql, const char *value, PGresult **ret_result,
                struct fault *fault)
{
    const char *values[] = {value};
    *ret_result = PQexecParams(connection, sql, value ? 1 : 0, NULL, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(*ret_result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return true;
    (void)!fault_set(fault, STATUS_UNAVAILABLE, "database_owner", "%s", PQerrorMessage(connection));
    return false;
}

static bool execute(PGconn *connection, const char *sql, const char *value, struct fault *fault)
{
    PGresult *result;
    bool done = run(connection, sql, value, &result, fault);
    PQclear(result);
    return done;
}

static bool verify(PGconn *connection, size_t i, invariant_told told, void *arg, size_t *broken,
                   struct fault *fault)
{
    PGresult *result;
    bool done = run(connection, invariants[i].sql, NULL, &result, fault);
    int rows = done ? PQntuples(result) : 0;
    if (done)
        told(arg, invariants[i].name, rows, rows > 0 ? PQgetvalue(result, 0, 0) : "");
    *broken += rows > 0;
    PQclear(result);
    return done;
}

enum status invariants_verify(const char *conninfo, const char *realm, invariant_told told,
                              void *arg, size_t *ret_broken, struct fault *fault)
{
    PGconn *connection = PQconnectdb(conninfo);
    size_t broken = 0;
    bool done =
        execute(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, fault) &&
        execute(connection, "SET LOCAL ROLE pek_owner", NULL, fault) &&
        execute(connection, "SELECT set_config('pek.realm', $1, true)", realm, fault);
    for (size_t i = 0; done && i < sizeof(invariants) / sizeof(invariants[0]); i++)
        done = verify(connection, i, told, arg, &broken, fault);
    PQfinish(connection);
    *ret_broken = broken;
    return done ? STATUS_OK : STATUS_UNAVAILABLE;
}
