#include "worker/program.h"

#include "shared/log/log.h"

int program_failed(const char *event, enum status status, const struct fault *fault)
{
    log_event(LOG_ERROR, event, log_str("status", status_name(status)),
              log_str("text", fault ? fault->text : ""));
    return 1;
}

enum status program_load_keys(const struct settings *settings, struct jwt_keys *ret_keys,
                              struct fault *fault)
{
    struct es256_key *key;
    enum status status = es256_key_load_private(settings->instance_key, &key, fault);
    if (status != STATUS_OK)
        return status;
    jwt_keys_init(ret_keys);
    status = jwt_keys_set_signer(ret_keys, key);
    es256_key_free(key);
    if (status != STATUS_OK)
        jwt_keys_done(ret_keys);
    return status;
}

static void finished(void *arg, struct rpc_ctx *ctx, const struct fault *outcome,
                     int64_t elapsed_us)
{
    struct program *program = arg;
    if (program->finished)
        program->finished(ctx, outcome, elapsed_us);
}

static void run_body(void *arg)
{
    struct program *program = arg;
    const struct settings *s = program->settings;
    const struct realm_options options = {
        .realm = s->realm,
        .conninfo = s->database,
        .keys = &program->keys,
        .hub_keys = &program->hub_keys.keys,
        .hub_issuer = s->hub_issuer,
        .version = PROGRAM_VERSION,
        .refresh_hub_keys = s->hub_keys[0] ? hub_keys_refresh : NULL,
        .refresh_arg = &program->hub_keys,
        .finished = finished,
        .finished_arg = program,
        .read_max = (size_t)s->read_connections,
        .long_read_max = (size_t)s->long_read_connections,
        .transaction_max = (size_t)s->transaction_connections,
        .unary_max = (size_t)s->unary_calls_max,
        .stream_max = (size_t)s->streams_max,
    };
    struct fault fault = {0};
    enum status status = realm_open(program->fibers, &options, &program->realm, &fault);
    if (status != STATUS_OK)
        program->exit_code = program_failed("worker.realm_refused", status, &fault);
    else
        program->exit_code = program->body(program);
    program->realm = realm_close(program->realm);
    uv_stop(&program->loop);
}

static enum status load_keys(struct program *program, struct fault *fault)
{
    const struct settings *s = program->settings;
    jwt_keys_init(&program->keys);
    jwt_keys_init(&program->hub_keys.keys);
    enum status status = STATUS_OK;
    if (s->instance_key[0])
        status = program_load_keys(s, &program->keys, fault);
    if (status == STATUS_OK && s->hub_keys[0])
        status = hub_keys_init(&program->hub_keys, s->hub_keys, fault);
    return status;
}

int program_run(const struct settings *settings, int (*body)(struct program *program),
                void (*on_finished)(struct rpc_ctx *ctx, const struct fault *outcome,
                                    int64_t elapsed_us))
{
    struct program program = {
        .settings = settings, .body = body, .finished = on_finished, .exit_code = 1};
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
    jwt_keys_done(&program.keys);
    return program.exit_code;
}
