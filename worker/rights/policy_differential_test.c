/* The cached and hinted check against the rule of DOMAIN.md 4.2 written down as naively as it goes, over the rows
 * as SQL gives them: thousands of questions over generated policies that change in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/policy/policy_store.h"
#include "worker/rights/policy.h"
#include "worker/rights/policy_cache.h"
#include "worker/testing/policy_world.h"

#define ROUNDS 24
#define QUESTIONS 300 /* a round */
#define CHANGE_EVERY 12
#define ROWS_MAX 2048
#define SEED 20250917u

static const char *const users[] = {"u0", "u1", "u2", "u3", "u4", "u5"};
static const char *const groups[] = {"o@o", "o@a", "o@b", "o@c", "p@p", "none@none"};
/* Those from 10 on are never made. */
static const char *const policies[] = {"P0", "P1", "P2", "P3", "P4", "P5",      "P6",
                                       "P7", "P8", "P9", "X0", "X1", "\xc5\x91"};
#define MADE 10
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- chance ---- */

static uint64_t state;

static uint64_t chance(uint64_t below)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

#define ONE_OF(array) ((array)[chance(COUNT(array))])

/* ---- the reference ---- */

struct row {
    const char *holder, *group, *user;
    uint32_t actions;
};

static struct row rows[ROWS_MAX];
static size_t row_count;
static struct pg_result *row_result;

static void read_rows(struct world *w)
{
    static const struct pg_statement all = {
        "differential_rows",
        "SELECT a.user_id, s.group_id, s.user_id, s.actions FROM pek.policy_assignment AS a, "
        "pek.policy_statement AS s WHERE s.policy_id = a.policy_id",
    };
    pg_result_free(row_result);
    assert_int_equal(
        pg_read(realm_pg(w->a.realm), PG_POINT_READ, &w->cancel, &all, NULL, 0, &row_result),
        STATUS_OK);
    row_count = pg_rows(row_result);
    assert_true(row_count < ROWS_MAX);
    for (size_t i = 0; i < row_count; i++)
        rows[i] = (struct row){
            .holder = pg_get_str(row_result, i, 0),
            .group = pg_is_null(row_result, i, 1) ? NULL : pg_get_str(row_result, i, 1),
            .user = pg_is_null(row_result, i, 2) ? NULL : pg_get_str(row_result, i, 2),
            .actions = (uint32_t)pg_get_int(row_result, i, 3),
        };
}

static bool reference(const char *user, uint32_t action, const char *group, const char *target)
{
    for (size_t i = 0; i < row_count; i++) {
        if (strcmp(rows[i].holder, user) != 0)
            continue;
        if (rows[i].group && (!group || strcmp(rows[i].group, group) != 0))
            continue;
        if (rows[i].user && (!target || strcmp(rows[i].user, target) != 0))
            continue;
        if (rows[i].actions >> (action - 1) & 1)
            return true;
    }
    return false;
}

/* ---- generated policies ---- */

/* Few bits mostly; sometimes all or nearly all, which is not GOD. */
static uint32_t some_actions(void)
{
    uint32_t bits = 1u << chance(11);
    switch (chance(6)) {
    case 0: return POLICY_ACTIONS_ALL;
    case 1: return POLICY_ACTIONS_ALL & ~bits;
    case 2: return bits | 1u << chance(11);
    default: return bits;
    }
}

static void append_restriction(struct buffer *sql, const char *value)
{
    if (value)
        buffer_printf(sql, ", '%s'", value);
    else
        buffer_append_str(sql, ", NULL");
}

static const char *some_group(void)
{
    const char *group = ONE_OF(groups);
    return chance(4) == 0 || strcmp(group, "none@none") == 0 ? NULL : group;
}

static void append_statement(struct buffer *sql, const char *policy)
{
    const char *group = some_group();
    buffer_printf(sql,
                  "INSERT INTO pek.policy_statement (realm, policy_id, resource, actions, group_id,"
                  " user_id) SELECT 'a', id, 'S%llu', %u",
                  (unsigned long long)chance(1000000), some_actions());
    append_restriction(sql, group);
    append_restriction(sql, chance(3) == 0 ? ONE_OF(users) : NULL);
    buffer_printf(
        sql, " FROM pek.policy WHERE realm = 'a' AND name = '%s' ON CONFLICT DO NOTHING; ", policy);
}

static void append_assignment(struct buffer *sql, const char *policy, const char *user)
{
    buffer_printf(sql,
                  "INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by)"
                  " SELECT 'a', id, '%s', 'test' FROM pek.policy"
                  " WHERE realm = 'a' AND name = '%s' ON CONFLICT DO NOTHING; ",
                  user, policy);
}

static void generate(struct world *w)
{
    struct buffer sql;
    buffer_init(&sql, 1u << 20);
    buffer_append_str(&sql, "DELETE FROM pek.policy WHERE realm = 'a'; ");
    for (size_t i = 0; i < MADE; i++) {
        buffer_printf(&sql,
                      "INSERT INTO pek.policy (realm, name, unique_key) VALUES ('a', '%s', '%s'); ",
                      policies[i], policies[i]);
        for (uint64_t n = chance(5); n > 0; n--)
            append_statement(&sql, policies[i]);
        for (uint64_t n = chance(4); n > 0; n--)
            append_assignment(&sql, policies[i], ONE_OF(users));
    }
    /* The realm knows all of them, whatever they hold else: CheckPolicy grants nothing on whom it does not know. */
    buffer_append_str(&sql, "INSERT INTO pek.policy (realm, name, unique_key)"
                            " VALUES ('a', 'Known', 'known'); ");
    for (size_t i = 0; i < COUNT(users); i++)
        append_assignment(&sql, "Known", users[i]);
    assert_false(sql.failed);
    buffer_append_char(&sql, '\0');
    pg_cluster_execute(w->cluster, sql.ptr);
    buffer_done(&sql);
}

/* One change, and the forgetting that the change's process does after its commit. */
static void change(struct world *w, struct policy_cache *cache)
{
    struct buffer sql;
    const char *user = ONE_OF(users), *policy = policies[chance(MADE)];
    buffer_init(&sql, 1u << 16);
    switch (chance(4)) {
    case 0:
        buffer_printf(&sql,
                      "DELETE FROM pek.policy_assignment AS a USING pek.policy AS p"
                      " WHERE a.realm = 'a' AND p.id = a.policy_id AND p.name = '%s'"
                      " AND a.user_id = '%s';",
                      policy, user);
        break;
    case 1: append_assignment(&sql, policy, user); break;
    case 2: append_statement(&sql, policy); break;
    default:
        buffer_printf(&sql,
                      "DELETE FROM pek.policy_statement AS s USING pek.policy AS p"
                      " WHERE s.realm = 'a' AND p.id = s.policy_id AND p.name = '%s'"
                      " AND s.actions & %u <> 0;",
                      policy, some_actions());
    }
    buffer_append_char(&sql, '\0');
    pg_cluster_execute(w->cluster, sql.ptr);
    buffer_done(&sql);
    /* A change of statements concerns whoever holds the policy. */
    for (size_t i = 0; i < COUNT(users); i++)
        policy_cache_forget(cache, slice_str(users[i]));
    read_rows(w);
}

/* ---- questions ---- */

static struct policy_asker some_asker(const char *user, struct slice hints[8])
{
    struct policy_asker asker = {.user = slice_str(user), .hints = hints};
    for (uint64_t n = chance(5); n > 0; n--)
        hints[asker.hint_count++] = slice_str(ONE_OF(policies));
    return asker;
}

static void ask(struct world *w, struct policy_cache *cache, size_t counts[2])
{
    struct slice hints[8];
    const char *user = ONE_OF(users);
    struct policy_asker asker = some_asker(user, hints);
    uint32_t action = 1 + (uint32_t)chance(12);
    const struct policy_target target = {
        chance(4) == 0 ? NULL : ONE_OF(groups),
        chance(3) == 0 ? ONE_OF(users) : NULL,
    };
    struct arena arena;
    bool allowed = false, expected = reference(user, action, target.group, target.user);
    arena_init(&arena, 1u << 20);
    assert_int_equal(policy_cache_allows(cache, &w->cancel, &asker, policy_action_bit(action),
                                         &target, &arena, &allowed),
                     STATUS_OK);
    arena_done(&arena);
    if (allowed != expected)
        fail_msg("%s, action %u, group %s, user %s: %s by the rule", user, action,
                 target.group ? target.group : "-", target.user ? target.user : "-",
                 expected ? "allowed" : "denied");
    counts[allowed]++;
}

static void ask_scope(struct world *w, struct policy_cache *cache)
{
    struct slice hints[8];
    const char *user = ONE_OF(users);
    struct policy_asker asker = some_asker(user, hints);
    uint32_t action = 1 + (uint32_t)chance(12);
    struct policy_scope scope;
    struct arena arena;
    arena_init(&arena, 1u << 20);
    assert_int_equal(
        policy_cache_scope(cache, &w->cancel, &asker, policy_action_bit(action), &arena, &scope),
        STATUS_OK);
    assert_int_equal(scope.all, reference(user, action, NULL, NULL));
    for (size_t g = 0; !scope.all && g < COUNT(groups); g++) {
        bool listed = false;
        for (size_t i = 0; i < scope.group_count; i++)
            listed |= slice_equal_str(scope.groups[i], groups[g]);
        assert_int_equal(listed, reference(user, action, groups[g], NULL));
    }
    arena_done(&arena);
}

/* The explanation comes from other code over the same rows. */
static void ask_check(struct world *w)
{
    const char *user = ONE_OF(users);
    policy_v1_check_policy_request req = POLICY_V1_CHECK_POLICY_REQUEST_INIT;
    policy_v1_check_policy_response *res;
    const char *group = chance(4) == 0 ? NULL : ONE_OF(groups);
    const char *target = chance(3) == 0 ? ONE_OF(users) : NULL;
    req.action = (Pek__Action)(1 + chance(12));
    req.group_id = policy_world_text(group);
    req.target_user_id = policy_world_text(target);
    assert_int_equal(POLICY_CALL(w, check_policy, user, req, res), STATUS_OK);
    assert_int_equal(res->allowed, reference(user, (uint32_t)req.action, group, target));
    assert_int_equal(res->allowed, res->n_grants > 0);
}

static struct policy_cache *listening_cache;

static bool is_listening(struct fiber_run *run)
{
    struct policy_cache_statistics statistics;
    (void)run;
    policy_cache_statistics(listening_cache, &statistics);
    return statistics.listening;
}

static void every_answer_is_that_of_the_naive_rule(struct world *w)
{
    struct policy_cache *cache;
    struct policy_cache_statistics statistics;
    size_t counts[2] = {0, 0};
    state = SEED;
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "", "p", "P"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "a", "A"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "b", "B"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@a", "c", "C"), STATUS_OK);
    assert_int_equal(policy_cache_new(realm_pg(w->a.realm), "a", &cache), STATUS_OK);
    listening_cache = cache;
    assert_true(fiber_run_until(w->run, is_listening));
    for (int round = 0; round < ROUNDS; round++) {
        generate(w);
        policy_cache_forget_all(cache);
        read_rows(w);
        for (int i = 0; i < QUESTIONS; i++) {
            if (chance(CHANGE_EVERY) == 0)
                change(w, cache);
            ask(w, cache, counts);
            if (i % 4 == 0)
                ask_scope(w, cache);
            if (i % 8 == 0)
                ask_check(w);
        }
    }
    policy_cache_statistics(cache, &statistics);
    row_result = pg_result_free(row_result);
    policy_cache_free(cache);
    print_message("%zu allowed, %zu denied; %llu hits, %llu loads, %llu hint hits, %llu misses\n",
                  counts[true], counts[false], (unsigned long long)statistics.hits,
                  (unsigned long long)statistics.loads, (unsigned long long)statistics.hint_hits,
                  (unsigned long long)statistics.hint_misses);
    /* Each path was taken, and often. */
    assert_true(counts[true] > 500 && counts[false] > 500);
    assert_true(statistics.hits > 500 && statistics.loads > 500);
    assert_true(statistics.hint_hits > 100 && statistics.hint_misses > 100);
}

/* Every target of a few that the child allows something on, the parent allows that on, too. The rule that is used is
 * SQL: both say the same of generated statements. */
static bool is_within(const struct policy_statement *child, const struct policy_statement *parent)
{
    static const char *const any[] = {NULL, "x", "y", "z"};
    for (size_t g = 0; g < COUNT(any); g++)
        for (size_t u = 0; u < COUNT(any); u++) {
            const struct policy_target target = {any[g], any[u]};
            if (policy_statement_matches(child, &target) &&
                (!policy_statement_matches(parent, &target) ||
                 (child->actions | parent->actions) != parent->actions))
                return false;
        }
    return true;
}

static void subset_rule_is_that_of_targets(struct world *w)
{
    static const char *const restrictions[] = {NULL, "x", "y"};
    struct buffer sql;
    state = SEED;
    buffer_init(&sql, 1u << 20);
    buffer_append_str(&sql, "SELECT coalesce(string_agg(n::text, ' '), '') FROM (VALUES ");
    for (int n = 0; n < 500; n++) {
        const struct policy_statement child = {ONE_OF(restrictions), ONE_OF(restrictions),
                                               some_actions()};
        const struct policy_statement parent = {ONE_OF(restrictions), ONE_OF(restrictions),
                                                some_actions()};
        buffer_printf(&sql, "%s(%d, %s, %u", n ? ", " : "", n,
                      is_within(&child, &parent) ? "true" : "false", child.actions);
        append_restriction(&sql, child.group);
        append_restriction(&sql, child.user);
        buffer_printf(&sql, ", %u", parent.actions);
        append_restriction(&sql, parent.group);
        append_restriction(&sql, parent.user);
        buffer_append_str(&sql, ")");
    }
    buffer_append_str(&sql, ") AS pairs (n, is_within, ca, cg, cu, pa, pg, pu),"
                            " LATERAL (SELECT ca AS actions, cg::text AS group_id,"
                            "  cu::text AS user_id) AS s,"
                            " LATERAL (SELECT pa AS actions, pg::text AS group_id,"
                            "  pu::text AS user_id) AS q"
                            " WHERE is_within <> (coalesce(" POLICY_STORE_WITHIN ", false))");
    buffer_append_char(&sql, '\0');
    assert_false(sql.failed);
    char different[1024];
    pg_cluster_query(w->cluster, sql.ptr, different, sizeof(different));
    buffer_done(&sql);
    assert_string_equal(different, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(every_answer_is_that_of_the_naive_rule),
        WORLD_TEST(subset_rule_is_that_of_targets),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
