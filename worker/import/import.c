#include "worker/import/import.h"

#include <stdio.h>
#include <string.h>

#include "shared/text/address.h"
#include "shared/text/text.h"
#include "worker/domain/group_id.h"
#include "worker/import/evaluation_sql.h"
#include "worker/import/group_sql.h"
#include "worker/import/membership_sql.h"
#include "worker/import/names_sql.h"
#include "worker/import/post_sql.h"
#include "worker/import/settle_sql.h"
#include "worker/membership/post.h"

static const struct staging_file files[] = {
    {"groups", "id name parent_id state",
     "grp_type type description webpage maillist founded users_can_apply archived_members_visible",
     false},
    {"memberships", "id group_id user_id start_date end_date archived", "", false},
    {"post_types", "id group_id name", "", false},
    {"posts", "id membership_id post_type_id", "", false},
    {"evaluations", "id group_id semester point_request_status entry_request_status next_version",
     "timestamp last_modification justification creator_user_id", true},
    {"principles", "id evaluation_id name type max_per_member", "description", true},
    {"point_requests", "id evaluation_id user_id point", "", true},
    {"point_details", "id principle_id point_request_id point", "", true},
    {"point_detail_comments", "id point_detail_id user_id comment", "closing created_at", true},
    {"entry_requests", "id evaluation_id user_id entry_type",
     "justification finalized recommendations", true},
    {"evaluation_messages", "id group_id semester message", "sent_at sender_user_id from_system",
     true},
};

const char import_users_in[] = "COPY user_of FROM STDIN";

/* ---- texts ---- */

/* The id of an organisation of that name: the words that no group's id may be are none. */
static enum status make_slug(void *arg, struct slice text, struct arena *arena,
                             struct staged_text *ret_text)
{
    struct group_id id;
    const char *name = arena_strndup(arena, text.ptr, text.len);
    (void)arg;
    if (!name)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(group_id_make(slice_make("", 0), "", name, arena, &id, NULL));
    *ret_text = (struct staged_text){.text = id.org};
    return STATUS_OK;
}

static enum status make_webpage(void *arg, struct slice text, struct arena *arena,
                                struct staged_text *ret_text)
{
    struct slice webpage;
    (void)arg;
    PEK_TRY(text_check_webpage(text, TEXT_WEBPAGE_CHARS_MAX, NULL, arena, &webpage, NULL));
    *ret_text = (struct staged_text){.text = webpage};
    return STATUS_OK;
}

static enum status make_mail(void *arg, struct slice text, struct arena *arena,
                             struct staged_text *ret_text)
{
    struct slice mail;
    (void)arg;
    PEK_TRY(text_check_mail(text, TEXT_MAIL_CHARS_MAX, NULL, arena, &mail, NULL));
    *ret_text = (struct staged_text){.text = mail};
    return STATUS_OK;
}

static const struct {
    const char *table, *select;
    staging_make make;
} texts[] = {
    {"clean_person", "SELECT id, name FROM user_of", staging_make_name},
    {"clean_group_name", "SELECT line_no, name FROM in_groups", staging_make_name},
    {"clean_group_other_name",
     "SELECT line_no, left(trim(name), 180) || ' (' || left(id, 18) || ')' FROM in_groups",
     staging_make_name},
    {"clean_group_slug", "SELECT line_no, left(name, 1000) FROM in_groups", make_slug},
    {"clean_group_description", "SELECT line_no, description FROM in_groups", staging_make_prose},
    {"clean_group_webpage",
     "SELECT line_no, CASE WHEN webpage ~ '^https?://' OR webpage = '' THEN webpage"
     " ELSE 'http://' || webpage END FROM in_groups",
     make_webpage},
    {"clean_group_mail", "SELECT line_no, maillist FROM in_groups", make_mail},
    {"clean_post_name", "SELECT line_no, name FROM in_post_types", staging_make_name},
    {"clean_report", "SELECT line_no, justification FROM in_evaluations", staging_make_prose},
    {"clean_line_name", "SELECT line_no, name FROM in_principles", staging_make_line},
    {"clean_line_description", "SELECT line_no, description FROM in_principles",
     staging_make_prose},
    {"clean_comment", "SELECT line_no, comment FROM in_point_detail_comments", staging_make_prose},
    {"clean_message", "SELECT line_no, message FROM in_evaluation_messages", staging_make_prose},
    {"clean_justification", "SELECT line_no, justification FROM in_entry_requests",
     staging_make_prose},
};

/* ---- posts that every group has ---- */

/* pek-next's number of each, and what it is here. */
static const struct {
    const char *id;
    int kind; /* 0: the leader; -1: no post, but what the membership is or nobody becomes */
} common_posts[] = {
    {"1", MEMBERSHIP_V1_POST_KIND_FINANCIAL_OFFICER},
    {"3", 0},
    {"4", MEMBERSHIP_V1_POST_KIND_PAST_LEADER},
    {"6", -1},
    {"66", -1},
    {"104", -1},
    {"1188", MEMBERSHIP_V1_POST_KIND_EVALUATION_HELPER},
    {"1460", MEMBERSHIP_V1_POST_KIND_LEADER_ASSISTANT},
};

static enum status make_common_posts(struct staging *staging)
{
    PEK_TRY(staging_run(staging,
                        "CREATE TEMPORARY TABLE common_post (id bigint PRIMARY KEY, kind smallint,"
                        " actions integer, policy_name text, one boolean) ON COMMIT DROP"));
    for (size_t i = 0; i < sizeof(common_posts) / sizeof(common_posts[0]); i++) {
        int kind = common_posts[i].kind;
        const struct post_kind *post = &post_kinds[kind > 0 ? kind : 0];
        char number[16], actions[16];
        snprintf(number, sizeof(number), "%d", kind);
        snprintf(actions, sizeof(actions), "%u", post->actions);
        const char *values[] = {common_posts[i].id, number, actions,
                                post->policy_name ? post->policy_name : "",
                                post->one ? "true" : "false"};
        PEK_TRY(staging_apply(staging,
                              "INSERT INTO common_post VALUES ($1::bigint,"
                              " nullif($2::smallint, -1), $3::integer, $4, $5::boolean)",
                              values, 5));
    }
    return STATUS_OK;
}

/* ---- the whole ---- */

/* "" when the realm can be imported into, as what follows it; else why not. $1 is the realm, $2 the version of the keys of names. */
static const char refusal_sql[] =
    "SELECT CASE"
    " WHEN NOT EXISTS (SELECT FROM pek.realm_state) THEN 'realm ' || $1 || ' is not in this "
    "database'"
    " WHEN NOT EXISTS (SELECT FROM pek.policy_statement AS s JOIN pek.policy_holding AS a"
    "    ON a.policy_id = s.policy_id WHERE s.actions >= 2048)"
    "   THEN 'realm ' || $1 || ' has no administrator yet: run pek-worker --god USER bootstrap "
    "first'"
    " WHEN EXISTS (SELECT FROM pek.realm_state WHERE collator_version NOT IN ('', $2))"
    "   THEN 'the order of names of realm ' || $1 || ' is that of another version of ICU: start its"
    " new worker first'"
    " ELSE '' END";

static enum status check_realm(struct staging *staging, const char *realm,
                               struct text_collator *collator)
{
    const char *values[] = {realm, text_collator_version(collator)};
    PGresult *result =
        PQexecParams(staging->connection, refusal_sql, 2, NULL, values, NULL, NULL, 0);
    enum status status = STATUS_OK;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        status = fault_set(staging->fault, STATUS_UNAVAILABLE, "realm_database", "%s",
                           PQerrorMessage(staging->connection));
    else if (PQgetvalue(result, 0, 0)[0])
        status = fault_set(staging->fault, STATUS_FAILED_PRECONDITION, "realm", "%s",
                           PQgetvalue(result, 0, 0));
    PQclear(result);
    return status;
}

/* One import at a time; and as whoever makes a group or a member, beside nobody who changes policies. */
static const char begin_sql[] =
    "BEGIN; SET LOCAL ROLE pek_owner; SET LOCAL statement_timeout = 0;"
    " SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL jit = off;"
    " SET LOCAL lock_timeout = '60s'";
static const char lock_sql[] = "SELECT pg_advisory_xact_lock(hashtextextended('pek.import ' || "
                               "current_setting('pek.realm'), 0)),"
                               " pg_advisory_xact_lock_shared(hashtextextended('pek.policy ' || "
                               "current_setting('pek.realm'), 0))";

enum status import_begin(struct staging *staging, const char *realm, struct text_collator *collator)
{
    PEK_TRY(staging_run(staging, begin_sql));
    PEK_TRY(staging_apply(staging, "SELECT set_config('pek.realm', $1, true)", &realm, 1));
    PEK_TRY(check_realm(staging, realm, collator));
    PEK_TRY(staging_run(staging, lock_sql));
    PEK_TRY(staging_begin(staging));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        PEK_TRY(staging_load(staging, &files[i]));
    return staging_run(staging, "CREATE TEMPORARY TABLE user_of (id bigint PRIMARY KEY,"
                                " user_id text NOT NULL, name text NOT NULL) ON COMMIT DROP");
}

enum status import_move(struct staging *staging, struct text_collator *collator)
{
    const void *const steps[] = {names_sql, group_sql,      membership_sql,
                                 post_sql,  evaluation_sql, settle_sql};
    PEK_TRY(staging_run(staging, "ANALYZE user_of"));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        PEK_TRY(staging_texts(staging, texts[i].table, texts[i].select, texts[i].make, collator));
    PEK_TRY(make_common_posts(staging));
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        PEK_TRY(staging_run(staging, steps[i]));
    return staging_add_up(staging);
}
