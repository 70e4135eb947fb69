/* What a check of somebody's rights costs does not grow with what others gave them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/rights/rights_store.h"
#include "worker/testing/policy_world.h"

#define GIFTS 100 /* policies that bob gave carol */
#define FEW 10    /* statements of each */
#define MANY 1000

/* Carol sees o@a by a policy of her own, the oldest. */
static void make_realm(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "a", "A"), STATUS_OK);
    world_grant(w, &w->a, "Own", "carol", "o@a", POLICY_ACTIONS_ESCALATION);
    world_sql(w,
              "SET pek.realm = 'a'; WITH made AS (INSERT INTO pek.policy (name, unique_key,"
              " made_by) SELECT 'Gift ' || n, 'gift ' || n, 'bob' FROM generate_series(1, %d) n"
              " RETURNING id) INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by)"
              " SELECT id, 'carol', 'bob' FROM made",
              GIFTS);
}

/* About `group` and a user each, both SQL of policy p and number n. */
static void give(struct world *w, const char *group, const char *user, int from, int to)
{
    world_sql(w,
              "SET pek.realm = 'a'; INSERT INTO pek.policy_statement (policy_id, group_id, user_id,"
              " resource, actions, made_by) SELECT p.id, %s, %s, 'USER', 5, 'bob'"
              " FROM pek.policy p, generate_series(%d, %d) n WHERE p.made_by = 'bob'",
              group, user, from, to);
}

/* Pages that the statement touches, as the application. */
static int pages_of(struct world *w, const struct pg_statement *statement, const char *params)
{
    int pages = 0;
    const char *plan =
        world_value(w,
                    "SET ROLE pek_app; SET pek.realm = 'a'; SET plan_cache_mode ="
                    " force_generic_plan; PREPARE asked AS %s; EXPLAIN (ANALYZE, BUFFERS, TIMING"
                    " OFF, FORMAT JSON) EXECUTE asked (%s)",
                    statement->sql, params);
    const char *hit = strstr(plan, "\"Shared Hit Blocks\": ");
    assert_non_null(hit);
    assert_int_equal(sscanf(hit, "\"Shared Hit Blocks\": %d", &pages), 1);
    return pages;
}

struct costs {
    int on_group, on_user, nowhere, load;
};

static struct costs measure(struct world *w)
{
    return (struct costs){
        pages_of(w, &rights_store_actions_on, "'carol', 'o@o', NULL"),
        pages_of(w, &rights_store_actions_on, "'carol', 'o@a', 'u7'"),
        pages_of(w, &rights_store_actions_on, "'carol', NULL, NULL"),
        pages_of(w, &rights_store_all, "'carol'"),
    };
}

static void assert_like(const struct costs *few, const struct costs *many)
{
    print_message("pages: on a group %d, %d; on a user %d, %d; on the realm %d, %d; all %d, %d\n",
                  few->on_group, many->on_group, few->on_user, many->on_user, few->nowhere,
                  many->nowhere, few->load, many->load);
    /* An index may be a level deeper. */
    assert_in_range(many->on_group, 1, 2 * few->on_group);
    assert_in_range(many->on_user, 1, 2 * few->on_user);
    assert_in_range(many->nowhere, 1, 2 * few->nowhere);
    assert_in_range(many->load, 1, 3 * few->load);
}

static void check_costs_the_same_whatever_others_gave(struct world *w)
{
    group_v1_group *group;
    make_realm(w);
    give(w, "'o@o'", "'u' || n", 1, FEW);
    world_sql(w, "ANALYZE");
    struct costs few = measure(w), many;
    give(w, "'o@o'", "'u' || n", FEW + 1, MANY);
    many = measure(w); /* what PostgreSQL knows is of before */
    assert_like(&few, &many);
    world_sql(w, "VACUUM ANALYZE");
    many = measure(w);
    assert_like(&few, &many);
    assert_int_equal(world_get(w, "carol", "o@a", &group), STATUS_OK);
    assert_int_equal(world_get(w, "carol", "o@o", &group), STATUS_PERMISSION_DENIED);
    group_v1_list_groups_request list = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    assert_string_equal(world_list(w, "carol", &list), "o@a");
}

/* Of no group, so that they stand before all others in the order of a user's rights. */
static void right_on_the_whole_realm_is_not_lost_among_gifts(struct world *w)
{
    group_v1_list_groups_request list = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    make_realm(w);
    give(w, "NULL", "'u' || n || '-' || p.id", 1, MANY);
    world_sql(w, "ANALYZE");
    assert_string_equal(world_list(w, "carol", &list), "o@a");
    world_grant(w, &w->a, "Reader", "carol", NULL, POLICY_ACTIONS_ESCALATION);
    policy_cache_forget_all(realm_rights(w->a.realm));
    assert_string_equal(world_list(w, "carol", &list), "o@a o@o");
}

/* Policies of others about the very group, before PostgreSQL knows of them and when it does. */
static void check_costs_the_same_whatever_others_hold(struct world *w)
{
    static const char others[] =
        "SET pek.realm = 'a'; WITH made AS (INSERT INTO pek.policy (name, unique_key, made_by)"
        " SELECT 'Other ' || n, 'other ' || n, 'dan' FROM generate_series(%d, %d) n RETURNING id)"
        " INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions, made_by)"
        " SELECT id, 'o@a', 'GROUP', 5, 'dan' FROM made";
    make_realm(w);
    world_sql(w, others, 1, FEW);
    world_sql(w, "ANALYZE");
    struct costs few = measure(w), many;
    world_sql(w, others, FEW + 1, 20 * MANY);
    many = measure(w);
    assert_like(&few, &many);
    world_sql(w, "VACUUM ANALYZE");
    many = measure(w);
    assert_like(&few, &many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(check_costs_the_same_whatever_others_gave),
        WORLD_TEST(check_costs_the_same_whatever_others_hold),
        WORLD_TEST(right_on_the_whole_realm_is_not_lost_among_gifts),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
