#include "worker/serve.h"

#include <signal.h>

#include "shared/base/clock.h"
#include "shared/log/log.h"
#include "worker/descriptors.h"
#include "worker/observe.h"
#include "worker/program.h"
#include "worker/realm/migrations.h"

/* How often health is made to follow readiness. */
#define HEALTH_EVERY_MS 100
#define REFUSED_LOG_EVERY_US 10000000

struct serving {
    struct program *program;
    struct observe observe;
    struct rpc_server *server;
    uv_signal_t on_term, on_int, on_hup;
    uv_timer_t health, statistics;
    size_t open_handles;
    struct fiber_event stop;
    struct fiber_event keys_wake; /* of the fiber that keeps keys: SIGHUP, the end */
    bool reload, keys_stop, keys_kept;
    bool ready, search_ready, refused;
    uint64_t refused_logged;
    int64_t refused_log_us;
};

static void call_finished(struct program *program, struct rpc_ctx *ctx, const struct fault *outcome,
                          int64_t elapsed_us)
{
    struct serving *serving = program->body_arg;
    if (serving)
        observe_call(&serving->observe, ctx, outcome, elapsed_us);
}

static void statement_ended(struct program *program, const struct pg_ended *ended)
{
    struct serving *serving = program->body_arg;
    if (serving)
        watch_statement(&serving->observe.watch, ended);
}

static void log_statistics(uv_timer_t *timer)
{
    const struct serving *serving = timer->data;
    observe_log_statistics(&serving->observe);
}

/* ---- signals, health ---- */

static void on_signal(uv_signal_t *signal, int number)
{
    struct serving *serving = signal->data;
    (void)number;
    fiber_event_signal(&serving->stop);
}

static void on_reload(uv_signal_t *signal, int number)
{
    struct serving *serving = signal->data;
    (void)number;
    serving->reload = true;
    fiber_event_signal(&serving->keys_wake);
}

/* One line for however many there were since the last. */
static void log_refused(struct serving *serving)
{
    uint64_t refused = rpc_connections_refused();
    int64_t now_us = clock_monotonic_us();
    if (refused == serving->refused_logged || now_us < serving->refused_log_us)
        return;
    log_event(LOG_WARN, "worker.connections_refused",
              log_int("count", (int64_t)(refused - serving->refused_logged)),
              log_int("connections_max", serving->program->settings.connections_max));
    serving->refused_logged = refused;
    serving->refused_log_us = now_us + REFUSED_LOG_EVERY_US;
}

static void follow_readiness(uv_timer_t *timer)
{
    struct serving *serving = timer->data;
    log_refused(serving);
    if (!serving->search_ready && realm_search_is_ready(serving->program->realm)) {
        serving->search_ready = true;
        log_event(LOG_INFO, "worker.search_ready");
    }
    bool ready = realm_is_ready(serving->program->realm);
    metrics_port_set_unready(serving->observe.port, realm_unready(serving->program->realm));
    if (realm_refusal(serving->program->realm)[0] && !serving->refused) {
        serving->refused = true;
        fiber_event_signal(&serving->stop);
    }
    if (ready == serving->ready)
        return;
    serving->ready = ready;
    rpc_server_set_serving(serving->server, ready);
    if (ready)
        log_event(LOG_INFO, "worker.ready", log_int("port", rpc_server_port(serving->server)));
    else
        log_event(LOG_WARN, "worker.not_ready",
                  log_str("reason", realm_trouble(serving->program->realm)));
}

static void start_handles(struct serving *serving)
{
    uv_loop_t *loop = &serving->program->loop;
    uv_signal_init(loop, &serving->on_term);
    uv_signal_init(loop, &serving->on_int);
    uv_signal_init(loop, &serving->on_hup);
    uv_timer_init(loop, &serving->health);
    uv_timer_init(loop, &serving->statistics);
    serving->on_term.data = serving->on_int.data = serving->on_hup.data = serving;
    serving->health.data = serving->statistics.data = serving;
    uv_signal_start(&serving->on_term, on_signal, SIGTERM);
    uv_signal_start(&serving->on_int, on_signal, SIGINT);
    uv_signal_start(&serving->on_hup, on_reload, SIGHUP);
    uv_timer_start(&serving->health, follow_readiness, 0, HEALTH_EVERY_MS);
    uint64_t every_ms = (uint64_t)serving->program->settings.statistics_every_ms;
    if (every_ms > 0)
        uv_timer_start(&serving->statistics, log_statistics, every_ms, every_ms);
}

static void handle_closed(uv_handle_t *handle)
{
    struct serving *serving = handle->data;
    if (--serving->open_handles == 0)
        fiber_event_signal(&serving->stop);
}

/* Waits until libuv has let go of them: they are in this fiber's stack. */
static void close_handles(struct serving *serving)
{
    uv_handle_t *handles[] = {(uv_handle_t *)&serving->on_term, (uv_handle_t *)&serving->on_int,
                              (uv_handle_t *)&serving->on_hup, (uv_handle_t *)&serving->health,
                              (uv_handle_t *)&serving->statistics};
    serving->open_handles = sizeof(handles) / sizeof(handles[0]);
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
        uv_close(handles[i], handle_closed);
    while (serving->open_handles > 0)
        (void)!fiber_event_wait(&serving->stop, DEADLINE_NONE);
}

/* ---- keys ---- */

static void keep_keys(void *arg)
{
    struct serving *serving = arg;
    program_refresh_keys(serving->program);
    while (!serving->keys_stop) {
        enum status status =
            fiber_event_wait(&serving->keys_wake, deadline_after_ms(HUB_KEYS_REFRESH_EVERY_MS));
        if (serving->keys_stop)
            break;
        if (serving->reload) {
            serving->reload = false;
            program_reload(serving->program);
        } else if (status == STATUS_DEADLINE_EXCEEDED) {
            program_refresh_keys(serving->program);
        }
    }
    serving->keys_kept = false;
    fiber_event_signal(&serving->stop);
}

static void stop_keeping_keys(struct serving *serving)
{
    serving->keys_stop = true;
    fiber_event_signal(&serving->keys_wake);
    while (serving->keys_kept)
        (void)!fiber_event_wait(&serving->stop, DEADLINE_NONE);
}

/* ---- the life of a server ---- */

static enum status open_server(struct serving *serving, struct rpc_runtime *runtime,
                               struct fault *fault)
{
    const struct settings *s = &serving->program->settings;
    const struct rpc_tls tls = {
        .ca_path = s->tls_ca, .certificate_path = s->tls_certificate, .key_path = s->tls_key};
    const uint32_t peer_uid = (uint32_t)s->peer_uid;
    const struct rpc_server_options options = {
        .listen = s->listen,
        .tls = s->plaintext ? NULL : &tls,
        .peer_uid = s->peer_uid >= 0 ? &peer_uid : NULL,
        .reflection = s->reflection,
        .descriptor_set = slice_make(descriptor_set, descriptor_set_len),
        .connection_age_max_ms = s->connection_age_max_ms,
        .connections_max = (size_t)s->connections_max,
    };
    return rpc_server_new(runtime, realm_host(serving->program->realm), &options, &serving->server,
                          fault);
}

static int serve_realm(struct program *program)
{
    struct serving serving = {.program = program};
    struct rpc_runtime *runtime;
    struct fault fault = {0};
    enum status status = rpc_runtime_new(program->fibers, &runtime);
    if (status != STATUS_OK)
        return program_failed("worker.no_grpc", status, NULL);
    status = observe_open(&serving.observe, &program->loop, &program->settings, program->realm,
                          program->tracer, &fault);
    if (status == STATUS_OK)
        status = open_server(&serving, runtime, &fault);
    if (status != STATUS_OK) {
        observe_close(&serving.observe);
        rpc_runtime_free(runtime);
        return program_failed("worker.listen_refused", status, &fault);
    }
    program->body_arg = &serving;
    program->on_statement = statement_ended;
    start_handles(&serving);
    serving.keys_kept = fiber_go(program->fibers, keep_keys, &serving) == STATUS_OK;
    log_event(LOG_INFO, "worker.listening", log_str("listen", program->settings.listen),
              log_int("port", rpc_server_port(serving.server)));
    (void)!fiber_event_wait(&serving.stop, DEADLINE_NONE);
    stop_keeping_keys(&serving);
    uv_timer_stop(&serving.health);
    if (serving.refused)
        log_event(LOG_ERROR, "worker.refused",
                  log_str("text", realm_refusal(serving.program->realm)));
    log_event(LOG_INFO, "worker.draining");
    metrics_port_set_unready(serving.observe.port, "it ends");
    realm_end_watches(program->realm);
    status =
        rpc_server_drain(serving.server, deadline_after_ms(program->settings.drain_timeout_ms));
    observe_log_statistics(&serving.observe);
    rpc_server_free(serving.server);
    rpc_runtime_free(runtime);
    close_handles(&serving);
    program->on_statement = NULL;
    program->body_arg = NULL;
    observe_close(&serving.observe);
    log_event(LOG_INFO, "worker.stopped", log_str("drained", status_name(status)));
    return serving.refused ? 1 : 0;
}

int serve(const struct settings *settings)
{
    signal(SIGHUP, SIG_IGN); /* until it is watched for */
    if (settings->migrate) {
        struct fault fault = {0};
        size_t applied = 0;
        enum status status = realm_migrate(settings->database_owner, &applied, &fault);
        if (status != STATUS_OK)
            return program_failed("worker.migrate_failed", status, &fault);
        log_event(LOG_INFO, "worker.migrated", log_int("applied", (int64_t)applied));
    }
    return program_run(settings, serve_realm, call_finished);
}
