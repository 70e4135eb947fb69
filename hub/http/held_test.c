/* What waits for clients is bounded: who does not read or does not finish gives way, and the others are served. */
#include "hub/http/h2_peer.h"
#include "shared/base/clock.h"

#define MIB (1024u * 1024)

static const char *const trusted[] = {"127.0.0.1"};
static char some[MIB];

/* Of a client behind the trusted proxy. */
static void send_as(struct client *client, const char *address, const char *method,
                    const char *path, size_t length)
{
    char head[256];
    int len =
        snprintf(head, sizeof(head),
                 "%s %s HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: %s\r\nContent-Length: %zu\r\n\r\n",
                 method, path, address, length);
    client_send(client, slice_make(head, (size_t)len));
}

static void answer_that_nobody_takes_ends_with_its_connection(void **state)
{
    (void)state;
    start((struct http_options){.held_bytes_max = MIB});
    struct client idle = client_open(), client = client_open();
    client_send(&idle, SLICE_LIT(GET("/")));
    READ_UNTIL(&idle, "path=/\n");
    client_send(&client, SLICE_LIT(GET("/large")));
    WAIT_FOR(seen.ended == 2 && http_server_connections(server) == 1);
    assert_int_equal(http_server_shed(server), 1);
    assert_int_equal(http_server_held_bytes(server), 0);
    READ_TO_END(&client);
    assert_true(client.in.len < STATIC_BYTES);
    client_send(&idle, SLICE_LIT(GET_CLOSE("/still")));
    READ_UNTIL(&idle, "path=/still\n");
    client_close(&idle);
    client_close(&client);
}

/* Memory counts, not what stands in it; and what an answer took is given back, also while the next body comes. */
static void memory_of_a_taken_answer_is_given_back(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client client = client_open();
    client_send(&client, SLICE_LIT(GET("/large")));
    WAIT_FOR(client_take_all(&client) || client.in.len > STATIC_BYTES);
    client_send(&client, SLICE_LIT("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n"));
    client_send(&client, slice_make(some, 33000));
    /* The body's buffer, which grows twofold, and the request's head. */
    WAIT_FOR(http_server_held_bytes(server) >= 65536 && http_server_held_bytes(server) < 80000);
    client_send(&client, slice_make(some, 17000));
    READ_UNTIL(&client, "method=POST\npath=/p\n");
    client_close(&client);
}

/* More than the kernel ever has of one connection (tcp_wmem), and much less than the file. */
static void file_that_nobody_takes_waits_for_its_reader(void **state)
{
    (void)state;
    start((struct http_options){.held_bytes_max = 5 * MIB});
    struct client client = client_open();
    client_send(&client, SLICE_LIT(GET("/static")));
    WAIT_FOR(http_server_held_bytes(server) > 0); /* the sweep has come by */
    assert_true(http_server_held_bytes(server) < MIB / 4);
    WAIT_FOR(client_take_all(&client) || client.in.len > STATIC_BYTES);
    assert_false(client.ended);
    assert_int_equal(http_server_shed(server), 0);
    client_close(&client);
}

static bool held_stands_still(void)
{
    static size_t held_bytes;
    static int64_t since_us;
    if (http_server_held_bytes(server) != held_bytes) {
        held_bytes = http_server_held_bytes(server);
        since_us = clock_monotonic_us();
    }
    return held_bytes > 0 && clock_monotonic_us() - since_us > 500000;
}

/* The kernel makes room for who was fast. */
static void client_that_was_fast_leaves_no_more_in_the_kernel(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client client = client_open();
    client_send(&client, SLICE_LIT(GET("/static") GET("/static")));
    WAIT_FOR(client_take(&client) && client.in.len > STATIC_BYTES);
    WAIT_FOR(held_stands_still());
    /* A buffer of 128 KiB, and about as much in the kernel. */
    assert_in_range(http_server_held_bytes(server), MIB / 8 + MIB / 32, MIB / 2);
    client_close(&client);
}

static size_t refused_of(struct client *clients, size_t count)
{
    size_t refused = 0;
    for (size_t i = 0; i < count; i++) {
        (void)client_take(&clients[i]);
        refused += client_has(&clients[i], "HTTP/1.1 503 ") &&
                   client_has(&clients[i], "retry-after: 1\r\n");
    }
    return refused;
}

/* One address fills what it may; it is told so, and another is served meanwhile. */
static void bodies_of_one_address_leave_room_for_the_others(void **state)
{
    struct client greedy[16], other;
    size_t count = 0, refused = 0;
    (void)state;
    start((struct http_options){
        .held_bytes_max = MIB, .trusted_proxies = trusted, .trusted_proxy_count = 1});
    for (; count < 16 && http_server_shed(server) == 0; count++) {
        size_t before_bytes = http_server_held_bytes(server);
        greedy[count] = client_open();
        send_as(&greedy[count], "192.0.2.1", "POST", "/p", MIB);
        client_send(&greedy[count], slice_make(some, 60000));
        WAIT_FOR(http_server_held_bytes(server) >= before_bytes + 60000 ||
                 http_server_shed(server) > 0);
    }
    assert_true(count > 2 && count < 16);
    WAIT_FOR((refused = refused_of(greedy, count)) > 0);
    assert_int_equal(refused, 1);
    assert_true(http_server_held_bytes(server) < MIB / 4);
    other = client_open();
    send_as(&other, "192.0.2.2", "POST", "/p", 80000);
    client_send(&other, slice_make(some, 60000));
    client_send(&other, slice_make(some, 20000));
    READ_UNTIL(&other, "HTTP/1.1 200 ");
    assert_int_equal(http_server_shed(server), 1);
    client_close(&other);
    for (size_t i = 0; i < count; i++)
        client_close(&greedy[i]);
    WAIT_FOR(http_server_held_bytes(server) == 0);
}

/* The request counts for its client until the proxy has taken the answer. */
static void answer_counts_for_the_client_behind_the_proxy(void **state)
{
    (void)state;
    start((struct http_options){
        .connections_per_address_max = 1, .trusted_proxies = trusted, .trusted_proxy_count = 1});
    struct client slow = client_open(), next = client_open(), other = client_open();
    send_as(&slow, "192.0.2.1", "GET", "/large", 0);
    WAIT_FOR(http_server_held_bytes(server) > 0);
    send_as(&next, "192.0.2.1", "GET", "/", 0);
    READ_UNTIL(&next, "HTTP/1.1 429 ");
    assert_true(client_has(&next, "retry-after: 1\r\n"));
    send_as(&other, "192.0.2.2", "GET", "/", 0);
    READ_UNTIL(&other, "HTTP/1.1 200 ");
    WAIT_FOR(client_take_all(&slow) || slow.in.len > STATIC_BYTES);
    WAIT_FOR(http_server_held_bytes(server) == 0);
    send_as(&other, "192.0.2.1", "GET", "/again", 0);
    READ_UNTIL(&other, "path=/again\n");
    client_close(&slow);
    client_close(&next);
    client_close(&other);
}

/* A request has the buffers of one before it. */
static void nobody_pays_for_the_memory_of_a_request_before(void **state)
{
    (void)state;
    start((struct http_options){0});
    struct client client = client_open(), half = client_open();
    client_send(&client, SLICE_LIT("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n"));
    client_send(&client, slice_make(some, 60000));
    READ_UNTIL(&client, "method=POST\npath=/p\n");
    client_send(&client, SLICE_LIT(GET("/wait")));
    WAIT_FOR(seen.started == 2);
    client_send(&half, SLICE_LIT("GET / HTTP/1.1\r\n"));
    WAIT_FOR(http_server_held_bytes(server) > 0); /* the sweep has come by both */
    assert_true(http_server_held_bytes(server) < 16384);
    client_close(&client);
    client_close(&half);
}

/* Nothing is written after the head that would tell that all of it was taken. */
static void head_of_a_stream_counts_no_longer_than_it_takes(void **state)
{
    (void)state;
    start((struct http_options){
        .connections_per_address_max = 1, .trusted_proxies = trusted, .trusted_proxy_count = 1});
    struct client client = client_open(), next = client_open();
    send_as(&client, "192.0.2.1", "HEAD", "/stream", 0);
    READ_UNTIL(&client, "HTTP/1.1 200 ");
    WAIT_FOR(seen.ended == 1);
    send_as(&next, "192.0.2.1", "GET", "/", 0);
    READ_UNTIL(&next, "HTTP/1.1 200 ");
    client_close(&client);
    client_close(&next);
}

static void streams_that_nobody_takes_give_way_one_by_one(void **state)
{
    (void)state;
    start((struct http_options){.held_bytes_max = MIB});
    peer_open(0);
    struct stream *small = peer_get("/"), *large = peer_get("/large");
    PEER_UNTIL(large->ended);
    assert_int_equal(large->code, 200);
    assert_int_equal(large->error, NGHTTP2_CANCEL);
    assert_false(small->ended);
    assert_int_equal(http_server_shed(server), 1);
    const nghttp2_settings_entry open[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 65535}};
    assert_int_equal(nghttp2_submit_settings(peer.session, NGHTTP2_FLAG_NONE, open, 1), 0);
    PEER_UNTIL(small->ended);
    assert_int_equal(small->error, NGHTTP2_NO_ERROR);
    peer_close();
}

/* A client that does not even read: its frames are on their way, and cannot be taken back. */
static void stream_that_is_given_up_amid_a_frame_ends(void **state)
{
    (void)state;
    start((struct http_options){.held_bytes_max = MIB});
    peer_open(INT32_MAX);
    nghttp2_session_set_local_window_size(peer.session, NGHTTP2_FLAG_NONE, 0, INT32_MAX);
    struct stream *large = peer_get("/large");
    peer_send();
    WAIT_FOR(http_server_shed(server) > 0);
    PEER_UNTIL(large->ended || peer.tcp.ended);
    assert_true(large->body_len < STATIC_BYTES);
    assert_true(http_server_held_bytes(server) < MIB);
    peer_close();
}

static void bodies_of_streams_are_refused_by_their_share(void **state)
{
    struct stream *streams[16];
    size_t refused = 0;
    (void)state;
    start((struct http_options){.held_bytes_max = MIB});
    peer_open(65535);
    for (size_t i = 0; i < 16; i++)
        streams[i] = stream_of(peer_ask("POST", "/p", 900000, NULL, NULL));
    for (size_t i = 0; i < 16; i++) {
        PEER_UNTIL(streams[i]->ended);
        refused += streams[i]->code == 503;
    }
    assert_true(refused > 0);
    assert_int_equal(http_server_shed(server), refused);
    PEER_UNTIL(http_server_held_bytes(server) == 0);
    struct stream *after = stream_of(peer_ask("POST", "/p", 100000, NULL, NULL));
    PEER_UNTIL(after->ended);
    assert_int_equal(after->code, 200);
    peer_close();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(answer_that_nobody_takes_ends_with_its_connection),
        TEST(memory_of_a_taken_answer_is_given_back),
        TEST(file_that_nobody_takes_waits_for_its_reader),
        TEST(client_that_was_fast_leaves_no_more_in_the_kernel),
        TEST(bodies_of_one_address_leave_room_for_the_others),
        TEST(answer_counts_for_the_client_behind_the_proxy),
        TEST(nobody_pays_for_the_memory_of_a_request_before),
        TEST(head_of_a_stream_counts_no_longer_than_it_takes),
        TEST(streams_that_nobody_takes_give_way_one_by_one),
        TEST(stream_that_is_given_up_amid_a_frame_ends),
        TEST(bodies_of_streams_are_refused_by_their_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
