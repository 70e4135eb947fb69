/* The same cases through each kind of channel: whoever calls cannot tell which it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/rpc/testing/world.h"

/* ---- unary ---- */

static void unary_body(struct world *world)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct fault fault;
    testing_text *answer = NULL;
    WORLD_TEXT(request, "árvíztűrő");
    request.number = 42;
    assert_int_equal(
        world_unary(world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, &arena, &answer, &fault),
        STATUS_OK);
    assert_non_null(answer);
    assert_string_equal(answer->text, "árvíztűrő");
    assert_int_equal(answer->number, 42);
    assert_string_equal(world->trace, "azf");
    assert_string_equal(world->last_user, "alice");
    arena_done(&arena);
}

static void unary_call_is_answered(void **state)
{
    world_case(state, unary_body);
}

static void typed_unary_body(struct world *world)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct fault fault = {0};
    testing_text *answer = NULL;
    WORLD_TEXT(request, "hello");
    const struct rpc_pair token = {SLICE_LIT("authorization"), SLICE_LIT("Bearer " WORLD_TOKEN)};
    struct cancel cancel;
    cancel_init(&cancel, deadline_after_ms(WORLD_SOON_MS));
    assert_int_equal(
        testing_say_call(world->channel, &request, &token, 1, &cancel, &arena, &answer, &fault),
        STATUS_OK);
    assert_string_equal(answer->text, "hello");
    assert_int_equal(
        testing_say_call(world->channel, &request, NULL, 0, NULL, &arena, &answer, &fault),
        STATUS_UNAUTHENTICATED);
    assert_string_equal(fault.text, "no valid token");
    /* The answer is right; who asks has no room for it. */
    arena_done(&arena);
    arena_init(&arena, sizeof(*answer));
    assert_int_equal(
        testing_say_call(world->channel, &request, &token, 1, &cancel, &arena, &answer, &fault),
        STATUS_RESOURCE_EXHAUSTED);
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
    cancel_fire(&cancel);
    assert_int_equal(
        testing_wait_call(world->channel, &request, &token, 1, &cancel, &arena, &answer, &fault),
        STATUS_CANCELLED);
    arena_done(&arena);
}

static void unary_helper_gives_message_or_fault(void **state)
{
    world_case(state, typed_unary_body);
}

/* ---- order of the interceptors ---- */

static const struct rpc_pair bad_token[] = {{SLICE_LIT("authorization"), SLICE_LIT("Bearer bad")}};

static void order_body(struct world *world)
{
    struct fault fault;
    /* The token is looked at before the size and before the bytes. */
    char *large = calloc(1, RPC_REQUEST_BYTES_MAX + 2);
    memset(large, 'x', RPC_REQUEST_BYTES_MAX + 1);
    testing_text request = TESTING_TEXT_INIT;
    request.text = large;
    assert_int_equal(
        world_unary(world, "Say", &request.base, bad_token, 1, WORLD_SOON_MS, NULL, NULL, &fault),
        STATUS_UNAUTHENTICATED);
    assert_string_equal(world->trace, "af");

    /* The size before decoding; nothing is asked of the guard. */
    assert_int_equal(
        world_unary(world, "SayGuarded", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, &fault),
        STATUS_RESOURCE_EXHAUSTED);
    assert_string_equal(fault.reason, "REQUEST_TOO_LARGE");
    assert_string_equal(world->trace, "afaf");
    free(large);

    /* Decoding before the access rule. */
    WORLD_TEXT(broken, "\xff\xfe");
    assert_int_equal(
        world_unary(world, "SayGuarded", &broken.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, &fault),
        STATUS_INVALID_ARGUMENT);
    assert_string_equal(world->trace, "afafaf");

    /* The access rule before the handler. */
    WORLD_TEXT(secret, "secret");
    assert_int_equal(
        world_unary(world, "SayGuarded", &secret.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, &fault),
        STATUS_PERMISSION_DENIED);
    assert_string_equal(fault.text, "not for you");
    assert_string_equal(world->trace, "afafafazf");
    assert_int_equal(world->log.handled, 0);

    WORLD_TEXT(plain, "plain");
    assert_int_equal(
        world_unary(world, "SayGuarded", &plain.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, &fault),
        STATUS_OK);
    assert_string_equal(world->trace, "afafafazfazf");
    assert_int_equal(world->log.handled, 1);
}

static void refused_call_never_reaches_handler(void **state)
{
    world_case(state, order_body);
}

static void public_body(struct world *world)
{
    struct fault fault;
    WORLD_TEXT(request, "hello");
    assert_int_equal(world_unary(world, "SayOpen", &request.base, bad_token, 1, WORLD_SOON_MS, NULL,
                                 NULL, &fault),
                     STATUS_OK);
    assert_string_equal(world->trace, "f");
    assert_string_equal(world->last_user, "");
}

static void public_method_looks_at_no_token(void **state)
{
    world_case(state, public_body);
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
        world_unary(world, "Fail", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, ret_fault),
        status);
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
        bool contention = status == STATUS_ABORTED || status == STATUS_RESOURCE_EXHAUSTED;
        assert_int_equal(fault.retry_after_ms, contention ? RPC_RETRY_AFTER_MS : 0);
    }
    /* A rule of the handler's, which holds next time as well. */
    fail_with(world, STATUS_RESOURCE_EXHAUSTED, "at most three", "", &fault);
    assert_int_equal(fault.retry_after_ms, 0);
}

static void faults_reach_the_caller_whole(void **state)
{
    world_case(state, fault_body);
}

static void cancelled_body(struct world *world)
{
    struct fault fault;
    testing_fail_request request = TESTING_FAIL_REQUEST_INIT;
    request.status = STATUS_CANCELLED;
    assert_int_equal(
        world_unary(world, "Fail", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, &fault),
        STATUS_UNAVAILABLE);
}

static void cancellation_that_nobody_asked_for_is_unavailable(void **state)
{
    world_case(state, cancelled_body);
}

static void invalid_text_body(struct world *world)
{
    struct fault fault;
    WORLD_TEXT(request, "fine");
    testing_inner inner = TESTING_INNER_INIT;
    char name[] = "b\xc3";
    inner.name = name;
    request.inner = &inner;
    assert_int_equal(
        world_unary(world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, &fault),
        STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "inner.name");
}

static void invalid_text_is_refused_with_its_field(void **state)
{
    world_case(state, invalid_text_body);
}

static void unknown_body(struct world *world)
{
    struct fault fault;
    WORLD_TEXT(request, "hello");
    assert_int_equal(
        world_unary(world, "Missing", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, &fault),
        STATUS_UNIMPLEMENTED);
    assert_string_equal(fault.text, "no such method");
}

static void unknown_method_is_unimplemented(void **state)
{
    world_case(state, unknown_body);
}

/* ---- what is refused before it is sent ---- */

static void metadata_body(struct world *world)
{
    static const struct rpc_pair illegal[] = {
        {SLICE_LIT("Upper"), SLICE_LIT("x")},         {SLICE_LIT("x-line"), SLICE_LIT("a\r\nb")},
        {SLICE_LIT("x-text"), SLICE_LIT("\xc3\xa1")}, {SLICE_LIT("grpc-timeout"), SLICE_LIT("1S")},
        {SLICE_LIT(":path"), SLICE_LIT("/")},         {SLICE_LIT(""), SLICE_LIT("x")},
    };
    struct fault fault;
    WORLD_TEXT(request, "hello");
    for (size_t i = 0; i < sizeof(illegal) / sizeof(illegal[0]); i++)
        assert_int_equal(world_unary(world, "SayOpen", &request.base, &illegal[i], 1, WORLD_SOON_MS,
                                     NULL, NULL, &fault),
                         STATUS_INVALID_ARGUMENT);
    assert_int_equal(world->log.handled, 0);
}

static void illegal_metadata_is_refused_at_once(void **state)
{
    world_case(state, metadata_body);
}

static void much_metadata_body(struct world *world)
{
    static char value[RPC_METADATA_BYTES_MAX];
    memset(value, 'v', sizeof(value));
    struct rpc_pair pairs[RPC_PAIRS_MAX];
    struct slice key = SLICE_LIT("x-policy-hint");
    size_t each = RPC_METADATA_BYTES_MAX / RPC_PAIRS_MAX - key.len;
    for (size_t i = 0; i < RPC_PAIRS_MAX; i++)
        pairs[i] = (struct rpc_pair){key, slice_make(value, each)};
    struct fault fault;
    WORLD_TEXT(request, "hello");
    assert_int_equal(world_unary(world, "SayOpen", &request.base, pairs, RPC_PAIRS_MAX,
                                 WORLD_SOON_MS, NULL, NULL, &fault),
                     STATUS_OK);
    pairs[0].value.len++;
    assert_int_equal(world_unary(world, "SayOpen", &request.base, pairs, RPC_PAIRS_MAX,
                                 WORLD_SOON_MS, NULL, NULL, &fault),
                     STATUS_RESOURCE_EXHAUSTED);
}

static void metadata_up_to_the_limit_passes(void **state)
{
    world_case(state, much_metadata_body);
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
    options.deadline_us = deadline_after_ms(WORLD_SOON_MS);
    assert_int_equal(rpc_call_start(world->channel, &options, &call), STATUS_OK);
    rpc_call_free(call);
}

static void call_without_deadline_is_refused(void **state)
{
    world_case(state, no_deadline_body);
}

/* ---- deadlines and cancellation ---- */

static void deadline_body(struct world *world)
{
    struct fault fault;
    WORLD_TEXT(request, "hello");
    int64_t began_us = clock_monotonic_us();
    assert_int_equal(world_unary(world, "Wait", &request.base, NULL, 0, 100, NULL, NULL, &fault),
                     STATUS_DEADLINE_EXCEEDED);
    int64_t took_ms = (clock_monotonic_us() - began_us) / 1000;
    assert_true(took_ms >= 99 && took_ms < WORLD_SOON_MS / 2);
    world_await_cancelled(world, 1);
    assert_int_equal(world->log.handled, 1);
}

static void deadline_ends_call_and_handler(void **state)
{
    world_case(state, deadline_body);
}

static void cancel_body(struct world *world)
{
    struct fiber_event event = {0};
    struct rpc_call *call = NULL;
    WORLD_TEXT(request, "hello");
    assert_int_equal(
        world_start(world, "Wait", &request.base, NULL, 0, WORLD_SOON_MS, &event, &call),
        STATUS_OK);
    world_await_waiting(world, 1);
    assert_false(rpc_call_ended(call, NULL));
    rpc_call_free(call);
    world_await_cancelled(world, 1);
    assert_int_equal(world->log.last_wait, STATUS_CANCELLED);
}

static void cancel_reaches_the_handlers_wait(void **state)
{
    world_case(state, cancel_body);
}

static void free_body(struct world *world)
{
    struct fiber_event event = {0};
    struct rpc_call *call = NULL;
    testing_count_request request = TESTING_COUNT_REQUEST_INIT;
    request.count = 3;
    request.wait = true;
    assert_int_equal(
        world_start(world, "Count", &request.base, NULL, 0, WORLD_SOON_MS, &event, &call),
        STATUS_OK);
    world_await_waiting(world, 1);
    rpc_call_free(call);
    world_await_cancelled(world, 1);
}

static void freeing_a_call_cancels_it(void **state)
{
    world_case(state, free_body);
}

/* Both watch the one epoll instance of gRPC; the first stays of use when the second goes. */
static void second_body(struct world *world)
{
    WORLD_TEXT(request, "hello");
    struct rpc_runtime *runtime = NULL;
    struct rpc_channel *first = world->channel;
    struct rpc_channel *second = NULL;
    struct fault fault;
    assert_int_equal(rpc_runtime_new(world->fibers, &runtime), STATUS_OK);
    assert_int_equal(rpc_channel_new(runtime, world->target, NULL, &second, &fault), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        world->channel = i % 2 == 0 ? first : second;
        assert_int_equal(
            world_unary(world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, &fault),
            STATUS_OK);
    }
    rpc_channel_free(second);
    rpc_runtime_free(runtime);
    world->channel = first;
    assert_int_equal(
        world_unary(world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, &fault),
        STATUS_OK);
}

static void two_runtimes_share_a_loop(void **state)
{
    (void)state;
    world_case((void *[]){(void *)(uintptr_t)&world_by_grpc}, second_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_EACH(unary_call_is_answered),
        WORLD_EACH(unary_helper_gives_message_or_fault),
        WORLD_EACH(refused_call_never_reaches_handler),
        WORLD_EACH(public_method_looks_at_no_token),
        WORLD_EACH(faults_reach_the_caller_whole),
        WORLD_EACH(cancellation_that_nobody_asked_for_is_unavailable),
        WORLD_EACH(invalid_text_is_refused_with_its_field),
        WORLD_EACH(unknown_method_is_unimplemented),
        WORLD_EACH(illegal_metadata_is_refused_at_once),
        WORLD_EACH(metadata_up_to_the_limit_passes),
        WORLD_EACH(call_without_deadline_is_refused),
        WORLD_EACH(deadline_ends_call_and_handler),
        WORLD_EACH(cancel_reaches_the_handlers_wait),
        WORLD_EACH(freeing_a_call_cancels_it),
        cmocka_unit_test(two_runtimes_share_a_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
