/* Two accounts of one person become one in a realm, and nothing is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pek/instance/v1/instance.rpc.h"
#include "worker/testing/member_world.h"
#include "worker/testing/policy_world.h"

static enum status merge_as(struct world *w, const char *subject, const char *from,
                            const char *into, bool dry_run,
                            instance_v1_merge_user_response **ret_response)
{
    instance_v1_merge_user_request req = INSTANCE_V1_MERGE_USER_REQUEST_INIT;
    struct slice token =
        world_assertion(w, &w->hub_keys, JWT_TYP_ASSERTION, WORLD_HUB, "a", subject, 60);
    req.assertion = arena_strndup(w->arena, token.ptr, token.len);
    req.from_user = text(from);
    req.into_user = text(into);
    req.dry_run = dry_run;
    w->fault = (struct fault){0};
    return instance_v1_merge_user_call(w->a.channel, &req, NULL, 0, WORLD_REST(w), ret_response,
                                       &w->fault);
}

/* "memberships/combined/posts/policies/leads/statements", or the status. */
static const char *merge(struct world *w, const char *from, const char *into, bool dry_run)
{
    instance_v1_merge_user_response *res;
    enum status status = merge_as(w, WORLD_HUB, from, into, dry_run, &res);
    if (status != STATUS_OK)
        return status_name(status);
    return arena_printf(w->arena, "%lld/%lld/%lld/%lld/%lld/%lld", (long long)res->memberships,
                        (long long)res->combined, (long long)res->posts, (long long)res->policies,
                        (long long)res->leads, (long long)res->statements);
}

/* dan and eve are one person; dan leads o@b, and is a former member of o@a, where eve is a newcomer. */
static void make_both(struct world *w)
{
    make_members(w);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "InactivateMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "eve", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(step(w, "ann", "AcceptMember", "eve"), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "dan", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "HandOverLeadership", "o@b", "dan", "", NULL, NULL),
                     STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@o", "eve", "", NULL, NULL), STATUS_OK);
    world_grant(w, &w->a, "Viewer", "dan", NULL, VIEW_GROUP);
    world_sql(w, "INSERT INTO pek.realm_user (realm, user_id) VALUES ('a', 'dan');"
                 "SET pek.realm = 'a'; INSERT INTO pek.policy_statement"
                 " (policy_id, user_id, resource, actions)"
                 " SELECT id, 'dan', 'USER', 4 FROM pek.policy WHERE name = 'Viewer'");
}
#define MOVED "2/1/0/3/1/1"

static void what_one_had_the_other_has(struct world *w)
{
    make_both(w);
    /* What would be is what is, and nothing is changed by asking. */
    assert_string_equal(merge(w, "dan", "eve", true), MOVED);
    assert_string_equal(state(w, "o@b", "dan"), "C");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.user_merge"), "0");
    assert_all_holds(w);
    assert_string_equal(merge(w, "dan", "eve", false), MOVED);
    assert_all_holds(w);
    assert_string_equal(state(w, "o@a", "dan"), "-");
    assert_string_equal(state(w, "o@b", "dan"), "-");
    /* A newcomer is more than a former member; what the former one was, is in the history. */
    assert_string_equal(state(w, "o@a", "eve"), "N");
    assert_string_equal(world_value(w,
                                    "SELECT string_agg(substr('ANCFX', status, 1), '' ORDER BY seq)"
                                    " FROM pek.membership_period WHERE group_id = 'o@a'"),
                        "CFAN");
    assert_string_equal(members(w, "alice", "o@b", 0, "user_id"), "eve");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.member WHERE is_leader"
                                       " AND group_id = 'o@b' AND user_id = 'eve'"),
                        "1");
    assert_int_equal(call(w, "eve", "AddMember", "o@b", "zed", "", NULL, NULL), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT string_agg(user_id || actions, ' ') FROM"
                                       " pek.policy_statement WHERE user_id IS NOT NULL"),
                        "eve4");
    /* Asked again it says the same; the other way round, or into a third one, it is refused. */
    assert_string_equal(merge(w, "dan", "eve", false), MOVED);
    assert_string_equal(merge(w, "eve", "dan", false), "FAILED_PRECONDITION");
    assert_string_equal(w->fault.reason, "USER_MERGED");
    assert_string_equal(merge(w, "dan", "zed", false), "FAILED_PRECONDITION");
    assert_all_holds(w);
    /* An account that took one may itself be merged: both lead to the last. */
    assert_string_equal(merge(w, "eve", "zed", false), "3/1/0/5/1/1");
    assert_string_equal(world_value(w, "SELECT string_agg(from_user || ' ' || into_user, ', '"
                                       " ORDER BY from_user) FROM pek.user_merge"),
                        "dan zed, eve zed");
    assert_all_holds(w);
    /* What was told before is said again, and what should have been told before is done. */
    assert_string_equal(merge(w, "dan", "eve", false), MOVED);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "amy", "", NULL, NULL), STATUS_OK);
    assert_string_equal(merge(w, "amy", "eve", false), "1/1/0/1/0/0");
    assert_string_equal(
        world_value(w, "SELECT into_user FROM pek.user_merge WHERE from_user = 'amy'"), "zed");
    assert_all_holds(w);
}

/* A running request, a link that somebody kept. */
static void who_was_merged_gets_nothing_any_more(struct world *w)
{
    membership_v1_list_memberships_request req = MEMBERSHIP_V1_LIST_MEMBERSHIPS_REQUEST_INIT;
    make_both(w);
    assert_string_equal(merge(w, "dan", "eve", false), MOVED);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "USER_MERGED");
    assert_string_equal(w->fault.field, "user_id");
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_NOT_FOUND);
    assert_int_equal(policy_world_assign(w, "alice", policy_world_id(w, "Viewer"), "dan"),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "USER_MERGED");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.person WHERE id = 'dan'"), "0");
    /* The realm has nobody of that id: the hub says who it is now. */
    req.user_id = text("dan");
    assert_string_equal(world_items(w, "alice", MEMBERS("ListMemberships"), &req.base, "group_id"),
                        "NOT_FOUND");
}

static void only_the_hub_merges(struct world *w)
{
    instance_v1_merge_user_response *res;
    make_both(w);
    assert_int_equal(merge_as(w, "alice", "dan", "eve", false, &res), STATUS_PERMISSION_DENIED);
    assert_int_equal(merge_as(w, "eve", "alice", "eve", false, &res), STATUS_PERMISSION_DENIED);
    assert_string_equal(merge(w, "dan", "dan", false), "INVALID_ARGUMENT");
    assert_string_equal(w->fault.field, "into_user");
    assert_string_equal(merge(w, "", "dan", false), "INVALID_ARGUMENT");
    assert_string_equal(w->fault.field, "from_user");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.user_merge"), "0");
    /* Whom the realm does not know: there is nothing, and nothing to come. */
    assert_string_equal(merge(w, "nix", "dan", false), "0/0/0/0/0/0");
    assert_all_holds(w);
}

/* ---- ends ---- */

static void set_end(struct world *w, const char *group, const char *user, const char *end,
                    membership_v1_member_status then)
{
    char *fields[] = {text("end_date")};
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    membership_v1_set_member_dates_request req = MEMBERSHIP_V1_SET_MEMBER_DATES_REQUEST_INIT;
    membership_v1_membership *got;
    mask.paths = fields;
    mask.n_paths = 1;
    req.group_id = text(group);
    req.user_id = text(user);
    req.end_date = text(end);
    req.end_status = then;
    req.update_mask = &mask;
    assert_int_equal(WORLD_RPC(w, membership_v1, set_member_dates, "alice", req, got), STATUS_OK);
}

/* Where they are members, and until which year they are that, and until which years they hold the policies of it. */
static const char *ends(struct world *w, const char *user)
{
    return world_value(
        w,
        "SELECT string_agg(concat_ws(' ', m.group_id, extract(year FROM m.end_time),"
        "   (SELECT string_agg(DISTINCT '=' || coalesce(extract(year FROM a.valid_until)::text,"
        "        ''), '') FROM pek.policy_assignment AS a JOIN pek.group_policy AS l"
        "       ON l.policy_id = a.policy_id WHERE l.group_id = m.group_id"
        "      AND a.user_id = m.user_id)), ', ' ORDER BY m.group_id)"
        " FROM pek.member AS m WHERE m.user_id = '%s' AND m.status IN (2, 3)",
        user);
}

#define LEADER_OF_B                                                                                \
    "SELECT string_agg(user_id, ' ') FROM pek.member WHERE group_id = 'o@b' AND is_leader"

/* dan is in all groups and leads o@b, which is archived; eve is in o@b. */
static void make_leader(struct world *w)
{
    static const char *const groups[] = {"o@o", "o@a", "o@b"};
    group_v1_archive_group_request archive = GROUP_V1_ARCHIVE_GROUP_REQUEST_INIT;
    group_v1_group *archived;
    make_members(w);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(call(w, "alice", "AddMember", groups[i], "dan", "", NULL, NULL),
                         STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "eve", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "HandOverLeadership", "o@b", "dan", "", NULL, NULL),
                     STATUS_OK);
    archive.id = text("o@b");
    assert_int_equal(WORLD_CALL(w, archive_group, "alice", archive, archived), STATUS_OK);
}

static void end_that_the_other_account_has_not_is_none_below(struct world *w)
{
    make_leader(w);
    assert_int_equal(call(w, "alice", "AddMember", "o@o", "eve", "", NULL, NULL), STATUS_OK);
    set_end(w, "o@o", "dan", "2199-07-01", 0);
    assert_string_equal(ends(w, "dan"), "o@a 2199 =2199, o@b 2199 =2199, o@o 2199 =2199");
    assert_string_equal(merge(w, "dan", "eve", false), "3/2/0/4/1/0");
    assert_string_equal(ends(w, "eve"), "o@a =, o@b =, o@o =");
    assert_string_equal(world_value(w, LEADER_OF_B), "eve");
    assert_all_holds(w);
}

/* eve is not in the organisation, which o@b was moved out of. */
static void who_leads_a_group_does_so_as_long_as_they_are_a_member(struct world *w)
{
    make_leader(w);
    set_end(w, "o@o", "dan", "2199-07-01", 0);
    world_sql(w, "UPDATE pek.realm_group SET parent_id = NULL WHERE id = 'o@b'");
    assert_string_equal(merge(w, "dan", "eve", false), "3/1/0/4/1/0");
    assert_string_equal(ends(w, "eve"), "o@a 2199 =2199, o@b =, o@o 2199 =2199");
    assert_string_equal(world_value(w, LEADER_OF_B), "eve");
    assert_all_holds(w);
}

/* zed's end in o@b is the group's own. */
static void end_that_is_later_for_the_other_account_is_so_below(struct world *w)
{
    static const char *const groups[] = {"o@o", "o@a", "o@b"};
    make_members(w);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(call(w, "alice", "AddMember", groups[i], "zed", "", NULL, NULL),
                         STATUS_OK);
    set_end(w, "o@b", "zed", "2195-07-01", 0);
    set_end(w, "o@o", "zed", "2197-07-01", 0);
    assert_int_equal(call(w, "alice", "AddMember", "o@o", "eve", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@o", "dan", "", NULL, NULL), STATUS_OK);
    set_end(w, "o@o", "eve", "2198-07-01", 0);
    set_end(w, "o@o", "dan", "2199-07-01", MEMBERSHIP_V1_MEMBER_STATUS_FORMER);
    assert_string_equal(merge(w, "eve", "zed", false), "1/1/0/1/0/0");
    assert_string_equal(ends(w, "zed"), "o@a 2198 =2198, o@b 2195 =2195, o@o 2198 =2198");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.audit_log WHERE target_id = 'o@a'"
                                       " AND action = 'membership.merge'"),
                        "1");
    /* A former member of the organisation stays. */
    assert_string_equal(merge(w, "dan", "zed", false), "1/1/0/1/0/0");
    assert_string_equal(ends(w, "zed"), "o@a =, o@b 2195 =2195, o@o 2199 =2199");
    assert_all_holds(w);
}

/* dan leaves the organisation; eve is in groups below it, of which she leads o@b. Answers where the one that stays is until when. */
static const char *merged_ends(struct world *w, bool dan_stays, membership_v1_member_status then)
{
    make_members(w);
    assert_int_equal(call(w, "alice", "AddMember", "o@o", "dan", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@a", "eve", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "eve", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "HandOverLeadership", "o@b", "eve", "", NULL, NULL),
                     STATUS_OK);
    set_end(w, "o@a", "eve", "2199-07-01", MEMBERSHIP_V1_MEMBER_STATUS_FORMER);
    set_end(w, "o@o", "dan", "2197-07-01", then);
    const char *stays = dan_stays ? "dan" : "eve";
    assert_string_equal(merge(w, dan_stays ? "eve" : "dan", stays, false),
                        dan_stays ? "2/0/0/3/1/0" : "1/0/0/1/0/0");
    assert_string_equal(world_value(w, LEADER_OF_B), stays);
    assert_all_holds(w);
    return ends(w, stays);
}

static void end_in_the_organisation_is_so_below_for_both_accounts(struct world *w)
{
    assert_string_equal(merged_ends(w, false, 0), "o@a 2197 =2197, o@b 2197 =2197, o@o 2197 =2197");
    assert_string_equal(world_value(w, "SELECT string_agg(next_status::text, ' ')"
                                       " FROM pek.member WHERE user_id = 'eve'"),
                        "5 5 5");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.audit_log WHERE target_id = 'o@b'"
                                       " AND action = 'membership.merge'"),
                        "1");
    /* As everywhere below, it is taken back there. */
    set_end(w, "o@o", "eve", "", 0);
    assert_string_equal(ends(w, "eve"), "o@a =, o@b =, o@o =");
    assert_all_holds(w);
}

static void end_in_the_organisation_of_who_stays_is_so_below(struct world *w)
{
    assert_string_equal(merged_ends(w, true, 0), "o@a 2197 =2197, o@b 2197 =2197, o@o 2197 =2197");
}

static void merged_former_member_of_the_organisation_stays_in_its_groups(struct world *w)
{
    assert_string_equal(merged_ends(w, false, MEMBERSHIP_V1_MEMBER_STATUS_FORMER),
                        "o@a 2199 =2199, o@b =, o@o 2197 =2197");
}

/* zed follows the organisation in o@a, where eve is, and has a day of o@b's own. */
static void group_of_both_ends_with_the_organisation_of_one(struct world *w)
{
    static const char *const groups[] = {"o@o", "o@a", "o@b"};
    make_members(w);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(call(w, "alice", "AddMember", groups[i], "zed", "", NULL, NULL),
                         STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@a", "eve", "", NULL, NULL), STATUS_OK);
    set_end(w, "o@b", "zed", "2195-07-01", 0);
    set_end(w, "o@o", "zed", "2197-07-01", 0);
    assert_string_equal(merge(w, "zed", "eve", false), "3/1/0/3/0/0");
    assert_string_equal(ends(w, "eve"), "o@a 2197 =2197, o@b 2195 =2195, o@o 2197 =2197");
    assert_all_holds(w);
}

/* ---- every column ---- */

/* Where a user's id stands in a realm's tables, and what a merge does with it. Who acted keeps their id: that is history, and
 * the hub leads the id to the account that it became. */
static const char columns[] = "accepted_entry.user_id moves\n"
                              "audit_log.actor stays\n"
                              "counted_points.user_id moves\n"
                              "drafted_cell.user_id moves\n"
                              "drafted_points.user_id moves\n"
                              "entry_request.recommended_by stays\n"
                              "entry_request.user_id moves\n"
                              "evaluated_member.user_id moves\n"
                              "group_history.actor stays\n"
                              "group_history.user_id stays\n"
                              "idempotency.user_id stays\n" /* nobody repeats those; they age */
                              "member.user_id moves\n"
                              "membership.user_id moves\n"
                              "membership_now.user_id moves\n"
                              "membership_period.changed_by stays\n"
                              "membership_period.user_id moves\n"
                              "notification.actor moves\n"
                              "notification.recipient moves\n"
                              "notification.subject moves\n"
                              "person.met_by moves\n"
                              "point.user_id moves\n"
                              "point_comment.user_id moves\n"
                              "point_comment.written_by moves\n"
                              "point_draft_cell.user_id moves\n"
                              "point_history.user_id moves\n"
                              "policy.made_by moves\n"
                              "policy_assignment.assigned_by moves\n"
                              "policy_assignment.user_id moves\n"
                              "policy_count.made_by moves\n"
                              "policy_holding.assigned_by moves\n"
                              "policy_holding.user_id moves\n"
                              "policy_statement.made_by moves\n"
                              "policy_statement.user_id moves\n"
                              "post.given_by stays\n"
                              "post.user_id moves\n"
                              "realm_user.user_id moves\n"
                              "scoreboard.created_by stays\n"
                              "scoreboard_entry.recommended_by stays\n"
                              "scoreboard_entry.user_id moves\n"
                              "scoreboard_member.user_id moves\n"
                              "scoreboard_message.user_id moves\n"
                              "scoreboard_points.user_id moves\n"
                              "scored_user.user_id moves\n"
                              "user_merge.from_user stays\n"
                              "user_merge.into_user moves\n";

static void every_column_with_a_user_is_moved_or_named(struct world *w)
{
    char expected[2048] = "";
    const char *names = world_value(
        w, "SELECT string_agg(t.relname || '.' || a.attname, ' '"
           "   ORDER BY (t.relname || '.' || a.attname) COLLATE \"C\")"
           "  FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0"
           " WHERE t.relnamespace = 'pek'::regnamespace AND t.relkind IN ('r', 'p', 'v')"
           "  AND NOT t.relispartition"
           "  AND a.attname ~ '(^|_)(user|user_id|actor|by|owner|recipient|subject)$'");
    for (const char *line = columns; *line; line = strchr(line, '\n') + 1)
        snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%s%.*s",
                 expected[0] ? " " : "", (int)strcspn(line, " "), line);
    assert_string_equal(names, expected);
}

/* In any column of text, whatever it is called. */
static void nothing_else_has_the_former_id(struct world *w)
{
    make_both(w);
    assert_int_equal(call(w, "dan", "AddMember", "o@b", "zed", "", NULL, NULL), STATUS_OK);
    world_sql(
        w, "UPDATE pek.person SET met_by = 'dan' WHERE id = 'zed';"
           "UPDATE pek.policy_assignment SET assigned_by = 'dan' WHERE user_id = 'zed';"
           "SET pek.realm = 'a'; INSERT INTO pek.policy (name, unique_key, parent_id, made_by)"
           " SELECT 'P', 'p', id, 'dan' FROM pek.policy WHERE name = 'GOD';"
           "INSERT INTO pek.scoreboard (group_id, semester, created_by, work_max,"
           " responsibility_max, total_max, least)"
           " VALUES ('o@a', '2024-2025/1', 'dan', 30, 20, 50, 5);"
           "INSERT INTO pek.entry_request (group_id, scoreboard_id, user_id, type)"
           " SELECT 'o@a', id, who, type FROM pek.scoreboard, (VALUES ('dan', 3), ('eve', 2))"
           " AS v (who, type);"
           "INSERT INTO pek.scoreboard_message (scoreboard_id, user_id, text)"
           " SELECT id, 'dan', 'szia' FROM pek.scoreboard;"
           "INSERT INTO pek.guideline (scoreboard_id, position, name, description, category,"
           " max_per_member, max_per_guideline)"
           " SELECT id, n, n, '', 1, 9, 0 FROM pek.scoreboard, generate_series(1, 3) AS n;"
           "INSERT INTO pek.point (group_id, scoreboard_id, user_id, guideline_id, points)"
           " SELECT 'o@a', scoreboard_id, v.who, id, v.points FROM pek.guideline JOIN (VALUES"
           " ('dan', 1, 4), ('dan', 2, 7), ('eve', 2, 5), ('eve', 3, 2)) AS v (who, at, points)"
           " ON v.at = position;"
           "INSERT INTO pek.point_draft (group_id, scoreboard_id, subgroup_id)"
           " SELECT group_id, id, 'o@b' FROM pek.scoreboard;"
           "INSERT INTO pek.point_draft_cell (scoreboard_id, subgroup_id, user_id, guideline_id, "
           "points)"
           " SELECT scoreboard_id, 'o@b', user_id, guideline_id, points FROM pek.point;"
           "UPDATE pek.point SET origin_group_id = 'o@b' WHERE user_id = 'dan';"
           "INSERT INTO pek.point_comment (scoreboard_id, user_id, guideline_id, written_by, text,"
           " closes) SELECT scoreboard_id, user_id, guideline_id, 'dan', 'x', false"
           "  FROM pek.point WHERE user_id = 'dan';"
           "UPDATE pek.scoreboard SET point_status = 3;"
           "INSERT INTO pek.point_history (user_id, semester, score, score_max)"
           " VALUES ('dan', '2024-2025/1', 11, 12), ('eve', '2024-2025/1', 7, 12)");
    assert_string_equal(merge(w, "dan", "eve", false), MOVED);
    assert_string_equal(
        world_value(w, "SELECT string_agg(user_id || score, ' ') FROM pek.point_history"), "eve12");
    assert_string_equal(
        world_value(w, "SELECT string_agg(user_id || type, ' ') FROM pek.entry_request"), "eve3");
    assert_string_equal(world_value(w, "SELECT string_agg(user_id || ' ' || written_by, ', ')"
                                       " FROM pek.point_comment"),
                        "eve eve, eve eve");
    assert_string_equal(world_value(w, "SELECT string_agg(user_id || points, ' ' ORDER BY"
                                       " guideline_id) FROM pek.point"),
                        "eve4 eve7 eve2");
    assert_string_equal(world_value(w, "SELECT string_agg(c.user_id || c.points ||"
                                       " coalesce(p.origin_group_id, ''), ' ' ORDER BY"
                                       " c.guideline_id) FROM pek.point_draft_cell AS c"
                                       " JOIN pek.point AS p USING (realm, user_id, guideline_id)"),
                        "eve4o@b eve7o@b eve2");
    assert_string_equal(
        world_value(w, "WITH c AS MATERIALIZED (SELECT t.relname, a.attname FROM pg_class t"
                       "   JOIN pg_attribute a ON a.attrelid = t.oid"
                       "  WHERE t.relnamespace = 'pek'::regnamespace AND t.relkind IN ('r', 'p')"
                       "    AND NOT t.relispartition"
                       "    AND a.attnum > 0 AND a.atttypid = 'text'::regtype)"
                       "SELECT string_agg(relname || '.' || attname, ' '"
                       "   ORDER BY (relname || '.' || attname) COLLATE \"C\") FROM c"
                       " WHERE query_to_xml(format('SELECT 1 FROM pek.%%I WHERE %%I = %%L',"
                       "   relname, attname, 'dan'), false, true, '')::text <> ''"),
        "audit_log.about audit_log.actor membership_period.changed_by scoreboard.created_by"
        " user_merge.from_user");
    assert_string_equal(world_value(w, "SELECT string_agg(made_by || policies, ' '"
                                       " ORDER BY made_by) FROM pek.policy_count"),
                        "1 eve1");
    assert_all_holds(w);
}

/* ---- whatever they were ---- */

#define PAIRS 60

/* Each pair: f1 and i1 and so on. Periods of any kinds, on any days; of some an end is planned. Members hold the policy of the
 * group, and some a post that carries one; of others both are over. Rights on people, too. */
static void make_pairs(struct world *w)
{
    make_members(w);
    static const char *const groups[] = {"o@o", "o@a", "o@b"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(call(w, "alice", "AddMember", groups[i], "zed", "", NULL, NULL),
                         STATUS_OK);
    world_sql(
        w,
        "SET pek.realm = 'a'; SELECT setseed(0.42);"
        "CREATE TABLE public.pair AS SELECT k || n AS id FROM generate_series(1, %d) n,"
        "  unnest('{f,i}'::text[]) k;"
        "CREATE TABLE public.chosen AS SELECT p.id AS user_id, g.id AS group_id,"
        "  (random() * 4)::int AS steps, random() < 0.3 AS planned, random() < 0.5 AS has_post,"
        "  1 + floor(random() * 5)::int AS last,"
        "  now() - random() * interval '300 days' - interval '30 days' AS since,"
        "  date_trunc('day', now()) + (2 + floor(random() * 3)) * interval '1 day' AS plan,"
        "  4 + (random() < 0.5)::int AS plan_to"
        "  FROM public.pair p, pek.realm_group g WHERE random() < 0.7;"
        "INSERT INTO pek.person (id, display_name, folded, sort_key, version)"
        " SELECT id, id, id, convert_to(id, 'UTF8'), 1 FROM public.pair;"
        "INSERT INTO pek.membership (group_id, user_id, sort_key) SELECT group_id, user_id,"
        "  CASE WHEN last = 1 THEN '\\x00'::bytea ELSE '\\x01'::bytea END FROM public.chosen;"
        "BEGIN; INSERT INTO pek.membership_period"
        "  (group_id, user_id, seq, status, begin_time, end_time, changed_by)"
        " SELECT group_id, user_id, n, CASE WHEN n = steps + 2 THEN plan_to"
        "     WHEN n = steps + 1 THEN last ELSE 1 + floor(random() * 5)::int END,"
        "   CASE WHEN n = steps + 2 THEN plan ELSE since + (n - 1) * interval '5 days' END,"
        "   CASE WHEN n = steps + 2 OR n = steps + 1 AND NOT (planned AND last IN (2, 3)) THEN NULL"
        "        WHEN n = steps + 1 THEN plan ELSE since + n * interval '5 days' END, 'x'"
        "  FROM public.chosen, generate_series(1, steps + 1 + (planned AND last IN (2, 3))::int) n;"
        "COMMIT",
        PAIRS);
    world_sql(
        w, "SET pek.realm = 'a';"
           "INSERT INTO pek.policy (name, unique_key, parent_id) SELECT 'Post of ' || l.group_id,"
           "  'post of ' || l.group_id, (SELECT id FROM pek.policy WHERE name = 'GOD')"
           "  FROM pek.group_policy l WHERE l.kind = 1;"
           "INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions)"
           " SELECT id, substr(name, 9), 'GROUP', 3 FROM pek.policy WHERE name LIKE 'Post of %%';"
           "INSERT INTO pek.group_policy (group_id, kind, policy_id) SELECT substr(name, 9), 3, id"
           "  FROM pek.policy WHERE name LIKE 'Post of %%';"
           "INSERT INTO pek.post_type"
           "  (group_id, kind, name, unique_key, sort_key, actions, policy_id)"
           " SELECT group_id, 5, 'T', 't', 't', 3, policy_id FROM pek.group_policy WHERE kind = 3;"
           "INSERT INTO pek.post (group_id, user_id, type_id, given_by)"
           " SELECT c.group_id, c.user_id, t.id, 'x' FROM public.chosen c"
           "  JOIN pek.post_type t USING (group_id) WHERE has_post;"
           "INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by, valid_until)"
           " SELECT l.policy_id, c.user_id, 'system', CASE"
           "    WHEN last NOT IN (2, 3) THEN now() - interval '1 day' WHEN planned THEN plan END"
           "  FROM public.chosen c JOIN pek.group_policy l ON l.group_id = c.group_id"
           "   AND (l.kind = 1 OR l.kind = 3 AND has_post);"
           "INSERT INTO pek.policy (name, unique_key, parent_id) SELECT 'R' || n, 'r' || n,"
           "  (SELECT id FROM pek.policy WHERE name = 'GOD') FROM generate_series(1, 5) n;"
           "INSERT INTO pek.policy_statement (policy_id, user_id, resource, actions)"
           " SELECT r.id, p.id, 'USER', 1 + floor(random() * 2047)::int FROM pek.policy r,"
           "  public.pair p WHERE r.name LIKE 'R_' AND random() < 0.3;"
           "INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by, valid_until)"
           " SELECT r.id, p.id, 'x', CASE WHEN random() < 0.5"
           "    THEN now() + interval '1 day' + random() * interval '9 days' END"
           "  FROM pek.policy r, public.pair p WHERE r.name LIKE 'R_' AND random() < 0.3;"
           "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail)"
           " SELECT 'x', 'membership.add', 'membership', s.group_id, jsonb_build_object("
           "   'user_id', s.user_id, 'periods', jsonb_build_array(jsonb_build_object("
           "   'status', s.status))) FROM pek.membership_period s"
           "  WHERE s.end_time IS NULL AND s.changed_by = 'x'");
}

/* A right of somebody on somebody or something, and until when; of both of a pair as of the one that stays. */
#define RIGHTS                                                                                     \
    "SELECT regexp_replace(a.user_id, '^f', 'i') AS who, coalesce(s.group_id, '') AS on_group,"    \
    " coalesce(regexp_replace(s.user_id, '^f', 'i'), '') AS on_user, b.bit,"                       \
    " max(coalesce(a.valid_until, 'infinity')) AS until FROM pek.policy_holding a"                 \
    " JOIN pek.policy_statement s ON s.policy_id = a.policy_id"                                    \
    " JOIN generate_series(0, 11) AS b (bit) ON s.actions & (1 << b.bit) <> 0"                     \
    " WHERE a.user_id ~ '^[fi][0-9]' GROUP BY 1, 2, 3, 4"
#define PLACE "array_position('{3,2,1,4,5}'::smallint[], m.status)"

static void whatever_they_were_every_right_stays_none_comes_and_everything_holds(struct world *w)
{
    make_pairs(w);
    assert_all_holds(w);
    world_sql(w,
              "CREATE TABLE public.rights AS " RIGHTS ";"
              "CREATE TABLE public.was AS SELECT regexp_replace(m.user_id, '^f', 'i') AS user_id,"
              "  m.group_id, min(" PLACE ") AS place, min(m.create_time) AS since"
              " FROM pek.member m WHERE m.user_id ~ '^[fi][0-9]' GROUP BY 1, 2");
    assert_true(strtol(world_value(w, "SELECT count(*) FROM public.rights"), NULL, 10) > 200);
    for (int i = 1; i <= PAIRS; i++) {
        char from[16], into[16];
        instance_v1_merge_user_response *res;
        snprintf(from, sizeof(from), "f%d", i);
        snprintf(into, sizeof(into), "i%d", i);
        assert_int_equal(merge_as(w, WORLD_HUB, from, into, i % 7 == 0, &res), STATUS_OK);
        assert_int_equal(merge_as(w, WORLD_HUB, from, into, false, &res), STATUS_OK);
    }
    assert_all_holds(w);
    assert_string_equal(
        world_value(w, "SELECT coalesce(min(concat_ws(' ', b.*)), '') FROM public.rights b"
                       " FULL JOIN (" RIGHTS ") h USING (who, on_group, on_user, bit)"
                       " LEFT JOIN pek.member o ON o.user_id = who AND o.group_id = 'o@o'"
                       "  AND o.next_status = 5 AND on_group <> ''"
                       " WHERE b.until IS NULL OR h.until IS NULL"
                       "  OR h.until < least(b.until, o.end_time)"),
        "");
    assert_string_equal(world_value(w, "SELECT coalesce(min(m.group_id || ' ' || m.user_id), '')"
                                       " FROM pek.member m JOIN pek.member o USING (user_id)"
                                       " WHERE o.group_id = 'o@o' AND o.next_status = 5"
                                       "  AND m.status IN (2, 3)"
                                       "  AND coalesce(m.end_time, 'infinity') > o.end_time"),
                        "");
    assert_string_equal(
        world_value(w,
                    "SELECT coalesce(min(concat_ws(' ', b.*)), '') FROM public.was b"
                    " LEFT JOIN pek.member m USING (user_id, group_id)"
                    " WHERE m.status IS NULL OR m.create_time <> b.since OR " PLACE " <> b.place"),
        "");
    assert_string_equal(
        world_value(w, "SELECT count(*) FROM pek.membership WHERE user_id LIKE 'f%%'"), "0");
    world_sql(w, "DROP TABLE public.pair, public.chosen, public.rights, public.was");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(what_one_had_the_other_has),
        WORLD_TEST(who_was_merged_gets_nothing_any_more),
        WORLD_TEST(only_the_hub_merges),
        WORLD_TEST(end_that_the_other_account_has_not_is_none_below),
        WORLD_TEST(who_leads_a_group_does_so_as_long_as_they_are_a_member),
        WORLD_TEST(end_that_is_later_for_the_other_account_is_so_below),
        WORLD_TEST(end_in_the_organisation_is_so_below_for_both_accounts),
        WORLD_TEST(end_in_the_organisation_of_who_stays_is_so_below),
        WORLD_TEST(merged_former_member_of_the_organisation_stays_in_its_groups),
        WORLD_TEST(group_of_both_ends_with_the_organisation_of_one),
        WORLD_TEST(every_column_with_a_user_is_moved_or_named),
        WORLD_TEST(nothing_else_has_the_former_id),
        WORLD_TEST(whatever_they_were_every_right_stays_none_comes_and_everything_holds),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
