#include "shared/config/config.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/version.h"
#include "shared/config/config_internal.h"

#define OUTPUT_BYTES_MAX ((size_t)1 << 20)

/* ---- mistakes --------------------------------------------------------------------------------- */

void config_mistake(struct config *config, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    /* Control characters of names and values from outside would be commands to a terminal. */
    for (char *at = text; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            *at = '?';
    }
    config->mistake_count++;
    buffer_printf(&config->mistakes, "%s\n", text);
}

void config_mistake_fault(struct config *config, const struct fault *fault)
{
    config_mistake(config, "%s%s%s", fault->field, fault->field[0] ? ": " : "", fault->text);
}

bool config_is_checked(const struct config *config)
{
    return config->action == CONFIG_CHECK;
}

static bool serves(const struct config *config)
{
    return config->action == CONFIG_RUN &&
           (!config->command || strcmp(config->command, "serve") == 0);
}

struct slice config_mistakes(const struct config *config)
{
    return buffer_slice(&config->mistakes);
}

/* ---- parsing ---------------------------------------------------------------------------------- */

/* What only the programmer can have got wrong. */
static void assert_table(const struct config_program *program)
{
    static const char *const taken[] = {"config", "help", "version", "print_config",
                                        "print_config_docs"};
    for (size_t i = 0; i < program->option_count; i++) {
        const struct config_option *option = &program->options[i];
        size_t len = strlen(option->name);
        assert(len > 0 && len <= CONFIG_NAME_BYTES_MAX);
        assert(strspn(option->name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len);
        assert(option->help && option->offset < program->values_bytes);
        assert(!option->required || !option->fallback);
        assert(option->type != CONFIG_TYPE_ENUM || option->choices);
        for (size_t j = 0; j < i; j++)
            assert(strcmp(option->name, program->options[j].name) != 0);
        for (size_t j = 0; j < sizeof(taken) / sizeof(taken[0]); j++)
            assert(strcmp(option->name, taken[j]) != 0);
        (void)len;
    }
    (void)taken;
}

enum status config_parse(struct config *config, const struct config_program *program, int argc,
                         char *const *argv, char *const *environment, void *values)
{
    assert_table(program);
    *config = (struct config){.program = program};
    buffer_init(&config->mistakes, CONFIG_MISTAKES_BYTES_MAX);
    arena_init(&config->arena, CONFIG_ARENA_BYTES_MAX);
    memset(values, 0, program->values_bytes);
    config->settings =
        arena_zalloc(&config->arena, program->option_count, sizeof(*config->settings));
    if (!config->settings) {
        config_mistake(config, "no memory");
        return STATUS_INVALID_ARGUMENT;
    }
    config_read_flags(config, argc, argv);
    if (config->mistake_count > 0)
        return STATUS_INVALID_ARGUMENT;
    config_read_environment(config, environment);
    if (config->file)
        config_read_file(config, config->settings, &config->arena);
    /* Who mistyped a name is not told besides that its value is missing. */
    bool names_are_known = config->mistake_count == 0;
    for (size_t i = 0; i < program->option_count; i++)
        if (names_are_known || config->settings[i].text)
            config_value_read(config, &program->options[i], &config->settings[i], values);
    if (config->mistake_count == 0 && program->check)
        program->check(config, values);
    if (config->mistake_count == 0 && program->probe &&
        (config_is_checked(config) || serves(config)))
        program->probe(config, values);
    return config->mistake_count == 0 ? STATUS_OK : STATUS_INVALID_ARGUMENT;
}

void config_done(struct config *config)
{
    buffer_done(&config->mistakes);
    arena_done(&config->arena);
}

/* ---- starting --------------------------------------------------------------------------------- */

/* True when all of it went out. */
static bool say(FILE *to, struct slice text)
{
    return fwrite(text.ptr, 1, text.len, to) == text.len && fflush(to) == 0;
}

/* Each mistake with the program's name before it. */
static void say_mistakes(const struct config *config)
{
    struct slice rest = config_mistakes(config);
    size_t said = 0;
    for (; rest.len > 0; said++) {
        struct slice line = slice_cut(&rest, '\n');
        bool only = config->mistake_count == 1;
        fprintf(stderr, "%s: %.*s%s\n", config->program->name, SLICE_ARG(line),
                only ? " (--help shows the options)" : "");
    }
    if (said < config->mistake_count)
        fprintf(stderr, "%s: and %zu more\n", config->program->name, config->mistake_count - said);
    if (config->mistake_count > 1)
        fprintf(stderr, "%s: --help shows the options\n", config->program->name);
}

/* Does what was asked for besides running; the exit code. */
static int act(const struct config *config, const void *values)
{
    struct buffer out;
    buffer_init(&out, OUTPUT_BYTES_MAX);
    switch (config->action) {
    case CONFIG_RUN: break;
    case CONFIG_CHECK: buffer_append_str(&out, "the configuration is right\n"); break;
    case CONFIG_HELP: config_help_write(config->program, &out); break;
    case CONFIG_VERSION: buffer_printf(&out, "%s %s\n", config->program->name, PEK_VERSION); break;
    case CONFIG_PRINT: config_print_write(config, values, &out); break;
    case CONFIG_PRINT_DOCS: config_docs_write(config->program, &out); break;
    }
    int exit_code = !out.failed && say(stdout, buffer_slice(&out)) ? 0 : 1;
    buffer_done(&out);
    return exit_code;
}

bool config_start(struct config *config, const struct config_program *program, int argc,
                  char *const *argv, char *const *environment, void *values, int *ret_exit_code)
{
    enum status status = config_parse(config, program, argc, argv, environment, values);
    /* Help is for those who made mistakes too. */
    bool help = config->action == CONFIG_HELP || config->action == CONFIG_VERSION ||
                config->action == CONFIG_PRINT_DOCS;
    if (status == STATUS_OK && config->action == CONFIG_RUN)
        return true;
    if (status != STATUS_OK && !help) {
        say_mistakes(config);
        *ret_exit_code = CONFIG_EXIT_MISTAKE;
    } else {
        *ret_exit_code = act(config, values);
    }
    config_done(config);
    return false;
}

/* ---- reloading -------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Takes over what the file now says of one option, into `next` and `fresh`. */
static void reload_option(struct config *config, size_t index, struct config_setting *next,
                          void *fresh)
{
    const struct config_option *option = &config->program->options[index];
    const struct config_setting *now = &config->settings[index];
    bool same = same_text(config_text(option, now), config_text(option, next));
    if (next->source == CONFIG_SOURCE_FILE) {
        /* The scratch arena goes; a text that stays needs no second copy. */
        next->text = same_text(now->text, next->text)
                         ? now->text
                         : arena_strndup(&config->arena, next->text, strlen(next->text));
        if (!next->text) {
            config_mistake(config, "%s: no memory for the new value", option->name);
            return;
        }
    }
    if (same)
        return;
    if (option->reloadable)
        config_value_read(config, option, next, fresh);
    else
        config_mistake(config, "%s: cannot change while running; restart for it", option->name);
}

enum status config_reload(struct config *config, void *values)
{
    const struct config_program *program = config->program;
    if (!config->file)
        return STATUS_FAILED_PRECONDITION;
    buffer_reset(&config->mistakes);
    config->mistake_count = 0;

    struct arena scratch;
    arena_init(&scratch, CONFIG_ARENA_BYTES_MAX);
    size_t settings_bytes = program->option_count * sizeof(struct config_setting);
    struct config_setting *next = arena_alloc(&scratch, settings_bytes);
    void *fresh = arena_alloc(&scratch, program->values_bytes);
    if (!next || !fresh) {
        config_mistake(config, "no memory");
        goto done;
    }
    memcpy(next, config->settings, settings_bytes);
    memcpy(fresh, values, program->values_bytes);
    for (size_t i = 0; i < program->option_count; i++) {
        if (next[i].source == CONFIG_SOURCE_FILE)
            next[i] = (struct config_setting){CONFIG_SOURCE_DEFAULT, NULL, 0};
    }
    config_read_file(config, next, &scratch);
    /* A file that is wrong says nothing about the options that it does not reach. */
    bool file_right = config->mistake_count == 0;
    for (size_t i = 0; i < program->option_count && file_right; i++)
        reload_option(config, i, &next[i], fresh);
    if (config->mistake_count == 0 && program->check)
        program->check(config, fresh);
    if (config->mistake_count == 0) {
        memcpy(values, fresh, program->values_bytes);
        memcpy(config->settings, next, settings_bytes);
    }

done:
    arena_done(&scratch);
    return config->mistake_count == 0 ? STATUS_OK : STATUS_INVALID_ARGUMENT;
}
