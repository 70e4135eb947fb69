/* pek-worker: one realm as a process. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/heap.h"
#include "shared/log/log.h"
#include "worker/check.h"
#include "worker/commands.h"
#include "worker/demo/demo.h"
#include "worker/serve.h"
#include "worker/settings.h"

static const struct {
    const char *name;
    int (*run)(const struct settings *settings);
} commands[] = {
    {"serve", serve},
    {"migrate", command_migrate},
    {"bootstrap", command_bootstrap},
    {"verify", command_verify},
    {"keygen", command_keygen},
    {"token", command_token},
    {"demo", command_demo},
    {"prune-audit", command_prune_audit},
};

int main(int argc, char **argv)
{
    struct config config;
    struct settings settings;
    struct config_program program = settings_program;
    int exit_code;
    heap_return_large();
    program.probe = check_settings;
    if (!config_start(&config, &program, argc, argv, environ, &settings, &exit_code))
        return exit_code;
    settings.config = &config;
    const struct log_options log = {
        .fd = STDERR_FILENO,
        .level = (enum log_level)settings.log_level,
        .component = "pek-worker",
        .realm = settings.realm,
    };
    log_open(&log);
    /* libuv and the log write without MSG_NOSIGNAL: whoever leaves before an answer, or reads the log no more, ends nothing. */
    signal(SIGPIPE, SIG_IGN);
    const char *command = config.command ? config.command : "serve";
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, command) == 0)
            exit_code = commands[i].run(&settings);
    log_close();
    config_done(&config);
    return exit_code;
}
