#include "worker/evaluation/spreadsheet_store.h"

/* ---- members of a file ---- */

/* Nothing but 0. */
static bool takes_back(const struct points_csv_row *row)
{
    for (size_t i = 0; i < row->cell_count; i++)
        if (row->cells[i]->points != 0)
            return false;
    return row->cell_count > 0;
}

enum status spreadsheet_store_find(struct change *change,
                                   const evaluation_v1_scoreboard *scoreboard,
                                   const struct points_csv_row *rows, size_t count,
                                   char ***ret_users, int32_t **ret_matches)
{
    static const struct pg_statement find = {
        "spreadsheet_find",
        "WITH members AS MATERIALIZED ("
        "  SELECT m.user_id, m.display_name, NOT EXISTS (SELECT FROM pek.evaluated_member AS e"
        "     WHERE e.group_id = $1 AND e.user_id = m.user_id) AS has_left"
        "    FROM pek.scoreboard_member AS m WHERE m.scoreboard_id = $3::bigint) "
        "SELECT coalesce(of_id.user_id, of_name.user_id),"
        "       CASE WHEN of_id.user_id IS NULL THEN of_name.matches ELSE 1 END,"
        "       coalesce(of_id.has_left, of_name.has_left, false)"
        "  FROM unnest($2::text[]) WITH ORDINALITY AS w (who, position)"
        "  LEFT JOIN members AS of_id ON of_id.user_id = w.who"
        "  LEFT JOIN (SELECT DISTINCT ON (m.display_name) m.display_name, m.has_left,"
        "                    min(m.user_id) AS user_id, count(*) AS matches"
        "               FROM members AS m GROUP BY m.display_name, m.has_left"
        "              ORDER BY m.display_name, m.has_left) AS of_name"
        "    ON of_name.display_name = w.who ORDER BY w.position",
    };
    struct slice *names = arena_zalloc(change->arena, count + 1, sizeof(*names));
    char **users = arena_zalloc(change->arena, count + 1, sizeof(*users));
    int32_t *matches = arena_zalloc(change->arena, count + 1, sizeof(*matches));
    const struct pg_result *found;
    if (!names || !users || !matches)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++)
        names[i] = rows[i].member;
    PEK_TRY(change_execute(change, &find,
                           PG_PARAMS(pg_str(scoreboard->group_id),
                                     pg_text_array(change->arena, names, count),
                                     pg_str(scoreboard->id)),
                           &found));
    for (size_t i = 0; i < count && i < pg_rows(found); i++) {
        struct slice user = pg_get_slice(found, i, 0);
        matches[i] = (int32_t)pg_get_int(found, i, 1);
        if (pg_get_bool(found, i, 2) && !takes_back(&rows[i]))
            matches[i] = 0;
        if (matches[i] == 1)
            users[i] = arena_strndup(change->arena, user.ptr, user.len);
    }
    *ret_users = users;
    *ret_matches = matches;
    return change->arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

/* ---- lists ---- */

enum status spreadsheet_store_entries(const struct read_batch *batch, const void *semester,
                                      struct pg_result **ret_rows)
{
    static const struct pg_statement list = {
        "spreadsheet_entries",
        "SELECT " EVALUATION_V1_ACCEPTED_ENTRY_COLUMNS(
            e) " FROM pek.accepted_entry AS e WHERE e.semester = $4"
               " AND (e.sort_key, e.user_id) >= ($1::bytea, $2)"
               " AND ($3::boolean OR (e.sort_key, e.user_id) <> ($1::bytea, $2)) "
               "ORDER BY e.sort_key, e.user_id LIMIT $5::integer",
    };
    return read_rows(batch, &list,
                     PG_PARAMS(READ_POSITION(batch), pg_str(semester),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}

enum status spreadsheet_store_scored(const struct read_batch *batch, const void *semester,
                                     struct pg_result **ret_rows)
{
    static const struct pg_statement list = {
        "spreadsheet_scored",
        "SELECT " EVALUATION_V1_SCORED_USER_COLUMNS(
            s) " FROM pek.scored_user AS s WHERE s.semester = $4"
               " AND (s.sort_key, s.user_id) >= ($1::bytea, $2)"
               " AND ($3::boolean OR (s.sort_key, s.user_id) <> ($1::bytea, $2)) "
               "ORDER BY s.sort_key, s.user_id LIMIT $5::integer",
    };
    return read_rows(batch, &list,
                     PG_PARAMS(READ_POSITION(batch), pg_str(semester),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}

enum status spreadsheet_store_active(const struct read_batch *batch, const void *semester,
                                     struct pg_result **ret_rows)
{
    static const struct pg_statement list = {
        "spreadsheet_active",
        "SELECT " EVALUATION_V1_ACTIVE_USER_COLUMNS(
            p) " FROM pek.person AS p WHERE NOT p.is_deleted AND p.id IN ("
               "  SELECT h.user_id FROM pek.point_history AS h"
               "   WHERE h.semester IN ($4, pek.semester_before($4)) AND h.score > 0)"
               " AND (p.sort_key, p.id) >= ($1::bytea, $2)"
               " AND ($3::boolean OR (p.sort_key, p.id) <> ($1::bytea, $2)) "
               "ORDER BY p.sort_key, p.id LIMIT $5::integer",
    };
    return read_rows(batch, &list,
                     PG_PARAMS(READ_POSITION(batch), pg_str(semester),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}
