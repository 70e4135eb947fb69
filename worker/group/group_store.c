#include "worker/group/group_store.h"

const struct pg_statement group_store_get = {
    "group_get",
    "SELECT " GROUP_V1_GROUP_COLUMNS(g) " FROM pek.realm_group AS g WHERE g.id = $1",
};

/* Among the names that have a gram: $8 gram, $9 ids, $10 all, $11 parent; the others as below. */
const struct pg_statement group_list_found = {
    "group_list_found",
    "SELECT " GROUP_V1_GROUP_COLUMNS(g) " FROM " SEARCH_FOUND("group") SEARCH_ROW(
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
    "SELECT " GROUP_V1_GROUP_COLUMNS(g) " FROM pek.realm_group AS g WHERE " FILTERS,
};
static const struct pg_statement list_scoped = {
    "group_list_scoped",
    "SELECT " GROUP_V1_GROUP_COLUMNS(g) " FROM pek.realm_group AS g "
                                        "WHERE g.id = ANY ($8::text[]) AND " FILTERS,
};
static const struct pg_statement list_children = {
    "group_list_children",
    "SELECT " GROUP_V1_GROUP_COLUMNS(
        g) " FROM pek.realm_group AS g "
           "WHERE g.parent_id = $9 AND ($10::boolean OR g.id = ANY ($8::text[])) AND " FILTERS,
};

/* $1 to $7 of all of them. */
#define FILTER_PARAMS(batch, wanted)                                                               \
    READ_POSITION(batch), pg_bool((wanted)->include_archived),                                     \
        pg_int((batch)->arena, (int64_t)(wanted)->purpose),                                        \
        pg_text_array((batch)->arena, (wanted)->search.patterns, (wanted)->search.pattern_count),  \
        pg_int((batch)->arena, (int64_t)(batch)->limit)

enum status group_store_list(const struct read_batch *batch, const void *query,
                             struct pg_result **ret_rows)
{
    const struct group_query *wanted = query;
    const struct policy_scope *scope = batch->scope;
    const struct pg_param groups = pg_text_array(batch->arena, scope->groups, scope->group_count);
    if (wanted->lead.gram.len > 0)
        return read_rows(batch, &group_list_found,
                         PG_PARAMS(FILTER_PARAMS(batch, wanted), pg_text(wanted->lead.gram), groups,
                                   pg_bool(scope->all), pg_str(wanted->parent_id)),
                         ret_rows);
    if (wanted->parent_id)
        return read_rows(batch, &list_children,
                         PG_PARAMS(FILTER_PARAMS(batch, wanted), groups, pg_str(wanted->parent_id),
                                   pg_bool(scope->all)),
                         ret_rows);
    if (scope->all)
        return read_rows(batch, &list_all, PG_PARAMS(FILTER_PARAMS(batch, wanted)), ret_rows);
    return read_rows(batch, &list_scoped, PG_PARAMS(FILTER_PARAMS(batch, wanted), groups),
                     ret_rows);
}

enum status group_store_ancestors(const struct read_batch *batch, const void *id,
                                  struct pg_result **ret_rows)
{
    static const struct pg_statement ancestors = {
        "group_ancestors",
        "WITH RECURSIVE path (id, parent_id, distance) AS ("
        "  SELECT g.id, g.parent_id, 0 FROM pek.realm_group AS g WHERE g.id = $1"
        "  UNION ALL"
        "  SELECT g.id, g.parent_id, path.distance + 1"
        "    FROM path JOIN pek.realm_group AS g ON g.id = path.parent_id"
        "   WHERE path.distance < 16) "
        "SELECT " GROUP_V1_GROUP_COLUMNS(
            g) " FROM path JOIN pek.realm_group AS g ON g.id = path.id "
               "WHERE path.distance > 0 AND ($2::boolean OR g.id = ANY ($3::text[])) "
               "ORDER BY path.distance DESC",
    };
    const struct policy_scope *scope = batch->scope;
    return read_rows(batch, &ancestors,
                     PG_PARAMS(pg_str(id), pg_bool(scope->all),
                               pg_text_array(batch->arena, scope->groups, scope->group_count)),
                     ret_rows);
}

enum status group_store_descendants(const struct read_batch *batch, const void *below_query,
                                    struct pg_result **ret_rows)
{
    static const struct pg_statement descendants = {
        "group_descendants",
        "WITH RECURSIVE below (id, path) AS ("
        "  SELECT g.id, ARRAY[]::bytea[] FROM pek.realm_group AS g WHERE g.id = $1"
        "  UNION ALL"
        "  SELECT g.id, below.path || ARRAY[g.sort_key, convert_to(g.id, 'UTF8')]"
        "    FROM below JOIN pek.realm_group AS g ON g.parent_id = below.id"
        "   WHERE cardinality(below.path) < 32) "
        "SELECT " GROUP_V1_GROUP_COLUMNS(
            g) " FROM below JOIN pek.realm_group AS g ON g.id = below.id "
               "WHERE below.path <> ARRAY[]::bytea[] AND ($2::boolean OR NOT g.is_archived) "
               "AND ($3::boolean OR g.id = ANY ($4::text[])) "
               "ORDER BY below.path LIMIT $5::integer",
    };
    const struct group_below_query *wanted = below_query;
    const struct policy_scope *scope = batch->scope;
    return read_rows(batch, &descendants,
                     PG_PARAMS(pg_str(wanted->id), pg_bool(wanted->include_archived),
                               pg_bool(scope->all),
                               pg_text_array(batch->arena, scope->groups, scope->group_count),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}
