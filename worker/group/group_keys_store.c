#include "worker/group/group_keys_store.h"

#include "shared/crypto/encode.h"

enum status group_store_names_after(struct pg_transaction *transaction, const char *after_id,
                                    size_t limit, struct arena *arena,
                                    struct pg_result **ret_ids_and_names)
{
    static const struct pg_statement names = {
        "group_names_after",
        "SELECT g.id, g.name FROM pek.realm_group AS g WHERE g.id > $1 "
        "ORDER BY g.id LIMIT $2::integer",
    };
    return pg_execute(transaction, &names,
                      PG_PARAMS(pg_str(after_id), pg_int(arena, (int64_t)limit)),
                      ret_ids_and_names);
}

static struct slice hex_of(struct slice bytes, struct arena *arena)
{
    char *hex = arena_alloc(arena, 2 * bytes.len + 1);
    if (!hex)
        return SLICE_LIT("");
    hex_encode(bytes, hex);
    return slice_make(hex, 2 * bytes.len);
}

enum status group_store_set_keys(struct pg_transaction *transaction, const struct slice *ids,
                                 const struct group_name *names, size_t count, struct arena *arena)
{
    static const struct pg_statement set_keys = {
        "group_set_keys",
        "UPDATE pek.realm_group AS g SET unique_key = made.unique_key, folded = made.folded,"
        " sort_key = decode(made.sort_key, 'hex') "
        "FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])"
        "  AS made (id, name, unique_key, folded, sort_key) "
        "WHERE g.id = made.id AND g.name = made.name"
        "  AND (g.unique_key <> made.unique_key OR g.folded <> made.folded"
        "    OR g.sort_key <> decode(made.sort_key, 'hex'))",
    };
    enum { NAME, UNIQUE_KEY, FOLDED, SORT_KEY, COLUMNS };
    struct slice *columns = arena_zalloc(arena, COLUMNS * count + 1, sizeof(*columns));
    if (!columns)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        columns[NAME * count + i] = names[i].name;
        columns[UNIQUE_KEY * count + i] = names[i].unique_key;
        columns[FOLDED * count + i] = names[i].folded;
        columns[SORT_KEY * count + i] = hex_of(names[i].sort_key, arena);
    }
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    struct pg_result *result;
    enum status status =
        pg_execute(transaction, &set_keys,
                   PG_PARAMS(pg_text_array(arena, ids, count),
                             pg_text_array(arena, columns + NAME * count, count),
                             pg_text_array(arena, columns + UNIQUE_KEY * count, count),
                             pg_text_array(arena, columns + FOLDED * count, count),
                             pg_text_array(arena, columns + SORT_KEY * count, count)),
                   &result);
    if (status == STATUS_OK)
        pg_result_free(result);
    return status;
}
