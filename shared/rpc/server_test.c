/* What only a gRPC port has: health, reflection, drain, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "shared/base/clock.h"
#include "shared/rpc/testing/echo_descriptor_set.h"
#include "shared/rpc/testing/world.h"

static enum status say(struct world *world, struct fault *ret_fault)
{
    WORLD_TEXT(request, "hello");
    return world_unary(world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, ret_fault);
}

static struct rpc_call *start_path(struct world *world, const char *path,
                                   const ProtobufCMessage *request, bool streaming,
                                   struct fiber_event *event)
{
    uint8_t bytes[512];
    assert_true(protobuf_c_message_get_packed_size(request) <= sizeof(bytes));
    struct rpc_call_options options = {
        .path = slice_str(path),
        .request = slice_make(bytes, protobuf_c_message_pack(request, bytes)),
        .deadline_us = deadline_after_ms(WORLD_SOON_MS),
        .server_streaming = streaming,
        .event = event,
    };
    struct rpc_call *call = NULL;
    assert_int_equal(rpc_call_start(world->channel, &options, &call), STATUS_OK);
    return call;
}

/* ---- health ---- */

typedef Grpc__Health__V1__HealthCheckRequest health_request;

static enum status check(struct world *world, char *service, int *ret_status)
{
    struct fiber_event event = {0};
    struct slice message;
    const struct fault *outcome = NULL;
    health_request request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    request.service = service;
    struct rpc_call *call =
        start_path(world, "/grpc.health.v1.Health/Check", &request.base, false, &event);
    while (world_next(call, &event, &message, &outcome)) {
        Grpc__Health__V1__HealthCheckResponse *response =
            grpc__health__v1__health_check_response__unpack(NULL, message.len,
                                                            (const uint8_t *)message.ptr);
        assert_non_null(response);
        *ret_status = (int)response->status;
        grpc__health__v1__health_check_response__free_unpacked(response, NULL);
    }
    enum status status = outcome->status;
    rpc_call_free(call);
    return status;
}

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

static void health_body(struct world *world)
{
    char whole[] = "";
    char echo[] = "pek.testing.Echo";
    char other[] = "pek.testing.Other";
    int status = -1;
    assert_int_equal(check(world, whole, &status), STATUS_OK);
    assert_int_equal(status, SERVING);
    assert_int_equal(check(world, echo, &status), STATUS_OK);
    assert_int_equal(status, SERVING);
    assert_int_equal(check(world, other, &status), STATUS_NOT_FOUND);
    rpc_server_set_serving(world->server, false);
    assert_int_equal(check(world, echo, &status), STATUS_OK);
    assert_int_equal(status, NOT_SERVING);
    assert_string_equal(world->trace, ""); /* no interceptor was asked */
}

static void health_needs_no_token_and_knows_every_service(void **state)
{
    world_case(state, health_body);
}

static int next_health(struct rpc_call *call, struct fiber_event *event,
                       const struct fault **ret_outcome)
{
    struct slice message;
    if (!world_next(call, event, &message, ret_outcome))
        return -1;
    Grpc__Health__V1__HealthCheckResponse *response =
        grpc__health__v1__health_check_response__unpack(NULL, message.len,
                                                        (const uint8_t *)message.ptr);
    assert_non_null(response);
    int status = (int)response->status;
    grpc__health__v1__health_check_response__free_unpacked(response, NULL);
    return status;
}

static void health_watch_body(struct world *world)
{
    char echo[] = "pek.testing.Echo";
    char other[] = "pek.testing.Other";
    const struct fault *outcome = NULL;
    struct fiber_event event = {0};
    struct fiber_event other_event = {0};
    health_request request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    request.service = echo;
    struct rpc_call *watch =
        start_path(world, "/grpc.health.v1.Health/Watch", &request.base, true, &event);
    request.service = other;
    struct rpc_call *other_watch =
        start_path(world, "/grpc.health.v1.Health/Watch", &request.base, true, &other_event);
    assert_int_equal(next_health(watch, &event, &outcome), SERVING);
    assert_int_equal(next_health(other_watch, &other_event, &outcome), SERVICE_UNKNOWN);
    rpc_server_set_serving(world->server, false);
    assert_int_equal(next_health(watch, &event, &outcome), NOT_SERVING);
    rpc_server_set_serving(world->server, true);
    assert_int_equal(next_health(watch, &event, &outcome), SERVING);

    assert_int_equal(rpc_server_drain(world->server, deadline_after_ms(WORLD_SOON_MS)), STATUS_OK);
    assert_int_equal(next_health(watch, &event, &outcome), NOT_SERVING);
    assert_int_equal(next_health(watch, &event, &outcome), -1);
    assert_int_equal(outcome->status, STATUS_UNAVAILABLE);
    rpc_call_free(watch);
    rpc_call_free(other_watch);
}

static void health_watch_sees_the_drain(void **state)
{
    world_case(state, health_watch_body);
}

/* ---- drain ---- */

#define LOAD_FIBERS 32

struct load {
    struct world *world;
    bool stop;
    size_t running;
    size_t ok;
    size_t unavailable;
    size_t other;
    struct fiber_event done;
};

static void load_run(void *arg)
{
    struct load *load = arg;
    struct fault fault;
    while (!load->stop) {
        enum status status = say(load->world, &fault);
        if (status == STATUS_OK)
            load->ok++;
        else if (status == STATUS_UNAVAILABLE)
            load->unavailable++;
        else
            load->other++;
        if (status != STATUS_OK)
            break;
    }
    load->running--;
    fiber_event_signal(&load->done);
}

static void drain_body(struct world *world)
{
    struct load load = {.world = world, .running = LOAD_FIBERS};
    for (size_t i = 0; i < LOAD_FIBERS; i++)
        assert_int_equal(fiber_go(world->fibers, load_run, &load), STATUS_OK);
    while (load.ok < 1000)
        fiber_sleep_ms(1);
    assert_int_equal(rpc_server_drain(world->server, deadline_after_ms(WORLD_SOON_MS)), STATUS_OK);
    load.stop = true;
    while (load.running > 0)
        assert_int_equal(fiber_event_wait(&load.done, deadline_after_ms(WORLD_SOON_MS)), STATUS_OK);
    /* What a handler began was answered; the rest was told to go elsewhere. */
    assert_int_equal(load.other, 0);
    assert_int_equal(world->log.handled, load.ok);
}

static void drain_under_load_loses_nothing_accepted(void **state)
{
    world_case(state, drain_body);
}

static void drain_late_body(struct world *world)
{
    struct fiber_event event = {0};
    struct rpc_call *call = NULL;
    const struct fault *outcome = NULL;
    struct slice message;
    WORLD_TEXT(request, "hello");
    assert_int_equal(
        world_start(world, "Wait", &request.base, NULL, 0, WORLD_SOON_MS, &event, &call),
        STATUS_OK);
    world_await_waiting(world, 1);
    assert_int_equal(rpc_server_drain(world->server, deadline_after_ms(100)),
                     STATUS_DEADLINE_EXCEEDED);
    assert_int_equal(world->log.last_wait, STATUS_CANCELLED);
    assert_false(world_next(call, &event, &message, &outcome));
    assert_int_equal(outcome->status, STATUS_UNAVAILABLE);
    rpc_call_free(call);
}

static void drain_cancels_what_is_left_at_its_deadline(void **state)
{
    world_case(state, drain_late_body);
}

static void gone_body(struct world *world)
{
    struct fault fault;
    assert_int_equal(say(world, &fault), STATUS_OK);
    assert_int_equal(rpc_server_drain(world->server, deadline_after_ms(WORLD_SOON_MS)), STATUS_OK);
    assert_int_equal(say(world, &fault), STATUS_UNAVAILABLE);
    /* No address of this machine in a public text. */
    assert_string_equal(fault.text, "not reachable at present");
}

#define BACK_WITHIN_MS 5000

static void back_body(struct world *world)
{
    struct fault fault;
    assert_int_equal(say(world, &fault), STATUS_OK);
    assert_int_equal(rpc_server_drain(world->server, deadline_after_ms(WORLD_SOON_MS)), STATUS_OK);
    world->server = rpc_server_free(world->server);
    assert_int_equal(say(world, &fault), STATUS_UNAVAILABLE);
    struct rpc_server_options options = {.listen = world->target};
    assert_int_equal(rpc_server_new(world->runtime, world->host, &options, &world->server, &fault),
                     STATUS_OK);
    int64_t give_up_us = deadline_after_ms(BACK_WITHIN_MS);
    while (say(world, &fault) != STATUS_OK) {
        assert_int_equal(fault.status, STATUS_UNAVAILABLE);
        assert_true(clock_monotonic_us() < give_up_us);
        fiber_sleep_ms(20);
    }
}

static void channel_finds_a_server_that_came_back(void **state)
{
    world_case(state, back_body);
}

static void call_to_a_server_that_is_gone_is_unavailable(void **state)
{
    world_case(state, gone_body);
}

/* ---- deadlines and limits of the port ---- */

static void unread_body(struct world *world)
{
    char *large = calloc(1, RPC_MESSAGE_BYTES_MAX);
    memset(large, 'x', RPC_MESSAGE_BYTES_MAX - 1);
    struct fault fault;
    testing_text request = TESTING_TEXT_INIT;
    request.text = large;
    assert_int_equal(
        world_unary(world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, &fault),
        STATUS_RESOURCE_EXHAUSTED);
    assert_int_equal(world->log.handled, 0);
    free(large);
}

static void oversize_request_is_refused(void **state)
{
    world_case(state, unread_body);
}

static void port_that_is_taken_is_refused(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, &(struct world_options){.grpc = true});
    struct rpc_server *second = NULL;
    struct fault fault = {0};
    struct rpc_server_options options = {.listen = world.target};
    assert_int_equal(rpc_server_new(world.runtime, world.host, &options, &second, &fault),
                     STATUS_UNAVAILABLE);
    assert_null(second);
    assert_true(strstr(fault.text, "cannot listen") != NULL);
    assert_true(strstr(fault.text, ": Address already in use") != NULL);
    world_close(&world);
}

#define FLOOD 1000
#define FLOOD_LIMIT 4
#define FLOOD_CHANNELS 5 /* one connection alone may not have so many streams */

static size_t count_ended(struct rpc_call **calls, size_t count)
{
    size_t ended = 0;
    for (size_t i = 0; i < count; i++)
        ended += rpc_call_ended(calls[i], NULL);
    return ended;
}

/* Handlers that wait take what the limit allows; whoever comes beside them does not wait. */
static void flood_body(struct world *world)
{
    struct fiber_event event = {0};
    static struct rpc_call *calls[FLOOD];
    WORLD_TEXT(request, "hello");
    struct rpc_channel *channels[FLOOD_CHANNELS] = {world->channel};
    for (size_t i = 1; i < FLOOD_CHANNELS; i++)
        assert_int_equal(rpc_channel_new(world->runtime, world->target, NULL, &channels[i], NULL),
                         STATUS_OK);
    for (size_t i = 0; i < FLOOD; i++) {
        world->channel = channels[i % FLOOD_CHANNELS];
        assert_int_equal(
            world_start(world, "Wait", &request.base, NULL, 0, WORLD_SOON_MS, &event, &calls[i]),
            STATUS_OK);
    }
    world->channel = channels[0];
    while (count_ended(calls, FLOOD) < FLOOD - FLOOD_LIMIT)
        assert_int_equal(fiber_event_wait(&event, deadline_after_ms(WORLD_SOON_MS)), STATUS_OK);
    assert_int_equal(world->log.waiting, FLOOD_LIMIT);
    for (size_t i = 0; i < FLOOD; i++) {
        const struct fault *outcome = NULL;
        if (rpc_call_ended(calls[i], &outcome)) {
            assert_int_equal(outcome->status, STATUS_RESOURCE_EXHAUSTED);
            assert_string_equal(outcome->reason, "TOO_MANY_CALLS");
            assert_int_equal(outcome->retry_after_ms, RPC_RETRY_AFTER_MS);
        }
        rpc_call_free(calls[i]);
    }
    world_await_cancelled(world, FLOOD_LIMIT);
    for (size_t i = 1; i < FLOOD_CHANNELS; i++)
        rpc_channel_free(channels[i]);
}

static void flood_is_refused_beside_handlers_that_wait(void **state)
{
    struct world_options options = *(const struct world_options *)*state;
    options.unary_max = FLOOD_LIMIT;
    options.stream_max = 4;
    void *limited = &options;
    world_case(&limited, flood_body);
}

/* ---- reflection ---- */

typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_question;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_answer;

#define ANSWER(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name
#define QUESTION(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name

static reflection_answer *ask(struct world *world, const char *version,
                              const reflection_question *question)
{
    char path[128];
    snprintf(path, sizeof(path), "/grpc.reflection.%s.ServerReflection/ServerReflectionInfo",
             version);
    struct fiber_event event = {0};
    struct slice message;
    const struct fault *outcome = NULL;
    struct rpc_call *call = start_path(world, path, &question->base, true, &event);
    reflection_answer *answer = NULL;
    while (world_next(call, &event, &message, &outcome)) {
        assert_null(answer);
        answer = grpc__reflection__v1__server_reflection_response__unpack(
            NULL, message.len, (const uint8_t *)message.ptr);
        assert_non_null(answer);
    }
    assert_int_equal(outcome->status, STATUS_OK);
    rpc_call_free(call);
    return answer;
}

static void reflection_list(struct world *world, const char *version)
{
    char all[] = "*";
    reflection_question question = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    question.message_request_case = QUESTION(LIST_SERVICES);
    question.list_services = all;
    reflection_answer *answer = ask(world, version, &question);
    assert_int_equal(answer->message_response_case, ANSWER(LIST_SERVICES_RESPONSE));
    assert_int_equal(answer->list_services_response->n_service, 4);
    assert_string_equal(answer->list_services_response->service[0]->name, "pek.testing.Echo");
    assert_string_equal(answer->list_services_response->service[1]->name, "grpc.health.v1.Health");
    grpc__reflection__v1__server_reflection_response__free_unpacked(answer, NULL);
}

static void reflection_body(struct world *world)
{
    reflection_list(world, "v1");
    reflection_list(world, "v1alpha");

    char symbol[] = "pek.testing.Echo.Say";
    reflection_question question = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    question.message_request_case = QUESTION(FILE_CONTAINING_SYMBOL);
    question.file_containing_symbol = symbol;
    reflection_answer *by_symbol = ask(world, "v1", &question);
    assert_int_equal(by_symbol->message_response_case, ANSWER(FILE_DESCRIPTOR_RESPONSE));

    char file[] = "echo.proto";
    question.message_request_case = QUESTION(FILE_BY_FILENAME);
    question.file_by_filename = file;
    reflection_answer *by_name = ask(world, "v1", &question);
    assert_int_equal(by_name->message_response_case, ANSWER(FILE_DESCRIPTOR_RESPONSE));
    const ProtobufCBinaryData *left = by_symbol->file_descriptor_response->file_descriptor_proto;
    const ProtobufCBinaryData *right = by_name->file_descriptor_response->file_descriptor_proto;
    assert_true(
        slice_equal(slice_make(left->data, left->len), slice_make(right->data, right->len)));
    grpc__reflection__v1__server_reflection_response__free_unpacked(by_symbol, NULL);
    grpc__reflection__v1__server_reflection_response__free_unpacked(by_name, NULL);

    char check_symbol[] = "grpc.health.v1.Health.Check";
    question.message_request_case = QUESTION(FILE_CONTAINING_SYMBOL);
    question.file_containing_symbol = check_symbol;
    reflection_answer *health = ask(world, "v1alpha", &question);
    assert_int_equal(health->message_response_case, ANSWER(FILE_DESCRIPTOR_RESPONSE));
    grpc__reflection__v1__server_reflection_response__free_unpacked(health, NULL);

    char options_type[] = "google.protobuf.MethodOptions";
    question.message_request_case = QUESTION(ALL_EXTENSION_NUMBERS_OF_TYPE);
    question.all_extension_numbers_of_type = options_type;
    reflection_answer *numbers = ask(world, "v1", &question);
    assert_int_equal(numbers->message_response_case, ANSWER(ALL_EXTENSION_NUMBERS_RESPONSE));
    assert_true(numbers->all_extension_numbers_response->n_extension_number >= 3);
    grpc__reflection__v1__server_reflection_response__free_unpacked(numbers, NULL);

    Grpc__Reflection__V1__ExtensionRequest extension =
        GRPC__REFLECTION__V1__EXTENSION_REQUEST__INIT;
    extension.containing_type = options_type;
    extension.extension_number = 50001;
    question.message_request_case = QUESTION(FILE_CONTAINING_EXTENSION);
    question.file_containing_extension = &extension;
    reflection_answer *access = ask(world, "v1", &question);
    assert_int_equal(access->message_response_case, ANSWER(FILE_DESCRIPTOR_RESPONSE));
    grpc__reflection__v1__server_reflection_response__free_unpacked(access, NULL);

    char missing[] = "pek.testing.Missing";
    question.message_request_case = QUESTION(FILE_CONTAINING_SYMBOL);
    question.file_containing_symbol = missing;
    reflection_answer *answer = ask(world, "v1", &question);
    assert_int_equal(answer->message_response_case, ANSWER(ERROR_RESPONSE));
    assert_int_equal(answer->error_response->error_code, STATUS_NOT_FOUND);
    grpc__reflection__v1__server_reflection_response__free_unpacked(answer, NULL);
}

static void reflection_lists_and_describes(void **state)
{
    (void)state;
    struct world_options options = {.grpc = true, .reflection = true};
    options.descriptor_set = slice_make(echo_descriptors, echo_descriptors_len);
    void *reflecting = &options;
    world_case(&reflecting, reflection_body);
}

static void garbage_descriptors_are_refused(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, &(struct world_options){.grpc = true});
    struct rpc_server *server = NULL;
    struct fault fault = {0};
    struct rpc_server_options options = {
        .listen = "127.0.0.1:0", .reflection = true, .descriptor_set = SLICE_LIT("\x0a\xff")};
    assert_int_equal(rpc_server_new(world.runtime, world.host, &options, &server, &fault),
                     STATUS_INVALID_ARGUMENT);
    world_close(&world);
}

/* https://www.w3.org/TR/trace-context/#traceparent-header-field-values */
static void traceparent_is_read_to_the_letter(void **state)
{
    static const struct {
        const char *text;
        bool is_one, is_sampled;
    } texts[] = {
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true, true},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true, false},
        {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0b", true, true},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fe", true, false},
        {"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false, false},
        {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false, false},
        {"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333x-01", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c0b7ad6b7169203331-01", false, false},
        {"0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false, false},
        {"", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        bool is_sampled = true;
        struct slice id = rpc_traceparent_id(slice_str(texts[i].text), &is_sampled);
        if ((id.len > 0) != texts[i].is_one || is_sampled != texts[i].is_sampled)
            fail_msg("%s", texts[i].text);
        if (id.len > 0)
            assert_true(slice_equal_str(id, "0af7651916cd43dd8448eb211c80319c"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traceparent_is_read_to_the_letter),
        WORLD_REMOTE(health_needs_no_token_and_knows_every_service),
        WORLD_REMOTE(health_watch_sees_the_drain),
        WORLD_REMOTE(drain_under_load_loses_nothing_accepted),
        WORLD_REMOTE(drain_cancels_what_is_left_at_its_deadline),
        WORLD_REMOTE(call_to_a_server_that_is_gone_is_unavailable),
        WORLD_REMOTE(channel_finds_a_server_that_came_back),
        WORLD_REMOTE(oversize_request_is_refused),
        cmocka_unit_test(port_that_is_taken_is_refused),
        WORLD_REMOTE(flood_is_refused_beside_handlers_that_wait),
        cmocka_unit_test(reflection_lists_and_describes),
        cmocka_unit_test(garbage_descriptors_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
