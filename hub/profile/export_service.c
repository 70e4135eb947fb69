#include "hub/profile/export_service.h"

/* Values of enums, from 1, as pek/hub/v1/profile.proto has them; NULL for 0. */
#define DORMITORY                                                                                  \
    "(ARRAY['KARMAN', 'TETENY', 'SCH', 'BAROSS', 'BERCSENYI', 'VASARHELYI', 'EXTERNAL'])"
#define GENDER "(ARRAY['MALE', 'FEMALE', 'OTHER'])"
#define STUDENT_STATUS "(ARRAY['ACTIVE', 'GRADUATED', 'OTHER'])"
#define PROTOCOL                                                                                   \
    "(ARRAY['TWITTER', 'SKYPE', 'CALL_SIGN', 'IRC', 'GTALK', 'JABBER', 'FACEBOOK', 'TELEGRAM',"    \
    " 'SCH_MAIL', 'HIMZEK', 'GMAIL', 'EGGPLANT'])"
#define DETAILS                                                                                    \
    "concat_ws(' ', CASE WHEN p.visible & 1 <> 0 THEN 'CELL_PHONE' END,"                           \
    " CASE WHEN p.visible & 2 <> 0 THEN 'ROOM' END,"                                               \
    " CASE WHEN p.visible & 4 <> 0 THEN 'GENDER' END,"                                             \
    " CASE WHEN p.visible & 8 <> 0 THEN 'STUDENT_STATUS' END,"                                     \
    " CASE WHEN p.visible & 16 <> 0 THEN 'EXTERNAL_ACCOUNTS' END)"
/* Whom else it was for is not told. */
#define NOTIFICATION "n.realm, n.kind::text AS kind, n.actor, n.subject, n.link, n.title, n.detail"
#define MERGE                                                                                      \
    "m.from_user AS \"fromUser\", m.into_user AS \"intoUser\", m.dry_run::text AS \"dryRun\","     \
    " m.moved, m.former::text AS former"
/* The session's name, which is no key to it. */
#define HANDLE "hub.session_handle(s.id)"

/* clang-format off */
const struct export_kind hub_export_kinds[] = {
    {"account", {"export_account",
        "SELECT u.id, u.created_at, u.username, u.name, u.authsch_id AS \"authschId\","
        " " EXPORT_TIME("u.last_login_at") " AS \"lastLoginTime\","
        " " EXPORT_TIME("u.username_changed_at") " AS \"usernameChangeTime\", u.is_admin::text AS \"isAdmin\","
        " " EXPORT_TIME("u.disabled_at") " AS \"disableTime\""
        " FROM hub.user_account AS u WHERE u.id = $1" EXPORT_BATCH("u.id")}},
    {"username", {"export_username",
        "SELECT n.username, n.since, n.username FROM hub.username AS n WHERE n.user_id = $1"
        EXPORT_BATCH("n.username")}},
    {"profile", {"export_profile",
        "SELECT p.user_id, p.create_time, p.first_name AS \"firstName\", p.last_name AS \"lastName\","
        " p.nickname, p.cell_phone AS \"cellPhone\", p.room, " DORMITORY "[p.dormitory] AS dormitory,"
        " " GENDER "[p.gender] AS gender, " STUDENT_STATUS "[p.student_status] AS \"studentStatus\","
        " " DETAILS " AS visible, p.own_names::text AS \"ownNames\","
        " " EXPORT_TIME("p.update_time") " AS \"updateTime\", p.version::text AS version"
        " FROM hub.profile AS p WHERE p.user_id = $1" EXPORT_BATCH("p.user_id")}},
    {"external_account", {"export_external_account",
        "SELECT lpad(a.position::text, 2, '0'), NULL::timestamptz, " PROTOCOL "[a.protocol] AS protocol,"
        " a.account_name AS \"accountName\" FROM hub.external_account AS a WHERE a.user_id = $1"
        EXPORT_BATCH("lpad(a.position::text, 2, '0')")}},
    {"session", {"export_session",
        "SELECT " HANDLE ", s.created_at, " EXPORT_TIME("s.last_seen_at") " AS \"lastSeenTime\","
        " " EXPORT_TIME("s.expires_at") " AS \"expireTime\", " EXPORT_TIME("s.revoked_at") " AS \"revokeTime\","
        " s.user_agent AS \"userAgent\" FROM hub.session AS s WHERE s.user_id = $1" EXPORT_BATCH(HANDLE)}},
    {"realm", {"export_realm",
        "SELECT r.realm, r.since, r.realm FROM hub.user_realm AS r WHERE r.user_id = $1"
        EXPORT_BATCH("r.realm")}},
    {"user_import", {"export_user_import",
        "SELECT m.realm || ' ' || m.source_id, m.import_time, m.realm, m.source_id::text AS \"sourceId\""
        " FROM hub.user_import AS m WHERE m.user_id = $1" EXPORT_BATCH("m.realm || ' ' || m.source_id")}},
    {"person_news", {"export_person_news",
        "SELECT n.realm, NULL::timestamptz, n.realm, n.seq::text AS seq FROM hub.person_news AS n"
        " WHERE n.user_id = $1" EXPORT_BATCH("n.realm")}},
    {"instance_changed", {"export_instance_changed",
        "SELECT i.realm, NULL::timestamptz, i.realm, i.updated_by AS \"updatedBy\""
        " FROM hub.instance AS i WHERE i.updated_by = $1" EXPORT_BATCH("i.realm")}},
    {"idempotency", {"export_hub_idempotency",
        "SELECT i.key, i.create_time, i.key, i.method FROM hub.idempotency AS i WHERE i.user_id = $1"
        EXPORT_BATCH("i.key")}},
    {"notification", {"export_notification",
        "SELECT " EXPORT_NUMBER("n.seq") ", n.create_time, " NOTIFICATION ", "
        EXPORT_TIME("n.seen_time") " AS \"seenTime\", n.retracted::text AS retracted"
        " FROM hub.notification AS n WHERE n.user_id = $1" EXPORT_BATCH(EXPORT_NUMBER("n.seq"))}},
    {"notification_by", {"export_notification_by",
        "SELECT n.realm || ' ' || n.event_id, n.create_time, " NOTIFICATION
        " FROM hub.notification AS n WHERE n.actor = $1 AND n.user_id <> $1"
        EXPORT_BATCH("n.realm || ' ' || n.event_id")}},
    {"notification_about", {"export_notification_about",
        "SELECT n.realm || ' ' || n.event_id, n.create_time, " NOTIFICATION
        " FROM hub.notification AS n WHERE n.subject = $1 AND n.user_id <> $1 AND n.actor <> $1"
        EXPORT_BATCH("n.realm || ' ' || n.event_id")}},
    {"notification_inbox", {"export_notification_inbox",
        "SELECT b.user_id, NULL::timestamptz, b.last_seq::text AS \"lastSeq\""
        " FROM hub.notification_inbox AS b WHERE b.user_id = $1" EXPORT_BATCH("b.user_id")}},
    {"avatar", {"export_avatar",
        "SELECT a.user_id, a.update_time, a.content_type AS \"contentType\", a.width::text AS width,"
        " a.height::text AS height, encode(a.data, 'base64') AS data FROM hub.avatar AS a WHERE a.user_id = $1"
        EXPORT_BATCH("a.user_id")}},
    {"merged_from", {"export_merged_from",
        "SELECT " EXPORT_NUMBER("m.id") ", m.begin_time, " MERGE " FROM hub.user_merge AS m"
        " WHERE m.into_user = $1" EXPORT_BATCH(EXPORT_NUMBER("m.id"))}},
    {"merged_into", {"export_merged_into",
        "SELECT " EXPORT_NUMBER("m.id") ", m.begin_time, " MERGE " FROM hub.user_merge AS m"
        " WHERE m.from_user = $1" EXPORT_BATCH(EXPORT_NUMBER("m.id"))}},
    {"account_merged", {"export_account_merged",
        "SELECT u.id, u.created_at, u.id AS \"fromUser\", u.merged_into AS \"intoUser\""
        " FROM hub.user_account AS u WHERE u.merged_into = $1" EXPORT_BATCH("u.id")}},
    {"audit", {"export_hub_audit",
        "SELECT " EXPORT_NUMBER("l.id") ", l.create_time, l.actor, l.action, l.target_kind AS \"targetKind\","
        " l.target_id AS \"targetId\", l.detail::text AS detail FROM hub.audit_log AS l WHERE l.actor = $1"
        EXPORT_BATCH(EXPORT_NUMBER("l.id"))}},
    {"audit_about", {"export_hub_audit_about",
        "SELECT " EXPORT_NUMBER("l.id") ", l.create_time, l.actor, l.action, l.target_kind AS \"targetKind\","
        " l.target_id AS \"targetId\", l.detail::text AS detail FROM hub.audit_log AS l"
        " WHERE l.target_kind = 'user' AND l.target_id = $1 AND l.actor <> $1"
        EXPORT_BATCH(EXPORT_NUMBER("l.id"))}},
};
/* clang-format on */
const size_t hub_export_kind_count = sizeof(hub_export_kinds) / sizeof(hub_export_kinds[0]);

static enum status send_part(struct rpc_ctx *ctx, const export_v1_export_user_request *req,
                             struct export_v1_export_user_stream *stream)
{
    const struct export_part part = {"", 0, hub_export_kinds, hub_export_kind_count};
    (void)req;
    (void)stream;
    return export_user(ctx, &part);
}

enum status export_service_add_hub(struct rpc_host *host, struct service *service,
                                   struct fault *fault)
{
    static const struct export_v1_export_service methods = {.export_user = send_part};
    return export_v1_export_service_add(host, &methods, service, fault);
}
