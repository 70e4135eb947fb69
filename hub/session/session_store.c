#include "hub/session/session_store.h"

#define PARAMS(params) (params), sizeof(params) / sizeof((params)[0])

static const struct pg_statement load_session = {
    .name = "session_load",
    .sql = "SELECT u.id, u.username, u.name,"
           "       extract(epoch FROM s.expires_at)::bigint,"
           "       extract(epoch FROM s.last_seen_at)::bigint,"
           "       r.realm"
           "  FROM hub.session s"
           "  JOIN hub.user_account u ON u.id = s.user_id"
           "  LEFT JOIN hub.user_realm r ON r.user_id = u.id"
           " WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > now()"
           "   AND s.last_seen_at > now() - make_interval(secs => $2::bigint)"
           "   AND u.disabled_at IS NULL"
           " ORDER BY r.realm",
};

static const struct pg_statement insert_session = {
    .name = "session_insert",
    .sql = "WITH account AS ("
           "    UPDATE hub.user_account SET last_login_at = now()"
           "     WHERE id = $2 AND disabled_at IS NULL RETURNING id)"
           "INSERT INTO hub.session (id, user_id, expires_at)"
           " SELECT $1, id, now() + make_interval(secs => $3::bigint) FROM account",
};

/* The account's row is locked by then: of two logins at once each sees the other's session. */
static const struct pg_statement end_surplus = {
    .name = "session_end_surplus",
    .sql = "UPDATE hub.session SET revoked_at = now() WHERE id IN ("
           "    SELECT id FROM hub.session"
           "     WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()"
           "     ORDER BY last_seen_at DESC, created_at DESC OFFSET $2::bigint)",
};

static const struct pg_statement account_exists = {
    .name = "session_account_exists",
    .sql = "SELECT 1 FROM hub.user_account WHERE id = $1",
};

static const struct pg_statement touch_session = {
    .name = "session_touch",
    .sql = "UPDATE hub.session SET last_seen_at = now() WHERE id = $1",
};

static const struct pg_statement revoke_session = {
    .name = "session_revoke",
    .sql = "UPDATE hub.session SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL",
};

static const struct pg_statement user_is_admin = {
    .name = "session_is_admin",
    .sql = "SELECT 1 FROM hub.user_account WHERE id = $1 AND is_admin AND disabled_at IS NULL",
};

static const struct pg_statement revoke_handle = {
    .name = "session_revoke_handle",
    .sql = "UPDATE hub.session SET revoked_at = now()"
           " WHERE user_id = $1 AND hub.session_handle(id) = $2"
           "   AND revoked_at IS NULL AND expires_at > now()",
};

static const struct pg_statement revoke_all = {
    .name = "session_revoke_all",
    .sql = "UPDATE hub.session SET revoked_at = now()"
           " WHERE user_id = $1 AND hub.session_handle(id) <> $2"
           "   AND revoked_at IS NULL AND expires_at > now()"
           " RETURNING hub.session_handle(id)",
};

static const struct pg_statement list_sessions = {
    .name = "session_list",
    .sql = "SELECT hub.session_handle(id),"
           "       extract(epoch FROM created_at)::bigint,"
           "       extract(epoch FROM last_seen_at)::bigint,"
           "       extract(epoch FROM expires_at)::bigint"
           "  FROM hub.session"
           " WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()"
           "   AND last_seen_at > now() - make_interval(secs => $2::bigint)"
           " ORDER BY last_seen_at DESC, id LIMIT $3::bigint",
};

static const struct pg_statement purge = {
    .name = "session_purge",
    .sql = "DELETE FROM hub.session WHERE id IN ("
           "    SELECT id FROM hub.session WHERE expires_at < now()"
           "     ORDER BY expires_at LIMIT $1::bigint FOR UPDATE SKIP LOCKED)",
};

static const struct pg_statement insert_realm = {
    .name = "session_insert_realm",
    .sql = "INSERT INTO hub.user_realm (user_id, realm) VALUES ($1, $2) ON CONFLICT DO NOTHING",
};

static const struct pg_statement delete_realm = {
    .name = "session_delete_realm",
    .sql = "DELETE FROM hub.user_realm WHERE user_id = $1 AND realm = $2",
};

enum status session_store_load(struct pg *pg, struct cancel *cancel, struct slice id,
                               int64_t idle_s, struct arena *arena, struct session_row *ret_row)
{
    const struct pg_param params[] = {pg_text(id), pg_int(arena, idle_s)};
    struct pg_result *result;

    enum status status = pg_read(pg, PG_POINT_READ, cancel, &load_session, PARAMS(params), &result);
    if (status)
        return status;
    size_t rows = pg_rows(result);
    struct session_row row = {0};
    if (rows > 0) {
        row = (struct session_row){
            .user_id = arena_copy(arena, pg_get_slice(result, 0, 0)),
            .username = arena_copy(arena, pg_get_slice(result, 0, 1)),
            .name = arena_copy(arena, pg_get_slice(result, 0, 2)),
            .expires_s = pg_get_int(result, 0, 3),
            .last_seen_s = pg_get_int(result, 0, 4),
            .realms = arena_zalloc(arena, rows, sizeof(struct slice)),
        };
        for (size_t i = 0; row.realms && i < rows && !pg_is_null(result, i, 5); i++)
            row.realms[row.realm_count++] = arena_copy(arena, pg_get_slice(result, i, 5));
    }
    pg_result_free(result);
    if (rows == 0)
        return STATUS_NOT_FOUND;
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_row = row;
    return STATUS_OK;
}

/* One statement in a transaction of its own. */
struct write {
    const struct pg_statement *statement;
    const struct pg_param *params;
    size_t param_count;
    size_t affected;
};

static enum status run_write(struct pg_transaction *transaction, void *arg)
{
    struct write *write = arg;
    struct pg_result *result;

    enum status status =
        pg_execute(transaction, write->statement, write->params, write->param_count, &result);
    if (status)
        return status;
    write->affected = pg_affected(result);
    pg_result_free(result);
    return STATUS_OK;
}

static enum status write_once(struct pg *pg, struct cancel *cancel,
                              const struct pg_statement *statement, const struct pg_param *params,
                              size_t param_count, size_t *ret_affected)
{
    struct write write = {statement, params, param_count, 0};

    enum status status = pg_transact(pg, cancel, false, run_write, &write);
    if (!status && ret_affected)
        *ret_affected = write.affected;
    return status;
}

struct insertion {
    struct slice id, user;
    int64_t lifetime_s, running_max;
    size_t inserted;
};

static enum status run_insert(struct pg_transaction *transaction, void *arg)
{
    struct insertion *insertion = arg;
    struct pg_result *result;
    struct arena arena;

    arena_init(&arena, 1024);
    const struct pg_param params[] = {pg_text(insertion->id), pg_text(insertion->user),
                                      pg_int(&arena, insertion->lifetime_s)};
    const struct pg_param surplus[] = {pg_text(insertion->user),
                                       pg_int(&arena, insertion->running_max)};
    enum status status = pg_execute(transaction, &insert_session, PARAMS(params), &result);
    if (!status) {
        insertion->inserted = pg_affected(result);
        pg_result_free(result);
        status = pg_execute(transaction, &end_surplus, PARAMS(surplus), &result);
    }
    if (!status)
        pg_result_free(result);
    arena_done(&arena);
    return status;
}

enum status session_store_insert(struct pg *pg, struct cancel *cancel, struct slice id,
                                 struct slice user, int64_t lifetime_s, int64_t running_max)
{
    struct insertion insertion = {id, user, lifetime_s, running_max, 0};

    enum status status = pg_transact(pg, cancel, false, run_insert, &insertion);
    if (status || insertion.inserted == 1)
        return status;
    const struct pg_param account[] = {pg_text(user)};
    struct pg_result *result;
    status = pg_read(pg, PG_POINT_READ, cancel, &account_exists, PARAMS(account), &result);
    if (status)
        return status;
    status = pg_rows(result) > 0 ? STATUS_PERMISSION_DENIED : STATUS_NOT_FOUND;
    pg_result_free(result);
    return status;
}

enum status session_store_touch(struct pg *pg, struct cancel *cancel, struct slice id)
{
    const struct pg_param params[] = {pg_text(id)};
    return write_once(pg, cancel, &touch_session, PARAMS(params), NULL);
}

enum status session_store_revoke(struct pg *pg, struct cancel *cancel, struct slice id)
{
    const struct pg_param params[] = {pg_text(id)};
    return write_once(pg, cancel, &revoke_session, PARAMS(params), NULL);
}

enum status session_store_is_admin(struct pg *pg, struct cancel *cancel, struct slice user,
                                   bool *ret_admin)
{
    const struct pg_param params[] = {pg_text(user)};
    struct pg_result *result;

    enum status status =
        pg_read(pg, PG_POINT_READ, cancel, &user_is_admin, PARAMS(params), &result);
    if (status)
        return status;
    *ret_admin = pg_rows(result) > 0;
    pg_result_free(result);
    return STATUS_OK;
}

enum status session_store_set_realm(struct pg *pg, struct cancel *cancel, struct slice user,
                                    const char *realm, bool member)
{
    const struct pg_param params[] = {pg_text(user), pg_str(realm)};
    return write_once(pg, cancel, member ? &insert_realm : &delete_realm, PARAMS(params), NULL);
}

enum status session_store_revoke_handle(struct pg *pg, struct cancel *cancel, struct slice user,
                                        struct slice handle)
{
    const struct pg_param params[] = {pg_text(user), pg_text(handle)};
    size_t affected = 0;

    enum status status = write_once(pg, cancel, &revoke_handle, PARAMS(params), &affected);
    return status || affected > 0 ? status : STATUS_NOT_FOUND;
}

/* What one transaction of revoke_all takes and gives. */
struct revocation {
    struct slice user, except;
    struct arena *arena;
    struct slice *handles;
    size_t count;
};

static enum status run_revoke_all(struct pg_transaction *transaction, void *arg)
{
    struct revocation *revocation = arg;
    const struct pg_param params[] = {pg_text(revocation->user), pg_text(revocation->except)};
    struct pg_result *result;

    enum status status = pg_execute(transaction, &revoke_all, PARAMS(params), &result);
    if (status)
        return status;
    revocation->count = pg_rows(result);
    revocation->handles =
        arena_zalloc(revocation->arena, revocation->count + 1, sizeof(*revocation->handles));
    for (size_t i = 0; revocation->handles && i < revocation->count; i++)
        revocation->handles[i] = arena_copy(revocation->arena, pg_get_slice(result, i, 0));
    pg_result_free(result);
    return revocation->arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status session_store_revoke_all(struct pg *pg, struct cancel *cancel, struct slice user,
                                     struct slice except, struct arena *arena,
                                     struct slice **ret_handles, size_t *ret_count)
{
    struct revocation revocation = {.user = user, .except = except, .arena = arena};

    enum status status = pg_transact(pg, cancel, false, run_revoke_all, &revocation);
    if (status)
        return status;
    *ret_handles = revocation.handles;
    *ret_count = revocation.count;
    return STATUS_OK;
}

enum status session_store_list(struct pg *pg, struct cancel *cancel, struct slice user,
                               int64_t idle_s, struct arena *arena,
                               struct session_summary **ret_sessions, size_t *ret_count)
{
    const struct pg_param params[] = {pg_text(user), pg_int(arena, idle_s),
                                      pg_int(arena, SESSION_LIST_MAX)};
    struct pg_result *result;

    enum status status =
        pg_read(pg, PG_POINT_READ, cancel, &list_sessions, PARAMS(params), &result);
    if (status)
        return status;
    size_t count = pg_rows(result);
    struct session_summary *sessions = arena_zalloc(arena, count + 1, sizeof(*sessions));
    for (size_t i = 0; sessions && i < count; i++)
        sessions[i] = (struct session_summary){
            .handle = arena_copy(arena, pg_get_slice(result, i, 0)),
            .created_s = pg_get_int(result, i, 1),
            .last_seen_s = pg_get_int(result, i, 2),
            .expires_s = pg_get_int(result, i, 3),
        };
    pg_result_free(result);
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_sessions = sessions;
    *ret_count = count;
    return STATUS_OK;
}

enum status session_store_purge(struct pg *pg, struct cancel *cancel, int64_t rows_max,
                                size_t *ret_count)
{
    struct arena arena;

    arena_init(&arena, 1024);
    const struct pg_param params[] = {pg_int(&arena, rows_max)};
    enum status status = write_once(pg, cancel, &purge, PARAMS(params), ret_count);
    arena_done(&arena);
    return status;
}
