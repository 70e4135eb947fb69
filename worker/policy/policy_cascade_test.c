/* What follows from statements: escalations on groups below, and that they stay within the policies above. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/policy/policy_store.h"
#include "worker/rights/policy.h"
#include "worker/testing/policy_world.h"

#define MANAGE POLICY_ACTIONS_MANAGE
#define VIEW_GROUP (1u << 2)

/* o@o over o@a over o@b over o@c, and o@d beside o@a; alice is GOD. Returns GOD's id. */
static const char *make_groups(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "a", "A"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@a", "b", "B"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@b", "c", "C"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "d", "D"), STATUS_OK);
    return policy_world_id(w, "GOD");
}

static enum status move(struct world *w, const char *id, const char *parent)
{
    group_v1_move_group_request req = GROUP_V1_MOVE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    req.id = policy_world_text(id);
    req.parent_id = policy_world_text(parent);
    req.to_top_level = !parent[0];
    return WORLD_CALL(w, move_group, "alice", req, res);
}

/* Groups on which the policy has an escalation. */
static const char *escalated(struct world *w, const char *policy)
{
    return world_value(w,
                       "SELECT coalesce(string_agg(group_id, ' ' ORDER BY group_id), '')"
                       " FROM pek.policy_statement WHERE policy_id = %s"
                       " AND resource = 'GROUP_ESCALATION' AND actions = 21",
                       policy);
}

static void managing_statement_reaches_every_group_below(struct world *w)
{
    const char *god = make_groups(w), *dean, *clerk, *statement;
    assert_int_equal(
        policy_world_child(w, "alice", god, "Dean", true, (struct given){"o@a", NULL, 31}, &dean),
        STATUS_OK);
    assert_string_equal(escalated(w, dean), "o@b o@c");
    assert_int_equal(policy_world_child(w, "alice", dean, "Clerk", false,
                                        (struct given){"o@b", NULL, MANAGE}, &clerk),
                     STATUS_OK);
    assert_string_equal(escalated(w, clerk), "o@c");
    assert_int_equal(world_create(w, "alice", "o@c", "e", "E"), STATUS_OK);
    assert_string_equal(escalated(w, dean), "o@b o@c o@e");
    assert_string_equal(escalated(w, clerk), "o@c o@e");
    assert_int_equal(
        policy_world_add(w, "alice", clerk, (struct given){"o@a", NULL, MANAGE}, &statement),
        STATUS_OK);
    assert_string_equal(escalated(w, clerk), "o@b o@c o@e");
    assert_string_equal(policy_world_wrongs(w), "");
}

static void rights_that_follow_go_with_what_they_follow_from(struct world *w)
{
    const char *god = make_groups(w), *dean, *statement;
    group_v1_group *group;
    assert_int_equal(
        policy_world_child(w, "alice", god, "Dean", true, (struct given){"o@a", NULL, 31}, &dean),
        STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", dean, "dora"), STATUS_OK);
    assert_int_equal(world_get(w, "dora", "o@c", &group), STATUS_OK);
    statement = world_value(w,
                            "SELECT id FROM pek.policy_statement WHERE policy_id = %s"
                            " AND group_id = 'o@a'",
                            dean);
    assert_int_equal(policy_world_set(w, "alice", dean, statement, 15, false), STATUS_OK);
    assert_string_equal(escalated(w, dean), "");
    assert_int_equal(world_get(w, "dora", "o@c", &group), STATUS_PERMISSION_DENIED);
    assert_int_equal(world_get(w, "dora", "o@a", &group), STATUS_OK);
    assert_int_equal(policy_world_set(w, "alice", dean, statement, 31, false), STATUS_OK);
    assert_int_equal(world_get(w, "dora", "o@c", &group), STATUS_OK);
    assert_int_equal(policy_world_drop(w, "alice", dean, statement, false), STATUS_OK);
    assert_int_equal(world_get(w, "dora", "o@c", &group), STATUS_PERMISSION_DENIED);
    assert_string_equal(policy_world_wrongs(w), "");
}

/* Mover may move every group and see none: what would follow for Clerk below is more than Mover has. */
static void nothing_follows_that_the_policy_above_has_not(struct world *w)
{
    const char *god = make_groups(w), *mover, *clerk, *sub;
    assert_int_equal(policy_world_child(w, "alice", god, "Mover", true,
                                        (struct given){NULL, NULL, MANAGE}, &mover),
                     STATUS_OK);
    assert_int_equal(policy_world_child(w, "alice", mover, "Clerk", true,
                                        (struct given){"o@a", NULL, MANAGE}, &clerk),
                     STATUS_OK);
    assert_int_equal(policy_world_child(w, "alice", clerk, "Sub", false,
                                        (struct given){"o@a", NULL, MANAGE}, &sub),
                     STATUS_OK);
    assert_string_equal(escalated(w, clerk), "");
    assert_int_equal(world_create(w, "alice", "o@a", "e", "E"), STATUS_OK);
    assert_int_equal(move(w, "o@d", "o@b"), STATUS_OK);
    assert_string_equal(escalated(w, clerk), "");
    assert_string_equal(policy_world_wrongs(w), "");
    /* When it has, it follows, and for Sub as well. */
    const char *statement =
        world_value(w, "SELECT id FROM pek.policy_statement WHERE policy_id = %s", mover);
    assert_int_equal(policy_world_set(w, "alice", mover, statement, 21, false), STATUS_OK);
    assert_string_equal(escalated(w, clerk), "o@b o@c o@d o@e");
    assert_string_equal(escalated(w, sub), "o@b o@c o@d o@e");
    assert_int_equal(policy_world_set(w, "alice", mover, statement, MANAGE, false),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(policy_world_set(w, "alice", mover, statement, MANAGE, true), STATUS_OK);
    assert_string_equal(escalated(w, clerk), "");
    assert_string_equal(escalated(w, sub), "");
    assert_string_equal(policy_world_statements(w, sub), "16@o@a/");
    assert_string_equal(policy_world_wrongs(w), "");
}

static void statement_that_follows_is_changed_by_nobody(struct world *w)
{
    const char *god = make_groups(w), *dean, *statement;
    assert_int_equal(
        policy_world_child(w, "alice", god, "Dean", true, (struct given){"o@b", NULL, 31}, &dean),
        STATUS_OK);
    statement = world_value(w,
                            "SELECT id FROM pek.policy_statement WHERE policy_id = %s"
                            " AND group_id = 'o@c'",
                            dean);
    assert_int_equal(policy_world_set(w, "alice", dean, statement, 31, false),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "REALM_STATEMENT");
    assert_int_equal(policy_world_drop(w, "alice", dean, statement, true),
                     STATUS_FAILED_PRECONDITION);
}

/* Dean has o@c only because they manage o@a; what Clerk was given of it goes when o@c goes elsewhere. */
static void move_takes_what_was_given_on_by_way_of_the_old_place(struct world *w)
{
    const char *god = make_groups(w), *dean, *clerk, *sub;
    group_v1_group *group;
    assert_int_equal(
        policy_world_child(w, "alice", god, "Dean", true, (struct given){"o@a", NULL, 31}, &dean),
        STATUS_OK);
    assert_int_equal(policy_world_child(w, "alice", dean, "Clerk", true,
                                        (struct given){"o@b", NULL, 21}, &clerk),
                     STATUS_OK);
    assert_int_equal(policy_world_child(w, "alice", clerk, "Sub", false,
                                        (struct given){"o@c", NULL, VIEW_GROUP}, &sub),
                     STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", clerk, "carl"), STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", sub, "sue"), STATUS_OK);
    assert_int_equal(world_get(w, "carl", "o@c", &group), STATUS_OK);
    assert_int_equal(world_get(w, "sue", "o@c", &group), STATUS_OK);
    assert_int_equal(move(w, "o@b", "o@d"), STATUS_OK);
    assert_string_equal(policy_world_wrongs(w), "");
    assert_string_equal(policy_world_statements(w, clerk), "");
    assert_string_equal(policy_world_statements(w, sub), "");
    assert_int_equal(world_get(w, "carl", "o@b", &group), STATUS_PERMISSION_DENIED);
    assert_int_equal(world_get(w, "carl", "o@c", &group), STATUS_PERMISSION_DENIED);
    assert_int_equal(world_get(w, "sue", "o@c", &group), STATUS_PERMISSION_DENIED);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.audit_log"
                                       " WHERE action = 'policy.shrink' AND actor = 'system'"),
                        "2");
}

static enum status again(struct pg_transaction *transaction, void *arg)
{
    (void)arg;
    enum status status = policy_store_escalate(transaction, "o@c");
    if (status == STATUS_OK)
        status = policy_store_escalate_again(transaction, "o@a");
    return status == STATUS_OK ? policy_store_escalate_again(transaction, "o@a") : status;
}

static void escalating_twice_is_escalating_once(struct world *w)
{
    const char *god = make_groups(w), *dean;
    static const char all[] = "SELECT string_agg(concat_ws(':', policy_id, group_id, user_id,"
                              " resource, actions), ' ' ORDER BY policy_id, group_id, resource)"
                              " FROM pek.policy_statement";
    assert_int_equal(
        policy_world_child(w, "alice", god, "Dean", true, (struct given){"o@a", NULL, 31}, &dean),
        STATUS_OK);
    const char *before = world_value(w, "%s", all);
    assert_int_equal(pg_transact(realm_pg(w->a.realm), &w->cancel, false, again, NULL), STATUS_OK);
    assert_string_equal(world_value(w, "%s", all), before);
}

static void other_realm_is_untouched(struct world *w)
{
    const char *god = make_groups(w), *dean;
    world_sql(w, "INSERT INTO pek.realm_group (realm, id, parent_id, name, unique_key, folded,"
                 " sort_key, purpose) VALUES ('b', 'o@o', NULL, 'O', 'o', 'o', '\\x01', 0),"
                 " ('b', 'o@a', 'o@o', 'A', 'a', 'a', '\\x02', 0)");
    world_grant(w, &w->b, "Dean", "bob", "o@o", POLICY_ACTIONS_ALL);
    static const char there[] = "SELECT string_agg(p.name || ':' || s.group_id, ' ' ORDER BY s.id)"
                                " FROM pek.policy_statement s JOIN pek.policy p"
                                " ON p.realm = s.realm AND p.id = s.policy_id"
                                " WHERE s.realm = 'b'";
    assert_string_equal(world_value(w, "%s", there), "Dean:o@o Dean:o@a");
    assert_int_equal(
        policy_world_child(w, "alice", god, "Dean", true, (struct given){"o@o", NULL, 31}, &dean),
        STATUS_OK);
    assert_int_equal(move(w, "o@a", "o@d"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@a", "z", "Z"), STATUS_OK);
    assert_int_equal(policy_world_delete(w, "alice", dean, true), STATUS_OK);
    assert_string_equal(world_value(w, "%s", there), "Dean:o@o Dean:o@a");
}

static void statement_that_goes_with_its_group_opens_no_other(struct world *w)
{
    const char *god = make_groups(w), *dean, *clerk;
    group_v1_group *group;
    assert_int_equal(policy_world_child(w, "alice", god, "Dean", true,
                                        (struct given){"o@c", NULL, VIEW_GROUP}, &dean),
                     STATUS_OK);
    assert_int_equal(policy_world_child(w, "alice", dean, "Clerk", false,
                                        (struct given){"o@c", "bob", VIEW_GROUP}, &clerk),
                     STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", dean, "dora"), STATUS_OK);
    world_sql(w, "DELETE FROM pek.membership WHERE group_id = 'o@c'; DELETE FROM pek.realm_group "
                 "WHERE id = 'o@c'");
    assert_string_equal(policy_world_statements(w, dean), "");
    assert_string_equal(policy_world_statements(w, clerk), "");
    assert_int_equal(world_get(w, "dora", "o@a", &group), STATUS_PERMISSION_DENIED);
    assert_string_equal(policy_world_wrongs(w), "");
}

/* ---- groups and policies change at once ---- */

static struct world *shared_world;
static const char *shared_dean, *shared_clerk;
static enum status outcomes[12];

static void group_or_policy(struct fiber_run *run, size_t index)
{
    struct world *w = shared_world;
    char slug[8];
    const char *id;
    (void)run;
    slug[0] = (char)('e' + index);
    slug[1] = '\0';
    switch (index % 4) {
    case 0:
        outcomes[index] = world_create(w, "alice", index < 6 ? "o@b" : "o@a", slug, slug);
        break;
    case 1: outcomes[index] = move(w, "o@b", index < 6 ? "o@d" : "o@a"); break;
    case 2:
        outcomes[index] =
            policy_world_set(w, "alice", shared_dean,
                             world_value(w,
                                         "SELECT coalesce(min(id), 1) FROM pek.policy_statement"
                                         " WHERE policy_id = %s AND resource = 'GROUP'",
                                         shared_dean),
                             index < 6 ? 15 : 31, true);
        break;
    default:
        outcomes[index] = policy_world_add(
            w, "alice", shared_clerk, (struct given){index < 6 ? "o@a" : "o@b", NULL, 21}, &id);
    }
}

static void groups_and_policies_that_change_at_once_fit_together(struct world *w)
{
    const char *god = make_groups(w);
    shared_world = w;
    assert_int_equal(policy_world_child(w, "alice", god, "Dean", true,
                                        (struct given){"o@a", NULL, 31}, &shared_dean),
                     STATUS_OK);
    assert_int_equal(policy_world_child(w, "alice", shared_dean, "Clerk", true,
                                        (struct given){NULL, NULL, 0}, &shared_clerk),
                     STATUS_OK);
    for (int round = 0; round < 8; round++) {
        fiber_run_parallel(w->run, 12, group_or_policy);
        for (size_t i = 0; i < 12; i++)
            assert_true(outcomes[i] != STATUS_INTERNAL && outcomes[i] != STATUS_UNAVAILABLE);
        assert_string_equal(policy_world_wrongs(w), "");
    }
}

/* A group that is being made, seen by nobody yet, while the statement that it answers to is taken away. */
static bool taken_away;

static bool waits_or_is_done(struct fiber_run *run)
{
    (void)run;
    return taken_away ||
           strcmp(world_value(shared_world, "SELECT count(*) FROM pg_locks"
                                            " WHERE locktype = 'advisory' AND NOT granted"),
                  "0") != 0;
}

static void make_group_slowly(struct fiber_run *run)
{
    static const struct pg_statement insert = {
        "cascade_insert",
        "INSERT INTO pek.realm_group (id, parent_id, name, unique_key, folded, sort_key, purpose)"
        " VALUES ('o@e', 'o@b', 'E', 'e', 'e', '\\x05', 0)",
    };
    struct world *w = shared_world;
    struct pg_transaction *transaction;
    struct pg_result *result;
    assert_int_equal(pg_begin(realm_pg(w->a.realm), &w->cancel, false, &transaction), STATUS_OK);
    assert_int_equal(pg_execute(transaction, &insert, NULL, 0, &result), STATUS_OK);
    pg_result_free(result);
    assert_int_equal(policy_store_add_group_god(transaction, "o@e", "alice", w->arena, &w->fault),
                     STATUS_OK);
    assert_int_equal(policy_store_escalate(transaction, "o@e"), STATUS_OK);
    assert_true(fiber_run_until(run, waits_or_is_done));
    assert_int_equal(pg_commit(transaction), STATUS_OK);
}

static void make_or_take(struct fiber_run *run, size_t index)
{
    struct world *w = shared_world;
    if (index == 0) {
        make_group_slowly(run);
        return;
    }
    assert_int_equal(policy_world_drop(w, "alice", shared_dean,
                                       world_value(w,
                                                   "SELECT id FROM pek.policy_statement"
                                                   " WHERE policy_id = %s AND resource = 'GROUP'",
                                                   shared_dean),
                                       true),
                     STATUS_OK);
    taken_away = true;
}

static void group_in_the_making_keeps_no_rights_that_are_taken_away(struct world *w)
{
    const char *god = make_groups(w);
    shared_world = w;
    taken_away = false;
    assert_int_equal(policy_world_child(w, "alice", god, "Dean", true,
                                        (struct given){"o@a", NULL, 31}, &shared_dean),
                     STATUS_OK);
    fiber_run_parallel(w->run, 2, make_or_take);
    assert_true(taken_away);
    assert_string_equal(escalated(w, shared_dean), "");
    assert_string_equal(policy_world_wrongs(w), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(managing_statement_reaches_every_group_below),
        WORLD_TEST(rights_that_follow_go_with_what_they_follow_from),
        WORLD_TEST(nothing_follows_that_the_policy_above_has_not),
        WORLD_TEST(statement_that_follows_is_changed_by_nobody),
        WORLD_TEST(move_takes_what_was_given_on_by_way_of_the_old_place),
        WORLD_TEST(escalating_twice_is_escalating_once),
        WORLD_TEST(other_realm_is_untouched),
        WORLD_TEST(statement_that_goes_with_its_group_opens_no_other),
        WORLD_TEST(group_in_the_making_keeps_no_rights_that_are_taken_away),
        WORLD_TEST(groups_and_policies_that_change_at_once_fit_together),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
