/* How much there may be, and that nobody fills what is others'. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/policy/delegation.h"
#include "worker/testing/policy_world.h"

#define NOTHING ((struct given){NULL, NULL, 0})
#define ON_O(actions) ((struct given){"o@o", NULL, actions})

static void tree_of_policies_ends_at_ten_levels(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *parent = tree.dean;
    for (int depth = 3; depth <= DELEGATION_DEPTH_MAX; depth++) {
        char name[16];
        snprintf(name, sizeof(name), "L%d", depth);
        assert_int_equal(policy_world_child(w, "alice", parent, name, true, ON_O(1), &parent),
                         STATUS_OK);
    }
    assert_int_equal(policy_world_child(w, "alice", parent, "L11", true, NOTHING, &parent),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "POLICY_TOO_DEEP");
}

/* `number` policies under `parent`, assigned to `user` by `giver`. */
static void give_many(struct world *w, const char *parent, int number, const char *user,
                      const char *giver)
{
    world_sql(w,
              "WITH made AS (INSERT INTO pek.policy (realm, name, unique_key, parent_id)"
              " SELECT 'a', '%s' || n, '%s' || n, %s FROM generate_series(1, %d) AS n RETURNING id)"
              " INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by)"
              " SELECT 'a', id, '%s', '%s' FROM made",
              giver, giver, parent, number, user, giver);
}

/* Each giver has a hundred of their own, so that nobody uses up what others may give. */
static void giver_gives_one_user_at_most_a_hundred(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *id;
    /* And Clerk. */
    give_many(w, tree.dean, 98, "carl", "dora");
    assert_int_equal(policy_world_child(w, "dora", tree.dean, "A", false, NOTHING, &id), STATUS_OK);
    assert_int_equal(policy_world_assign(w, "dora", id, "carl"), STATUS_OK);
    assert_int_equal(policy_world_child(w, "dora", tree.dean, "B", false, NOTHING, &id), STATUS_OK);
    assert_int_equal(policy_world_assign(w, "dora", id, "carl"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "USER_FULL");
    assert_string_equal(w->fault.field, "user_id");
    assert_int_equal(policy_world_assign(w, "dora", id, "bob"), STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", id, "carl"), STATUS_OK);
    /* Twice is once, also when there is no room. */
    assert_int_equal(policy_world_assign(w, "dora", id, "carl"), STATUS_OK);
}

/* Making groups is no way around it; but GOD needs no assignment. */
static void making_groups_fills_the_same_hundred(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    world_grant(w, &w->a, "Lead", "lea", "o@o", POLICY_ACTIONS_ALL);
    give_many(w, tree.dean, 99, "lea", "lea");
    assert_int_equal(world_create(w, "lea", "o@o", "a", "A"), STATUS_OK);
    assert_int_equal(world_create(w, "lea", "o@o", "b", "B"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "USER_FULL");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.realm_group WHERE id = 'o@b'"),
                        "0");
    give_many(w, tree.dean, 100, "alice", "alice");
    assert_int_equal(world_create(w, "alice", "o@o", "b", "B"), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.policy p LEFT JOIN"
                                       " pek.policy_assignment a ON a.policy_id = p.id"
                                       " WHERE p.name = 'GOD in o@b' AND a.user_id IS NULL"),
                        "1");
    assert_string_equal(policy_world_wrongs(w), "");
}

static struct world *shared_world;

static void make_another(struct fiber_run *run, size_t index)
{
    char slug[2] = {(char)('a' + index), '\0'};
    (void)run;
    (void)world_create(shared_world, "lea", index % 2 ? "o@o" : "p@p", slug, slug);
}

static void parallel_creations_make_no_more(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    shared_world = w;
    assert_int_equal(world_create(w, "alice", "", "p", "P"), STATUS_OK);
    world_grant(w, &w->a, "Lead", "lea", "o@o", POLICY_ACTIONS_ALL);
    world_grant(w, &w->a, "Lead of p", "lea", "p@p", POLICY_ACTIONS_ALL);
    give_many(w, tree.dean, 97, "lea", "lea");
    fiber_run_parallel(w->run, 12, make_another);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.policy_assignment"
                                       " WHERE user_id = 'lea' AND assigned_by = 'lea'"),
                        "100");
}

/* What people make is counted as it comes and goes, whichever way. */
static const char *counted(struct world *w, const char *user)
{
    return world_value(w,
                       "SELECT coalesce(max(policies || '/' || statements), '0/0')"
                       " FROM pek.policy_count WHERE realm = 'a' AND made_by = '%s'",
                       user);
}

static void what_people_make_is_counted(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *id, *statement;
    assert_string_equal(counted(w, "alice"), "1/1");
    assert_string_equal(counted(w, "dora"), "1/1");
    assert_int_equal(policy_world_child(w, "dora", tree.dean, "A", false, ON_O(1), &id), STATUS_OK);
    assert_int_equal(policy_world_add(w, "dora", id, (struct given){"o@o", "x", 1}, &statement),
                     STATUS_OK);
    /* In dora's policy it is alice's all the same. */
    assert_int_equal(
        policy_world_add(w, "alice", tree.clerk, (struct given){"o@o", "y", 1}, &statement),
        STATUS_OK);
    assert_string_equal(counted(w, "dora"), "2/3");
    assert_string_equal(counted(w, "alice"), "1/2");
    assert_string_equal(counted(w, ""), "3/5");
    assert_int_equal(policy_world_drop(w, "dora", tree.clerk, statement, false), STATUS_OK);
    assert_int_equal(policy_world_delete(w, "dora", id, false), STATUS_OK);
    assert_string_equal(counted(w, "dora"), "1/1");
    assert_string_equal(counted(w, ""), "2/2");
    world_sql(w, "DELETE FROM pek.membership WHERE group_id = 'o@o'; DELETE FROM pek.realm_group "
                 "WHERE id = 'o@o'");
    assert_string_equal(counted(w, ""), "2/0");
}

static void who_has_made_their_share_makes_no_more(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *id;
    world_sql(w, "UPDATE pek.policy_count SET policies = %d WHERE made_by = 'alice'",
              DELEGATION_USER_POLICIES_MAX);
    assert_int_equal(policy_world_child(w, "alice", tree.dean, "A", false, NOTHING, &id),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "MAKER_FULL");
    assert_int_equal(policy_world_child(w, "dora", tree.dean, "A", false, NOTHING, &id), STATUS_OK);
    world_sql(w, "UPDATE pek.policy_count SET statements = %d WHERE made_by = 'dora'",
              DELEGATION_USER_STATEMENTS_MAX);
    assert_int_equal(policy_world_add(w, "dora", id, ON_O(1), &id), STATUS_FAILED_PRECONDITION);
    world_sql(w, "UPDATE pek.policy_count SET policies = 0, statements = %d WHERE made_by = ''",
              DELEGATION_REALM_STATEMENTS_MAX + 1);
    assert_int_equal(policy_world_child(w, "dora", tree.dean, "C", false, NOTHING, &id),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "REALM_FULL");
}

static void policy_has_at_most_a_thousand_statements(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *id;
    world_sql(
        w,
        "INSERT INTO pek.policy_statement (realm, policy_id, group_id, user_id, resource, actions)"
        " SELECT 'a', %s, 'o@o', 'u' || n, 'GROUP', 1 FROM generate_series(1, 998) AS n",
        tree.clerk);
    assert_int_equal(policy_world_add(w, "dora", tree.clerk, (struct given){"o@o", "x", 1}, &id),
                     STATUS_OK);
    assert_int_equal(policy_world_add(w, "dora", tree.clerk, (struct given){"o@o", "y", 1}, &id),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "POLICY_FULL");
}

/* What a check reads of one policy. */
static void policy_has_at_most_eight_statements_on_the_same(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *id;
    world_sql(w,
              "INSERT INTO pek.policy_statement (realm, policy_id, group_id, resource, actions)"
              " SELECT 'a', %s, 'o@o', 'K' || n, 1 FROM generate_series(1, %d) AS n",
              tree.clerk, DELEGATION_ALIKE_MAX);
    world_sql(w, "DELETE FROM pek.policy_statement WHERE policy_id = %s AND resource = 'GROUP'",
              tree.clerk);
    assert_int_equal(policy_world_add(w, "dora", tree.clerk, ON_O(1), &id),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "STATEMENTS_ALIKE");
    world_sql(w, "DELETE FROM pek.policy_statement WHERE policy_id = %s AND resource = 'K1'",
              tree.clerk);
    assert_int_equal(policy_world_add(w, "dora", tree.clerk, ON_O(1), &id), STATUS_OK);
}

#define MANAGE POLICY_ACTIONS_ESCALATION
#define WRITTEN_ON(group)                                                                          \
    world_value(w, "SELECT count(*) FROM pek.policy_statement WHERE group_id = '" group "'"        \
                   " AND resource = 'GROUP_ESCALATION'")

/* Each is written on every new group below, and everybody waits for that. */
static void people_manage_a_group_by_at_most_sixteen_statements(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *id, *lead, *statement;
    assert_int_equal(world_create(w, "alice", "o@o", "a", "A"), STATUS_OK);
    assert_int_equal(
        policy_world_child(w, "alice", tree.god, "Lead", true, ON_O(POLICY_ACTIONS_ALL), &lead),
        STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", lead, "lea"), STATUS_OK);
    /* And Lead's own. */
    for (int i = 2; i <= DELEGATION_MANAGERS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "M%d", i);
        assert_int_equal(policy_world_child(w, "lea", lead, name, false, ON_O(MANAGE), &id),
                         STATUS_OK);
    }
    assert_int_equal(policy_world_child(w, "lea", lead, "More", false, ON_O(MANAGE), &id),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "GROUP_MANAGERS_FULL");
    assert_string_equal(w->fault.field, "statement.group_id");
    /* Not by a change either, nor by GOD. */
    assert_int_equal(policy_world_child(w, "lea", lead, "Sees", false, ON_O(5), &id), STATUS_OK);
    statement = world_value(w,
                            "SELECT id FROM pek.policy_statement WHERE policy_id = %s"
                            " AND resource = 'GROUP'",
                            id);
    assert_int_equal(policy_world_set(w, "lea", id, statement, MANAGE, false),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "GROUP_MANAGERS_FULL");
    assert_int_equal(policy_world_child(w, "alice", tree.god, "Gods", false, ON_O(MANAGE), &id),
                     STATUS_FAILED_PRECONDITION);
    /* Those that are there can be changed, and one that goes makes room. */
    const char *last = policy_world_id(w, "M16");
    statement = world_value(w,
                            "SELECT id FROM pek.policy_statement WHERE policy_id = %s"
                            " AND resource = 'GROUP'",
                            last);
    assert_int_equal(policy_world_set(w, "lea", last, statement, MANAGE | 2, false), STATUS_OK);
    assert_int_equal(policy_world_delete(w, "lea", last, false), STATUS_OK);
    assert_int_equal(policy_world_child(w, "lea", lead, "Next", false, ON_O(MANAGE), &id),
                     STATUS_OK);
    /* Other groups have room of their own; a new one gets what manages those above it. */
    assert_int_equal(policy_world_child(w, "alice", tree.god, "Of a", false,
                                        (struct given){"o@a", NULL, MANAGE}, &id),
                     STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@a", "b", "B"), STATUS_OK);
    assert_string_equal(WRITTEN_ON("o@a"), "17"); /* the realm's own among them: GOD in o@o */
    assert_string_equal(WRITTEN_ON("o@b"), "19");
    assert_string_equal(policy_world_wrongs(w), "");
}

/* What is due in both places is not written again. */
static void move_writes_what_the_old_place_did_not_give(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *id, *kept;
    group_v1_move_group_request req = GROUP_V1_MOVE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    static const char *const slugs[][2] = {{"o@o", "a"}, {"o@o", "b"}, {"o@a", "c"}, {"o@c", "d"}};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(world_create(w, "alice", slugs[i][0], slugs[i][1], slugs[i][1]),
                         STATUS_OK);
    assert_int_equal(policy_world_child(w, "alice", tree.god, "Of o", false, ON_O(MANAGE), &id),
                     STATUS_OK);
    kept = world_value(w,
                       "SELECT string_agg(id::text, ' ' ORDER BY id) FROM pek.policy_statement"
                       " WHERE policy_id = %s",
                       id);
    req.id = policy_world_text("o@c");
    req.parent_id = policy_world_text("o@b");
    assert_int_equal(WORLD_CALL(w, move_group, "alice", req, res), STATUS_OK);
    assert_string_equal(world_value(w,
                                    "SELECT string_agg(id::text, ' ' ORDER BY id) FROM"
                                    " pek.policy_statement WHERE policy_id = %s",
                                    id),
                        kept);
    assert_string_equal(WRITTEN_ON("o@d"), "4"); /* of o twice, b and c */
    assert_string_equal(policy_world_wrongs(w), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(tree_of_policies_ends_at_ten_levels),
        WORLD_TEST(giver_gives_one_user_at_most_a_hundred),
        WORLD_TEST(making_groups_fills_the_same_hundred),
        WORLD_TEST(parallel_creations_make_no_more),
        WORLD_TEST(what_people_make_is_counted),
        WORLD_TEST(who_has_made_their_share_makes_no_more),
        WORLD_TEST(policy_has_at_most_a_thousand_statements),
        WORLD_TEST(policy_has_at_most_eight_statements_on_the_same),
        WORLD_TEST(people_manage_a_group_by_at_most_sixteen_statements),
        WORLD_TEST(move_writes_what_the_old_place_did_not_give),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
