#include "worker/realm/rekey.h"

#include <string.h>

#include "worker/group/group_keys_store.h"
#include "worker/search/search_store.h"

#define REKEY_ARENA_BYTES_MAX ((size_t)16 << 20)

/* True in `ret_current` when the stored version is the collator's; else the row is locked and set to it, and
 * the names' triggers leave what is searched to rekey_search. */
static enum status take_version(struct pg_transaction *transaction, const char *version,
                                bool *ret_current)
{
    static const struct pg_statement insert = {
        "realm_state_insert",
        "INSERT INTO pek.realm_state (collator_version) VALUES ('') ON CONFLICT DO NOTHING",
    };
    static const struct pg_statement update = {
        "realm_state_update",
        "UPDATE pek.realm_state SET collator_version = $1, search_version = '' "
        "WHERE collator_version <> $1",
    };
    static const struct pg_statement silence = {
        "realm_rekeying",
        "SELECT set_config('pek.rekeying', 'on', true)",
    };
    struct pg_result *result;
    enum status status = pg_execute(transaction, &insert, NULL, 0, &result);
    if (status != STATUS_OK)
        return status;
    pg_result_free(result);
    status = pg_execute(transaction, &update, PG_PARAMS(pg_str(version)), &result);
    if (status != STATUS_OK)
        return status;
    *ret_current = pg_affected(result) == 0;
    pg_result_free(result);
    status = pg_execute(transaction, &silence, NULL, 0, &result);
    if (status == STATUS_OK)
        pg_result_free(result);
    return status;
}

/* One batch behind `last`, which moves on; fewer than REKEY_BATCH_ROWS were the last ones. */
static enum status rekey_batch(struct pg_transaction *transaction, struct text_collator *collator,
                               struct arena *arena, char *last, size_t last_bytes,
                               size_t *ret_count)
{
    struct pg_result *rows;
    enum status status = group_store_names_after(transaction, last, REKEY_BATCH_ROWS, arena, &rows);
    if (status != STATUS_OK)
        return status;
    size_t count = pg_rows(rows);
    struct slice ids[REKEY_BATCH_ROWS];
    struct group_name *names = arena_zalloc(arena, REKEY_BATCH_ROWS, sizeof(*names));
    if (!names)
        status = STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        ids[i] = pg_get_slice(rows, i, 0);
        status = group_name_make(collator, pg_get_str(rows, i, 1), NULL, arena, &names[i], NULL);
    }
    if (status == STATUS_OK && count > 0)
        status = group_store_set_keys(transaction, ids, names, count, arena);
    if (status == STATUS_OK && count > 0) {
        struct slice id = pg_get_slice(rows, count - 1, 0);
        if (id.len >= last_bytes)
            status = STATUS_INTERNAL;
        else
            memcpy(last, pg_get_str(rows, count - 1, 0), id.len + 1);
    }
    pg_result_free(rows);
    *ret_count = count;
    return status;
}

static enum status rekey(struct pg_transaction *transaction, void *arg)
{
    struct text_collator *collator = arg;
    bool current = false;
    enum status status = take_version(transaction, text_collator_version(collator), &current);
    if (status != STATUS_OK || current)
        return status;
    struct arena arena;
    arena_init(&arena, REKEY_ARENA_BYTES_MAX);
    char last[256] = "";
    size_t count = REKEY_BATCH_ROWS;
    while (status == STATUS_OK && count == REKEY_BATCH_ROWS) {
        status = rekey_batch(transaction, collator, &arena, last, sizeof(last), &count);
        arena_reset(&arena);
    }
    arena_done(&arena);
    return status;
}

enum status rekey_groups(struct pg *pg, struct cancel *cancel, struct text_collator *collator)
{
    return pg_transact(pg, cancel, false, rekey, collator);
}

enum status rekey_search(struct pg *pg, struct cancel *cancel, const struct text_collator *collator)
{
    static const struct search_source sources[] = {SEARCH_SOURCE("group", "pek.realm_group")};
    return search_build(pg, cancel, text_collator_version(collator), sources,
                        sizeof(sources) / sizeof(sources[0]));
}
