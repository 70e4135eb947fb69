#include "worker/evaluation/spreadsheet_store.h"

#include "shared/text/text.h"

/* ---- members of a file ---- */

/* Nothing but 0. */
static bool takes_back(const struct points_csv_row *row)
{
    for (size_t i = 0; i < row->cell_count; i++)
        if (row->cells[i]->points != 0)
            return false;
    return row->cell_count > 0;
}

struct candidate {
    struct slice user, key;
    bool has_left;
};

/* Members who may be meant: by id, or of a name that is found by the same letters. The group's names are walked, and only those
 * that are found are looked up (OFFSET 0). */
const struct pg_statement spreadsheet_store_candidates = {
    "spreadsheet_find",
    "SELECT m.user_id, m.display_name, NOT EXISTS (SELECT FROM pek.evaluated_member AS e"
    "   WHERE e.group_id = $1 AND e.user_id = m.user_id OFFSET 0)"
    "  FROM (SELECT k.user_id, k.display_name FROM pek.membership AS k WHERE k.group_id = $1"
    "     AND (k.user_id IN (SELECT unnest($3::text[]))"
    "       OR k.folded IN (SELECT unnest($4::text[]))) OFFSET 0) AS m"
    " WHERE EXISTS (SELECT FROM pek.scoreboard_member AS s"
    "   WHERE s.scoreboard_id = $2::bigint AND s.user_id = m.user_id OFFSET 0)",
};

static enum status find_candidates(struct change *change,
                                   const evaluation_v1_scoreboard *scoreboard,
                                   const struct points_csv_row *rows, size_t count,
                                   struct candidate **ret_candidates, size_t *ret_count)
{
    struct arena *arena = change->arena;
    struct slice *keys = arena_zalloc(arena, 2 * count + 1, sizeof(*keys));
    const struct pg_result *found;
    if (!keys)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        keys[i] = rows[i].key;
        PEK_TRY(text_fold(rows[i].key, arena, &keys[count + i]));
    }
    PEK_TRY(change_execute(change, &spreadsheet_store_candidates,
                           PG_PARAMS(pg_str(scoreboard->group_id), pg_str(scoreboard->id),
                                     pg_text_array(arena, keys, count),
                                     pg_text_array(arena, keys + count, count)),
                           &found));
    struct candidate *candidates = arena_zalloc(arena, pg_rows(found) + 1, sizeof(*candidates));
    for (size_t i = 0; candidates && i < pg_rows(found); i++) {
        struct slice user = pg_get_slice(found, i, 0);
        candidates[i].user = slice_str(arena_strndup(arena, user.ptr, user.len));
        candidates[i].has_left = pg_get_bool(found, i, 2);
        PEK_TRY(text_unique_key(pg_get_slice(found, i, 1), arena, &candidates[i].key));
    }
    *ret_candidates = candidates;
    *ret_count = pg_rows(found);
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

/* How many are meant, of those who have left when nobody else is; `ret_candidate` is one of them. */
static int32_t match(struct slice key, const struct candidate *candidates, size_t count,
                     const struct candidate **ret_candidate)
{
    int32_t matches[2] = {0};
    const struct candidate *found[2] = {0};
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(key, candidates[i].user)) {
            *ret_candidate = &candidates[i];
            return 1;
        }
        if (slice_equal(key, candidates[i].key)) {
            found[candidates[i].has_left] = &candidates[i];
            matches[candidates[i].has_left]++;
        }
    }
    *ret_candidate = found[matches[0] == 0];
    return matches[matches[0] == 0];
}

enum status spreadsheet_store_find(struct change *change,
                                   const evaluation_v1_scoreboard *scoreboard,
                                   const struct points_csv_row *rows, size_t count,
                                   char ***ret_users, int32_t **ret_matches)
{
    char **users = arena_zalloc(change->arena, count + 1, sizeof(*users));
    int32_t *matches = arena_zalloc(change->arena, count + 1, sizeof(*matches));
    struct candidate *candidates;
    size_t candidate_count;
    if (!users || !matches)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(find_candidates(change, scoreboard, rows, count, &candidates, &candidate_count));
    for (size_t i = 0; i < count; i++) {
        const struct candidate *candidate = NULL;
        matches[i] = match(rows[i].key, candidates, candidate_count, &candidate);
        if (matches[i] > 0 && candidate->has_left && !takes_back(&rows[i]))
            matches[i] = 0;
        if (matches[i] == 1)
            users[i] = row_string(candidate->user.ptr);
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
    /* The groups are looked up of all people of the page at once: one by one, each would read the semester's scoreboards. */
    static const struct pg_statement list = {
        "spreadsheet_scored",
        "WITH page AS ("
        "  SELECT v.realm, v.semester, v.user_id, v.display_name, v.score, v.sort_key"
        "    FROM pek.scored_user AS v WHERE v.semester = $4"
        "     AND (v.sort_key, v.user_id) >= ($1::bytea, $2)"
        "     AND ($3::boolean OR (v.sort_key, v.user_id) <> ($1::bytea, $2))"
        "   ORDER BY v.sort_key, v.user_id LIMIT $5::integer), "
        "named AS ("
        "  SELECT c.user_id,"
        "         string_agg(c.group_name, ', ' ORDER BY c.sort_key, c.group_id) AS groups"
        "    FROM pek.counted_points AS c WHERE c.semester = $4 AND c.points > 0"
        "     AND c.user_id = ANY (ARRAY(SELECT p.user_id FROM page AS p)) GROUP BY c.user_id) "
        "SELECT " EVALUATION_V1_SCORED_USER_COLUMNS(
            s) " FROM (SELECT p.*, coalesce(n.groups, '') AS groups FROM page AS p"
               "  LEFT JOIN named AS n ON n.user_id = p.user_id) AS s "
               "ORDER BY s.sort_key, s.user_id",
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
