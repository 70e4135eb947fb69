/* Moves, and the rights that creating and moving groups hand on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/group/group.h"
#include "worker/testing/world.h"

/* o@o over o@a over o@c, and o@b beside o@a; p@p elsewhere. Alice is GOD; bob manages o@a, carol o@b. */
static void make_tree(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "", "p", "P"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "a", "A"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "b", "B"), STATUS_OK);
    world_grant(w, &w->a, "manages a", "bob", "o@a", POLICY_ACTIONS_ALL);
    world_grant(w, &w->a, "manages b", "carol", "o@b", POLICY_ACTIONS_MANAGE);
    assert_int_equal(world_create(w, "alice", "o@a", "c", "C"), STATUS_OK);
}

static enum status move(struct world *w, const char *user, const char *id, const char *parent)
{
    group_v1_move_group_request req = GROUP_V1_MOVE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    req.id = (char *)(uintptr_t)id;
    req.parent_id = (char *)(uintptr_t)parent;
    req.to_top_level = !parent[0];
    return WORLD_CALL(w, move_group, user, req, res);
}

/* "policy:actions …" of the escalations on a group. */
static const char *escalations(struct world *w, const char *group)
{
    return world_value(
        w,
        "SELECT coalesce(string_agg(p.name || ':' || s.actions, ' ' ORDER BY p.name),"
        " '') FROM pek.policy_statement s JOIN pek.policy p ON p.id = s.policy_id"
        " WHERE s.group_id = '%s' AND s.resource = 'GROUP_ESCALATION'",
        group);
}

/* ---- creation ---- */

static void creator_gets_everything_in_the_group_and_managers_three_rights(struct world *w)
{
    make_tree(w);
    assert_string_equal(escalations(w, "o@c"), "GOD in o@a:21 GOD in o@o:21 manages a:21");
    assert_string_equal(
        world_value(w, "SELECT string_agg(a.user_id || ':' || s.actions || ':' || q.name, ' ')"
                       " FROM pek.policy p JOIN pek.policy_statement s ON s.policy_id = p.id"
                       " JOIN pek.policy_assignment a ON a.policy_id = p.id"
                       " JOIN pek.policy q ON q.id = p.parent_id WHERE p.name = 'GOD in o@c'"),
        "alice:2047:GOD");
}

static void manager_makes_a_subgroup_and_rights_reach_every_level(struct world *w)
{
    make_tree(w);
    assert_int_equal(world_create(w, "bob", "o@a", "d", "D"), STATUS_OK);
    assert_int_equal(world_create(w, "bob", "o@d", "e", "E"), STATUS_OK);
    assert_int_equal(world_create(w, "bob", "o@b", "f", "F"), STATUS_PERMISSION_DENIED);
    assert_string_equal(escalations(w, "o@e"),
                        "GOD in o@a:21 GOD in o@d:21 GOD in o@o:21 manages a:21");
    /* What was committed is seen by the next check: bob made o@e, so he may all in it. */
    group_v1_update_group_request req = GROUP_V1_UPDATE_GROUP_REQUEST_INIT;
    group_v1_group body = GROUP_V1_GROUP_INIT, *res;
    body.id = (char *)(uintptr_t) "o@e";
    body.description = (char *)(uintptr_t) "x";
    req.group = &body;
    assert_int_equal(WORLD_CALL(w, update_group, "bob", req, res), STATUS_OK);
    /* An escalation is no daily power: he manages o@c, but does not edit its profile. */
    body.id = (char *)(uintptr_t) "o@c";
    assert_int_equal(WORLD_CALL(w, update_group, "bob", req, res), STATUS_PERMISSION_DENIED);
}

static void deleted_group_takes_its_statements_along(struct world *w)
{
    make_tree(w);
    world_sql(w, "DELETE FROM pek.membership WHERE group_id = 'o@c'; DELETE FROM pek.realm_group "
                 "WHERE id = 'o@c'");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.policy_statement"
                                       " WHERE group_id IS NULL AND resource <> 'REALM'"),
                        "0");
    assert_string_equal(world_value(w,
                                    "SELECT count(*) FROM pek.policy_statement s JOIN pek.policy p"
                                    " ON p.id = s.policy_id WHERE p.name = 'GOD in o@c'"),
                        "0");
}

/* ---- moves ---- */

static void moved_group_answers_to_its_new_managers_only(struct world *w)
{
    group_v1_group *got;
    make_tree(w);
    assert_int_equal(world_create(w, "alice", "o@c", "d", "D"), STATUS_OK);
    assert_int_equal(world_get(w, "bob", "o@d", &got), STATUS_OK);
    assert_int_equal(world_get(w, "carol", "o@d", &got), STATUS_PERMISSION_DENIED);
    assert_int_equal(move(w, "alice", "o@c", "o@b"), STATUS_OK);
    assert_string_equal(escalations(w, "o@c"), "GOD in o@b:21 GOD in o@o:21 manages b:21");
    assert_string_equal(escalations(w, "o@d"),
                        "GOD in o@b:21 GOD in o@c:21 GOD in o@o:21 manages b:21");
    assert_int_equal(world_get(w, "bob", "o@d", &got), STATUS_PERMISSION_DENIED);
    assert_int_equal(world_get(w, "carol", "o@d", &got), STATUS_OK);
}

static void move_needs_the_right_at_both_ends(struct world *w)
{
    make_tree(w);
    assert_int_equal(move(w, "bob", "o@c", "o@b"), STATUS_PERMISSION_DENIED);
    assert_int_equal(move(w, "carol", "o@c", "o@b"), STATUS_PERMISSION_DENIED);
    world_grant(w, &w->a, "manages b too", "bob", "o@b", POLICY_ACTIONS_MANAGE);
    assert_int_equal(move(w, "bob", "o@c", "o@b"), STATUS_OK);
    /* To the top level: GOD's. */
    assert_int_equal(move(w, "bob", "o@c", ""), STATUS_PERMISSION_DENIED);
    assert_int_equal(move(w, "alice", "o@c", ""), STATUS_OK);
    /* Who says neither, or both, does not mean the top level. */
    group_v1_move_group_request req = GROUP_V1_MOVE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    req.id = (char *)(uintptr_t) "o@b";
    assert_int_equal(WORLD_CALL(w, move_group, "alice", req, res), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "parent_id");
    req.parent_id = (char *)(uintptr_t) "o@a";
    req.to_top_level = true;
    assert_int_equal(WORLD_CALL(w, move_group, "alice", req, res), STATUS_INVALID_ARGUMENT);
    assert_string_equal(escalations(w, "o@c"), "");
}

static void impossible_moves_are_refused(struct world *w)
{
    make_tree(w);
    static const struct {
        const char *id, *parent, *reason;
    } cases[] = {
        {"o@a", "o@a", GROUP_REASON_CYCLE},        {"o@a", "o@c", GROUP_REASON_CYCLE},
        {"o@o", "o@c", GROUP_REASON_CYCLE},        {"o@c", "p@p", GROUP_REASON_ORGANISATION},
        {"p@p", "o@o", GROUP_REASON_ORGANISATION},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(move(w, "alice", cases[i].id, cases[i].parent),
                         STATUS_FAILED_PRECONDITION);
        assert_string_equal(w->fault.reason, cases[i].reason);
    }
    assert_int_equal(move(w, "alice", "o@c", "o@nope"), STATUS_NOT_FOUND);
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id = 'o@b'");
    assert_int_equal(move(w, "alice", "o@c", "o@b"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, GROUP_REASON_ARCHIVED);
    assert_int_equal(move(w, "alice", "o@b", "o@a"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(world_value(w, "SELECT parent_id FROM pek.realm_group WHERE id = 'o@c'"),
                        "o@a");
}

static void height_of_what_is_moved_counts(struct world *w)
{
    char parent[32] = "o@b", slug[24];
    make_tree(w);
    for (int level = 3; level <= GROUP_DEPTH_MAX; level++) {
        snprintf(slug, sizeof(slug), "l%d", level);
        assert_int_equal(world_create(w, "alice", parent, slug, slug), STATUS_OK);
        snprintf(parent, sizeof(parent), "o@%s", slug);
    }
    assert_int_equal(move(w, "alice", "o@b", "o@a"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, GROUP_REASON_DEPTH);
}

static void move_to_where_it_is_changes_nothing(struct world *w)
{
    make_tree(w);
    assert_int_equal(move(w, "alice", "o@c", "O@A"), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT version FROM pek.realm_group WHERE id = 'o@c'"),
                        "1");
    assert_string_equal(
        world_value(w, "SELECT count(*) FROM pek.audit_log WHERE action = 'group.move'"), "0");
}

/* ---- at the same time ---- */

static struct world *shared_world;
static enum status outcomes[8];

static void cross(struct fiber_run *run, size_t index)
{
    (void)run;
    outcomes[index] = index % 2 ? move(shared_world, "alice", "o@a", "o@b")
                                : move(shared_world, "alice", "o@b", "o@a");
}

static void crossing_moves_make_no_cycle(struct world *w)
{
    make_tree(w);
    shared_world = w;
    fiber_run_parallel(w->run, 8, cross);
    size_t moved = 0;
    for (size_t i = 0; i < 8; i++) {
        assert_true(outcomes[i] == STATUS_OK || outcomes[i] == STATUS_FAILED_PRECONDITION);
        moved += outcomes[i] == STATUS_OK;
    }
    /* One direction won, and its repetitions found it done. */
    assert_int_equal(moved, 4);
    assert_string_equal(world_value(w, "WITH RECURSIVE up (id, parent_id, n) AS ("
                                       " SELECT id, parent_id, 0 FROM pek.realm_group UNION ALL"
                                       " SELECT up.id, g.parent_id, n + 1 FROM up"
                                       " JOIN pek.realm_group g ON g.id = up.parent_id"
                                       " WHERE n < 20) SELECT max(n) < 20 FROM up"),
                        "t");
}

static void archive_or_create(struct fiber_run *run, size_t index)
{
    struct world *w = shared_world;
    (void)run;
    if (index == 0) {
        group_v1_archive_group_request req = GROUP_V1_ARCHIVE_GROUP_REQUEST_INIT;
        group_v1_group *res;
        struct fault fault;
        req.id = (char *)(uintptr_t) "o@a";
        req.cascade = true;
        outcomes[index] = group_v1_archive_group_call(w->a.channel, &req, WORLD_AS(w, "alice"),
                                                      WORLD_REST(w), &res, &fault);
    } else {
        char slug[24];
        snprintf(slug, sizeof(slug), "n%zu", index);
        outcomes[index] = world_create(w, "alice", "o@a", slug, slug);
    }
}

static void no_active_group_is_left_under_an_archived_one(struct world *w)
{
    make_tree(w);
    shared_world = w;
    fiber_run_parallel(w->run, 8, archive_or_create);
    assert_int_equal(outcomes[0], STATUS_OK);
    assert_string_equal(
        world_value(w, "SELECT count(*) FROM pek.realm_group c JOIN pek.realm_group p"
                       " ON p.id = c.parent_id WHERE p.is_archived AND NOT c.is_archived"),
        "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(creator_gets_everything_in_the_group_and_managers_three_rights),
        WORLD_TEST(manager_makes_a_subgroup_and_rights_reach_every_level),
        WORLD_TEST(deleted_group_takes_its_statements_along),
        WORLD_TEST(moved_group_answers_to_its_new_managers_only),
        WORLD_TEST(move_needs_the_right_at_both_ends),
        WORLD_TEST(impossible_moves_are_refused),
        WORLD_TEST(height_of_what_is_moved_counts),
        WORLD_TEST(move_to_where_it_is_changes_nothing),
        WORLD_TEST(crossing_moves_make_no_cycle),
        WORLD_TEST(no_active_group_is_left_under_an_archived_one),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
