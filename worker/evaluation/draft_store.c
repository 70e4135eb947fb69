#include "worker/evaluation/draft_store.h"

#include <stdio.h>

#include "worker/evaluation/point_table_store.h"

/* ---- a draft ---- */

/* $1 parent, $2 semester, $3 subgroup. */
#define DRAFT                                                                                      \
    "SELECT " EVALUATION_V1_POINT_DRAFT_COLUMNS(                                                   \
        d) ", d.semester, d.point_status,"                                                         \
           " (SELECT count(*) FROM pek.evaluated_member AS e WHERE e.group_id = $3"                \
           "   AND NOT EXISTS (SELECT FROM pek.evaluated_member AS a"                              \
           "     WHERE a.group_id = $1 AND a.user_id = e.user_id)) FROM ("                         \
           "  SELECT b.realm, $3 AS subgroup_id, b.group_id, b.id AS scoreboard_id,"               \
           "   n.update_time, coalesce(n.revision, 0) AS revision, b.semester, b.point_status"     \
           "    FROM pek.scoreboard AS b LEFT JOIN pek.point_draft AS n"                           \
           "      ON n.scoreboard_id = b.id AND n.subgroup_id = $3"                                \
           "   WHERE b.group_id = $1 AND b.semester = $2 ORDER BY b.version DESC LIMIT 1) AS d"
/* Who has something in it, and who may get points in both groups and has nothing. $1 scoreboard, $2 subgroup, $3 parent,
 * $4 how many. */
static const struct pg_statement members = {
    "draft_members",
    "WITH drafted AS ("
    "  SELECT d.* FROM pek.drafted_points AS d"
    "   WHERE d.scoreboard_id = $1::bigint AND d.subgroup_id = $2) "
    "SELECT " EVALUATION_V1_DRAFTED_POINTS_COLUMNS(
        m) ", m.cells FROM ("
           "  SELECT d.realm, d.scoreboard_id, d.subgroup_id, d.subgroup_name, d.user_id,"
           "   d.display_name, d.sort_key, d.standing, d.cells FROM drafted AS d"
           "  UNION ALL"
           "  SELECT e.realm, $1::bigint, e.group_id, g.name, e.user_id, e.display_name,"
           "   e.sort_key, 1, '' FROM pek.evaluated_member AS e"
           "    JOIN pek.evaluated_member AS a ON a.group_id = $3 AND a.user_id = e.user_id"
           "    JOIN pek.realm_group AS g ON g.id = e.group_id"
           "   WHERE e.group_id = $2"
           "     AND NOT EXISTS (SELECT FROM drafted AS d WHERE d.user_id = e.user_id)) AS m "
           "ORDER BY m.sort_key, m.user_id LIMIT $4::integer",
};
#define MEMBERS(arena, draft)                                                                      \
    PG_PARAMS(pg_str((draft)->scoreboard_id), pg_str((draft)->group_id),                           \
              pg_str((draft)->parent_id), pg_int(arena, DRAFT_MEMBERS_MAX))

enum status draft_store_cells(const struct pg_result *rows, size_t row, struct arena *arena,
                              evaluation_v1_drafted_points *member)
{
    return point_table_store_take_cells(
        pg_get_slice(rows, row, EVALUATION_V1_DRAFTED_POINTS_COLUMN_COUNT), arena, &member->cells,
        &member->n_cells);
}

static enum status take_members(const struct pg_result *rows, struct arena *arena,
                                struct fault *fault, evaluation_v1_point_draft *draft)
{
    size_t count = pg_rows(rows);
    evaluation_v1_drafted_points *items = arena_zalloc(arena, count + 1, sizeof(*items)),
                                 **list = arena_zalloc(arena, count + 1, sizeof(*list));
    if (!items || !list)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        PEK_TRY(evaluation_v1_drafted_points_from_row(rows, i, arena, &items[i], fault));
        PEK_TRY(draft_store_cells(rows, i, arena, &items[i]));
        list[i] = &items[i];
    }
    draft->members = list;
    draft->n_members = count;
    return STATUS_OK;
}

static enum status take_draft(const struct pg_result *rows, struct arena *arena,
                              struct fault *fault, evaluation_v1_point_draft *ret_draft)
{
    enum { SEMESTER = EVALUATION_V1_POINT_DRAFT_COLUMN_COUNT, POINT_STATUS, WITHOUT };
    PEK_TRY(row_take(&evaluation_v1_point_draft_row, rows, arena, ret_draft, fault));
    struct slice semester = pg_get_slice(rows, 0, SEMESTER);
    ret_draft->semester = arena_strndup(arena, semester.ptr, semester.len);
    ret_draft->point_status = (evaluation_v1_evaluation_status)pg_get_int(rows, 0, POINT_STATUS);
    ret_draft->without_points_count = (int32_t)pg_get_int(rows, 0, WITHOUT);
    return ret_draft->semester ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
}

static enum status read_members(struct rpc_ctx *ctx, evaluation_v1_point_draft *draft)
{
    const struct service *service = rpc_data(ctx);
    evaluation_v1_scoreboard scoreboard = EVALUATION_V1_SCOREBOARD_INIT;
    struct arena *arena = rpc_arena(ctx);
    struct pg_result *rows;
    scoreboard.id = draft->scoreboard_id;
    PEK_TRY(scoreboard_store_guidelines(ctx, &scoreboard));
    draft->guidelines = scoreboard.guidelines;
    draft->n_guidelines = scoreboard.n_guidelines;
    PEK_TRY(pg_read(service->pg, PG_POINT_READ, rpc_cancel(ctx), &members, MEMBERS(arena, draft),
                    &rows));
    enum status status = take_members(rows, arena, rpc_fault(ctx), draft);
    pg_result_free(rows);
    return status;
}

enum status draft_store_read(struct rpc_ctx *ctx, const char *subgroup_id,
                             const struct scoreboard_now *now, evaluation_v1_point_draft *ret_draft)
{
    static const struct pg_statement get = {"draft_get", DRAFT};
    const struct service *service = rpc_data(ctx);
    struct pg_result *rows;
    PEK_TRY(pg_read(service->pg, PG_POINT_READ, rpc_cancel(ctx), &get,
                    PG_PARAMS(pg_str(now->parent_id), pg_str(now->semester), pg_str(subgroup_id)),
                    &rows));
    enum status status = take_draft(rows, rpc_arena(ctx), rpc_fault(ctx), ret_draft);
    pg_result_free(rows);
    PEK_TRY(status);
    return read_members(ctx, ret_draft);
}

enum status draft_store_list(const struct read_batch *batch, const void *query,
                             struct pg_result **ret_rows)
{
    static const struct pg_statement list = {
        "draft_list",
        "SELECT " EVALUATION_V1_DRAFTED_POINTS_COLUMNS(
            d) ", d.cells FROM pek.drafted_points AS d WHERE d.scoreboard_id = $4::bigint"
               " AND d.is_listed"
               " AND (d.sort_key, d.subgroup_id) >= ($1::bytea, $2)"
               " AND ($3::boolean OR (d.sort_key, d.subgroup_id) <> ($1::bytea, $2)) "
               "ORDER BY d.sort_key, d.subgroup_id LIMIT $5::integer",
    };
    const struct scoreboard_query *wanted = query;
    return read_rows(batch, &list,
                     PG_PARAMS(READ_POSITION(batch), pg_str(wanted->scoreboard->id),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}

/* ---- writing ---- */

enum status draft_store_hold_tree(struct change *change, struct slice org)
{
    static const struct pg_statement hold = {
        "draft_hold_tree",
        "SELECT FROM pek.realm_group AS g WHERE g.id = $1 || '@' || $1 FOR SHARE",
    };
    return change_execute(change, &hold, PG_PARAMS(pg_text(org)), NULL);
}

enum status draft_store_hold(struct change *change, const char *parent_id, const char *semester,
                             evaluation_v1_scoreboard *ret_scoreboard)
{
    static const struct pg_statement hold = {
        "draft_hold",
        "SELECT " EVALUATION_V1_SCOREBOARD_COLUMNS(
            b) " FROM pek.scoreboard AS b WHERE b.group_id = $1 AND b.semester = $2"
               " ORDER BY b.version DESC LIMIT 1 FOR SHARE",
    };
    PEK_TRY(change_row(change, &evaluation_v1_scoreboard_row, &hold,
                       PG_PARAMS(pg_str(parent_id), pg_str(semester)), ret_scoreboard));
    return scoreboard_store_guidelines_within(change, ret_scoreboard);
}

/* The row of the draft, which is there from now on. */
static enum status lock(struct change *change, const char *subgroup_id,
                        const evaluation_v1_scoreboard *scoreboard, const char *etag)
{
    static const struct pg_statement make = {
        "draft_make",
        "INSERT INTO pek.point_draft (group_id, scoreboard_id, subgroup_id) "
        "VALUES ($1, $2::bigint, $3) ON CONFLICT DO NOTHING",
    };
    static const struct pg_statement lock_it = {
        "draft_lock",
        "SELECT " EVALUATION_V1_POINT_DRAFT_COLUMNS(
            d) " FROM pek.point_draft AS d"
               " WHERE d.scoreboard_id = $1::bigint AND d.subgroup_id = $2 FOR NO KEY UPDATE",
    };
    const struct pg_param id = pg_str(scoreboard->id), subgroup = pg_str(subgroup_id);
    evaluation_v1_point_draft draft;
    PEK_TRY(
        change_execute(change, &make, PG_PARAMS(pg_str(scoreboard->group_id), id, subgroup), NULL));
    PEK_TRY(change_row(change, &evaluation_v1_point_draft_row, &lock_it, PG_PARAMS(id, subgroup),
                       &draft));
    return row_check_etag(&evaluation_v1_point_draft_row, &draft, subgroup_id, etag, change->fault);
}

static enum status set_cells(struct change *change, const char *subgroup_id,
                             const evaluation_v1_scoreboard *scoreboard,
                             const evaluation_v1_batch_set_point_draft_request *req)
{
    static const struct pg_statement set = {
        "draft_set",
        "INSERT INTO pek.point_draft_cell AS c"
        " (scoreboard_id, subgroup_id, user_id, guideline_id, points) "
        "SELECT $1::bigint, $2, w.user_id, w.guideline_id::bigint, w.points::integer"
        "  FROM unnest($3::text[], $4::text[], $5::text[]) AS w (user_id, guideline_id, points) "
        "ON CONFLICT (realm, scoreboard_id, subgroup_id, user_id, guideline_id)"
        " DO UPDATE SET points = excluded.points WHERE c.points <> excluded.points",
    };
    struct arena *arena = change->arena;
    size_t count = req->n_points;
    struct slice *cells = arena_zalloc(arena, 3 * count + 1, sizeof(*cells));
    for (size_t i = 0; cells && i < count; i++) {
        const char *points = arena_printf(arena, "%d", (int)req->points[i]->points);
        cells[i] = slice_str(req->points[i]->user_id);
        cells[count + i] = slice_str(req->points[i]->guideline_id);
        cells[2 * count + i] = points ? slice_str(points) : (struct slice){0};
    }
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    return change_execute(change, &set,
                          PG_PARAMS(pg_str(scoreboard->id), pg_str(subgroup_id),
                                    pg_text_array(arena, cells, count),
                                    pg_text_array(arena, cells + count, count),
                                    pg_text_array(arena, cells + 2 * count, count)),
                          NULL);
}

enum status draft_store_set(struct change *change, const char *subgroup_id,
                            const evaluation_v1_scoreboard *scoreboard,
                            const evaluation_v1_batch_set_point_draft_request *req,
                            evaluation_v1_point_draft *ret_draft)
{
    static const struct pg_statement touch = {
        "draft_touch",
        "UPDATE pek.point_draft AS d SET revision = d.revision + 1, update_time = now() "
        "WHERE d.scoreboard_id = $1::bigint AND d.subgroup_id = $2",
    };
    static const struct pg_statement get = {"draft_written", DRAFT};
    const struct pg_param subgroup = pg_str(subgroup_id);
    const struct pg_result *rows;
    PEK_TRY(lock(change, subgroup_id, scoreboard, req->etag));
    PEK_TRY(set_cells(change, subgroup_id, scoreboard, req));
    PEK_TRY(change_execute(change, &touch, PG_PARAMS(pg_str(scoreboard->id), subgroup), NULL));
    PEK_TRY(change_execute(
        change, &get,
        PG_PARAMS(pg_str(scoreboard->group_id), pg_str(scoreboard->semester), subgroup), &rows));
    PEK_TRY(take_draft(rows, change->arena, change->fault, ret_draft));
    ret_draft->guidelines = scoreboard->guidelines;
    ret_draft->n_guidelines = scoreboard->n_guidelines;
    PEK_TRY(change_execute(change, &members, MEMBERS(change->arena, ret_draft), &rows));
    return take_members(rows, change->arena, change->fault, ret_draft);
}

/* ---- taking over ---- */

/* Who has cells that do not count, and why. */
static enum status fail_standing(struct change *change, const char *field, const char *user,
                                 evaluation_v1_draft_standing standing, const char *subgroup_id,
                                 const char *group_id)
{
    bool of_subgroup = standing == EVALUATION_V1_DRAFT_STANDING_NOT_IN_SUBGROUP;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, SCOREBOARD_REASON_NO_MEMBER,
                            field, "%s is neither a newcomer nor an active member of %s", user,
                            of_subgroup ? subgroup_id : group_id);
}

/* Cells that are named: each is in the draft, and counts. */
static enum status check_named(struct change *change, const struct draft_taking *taking,
                               struct pg_param users, struct pg_param guidelines)
{
    static const struct pg_statement missing = {
        "draft_missing",
        "SELECT w.position - 1, w.user_id, coalesce(c.standing, 0)"
        "  FROM unnest($3::text[], $4::text[])"
        "    WITH ORDINALITY AS w (user_id, guideline_id, position)"
        "  LEFT JOIN pek.drafted_cell AS c ON c.scoreboard_id = $1::bigint AND c.subgroup_id = $2"
        "    AND c.user_id = w.user_id AND c.guideline_id::text = w.guideline_id "
        "WHERE c.standing IS DISTINCT FROM 1 ORDER BY w.position LIMIT 1",
    };
    const struct pg_result *rows;
    char field[64];
    PEK_TRY(change_execute(
        change, &missing,
        PG_PARAMS(pg_str(taking->scoreboard->id), pg_str(taking->subgroup_id), users, guidelines),
        &rows));
    if (pg_rows(rows) == 0)
        return STATUS_OK;
    int64_t standing = pg_get_int(rows, 0, 2);
    snprintf(field, sizeof(field), "cells[%s]%s", pg_get_str(rows, 0, 0),
             standing ? ".user_id" : "");
    return standing
               ? fail_standing(change, field, pg_get_str(rows, 0, 1),
                               (evaluation_v1_draft_standing)standing, taking->subgroup_id,
                               taking->scoreboard->group_id)
               : fault_set(change->fault, STATUS_NOT_FOUND, field, "the draft has no such cell");
}

static enum status take_left(const struct pg_result *rows, struct arena *arena,
                             evaluation_v1_take_over_draft_response *res)
{
    size_t count = pg_rows(rows);
    evaluation_v1_left_member *items = arena_zalloc(arena, count + 1, sizeof(*items));
    res->left = arena_zalloc(arena, count + 1, sizeof(*res->left));
    if (!items || !res->left)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        struct slice user = pg_get_slice(rows, i, 0), name = pg_get_slice(rows, i, 1);
        items[i] = (evaluation_v1_left_member)EVALUATION_V1_LEFT_MEMBER_INIT;
        items[i].user_id = arena_strndup(arena, user.ptr, user.len);
        items[i].display_name = arena_strndup(arena, name.ptr, name.len);
        items[i].standing = (evaluation_v1_draft_standing)pg_get_int(rows, i, 2);
        items[i].cells_count = (int32_t)pg_get_int(rows, i, 3);
        res->left_count = (int32_t)pg_get_int(rows, i, 4);
        res->left[i] = &items[i];
    }
    res->n_left = count;
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

/* What was not named and does not count stays in the draft. Where nothing else is there, that is why nothing is taken. */
static enum status check_left(struct change *change, const struct draft_taking *taking,
                              evaluation_v1_take_over_draft_response *res, const char **ret_names)
{
    static const struct pg_statement left = {
        "draft_left",
        "SELECT c.user_id, p.display_name, c.standing, count(*), sum(count(*)) OVER ()"
        "  FROM pek.drafted_cell AS c JOIN pek.person AS p ON p.id = c.user_id"
        " WHERE c.scoreboard_id = $1::bigint AND c.subgroup_id = $2 AND c.standing <> 1"
        " GROUP BY c.user_id, p.display_name, p.sort_key, c.standing"
        " ORDER BY p.sort_key, c.user_id LIMIT $3::integer",
    };
    struct arena *arena = change->arena;
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &left,
                           PG_PARAMS(pg_str(taking->scoreboard->id), pg_str(taking->subgroup_id),
                                     pg_int(arena, DRAFT_MEMBERS_MAX)),
                           &rows));
    PEK_TRY(take_left(rows, arena, res));
    *ret_names = scoreboard_store_names(rows, arena);
    if (res->points_count > 0)
        return *ret_names ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
    if (res->n_left > 0)
        return fail_standing(change, "subgroup_id", res->left[0]->user_id, res->left[0]->standing,
                             taking->subgroup_id, taking->scoreboard->group_id);
    return fault_set(change->fault, STATUS_NOT_FOUND, "subgroup_id",
                     "its draft has nothing for this scoreboard");
}

static enum status say_taken(struct change *change, const struct draft_taking *taking,
                             const evaluation_v1_take_over_draft_response *res, const char *names)
{
    struct arena *arena = change->arena;
    const char *text =
        arena_printf(arena, "%s: %d cells taken over", taking->subgroup_id, (int)res->points_count);
    if (text && res->left_count > 0)
        text = arena_printf(arena, "%s, %d left, of %s", text, (int)res->left_count, names);
    return text ? scoreboard_store_say(change, taking->scoreboard, "", text, NULL)
                : STATUS_RESOURCE_EXHAUSTED;
}

enum status draft_store_take(struct change *change, const struct draft_taking *taking,
                             evaluation_v1_take_over_draft_response *res)
{
    static const struct pg_statement take = {
        "draft_take",
        "INSERT INTO pek.point AS p"
        " (group_id, scoreboard_id, user_id, guideline_id, points, origin_group_id) "
        "SELECT c.group_id, c.scoreboard_id, c.user_id, c.guideline_id, c.points, c.subgroup_id"
        "  FROM pek.drafted_cell AS c WHERE c.scoreboard_id = $1::bigint AND c.subgroup_id = $2"
        "   AND (cardinality($3::text[]) = 0 OR (c.user_id, c.guideline_id::text) IN"
        "     (SELECT w.user_id, w.guideline_id FROM unnest($3::text[], $4::text[])"
        "        AS w (user_id, guideline_id)))"
        "   AND c.standing = 1"
        " ORDER BY c.user_id, c.guideline_id "
        "ON CONFLICT (realm, scoreboard_id, user_id, guideline_id) DO UPDATE"
        " SET points = excluded.points, origin_group_id = excluded.origin_group_id RETURNING 1",
    };
    struct arena *arena = change->arena;
    size_t count = taking->cell_count;
    struct slice *users = arena_zalloc(arena, 2 * count + 1, sizeof(*users));
    const struct pg_result *rows;
    const char *names = "";
    if (!users)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        users[i] = slice_str(taking->cells[i].user);
        users[count + i] = slice_str(taking->cells[i].guideline);
    }
    const struct pg_param of = pg_text_array(arena, users, count),
                          by = pg_text_array(arena, users + count, count);
    PEK_TRY(check_named(change, taking, of, by));
    PEK_TRY(change_execute(
        change, &take,
        PG_PARAMS(pg_str(taking->scoreboard->id), pg_str(taking->subgroup_id), of, by), &rows));
    res->points_count = (int32_t)pg_rows(rows);
    if (count == 0)
        PEK_TRY(check_left(change, taking, res, &names));
    PEK_TRY(
        scoreboard_store_check_maxima(change, taking->scoreboard, count ? "cells" : "subgroup_id"));
    PEK_TRY(say_taken(change, taking, res, names));
    res->scoreboard = taking->scoreboard;
    return scoreboard_store_touch(change, taking->scoreboard);
}

const struct pg_statement draft_store_audit = {
    "draft_audit",
    "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
    "SELECT $1, $2, 'point_draft', d.scoreboard_id || ' ' || d.subgroup_id, $3,"
    " to_jsonb(d) - ARRAY['realm'] "
    "FROM unnest($4::text[]) AS w (id) CROSS JOIN LATERAL (SELECT * FROM pek.point_draft AS p"
    "  WHERE p.scoreboard_id = split_part(w.id, ' ', 1)::bigint"
    "    AND p.subgroup_id = split_part(w.id, ' ', 2) OFFSET 0) AS d",
};
