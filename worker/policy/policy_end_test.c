/* Assignments that end by themselves: what is over gives nothing, wherever rights are asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pek/instance/v1/instance.rpc.h"
#include "shared/base/clock.h"
#include "worker/testing/policy_world.h"

#define VIEW_GROUP (1u << 2)

/* Until so many seconds from now, or (0) without an end. */
static enum status assign_for(struct world *w, const char *as, const char *policy, const char *to,
                              int64_t seconds, policy_v1_assignment **ret_assignment)
{
    policy_v1_assign_policy_request req = POLICY_V1_ASSIGN_POLICY_REQUEST_INIT;
    Google__Protobuf__Timestamp until = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    policy_v1_assignment *res;
    until.seconds = clock_wall_s() + seconds;
    req.id = policy_world_text(policy);
    req.user_id = policy_world_text(to);
    if (seconds)
        req.valid_until = &until;
    enum status status = POLICY_CALL(w, assign_policy, as, req, res);
    if (status == STATUS_OK && ret_assignment)
        *ret_assignment = res;
    return status;
}

/* Just behind the end of what the user holds. */
static void wait_for_the_end(struct world *w, const char *user)
{
    const char *ms =
        world_value(w,
                    "SELECT ceil(extract(epoch FROM min(valid_until) - clock_timestamp())"
                    " * 1000) FROM pek.policy_assignment WHERE user_id = '%s'",
                    user);
    fiber_sleep_ms(strtoll(ms, NULL, 10) + 5);
}

static const char *assigned(struct world *w, const char *policy)
{
    policy_v1_list_assignments_request req = POLICY_V1_LIST_ASSIGNMENTS_REQUEST_INIT;
    req.policy_id = policy_world_text(policy);
    return world_items(w, "alice", "/pek.policy.v1.PolicyService/ListAssignments", &req.base,
                       "user_id");
}

static instance_v1_issue_token_response *token_of(struct world *w, const char *user)
{
    instance_v1_issue_token_request req = INSTANCE_V1_ISSUE_TOKEN_REQUEST_INIT;
    instance_v1_issue_token_response *res;
    struct slice assertion =
        world_assertion(w, &w->hub_keys, JWT_TYP_ASSERTION, WORLD_HUB, "a", user, 60);
    req.assertion = arena_strndup(w->arena, assertion.ptr, assertion.len);
    assert_int_equal(
        instance_v1_issue_token_call(w->a.channel, &req, NULL, 0, WORLD_REST(w), &res, &w->fault),
        STATUS_OK);
    return res;
}

static bool check(struct world *w, const char *user)
{
    policy_v1_check_policy_request req = POLICY_V1_CHECK_POLICY_REQUEST_INIT;
    policy_v1_check_policy_response *res;
    req.action = PEK_ACTION_VIEW_GROUP;
    req.group_id = policy_world_text("o@o");
    assert_int_equal(POLICY_CALL(w, check_policy, user, req, res), STATUS_OK);
    return res->allowed;
}

static void what_is_over_gives_nothing(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    group_v1_list_groups_request groups = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    policy_v1_assignment *assignment;
    group_v1_group *group;
    const char *id;
    assert_int_equal(assign_for(w, "alice", tree.dean, "eve", 5, &assignment), STATUS_OK);
    assert_non_null(assignment->valid_until);
    assert_string_equal(assigned(w, tree.dean), "dora eve");
    assert_int_equal(world_get(w, "eve", "o@o", &group), STATUS_OK);
    assert_string_equal(world_list(w, "eve", &groups), "o@o");
    assert_string_equal(policy_world_list(w, "eve"), "Dean Clerk");
    assert_true(check(w, "eve"));
    assert_int_equal(token_of(w, "eve")->n_policies, 1);
    assert_int_equal(policy_world_child(w, "eve", tree.dean, "Eve's", false,
                                        (struct given){"o@o", NULL, VIEW_GROUP}, &id),
                     STATUS_OK);
    wait_for_the_end(w, "eve");
    /* It was remembered, and nobody changed anything. */
    assert_int_equal(world_get(w, "eve", "o@o", &group), STATUS_PERMISSION_DENIED);
    assert_string_equal(world_list(w, "eve", &groups), "");
    assert_string_equal(policy_world_list(w, "eve"), "");
    assert_false(check(w, "eve"));
    assert_int_equal(token_of(w, "eve")->n_policies, 0);
    assert_false(token_of(w, "eve")->known);
    assert_int_equal(policy_world_child(w, "eve", tree.dean, "More of eve's", false,
                                        (struct given){"o@o", NULL, VIEW_GROUP}, &id),
                     STATUS_PERMISSION_DENIED);
    assert_string_equal(assigned(w, tree.dean), "dora");
    assert_int_equal(policy_world_revoke(w, "alice", tree.dean, "eve"), STATUS_NOT_FOUND);
    assert_int_equal(world_get(w, "dora", "o@o", &group), STATUS_OK);
}

/* A list that asks the tables itself because its caller sees too many groups. */
static void what_is_over_is_in_no_large_list(struct world *w)
{
    group_v1_list_groups_request groups = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    groups.page_size = 2;
    world_god(w, &w->a, "alice");
    world_grant(w, &w->a, "Many", "eve", NULL, 1);
    world_sql(w, "INSERT INTO pek.realm_group (realm, id, name, unique_key, folded, sort_key,"
                 " purpose) SELECT 'a', 'g' || n || '@o', 'G' || n, 'g' || n, 'g' || n,"
                 " int4send(n), 0 FROM generate_series(1, 1200) n");
    world_sql(w, "INSERT INTO pek.policy_statement (realm, policy_id, group_id, resource, actions)"
                 " SELECT 'a', p.id, g.id, 'GROUP', 4 FROM pek.policy p, pek.realm_group g"
                 " WHERE p.name = 'Many'");
    assert_string_equal(world_list(w, "eve", &groups), "g1@o g2@o");
    world_sql(w, "UPDATE pek.policy_assignment SET valid_until = clock_timestamp()"
                 " + interval '1 second' WHERE user_id = 'eve'");
    wait_for_the_end(w, "eve");
    assert_string_equal(world_list(w, "eve", &groups), "");
}

static int told_of_eve;

static void count_eve(struct policy_watcher *watcher, struct slice user)
{
    (void)watcher;
    told_of_eve += slice_equal_str(user, "eve");
}

/* The hub remembers as well, and has to hear of it though nobody changes anything. */
static void who_watches_is_told_of_the_end(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    struct policy_watcher watcher = {.changed = count_eve};
    assert_int_equal(assign_for(w, "alice", tree.clerk, "eve", 4, NULL), STATUS_OK);
    policy_cache_watch(realm_rights(w->a.realm), &watcher);
    fiber_sleep_ms(1000); /* the assignment itself is told */
    told_of_eve = 0;
    wait_for_the_end(w, "eve");
    for (int i = 0; i < 100 && told_of_eve == 0; i++)
        fiber_sleep_ms(50);
    policy_cache_unwatch(&watcher);
    assert_int_equal(told_of_eve, 1);
}

static void end_is_in_the_future(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    assert_int_equal(assign_for(w, "alice", tree.clerk, "eve", -1, NULL), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "valid_until");
    assert_int_equal(assign_for(w, "alice", tree.clerk, "eve", 400000000000, NULL),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(assigned(w, tree.clerk), "carl");
}

static void another_end_is_another_assignment(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    policy_v1_assignment *assignment;
    assert_int_equal(assign_for(w, "dora", tree.clerk, "eve", 100, &assignment), STATUS_OK);
    assert_string_equal(assignment->assigned_by, "dora");
    int64_t first = assignment->valid_until->seconds;
    assert_int_equal(assign_for(w, "alice", tree.clerk, "eve", 200, &assignment), STATUS_OK);
    assert_string_equal(assignment->assigned_by, "alice");
    assert_true(assignment->valid_until->seconds > first);
    assert_int_equal(assign_for(w, "dora", tree.clerk, "eve", 0, &assignment), STATUS_OK);
    assert_null(assignment->valid_until);
    /* That is what there is already. */
    assert_int_equal(assign_for(w, "alice", tree.clerk, "eve", 0, &assignment), STATUS_OK);
    assert_string_equal(assignment->assigned_by, "dora");
    assert_string_equal(assigned(w, tree.clerk), "carl eve");
}

static void last_god_has_no_end(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    token_of(w, "alice");
    token_of(w, "greg");
    assert_int_equal(assign_for(w, "alice", tree.god, "greg", 1000, NULL), STATUS_OK);
    assert_int_equal(policy_world_revoke(w, "alice", tree.god, "alice"),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(assign_for(w, "greg", tree.god, "alice", 900, NULL),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "LAST_GOD");
    assert_int_equal(assign_for(w, "alice", tree.god, "greg", 0, NULL), STATUS_OK);
    assert_int_equal(assign_for(w, "greg", tree.god, "alice", 2, NULL), STATUS_OK);
    wait_for_the_end(w, "alice");
    assert_int_equal(policy_world_assign(w, "alice", tree.clerk, "eve"), STATUS_PERMISSION_DENIED);
}

static void nobody_gives_a_right_for_longer_than_they_have_it(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    assert_int_equal(assign_for(w, "alice", tree.dean, "eve", 1000, NULL), STATUS_OK);
    assert_int_equal(assign_for(w, "eve", tree.clerk, "fay", 0, NULL), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "END_TOO_LATE");
    assert_string_equal(w->fault.field, "valid_until");
    assert_int_equal(assign_for(w, "eve", tree.clerk, "fay", 1100, NULL),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(assign_for(w, "eve", tree.clerk, "fay", 900, NULL), STATUS_OK);
    /* GOD for a time is one as well; what has no end counts beside what has one. */
    assert_int_equal(assign_for(w, "alice", tree.god, "greg", 1000, NULL), STATUS_OK);
    assert_int_equal(assign_for(w, "greg", tree.clerk, "hal", 0, NULL), STATUS_FAILED_PRECONDITION);
    assert_int_equal(assign_for(w, "alice", tree.dean, "greg", 0, NULL), STATUS_OK);
    assert_int_equal(assign_for(w, "greg", tree.clerk, "hal", 0, NULL), STATUS_OK);
}

static void what_is_over_uses_up_no_budget(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    world_sql(w, "INSERT INTO pek.policy (realm, name, unique_key, parent_id)"
                 " SELECT 'a', 'P' || n, 'p' || n, 1 FROM generate_series(1, 100) n");
    world_sql(w, "INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by,"
                 " valid_until) SELECT 'a', id, 'eve', 'alice', now() + interval '4 s'"
                 " FROM pek.policy WHERE name LIKE 'P%%'");
    assert_int_equal(policy_world_assign(w, "alice", tree.clerk, "eve"),
                     STATUS_FAILED_PRECONDITION);
    wait_for_the_end(w, "eve");
    assert_int_equal(policy_world_assign(w, "alice", tree.clerk, "eve"), STATUS_OK);
    assert_string_equal(
        world_value(w, "SELECT count(*) FROM pek.policy_assignment WHERE user_id = 'eve'"), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(what_is_over_gives_nothing),
        WORLD_TEST(what_is_over_is_in_no_large_list),
        WORLD_TEST(who_watches_is_told_of_the_end),
        WORLD_TEST(end_is_in_the_future),
        WORLD_TEST(another_end_is_another_assignment),
        WORLD_TEST(last_god_has_no_end),
        WORLD_TEST(nobody_gives_a_right_for_longer_than_they_have_it),
        WORLD_TEST(what_is_over_uses_up_no_budget),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
