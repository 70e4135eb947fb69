#include "hub/http/fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX (64u * 1024 * 1024)

uv_loop_t loop;
struct fibers *fibers;
struct http_server *server;
struct seen seen;
char static_body[STATIC_BYTES];
struct drain drain;
static uv_timer_t tick;

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
        "cookie=%.*s\nhost=%.*s\npeer=%.*s\nsecure=%d\nproxied=%d\naccept=%d\n",
        SLICE_ARG(http_method(request)), SLICE_ARG(http_path(request)),
        SLICE_ARG(http_raw_path(request)), SLICE_ARG(http_query(request)),
        SLICE_ARG(http_body(request)), SLICE_ARG(http_header(request, "X-Policy-Hint", 0)),
        SLICE_ARG(http_header(request, "x-forwarded-for", 0)),
        SLICE_ARG(http_cookie(request, "pek_session", 0)), SLICE_ARG(http_host(request)),
        SLICE_ARG(http_peer(request)), http_is_secure(request), http_is_forwarded(request),
        http_accept(request, types, 2));
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

void handle(void *arg, struct http_request *request)
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
    } else if (slice_equal_str(path, "/large")) {
        reply_text(request, 200, slice_make(static_body, STATIC_BYTES));
    } else if (slice_equal_str(path, "/static")) {
        http_reply_static(request, 200, NULL, 0, slice_make(static_body, STATIC_BYTES));
    } else if (slice_equal_str(path, "/json")) {
        static char large[4000];
        const struct http_header_pair json = {SLICE_LIT("content-type"),
                                              SLICE_LIT("application/json")};
        memset(large, '1', sizeof(large));
        http_reply(request, 200, &json, 1,
                   slice_make(large, http_query(request).len ? 1000 : sizeof(large)));
    } else if (slice_equal_str(path, "/busy")) {
        int64_t until_us = clock_monotonic_us() + 5000;
        while (clock_monotonic_us() < until_us)
            ;
        reply_text(request, 200, SLICE_LIT("was busy"));
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

void start(struct http_options options)
{
    struct fault fault = {0};
    if (!options.listen)
        options.listen = "127.0.0.1:0";
    if (http_server_new(fibers, &options, handle, NULL, &server, &fault) != STATUS_OK)
        fail_msg("%s", fault.text);
}

int setup(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(fibers_new(&loop, NULL, &fibers), STATUS_OK);
    uv_timer_init(&loop, &tick);
    uv_timer_start(&tick, on_tick, 2, 2);
    return 0;
}

static void run_drain(void *arg)
{
    (void)arg;
    drain.status = http_server_drain(server, drain.deadline_us);
    drain.done = true;
}

void begin_drain(int64_t ms)
{
    drain.done = false;
    drain.deadline_us = deadline_after_ms(ms);
    assert_int_equal(fiber_go(fibers, run_drain, NULL), STATUS_OK);
}

int teardown(void **state)
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

struct client client_open(void)
{
    struct client client = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)http_server_port(server))};
    assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    buffer_init(&client.in, ANSWER_BYTES_MAX);
    return client;
}

void client_close(struct client *client)
{
    close(client->fd);
    buffer_done(&client->in);
}

void client_send(struct client *client, struct slice text)
{
    for (int64_t until_us = deadline_after_ms(WAIT_MS); text.len > 0;) {
        ssize_t sent = send(client->fd, text.ptr, text.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return; /* the server has closed: what it said is still to be read */
        if (sent > 0)
            text = slice_make(text.ptr + sent, text.len - (size_t)sent);
        uv_run(&loop, UV_RUN_NOWAIT);
        assert_true(clock_monotonic_us() < until_us);
    }
}

bool client_take(struct client *client)
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

bool client_has(const struct client *client, const char *text)
{
    return client->in.len > 0 && memmem(client->in.ptr, client->in.len, text, strlen(text));
}

size_t client_count(const struct client *client, const char *text)
{
    size_t count = 0;
    struct slice rest = buffer_slice(&client->in);
    for (const char *at; rest.len > 0 && (at = memmem(rest.ptr, rest.len, text, strlen(text)));
         count++)
        rest = slice_make(at + 1, rest.len - (size_t)(at + 1 - rest.ptr));
    return count;
}

bool client_take_all(struct client *client)
{
    while (client_take(client))
        ;
    return client->ended;
}

struct client ask(struct slice text)
{
    struct client client = client_open();
    client_send(&client, text);
    READ_TO_END(&client);
    return client;
}

void assert_answer(struct slice request, const char *first)
{
    struct client client = ask(request);
    if (client.in.len < strlen(first) || memcmp(client.in.ptr, first, strlen(first)) != 0)
        fail_msg("%.*s\ngave %.*s", SLICE_ARG(request), (int)client.in.len, client.in.ptr);
    client_close(&client);
}
