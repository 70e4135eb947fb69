#include "worker/program.h"

#include "shared/base/clock.h"
#include "shared/base/version.h"
#include "shared/jwt/jwt.h"
#include "shared/log/log.h"
#include "shared/report/report.h"

int program_failed(const char *event, enum status status, const struct fault *fault)
{
    log_event(LOG_ERROR, event, log_str("status", status_name(status)),
              log_str("text", fault ? fault->text : ""));
    return 1;
}

/* ---- keys ---- */

enum status program_load_keys(const struct settings *settings, struct jwt_keys *ret_keys,
                              struct fault *fault)
{
    const struct jwt_keyring_files files = {
        .signer = settings->instance_key,
        .others = settings->instance_keys_previous.items,
        .other_count = settings->instance_keys_previous.count,
        .signer_setting = "instance_key",
        .others_setting = "instance_keys_previous",
    };
    return jwt_keyring_read(&files, ret_keys, fault);
}

struct loading {
    const struct settings *settings;
    struct jwt_keys keys;
    struct fault fault;
    enum status status;
};

static void load_on_a_thread(void *arg)
{
    struct loading *loading = arg;
    loading->status = program_load_keys(loading->settings, &loading->keys, &loading->fault);
}

static void reload_own_keys(struct program *program)
{
    struct loading loading = {.settings = &program->settings};
    if (!program->settings.instance_key[0])
        return;
    enum status status = fiber_offload(load_on_a_thread, &loading);
    if (status == STATUS_OK)
        status = loading.status;
    if (status != STATUS_OK) {
        log_event(LOG_ERROR, "worker.keys_not_reloaded", log_str("status", status_name(status)),
                  log_str("text", loading.fault.text));
        return;
    }
    jwt_keyring_take(&program->ring, &loading.keys, clock_monotonic_us());
    log_event(LOG_INFO, "worker.keys_reloaded",
              log_str("kid", es256_key_kid(program->ring.keys.signer)),
              log_int("accepted", (int64_t)program->ring.keys.count));
}

void program_refresh_keys(struct program *program)
{
    struct fault fault = {0};
    jwt_keyring_expire(&program->ring, clock_monotonic_us());
    if (!program->hub_keys.source.path)
        return;
    if (hub_keys_refresh_now(&program->hub_keys, &fault) != STATUS_OK)
        log_event(LOG_WARN, "worker.hub_keys_not_refreshed", log_str("text", fault.text));
}

void program_reload(struct program *program)
{
    struct config *config = program->settings.config;
    if (config && config->file && config_reload(config, &program->settings) != STATUS_OK) {
        log_event(LOG_ERROR, "worker.config_not_reloaded",
                  log_slice("mistakes", config_mistakes(config)));
        return;
    }
    log_level_set((enum log_level)program->settings.log_level);
    reload_own_keys(program);
    program_refresh_keys(program);
}

/* ---- running ---- */

static void finished(void *arg, struct rpc_ctx *ctx, const struct fault *outcome,
                     int64_t elapsed_us)
{
    struct program *program = arg;
    if (program->finished)
        program->finished(program, ctx, outcome, elapsed_us);
}

static void on_trouble(void *arg, const struct pg_trouble *trouble)
{
    (void)arg;
    report_database("", trouble);
}

static void on_statement(void *arg, const struct pg_ended *ended)
{
    struct program *program = arg;
    if (program->on_statement)
        program->on_statement(program, ended);
}

static enum status open_tracer(struct program *program, struct fault *fault)
{
    const struct settings *s = &program->settings;
    const struct tracer_options options = {
        .endpoint = s->otlp_endpoint,
        .sample_ratio = s->trace_sample_ratio,
        .service = "pek-worker",
        .version = PEK_VERSION,
        .realm = s->realm,
    };
    return tracer_open(program->fibers, &options, &program->tracer, fault);
}

static void on_dropped(void *arg, size_t count)
{
    (void)arg;
    report_dropped("", count);
}

static struct realm_options realm_options(struct program *program)
{
    const struct settings *s = &program->settings;
    return (struct realm_options){
        .realm = s->realm,
        .conninfo = s->database,
        .listen_conninfo = s->database_listen,
        .standby_conninfo = s->database_standby,
        .standby_alone_ms = s->database_standby_alone_ms,
        .keys = &program->ring.keys,
        .hub_keys = &program->hub_keys.keys,
        .hub_issuer = s->hub_issuer,
        .version = PEK_VERSION,
        .refresh_hub_keys = program->hub_keys.source.path ? hub_keys_refresh : NULL,
        .refresh_arg = &program->hub_keys,
        .finished = finished,
        .finished_arg = program,
        .on_trouble = on_trouble,
        .on_statement = on_statement,
        .trouble_arg = program,
        .on_dropped = on_dropped,
        .read_max = (size_t)s->read_connections,
        .long_read_max = (size_t)s->long_read_connections,
        .transaction_max = (size_t)s->transaction_connections,
        .unary_max = (size_t)s->unary_calls_max,
        .stream_max = (size_t)s->streams_max,
        .tracer = program->tracer,
    };
}

static void run_body(void *arg)
{
    struct program *program = arg;
    const struct settings *s = &program->settings;
    struct fault fault = {0};
    enum status status = STATUS_OK;
    if (s->hub_jwks_url[0])
        status = fetcher_new(program->fibers, s->hub_jwks_ca, &program->fetcher, &fault);
    program->hub_keys.source.fetcher = program->fetcher;
    if (status == STATUS_OK)
        status = open_tracer(program, &fault);
    const struct realm_options options = realm_options(program);
    if (status == STATUS_OK)
        status = realm_open(program->fibers, &options, &program->realm, &fault);
    if (status != STATUS_OK)
        program->exit_code = program_failed("worker.realm_refused", status, &fault);
    else
        program->exit_code = program->body(program);
    program->realm = realm_close(program->realm);
    tracer_stop(program->tracer);
    program->tracer = tracer_free(program->tracer);
    program->fetcher = fetcher_free(program->fetcher);
    uv_stop(&program->loop);
}

static enum status load_keys(struct program *program, struct fault *fault)
{
    const struct settings *s = &program->settings;
    const struct hub_keys_source source = {.path = s->hub_keys, .url = s->hub_jwks_url};
    enum status status = STATUS_OK;
    jwt_keyring_init(&program->ring, PROGRAM_KEYS_KEPT_MS);
    jwt_keys_init(&program->hub_keys.keys);
    if (s->instance_key[0]) {
        struct jwt_keys keys;
        status = program_load_keys(s, &keys, fault);
        if (status == STATUS_OK)
            jwt_keyring_take(&program->ring, &keys, clock_monotonic_us());
    }
    if (status == STATUS_OK && (s->hub_keys[0] || s->hub_jwks_url[0]))
        status = hub_keys_init(&program->hub_keys, &source, fault);
    return status;
}

int program_run(const struct settings *settings, int (*body)(struct program *program),
                void (*on_finished)(struct program *program, struct rpc_ctx *ctx,
                                    const struct fault *outcome, int64_t elapsed_us))
{
    struct program program = {
        .settings = *settings, .body = body, .finished = on_finished, .exit_code = 1};
    struct fault fault = {0};
    enum status status = load_keys(&program, &fault);
    if (status != STATUS_OK)
        return program_failed("worker.keys_refused", status, &fault);
    if (uv_loop_init(&program.loop) != 0)
        return program_failed("worker.no_loop", STATUS_RESOURCE_EXHAUSTED, NULL);
    status = fibers_new(&program.loop, NULL, &program.fibers);
    if (status == STATUS_OK)
        status = fiber_go(program.fibers, run_body, &program);
    if (status != STATUS_OK)
        return program_failed("worker.no_fibers", status, NULL);
    while (fibers_count(program.fibers) > 0)
        uv_run(&program.loop, UV_RUN_DEFAULT);
    program.fibers = fibers_free(program.fibers);
    /* What was closed is told on a later turn of the loop. */
    uv_run(&program.loop, UV_RUN_DEFAULT);
    uv_loop_close(&program.loop);
    hub_keys_done(&program.hub_keys);
    jwt_keyring_done(&program.ring);
    return program.exit_code;
}
