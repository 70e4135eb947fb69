/* The server over real sockets: what it serves. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/http/fixture.h"

static void request_is_told_as_it_was_sent(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client client = ask(SLICE_LIT("POST /a%20b/c?x=%201&y HTTP/1.1\r\nHost: "
                                         "pek.example:80\r\nCookie: a=b; pek_session=\"tok\"\r\n"
                                         "X-Policy-Hint: GOD\r\nX-Forwarded-For: "
                                         "1.2.3.4\r\nAccept: application/x-ndjson, */*;q=0.1\r\n"
                                         "Content-Length: 5\r\nConnection: close\r\n\r\nhello"));
    static const char *const lines[] = {"HTTP/1.1 200 OK\r\n", "method=POST\n", "path=/a b/c\n",
                                        "raw=/a%20b/c\n", "query=x=%201&y\n", "body=hello\n",
                                        "hint=\n", "forwarded=\n", "cookie=tok\n",
                                        "peer=127.0.0.1\n", "host=pek.example:80\n", "secure=0\n",
                                        /* Not believed, but said. */
                                        "proxied=1\n", "accept=1\n", "Connection: close\r\n",
                                        "x-request-id: ", "x-content-type-options: nosniff\r\n",
                                        "frame-ancestors 'none'", "referrer-policy: "};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (!client_has(&client, lines[i]))
            fail_msg("\"%s\" is not in: %.*s", lines[i], (int)client.in.len, client.in.ptr);
    }
    assert_false(client_has(&client, "Server:"));
    client_close(&client);
}

/* It only names the request in logs: a word, or it is ours. */
static void request_id_of_a_client_is_kept_when_it_is_well_formed(void **state)
{
    static const struct {
        const char *id;
        bool kept;
    } cases[] = {{"abc.1_X-9", true}, {"a b", false}, {"a\"b", false}, {"\xc3\xa9", false}};
    char request[256], line[128];
    (void)state;
    start((struct http_options){0});
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(request, sizeof(request),
                 "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: %s\r\nConnection: close\r\n\r\n",
                 cases[i].id);
        struct client client = ask(slice_str(request));
        snprintf(line, sizeof(line), "x-request-id: %s\r\n", cases[i].id);
        assert_int_equal(client_has(&client, line), cases[i].kept);
        assert_true(client_has(&client, "x-request-id: "));
        client_close(&client);
    }
}

static void odd_forms_of_a_target_are_taken(void **state)
{
    static const struct {
        const char *line, *has;
    } cases[] = {
        {"GET http://other.example:81/a?b HTTP/1.1", "raw=/a\nquery=b\n"},
        {"GET HTTP://other.example:81 HTTP/1.1", "raw=/\nquery=\n"},
        {"GET https://other.example:81?b HTTP/1.1", "raw=/\nquery=b\n"},
        {"OPTIONS * HTTP/1.1", "path=\nraw=*\n"},
        {"OPTIONS http://other.example:81 HTTP/1.1", "path=\nraw=*\n"},
        {"GET / HTTP/1.2", "raw=/\n"},
        {"\r\nGET / HTTP/1.9", "raw=/\n"},
    };
    char request[256];
    (void)state;
    start((struct http_options){0});
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(request, sizeof(request), "%s\r\nHost: a\r\nConnection: close\r\n\r\n",
                 cases[i].line);
        struct client client = ask(slice_str(request));
        /* The authority of an absolute target stands for Host. */
        bool absolute = strstr(cases[i].line, "://") != NULL;
        if (!client_has(&client, cases[i].has) ||
            !client_has(&client, absolute ? "host=other.example:81\n" : "host=a\n"))
            fail_msg("%s gave %.*s", cases[i].line, (int)client.in.len, client.in.ptr);
        client_close(&client);
    }
}

static void long_json_is_compressed_for_those_who_take_it(void **state)
{
    static const struct {
        const char *path, *headers;
        bool compressed;
    } cases[] = {
        {"/json", "Accept-Encoding: gzip\r\n", true},
        {"/json", "Accept-Encoding: br, *\r\n", true},
        {"/json", "Accept-Encoding: gzip\r\nSec-Fetch-Site: same-origin\r\n", true},
        {"/json", "", false},
        {"/json", "Accept-Encoding: gzip;q=0\r\n", false},
        {"/json", "Accept-Encoding: gzip;q=0, *\r\n", false},
        {"/json", "Accept-Encoding: gzip;q=0.5, identity\r\n", false},
        {"/json", "Accept-Encoding: gzip, identity\r\n", true},
        {"/json", "Accept-Encoding: br\r\naccept-encoding: gzip\r\n", true},
        {"/json", "Accept-Encoding: *\r\nAccept-Encoding: gzip;q=0\r\n", false},
        {"/json?short", "Accept-Encoding: gzip\r\n", false},
        /* Its length tells what is in it: nothing that another site's page asks for. */
        {"/json", "Accept-Encoding: gzip\r\nSec-Fetch-Site: cross-site\r\n", false},
        {"/json", "Accept-Encoding: gzip\r\nSec-Fetch-Site: same-site\r\n", false},
    };
    char request[256];
    (void)state;
    start((struct http_options){0});
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n", cases[i].path,
                 cases[i].headers);
        struct client client = ask(slice_str(request));
        if (client_has(&client, "content-encoding: gzip\r\n") != cases[i].compressed ||
            client_has(&client, "11111111") == cases[i].compressed)
            fail_msg("case %zu: %.*s", i, (int)client.in.len, client.in.ptr);
        assert_true(client_has(&client, "vary: accept-encoding, sec-fetch-site\r\n"));
        client_close(&client);
    }
}

/* Lines of a list are one list, wherever they stand. */
static void list_in_several_lines_is_one(void **state)
{
    static const struct {
        const char *headers, *has;
    } cases[] = {
        {"Content-Encoding: gzip\r\n", "HTTP/1.1 415 "},
        {"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n", "HTTP/1.1 415 "},
        {"Content-Encoding: \r\nX: y\r\ncontent-encoding: identity , br\r\n", "HTTP/1.1 415 "},
        {"Content-Encoding: identity\r\nContent-Encoding: identity\r\n", "HTTP/1.1 200 "},
        {"Accept: text/html\r\nAccept: application/x-ndjson\r\n", "accept=1\n"},
        {"Accept: text/html\r\nAccept: text/plain\r\n", "accept=-1\n"},
        {"X-Forwarded-For: 6.6.6.6, 1.2.3.4\r\nX-Forwarded-For: 127.0.0.1\r\n", "peer=1.2.3.4\n"},
    };
    static const char *const trusted[] = {"127.0.0.1"};
    char request[256];
    (void)state;
    start((struct http_options){.trusted_proxies = trusted, .trusted_proxy_count = 1});
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(request, sizeof(request),
                 "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%sContent-Length: 1\r\n\r\nx",
                 cases[i].headers);
        struct client client = ask(slice_str(request));
        if (!client_has(&client, cases[i].has))
            fail_msg("%s: %.*s", cases[i].headers, (int)client.in.len, client.in.ptr);
        client_close(&client);
    }
}

/* Two values are no value: which one counts would be a matter of who reads. */
static void header_of_one_value_is_given_once(void **state)
{
    static const char *const names[] = {"access-control-request-method",
                                        "content-type",
                                        "idempotency-key",
                                        "last-event-id",
                                        "origin",
                                        "sec-fetch-site"};
    char request[256], told[128];
    (void)state;
    start((struct http_options){0});
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(request, sizeof(request),
                 "GET / HTTP/1.1\r\nHost: a\r\n%s: a\r\nX: y\r\n%s: a\r\n\r\n", names[i], names[i]);
        request[strstr(request, names[i]) - request] -= 'a' - 'A'; /* names have no case */
        snprintf(told, sizeof(told), "%s is given more than once", names[i]);
        struct client client = ask(slice_str(request));
        if (!client_has(&client, "HTTP/1.1 400 ") || !client_has(&client, told))
            fail_msg("%s: %.*s", request, (int)client.in.len, client.in.ptr);
        client_close(&client);
    }
    /* Nobody is believed about it here, so it is nothing. */
    assert_answer(SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-Proto: "
                            "http\r\nX-Forwarded-Proto: https\r\n\r\n"),
                  "HTTP/1.1 200 ");
    assert_int_equal(seen.started, 1);
}

static void trusted_proxy_is_believed(void **state)
{
    (void)state;
    static const char *const trusted[] = {"127.0.0.1"};
    start((struct http_options){.trusted_proxies = trusted, .trusted_proxy_count = 1});
    struct client client =
        ask(SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 1.2.3.4\r\n"
                      "X-Forwarded-Proto: https\r\nX-Request-Id: abc.1\r\nx-policy-hint: GOD\r\n"
                      "Connection: close\r\n\r\n"));
    assert_true(client_has(&client, "peer=1.2.3.4\n"));
    assert_true(client_has(&client, "secure=1\n"));
    assert_true(client_has(&client, "proxied=1\n"));
    assert_true(client_has(&client, "hint=\n"));
    assert_true(client_has(&client, "x-request-id: abc.1\r\n"));
    client_close(&client);
    assert_answer(SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-Proto: "
                            "http\r\nX-Forwarded-Proto: https\r\n\r\n"),
                  "HTTP/1.1 400 ");
}

static void paths_that_must_not_name_a_file_are_empty(void **state)
{
    (void)state;
    start((struct http_options){0});
    static const char *const paths[] = {"/..",    "/a/../b", "/%2e%2e/x", "/a%2fb",
                                        "/a%5Cb", "/a%00b",  "/a%0ab",    "/%ff",
                                        "/a%",    "/./a",    "/a/%2E/",   "/a/.%2e"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char text[128];
        int len = snprintf(text, sizeof(text),
                           "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", paths[i]);
        struct client client = ask(slice_make(text, (size_t)len));
        if (!client_has(&client, "\npath=\n"))
            fail_msg("%s gave %.*s", paths[i], (int)client.in.len, client.in.ptr);
        client_close(&client);
    }
}

static void connection_is_kept_and_pipelined_in_order(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client client = client_open();
    client_send(&client, SLICE_LIT(GET("/1")));
    READ_UNTIL(&client, "path=/1\n");
    client_send(
        &client,
        SLICE_LIT(GET("/2") GET(
            "/small-stream") "POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
                             "POST /4 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" GET_CLOSE("/5")));
    READ_TO_END(&client);
    const char *at = client.in.ptr;
    static const char *const order[] = {"path=/2\n", "4\r\none\n\r\n4\r\ntwo\n\r\n0\r\n\r\n",
                                        "body=hi\n", "body=abcde\n", "path=/5\n"};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        const char *found =
            memmem(at, (size_t)(client.in.ptr + client.in.len - at), order[i], strlen(order[i]));
        assert_non_null(found);
        at = found;
    }
    assert_int_equal(http_server_connections(server), 0);
    client_close(&client);
}

static void stream_waits_for_a_slow_reader(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client client = client_open();
    client_send(&client, SLICE_LIT(GET_CLOSE("/stream")));
    /* 16 MiB are more than the sockets hold: it stops before the end as long as nobody reads. */
    size_t before = 0;
    for (int still = 0; still < 100;) {
        uv_run(&loop, UV_RUN_ONCE);
        still = seen.stream_written == before ? still + 1 : 0;
        before = seen.stream_written;
    }
    assert_true(before > 0);
    assert_true(before < 256);
    assert_int_equal(seen.ended, 0);
    READ_TO_END(&client);
    assert_int_equal(seen.stream_written, 256);
    assert_int_equal(seen.stream_status, STATUS_OK);
    assert_true(client.in.len > 256u * 65536);
    assert_memory_equal(client.in.ptr + client.in.len - 7, "\r\n0\r\n\r\n", 7);
    client_close(&client);
}

static void aborted_stream_does_not_look_whole(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client client = ask(SLICE_LIT(GET("/aborted-stream")));
    assert_true(client_has(&client, "one\n"));
    assert_false(client_has(&client, "\r\n0\r\n\r\n"));
    client_close(&client);
}

static void old_and_headless_requests_are_served(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client client = ask(SLICE_LIT("GET /small-stream HTTP/1.0\r\n\r\n"));
    assert_true(client_has(&client, "\r\n\r\none\ntwo\n"));
    client_close(&client);
    client = ask(SLICE_LIT("GET /small-stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    assert_true(client_has(&client, "\r\n\r\none\ntwo\n"));
    client_close(&client);
    client = ask(SLICE_LIT("HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_true(client_has(&client, "Content-Length: "));
    assert_memory_equal(client.in.ptr + client.in.len - 4, "\r\n\r\n", 4);
    client_close(&client);
    client = ask(SLICE_LIT("HEAD /small-stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_memory_equal(client.in.ptr + client.in.len - 4, "\r\n\r\n", 4);
    client_close(&client);
    client = ask(SLICE_LIT("POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                           "Content-Length: 2\r\nConnection: close\r\n\r\nhi"));
    assert_true(client_has(&client, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
    client_close(&client);
}

static void headers_of_the_handler_go_out_clean(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client client = ask(SLICE_LIT(GET_CLOSE("/headers")));
    assert_true(client_has(&client, "HTTP/1.1 204 No Content\r\n"));
    assert_true(client_has(&client, "set-cookie: a=1\r\n"));
    assert_true(client_has(&client, "set-cookie: b=2\r\n"));
    assert_false(client_has(&client, "x-evil"));
    assert_int_equal(client_count(&client, "content-security-policy"), 1);
    assert_true(client_has(&client, "default-src 'none'"));
    assert_false(client_has(&client, "Content-Length"));
    assert_false(client_has(&client, "not sent"));
    client_close(&client);
}

static void handler_without_answer_is_answered_500(void **state)
{
    (void)state;
    start((struct http_options){0});
    assert_answer(SLICE_LIT(GET_CLOSE("/unanswered")), "HTTP/1.1 500 ");
}

static void drain_finishes_what_runs_and_closes_the_rest(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client running = client_open(), idle = client_open(), silent = client_open(),
                  often = client_open();
    client_send(&running, SLICE_LIT(GET("/wait")));
    client_send(&idle, SLICE_LIT(GET("/")));
    READ_UNTIL(&idle, "path=/\n");
    client_send(&often, SLICE_LIT(GET("/")));
    READ_UNTIL(&often, "path=/\n");
    WAIT_FOR(seen.started == 3);
    begin_drain(WAIT_MS);
    /* Who asks again is answered, and told that this was the last. */
    int64_t later_us = clock_monotonic_us() + 250000;
    WAIT_FOR(clock_monotonic_us() > later_us);
    client_send(&often, SLICE_LIT(GET("/again")));
    READ_TO_END(&often);
    assert_true(client_has(&often, "path=/again\n"));
    assert_true(client_has(&often, "Connection: close\r\n"));
    READ_TO_END(&idle);
    READ_TO_END(&silent);
    assert_false(drain.done);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)http_server_port(server))};
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), -1);
    close(fd);
    seen.release = true;
    READ_TO_END(&running);
    assert_true(client_has(&running, "Connection: close\r\n"));
    assert_true(client_has(&running, "waited"));
    WAIT_FOR(drain.done);
    assert_int_equal(drain.status, STATUS_OK);
    assert_int_equal(seen.cancelled, 0);
    client_close(&running);
    client_close(&idle);
    client_close(&silent);
    client_close(&often);
}

/* One connection after the other, until one is not taken. */
struct visitor {
    struct sockaddr_in address;
    atomic_int served, lost;
};

static void *visit(void *arg)
{
    struct visitor *visitor = arg;
    const struct timeval patience = {.tv_usec = 300000};
    const char *request = GET_CLOSE("/");
    for (bool taken = true; taken;) {
        char answer[64];
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        taken = connect(fd, (struct sockaddr *)&visitor->address, sizeof(visitor->address)) == 0;
        bool served = taken && send(fd, request, strlen(request), MSG_NOSIGNAL) > 0 &&
                      recv(fd, answer, sizeof(answer), MSG_WAITALL) == sizeof(answer);
        visitor->served += served;
        visitor->lost += taken && !served;
        close(fd);
    }
    return NULL;
}

static void drain_answers_whoever_is_connected(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client busy = client_open();
    struct visitor visitor = {.address = {.sin_family = AF_INET,
                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                          .sin_port = htons((uint16_t)http_server_port(server))}};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, visit, &visitor), 0);
    WAIT_FOR(visitor.served > 10);
    client_send(&busy, SLICE_LIT(GET_CLOSE("/busy"))); /* while it runs somebody connects */
    begin_drain(WAIT_MS);
    WAIT_FOR(drain.done);
    assert_int_equal(drain.status, STATUS_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(visitor.lost, 0);
    client_close(&busy);
}

static void drain_cancels_at_its_deadline(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client client = client_open();
    client_send(&client, SLICE_LIT(GET("/wait")));
    WAIT_FOR(seen.started == 1);
    begin_drain(50);
    WAIT_FOR(drain.done);
    assert_int_equal(drain.status, STATUS_DEADLINE_EXCEEDED);
    assert_int_equal(seen.cancelled, 1);
    assert_int_equal(http_server_requests(server), 0);
    client_close(&client);
}

static void bad_addresses_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {NULL,
                                      "",
                                      "8080",
                                      ":8080",
                                      "127.0.0.1:",
                                      "127.0.0.1:65536",
                                      "example.org:80",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:8x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct http_server *none = NULL;
        struct fault fault = {0};
        assert_int_equal(http_server_new(fibers, &(struct http_options){.listen = bad[i]}, handle,
                                         NULL, &none, &fault),
                         STATUS_INVALID_ARGUMENT);
        assert_null(none);
    }
    server = NULL;
}

/* Nobody takes it, and its end is changed meanwhile: what arrives was never copied as a whole. */
static void a_static_body_is_sent_from_where_it_lies(void **state)
{
    (void)state;
    start((struct http_options){0});
    memset(static_body, 's', STATIC_BYTES);
    struct client client = client_open();
    client_send(&client, SLICE_LIT("HEAD /static HTTP/1.1\r\nHost: a\r\n\r\n" GET("/static")
                                       GET("/static") GET_CLOSE("/after")));
    WAIT_FOR(seen.ended == 2);
    READ_UNTIL(&client, "\r\n\r\nHTTP/1.1 200 ");
    assert_int_equal(seen.ended, 2);
    static_body[STATIC_BYTES - 1] = 'e';
    READ_TO_END(&client);
    assert_int_equal(client_count(&client, "Content-Length: 16777216\r\n"), 3);
    const char *last = memmem(client.in.ptr, client.in.len, "seHTTP/1.1 200 OK", 17);
    assert_non_null(last);
    assert_non_null(memmem(last + 1, client.in.len - (size_t)(last + 1 - client.in.ptr),
                           "seHTTP/1.1 200 OK", 17));
    assert_true(client_has(&client, "path=/after\n"));
    assert_true(client.in.len > 2 * (size_t)STATIC_BYTES);
    client_close(&client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(request_is_told_as_it_was_sent),
        TEST(request_id_of_a_client_is_kept_when_it_is_well_formed),
        TEST(odd_forms_of_a_target_are_taken),
        TEST(long_json_is_compressed_for_those_who_take_it),
        TEST(list_in_several_lines_is_one),
        TEST(header_of_one_value_is_given_once),
        TEST(trusted_proxy_is_believed),
        TEST(paths_that_must_not_name_a_file_are_empty),
        TEST(connection_is_kept_and_pipelined_in_order),
        TEST(stream_waits_for_a_slow_reader),
        TEST(aborted_stream_does_not_look_whole),
        TEST(old_and_headless_requests_are_served),
        TEST(headers_of_the_handler_go_out_clean),
        TEST(handler_without_answer_is_answered_500),
        TEST(drain_finishes_what_runs_and_closes_the_rest),
        TEST(drain_answers_whoever_is_connected),
        TEST(drain_cancels_at_its_deadline),
        TEST(bad_addresses_are_refused),
        TEST(a_static_body_is_sent_from_where_it_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
