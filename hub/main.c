/* pek-hub: see `pek-hub --help`. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "hub/check.h"
#include "hub/commands.h"
#include "hub/config.h"
#include "hub/hub.h"
#include "hub/registry/registry.h"
#include "shared/base/descriptors.h"
#include "shared/base/heap.h"
#include "shared/log/log.h"
#include "shared/rpc/rpc.h"

/* Open files besides connections of browsers: of databases, Redis and the provider, and for each realm a CA of its own and connections to
 * two replicas, each beside one that is of age and has a stream to end. */
#define DESCRIPTORS_KEPT (512 + 5 * REGISTRY_INSTANCES_MAX)

struct program {
    struct hub *hub;
    struct config *config;
    struct hub_config *values;
    uv_signal_t terminate, interrupt, hang_up;
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

/* The configuration's file, if there is one, then the files that it names; these are not looked at for one that is
 * wrong, because whoever reads of keys that were reloaded takes it for the keys that the file names. */
static void on_hang_up(uv_signal_t *handle, int signal)
{
    struct program *program = handle->data;
    (void)signal;
    if (program->config->file && config_reload(program->config, program->values))
        log_event(LOG_ERROR, "hub.config_not_reloaded",
                  log_slice("mistakes", config_mistakes(program->config)));
    else if (program->hub)
        hub_reload(program->hub);
}

static void watch_signals(struct program *program, uv_loop_t *loop)
{
    uv_signal_t *handles[] = {&program->terminate, &program->interrupt, &program->hang_up};
    const int signals[] = {SIGTERM, SIGINT, SIGHUP};

    for (size_t i = 0; i < 3; i++) {
        uv_signal_init(loop, handles[i]);
        handles[i]->data = program;
        uv_signal_start(handles[i], signals[i] == SIGHUP ? on_hang_up : on_signal, signals[i]);
        uv_unref((uv_handle_t *)handles[i]);
    }
}

static int serve(struct config *config, struct hub_config *values)
{
    struct program program = {.config = config, .values = values};
    struct fault fault = {0};
    uv_loop_t loop;

    if (uv_loop_init(&loop))
        return 1;
    rpc_library_log(log_library);
    signal(SIGHUP, SIG_IGN); /* until it is watched for */
    enum status status =
        descriptors_reserve((size_t)values->connections_max, DESCRIPTORS_KEPT, &fault);
    if (!status)
        status = hub_open(&loop, values, &program.hub, &fault);
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
    uv_close((uv_handle_t *)&program.hang_up, NULL);
    bool clean = hub_close(program.hub);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    log_event(LOG_INFO, "hub.stopped", log_bool("clean", clean));
    return status || !clean;
}

static int run_command(struct config *config, struct hub_config *values)
{
    const char *command = config->command;
    struct fault fault = {0};
    enum status status;

    if (strcmp(command, "serve") == 0)
        return serve(config, values);
    if (strcmp(command, "migrate") == 0)
        status = hub_migrate(values, &fault);
    else
        status = hub_set_user_disabled(values, config->args[0],
                                       strcmp(command, "disable-user") == 0, &fault);
    if (status)
        fprintf(stderr, "pek-hub %s: %s\n", command, fault.text);
    else if (strcmp(command, "disable-user") == 0)
        fprintf(stderr,
                "pek-hub disable-user: realms do not hear of this: where %s is the only "
                "administrator, make another (pek-worker --god USER bootstrap)\n",
                config->args[0]);
    return status != STATUS_OK;
}

int main(int argc, char **argv)
{
    struct config config;
    struct hub_config values;
    struct config_program program_with_probe = hub_program;
    int exit_code;

    heap_return_large();
    program_with_probe.probe = check_hub_config;
    if (!config_start(&config, &program_with_probe, argc, argv, environ, &values, &exit_code))
        return exit_code;
    const struct log_options log = {2, (enum log_level)values.log_level, "pek-hub", ""};
    log_open(&log);
    signal(SIGPIPE, SIG_IGN); /* also of whoever reads the log no more */
    exit_code = config.command ? run_command(&config, &values) : serve(&config, &values);
    log_close();
    config_done(&config);
    return exit_code;
}
