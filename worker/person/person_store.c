#include "worker/person/person_store.h"

enum status person_store_meet(struct pg_transaction *transaction, struct text_collator *collator,
                              const struct slice *ids, size_t count, struct arena *arena,
                              struct fault *fault)
{
    static const struct pg_statement meet = {
        "person_meet",
        "INSERT INTO pek.person (id, display_name, folded, sort_key) "
        "SELECT * FROM unnest($1::text[], $1::text[], $2::text[], $3::bytea[]) AS met (id)"
        " ORDER BY met.id ON CONFLICT DO NOTHING",
    };
    struct slice *folded = arena_zalloc(arena, count + 1, sizeof(*folded));
    struct slice *sort_keys = arena_zalloc(arena, count + 1, sizeof(*sort_keys));
    struct text_name name;
    struct pg_result *result;
    if (!folded || !sort_keys)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        const char *id = arena_strndup(arena, ids[i].ptr, ids[i].len);
        if (!id)
            return STATUS_RESOURCE_EXHAUSTED;
        PEK_TRY(text_name_make(collator, id, "user_id", arena, &name, fault));
        folded[i] = name.folded;
        sort_keys[i] = name.sort_key;
    }
    PEK_TRY(pg_execute(transaction, &meet,
                       PG_PARAMS(pg_text_array(arena, ids, count),
                                 pg_text_array(arena, folded, count),
                                 pg_bytea_array(arena, sort_keys, count)),
                       &result));
    pg_result_free(result);
    return STATUS_OK;
}

enum status person_store_put(struct pg_transaction *transaction, const struct person *person,
                             struct arena *arena)
{
    static const struct pg_statement put = {
        "person_put",
        "INSERT INTO pek.person AS p (id, display_name, folded, sort_key, avatar_version, version) "
        "VALUES ($1, $2, $3, $4::bytea, $5::bigint, $6::bigint) "
        "ON CONFLICT (realm, id) DO UPDATE SET display_name = EXCLUDED.display_name,"
        " folded = EXCLUDED.folded, sort_key = EXCLUDED.sort_key,"
        " avatar_version = EXCLUDED.avatar_version, version = EXCLUDED.version "
        "WHERE p.version < EXCLUDED.version",
    };
    struct pg_result *result;
    PEK_TRY(pg_execute(transaction, &put,
                       PG_PARAMS(pg_str(person->id), pg_text(person->name.name),
                                 pg_text(person->name.folded), pg_bytea(person->name.sort_key),
                                 pg_int(arena, person->avatar_version),
                                 pg_int(arena, person->version)),
                       &result));
    pg_result_free(result);
    return STATUS_OK;
}

const struct pg_statement person_store_names_after = {
    "person_names_after",
    "SELECT p.id, p.display_name FROM pek.person AS p WHERE p.id > $1 "
    "ORDER BY p.id LIMIT $2::integer",
};

const struct pg_statement person_store_set_keys = {
    "person_set_keys",
    "UPDATE pek.person AS p SET folded = made.folded, sort_key = made.sort_key "
    "FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[])"
    "  AS made (id, name, unique_key, folded, sort_key) "
    "WHERE p.id = made.id AND p.display_name = made.name"
    "  AND (p.folded <> made.folded OR p.sort_key <> made.sort_key)",
};
