/* Tunnels: that calls travel in them, and how they come and go. What a call is in a tunnel, call_test, stream_test and
 * server_test say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/rpc/server.h"
#include "shared/rpc/testing/world.h"
#include "shared/rpc/tunnel.h"
#include "shared/rpc/tunnel_frame.h"

static enum status say(struct world *world, struct fault *ret_fault)
{
    WORLD_TEXT(request, "hello");
    return world_unary(world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, ret_fault);
}

/* ---- what is carried ---- */

static void carried_body(struct world *world)
{
    struct fault fault;
    uint64_t before = rpc_channel_carried(world->channel);
    for (int i = 0; i < 3; i++)
        assert_int_equal(say(world, &fault), STATUS_OK);
    assert_int_equal(rpc_channel_carried(world->channel) - before, 3);
    assert_int_equal(tunnel_server_open(world->server->tunnels), 1);
}

static void calls_are_carried(void **state)
{
    world_case(state, carried_body);
}

static void alone_body(struct world *world)
{
    struct fiber_event event = {0};
    struct fault fault;
    struct rpc_call *call = NULL;
    uint64_t before = rpc_channel_carried(world->channel);
    /* A request larger than most methods take. */
    char *large = calloc(1, RPC_REQUEST_BYTES_MAX + 2);
    memset(large, 'x', RPC_REQUEST_BYTES_MAX + 1);
    testing_text request = TESTING_TEXT_INIT;
    request.text = large;
    assert_int_equal(
        world_unary(world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, &fault),
        STATUS_RESOURCE_EXHAUSTED);
    assert_string_equal(fault.reason, "REQUEST_TOO_LARGE");
    free(large);
    /* One that lasts longer than the tunnel. */
    WORLD_TEXT(plain, "hello");
    assert_int_equal(world_start(world, "Wait", &plain.base, NULL, 0,
                                 TUNNEL_AGE_MS + TUNNEL_CALL_MS_MAX + 1000, &event, &call),
                     STATUS_OK);
    world_await_waiting(world, 1);
    rpc_call_free(call);
    world_await_cancelled(world, 1);
    assert_int_equal(rpc_channel_carried(world->channel), before);
}

static void what_does_not_fit_goes_by_itself(void **state)
{
    world_case(state, alone_body);
}

static void crowd_body(struct world *world)
{
    enum { CROWD = TUNNEL_CALLS_MAX + 20 };
    static struct rpc_call *calls[CROWD];
    struct fiber_event event = {0};
    uint64_t before = rpc_channel_carried(world->channel);
    WORLD_TEXT(request, "hello");
    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(
            world_start(world, "Wait", &request.base, NULL, 0, WORLD_SOON_MS, &event, &calls[i]),
            STATUS_OK);
    world_await_waiting(world, CROWD);
    assert_true(rpc_channel_carried(world->channel) - before <= TUNNEL_CALLS_MAX);
    for (size_t i = 0; i < CROWD; i++)
        rpc_call_free(calls[i]);
    world_await_cancelled(world, CROWD);
    /* The slots are free again. */
    struct fault fault;
    before = rpc_channel_carried(world->channel);
    assert_int_equal(say(world, &fault), STATUS_OK);
    assert_int_equal(rpc_channel_carried(world->channel) - before, 1);
}

static void more_calls_than_slots_are_all_made(void **state)
{
    world_case(state, crowd_body);
}

/* A stream that nobody reads, and large answers, stand in nobody's way. */
static void unread_body(struct world *world)
{
    struct fiber_event event = {0};
    struct rpc_call *call = NULL;
    struct slice message;
    const struct fault *outcome = NULL;
    struct fault fault;
    testing_count_request request = TESTING_COUNT_REQUEST_INIT;
    request.count = 40;
    request.payload_bytes = 100000;
    assert_int_equal(
        world_start(world, "Count", &request.base, NULL, 0, WORLD_SOON_MS, &event, &call),
        STATUS_OK);
    size_t before;
    do {
        before = world->log.sent;
        fiber_sleep_ms(20);
        assert_int_equal(say(world, &fault), STATUS_OK);
    } while (world->log.sent != before || before == 0);
    assert_true(before < 40);
    int64_t count = 0;
    for (; world_next(call, &event, &message, &outcome); count++)
        assert_int_equal(say(world, &fault), STATUS_OK);
    assert_int_equal(count, 40);
    assert_int_equal(outcome->status, STATUS_OK);
    rpc_call_free(call);
}

static void stream_that_nobody_reads_stops_nobody(void **state)
{
    world_case(state, unread_body);
}

/* ---- how they come and go ---- */

struct load {
    struct world *world;
    bool stop;
    size_t running, ok;
};

static void load_run(void *arg)
{
    struct load *load = arg;
    struct fault fault;
    while (!load->stop) {
        assert_int_equal(say(load->world, &fault), STATUS_OK);
        load->ok++;
    }
    load->running--;
}

#define LOAD_FIBERS 8
#define AGES 10

static void age_body(struct world *world)
{
    struct fiber_event event = {0};
    struct rpc_call *waits = NULL;
    struct load load = {.world = world, .running = LOAD_FIBERS};
    WORLD_TEXT(request, "hello");
    assert_int_equal(
        world_start(world, "Wait", &request.base, NULL, 0, WORLD_SOON_MS, &event, &waits),
        STATUS_OK);
    world_await_waiting(world, 1);
    uint64_t carried = rpc_channel_carried(world->channel);
    size_t handled = world->log.handled;
    tunnel_client_set_age(rpc_channel_tunnels(world->channel), 10);
    for (size_t i = 0; i < LOAD_FIBERS; i++)
        assert_int_equal(fiber_go(world->fibers, load_run, &load), STATUS_OK);
    /* The first tunnel stays for the call in it, beside the present one and the next. */
    for (int i = 0; i < AGES; i++) {
        fiber_sleep_ms(20);
        assert_true(tunnel_server_open(world->server->tunnels) >= 2);
        assert_true(tunnel_server_open(world->server->tunnels) <= 4);
    }
    load.stop = true;
    while (load.running > 0)
        fiber_sleep_ms(1);
    assert_false(rpc_call_ended(waits, NULL));
    /* All were carried, and each was handled once. */
    assert_int_equal(rpc_channel_carried(world->channel) - carried, load.ok);
    assert_int_equal(world->log.handled - handled, load.ok);
    rpc_call_free(waits);
    world_await_cancelled(world, 1);
    while (tunnel_server_open(world->server->tunnels) > 2)
        fiber_sleep_ms(1);
}

static void tunnel_of_age_is_replaced_under_its_calls(void **state)
{
    world_case(state, age_body);
}

static void let_go(void *arg)
{
    struct world *world = arg;
    world_await_waiting(world, 1);
    assert_int_equal(rpc_server_drain(world->server, deadline_after_ms(WORLD_SOON_MS)), STATUS_OK);
    world->arg = NULL;
}

/* A call that was begun is answered while the server drains; nobody waits for the tunnel. */
static void drain_body(struct world *world)
{
    struct fiber_event event = {0};
    struct rpc_call *call = NULL;
    const struct fault *outcome = NULL;
    struct slice message;
    WORLD_TEXT(request, "hello");
    world->arg = world;
    assert_int_equal(world_start(world, "Wait", &request.base, NULL, 0, 200, &event, &call),
                     STATUS_OK);
    assert_int_equal(fiber_go(world->fibers, let_go, world), STATUS_OK);
    assert_false(world_next(call, &event, &message, &outcome));
    assert_int_equal(outcome->status, STATUS_DEADLINE_EXCEEDED);
    int64_t began_us = clock_monotonic_us();
    while (world->arg)
        fiber_sleep_ms(1);
    assert_true(clock_monotonic_us() - began_us < WORLD_SOON_MS * 1000 / 2);
    rpc_call_free(call);
}

static void drained_server_answers_and_ends_its_tunnels(void **state)
{
    world_case(state, drain_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TUNNEL(calls_are_carried),
        WORLD_TUNNEL(what_does_not_fit_goes_by_itself),
        WORLD_TUNNEL(more_calls_than_slots_are_all_made),
        WORLD_TUNNEL(stream_that_nobody_reads_stops_nobody),
        WORLD_TUNNEL(tunnel_of_age_is_replaced_under_its_calls),
        WORLD_TUNNEL(drained_server_answers_and_ends_its_tunnels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
