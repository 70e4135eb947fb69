/* Posts: who gives which to whom, the rights that they bring, and when both end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "pek/options.rpc.h"
#include "worker/membership/membership.h"
#include "worker/membership/post.h"
#include "worker/testing/member_world.h"
#include "worker/testing/policy_world.h"

#define ASSISTANT MEMBERSHIP_V1_POST_KIND_LEADER_ASSISTANT
#define HELPER MEMBERSHIP_V1_POST_KIND_EVALUATION_HELPER
#define OFFICER MEMBERSHIP_V1_POST_KIND_FINANCIAL_OFFICER
#define PAST MEMBERSHIP_V1_POST_KIND_PAST_LEADER
#define OWN MEMBERSHIP_V1_POST_KIND_UNSPECIFIED

/* dan leads o@a, where eve, fay and zoe are members; lou leads o@b, of which dan is a member, too. */
static void make_posts(struct world *w)
{
    static const char *const people[] = {"dan", "eve", "fay", "zoe"};
    make_members(w);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(step(w, "ann", "AddMember", people[i]), STATUS_OK);
    assert_int_equal(step(w, "alice", "HandOverLeadership", "dan"), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "lou", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "dan", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "HandOverLeadership", "o@b", "lou", "", NULL, NULL),
                     STATUS_OK);
}

static enum status give_in(struct world *w, const char *as, const char *group, const char *user,
                           membership_v1_post_kind kind, const char *type)
{
    membership_v1_give_post_request req = MEMBERSHIP_V1_GIVE_POST_REQUEST_INIT;
    membership_v1_membership *res;
    req.group_id = text(group);
    req.user_id = text(user);
    req.kind = kind;
    req.post_type_id = text(type);
    return WORLD_RPC(w, membership_v1, give_post, as, req, res);
}

static enum status give(struct world *w, const char *as, const char *user,
                        membership_v1_post_kind kind)
{
    return give_in(w, as, "o@a", user, kind, "");
}

static enum status take(struct world *w, const char *as, const char *user,
                        membership_v1_post_kind kind, const char *type)
{
    membership_v1_take_post_request req = MEMBERSHIP_V1_TAKE_POST_REQUEST_INIT;
    membership_v1_membership *res;
    req.group_id = text("o@a");
    req.user_id = text(user);
    req.kind = kind;
    req.post_type_id = text(type);
    return WORLD_RPC(w, membership_v1, take_post, as, req, res);
}

/* The id, or NULL as the call ended with `want`. */
static const char *make_type(struct world *w, const char *as, const char *name, pek_action action,
                             enum status want)
{
    membership_v1_create_post_type_request req = MEMBERSHIP_V1_CREATE_POST_TYPE_REQUEST_INIT;
    membership_v1_post_type *res;
    req.group_id = text("o@a");
    req.name = text(name);
    req.actions = &action;
    req.n_actions = action ? 1 : 0;
    enum status status = WORLD_RPC(w, membership_v1, create_post_type, as, req, res);
    assert_int_equal(status, want);
    return status == STATUS_OK ? res->id : NULL;
}

static enum status delete_type(struct world *w, const char *as, const char *group, const char *id)
{
    membership_v1_delete_post_type_request req = MEMBERSHIP_V1_DELETE_POST_TYPE_REQUEST_INIT;
    Google__Protobuf__Empty *res;
    req.group_id = text(group);
    req.id = text(id);
    return WORLD_RPC(w, membership_v1, delete_post_type, as, req, res);
}

/* The posts as told, "1 5:Name"; of somebody who sees o@a. */
static const char *posts(struct world *w, const char *user)
{
    return world_value(w,
                       "SELECT coalesce((SELECT replace(posts, E'\\n', ',') FROM pek.member"
                       " WHERE group_id = 'o@a' AND user_id = '%s'), '-')",
                       user);
}

/* The policies of o@a that somebody holds by a post. */
static const char *held(struct world *w, const char *user)
{
    return world_value(w,
                       "SELECT coalesce(string_agg(p.name, ', ' ORDER BY p.name), '')"
                       " FROM pek.policy_holding a JOIN pek.group_policy l USING (policy_id)"
                       " JOIN pek.policy p ON p.id = a.policy_id"
                       " WHERE l.kind = 3 AND a.user_id = '%s'",
                       user);
}

static void a_post_brings_its_policy_and_takes_it(struct world *w)
{
    make_posts(w);
    assert_int_equal(step(w, "eve", "AcceptMember", "zed"), STATUS_PERMISSION_DENIED);
    assert_int_equal(give(w, "dan", "eve", ASSISTANT), STATUS_OK);
    assert_string_equal(held(w, "eve"), "Leader assistants of o@a");
    assert_int_equal(step(w, "eve", "AddMember", "zed"), STATUS_OK);
    assert_int_equal(give(w, "dan", "fay", HELPER), STATUS_OK);
    assert_int_equal(step(w, "fay", "AddMember", "zac"), STATUS_OK);
    /* Under the leader's policy, on the group alone. */
    assert_string_equal(
        world_value(
            w, "SELECT string_agg(concat_ws(' ', q.name, s.group_id, s.actions, p.can_issue),"
               " ', ' ORDER BY p.name) FROM pek.group_policy l"
               " JOIN pek.policy p ON p.id = l.policy_id JOIN pek.policy q ON q.id = p.parent_id"
               " JOIN pek.policy_statement s ON s.policy_id = p.id WHERE l.kind = 3"),
        "GOD in o@a o@a 103 f, GOD in o@a o@a 111 f");
    assert_int_equal(take(w, "dan", "eve", ASSISTANT, ""), STATUS_OK);
    assert_string_equal(held(w, "eve"), "");
    assert_int_equal(step(w, "eve", "AddMember", "zig"), STATUS_PERMISSION_DENIED);
    assert_string_equal(policy_world_wrongs(w), "");
    assert_all_holds(w);
}

static void rights_are_the_leaders_to_give(struct world *w)
{
    make_posts(w);
    assert_int_equal(give(w, "dan", "eve", ASSISTANT), STATUS_OK);
    static const membership_v1_post_kind kinds[] = {ASSISTANT, HELPER, OFFICER, PAST};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(give(w, "eve", "fay", kinds[i]), STATUS_PERMISSION_DENIED);
        assert_string_equal(w->fault.reason, POST_REASON_LEADER);
    }
    assert_int_equal(take(w, "eve", "eve", ASSISTANT, ""), STATUS_PERMISSION_DENIED);
    assert_null(make_type(w, "eve", "Csapos", PEK_ACTION_UNSPECIFIED, STATUS_PERMISSION_DENIED));
    const char *honour = make_type(w, "dan", "Csapos", PEK_ACTION_UNSPECIFIED, STATUS_OK);
    const char *right = make_type(w, "dan", "Pontos", PEK_ACTION_EDIT_SCORES, STATUS_OK);
    assert_int_equal(give_in(w, "eve", "o@a", "fay", OWN, honour), STATUS_OK);
    assert_int_equal(give_in(w, "eve", "o@a", "fay", OWN, right), STATUS_PERMISSION_DENIED);
    assert_int_equal(give_in(w, "dan", "o@a", "fay", OWN, right), STATUS_OK);
    assert_string_equal(held(w, "fay"), "Pontos of o@a");
    /* A member, a stranger; who replaces leaders, and has no daily powers. */
    world_grant(w, &w->a, "replaces leaders", "ole", "o@a", 1u | 1u << 2 | 1u << 4);
    assert_int_equal(give(w, "zoe", "fay", OFFICER), STATUS_PERMISSION_DENIED);
    assert_int_equal(give(w, "nobody", "fay", OFFICER), STATUS_PERMISSION_DENIED);
    assert_int_equal(give(w, "ole", "fay", ASSISTANT), STATUS_PERMISSION_DENIED);
    assert_null(make_type(w, "ole", "Pontoz", PEK_ACTION_EDIT_SCORES, STATUS_PERMISSION_DENIED));
    /* To oneself it would outlive the right by which one did it. */
    assert_int_equal(give(w, "dan", "dan", ASSISTANT), STATUS_PERMISSION_DENIED);
    assert_int_equal(give(w, "dan", "dan", OFFICER), STATUS_OK);
    assert_all_holds(w);
}

/* Who may edit members and replace leaders, but not edit scores, gives nobody that. */
static void nobody_gives_what_they_do_not_have(struct world *w)
{
    make_posts(w);
    world_grant(w, &w->a, "half", "hal", "o@a", VIEW_MEMBERS | EDIT_MEMBERS | VIEW_GROUP | 1u << 4);
    assert_int_equal(give(w, "hal", "fay", ASSISTANT), STATUS_PERMISSION_DENIED);
    assert_string_equal(held(w, "fay"), "");
    assert_null(make_type(w, "hal", "Pontos", PEK_ACTION_EDIT_SCORES, STATUS_PERMISSION_DENIED));
    assert_non_null(make_type(w, "hal", "Néző", PEK_ACTION_VIEW_MEMBERS, STATUS_OK));
}

static void posts_are_of_the_groups_own_types_and_members(struct world *w)
{
    make_posts(w);
    const char *type = make_type(w, "dan", "Csapos", PEK_ACTION_UNSPECIFIED, STATUS_OK);
    /* Of another group: lou leads o@b, where dan is a member. */
    assert_int_equal(give_in(w, "lou", "o@b", "dan", OWN, type), STATUS_NOT_FOUND);
    assert_int_equal(delete_type(w, "lou", "o@b", type), STATUS_NOT_FOUND);
    assert_int_equal(delete_type(w, "lou", "o@a", type), STATUS_PERMISSION_DENIED);
    assert_int_equal(give_in(w, "lou", "o@b", "eve", OFFICER, ""), STATUS_NOT_FOUND);
    assert_int_equal(give_in(w, "lou", "o@a", "eve", OFFICER, ""), STATUS_PERMISSION_DENIED);
    assert_int_equal(give(w, "dan", "nobody", OFFICER), STATUS_NOT_FOUND);
    assert_string_equal(w->fault.field, "user_id");
    assert_int_equal(give_in(w, "dan", "o@a", "eve", OWN, "99999999"), STATUS_NOT_FOUND);
    assert_string_equal(w->fault.field, "post_type_id");
    /* Neither an applicant nor somebody who was a member. */
    assert_int_equal(step(w, "bob", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(give(w, "dan", "bob", OFFICER), STATUS_ABORTED);
    assert_int_equal(step(w, "ann", "InactivateMember", "zoe"), STATUS_OK);
    assert_int_equal(give(w, "dan", "zoe", OFFICER), STATUS_ABORTED);
    assert_string_equal(w->fault.reason, MEMBERSHIP_REASON_STATUS);
    assert_all_holds(w);
}

static void one_financial_officer_and_each_post_once(struct world *w)
{
    make_posts(w);
    assert_int_equal(give(w, "dan", "eve", OFFICER), STATUS_OK);
    assert_int_equal(give(w, "dan", "fay", OFFICER), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, POST_REASON_TAKEN);
    assert_int_equal(give(w, "dan", "eve", ASSISTANT), STATUS_OK);
    assert_int_equal(give(w, "dan", "eve", ASSISTANT), STATUS_ALREADY_EXISTS);
    assert_int_equal(give(w, "dan", "fay", ASSISTANT), STATUS_OK);
    assert_int_equal(take(w, "dan", "eve", OFFICER, ""), STATUS_OK);
    assert_int_equal(take(w, "dan", "eve", OFFICER, ""), STATUS_ABORTED);
    assert_string_equal(w->fault.reason, POST_REASON_NOT_HELD);
    assert_int_equal(give(w, "dan", "fay", OFFICER), STATUS_OK);
    /* Whose membership ended has the post no more. */
    assert_int_equal(step(w, "dan", "ArchiveMember", "fay"), STATUS_OK);
    assert_int_equal(give(w, "dan", "eve", OFFICER), STATUS_OK);
    assert_all_holds(w);
}

static enum status set_end(struct world *w, const char *as, const char *user, const char *date)
{
    membership_v1_set_member_dates_request req = MEMBERSHIP_V1_SET_MEMBER_DATES_REQUEST_INIT;
    membership_v1_membership *res;
    req.group_id = text("o@a");
    req.user_id = text(user);
    req.end_date = text(date);
    return WORLD_RPC(w, membership_v1, set_member_dates, as, req, res);
}

/* A membership that begins again begins without posts; one that is promoted goes on. */
static void posts_end_with_the_membership(struct world *w)
{
    make_posts(w);
    const char *type = make_type(w, "dan", "Csapos", PEK_ACTION_UNSPECIFIED, STATUS_OK);
    const char *told = arena_printf(w->arena, "%s %s Csapos", "5", type);
    assert_int_equal(step(w, "ned", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(step(w, "dan", "AcceptMember", "ned"), STATUS_OK);
    assert_int_equal(give_in(w, "dan", "o@a", "ned", OWN, type), STATUS_OK);
    assert_int_equal(step(w, "dan", "PromoteMember", "ned"), STATUS_OK);
    assert_string_equal(posts(w, "ned"), told);
    static const char *const ends[][2] = {{"InactivateMember", "ReactivateMember"},
                                          {"ArchiveMember", "UnarchiveMember"}};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(give(w, "dan", "ned", ASSISTANT), STATUS_OK);
        assert_string_equal(held(w, "ned"), "Leader assistants of o@a");
        assert_int_equal(step(w, "dan", ends[i][0], "ned"), STATUS_OK);
        assert_string_equal(held(w, "ned"), "");
        assert_string_equal(posts(w, "ned"), "");
        assert_int_equal(step(w, "dan", ends[i][1], "ned"), STATUS_OK);
        assert_string_equal(held(w, "ned"), "");
        assert_string_equal(posts(w, "ned"), "");
    }
    /* An end that is set ends the right as well, in the same moment. */
    assert_int_equal(give(w, "dan", "ned", ASSISTANT), STATUS_OK);
    assert_int_equal(set_end(w, "dan", "ned", "2199-07-01"), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT count(DISTINCT a.valid_until) || ' ' || count(*)"
                                       " FROM pek.policy_assignment a JOIN pek.group_policy l"
                                       " USING (policy_id) WHERE l.group_id = 'o@a'"
                                       " AND a.user_id = 'ned' AND a.valid_until IS NOT NULL"),
                        "1 2");
    const char *today = world_value(w, "SELECT (now() AT TIME ZONE 'Europe/Budapest')::date");
    assert_int_equal(set_end(w, "dan", "ned", today),
                     STATUS_INVALID_ARGUMENT); /* before they began */
    assert_int_equal(step(w, "ned", "LeaveGroup", ""), STATUS_OK);
    assert_string_equal(held(w, "ned"), "");
    assert_all_holds(w);
}

/* eve is a helper: she edits members, and does not take what the leader gave. */
static void who_does_not_take_a_post_does_not_end_it(struct world *w)
{
    static const char *const steps[] = {"InactivateMember", "ArchiveMember"};
    membership_v1_batch_archive_members_request req =
        MEMBERSHIP_V1_BATCH_ARCHIVE_MEMBERS_REQUEST_INIT;
    membership_v1_batch_archive_members_response *res;
    char *users[] = {text("zoe"), text("fay")};
    make_posts(w);
    const char *type = make_type(w, "dan", "Csapos", PEK_ACTION_UNSPECIFIED, STATUS_OK);
    const char *rights = make_type(w, "dan", "Tanár", PEK_ACTION_VIEW_SCORES, STATUS_OK);
    assert_int_equal(give(w, "dan", "eve", HELPER), STATUS_OK);
    assert_int_equal(give(w, "dan", "fay", ASSISTANT), STATUS_OK);
    assert_int_equal(give_in(w, "dan", "o@a", "zoe", OWN, rights), STATUS_OK);
    req.group_id = text("o@a");
    req.user_ids = users;
    req.n_user_ids = 2;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(step(w, "eve", steps[i / 2], users[i % 2]), STATUS_PERMISSION_DENIED);
        assert_string_equal(w->fault.reason, POST_REASON_LEADER);
    }
    assert_int_equal(set_end(w, "eve", "fay", "2199-07-01"), STATUS_PERMISSION_DENIED);
    assert_string_equal(w->fault.reason, POST_REASON_LEADER);
    assert_int_equal(WORLD_RPC(w, membership_v1, batch_archive_members, "eve", req, res),
                     STATUS_PERMISSION_DENIED);
    assert_string_equal(held(w, "fay"), "Leader assistants of o@a");
    /* Nor her own, but by leaving. */
    assert_int_equal(step(w, "eve", "InactivateMember", "eve"), STATUS_PERMISSION_DENIED);
    assert_int_equal(take(w, "dan", "zoe", OWN, rights), STATUS_OK);
    assert_int_equal(give_in(w, "dan", "o@a", "zoe", OWN, type), STATUS_OK);
    assert_int_equal(step(w, "eve", "ArchiveMember", "zoe"), STATUS_OK);
    assert_int_equal(set_end(w, "eve", "zoe", "2026-01-01"), STATUS_INVALID_ARGUMENT);
    assert_int_equal(step(w, "fay", "LeaveGroup", ""), STATUS_OK);
    assert_int_equal(step(w, "eve", "LeaveGroup", ""), STATUS_OK);
    assert_all_holds(w);
}

static void who_hands_over_has_led(struct world *w)
{
    make_posts(w);
    assert_int_equal(step(w, "dan", "HandOverLeadership", "eve"), STATUS_OK);
    assert_true(strncmp(posts(w, "dan"), "4 ", 2) == 0);
    assert_string_equal(posts(w, "eve"), "");
    assert_int_equal(step(w, "eve", "InactivateMember", "dan"), STATUS_OK);
    assert_true(strncmp(posts(w, "dan"), "4 ", 2) == 0);
    assert_int_equal(step(w, "eve", "ReactivateMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "eve", "HandOverLeadership", "dan"), STATUS_OK);
    assert_string_equal(posts(w, "dan"), "");
    assert_true(strncmp(posts(w, "eve"), "4 ", 2) == 0);
    assert_all_holds(w);
}

static void types_have_names_of_their_own_and_go_unused(struct world *w)
{
    make_posts(w);
    const char *type = make_type(w, "dan", "Sör mester", PEK_ACTION_VIEW_SCORES, STATUS_OK);
    assert_null(make_type(w, "dan", "sÖR  Mester", PEK_ACTION_UNSPECIFIED, STATUS_ALREADY_EXISTS));
    assert_string_equal(w->fault.field, "name");
    assert_non_null(make_type(w, "dan", "Álom", PEK_ACTION_UNSPECIFIED, STATUS_OK));
    membership_v1_list_post_types_request req = MEMBERSHIP_V1_LIST_POST_TYPES_REQUEST_INIT;
    req.group_id = text("o@a");
    const char *method = "/pek.membership.v1.PostService/ListPostTypes";
    assert_string_equal(world_items(w, "eve", method, &req.base, "name"), "Álom Sör mester");
    assert_int_equal(give_in(w, "dan", "o@a", "eve", OWN, type), STATUS_OK);
    assert_int_equal(delete_type(w, "dan", "o@a", type), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, POST_REASON_IN_USE);
    assert_int_equal(take(w, "dan", "eve", OWN, type), STATUS_OK);
    assert_int_equal(delete_type(w, "dan", "o@a", type), STATUS_OK);
    assert_int_equal(delete_type(w, "dan", "o@a", type), STATUS_NOT_FOUND);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.policy WHERE name LIKE 'Sör%%'"),
                        "0");
    world_sql(
        w, "INSERT INTO pek.post_type (realm, group_id, kind, name, unique_key, sort_key, actions)"
           " SELECT 'a', 'o@a', 5, 'x' || n, 'x' || n, '', 0 FROM generate_series(2, 50) n");
    assert_null(
        make_type(w, "dan", "One more", PEK_ACTION_UNSPECIFIED, STATUS_FAILED_PRECONDITION));
    assert_string_equal(w->fault.reason, POST_REASON_FULL);
}

/* What leaders give somebody is bounded, in all groups of an organisation together. */
static void nobody_is_given_posts_without_end(struct world *w)
{
    make_posts(w);
    assert_int_equal(call(w, "ann", "AddMember", "o@o", "eve", "", NULL, NULL), STATUS_OK);
    world_sql(
        w, "INSERT INTO pek.post_type (realm, group_id, kind, name, unique_key, sort_key, actions)"
           " SELECT 'a', 'o@o', 5, 'x' || n, 'x' || n, '', 1 FROM generate_series(1, 99) n;"
           "INSERT INTO pek.post (realm, group_id, user_id, type_id, given_by)"
           " SELECT 'a', 'o@o', 'eve', id, 'dan' FROM pek.post_type WHERE group_id = 'o@o'");
    assert_int_equal(give(w, "dan", "eve", ASSISTANT), STATUS_OK);
    assert_int_equal(give(w, "dan", "eve", HELPER), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, POST_REASON_USER_FULL);
    assert_int_equal(give(w, "dan", "eve", OFFICER), STATUS_OK);
    assert_int_equal(give(w, "dan", "fay", HELPER), STATUS_OK);
    /* Nobody keeps others from giving. */
    assert_int_equal(give(w, "alice", "eve", HELPER), STATUS_OK);
    /* Who deleted their account is given nothing, not even an honour. */
    world_sql(w, "UPDATE pek.person SET is_deleted = true"
                 " WHERE realm = 'a' AND id = 'fay'");
    assert_int_equal(give(w, "dan", "fay", OFFICER), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "USER_DELETED");
}

/* A name that somebody gave a policy is theirs, and a policy of a group's nobody's to change by hand. */
static void policies_of_posts_are_changed_by_posts_alone(struct world *w)
{
    make_posts(w);
    const struct given any = {NULL, NULL, VIEW_GROUP};
    const char *taken;
    assert_int_equal(policy_world_child(w, "alice", policy_world_id(w, "GOD"),
                                        "Leader assistants of o@a", false, any, &taken),
                     STATUS_OK);
    assert_int_equal(give(w, "dan", "eve", ASSISTANT), STATUS_OK);
    static const char *const kinds[] = {"1", "2", "3"};
    for (size_t i = 0; i < 3; i++) {
        const char *id = world_value(w,
                                     "SELECT policy_id FROM pek.group_policy"
                                     " WHERE group_id = 'o@a' AND kind = %s",
                                     kinds[i]);
        assert_int_equal(policy_world_assign(w, "alice", id, "zoe"), STATUS_FAILED_PRECONDITION);
        assert_string_equal(w->fault.reason, "GROUP_POLICY");
        assert_int_equal(policy_world_revoke(w, "alice", id, "dan"), STATUS_FAILED_PRECONDITION);
        assert_int_equal(policy_world_revoke(w, "dan", id, "dan"), STATUS_FAILED_PRECONDITION);
        assert_int_equal(policy_world_delete(w, "alice", id, true), STATUS_FAILED_PRECONDITION);
        /* Below the leader's anybody who may issue makes policies; those of members and posts come and go. */
        const char *child;
        const struct given sees = {"o@a", NULL, VIEW_GROUP};
        const char *name = arena_printf(w->arena, "Child %zu", i);
        assert_int_equal(policy_world_child(w, "alice", id, name, false, sees, &child),
                         i == 1 ? STATUS_OK : STATUS_FAILED_PRECONDITION);
    }
    assert_int_equal(step(w, "eve", "AddMember", "zed"), STATUS_OK);
}

static void an_archived_group_keeps_its_posts_and_gives_none(struct world *w)
{
    make_posts(w);
    assert_int_equal(give(w, "dan", "eve", ASSISTANT), STATUS_OK);
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id = 'o@a'");
    assert_int_equal(give(w, "dan", "fay", ASSISTANT), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, MEMBERSHIP_REASON_GROUP_ARCHIVED);
    assert_null(make_type(w, "dan", "Csapos", PEK_ACTION_UNSPECIFIED, STATUS_FAILED_PRECONDITION));
    world_sql(w, "UPDATE pek.realm_group SET is_archived = false WHERE id = 'o@a'");
    assert_string_equal(held(w, "eve"), "Leader assistants of o@a");
}

static void flairs_are_replaced_whole(struct world *w)
{
    membership_v1_set_member_flairs_request req = MEMBERSHIP_V1_SET_MEMBER_FLAIRS_REQUEST_INIT;
    membership_v1_membership *res;
    char *two[] = {text(" Nagy  evő "), text("🍆")};
    make_posts(w);
    req.group_id = text("o@a");
    req.user_id = text("eve");
    req.flairs = two;
    req.n_flairs = 2;
    assert_int_equal(WORLD_RPC(w, membership_v1, set_member_flairs, "eve", req, res),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(WORLD_RPC(w, membership_v1, set_member_flairs, "ann", req, res), STATUS_OK);
    assert_int_equal(res->n_flairs, 2);
    assert_string_equal(res->flairs[0], "Nagy evő");
    req.n_flairs = 0;
    assert_int_equal(WORLD_RPC(w, membership_v1, set_member_flairs, "ann", req, res), STATUS_OK);
    assert_int_equal(res->n_flairs, 0);
    req.user_id = text("nobody");
    assert_int_equal(WORLD_RPC(w, membership_v1, set_member_flairs, "ann", req, res),
                     STATUS_NOT_FOUND);
    assert_all_holds(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_post_brings_its_policy_and_takes_it),
        WORLD_TEST(rights_are_the_leaders_to_give),
        WORLD_TEST(nobody_gives_what_they_do_not_have),
        WORLD_TEST(posts_are_of_the_groups_own_types_and_members),
        WORLD_TEST(one_financial_officer_and_each_post_once),
        WORLD_TEST(posts_end_with_the_membership),
        WORLD_TEST(who_does_not_take_a_post_does_not_end_it),
        WORLD_TEST(who_hands_over_has_led),
        WORLD_TEST(types_have_names_of_their_own_and_go_unused),
        WORLD_TEST(nobody_is_given_posts_without_end),
        WORLD_TEST(policies_of_posts_are_changed_by_posts_alone),
        WORLD_TEST(an_archived_group_keeps_its_posts_and_gives_none),
        WORLD_TEST(flairs_are_replaced_whole),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
