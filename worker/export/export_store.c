/* The SQL of what a realm stores about one person: a line for each table, and for each column with somebody in it. */
#include "worker/export/export_service.h"

/* Of pek.membership.v1.MemberStatus. */
#define STATUS(column) "(ARRAY['APPLIED', 'NEWBIE', 'ACTIVE', 'FORMER', 'ARCHIVED'])[" column "]"
/* Of pek.membership.v1.PostKind; an own post has a name. */
#define POST(type)                                                                                 \
    "CASE WHEN " type ".kind = 5 THEN " type ".name ELSE (ARRAY['LEADER_ASSISTANT',"               \
    " 'EVALUATION_HELPER', 'FINANCIAL_OFFICER', 'PAST_LEADER'])[" type ".kind] END"
#define PERIOD "n.group_id || ' ' || n.user_id || ' ' || " EXPORT_NUMBER("n.seq")
#define PERIOD_VALUES                                                                              \
    "n.group_id AS \"groupId\", n.user_id AS \"userId\", " STATUS(                                 \
        "n.status") " AS status, " EXPORT_TIME("n.begin_time") " AS \"beginTime\", " EXPORT_TIME("n.end_time") " AS \"endTime\", n.changed_by AS \"changedBy\""
#define POST_ID "o.group_id || ' ' || o.user_id || ' ' || " EXPORT_NUMBER("o.type_id")
#define POST_VALUES                                                                                \
    "o.group_id AS \"groupId\", o.user_id AS \"userId\", " POST(                                   \
        "t") " AS post, o.given_by AS \"givenBy\""
#define POST_FROM                                                                                  \
    " FROM pek.post AS o JOIN pek.post_type AS t ON t.group_id = o.group_id AND t.id = o.type_id"
#define ASSIGNMENT EXPORT_NUMBER("a.policy_id") " || ' ' || a.user_id"
#define ASSIGNMENT_VALUES                                                                          \
    "a.policy_id::text AS \"policyId\", p.name AS \"policyName\", a.user_id AS \"userId\","        \
    " a.assigned_by AS \"assignedBy\", " EXPORT_TIME("a.valid_until") " AS \"validUntil\""
#define ASSIGNMENT_FROM                                                                            \
    " FROM pek.policy_assignment AS a JOIN pek.policy AS p ON p.id = a.policy_id"
#define STATEMENT_VALUES                                                                           \
    "s.policy_id::text AS \"policyId\", s.group_id AS \"groupId\", s.user_id AS \"userId\","       \
    " s.resource, s.actions::text AS actions, s.made_by AS \"madeBy\""
#define AUDIT_VALUES                                                                               \
    "l.actor, l.action, l.target_kind AS \"targetKind\", l.target_id AS \"targetId\","             \
    " l.detail::text AS detail"

/* Whom else it is for is between them and the realm. */
#define NOTIFICATION_VALUES                                                                        \
    "e.kind::text AS kind, e.actor, e.subject, e.group_id AS \"groupId\", e.title, e.detail"

/* Of pek.evaluation.v1.EntryType. */
#define ENTRY_TYPE(column) "(ARRAY['', 'KDO', 'KB', 'AB'])[" column " + 1]"
#define ENTRY_ID EXPORT_NUMBER("e.scoreboard_id") " || ' ' || e.user_id"
#define ENTRY_FROM " FROM pek.entry_request AS e JOIN pek.scoreboard AS b ON b.id = e.scoreboard_id"
#define COMMENT_VALUES "c.scoreboard_id::text AS \"scoreboardId\", c.user_id AS \"userId\", c.text"
#define POINT_ID EXPORT_NUMBER("c.scoreboard_id") " || ' ' || " EXPORT_NUMBER("c.guideline_id")

/* clang-format off */
const struct export_kind export_kinds[] = {
    {"person", {"export_person",
        "SELECT p.id, NULL::timestamptz, p.display_name AS \"displayName\", p.folded AS \"foldedName\","
        " p.avatar_version::text AS \"avatarVersion\", p.version::text AS version, p.met_by AS \"metBy\""
        " FROM pek.person AS p WHERE p.id = $1" EXPORT_BATCH("p.id")}},
    {"person_met", {"export_person_met",
        "SELECT p.id, NULL::timestamptz, p.id AS \"userId\", p.met_by AS \"metBy\""
        " FROM pek.person AS p WHERE p.met_by = $1 AND p.met_by <> ''" EXPORT_BATCH("p.id")}},
    {"visit", {"export_visit",
        "SELECT u.user_id, u.first_token_time FROM pek.realm_user AS u WHERE u.user_id = $1"
        EXPORT_BATCH("u.user_id")}},
    {"membership", {"export_membership",
        "SELECT m.group_id, m.create_time, m.group_id AS \"groupId\", g.name AS \"groupName\","
        " " EXPORT_TIME("m.update_time") " AS \"updateTime\", array_to_string(m.flairs, E'\\n') AS flairs"
        " FROM pek.membership AS m JOIN pek.realm_group AS g ON g.id = m.group_id WHERE m.user_id = $1"
        EXPORT_BATCH("m.group_id")}},
    {"membership_period", {"export_membership_period",
        "SELECT " PERIOD ", n.begin_time, " PERIOD_VALUES
        " FROM pek.membership_period AS n WHERE n.user_id = $1" EXPORT_BATCH(PERIOD)}},
    {"membership_period_changed", {"export_membership_period_changed",
        "SELECT " PERIOD ", n.begin_time, " PERIOD_VALUES
        " FROM pek.membership_period AS n WHERE n.changed_by = $1 AND n.user_id <> $1"
        EXPORT_BATCH(PERIOD)}},
    {"post", {"export_post",
        "SELECT " POST_ID ", o.create_time, " POST_VALUES POST_FROM
        " WHERE o.user_id = $1" EXPORT_BATCH(POST_ID)}},
    {"post_given", {"export_post_given",
        "SELECT " POST_ID ", o.create_time, " POST_VALUES POST_FROM
        " WHERE o.given_by = $1 AND o.user_id <> $1" EXPORT_BATCH(POST_ID)}},
    {"policy_assignment", {"export_policy_assignment",
        "SELECT " ASSIGNMENT ", a.assign_time, " ASSIGNMENT_VALUES ASSIGNMENT_FROM
        " WHERE a.user_id = $1" EXPORT_BATCH(ASSIGNMENT)}},
    {"policy_assignment_given", {"export_policy_assignment_given",
        "SELECT " ASSIGNMENT ", a.assign_time, " ASSIGNMENT_VALUES ASSIGNMENT_FROM
        " WHERE a.assigned_by = $1 AND a.user_id <> $1" EXPORT_BATCH(ASSIGNMENT)}},
    {"policy_made", {"export_policy_made",
        "SELECT " EXPORT_NUMBER("p.id") ", p.create_time, p.id::text AS \"policyId\", p.name,"
        " p.can_issue::text AS \"canIssue\", p.parent_id::text AS \"parentId\""
        " FROM pek.policy AS p WHERE p.made_by = $1" EXPORT_BATCH(EXPORT_NUMBER("p.id"))}},
    {"policy_statement_about", {"export_policy_statement_about",
        "SELECT " EXPORT_NUMBER("s.id") ", NULL::timestamptz, " STATEMENT_VALUES
        " FROM pek.policy_statement AS s WHERE s.user_id = $1" EXPORT_BATCH(EXPORT_NUMBER("s.id"))}},
    {"policy_statement_made", {"export_policy_statement_made",
        "SELECT " EXPORT_NUMBER("s.id") ", NULL::timestamptz, " STATEMENT_VALUES
        " FROM pek.policy_statement AS s WHERE s.made_by = $1" EXPORT_BATCH(EXPORT_NUMBER("s.id"))}},
    {"policy_count", {"export_policy_count",
        "SELECT c.made_by, NULL::timestamptz, c.policies::text AS policies, c.statements::text AS statements"
        " FROM pek.policy_count AS c WHERE c.made_by = $1" EXPORT_BATCH("c.made_by")}},
    {"point", {"export_point",
        "SELECT " POINT_ID ", NULL::timestamptz, c.group_id AS \"groupId\", b.semester, b.version::text AS version,"
        " u.name AS guideline, c.points::text AS points FROM pek.point AS c"
        " JOIN pek.scoreboard AS b ON b.id = c.scoreboard_id JOIN pek.guideline AS u ON u.id = c.guideline_id"
        " WHERE c.user_id = $1" EXPORT_BATCH(POINT_ID)}},
    {"point_draft", {"export_point_draft",
        "SELECT " EXPORT_NUMBER("d.scoreboard_id") " || ' ' || " EXPORT_NUMBER("d.guideline_id") " || ' ' || d.subgroup_id,"
        " NULL::timestamptz, b.group_id AS \"groupId\", d.subgroup_id AS \"subgroupId\", b.semester,"
        " b.version::text AS version, u.name AS guideline, d.points::text AS points FROM pek.point_draft_cell AS d"
        " JOIN pek.scoreboard AS b ON b.id = d.scoreboard_id JOIN pek.guideline AS u ON u.id = d.guideline_id"
        " WHERE d.user_id = $1" EXPORT_BATCH(EXPORT_NUMBER("d.scoreboard_id") " || ' ' || "
        EXPORT_NUMBER("d.guideline_id") " || ' ' || d.subgroup_id")}},
    {"score", {"export_score",
        "SELECT h.semester, NULL::timestamptz, h.semester, h.score::text AS score, h.score_max::text AS \"scoreMax\""
        " FROM pek.point_history AS h WHERE h.user_id = $1" EXPORT_BATCH("h.semester")}},
    {"scoreboard_made", {"export_scoreboard_made",
        "SELECT " EXPORT_NUMBER("b.id") ", b.create_time, b.group_id AS \"groupId\", b.semester,"
        " b.version::text AS version FROM pek.scoreboard AS b WHERE b.created_by = $1"
        EXPORT_BATCH(EXPORT_NUMBER("b.id"))}},
    {"scoreboard_message", {"export_scoreboard_message",
        "SELECT " EXPORT_NUMBER("s.id") ", s.create_time, s.scoreboard_id::text AS \"scoreboardId\", s.text"
        " FROM pek.scoreboard_message AS s WHERE s.user_id = $1" EXPORT_BATCH(EXPORT_NUMBER("s.id"))}},
    {"entry", {"export_entry",
        "SELECT " ENTRY_ID ", NULL::timestamptz, e.group_id AS \"groupId\", b.semester, b.version::text AS version,"
        " " ENTRY_TYPE("e.type") " AS type, e.justification, " ENTRY_TYPE("e.recommendation") " AS recommendation"
        ENTRY_FROM " WHERE e.user_id = $1" EXPORT_BATCH(ENTRY_ID)}},
    {"entry_recommended", {"export_entry_recommended",
        "SELECT " ENTRY_ID ", NULL::timestamptz, e.group_id AS \"groupId\", b.semester, e.user_id AS \"userId\","
        " " ENTRY_TYPE("e.recommendation") " AS recommendation" ENTRY_FROM
        " WHERE e.recommended_by = $1 AND e.recommended_by <> ''" EXPORT_BATCH(ENTRY_ID)}},
    {"point_comment", {"export_point_comment",
        "SELECT " EXPORT_NUMBER("c.id") ", c.create_time, " COMMENT_VALUES
        " FROM pek.point_comment AS c WHERE c.written_by = $1" EXPORT_BATCH(EXPORT_NUMBER("c.id"))}},
    {"point_comment_about", {"export_point_comment_about",
        "SELECT " EXPORT_NUMBER("c.id") ", c.create_time, " COMMENT_VALUES
        " FROM pek.point_comment AS c WHERE c.user_id = $1 AND c.written_by <> $1"
        EXPORT_BATCH(EXPORT_NUMBER("c.id"))}},
    {"idempotency", {"export_idempotency",
        "SELECT i.key, i.create_time, i.key, i.method FROM pek.idempotency AS i WHERE i.user_id = $1"
        EXPORT_BATCH("i.key")}},
    {"notification", {"export_notification",
        "SELECT " EXPORT_NUMBER("e.id") ", e.create_time, " NOTIFICATION_VALUES
        " FROM pek.notification AS e WHERE e.recipient = $1" EXPORT_BATCH(EXPORT_NUMBER("e.id"))}},
    {"notification_by", {"export_notification_by",
        "SELECT " EXPORT_NUMBER("e.id") ", e.create_time, " NOTIFICATION_VALUES
        " FROM pek.notification AS e WHERE e.actor = $1 AND e.recipient <> $1"
        EXPORT_BATCH(EXPORT_NUMBER("e.id"))}},
    {"notification_about", {"export_notification_about",
        "SELECT " EXPORT_NUMBER("e.id") ", e.create_time, " NOTIFICATION_VALUES
        " FROM pek.notification AS e WHERE e.subject = $1 AND e.recipient <> $1 AND e.actor <> $1"
        EXPORT_BATCH(EXPORT_NUMBER("e.id"))}},
    {"merged_from", {"export_merged_from",
        "SELECT m.from_user, m.merge_time, m.from_user AS \"fromUser\", m.into_user AS \"intoUser\","
        " m.moved::text AS moved FROM pek.user_merge AS m WHERE m.into_user = $1" EXPORT_BATCH("m.from_user")}},
    {"merged_into", {"export_merged_into",
        "SELECT m.from_user, m.merge_time, m.from_user AS \"fromUser\", m.into_user AS \"intoUser\","
        " m.moved::text AS moved FROM pek.user_merge AS m WHERE m.from_user = $1" EXPORT_BATCH("m.from_user")}},
    {"audit", {"export_audit",
        "SELECT " EXPORT_NUMBER("l.id") ", l.create_time, " AUDIT_VALUES
        " FROM pek.audit_log AS l WHERE l.actor = $1" EXPORT_BATCH(EXPORT_NUMBER("l.id"))}},
    {"audit_about", {"export_audit_about",
        "SELECT " EXPORT_NUMBER("l.id") ", l.create_time, " AUDIT_VALUES
        " FROM pek.audit_log AS l WHERE l.about = $1 AND l.actor <> $1" EXPORT_BATCH(EXPORT_NUMBER("l.id"))}},
};
/* clang-format on */
const size_t export_kind_count = sizeof(export_kinds) / sizeof(export_kinds[0]);
