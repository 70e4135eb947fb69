#include "worker/realm/rekey.h"

#include <string.h>

#include "worker/group/group_store.h"
#include "worker/person/person_store.h"
#include "worker/search/search_store.h"

#define REKEY_ARENA_BYTES_MAX ((size_t)16 << 20)

/* What has a name, and keys that follow from it: ids and names behind $1, at most $2 of them; and how their keys are
 * written, given ids, names, unique keys, folded names and sort keys, unless there is another name by now. */
static const struct named {
    const struct pg_statement *after, *set;
} all_named[] = {
    {&group_store_names_after, &group_store_set_keys},
    {&person_store_names_after, &person_store_set_keys},
};

/* Whether the stored version is another one than the collator's; until the end of the transaction nobody else makes keys, and the names'
 * triggers leave what is searched to rekey_search. */
static enum status begin(struct pg_transaction *transaction, const struct pg_param *version,
                         bool *ret_wanted)
{
    static const struct pg_statement look = {
        "realm_state_look",
        "SELECT FROM pek.realm_state WHERE collator_version <> $1",
    };
    static const struct pg_statement silence = {
        "realm_rekeying",
        "SELECT set_config('pek.rekeying', 'on', true)",
    };
    size_t others;
    PEK_TRY(search_lock_keys(transaction));
    PEK_TRY(pg_apply(transaction, &look, version, 1, &others));
    *ret_wanted = others > 0;
    return pg_apply(transaction, &silence, NULL, 0, NULL);
}

/* Up to a batch of names, each with its id, and what is made of them. */
struct batch {
    struct slice ids[REKEY_BATCH_ROWS], names[REKEY_BATCH_ROWS], unique_keys[REKEY_BATCH_ROWS];
    struct slice folded[REKEY_BATCH_ROWS], sort_keys[REKEY_BATCH_ROWS];
};

static enum status make_keys(const struct pg_result *rows, struct text_collator *collator,
                             struct arena *arena, struct batch *batch)
{
    struct text_name name;
    for (size_t i = 0; i < pg_rows(rows); i++) {
        enum status status = text_name_make_again(collator, pg_get_str(rows, i, 1), arena, &name);
        /* One that has no order stands where its id does. */
        if (status == STATUS_INVALID_ARGUMENT)
            status = text_name_make_again(collator, pg_get_str(rows, i, 0), arena, &name);
        PEK_TRY(status);
        batch->ids[i] = pg_get_slice(rows, i, 0);
        batch->names[i] = pg_get_slice(rows, i, 1);
        batch->unique_keys[i] = name.unique_key;
        batch->folded[i] = name.folded;
        batch->sort_keys[i] = name.sort_key;
    }
    return STATUS_OK;
}

static enum status set_keys(struct pg_transaction *transaction, const struct pg_statement *set,
                            const struct batch *batch, size_t count, struct arena *arena)
{
    struct pg_result *result;
    PEK_TRY(pg_execute(transaction, set,
                       PG_PARAMS(pg_text_array(arena, batch->ids, count),
                                 pg_text_array(arena, batch->names, count),
                                 pg_text_array(arena, batch->unique_keys, count),
                                 pg_text_array(arena, batch->folded, count),
                                 pg_bytea_array(arena, batch->sort_keys, count)),
                       &result));
    pg_result_free(result);
    return STATUS_OK;
}

/* One batch behind `last`, which moves on; fewer than REKEY_BATCH_ROWS were the last ones. */
static enum status rekey_batch(struct pg_transaction *transaction, const struct named *named,
                               struct text_collator *collator, struct arena *arena, char *last,
                               size_t last_bytes, size_t *ret_count)
{
    struct pg_result *rows;
    struct batch *batch = arena_zalloc(arena, 1, sizeof(*batch));
    if (!batch)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(pg_execute(transaction, named->after,
                       PG_PARAMS(pg_str(last), pg_int(arena, REKEY_BATCH_ROWS)), &rows));
    size_t count = pg_rows(rows);
    enum status status = make_keys(rows, collator, arena, batch);
    if (status == STATUS_OK && count > 0)
        status = set_keys(transaction, named->set, batch, count, arena);
    if (status == STATUS_OK && count > 0) {
        struct slice id = batch->ids[count - 1];
        if (id.len >= last_bytes)
            status = STATUS_INTERNAL;
        else
            memcpy(last, id.ptr, id.len + 1);
    }
    pg_result_free(rows);
    *ret_count = count;
    return status;
}

static enum status rekey_all(struct pg_transaction *transaction, const struct named *named,
                             struct text_collator *collator)
{
    struct arena arena;
    arena_init(&arena, REKEY_ARENA_BYTES_MAX);
    char last[256] = "";
    size_t count = REKEY_BATCH_ROWS;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && count == REKEY_BATCH_ROWS) {
        status = rekey_batch(transaction, named, collator, &arena, last, sizeof(last), &count);
        arena_reset(&arena);
    }
    arena_done(&arena);
    return status;
}

/* The realm's state, which semester and evaluations hold, is written last. */
static enum status rekey(struct pg_transaction *transaction, void *arg)
{
    static const struct pg_statement update = {
        "realm_state_update",
        "UPDATE pek.realm_state SET collator_version = $1, search_version = ''",
    };
    struct text_collator *collator = arg;
    const struct pg_param version = pg_str(text_collator_version(collator));
    bool wanted;
    PEK_TRY(begin(transaction, &version, &wanted));
    for (size_t i = 0; wanted && i < sizeof(all_named) / sizeof(all_named[0]); i++)
        PEK_TRY(rekey_all(transaction, &all_named[i], collator));
    return wanted ? pg_apply(transaction, &update, &version, 1, NULL) : STATUS_OK;
}

enum status rekey_names(struct pg *pg, struct cancel *cancel, struct text_collator *collator)
{
    return pg_transact(pg, cancel, false, rekey, collator);
}

enum status rekey_search(struct pg *pg, struct cancel *cancel, const struct text_collator *collator)
{
    static const struct search_source sources[] = {SEARCH_SOURCES("group", "pek.realm_group")};
    return search_build(pg, cancel, text_collator_version(collator), sources,
                        sizeof(sources) / sizeof(sources[0]));
}
