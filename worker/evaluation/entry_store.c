#include "worker/evaluation/entry_store.h"

#include <stdio.h>

#include "shared/row/mask.h"
#include "worker/evaluation/judgement_store.h"

#define ENTRY "SELECT " EVALUATION_V1_ENTRY_COLUMNS(e) " FROM pek.scoreboard_entry AS e "

static const struct pg_statement get = {
    "entry_get",
    ENTRY "WHERE e.scoreboard_id = $1::bigint AND e.user_id = $2",
};

/* ---- reads ---- */

enum status entry_store_read(struct rpc_ctx *ctx, const char *scoreboard_id, const char *user_id,
                             evaluation_v1_entry *ret_entry)
{
    enum status status = read_row(ctx, &evaluation_v1_entry_row, &get,
                                  PG_PARAMS(pg_str(scoreboard_id), pg_str(user_id)), ret_entry);
    if (status == STATUS_NOT_FOUND)
        return row_missing(&evaluation_v1_entry_row, "user_id", user_id, rpc_fault(ctx));
    return status;
}

enum status entry_store_list(const struct read_batch *batch, const void *query,
                             struct pg_result **ret_rows)
{
    static const struct pg_statement list = {
        "entry_list",
        ENTRY "WHERE e.scoreboard_id = $4::bigint"
              " AND (e.sort_key, e.user_id) >= ($1::bytea, $2)"
              " AND ($3::boolean OR (e.sort_key, e.user_id) <> ($1::bytea, $2)) "
              "ORDER BY e.sort_key, e.user_id LIMIT $5::integer",
    };
    const struct scoreboard_query *wanted = query;
    return read_rows(batch, &list,
                     PG_PARAMS(READ_POSITION(batch), pg_str(wanted->scoreboard->id),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}

#define ORGANISATION                                                                               \
    "(SELECT t.organisation_id FROM pek.group_organisation AS t WHERE t.group_id = o.id)"

enum status entry_store_reviews(const struct read_batch *batch, const void *semester,
                                struct pg_result **ret_rows)
{
    /* Group by group, from the one of the position on, so that a page costs what it has: the OFFSETs keep the planner from another
     * way. Of the last version of each group's. */
    static const struct pg_statement list = {
        "entry_reviews",
        "SELECT " EVALUATION_V1_ENTRY_COLUMNS(
            e) " FROM (SELECT b.id, b.group_id"
               "   FROM pek.scoreboard AS b JOIN pek.realm_group AS o ON o.id = b.group_id"
               "  WHERE b.semester = $4 AND b.group_id >= convert_from(substring($1::bytea"
               "      FROM 1 FOR greatest(position('\\x00'::bytea IN $1::bytea) - 1, 0)), 'UTF8')"
               "    AND NOT EXISTS (SELECT FROM pek.scoreboard AS l WHERE l.group_id = b.group_id"
               "      AND l.semester = b.semester AND l.version > b.version) AND NOT o.is_archived"
               "    AND " JUDGEMENT_STORE_JUDGES("o.parent_id", ORGANISATION) //
        "  ORDER BY b.group_id OFFSET 0) AS b"
        " CROSS JOIN LATERAL (SELECT q.realm, q.group_id, q.scoreboard_id, "
        "q.user_id,"
        "   m.display_name, q.type, q.justification, q.recommendation, "
        "q.recommended_by,"
        "   q.finalized, q.revision,"
        "   convert_to(q.group_id, 'UTF8') || '\\x00'::bytea || m.sort_key AS "
        "sort_key"
        "   FROM pek.entry_request AS q"
        "   JOIN pek.membership AS m ON m.group_id = q.group_id AND m.user_id = "
        "q.user_id"
        "   JOIN pek.person AS p ON p.id = q.user_id AND NOT p.is_deleted"
        "  WHERE q.scoreboard_id = b.id AND q.type IN (2, 3) OFFSET 0) AS e "
        "WHERE (e.sort_key, e.user_id) >= ($1::bytea, $2)"
        " AND ($3::boolean OR (e.sort_key, e.user_id) <> ($1::bytea, $2)) "
        "ORDER BY b.group_id, e.sort_key, e.user_id LIMIT $5::integer",
    };
    const struct policy_scope *scope = batch->scope;
    return read_rows(batch, &list,
                     PG_PARAMS(READ_POSITION(batch), pg_str(semester),
                               pg_int(batch->arena, (int64_t)batch->limit),
                               RIGHTS_STORE_SCOPE(scope, batch->arena)),
                     ret_rows);
}

/* ---- changes ---- */

/* Of a KDO nothing is kept but while groups write. */
#define KEPT(type, text, season)                                                                   \
    "CASE WHEN " type " = 1 AND " season "::integer <> 2 THEN '' ELSE " text " END"

/* What a judge recommended was of what was asked then. */
#define ASKED_AS_BEFORE "(e.type = excluded.type AND e.justification = excluded.justification)"

static enum status check_not_finalized(struct change *change, const char *scoreboard_id,
                                       struct pg_param users)
{
    static const struct pg_statement finalized = {
        "entry_finalized",
        "SELECT e.user_id, w.position - 1"
        "  FROM unnest($2::text[]) WITH ORDINALITY AS w (user_id, position)"
        "  JOIN pek.entry_request AS e"
        "    ON e.scoreboard_id = $1::bigint AND e.user_id = w.user_id AND e.finalized"
        " ORDER BY w.position LIMIT 1",
    };
    const struct pg_result *rows;
    char field[64];
    PEK_TRY(change_execute(change, &finalized, PG_PARAMS(pg_str(scoreboard_id), users), &rows));
    if (pg_rows(rows) == 0)
        return STATUS_OK;
    snprintf(field, sizeof(field), "entries[%s]", pg_get_str(rows, 0, 1));
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, ENTRY_REASON_FINALIZED,
                            field, "the entry of %s is finalized", pg_get_str(rows, 0, 0));
}

enum status entry_store_set(struct change *change,
                            const evaluation_v1_batch_set_entries_request *req,
                            const struct scoreboard_now *now, bool accepts,
                            evaluation_v1_scoreboard *scoreboard)
{
    static const struct pg_statement set = {
        "entry_set",
        "INSERT INTO pek.entry_request AS e (group_id, scoreboard_id, user_id, type, "
        "justification) "
        "SELECT $1, $2::bigint, w.user_id, w.type::smallint, " KEPT("w.type::smallint",
                                                                    "w.justification", "$6") //
        "  FROM unnest($3::text[], $4::text[], $5::text[]) AS w (user_id, type, justification)"
        " ORDER BY w.user_id "
        "ON CONFLICT (realm, scoreboard_id, user_id)"
        " DO UPDATE SET type = excluded.type, justification = excluded.justification,"
        " recommendation = CASE WHEN " ASKED_AS_BEFORE " THEN e.recommendation ELSE 0 END,"
        " recommended_by = CASE WHEN " ASKED_AS_BEFORE " THEN e.recommended_by ELSE '' END,"
        " revision = e.revision + 1",
    };
    size_t count = req->n_entries;
    struct arena *arena = change->arena;
    struct slice *cells = arena_zalloc(arena, 3 * count + 1, sizeof(*cells));
    bool *takes_back = arena_zalloc(arena, count + 1, sizeof(*takes_back));
    if (!cells || !takes_back)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        cells[i] = slice_str(req->entries[i]->user_id);
        cells[count + i] = slice_str(arena_printf(arena, "%d", (int)req->entries[i]->type));
        cells[2 * count + i] = slice_str(req->entries[i]->justification);
        takes_back[i] = req->entries[i]->type == EVALUATION_V1_ENTRY_TYPE_KDO;
    }
    const struct pg_param users = pg_text_array(arena, cells, count);
    const struct scoreboard_people people = {cells, takes_back, count, scoreboard->id,
                                             .list = "entries"};
    PEK_TRY(scoreboard_store_check_members(change, scoreboard->group_id, &people));
    if (!accepts)
        PEK_TRY(check_not_finalized(change, scoreboard->id, users));
    PEK_TRY(change_execute(change, &set,
                           PG_PARAMS(pg_str(scoreboard->group_id), pg_str(scoreboard->id), users,
                                     pg_text_array(arena, cells + count, count),
                                     pg_text_array(arena, cells + 2 * count, count),
                                     pg_int(arena, now->season)),
                           NULL));
    return scoreboard_store_touch(change, scoreboard);
}

enum status entry_store_get(struct change *change, const evaluation_v1_scoreboard *scoreboard,
                            const char *user_id, evaluation_v1_entry *ret_entry)
{
    enum status status = change_row(change, &evaluation_v1_entry_row, &get,
                                    PG_PARAMS(pg_str(scoreboard->id), pg_str(user_id)), ret_entry);
    if (status == STATUS_NOT_FOUND)
        return row_missing(&evaluation_v1_entry_row, "entry.user_id", user_id, change->fault);
    return status;
}

enum status entry_store_review(struct change *change, const evaluation_v1_entry *entry,
                               unsigned fields, const struct scoreboard_now *now,
                               evaluation_v1_scoreboard *scoreboard, evaluation_v1_entry *ret_entry)
{
    static const struct pg_statement review = {
        "entry_review",
        "UPDATE pek.entry_request AS e SET revision = e.revision + 1,"
        " type = coalesce($3::smallint, e.type),"
        " justification = " KEPT("coalesce($3::smallint, e.type)", "coalesce($4, e.justification)",
                                 "$8") //
        ", finalized = coalesce($5::boolean, e.finalized),"
        " recommendation = coalesce($6::smallint, e.recommendation),"
        " recommended_by = coalesce($7, e.recommended_by) "
        "WHERE e.scoreboard_id = $1::bigint AND e.user_id = $2",
    };
    struct arena *arena = change->arena;
    PEK_TRY(change_execute(
        change, &review,
        PG_PARAMS(pg_str(scoreboard->id), pg_str(entry->user_id),
                  mask_param(fields, ENTRY_TYPE, pg_int(arena, entry->type)),
                  mask_param(fields, ENTRY_JUSTIFICATION, pg_str(entry->justification)),
                  mask_param(fields, ENTRY_FINALIZED, pg_bool(entry->finalized)),
                  mask_param(fields, ENTRY_RECOMMENDATION, pg_int(arena, entry->recommendation)),
                  mask_param(fields, ENTRY_RECOMMENDATION, pg_str(change->actor)),
                  pg_int(arena, now->season)),
        NULL));
    PEK_TRY(scoreboard_store_touch(change, scoreboard));
    return entry_store_get(change, scoreboard, entry->user_id, ret_entry);
}

enum status entry_store_check_justified(struct change *change, const char *scoreboard_id)
{
    static const struct pg_statement unjustified = {
        "entry_unjustified",
        "SELECT e.user_id FROM pek.entry_request AS e WHERE e.scoreboard_id = $1::bigint"
        " AND e.type IN (2, 3) AND e.justification !~ '[^[:space:]]' ORDER BY e.user_id LIMIT 1",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &unjustified, PG_PARAMS(pg_str(scoreboard_id)), &rows));
    if (pg_rows(rows) == 0)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, ENTRY_REASON_JUSTIFICATION,
                            "id", "the entry of %s has no justification", pg_get_str(rows, 0, 0));
}

enum status entry_store_blank(struct change *change)
{
    static const struct pg_statement blank = {
        "entry_blank",
        "UPDATE pek.entry_request AS e SET justification = '', revision = e.revision + 1"
        " WHERE e.type = 1 AND e.justification <> ''",
    };
    return change_execute(change, &blank, NULL, 0, NULL);
}
