/* HTTP/2: what a client of nghttp2's gets, and what one that floods does. */
#include "hub/http/h2_peer.h"

/* ---- what is served ------------------------------------------------------------------------------- */

static void requests_share_a_connection(void **state)
{
    (void)state;
    start((struct http_options){0});
    peer_open(65535);
    struct stream *wait = peer_get("/wait"), *other = peer_get("/a%20b?x=1"),
                  *stream = peer_get("/small-stream"),
                  *post = stream_of(peer_ask("POST", "/p", 5, "content-type", "text/plain")),
                  *head = stream_of(peer_ask("HEAD", "/h", 0, NULL, NULL));
    PEER_UNTIL(other->ended && stream->ended && post->ended && head->ended);
    assert_false(wait->ended);
    assert_int_equal(other->code, 200);
    assert_non_null(strstr(other->body, "path=/a b\nraw=/a%20b\nquery=x=1\n"));
    assert_non_null(strstr(other->body, "host=pek.example\n"));
    assert_string_equal(stream->body, "one\ntwo\n");
    assert_non_null(strstr(post->body, "body=bbbbb\n"));
    assert_int_equal(head->code, 200);
    assert_int_equal(head->body_len, 0);
    seen.release = true;
    PEER_UNTIL(wait->ended);
    assert_string_equal(wait->body, "waited");
    assert_int_equal(http_server_connections(server), 1);
    peer_close();
}

static void long_answers_wait_for_their_readers(void **state)
{
    (void)state;
    start((struct http_options){0});
    peer_open(0); /* takes nothing at first */
    int32_t id = peer_ask("GET", "/stream", 0, NULL, NULL);
    struct stream *stream = stream_of(id);
    PEER_UNTIL(stream->code == 200);
    for (int turns = 0; turns < 100; turns++) {
        peer_turn();
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_true(seen.stream_written <= 2);
    assert_int_equal(stream->body_len, 0);
    struct stream *other = peer_get("/other");
    PEER_UNTIL(other->code == 200); /* whose body waits as well */
    const nghttp2_settings_entry open[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 65535}};
    assert_int_equal(nghttp2_submit_settings(peer.session, NGHTTP2_FLAG_NONE, open, 1), 0);
    PEER_UNTIL(stream->ended && other->ended);
    assert_int_equal(stream->body_len, 256 * 65536);
    assert_int_equal(stream->error, NGHTTP2_NO_ERROR);
    assert_int_equal(seen.stream_status, STATUS_OK);
    peer_close();
}

/* Its end is changed before a window is opened: what waited was no copy. */
static void a_static_body_waits_where_it_lies(void **state)
{
    (void)state;
    start((struct http_options){0});
    memset(static_body, 's', STATIC_BYTES);
    peer_open(0);
    struct stream *stream = peer_get("/static");
    PEER_UNTIL(stream->code == 200);
    static_body[0] = 'b';
    const nghttp2_settings_entry open[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 65535}};
    assert_int_equal(nghttp2_submit_settings(peer.session, NGHTTP2_FLAG_NONE, open, 1), 0);
    PEER_UNTIL(stream->ended);
    assert_int_equal(stream->body_len, STATIC_BYTES);
    assert_memory_equal(stream->body, "bss", 3);
    assert_int_equal(stream->error, NGHTTP2_NO_ERROR);
    peer_close();
}

static void closed_windows_cost_the_stream_alone(void **state)
{
    (void)state;
    start((struct http_options){.write_stall_ms = 300});
    peer_open(0);
    struct stream *stream = peer_get("/stream");
    PEER_UNTIL(stream->ended);
    assert_int_equal(stream->error, NGHTTP2_CANCEL);
    WAIT_FOR(seen.ended == 1);
    assert_int_equal(seen.stream_status, STATUS_CANCELLED);
    assert_int_equal(http_server_connections(server), 1);
    peer_close();
}

/* Four at a time may go beyond their first window; the others follow. */
static void large_bodies_take_turns(void **state)
{
    struct stream *streams[10];
    (void)state;
    start((struct http_options){0});
    peer_open(65535);
    for (size_t i = 0; i < 10; i++)
        streams[i] = stream_of(peer_ask("POST", "/p", 1000000, NULL, NULL));
    for (size_t i = 0; i < 10; i++) {
        PEER_UNTIL(streams[i]->ended);
        assert_int_equal(streams[i]->code, 200);
    }
    peer_close();
}

static void stream_that_is_reset_cancels_its_request(void **state)
{
    (void)state;
    start((struct http_options){0});
    peer_open(65535);
    int32_t id = peer_ask("GET", "/wait", 0, NULL, NULL);
    struct stream *other = peer_get("/wait");
    PEER_UNTIL(seen.started == 2);
    nghttp2_submit_rst_stream(peer.session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    PEER_UNTIL(seen.ended == 1);
    assert_int_equal(seen.cancelled, 1);
    seen.release = true;
    PEER_UNTIL(other->ended);
    assert_int_equal(seen.cancelled, 1);
    peer_close();
}

static void connection_that_goes_cancels_all_its_requests(void **state)
{
    (void)state;
    start((struct http_options){0});
    peer_open(65535);
    for (size_t i = 0; i < 20; i++)
        (void)peer_get("/wait");
    PEER_UNTIL(seen.started == 20);
    peer_close();
    WAIT_FOR(seen.ended == 20);
    assert_int_equal(seen.cancelled, 20);
    WAIT_FOR(http_server_connections(server) == 0);
}

static void odd_requests_are_refused_one_by_one(void **state)
{
    static char large[40000], path[9000];
    (void)state;
    start((struct http_options){.body_bytes_max = 100000, .header_timeout_ms = 200});
    memset(large, 'x', sizeof(large) - 1);
    memset(path, 'x', sizeof(path) - 1);
    path[0] = '/';
    peer_open(65535);
    const struct {
        struct stream *stream;
        int code;
    } cases[] = {
        {stream_of(peer_ask("GET", "/", 0, "x-large", large)), 431},
        {peer_get_with("x", HTTP_HEADERS_MAX), 200},
        {peer_get_with("x", HTTP_HEADERS_MAX + 1), 431},
        {peer_get(path), 414},
        {peer_get("/a#b"), 400},
        {peer_get("/a\\b"), 400},
        {peer_get("a"), 0}, /* nghttp2 resets these two */
        {peer_get("*"), 0},
        {stream_of(peer_ask("GET", "/", 0, "host", "other.example")), 400},
        {stream_of(peer_ask("POST", "/", 0, "expect", "more")), 417},
        {stream_of(peer_ask("POST", "/", 200000, NULL, NULL)), 413},
        {stream_of(peer_ask("POST", "/", 10, "content-encoding", "gzip")), 415},
        {peer_get_with("content-type", 2), 400},
        {peer_get_with("accept", 2), 200},
        {peer_get_with("host", 2), 0}, /* nghttp2 resets it */
        {peer_get_from("http", "a:65536"), 400},
        {peer_get_from("http", "a:65535"), 200},
        {peer_get_from("ftp", "a"), 400},
        {peer_get_from("httpsx", "a"), 400},
        {peer_get_from("https", "a"), 200},
        {stream_of(peer_ask("OPTIONS", "*", 0, NULL, NULL)), 200},
        {peer_get("/fine"), 200},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        PEER_UNTIL(cases[i].stream->ended);
        if (cases[i].stream->code != cases[i].code)
            fail_msg("case %zu: %d", i, cases[i].stream->code);
        if (cases[i].code == 0)
            assert_int_equal(cases[i].stream->error, NGHTTP2_PROTOCOL_ERROR);
    }
    assert_false(peer.goaway);
    peer_close();
}

/* curl and others make nothing of an answer when the stream is reset while they are sending. */
static void early_answers_reach_who_is_still_sending(void **state)
{
    (void)state;
    start((struct http_options){.body_bytes_max = 100000});
    peer_open(65535);
    struct stream *declared =
                      stream_of(peer_ask("POST", "/", 3000000, "content-length", "3000000")),
                  *long_one = stream_of(peer_ask("POST", "/", 3000000, NULL, NULL)),
                  *odd = stream_of(peer_ask("POST", "/a\\b", 3000000, NULL, NULL));
    PEER_UNTIL(declared->ended && long_one->ended && odd->ended);
    assert_int_equal(declared->code, 413);
    assert_int_equal(long_one->code, 413);
    assert_int_equal(odd->code, 400);
    assert_int_equal(declared->to_send + long_one->to_send + odd->to_send, 0);
    assert_int_equal(declared->error | long_one->error | odd->error, NGHTTP2_NO_ERROR);
    peer_close();
}

/* And cost what the connection can pay: then the stream ends, and nothing else. */
static void bodies_that_are_thrown_away_are_bounded(void **state)
{
    (void)state;
    start((struct http_options){.body_bytes_max = 100000,
                                .http2_odd_frames_max = 20,
                                .http2_odd_frames_per_s = 1,
                                .http2_resets_max = 1});
    peer_open(65535);
    struct stream *endless = stream_of(peer_ask("POST", "/", 100000000, NULL, NULL));
    PEER_UNTIL(endless->ended);
    assert_int_equal(endless->code, 413);
    assert_int_equal(endless->error, NGHTTP2_NO_ERROR);
    assert_in_range(100000000 - endless->to_send, 500000, 2000000);
    struct stream *after = peer_get("/");
    PEER_UNTIL(after->ended);
    assert_int_equal(after->code, 200);
    assert_false(peer.goaway);
    peer_close();
}

static void slow_body_is_refused(void **state)
{
    (void)state;
    start((struct http_options){.header_timeout_ms = 200});
    peer_open(65535);
    const nghttp2_nv fields[] = {field(":method", "POST"), field(":path", "/"),
                                 field(":scheme", "http"), field(":authority", "a")};
    int32_t id = nghttp2_submit_headers(peer.session, NGHTTP2_FLAG_NONE, -1, NULL, fields, 4, NULL);
    PEER_UNTIL(stream_of(id)->ended);
    assert_int_equal(stream_of(id)->code, 408);
    assert_int_equal(seen.started, 0);
    peer_close();
}

static void drain_gives_notice_and_finishes(void **state)
{
    (void)state;
    start((struct http_options){0});
    peer_open(65535);
    struct stream *wait = peer_get("/wait");
    PEER_UNTIL(seen.started == 1);
    begin_drain(WAIT_MS);
    PEER_UNTIL(peer.goaway);
    assert_int_equal(peer.goaway_last, INT32_MAX);
    PEER_UNTIL(peer.goaways == 2);
    assert_int_equal(peer.goaway_error, NGHTTP2_NO_ERROR);
    assert_int_equal(peer.goaway_last, 1);
    assert_false(drain.done);
    seen.release = true;
    PEER_UNTIL(wait->ended);
    assert_string_equal(wait->body, "waited");
    WAIT_FOR(drain.done);
    assert_int_equal(drain.status, STATUS_OK);
    peer_close();
}

/* ---- floods ---------------------------------------------------------------------------------------- */

#define FRAME(len, type, flags, id) "\x00\x00" len type flags "\x00\x00\x00" id

static void floods_end_the_connection(void **state)
{
    /* The connection has stream 1 open, whose handler waits, and stream 3, whose body is still to come. */
    static const struct {
        const char *what;
        struct slice frame;
        size_t count;
    } floods[] = {
        {"pings", SLICE_LIT(FRAME("\x08", "\x06", "\x00", "\x00") "12345678"), 1200},
        {"answers to pings that nobody sent",
         SLICE_LIT(FRAME("\x08", "\x06", "\x01", "\x00") "12345678"), 1200},
        {"settings", SLICE_LIT(FRAME("\x00", "\x04", "\x00", "\x00")), 1200},
        {"priorities", SLICE_LIT(FRAME("\x05", "\x02", "\x00", "\x03") "\x00\x00\x00\x01\x10"),
         1200},
        {"window updates", SLICE_LIT(FRAME("\x04", "\x08", "\x00", "\x00") "\x00\x00\x00\x01"),
         1200},
        {"empty data", SLICE_LIT(FRAME("\x00", "\x00", "\x00", "\x03")), 1200},
        {"tiny data", SLICE_LIT(FRAME("\x01", "\x00", "\x00", "\x03") "x"), 1200},
        {"frames that nobody knows", SLICE_LIT(FRAME("\x00", "\xee", "\x00", "\x00")), 1200},
    };
    (void)state;
    start((struct http_options){0});
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        const nghttp2_nv fields[] = {field(":method", "POST"), field(":path", "/"),
                                     field(":scheme", "http"), field(":authority", "a")};
        peer_open(65535);
        size_t started = seen.started;
        (void)peer_get("/wait");
        nghttp2_submit_headers(peer.session, NGHTTP2_FLAG_NONE, -1, NULL, fields, 4, NULL);
        PEER_UNTIL(seen.started == started + 1);
        for (size_t sent = 0; sent < floods[i].count && !peer.tcp.ended; sent++)
            client_send(&peer.tcp, floods[i].frame);
        PEER_UNTIL(peer.goaway || peer.tcp.ended);
        if (!peer.goaway || peer.goaway_error != NGHTTP2_ENHANCE_YOUR_CALM)
            fail_msg("%s: goaway %d, error %u", floods[i].what, peer.goaway, peer.goaway_error);
        PEER_UNTIL(peer.tcp.ended);
        peer_close();
        WAIT_FOR(http_server_requests(server) == 0);
    }
}

static void rapid_reset_ends_the_connection(void **state)
{
    (void)state;
    start((struct http_options){0});
    peer_open(65535);
    for (size_t i = 0; i < STREAMS - 2; i++) {
        int32_t id = peer_ask("GET", "/wait", 0, NULL, NULL);
        peer_send();
        nghttp2_submit_rst_stream(peer.session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
        peer_turn();
    }
    PEER_UNTIL(peer.tcp.ended);
    assert_true(peer.goaway);
    if (seen.started > HTTP2_RESETS_MAX + 10)
        fail_msg("%zu requests were started; %u, last %d", seen.started, peer.goaway_error,
                 peer.goaway_last);
    WAIT_FOR(http_server_requests(server) == 0);
    peer_close();
}

static void endless_header_block_ends_the_connection(void **state)
{
    (void)state;
    start((struct http_options){0});
    peer_open(65535);
    peer_turn();
    /* HEADERS without END_HEADERS: ":method: GET", then CONTINUATION frames of nothing. */
    client_send(&peer.tcp, SLICE_LIT(FRAME("\x01", "\x01", "\x01", "\x01") "\x82"));
    for (size_t i = 0; i < HTTP2_CONTINUATIONS_MAX + 2; i++)
        client_send(&peer.tcp, SLICE_LIT(FRAME("\x00", "\x09", "\x00", "\x01")));
    PEER_UNTIL(peer.tcp.ended);
    assert_true(peer.goaway);
    assert_int_equal(seen.started, 0);
    peer_close();
}

static void half_a_header_block_is_not_waited_for(void **state)
{
    (void)state;
    start((struct http_options){.header_timeout_ms = 200});
    peer_open(65535);
    peer_turn();
    client_send(&peer.tcp, SLICE_LIT(FRAME("\x01", "\x01", "\x01", "\x01") "\x82"));
    PEER_UNTIL(peer.tcp.ended);
    assert_true(peer.goaway);
    peer_close();
}

static void silent_connection_is_told_to_go(void **state)
{
    (void)state;
    start((struct http_options){.idle_timeout_ms = 200});
    peer_open(65535);
    struct stream *stream = peer_get("/");
    PEER_UNTIL(stream->ended);
    PEER_UNTIL(peer.tcp.ended);
    assert_true(peer.goaway);
    assert_int_equal(peer.goaway_error, NGHTTP2_NO_ERROR);
    peer_close();
}

/* A hundred streams are no way around what one address may have at a time. */
static void requests_of_an_address_are_counted(void **state)
{
    struct stream *waiting[3];
    (void)state;
    start((struct http_options){.connections_per_address_max = 4});
    peer_open(65535); /* counts for one */
    for (size_t i = 0; i < 3; i++)
        waiting[i] = peer_get("/wait");
    PEER_UNTIL(seen.started == 3);
    struct stream *refused = peer_get("/");
    PEER_UNTIL(refused->ended);
    assert_int_equal(refused->code, 429);
    assert_int_equal(seen.started, 3);
    seen.release = true;
    for (size_t i = 0; i < 3; i++)
        PEER_UNTIL(waiting[i]->ended);
    struct stream *after = peer_get("/");
    PEER_UNTIL(after->ended);
    assert_int_equal(after->code, 200);
    peer_close();
}

/* Two connections by which one could pass for the other: what comes after a preface is HTTP/2 and nothing else. */
static void preface_and_something_else_is_over(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client client =
        ask(SLICE_LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" GET("/inner") GET("/inner")));
    assert_int_equal(client_count(&client, "HTTP/1.1"), 0);
    assert_int_equal(seen.started, 0);
    client_close(&client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(requests_share_a_connection),
        TEST(long_answers_wait_for_their_readers),
        TEST(a_static_body_waits_where_it_lies),
        TEST(closed_windows_cost_the_stream_alone),
        TEST(large_bodies_take_turns),
        TEST(stream_that_is_reset_cancels_its_request),
        TEST(connection_that_goes_cancels_all_its_requests),
        TEST(odd_requests_are_refused_one_by_one),
        TEST(early_answers_reach_who_is_still_sending),
        TEST(bodies_that_are_thrown_away_are_bounded),
        TEST(slow_body_is_refused),
        TEST(drain_gives_notice_and_finishes),
        TEST(floods_end_the_connection),
        TEST(rapid_reset_ends_the_connection),
        TEST(endless_header_block_ends_the_connection),
        TEST(half_a_header_block_is_not_waited_for),
        TEST(silent_connection_is_told_to_go),
        TEST(requests_of_an_address_are_counted),
        TEST(preface_and_something_else_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
