#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "shared/config/config_internal.h"

/* ---- flags ------------------------------------------------------------------------------------ */

static void set(struct config *config, const struct config_option *option,
                struct config_setting setting)
{
    struct config_setting *now = &config->settings[option - config->program->options];
    if (setting.source >= now->source)
        *now = setting;
}

/* The arguments and how far they are read. */
struct args {
    char *const *values;
    int count;
    int next;
};

/* What is after the '=', or the next argument; NULL when there is neither. */
static const char *flag_value(struct args *args, const char *equals)
{
    if (equals)
        return equals + 1;
    return args->next < args->count ? args->values[args->next++] : NULL;
}

/* Flags that every program has; false when `name` is none of them. */
static bool read_own_flag(struct config *config, struct args *args, struct slice name,
                          const char *equals)
{
    static const struct {
        const char *name;
        enum config_action action;
    } actions[] = {
        {"help", CONFIG_HELP},
        {"version", CONFIG_VERSION},
        {"print-config", CONFIG_PRINT},
        {"print-config-docs", CONFIG_PRINT_DOCS},
    };
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (slice_equal_str(name, actions[i].name)) {
            config->action = actions[i].action;
            if (equals)
                config_mistake(config, "--%s takes no value", actions[i].name);
            return true;
        }
    }
    if (!slice_equal_str(name, "config"))
        return false;
    config->file = flag_value(args, equals);
    if (!config->file)
        config_mistake(config, "--config needs a file");
    return true;
}

static void refuse_flag(struct config *config, struct slice name)
{
    const char *nearest = config_name_nearest(config->program, name, CONFIG_NAME_FLAG);
    if (nearest)
        config_mistake(config, "--%.*s: no such flag; did you mean %s?", SLICE_ARG(name),
                       config_name_written(nearest, CONFIG_NAME_FLAG).text);
    else
        config_mistake(config, "--%.*s: no such flag", SLICE_ARG(name));
}

static void read_flag(struct config *config, struct args *args, const char *flag)
{
    const char *equals = strchr(flag, '=');
    struct slice name = equals ? slice_make(flag, (size_t)(equals - flag)) : slice_str(flag);
    if (read_own_flag(config, args, name, equals))
        return;
    const struct config_option *option =
        config_option_find(config->program, name, CONFIG_NAME_FLAG);
    if (!option) {
        refuse_flag(config, name);
        return;
    }
    const char *value;
    if (option->type == CONFIG_TYPE_BOOL)
        value = equals ? equals + 1 : "true";
    else
        value = flag_value(args, equals);
    if (value)
        set(config, option, (struct config_setting){CONFIG_SOURCE_FLAG, value, 0});
    else
        config_mistake(config, "%s needs a value",
                       config_name_written(option->name, CONFIG_NAME_FLAG).text);
}

/* ---- commands --------------------------------------------------------------------------------- */

static void read_command(struct config *config, struct args *args, const char *word)
{
    if (config->command || config->action == CONFIG_CHECK) {
        config_mistake(config, "%s: one argument too many", word);
        return;
    }
    if (strcmp(word, "check-config") == 0) {
        config->action = CONFIG_CHECK;
        return;
    }
    for (size_t i = 0; i < config->program->command_count; i++) {
        const struct config_command *command = &config->program->commands[i];
        if (strcmp(word, command->name) != 0)
            continue;
        config->command = command->name;
        if ((size_t)(args->count - args->next) < command->arg_count) {
            config_mistake(config, "%s needs %s", command->name, command->args);
            args->next = args->count;
            return;
        }
        config->args = (const char *const *)args->values + args->next;
        config->arg_count = command->arg_count;
        args->next += (int)command->arg_count;
        return;
    }
    const char *nearest = config_command_nearest(config->program, slice_str(word));
    if (nearest)
        config_mistake(config, "%s: no such command; did you mean %s?", word, nearest);
    else
        config_mistake(config, "%s: no such command", word);
}

void config_read_flags(struct config *config, int argc, char *const *argv)
{
    struct args args = {argv, argc, 1};
    while (args.next < args.count) {
        const char *word = args.values[args.next++];
        if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
            config->action = CONFIG_HELP;
        else if (config->mistake_count > 0)
            continue; /* what follows a mistake is most often a part of it */
        else if (strncmp(word, "--", 2) == 0 && word[2])
            read_flag(config, &args, word + 2);
        else
            read_command(config, &args, word);
    }
}

/* ---- environment ------------------------------------------------------------------------------ */

void config_read_environment(struct config *config, char *const *environment)
{
    const struct slice prefix = SLICE_LIT(CONFIG_ENV_PREFIX);
    for (; environment && *environment; environment++) {
        const char *equals = strchr(*environment, '=');
        if (!equals || strncmp(*environment, prefix.ptr, prefix.len) != 0)
            continue;
        const char *start = *environment + prefix.len;
        struct slice name = slice_make(start, (size_t)(equals - start));
        if (slice_equal_str(name, "CONFIG")) {
            if (!config->file && equals[1])
                config->file = equals + 1;
            continue;
        }
        const struct config_option *option =
            config_option_find(config->program, name, CONFIG_NAME_ENV);
        if (option) {
            set(config, option, (struct config_setting){CONFIG_SOURCE_ENVIRONMENT, equals + 1, 0});
            continue;
        }
        const char *nearest = config_name_nearest(config->program, name, CONFIG_NAME_ENV);
        if (nearest)
            config_mistake(config, "PEK_%.*s: no such variable; did you mean %s?", SLICE_ARG(name),
                           config_name_written(nearest, CONFIG_NAME_ENV).text);
        else
            config_mistake(config, "PEK_%.*s: no such variable", SLICE_ARG(name));
    }
}

/* ---- file ------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Without the blanks at both ends, in place. */
static char *trim(char *text)
{
    while (is_blank(*text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    text[len] = '\0';
    return text;
}

/* What the quotes hold, in place; NULL when they do not match. */
static char *unquote(char *text)
{
    char *to = text, *from = text + 1;
    while (*from && *from != '"') {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        *to++ = *from++;
    }
    if (*from != '"')
        return NULL;
    const char *rest = trim(from + 1);
    *to = '\0';
    return *rest == '\0' || *rest == '#' ? text : NULL;
}

/* The value without quotes or comment, in place; `text` is what follows the '='. NULL when it is wrong. */
static char *value_of(char *text)
{
    char *value = trim(text);
    if (*value == '"')
        return unquote(value);
    for (char *at = value; *at; at++) {
        if (*at == '#' && at > text && is_blank(at[-1])) {
            *at = '\0';
            break;
        }
    }
    return trim(value);
}

static void read_line(struct config *config, struct config_setting *settings, char *text, int line)
{
    text = trim(text);
    if (*text == '\0' || *text == '#')
        return;
    char *equals = strchr(text, '=');
    if (!equals) {
        config_mistake(config, "%s:%d: not of the form name = value", config->file, line);
        return;
    }
    *equals = '\0';
    const char *name = trim(text);
    char *value = value_of(equals + 1);
    const struct config_option *option =
        config_option_find(config->program, slice_str(name), CONFIG_NAME_PLAIN);
    if (!option) {
        const char *nearest =
            config_name_nearest(config->program, slice_str(name), CONFIG_NAME_PLAIN);
        if (nearest)
            config_mistake(config, "%s:%d: no option %s; did you mean %s?", config->file, line,
                           name, nearest);
        else
            config_mistake(config, "%s:%d: no option %s", config->file, line, name);
        return;
    }
    if (!value) {
        config_mistake(config, "%s:%d: %s: the quotes are wrong", config->file, line, name);
        return;
    }
    struct config_setting *now = &settings[option - config->program->options];
    if (now->source == CONFIG_SOURCE_FILE)
        config_mistake(config, "%s:%d: %s was given in line %d already", config->file, line, name,
                       now->line);
    else if (now->source < CONFIG_SOURCE_FILE)
        *now = (struct config_setting){CONFIG_SOURCE_FILE, value, line};
}

#define READ_BYTES 4096

/* False when it told a mistake. */
static bool file_read(struct config *config, struct buffer *out)
{
    int fd = open(config->file, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 0;
    char *room;
    while (fd >= 0 && (room = buffer_reserve(out, READ_BYTES))) {
        got = read(fd, room, READ_BYTES);
        if (got <= 0)
            break;
        out->len += (size_t)got;
    }
    int error = errno;
    if (fd >= 0)
        close(fd);
    bool text = out->len == 0 || !memchr(out->ptr, '\0', out->len);
    if (got < 0)
        config_mistake(config, "%s: cannot be read: %s", config->file, strerror(error));
    else if (out->failed)
        config_mistake(config, "%s: longer than %zu bytes", config->file, CONFIG_FILE_BYTES_MAX);
    else if (!text)
        config_mistake(config, "%s: not a text file", config->file);
    return got == 0 && !out->failed && text;
}

void config_read_file(struct config *config, struct config_setting *settings, struct arena *arena)
{
    struct buffer bytes;
    char *text = NULL;
    buffer_init(&bytes, CONFIG_FILE_BYTES_MAX + READ_BYTES);
    if (file_read(config, &bytes)) {
        text = arena_strndup(arena, bytes.ptr, bytes.len);
        if (!text)
            config_mistake(config, "%s: no memory for it", config->file);
    }
    buffer_done(&bytes);
    for (int line = 1; text; line++) {
        char *end = strchr(text, '\n');
        if (end)
            *end = '\0';
        read_line(config, settings, text, line);
        text = end ? end + 1 : NULL;
    }
}
