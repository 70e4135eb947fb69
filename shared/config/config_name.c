#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "shared/config/config_internal.h"

struct config_name config_name_written(const char *name, enum config_name_style style)
{
    static const char *const prefixes[] = {"", "--", CONFIG_ENV_PREFIX};
    struct config_name written;
    assert(strlen(name) <= CONFIG_NAME_BYTES_MAX);
    snprintf(written.text, sizeof(written.text), "%s%s", prefixes[style], name);
    for (char *at = written.text + strlen(prefixes[style]); *at; at++) {
        if (style == CONFIG_NAME_FLAG && *at == '_')
            *at = '-';
        else if (style == CONFIG_NAME_ENV && *at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
    }
    return written;
}

/* The letter of a plain name that `c` is in this style; 0 for one that has no place in it. */
static char plain(char c, enum config_name_style style)
{
    if (style == CONFIG_NAME_FLAG)
        return c == '-' ? '_' : c;
    if (style == CONFIG_NAME_ENV)
        return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c >= 'a' && c <= 'z' ? '\0' : c;
    return c;
}

const struct config_option *config_option_find(const struct config_program *program,
                                               struct slice written, enum config_name_style style)
{
    for (size_t i = 0; i < program->option_count; i++) {
        const char *name = program->options[i].name;
        size_t at = 0;
        while (at < written.len && name[at] && plain(written.ptr[at], style) == name[at])
            at++;
        if (at == written.len && !name[at])
            return &program->options[i];
    }
    return NULL;
}

/* How many letters must be put in, left out or changed to make one of the other (Levenshtein). */
static size_t distance(struct slice written, const char *name)
{
    size_t row[CONFIG_NAME_BYTES_MAX + 1];
    size_t name_len = strlen(name);
    if (name_len > CONFIG_NAME_BYTES_MAX || written.len > CONFIG_NAME_BYTES_MAX)
        return CONFIG_NAME_BYTES_MAX;
    for (size_t j = 0; j <= name_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= written.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= name_len; j++) {
            size_t changed = diagonal + (written.ptr[i - 1] != name[j - 1]);
            size_t either = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = changed < either ? changed : either;
        }
    }
    return row[name_len];
}

struct nearest {
    struct slice written;
    const char *name;
    size_t distance;
};

static void consider(struct nearest *nearest, const char *name)
{
    /* Who stopped after some letters meant what begins with them. */
    bool begun = nearest->written.len > 1 && slice_starts_with(slice_str(name), nearest->written);
    size_t far = begun ? 1 : distance(nearest->written, name);
    if (far < nearest->distance) {
        nearest->distance = far;
        nearest->name = name;
    }
}

/* A third of the letters may be wrong: beyond it a proposal confuses more than it helps. */
static struct nearest nearest_to(struct slice written)
{
    return (struct nearest){.written = written, .distance = written.len / 3 + 2};
}

const char *config_name_nearest(const struct config_program *program, struct slice written,
                                enum config_name_style style)
{
    char letters[CONFIG_NAME_BYTES_MAX];
    if (written.len > sizeof(letters))
        return NULL;
    for (size_t i = 0; i < written.len; i++) {
        char letter = plain(written.ptr[i], style);
        letters[i] = letter ? letter : written.ptr[i];
    }
    struct nearest nearest = nearest_to(slice_make(letters, written.len));
    for (size_t i = 0; i < program->option_count; i++)
        consider(&nearest, program->options[i].name);
    if (style != CONFIG_NAME_PLAIN)
        consider(&nearest, "config");
    if (style == CONFIG_NAME_FLAG) {
        consider(&nearest, "help");
        consider(&nearest, "print_config");
        consider(&nearest, "print_config_docs");
    }
    return nearest.name;
}

const char *config_command_nearest(const struct config_program *program, struct slice written)
{
    struct nearest nearest = nearest_to(written);
    for (size_t i = 0; i < program->command_count; i++)
        consider(&nearest, program->commands[i].name);
    consider(&nearest, "check-config");
    return nearest.name;
}
