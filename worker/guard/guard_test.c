/* The guard, its cache and what may be believed; through a realm's own services. */
#include "worker/guard/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/testing/world.h"

#define VIEW_GROUP (1u << 2)

static void make_groups(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "x", "X"), STATUS_OK);
}

static enum status get_with(struct world *w, const struct rpc_pair *metadata, size_t count,
                            const char *id)
{
    group_v1_get_group_request req = GROUP_V1_GET_GROUP_REQUEST_INIT;
    group_v1_group *res;
    req.id = (char *)(uintptr_t)id;
    w->fault = (struct fault){0};
    return group_v1_get_group_call(w->a.channel, &req, metadata, count, WORLD_REST(w), &res,
                                   &w->fault);
}

static enum status get_hinted(struct world *w, const char *user, const char *hint, const char *id)
{
    return get_with(w, world_metadata(w, &w->a, user, GUARD_HINT_KEY, hint), 2, id);
}

static enum status get(struct world *w, const char *user, const char *id)
{
    group_v1_group *res;
    return world_get(w, user, id, &res);
}

static struct policy_cache_statistics statistics(struct world *w)
{
    struct realm_statistics s;
    realm_statistics(w->a.realm, &s);
    return s.policy;
}

/* ---- who ---- */

static enum status get_as(struct world *w, struct slice token)
{
    const struct rpc_pair pair = {
        SLICE_LIT("authorization"),
        slice_str(arena_printf(w->arena, "Bearer %.*s", SLICE_ARG(token)))};
    return get_with(w, &pair, 1, "o@o");
}

static void call_without_a_token_of_this_realm_is_unauthenticated(struct world *w)
{
    make_groups(w);
    assert_int_equal(get_with(w, NULL, 0, "o@o"), STATUS_UNAUTHENTICATED);
    assert_int_equal(get_as(w, world_token(w, &w->a, "alice")), STATUS_OK);
    assert_int_equal(get_as(w, world_token(w, &w->b, "alice")), STATUS_UNAUTHENTICATED);
    /* Signed with this realm's key, but not what the guard takes. */
    assert_int_equal(
        get_as(w, world_assertion(w, &w->a.keys, JWT_TYP_ASSERTION, "a", "a", "alice", 60)),
        STATUS_UNAUTHENTICATED);
    assert_int_equal(
        get_as(w, world_assertion(w, &w->a.keys, JWT_TYP_INSTANCE, "a", "b", "alice", 60)),
        STATUS_UNAUTHENTICATED);
    assert_int_equal(
        get_as(w, world_assertion(w, &w->a.keys, JWT_TYP_INSTANCE, "a", "a", "alice", 60)),
        STATUS_OK);
    assert_int_equal(
        get_as(w, world_assertion(w, &w->hub_keys, JWT_TYP_INSTANCE, "a", "a", "alice", 60)),
        STATUS_UNAUTHENTICATED);
    /* Longer than a token of ours ever lives. */
    assert_int_equal(
        get_as(w, world_assertion(w, &w->a.keys, JWT_TYP_INSTANCE, "a", "a", "alice", 3600)),
        STATUS_UNAUTHENTICATED);
}

static void two_tokens_are_one_too_many(struct world *w)
{
    make_groups(w);
    struct rpc_pair *pairs = world_metadata(w, &w->a, "alice", NULL, NULL);
    pairs[1] = pairs[0];
    assert_int_equal(get_with(w, pairs, 2, "o@o"), STATUS_UNAUTHENTICATED);
}

/* ---- whether ---- */

static void what_is_not_there_looks_like_what_is_hidden(struct world *w)
{
    make_groups(w);
    assert_int_equal(get(w, "dave", "o@o"), STATUS_PERMISSION_DENIED);
    struct fault hidden = w->fault;
    assert_int_equal(get(w, "dave", "o@nope"), STATUS_PERMISSION_DENIED);
    assert_string_equal(w->fault.text, hidden.text);
    assert_string_equal(w->fault.reason, hidden.reason);
    assert_string_equal(w->fault.field, hidden.field);
    assert_int_equal(get(w, "alice", "o@nope"), STATUS_NOT_FOUND);
}

static void statement_about_one_user_opens_no_group(struct world *w)
{
    make_groups(w);
    world_grant(w, &w->a, "about bob", "bob", NULL, VIEW_GROUP);
    world_sql(w, "UPDATE pek.policy_statement s SET user_id = 'bob' FROM pek.policy p"
                 " WHERE p.id = s.policy_id AND p.name = 'about bob'");
    assert_int_equal(get(w, "bob", "o@o"), STATUS_PERMISSION_DENIED);
}

static void deleted_group_does_not_widen(struct world *w)
{
    make_groups(w);
    world_grant(w, &w->a, "sees x", "bob", "o@x", VIEW_GROUP);
    assert_int_equal(get(w, "bob", "o@x"), STATUS_OK);
    world_sql(w, "DELETE FROM pek.membership WHERE group_id = 'o@x'; DELETE FROM pek.realm_group "
                 "WHERE id = 'o@x'");
    assert_int_equal(get(w, "bob", "o@o"), STATUS_PERMISSION_DENIED);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.policy_statement s JOIN pek.policy"
                                       " p ON p.id = s.policy_id WHERE p.name = 'sees x'"),
                        "0");
}

static void request_for_another_realm_is_refused(struct world *w)
{
    group_v1_get_group_request req = GROUP_V1_GET_GROUP_REQUEST_INIT;
    group_v1_group *res;
    make_groups(w);
    req.id = (char *)(uintptr_t) "o@o";
    req.realm = (char *)(uintptr_t) "b";
    assert_int_equal(WORLD_CALL(w, get_group, "alice", req, res), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "realm");
    req.realm = (char *)(uintptr_t) "a";
    assert_int_equal(WORLD_CALL(w, get_group, "alice", req, res), STATUS_OK);
}

static void target_is_required_where_the_realm_is_none(struct world *w)
{
    make_groups(w);
    assert_int_equal(get(w, "alice", ""), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "id");
}

/* ---- hints ---- */

static void forged_hint_opens_nothing(struct world *w)
{
    make_groups(w);
    world_grant(w, &w->a, "sees x", "bob", "o@x", VIEW_GROUP);
    /* Alice's policy, named by bob; and one that nobody has. */
    assert_int_equal(get_hinted(w, "bob", "GOD", "o@o"), STATUS_PERMISSION_DENIED);
    assert_int_equal(get_hinted(w, "dave", "GOD", "o@o"), STATUS_PERMISSION_DENIED);
    assert_int_equal(get_hinted(w, "dave", "none such", "o@o"), STATUS_PERMISSION_DENIED);
}

static struct world *shared_world;

static bool bob_is_remembered(struct fiber_run *run)
{
    struct policy_cache_statistics before = statistics(shared_world);
    (void)run;
    return get_hinted(shared_world, "bob", "sees %25x", "o@x") == STATUS_OK &&
           statistics(shared_world).hits == before.hits + 1;
}

static void right_hint_is_all_that_is_read(struct world *w)
{
    make_groups(w);
    world_grant(w, &w->a, "sees %x", "bob", "o@x", VIEW_GROUP);
    struct policy_cache_statistics before = statistics(w);
    assert_int_equal(get_hinted(w, "bob", "sees %25x", "o@x"), STATUS_OK);
    assert_int_equal(statistics(w).hint_hits - before.hint_hits, 1);
    /* The news of the grant itself may still be on its way. */
    shared_world = w;
    assert_true(fiber_run_until(w->run, bob_is_remembered));
    assert_int_equal(statistics(w).loads - before.loads, 0);
}

static void stale_hint_denies_nothing(struct world *w)
{
    make_groups(w);
    world_grant(w, &w->a, "sees x", "bob", "o@x", VIEW_GROUP);
    struct policy_cache_statistics before = statistics(w);
    assert_int_equal(get_hinted(w, "bob", "revoked long ago", "o@x"), STATUS_OK);
    assert_int_equal(statistics(w).hint_misses - before.hint_misses, 1);
}

/* SQL cannot take it: the query would fail, and a call that may be answered with it. */
static void hint_that_is_no_text_denies_nothing(struct world *w)
{
    make_groups(w);
    world_grant(w, &w->a, "sees x", "bob", "o@x", VIEW_GROUP);
    assert_int_equal(get_hinted(w, "bob", "%ff", "o@x"), STATUS_OK);
    assert_int_equal(get_hinted(w, "bob", "sees x%c5", "o@x"), STATUS_OK);
}

static void partial_knowledge_denies_nothing(struct world *w)
{
    make_groups(w);
    world_grant(w, &w->a, "sees x", "bob", "o@x", VIEW_GROUP);
    world_grant(w, &w->a, "sees o", "bob", "o@o", VIEW_GROUP);
    assert_int_equal(get_hinted(w, "bob", "sees x", "o@x"), STATUS_OK);
    assert_int_equal(get_hinted(w, "bob", "sees x", "o@o"), STATUS_OK);
    /* Nor does it cut a list short. */
    world_sql(w, "UPDATE pek.policy_assignment SET assign_time = now() WHERE user_id = 'bob'");
    group_v1_list_groups_request list = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    assert_string_equal(world_list(w, "bob", &list), "o@o o@x");
}

static void hints_are_decoded_strictly(struct world *w)
{
    struct slice name;
    static const char *const bad[] = {"",    "%",   "%2",   "a%zz",     "%00",
                                      "a%0", "%ff", "a%c5", "%ed%a0%80"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(guard_hint_decode(slice_str(bad[i]), w->arena, &name));
    static char plain[POLICY_NAME_BYTES_MAX + 1];
    memset(plain, 'x', sizeof(plain));
    assert_false(guard_hint_decode(slice_make(plain, sizeof(plain)), w->arena, &name));
    assert_true(guard_hint_decode(slice_make(plain, sizeof(plain) - 1), w->arena, &name));
    assert_true(guard_hint_decode(SLICE_LIT("GOD in k%C5%91%25"), w->arena, &name));
    assert_true(slice_equal_str(name, "GOD in kő%"));
}

/* ---- very many statements ---- */

static void user_with_too_many_statements_is_still_judged_rightly(struct world *w)
{
    group_v1_list_groups_request list = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    make_groups(w);
    world_grant(w, &w->a, "sees x", "bob", "o@x", VIEW_GROUP);
    /* Before o@x by name, so that it is not among those that are kept. */
    world_sql(w,
              "INSERT INTO pek.realm_group"
              " (realm, id, name, unique_key, folded, sort_key, purpose)"
              " SELECT 'a', 'm@g' || n, 'G', n, '', '', 0 FROM generate_series(1, %d) n;"
              "INSERT INTO pek.policy_statement (realm, policy_id, group_id, resource, actions)"
              " SELECT 'a', p.id, g.id, 'GROUP', 4 FROM pek.policy p, pek.realm_group g"
              " WHERE p.name = 'sees x' AND g.id LIKE 'm@%%'",
              POLICY_STATEMENTS_MAX);
    policy_cache_forget_all(realm_rights(w->a.realm));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(get(w, "bob", "o@x"), STATUS_OK);
        assert_int_equal(get(w, "bob", "m@g7"), STATUS_OK);
        assert_int_equal(get(w, "bob", "o@o"), STATUS_PERMISSION_DENIED);
        assert_int_equal(get(w, "bob", "m@none"), STATUS_PERMISSION_DENIED);
    }
    list.page_size = 1;
    assert_string_equal(world_list(w, "bob", &list), "m@g1");
    list.page_size = 0;
    list.q = (char *)(uintptr_t) "x";
    assert_string_equal(world_list(w, "bob", &list), "o@x");
    list.q = (char *)(uintptr_t) "";
    list.parent_id = (char *)(uintptr_t) "o@o";
    assert_string_equal(world_list(w, "bob", &list), "o@x");
    assert_string_equal(world_list(w, "eve", &list), "");
    list.parent_id = (char *)(uintptr_t) "";
    list.q = (char *)(uintptr_t) "o";
    assert_string_equal(world_list(w, "bob", &list), "");
    list.q = (char *)(uintptr_t) "";
    list.page_size = 1;
    world_grant(w, &w->a, "Member", "bob", NULL, VIEW_GROUP);
    assert_int_equal(get(w, "bob", "o@o"), STATUS_OK);
    assert_string_equal(world_list(w, "bob", &list), "m@g1");
}

/* The limit is of groups, whatever number of statements names them; and no list is refused for it. */
static void scope_of_many_groups_is_listed_whole(struct world *w)
{
    group_v1_list_groups_request list = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    make_groups(w);
    world_grant(w, &w->a, "P0", "bob", "o@x", VIEW_GROUP);
    world_sql(w,
              "INSERT INTO pek.realm_group"
              " (realm, id, parent_id, name, unique_key, folded, sort_key, purpose)"
              " SELECT 'a', 'o@g' || n, 'o@o', 'G', n, '', decode(to_char(n, 'FM0000'), 'hex'), 0"
              " FROM generate_series(1, %d) n; INSERT INTO pek.policy (realm, name, unique_key)"
              " SELECT 'a', 'P' || n, 'p' || n FROM generate_series(1, 21) n; INSERT INTO"
              " pek.policy_statement (realm, policy_id, group_id, user_id, resource, actions)"
              " SELECT 'a', p.id, g.id, CASE p.name WHEN 'P21' THEN 'carl' END, 'GROUP',"
              "  CASE p.name WHEN 'P20' THEN 2 ELSE 4 END FROM pek.policy p, pek.realm_group g"
              " WHERE p.name LIKE 'P%%' AND g.id LIKE 'o@g%%' AND (p.name IN ('P20', 'P21') OR"
              "  substr(g.id, 4)::integer %% 20 <> 7); INSERT INTO pek.policy_assignment"
              " (realm, policy_id, user_id, assigned_by) SELECT 'a', id, 'bob', 'x' FROM pek.policy"
              " WHERE name LIKE 'P%%' ON CONFLICT DO NOTHING",
              POLICY_SCOPE_GROUPS_MAX + 200);
    policy_cache_forget_all(realm_rights(w->a.realm));
    size_t seen = 1;
    const char *ids = world_list(w, "bob", &list);
    for (const char *at = ids; (at = strchr(at, ' ')); at++)
        seen++;
    assert_int_equal(seen, (POLICY_SCOPE_GROUPS_MAX + 200) / 20 * 19 + 1);
    assert_non_null(strstr(ids, "o@x"));
    assert_null(strstr(ids, "o@o"));
    assert_null(strstr(ids, "o@g27 "));
    assert_int_equal(get(w, "bob", "o@g27"), STATUS_PERMISSION_DENIED);
}

/* ---- revocation ---- */

static const struct rpc_pair *bobs_metadata;

/* Memory of its own: it is called for as long as it takes. */
static enum status get_for_bob(void)
{
    group_v1_get_group_request req = GROUP_V1_GET_GROUP_REQUEST_INIT;
    group_v1_group *res;
    struct fault fault;
    struct arena arena;
    arena_init(&arena, 65536);
    req.id = (char *)(uintptr_t) "o@x";
    enum status status = group_v1_get_group_call(shared_world->a.channel, &req, bobs_metadata, 1,
                                                 &shared_world->cancel, &arena, &res, &fault);
    arena_done(&arena);
    return status;
}

static bool bob_has_lost_it(struct fiber_run *run)
{
    (void)run;
    return get_for_bob() == STATUS_PERMISSION_DENIED;
}

static bool bob_has_it_again(struct fiber_run *run)
{
    (void)run;
    return get_for_bob() == STATUS_OK;
}

/* As somebody with psql, or another replica, would: the cache hears of it by NOTIFY. */
static void revocation_in_sql_reaches_the_cache(struct world *w)
{
    make_groups(w);
    world_grant(w, &w->a, "sees x", "bob", "o@x", VIEW_GROUP);
    shared_world = w;
    bobs_metadata = world_metadata(w, &w->a, "bob", NULL, NULL);
    static const char *const changes[][2] = {
        {"DELETE FROM pek.policy_assignment WHERE user_id = 'bob'",
         "INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by)"
         " SELECT 'a', id, 'bob', 'x' FROM pek.policy WHERE name = 'sees x'"},
        {"UPDATE pek.policy_statement SET actions = 1 WHERE resource = 'GROUP' AND actions = 4",
         "UPDATE pek.policy_statement SET actions = 4 WHERE resource = 'GROUP' AND actions = 1"},
        {"DELETE FROM pek.policy WHERE name = 'sees x'", NULL},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        assert_true(fiber_run_until(w->run, bob_has_it_again));
        world_sql(w, "%s", changes[i][0]);
        assert_true(fiber_run_until(w->run, bob_has_lost_it));
        if (changes[i][1])
            world_sql(w, "%s", changes[i][1]);
    }
}

static void right_that_came_with_a_change_is_seen_by_the_next_check(struct world *w)
{
    make_groups(w);
    world_grant(w, &w->a, "owns o", "bob", "o@o", POLICY_ACTIONS_MANAGE | VIEW_GROUP);
    assert_int_equal(get(w, "bob", "o@y"), STATUS_PERMISSION_DENIED);
    for (int i = 0; i < 20; i++) {
        char slug[16], id[24];
        snprintf(slug, sizeof(slug), "n%d", i);
        snprintf(id, sizeof(id), "o@%s", slug);
        /* Made by alice: what bob gets is the escalation. */
        assert_int_equal(get(w, "bob", id), STATUS_PERMISSION_DENIED);
        assert_int_equal(world_create(w, "alice", "o@o", slug, slug), STATUS_OK);
        assert_int_equal(get(w, "bob", id), STATUS_OK);
    }
}

static bool is_listening(struct fiber_run *run)
{
    (void)run;
    return statistics(shared_world).listening;
}

/* It may hear again by then; what it knew is gone with the first moment of not hearing. */
static bool has_forgotten(struct fiber_run *run)
{
    (void)run;
    return statistics(shared_world).users == 0;
}

static void nothing_is_remembered_while_notifications_may_be_missed(struct world *w)
{
    make_groups(w);
    world_grant(w, &w->a, "sees x", "bob", "o@x", VIEW_GROUP);
    shared_world = w;
    assert_true(fiber_run_until(w->run, bob_is_remembered));
    world_sql(w,
              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
              " AND (query ILIKE 'LISTEN%%' OR query LIKE '%%pg_listening_channels%%')");
    assert_true(fiber_run_until(w->run, has_forgotten));
    assert_true(fiber_run_until(w->run, is_listening));
    assert_int_equal(get(w, "bob", "o@x"), STATUS_OK);
}

/* A load that began before a change must not be remembered after it. */
#define ROUNDS 30
static size_t rounds;

static void read_or_change(struct fiber_run *run, size_t index)
{
    struct world *w = shared_world;
    if (index > 0) {
        while (rounds < ROUNDS) {
            (void)get_for_bob();
            fiber_sleep_ms(0);
        }
        return;
    }
    for (; rounds < ROUNDS; rounds++) {
        world_sql(w, "DELETE FROM pek.policy_assignment WHERE user_id = 'bob'");
        assert_true(fiber_run_until(run, bob_has_lost_it));
        world_sql(w, "INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by)"
                     " SELECT 'a', id, 'bob', 'x' FROM pek.policy WHERE name = 'sees x'");
        assert_true(fiber_run_until(run, bob_has_it_again));
    }
}

static void load_that_began_before_a_change_is_not_kept(struct world *w)
{
    make_groups(w);
    world_grant(w, &w->a, "sees x", "bob", "o@x", VIEW_GROUP);
    shared_world = w;
    rounds = 0;
    bobs_metadata = world_metadata(w, &w->a, "bob", NULL, NULL);
    fiber_run_parallel(w->run, 3, read_or_change);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(call_without_a_token_of_this_realm_is_unauthenticated),
        WORLD_TEST(two_tokens_are_one_too_many),
        WORLD_TEST(what_is_not_there_looks_like_what_is_hidden),
        WORLD_TEST(statement_about_one_user_opens_no_group),
        WORLD_TEST(deleted_group_does_not_widen),
        WORLD_TEST(request_for_another_realm_is_refused),
        WORLD_TEST(target_is_required_where_the_realm_is_none),
        WORLD_TEST(forged_hint_opens_nothing),
        WORLD_TEST(right_hint_is_all_that_is_read),
        WORLD_TEST(stale_hint_denies_nothing),
        WORLD_TEST(hint_that_is_no_text_denies_nothing),
        WORLD_TEST(partial_knowledge_denies_nothing),
        WORLD_TEST(hints_are_decoded_strictly),
        WORLD_TEST(user_with_too_many_statements_is_still_judged_rightly),
        WORLD_TEST(scope_of_many_groups_is_listed_whole),
        WORLD_TEST(revocation_in_sql_reaches_the_cache),
        WORLD_TEST(right_that_came_with_a_change_is_seen_by_the_next_check),
        WORLD_TEST(nothing_is_remembered_while_notifications_may_be_missed),
        WORLD_TEST(load_that_began_before_a_change_is_not_kept),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
