#include "worker/evaluation/judgement_store.h"

enum status judgement_store_list(const struct read_batch *batch, const void *query,
                                 struct pg_result **ret_rows)
{
    static const struct pg_statement list = {
        "judgement_list",
        "SELECT " EVALUATION_V1_JUDGED_SCOREBOARD_COLUMNS(
            j) " FROM pek.judged_scoreboard AS j "
               "WHERE j.semester = $4 AND $10::smallint IN (0, j.point_status, j.entry_status)"
               " AND " JUDGEMENT_STORE_JUDGES("j.parent_id", "j.organisation_id") //
        " AND (j.sort_key, j.group_id) >= ($1::bytea, $2)"
        " AND ($3::boolean OR (j.sort_key, j.group_id) <> ($1::bytea, $2)) "
        "ORDER BY j.sort_key, j.group_id LIMIT $5::integer",
    };
    const struct judgement_query *wanted = query;
    const struct policy_scope *scope = batch->scope;
    return read_rows(batch, &list,
                     PG_PARAMS(READ_POSITION(batch), pg_str(wanted->semester),
                               pg_int(batch->arena, (int64_t)batch->limit),
                               RIGHTS_STORE_SCOPE(scope, batch->arena),
                               pg_int(batch->arena, wanted->status)),
                     ret_rows);
}
