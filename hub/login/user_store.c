#include "hub/login/user_store.h"

#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

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
    .sql = "SELECT i.id, i.disabled_at IS NOT NULL FROM hub.user_account AS u"
           "  JOIN hub.user_account AS i ON i.id = coalesce(u.merged_into, u.id)"
           " WHERE u.authsch_id = $1",
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

/* ---- logins, each good once ---------------------------------------------------------------------- */

struct spending {
    const char *digest; /* of the state */
    int64_t keep_s;
    size_t spent;
};

static enum status run_spend(struct pg_transaction *transaction, void *arg)
{
    struct spending *spending = arg;
    struct arena arena;

    arena_init(&arena, 1024);
    enum status status =
        pg_apply(transaction, &purge_spent, PG_PARAMS(pg_int(&arena, USER_SPENT_PURGED_MAX)), NULL);
    if (!status)
        status = pg_apply(transaction, &insert_spent,
                          PG_PARAMS(pg_str(spending->digest), pg_int(&arena, spending->keep_s)),
                          &spending->spent);
    arena_done(&arena);
    return status;
}

enum status user_store_spend(struct pg *pg, struct cancel *cancel, struct slice state,
                             int64_t keep_s)
{
    struct sha256 digest = sha256(state);
    char text[BASE64URL_CHARS(SHA256_BYTES) + 1];
    struct spending spending = {text, keep_s, 0};

    base64url_encode(slice_make(digest.bytes, sizeof(digest.bytes)), text);
    PEK_TRY(pg_transact(pg, cancel, false, run_spend, &spending));
    return spending.spent == 1 ? STATUS_OK : STATUS_ALREADY_EXISTS;
}

/* ---- users --------------------------------------------------------------------------------------- */

enum status user_store_find(struct pg *pg, struct cancel *cancel, struct slice subject,
                            struct arena *arena, struct user_row *ret_user)
{
    struct pg_result *result;
    struct user_row user = {0};

    enum status status =
        pg_read(pg, PG_POINT_READ, cancel, &find_user, PG_PARAMS(pg_text(subject)), &result);
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
    return pg_write(pg, cancel, &set_name, PG_PARAMS(pg_text(id), pg_text(name)), NULL);
}

enum status user_store_free_username(struct pg *pg, struct cancel *cancel,
                                     const struct slice *candidates, size_t count,
                                     struct arena *arena, struct slice *ret_username)
{
    const struct pg_param names = pg_text_array(arena, candidates, count);
    struct pg_result *result;
    struct slice username = slice_make("", 0);

    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    enum status status =
        pg_read(pg, PG_POINT_READ, cancel, &free_username, PG_PARAMS(names), &result);
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

struct creation {
    struct slice id, subject, username, name;
    size_t created;
    bool subject_taken;
};

static enum status run_create(struct pg_transaction *transaction, void *arg)
{
    struct creation *creation = arg;

    enum status status = pg_apply(transaction, &insert_user,
                                  PG_PARAMS(pg_text(creation->id), pg_text(creation->subject),
                                            pg_text(creation->username), pg_text(creation->name)),
                                  &creation->created);
    creation->subject_taken =
        status && strcmp(pg_constraint(transaction), "user_account_authsch_id_key") == 0;
    return status;
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
    struct creation creation = {copy, subject, username, name, 0, false};
    enum status status = pg_transact(pg, cancel, false, run_create, &creation);
    if (status == STATUS_ALREADY_EXISTS && creation.subject_taken)
        return STATUS_FAILED_PRECONDITION;
    if (status)
        return status;
    if (creation.created == 0)
        return STATUS_ALREADY_EXISTS;
    *ret_id = copy;
    return STATUS_OK;
}
