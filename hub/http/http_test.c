/* The server over real sockets: what a client that is odd, slow, rude or gone gets. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "hub/http/http.h"
#include "shared/base/buffer.h"
#include "shared/base/clock.h"

#define ANSWER_BYTES_MAX (64u * 1024 * 1024)
#define WAIT_MS 20000

static uv_loop_t loop;
static uv_timer_t tick;
static struct fibers *fibers;
static struct http_server *server;

/* What handlers tell the tests. */
static struct {
    size_t started, ended, cancelled;
    size_t stream_written;
    enum status stream_status;
    bool release;
} seen;

/* ---- handlers ------------------------------------------------------------------------------------ */

static void reply_text(struct http_request *request, int code, struct slice text)
{
    const struct http_header_pair type = {SLICE_LIT("content-type"), SLICE_LIT("text/plain")};
    http_reply(request, code, &type, 1, text);
}

/* All that the request says, a line each. */
static void describe(struct http_request *request)
{
    static const char *const types[] = {"application/json", "application/x-ndjson"};
    char *text = arena_printf(
        http_arena(request),
        "method=%.*s\npath=%.*s\nraw=%.*s\nquery=%.*s\nbody=%.*s\nhint=%.*s\nforwarded=%.*s\n"
        "cookie=%.*s\nhost=%.*s\npeer=%.*s\nsecure=%d\naccept=%d\n",
        SLICE_ARG(http_method(request)), SLICE_ARG(http_path(request)),
        SLICE_ARG(http_raw_path(request)), SLICE_ARG(http_query(request)),
        SLICE_ARG(http_body(request)), SLICE_ARG(http_header(request, "X-Policy-Hint", 0)),
        SLICE_ARG(http_header(request, "x-forwarded-for", 0)),
        SLICE_ARG(http_cookie(request, "pek_session")), SLICE_ARG(http_host(request)),
        SLICE_ARG(http_peer(request)), http_is_secure(request), http_accept(request, types, 2));
    reply_text(request, 200, slice_str(text));
}

static void stream(struct http_request *request)
{
    static char block[65536];
    memset(block, 'x', sizeof(block));
    seen.stream_status = http_stream_begin(request, 200, NULL, 0);
    for (size_t i = 0; i < 256 && seen.stream_status == STATUS_OK; i++) {
        seen.stream_status = http_stream_write(request, slice_make(block, sizeof(block)));
        seen.stream_written = i + 1;
    }
    if (seen.stream_status == STATUS_OK)
        http_stream_end(request);
}

static void wait_for_cancel(struct http_request *request)
{
    struct cancel *cancel = http_cancel(request);
    while (!cancel->cancelled && !seen.release)
        fiber_sleep_ms(1);
    seen.cancelled += cancel->cancelled;
    reply_text(request, 200, SLICE_LIT("waited"));
}

static void handle(void *arg, struct http_request *request)
{
    (void)arg;
    struct slice path = http_raw_path(request);
    seen.started++;
    if (slice_equal_str(path, "/wait")) {
        wait_for_cancel(request);
    } else if (slice_equal_str(path, "/stream")) {
        stream(request);
    } else if (slice_equal_str(path, "/small-stream")) {
        seen.stream_status = http_stream_begin(request, 200, NULL, 0);
        seen.stream_status = http_stream_write(request, SLICE_LIT("one\n"));
        seen.stream_status = http_stream_write(request, SLICE_LIT("two\n"));
        http_stream_end(request);
    } else if (slice_equal_str(path, "/aborted-stream")) {
        seen.stream_status = http_stream_begin(request, 200, NULL, 0);
        seen.stream_status = http_stream_write(request, SLICE_LIT("one\n"));
        http_stream_abort(request);
    } else if (slice_equal_str(path, "/unanswered")) {
        ; /* the server answers */
    } else if (slice_equal_str(path, "/headers")) {
        http_add_header(request, "set-cookie", SLICE_LIT("a=1"));
        http_add_header(request, "set-cookie", SLICE_LIT("b=2"));
        http_add_header(request, "x-split", SLICE_LIT("a\r\nx-evil: 1"));
        const struct http_header_pair own = {SLICE_LIT("content-security-policy"),
                                             SLICE_LIT("default-src 'none'")};
        http_reply(request, 204, &own, 1, SLICE_LIT("not sent"));
    } else {
        describe(request);
    }
    seen.ended++;
}

/* ---- fixture ------------------------------------------------------------------------------------- */

static void on_tick(uv_timer_t *timer)
{
    (void)timer; /* lets uv_run(ONCE) return, so that conditions are looked at */
}

static void start(struct http_options options)
{
    struct fault fault = {0};
    options.listen = "127.0.0.1:0";
    if (http_server_new(fibers, &options, handle, NULL, &server, &fault) != STATUS_OK)
        fail_msg("%s", fault.text);
}

static int setup(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(fibers_new(&loop, NULL, &fibers), STATUS_OK);
    uv_timer_init(&loop, &tick);
    uv_timer_start(&tick, on_tick, 2, 2);
    return 0;
}

static int64_t patience(void)
{
    return deadline_after_ms(WAIT_MS);
}

#define WAIT_FOR(condition)                                                                        \
    for (int64_t until_us = patience(); !(condition);) {                                           \
        if (clock_monotonic_us() > until_us)                                                       \
            fail_msg("not within %d ms: %s", WAIT_MS, #condition);                                 \
        uv_run(&loop, UV_RUN_ONCE);                                                                \
    }

static struct {
    bool done;
    enum status status;
    int64_t deadline_us;
} drain;

static void run_drain(void *arg)
{
    (void)arg;
    drain.status = http_server_drain(server, drain.deadline_us);
    drain.done = true;
}

static void begin_drain(int64_t ms)
{
    drain.done = false;
    drain.deadline_us = deadline_after_ms(ms);
    assert_int_equal(fiber_go(fibers, run_drain, NULL), STATUS_OK);
}

static int teardown(void **state)
{
    (void)state;
    if (server) {
        begin_drain(0);
        WAIT_FOR(drain.done);
        server = http_server_free(server);
    }
    fibers = fibers_free(fibers);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

/* ---- client -------------------------------------------------------------------------------------- */

struct client {
    int fd;
    struct buffer in;
    bool ended; /* the server closed */
    bool reset;
};

static struct client client_open(void)
{
    struct client client = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)http_server_port(server))};
    assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    buffer_init(&client.in, ANSWER_BYTES_MAX);
    return client;
}

static void client_close(struct client *client)
{
    close(client->fd);
    buffer_done(&client->in);
}

static void client_send(struct client *client, struct slice text)
{
    for (int64_t until_us = patience(); text.len > 0;) {
        ssize_t sent = send(client->fd, text.ptr, text.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return; /* the server has closed: what it said is still to be read */
        if (sent > 0)
            text = slice_make(text.ptr + sent, text.len - (size_t)sent);
        uv_run(&loop, UV_RUN_NOWAIT);
        assert_true(clock_monotonic_us() < until_us);
    }
}

static bool client_take(struct client *client)
{
    char bytes[65536];
    ssize_t got = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got > 0)
        buffer_append(&client->in, bytes, (size_t)got);
    else if (got == 0)
        client->ended = true;
    else if (errno != EAGAIN)
        client->ended = client->reset = true;
    return got > 0;
}

static bool client_has(const struct client *client, const char *text)
{
    return client->in.len > 0 && memmem(client->in.ptr, client->in.len, text, strlen(text));
}

static size_t client_count(const struct client *client, const char *text)
{
    size_t count = 0;
    struct slice rest = buffer_slice(&client->in);
    for (const char *at; rest.len > 0 && (at = memmem(rest.ptr, rest.len, text, strlen(text)));
         count++)
        rest = slice_make(at + 1, rest.len - (size_t)(at + 1 - rest.ptr));
    return count;
}

#define READ_UNTIL(client, text)                                                                   \
    WAIT_FOR(client_has(client, text) || (!client_take(client) && (client)->ended));               \
    if (!client_has(client, text))                                                                 \
    fail_msg("\"%s\" is not in: %.*s", text, (int)(client)->in.len, (client)->in.ptr)

static bool client_take_all(struct client *client)
{
    while (client_take(client))
        ;
    return client->ended;
}

#define READ_TO_END(client) WAIT_FOR(client_take_all(client))

/* One request on a connection of its own; reads to the end. */
static struct client ask(struct slice text)
{
    struct client client = client_open();
    client_send(&client, text);
    READ_TO_END(&client);
    return client;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_CLOSE(path) "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

static void assert_answer(struct slice request, const char *first)
{
    struct client client = ask(request);
    if (client.in.len < strlen(first) || memcmp(client.in.ptr, first, strlen(first)) != 0)
        fail_msg("%.*s\ngave %.*s", SLICE_ARG(request), (int)client.in.len, client.in.ptr);
    client_close(&client);
}

/* ---- tests --------------------------------------------------------------------------------------- */

static void request_is_told_as_it_was_sent(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client client = ask(SLICE_LIT("POST /a%20b/c?x=%201&y HTTP/1.1\r\nHost: "
                                         "pek.example:80\r\nCookie: a=b; pek_session=\"tok\"\r\n"
                                         "X-Policy-Hint: GOD\r\nX-Forwarded-For: "
                                         "1.2.3.4\r\nAccept: application/x-ndjson, */*;q=0.1\r\n"
                                         "Content-Length: 5\r\nConnection: close\r\n\r\nhello"));
    static const char *const lines[] = {"HTTP/1.1 200 OK\r\n",
                                        "method=POST\n",
                                        "path=/a b/c\n",
                                        "raw=/a%20b/c\n",
                                        "query=x=%201&y\n",
                                        "body=hello\n",
                                        "hint=\n",
                                        "forwarded=\n",
                                        "cookie=tok\n",
                                        "peer=127.0.0.1\n",
                                        "host=pek.example:80\n",
                                        "secure=0\n",
                                        "accept=1\n",
                                        "Connection: close\r\n",
                                        "x-request-id: ",
                                        "x-content-type-options: nosniff\r\n",
                                        "frame-ancestors 'none'",
                                        "referrer-policy: "};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (!client_has(&client, lines[i]))
            fail_msg("\"%s\" is not in: %.*s", lines[i], (int)client.in.len, client.in.ptr);
    }
    assert_false(client_has(&client, "Server:"));
    client_close(&client);
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
    assert_true(client_has(&client, "hint=\n"));
    assert_true(client_has(&client, "x-request-id: abc.1\r\n"));
    client_close(&client);
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

static void smuggled_requests_are_refused_and_never_parsed(void **state)
{
    (void)state;
    start((struct http_options){0});
#define HEAD "POST / HTTP/1.1\r\nHost: a\r\n"
#define INNER GET("/inner")
    static const char *const requests[] = {
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
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n" INNER,
        "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n" INNER,
        "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n" INNER,
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01z\r\n\r\n" INNER,
        "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
        "GET / HTTP/1.2\r\nHost: a\r\n\r\n" INNER,
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n" INNER,
        "GET /\\a HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
        "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n" INNER,
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" INNER,
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct client client = ask(slice_str(requests[i]));
        if (client.in.len < 12 || memcmp(client.in.ptr, "HTTP/1.1 400", 12) != 0 ||
            client_count(&client, "HTTP/1.1") != 1)
            fail_msg("%s\ngave %.*s", requests[i], (int)client.in.len, client.in.ptr);
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

static void errors_of_h2o_itself_are_json(void **state)
{
    (void)state;
    start((struct http_options){.body_bytes_max = 10});
    struct client client =
        ask(SLICE_LIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n01234567890"));
    assert_true(client_has(&client, "{\"error\":{\"code\":413,\"status\":\"RESOURCE_EXHAUSTED\""));
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

static void drain_finishes_what_runs_and_closes_the_rest(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client running = client_open(), idle = client_open(), silent = client_open();
    client_send(&running, SLICE_LIT(GET("/wait")));
    client_send(&idle, SLICE_LIT(GET("/")));
    READ_UNTIL(&idle, "path=/\n");
    WAIT_FOR(seen.started == 2);
    begin_drain(WAIT_MS);
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(request_is_told_as_it_was_sent),
        TEST(trusted_proxy_is_believed),
        TEST(paths_that_must_not_name_a_file_are_empty),
        TEST(connection_is_kept_and_pipelined_in_order),
        TEST(smuggled_requests_are_refused_and_never_parsed),
        TEST(too_much_is_refused_with_its_code),
        TEST(errors_of_h2o_itself_are_json),
        TEST(slow_clients_are_closed),
        TEST(stream_waits_for_a_slow_reader),
        TEST(stalled_reader_is_closed),
        TEST(reader_that_leaves_ends_the_stream),
        TEST(client_that_leaves_cancels_its_request),
        TEST(aborted_stream_does_not_look_whole),
        TEST(old_and_headless_requests_are_served),
        TEST(headers_of_the_handler_go_out_clean),
        TEST(handler_without_answer_is_answered_500),
        TEST(too_many_connections_are_refused_at_once),
        TEST(drain_finishes_what_runs_and_closes_the_rest),
        TEST(drain_cancels_at_its_deadline),
        TEST(bad_addresses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
