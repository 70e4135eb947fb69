/* rpc_bench: what a call costs, client and server in processes of their own.
 *
 *     bazel run --config=release //shared/rpc/testing:rpc_bench -- unary 5 [IN_FLIGHT [tcp|tls|unix [carry]]]
 *     bazel run --config=release //shared/rpc/testing:rpc_bench -- stream 5
 *     bazel run --config=release //shared/rpc/testing:rpc_bench -- local 5
 *     bazel run //shared/rpc/testing:rpc_bench -- serve 7199      (plain text, with reflection, for grpcurl)
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "shared/base/clock.h"
#include "shared/rpc/testing/certificates.h"
#include "shared/rpc/testing/echo.h"
#include "shared/rpc/testing/echo_descriptor_set.h"

#define IN_FLIGHT_DEFAULT 64
#define STREAM_MESSAGES 200000

struct bench {
    uv_loop_t loop;
    struct fibers *fibers;
    struct rpc_host *host;
    struct rpc_runtime *runtime;
    struct rpc_server *server;
    struct rpc_channel *channel;
    struct echo_log log;
    uv_signal_t signal;
    int64_t until_us;
    uint64_t done, started;
    char token[600]; /* as long as an instance token */
    size_t running;
    struct fiber_event ended;
    void (*run)(void *arg);
};

/* How a call gets there. */
struct way {
    const char *listen;
    const struct rpc_tls *server_tls, *channel_tls; /* NULL: plain text */
    bool carry;
};

static void die(const char *what)
{
    fprintf(stderr, "rpc_bench: %s\n", what);
    exit(1);
}

static enum status authenticate(void *arg, struct rpc_ctx *ctx, struct principal *ret_principal)
{
    (void)arg, (void)ctx;
    ret_principal->user = SLICE_LIT("bench");
    return STATUS_OK;
}

static enum status authorize(void *arg, struct rpc_ctx *ctx, const void *request)
{
    (void)arg, (void)ctx, (void)request;
    return STATUS_OK;
}

static void bench_init(struct bench *bench)
{
    memset(bench->token, 'x', sizeof(bench->token));
    struct rpc_host_options options = {.interceptor = {NULL, authenticate, authorize, NULL}};
    uv_loop_init(&bench->loop);
    if (fibers_new(&bench->loop, NULL, &bench->fibers) != STATUS_OK ||
        rpc_host_new(bench->fibers, &options, &bench->host) != STATUS_OK ||
        testing_echo_add(bench->host, &echo_handlers, &bench->log, NULL) != STATUS_OK)
        die("cannot make a host");
}

/* ---- server ---- */

static void drain(void *arg)
{
    struct bench *bench = arg;
    if (rpc_server_drain(bench->server, deadline_after_ms(1000)) != STATUS_OK)
        fprintf(stderr, "rpc_bench: calls were left\n");
    uv_close((uv_handle_t *)&bench->signal, NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    struct bench *bench = handle->data;
    uv_signal_stop(handle);
    if (fiber_go(bench->fibers, drain, bench) != STATUS_OK)
        die("cannot drain");
}

static void serve(const struct way *way, int ready_fd)
{
    struct bench bench = {0};
    struct fault fault = {0};
    bench_init(&bench);
    struct rpc_server_options options = {
        .listen = way->listen,
        .tls = way->server_tls,
        .reflection = true,
        .descriptor_set = slice_make(echo_descriptors, echo_descriptors_len),
    };
    if (rpc_runtime_new(bench.fibers, &bench.runtime) != STATUS_OK ||
        rpc_server_new(bench.runtime, bench.host, &options, &bench.server, &fault) != STATUS_OK)
        die(fault.text);
    uv_signal_init(&bench.loop, &bench.signal);
    bench.signal.data = &bench;
    uv_signal_start(&bench.signal, on_signal, SIGTERM);
    int port = rpc_server_port(bench.server);
    if (ready_fd >= 0 && write(ready_fd, &port, sizeof(port)) != (ssize_t)sizeof(port))
        die("cannot report the port");
    uv_run(&bench.loop, UV_RUN_DEFAULT);
    rpc_server_free(bench.server);
    rpc_runtime_free(bench.runtime);
}

/* ---- load ---- */

static void load_end(struct bench *bench)
{
    bench->running--;
    fiber_event_signal(&bench->ended);
}

static void load_unary(void *arg)
{
    struct bench *bench = arg;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    char text[] = "sixty-four bytes of text, more or less, as in the figures of old";
    testing_text request = TESTING_TEXT_INIT;
    request.text = text;
    /* What a call of the hub has with it. */
    struct rpc_pair pairs[4] = {
        {SLICE_LIT("authorization"), slice_make(bench->token, sizeof(bench->token))},
        {SLICE_LIT("x-policy-hint"), SLICE_LIT("0192f0c1-9d3e-7a55-8b1e-2f1f6f7a9c11")},
        {SLICE_LIT("traceparent"), {0}},
        {SLICE_LIT("x-request-id"), {0}},
    };
    char trace[64], id[32];
    while (clock_monotonic_us() < bench->until_us) {
        testing_text *answer = NULL;
        struct fault fault;
        uint64_t number = ++bench->started;
        snprintf(trace, sizeof(trace), "00-%032" PRIx64 "-%016" PRIx64 "-01", number, number);
        snprintf(id, sizeof(id), "%016" PRIx64, number);
        pairs[2].value = slice_str(trace);
        pairs[3].value = slice_str(id);
        if (testing_say_call(bench->channel, &request, pairs, 4, NULL, &arena, &answer, &fault) !=
            STATUS_OK)
            die(fault.text);
        arena_reset(&arena);
        bench->done++;
    }
    arena_done(&arena);
    load_end(bench);
}

static void load_stream(void *arg)
{
    struct bench *bench = arg;
    testing_count_request request = TESTING_COUNT_REQUEST_INIT;
    request.count = STREAM_MESSAGES;
    request.payload_bytes = 40;
    uint8_t bytes[64];
    size_t len = protobuf_c_message_pack(&request.base, bytes);
    while (clock_monotonic_us() < bench->until_us) {
        struct fiber_event event = {0};
        struct rpc_call_options options = {
            .path = SLICE_LIT("/pek.testing.Echo/Count"),
            .request = slice_make(bytes, len),
            .deadline_us = deadline_after_ms(60000),
            .server_streaming = true,
            .event = &event,
        };
        struct rpc_call *call = NULL;
        const struct fault *outcome = NULL;
        struct slice message;
        if (rpc_call_start(bench->channel, &options, &call) != STATUS_OK)
            die("cannot start");
        while (!rpc_call_ended(call, &outcome)) {
            while (rpc_call_next(call, &message))
                bench->done++;
            if (!rpc_call_ended(call, &outcome) &&
                fiber_event_wait(&event, DEADLINE_NONE) != STATUS_OK)
                die("wait");
        }
        if (outcome->status != STATUS_OK)
            die(outcome->text);
        rpc_call_free(call);
    }
    load_end(bench);
}

static double cpu_s(const struct rusage *usage)
{
    return (double)usage->ru_utime.tv_sec + (double)usage->ru_stime.tv_sec +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

static void start_load(void *arg)
{
    struct bench *bench = arg;
    for (size_t i = 0; i < bench->running; i++)
        if (fiber_go(bench->fibers, bench->run, bench) != STATUS_OK)
            die("no fiber");
    while (bench->running > 0)
        if (fiber_event_wait(&bench->ended, DEADLINE_NONE) != STATUS_OK)
            die("wait");
}

static void load(struct bench *bench, const char *mode, int seconds, size_t in_flight)
{
    bool stream = strcmp(mode, "stream") == 0;
    bench->run = stream ? load_stream : load_unary;
    bench->running = stream ? 1 : in_flight;
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    int64_t began_us = clock_monotonic_us();
    bench->until_us = began_us + (int64_t)seconds * 1000000;
    if (fiber_go(bench->fibers, start_load, bench) != STATUS_OK)
        die("no fiber");
    while (fibers_count(bench->fibers) > 0)
        uv_run(&bench->loop, UV_RUN_ONCE);
    double took_s = (double)(clock_monotonic_us() - began_us) / 1e6;
    getrusage(RUSAGE_SELF, &after);
    double done = (double)bench->done;
    printf("%s: %.0f/s, client %.2f us CPU each", mode, done / took_s,
           (cpu_s(&after) - cpu_s(&before)) * 1e6 / done);
}

static void run_remote(const char *mode, int seconds, size_t in_flight, const struct way *way)
{
    int ready[2];
    int port = 0;
    if (pipe(ready) != 0)
        die("pipe");
    pid_t child = fork();
    if (child == 0) {
        serve(way, ready[1]);
        exit(0);
    }
    if (child < 0 || read(ready[0], &port, sizeof(port)) != (ssize_t)sizeof(port))
        die("no server");
    struct bench bench = {0};
    bench_init(&bench);
    char target[128];
    if (strncmp(way->listen, "unix:", 5) == 0)
        snprintf(target, sizeof(target), "%s", way->listen);
    else
        snprintf(target, sizeof(target), "127.0.0.1:%d", port);
    if (rpc_runtime_new(bench.fibers, &bench.runtime) != STATUS_OK ||
        rpc_channel_new(bench.runtime, target, way->channel_tls, &bench.channel, NULL) != STATUS_OK)
        die("no channel");
    if (way->carry)
        rpc_channel_carry(bench.channel);
    load(&bench, mode, seconds, in_flight);
    rpc_channel_free(bench.channel);
    rpc_runtime_free(bench.runtime);
    struct rusage usage;
    kill(child, SIGTERM);
    wait4(child, NULL, 0, &usage);
    printf(", server %.2f\n", cpu_s(&usage) * 1e6 / (double)bench.done);
}

static void run_tls(const char *mode, int seconds, size_t in_flight, bool carry)
{
    struct certificates certificates;
    struct certificate_paths server, client;
    certificates_open(&certificates);
    certificates_issue(&certificates, "server", "server.test", &server);
    certificates_issue(&certificates, "client", "client.test", &client);
    struct rpc_tls server_tls = {certificates.ca_path, server.certificate, server.key, NULL};
    struct rpc_tls client_tls = {certificates.ca_path, client.certificate, client.key,
                                 "server.test"};
    run_remote(mode, seconds, in_flight,
               &(struct way){"127.0.0.1:0", &server_tls, &client_tls, carry});
    certificates_close(&certificates);
}

static void run_unix(const char *mode, int seconds, size_t in_flight, bool carry)
{
    char listen[64];
    snprintf(listen, sizeof(listen), "unix:/tmp/rpc_bench.%d", (int)getpid());
    run_remote(mode, seconds, in_flight, &(struct way){listen, NULL, NULL, carry});
    unlink(listen + strlen("unix:"));
}

static void run_local(int seconds, size_t in_flight)
{
    struct bench bench = {0};
    bench_init(&bench);
    if (rpc_channel_new_local(bench.host, &bench.channel) != STATUS_OK)
        die("no channel");
    load(&bench, "local", seconds, in_flight);
    printf("\n");
    rpc_channel_free(bench.channel);
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 6)
        die("unary|stream|local SECONDS [IN_FLIGHT [tcp|tls|unix [carry]]], or serve PORT");
    int number = (int)strtol(argv[2], NULL, 10);
    size_t in_flight = argc > 3 ? (size_t)strtol(argv[3], NULL, 10) : IN_FLIGHT_DEFAULT;
    bool carry = argc > 5 && strcmp(argv[5], "carry") == 0;
    const char *way = argc > 4 ? argv[4] : "tcp";
    if (strcmp(argv[1], "serve") == 0) {
        char listen[64];
        snprintf(listen, sizeof(listen), "127.0.0.1:%d", number);
        serve(&(struct way){listen, NULL, NULL, false}, -1);
    } else if (strcmp(argv[1], "local") == 0) {
        run_local(number, in_flight);
    } else if (strcmp(way, "tls") == 0) {
        run_tls(argv[1], number, in_flight, carry);
    } else if (strcmp(way, "unix") == 0) {
        run_unix(argv[1], number, in_flight, carry);
    } else {
        run_remote(argv[1], number, in_flight, &(struct way){"127.0.0.1:0", NULL, NULL, carry});
    }
    return 0;
}
