#include "hub/login/user_store.h"

#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

#define PARAMS(params) (params), sizeof(params) / sizeof((params)[0])

static const struct pg_statement purge_spent = {
    .name = "login_purge_spent",
    .sql = "DELETE FROM hub.login_spent WHERE state_sha256 IN ("
           "    SELECT state_sha256 FROM hub.login_spent WHERE expires_at < now()"
           "     ORDER BY expires_at LIMIT $1::bigint FOR UPDATE SKIP LOCKED)",
};

static const struct pg_statement insert_spent = {
    .name = "login_insert_spent",
    .sql = "INSERT INTO hub.login_spent (state_sha256, expires_at)"
           " VALUES ($1, now() + make_interval(secs => $2::bigint)) ON CONFLICT DO NOTHING",
};

static const struct pg_statement find_user = {
    .name = "login_find_user",
    .sql = "SELECT id, disabled_at IS NOT NULL FROM hub.user_account WHERE authsch_id = $1",
};

static const struct pg_statement set_name = {
    .name = "login_set_name",
    .sql = "UPDATE hub.user_account SET name = $2 WHERE id = $1 AND name <> $2"
           "   AND NOT EXISTS (SELECT FROM hub.profile WHERE user_id = $1 AND own_names)",
};

static const struct pg_statement free_username = {
    .name = "login_free_username",
    .sql = "SELECT c.username FROM unnest($1::text[]) WITH ORDINALITY AS c (username, place)"
           " WHERE NOT EXISTS (SELECT FROM hub.username n WHERE n.username = c.username)"
           "   AND NOT EXISTS (SELECT FROM hub.user_account u WHERE u.id = c.username)"
           " ORDER BY c.place LIMIT 1",
};

/* A username that is somebody's id would pass for that person: none is inserted then. */
static const struct pg_statement insert_user = {
    .name = "login_insert_user",
    .sql = "INSERT INTO hub.user_account (id, authsch_id, username, name)"
           " SELECT $1, $2, $3, $4"
           "  WHERE NOT EXISTS (SELECT FROM hub.user_account WHERE id = $3)",
};

/* One write, after which `affected` says how many rows it made. */
struct write {
    const struct pg_statement *first; /* NULL: none */
    const struct pg_param *first_params;
    size_t first_count;
    const struct pg_statement *statement;
    const struct pg_param *params;
    size_t count;
    size_t affected;
    bool subject_taken;
};

static enum status run_write(struct pg_transaction *transaction, void *arg)
{
    struct write *write = arg;
    struct pg_result *result;
    enum status status = STATUS_OK;

    if (write->first) {
        status =
            pg_execute(transaction, write->first, write->first_params, write->first_count, &result);
        if (status)
            return status;
        pg_result_free(result);
    }
    status = pg_execute(transaction, write->statement, write->params, write->count, &result);
    if (status) {
        write->subject_taken =
            strcmp(pg_constraint(transaction), "user_account_authsch_id_key") == 0;
        return status;
    }
    write->affected = pg_affected(result);
    pg_result_free(result);
    return STATUS_OK;
}

enum status user_store_spend(struct pg *pg, struct cancel *cancel, struct slice state,
                             int64_t keep_s)
{
    struct sha256 digest = sha256(state);
    char text[BASE64URL_CHARS(SHA256_BYTES) + 1];
    struct arena arena;

    base64url_encode(slice_make(digest.bytes, sizeof(digest.bytes)), text);
    arena_init(&arena, 1024);
    const struct pg_param purge[] = {pg_int(&arena, USER_SPENT_PURGED_MAX)};
    const struct pg_param insert[] = {pg_str(text), pg_int(&arena, keep_s)};
    struct write write = {&purge_spent, PARAMS(purge), &insert_spent, PARAMS(insert), 0, false};
    enum status status = pg_transact(pg, cancel, false, run_write, &write);
    arena_done(&arena);
    if (status)
        return status;
    return write.affected == 1 ? STATUS_OK : STATUS_ALREADY_EXISTS;
}

enum status user_store_find(struct pg *pg, struct cancel *cancel, struct slice subject,
                            struct arena *arena, struct user_row *ret_user)
{
    const struct pg_param params[] = {pg_text(subject)};
    struct pg_result *result;
    struct user_row user = {0};

    enum status status = pg_read(pg, PG_POINT_READ, cancel, &find_user, PARAMS(params), &result);
    if (status)
        return status;
    if (pg_rows(result) == 0) {
        status = STATUS_NOT_FOUND;
    } else {
        user.id = arena_copy(arena, pg_get_slice(result, 0, 0));
        user.disabled = pg_get_bool(result, 0, 1);
        status = user.id.ptr ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
    }
    pg_result_free(result);
    if (!status)
        *ret_user = user;
    return status;
}

enum status user_store_set_name(struct pg *pg, struct cancel *cancel, struct slice id,
                                struct slice name)
{
    const struct pg_param params[] = {pg_text(id), pg_text(name)};
    struct write write = {.statement = &set_name, .params = params, .count = 2};

    return pg_transact(pg, cancel, false, run_write, &write);
}

enum status user_store_free_username(struct pg *pg, struct cancel *cancel,
                                     const struct slice *candidates, size_t count,
                                     struct arena *arena, struct slice *ret_username)
{
    const struct pg_param params[] = {pg_text_array(arena, candidates, count)};
    struct pg_result *result;
    struct slice username = slice_make("", 0);

    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    enum status status =
        pg_read(pg, PG_POINT_READ, cancel, &free_username, PARAMS(params), &result);
    if (status)
        return status;
    if (pg_rows(result) > 0)
        username = arena_copy(arena, pg_get_slice(result, 0, 0));
    pg_result_free(result);
    if (!username.ptr)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_username = username;
    return STATUS_OK;
}

static void new_id(char ret_id[USER_ID_CHARS])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char random[USER_ID_CHARS];

    crypto_random(random, sizeof(random));
    for (size_t i = 0; i < USER_ID_CHARS; i++)
        ret_id[i] = alphabet[random[i] & 31];
}

enum status user_store_create(struct pg *pg, struct cancel *cancel, struct slice subject,
                              struct slice username, struct slice name, struct arena *arena,
                              struct slice *ret_id)
{
    char id[USER_ID_CHARS];

    new_id(id);
    struct slice copy = arena_copy(arena, slice_make(id, sizeof(id)));
    if (!copy.ptr)
        return STATUS_RESOURCE_EXHAUSTED;
    const struct pg_param params[] = {pg_text(copy), pg_text(subject), pg_text(username),
                                      pg_text(name)};
    struct write write = {.statement = &insert_user, .params = params, .count = 4};
    enum status status = pg_transact(pg, cancel, false, run_write, &write);
    if (status == STATUS_ALREADY_EXISTS && write.subject_taken)
        return STATUS_FAILED_PRECONDITION;
    if (status)
        return status;
    if (write.affected == 0)
        return STATUS_ALREADY_EXISTS;
    *ret_id = copy;
    return STATUS_OK;
}
