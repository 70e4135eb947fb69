/* config: the configuration of a program, from one table.
 *
 *     struct worker_config { int64_t body_bytes_max; const char *realm; … };
 *
 *     static const struct config_option options[] = {
 *         {.name = "realm", CONFIG_STRING(struct worker_config, realm), .required = true,
 *          .help = "the realm that this worker serves"},
 *         {.name = "body_bytes_max", CONFIG_BYTES(struct worker_config, body_bytes_max),
 *          .min = 1024, .max = 16 << 20, .fallback = "1MiB", .reloadable = true,
 *          .help = "largest request body"},
 *     };
 *     static const struct config_program program = {
 *         .name = "pek-worker", .summary = "serves one realm over gRPC",
 *         .values_bytes = sizeof(struct worker_config), .options = options,
 *         .option_count = sizeof(options) / sizeof(options[0])};
 *
 *     struct config config;
 *     struct worker_config values;
 *     int exit_code;
 *     if (!config_start(&config, &program, argc, argv, environ, &values, &exit_code))
 *         return exit_code;
 *
 * Where a value comes from, the strongest first:
 *     flag         --body-bytes-max=2MiB, or --body-bytes-max 2MiB; '-' and '_' are the same in flags
 *     environment  PEK_BODY_BYTES_MAX=2MiB
 *     file         body_bytes_max = 2MiB          given by --config FILE or PEK_CONFIG
 *     default      the option's `fallback`
 * The file has one `name = value` a line; blanks around name and value are dropped; # begins a comment at
 * the beginning of a line or after a blank; a value in double quotes keeps blanks and # (\" and \\ inside).
 * An empty value is the empty string, list, or path; for the other types it is a mistake. A flag that is
 * given twice has the last value; a name twice in the file is a mistake.
 *
 * Every mistake is found in one go and told with key, value, bounds and source; unknown flags, PEK_
 * variables and file keys are mistakes, with the nearest known name. A secret's value is never shown.
 * The command line comes first: a mistyped flag or command is the only thing said, in one line, and where a name is not
 * known no missing value is told of, because they are most often one fault.
 *
 * Every program has by itself: --help, --version, --print-config (effective values and their sources),
 * --print-config-docs (a Markdown table), and the command `check-config` (exit code 0, or 2 with every
 * mistake on stderr), which also does what `probe` does: reads files, connects to the database. Options are accepted before
 * and after a command; `serve` is what runs without one.
 *
 * Types and how they are written:
 *     string, path   as is                         const char *, never NULL
 *     int            decimal                       int64_t
 *     duration_ms    250ms 5s 10m 24h 7d, or 250   int64_t, milliseconds
 *     bytes          64KiB 1MiB 2GiB, or 65536     int64_t
 *     bool           true/false yes/no on/off 1/0  bool; as a flag --name alone is true, --name=no is not
 *     enum           one of `choices`              int, the index in `choices`
 *     list           a,b,c, blanks around items go struct config_list
 *
 * Ownership: texts live in the config's arena until config_done, also those that a reload replaced.
 * Not thread-safe: start, reload and read the values on one thread.
 */
#ifndef PEK_SHARED_CONFIG_CONFIG_H
#define PEK_SHARED_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/arena.h"
#include "shared/base/buffer.h"
#include "shared/base/fault.h"
#include "shared/base/status.h"

#define CONFIG_FILE_BYTES_MAX ((size_t)1 << 20)
#define CONFIG_VALUE_BYTES_MAX 4096
#define CONFIG_LIST_ITEMS_MAX 256
#define CONFIG_NAME_BYTES_MAX 64
#define CONFIG_MISTAKES_BYTES_MAX ((size_t)64 << 10)
#define CONFIG_ARENA_BYTES_MAX ((size_t)16 << 20)
#define CONFIG_EXIT_MISTAKE 2

/* ---- the table -------------------------------------------------------------------------------- */

enum config_type {
    CONFIG_TYPE_STRING,
    CONFIG_TYPE_PATH,
    CONFIG_TYPE_INT,
    CONFIG_TYPE_DURATION_MS,
    CONFIG_TYPE_BYTES,
    CONFIG_TYPE_BOOL,
    CONFIG_TYPE_ENUM,
    CONFIG_TYPE_LIST,
};

struct config_list {
    const char *const *items;
    size_t count;
};

struct config_option {
    const char *name; /* snake_case with the unit last: "request_timeout_ms" */
    const char *help; /* one line, no full stop */
    enum config_type type;
    size_t offset;              /* in the values; type and offset are set by the macros below */
    const char *const *choices; /* enum: NULL-terminated; index 0 is the zero value */
    const char *unit;           /* int: "connections", for help and errors; NULL for none */
    /* Of a number; of the bytes of a string or path; of the items of a list. Both 0, or max below min:
     * no upper bound but the type's own (INT64_MAX, CONFIG_VALUE_BYTES_MAX, CONFIG_LIST_ITEMS_MAX). */
    int64_t min, max;
    /* The default, as it would be written. NULL: empty, false, `min`, or the first choice. */
    const char *fallback;
    bool required;   /* must be given and not be empty; no fallback */
    bool reloadable; /* config_reload may change it */
    bool secret;     /* its value is never shown */
    bool
        keyed; /* the items of a list are KEY=VALUE, and a value may have commas: an item ends before the next KEY= */
};

/* The type of the member is checked by the compiler. An enum's member may be int or the enum itself. */
#define CONFIG_AT(holder, member, c_type)                                                          \
    .offset = _Generic(((holder *)0)->member, c_type : offsetof(holder, member))
#define CONFIG_STRING(holder, member)                                                              \
    .type = CONFIG_TYPE_STRING, CONFIG_AT(holder, member, const char *)
#define CONFIG_PATH(holder, member)                                                                \
    .type = CONFIG_TYPE_PATH, CONFIG_AT(holder, member, const char *)
#define CONFIG_INT(holder, member) .type = CONFIG_TYPE_INT, CONFIG_AT(holder, member, int64_t)
#define CONFIG_DURATION_MS(holder, member)                                                         \
    .type = CONFIG_TYPE_DURATION_MS, CONFIG_AT(holder, member, int64_t)
#define CONFIG_BYTES(holder, member) .type = CONFIG_TYPE_BYTES, CONFIG_AT(holder, member, int64_t)
#define CONFIG_BOOL(holder, member) .type = CONFIG_TYPE_BOOL, CONFIG_AT(holder, member, bool)
#define CONFIG_LIST(holder, member)                                                                \
    .type = CONFIG_TYPE_LIST, CONFIG_AT(holder, member, struct config_list)
#define CONFIG_ENUM(holder, member, names)                                                         \
    .type = CONFIG_TYPE_ENUM, .choices = (names),                                                  \
    .offset = _Generic(((holder *)0)->member, int                                                  \
                       : offsetof(holder, member), unsigned                                        \
                       : offsetof(holder, member))

struct config_command {
    const char *name; /* "migrate" */
    const char *help;
    const char *args; /* what follows it, for help: "USER REALM"; NULL for nothing */
    size_t arg_count; /* exactly so many */
};

struct config;

struct config_program {
    const char *name;
    const char *summary;
    size_t values_bytes; /* of the struct that the options are in */
    const struct config_option *options;
    size_t option_count;
    const struct config_command *commands; /* the program's own; NULL for none */
    size_t command_count;
    /* Rules that concern several options, called when each value alone is right; tells mistakes with
     * config_mistake. NULL for none. */
    void (*check)(struct config *config, const void *values);
    /* What can be found out besides, when nothing else is wrong: before the program serves, and, where `config_is_checked`,
     * all that check-config looks at. So a mistake has the same words in both. Reads files, connects, changes nothing.
     * NULL for none. */
    void (*probe)(struct config *config, const void *values);
};

/* ---- what programs call ----------------------------------------------------------------------- */

enum config_source {
    CONFIG_SOURCE_DEFAULT,
    CONFIG_SOURCE_FILE,
    CONFIG_SOURCE_ENVIRONMENT,
    CONFIG_SOURCE_FLAG,
};

/* How an option got its value. `text` is as written, NULL when nothing was. */
struct config_setting {
    enum config_source source;
    const char *text;
    int line; /* of the file, when it came from there */
};

/* What was asked for besides running. */
enum config_action {
    CONFIG_RUN,
    CONFIG_CHECK,
    CONFIG_HELP,
    CONFIG_VERSION,
    CONFIG_PRINT,
    CONFIG_PRINT_DOCS,
};

/* Read `command`, `args` and `file`; the rest is config's. */
struct config {
    const char *command;     /* one of the program's commands; NULL: none, run */
    const char *const *args; /* what followed it; as many as the command has */
    size_t arg_count;
    const char *file; /* NULL when there is none */

    const struct config_program *program;
    enum config_action action;
    struct arena arena;
    struct config_setting *settings; /* one for each option */
    struct buffer mistakes;          /* one a line */
    size_t mistake_count;
};

/* Reads everything into `values` (the struct of the table). True: go on and run `config->command`; the
 * caller ends with config_done. False: everything was said on stdout or stderr, nothing is owned, exit
 * with `*ret_exit_code`. `environ` and `argv` must outlive the config. */
bool config_start(struct config *config, const struct config_program *program, int argc,
                  char *const *argv, char *const *environment, void *values, int *ret_exit_code);
/* `values` must not be used afterwards. */
void config_done(struct config *config);

/* Reads the file again, and changes the reloadable options that came from it or went back to the default.
 * Nothing is changed on a mistake (INVALID_ARGUMENT), and a changed option that is not reloadable is one.
 * What is wrong is in config_mistakes. FAILED_PRECONDITION without a file. */
PEK_MUST_CHECK enum status config_reload(struct config *config, void *values);

/* ---- the parts, for tests and for check functions ---------------------------------------------- */

/* What config_start does before it prints: OK, or INVALID_ARGUMENT with at least one mistake. Ends with
 * config_done in both cases. */
PEK_MUST_CHECK enum status config_parse(struct config *config, const struct config_program *program,
                                        int argc, char *const *argv, char *const *environment,
                                        void *values);
/* Adds a mistake; from a program's `check`. */
void config_mistake(struct config *config, const char *format, ...) PEK_PRINTF(2, 3);
/* The same of what something else refused: "field: text". */
void config_mistake_fault(struct config *config, const struct fault *fault);
/* check-config was asked for. */
bool config_is_checked(const struct config *config);
/* One a line. */
struct slice config_mistakes(const struct config *config);

/* The texts of --help, --print-config and --print-config-docs. */
void config_help_write(const struct config_program *program, struct buffer *out);
void config_print_write(const struct config *config, const void *values, struct buffer *out);
void config_docs_write(const struct config_program *program, struct buffer *out);

#endif
