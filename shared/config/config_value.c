#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "shared/base/number.h"
#include "shared/config/config_internal.h"

/* ---- units ------------------------------------------------------------------------------------ */

struct unit {
    const char *name;
    int64_t factor;
};

/* The largest first: what is written is the first that divides the value. */
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};
static const struct unit byte_units[] = {
    {"GiB", (int64_t)1 << 30}, {"MiB", (int64_t)1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {NULL, 0},
};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(enum config_type type)
{
    if (type == CONFIG_TYPE_DURATION_MS)
        return duration_units;
    return type == CONFIG_TYPE_BYTES ? byte_units : no_units;
}

bool config_number_read(enum config_type type, struct slice text, int64_t *ret_value)
{
    struct slice digits = text;
    while (digits.len > 0 &&
           !(digits.ptr[digits.len - 1] >= '0' && digits.ptr[digits.len - 1] <= '9'))
        digits.len--;
    struct slice name = slice_make(text.ptr + digits.len, text.len - digits.len);
    int64_t value, factor = name.len == 0 ? 1 : 0;
    for (const struct unit *unit = units_of(type); unit->name; unit++) {
        if (name.len > 0 && slice_equal_str(name, unit->name))
            factor = unit->factor;
    }
    return factor > 0 && number_parse(digits, &value) &&
           !__builtin_mul_overflow(value, factor, ret_value);
}

void config_number_write(enum config_type type, int64_t value, struct buffer *out)
{
    const struct unit *unit = units_of(type);
    while (unit->factor > 1 && (value == 0 || value % unit->factor != 0))
        unit++;
    buffer_printf(out, "%" PRId64 "%s", value / unit->factor, unit->name);
}

/* ---- settings --------------------------------------------------------------------------------- */

int64_t config_option_max(const struct config_option *option)
{
    int64_t type_max = INT64_MAX;
    if (option->type == CONFIG_TYPE_STRING || option->type == CONFIG_TYPE_PATH)
        type_max = CONFIG_VALUE_BYTES_MAX;
    else if (option->type == CONFIG_TYPE_LIST)
        type_max = CONFIG_LIST_ITEMS_MAX;
    bool unbounded = option->max < option->min || (option->max == 0 && option->min == 0);
    return unbounded || option->max > type_max ? type_max : option->max;
}

const char *config_text(const struct config_option *option, const struct config_setting *setting)
{
    return setting->text ? setting->text : option->fallback;
}

void config_source_write(const struct config *config, const struct config_option *option,
                         const struct config_setting *setting, struct buffer *out)
{
    switch (setting->source) {
    case CONFIG_SOURCE_DEFAULT: buffer_append_str(out, "default"); return;
    case CONFIG_SOURCE_FILE: buffer_printf(out, "file %s:%d", config->file, setting->line); return;
    case CONFIG_SOURCE_ENVIRONMENT:
        buffer_printf(out, "environment %s",
                      config_name_written(option->name, CONFIG_NAME_ENV).text);
        return;
    case CONFIG_SOURCE_FLAG:
        buffer_printf(out, "flag %s", config_name_written(option->name, CONFIG_NAME_FLAG).text);
        return;
    }
}

/* ---- reading ---------------------------------------------------------------------------------- */

/* Where a value is read, and what is needed to say what is wrong with it. */
struct reading {
    struct config *config;
    const struct config_option *option;
    const struct config_setting *setting;
    const char *text;
    char *member;
};

/* `name: "value" is …, between … (source)`; returns false, as the readers do. */
static bool refuse(const struct reading *reading, const char *what)
{
    struct buffer source;
    buffer_init(&source, CONFIG_VALUE_BYTES_MAX);
    config_source_write(reading->config, reading->option, reading->setting, &source);
    if (reading->option->secret)
        config_mistake(reading->config, "%s: the value %s (%.*s)", reading->option->name, what,
                       SLICE_ARG(buffer_slice(&source)));
    else
        config_mistake(reading->config, "%s: \"%.200s\" %s (%.*s)", reading->option->name,
                       reading->text, what, SLICE_ARG(buffer_slice(&source)));
    buffer_done(&source);
    return false;
}

static bool check_bounds(const struct reading *reading, int64_t value, const char *of_what)
{
    const struct config_option *option = reading->option;
    int64_t max = config_option_max(option);
    if (value >= option->min && value <= max)
        return true;
    struct buffer what;
    buffer_init(&what, 256);
    buffer_printf(&what, "%s", of_what);
    config_number_write(option->type, option->min, &what);
    if (max == INT64_MAX) {
        buffer_append_str(&what, " or more");
    } else {
        buffer_append_str(&what, " … ");
        config_number_write(option->type, max, &what);
    }
    if (option->unit)
        buffer_printf(&what, " %s", option->unit);
    buffer_append_char(&what, '\0');
    refuse(reading, what.failed ? "is out of bounds" : what.ptr);
    buffer_done(&what);
    return false;
}

static bool read_number(const struct reading *reading)
{
    enum config_type type = reading->option->type;
    int64_t value;
    if (!config_number_read(type, slice_str(reading->text), &value))
        return refuse(reading, type == CONFIG_TYPE_DURATION_MS ? "is no time like 250ms, 5s or 10m"
                               : type == CONFIG_TYPE_BYTES     ? "is no size like 64KiB or 1MiB"
                                                               : "is no whole number");
    if (!check_bounds(reading, value, "must be "))
        return false;
    memcpy(reading->member, &value, sizeof(value));
    return true;
}

static bool read_bool(const struct reading *reading)
{
    static const char *const words[][2] = {
        {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (size_t truth = 0; truth < 2; truth++) {
            if (strcasecmp(reading->text, words[i][truth]) == 0) {
                *(bool *)(void *)reading->member = truth == 1;
                return true;
            }
        }
    }
    return refuse(reading, "is neither true nor false");
}

static bool read_enum(const struct reading *reading)
{
    const char *const *choices = reading->option->choices;
    for (int index = 0; choices[index]; index++) {
        if (strcmp(reading->text, choices[index]) == 0) {
            memcpy(reading->member, &index, sizeof(index));
            return true;
        }
    }
    struct buffer what;
    buffer_init(&what, 1024);
    buffer_append_str(&what, "is none of ");
    for (size_t i = 0; choices[i]; i++)
        buffer_printf(&what, "%s%s", i > 0 ? ", " : "", choices[i]);
    buffer_append_char(&what, '\0');
    refuse(reading, what.failed ? "is none of the choices" : what.ptr);
    buffer_done(&what);
    return false;
}

static bool read_text(const struct reading *reading)
{
    size_t len = strlen(reading->text);
    if (!check_bounds(reading, (int64_t)len, "must have a length in bytes of "))
        return false;
    const char *copy = arena_strndup(&reading->config->arena, reading->text, len);
    if (!copy)
        return refuse(reading, "finds no memory");
    memcpy(reading->member, &copy, sizeof(copy));
    return true;
}

static struct slice trimmed(struct slice text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = slice_make(text.ptr + 1, text.len - 1);
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* To the next comma; of a keyed list, to the one before the next `KEY=`. */
static struct slice cut_item(struct slice *rest, bool keyed)
{
    struct slice item = slice_cut(rest, ',');
    while (keyed && rest->len > 0) {
        struct slice behind = *rest, next = slice_cut(&behind, ',');
        if (memchr(next.ptr, '=', next.len))
            break;
        item.len = (size_t)(next.ptr + next.len - item.ptr);
        *rest = behind;
    }
    return trimmed(item);
}

static bool read_list(const struct reading *reading)
{
    struct slice rest = trimmed(slice_str(reading->text));
    size_t room = rest.len > 0 ? 1 : 0, count = 0;
    for (size_t i = 0; i < rest.len; i++)
        room += rest.ptr[i] == ',';
    const char **items = arena_zalloc(&reading->config->arena, room, sizeof(*items));
    if (rest.len > 0 && rest.ptr[rest.len - 1] == ',')
        return refuse(reading, "has an empty item");
    while (rest.len > 0 && items) {
        struct slice item = cut_item(&rest, reading->option->keyed);
        if (item.len == 0)
            return refuse(reading, "has an empty item");
        items[count++] = arena_strndup(&reading->config->arena, item.ptr, item.len);
    }
    if (reading->config->arena.failed)
        return refuse(reading, "finds no memory");
    if (!check_bounds(reading, (int64_t)count, "must have a number of items of "))
        return false;
    struct config_list list = {items, count};
    memcpy(reading->member, &list, sizeof(list));
    return true;
}

/* An option that was not given and has no default. */
static void set_empty(const struct reading *reading)
{
    const char *empty = "";
    switch (reading->option->type) {
    case CONFIG_TYPE_STRING:
    case CONFIG_TYPE_PATH: memcpy(reading->member, &empty, sizeof(empty)); return;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_DURATION_MS:
    case CONFIG_TYPE_BYTES:
        memcpy(reading->member, &reading->option->min, sizeof(reading->option->min));
        return;
    case CONFIG_TYPE_ENUM: memset(reading->member, 0, sizeof(int)); return;
    case CONFIG_TYPE_BOOL: memset(reading->member, 0, sizeof(bool)); return;
    case CONFIG_TYPE_LIST: memset(reading->member, 0, sizeof(struct config_list)); return;
    }
}

bool config_value_read(struct config *config, const struct config_option *option,
                       const struct config_setting *setting, void *values)
{
    struct reading reading = {config, option, setting, config_text(option, setting),
                              (char *)values + option->offset};
    if (option->required && (!reading.text || reading.text[0] == '\0')) {
        config_mistake(config, "%s: must be given (%s, %s, or the file)", option->name,
                       config_name_written(option->name, CONFIG_NAME_FLAG).text,
                       config_name_written(option->name, CONFIG_NAME_ENV).text);
        return false;
    }
    if (!reading.text) {
        set_empty(&reading);
        return true;
    }
    for (const char *at = reading.text; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            return refuse(&(struct reading){config, option, setting, "…", NULL},
                          "has a control character");
    }
    switch (option->type) {
    case CONFIG_TYPE_STRING:
    case CONFIG_TYPE_PATH: return read_text(&reading);
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_DURATION_MS:
    case CONFIG_TYPE_BYTES: return read_number(&reading);
    case CONFIG_TYPE_BOOL: return read_bool(&reading);
    case CONFIG_TYPE_ENUM: return read_enum(&reading);
    case CONFIG_TYPE_LIST: return read_list(&reading);
    }
    return false;
}

/* ---- writing ---------------------------------------------------------------------------------- */

void config_value_write(const struct config_option *option, const void *values, struct buffer *out)
{
    const char *member = (const char *)values + option->offset;
    const char *text;
    int64_t number;
    int index;
    struct config_list list;
    switch (option->type) {
    case CONFIG_TYPE_STRING:
    case CONFIG_TYPE_PATH:
        memcpy(&text, member, sizeof(text));
        buffer_append_str(out, text);
        return;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_DURATION_MS:
    case CONFIG_TYPE_BYTES:
        memcpy(&number, member, sizeof(number));
        config_number_write(option->type, number, out);
        return;
    case CONFIG_TYPE_BOOL: buffer_append_str(out, *(const bool *)member ? "true" : "false"); return;
    case CONFIG_TYPE_ENUM:
        memcpy(&index, member, sizeof(index));
        buffer_append_str(out, option->choices[index]);
        return;
    case CONFIG_TYPE_LIST:
        memcpy(&list, member, sizeof(list));
        for (size_t i = 0; i < list.count; i++)
            buffer_printf(out, "%s%s", i > 0 ? "," : "", list.items[i]);
        return;
    }
}
