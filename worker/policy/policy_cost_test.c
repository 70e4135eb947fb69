/* What a change of policies costs does not grow with what others have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "worker/testing/policy_world.h"

#define GROUPS 1000
#define FEW 1 /* policies of a thousand statements each */
#define MANY 100
#define TIMES 7      /* the middle one counts */
#define FACTOR_MAX 3 /* it was 200 */

static const char *god, *lead;

/* Lead may manage GROUPS groups; under it stand others' policies about the same groups. */
static void make_realm(struct world *w)
{
    world_god(w, &w->a, "alice");
    god = policy_world_id(w, "GOD");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    world_sql(w,
              "SET pek.realm = 'a'; INSERT INTO pek.realm_group"
              " (id, parent_id, name, unique_key, folded, sort_key, purpose)"
              " SELECT 'o@g' || n, CASE WHEN n <= 20 THEN 'o@o' ELSE 'o@g' || 1 + n %% 20 END,"
              " 'G' || n, 'g' || n, 'g', decode(md5(n::text), 'hex'), 0"
              " FROM generate_series(1, %d) n",
              GROUPS);
    assert_int_equal(
        policy_world_child(w, "alice", god, "Lead", true, (struct given){NULL, NULL, 21}, &lead),
        STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", lead, "lea"), STATUS_OK);
}

static void make_policies(struct world *w, int from, int to)
{
    world_sql(
        w,
        "SET pek.realm = 'a'; WITH made AS (INSERT INTO pek.policy (name, unique_key, parent_id,"
        " made_by) SELECT 'P' || n, 'p' || n, %s, 'alice' FROM generate_series(%d, %d) n"
        " RETURNING id) INSERT INTO pek.policy_statement (policy_id, group_id, resource,"
        " actions, made_by) SELECT id, 'o@g' || n, 'GROUP', 5, 'alice' FROM made,"
        " generate_series(1, %d) n",
        lead, from, to, GROUPS);
}

static int in_order(const void *a, const void *b)
{
    int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
    return (first > second) - (first < second);
}

/* One of each kind of change; their time in the middle of TIMES. */
static int64_t measure(struct world *w, int round)
{
    int64_t took_us[TIMES];
    for (int i = 0; i < TIMES; i++) {
        char name[32], slug[32];
        const char *policy, *statement;
        snprintf(name, sizeof(name), "Mine %d %d", round, i);
        snprintf(slug, sizeof(slug), "n%d-%d", round, i);
        int64_t began_us = clock_monotonic_us();
        assert_int_equal(policy_world_child(w, "lea", lead, name, false,
                                            (struct given){"o@g30", NULL, 21}, &policy),
                         STATUS_OK);
        assert_int_equal(
            policy_world_add(w, "lea", policy, (struct given){"o@g31", NULL, 5}, &statement),
            STATUS_OK);
        assert_int_equal(policy_world_set(w, "lea", policy, statement, 1, false), STATUS_OK);
        assert_int_equal(policy_world_assign(w, "lea", policy, "bob"), STATUS_OK);
        assert_int_equal(policy_world_revoke(w, "lea", policy, "bob"), STATUS_OK);
        assert_int_equal(policy_world_drop(w, "lea", policy, statement, false), STATUS_OK);
        assert_int_equal(policy_world_delete(w, "lea", policy, false), STATUS_OK);
        assert_int_equal(world_create(w, "alice", "o@g40", slug, slug), STATUS_OK);
        took_us[i] = clock_monotonic_us() - began_us;
    }
    qsort(took_us, TIMES, sizeof(took_us[0]), in_order);
    return took_us[TIMES / 2];
}

static void changes_cost_the_same_among_a_hundred_times_as_many_statements(struct world *w)
{
    make_realm(w);
    make_policies(w, 1, FEW);
    (void)measure(w, 0);
    int64_t few_us = measure(w, 1);
    make_policies(w, FEW + 1, MANY);
    (void)measure(w, 2);
    int64_t many_us = measure(w, 3);
    print_message("eight changes: %lld us among %d000 statements, %lld us among %d000\n",
                  (long long)few_us, FEW, (long long)many_us, MANY);
    assert_true(many_us <= few_us * FACTOR_MAX);
    /* The same with what the planner knows of the tables. */
    world_sql(w, "ANALYZE");
    assert_true(measure(w, 4) <= few_us * FACTOR_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(changes_cost_the_same_among_a_hundred_times_as_many_statements),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
