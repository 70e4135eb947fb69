/* CheckPolicy: an answer that says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/guard/guard.h"
#include "worker/rights/policy.h"
#include "worker/testing/policy_world.h"

/* alice is GOD, carl is known; bob holds "Viewer" (VIEW_GROUP on o@o), "About carl" (EDIT_PROFILE of carl) and "Empty". */
static void make_policies(struct world *w)
{
    const char *god, *id;
    world_god(w, &w->a, "alice");
    world_grant(w, &w->a, "Of carl", "carl", NULL, 1u << 2);
    god = policy_world_id(w, "GOD");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "x", "X"), STATUS_OK);
    const struct {
        const char *name;
        struct given given;
    } policies[] = {
        {"Viewer", {"o@o", NULL, 4}},
        {"About carl", {NULL, "carl", 1u << 10}},
        {"Empty", {NULL, NULL, 0}},
    };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            policy_world_child(w, "alice", god, policies[i].name, false, policies[i].given, &id),
            STATUS_OK);
        assert_int_equal(policy_world_assign(w, "alice", id, "bob"), STATUS_OK);
    }
}

static enum status check(struct world *w, const char *caller, const char *hint, const char *user,
                         Pek__Action action, const char *group, const char *target,
                         policy_v1_check_policy_response **ret_res)
{
    policy_v1_check_policy_request req = POLICY_V1_CHECK_POLICY_REQUEST_INIT;
    req.user_id = policy_world_text(user);
    req.action = action;
    req.group_id = policy_world_text(group);
    req.target_user_id = policy_world_text(target);
    w->fault = (struct fault){0};
    return policy_v1_check_policy_call(w->a.channel, &req,
                                       world_metadata(w, &w->a, caller, GUARD_HINT_KEY, hint),
                                       hint ? 2 : 1, WORLD_REST(w), ret_res, &w->fault);
}

static void grant_is_told_with_its_statement(struct world *w)
{
    policy_v1_check_policy_response *res;
    make_policies(w);
    assert_int_equal(check(w, "bob", NULL, "", PEK_ACTION_VIEW_GROUP, "O@o", "", &res), STATUS_OK);
    assert_true(res->allowed);
    assert_int_equal(res->n_grants, 1);
    assert_int_equal(res->n_refusals, 0);
    assert_string_equal(res->grants[0]->policy_name, "Viewer");
    assert_string_equal(res->grants[0]->statement->group_id, "o@o");
    assert_int_equal(res->grants[0]->statement->actions[0], PEK_ACTION_VIEW_GROUP);
}

static void refusal_has_a_reason_for_each_policy(struct world *w)
{
    policy_v1_check_policy_response *res;
    make_policies(w);
    assert_int_equal(check(w, "bob", NULL, "bob", PEK_ACTION_VIEW_GROUP, "o@x", "", &res),
                     STATUS_OK);
    assert_false(res->allowed);
    assert_int_equal(res->n_grants, 0);
    assert_int_equal(res->n_refusals, 3);
    assert_string_equal(res->refusals[0]->policy_name, "Viewer");
    assert_int_equal(res->refusals[0]->reason, POLICY_V1_REFUSAL_REASON_OTHER_GROUP);
    assert_int_equal(res->refusals[1]->reason, POLICY_V1_REFUSAL_REASON_ACTION_NOT_GIVEN);
    assert_int_equal(res->refusals[2]->reason, POLICY_V1_REFUSAL_REASON_ACTION_NOT_GIVEN);
    assert_int_equal(check(w, "bob", NULL, "", PEK_ACTION_EDIT_PROFILE, "", "dave", &res),
                     STATUS_OK);
    assert_int_equal(res->refusals[1]->reason, POLICY_V1_REFUSAL_REASON_OTHER_USER);
    assert_int_equal(check(w, "bob", NULL, "", PEK_ACTION_EDIT_PROFILE, "", "carl", &res),
                     STATUS_OK);
    assert_true(res->allowed);
}

static bool may(struct world *w, const char *group, const char *target)
{
    policy_v1_check_policy_response *res;
    assert_int_equal(check(w, "bob", NULL, "", PEK_ACTION_VIEW_FULL_PROFILE, group, target, &res),
                     STATUS_OK);
    assert_int_equal(res->allowed, res->n_grants > 0);
    return res->allowed;
}

/* bob may see full profiles in o@x: of its newcomers and active members, and of nobody else. */
static void right_on_a_group_is_one_on_its_members(struct world *w)
{
    static const struct {
        const char *status;
        bool seen;
    } statuses[] = {{"1", false}, {"2", true}, {"3", true}, {"4", false}, {"5", false}};
    make_policies(w);
    world_grant(w, &w->a, "Sees", "bob", "o@x", 1u << 9);
    assert_false(may(w, "", "carl"));
    world_sql(w, "INSERT INTO pek.person (realm, id, display_name, folded, sort_key)"
                 " VALUES ('a', 'carl', 'Carl', 'carl', 'carl');"
                 " INSERT INTO pek.membership (realm, group_id, user_id, sort_key)"
                 " VALUES ('a', 'o@x', 'carl', 'carl'), ('a', 'o@o', 'carl', 'carl');"
                 " INSERT INTO pek.membership_period (realm, group_id, user_id, seq, status,"
                 " begin_time, changed_by) VALUES ('a', 'o@x', 'carl', 1, 3, now(), 'carl'),"
                 " ('a', 'o@o', 'carl', 1, 5, now(), 'carl')");
    for (size_t i = 0; i < 5; i++) {
        world_sql(w, "UPDATE pek.membership_period SET status = %s WHERE group_id = 'o@x'",
                  statuses[i].status);
        assert_int_equal(may(w, "", "carl"), statuses[i].seen);
    }
    /* Not before it begins, and not when it is over. */
    world_sql(w, "UPDATE pek.membership_period SET status = 3, begin_time = now() + interval '1 h'"
                 " WHERE group_id = 'o@x'");
    assert_false(may(w, "", "carl"));
    world_sql(w, "UPDATE pek.membership_period SET begin_time = now() - interval '1 h'"
                 " WHERE group_id = 'o@x'");
    assert_true(may(w, "", "carl"));
    /* Where a group is named, it is about that one. */
    assert_true(may(w, "o@x", "carl"));
    assert_false(may(w, "o@o", "carl"));
    assert_false(may(w, "", ""));
    /* alice made it, and so is in it; bob is not. */
    assert_true(may(w, "", "alice"));
    assert_false(may(w, "", "bob"));
}

static void whom_the_realm_does_not_know_is_no_user(struct world *w)
{
    make_policies(w);
    world_grant(w, &w->a, "Sees", "bob", NULL, 1u << 9);
    assert_true(may(w, "", "carl"));
    assert_true(may(w, "", "alice"));
    assert_false(may(w, "", "nobody"));
    assert_false(may(w, "", "' OR true --"));
    world_sql(w, "DELETE FROM pek.policy_assignment WHERE user_id = 'carl'");
    assert_false(may(w, "", "carl"));
}

static void who_holds_nothing_is_refused_without_reasons(struct world *w)
{
    policy_v1_check_policy_response *res;
    make_policies(w);
    assert_int_equal(check(w, "eve", NULL, "", PEK_ACTION_VIEW_GROUP, "o@o", "", &res), STATUS_OK);
    assert_false(res->allowed);
    assert_int_equal(res->n_refusals, 0);
}

static void rights_of_others_are_explained_to_god_only(struct world *w)
{
    policy_v1_check_policy_response *res;
    make_policies(w);
    assert_int_equal(check(w, "alice", NULL, "bob", PEK_ACTION_VIEW_GROUP, "o@o", "", &res),
                     STATUS_OK);
    assert_true(res->allowed);
    assert_int_equal(check(w, "bob", NULL, "alice", PEK_ACTION_VIEW_GROUP, "o@o", "", &res),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(check(w, "eve", NULL, "bob", PEK_ACTION_VIEW_GROUP, "o@o", "", &res),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(check(w, "bob", NULL, "", PEK_ACTION_UNSPECIFIED, "o@o", "", &res),
                     STATUS_INVALID_ARGUMENT);
}

/* In halves, in eleven pieces, by one statement of another policy: it is all rights, and not GOD. */
static void no_union_of_policies_makes_god(struct world *w)
{
    policy_v1_check_policy_response *res;
    group_v1_group *group;
    char name[16];
    const char *id;
    make_policies(w);
    const char *god = policy_world_id(w, "GOD");
    for (uint32_t n = 0; n < 14; n++) {
        const uint32_t given[] = {63, POLICY_ACTIONS_ALL & ~63u, POLICY_ACTIONS_ALL};
        snprintf(name, sizeof(name), "Piece %u", n);
        assert_int_equal(
            policy_world_child(w, "alice", god, name, true,
                               (struct given){NULL, NULL, n < 11 ? 1u << n : given[n - 11]}, &id),
            STATUS_OK);
        assert_int_equal(policy_world_assign(w, "alice", id, "bob"), STATUS_OK);
        assert_int_equal(check(w, "bob", NULL, "", PEK_ACTION_GOD, "", "", &res), STATUS_OK);
        assert_false(res->allowed);
        assert_int_equal(res->refusals[3]->reason, POLICY_V1_REFUSAL_REASON_ACTION_NOT_GIVEN);
    }
    assert_int_equal(world_get(w, "bob", "o@x", &group), STATUS_OK);
    /* The guard, and who administers policies, see it the same way. */
    assert_int_equal(world_create(w, "bob", "", "p", "P"), STATUS_PERMISSION_DENIED);
    assert_int_equal(
        policy_world_child(w, "bob", god, "Mine", false, (struct given){NULL, NULL, 1}, &id),
        STATUS_PERMISSION_DENIED);
    assert_int_equal(policy_world_assign(w, "bob", god, "carl"), STATUS_PERMISSION_DENIED);
    assert_int_equal(check(w, "bob", NULL, "alice", PEK_ACTION_VIEW_GROUP, "", "", &res),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(check(w, "alice", NULL, "", PEK_ACTION_GOD, "", "", &res), STATUS_OK);
    assert_true(res->allowed);
    assert_string_equal(res->grants[0]->policy_name, "GOD");
}

static void hints_are_told_for_what_they_are(struct world *w)
{
    static const struct {
        const char *hint;
        bool held, grants;
    } hints[] = {
        {"Viewer", true, true},
        {"About%20carl", true, false},
        {"GOD", false, false},
        {"none", false, false},
    };
    make_policies(w);
    for (size_t i = 0; i < 4; i++) {
        policy_v1_check_policy_response *res;
        assert_int_equal(check(w, "bob", hints[i].hint, "", PEK_ACTION_VIEW_GROUP, "o@o", "", &res),
                         STATUS_OK);
        assert_true(res->allowed);
        assert_int_equal(res->n_hints, 1);
        assert_int_equal(res->hints[0]->held, hints[i].held);
        assert_int_equal(res->hints[0]->grants, hints[i].grants);
    }
}

/* "issues", "administers", and the group it goes with; "-" for what is not so. */
static const char *told(struct world *w, const char *user, const char *id)
{
    policy_v1_get_policy_request req = POLICY_V1_GET_POLICY_REQUEST_INIT;
    policy_v1_policy *res;
    req.id = policy_world_text(id);
    assert_int_equal(POLICY_CALL(w, get_policy, user, req, res), STATUS_OK);
    return arena_printf(w->arena, "%s %s %s", res->caller_issues ? "issues" : "-",
                        res->caller_administers ? "administers" : "-",
                        res->group_id[0] ? res->group_id : "-");
}

static void policy_tells_what_its_reader_may_do_to_it(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    assert_string_equal(told(w, "alice", tree.dean), "issues administers -");
    assert_string_equal(told(w, "dora", tree.dean), "issues - -");
    assert_string_equal(told(w, "dora", tree.clerk), "- administers -");
    assert_string_equal(told(w, "carl", tree.clerk), "- - -");
    assert_string_equal(told(w, "alice", policy_world_id(w, "GOD")), "issues administers -");
    assert_string_equal(told(w, "alice", policy_world_id(w, "GOD in o@o")),
                        "issues administers o@o");
    assert_string_equal(told(w, "alice", policy_world_id(w, "Members of o@o")),
                        "- administers o@o");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(grant_is_told_with_its_statement),
        WORLD_TEST(refusal_has_a_reason_for_each_policy),
        WORLD_TEST(right_on_a_group_is_one_on_its_members),
        WORLD_TEST(whom_the_realm_does_not_know_is_no_user),
        WORLD_TEST(who_holds_nothing_is_refused_without_reasons),
        WORLD_TEST(rights_of_others_are_explained_to_god_only),
        WORLD_TEST(no_union_of_policies_makes_god),
        WORLD_TEST(hints_are_told_for_what_they_are),
        WORLD_TEST(policy_tells_what_its_reader_may_do_to_it),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
