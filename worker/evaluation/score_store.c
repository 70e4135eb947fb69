#include "worker/evaluation/score_store.h"

enum status score_store_groups(const struct read_batch *batch, const void *query,
                               struct pg_result **ret_rows)
{
    static const struct pg_statement groups = {
        "score_groups",
        "SELECT " EVALUATION_V1_GROUP_SCORE_COLUMNS(
            c) " FROM (SELECT v.realm, v.user_id, $5 AS semester, v.group_id, v.group_name,"
               "   sum(v.points)::integer AS points, v.sort_key FROM pek.counted_points AS v"
               "  WHERE v.user_id = $4 AND v.semester IN ($5, pek.semester_before($5))"
               "  GROUP BY v.realm, v.user_id, v.group_id, v.group_name, v.sort_key) AS c "
               "WHERE (c.sort_key, c.group_id) >= ($1::bytea, $2)"
               " AND ($3::boolean OR (c.sort_key, c.group_id) <> ($1::bytea, $2)) "
               "ORDER BY c.sort_key, c.group_id LIMIT $6::integer",
    };
    const struct score_query *wanted = query;
    return read_rows(batch, &groups,
                     PG_PARAMS(READ_POSITION(batch), pg_str(wanted->user_id),
                               pg_str(wanted->semester),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}

enum status score_store_history(const struct read_batch *batch, const void *query,
                                struct pg_result **ret_rows)
{
    static const struct pg_statement history = {
        "score_history",
        "SELECT " EVALUATION_V1_SEMESTER_SCORE_COLUMNS(
            h) " FROM pek.point_history AS h WHERE h.user_id = $4"
               " AND (h.sort_key, h.semester) >= ($1::bytea, $2)"
               " AND ($3::boolean OR (h.sort_key, h.semester) <> ($1::bytea, $2)) "
               "ORDER BY h.sort_key, h.semester LIMIT $5::integer",
    };
    const struct score_query *wanted = query;
    return read_rows(batch, &history,
                     PG_PARAMS(READ_POSITION(batch), pg_str(wanted->user_id),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}

enum status score_store_recount(struct change *change, const char *semester, bool always)
{
    static const struct pg_statement there = {
        "score_there",
        "SELECT FROM pek.point_history AS h WHERE h.semester = $1 LIMIT 1",
    };
    static const struct pg_statement forget = {
        "score_forget",
        "DELETE FROM pek.point_history AS h WHERE h.semester = $1",
    };
    static const struct pg_statement count = {
        "score_count",
        "INSERT INTO pek.point_history (user_id, semester, score, score_max) "
        "SELECT s.user_id, $1, least(r.points_score_max, trunc(sqrt(s.squares)))::integer,"
        " r.points_score_max"
        "  FROM pek.point_squares($1, NULL) AS s CROSS JOIN pek.realm_state AS r",
    };
    const struct pg_param of = pg_str(semester);
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &there, PG_PARAMS(of), &rows));
    if (!always && pg_rows(rows) == 0)
        return STATUS_OK;
    PEK_TRY(change_execute(change, &forget, PG_PARAMS(of), NULL));
    return change_execute(change, &count, PG_PARAMS(of), NULL);
}
