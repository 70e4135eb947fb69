/* The server over real sockets: what a client that is odd, slow, rude or gone gets. */
#include "hub/http/fixture.h"

#include <poll.h>

#define HEAD "POST / HTTP/1.1\r\nHost: a\r\n"
#define INNER GET("/inner")
static const char *const smuggled[] = {
    HEAD "Content-Length: 0\r\nContent-Length: 0\r\n\r\n" INNER,
    HEAD "Content-Length: 4\r\nContent-Length: 40\r\n\r\nabcd" INNER,
    HEAD "Content-Length: 400\r\nContent-Length: 4\r\n\r\nabcd" INNER,
    HEAD "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" INNER,
    HEAD "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" INNER,
    HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" INNER,
    HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" INNER,
    HEAD "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" INNER,
    HEAD "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" INNER,
    HEAD "Content-Length: +4\r\n\r\nabcd" INNER,
    HEAD "Content-Length: 0x4\r\n\r\nabcd" INNER,
    HEAD "Content-Length: 4,4\r\n\r\nabcd" INNER,
    HEAD "Content-Length: -1\r\n\r\n" INNER,
    HEAD "Content-Length:\r\n\r\n" INNER,
    HEAD "Content-Length: 99999999999999999999\r\n\r\n" INNER,
    HEAD "Transfer-Encoding: chunked\r\n\r\nx\r\n" INNER,
    HEAD "Transfer-Encoding: chunked\r\n\r\n-1\r\n" INNER,
    HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n" INNER,
    HEAD "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" INNER,
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a b\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" INNER,
    "GET / HTTP/1.1\nHost: a\n\n" INNER,
    "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a\r\nX: b\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01z\r\n\r\n" INNER,
    "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
    "GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
    "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
    "GET http://me@a/ HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
    "GET http://a/ HTTP/1.1\r\n\r\n" INNER,
    "GET http://a/ HTTP/1.1\r\nHost: a/b\r\n\r\n" INNER,
    "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
    "GET a HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
    "GET * HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
    "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
    "GET / HTTP/1.10\r\nHost: a\r\n\r\n" INNER,
    "GET / HTTP/1.\r\nHost: a\r\n\r\n" INNER,
    "GET / http/1.1\r\nHost: a\r\n\r\n" INNER,
    "GET / HTTP/1.1 \r\nHost: a\r\n\r\n" INNER,
    "GET /\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost:\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a:port\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: [::1]:99999\r\n\r\n" INNER,
    "GET http://a:65536/ HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n" INNER,
    "GET / HTTP/1.1\r\n Host: a\r\n\r\n" INNER,
    "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
    "GET / HTTP/2.0\r\nHost: a\r\n\r\n" INNER,
    "GET /\\a HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
    "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
    "G(T / HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
    "PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n" INNER,
};

static void smuggled_requests_are_refused_and_never_parsed(void **state)
{
    (void)state;
    start((struct http_options){0});
    for (size_t i = 0; i < sizeof(smuggled) / sizeof(smuggled[0]); i++) {
        struct client client = ask(slice_str(smuggled[i]));
        if (client.in.len < 12 || memcmp(client.in.ptr, "HTTP/1.1 400", 12) != 0 ||
            client_count(&client, "HTTP/1.1") != 1)
            fail_msg("%s\ngave %.*s", smuggled[i], (int)client.in.len, client.in.ptr);
        client_close(&client);
    }
    assert_int_equal(seen.started, 0);
}

static void too_much_is_refused_with_its_code(void **state)
{
    (void)state;
    start((struct http_options){.body_bytes_max = 1000});
    static char text[400000];
    int len = snprintf(text, sizeof(text),
                       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n%01001d", 0);
    assert_answer(slice_make(text, (size_t)len), "HTTP/1.1 413 Content Too Large\r\n");
    len = snprintf(text, sizeof(text),
                   "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n%02048d"
                   "\r\n0\r\n\r\n",
                   0);
    assert_answer(slice_make(text, (size_t)len), "HTTP/1.1 413 Content Too Large\r\n");
    len = snprintf(text, sizeof(text), "GET /%09000d HTTP/1.1\r\nHost: a\r\n\r\n", 0);
    assert_answer(slice_make(text, (size_t)len), "HTTP/1.1 414 ");
    len = snprintf(text, sizeof(text), "GET /%012000d HTTP/1.1\r\nHost: a\r\nX: %024000d\r\n\r\n",
                   0, 0);
    assert_answer(slice_make(text, (size_t)len), "HTTP/1.1 414 ");
    len = snprintf(text, sizeof(text), "GET /%0100000d", 0); /* and no end of the line */
    assert_answer(slice_make(text, (size_t)len), "HTTP/1.1 414 ");
    len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\nX: %040000d\r\n\r\n", 0);
    assert_answer(slice_make(text, (size_t)len), "HTTP/1.1 431 ");
    len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\nX: %0100000d", 0);
    assert_answer(slice_make(text, (size_t)len), "HTTP/1.1 431 ");
    len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 150; i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len, "X-%d: 1\r\n", i);
    len += snprintf(text + len, sizeof(text) - (size_t)len, "\r\n");
    assert_answer(slice_make(text, (size_t)len), "HTTP/1.1 4");
    assert_int_equal(seen.started, 0);
    assert_answer(SLICE_LIT(GET_CLOSE("/fine")), "HTTP/1.1 200 OK\r\n");
}

static void whoever_opens_an_address_in_a_browser_is_given_a_page(void **state)
{
    static char text[20000];
    (void)state;
    start((struct http_options){0});
    for (int page = 0; page < 2; page++) {
        int len =
            snprintf(text, sizeof(text), "GET /%09000d HTTP/1.1\r\nHost: a\r\nAccept: %s\r\n\r\n",
                     0, page ? "text/html,application/xhtml+xml,*/*;q=0.8" : "*/*");
        struct client client = ask(slice_make(text, (size_t)len));
        buffer_append_char(&client.in, '\0');
        assert_non_null(strstr(client.in.ptr, "HTTP/1.1 414 "));
        assert_non_null(strstr(client.in.ptr, page ? "content-type: text/html"
                                                   : "content-type: application/json"));
        assert_true(page == (strstr(client.in.ptr, "<a href=\"/\">") != NULL));
        assert_true(page == (strstr(client.in.ptr, "INVALID_ARGUMENT") == NULL));
        client_close(&client);
    }
    assert_int_equal(seen.started, 0);
}

static void errors_before_there_is_a_request_are_json(void **state)
{
    (void)state;
    start((struct http_options){.body_bytes_max = 10});
    struct client client =
        ask(SLICE_LIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n01234567890"));
    assert_true(client_has(&client, "{\"error\":{\"code\":413,\"status\":\"RESOURCE_EXHAUSTED\""));
    /* As the API says it of a body that is too long for its method. */
    assert_true(client_has(&client, "\"reason\":\"REQUEST_TOO_LARGE\""));
    assert_true(client_has(&client, "nosniff"));
    assert_false(client.reset);
    client_close(&client);
}

static void slow_clients_are_closed(void **state)
{
    (void)state;
    start((struct http_options){.header_timeout_ms = 150, .idle_timeout_ms = 150});
    struct client silent = client_open(), header = client_open(), body = client_open(),
                  idle = client_open();
    client_send(&header, SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\n"));
    client_send(&body, SLICE_LIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx"));
    client_send(&idle, SLICE_LIT(GET("/")));
    READ_UNTIL(&idle, "path=/\n");
    READ_TO_END(&silent);
    assert_int_equal(silent.in.len, 0);
    READ_TO_END(&header);
    assert_true(client_has(&header, "HTTP/1.1 408 "));
    READ_TO_END(&body);
    assert_true(client_has(&body, "HTTP/1.1 408 "));
    READ_TO_END(&idle);
    assert_int_equal(client_count(&idle, "HTTP/1.1 "), 1);
    client_close(&silent);
    client_close(&header);
    client_close(&body);
    client_close(&idle);
}

static void body_that_stops_is_slow_whatever_came_before(void **state)
{
    static char much[100000];
    (void)state;
    start((struct http_options){.header_timeout_ms = 150});
    struct client client = client_open();
    client_send(&client, SLICE_LIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"));
    client_send(&client, slice_make(much, sizeof(much)));
    READ_TO_END(&client);
    assert_true(client_has(&client, "HTTP/1.1 408 "));
    client_close(&client);
}

static void stalled_reader_is_closed(void **state)
{
    (void)state;
    start((struct http_options){.write_stall_ms = 200});
    struct client client = client_open();
    client_send(&client, SLICE_LIT(GET("/stream")));
    WAIT_FOR(seen.ended == 1);
    assert_int_equal(seen.stream_status, STATUS_CANCELLED);
    WAIT_FOR(http_server_connections(server) == 0);
    client_close(&client);
}

/* Slower than the kernel's buffer empties by a third within a stall, but all the time. */
static void slow_reader_is_not_stalled(void **state)
{
    char some[1024];
    (void)state;
    start((struct http_options){.write_stall_ms = 500});
    struct client client = client_open();
    client_send(&client, SLICE_LIT(GET("/stream")));
    for (int64_t until_us = deadline_after_ms(2500); clock_monotonic_us() < until_us;) {
        uv_run(&loop, UV_RUN_NOWAIT);
        (void)!recv(client.fd, some, sizeof(some), MSG_DONTWAIT);
        (void)!poll(NULL, 0, 1);
    }
    assert_int_equal(seen.ended, 0);
    client_close(&client);
    WAIT_FOR(seen.ended == 1);
    WAIT_FOR(http_server_connections(server) == 0);
}

static void reader_that_leaves_ends_the_stream(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client client = client_open();
    client_send(&client, SLICE_LIT(GET("/stream")));
    READ_UNTIL(&client, "xxxx");
    client_close(&client);
    WAIT_FOR(seen.ended == 1);
    assert_int_equal(seen.stream_status, STATUS_CANCELLED);
    WAIT_FOR(http_server_connections(server) == 0);
}

static void client_that_leaves_cancels_its_request(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client client = client_open(), other = client_open();
    client_send(&client, SLICE_LIT(GET("/wait")));
    client_send(&other, SLICE_LIT(GET_CLOSE("/wait")));
    WAIT_FOR(seen.started == 2);
    client_close(&client);
    WAIT_FOR(seen.ended == 1);
    assert_int_equal(seen.cancelled, 1);
    assert_int_equal(http_server_requests(server), 1);
    seen.release = true;
    READ_TO_END(&other);
    assert_true(client_has(&other, "waited"));
    assert_int_equal(seen.cancelled, 1);
    WAIT_FOR(http_server_connections(server) == 0);
    client_close(&other);
}

static void too_many_connections_are_refused_at_once(void **state)
{
    (void)state;
    start((struct http_options){.connections_per_address_max = 2});
    struct client one = client_open(), two = client_open();
    WAIT_FOR(http_server_connections(server) == 2);
    struct client three = client_open();
    READ_TO_END(&three);
    assert_true(client_has(&three, "HTTP/1.1 503 "));
    client_close(&one);
    WAIT_FOR(http_server_connections(server) == 1);
    assert_answer(SLICE_LIT(GET_CLOSE("/")), "HTTP/1.1 200 ");
    client_close(&two);
    client_close(&three);
}

#define OF(client, rest)                                                                           \
    "POST /wait HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " client "\r\n" rest "\r\n"

static void client_behind_a_proxy_takes_nothing_from_the_others(void **state)
{
    static const char *const trusted[] = {"127.0.0.1"};
    struct client slow[2], wait;
    (void)state;
    start((struct http_options){
        .connections_per_address_max = 2, .trusted_proxies = trusted, .trusted_proxy_count = 1});
    for (size_t i = 0; i < 2; i++) { /* counted before their bodies are there */
        slow[i] = client_open();
        client_send(&slow[i], SLICE_LIT(OF("6.6.6.6, 192.0.2.1", "Content-Length: 5\r\n") "x"));
    }
    WAIT_FOR(http_server_connections(server) == 2);
    /* Of a body that is missing the head is looked at within HTTP_GONE_NOTICE_MS: ask until it was. */
    const struct slice third = SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                         "X-Forwarded-For: 7.7.7.7, 192.0.2.1\r\n\r\n");
    for (bool refused = false; !refused;) {
        struct client client = ask(third);
        refused = client_has(&client, "HTTP/1.1 429 ");
        client_close(&client);
    }
    size_t started = seen.started;
    assert_answer(third, "HTTP/1.1 429 ");
    assert_int_equal(seen.started, started);
    wait = client_open();
    client_send(&wait, SLICE_LIT(OF("192.0.2.2", "")));
    WAIT_FOR(seen.started == started + 1);
    for (size_t i = 0; i < 5; i++) /* the proxy's own, as its health checks */
        assert_answer(SLICE_LIT(GET_CLOSE("/")), "HTTP/1.1 200 ");
    seen.release = true;
    READ_UNTIL(&wait, "waited");
    client_close(&wait);
    /* Who is named by no address counts as the proxy that passed it on, and those together as one. */
    seen.release = false;
    started = seen.started;
    struct client junk[2] = {client_open(), client_open()};
    client_send(&junk[0], SLICE_LIT(OF("junk", "")));
    client_send(&junk[1], SLICE_LIT(OF("192.0.2.9, unknown", "")));
    WAIT_FOR(seen.started == started + 2);
    assert_answer(SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: other junk\r\n"
                            "Connection: close\r\n\r\n"),
                  "HTTP/1.1 429 ");
    assert_answer(SLICE_LIT(GET_CLOSE("/")), "HTTP/1.1 200 ");
    seen.release = true;
    for (size_t i = 0; i < 2; i++) {
        READ_UNTIL(&junk[i], "waited");
        client_close(&junk[i]);
    }
    client_send(&slow[0], SLICE_LIT("yyyy"));
    READ_UNTIL(&slow[0], "waited");
    assert_answer(SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n"
                            "Connection: close\r\n\r\n"),
                  "HTTP/1.1 200 ");
    client_close(&slow[0]);
    client_close(&slow[1]);
}

/* Whoever is refused early reads why, however many are refused at that moment: a place is theirs while the connection is. */
static void refusals_of_many_take_no_place_from_others(void **state)
{
    enum { MANY = 300 };
    static struct client clients[MANY];
    (void)state;
    start((struct http_options){.connections_per_address_max = MANY});
    for (size_t i = 0; i < MANY; i++) {
        clients[i] = client_open();
        client_send(&clients[i], SLICE_LIT(HEAD "Content-Length: 99999999\r\n\r\n"));
    }
    for (size_t i = 0; i < MANY; i++) {
        READ_UNTIL(&clients[i], "HTTP/1.1 413 ");
    }
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(http_server_connections(server), MANY);
    for (size_t i = 0; i < MANY; i++)
        client_close(&clients[i]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(smuggled_requests_are_refused_and_never_parsed),
        TEST(too_much_is_refused_with_its_code),
        TEST(whoever_opens_an_address_in_a_browser_is_given_a_page),
        TEST(errors_before_there_is_a_request_are_json),
        TEST(slow_clients_are_closed),
        TEST(body_that_stops_is_slow_whatever_came_before),
        TEST(stalled_reader_is_closed),
        TEST(slow_reader_is_not_stalled),
        TEST(reader_that_leaves_ends_the_stream),
        TEST(client_that_leaves_cancels_its_request),
        TEST(refusals_of_many_take_no_place_from_others),
        TEST(too_many_connections_are_refused_at_once),
        TEST(client_behind_a_proxy_takes_nothing_from_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
