/* What config shows: help, the effective values, and the table for docs/. */
#include <string.h>

#include "shared/config/config_internal.h"

#define HELP_COLUMN 34

/* What stands for the value in help: "--limit=NUMBER". */
static const char *placeholder(enum config_type type)
{
    switch (type) {
    case CONFIG_TYPE_STRING: return "TEXT";
    case CONFIG_TYPE_PATH: return "PATH";
    case CONFIG_TYPE_INT: return "NUMBER";
    case CONFIG_TYPE_DURATION_MS: return "TIME";
    case CONFIG_TYPE_BYTES: return "SIZE";
    case CONFIG_TYPE_BOOL: return "";
    case CONFIG_TYPE_ENUM: return "CHOICE";
    case CONFIG_TYPE_LIST: return "A,B,…";
    }
    return "";
}

static const char *type_name(enum config_type type)
{
    switch (type) {
    case CONFIG_TYPE_STRING: return "string";
    case CONFIG_TYPE_PATH: return "path";
    case CONFIG_TYPE_INT: return "int";
    case CONFIG_TYPE_DURATION_MS: return "duration";
    case CONFIG_TYPE_BYTES: return "bytes";
    case CONFIG_TYPE_BOOL: return "bool";
    case CONFIG_TYPE_ENUM: return "enum";
    case CONFIG_TYPE_LIST: return "list";
    }
    return "";
}

/* "1KiB … 16MiB", "1 or more connections", "debug, info"; nothing when any value will do. */
static void write_bounds(const struct config_option *option, struct buffer *out)
{
    bool number = option->type == CONFIG_TYPE_INT || option->type == CONFIG_TYPE_DURATION_MS ||
                  option->type == CONFIG_TYPE_BYTES;
    bool bounded = option->min != 0 || option->max > 0;
    if (option->type == CONFIG_TYPE_ENUM) {
        for (size_t i = 0; option->choices[i]; i++)
            buffer_printf(out, "%s%s", i > 0 ? ", " : "", option->choices[i]);
        return;
    }
    if (option->type == CONFIG_TYPE_BOOL || (!number && !bounded))
        return;
    int64_t max = config_option_max(option);
    config_number_write(option->type, option->min, out);
    buffer_append_str(out, max == INT64_MAX ? " or more" : " … ");
    if (max != INT64_MAX)
        config_number_write(option->type, max, out);
    if (option->unit)
        buffer_printf(out, " %s", option->unit);
    else if (option->type == CONFIG_TYPE_LIST)
        buffer_append_str(out, " items");
    else if (!number)
        buffer_append_str(out, " bytes");
}

static void write_default(const struct config_option *option, struct buffer *out)
{
    int64_t number = option->min;
    switch (option->type) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_DURATION_MS:
    case CONFIG_TYPE_BYTES:
        if (!option->fallback ||
            config_number_read(option->type, slice_str(option->fallback), &number))
            config_number_write(option->type, number, out);
        return;
    case CONFIG_TYPE_BOOL:
        buffer_append_str(out, option->fallback ? option->fallback : "false");
        return;
    case CONFIG_TYPE_ENUM:
        buffer_append_str(out, option->fallback ? option->fallback : option->choices[0]);
        return;
    case CONFIG_TYPE_STRING:
    case CONFIG_TYPE_PATH:
    case CONFIG_TYPE_LIST: {
        bool empty = !option->fallback || option->fallback[0] == '\0';
        buffer_append_str(out, empty ? "empty" : option->fallback);
        return;
    }
    }
}

/* ---- help ------------------------------------------------------------------------------------- */

/* How many columns the text from `from` on takes: one for each character. */
static size_t columns(const struct buffer *out, size_t from)
{
    size_t count = 0;
    for (size_t i = from; i < out->len; i++)
        count += ((unsigned char)out->ptr[i] & 0xC0) != 0x80;
    return count;
}

/* From where `line` began to the column of the explanations, on the next line when that is passed. */
static void write_gap(struct buffer *out, size_t line)
{
    size_t width = columns(out, line);
    if (width + 2 > HELP_COLUMN) {
        buffer_append_char(out, '\n');
        width = 0;
    }
    buffer_printf(out, "%*s", (int)(HELP_COLUMN - width), "");
}

static void write_help_line(struct buffer *out, const char *name, const char *value,
                            const char *help)
{
    size_t line = out->len;
    buffer_printf(out, "  %s%s", name, value);
    write_gap(out, line);
    buffer_printf(out, "%s\n", help);
}

static void write_help_option(const struct config_option *option, struct buffer *out)
{
    size_t line = out->len;
    buffer_printf(out, "  %s", config_name_written(option->name, CONFIG_NAME_FLAG).text);
    if (option->type != CONFIG_TYPE_BOOL)
        buffer_printf(out, "=%s", placeholder(option->type));
    write_gap(out, line);
    buffer_printf(out, "%s\n%*s(", option->help, HELP_COLUMN, "");
    size_t before = out->len;
    write_bounds(option, out);
    if (out->len > before)
        buffer_append_str(out, "; ");
    if (option->required) {
        buffer_append_str(out, "required");
    } else {
        buffer_append_str(out, "default ");
        write_default(option, out);
    }
    if (option->reloadable)
        buffer_append_str(out, "; reloadable");
    if (option->secret)
        buffer_append_str(out, "; secret");
    buffer_append_str(out, ")\n");
}

void config_help_write(const struct config_program *program, struct buffer *out)
{
    buffer_printf(out, "%s: %s\n\nusage: %s [command] [flags]\n\ncommands:\n", program->name,
                  program->summary, program->name);
    for (size_t i = 0; i < program->command_count; i++) {
        const struct config_command *command = &program->commands[i];
        size_t line = out->len;
        buffer_printf(out, "  %s%s%s", command->name, command->args ? " " : "",
                      command->args ? command->args : "");
        write_gap(out, line);
        buffer_printf(out, "%s\n", command->help);
    }
    write_help_line(out, "check-config", "", "say whether the configuration is right, and exit");
    buffer_append_str(out, "\nflags:\n");
    write_help_line(out, "--help", "", "show this text");
    write_help_line(out, "--version", "", "say which version this is");
    write_help_line(out, "--config", "=FILE", "read name = value lines from FILE (PEK_CONFIG)");
    write_help_line(out, "--print-config", "",
                    "show the effective values and where they come from");
    write_help_line(out, "--print-config-docs", "", "show the options as a Markdown table");
    for (size_t i = 0; i < program->option_count; i++)
        write_help_option(&program->options[i], out);
    buffer_append_str(
        out, "\nEach flag can also be given as an environment variable (PEK_NAME_IN_UPPER), or"
             " in the\nfile; a flag is stronger than the environment, and that than the"
             " file.\n");
}

/* ---- effective values ------------------------------------------------------------------------- */

/* As a line of the file needs it. */
static void write_quoted(struct slice value, struct buffer *out)
{
    bool blank_ends = value.len > 0 && (value.ptr[0] == ' ' || value.ptr[value.len - 1] == ' ');
    bool special = value.len == 0 || blank_ends;
    for (size_t i = 0; i < value.len; i++)
        special |= strchr("\"#\\", value.ptr[i]) != NULL;
    if (!special) {
        buffer_append_slice(out, value);
        return;
    }
    buffer_append_char(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\')
            buffer_append_char(out, '\\');
        buffer_append_char(out, value.ptr[i]);
    }
    buffer_append_char(out, '"');
}

void config_print_write(const struct config *config, const void *values, struct buffer *out)
{
    const struct config_program *program = config->program;
    struct buffer value;
    buffer_init(&value, CONFIG_FILE_BYTES_MAX * 2); /* a list has a blank more an item */
    for (size_t i = 0; i < program->option_count; i++) {
        const struct config_option *option = &program->options[i];
        size_t line = out->len;
        buffer_reset(&value);
        config_value_write(option, values, &value);
        buffer_printf(out, "%s = ", option->name);
        if (option->secret && value.len > 0)
            buffer_append_str(out, "[secret]");
        else
            write_quoted(buffer_slice(&value), out);
        size_t width = columns(out, line);
        buffer_printf(out, "%*s# ", width < 40 ? (int)(40 - width) : 1, "");
        config_source_write(config, option, &config->settings[i], out);
        buffer_append_char(out, '\n');
    }
    out->failed |= value.failed;
    buffer_done(&value);
}

/* ---- docs ------------------------------------------------------------------------------------- */

/* A cell of a table: | would end it. */
static void write_cell(struct buffer *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '|')
            buffer_append_char(out, '\\');
        buffer_append_char(out, text.ptr[i]);
    }
    buffer_append_str(out, " | ");
}

void config_docs_write(const struct config_program *program, struct buffer *out)
{
    struct buffer cell;
    buffer_init(&cell, CONFIG_VALUE_BYTES_MAX);
    buffer_printf(
        out,
        "## %s\n\n%s.\n\nFlag `--name=value`, environment `PEK_NAME`, or `name = value` in "
        "the file given by\n`--config`.\n\n| name | type | bounds | default | reload | "
        "meaning |\n| --- | --- | --- | --- | --- | --- |\n",
        program->name, program->summary);
    for (size_t i = 0; i < program->option_count; i++) {
        const struct config_option *option = &program->options[i];
        buffer_printf(out, "| `%s` | %s%s | ", option->name, type_name(option->type),
                      option->secret ? ", secret" : "");
        buffer_reset(&cell);
        write_bounds(option, &cell);
        write_cell(out, buffer_slice(&cell));
        buffer_reset(&cell);
        if (option->required)
            buffer_append_str(&cell, "required");
        else
            write_default(option, &cell);
        write_cell(out, buffer_slice(&cell));
        buffer_printf(out, "%s | ", option->reloadable ? "yes" : "no");
        write_cell(out, slice_str(option->help));
        out->len -= out->failed ? 0 : 1;
        buffer_append_char(out, '\n');
    }
    out->failed |= cell.failed;
    buffer_done(&cell);
}
