#include "worker/evaluation/point_table_store.h"

#include <stdlib.h>

#define MEMBER_COLUMNS                                                                             \
    EVALUATION_V1_MEMBER_POINTS_COLUMNS(m) ", m.cells, m.work, m.responsibility, m.total"
enum {
    CELLS = EVALUATION_V1_MEMBER_POINTS_COLUMN_COUNT,
    WORK,
    RESPONSIBILITY,
    TOTAL,
    MEMBER_COLUMN_COUNT,
};

/* ---- members ---- */

enum status point_table_store_members(const struct read_batch *batch, const void *query,
                                      struct pg_result **ret_rows)
{
    static const struct pg_statement list = {
        "point_table_members",
        "SELECT " MEMBER_COLUMNS " FROM pek.scoreboard_points AS m "
        "WHERE m.scoreboard_id = $4::bigint AND (m.sort_key, m.user_id) >= ($1::bytea, $2)"
        " AND ($3::boolean OR (m.sort_key, m.user_id) <> ($1::bytea, $2)) "
        "ORDER BY m.sort_key, m.user_id LIMIT $5::integer",
    };
    const struct scoreboard_query *wanted = query;
    return read_rows(batch, &list,
                     PG_PARAMS(READ_POSITION(batch), pg_str(wanted->scoreboard->id),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}

enum status point_table_store_take_cells(struct slice text, struct arena *arena,
                                         evaluation_v1_point_cell ***ret_cells, size_t *ret_count)
{
    evaluation_v1_point_cell *cells =
        arena_zalloc(arena, SCOREBOARD_GUIDELINES_MAX, sizeof(*cells));
    evaluation_v1_point_cell **list = arena_zalloc(arena, SCOREBOARD_GUIDELINES_MAX, sizeof(*list));
    size_t count = 0;
    if (!cells || !list)
        return STATUS_RESOURCE_EXHAUSTED;
    for (; text.len > 0 && count < SCOREBOARD_GUIDELINES_MAX; count++) {
        evaluation_v1_point_cell *cell = &cells[count];
        struct slice id = slice_cut(&text, ' '), points = slice_cut(&text, ' '),
                     origin = slice_cut(&text, ' ');
        *cell = (evaluation_v1_point_cell)EVALUATION_V1_POINT_CELL_INIT;
        cell->guideline_id = arena_strndup(arena, id.ptr, id.len);
        if (!slice_equal_str(origin, "-"))
            cell->origin_group_id = arena_strndup(arena, origin.ptr, origin.len);
        const char *number = arena_strndup(arena, points.ptr, points.len);
        if (arena->failed)
            return STATUS_RESOURCE_EXHAUSTED;
        cell->points = (int32_t)strtol(number, NULL, 10);
        list[count] = cell;
    }
    *ret_cells = list;
    *ret_count = count;
    return STATUS_OK;
}

enum status point_table_store_cells(const struct pg_result *rows, size_t row, struct arena *arena,
                                    evaluation_v1_member_points *member)
{
    PEK_TRY(point_table_store_take_cells(pg_get_slice(rows, row, CELLS), arena, &member->cells,
                                         &member->n_cells));
    member->work = (int32_t)pg_get_int(rows, row, WORK);
    member->responsibility = (int32_t)pg_get_int(rows, row, RESPONSIBILITY);
    member->total = (int32_t)pg_get_int(rows, row, TOTAL);
    return STATUS_OK;
}

/* ---- totals ---- */

enum { TOTALS_COLUMNS = 4 };

/* Sum, number of those above 0, average and highest, from column `at` on. NULL when the arena is full. */
static evaluation_v1_point_totals *take_totals(const struct pg_result *rows, size_t row, int at,
                                               struct arena *arena)
{
    evaluation_v1_point_totals *totals = arena_alloc(arena, sizeof(*totals));
    if (!totals)
        return NULL;
    *totals = (evaluation_v1_point_totals)EVALUATION_V1_POINT_TOTALS_INIT;
    totals->sum = (int32_t)pg_get_int(rows, row, at);
    totals->scored_count = (int32_t)pg_get_int(rows, row, at + 1);
    totals->average = strtod(pg_get_str(rows, row, at + 2), NULL);
    totals->highest = (int32_t)pg_get_int(rows, row, at + 3);
    return totals;
}

/* The columns of pek.scoreboard_totals, from column `at` on. */
static enum status take_scoreboard_totals(const struct pg_result *rows, size_t row, int at,
                                          struct arena *arena, evaluation_v1_scoreboard *scoreboard)
{
    evaluation_v1_scoreboard_totals *totals = arena_alloc(arena, sizeof(*totals));
    if (!totals)
        return STATUS_RESOURCE_EXHAUSTED;
    *totals = (evaluation_v1_scoreboard_totals)EVALUATION_V1_SCOREBOARD_TOTALS_INIT;
    totals->members_count = (int32_t)pg_get_int(rows, row, at);
    totals->total = take_totals(rows, row, at + 1, arena);
    totals->work = take_totals(rows, row, at + 1 + TOTALS_COLUMNS, arena);
    totals->responsibility = take_totals(rows, row, at + 1 + 2 * TOTALS_COLUMNS, arena);
    scoreboard->totals = totals;
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status point_table_store_boards(const struct read_batch *batch, const void *group_id,
                                     struct pg_result **ret_rows)
{
    static const struct pg_statement list = {
        "point_table_boards",
        "SELECT " EVALUATION_V1_SCOREBOARD_COLUMNS(
            b) ", t.* FROM ("
               "  SELECT b.* FROM pek.scoreboard AS b WHERE b.group_id = $4"
               "     AND (b.sort_key, b.id::text COLLATE \"C\") >= ($1::bytea, $2)"
               "     AND ($3::boolean OR (b.sort_key, b.id::text COLLATE \"C\") <> ($1::bytea, $2))"
               "   ORDER BY b.sort_key, b.id::text COLLATE \"C\" LIMIT $5::integer) AS b"
               " CROSS JOIN LATERAL pek.scoreboard_totals(b.id) AS t "
               "ORDER BY b.sort_key, b.id::text COLLATE \"C\"",
    };
    const char *const *group = group_id;
    return read_rows(batch, &list,
                     PG_PARAMS(READ_POSITION(batch), pg_str(*group),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}

enum status point_table_store_totals(const struct pg_result *rows, size_t row, struct arena *arena,
                                     evaluation_v1_scoreboard *scoreboard)
{
    return take_scoreboard_totals(rows, row, EVALUATION_V1_SCOREBOARD_COLUMN_COUNT, arena,
                                  scoreboard);
}

/* ---- a table ---- */

static enum status take_guidelines(struct rpc_ctx *ctx, const struct pg_result *rows,
                                   evaluation_v1_point_table *table)
{
    struct arena *arena = rpc_arena(ctx);
    size_t count = pg_rows(rows);
    evaluation_v1_guideline_totals *totals = arena_zalloc(arena, count + 1, sizeof(*totals)),
                                   **list = arena_zalloc(arena, count + 1, sizeof(*list));
    PEK_TRY(scoreboard_store_take_guidelines(rows, arena, rpc_fault(ctx), table->scoreboard));
    for (size_t i = 0; totals && list && i < count; i++) {
        totals[i] = (evaluation_v1_guideline_totals)EVALUATION_V1_GUIDELINE_TOTALS_INIT;
        totals[i].guideline_id = table->scoreboard->guidelines[i]->id;
        totals[i].totals = take_totals(rows, i, EVALUATION_V1_GUIDELINE_COLUMN_COUNT, arena);
        list[i] = &totals[i];
    }
    table->guidelines = list;
    table->n_guidelines = count;
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static enum status take_members(struct rpc_ctx *ctx, const struct pg_result *rows,
                                evaluation_v1_point_table *table)
{
    struct arena *arena = rpc_arena(ctx);
    size_t count = pg_rows(rows);
    evaluation_v1_member_points *members = arena_zalloc(arena, count, sizeof(*members)),
                                **list = arena_zalloc(arena, count, sizeof(*list));
    if (!members || !list)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(take_scoreboard_totals(rows, 0, MEMBER_COLUMN_COUNT, arena, table->scoreboard));
    /* Of nobody there is a row all the same, for the totals. */
    if (table->scoreboard->totals->members_count == 0)
        return STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        PEK_TRY(evaluation_v1_member_points_row.read(rows, i, arena, &members[i], rpc_fault(ctx)));
        PEK_TRY(point_table_store_cells(rows, i, arena, &members[i]));
        list[i] = &members[i];
    }
    table->members = list;
    table->n_members = count;
    return STATUS_OK;
}

enum status point_table_store_read(struct rpc_ctx *ctx, evaluation_v1_scoreboard *scoreboard,
                                   evaluation_v1_point_table *ret_table)
{
    static const struct pg_statement guidelines = {
        "point_table_guidelines",
        "SELECT " EVALUATION_V1_GUIDELINE_COLUMNS(
            u) ", t.* FROM pek.guideline AS u"
               " CROSS JOIN LATERAL (SELECT coalesce(sum(p.points), 0), count(*) FILTER (WHERE "
               "p.points > 0),"
               "   coalesce(round(avg(p.points) FILTER (WHERE p.points > 0), 2), 0),"
               "   coalesce(max(p.points), 0) FROM pek.point AS p"
               "  WHERE p.scoreboard_id = u.scoreboard_id AND p.guideline_id = u.id) AS t "
               "WHERE u.scoreboard_id = $1::bigint ORDER BY u.position",
    };
    static const struct pg_statement members = {
        "point_table_all",
        "SELECT " MEMBER_COLUMNS ", t.* FROM pek.scoreboard_totals($1::bigint) AS t LEFT JOIN ("
        "  SELECT m.* FROM pek.scoreboard_points AS m WHERE m.scoreboard_id = $1::bigint"
        "   ORDER BY m.sort_key, m.user_id LIMIT $2::integer) AS m ON true "
        "ORDER BY m.sort_key, m.user_id",
    };
    const struct service *service = rpc_data(ctx);
    const struct pg_param id = pg_str(scoreboard->id);
    evaluation_v1_point_table table = EVALUATION_V1_POINT_TABLE_INIT;
    struct pg_result *rows;
    table.scoreboard = scoreboard;
    PEK_TRY(
        pg_read(service->pg, PG_POINT_READ, rpc_cancel(ctx), &guidelines, PG_PARAMS(id), &rows));
    enum status status = take_guidelines(ctx, rows, &table);
    pg_result_free(rows);
    PEK_TRY(status);
    PEK_TRY(pg_read(service->pg, PG_POINT_READ, rpc_cancel(ctx), &members,
                    PG_PARAMS(id, pg_int(rpc_arena(ctx), POINT_TABLE_MEMBERS_MAX)), &rows));
    status = take_members(ctx, rows, &table);
    pg_result_free(rows);
    PEK_TRY(status);
    *ret_table = table;
    return STATUS_OK;
}
