#include "shared/json/escape.h"

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/number.h"

/* The code unit of the \uXXXX at `at`; -1 when it is none. */
static int32_t code_unit(const char *at, const char *end)
{
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    int32_t unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = number_hex_digit(at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool is_high_surrogate(int32_t unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low_surrogate(int32_t unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

size_t escape_len(struct slice rest, const char **ret_wrong)
{
    const char *at = rest.ptr, *end = rest.ptr + rest.len;
    char kind = rest.len > 1 ? at[1] : '\0';
    if (kind != 'u') {
        bool known = kind != '\0' && strchr("\"\\/bfnrt", kind);
        *ret_wrong = "an unknown escape";
        return known ? 2 : 0;
    }
    int32_t unit = code_unit(at, end);
    *ret_wrong = unit < 0    ? "\\u without four hexadecimal digits"
                 : unit == 0 ? "the NUL character"
                             : "half of a surrogate pair";
    if (unit <= 0 || is_low_surrogate(unit))
        return 0;
    if (!is_high_surrogate(unit))
        return 6;
    return is_low_surrogate(code_unit(at + 6, end)) ? 12 : 0;
}

static size_t encode(int32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xC0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xE0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3F));
        to[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3F));
    to[2] = (char)(0x80 | (code >> 6 & 0x3F));
    to[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

size_t escape_decode(const char **at, const char *end, char *to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    int32_t unit = code_unit(*at, end);
    if (unit < 0) {
        to[0] = into[strchr(from, (*at)[1]) - from];
        *at += 2;
        return 1;
    }
    *at += 6;
    if (is_high_surrogate(unit)) {
        unit = 0x10000 + ((unit - 0xD800) << 10) + (code_unit(*at, end) - 0xDC00);
        *at += 6;
    }
    return encode(unit, to);
}
