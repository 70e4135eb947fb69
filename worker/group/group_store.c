#include "worker/group/group_store.h"

#include "worker/rights/rights_store.h"

const struct pg_statement group_store_get = {
    "group_get",
    "SELECT " GROUP_V1_GROUP_COLUMNS(g) " FROM pek.realm_group AS g WHERE g.id = $1",
};

/* A list, without archived groups and with them: `text` is a macro of its columns and of what it selects from. */
#define LISTED(name, text)                                                                         \
    {                                                                                              \
        LISTED_OF(name, text, ACTIVE), LISTED_OF(name "_archived", text, EVERY)                    \
    }
#define LISTED_OF(name, text, which)                                                               \
    {                                                                                              \
        {name, text(GROUP_V1_GROUP_COLUMNS(g), which)},                                            \
        {                                                                                          \
            name "_brief", text(GROUP_V1_GROUP_BRIEF_COLUMNS(g), which)                            \
        }                                                                                          \
    }

/* Among the names that have a gram: $7 gram, $8 parent; the others as below. */
#define ACTIVE_FOUND(kind, table, alias) SEARCH_FOUND(kind, table, alias)
#define EVERY_FOUND(kind, table, alias) SEARCH_FOUND_ARCHIVED(kind, table, alias)
#define FOUND(columns, which)                                                                      \
    "SELECT " columns " FROM " which##_FOUND(                                                      \
        "group", "pek.realm_group", "g") "AND ($4::integer = 0 OR g.purpose = $4::integer) "       \
                                         "AND ($8::text IS NULL OR g.parent_id = $8) "
#define FOUND_END "ORDER BY s.sort_key, s.id LIMIT $6::integer"
#define FOUND_ALL(columns, which) FOUND(columns, which) FOUND_END
const struct read_statement group_list_found[2] = LISTED("group_list_found", FOUND_ALL);
/* Of these groups alone: $9 ids. */
#define FOUND_SCOPED(columns, which)                                                               \
    FOUND(columns, which)                                                                          \
    "AND CASE WHEN g.id = ANY ($9::text[]) THEN true ELSE false END " FOUND_END
static const struct read_statement list_found_scoped[] =
    LISTED("group_list_found_scoped", FOUND_SCOPED);
/* The same of a scope that SQL asks for: $9 user, $10 right. */
#define FOUND_ASKED(columns, which)                                                                \
    FOUND(columns, which) "AND " RIGHTS_STORE_HAS("$9", "$10") FOUND_END
static const struct read_statement list_found_asked[] =
    LISTED("group_list_found_asked", FOUND_ASKED);

/* $1 key, $2 id, $3 inclusive, $4 purpose, $5 patterns, $6 limit. The keyset comparison is
 * always there, with an empty key at the beginning, so that the index serves it in every plan; CASE, since the planner takes every
 * condition that it knows nothing of for rare, and would read and sort all groups for the one that it expects. What is archived
 * is left out by an index (realm_group_active_…). */
#define FILTERS                                                                                    \
    "(g.sort_key, g.id) >= ($1::bytea, $2) "                                                       \
    "AND ($3::boolean OR (g.sort_key, g.id) <> ($1::bytea, $2)) "                                  \
    "AND CASE WHEN ($4::integer = 0 OR g.purpose = $4::integer) "                                  \
    "          AND g.folded LIKE ALL ($5::text[]) THEN true ELSE false END "                       \
    "ORDER BY g.sort_key, g.id LIMIT $6::integer"
#define ACTIVE_GROUPS "NOT g.is_archived AND "
#define EVERY_GROUPS ""
#define GROUPS(columns, which) "SELECT " columns " FROM pek.realm_group AS g WHERE " which##_GROUPS

#define ALL(columns, which) GROUPS(columns, which) FILTERS
static const struct read_statement list_all[] = LISTED("group_list_all", ALL);
#define SCOPED(columns, which) GROUPS(columns, which) "g.id = ANY ($7::text[]) AND " FILTERS
static const struct read_statement list_scoped[] = LISTED("group_list_scoped", SCOPED);
#define ASKED(columns, which) GROUPS(columns, which) RIGHTS_STORE_HELD("$7", "$8") "AND " FILTERS
static const struct read_statement list_asked[] = LISTED("group_list_asked", ASKED);
#define CHILDREN(columns, which)                                                                   \
    GROUPS(columns, which)                                                                         \
    RIGHTS_STORE_SEES("$7", "$8", "$9", "$10")                                                     \
    "AND g.parent_id = $11 "                                                                       \
    "AND " FILTERS
static const struct read_statement list_children[] = LISTED("group_list_children", CHILDREN);

enum status group_store_list(const struct read_batch *batch, const void *query,
                             struct pg_result **ret_rows)
{
    const struct group_query *wanted = query;
    const struct policy_scope *scope = batch->scope;
#define FILTER_PARAMS                                                                              \
    READ_POSITION(batch), pg_int(batch->arena, (int64_t)wanted->purpose),                          \
        pg_text_array(batch->arena, wanted->search.patterns, wanted->search.pattern_count),        \
        pg_int(batch->arena, (int64_t)batch->limit)
    const struct pg_param groups = pg_text_array(batch->arena, scope->groups, scope->group_count);
    const struct pg_param bit = pg_int(batch->arena, (int64_t)scope->bit);
    bool asks = scope->user.len > 0, archived = wanted->include_archived;
#define FOUND_PARAMS FILTER_PARAMS, pg_text(wanted->lead.gram), pg_str(wanted->parent_id)
    if (wanted->lead.gram.len > 0 && scope->all)
        return read_rows_either(batch, &group_list_found[archived], PG_PARAMS(FOUND_PARAMS),
                                ret_rows);
    if (wanted->lead.gram.len > 0 && asks)
        return read_rows_either(batch, &list_found_asked[archived],
                                PG_PARAMS(FOUND_PARAMS, pg_text(scope->user), bit), ret_rows);
    if (wanted->lead.gram.len > 0)
        return read_rows_either(batch, &list_found_scoped[archived],
                                PG_PARAMS(FOUND_PARAMS, groups), ret_rows);
    if (wanted->parent_id)
        return read_rows_either(batch, &list_children[archived],
                                PG_PARAMS(FILTER_PARAMS, RIGHTS_STORE_SCOPE(scope, batch->arena),
                                          pg_str(wanted->parent_id)),
                                ret_rows);
    if (scope->all)
        return read_rows_either(batch, &list_all[archived], PG_PARAMS(FILTER_PARAMS), ret_rows);
    if (asks)
        return read_rows_either(batch, &list_asked[archived],
                                PG_PARAMS(FILTER_PARAMS, pg_text(scope->user), bit), ret_rows);
    return read_rows_either(batch, &list_scoped[archived], PG_PARAMS(FILTER_PARAMS, groups),
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
               "WHERE path.distance > 0 AND " RIGHTS_STORE_SEES("$2", "$3", "$4",
                                                                "$5") "ORDER BY path.distance DESC",
    };
    const struct policy_scope *scope = batch->scope;
    return read_rows(batch, &ancestors,
                     PG_PARAMS(pg_str(id), RIGHTS_STORE_SCOPE(scope, batch->arena)), ret_rows);
}

/* UNION, not UNION ALL: whatever the tree looks like, it ends. */
#define DESCENDANTS(columns)                                                                       \
    "WITH RECURSIVE below (id) AS ("                                                               \
    "  SELECT g.id FROM pek.realm_group AS g WHERE g.parent_id = $4"                               \
    "  UNION"                                                                                      \
    "  SELECT g.id FROM below JOIN pek.realm_group AS g ON g.parent_id = below.id) "               \
    "SELECT " columns " FROM below JOIN pek.realm_group AS g ON g.id = below.id "                  \
    "WHERE (g.sort_key, g.id) >= ($1::bytea, $2)"                                                  \
    "  AND ($3::boolean OR (g.sort_key, g.id) <> ($1::bytea, $2))"                                 \
    "  AND ($5::boolean OR NOT g.is_archived) "                                                    \
    "AND " RIGHTS_STORE_SEES("$6", "$7", "$8", "$9") "ORDER BY g.sort_key, g.id"                   \
                                                     " LIMIT $10::integer"
enum status group_store_descendants(const struct read_batch *batch, const void *below_query,
                                    struct pg_result **ret_rows)
{
    static const struct read_statement descendants =
        READ_STATEMENT("group_descendants", DESCENDANTS, GROUP_V1_GROUP_COLUMNS(g),
                       GROUP_V1_GROUP_BRIEF_COLUMNS(g));
    const struct group_below_query *wanted = below_query;
    const struct policy_scope *scope = batch->scope;
    return read_rows_either(batch, &descendants,
                            PG_PARAMS(READ_POSITION(batch), pg_str(wanted->id),
                                      pg_bool(wanted->include_archived),
                                      RIGHTS_STORE_SCOPE(scope, batch->arena),
                                      pg_int(batch->arena, (int64_t)batch->limit)),
                            ret_rows);
}

/* Of each kind the latest, by the index; the position is the id itself. */
const struct pg_statement group_store_list_history = {
    "group_history",
    "SELECT " GROUP_V1_HISTORY_ENTRY_COLUMNS(
        h) " FROM unnest($5::text[]) AS k (kind) CROSS JOIN LATERAL ("
           "  SELECT * FROM pek.group_history AS v"
           "   WHERE v.target_kind = k.kind AND v.group_id = $4 AND $1::bytea IS NOT NULL"
           "     AND v.id < coalesce(nullif($2::text, '')::bigint + $3::boolean::integer,"
           "         9223372036854775807)"
           "   ORDER BY v.id DESC LIMIT $6::integer) AS h ORDER BY h.id DESC LIMIT $6::integer",
};

enum status group_store_history(const struct read_batch *batch, const void *history_query,
                                struct pg_result **ret_rows)
{
    static const struct slice kinds[] = {{"group", 5}, {"membership", 10}};
    const struct group_history_query *wanted = history_query;
    return read_rows(batch, &group_store_list_history,
                     PG_PARAMS(READ_POSITION(batch), pg_str(wanted->id),
                               pg_text_array(batch->arena, kinds, wanted->members ? 2 : 1),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}
