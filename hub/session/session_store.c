#include "hub/session/session_store.h"

#include "pek/hub/v1/session.row.h"

static const struct pg_statement load_session = {
    .name = "session_load",
    .sql = "SELECT u.id, u.username, u.name,"
           "       s.expires_at, s.last_seen_at, r.realm, p.avatar_version, p.person_version"
           "  FROM hub.session s"
           "  JOIN hub.user_account u ON u.id = s.user_id"
           "  JOIN hub.profile p ON p.user_id = u.id"
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
           "INSERT INTO hub.session (id, user_id, expires_at, user_agent)"
           " SELECT $1, id, now() + make_interval(secs => $3::bigint), $4 FROM account",
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

/* Also one that has ended: it is over, as was asked. */
static const struct pg_statement revoke_handle = {
    .name = "session_revoke_handle",
    .sql = "UPDATE hub.session SET revoked_at = coalesce(revoked_at, now())"
           " WHERE user_id = $1 AND hub.session_handle(id) = $2 AND expires_at > now()",
};

static const struct pg_statement revoke_all = {
    .name = "session_revoke_all",
    .sql = "UPDATE hub.session SET revoked_at = now()"
           " WHERE user_id = $1 AND hub.session_handle(id) <> $2"
           "   AND revoked_at IS NULL AND expires_at > now()"
           " RETURNING hub.session_handle(id)",
};

/* The last used first. */
static const struct pg_statement list_sessions = {
    .name = "session_list",
    .sql = "SELECT " HUB_V1_SESSION_SUMMARY_COLUMNS(
        s) ", s.current, s.sort_key"
           "  FROM (SELECT hub.session_handle(id) COLLATE \"C\" AS id, created_at, last_seen_at,"
           "               expires_at, user_agent,"
           "               hub.session_handle(id) = $5 AS current,"
           "               int8send(9223372036854775807"
           "                        - (extract(epoch FROM last_seen_at) * 1000000)::bigint)"
           "               AS sort_key"
           "          FROM hub.session"
           "         WHERE user_id = $4 AND revoked_at IS NULL AND expires_at > now()"
           "           AND last_seen_at > now() - make_interval(secs => $6::bigint)) AS s"
           " WHERE (s.sort_key, s.id) >= ($1::bytea, $2)"
           "   AND ($3::boolean OR (s.sort_key, s.id) <> ($1::bytea, $2))"
           " ORDER BY s.sort_key, s.id LIMIT $7::bigint",
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

/* A session, a row for each of its user's realms. */
static enum status read_session(const struct pg_result *rows, struct arena *arena,
                                struct session_row *ret_row)
{
    struct session_row row = {0};
    int32_t nanos;

    if (pg_rows(rows) == 0)
        return STATUS_NOT_FOUND;
    PEK_TRY(pg_get_timestamp(rows, 0, 3, &row.expires_s, &nanos));
    PEK_TRY(pg_get_timestamp(rows, 0, 4, &row.last_seen_s, &nanos));
    row.user_id = arena_copy(arena, pg_get_slice(rows, 0, 0));
    row.username = arena_copy(arena, pg_get_slice(rows, 0, 1));
    row.name = arena_copy(arena, pg_get_slice(rows, 0, 2));
    row.avatar_version = pg_get_int(rows, 0, 6);
    row.person_version = pg_get_int(rows, 0, 7);
    row.realms = arena_zalloc(arena, pg_rows(rows), sizeof(struct slice));
    for (size_t i = 0; row.realms && i < pg_rows(rows) && !pg_is_null(rows, i, 5); i++)
        row.realms[row.realm_count++] = arena_copy(arena, pg_get_slice(rows, i, 5));
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_row = row;
    return STATUS_OK;
}

enum status session_store_load(struct pg *pg, struct cancel *cancel, struct slice id,
                               int64_t idle_s, struct arena *arena, struct session_row *ret_row)
{
    struct pg_result *rows;

    PEK_TRY(pg_read(pg, PG_POINT_READ, cancel, &load_session,
                    PG_PARAMS(pg_text(id), pg_int(arena, idle_s)), &rows));
    enum status status = read_session(rows, arena, ret_row);
    pg_result_free(rows);
    return status;
}

struct insertion {
    struct slice id, user, user_agent;
    int64_t lifetime_s, running_max;
    size_t inserted;
};

static enum status run_insert(struct pg_transaction *transaction, void *arg)
{
    struct insertion *insertion = arg;
    const struct pg_param user = pg_text(insertion->user);
    struct arena arena;

    arena_init(&arena, 1024);
    enum status status =
        pg_apply(transaction, &insert_session,
                 PG_PARAMS(pg_text(insertion->id), user, pg_int(&arena, insertion->lifetime_s),
                           pg_text(insertion->user_agent)),
                 &insertion->inserted);
    if (!status)
        status = pg_apply(transaction, &end_surplus,
                          PG_PARAMS(user, pg_int(&arena, insertion->running_max)), NULL);
    arena_done(&arena);
    return status;
}

enum status session_store_insert(struct pg *pg, struct cancel *cancel, struct slice id,
                                 struct slice user, struct slice user_agent, int64_t lifetime_s,
                                 int64_t running_max)
{
    struct insertion insertion = {id, user, user_agent, lifetime_s, running_max, 0};

    enum status status = pg_transact(pg, cancel, false, run_insert, &insertion);
    if (status || insertion.inserted == 1)
        return status;
    struct pg_result *result;
    status = pg_read(pg, PG_POINT_READ, cancel, &account_exists, PG_PARAMS(pg_text(user)), &result);
    if (status)
        return status;
    status = pg_rows(result) > 0 ? STATUS_PERMISSION_DENIED : STATUS_NOT_FOUND;
    pg_result_free(result);
    return status;
}

enum status session_store_touch(struct pg *pg, struct cancel *cancel, struct slice id)
{
    return pg_note(pg, cancel, &touch_session, PG_PARAMS(pg_text(id)), NULL);
}

/* Of one session, of which whoever ends it is told. */
struct ending {
    const struct pg_statement *statement;
    const struct pg_param *params;
    size_t param_count, affected;
};

static enum status end_in(struct pg_transaction *transaction, void *arg)
{
    struct ending *ending = arg;
    pg_settle(transaction);
    return pg_apply(transaction, ending->statement, ending->params, ending->param_count,
                    &ending->affected);
}

enum status session_store_revoke(struct pg *pg, struct cancel *cancel, struct slice id)
{
    const struct pg_param params[] = {pg_text(id)};
    struct ending ending = {&revoke_session, params, 1, 0};
    return pg_transact(pg, cancel, false, end_in, &ending);
}

enum status session_store_is_admin(struct pg *pg, struct cancel *cancel, struct slice user,
                                   bool *ret_admin)
{
    struct pg_result *result;

    enum status status =
        pg_read(pg, PG_POINT_READ, cancel, &user_is_admin, PG_PARAMS(pg_text(user)), &result);
    if (status)
        return status;
    *ret_admin = pg_rows(result) > 0;
    pg_result_free(result);
    return STATUS_OK;
}

enum status session_store_note_realm(struct pg *pg, struct cancel *cancel, struct slice user,
                                     const char *realm, bool member)
{
    return pg_note(pg, cancel, member ? &insert_realm : &delete_realm,
                   PG_PARAMS(pg_text(user), pg_str(realm)), NULL);
}

enum status session_store_revoke_handle(struct pg *pg, struct cancel *cancel, struct slice user,
                                        struct slice handle)
{
    const struct pg_param params[] = {pg_text(user), pg_text(handle)};
    struct ending ending = {&revoke_handle, params, 2, 0};
    enum status status = pg_transact(pg, cancel, false, end_in, &ending);
    return status || ending.affected > 0 ? status : STATUS_NOT_FOUND;
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
    struct pg_result *result;

    pg_settle(transaction);
    enum status status =
        pg_execute(transaction, &revoke_all,
                   PG_PARAMS(pg_text(revocation->user), pg_text(revocation->except)), &result);
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

/* Behind the message's own columns. */
#define COLUMN_CURRENT HUB_V1_SESSION_SUMMARY_COLUMN_COUNT
#define COLUMN_SORT_KEY (HUB_V1_SESSION_SUMMARY_COLUMN_COUNT + 1)

static enum status read_summary(const struct pg_result *rows, size_t row, struct arena *arena,
                                void *ret_message, struct fault *fault)
{
    hub_v1_session_summary *summary = ret_message;
    PEK_TRY(hub_v1_session_summary_from_row(rows, row, arena, summary, fault));
    struct slice sort_key = pg_get_bytea(rows, row, COLUMN_SORT_KEY, arena);
    summary->current = pg_get_bool(rows, row, COLUMN_CURRENT);
    summary->sort_key = (ProtobufCBinaryData){sort_key.len, (uint8_t *)(uintptr_t)sort_key.ptr};
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

const struct row_type session_store_summary = {
    .noun = "session",
    .message = &pek__hub__v1__session_summary__descriptor,
    .read = read_summary,
};

enum status session_store_list(const struct read_batch *batch, const void *arg,
                               struct pg_result **ret_rows)
{
    const struct session_question *question = arg;
    return read_rows(batch, &list_sessions,
                     PG_PARAMS(READ_POSITION(batch), pg_text(question->user),
                               pg_text(question->current), pg_int(batch->arena, question->idle_s),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}

enum status session_store_purge(struct pg *pg, struct cancel *cancel, int64_t rows_max,
                                size_t *ret_count)
{
    struct arena arena;

    arena_init(&arena, 1024);
    enum status status =
        pg_note(pg, cancel, &purge, PG_PARAMS(pg_int(&arena, rows_max)), ret_count);
    arena_done(&arena);
    return status;
}
