/* Lists of policies, and of who holds them: what is in them, in which order, and how they go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/buffer.h"
#include "worker/policy/policy_admin_store.h"
#include "worker/testing/policy_world.h"

#define LIST_POLICIES "/pek.policy.v1.PolicyService/ListPolicies"
#define LIST_ASSIGNMENTS "/pek.policy.v1.PolicyService/ListAssignments"
#define MANY 1200

/* Under Dean, each held by nobody; the latest made has the smallest id of those that it was made with. */
static void make_many(struct world *w, const char *parent, int number)
{
    world_sql(w,
              "INSERT INTO pek.policy (realm, name, unique_key, parent_id, create_time)"
              " SELECT 'a', lpad(n::text, 190, 'P'), 'p' || n, %s,"
              "        now() + (%d - n) / 3 * interval '1 second'"
              " FROM generate_series(1, %d) AS n",
              parent, number, number);
}

static void hold_many(struct world *w, const char *policy)
{
    world_sql(w,
              "INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by)"
              " SELECT 'a', %s, 'u' || n, 'alice' FROM generate_series(1, %d) AS n",
              policy, MANY);
}

static const char *ids(struct world *w, const char *user, policy_v1_list_policies_request *req)
{
    return world_items(w, user, LIST_POLICIES, &req->base, "id");
}

static const char *users(struct world *w, const char *user, policy_v1_list_assignments_request *req)
{
    return world_items(w, user, LIST_ASSIGNMENTS, &req->base, "user_id");
}

static const char *stored(struct world *w, const char *where)
{
    return world_value(w,
                       "SELECT string_agg(id::text, ' ' ORDER BY create_time, id)"
                       " FROM pek.policy WHERE realm = 'a' AND %s",
                       where);
}

/* ---- what is in them ---- */

static void list_has_what_the_caller_holds_and_all_below(struct world *w)
{
    policy_world_tree(w);
    assert_string_equal(policy_world_list(w, "alice"), "GOD GOD in o@o Members of o@o Dean Clerk");
    assert_string_equal(policy_world_list(w, "dora"), "Dean Clerk");
    assert_string_equal(policy_world_list(w, "carl"), "Clerk");
    assert_string_equal(policy_world_list(w, "eve"), "");
}

static void list_of_holders_is_of_a_policy_that_is_there(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    policy_v1_list_assignments_request req = POLICY_V1_LIST_ASSIGNMENTS_REQUEST_INIT;
    req.policy_id = policy_world_text(tree.clerk);
    assert_string_equal(users(w, "alice", &req), "carl");
    req.policy_id = policy_world_text("99999");
    assert_string_equal(users(w, "alice", &req), "NOT_FOUND");
    /* Who may not have one here is not told whether there is one. */
    assert_string_equal(users(w, "carl", &req), "PERMISSION_DENIED");
    req.policy_id = policy_world_text(tree.dean);
    assert_string_equal(users(w, "carl", &req), "PERMISSION_DENIED");
    req.policy_id = arena_printf(w->arena, "0%s", tree.clerk);
    assert_string_equal(users(w, "alice", &req), "INVALID_ARGUMENT");
}

static void list_leaves_out_what_the_realm_made_when_asked_to(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    policy_v1_list_policies_request req = POLICY_V1_LIST_POLICIES_REQUEST_INIT;
    req.by_people = true;
    assert_string_equal(world_items(w, "alice", LIST_POLICIES, &req.base, "name"), "Dean Clerk");
    assert_string_equal(world_items(w, "dora", LIST_POLICIES, &req.base, "name"), "Dean Clerk");
    req.parent_id = policy_world_text(tree.god);
    assert_string_equal(world_items(w, "alice", LIST_POLICIES, &req.base, "name"), "Dean");
    assert_string_equal(world_items(w, "dora", LIST_POLICIES, &req.base, "name"), "Dean");
}

static void children_are_those_directly_under_it(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    policy_v1_list_policies_request req = POLICY_V1_LIST_POLICIES_REQUEST_INIT;
    req.parent_id = policy_world_text(tree.god);
    assert_string_equal(world_items(w, "alice", LIST_POLICIES, &req.base, "name"),
                        "GOD in o@o Members of o@o Dean");
    assert_string_equal(world_items(w, "dora", LIST_POLICIES, &req.base, "name"), "Dean");
    req.parent_id = policy_world_text(tree.dean);
    assert_string_equal(world_items(w, "carl", LIST_POLICIES, &req.base, "name"), "Clerk");
    assert_string_equal(world_items(w, "eve", LIST_POLICIES, &req.base, "name"), "");
}

static void lists_of_many_batches_neither_skip_nor_repeat(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    policy_v1_list_policies_request req = POLICY_V1_LIST_POLICIES_REQUEST_INIT;
    policy_v1_list_assignments_request holders = POLICY_V1_LIST_ASSIGNMENTS_REQUEST_INIT;
    make_many(w, tree.dean, MANY);
    hold_many(w, tree.clerk);
    assert_string_equal(ids(w, "alice", &req), stored(w, "true"));
    assert_string_equal(ids(w, "dora", &req), stored(w, "name !~ '(^GOD|o@o)$'"));
    req.parent_id = policy_world_text(tree.dean);
    assert_string_equal(ids(w, "alice", &req), stored(w, "name ~ '^(P|Clerk)'"));
    assert_string_equal(ids(w, "dora", &req), stored(w, "name ~ '^(P|Clerk)'"));
    holders.policy_id = policy_world_text(tree.clerk);
    assert_string_equal(users(w, "dora", &holders),
                        world_value(w,
                                    "SELECT string_agg(user_id, ' ' ORDER BY user_id)"
                                    " FROM pek.policy_assignment WHERE policy_id = %s",
                                    tree.clerk));
}

/* Whatever PostgreSQL knows of the table, and of the place where a page begins. */
static void page_of_everything_is_read_in_the_order_of_the_index(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    make_many(w, tree.god, 20000);
    for (int analysed = 0; analysed < 2; analysed++) {
        const char *plan =
            world_value(w,
                        "%s; SET ROLE pek_app; SET pek.realm = 'a';"
                        " SET plan_cache_mode = force_generic_plan; PREPARE everything AS %s;"
                        " EXPLAIN (FORMAT JSON) EXECUTE everything ('', '', false, 21, false)",
                        analysed ? "ANALYZE pek.policy" : "SELECT 1", policy_admin_list_all.sql);
        if (!strstr(plan, "\"Index Name\": \"policy_order\"") || strstr(plan, "Sort\"") ||
            strstr(plan, "Seq Scan"))
            fail_msg("the plan is another one:\n%s", plan);
    }
}

/* ---- how they go on ---- */

/* From position to position, as a hub goes: `size` at a time, until there are fewer. */
static const char *walk(struct world *w, const char *user, const char *parent, int32_t size)
{
    static ProtobufCMessage *items[WORLD_ITEMS_MAX];
    policy_v1_list_policies_request req = POLICY_V1_LIST_POLICIES_REQUEST_INIT;
    Pek__Cursor after = PEK__CURSOR__INIT;
    const struct rpc_method *method =
        rpc_host_method(realm_host(w->a.realm), SLICE_LIT(LIST_POLICIES));
    struct buffer all;
    size_t count;
    buffer_init(&all, 1u << 20);
    req.parent_id = policy_world_text(parent);
    req.page_size = size;
    do {
        assert_int_equal(
            world_stream(w, w->a.channel, method, &req.base, WORLD_AS(w, user), items, &count),
            STATUS_OK);
        for (size_t i = 0; i < count; i++) {
            const policy_v1_policy *policy = (const void *)items[i];
            buffer_printf(&all, "%s%s", all.len ? " " : "", policy->id);
            after.sort_key = policy->sort_key;
            after.id = policy->id;
        }
        req.after = &after;
    } while (count == (size_t)size);
    const char *walked = arena_strndup(w->arena, all.ptr, all.len);
    buffer_done(&all);
    return walked;
}

static void pages_of_policies_are_the_list(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    make_many(w, tree.dean, 130);
    static const int32_t sizes[] = {1, 20, 100, 101};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_string_equal(walk(w, "alice", "", sizes[i]), stored(w, "true"));
        assert_string_equal(walk(w, "dora", "", sizes[i]), stored(w, "name !~ '(^GOD|o@o)$'"));
    }
    assert_string_equal(walk(w, "alice", tree.dean, 20), stored(w, "name ~ '^(P|Clerk)'"));
    assert_string_equal(walk(w, "dora", tree.dean, 20), stored(w, "name ~ '^(P|Clerk)'"));
}

static void position_is_behind_its_item_or_at_it(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    policy_v1_list_policies_request req = POLICY_V1_LIST_POLICIES_REQUEST_INIT;
    policy_v1_list_assignments_request holders = POLICY_V1_LIST_ASSIGNMENTS_REQUEST_INIT;
    policy_v1_get_policy_request get = POLICY_V1_GET_POLICY_REQUEST_INIT;
    policy_v1_policy *dean;
    Pek__Cursor after = PEK__CURSOR__INIT;
    get.id = policy_world_text(tree.dean);
    assert_int_equal(POLICY_CALL(w, get_policy, "alice", get, dean), STATUS_OK);
    after.sort_key = dean->sort_key;
    after.id = dean->id;
    req.after = &after;
    assert_string_equal(ids(w, "alice", &req), tree.clerk);
    after.inclusive = true;
    assert_string_equal(ids(w, "alice", &req),
                        arena_printf(w->arena, "%s %s", tree.dean, tree.clerk));
    for (int i = 0; i < 3; i++)
        assert_int_equal(policy_world_assign(w, "dora", tree.clerk, (char[]){(char)('x' + i), 0}),
                         STATUS_OK);
    after = (Pek__Cursor)PEK__CURSOR__INIT;
    after.id = policy_world_text("x");
    holders.policy_id = policy_world_text(tree.clerk);
    holders.after = &after;
    assert_string_equal(users(w, "dora", &holders), "y z");
    after.inclusive = true;
    assert_string_equal(users(w, "dora", &holders), "x y z");
    /* One who is gone is a position all the same. */
    assert_int_equal(policy_world_revoke(w, "dora", tree.clerk, "x"), STATUS_OK);
    assert_string_equal(users(w, "dora", &holders), "y z");
}

static void lists_refuse_what_they_do_not_take(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    policy_v1_list_policies_request req = POLICY_V1_LIST_POLICIES_REQUEST_INIT;
    policy_v1_list_assignments_request holders = POLICY_V1_LIST_ASSIGNMENTS_REQUEST_INIT;
    holders.policy_id = policy_world_text(tree.clerk);
    req.page_size = holders.page_size = -1;
    assert_string_equal(ids(w, "alice", &req), "INVALID_ARGUMENT");
    assert_string_equal(w->fault.field, "page_size");
    assert_string_equal(users(w, "alice", &holders), "INVALID_ARGUMENT");
    assert_string_equal(w->fault.field, "page_size");
    req.page_size = holders.page_size = 0;
    req.page_token = holders.page_token = policy_world_text("x");
    assert_string_equal(ids(w, "alice", &req), "INVALID_ARGUMENT");
    assert_string_equal(w->fault.field, "page_token");
    assert_string_equal(users(w, "alice", &holders), "INVALID_ARGUMENT");
    assert_string_equal(w->fault.field, "page_token");
    req.page_token = policy_world_text("");
    req.parent_id = policy_world_text("x");
    assert_string_equal(ids(w, "alice", &req), "INVALID_ARGUMENT");
    assert_string_equal(w->fault.field, "parent_id");
}

static void take_god_from_bob(struct world *w)
{
    world_sql(w, "DELETE FROM pek.policy_assignment WHERE user_id = 'bob'");
    /* Another's change, as this process hears of it, and longer ago than a scope may be old. */
    policy_cache_forget_all(realm_rights(w->a.realm));
    fiber_sleep_ms(GUARD_AGE_MAX_MS + 100);
}

static void who_loses_god_reads_on_in_nothing(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    policy_v1_list_policies_request req = POLICY_V1_LIST_POLICIES_REQUEST_INIT;
    size_t count;
    make_many(w, tree.dean, MANY);
    assert_int_equal(policy_world_assign(w, "alice", tree.god, "bob"), STATUS_OK);
    assert_int_equal(
        world_read_slowly(w, "bob", LIST_POLICIES, &req.base, take_god_from_bob, &count),
        STATUS_PERMISSION_DENIED);
    assert_in_range(count, 1, MANY - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(list_has_what_the_caller_holds_and_all_below),
        WORLD_TEST(list_of_holders_is_of_a_policy_that_is_there),
        WORLD_TEST(list_leaves_out_what_the_realm_made_when_asked_to),
        WORLD_TEST(children_are_those_directly_under_it),
        WORLD_TEST(lists_of_many_batches_neither_skip_nor_repeat),
        WORLD_TEST(page_of_everything_is_read_in_the_order_of_the_index),
        WORLD_TEST(pages_of_policies_are_the_list),
        WORLD_TEST(position_is_behind_its_item_or_at_it),
        WORLD_TEST(lists_refuse_what_they_do_not_take),
        WORLD_TEST(who_loses_god_reads_on_in_nothing),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
