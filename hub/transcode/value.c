/* One value from its text, by the field's type.
 *
 * upb's JSON decoder is not used for what comes from outside: in Debian's version a non-ASCII character in a
 * bytes field reads outside its table, "abc" is the double 0, month 13 is a month, and its errors name no
 * field. Query parameters need the same conversions anyway.
 */
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "hub/transcode/internal.h"
#include "shared/base/calendar.h"

#define NUMBER_BYTES_MAX 128
#define FLOAT_OVERFLOWS 0x1.ffffffp127 /* from here the nearest float is no number */
#define OUT_OF_MEMORY "shorter: there is no memory left for it"

static bool all_digits(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    }
    return text.len > 0;
}

/* The syntax of a JSON number. */
static bool number_syntax(struct slice text, bool *ret_whole)
{
    size_t i = 0;
    if (i < text.len && text.ptr[i] == '-')
        i++;
    size_t start = i;
    while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
        i++;
    if (i == start || (i - start > 1 && text.ptr[start] == '0'))
        return false;
    *ret_whole = i == text.len;
    if (i < text.len && text.ptr[i] == '.') {
        start = ++i;
        while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
            i++;
        if (i == start)
            return false;
    }
    if (i < text.len && (text.ptr[i] == 'e' || text.ptr[i] == 'E')) {
        i++;
        if (i < text.len && (text.ptr[i] == '+' || text.ptr[i] == '-'))
            i++;
        start = i;
        while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
            i++;
        if (i == start)
            return false;
    }
    return i == text.len;
}

static bool number_copy(struct slice text, char copy[NUMBER_BYTES_MAX])
{
    if (text.len >= NUMBER_BYTES_MAX)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return true;
}

static bool parse_double(struct slice text, double *ret_value)
{
    char copy[NUMBER_BYTES_MAX];
    bool whole;
    if (!number_syntax(text, &whole) || !number_copy(text, copy))
        return false;
    *ret_value = strtod(copy, NULL);
    return isfinite(*ret_value);
}

static bool parse_signed(struct slice text, enum value_source source, int64_t min, int64_t max,
                         int64_t *ret_value)
{
    char copy[NUMBER_BYTES_MAX];
    bool whole;
    if (!number_syntax(text, &whole) || !number_copy(text, copy))
        return false;
    if (!whole) { /* 1e3 and 5.0 are whole numbers in JSON */
        double value;
        if (source != VALUE_JSON_BARE || !parse_double(text, &value) || value != trunc(value) ||
            fabs(value) > 9007199254740992.0)
            return false;
        *ret_value = (int64_t)value;
    } else {
        errno = 0;
        *ret_value = strtoll(copy, NULL, 10);
        if (errno != 0)
            return false;
    }
    return *ret_value >= min && *ret_value <= max;
}

static bool parse_unsigned(struct slice text, enum value_source source, uint64_t max,
                           uint64_t *ret_value)
{
    char copy[NUMBER_BYTES_MAX];
    if (all_digits(text) && number_copy(text, copy)) {
        bool whole;
        if (!number_syntax(text, &whole))
            return false;
        errno = 0;
        *ret_value = strtoull(copy, NULL, 10);
        return errno == 0 && *ret_value <= max;
    }
    int64_t value;
    if (!parse_signed(text, source, 0, INT64_MAX, &value))
        return false;
    *ret_value = (uint64_t)value;
    return *ret_value <= max;
}

static const char *parse_real(struct slice text, enum value_source source, bool is_float,
                              upb_MessageValue *ret_value)
{
    double value;
    if (source == VALUE_JSON_STRING && slice_equal_str(text, "NaN"))
        value = (double)NAN;
    else if (source == VALUE_JSON_STRING && slice_equal_str(text, "Infinity"))
        value = (double)INFINITY;
    else if (source == VALUE_JSON_STRING && slice_equal_str(text, "-Infinity"))
        value = (double)-INFINITY;
    else if (!parse_double(text, &value))
        return "a number";
    if (!is_float) {
        ret_value->double_val = value;
        return NULL;
    }
    if (isfinite(value) && fabs(value) >= FLOAT_OVERFLOWS)
        return "a number of single precision";
    if (isfinite(value) &&
        fabs(value) > (double)FLT_MAX) /* 3.4028235e38, as the largest is written */
        value = copysign((double)FLT_MAX, value);
    ret_value->float_val = (float)value;
    return NULL;
}

static int base64_digit(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

/* Both alphabets, padding or none, as the JSON of protobuf has it. */
static const char *parse_bytes(struct slice text, upb_Arena *arena, upb_MessageValue *ret_value)
{
    if (text.len % 4 == 0) {
        for (int i = 0; i < 2 && text.len > 0 && text.ptr[text.len - 1] == '='; i++)
            text.len--;
    }
    unsigned char *out = upb_Arena_Malloc(arena, text.len / 4 * 3 + 3);
    if (!out)
        return OUT_OF_MEMORY;
    size_t len = 0;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = base64_digit((unsigned char)text.ptr[i]);
        if (digit < 0)
            return "base64";
        bits = (bits << 6 | (uint32_t)digit) & 0xffffff;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            out[len++] = (unsigned char)(bits >> bit_count);
        }
    }
    if (bit_count == 6)
        return "base64";
    ret_value->str_val = (upb_StringView){(const char *)out, len};
    return NULL;
}

static const char *parse_enum(const struct transcode *transcode, const upb_FieldDef *field,
                              struct slice text, enum value_source source,
                              upb_MessageValue *ret_value)
{
    const upb_EnumDef *def = upb_FieldDef_EnumSubDef(field);
    int64_t number;
    if (source != VALUE_JSON_BARE && enum_number(transcode, def, text, &ret_value->int32_val))
        return NULL;
    if (source == VALUE_JSON_STRING || !parse_signed(text, source, INT32_MIN, INT32_MAX, &number) ||
        !upb_EnumDef_FindValueByNumber(def, (int32_t)number))
        return "one of the names of its enum";
    ret_value->int32_val = (int32_t)number;
    return NULL;
}

/* ---- Timestamp and Duration --------------------------------------------------------------------- */

static bool take_digits(struct slice *rest, size_t count, int *ret_value)
{
    if (rest->len < count || !all_digits(slice_make(rest->ptr, count)))
        return false;
    *ret_value = 0;
    for (size_t i = 0; i < count; i++)
        *ret_value = *ret_value * 10 + (rest->ptr[i] - '0');
    *rest = slice_make(rest->ptr + count, rest->len - count);
    return true;
}

static bool take_char(struct slice *rest, const char *any_of)
{
    if (rest->len == 0 || !strchr(any_of, rest->ptr[0]) || rest->ptr[0] == '\0')
        return false;
    *rest = slice_make(rest->ptr + 1, rest->len - 1);
    return true;
}

/* ".5" to 500000000; nothing is 0. */
static bool take_nanos(struct slice *rest, int32_t *ret_nanos)
{
    *ret_nanos = 0;
    if (!take_char(rest, "."))
        return true;
    int digits = 0;
    for (int digit; digits < 9 && take_digits(rest, 1, &digit); digits++)
        *ret_nanos = *ret_nanos * 10 + digit;
    if (digits == 0)
        return false;
    for (; digits < 9; digits++)
        *ret_nanos *= 10;
    return true;
}

/* RFC 3339 with capital letters, as the JSON of protobuf has it; years 1 to 9999. */
static bool timestamp_parse(struct slice text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    struct slice rest = text;
    int year, month, day, hour, minute, second, offset_hour = 0, offset_minute = 0, sign = 0;
    int32_t nanos;
    if (!take_digits(&rest, 4, &year) || !take_char(&rest, "-") || !take_digits(&rest, 2, &month) ||
        !take_char(&rest, "-") || !take_digits(&rest, 2, &day) || !take_char(&rest, "T") ||
        !take_digits(&rest, 2, &hour) || !take_char(&rest, ":") ||
        !take_digits(&rest, 2, &minute) || !take_char(&rest, ":") ||
        !take_digits(&rest, 2, &second) || !take_nanos(&rest, &nanos))
        return false;
    if (!take_char(&rest, "Z")) {
        sign = rest.len > 0 && rest.ptr[0] == '-' ? -1 : 1;
        if (!take_char(&rest, "+-") || !take_digits(&rest, 2, &offset_hour) ||
            !take_char(&rest, ":") || !take_digits(&rest, 2, &offset_minute))
            return false;
    }
    if (rest.len > 0 || year < 1 || month < 1 || month > 12 || day < 1 ||
        day > calendar_days_of_month(year, month) || hour > 23 || minute > 59 || second > 59 ||
        offset_hour > 23 || offset_minute > 59)
        return false;
    int64_t seconds = calendar_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second -
                      sign * (offset_hour * 3600 + offset_minute * 60);
    if (seconds < CALENDAR_SECONDS_MIN || seconds > CALENDAR_SECONDS_MAX)
        return false;
    *ret_seconds = seconds;
    *ret_nanos = nanos;
    return true;
}

static bool duration_parse(struct slice text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    struct slice rest = text;
    bool negative = take_char(&rest, "-");
    size_t digits = 0;
    while (digits < rest.len && rest.ptr[digits] >= '0' && rest.ptr[digits] <= '9')
        digits++;
    uint64_t seconds;
    if (digits == 0 || digits > 12 ||
        !parse_unsigned(slice_make(rest.ptr, digits), VALUE_PARAMETER, UINT64_C(315576000000),
                        &seconds))
        return false;
    rest = slice_make(rest.ptr + digits, rest.len - digits);
    if (!take_nanos(&rest, ret_nanos) || !take_char(&rest, "s") || rest.len > 0)
        return false;
    *ret_seconds = negative ? -(int64_t)seconds : (int64_t)seconds;
    *ret_nanos = negative ? -*ret_nanos : *ret_nanos;
    return true;
}

/* ---- messages that are one text ------------------------------------------------------------------ */

static const char *parse_time(const upb_MessageDef *def, struct slice text, upb_Arena *arena,
                              upb_MessageValue *ret_value)
{
    bool is_timestamp = upb_MessageDef_WellKnownType(def) == kUpb_WellKnown_Timestamp;
    upb_MessageValue seconds, nanos;
    bool good = is_timestamp ? timestamp_parse(text, &seconds.int64_val, &nanos.int32_val)
                             : duration_parse(text, &seconds.int64_val, &nanos.int32_val);
    if (!good)
        return is_timestamp ? "a time such as 2026-09-01T12:00:00Z" : "a duration such as 1.5s";
    upb_Message *message = upb_Message_New(def, arena);
    if (!message ||
        !upb_Message_Set(message, upb_MessageDef_FindFieldByNumber(def, 1), seconds, arena) ||
        !upb_Message_Set(message, upb_MessageDef_FindFieldByNumber(def, 2), nanos, arena))
        return OUT_OF_MEMORY;
    ret_value->msg_val = message;
    return NULL;
}

static const char *parse_mask(const upb_MessageDef *def, struct slice text, upb_Arena *arena,
                              upb_MessageValue *ret_value)
{
    upb_Message *mask = upb_Message_New(def, arena);
    if (!mask)
        return OUT_OF_MEMORY;
    ret_value->msg_val = mask;
    return mask_parse(text, arena, mask, def);
}

static const char *parse_wrapper(const struct transcode *transcode, const upb_MessageDef *def,
                                 struct slice text, enum value_source source, upb_Arena *arena,
                                 upb_MessageValue *ret_value)
{
    const upb_FieldDef *inner = upb_MessageDef_FindFieldByNumber(def, 1);
    upb_MessageValue value;
    const char *wanted = value_parse(transcode, inner, text, source, arena, &value);
    if (wanted)
        return wanted;
    upb_Message *message = upb_Message_New(def, arena);
    if (!message || !upb_Message_Set(message, inner, value, arena))
        return OUT_OF_MEMORY;
    ret_value->msg_val = message;
    return NULL;
}

static const char *parse_message(const struct transcode *transcode, const upb_FieldDef *field,
                                 struct slice text, enum value_source source, upb_Arena *arena,
                                 upb_MessageValue *ret_value)
{
    const upb_MessageDef *def = upb_FieldDef_MessageSubDef(field);
    upb_WellKnown type = upb_MessageDef_WellKnownType(def);
    if (!value_is_textual(field))
        return "an object";
    if (type >= kUpb_WellKnown_DoubleValue && type <= kUpb_WellKnown_BoolValue)
        return parse_wrapper(transcode, def, text, source, arena, ret_value);
    if (type == kUpb_WellKnown_FieldMask)
        return source == VALUE_JSON_BARE ? "names of fields"
                                         : parse_mask(def, text, arena, ret_value);
    if (source == VALUE_JSON_BARE)
        return type == kUpb_WellKnown_Timestamp ? "a time such as 2026-09-01T12:00:00Z"
                                                : "a duration such as 1.5s";
    return parse_time(def, text, arena, ret_value);
}

bool value_is_textual(const upb_FieldDef *field)
{
    if (!upb_FieldDef_IsSubMessage(field))
        return true;
    upb_WellKnown type = upb_MessageDef_WellKnownType(upb_FieldDef_MessageSubDef(field));
    return type == kUpb_WellKnown_Timestamp || type == kUpb_WellKnown_Duration ||
           type == kUpb_WellKnown_FieldMask ||
           (type >= kUpb_WellKnown_DoubleValue && type <= kUpb_WellKnown_BoolValue);
}

static const char *parse_bool(struct slice text, enum value_source source,
                              upb_MessageValue *ret_value)
{
    ret_value->bool_val = slice_equal_str(text, "true");
    bool good = ret_value->bool_val || slice_equal_str(text, "false");
    return good && source != VALUE_JSON_STRING ? NULL : "true or false";
}

static const char *parse_whole(upb_CType type, struct slice text, enum value_source source,
                               upb_MessageValue *ret_value)
{
    int64_t value = 0;
    uint64_t positive = 0;
    if (type == kUpb_CType_Int32) {
        if (!parse_signed(text, source, INT32_MIN, INT32_MAX, &value))
            return "a whole number between -2147483648 and 2147483647";
        ret_value->int32_val = (int32_t)value;
    } else if (type == kUpb_CType_Int64) {
        if (!parse_signed(text, source, INT64_MIN, INT64_MAX, &value))
            return "a whole number of 64 bits";
        ret_value->int64_val = value;
    } else if (type == kUpb_CType_UInt32) {
        if (!parse_unsigned(text, source, UINT32_MAX, &positive))
            return "a whole number between 0 and 4294967295";
        ret_value->uint32_val = (uint32_t)positive;
    } else {
        if (!parse_unsigned(text, source, UINT64_MAX, &positive))
            return "a whole number of 64 bits, not negative";
        ret_value->uint64_val = positive;
    }
    return NULL;
}

const char *value_parse(const struct transcode *transcode, const upb_FieldDef *field,
                        struct slice text, enum value_source source, upb_Arena *arena,
                        upb_MessageValue *ret_value)
{
    *ret_value = (upb_MessageValue){0};
    switch (upb_FieldDef_CType(field)) {
    case kUpb_CType_Bool: return parse_bool(text, source, ret_value);
    case kUpb_CType_Float: return parse_real(text, source, true, ret_value);
    case kUpb_CType_Double: return parse_real(text, source, false, ret_value);
    case kUpb_CType_Int32:
    case kUpb_CType_Int64:
    case kUpb_CType_UInt32:
    case kUpb_CType_UInt64: return parse_whole(upb_FieldDef_CType(field), text, source, ret_value);
    case kUpb_CType_Enum: return parse_enum(transcode, field, text, source, ret_value);
    case kUpb_CType_Message: return parse_message(transcode, field, text, source, arena, ret_value);
    case kUpb_CType_Bytes:
        return source == VALUE_JSON_BARE ? "base64" : parse_bytes(text, arena, ret_value);
    case kUpb_CType_String:
        ret_value->str_val = view_of(text);
        return source == VALUE_JSON_BARE ? "a text" : NULL;
    }
    return "something else";
}
