#include "worker/group/group_store.h"

#include "worker/group/group_rows.h"

/* ---- reads ---- */

enum status group_store_get(struct pg *pg, struct cancel *cancel, const char *id,
                            struct arena *arena, struct group *ret_group)
{
    static const struct pg_statement get = {
        "group_get",
        "SELECT " GROUP_COLUMNS "FROM pek.realm_group AS g WHERE g.id = $1",
    };
    struct pg_result *result;
    enum status status = pg_read(pg, PG_POINT_READ, cancel, &get, PG_PARAMS(pg_str(id)), &result);
    return status == STATUS_OK ? group_take(result, arena, ret_group) : status;
}

void group_rows_at(const struct group_rows *rows, size_t index, struct arena *arena,
                   struct group *ret_group)
{
    group_from_row(rows->result, index, arena, ret_group);
}

void group_rows_done(struct group_rows *rows)
{
    rows->result = pg_result_free(rows->result);
    rows->count = 0;
}

/* Among the names that have a gram: $8 gram, $9 ids, $10 all, $11 parent; the others as below. */
const struct pg_statement group_list_found = {
    "group_list_found",
    "SELECT " GROUP_COLUMNS "FROM " SEARCH_FOUND("group") SEARCH_ROW(
        "pek.realm_group", "g") "AND ($4::boolean OR NOT g.is_archived) "
                                "AND ($5::integer = 0 OR g.purpose = $5::integer) "
                                "AND ($10::boolean OR g.id IN (SELECT unnest($9::text[]))) "
                                "AND ($11::text IS NULL OR g.parent_id = $11)" SEARCH_ROW_END(
                                    "g") "ORDER BY s.sort_key, s.id LIMIT $7::integer",
};

/* $1 key, $2 id, $3 inclusive, $4 archived too, $5 purpose, $6 patterns, $7 limit. The keyset comparison is
 * always there, with an empty key at the beginning, so that the index serves it in every plan. */
#define FILTERS                                                                                    \
    "(g.sort_key, g.id) >= ($1::bytea, $2) "                                                       \
    "AND ($3::boolean OR (g.sort_key, g.id) <> ($1::bytea, $2)) "                                  \
    "AND ($4::boolean OR NOT g.is_archived) "                                                      \
    "AND ($5::integer = 0 OR g.purpose = $5::integer) "                                            \
    "AND g.folded LIKE ALL ($6::text[]) "                                                          \
    "ORDER BY g.sort_key, g.id LIMIT $7::integer"

static const struct pg_statement list_all = {
    "group_list_all",
    "SELECT " GROUP_COLUMNS "FROM pek.realm_group AS g WHERE " FILTERS,
};
static const struct pg_statement list_scoped = {
    "group_list_scoped",
    "SELECT " GROUP_COLUMNS "FROM pek.realm_group AS g WHERE g.id = ANY ($8::text[]) AND " FILTERS,
};
static const struct pg_statement list_children = {
    "group_list_children",
    "SELECT " GROUP_COLUMNS "FROM pek.realm_group AS g "
    "WHERE g.parent_id = $9 AND ($10::boolean OR g.id = ANY ($8::text[])) AND " FILTERS,
};

static enum status list_found(struct pg *pg, enum pg_lane lane, struct cancel *cancel,
                              const struct group_query *query, struct arena *arena,
                              struct pg_result **ret_result)
{
    return pg_read(
        pg, lane, cancel, &group_list_found,
        PG_PARAMS(pg_bytea(query->after_key.len ? query->after_key : SLICE_LIT("")),
                  pg_str(query->after_id ? query->after_id : ""), pg_bool(query->inclusive),
                  pg_bool(query->include_archived), pg_int(arena, query->purpose),
                  pg_text_array(arena, query->search.patterns, query->search.pattern_count),
                  pg_int(arena, (int64_t)query->limit), pg_text(query->lead.gram),
                  pg_text_array(arena, query->scope->groups, query->scope->group_count),
                  pg_bool(query->scope->all), pg_str(query->parent_id)),
        ret_result);
}

enum status group_store_list(struct pg *pg, enum pg_lane lane, struct cancel *cancel,
                             const struct group_query *query, struct arena *arena,
                             struct group_rows *ret_rows)
{
    const struct pg_param params[] = {
        /* Without bytes it would be NULL, which nothing is behind. */
        pg_bytea(query->after_key.len ? query->after_key : SLICE_LIT("")),
        pg_str(query->after_id ? query->after_id : ""),
        pg_bool(query->inclusive),
        pg_bool(query->include_archived),
        pg_int(arena, query->purpose),
        pg_text_array(arena, query->search.patterns, query->search.pattern_count),
        pg_int(arena, (int64_t)query->limit),
        pg_text_array(arena, query->scope->groups, query->scope->group_count),
        pg_str(query->parent_id),
        pg_bool(query->scope->all),
    };
    const struct pg_statement *statement = &list_scoped;
    size_t count = 8;
    if (query->parent_id) {
        statement = &list_children;
        count = 10;
    } else if (query->scope->all) {
        statement = &list_all;
        count = 7;
    }
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    struct pg_result *result;
    enum status status = query->lead.gram.len
                             ? list_found(pg, lane, cancel, query, arena, &result)
                             : pg_read(pg, lane, cancel, statement, params, count, &result);
    if (status == STATUS_OK)
        *ret_rows = (struct group_rows){result, pg_rows(result)};
    return status;
}

enum status group_store_ancestors(struct pg *pg, struct cancel *cancel, const char *id,
                                  const struct policy_scope *scope, struct arena *arena,
                                  struct group_rows *ret_rows)
{
    static const struct pg_statement ancestors = {
        "group_ancestors",
        "WITH RECURSIVE path (id, parent_id, distance) AS ("
        "  SELECT g.id, g.parent_id, 0 FROM pek.realm_group AS g WHERE g.id = $1"
        "  UNION ALL"
        "  SELECT g.id, g.parent_id, path.distance + 1"
        "    FROM path JOIN pek.realm_group AS g ON g.id = path.parent_id"
        "   WHERE path.distance < 16) "
        "SELECT " GROUP_COLUMNS "FROM path JOIN pek.realm_group AS g ON g.id = path.id "
        "WHERE path.distance > 0 AND ($2::boolean OR g.id = ANY ($3::text[])) "
        "ORDER BY path.distance DESC",
    };
    struct pg_result *result;
    enum status status = pg_read(pg, PG_POINT_READ, cancel, &ancestors,
                                 PG_PARAMS(pg_str(id), pg_bool(scope->all),
                                           pg_text_array(arena, scope->groups, scope->group_count)),
                                 &result);
    if (status == STATUS_OK)
        *ret_rows = (struct group_rows){result, pg_rows(result)};
    return status;
}

enum status group_store_descendants(struct pg *pg, struct cancel *cancel, const char *id,
                                    bool include_archived, const struct policy_scope *scope,
                                    struct arena *arena, struct group_rows *ret_rows)
{
    static const struct pg_statement descendants = {
        "group_descendants",
        "WITH RECURSIVE below (id, path) AS ("
        "  SELECT g.id, ARRAY[]::bytea[] FROM pek.realm_group AS g WHERE g.id = $1"
        "  UNION ALL"
        "  SELECT g.id, below.path || ARRAY[g.sort_key, convert_to(g.id, 'UTF8')]"
        "    FROM below JOIN pek.realm_group AS g ON g.parent_id = below.id"
        "   WHERE cardinality(below.path) < 32) "
        "SELECT " GROUP_COLUMNS "FROM below JOIN pek.realm_group AS g ON g.id = below.id "
        "WHERE below.path <> ARRAY[]::bytea[] AND ($2::boolean OR NOT g.is_archived) "
        "AND ($3::boolean OR g.id = ANY ($4::text[])) "
        "ORDER BY below.path LIMIT $5::integer",
    };
    struct pg_result *result;
    enum status status =
        pg_read(pg, PG_LONG_READ, cancel, &descendants,
                PG_PARAMS(pg_str(id), pg_bool(include_archived), pg_bool(scope->all),
                          pg_text_array(arena, scope->groups, scope->group_count),
                          pg_int(arena, GROUP_DESCENDANTS_MAX + 1)),
                &result);
    if (status != STATUS_OK)
        return status;
    if (pg_rows(result) > GROUP_DESCENDANTS_MAX) {
        pg_result_free(result);
        return STATUS_RESOURCE_EXHAUSTED;
    }
    *ret_rows = (struct group_rows){result, pg_rows(result)};
    return STATUS_OK;
}
