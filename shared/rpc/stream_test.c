/* Streams, and many calls at once, through each kind of channel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/rpc/testing/world.h"

/* ---- streams ---- */

struct counted {
    int64_t count;
    struct fault outcome;
};

static struct counted count_stream(struct world *world, testing_count_request *request)
{
    struct fiber_event event = {0};
    struct rpc_call *call = NULL;
    struct slice message;
    const struct fault *outcome = NULL;
    struct counted counted = {0};
    struct arena arena;
    arena_init(&arena, RPC_ARENA_BYTES_MAX);
    assert_int_equal(
        world_start(world, "Count", &request->base, NULL, 0, WORLD_SOON_MS * 3, &event, &call),
        STATUS_OK);
    while (world_next(call, &event, &message, &outcome)) {
        ProtobufCMessage *decoded = NULL;
        assert_int_equal(rpc_decode(TESTING_TEXT_DESCRIPTOR, message, &arena, &decoded, NULL),
                         STATUS_OK);
        assert_int_equal(((testing_text *)decoded)->number, counted.count);
        counted.count++;
        arena_reset(&arena);
    }
    counted.outcome = *outcome;
    rpc_call_free(call);
    arena_done(&arena);
    return counted;
}

static void stream_body(struct world *world)
{
    testing_count_request request = TESTING_COUNT_REQUEST_INIT;
    struct counted counted = count_stream(world, &request);
    assert_int_equal(counted.count, 0);
    assert_int_equal(counted.outcome.status, STATUS_OK);
    static const int64_t counts[] = {1, 2, 3, 10, 5000};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        request.count = counts[i];
        counted = count_stream(world, &request);
        assert_int_equal(counted.count, counts[i]);
        assert_int_equal(counted.outcome.status, STATUS_OK);
    }
    request.count = 3;
    request.status = STATUS_ABORTED;
    counted = count_stream(world, &request);
    assert_int_equal(counted.count, 3);
    assert_int_equal(counted.outcome.status, STATUS_ABORTED);
}

static void stream_gives_all_messages_then_the_outcome(void **state)
{
    world_case(state, stream_body);
}

static void open_body(struct world *world)
{
    for (int64_t count = 1; count <= 6; count++) {
        struct fiber_event event = {0};
        struct rpc_call *call = NULL;
        struct slice message;
        const struct fault *outcome = NULL;
        testing_count_request request = TESTING_COUNT_REQUEST_INIT;
        request.count = count;
        request.wait = true;
        assert_int_equal(
            world_start(world, "Count", &request.base, NULL, 0, WORLD_SOON_MS, &event, &call),
            STATUS_OK);
        for (int64_t i = 0; i < count; i++)
            assert_true(world_next(call, &event, &message, &outcome));
        assert_false(rpc_call_next(call, &message));
        assert_false(rpc_call_ended(call, &outcome));
        rpc_call_free(call);
        world_await_cancelled(world, (size_t)count);
    }
}

static void messages_of_an_open_stream_arrive(void **state)
{
    world_case(state, open_body);
}

static void large_messages_body(struct world *world)
{
    testing_count_request request = TESTING_COUNT_REQUEST_INIT;
    request.count = 8;
    request.payload_bytes = 1 << 20; /* each larger than the queue */
    struct counted counted = count_stream(world, &request);
    assert_int_equal(counted.count, 8);
    assert_int_equal(counted.outcome.status, STATUS_OK);
}

static void messages_larger_than_the_queue_pass(void **state)
{
    world_case(state, large_messages_body);
}

static void oversize_body(struct world *world)
{
    testing_count_request request = TESTING_COUNT_REQUEST_INIT;
    request.count = 2;
    request.payload_bytes = RPC_MESSAGE_BYTES_MAX + 1;
    struct counted counted = count_stream(world, &request);
    assert_int_equal(counted.count, 0);
    assert_int_equal(counted.outcome.status, STATUS_RESOURCE_EXHAUSTED);
}

static void oversize_message_fails_the_stream(void **state)
{
    world_case(state, oversize_body);
}

/* The number of messages in flight between handler and caller, at most. */
#define SLOW_COUNT 100000
#define SLOW_IN_FLIGHT_BYTES_MAX (2 << 20)

static void slow_body(struct world *world)
{
    struct fiber_event event = {0};
    struct rpc_call *call = NULL;
    struct slice message;
    const struct fault *outcome = NULL;
    testing_count_request request = TESTING_COUNT_REQUEST_INIT;
    request.count = SLOW_COUNT;
    request.payload_bytes = 1000;
    size_t received = 0;
    size_t bytes = 0;
    size_t most_ahead = 0;
    assert_int_equal(
        world_start(world, "Count", &request.base, NULL, 0, WORLD_SOON_MS * 6, &event, &call),
        STATUS_OK);
    while (world_next(call, &event, &message, &outcome)) {
        received++;
        bytes += message.len;
        if (world->log.sent > received && world->log.sent - received > most_ahead)
            most_ahead = world->log.sent - received;
        /* Everybody else gets all the time they want: the sender has nothing to do but to run ahead. */
        if (received % 1000 == 0)
            for (int i = 0; i < 10; i++)
                fiber_sleep_ms(0);
    }
    assert_int_equal(outcome->status, STATUS_OK);
    assert_int_equal(received, SLOW_COUNT);
    rpc_call_free(call);
    size_t each = bytes / received;
    assert_true(most_ahead * each < SLOW_IN_FLIGHT_BYTES_MAX);
    assert_true(most_ahead * each < bytes / 4);
}

static void slow_consumer_holds_the_sender_back(void **state)
{
    world_case(state, slow_body);
}

static void stalled_body(struct world *world)
{
    struct fiber_event event = {0};
    struct rpc_call *call = NULL;
    testing_count_request request = TESTING_COUNT_REQUEST_INIT;
    request.count = 1000000;
    request.payload_bytes = 10000;
    assert_int_equal(
        world_start(world, "Count", &request.base, NULL, 0, WORLD_SOON_MS, &event, &call),
        STATUS_OK);
    /* Nobody takes anything: the sender comes to rest. */
    size_t before;
    do {
        before = world->log.sent;
        fiber_sleep_ms(100);
    } while (world->log.sent != before || before == 0);
    assert_true(before * 10000 < 2u << 20);
    rpc_call_free(call);
    rpc_host_wait(world->host);
    assert_true(world->log.sent < 1000000);
}

static void sender_rests_when_nobody_takes(void **state)
{
    world_case(state, stalled_body);
}

/* ---- many at once ---- */

#define MANY 1000

struct many {
    struct world *world;
    size_t open;
    size_t ok;
    struct fiber_event done;
};

static void many_one(void *arg)
{
    struct many *many = arg;
    struct fault fault;
    WORLD_TEXT(request, "hello");
    if (world_unary(many->world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL,
                    &fault) == STATUS_OK)
        many->ok++;
    many->open--;
    fiber_event_signal(&many->done);
}

static void many_body(struct world *world)
{
    struct many many = {.world = world, .open = MANY};
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(fiber_go(world->fibers, many_one, &many), STATUS_OK);
    while (many.open > 0)
        assert_int_equal(fiber_event_wait(&many.done, deadline_after_ms(WORLD_SOON_MS)), STATUS_OK);
    assert_int_equal(many.ok, MANY);
    assert_int_equal(world->finished, MANY);
}

static void thousand_calls_at_once_are_all_answered(void **state)
{
    world_case(state, many_body);
}

static void limit_body(struct world *world)
{
    struct fiber_event events[3] = {0};
    struct rpc_call *calls[3] = {0};
    struct fault fault;
    WORLD_TEXT(request, "hello");
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(world_start(world, "Wait", &request.base, NULL, 0, WORLD_SOON_MS,
                                     &events[i], &calls[i]),
                         STATUS_OK);
    world_await_waiting(world, 2);
    assert_int_equal(
        world_unary(world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, &fault),
        STATUS_RESOURCE_EXHAUSTED);
    assert_string_equal(fault.reason, "TOO_MANY_CALLS");
    /* Streams have a limit of their own. */
    testing_count_request count = TESTING_COUNT_REQUEST_INIT;
    count.count = 1;
    assert_int_equal(count_stream(world, &count).count, 1);
    for (size_t i = 0; i < 2; i++)
        rpc_call_free(calls[i]);
    world_await_cancelled(world, 2);
    assert_int_equal(
        world_unary(world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, &fault),
        STATUS_OK);
}

static void calls_over_the_limit_are_refused_at_once(void **state)
{
    struct world_options options = *(const struct world_options *)*state;
    options.unary_max = 2;
    options.stream_max = 2;
    void *limited = &options;
    world_case(&limited, limit_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_EACH(stream_gives_all_messages_then_the_outcome),
        WORLD_EACH(messages_of_an_open_stream_arrive),
        WORLD_EACH(messages_larger_than_the_queue_pass),
        WORLD_EACH(oversize_message_fails_the_stream),
        WORLD_EACH(slow_consumer_holds_the_sender_back),
        WORLD_EACH(sender_rests_when_nobody_takes),
        WORLD_EACH(thousand_calls_at_once_are_all_answered),
        WORLD_EACH(calls_over_the_limit_are_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
