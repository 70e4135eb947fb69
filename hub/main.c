/* pek-hub: see `pek-hub --help`. */
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "hub/config.h"
#include "hub/hub.h"
#include "shared/log/log.h"
#include "shared/rpc/rpc.h"

struct program {
    struct hub *hub;
    uv_signal_t terminate, interrupt;
};

/* gRPC's own complaints: a refused handshake, a name that does not resolve. */
static void log_library(const char *text)
{
    log_event(LOG_WARN, "grpc.library", log_str("message", text));
}

static void on_signal(uv_signal_t *handle, int signal)
{
    struct program *program = handle->data;
    (void)signal;
    hub_stop(program->hub);
}

static void watch_signals(struct program *program, uv_loop_t *loop)
{
    uv_signal_t *handles[] = {&program->terminate, &program->interrupt};
    const int signals[] = {SIGTERM, SIGINT};

    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(loop, handles[i]);
        handles[i]->data = program;
        uv_signal_start(handles[i], on_signal, signals[i]);
        uv_unref((uv_handle_t *)handles[i]);
    }
}

static int serve(const struct hub_config *config)
{
    struct program program = {0};
    struct fault fault = {0};
    uv_loop_t loop;

    if (uv_loop_init(&loop))
        return 1;
    signal(SIGPIPE, SIG_IGN);
    rpc_library_log(log_library);
    enum status status = hub_open(&loop, config, &program.hub, &fault);
    if (status) {
        log_event(LOG_ERROR, "hub.refused", log_str("status", status_name(status)),
                  log_str("field", fault.field), log_str("message", fault.text));
        fprintf(stderr, "pek-hub: %s%s%s\n", fault.field, fault.field[0] ? ": " : "", fault.text);
        if (program.hub)
            hub_stop(program.hub);
    }
    watch_signals(&program, &loop);
    if (program.hub)
        uv_run(&loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&program.terminate, NULL);
    uv_close((uv_handle_t *)&program.interrupt, NULL);
    bool clean = hub_close(program.hub);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    log_event(LOG_INFO, "hub.stopped", log_bool("clean", clean));
    return status || !clean;
}

int main(int argc, char **argv)
{
    struct config config;
    struct hub_config values;
    int exit_code;

    if (!config_start(&config, &hub_program, argc, argv, environ, &values, &exit_code))
        return exit_code;
    const struct log_options log = {2, (enum log_level)values.log_level, "pek-hub", ""};
    log_open(&log);
    if (config.command && strcmp(config.command, "migrate") == 0) {
        struct fault fault = {0};
        enum status status = hub_migrate(&values, &fault);
        if (status)
            fprintf(stderr, "pek-hub migrate: %s\n", fault.text);
        exit_code = status != STATUS_OK;
    } else {
        exit_code = serve(&values);
    }
    log_close();
    config_done(&config);
    return exit_code;
}
