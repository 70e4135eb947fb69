#include "hub/profile/name_keys_store.h"

#include "shared/text/name.h"
#include "shared/text/text.h"

/* Whoever lacks keys: id, what lists show, what is searched, room, username. */
#define STALE                                                                                      \
    "SELECT p.user_id, left(btrim(p.last_name || ' ' || p.first_name), 200),"                      \
    "       concat_ws(' ', p.last_name, p.first_name, p.nickname, u.username), p.room, u.username" \
    "  FROM hub.profile AS p JOIN hub.user_account AS u ON u.id = p.user_id"                       \
    " WHERE p.keys_version = '' "

enum { ID, NAME, SEARCHED, ROOM, USERNAME };

struct key_cells {
    struct slice *ids, *folded, *rooms, *sort_keys;
};

static enum status fold_row(const struct pg_result *rows, size_t row, struct arena *arena,
                            struct key_cells *cells)
{
    cells->ids[row] = pg_get_slice(rows, row, ID);
    PEK_TRY(text_fold(pg_get_slice(rows, row, SEARCHED), arena, &cells->folded[row]));
    return text_fold(pg_get_slice(rows, row, ROOM), arena, &cells->rooms[row]);
}

static enum status no_memory(struct fault *fault)
{
    return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "the request needs too much memory");
}

/* A name that was stored before it had to have an order is ordered by the username, unless `strict`. */
static enum status make(struct pg_transaction *transaction, struct text_collator *collator,
                        const struct pg_result *rows, bool strict, struct arena *arena,
                        struct fault *fault)
{
    static const struct pg_statement set = {
        "name_keys_set",
        "UPDATE hub.profile AS p SET folded = made.folded, folded_room = made.room,"
        "       sort_key = made.sort_key, keys_version = $5"
        "  FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[])"
        "    AS made (id, folded, room, sort_key) WHERE p.user_id = made.id",
    };
    size_t count = pg_rows(rows);
    struct slice *all = arena_zalloc(arena, 4 * count + 1, sizeof(*all));
    struct text_name name;
    if (!all)
        return no_memory(fault);
    struct key_cells cells = {all, all + count, all + 2 * count, all + 3 * count};
    for (size_t i = 0; i < count; i++) {
        PEK_TRY(fold_row(rows, i, arena, &cells));
        /* Its parts were judged when they were given. */
        enum status status =
            text_name_make_again(collator, pg_get_str(rows, i, NAME), arena, &name);
        if (status == STATUS_INVALID_ARGUMENT && strict)
            return fault_set(fault, status, "profile.last_name", "name cannot be ordered");
        if (status == STATUS_INVALID_ARGUMENT)
            status = text_name_make(collator, pg_get_str(rows, i, USERNAME), "profile.username",
                                    arena, &name, fault);
        PEK_TRY(status);
        cells.sort_keys[i] = name.sort_key;
    }
    return pg_apply(transaction, &set,
                    PG_PARAMS(pg_text_array(arena, cells.ids, count),
                              pg_text_array(arena, cells.folded, count),
                              pg_text_array(arena, cells.rooms, count),
                              pg_bytea_array(arena, cells.sort_keys, count),
                              pg_str(text_collator_version(collator))),
                    NULL);
}

enum status name_keys_store_make(struct pg_transaction *transaction, struct text_collator *collator,
                                 const char *user, struct arena *arena, struct fault *fault)
{
    static const struct pg_statement stale = {"name_keys_stale_user", STALE "AND p.user_id = $1"};
    struct pg_result *rows;
    PEK_TRY(pg_execute(transaction, &stale, PG_PARAMS(pg_str(user)), &rows));
    enum status status =
        pg_rows(rows) > 0 ? make(transaction, collator, rows, true, arena, fault) : STATUS_OK;
    pg_result_free(rows);
    return status;
}

/* Hubs share the work. */
enum status name_keys_store_make_some(struct pg_transaction *transaction,
                                      struct text_collator *collator, struct arena *arena,
                                      size_t *ret_count, struct fault *fault)
{
    static const struct pg_statement stale = {
        "name_keys_stale",
        STALE "ORDER BY p.user_id LIMIT 10 FOR NO KEY UPDATE OF p SKIP LOCKED",
    };
    _Static_assert(NAME_KEYS_BATCH == 10, "the LIMIT above");
    struct pg_result *rows;
    PEK_TRY(pg_execute(transaction, &stale, NULL, 0, &rows));
    size_t count = pg_rows(rows);
    enum status status =
        count > 0 ? make(transaction, collator, rows, false, arena, fault) : STATUS_OK;
    pg_result_free(rows);
    if (status == STATUS_OK)
        *ret_count = count;
    return status;
}

enum status name_keys_store_forget_others(struct pg *pg, struct cancel *cancel,
                                          const struct text_collator *collator, size_t *ret_count)
{
    static const struct pg_statement forget = {
        "name_keys_forget",
        "UPDATE hub.profile SET keys_version = '' WHERE user_id IN ("
        "  SELECT p.user_id FROM hub.profile AS p WHERE p.keys_version NOT IN ('', $1)"
        "   ORDER BY p.user_id LIMIT 1000 FOR NO KEY UPDATE)",
    };
    _Static_assert(NAME_KEYS_FORGET_BATCH == 1000, "the LIMIT above");
    return pg_write(pg, cancel, &forget, PG_PARAMS(pg_str(text_collator_version(collator))),
                    ret_count);
}
