/* HTTP/2: single frames, made by hand, that no client should send. What RFC 9113 says of each, and that it costs the
 * connection or the stream, whichever it says, and nobody else. In pieces as well: where a packet ends means nothing.
 */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>

#include "hub/http/fixture.h"

#define FRAME(len, type, flags, id) "\x00\x00" len type flags "\x00\x00\x00" id

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS FRAME("\x00", "\x04", "\x00", "\x00")
/* GET http://a/ with nothing but indexed fields and an authority; on `id`. */
#define GET_FRAME(id)                                                                              \
    FRAME("\x06", "\x01", "\x05", id)                                                              \
    "\x82\x86\x84\x41\x01"                                                                         \
    "a"
/* The same with a body to come. */
#define POST_FRAME(id)                                                                             \
    FRAME("\x06", "\x01", "\x04", id)                                                              \
    "\x83\x86\x84\x41\x01"                                                                         \
    "a"

/* The last frame of the type that came, as slice of its payload; ptr NULL when none did. */
static struct slice frame_of(const struct client *client, uint8_t type, int32_t stream_id)
{
    struct slice found = {0}, rest = buffer_slice(&client->in);
    while (rest.len >= 9) {
        const uint8_t *head = (const uint8_t *)rest.ptr;
        size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (rest.len < 9 + len)
            break;
        if (head[3] == type && head[8] == (uint8_t)stream_id)
            found = slice_make(rest.ptr + 9, len);
        rest = slice_make(rest.ptr + 9 + len, rest.len - 9 - len);
    }
    return found;
}

static uint32_t number(struct slice bytes, size_t at)
{
    uint32_t value = 0;
    assert_true(bytes.len >= at + 4);
    for (size_t i = 0; i < 4; i++)
        value = value << 8 | (uint8_t)bytes.ptr[at + i];
    return value;
}

/* What ends the whole connection; stream 1 is answered, and closed, before. In one piece and byte by byte. */
static const struct {
    const char *what;
    struct slice bytes;
    uint32_t error;
} broken_frames[] = {
    {"data on a closed stream", SLICE_LIT(FRAME("\x01", "\x00", "\x00", "\x01") "x"),
     NGHTTP2_STREAM_CLOSED},
    {"headers on a closed stream", SLICE_LIT(GET_FRAME("\x01")), NGHTTP2_STREAM_CLOSED},
    {"data on a stream that never was", SLICE_LIT(FRAME("\x01", "\x00", "\x00", "\x09") "x"),
     NGHTTP2_PROTOCOL_ERROR},
    {"a stream of the server's", SLICE_LIT(GET_FRAME("\x02")), NGHTTP2_PROTOCOL_ERROR},
    /* 5 is closed by 7 (RFC 9113 5.1.1). */
    {"a stream that goes back", SLICE_LIT(GET_FRAME("\x07") GET_FRAME("\x05")),
     NGHTTP2_STREAM_CLOSED},
    {"priority on stream 0",
     SLICE_LIT(FRAME("\x05", "\x02", "\x00", "\x00") "\x00\x00\x00\x01\x10"),
     NGHTTP2_PROTOCOL_ERROR},
    {"a stream that depends on itself",
     SLICE_LIT(FRAME("\x05", "\x02", "\x00", "\x03") "\x00\x00\x00\x03\x10"),
     NGHTTP2_PROTOCOL_ERROR},
    {"the same, exclusively",
     SLICE_LIT(FRAME("\x05", "\x02", "\x00", "\x03") "\x80\x00\x00\x03\x10"),
     NGHTTP2_PROTOCOL_ERROR},
    {"a window beyond 2^31", SLICE_LIT(FRAME("\x04", "\x08", "\x00", "\x00") "\x7f\xff\xff\xff"),
     NGHTTP2_FLOW_CONTROL_ERROR},
    {"a window update of nothing",
     SLICE_LIT(FRAME("\x04", "\x08", "\x00", "\x00") "\x00\x00\x00\x00"), NGHTTP2_PROTOCOL_ERROR},
    /* 6.9 asks for less; nghttp2 takes it as seriously as on stream 0. */
    {"a stream's window update of nothing",
     SLICE_LIT(POST_FRAME("\x03") FRAME("\x04", "\x08", "\x00", "\x03") "\x00\x00\x00\x00"),
     NGHTTP2_PROTOCOL_ERROR},
    {"an initial window beyond 2^31",
     SLICE_LIT(FRAME("\x06", "\x04", "\x00", "\x00") "\x00\x04\x80\x00\x00\x00"),
     NGHTTP2_FLOW_CONTROL_ERROR},
    {"a frame size below the least",
     SLICE_LIT(FRAME("\x06", "\x04", "\x00", "\x00") "\x00\x05\x00\x00\x00\x01"),
     NGHTTP2_PROTOCOL_ERROR},
    {"settings that are no settings", SLICE_LIT(FRAME("\x05", "\x04", "\x00", "\x00") "12345"),
     NGHTTP2_FRAME_SIZE_ERROR},
    {"settings of a stream", SLICE_LIT(FRAME("\x00", "\x04", "\x00", "\x03")),
     NGHTTP2_PROTOCOL_ERROR},
    {"a short ping", SLICE_LIT(FRAME("\x07", "\x06", "\x00", "\x00") "1234567"),
     NGHTTP2_FRAME_SIZE_ERROR},
    {"a push", SLICE_LIT(FRAME("\x05", "\x05", "\x04", "\x03") "\x00\x00\x00\x04\x82"),
     NGHTTP2_PROTOCOL_ERROR},
    {"a reset of stream 0", SLICE_LIT(FRAME("\x04", "\x03", "\x00", "\x00") "\x00\x00\x00\x08"),
     NGHTTP2_PROTOCOL_ERROR},
    {"a reset of a stream that never was",
     SLICE_LIT(FRAME("\x04", "\x03", "\x00", "\x09") "\x00\x00\x00\x08"), NGHTTP2_PROTOCOL_ERROR},
    {"a continuation of nothing", SLICE_LIT(FRAME("\x00", "\x09", "\x04", "\x03")),
     NGHTTP2_PROTOCOL_ERROR},
    {"something within a header block",
     SLICE_LIT(FRAME("\x01", "\x01", "\x01", "\x03") "\x82" FRAME("\x08", "\x06", "\x00",
                                                                  "\x00") "12345678"),
     NGHTTP2_PROTOCOL_ERROR},
    {"fields that are not in the table", SLICE_LIT(FRAME("\x01", "\x01", "\x05", "\x03") "\xfe"),
     NGHTTP2_COMPRESSION_ERROR},
    {"a frame that is too large", SLICE_LIT("\x00\x40\x01\x00\x00\x00\x00\x00\x03"),
     NGHTTP2_FRAME_SIZE_ERROR},
};

static void broken_frames_end_the_connection(void **state)
{
    (void)state;
    start((struct http_options){0});
    for (size_t i = 0; i < 2 * sizeof(broken_frames) / sizeof(broken_frames[0]); i++) {
        const char *what = broken_frames[i / 2].what;
        struct slice bytes = broken_frames[i / 2].bytes;
        size_t step = i % 2 ? 1 : bytes.len;
        struct client client = client_open();
        client_send(&client, SLICE_LIT(PREFACE SETTINGS GET_FRAME("\x01")));
        WAIT_FOR((client_take(&client), frame_of(&client, NGHTTP2_DATA, 1).ptr));
        for (size_t at = 0; at < bytes.len; at += step)
            client_send(&client, slice_make(bytes.ptr + at, step));
        WAIT_FOR(client_take_all(&client));
        struct slice goaway = frame_of(&client, NGHTTP2_GOAWAY, 0);
        if (!goaway.ptr || number(goaway, 4) != broken_frames[i / 2].error)
            fail_msg("%s (by %zu): goaway %u", what, step, goaway.ptr ? number(goaway, 4) : 0);
        client_close(&client);
    }
}

/* What costs its stream, and leaves the connection and its other streams alone. */
static const struct {
    const char *what;
    struct slice bytes;
    uint32_t error;
} broken_streams[] = {
    {"a window of a stream beyond 2^31",
     SLICE_LIT(POST_FRAME("\x03") FRAME("\x04", "\x08", "\x00", "\x03") "\x7f\xff\xff\xff"),
     NGHTTP2_FLOW_CONTROL_ERROR},
    {"no :path",
     SLICE_LIT(FRAME("\x05", "\x01", "\x05", "\x03") "\x82\x86\x41\x01"
                                                     "a"),
     NGHTTP2_PROTOCOL_ERROR},
    {"two methods",
     SLICE_LIT(FRAME("\x07", "\x01", "\x05", "\x03") "\x82\x83\x86\x84\x41\x01"
                                                     "a"),
     NGHTTP2_PROTOCOL_ERROR},
    {"a name in upper case",
     SLICE_LIT(FRAME("\x0b", "\x01", "\x05", "\x03") "\x82\x86\x84\x41\x01"
                                                     "a"
                                                     "\x00\x01"
                                                     "X"
                                                     "\x01"
                                                     "y"),
     NGHTTP2_PROTOCOL_ERROR},
    {"a line end in a value",
     SLICE_LIT(FRAME("\x0b", "\x01", "\x05", "\x03") "\x82\x86\x84\x41\x01"
                                                     "a"
                                                     "\x00\x01"
                                                     "x"
                                                     "\x01"
                                                     "\n"),
     NGHTTP2_PROTOCOL_ERROR},
    {"a field of the connection's",
     SLICE_LIT(FRAME("\x1a", "\x01", "\x05", "\x03") "\x82\x86\x84\x41\x01"
                                                     "a"
                                                     "\x00\x0a"
                                                     "connection"
                                                     "\x07"
                                                     "upgrade"),
     NGHTTP2_PROTOCOL_ERROR},
    {"more than content-length says",
     SLICE_LIT(
         FRAME("\x09", "\x01", "\x04", "\x03") "\x83\x86\x84\x41\x01"
                                               "a"
                                               "\x5c\x01"
                                               "1" FRAME("\x02", "\x00", "\x01", "\x03") "xx"),
     NGHTTP2_PROTOCOL_ERROR},
    {"less than content-length says",
     SLICE_LIT(FRAME("\x09", "\x01", "\x05", "\x03") "\x83\x86\x84\x41\x01"
                                                     "a"
                                                     "\x5c\x01"
                                                     "1"),
     NGHTTP2_PROTOCOL_ERROR},
};

static void broken_streams_end_alone(void **state)
{
    (void)state;
    start((struct http_options){.header_timeout_ms = 150});
    for (size_t i = 0; i < sizeof(broken_streams) / sizeof(broken_streams[0]); i++) {
        struct client client = client_open();
        client_send(&client, SLICE_LIT(PREFACE SETTINGS GET_FRAME("\x01")));
        WAIT_FOR((client_take(&client), frame_of(&client, NGHTTP2_DATA, 1).ptr));
        size_t started = seen.started;
        client_send(&client, broken_streams[i].bytes);
        WAIT_FOR((client_take(&client), frame_of(&client, NGHTTP2_RST_STREAM, 3).ptr) ||
                 client.ended);
        struct slice reset = frame_of(&client, NGHTTP2_RST_STREAM, 3);
        if (!reset.ptr || number(reset, 0) != broken_streams[i].error)
            fail_msg("%s: reset %u", broken_streams[i].what, reset.ptr ? number(reset, 0) : 0);
        assert_int_equal(seen.started, started);
        /* Nor does the clock of its header block run on. */
        int64_t later_us = deadline_after_ms(i == 1 ? 400 : 0);
        WAIT_FOR(clock_monotonic_us() > later_us);
        client_send(&client, SLICE_LIT(GET_FRAME("\x05")));
        WAIT_FOR((client_take(&client), frame_of(&client, NGHTTP2_DATA, 5).ptr) || client.ended);
        if (!frame_of(&client, NGHTTP2_DATA, 5).ptr)
            fail_msg("%s: the connection is over", broken_streams[i].what);
        client_close(&client);
    }
}

/* Trailers are as much as headers, and their end is an end. */
static void trailers_are_counted_and_not_waited_for(void **state)
{
    char frame[9 + 16000];
    (void)state;
    start((struct http_options){.header_timeout_ms = 150});
    struct client client = client_open();
    client_send(&client, SLICE_LIT(PREFACE SETTINGS POST_FRAME("\x01")
                                       FRAME("\x05", "\x01", "\x05", "\x01") "\x00\x01"
                                                                             "x"
                                                                             "\x01"
                                                                             "y"));
    WAIT_FOR((client_take(&client), frame_of(&client, NGHTTP2_DATA, 1).ptr));
    int64_t later_us = deadline_after_ms(400);
    WAIT_FOR(clock_monotonic_us() > later_us);
    /* A field of 4 000 bytes is put into the table, then named 11 900 times. */
    memcpy(frame, FRAME("\x00", "\x01", "\x05", "\x03"), 9);
    frame[1] = (char)(16000 >> 8);
    frame[2] = (char)(16000 & 0xff);
    memset(frame + 9, '\xbe', 16000);
    memcpy(frame + 9,
           "\x40\x01"
           "x"
           "\x7f\xa1\x1e",
           6); /* 127 + 33 + 30 * 128 = 4 000 */
    memset(frame + 15, 'v', 4000);
    client_send(&client, SLICE_LIT(POST_FRAME("\x03")));
    client_send(&client, slice_make(frame, sizeof(frame)));
    WAIT_FOR((client_take(&client), frame_of(&client, NGHTTP2_RST_STREAM, 3).ptr) || client.ended);
    assert_non_null(frame_of(&client, NGHTTP2_RST_STREAM, 3).ptr);
    client_send(&client, SLICE_LIT(GET_FRAME("\x05")));
    WAIT_FOR((client_take(&client), frame_of(&client, NGHTTP2_DATA, 5).ptr) || client.ended);
    assert_non_null(frame_of(&client, NGHTTP2_DATA, 5).ptr);
    assert_int_equal(seen.started, 2);
    client_close(&client);
}

/* More streams than it may: those above are refused, and may be asked for again. */
static void streams_above_the_limit_are_refused(void **state)
{
    (void)state;
    start((struct http_options){.http2_streams_max = 2});
    struct client client = client_open();
    client_send(&client, SLICE_LIT(PREFACE SETTINGS POST_FRAME("\x01") POST_FRAME("\x03")
                                       POST_FRAME("\x05")));
    WAIT_FOR((client_take(&client), frame_of(&client, NGHTTP2_RST_STREAM, 5).ptr) || client.ended);
    assert_int_equal(number(frame_of(&client, NGHTTP2_RST_STREAM, 5), 0), NGHTTP2_REFUSED_STREAM);
    assert_int_equal(http_server_connections(server), 1);
    client_close(&client);
}

/* An address of this machine that is not loopback; false when it has none. */
static bool own_address(struct sockaddr_in *ret_address)
{
    struct ifaddrs *all;
    bool found = false;
    assert_int_equal(getifaddrs(&all), 0);
    for (const struct ifaddrs *it = all; it && !found; it = it->ifa_next) {
        if (!it->ifa_addr || it->ifa_addr->sa_family != AF_INET || it->ifa_flags & IFF_LOOPBACK ||
            !(it->ifa_flags & IFF_UP))
            continue;
        memcpy(ret_address, it->ifa_addr, sizeof(*ret_address));
        found = true;
    }
    freeifaddrs(all);
    return found;
}

/* In clear, HTTP/2 is for proxies and this machine; from elsewhere its preface is a request that is none. */
static void preface_of_a_stranger_is_a_malformed_request(void **state)
{
    struct sockaddr_in address;
    (void)state;
    if (!own_address(&address))
        skip();
    start((struct http_options){.listen = "0.0.0.0:0"});
    address.sin_port = htons((uint16_t)http_server_port(server));
    struct client client = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    buffer_init(&client.in, 1 << 20);
    assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    client_send(&client, SLICE_LIT(PREFACE SETTINGS GET_FRAME("\x01")));
    READ_TO_END(&client);
    assert_int_equal(client_count(&client, "HTTP/1.1"), 1);
    assert_true(client_has(&client, "HTTP/1.1 400 "));
    assert_int_equal(seen.started, 0);
    client_close(&client);
}

/* With windows that never close it is the connection that shows whether the client reads. */
static void slow_reader_with_wide_windows_is_not_stalled(void **state)
{
    char some[1024];
    (void)state;
    start((struct http_options){.write_stall_ms = 500});
    struct client client = client_open();
    client_send(
        &client,
        SLICE_LIT(PREFACE FRAME("\x06", "\x04", "\x00", "\x00") "\x00\x04\x7f\xff\xff\xff" FRAME(
            "\x04", "\x08", "\x00",
            "\x00") "\x7f\x00\x00\x00" FRAME("\x0e", "\x01", "\x05",
                                             "\x01") "\x82\x86\x44\x07/stream\x41\x01"
                                                     "a"));
    for (int64_t until_us = deadline_after_ms(2500); clock_monotonic_us() < until_us;) {
        uv_run(&loop, UV_RUN_NOWAIT);
        (void)!recv(client.fd, some, sizeof(some), MSG_DONTWAIT);
        (void)!poll(NULL, 0, 1);
    }
    assert_int_equal(seen.started, 1);
    assert_int_equal(seen.ended, 0);
    client_close(&client);
    WAIT_FOR(seen.ended == 1);
    WAIT_FOR(http_server_connections(server) == 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(broken_frames_end_the_connection),
        TEST(broken_streams_end_alone),
        TEST(trailers_are_counted_and_not_waited_for),
        TEST(streams_above_the_limit_are_refused),
        TEST(preface_of_a_stranger_is_a_malformed_request),
        TEST(slow_reader_with_wide_windows_is_not_stalled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
