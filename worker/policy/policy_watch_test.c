/* How soon a revocation is known: to the next check at once, to the hub within 100 ms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pek/instance/v1/instance.rpc.h"
#include "shared/base/clock.h"
#include "worker/testing/policy_world.h"

#define TOLD_WITHIN_US (100 * 1000)
#define ROUNDS 20

struct watching {
    struct rpc_call *call;
    struct fiber_event event;
};

static void watch(struct world *w, struct watching *watching)
{
    instance_v1_watch_policies_request req = INSTANCE_V1_WATCH_POLICIES_REQUEST_INIT;
    uint8_t bytes[2048];
    struct slice assertion =
        world_assertion(w, &w->hub_keys, JWT_TYP_ASSERTION, WORLD_HUB, "a", WORLD_HUB, 60);
    req.assertion = arena_strndup(w->arena, assertion.ptr, assertion.len);
    assert_true(protobuf_c_message_get_packed_size(&req.base) <= sizeof(bytes));
    const struct rpc_call_options options = {
        .path = SLICE_LIT("/pek.instance.v1.InstanceService/WatchPolicies"),
        .request = slice_make(bytes, protobuf_c_message_pack(&req.base, bytes)),
        .deadline_us = w->cancel.deadline_us,
        .server_streaming = true,
        .event = &watching->event,
    };
    assert_int_equal(rpc_call_start(w->a.channel, &options, &watching->call), STATUS_OK);
}

static instance_v1_policy_event *next_event(struct world *w, struct watching *watching)
{
    struct slice bytes;
    ProtobufCMessage *message;
    while (!rpc_call_next(watching->call, &bytes)) {
        assert_false(rpc_call_ended(watching->call, NULL));
        assert_int_equal(fiber_event_wait(&watching->event, w->cancel.deadline_us), STATUS_OK);
    }
    assert_int_equal(
        rpc_decode(INSTANCE_V1_POLICY_EVENT_DESCRIPTOR, bytes, w->arena, &message, &w->fault),
        STATUS_OK);
    return (instance_v1_policy_event *)(void *)message;
}

static void wait_for(struct world *w, struct watching *watching, const char *user)
{
    while (true) {
        instance_v1_policy_event *event = next_event(w, watching);
        for (size_t i = 0; i < event->n_users; i++)
            if (strcmp(event->users[i], user) == 0)
                return;
    }
}

static const char *make_viewers(struct world *w)
{
    const char *id;
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    assert_int_equal(policy_world_child(w, "alice", policy_world_id(w, "GOD"), "Viewer", false,
                                        (struct given){"o@o", NULL, 4}, &id),
                     STATUS_OK);
    for (int i = 0; i < ROUNDS; i++) {
        char user[16];
        snprintf(user, sizeof(user), "user%d", i);
        assert_int_equal(policy_world_assign(w, "alice", id, user), STATUS_OK);
    }
    return id;
}

static void revocation_denies_at_once_and_is_told_within_100_ms(struct world *w)
{
    struct watching watching = {0};
    const char *viewer = make_viewers(w);
    group_v1_group *group;
    int64_t worst_us = 0;
    watch(w, &watching);
    assert_true(next_event(w, &watching)->reset);
    for (int i = 0; i < ROUNDS; i++) {
        char user[16];
        snprintf(user, sizeof(user), "user%d", i);
        /* Remembered, so that it has to be forgotten. */
        assert_int_equal(world_get(w, user, "o@o", &group), STATUS_OK);
        assert_int_equal(policy_world_revoke(w, "alice", viewer, user), STATUS_OK);
        int64_t revoked_us = clock_monotonic_us();
        assert_int_equal(world_get(w, user, "o@o", &group), STATUS_PERMISSION_DENIED);
        wait_for(w, &watching, user);
        int64_t took_us = clock_monotonic_us() - revoked_us;
        worst_us = took_us > worst_us ? took_us : worst_us;
    }
    print_message("told after %lld us at most\n", (long long)worst_us);
    assert_true(worst_us < TOLD_WITHIN_US);
    rpc_call_free(watching.call);
}

/* What another process changes comes by way of PostgreSQL alone. */
static void revocation_by_another_process_is_told_within_100_ms(struct world *w)
{
    struct watching watching = {0};
    group_v1_group *group;
    int64_t worst_us = 0;
    make_viewers(w);
    watch(w, &watching);
    assert_true(next_event(w, &watching)->reset);
    for (int i = 0; i < ROUNDS; i++) {
        char user[16];
        snprintf(user, sizeof(user), "user%d", i);
        assert_int_equal(world_get(w, user, "o@o", &group), STATUS_OK);
        world_sql(w, "DELETE FROM pek.policy_assignment WHERE user_id = '%s'", user);
        int64_t revoked_us = clock_monotonic_us();
        wait_for(w, &watching, user);
        int64_t took_us = clock_monotonic_us() - revoked_us;
        worst_us = took_us > worst_us ? took_us : worst_us;
        assert_int_equal(world_get(w, user, "o@o", &group), STATUS_PERMISSION_DENIED);
    }
    print_message("told after %lld us at most\n", (long long)worst_us);
    assert_true(worst_us < TOLD_WITHIN_US);
    rpc_call_free(watching.call);
}

static void deletion_denies_at_once(struct world *w)
{
    const char *dean, *clerk;
    group_v1_group *group;
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    const char *god = policy_world_id(w, "GOD");
    for (int i = 0; i < ROUNDS; i++) {
        const struct given given = {"o@o", NULL, 4};
        assert_int_equal(policy_world_child(w, "alice", god, "Dean", true, given, &dean),
                         STATUS_OK);
        assert_int_equal(policy_world_child(w, "alice", dean, "Clerk", true, given, &clerk),
                         STATUS_OK);
        assert_int_equal(policy_world_assign(w, "alice", clerk, "carl"), STATUS_OK);
        /* Remembered, so that it has to be forgotten. */
        assert_int_equal(world_get(w, "carl", "o@o", &group), STATUS_OK);
        assert_int_equal(policy_world_delete(w, "alice", dean, true), STATUS_OK);
        assert_int_equal(world_get(w, "carl", "o@o", &group), STATUS_PERMISSION_DENIED);
    }
}

static void every_holder_below_is_told_of_a_deletion(struct world *w)
{
    struct watching watching = {0};
    const char *dean, *clerk;
    world_god(w, &w->a, "alice");
    assert_int_equal(policy_world_child(w, "alice", policy_world_id(w, "GOD"), "Dean", true,
                                        (struct given){NULL, NULL, 7}, &dean),
                     STATUS_OK);
    assert_int_equal(
        policy_world_child(w, "alice", dean, "Clerk", true, (struct given){NULL, NULL, 4}, &clerk),
        STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", dean, "dora"), STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", clerk, "carl"), STATUS_OK);
    watch(w, &watching);
    assert_true(next_event(w, &watching)->reset);
    assert_int_equal(policy_world_delete(w, "alice", dean, true), STATUS_OK);
    bool dora = false, carl = false;
    while (!dora || !carl) {
        instance_v1_policy_event *event = next_event(w, &watching);
        for (size_t i = 0; i < event->n_users; i++) {
            dora |= strcmp(event->users[i], "dora") == 0;
            carl |= strcmp(event->users[i], "carl") == 0;
        }
    }
    rpc_call_free(watching.call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(revocation_denies_at_once_and_is_told_within_100_ms),
        WORLD_TEST(revocation_by_another_process_is_told_within_100_ms),
        WORLD_TEST(deletion_denies_at_once),
        WORLD_TEST(every_holder_below_is_told_of_a_deletion),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
