#include "shared/metrics/metrics_port.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER_BYTES_MAX 65536

static const struct metric_def defs[] = {
    {METRIC_COUNTER, "test_total", "Tests."},
    {METRIC_GAUGE, "test_up", "Up.", .labels = {"realm"}, .series_max = 4},
};

struct fixture {
    uv_loop_t loop;
    struct metrics *metrics;
    struct metric *all[2];
    struct metrics_port *port;
};

static void fixture_open(struct fixture *f)
{
    struct fault fault = {0};
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(metrics_new(&f->metrics), STATUS_OK);
    assert_int_equal(metrics_add(f->metrics, defs, 2, f->all), STATUS_OK);
    assert_int_equal(metrics_port_open(&f->loop, "127.0.0.1:0", f->metrics, &f->port, &fault),
                     STATUS_OK);
}

static void fixture_close(struct fixture *f)
{
    metrics_port_close(f->port);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    metrics_free(f->metrics);
}

static int connect_to(const struct fixture *f)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                        .sin_port = htons((uint16_t)metrics_port_number(f->port))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&address, sizeof(address)),
                     0);
    return fd;
}

/* Everything until the port hangs up. */
static void read_all(struct fixture *f, int fd, char *ret_text)
{
    size_t len = 0;
    for (;;) {
        uv_run(&f->loop, UV_RUN_NOWAIT);
        ssize_t got = recv(fd, ret_text + len, ANSWER_BYTES_MAX - 1 - len, MSG_DONTWAIT);
        if (got == 0)
            break;
        if (got > 0)
            len += (size_t)got;
    }
    ret_text[len] = '\0';
    close(fd);
}

static void ask(struct fixture *f, const char *request, char *ret_text)
{
    int fd = connect_to(f);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    read_all(f, fd, ret_text);
}

static void scraper_gets_metrics_and_nothing_else(void **state)
{
    static const struct {
        const char *request, *begins;
    } cases[] = {
        {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
        {"GET /metrics?x=1 HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
        {"GET /metricsx HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
        {"POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
        {"\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
    };
    struct fixture f;
    char text[ANSWER_BYTES_MAX];
    (void)state;
    fixture_open(&f);
    metric_add(METRIC(f.all[0]), 7);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ask(&f, cases[i].request, text);
        if (strncmp(text, cases[i].begins, strlen(cases[i].begins)) != 0)
            fail_msg("%s: %s", cases[i].request, text);
        assert_int_equal(strstr(text, "\ntest_total 7\n") != NULL,
                         strstr(cases[i].begins, "200") != NULL);
    }
    fixture_close(&f);
}

static void probes_ask_for_health(void **state)
{
    static const char healthz[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char readyz[] = "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";
    struct fixture f;
    char text[ANSWER_BYTES_MAX];
    (void)state;
    fixture_open(&f);
    ask(&f, healthz, text);
    assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
    ask(&f, readyz, text);
    assert_non_null(strstr(text, "HTTP/1.1 503 Service Unavailable\r\n"));
    metrics_port_set_unready(f.port, "");
    ask(&f, readyz, text);
    assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
    metrics_port_set_unready(f.port, "it rests");
    ask(&f, readyz, text);
    assert_non_null(strstr(text, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_non_null(strstr(text, "\r\n\r\nnot ready: it rests\n"));
    metrics_port_set_unready(NULL, "");
    fixture_close(&f);
}

static void head_without_end_is_refused(void **state)
{
    static char request[METRICS_PORT_HEAD_BYTES_MAX + 1];
    struct fixture f;
    char text[ANSWER_BYTES_MAX];
    (void)state;
    fixture_open(&f);
    memset(request, 'a', METRICS_PORT_HEAD_BYTES_MAX);
    ask(&f, request, text);
    assert_non_null(strstr(text, "431"));
    fixture_close(&f);
}

static void connections_are_bounded_and_close_with_the_port(void **state)
{
    struct fixture f;
    char text[ANSWER_BYTES_MAX];
    int fds[METRICS_PORT_CONNECTIONS_MAX];
    (void)state;
    fixture_open(&f);
    for (size_t i = 0; i < METRICS_PORT_CONNECTIONS_MAX; i++)
        fds[i] = connect_to(&f);
    int fd = connect_to(&f);
    read_all(&f, fd, text);
    assert_string_equal(text, "");
    /* One that ends makes room. */
    close(fds[0]);
    do
        ask(&f, "GET /metrics HTTP/1.1\r\n\r\n", text);
    while (!strstr(text, "200 OK"));
    fixture_close(&f);
    for (size_t i = 1; i < METRICS_PORT_CONNECTIONS_MAX; i++)
        close(fds[i]);
}

static void address_that_is_none_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",     "9101",      "localhost:9101", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
        "[::1", "::1:9101x", "[127.0.0.1]:1",  ":9101"};
    struct fixture f;
    (void)state;
    fixture_open(&f);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct metrics_port *port;
        struct fault fault = {0};
        if (metrics_port_open(&f.loop, wrong[i], f.metrics, &port, &fault) !=
                STATUS_INVALID_ARGUMENT ||
            strcmp(fault.field, "metrics_listen") != 0)
            fail_msg("'%s' was taken", wrong[i]);
    }
    char taken[32];
    struct metrics_port *port;
    struct fault fault = {0};
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", metrics_port_number(f.port));
    assert_int_equal(metrics_port_open(&f.loop, taken, f.metrics, &port, &fault),
                     STATUS_UNAVAILABLE);
    fixture_close(&f);
}

static void series_that_are_forgotten_are_written_no_longer(void **state)
{
    struct fixture f;
    char text[ANSWER_BYTES_MAX];
    (void)state;
    fixture_open(&f);
    for (int round = 0; round < 3; round++) {
        metric_forget(f.all[1]);
        for (int i = 0; i < 6; i++) {
            char realm[8];
            snprintf(realm, sizeof(realm), "r%d%d", round, i);
            metric_set(METRIC(f.all[1], realm), 1);
        }
    }
    ask(&f, "GET /metrics HTTP/1.1\r\n\r\n", text);
    assert_null(strstr(text, "realm=\"r1"));
    assert_non_null(strstr(text, "realm=\"r20\""));
    assert_non_null(strstr(text, "realm=\"r23\""));
    assert_null(strstr(text, "realm=\"r24\""));
    assert_non_null(strstr(text, "realm=\"other\""));
    metric_forget(f.all[1]);
    ask(&f, "GET /metrics HTTP/1.1\r\n\r\n", text);
    assert_null(strstr(text, "test_up{"));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scraper_gets_metrics_and_nothing_else),
        cmocka_unit_test(probes_ask_for_health),
        cmocka_unit_test(head_without_end_is_refused),
        cmocka_unit_test(connections_are_bounded_and_close_with_the_port),
        cmocka_unit_test(address_that_is_none_is_refused),
        cmocka_unit_test(series_that_are_forgotten_are_written_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
