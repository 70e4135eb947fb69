/* The same cases through both kinds of channel: whoever calls cannot tell which it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/rpc/testing/world.h"

#define SOON_MS 20000

static const struct world_options by_grpc = {.grpc = true};
static const struct world_options in_process = {.grpc = false};

static void run_case(void **state, void (*body)(struct world *world))
{
    struct world world;
    world_open(&world, *state);
    world_run(&world, body);
    world_close(&world);
}

static testing_text text_of(char *text)
{
    testing_text message = TESTING_TEXT_INIT;
    message.text = text;
    return message;
}

#define TEXT(name, literal)                                                                        \
    char name##_chars[] = literal;                                                                 \
    testing_text name = text_of(name##_chars)

/* ---- unary ---- */

static void unary_body(struct world *world)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct fault fault;
    testing_text *answer = NULL;
    TEXT(request, "árvíztűrő");
    request.number = 42;
    assert_int_equal(world_unary(world, "Say", &request.base, NULL, 0, SOON_MS, &arena, &answer,
                                 &fault),
                     STATUS_OK);
    assert_non_null(answer);
    assert_string_equal(answer->text, "árvíztűrő");
    assert_int_equal(answer->number, 42);
    assert_string_equal(world->trace, "af");
    assert_string_equal(world->last_user, "alice");
    arena_done(&arena);
}

static void unary_call_is_answered(void **state)
{
    run_case(state, unary_body);
}

static void typed_unary_body(struct world *world)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct fault fault = {0};
    testing_text *answer = NULL;
    TEXT(request, "hello");
    const struct rpc_pair token = {SLICE_LIT("authorization"), SLICE_LIT("Bearer " WORLD_TOKEN)};
    struct cancel cancel;
    cancel_init(&cancel, deadline_after_ms(SOON_MS));
    assert_int_equal(testing_say_call(world->channel, &request, &token, 1, &cancel, &arena, &answer,
                                      &fault),
                     STATUS_OK);
    assert_string_equal(answer->text, "hello");
    assert_int_equal(
        testing_say_call(world->channel, &request, NULL, 0, NULL, &arena, &answer, &fault),
        STATUS_UNAUTHENTICATED);
    assert_string_equal(fault.text, "no valid token");
    cancel_fire(&cancel);
    assert_int_equal(
        testing_wait_call(world->channel, &request, &token, 1, &cancel, &arena, &answer, &fault),
        STATUS_CANCELLED);
    arena_done(&arena);
}

static void unary_helper_gives_message_or_fault(void **state)
{
    run_case(state, typed_unary_body);
}

/* ---- order of the interceptors ---- */

static const struct rpc_pair bad_token[] = {{SLICE_LIT("authorization"), SLICE_LIT("Bearer bad")}};

static void order_body(struct world *world)
{
    struct fault fault;
    /* The token is looked at before the size and before the bytes. */
    char *large = calloc(1, RPC_REQUEST_BYTES_MAX + 2);
    memset(large, 'x', RPC_REQUEST_BYTES_MAX + 1);
    testing_text request = text_of(large);
    assert_int_equal(
        world_unary(world, "Say", &request.base, bad_token, 1, SOON_MS, NULL, NULL, &fault),
        STATUS_UNAUTHENTICATED);
    assert_string_equal(world->trace, "af");

    /* The size before decoding; nothing is asked of the guard. */
    assert_int_equal(
        world_unary(world, "SayGuarded", &request.base, NULL, 0, SOON_MS, NULL, NULL, &fault),
        STATUS_RESOURCE_EXHAUSTED);
    assert_string_equal(fault.reason, "REQUEST_TOO_LARGE");
    assert_string_equal(world->trace, "afaf");
    free(large);

    /* Decoding before the access rule. */
    TEXT(broken, "\xff\xfe");
    assert_int_equal(
        world_unary(world, "SayGuarded", &broken.base, NULL, 0, SOON_MS, NULL, NULL, &fault),
        STATUS_INVALID_ARGUMENT);
    assert_string_equal(world->trace, "afafaf");

    /* The access rule before the handler. */
    TEXT(secret, "secret");
    assert_int_equal(
        world_unary(world, "SayGuarded", &secret.base, NULL, 0, SOON_MS, NULL, NULL, &fault),
        STATUS_PERMISSION_DENIED);
    assert_string_equal(fault.text, "not for you");
    assert_string_equal(world->trace, "afafafazf");
    assert_int_equal(world->log.handled, 0);

    TEXT(plain, "plain");
    assert_int_equal(
        world_unary(world, "SayGuarded", &plain.base, NULL, 0, SOON_MS, NULL, NULL, &fault),
        STATUS_OK);
    assert_string_equal(world->trace, "afafafazfazf");
    assert_int_equal(world->log.handled, 1);
}

static void refused_call_never_reaches_handler(void **state)
{
    run_case(state, order_body);
}

static void public_body(struct world *world)
{
    struct fault fault;
    TEXT(request, "hello");
    assert_int_equal(
        world_unary(world, "SayOpen", &request.base, bad_token, 1, SOON_MS, NULL, NULL, &fault),
        STATUS_OK);
    assert_string_equal(world->trace, "f");
    assert_string_equal(world->last_user, "");
}

static void public_method_looks_at_no_token(void **state)
{
    run_case(state, public_body);
}

/* ---- faults ---- */

static void fail_with(struct world *world, int32_t status, const char *text, const char *field,
                      struct fault *ret_fault)
{
    testing_fail_request request = TESTING_FAIL_REQUEST_INIT;
    char text_copy[64], field_copy[64];
    snprintf(text_copy, sizeof(text_copy), "%s", text);
    snprintf(field_copy, sizeof(field_copy), "%s", field);
    request.status = status;
    request.text = text_copy;
    request.field = field_copy;
    assert_int_equal(
        world_unary(world, "Fail", &request.base, NULL, 0, SOON_MS, NULL, NULL, ret_fault), status);
}

static void fault_body(struct world *world)
{
    struct fault fault;
    fail_with(world, STATUS_NOT_FOUND, "no group kir-dev", "", &fault);
    assert_string_equal(fault.text, "no group kir-dev");
    assert_string_equal(fault.field, "");
    fail_with(world, STATUS_INVALID_ARGUMENT, "name is empty", "group.name", &fault);
    assert_string_equal(fault.text, "name is empty");
    assert_string_equal(fault.field, "group.name");
    fail_with(world, STATUS_INTERNAL, "", "", &fault);
    assert_string_equal(fault.text, "internal error");
    for (int32_t status = 2; status <= 16; status++) {
        fail_with(world, status, "", "", &fault);
        assert_true(fault.text[0] != '\0');
        assert_int_equal(world->last_outcome.status, status);
    }
}

static void faults_reach_the_caller_whole(void **state)
{
    run_case(state, fault_body);
}

static void cancelled_body(struct world *world)
{
    struct fault fault;
    testing_fail_request request = TESTING_FAIL_REQUEST_INIT;
    request.status = STATUS_CANCELLED;
    assert_int_equal(
        world_unary(world, "Fail", &request.base, NULL, 0, SOON_MS, NULL, NULL, &fault),
        STATUS_UNAVAILABLE);
}

static void cancellation_that_nobody_asked_for_is_unavailable(void **state)
{
    run_case(state, cancelled_body);
}

static void invalid_text_body(struct world *world)
{
    struct fault fault;
    TEXT(request, "fine");
    testing_inner inner = TESTING_INNER_INIT;
    char name[] = "b\xc3";
    inner.name = name;
    request.inner = &inner;
    assert_int_equal(world_unary(world, "Say", &request.base, NULL, 0, SOON_MS, NULL, NULL, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "inner.name");
}

static void invalid_text_is_refused_with_its_field(void **state)
{
    run_case(state, invalid_text_body);
}

static void unknown_body(struct world *world)
{
    struct fault fault;
    TEXT(request, "hello");
    assert_int_equal(
        world_unary(world, "Missing", &request.base, NULL, 0, SOON_MS, NULL, NULL, &fault),
        STATUS_UNIMPLEMENTED);
    assert_string_equal(fault.text, "no such method");
}

static void unknown_method_is_unimplemented(void **state)
{
    run_case(state, unknown_body);
}

/* ---- what is refused before it is sent ---- */

static void metadata_body(struct world *world)
{
    static const struct rpc_pair illegal[] = {
        {SLICE_LIT("Upper"), SLICE_LIT("x")},
        {SLICE_LIT("x-line"), SLICE_LIT("a\r\nb")},
        {SLICE_LIT("x-text"), SLICE_LIT("\xc3\xa1")},
        {SLICE_LIT("grpc-timeout"), SLICE_LIT("1S")},
        {SLICE_LIT(":path"), SLICE_LIT("/")},
        {SLICE_LIT(""), SLICE_LIT("x")},
    };
    struct fault fault;
    TEXT(request, "hello");
    for (size_t i = 0; i < sizeof(illegal) / sizeof(illegal[0]); i++)
        assert_int_equal(
            world_unary(world, "SayOpen", &request.base, &illegal[i], 1, SOON_MS, NULL, NULL,
                        &fault),
            STATUS_INVALID_ARGUMENT);
    assert_int_equal(world->log.handled, 0);
}

static void illegal_metadata_is_refused_at_once(void **state)
{
    run_case(state, metadata_body);
}

static void no_deadline_body(struct world *world)
{
    struct fiber_event event = {0};
    struct rpc_call *call = NULL;
    struct rpc_call_options options = {
        .path = SLICE_LIT("/pek.testing.Echo/SayOpen"),
        .deadline_us = DEADLINE_NONE,
        .event = &event,
    };
    assert_int_equal(rpc_call_start(world->channel, &options, &call), STATUS_INVALID_ARGUMENT);
    options.deadline_us = deadline_after_ms(SOON_MS);
    assert_int_equal(rpc_call_start(world->channel, &options, &call), STATUS_OK);
    rpc_call_free(call);
}

static void call_without_deadline_is_refused(void **state)
{
    run_case(state, no_deadline_body);
}

/* ---- deadlines and cancellation ---- */

static void deadline_body(struct world *world)
{
    struct fault fault;
    TEXT(request, "hello");
    int64_t began_us = clock_monotonic_us();
    assert_int_equal(world_unary(world, "Wait", &request.base, NULL, 0, 100, NULL, NULL, &fault),
                     STATUS_DEADLINE_EXCEEDED);
    int64_t took_ms = (clock_monotonic_us() - began_us) / 1000;
    assert_true(took_ms >= 99 && took_ms < SOON_MS / 2);
    world_await_cancelled(world, 1);
    assert_int_equal(world->log.handled, 1);
}

static void deadline_ends_call_and_handler(void **state)
{
    run_case(state, deadline_body);
}

static void cancel_body(struct world *world)
{
    struct fiber_event event = {0};
    struct rpc_call *call = NULL;
    const struct fault *outcome = NULL;
    TEXT(request, "hello");
    assert_int_equal(
        world_start(world, "Wait", &request.base, NULL, 0, SOON_MS, &event, &call), STATUS_OK);
    world_await_waiting(world, 1);
    assert_false(rpc_call_ended(call, &outcome));
    rpc_call_cancel(call);
    rpc_call_cancel(call);
    assert_true(rpc_call_ended(call, &outcome));
    assert_int_equal(outcome->status, STATUS_CANCELLED);
    rpc_call_free(call);
    world_await_cancelled(world, 1);
    assert_int_equal(world->log.last_wait, STATUS_CANCELLED);
}

static void cancel_reaches_the_handlers_wait(void **state)
{
    run_case(state, cancel_body);
}

static void free_body(struct world *world)
{
    struct fiber_event event = {0};
    struct rpc_call *call = NULL;
    testing_count_request request = TESTING_COUNT_REQUEST_INIT;
    request.count = 3;
    request.wait = true;
    assert_int_equal(
        world_start(world, "Count", &request.base, NULL, 0, SOON_MS, &event, &call), STATUS_OK);
    world_await_waiting(world, 1);
    rpc_call_free(call);
    world_await_cancelled(world, 1);
}

static void freeing_a_call_cancels_it(void **state)
{
    run_case(state, free_body);
}

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
        world_start(world, "Count", &request->base, NULL, 0, SOON_MS * 3, &event, &call),
        STATUS_OK);
    while (world_next(call, &event, &message, &outcome)) {
        ProtobufCMessage *decoded = NULL;
        assert_int_equal(
            rpc_decode(TESTING_TEXT_DESCRIPTOR, message, &arena, &decoded, NULL),
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
    run_case(state, stream_body);
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
    run_case(state, large_messages_body);
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
    run_case(state, oversize_body);
}

/* The number of messages in flight between handler and caller, at most. */
#define SLOW_COUNT 100000
#define SLOW_IN_FLIGHT_BYTES_MAX (12 << 20)

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
        world_start(world, "Count", &request.base, NULL, 0, SOON_MS * 6, &event, &call), STATUS_OK);
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
    run_case(state, slow_body);
}

static void stalled_body(struct world *world)
{
    struct fiber_event event = {0};
    struct rpc_call *call = NULL;
    testing_count_request request = TESTING_COUNT_REQUEST_INIT;
    request.count = 1000000;
    request.payload_bytes = 10000;
    assert_int_equal(
        world_start(world, "Count", &request.base, NULL, 0, SOON_MS, &event, &call), STATUS_OK);
    /* Nobody takes anything: the sender comes to rest. */
    size_t before;
    do {
        before = world->log.sent;
        fiber_sleep_ms(100);
    } while (world->log.sent != before || before == 0);
    assert_true(before * 10000 < 24u << 20);
    rpc_call_cancel(call);
    rpc_call_free(call);
    while (rpc_host_open_calls(world->host) > 0)
        fiber_sleep_ms(1);
    assert_true(world->log.sent < 1000000);
}

static void sender_rests_when_nobody_takes(void **state)
{
    run_case(state, stalled_body);
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
    TEXT(request, "hello");
    if (world_unary(many->world, "Say", &request.base, NULL, 0, SOON_MS, NULL, NULL, &fault) ==
        STATUS_OK)
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
        assert_int_equal(fiber_event_wait(&many.done, deadline_after_ms(SOON_MS)), STATUS_OK);
    assert_int_equal(many.ok, MANY);
    assert_int_equal(world->finished, MANY);
}

static void thousand_calls_at_once_are_all_answered(void **state)
{
    run_case(state, many_body);
}

static void limit_body(struct world *world)
{
    struct fiber_event events[3] = {0};
    struct rpc_call *calls[3] = {0};
    struct fault fault;
    TEXT(request, "hello");
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(
            world_start(world, "Wait", &request.base, NULL, 0, SOON_MS, &events[i], &calls[i]),
            STATUS_OK);
    world_await_waiting(world, 2);
    assert_int_equal(world_unary(world, "Say", &request.base, NULL, 0, SOON_MS, NULL, NULL, &fault),
                     STATUS_RESOURCE_EXHAUSTED);
    assert_string_equal(fault.reason, "TOO_MANY_CALLS");
    /* Streams have a limit of their own. */
    testing_count_request count = TESTING_COUNT_REQUEST_INIT;
    count.count = 1;
    assert_int_equal(count_stream(world, &count).count, 1);
    for (size_t i = 0; i < 2; i++)
        rpc_call_free(calls[i]);
    world_await_cancelled(world, 2);
    assert_int_equal(world_unary(world, "Say", &request.base, NULL, 0, SOON_MS, NULL, NULL, &fault),
                     STATUS_OK);
}

static void calls_over_the_limit_are_refused_at_once(void **state)
{
    struct world_options options = *(const struct world_options *)*state;
    options.unary_max = 2;
    options.stream_max = 2;
    void *limited = &options;
    run_case(&limited, limit_body);
}

#define BOTH(test)                                                                                 \
    {"in_process_" #test, test, NULL, NULL, (void *)(uintptr_t)&in_process},                       \
    {"by_grpc_" #test, test, NULL, NULL, (void *)(uintptr_t)&by_grpc}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(unary_call_is_answered),
        BOTH(unary_helper_gives_message_or_fault),
        BOTH(refused_call_never_reaches_handler),
        BOTH(public_method_looks_at_no_token),
        BOTH(faults_reach_the_caller_whole),
        BOTH(cancellation_that_nobody_asked_for_is_unavailable),
        BOTH(invalid_text_is_refused_with_its_field),
        BOTH(unknown_method_is_unimplemented),
        BOTH(illegal_metadata_is_refused_at_once),
        BOTH(call_without_deadline_is_refused),
        BOTH(deadline_ends_call_and_handler),
        BOTH(cancel_reaches_the_handlers_wait),
        BOTH(freeing_a_call_cancels_it),
        BOTH(stream_gives_all_messages_then_the_outcome),
        BOTH(messages_larger_than_the_queue_pass),
        BOTH(oversize_message_fails_the_stream),
        BOTH(slow_consumer_holds_the_sender_back),
        BOTH(sender_rests_when_nobody_takes),
        BOTH(thousand_calls_at_once_are_all_answered),
        BOTH(calls_over_the_limit_are_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
