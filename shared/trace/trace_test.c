/* spans and the tracer that sends them, against a collector of this test that takes, refuses or hangs */
#include "shared/trace/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "shared/base/buffer.h"
#include "shared/base/clock.h"
#include "tests/support/fiber_run.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define CONNECTIONS_MAX 16

/* ---- a collector ------------------------------------------------------------------------------- */

struct collector {
    uv_tcp_t tcp;
    char endpoint[64];
    const char *answer; /* NULL: it hangs */
    struct buffer heard;
    uv_tcp_t clients[CONNECTIONS_MAX];
    size_t connections;
    size_t answered; /* bytes of `heard` */
    size_t open;
    struct fiber_event closed;
};

static struct collector collector;

static void allocate(uv_handle_t *handle, size_t hint, uv_buf_t *buffer)
{
    static char bytes[65536];
    (void)handle, (void)hint;
    *buffer = uv_buf_init(bytes, sizeof(bytes));
}

static void client_closed(uv_handle_t *handle)
{
    (void)handle;
    collector.open--;
    fiber_event_signal(&collector.closed);
}

static void close_client(uv_handle_t *client)
{
    if (!uv_is_closing(client))
        uv_close(client, client_closed);
}

static void on_said(uv_write_t *write, int status)
{
    (void)status;
    free(write);
}

/* A request ends with the end of its JSON. */
static void on_heard(uv_stream_t *client, ssize_t len, const uv_buf_t *bytes)
{
    if (len < 0) {
        close_client((uv_handle_t *)client);
        return;
    }
    buffer_append(&collector.heard, bytes->base, (size_t)len);
    struct slice heard = buffer_slice(&collector.heard);
    if (!collector.answer || heard.len < 3 || memcmp(heard.ptr + heard.len - 3, "}]}", 3) != 0)
        return;
    collector.answered = heard.len;
    uv_write_t *write = calloc(1, sizeof(*write));
    assert_non_null(write);
    char *answer = (char *)(uintptr_t)collector.answer;
    uv_buf_t buffer = uv_buf_init(answer, (unsigned)strlen(answer));
    assert_int_equal(uv_write(write, client, &buffer, 1, on_said), 0);
}

static void on_connected(uv_stream_t *listener, int status)
{
    assert_int_equal(status, 0);
    assert_true(collector.connections < CONNECTIONS_MAX);
    uv_tcp_t *client = &collector.clients[collector.connections++];
    collector.open++;
    uv_tcp_init(listener->loop, client);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)client), 0);
    uv_read_start((uv_stream_t *)client, allocate, on_heard);
}

static void collector_start(struct fiber_run *run, const char *answer)
{
    struct sockaddr_in address;
    int len = sizeof(address);

    collector = (struct collector){.answer = answer, .open = 1};
    buffer_init(&collector.heard, (size_t)4 << 20);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(&run->loop, &collector.tcp);
    assert_int_equal(uv_tcp_bind(&collector.tcp, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&collector.tcp, 16, on_connected), 0);
    assert_int_equal(uv_tcp_getsockname(&collector.tcp, (struct sockaddr *)&address, &len), 0);
    snprintf(collector.endpoint, sizeof(collector.endpoint), "http://127.0.0.1:%d/",
             ntohs(address.sin_port));
}

static void collector_stop(void)
{
    close_client((uv_handle_t *)&collector.tcp);
    for (size_t i = 0; i < collector.connections; i++)
        close_client((uv_handle_t *)&collector.clients[i]);
    while (collector.open > 0)
        (void)!fiber_event_wait(&collector.closed, DEADLINE_NONE);
    buffer_done(&collector.heard);
}

#define TAKES "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
#define REFUSES "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"

static struct tracer *tracer_to(struct fiber_run *run, const char *endpoint, const char *ratio)
{
    const struct tracer_options options = {
        .endpoint = endpoint,
        .sample_ratio = ratio,
        .service = "pek-test",
        .version = "1",
        .realm = "worker-acme",
    };
    struct tracer *tracer;
    struct fault fault;

    assert_int_equal(tracer_open(run->fibers, &options, &tracer, &fault), STATUS_OK);
    return tracer;
}

static struct tracer_statistics statistics(const struct tracer *tracer)
{
    struct tracer_statistics now;
    tracer_statistics(tracer, &now);
    return now;
}

static bool has_heard(const char *text)
{
    struct slice heard = buffer_slice(&collector.heard);
    return memmem(heard.ptr, heard.len, text, strlen(text)) != NULL;
}

static void add_spans(struct tracer *tracer, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct span span;
        tracer_begin(tracer, SLICE_LIT("00-" TRACE "-" PARENT "-01"), SPAN_SERVER, &span);
        span_end(&span, SLICE_LIT("one"), false, NULL, 0);
    }
}

/* ---- the header -------------------------------------------------------------------------------- */

static void traceparent_is_read_to_the_letter(void **state)
{
    static const char *const wrong[] = {
        "",
        "00-" TRACE "-" PARENT "-0",
        "00-" TRACE "-" PARENT "-011",
        "ff-" TRACE "-" PARENT "-01",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
        "00_" TRACE "-" PARENT "-01",
        "00-" TRACE "-" PARENT "-0g",
    };
    struct slice trace, parent;
    bool sampled;

    (void)state;
    assert_true(
        traceparent_read(SLICE_LIT("00-" TRACE "-" PARENT "-01"), &trace, &parent, &sampled));
    assert_true(slice_equal_str(trace, TRACE) && slice_equal_str(parent, PARENT) && sampled);
    assert_true(
        traceparent_read(SLICE_LIT("cc-" TRACE "-" PARENT "-fe"), &trace, &parent, &sampled));
    assert_false(sampled);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(traceparent_read(slice_str(wrong[i]), &trace, &parent, &sampled));
}

static void an_operator_hears_what_is_wrong(void **state)
{
    static const char *const endpoints[] = {
        "127.0.0.1:4318",     "ftp://a",     "http://",     "http:///x",
        "http://me:secret@a", "http://a/?b", "http://:4318"};
    static const char *const ratios[] = {"", "1.1", "2", "-1", "0,5", "1.", ".5", "1e-3", "nan"};
    struct fault fault;

    (void)state;
    assert_int_equal(tracer_check("", "0", &fault), STATUS_OK);
    assert_int_equal(tracer_check("https://[::1]:4318", "0.25", &fault), STATUS_OK);
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        assert_int_equal(tracer_check(endpoints[i], "1", &fault), STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, "otlp_endpoint");
    }
    for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
        assert_int_equal(tracer_check("", ratios[i], &fault), STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, "trace_sample_ratio");
    }
}

/* ---- sampling ---------------------------------------------------------------------------------- */

static void without_tracer(struct fiber_run *run)
{
    const struct tracer_options options = {.endpoint = "", .sample_ratio = "1"};
    struct tracer *tracer = (struct tracer *)run;
    struct fault fault;
    struct span span, child;

    assert_int_equal(tracer_open(run->fibers, &options, &tracer, &fault), STATUS_OK);
    assert_null(tracer);
    tracer_begin(NULL, SLICE_LIT("00-" TRACE "-" PARENT "-01"), SPAN_SERVER, &span);
    assert_null(span.tracer);
    span_begin(&span, SPAN_CLIENT, &child);
    assert_null(child.tracer);
    span_begin(NULL, SPAN_CLIENT, &child);
    assert_null(child.tracer);
    span_add_statement(NULL, "x", 0, STATUS_OK);
    span_end_call(&child, SLICE_LIT("/a.B/C"), STATUS_OK, SLICE_LIT(""));
    tracer_stop(NULL);
    assert_null(tracer_free(NULL));
}

static void who_began_the_trace_decides(struct fiber_run *run)
{
    struct span span;

    for (int ratio = 0; ratio <= 1; ratio++) {
        struct tracer *tracer = tracer_to(run, "http://127.0.0.1:1", ratio ? "1" : "0");
        tracer_begin(tracer, SLICE_LIT("00-" TRACE "-" PARENT "-00"), SPAN_SERVER, &span);
        assert_null(span.tracer);
        tracer_begin(tracer, SLICE_LIT("00-" TRACE "-" PARENT "-01"), SPAN_SERVER, &span);
        assert_ptr_equal(span.tracer, tracer);
        assert_string_equal(span.trace, TRACE);
        assert_string_equal(span.parent, PARENT);
        tracer_begin(tracer, SLICE_LIT("nonsense"), SPAN_SERVER, &span);
        assert_ptr_equal(span.tracer, ratio ? tracer : NULL);
        if (ratio)
            assert_string_equal(span.parent, "");
        tracer_stop(tracer);
        tracer_free(tracer);
    }
}

static void a_part_of_the_others_is_recorded(struct fiber_run *run)
{
    struct tracer *tracer = tracer_to(run, "http://127.0.0.1:1", "0.25");
    struct span span;
    int recorded = 0;

    for (int i = 0; i < 4000; i++) {
        tracer_begin(tracer, SLICE_LIT(""), SPAN_SERVER, &span);
        recorded += span.tracer != NULL;
    }
    assert_in_range(recorded, 800, 1200);
    tracer_stop(tracer);
    tracer_free(tracer);
}

/* ---- sending ----------------------------------------------------------------------------------- */

static void spans_arrive_below_each_other(struct fiber_run *run)
{
    struct span root, child;
    char text[TRACEPARENT_BYTES + 1], expected[128];

    collector_start(run, TAKES);
    struct tracer *tracer = tracer_to(run, collector.endpoint, "0");
    tracer_begin(tracer, SLICE_LIT("00-" TRACE "-" PARENT "-01"), SPAN_SERVER, &root);
    span_begin(&root, SPAN_CLIENT, &child);
    const struct span kept_root = root, kept_child = child;
    span_traceparent(&child, text);
    snprintf(expected, sizeof(expected), "00-%s-%s-01", TRACE, child.id);
    assert_string_equal(text, expected);
    span_add_statement(&child, "group_get", clock_monotonic_us() - 5000, STATUS_UNAVAILABLE);
    span_end_call(&child, SLICE_LIT("/pek.group.v1.GroupService/GetGroup"), STATUS_NOT_FOUND,
                  SLICE_LIT("worker-acme"));
    span_end_call(&child, SLICE_LIT("/again"), STATUS_OK, SLICE_LIT(""));
    const struct span_attribute attributes[] = {{"http.response.status_code", {0}, 404},
                                                {"http.route", SLICE_LIT("/a/{id}"), 0}};
    span_end(&root, SLICE_LIT("GET \"/a/{id}\""), false, attributes, 2);
    tracer_stop(tracer);
    assert_int_equal(statistics(tracer).sent, 3);
    assert_true(has_heard("POST /v1/traces HTTP/1.1\r\n"));
    assert_true(has_heard("Content-Type: application/json\r\n"));
    assert_true(has_heard("{\"key\":\"service.name\",\"value\":{\"stringValue\":\"pek-test\"}}"));
    snprintf(expected, sizeof(expected), "\"spanId\":\"%s\",\"parentSpanId\":\"" PARENT "\"",
             kept_root.id);
    assert_true(has_heard(expected));
    snprintf(expected, sizeof(expected), "\"spanId\":\"%s\",\"parentSpanId\":\"%s\"", kept_child.id,
             kept_root.id);
    assert_true(has_heard(expected));
    snprintf(expected, sizeof(expected),
             "\"parentSpanId\":\"%s\",\"name\":\"group_get\",\"kind\":3", kept_child.id);
    assert_true(has_heard(expected));
    assert_true(has_heard("\"name\":\"pek.group.v1.GroupService/GetGroup\""));
    assert_true(has_heard("{\"key\":\"rpc.method\",\"value\":{\"stringValue\":\"GetGroup\"}}"));
    assert_true(has_heard("{\"key\":\"rpc.grpc.status_code\",\"value\":{\"intValue\":\"5\"}}"));
    assert_true(has_heard("{\"key\":\"error.type\",\"value\":{\"stringValue\":\"UNAVAILABLE\"}}"));
    assert_true(has_heard("\"name\":\"GET \\\"/a/{id}\\\"\",\"kind\":2"));
    assert_false(has_heard("again"));
    tracer_free(tracer);
    collector_stop();
}

static void what_is_too_long_is_cut(struct fiber_run *run)
{
    static char word[2000];
    struct span span;

    memset(word, 'a', sizeof(word) - 1);
    collector_start(run, TAKES);
    struct tracer *tracer = tracer_to(run, collector.endpoint, "1");
    tracer_begin(tracer, SLICE_LIT(""), SPAN_SERVER, &span);
    struct span_attribute attributes[TRACE_ATTRIBUTES_MAX + 3];
    for (size_t i = 0; i < TRACE_ATTRIBUTES_MAX + 3; i++)
        attributes[i] = (struct span_attribute){"key", slice_str(word), 0};
    span_end(&span, slice_str(word), true, attributes, TRACE_ATTRIBUTES_MAX + 3);
    tracer_stop(tracer);
    assert_int_equal(statistics(tracer).sent, 1);
    assert_true(collector.heard.len < 2000);
    tracer_free(tracer);
    collector_stop();
}

static void the_queue_is_bounded(struct fiber_run *run)
{
    collector_start(run, TAKES);
    struct tracer *tracer = tracer_to(run, collector.endpoint, "0");
    add_spans(tracer, TRACE_QUEUE_MAX + 100);
    assert_int_equal(statistics(tracer).dropped, 100);
    tracer_stop(tracer);
    assert_int_equal(statistics(tracer).sent, TRACE_QUEUE_MAX);
    add_spans(tracer, 1);
    assert_int_equal(statistics(tracer).dropped, 101);
    tracer_free(tracer);
    collector_stop();
}

static void nobody_waits_for_a_collector_that_hangs(struct fiber_run *run)
{
    collector_start(run, NULL);
    struct tracer *tracer = tracer_to(run, collector.endpoint, "0");
    int64_t started_us = clock_monotonic_us();
    add_spans(tracer, TRACE_BATCH_MAX + 1);
    assert_true(clock_monotonic_us() - started_us < 1000000);
    while (collector.heard.len == 0)
        fiber_sleep_ms(5);
    started_us = clock_monotonic_us();
    tracer_stop(tracer);
    assert_in_range(clock_monotonic_us() - started_us, 900 * 1000, 2000 * 1000);
    struct tracer_statistics now = statistics(tracer);
    assert_int_equal(now.sent, 0);
    assert_int_equal(now.lost, TRACE_BATCH_MAX);
    assert_int_equal(now.dropped, 1);
    tracer_free(tracer);
    collector_stop();
}

static void what_is_refused_is_lost_and_counted(struct fiber_run *run)
{
    collector_start(run, REFUSES);
    struct tracer *tracer = tracer_to(run, collector.endpoint, "0");
    add_spans(tracer, 3);
    tracer_stop(tracer);
    assert_int_equal(statistics(tracer).lost, 3);
    tracer_free(tracer);
    collector_stop();
    tracer = tracer_to(run, "http://127.0.0.1:1", "0");
    add_spans(tracer, 4);
    tracer_stop(tracer);
    assert_int_equal(statistics(tracer).lost, 4);
    tracer_free(tracer);
}

#define RUN(name)                                                                                  \
    static void run_##name(void **state)                                                           \
    {                                                                                              \
        (void)state;                                                                               \
        fiber_run(name);                                                                           \
    }
RUN(without_tracer)
RUN(who_began_the_trace_decides)
RUN(a_part_of_the_others_is_recorded)
RUN(spans_arrive_below_each_other)
RUN(what_is_too_long_is_cut)
RUN(the_queue_is_bounded)
RUN(nobody_waits_for_a_collector_that_hangs)
RUN(what_is_refused_is_lost_and_counted)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traceparent_is_read_to_the_letter),
        cmocka_unit_test(an_operator_hears_what_is_wrong),
        cmocka_unit_test(run_without_tracer),
        cmocka_unit_test(run_who_began_the_trace_decides),
        cmocka_unit_test(run_a_part_of_the_others_is_recorded),
        cmocka_unit_test(run_spans_arrive_below_each_other),
        cmocka_unit_test(run_what_is_too_long_is_cut),
        cmocka_unit_test(run_the_queue_is_bounded),
        cmocka_unit_test(run_nobody_waits_for_a_collector_that_hangs),
        cmocka_unit_test(run_what_is_refused_is_lost_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
