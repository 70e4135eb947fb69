/* What only a gRPC port has: health, reflection, drain, mutual TLS, default deadlines. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "shared/base/clock.h"
#include "shared/rpc/testing/certificates.h"
#include "shared/rpc/testing/echo_descriptor_set.h"
#include "shared/rpc/testing/world.h"

static void run_case(const struct world_options *options, void (*body)(struct world *world))
{
    struct world world;
    world_open(&world, options);
    world_run(&world, body);
    world_close(&world);
}

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
    (void)state;
    run_case(&(struct world_options){.grpc = true}, health_body);
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
    (void)state;
    run_case(&(struct world_options){.grpc = true}, health_watch_body);
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
    (void)state;
    run_case(&(struct world_options){.grpc = true}, drain_body);
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
    (void)state;
    run_case(&(struct world_options){.grpc = true}, drain_late_body);
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

static void call_to_a_server_that_is_gone_is_unavailable(void **state)
{
    (void)state;
    run_case(&(struct world_options){.grpc = true}, gone_body);
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
    (void)state;
    run_case(&(struct world_options){.grpc = true}, unread_body);
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
    world_close(&world);
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
    run_case(&options, reflection_body);
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

/* ---- mutual TLS ---- */

static void tls_ok_body(struct world *world)
{
    struct fault fault;
    assert_int_equal(say(world, &fault), STATUS_OK);
    assert_int_equal(world->certificates_seen, 1);
}

static void tls_refused_body(struct world *world)
{
    struct fault fault;
    WORLD_TEXT(request, "hello");
    enum status status =
        world_unary(world, "Say", &request.base, NULL, 0, 1500, NULL, NULL, &fault);
    assert_true(status == STATUS_UNAVAILABLE || status == STATUS_DEADLINE_EXCEEDED);
    assert_int_equal(world->log.handled, 0);
}

static struct rpc_tls tls_of(const struct certificates *ca, const struct certificate_paths *paths)
{
    return (struct rpc_tls){ca->ca_path, paths->certificate, paths->key, "worker.test"};
}

/* A client of another make, which trusts the server and shows the certificate that it is given, if any. */
struct bare_client {
    const char *ca_path;
    const struct certificate_paths *paths;
    int port;
    bool read_something;
    bool finished;
};

static void bare_connect(void *arg)
{
    struct bare_client *client = arg;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)client->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    static const unsigned char alpn[] = "\x02h2";
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
        SSL_CTX_load_verify_file(context, client->ca_path) == 1) {
        if (client->paths) {
            SSL_CTX_use_certificate_file(context, client->paths->certificate, SSL_FILETYPE_PEM);
            SSL_CTX_use_PrivateKey_file(context, client->paths->key, SSL_FILETYPE_PEM);
        }
        ssl = SSL_new(context);
        SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
        SSL_set_alpn_protos(ssl, alpn, 3);
        SSL_set_fd(ssl, fd);
        char byte;
        if (SSL_connect(ssl) == 1 && SSL_write(ssl, preface, sizeof(preface) - 1) > 0)
            client->read_something = SSL_read(ssl, &byte, 1) > 0;
        client->finished = true;
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
}

static void bare_body(struct world *world)
{
    struct bare_client client = *(const struct bare_client *)world->arg;
    client.port = rpc_server_port(world->server);
    assert_int_equal(fiber_offload(bare_connect, &client), STATUS_OK);
    assert_true(client.finished);
    /* The first that a server sends to whom it accepts are its settings. */
    assert_true(client.read_something == (client.paths != NULL));
}

static void bare_case(const struct world_options *options, const char *ca_path,
                      const struct certificate_paths *paths)
{
    struct bare_client client = {.ca_path = ca_path, .paths = paths};
    struct world world;
    world_open(&world, options);
    world.arg = &client;
    world_run(&world, bare_body);
    world_close(&world);
}

static void mutual_tls_is_required(void **state)
{
    (void)state;
    struct certificates ca, other_ca;
    struct certificate_paths server, client, stranger;
    certificates_open(&ca);
    certificates_open(&other_ca);
    certificates_issue(&ca, "server", "worker.test", &server);
    certificates_issue(&ca, "client", "hub.test", &client);
    certificates_issue(&other_ca, "stranger", "hub.test", &stranger);
    struct rpc_tls server_tls = tls_of(&ca, &server);
    struct rpc_tls client_tls = tls_of(&ca, &client);
    struct world_options options = {
        .grpc = true, .server_tls = &server_tls, .channel_tls = &client_tls};
    run_case(&options, tls_ok_body);

    /* With a client certificate, and without. */
    bare_case(&options, ca.ca_path, &client);
    bare_case(&options, ca.ca_path, NULL);
    /* A client certificate of somebody else's authority. */
    struct rpc_tls stranger_tls = tls_of(&ca, &stranger);
    options.channel_tls = &stranger_tls;
    run_case(&options, tls_refused_body);
    /* No TLS at all. */
    options.channel_tls = NULL;
    run_case(&options, tls_refused_body);
    /* A server of another name, and one of another authority. */
    options.channel_tls = &client_tls;
    client_tls.server_name = "other.test";
    run_case(&options, tls_refused_body);
    client_tls = tls_of(&other_ca, &client);
    run_case(&options, tls_refused_body);

    certificates_close(&ca);
    certificates_close(&other_ca);
}

static void tls_without_readable_files_is_refused(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, &(struct world_options){.grpc = true});
    struct rpc_channel *channel = NULL;
    struct fault fault = {0};
    struct rpc_tls tls = {"/nonexistent/ca", "/nonexistent/cert", "/nonexistent/key", NULL};
    assert_int_equal(rpc_channel_new(world.runtime, world.target, &tls, &channel, &fault),
                     STATUS_UNAVAILABLE);
    tls.key_path = NULL;
    tls.ca_path = "/dev/null";
    assert_int_equal(rpc_channel_new(world.runtime, world.target, &tls, &channel, &fault),
                     STATUS_UNAVAILABLE);
    world_close(&world);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* of the bare TLS client */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_needs_no_token_and_knows_every_service),
        cmocka_unit_test(health_watch_sees_the_drain),
        cmocka_unit_test(drain_under_load_loses_nothing_accepted),
        cmocka_unit_test(drain_cancels_what_is_left_at_its_deadline),
        cmocka_unit_test(call_to_a_server_that_is_gone_is_unavailable),
        cmocka_unit_test(oversize_request_is_refused),
        cmocka_unit_test(port_that_is_taken_is_refused),
        cmocka_unit_test(reflection_lists_and_describes),
        cmocka_unit_test(garbage_descriptors_are_refused),
        cmocka_unit_test(mutual_tls_is_required),
        cmocka_unit_test(tls_without_readable_files_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
