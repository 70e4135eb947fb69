#include "hub/http/field.h"

#include <ctype.h>
#include <stdint.h>
#include <strings.h>

bool name_is(struct slice name, const char *lower)
{
    return name.len == strlen(lower) && strncasecmp(name.ptr, lower, name.len) == 0;
}

bool is_token_char(unsigned char c)
{
    static const bool tokens[256] = {
        ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
        ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
        ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
    };
    return tokens[c];
}

bool is_token(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_token_char((unsigned char)text.ptr[i]))
            return false;
    }
    return text.len > 0;
}

struct slice trim(struct slice text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = slice_make(text.ptr + 1, text.len - 1);
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

bool list_has(struct slice list, const char *word)
{
    while (list.len > 0) {
        if (name_is(trim(slice_cut(&list, ',')), word))
            return true;
    }
    return false;
}

/* ":" and at most five digits that are a port, or nothing. */
static bool port_is_valid(struct slice port)
{
    if (port.len == 0)
        return true;
    if (port.ptr[0] != ':' || port.len > 6)
        return false;
    unsigned value = 0;
    for (size_t i = 1; i < port.len; i++) {
        if (!isdigit((unsigned char)port.ptr[i]))
            return false;
        value = value * 10 + (unsigned)(port.ptr[i] - '0');
    }
    return value <= UINT16_MAX;
}

bool host_is_valid(struct slice host)
{
    size_t name_len = 0;
    if (host.len == 0 || host.len > FIELD_HOST_BYTES_MAX)
        return false;
    if (host.ptr[0] == '[') { /* an IPv6 address */
        const char *end = memchr(host.ptr, ']', host.len);
        name_len = end ? (size_t)(end - host.ptr) + 1 : 0;
        for (size_t i = 1; i + 1 < name_len; i++) {
            unsigned char c = (unsigned char)host.ptr[i];
            if (!isxdigit(c) && c != ':' && c != '.')
                return false;
        }
        if (name_len < 4)
            return false;
    } else {
        while (name_len < host.len && (isalnum((unsigned char)host.ptr[name_len]) ||
                                       memchr("-._~", host.ptr[name_len], 4)))
            name_len++;
        if (name_len == 0)
            return false;
    }
    return port_is_valid(slice_make(host.ptr + name_len, host.len - name_len));
}

bool target_is_valid(struct slice target)
{
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '#' || c == '\\')
            return false;
    }
    return true;
}

bool cookie_find(struct slice *rest, const char *name, struct slice *ret_value)
{
    while (rest->len > 0) {
        struct slice value = slice_cut(rest, ';');
        struct slice key = trim(slice_cut(&value, '='));
        if (!slice_equal_str(key, name))
            continue;
        value = trim(value);
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
            value = slice_make(value.ptr + 1, value.len - 2);
        *ret_value = value;
        return true;
    }
    return false;
}

bool media_is(struct slice header, const char *type)
{
    if (!name_is(trim(slice_cut(&header, ';')), type))
        return false;
    while (header.len > 0) {
        struct slice value = slice_cut(&header, ';');
        bool is_charset = name_is(trim(slice_cut(&value, '=')), "charset");
        value = trim(value);
        if (is_charset && !name_is(value, "utf-8") && !name_is(value, "\"utf-8\""))
            return false;
    }
    return true;
}

/* ---- what a client would rather have --------------------------------------------------------------- */

/* "0.75" to 750; 0 for what is no quality. */
static int parse_quality(struct slice text)
{
    int quality = 0, scale = 1000;
    for (size_t i = 0; i < text.len && i < 5; i++) {
        if (text.ptr[i] == '.' && i == 1)
            continue;
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        quality += (text.ptr[i] - '0') * scale;
        scale /= 10;
    }
    return quality > 1000 ? 1000 : quality;
}

/* How particularly the range means the type: 0 not at all, 1 any, 2 any of the kind, 3 it. */
static int range_fits(struct slice range, const char *type)
{
    if (slice_equal_str(range, "*/*") || slice_equal_str(range, "*"))
        return 1;
    if (name_is(range, type))
        return 3;
    const char *slash = strchr(type, '/');
    size_t kind_len = slash ? (size_t)(slash - type) + 1 : 0;
    return kind_len > 0 && range.len == kind_len + 1 && range.ptr[kind_len] == '*' &&
                   strncasecmp(range.ptr, type, kind_len) == 0
               ? 2
               : 0;
}

static int quality_of(struct slice header, const char *wanted)
{
    int best_fit = 0, quality = 0;
    while (header.len > 0) {
        struct slice parameters = slice_cut(&header, ',');
        int fit = range_fits(trim(slice_cut(&parameters, ';')), wanted);
        if (fit <= best_fit)
            continue;
        best_fit = fit;
        quality = 1000;
        while (parameters.len > 0) {
            struct slice value = slice_cut(&parameters, ';');
            if (name_is(trim(slice_cut(&value, '=')), "q"))
                quality = parse_quality(trim(value));
        }
    }
    return quality;
}

int accept_quality(struct slice header, const char *type)
{
    return header.ptr ? quality_of(header, type) : 1000;
}

int encoding_quality(struct slice header, const char *coding)
{
    int quality = quality_of(header, coding);
    return quality < quality_of(header, "identity") ? 0 : quality;
}
