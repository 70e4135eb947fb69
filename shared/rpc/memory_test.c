/* A moment without memory, at a server: who comes afterwards is served. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/rpc/server.h"
#include "shared/rpc/testing/tunnel_peer.h"
#include "shared/rpc/testing/world.h"

/* The linker hands us each calloc. So many fail that no fiber asks for, so none of a test's own. */
static size_t failures;
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    if (failures > 0 && !fiber_self()) {
        failures--;
        return NULL;
    }
    return __real_calloc(count, size);
}

static void calls_body(struct world *world)
{
    struct fiber_event event = {0};
    struct rpc_call *calls[SERVER_POSTED_PER_METHOD];
    WORLD_TEXT(request, "hello");
    for (size_t turn = 0; turn < 2; turn++) {
        failures = turn == 0 ? SERVER_POSTED_PER_METHOD : 0;
        for (size_t i = 0; i < SERVER_POSTED_PER_METHOD; i++)
            assert_int_equal(world_start(world, "Wait", &request.base, NULL, 0, WORLD_SOON_MS,
                                         &event, &calls[i]),
                             STATUS_OK);
        world_await_waiting(world, SERVER_POSTED_PER_METHOD);
        assert_int_equal(failures, 0);
        for (size_t i = 0; i < SERVER_POSTED_PER_METHOD; i++)
            rpc_call_free(calls[i]);
        world_await_cancelled(world, (turn + 1) * SERVER_POSTED_PER_METHOD);
    }
}

static void method_is_served_again(void **state)
{
    world_case(state, calls_body);
}

static void tunnels_body(struct world *world)
{
    failures = 1;
    for (size_t turn = 0; turn < 2; turn++) {
        struct tunnel_peer peer;
        struct slice hello;
        tunnel_peer_connect(&peer, world->runtime, world->target);
        assert_int_equal(tunnel_peer_hear(&peer, &hello), turn > 0);
        assert_int_equal(failures, 0);
        tunnel_peer_done(&peer);
    }
}

static void tunnels_are_accepted_again(void **state)
{
    world_case(state, tunnels_body);
}

static void reflection_body(struct world *world)
{
    const enum status expected[] = {STATUS_RESOURCE_EXHAUSTED, STATUS_OK};
    failures = 1;
    for (size_t turn = 0; turn < 2; turn++) {
        struct fiber_event event = {0};
        struct slice message;
        const struct fault *outcome = NULL;
        struct rpc_call *call = NULL;
        const struct rpc_call_options options = {
            .path = SLICE_LIT("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
            .deadline_us = deadline_after_ms(WORLD_SOON_MS),
            .server_streaming = true,
            .event = &event,
        };
        assert_int_equal(rpc_call_start(world->channel, &options, &call), STATUS_OK);
        while (world_next(call, &event, &message, &outcome))
            continue;
        assert_int_equal(outcome->status, expected[turn]);
        assert_int_equal(failures, 0);
        rpc_call_free(call);
    }
}

static void reflection_answers_again(void **state)
{
    struct world_options options = {.grpc = true, .reflection = true};
    void *reflecting = &options;
    (void)state;
    world_case(&reflecting, reflection_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"method_is_served_again", method_is_served_again, NULL, NULL,
         (void *)(uintptr_t)&world_by_grpc},
        {"tunnels_are_accepted_again", tunnels_are_accepted_again, NULL, NULL,
         (void *)(uintptr_t)&world_by_grpc},
        cmocka_unit_test(reflection_answers_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
