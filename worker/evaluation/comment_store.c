#include "worker/evaluation/comment_store.h"

#define COMMENT EVALUATION_V1_COMMENT_COLUMNS(c)
/* The key alone is what row security lets an index take. */
#define PAGE                                                                                       \
    "AND c.sort_key >= $1::bytea "                                                                 \
    "AND (c.sort_key, c.id::text COLLATE \"C\") >= ($1::bytea, $2)"                                \
    " AND ($3::boolean OR (c.sort_key, c.id::text COLLATE \"C\") <> ($1::bytea, $2)) "             \
    "ORDER BY c.sort_key, c.id::text COLLATE \"C\" LIMIT $5::integer"

enum status comment_store_list(const struct read_batch *batch, const void *query,
                               struct pg_result **ret_rows)
{
    /* They are walked in their order, by an index of all and one of each guideline; those of one member are collected first, since
     * they may be far apart. */
    static const struct pg_statement list = {
        "comment_list",
        "SELECT " COMMENT " FROM pek.point_comment AS c WHERE c.scoreboard_id = $4::bigint " PAGE,
    };
    static const struct pg_statement list_of_guideline = {
        "comment_list_of_guideline",
        "SELECT " COMMENT " FROM pek.point_comment AS c WHERE c.scoreboard_id = $4::bigint"
        " AND c.guideline_id = CASE WHEN $6 ~ '^[1-9][0-9]{0,17}$' THEN $6::bigint END " PAGE,
    };
    static const struct pg_statement list_of_member = {
        "comment_list_of_member",
        "SELECT " COMMENT " FROM (SELECT * FROM pek.point_comment AS o"
        "   WHERE o.scoreboard_id = $4::bigint AND o.user_id = $7 OFFSET 0) AS c"
        " WHERE ($6 = '' OR c.guideline_id::text = $6) " PAGE,
    };
    const struct comment_query *wanted = query;
#define PARAMS                                                                                     \
    READ_POSITION(batch), pg_str(wanted->scoreboard->id),                                          \
        pg_int(batch->arena, (int64_t)batch->limit)
    const struct pg_param guideline = pg_str(wanted->guideline_id);
    if (wanted->user_id[0])
        return read_rows(batch, &list_of_member,
                         PG_PARAMS(PARAMS, guideline, pg_str(wanted->user_id)), ret_rows);
    if (wanted->guideline_id[0])
        return read_rows(batch, &list_of_guideline, PG_PARAMS(PARAMS, guideline), ret_rows);
    return read_rows(batch, &list, PG_PARAMS(PARAMS), ret_rows);
#undef PARAMS
}

enum status comment_store_make_cell(struct change *change,
                                    const evaluation_v1_scoreboard *scoreboard,
                                    const evaluation_v1_create_comment_request *req)
{
    static const struct pg_statement there = {
        "comment_cell",
        "SELECT FROM pek.point AS p WHERE p.scoreboard_id = $1::bigint AND p.user_id = $2"
        " AND p.guideline_id = $3::bigint",
    };
    static const struct pg_statement make = {
        "comment_make_cell",
        "INSERT INTO pek.point (group_id, scoreboard_id, user_id, guideline_id, points)"
        " VALUES ($1, $2::bigint, $3, $4::bigint, 0)",
    };
    const struct pg_param id = pg_str(scoreboard->id), user = pg_str(req->user_id),
                          guideline = pg_str(req->guideline_id);
    const struct slice person = slice_str(req->user_id);
    const struct scoreboard_people people = {&person, NULL, 1, scoreboard->id};
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &there, PG_PARAMS(id, user, guideline), &rows));
    if (pg_rows(rows) > 0)
        return STATUS_OK;
    PEK_TRY(scoreboard_store_check_members(change, scoreboard->group_id, &people));
    return change_execute(change, &make,
                          PG_PARAMS(pg_str(scoreboard->group_id), id, user, guideline), NULL);
}

enum status comment_store_look(struct change *change, const char *scoreboard_id,
                               const char *user_id, const char *guideline_id,
                               struct comment_cell *ret_cell)
{
    static const struct pg_statement look = {
        "comment_look",
        "SELECT count(*) FILTER (WHERE c.written_by = $4), coalesce(bool_or(c.closes), false) "
        "FROM pek.point_comment AS c "
        "WHERE c.scoreboard_id = $1::bigint AND c.user_id = $2 AND c.guideline_id = $3::bigint",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &look,
                           PG_PARAMS(pg_str(scoreboard_id), pg_str(user_id), pg_str(guideline_id),
                                     pg_str(change->actor)),
                           &rows));
    *ret_cell = (struct comment_cell){pg_get_int(rows, 0, 0), pg_get_bool(rows, 0, 1)};
    return STATUS_OK;
}

enum status comment_store_make(struct change *change, const char *scoreboard_id,
                               const evaluation_v1_create_comment_request *req,
                               evaluation_v1_comment *ret_comment)
{
    static const struct pg_statement make = {
        "comment_make",
        "INSERT INTO pek.point_comment AS c"
        " (scoreboard_id, user_id, guideline_id, written_by, text, closes) "
        "VALUES ($1::bigint, $2, $3::bigint, $4, $5, $6::boolean) RETURNING " COMMENT,
    };
    return change_row(change, &evaluation_v1_comment_row, &make,
                      PG_PARAMS(pg_str(scoreboard_id), pg_str(req->user_id),
                                pg_str(req->guideline_id), pg_str(change->actor), pg_str(req->text),
                                pg_bool(req->closes)),
                      ret_comment);
}

enum status comment_store_lock(struct change *change, const char *scoreboard_id, const char *id,
                               const char *etag, evaluation_v1_comment *ret_comment)
{
    static const struct pg_statement lock = {
        "comment_lock",
        "SELECT " COMMENT " FROM pek.point_comment AS c WHERE c.id = $1::bigint"
        " AND c.scoreboard_id = $2::bigint FOR NO KEY UPDATE",
    };
    enum status status = change_row(change, &evaluation_v1_comment_row, &lock,
                                    PG_PARAMS(pg_str(id), pg_str(scoreboard_id)), ret_comment);
    if (status == STATUS_NOT_FOUND)
        return row_missing(&evaluation_v1_comment_row, "id", id, change->fault);
    PEK_TRY(status);
    return row_check_etag(&evaluation_v1_comment_row, ret_comment, id, etag, change->fault);
}

enum status comment_store_set(struct change *change, const char *id, const char *text,
                              evaluation_v1_comment *ret_comment)
{
    static const struct pg_statement set = {
        "comment_set",
        "UPDATE pek.point_comment AS c SET text = $2, update_time = now(),"
        " revision = c.revision + 1 WHERE c.id = $1::bigint RETURNING " COMMENT,
    };
    return change_row(change, &evaluation_v1_comment_row, &set, PG_PARAMS(pg_str(id), pg_str(text)),
                      ret_comment);
}

enum status comment_store_delete(struct change *change, const char *id)
{
    static const struct pg_statement forget = {
        "comment_delete",
        "DELETE FROM pek.point_comment AS c WHERE c.id = $1::bigint",
    };
    return change_execute(change, &forget, PG_PARAMS(pg_str(id)), NULL);
}

const struct pg_statement comment_store_audit = {
    "comment_audit",
    "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
    "SELECT $1, $2, 'comment', c.id, $3,"
    " to_jsonb(c) - ARRAY['realm', 'id', 'sort_key', 'text'] "
    "FROM pek.point_comment AS c WHERE c.id = ANY ($4::bigint[])",
};
