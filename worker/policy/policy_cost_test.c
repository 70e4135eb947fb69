/* What a change of policies costs does not grow with what others have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "worker/testing/policy_world.h"

#define GROUPS 1000
#define FEW 1 /* policies of a thousand statements each */
#define MANY 100
#define KINDS 8
#define TIMES 10
#define TRIES 8
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

/* One of each kind of change; `policy` and `statement` are the ones made before. */
static enum status change(struct world *w, size_t kind, const char *name, const char **policy,
                          const char **statement)
{
    switch (kind) {
    case 0:
        return policy_world_child(w, "lea", lead, name, false, (struct given){"o@g30", NULL, 21},
                                  policy);
    case 1: return policy_world_add(w, "lea", *policy, (struct given){"o@g31", NULL, 5}, statement);
    case 2: return policy_world_set(w, "lea", *policy, *statement, 1, false);
    case 3: return policy_world_assign(w, "lea", *policy, "bob");
    case 4: return policy_world_revoke(w, "lea", *policy, "bob");
    case 5: return policy_world_drop(w, "lea", *policy, *statement, false);
    case 6: return policy_world_delete(w, "lea", *policy, false);
    default: return world_create(w, "alice", "o@g40", name, name);
    }
}

/* What each takes: the shortest that was seen, which other programs disturb least. */
static void measure(struct world *w, int64_t least_us[KINDS])
{
    static int round;
    round++;
    for (int i = 0; i < TIMES; i++) {
        char name[32];
        const char *policy = "", *statement = "";
        snprintf(name, sizeof(name), "n%d-%d", round, i);
        for (size_t kind = 0; kind < KINDS; kind++) {
            int64_t began_us = clock_monotonic_us();
            assert_int_equal(change(w, kind, name, &policy, &statement), STATUS_OK);
            int64_t took_us = clock_monotonic_us() - began_us;
            if (least_us[kind] == 0 || took_us < least_us[kind])
                least_us[kind] = took_us;
        }
    }
}

static bool is_flat(const int64_t few_us[KINDS], const int64_t many_us[KINDS])
{
    for (size_t kind = 0; kind < KINDS; kind++)
        if (many_us[kind] > few_us[kind] * FACTOR_MAX)
            return false;
    return true;
}

static void changes_cost_the_same_among_a_hundred_times_as_many_statements(struct world *w)
{
    int64_t few_us[2][KINDS] = {0}, many_us[2][KINDS] = {0}; /* the second: of analysed tables */
    make_realm(w);
    make_policies(w, 1, FEW);
    measure(w, few_us[0]);
    world_sql(w, "ANALYZE");
    measure(w, few_us[1]);
    make_policies(w, FEW + 1, MANY);
    for (int known = 0; known < 2; known++) {
        if (known)
            world_sql(w, "ANALYZE");
        /* Again while the machine may be to blame. */
        for (int tries = 0; tries < TRIES; tries++) {
            measure(w, many_us[known]);
            if (is_flat(few_us[known], many_us[known]))
                break;
        }
        for (size_t kind = 0; kind < KINDS; kind++)
            print_message("change %zu%s: %lld us among %d000 statements, %lld us among %d000\n",
                          kind, known ? ", analysed" : "", (long long)few_us[known][kind], FEW,
                          (long long)many_us[known][kind], MANY);
        assert_true(is_flat(few_us[known], many_us[known]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(changes_cost_the_same_among_a_hundred_times_as_many_statements),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
