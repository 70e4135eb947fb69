/* fetch against servers of this test, which say what a server should not */
#include "shared/fetch/fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "shared/base/buffer.h"
#include "shared/base/clock.h"

#define CONNECTIONS_MAX (FETCHES_MAX + 8)

/* Says `answer` to whoever connects and sends an empty line, `repeat` times over, then closes unless told to hang. */
struct server {
    uv_tcp_t tcp;
    int port;
    char *answer;
    size_t repeat;
    bool hang;
    struct buffer heard;
    size_t connections;
    uv_tcp_t clients[CONNECTIONS_MAX];
    bool open[CONNECTIONS_MAX];
};

struct saying {
    uv_write_t write;
    size_t left;
};

static uv_loop_t loop;
static struct fibers *fibers;
static struct fetcher *fetcher;
static struct server server;
static struct arena arena;

static void allocate(uv_handle_t *handle, size_t hint, uv_buf_t *buffer)
{
    static char bytes[65536];
    (void)handle, (void)hint;
    *buffer = uv_buf_init(bytes, sizeof(bytes));
}

static void close_client(uv_stream_t *client)
{
    size_t i = (size_t)((uv_tcp_t *)client - server.clients);
    if (server.open[i])
        uv_close((uv_handle_t *)client, NULL);
    server.open[i] = false;
}

static void say(uv_stream_t *client, struct saying *saying);

static void said(uv_write_t *write, int status)
{
    struct saying *saying = write->data;
    uv_stream_t *client = write->handle;

    if (status == 0 && saying->left > 0) {
        say(client, saying);
        return;
    }
    free(saying);
    close_client(client);
}

static void say(uv_stream_t *client, struct saying *saying)
{
    uv_buf_t buffer = uv_buf_init(server.answer, (unsigned)strlen(server.answer));

    saying->left--;
    saying->write.data = saying;
    assert_int_equal(uv_write(&saying->write, client, &buffer, 1, said), 0);
}

static void heard(uv_stream_t *client, ssize_t len, const uv_buf_t *buffer)
{
    if (len < 0) {
        close_client(client);
        return;
    }
    buffer_append(&server.heard, buffer->base, (size_t)len);
    if (server.hang || server.heard.len < 4)
        return;
    uv_read_stop(client);
    struct saying *saying = calloc(1, sizeof(*saying));
    assert_non_null(saying);
    saying->left = server.repeat;
    say(client, saying);
}

static void connected(uv_stream_t *listener, int status)
{
    assert_int_equal(status, 0);
    assert_true(server.connections < CONNECTIONS_MAX);
    uv_tcp_t *client = &server.clients[server.connections];
    server.open[server.connections++] = true;
    uv_tcp_init(&loop, client);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)client), 0);
    uv_read_start((uv_stream_t *)client, allocate, heard);
}

static void serve(const char *answer)
{
    struct sockaddr_in address;
    int len = sizeof(address);

    server = (struct server){.answer = strdup(answer), .repeat = 1};
    assert_non_null(server.answer);
    buffer_init(&server.heard, (size_t)1 << 20);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(&loop, &server.tcp);
    assert_int_equal(uv_tcp_bind(&server.tcp, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&server.tcp, 128, connected), 0);
    assert_int_equal(uv_tcp_getsockname(&server.tcp, (struct sockaddr *)&address, &len), 0);
    server.port = ntohs(address.sin_port);
}

static void stop_serving(void)
{
    uv_close((uv_handle_t *)&server.tcp, NULL);
    for (size_t i = 0; i < server.connections; i++)
        close_client((uv_stream_t *)&server.clients[i]);
}

static void forget_server(void)
{
    buffer_done(&server.heard);
    free(server.answer);
    server.answer = NULL;
}

static int setup(void **state)
{
    (void)state;
    /* As the hub does: libcurl leaves that to the program. */
    signal(SIGPIPE, SIG_IGN);
    arena_init(&arena, (size_t)1 << 20);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(fibers_new(&loop, NULL, &fibers), STATUS_OK);
    assert_int_equal(fetcher_new(fibers, "", &fetcher, NULL), STATUS_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fetcher_free(fetcher);
    fibers_free(fibers);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    forget_server();
    arena_done(&arena);
    return 0;
}

/* One fetch in a fiber; the server stops when it ends, so that the loop does. */
struct attempt {
    struct fetch_request request;
    struct cancel *cancel;
    struct fetch_response response;
    struct fault fault;
    enum status status;
    int64_t elapsed_us;
};

static void run_attempt(void *arg)
{
    struct attempt *attempt = arg;
    int64_t began_us = clock_monotonic_us();

    attempt->status = fetch(fetcher, &attempt->request, attempt->cancel, &arena, &attempt->response,
                            &attempt->fault);
    attempt->elapsed_us = clock_monotonic_us() - began_us;
    stop_serving();
}

static const char *server_url(void)
{
    return arena_printf(&arena, "http://127.0.0.1:%d/path", server.port);
}

static void try_it(struct attempt *attempt)
{
    if (!attempt->request.url)
        attempt->request.url = server_url();
    if (!attempt->request.timeout_ms)
        attempt->request.timeout_ms = 5000;
    attempt->request.body_bytes_max = 1000;
    assert_int_equal(fiber_go(fibers, run_attempt, attempt), STATUS_OK);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(fibers_count(fibers), 0);
}

static bool was_heard(const char *text)
{
    return memmem(server.heard.ptr, server.heard.len, text, strlen(text)) != NULL;
}

static void get_brings_code_and_body(void **state)
{
    (void)state;
    struct attempt attempt = {.request.bearer = "token-1"};

    serve("HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nhello");
    try_it(&attempt);
    assert_int_equal(attempt.status, STATUS_OK);
    assert_int_equal(attempt.response.code, 403);
    assert_true(slice_equal_str(attempt.response.body, "hello"));
    assert_true(was_heard("GET /path HTTP/1.1\r\n"));
    assert_true(was_heard("\r\nAuthorization: Bearer token-1\r\n"));
    assert_false(was_heard("Cookie"));
    assert_false(was_heard("Accept-Encoding"));
}

static void post_brings_form_and_basic_authorization(void **state)
{
    (void)state;
    struct attempt attempt = {
        .request = {.form = SLICE_LIT("a=b"), .user = "client", .password = "sec:ret"}};

    serve("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    try_it(&attempt);
    assert_int_equal(attempt.status, STATUS_OK);
    assert_int_equal(attempt.response.body.len, 0);
    assert_true(was_heard("POST /path HTTP/1.1\r\n"));
    assert_true(was_heard("\r\nAuthorization: Basic Y2xpZW50OnNlYzpyZXQ=\r\n"));
    assert_true(was_heard("\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
    assert_true(was_heard("\r\n\r\na=b"));
    assert_false(was_heard("Expect"));
}

static void redirect_is_not_followed(void **state)
{
    (void)state;
    struct attempt attempt = {0};

    serve("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
    try_it(&attempt);
    assert_int_equal(attempt.status, STATUS_OK);
    assert_int_equal(attempt.response.code, 302);
    assert_int_equal(server.connections, 1);
    assert_false(was_heard("elsewhere"));
}

static void body_too_long_is_refused(void **state)
{
    (void)state;
    struct attempt attempt = {0};
    static char answer[2000];
    int len = snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\n\r\n");

    memset(answer + len, 'x', 1001);
    serve(answer);
    try_it(&attempt);
    assert_int_equal(attempt.status, STATUS_OUT_OF_RANGE);
    assert_null(attempt.response.body.ptr);
}

static void endless_headers_are_refused(void **state)
{
    (void)state;
    struct attempt attempt = {0};

    serve("HTTP/1.1 100 Continue\r\nX: 0123456789012345678901234567890123456789\r\n\r\n");
    server.repeat = SIZE_MAX;
    try_it(&attempt);
    assert_int_equal(attempt.status, STATUS_OUT_OF_RANGE);
}

static void what_is_not_http_is_refused(void **state)
{
    (void)state;
    static const char *const answers[] = {"hello, this is not HTTP\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"};

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct attempt attempt = {0};
        serve(answers[i]);
        try_it(&attempt);
        assert_int_equal(attempt.status, STATUS_UNAVAILABLE);
        forget_server();
    }
}

static void silence_ends_at_the_time_limit(void **state)
{
    (void)state;
    struct attempt attempt = {.request.timeout_ms = 50};

    serve("");
    server.hang = true;
    try_it(&attempt);
    assert_int_equal(attempt.status, STATUS_DEADLINE_EXCEEDED);
    assert_true(attempt.elapsed_us >= 50000);
}

static void deadline_of_the_request_ends_it(void **state)
{
    (void)state;
    struct cancel cancel;
    struct attempt attempt = {.cancel = &cancel};

    cancel_init(&cancel, deadline_after_ms(50));
    serve("");
    server.hang = true;
    try_it(&attempt);
    assert_int_equal(attempt.status, STATUS_DEADLINE_EXCEEDED);
}

static void on_cancel_timer(uv_timer_t *timer)
{
    /* Not before the server heard the request: then it is the wait for an answer that ends. */
    if (server.heard.len == 0)
        return;
    cancel_fire(timer->data);
    uv_close((uv_handle_t *)timer, NULL);
}

static void cancellation_ends_it(void **state)
{
    (void)state;
    struct cancel cancel;
    struct attempt attempt = {.cancel = &cancel};
    uv_timer_t timer;

    cancel_init(&cancel, DEADLINE_NONE);
    serve("");
    server.hang = true;
    uv_timer_init(&loop, &timer);
    timer.data = &cancel;
    uv_timer_start(&timer, on_cancel_timer, 1, 1);
    try_it(&attempt);
    assert_int_equal(attempt.status, STATUS_CANCELLED);
}

static void nobody_listening_is_unavailable(void **state)
{
    (void)state;
    struct attempt attempt = {0};

    serve("");
    attempt.request.url = server_url();
    /* Bound and not listening any more: nothing else takes the port meanwhile. */
    uv_close((uv_handle_t *)&server.tcp, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_tcp_init(&loop, &server.tcp);
    try_it(&attempt);
    assert_int_equal(attempt.status, STATUS_UNAVAILABLE);
}

static void only_http_and_https_are_spoken(void **state)
{
    (void)state;
    static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/x",
                                       "gopher://127.0.0.1/", "dict://127.0.0.1/",
                                       "nothing at all"};

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct attempt attempt = {.request.url = urls[i]};
        serve("");
        try_it(&attempt);
        assert_int_equal(attempt.status, STATUS_UNAVAILABLE);
        forget_server();
    }
}

static void proxy_of_the_environment_is_not_used(void **state)
{
    (void)state;
    struct attempt attempt = {0};

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    serve("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    try_it(&attempt);
    assert_int_equal(attempt.status, STATUS_OK);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
}

static size_t still_running;
static struct cancel stop_all;

static void run_one_of_many(void *arg)
{
    struct attempt *attempt = arg;

    attempt->status = fetch(fetcher, &attempt->request, attempt->cancel, &arena, &attempt->response,
                            &attempt->fault);
    if (attempt->status == STATUS_RESOURCE_EXHAUSTED)
        cancel_fire(&stop_all);
    if (--still_running == 0)
        stop_serving();
}

static void too_many_at_once_are_refused(void **state)
{
    (void)state;
    static struct attempt attempts[FETCHES_MAX + 1];

    serve("");
    server.hang = true;
    still_running = FETCHES_MAX + 1;
    cancel_init(&stop_all, DEADLINE_NONE);
    for (size_t i = 0; i <= FETCHES_MAX; i++) {
        attempts[i] = (struct attempt){.request = {.url = server_url(), .timeout_ms = 60000},
                                       .cancel = &stop_all};
        assert_int_equal(fiber_go(fibers, run_one_of_many, &attempts[i]), STATUS_OK);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < FETCHES_MAX; i++)
        assert_int_equal(attempts[i].status, STATUS_CANCELLED);
    assert_int_equal(attempts[FETCHES_MAX].status, STATUS_RESOURCE_EXHAUSTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(get_brings_code_and_body),       TEST(post_brings_form_and_basic_authorization),
        TEST(redirect_is_not_followed),       TEST(body_too_long_is_refused),
        TEST(endless_headers_are_refused),    TEST(what_is_not_http_is_refused),
        TEST(silence_ends_at_the_time_limit), TEST(deadline_of_the_request_ends_it),
        TEST(cancellation_ends_it),           TEST(nobody_listening_is_unavailable),
        TEST(only_http_and_https_are_spoken), TEST(proxy_of_the_environment_is_not_used),
        TEST(too_many_at_once_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
