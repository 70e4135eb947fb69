#include "hub/profile/profile_store.h"

#include <string.h>

#include "pek/hub/v1/profile.row.h"
#include "shared/row/mask.h"

/* Behind the profile's own columns; an external account a row. */
#define COLUMN_USERNAME HUB_V1_PROFILE_COLUMN_COUNT
#define COLUMN_PROTOCOL (HUB_V1_PROFILE_COLUMN_COUNT + 1)
#define COLUMN_ACCOUNT_NAME (HUB_V1_PROFILE_COLUMN_COUNT + 2)

#define OWN                                                                                        \
    "SELECT " HUB_V1_PROFILE_COLUMNS(                                                              \
        p) ", u.username, a.protocol, a.account_name"                                              \
           "  FROM hub.user_account AS u"                                                          \
           "  JOIN hub.profile AS p ON p.user_id = u.id"                                           \
           "  LEFT JOIN hub.external_account AS a ON a.user_id = p.user_id"                        \
           " WHERE u.id = $1 ORDER BY a.position"

const struct pg_statement profile_store_own = {"profile_own", OWN};
/* Not FOR UPDATE: whoever writes rows that refer to the user, as what they are told, would wait for them, and they for those. The
 * account has no key but its id (migration 0018), so no change of it asks for more. */
const struct pg_statement profile_store_lock = {"profile_lock", OWN " FOR NO KEY UPDATE OF u, p"};

const struct pg_statement profile_store_basic = {
    "profile_basic",
    "SELECT " HUB_V1_PROFILE_COLUMNS(
        v) ", v.username, NULL::smallint, NULL::text"
           "  FROM (SELECT p.user_id, u.username, p.first_name, p.last_name, p.nickname,"
           "               NULL::text AS cell_phone, NULL::text AS room, NULL::smallint AS "
           "dormitory,"
           "               NULL::smallint AS gender, NULL::smallint AS student_status,"
           "               NULL::integer AS visible, NULL::timestamptz AS create_time,"
           "               NULL::timestamptz AS update_time, NULL::bigint AS version, "
           "p.avatar_version"
           "          FROM hub.user_account AS u JOIN hub.profile AS p ON p.user_id = u.id"
           "         WHERE u.id = hub.user_named($1) AND (u.id = $2 OR hub.share_realm($2, u.id))) "
           "AS v",
};

const struct pg_statement profile_store_shared_realms = {
    "profile_shared_realms",
    "SELECT a.realm FROM hub.user_realm AS a"
    "  JOIN hub.user_realm AS b ON b.realm = a.realm AND b.user_id = $2"
    "  JOIN hub.instance AS i ON i.realm = a.realm AND i.status <> 'REMOVED'"
    " WHERE a.user_id = $1 ORDER BY a.realm",
};

/* Each where its bit of Profile.visible is set; else as if there were nothing. */
#define SHOWN                                                                                      \
    "CASE WHEN p.visible & 1 <> 0 THEN p.cell_phone END AS cell_phone, "                           \
    "CASE WHEN p.visible & 2 <> 0 THEN p.room END AS room, "                                       \
    "CASE WHEN p.visible & 2 <> 0 THEN p.dormitory END AS dormitory, "                             \
    "CASE WHEN p.visible & 4 <> 0 THEN p.gender END AS gender, "                                   \
    "CASE WHEN p.visible & 8 <> 0 THEN p.student_status END AS student_status, "                   \
    "p.visible & 16 <> 0 AS shows_accounts"

const struct pg_statement profile_store_full = {
    "profile_full",
    "SELECT " HUB_V1_PROFILE_COLUMNS(
        v) ", v.username, a.protocol, a.account_name"
           "  FROM (SELECT p.user_id, u.username, p.first_name, p.last_name, p.nickname, " SHOWN ","
           "               NULL::integer AS visible, NULL::timestamptz AS create_time,"
           "               NULL::timestamptz AS update_time, NULL::bigint AS version,"
           "               p.avatar_version"
           "          FROM hub.user_account AS u JOIN hub.profile AS p ON p.user_id = u.id"
           "         WHERE u.id = $1 AND EXISTS (SELECT FROM hub.user_realm AS x"
           "                 JOIN hub.user_realm AS y ON y.realm = x.realm AND y.user_id = $2"
           "                WHERE x.user_id = u.id AND x.realm = ANY ($3::text[]))) AS v"
           "  LEFT JOIN hub.external_account AS a ON v.shows_accounts AND a.user_id = v.user_id"
           " ORDER BY a.position",
};
_Static_assert(HUB_V1_PROFILE_DETAIL_CELL_PHONE == 1 && HUB_V1_PROFILE_DETAIL_ROOM == 2 &&
                   HUB_V1_PROFILE_DETAIL_GENDER == 3 && HUB_V1_PROFILE_DETAIL_STUDENT_STATUS == 4 &&
                   HUB_V1_PROFILE_DETAIL_EXTERNAL_ACCOUNTS == 5,
               "value n is bit n - 1 in the statement above");

/* ---- reading ---- */

static enum status read_accounts(const struct pg_result *rows, struct arena *arena,
                                 hub_v1_profile *profile)
{
    size_t count = pg_is_null(rows, 0, COLUMN_PROTOCOL) ? 0 : pg_rows(rows);
    hub_v1_external_account *accounts = arena_zalloc(arena, count + 1, sizeof(*accounts));
    profile->external_accounts = arena_zalloc(arena, count + 1, sizeof(void *));
    if (!accounts || !profile->external_accounts)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        struct slice name = pg_get_slice(rows, i, COLUMN_ACCOUNT_NAME);
        hub_v1_external_account_init(&accounts[i]);
        accounts[i].protocol =
            (hub_v1_external_account_protocol)pg_get_int(rows, i, COLUMN_PROTOCOL);
        accounts[i].account_name = arena_strndup(arena, name.ptr, name.len);
        profile->external_accounts[i] = &accounts[i];
    }
    profile->n_external_accounts = count;
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static enum status read_profile(const struct pg_result *rows, hub_v1_profile_view view,
                                struct arena *arena, hub_v1_profile *ret_profile,
                                struct fault *fault)
{
    hub_v1_profile profile;
    PEK_TRY(hub_v1_profile_from_row(rows, 0, arena, &profile, fault));
    struct slice username = pg_get_slice(rows, 0, COLUMN_USERNAME);
    profile.view = view;
    profile.username = arena_strndup(arena, username.ptr, username.len);
    PEK_TRY(read_accounts(rows, arena, &profile));
    *ret_profile = profile;
    return STATUS_OK;
}

static enum status read_own(const struct pg_result *rows, size_t row, struct arena *arena,
                            void *ret_message, struct fault *fault)
{
    (void)row;
    return read_profile(rows, HUB_V1_PROFILE_VIEW_OWN, arena, ret_message, fault);
}

static enum status read_basic(const struct pg_result *rows, size_t row, struct arena *arena,
                              void *ret_message, struct fault *fault)
{
    (void)row;
    return read_profile(rows, HUB_V1_PROFILE_VIEW_BASIC, arena, ret_message, fault);
}

static enum status read_full(const struct pg_result *rows, size_t row, struct arena *arena,
                             void *ret_message, struct fault *fault)
{
    (void)row;
    return read_profile(rows, HUB_V1_PROFILE_VIEW_FULL, arena, ret_message, fault);
}

static const char *etag_of(const void *message)
{
    return ((const hub_v1_profile *)message)->etag;
}

const struct row_type profile_store_own_row = {"user", &pek__hub__v1__profile__descriptor, read_own,
                                               etag_of};
const struct row_type profile_store_basic_row = {"user", &pek__hub__v1__profile__descriptor,
                                                 read_basic, etag_of};
const struct row_type profile_store_full_row = {"user", &pek__hub__v1__profile__descriptor,
                                                read_full, etag_of};

/* ---- changes ---- */

static enum status set_username(struct change *change, const char *username)
{
    static const struct pg_statement set = {
        "profile_set_username",
        "UPDATE hub.user_account SET username = $2, username_changed_at = now()"
        " WHERE id = $1 AND (username_changed_at IS NULL"
        "                    OR username_changed_at <= now() - interval '30 days')",
    };
    _Static_assert(PROFILE_USERNAME_DAYS == 30, "the interval above");
    struct fault *fault = change->fault;
    size_t affected;
    enum status status = pg_apply(change->transaction, &set,
                                  PG_PARAMS(pg_str(change->actor), pg_str(username)), &affected);
    if (status == STATUS_ALREADY_EXISTS)
        return fault_set_reason(fault, status, PROFILE_REASON_USERNAME_TAKEN, "profile.username",
                                "%s is, or was, somebody else's username", username);
    PEK_TRY(status);
    if (affected == 0)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, PROFILE_REASON_USERNAME_RECENT,
                                "profile.username", "a username changes once in %d days",
                                PROFILE_USERNAME_DAYS);
    return STATUS_OK;
}

/* The name by which lists and sessions know the person: family name first. */
static enum status set_name(struct change *change)
{
    static const struct pg_statement set = {
        "profile_set_name",
        "UPDATE hub.user_account AS u"
        "   SET name = left(btrim(p.last_name || ' ' || p.first_name), 200)"
        "  FROM hub.profile AS p WHERE p.user_id = u.id AND u.id = $1",
    };
    return change_execute(change, &set, PG_PARAMS(pg_str(change->actor)), NULL);
}

static enum status set_accounts(struct change *change, const hub_v1_profile *profile)
{
    static const struct pg_statement clear = {
        "profile_clear_accounts",
        "DELETE FROM hub.external_account WHERE user_id = $1",
    };
    static const struct pg_statement insert = {
        "profile_insert_accounts",
        "INSERT INTO hub.external_account (user_id, position, protocol, account_name)"
        " SELECT $1, n.position, n.protocol::smallint, n.account_name"
        "   FROM unnest($2::text[], $3::text[]) WITH ORDINALITY"
        "        AS n (protocol, account_name, position)",
    };
    struct arena *arena = change->arena;
    size_t count = profile->n_external_accounts;
    struct slice *protocols = arena_zalloc(arena, count + 1, sizeof(*protocols));
    struct slice *names = arena_zalloc(arena, count + 1, sizeof(*names));
    if (!protocols || !names)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        const hub_v1_external_account *account = profile->external_accounts[i];
        protocols[i] = slice_str(arena_printf(arena, "%d", (int)account->protocol));
        names[i] = slice_str(account->account_name);
    }
    PEK_TRY(change_execute(change, &clear, PG_PARAMS(pg_str(change->actor)), NULL));
    return change_execute(change, &insert,
                          PG_PARAMS(pg_str(change->actor), pg_text_array(arena, protocols, count),
                                    pg_text_array(arena, names, count)),
                          NULL);
}

static enum status set_columns(struct change *change, unsigned fields,
                               const hub_v1_profile *profile)
{
    static const struct pg_statement set = {
        "profile_set",
        "UPDATE hub.profile SET first_name = coalesce($2, first_name),"
        " last_name = coalesce($3, last_name), nickname = coalesce($4, nickname),"
        " cell_phone = coalesce($5, cell_phone), room = coalesce($6, room),"
        " dormitory = coalesce($7::smallint, dormitory), gender = coalesce($8::smallint, gender),"
        " student_status = coalesce($9::smallint, student_status),"
        " visible = coalesce($10::integer, visible), own_names = own_names OR $11::boolean,"
        " update_time = now(), version = version + 1 WHERE user_id = $1",
    };
    struct arena *arena = change->arena;
#define TEXT_OF(bit, member) mask_param(fields, bit, pg_str(profile->member))
#define NUMBER_OF(bit, value) mask_param(fields, bit, pg_int(arena, (int64_t)(value)))
    return change_execute(
        change, &set,
        PG_PARAMS(pg_str(change->actor), TEXT_OF(PROFILE_FIRST_NAME, first_name),
                  TEXT_OF(PROFILE_LAST_NAME, last_name), TEXT_OF(PROFILE_NICKNAME, nickname),
                  TEXT_OF(PROFILE_CELL_PHONE, cell_phone), TEXT_OF(PROFILE_ROOM, room),
                  NUMBER_OF(PROFILE_DORMITORY, profile->dormitory),
                  NUMBER_OF(PROFILE_GENDER, profile->gender),
                  NUMBER_OF(PROFILE_STUDENT_STATUS, profile->student_status),
                  NUMBER_OF(PROFILE_VISIBLE, profile_visible_bits(profile)),
                  pg_bool(fields & (PROFILE_FIRST_NAME | PROFILE_LAST_NAME))),
        NULL);
}

enum status profile_store_set(struct change *change, unsigned fields, const hub_v1_profile *profile,
                              hub_v1_profile *ret_profile)
{
    if (fields & PROFILE_USERNAME)
        PEK_TRY(set_username(change, profile->username));
    PEK_TRY(set_columns(change, fields, profile));
    if (fields & (PROFILE_FIRST_NAME | PROFILE_LAST_NAME))
        PEK_TRY(set_name(change));
    if (fields & PROFILE_EXTERNAL_ACCOUNTS)
        PEK_TRY(set_accounts(change, profile));
    return change_row(change, &profile_store_own_row, &profile_store_own,
                      PG_PARAMS(pg_str(change->actor)), ret_profile);
}

enum status profile_store_delete_user(struct change *change)
{
    static const struct pg_statement delete_user = {
        "profile_delete_user",
        "SELECT hub.delete_user($1)",
    };
    return change_execute(change, &delete_user, PG_PARAMS(pg_str(change->actor)), NULL);
}

const struct pg_statement profile_store_audit = {
    "profile_audit",
    "INSERT INTO hub.audit_log (actor, action, target_kind, target_id, trace_id)"
    " SELECT $1, $2, 'user', n.id, $3 FROM unnest($4::text[]) AS n (id)",
};
