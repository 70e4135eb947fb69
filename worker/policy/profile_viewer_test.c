/* Who may see one's full profile: the list, held against the question asked for each two people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/policy/profile_viewer.h"
#include "worker/rights/policy.h"
#include "worker/testing/policy_world.h"

#define SEES_ALL (1u << 9) /* VIEW_FULL_PROFILE */
#define VIEWERS "/pek.policy.v1.PolicyService/ListProfileViewers"
#define SEED 20261128
#define ROUNDS 6
#define PAIRS_MAX 512

static const char *const users[] = {"u0", "u1", "u2", "u3", "u4", "alice"};
static const char *const groups[] = {"o@o", "o@a", "o@b"};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t state;

static uint64_t chance(uint64_t of)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % of;
}
#define ONE_OF(array) (array)[chance(COUNT(array))]

/* Memberships of every status, some not yet and some no longer. */
static void make_members_by_chance(struct world *w)
{
    world_sql(w, "DELETE FROM pek.membership WHERE user_id <> 'alice'");
    for (size_t n = 0; n < 10; n++) {
        const char *group = ONE_OF(groups), *user = users[chance(5)];
        if (strcmp(world_value(w,
                               "SELECT count(*) FROM pek.membership WHERE group_id = '%s'"
                               " AND user_id = '%s'",
                               group, user),
                   "0") != 0)
            continue;
        world_sql(w,
                  "INSERT INTO pek.membership (realm, group_id, user_id, sort_key)"
                  " VALUES ('a', '%s', '%s', '');"
                  "INSERT INTO pek.membership_period (realm, group_id, user_id, seq, status,"
                  " begin_time, changed_by) VALUES ('a', '%s', '%s', 1, %u,"
                  " now() + interval '1 hour' * %d, 'test')",
                  group, user, group, user, 1 + (unsigned)chance(5), chance(5) == 0 ? 1 : -1);
    }
}

/* Statements of every form; some of them over. */
static void make_policies_by_chance(struct world *w)
{
    world_sql(w, "DELETE FROM pek.policy WHERE name LIKE 'P%%'");
    for (size_t n = 0; n < 10; n++) {
        const char *user = ONE_OF(users);
        char name[8];
        snprintf(name, sizeof(name), "P%zu", n);
        world_grant(w, &w->a, name, user, chance(3) == 0 ? NULL : ONE_OF(groups),
                    chance(4) == 0 ? POLICY_ACTIONS_ALL & ~SEES_ALL : SEES_ALL);
        if (chance(3) == 0)
            world_sql(w,
                      "UPDATE pek.policy_statement AS s SET user_id = '%s' FROM pek.policy AS p"
                      " WHERE p.id = s.policy_id AND p.name = '%s'",
                      ONE_OF(users), name);
        if (chance(4) == 0)
            world_sql(w,
                      "UPDATE pek.policy_assignment AS a SET valid_until = now() - interval '1 s'"
                      "  FROM pek.policy AS p WHERE p.id = a.policy_id AND p.name = '%s'",
                      name);
    }
}

/* "viewer policy" of each that the list of `user` has, ordered by bytes. */
static size_t listed(struct world *w, const char *user, const char *ret_pairs[PAIRS_MAX])
{
    policy_v1_list_profile_viewers_request req = POLICY_V1_LIST_PROFILE_VIEWERS_REQUEST_INIT;
    ProtobufCMessage **items = arena_zalloc(w->arena, WORLD_ITEMS_MAX, sizeof(*items));
    size_t count = 0;
    const struct rpc_method *method = rpc_host_method(realm_host(w->a.realm), SLICE_LIT(VIEWERS));
    assert_int_equal(
        world_stream(w, w->a.channel, method, &req.base, WORLD_AS(w, user), items, &count),
        STATUS_OK);
    assert_true(count <= PAIRS_MAX);
    for (size_t i = 0; i < count; i++) {
        const policy_v1_profile_viewer *viewer = (const policy_v1_profile_viewer *)items[i];
        assert_string_equal(viewer->realm, "a");
        ret_pairs[i] = arena_printf(w->arena, "%s %s", viewer->user_id, viewer->policy_name);
    }
    return count;
}

/* And the other way round. */
static bool is_in_scope(struct world *w, const char *viewer, const char *target)
{
    policy_v1_get_profile_scope_request req = POLICY_V1_GET_PROFILE_SCOPE_REQUEST_INIT;
    policy_v1_profile_scope *res;
    assert_int_equal(POLICY_CALL(w, get_profile_scope, viewer, req, res), STATUS_OK);
    assert_true(!res->all || res->n_user_ids == 0);
    for (size_t i = 0; i < res->n_user_ids; i++)
        if (strcmp(res->user_ids[i], target) == 0)
            return true;
    return res->all;
}

static bool is_known(struct world *w, const char *user)
{
    return *world_value(
               w,
               "SELECT EXISTS (SELECT FROM pek.policy_holding WHERE realm = 'a' AND user_id = '%s')"
               "    OR EXISTS (SELECT FROM pek.membership WHERE realm = 'a' AND user_id = '%s')",
               user, user) == 't';
}

/* The same, asked of each possible viewer. */
static size_t checked(struct world *w, const char *target, const char *ret_pairs[PAIRS_MAX])
{
    size_t count = 0;
    for (size_t u = 0; u < COUNT(users); u++) {
        policy_v1_check_policy_request req = POLICY_V1_CHECK_POLICY_REQUEST_INIT;
        policy_v1_check_policy_response *res;
        req.action = PEK_ACTION_VIEW_FULL_PROFILE;
        req.target_user_id = policy_world_text(target);
        assert_int_equal(POLICY_CALL(w, check_policy, users[u], req, res), STATUS_OK);
        if (is_known(w, target))
            assert_int_equal(is_in_scope(w, users[u], target), res->allowed);
        for (size_t i = 0; i < res->n_grants; i++)
            ret_pairs[count++] =
                arena_printf(w->arena, "%s %s", users[u], res->grants[i]->policy_name);
    }
    return count;
}

static int by_bytes(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static void list_is_exactly_those_for_whom_the_check_is_true(struct world *w)
{
    static const char *list[PAIRS_MAX], *check[PAIRS_MAX];
    size_t sum = 0;
    state = SEED;
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "a", "A"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "b", "B"), STATUS_OK);
    for (size_t u = 0; u < 5; u++)
        world_sql(w,
                  "INSERT INTO pek.person (realm, id, display_name, folded, sort_key)"
                  " VALUES ('a', '%s', '%s', '%s', '%s')",
                  users[u], users[u], users[u], users[u]);
    for (size_t round = 0; round < ROUNDS; round++) {
        make_members_by_chance(w);
        make_policies_by_chance(w);
        for (size_t u = 0; u < COUNT(users); u++) {
            size_t count = listed(w, users[u], list);
            assert_int_equal(checked(w, users[u], check), count);
            qsort(list, count, sizeof(*list), by_bytes);
            qsort(check, count, sizeof(*check), by_bytes);
            for (size_t i = 0; i < count; i++)
                assert_string_equal(list[i], check[i]);
            sum += count;
        }
    }
    assert_true(sum > ROUNDS * COUNT(users));
}

static const char *names(struct world *w, const char *user, int32_t page_size, const char *key,
                         const char *id)
{
    policy_v1_list_profile_viewers_request req = POLICY_V1_LIST_PROFILE_VIEWERS_REQUEST_INIT;
    Pek__Cursor cursor = PEK__CURSOR__INIT;
    cursor.sort_key.data = (uint8_t *)(uintptr_t)key;
    cursor.sort_key.len = key ? strlen(key) + 1 + 2 : 0; /* NUL, and the id of two characters */
    cursor.id = policy_world_text(id);
    req.page_size = page_size;
    if (key)
        req.after = &cursor;
    return world_items(w, user, VIEWERS, &req.base, "display_name");
}

/* In the order of their names, and from one page to the next. */
static void viewers_are_in_the_order_of_their_names(struct world *w)
{
    static const char *const people[][2] = {{"z1", "Ádám"}, {"a1", "Zoé"}, {"m1", "Béla"}};
    world_god(w, &w->a, "alice");
    assert_string_equal(names(w, "alice", 0, NULL, ""), "alice");
    assert_string_equal(names(w, "nobody", 0, NULL, ""), "");
    for (size_t i = 0; i < 3; i++) {
        world_grant(w, &w->a, people[i][1], people[i][0], NULL, SEES_ALL);
        world_sql(w,
                  "INSERT INTO pek.person (realm, id, display_name, folded, sort_key)"
                  " VALUES ('a', '%s', '%s', '%s', '%s')",
                  people[i][0], people[i][1], people[i][0],
                  i == 0   ? "k1"
                  : i == 1 ? "k3"
                           : "k2");
    }
    world_sql(w, "DELETE FROM pek.policy_assignment WHERE user_id = 'alice'");
    assert_string_equal(names(w, "z1", 0, NULL, ""), "Ádám Béla Zoé");
    assert_string_equal(names(w, "z1", 2, NULL, ""), "Ádám Béla");
    assert_string_equal(names(w, "z1", 2, "k1\0z1", policy_world_id(w, "Ádám")), "Béla Zoé");
    /* Of another realm nothing. */
    world_grant(w, &w->b, "Other", "o1", NULL, SEES_ALL);
    assert_string_equal(names(w, "z1", 0, NULL, ""), "Ádám Béla Zoé");
}

/* Statements about others, and on groups that one is not in: `count` of each of a hundred policies. */
static void make_others(struct world *w, int from, int to)
{
    world_sql(w,
              "SET pek.realm = 'a'; INSERT INTO pek.policy_statement (policy_id, group_id, user_id,"
              " resource, actions, made_by) SELECT p.id, CASE n %% 2 WHEN 0 THEN 'o@o' END,"
              " 'x' || n, 'USER', %u, 'bob' FROM pek.policy p, generate_series(%d, %d) n"
              " WHERE p.made_by = 'bob';"
              " INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by)"
              " SELECT p.id, 'x' || n, 'bob' FROM pek.policy p, generate_series(%d, %d) n"
              " WHERE p.name = 'Other 1'",
              SEES_ALL, from, to, from, to);
}

static int pages(struct world *w)
{
    int pages = 0;
    const char *plan = world_value(
        w,
        "SET ROLE pek_app; SET pek.realm = 'a'; SET plan_cache_mode = force_generic_plan;"
        " PREPARE asked AS %s; EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON)"
        " EXECUTE asked ('', '', true, 21, 'u1')",
        profile_viewer_statement.sql);
    const char *hit = strstr(plan, "\"Shared Hit Blocks\": ");
    assert_non_null(hit);
    assert_int_equal(sscanf(hit, "\"Shared Hit Blocks\": %d", &pages), 1);
    return pages;
}

static void what_others_are_given_costs_nothing(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "a", "A"), STATUS_OK);
    world_grant(w, &w->a, "Own", "u1", "o@a", SEES_ALL);
    world_sql(w, "SET pek.realm = 'a'; INSERT INTO pek.policy (name, unique_key, made_by)"
                 " SELECT 'Other ' || n, 'other ' || n, 'bob' FROM generate_series(1, 100) n");
    make_others(w, 1, 10);
    world_sql(w, "ANALYZE");
    int few = pages(w);
    make_others(w, 11, 1000);
    int many = pages(w); /* what PostgreSQL knows is of before */
    assert_in_range(many, 1, 2 * few);
    world_sql(w, "VACUUM ANALYZE");
    many = pages(w);
    print_message("pages: %d among few, %d among many\n", few, many);
    assert_in_range(many, 1, 2 * few);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(list_is_exactly_those_for_whom_the_check_is_true),
        WORLD_TEST(viewers_are_in_the_order_of_their_names),
        WORLD_TEST(what_others_are_given_costs_nothing),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
