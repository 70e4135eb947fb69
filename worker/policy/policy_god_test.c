/* The last GOD of a realm: a person who has been here, and there is always one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/policy/delegation.h"
#include "worker/testing/policy_world.h"

/* ---- the last GOD ---- */

static void been_here(struct world *w, const char *user)
{
    world_sql(w, "INSERT INTO pek.realm_user (realm, user_id) VALUES ('a', '%s')", user);
}

static void realm_keeps_a_god(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    assert_int_equal(policy_world_revoke(w, "alice", tree.god, "alice"),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "LAST_GOD");
    assert_int_equal(policy_world_assign(w, "alice", tree.god, "bob"), STATUS_OK);
    assert_int_equal(policy_world_revoke(w, "bob", tree.god, "alice"), STATUS_OK);
    assert_int_equal(policy_world_revoke(w, "bob", tree.god, "bob"), STATUS_FAILED_PRECONDITION);
    assert_int_equal(policy_world_delete(w, "bob", tree.god, true), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "REALM_POLICY");
}

/* A name that nobody has, and one that nobody could have: neither is somebody who could take over. */
static void made_up_god_is_nobody(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    assert_int_equal(policy_world_assign(w, "alice", tree.god, "no one"), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "user_id");
    assert_int_equal(policy_world_assign(w, "alice", tree.god, "bob@example.org"),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(policy_world_assign(w, "alice", tree.god, "nobody"), STATUS_OK);
    assert_int_equal(policy_world_revoke(w, "alice", tree.god, "alice"),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "LAST_GOD");
    been_here(w, "nobody");
    assert_int_equal(policy_world_revoke(w, "alice", tree.god, "alice"), STATUS_OK);
}

/* All rights are not GOD: who has them by another policy does not keep the realm. */
static void deputy_is_no_god(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *deputy, *id;
    const struct given all = {NULL, NULL, POLICY_ACTIONS_ALL};
    assert_int_equal(policy_world_child(w, "alice", tree.god, "Deputy", true, all, &deputy),
                     STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", deputy, "bob"), STATUS_OK);
    been_here(w, "bob");
    assert_int_equal(policy_world_revoke(w, "alice", tree.god, "alice"),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(policy_world_child(w, "bob", deputy, "All of it", true, all, &id), STATUS_OK);
    assert_int_equal(
        policy_world_child(w, "bob", tree.god, "More", true, ((struct given){NULL, NULL, 0}), &id),
        STATUS_PERMISSION_DENIED);
    assert_int_equal(policy_world_assign(w, "bob", tree.god, "carl"), STATUS_PERMISSION_DENIED);
    assert_int_equal(world_create(w, "bob", "", "p", "P"), STATUS_PERMISSION_DENIED);
    assert_int_equal(policy_world_delete(w, "alice", deputy, true), STATUS_OK);
}

static struct world *shared_world;
static struct policy_tree shared_tree;
static enum status outcomes[16];

static void revoke_one_another(struct fiber_run *run, size_t index)
{
    (void)run;
    outcomes[index] = index ? policy_world_revoke(shared_world, "alice", shared_tree.god, "bob")
                            : policy_world_revoke(shared_world, "bob", shared_tree.god, "alice");
}

static void two_gods_who_revoke_one_another_leave_one(struct world *w)
{
    shared_world = w;
    shared_tree = policy_world_tree(w);
    assert_int_equal(policy_world_assign(w, "alice", shared_tree.god, "bob"), STATUS_OK);
    fiber_run_parallel(w->run, 2, revoke_one_another);
    assert_int_equal((outcomes[0] == STATUS_OK) + (outcomes[1] == STATUS_OK), 1);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.policy_assignment a JOIN"
                                       " pek.policy p ON p.id = a.policy_id WHERE p.name = 'GOD'"),
                        "1");
}

/* Cleo stays GOD: it is not for the last GOD's sake that one of the two is refused. */
static void who_was_just_revoked_revokes_nobody(struct world *w)
{
    shared_world = w;
    for (int round = 0; round < 5; round++) {
        shared_tree = round ? shared_tree : policy_world_tree(w);
        const char *gods = world_value(w, "SELECT string_agg(a.user_id, ' ' ORDER BY 1) FROM"
                                          " pek.policy_assignment a JOIN pek.policy p"
                                          " ON p.id = a.policy_id WHERE p.name = 'GOD'");
        const char *god = strstr(gods, "alice") ? "alice" : "bob";
        assert_int_equal(policy_world_assign(w, god, shared_tree.god, "cleo"), STATUS_OK);
        assert_int_equal(policy_world_assign(w, "cleo", shared_tree.god, "alice"), STATUS_OK);
        assert_int_equal(policy_world_assign(w, "cleo", shared_tree.god, "bob"), STATUS_OK);
        fiber_run_parallel(w->run, 2, revoke_one_another);
        assert_int_equal((outcomes[0] == STATUS_OK) + (outcomes[1] == STATUS_OK), 1);
        assert_int_equal((outcomes[0] == STATUS_PERMISSION_DENIED) +
                             (outcomes[1] == STATUS_PERMISSION_DENIED),
                         1);
    }
}

static void leave(struct fiber_run *run, size_t index)
{
    static const char *const gods[] = {"alice", "bob", "cleo", "dan"};
    (void)run;
    outcomes[index] = policy_world_revoke(shared_world, gods[index], shared_tree.god, gods[index]);
}

static void gods_who_all_leave_at_once_leave_one(struct world *w)
{
    shared_world = w;
    shared_tree = policy_world_tree(w);
    assert_int_equal(policy_world_assign(w, "alice", shared_tree.god, "bob"), STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", shared_tree.god, "cleo"), STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", shared_tree.god, "dan"), STATUS_OK);
    /* Dan never was. */
    been_here(w, "alice");
    been_here(w, "bob");
    been_here(w, "cleo");
    fiber_run_parallel(w->run, 4, leave);
    int left = 0;
    for (size_t i = 0; i < 4; i++)
        left += outcomes[i] == STATUS_OK;
    assert_int_equal(left, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(realm_keeps_a_god),
        WORLD_TEST(made_up_god_is_nobody),
        WORLD_TEST(deputy_is_no_god),
        WORLD_TEST(two_gods_who_revoke_one_another_leave_one),
        WORLD_TEST(who_was_just_revoked_revokes_nobody),
        WORLD_TEST(gods_who_all_leave_at_once_leave_one),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
