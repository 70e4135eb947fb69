#include "worker/evaluation/scoreboard_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMED_MAX 20 /* in a message */

/* ---- what a request is judged by ---- */

#define NOW_COLUMNS                                                                                \
    "r.semester, r.season, g.is_archived, coalesce(g.parent_id, ''),"                              \
    " (SELECT o.organisation_id FROM pek.group_organisation AS o WHERE o.group_id = g.id)"
#define NOW                                                                                        \
    "SELECT " NOW_COLUMNS                                                                          \
    " FROM pek.realm_group AS g CROSS JOIN pek.realm_state AS r WHERE g.id = $1 "

/* From column `at` on. */
static enum status read_now(const struct pg_result *rows, int at, struct arena *arena,
                            struct scoreboard_now *ret_now)
{
    if (pg_rows(rows) == 0)
        return STATUS_NOT_FOUND;
    struct slice semester = pg_get_slice(rows, 0, at), parent = pg_get_slice(rows, 0, at + 3),
                 organisation = pg_get_slice(rows, 0, at + 4);
    *ret_now = (struct scoreboard_now){
        .semester = arena_strndup(arena, semester.ptr, semester.len),
        .season = (semester_v1_season)pg_get_int(rows, 0, at + 1),
        .group_is_archived = pg_get_bool(rows, 0, at + 2),
        .parent_id = arena_strndup(arena, parent.ptr, parent.len),
        .organisation_id = arena_strndup(arena, organisation.ptr, organisation.len),
    };
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static enum status ask_now(struct rpc_ctx *ctx, const struct pg_statement *statement,
                           const struct pg_param *params, size_t count,
                           struct scoreboard_now *ret_now)
{
    const struct service *service = rpc_data(ctx);
    struct pg_result *rows;
    PEK_TRY(pg_read(service->pg, PG_POINT_READ, rpc_cancel(ctx), statement, params, count, &rows));
    enum status status = read_now(rows, 0, rpc_arena(ctx), ret_now);
    pg_result_free(rows);
    return status;
}

enum status scoreboard_store_now(struct rpc_ctx *ctx, const char *group_id,
                                 struct scoreboard_now *ret_now)
{
    static const struct pg_statement now = {"scoreboard_now", NOW};
    return ask_now(ctx, &now, PG_PARAMS(pg_str(group_id)), ret_now);
}

enum status scoreboard_store_season(struct rpc_ctx *ctx, struct scoreboard_now *ret_now)
{
    static const struct pg_statement season = {
        "scoreboard_season",
        "SELECT r.semester, r.season, false, '', '' FROM pek.realm_state AS r",
    };
    return ask_now(ctx, &season, NULL, 0, ret_now);
}

enum status scoreboard_store_hold(struct change *change, const char *group_id,
                                  struct scoreboard_now *ret_now)
{
    static const struct pg_statement hold = {"scoreboard_hold", NOW "FOR SHARE OF g, r"};
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &hold, PG_PARAMS(pg_str(group_id)), &rows));
    return read_now(rows, 0, change->arena, ret_now);
}

/* ---- one scoreboard ---- */

#define BOARD "SELECT " EVALUATION_V1_SCOREBOARD_COLUMNS(b) " FROM pek.scoreboard AS b "
#define GUIDELINES                                                                                 \
    "SELECT " EVALUATION_V1_GUIDELINE_COLUMNS(                                                     \
        u) " FROM pek.guideline AS u WHERE u.scoreboard_id = $1::bigint ORDER BY u.position"
static const struct pg_statement guidelines = {"scoreboard_guidelines", GUIDELINES};

enum status scoreboard_store_take_guidelines(const struct pg_result *rows, struct arena *arena,
                                             struct fault *fault,
                                             evaluation_v1_scoreboard *scoreboard)
{
    size_t count = pg_rows(rows);
    evaluation_v1_guideline *messages = arena_zalloc(arena, count + 1, sizeof(*messages)),
                            **list = arena_zalloc(arena, count + 1, sizeof(*list));
    if (!messages || !list)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        PEK_TRY(evaluation_v1_guideline_from_row(rows, i, arena, &messages[i], fault));
        list[i] = &messages[i];
    }
    scoreboard->guidelines = list;
    scoreboard->n_guidelines = count;
    return STATUS_OK;
}

enum status scoreboard_store_get(struct rpc_ctx *ctx, const char *group_id, const char *id,
                                 struct scoreboard_now *ret_now,
                                 evaluation_v1_scoreboard *ret_scoreboard)
{
    static const struct pg_statement get = {
        "scoreboard_get",
        "SELECT " EVALUATION_V1_SCOREBOARD_COLUMNS(
            b) ", " NOW_COLUMNS " FROM pek.realm_group AS g CROSS JOIN pek.realm_state AS r"
               "  LEFT JOIN pek.scoreboard AS b ON b.id = $2::bigint AND b.group_id = g.id"
               " WHERE g.id = $1",
    };
    const struct service *service = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);
    struct pg_result *rows;
    PEK_TRY(pg_read(service->pg, PG_POINT_READ, rpc_cancel(ctx), &get,
                    PG_PARAMS(pg_str(group_id), pg_str(id)), &rows));
    enum status status = read_now(rows, EVALUATION_V1_SCOREBOARD_COLUMN_COUNT, arena, ret_now);
    if (status == STATUS_OK)
        status =
            row_take(&evaluation_v1_scoreboard_row, rows, arena, ret_scoreboard, rpc_fault(ctx));
    pg_result_free(rows);
    return status;
}

enum status scoreboard_store_guidelines(struct rpc_ctx *ctx, evaluation_v1_scoreboard *scoreboard)
{
    const struct service *service = rpc_data(ctx);
    struct pg_result *rows;
    PEK_TRY(pg_read(service->pg, PG_POINT_READ, rpc_cancel(ctx), &guidelines,
                    PG_PARAMS(pg_str(scoreboard->id)), &rows));
    enum status status =
        scoreboard_store_take_guidelines(rows, rpc_arena(ctx), rpc_fault(ctx), scoreboard);
    pg_result_free(rows);
    return status;
}

enum status scoreboard_store_guidelines_within(struct change *change,
                                               evaluation_v1_scoreboard *scoreboard)
{
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &guidelines, PG_PARAMS(pg_str(scoreboard->id)), &rows));
    return scoreboard_store_take_guidelines(rows, change->arena, change->fault, scoreboard);
}

enum status scoreboard_store_touch(struct change *change, evaluation_v1_scoreboard *scoreboard)
{
    static const struct pg_statement touch = {
        "scoreboard_touch",
        "UPDATE pek.scoreboard AS b SET revision = b.revision + 1, update_time = now() "
        "WHERE b.id = $1::bigint RETURNING " EVALUATION_V1_SCOREBOARD_COLUMNS(b),
    };
    PEK_TRY(change_row(change, &evaluation_v1_scoreboard_row, &touch,
                       PG_PARAMS(pg_str(scoreboard->id)), scoreboard));
    return scoreboard_store_guidelines_within(change, scoreboard);
}

enum status scoreboard_store_lock(struct change *change, const char *group_id, const char *id,
                                  const char *etag, evaluation_v1_scoreboard *ret_scoreboard)
{
    static const struct pg_statement lock = {
        "scoreboard_lock",
        BOARD "WHERE b.id = $1::bigint AND b.group_id = $2 FOR NO KEY UPDATE",
    };
    enum status status = change_row(change, &evaluation_v1_scoreboard_row, &lock,
                                    PG_PARAMS(pg_str(id), pg_str(group_id)), ret_scoreboard);
    if (status == STATUS_NOT_FOUND)
        return row_missing(&evaluation_v1_scoreboard_row, "id", id, change->fault);
    PEK_TRY(status);
    PEK_TRY(row_check_etag(&evaluation_v1_scoreboard_row, ret_scoreboard, id, etag, change->fault));
    return scoreboard_store_guidelines_within(change, ret_scoreboard);
}

enum status scoreboard_store_check_last(struct change *change,
                                        const evaluation_v1_scoreboard *scoreboard)
{
    static const struct pg_statement later = {
        "scoreboard_later",
        "SELECT FROM pek.scoreboard AS b JOIN pek.scoreboard AS l"
        "  ON l.group_id = b.group_id AND l.semester = b.semester AND l.version > b.version "
        "WHERE b.id = $1::bigint LIMIT 1",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &later, PG_PARAMS(pg_str(scoreboard->id)), &rows));
    return pg_rows(rows) == 0
               ? STATUS_OK
               : fault_set_reason(change->fault, STATUS_ABORTED, SCOREBOARD_REASON_LATER, "id",
                                  "there is a later version of it, which is the one to change");
}

/* ---- making ---- */

enum status scoreboard_store_open(struct change *change, const char *group_id, const char *semester,
                                  bool *ret_made, evaluation_v1_scoreboard *ret_scoreboard)
{
    static const struct pg_statement make = {
        "scoreboard_make",
        "INSERT INTO pek.scoreboard AS b"
        " (group_id, semester, created_by, work_max, responsibility_max, total_max, least) "
        "SELECT $1, $2, $3, r.points_work_max, r.points_responsibility_max, r.points_max,"
        " r.points_least FROM pek.realm_state AS r "
        "ON CONFLICT DO NOTHING RETURNING " EVALUATION_V1_SCOREBOARD_COLUMNS(b),
    };
    static const struct pg_statement last = {
        "scoreboard_last",
        BOARD "WHERE b.group_id = $1 AND b.semester = $2 ORDER BY b.version DESC LIMIT 1",
    };
    static const struct pg_statement copy = {
        "scoreboard_copy_guidelines",
        SCOREBOARD_STORE_COPY_GUIDELINES "(SELECT b.id FROM pek.scoreboard AS b"
                                         " WHERE b.group_id = $1 AND b.id <> $2::bigint"
                                         " ORDER BY b.sort_key, b.id LIMIT 1)",
    };
    const struct pg_param group = pg_str(group_id), of = pg_str(semester);
    enum status status = change_row(change, &evaluation_v1_scoreboard_row, &make,
                                    PG_PARAMS(group, of, pg_str(change->actor)), ret_scoreboard);
    *ret_made = status == STATUS_OK;
    if (status == STATUS_NOT_FOUND)
        status = change_row(change, &evaluation_v1_scoreboard_row, &last, PG_PARAMS(group, of),
                            ret_scoreboard);
    PEK_TRY(status);
    if (*ret_made)
        PEK_TRY(change_execute(change, &copy, PG_PARAMS(group, pg_str(ret_scoreboard->id)), NULL));
    return scoreboard_store_guidelines_within(change, ret_scoreboard);
}

/* ---- what a guideline gives at most ---- */

enum status scoreboard_store_check_maxima(struct change *change,
                                          const evaluation_v1_scoreboard *scoreboard,
                                          const char *field)
{
    /* Of one member first, and the one who has most. */
    static const struct pg_statement beyond = {
        "scoreboard_beyond",
        "SELECT u.name, max(p.points) > u.max_per_member, max(p.points), u.max_per_member,"
        " (array_agg(p.user_id ORDER BY p.points DESC, p.user_id))[1],"
        " sum(p.points), u.max_per_guideline"
        "  FROM pek.guideline AS u JOIN pek.point AS p"
        "    ON p.scoreboard_id = u.scoreboard_id AND p.guideline_id = u.id "
        "WHERE u.scoreboard_id = $1::bigint"
        " GROUP BY u.id, u.name, u.position, u.max_per_member, u.max_per_guideline"
        " HAVING max(p.points) > u.max_per_member"
        "     OR (u.max_per_guideline > 0 AND sum(p.points) > u.max_per_guideline)"
        " ORDER BY 2 DESC, u.position LIMIT 1",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &beyond, PG_PARAMS(pg_str(scoreboard->id)), &rows));
    if (pg_rows(rows) == 0)
        return STATUS_OK;
    if (pg_get_bool(rows, 0, 1))
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, SCOREBOARD_REASON_POINTS,
                                field, "%s has %s points by %s, which gives one member %s at most",
                                pg_get_str(rows, 0, 4), pg_get_str(rows, 0, 2),
                                pg_get_str(rows, 0, 0), pg_get_str(rows, 0, 3));
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, SCOREBOARD_REASON_POINTS,
                            field, "all members together have %s points by %s, which gives %s",
                            pg_get_str(rows, 0, 5), pg_get_str(rows, 0, 0), pg_get_str(rows, 0, 6));
}

/* ---- guidelines and report ---- */

struct columns {
    struct slice *ids, *names, *descriptions;
    struct slice *categories, *members, *alls;
};

static struct slice number(struct arena *arena, int64_t value)
{
    const char *text = arena_printf(arena, "%lld", (long long)value);
    return text ? slice_str(text) : (struct slice){0};
}

static bool take_columns(const evaluation_v1_update_scoreboard_request *req, struct arena *arena,
                         struct columns *ret_columns)
{
    size_t count = req->n_guidelines;
    struct slice *cells = arena_zalloc(arena, 6 * count + 1, sizeof(*cells));
    if (!cells)
        return false;
    struct columns columns = {cells,
                              cells + count,
                              cells + 2 * count,
                              cells + 3 * count,
                              cells + 4 * count,
                              cells + 5 * count};
    for (size_t i = 0; i < count; i++) {
        const evaluation_v1_guideline *guideline = req->guidelines[i];
        columns.ids[i] = slice_str(guideline->id);
        columns.names[i] = slice_str(guideline->name);
        columns.descriptions[i] = slice_str(guideline->description);
        columns.categories[i] = number(arena, guideline->category);
        columns.members[i] = number(arena, guideline->max_per_member);
        columns.alls[i] = number(arena, guideline->max_per_guideline);
    }
    *ret_columns = columns;
    return true;
}

static enum status check_known(struct change *change,
                               const evaluation_v1_update_scoreboard_request *req,
                               const evaluation_v1_scoreboard *scoreboard)
{
    for (size_t i = 0; i < req->n_guidelines; i++) {
        const char *id = req->guidelines[i]->id;
        bool known = id[0] == '\0';
        for (size_t j = 0; !known && j < scoreboard->n_guidelines; j++)
            known = strcmp(scoreboard->guidelines[j]->id, id) == 0;
        if (!known)
            return fault_set(change->fault, STATUS_NOT_FOUND, "guidelines",
                             "the scoreboard has no guideline %s", id);
    }
    return STATUS_OK;
}

/* Who sends a report alone has not meant that all points go. */
static enum status check_not_emptied(struct change *change,
                                     const evaluation_v1_update_scoreboard_request *req,
                                     const evaluation_v1_scoreboard *scoreboard)
{
    static const struct pg_statement points = {
        "scoreboard_has_points",
        "SELECT FROM pek.point AS p WHERE p.scoreboard_id = $1::bigint AND p.points > 0 LIMIT 1",
    };
    const struct pg_result *rows;
    if (req->n_guidelines > 0)
        return STATUS_OK;
    PEK_TRY(change_execute(change, &points, PG_PARAMS(pg_str(scoreboard->id)), &rows));
    return pg_rows(rows) == 0
               ? STATUS_OK
               : fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION,
                                  SCOREBOARD_REASON_EMPTIED, "guidelines",
                                  "without guidelines all points would go; set them to 0 first");
}

enum status scoreboard_store_write(struct change *change,
                                   const evaluation_v1_update_scoreboard_request *req,
                                   evaluation_v1_scoreboard *scoreboard)
{
    static const struct pg_statement report = {
        "scoreboard_report",
        "UPDATE pek.scoreboard AS b SET report = $2 WHERE b.id = $1::bigint",
    };
    static const struct pg_statement forget = {
        "scoreboard_forget_guidelines",
        "DELETE FROM pek.guideline AS u WHERE u.scoreboard_id = $1::bigint"
        " AND u.id::text <> ALL ($2::text[])",
    };
#define GIVEN                                                                                      \
    "unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])"               \
    " WITH ORDINALITY AS w (id, name, description, category, of_member, of_all, position) "
    static const struct pg_statement change_them = {
        "scoreboard_change_guidelines",
        "UPDATE pek.guideline AS u SET position = w.position::integer, name = w.name,"
        " description = w.description, category = w.category::smallint,"
        " max_per_member = w.of_member::integer, max_per_guideline = w.of_all::integer "
        "FROM " GIVEN "WHERE u.scoreboard_id = $1::bigint AND u.id::text = w.id",
    };
    static const struct pg_statement make = {
        "scoreboard_make_guidelines",
        "INSERT INTO pek.guideline (scoreboard_id, position, name, description, category,"
        " max_per_member, max_per_guideline) "
        "SELECT $1::bigint, w.position::integer, w.name, w.description, w.category::smallint,"
        " w.of_member::integer, w.of_all::integer FROM " GIVEN "WHERE w.id = '' ORDER BY position",
    };
    const struct pg_param id = pg_str(scoreboard->id);
    struct columns columns;
    size_t count = req->n_guidelines;
    struct arena *arena = change->arena;
    PEK_TRY(check_known(change, req, scoreboard));
    PEK_TRY(check_not_emptied(change, req, scoreboard));
    if (!take_columns(req, arena, &columns))
        return STATUS_RESOURCE_EXHAUSTED;
    const struct pg_param ids = pg_text_array(arena, columns.ids, count);
#define COLUMNS                                                                                    \
    ids, pg_text_array(arena, columns.names, count),                                               \
        pg_text_array(arena, columns.descriptions, count),                                         \
        pg_text_array(arena, columns.categories, count),                                           \
        pg_text_array(arena, columns.members, count), pg_text_array(arena, columns.alls, count)
    PEK_TRY(change_execute(change, &report, PG_PARAMS(id, pg_str(req->report)), NULL));
    PEK_TRY(change_execute(change, &forget, PG_PARAMS(id, ids), NULL));
    PEK_TRY(change_execute(change, &change_them, PG_PARAMS(id, COLUMNS), NULL));
    PEK_TRY(change_execute(change, &make, PG_PARAMS(id, COLUMNS), NULL));
    PEK_TRY(scoreboard_store_check_maxima(change, scoreboard, "guidelines"));
    return scoreboard_store_touch(change, scoreboard);
}

/* ---- points ---- */

enum status scoreboard_store_check_members(struct change *change, const char *group_id,
                                           const struct scoreboard_people *people)
{
    /* From whom it is taken back has something there: in the scoreboard, or in the draft of $5. */
    static const struct pg_statement stranger = {
        "scoreboard_stranger",
        "SELECT w.user_id, w.position - 1 FROM unnest($2::text[], $3::text[])"
        "  WITH ORDINALITY AS w (user_id, takes_back, position) "
        "WHERE NOT EXISTS (SELECT FROM pek.evaluated_member AS m"
        "  WHERE m.group_id = $1 AND m.user_id = w.user_id OFFSET 0)"
        " AND NOT (w.takes_back = 't' AND (EXISTS (SELECT FROM pek.scoreboard_member AS h"
        "    WHERE $5 = '' AND h.scoreboard_id = $4::bigint AND h.user_id = w.user_id)"
        "  OR EXISTS (SELECT FROM pek.point_draft_cell AS h WHERE h.scoreboard_id = $4::bigint"
        "    AND h.subgroup_id = $5 AND h.user_id = w.user_id)))"
        " ORDER BY w.position LIMIT 1",
    };
    struct arena *arena = change->arena;
    size_t count = people->count;
    struct slice *takes_back = arena_zalloc(arena, count + 1, sizeof(*takes_back));
    const struct pg_result *rows;
    char field[64] = "user_id";
    if (!takes_back)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++)
        takes_back[i] = slice_str(people->takes_back && people->takes_back[i] ? "t" : "f");
    PEK_TRY(change_execute(change, &stranger,
                           PG_PARAMS(pg_str(group_id), pg_text_array(arena, people->users, count),
                                     pg_text_array(arena, takes_back, count),
                                     pg_str(people->scoreboard_id),
                                     pg_str(people->subgroup_id ? people->subgroup_id : "")),
                           &rows));
    if (pg_rows(rows) == 0)
        return STATUS_OK;
    if (people->list)
        snprintf(field, sizeof(field), "%s[%s].user_id", people->list, pg_get_str(rows, 0, 1));
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, SCOREBOARD_REASON_NO_MEMBER,
                            field, "%s is neither a newcomer nor an active member of %s",
                            pg_get_str(rows, 0, 0), group_id);
}

enum status scoreboard_store_set(struct change *change,
                                 const evaluation_v1_batch_set_points_request *req,
                                 const char *field, evaluation_v1_scoreboard *scoreboard)
{
    static const struct pg_statement set = {
        "scoreboard_set_points",
        "INSERT INTO pek.point AS p (group_id, scoreboard_id, user_id, guideline_id, points) "
        "SELECT $1, $2::bigint, w.user_id, w.guideline_id::bigint, w.points::integer"
        "  FROM unnest($3::text[], $4::text[], $5::text[]) AS w (user_id, guideline_id, points)"
        " ORDER BY w.user_id, w.guideline_id "
        "ON CONFLICT (realm, scoreboard_id, user_id, guideline_id)"
        " DO UPDATE SET points = excluded.points WHERE p.points <> excluded.points",
    };
    size_t count = req->n_points;
    struct arena *arena = change->arena;
    struct slice *cells = arena_zalloc(arena, 3 * count + 1, sizeof(*cells));
    bool *takes_back = arena_zalloc(arena, count + 1, sizeof(*takes_back));
    if (!cells || !takes_back)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        cells[i] = slice_str(req->points[i]->user_id);
        cells[count + i] = slice_str(req->points[i]->guideline_id);
        cells[2 * count + i] = number(arena, req->points[i]->points);
        takes_back[i] = req->points[i]->points == 0;
    }
    const struct scoreboard_people people = {cells, takes_back, count, scoreboard->id,
                                             .list = field};
    PEK_TRY(scoreboard_store_check_members(change, scoreboard->group_id, &people));
    PEK_TRY(change_execute(change, &set,
                           PG_PARAMS(pg_str(scoreboard->group_id), pg_str(scoreboard->id),
                                     pg_text_array(arena, cells, count),
                                     pg_text_array(arena, cells + count, count),
                                     pg_text_array(arena, cells + 2 * count, count)),
                           NULL));
    PEK_TRY(scoreboard_store_check_maxima(change, scoreboard, field));
    return scoreboard_store_touch(change, scoreboard);
}

/* ---- statuses, messages ---- */

enum status scoreboard_store_set_status(struct change *change, bool submits,
                                        evaluation_v1_scoreboard *scoreboard)
{
    static const struct pg_statement set = {
        "scoreboard_set_status",
        "UPDATE pek.scoreboard AS b SET point_status = $2::smallint, entry_status = $3::smallint,"
        " submit_time = CASE WHEN $4::boolean THEN now() ELSE b.submit_time END "
        "WHERE b.id = $1::bigint",
    };
    PEK_TRY(change_execute(
        change, &set,
        PG_PARAMS(pg_str(scoreboard->id), pg_int(change->arena, scoreboard->point_status),
                  pg_int(change->arena, scoreboard->entry_status), pg_bool(submits)),
        NULL));
    return scoreboard_store_touch(change, scoreboard);
}

enum status scoreboard_store_check_said(struct change *change,
                                        const evaluation_v1_scoreboard *scoreboard)
{
    static const struct pg_statement said = {
        "scoreboard_said",
        "SELECT FROM pek.scoreboard_message AS s WHERE s.scoreboard_id = $1::bigint"
        " AND s.user_id = $2 OFFSET $3::integer LIMIT 1",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &said,
                           PG_PARAMS(pg_str(scoreboard->id), pg_str(change->actor),
                                     pg_int(change->arena, SCOREBOARD_MESSAGES_AUTHOR_MAX - 1)),
                           &rows));
    return pg_rows(rows) == 0 ? STATUS_OK
                              : fault_set(change->fault, STATUS_FAILED_PRECONDITION, NULL,
                                          "nobody sends more than %d messages about a scoreboard",
                                          SCOREBOARD_MESSAGES_AUTHOR_MAX);
}

enum status scoreboard_store_say(struct change *change, const evaluation_v1_scoreboard *scoreboard,
                                 const char *user, const char *text,
                                 evaluation_v1_message *ret_message)
{
    static const struct pg_statement say = {
        "scoreboard_say",
        "INSERT INTO pek.scoreboard_message AS s (scoreboard_id, user_id, text) "
        "VALUES ($1::bigint, $2, $3) RETURNING " EVALUATION_V1_MESSAGE_COLUMNS(s),
    };
    evaluation_v1_message message;
    return change_row(change, &evaluation_v1_message_row, &say,
                      PG_PARAMS(pg_str(scoreboard->id), pg_str(user), pg_str(text)),
                      ret_message ? ret_message : &message);
}

const char *scoreboard_store_names(const struct pg_result *rows, struct arena *arena)
{
    size_t count = pg_rows(rows), named = count < NAMED_MAX ? count : NAMED_MAX;
    const char *names = "";
    for (size_t i = 0; names && i < named; i++)
        names = arena_printf(arena, "%s%s%s", names, i ? ", " : "", pg_get_str(rows, i, 0));
    return names && count > named ? arena_printf(arena, "%s and %zu more", names, count - named)
                                  : names;
}

enum status scoreboard_store_messages(const struct read_batch *batch, const void *query,
                                      struct pg_result **ret_rows)
{
    static const struct pg_statement list = {
        "scoreboard_messages",
        "SELECT " EVALUATION_V1_MESSAGE_COLUMNS(
            s) " FROM pek.scoreboard_message AS s WHERE s.scoreboard_id = $4::bigint"
               " AND (s.sort_key, s.id::text COLLATE \"C\") >= ($1::bytea, $2)"
               " AND ($3::boolean OR (s.sort_key, s.id::text COLLATE \"C\") <> ($1::bytea, $2)) "
               "ORDER BY s.sort_key, s.id::text COLLATE \"C\" LIMIT $5::integer",
    };
    const struct scoreboard_query *wanted = query;
    return read_rows(batch, &list,
                     PG_PARAMS(READ_POSITION(batch), pg_str(wanted->scoreboard->id),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}

const struct pg_statement scoreboard_store_audit = {
    "scoreboard_audit",
    "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
    "SELECT $1, $2, 'scoreboard', b.id, $3,"
    " to_jsonb(b) - ARRAY['realm', 'id', 'sort_key', 'report'] "
    "FROM pek.scoreboard AS b WHERE b.id = ANY ($4::bigint[])",
};
