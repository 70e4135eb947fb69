/* Whoever has an answer of before, and names its etag, is not told that nothing changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "worker/testing/policy_world.h"

/* As carl, who has what `etag` is of. */
static policy_v1_policy *get(struct world *w, const char *id, const char *etag)
{
    policy_v1_get_policy_request req = POLICY_V1_GET_POLICY_REQUEST_INIT;
    policy_v1_policy *res;
    req.id = policy_world_text(id);
    const struct rpc_pair *has = world_metadata(w, &w->a, "carl", RPC_IF_NONE_MATCH, etag);
    assert_int_equal(
        policy_v1_get_policy_call(w->a.channel, &req, has, 2, WORLD_REST(w), &res, &w->fault),
        STATUS_OK);
    return res;
}

static void what_the_reader_may_do_since_is_told(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const policy_v1_policy *whole = get(w, tree.clerk, "none");
    assert_string_equal(whole->name, "Clerk");
    assert_false(whole->caller_administers);
    assert_string_equal(get(w, tree.clerk, whole->etag)->name, "");
    assert_int_equal(policy_world_assign(w, "alice", tree.dean, "carl"), STATUS_OK);
    const policy_v1_policy *since = get(w, tree.clerk, whole->etag);
    assert_string_equal(since->name, "Clerk");
    assert_true(since->caller_administers);
    assert_int_equal(policy_world_revoke(w, "alice", tree.dean, "carl"), STATUS_OK);
    assert_string_equal(get(w, tree.clerk, since->etag)->name, "Clerk");
    assert_string_equal(get(w, tree.clerk, whole->etag)->name, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(what_the_reader_may_do_since_is_told),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
