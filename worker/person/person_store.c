#include "worker/person/person_store.h"

#include "worker/person/user_merge.h"

enum status person_gone(struct slice id, const char *field, struct fault *fault)
{
    return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, "USER_DELETED", field,
                            "%.*s has deleted their account", SLICE_ARG(id));
}

enum { ID, NAME, FOLDED, SORT_KEY, AVATAR, VERSION, DELETED, COLUMNS };

/* $1 to $7: a list for each column. */
static enum status make_params(const struct person *people, size_t count, struct arena *arena,
                               struct pg_param ret_params[COLUMNS])
{
    struct slice *cells = arena_zalloc(arena, COLUMNS * count + 1, sizeof(*cells));
    if (!cells)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        cells[ID * count + i] = people[i].id;
        cells[NAME * count + i] = people[i].name.name;
        cells[FOLDED * count + i] = people[i].name.folded;
        cells[SORT_KEY * count + i] = people[i].name.sort_key;
        cells[AVATAR * count + i] =
            slice_str(arena_printf(arena, "%lld", (long long)people[i].avatar_version));
        cells[VERSION * count + i] =
            slice_str(arena_printf(arena, "%lld", (long long)people[i].version));
        cells[DELETED * count + i] = slice_str(people[i].is_deleted ? "t" : "f");
    }
    for (size_t column = 0; column < COLUMNS; column++)
        ret_params[column] = column == SORT_KEY
                                 ? pg_bytea_array(arena, cells + column * count, count)
                                 : pg_text_array(arena, cells + column * count, count);
    return STATUS_OK;
}

#define TOLD                                                                                       \
    "unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bigint[], $6::bigint[],"          \
    "  $7::boolean[])"                                                                             \
    " AS told (id, display_name, folded, sort_key, avatar_version, version, is_deleted) "
/* What is newer replaces what is there. */
#define REPLACE_OLDER                                                                              \
    " ON CONFLICT (realm, id) DO UPDATE SET display_name = EXCLUDED.display_name,"                 \
    " folded = EXCLUDED.folded, sort_key = EXCLUDED.sort_key,"                                     \
    " avatar_version = EXCLUDED.avatar_version, version = EXCLUDED.version,"                       \
    " is_deleted = EXCLUDED.is_deleted WHERE p.version < EXCLUDED.version"

enum status person_store_meet(struct pg_transaction *transaction, const char *actor,
                              const struct person *people, size_t count, struct arena *arena,
                              struct fault *fault)
{
    static const struct pg_statement meet = {
        "person_meet",
        "INSERT INTO pek.person AS p (id, display_name, folded, sort_key, avatar_version, version,"
        " is_deleted, met_by) "
        "SELECT told.*, $8 FROM " TOLD "ORDER BY told.id" REPLACE_OLDER,
    };
    static const struct pg_statement count_unnamed = {
        "person_count_unnamed",
        "SELECT FROM pek.person AS p WHERE p.version = 0 AND p.met_by = $1 OFFSET 1000 LIMIT 1",
    };
    _Static_assert(PERSON_UNNAMED_MAX == 1000, "the OFFSET above");
    struct pg_param params[COLUMNS + 1];
    struct pg_result *result;
    PEK_TRY(make_params(people, count, arena, params));
    params[COLUMNS] = pg_str(actor);
    enum status status = pg_execute(transaction, &meet, params, COLUMNS + 1, &result);
    if (status != STATUS_OK && user_merge_is_reason(transaction))
        return fault_set_reason(fault, status, USER_MERGED, "user_id",
                                "this account was merged into another one of the same person");
    PEK_TRY(status);
    bool met = pg_affected(result) > 0;
    pg_result_free(result);
    if (!met)
        return STATUS_OK;
    PEK_TRY(pg_execute(transaction, &count_unnamed, PG_PARAMS(pg_str(actor)), &result));
    bool full = pg_rows(result) > 0;
    pg_result_free(result);
    return full ? fault_set_reason(fault, STATUS_FAILED_PRECONDITION, "TOO_MANY_UNNAMED", "user_id",
                                   "you added more than %d people of whom the hub knows nothing",
                                   PERSON_UNNAMED_MAX)
                : STATUS_OK;
}

enum status person_store_put(struct pg_transaction *transaction, const struct person *people,
                             size_t count, struct arena *arena, struct pg_result **ret_known)
{
    static const struct pg_statement put = {
        "person_put",
        "WITH known AS ("
        "  SELECT * FROM " TOLD
        "   WHERE EXISTS (SELECT FROM pek.policy_holding AS a WHERE a.user_id = told.id)"
        "      OR EXISTS (SELECT FROM pek.membership AS m WHERE m.user_id = told.id)), "
        "kept AS ("
        "  INSERT INTO pek.person AS p (id, display_name, folded, sort_key, avatar_version, "
        "version,"
        "   is_deleted)"
        "  SELECT * FROM known ORDER BY id" REPLACE_OLDER ") "
        "SELECT id FROM known",
    };
    struct pg_param params[COLUMNS];
    PEK_TRY(make_params(people, count, arena, params));
    return pg_execute(transaction, &put, params, COLUMNS, ret_known);
}

enum status person_store_count_told(struct pg_transaction *transaction, int64_t before,
                                    int64_t version, struct arena *arena, int64_t *ret_before)
{
    static const struct pg_statement count = {
        "person_count_told",
        "WITH told AS (SELECT coalesce((SELECT t.version FROM pek.people_told AS t), 1) AS "
        "version), "
        "counted AS (INSERT INTO pek.people_told AS t (version)"
        "  SELECT $2::bigint FROM told WHERE $2::bigint > 0 AND told.version = $1::bigint"
        "  ON CONFLICT (realm) DO UPDATE SET version = EXCLUDED.version"
        "  WHERE t.version = $1::bigint AND t.version < EXCLUDED.version) "
        "SELECT told.version FROM told",
    };
    struct pg_result *rows;
    PEK_TRY(pg_execute(transaction, &count,
                       PG_PARAMS(pg_int(arena, before), pg_int(arena, version)), &rows));
    *ret_before = pg_get_int(rows, 0, 0);
    pg_result_free(rows);
    return STATUS_OK;
}

enum status person_store_check_there(struct pg_transaction *transaction, const struct slice *users,
                                     size_t count, const char *field, struct arena *arena,
                                     struct fault *fault)
{
    static const struct pg_statement gone = {
        "person_gone",
        "SELECT p.id FROM pek.person AS p WHERE p.id = ANY ($1::text[]) AND p.is_deleted"
        " ORDER BY p.id LIMIT 1",
    };
    struct pg_result *rows;
    PEK_TRY(pg_execute(transaction, &gone, PG_PARAMS(pg_text_array(arena, users, count)), &rows));
    enum status status = STATUS_OK;
    if (pg_rows(rows) > 0)
        status = person_gone(slice_str(pg_get_str(rows, 0, 0)), field, fault);
    pg_result_free(rows);
    return status;
}

enum status person_store_has(struct pg *pg, struct cancel *cancel, struct slice user,
                             int64_t version, struct arena *arena, bool *ret_has)
{
    static const struct pg_statement find = {
        "person_has",
        "SELECT FROM pek.person AS p WHERE p.id = $1 AND p.version >= $2::bigint",
    };
    struct pg_result *rows;
    PEK_TRY(pg_read(pg, PG_POINT_READ, cancel, &find,
                    PG_PARAMS(pg_text(user), pg_int(arena, version)), &rows));
    *ret_has = pg_rows(rows) > 0;
    pg_result_free(rows);
    return STATUS_OK;
}

enum status person_store_unnamed(struct pg *pg, struct cancel *cancel, const char *after,
                                 struct pg_result **ret_users)
{
    static const struct pg_statement unnamed = {
        "person_unnamed",
        "SELECT p.id FROM pek.person AS p WHERE p.version = 0 AND p.id > $1 ORDER BY p.id LIMIT "
        "100",
    };
    _Static_assert(PERSON_PUT_MAX == 100, "the LIMIT above");
    return pg_read(pg, PG_POINT_READ, cancel, &unnamed, PG_PARAMS(pg_str(after)), ret_users);
}

enum status person_store_is_member(struct pg *pg, struct cancel *cancel, struct slice user,
                                   bool *ret_is_member)
{
    static const struct pg_statement find = {
        "person_is_member",
        "SELECT EXISTS (SELECT FROM pek.membership AS m WHERE m.user_id = $1)",
    };
    struct pg_result *rows;
    PEK_TRY(pg_read(pg, PG_POINT_READ, cancel, &find, PG_PARAMS(pg_text(user)), &rows));
    *ret_is_member = pg_get_bool(rows, 0, 0);
    pg_result_free(rows);
    return STATUS_OK;
}

enum status person_store_knows_both(struct pg *pg, struct cancel *cancel, struct slice one,
                                    struct slice other, bool *ret_knows)
{
    static const struct pg_statement find = {
        "person_knows_both",
        "SELECT bool_and(EXISTS (SELECT FROM pek.policy_holding AS a WHERE a.user_id = asked.id)"
        "             OR EXISTS (SELECT FROM pek.membership AS m WHERE m.user_id = asked.id))"
        "  FROM (VALUES ($1), ($2)) AS asked (id)",
    };
    struct pg_result *rows;
    PEK_TRY(
        pg_read(pg, PG_POINT_READ, cancel, &find, PG_PARAMS(pg_text(one), pg_text(other)), &rows));
    *ret_knows = pg_get_bool(rows, 0, 0);
    pg_result_free(rows);
    return STATUS_OK;
}

const struct pg_statement person_store_names_after = {
    "person_names_after",
    "SELECT p.id, p.display_name FROM pek.person AS p WHERE p.id > $1 "
    "ORDER BY p.id LIMIT $2::integer",
};

const struct pg_statement person_store_set_keys = {
    "person_set_keys",
    "UPDATE pek.person AS p SET sort_key = made.sort_key,"
    " folded = CASE p.folded WHEN '' THEN '' ELSE made.folded END "
    "FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[])"
    "  AS made (id, name, unique_key, folded, sort_key) "
    "WHERE p.id = made.id AND p.display_name = made.name"
    "  AND (p.folded <> made.folded OR p.sort_key <> made.sort_key)",
};
