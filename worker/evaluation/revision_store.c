#include "worker/evaluation/revision_store.h"

/* Whoever row `of` is of may get points now. OFFSET 0: asked of each, and not found among all people. */
#define COUNTS(of)                                                                                 \
    "EXISTS (SELECT FROM pek.evaluated_member AS m"                                                \
    "  WHERE m.group_id = " of ".group_id AND m.user_id = " of ".user_id OFFSET 0)"

/* Whose points and entries the next version has not, since they may get none now. */
static enum status say_left(struct change *change, const evaluation_v1_scoreboard *from,
                            const evaluation_v1_scoreboard *to)
{
    static const struct pg_statement left = {
        "revision_left",
        "SELECT l.user_id, sum(l.cells) OVER (), sum(l.entries) OVER () FROM ("
        "  SELECT p.user_id, count(p.points) AS cells, count(p.type) AS entries FROM ("
        "    SELECT p.group_id, p.user_id, p.points, NULL::smallint AS type FROM pek.point AS p"
        "     WHERE p.scoreboard_id = $1::bigint AND p.points > 0"
        "    UNION ALL"
        "    SELECT e.group_id, e.user_id, NULL, e.type FROM pek.entry_request AS e"
        "     WHERE e.scoreboard_id = $1::bigint AND e.type > 1) AS p"
        "   WHERE NOT " COUNTS("p") "   GROUP BY p.user_id) AS l ORDER BY l.user_id",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &left, PG_PARAMS(pg_str(from->id)), &rows));
    if (pg_rows(rows) == 0)
        return STATUS_OK;
    const char *names = scoreboard_store_names(rows, change->arena);
    const char *text = arena_printf(
        change->arena, "version %d: %s cells and %s entries left, of %s", (int)to->version,
        pg_get_str(rows, 0, 1), pg_get_str(rows, 0, 2), names ? names : "");
    return names && text ? scoreboard_store_say(change, to, "", text, NULL)
                         : STATUS_RESOURCE_EXHAUSTED;
}

enum status revision_store_make(struct change *change, const evaluation_v1_scoreboard *scoreboard,
                                evaluation_v1_scoreboard *ret_scoreboard)
{
    static const struct pg_statement make = {
        "revision_make",
        "INSERT INTO pek.scoreboard AS b (group_id, semester, version, report, created_by, "
        "work_max,"
        " responsibility_max, total_max, least) "
        "SELECT o.group_id, o.semester, o.version + 1, o.report, $2, o.work_max,"
        " o.responsibility_max, o.total_max, o.least"
        "  FROM pek.scoreboard AS o WHERE o.id = $1::bigint "
        "ON CONFLICT DO NOTHING RETURNING " EVALUATION_V1_SCOREBOARD_COLUMNS(b),
    };
    static const struct pg_statement copy = {
        "revision_guidelines",
        SCOREBOARD_STORE_COPY_GUIDELINES "$1::bigint",
    };
    static const struct pg_statement copy_drafts = {
        "revision_drafts",
        "INSERT INTO pek.point_draft (group_id, scoreboard_id, subgroup_id, revision) "
        "SELECT d.group_id, $2::bigint, d.subgroup_id, d.revision FROM pek.point_draft AS d"
        " WHERE d.scoreboard_id = $1::bigint",
    };
    static const struct pg_statement copy_draft_cells = {
        "revision_draft_cells",
        "INSERT INTO pek.point_draft_cell"
        " (scoreboard_id, subgroup_id, user_id, guideline_id, points) "
        "SELECT $2::bigint, c.subgroup_id, c.user_id, n.id, c.points FROM pek.point_draft_cell AS c"
        "  JOIN pek.guideline AS o ON o.scoreboard_id = c.scoreboard_id AND o.id = c.guideline_id"
        "  JOIN pek.guideline AS n ON n.scoreboard_id = $2::bigint AND n.position = o.position "
        "WHERE c.scoreboard_id = $1::bigint",
    };
    static const struct pg_statement copy_points = {
        "revision_points",
        "INSERT INTO pek.point"
        " (group_id, scoreboard_id, user_id, guideline_id, points, origin_group_id) "
        "SELECT p.group_id, $2::bigint, p.user_id, n.id, p.points, p.origin_group_id"
        "  FROM pek.point AS p"
        "  JOIN pek.guideline AS o ON o.scoreboard_id = p.scoreboard_id AND o.id = p.guideline_id"
        "  JOIN pek.guideline AS n ON n.scoreboard_id = $2::bigint AND n.position = o.position "
        "WHERE p.scoreboard_id = $1::bigint AND " COUNTS("p"),
    };
    static const struct pg_statement copy_entries = {
        "revision_entries",
        "INSERT INTO pek.entry_request (group_id, scoreboard_id, user_id, type, justification,"
        " recommendation, recommended_by, finalized) "
        "SELECT e.group_id, $2::bigint, e.user_id, e.type, e.justification, e.recommendation,"
        " e.recommended_by, e.finalized FROM pek.entry_request AS e "
        "WHERE e.scoreboard_id = $1::bigint AND " COUNTS("e"),
    };
    const struct pg_param from = pg_str(scoreboard->id);
    enum status status = change_row(change, &evaluation_v1_scoreboard_row, &make,
                                    PG_PARAMS(from, pg_str(change->actor)), ret_scoreboard);
    if (status == STATUS_NOT_FOUND)
        return fault_set_reason(change->fault, STATUS_ALREADY_EXISTS, SCOREBOARD_REASON_LATER, "id",
                                "somebody else has begun the next version");
    PEK_TRY(status);
    const struct pg_param to = pg_str(ret_scoreboard->id);
    PEK_TRY(change_execute(change, &copy, PG_PARAMS(from, to), NULL));
    PEK_TRY(change_execute(change, &copy_drafts, PG_PARAMS(from, to), NULL));
    PEK_TRY(change_execute(change, &copy_draft_cells, PG_PARAMS(from, to), NULL));
    PEK_TRY(change_execute(change, &copy_points, PG_PARAMS(from, to), NULL));
    PEK_TRY(change_execute(change, &copy_entries, PG_PARAMS(from, to), NULL));
    PEK_TRY(say_left(change, scoreboard, ret_scoreboard));
    return scoreboard_store_guidelines_within(change, ret_scoreboard);
}
