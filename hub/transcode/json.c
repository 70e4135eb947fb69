/* Messages to JSON along plans made at start.
 *
 * upb's encoder asks the descriptors anew and calls printf for each key of each item, which was half of
 * the hub's time in a long list; and it knows no other names of enum values than the proto's. Here is written all
 * but the well-known types that are not times, to the same bytes as by upb. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <upb/json_encode.h>

#include "hub/transcode/internal.h"
#include "shared/base/calendar.h"

#define ITEM_JSON_BYTES_GUESS 512
/* Beyond its length in JSON no item goes out. */
#define ITEM_JSON_BYTES_MAX (16u * 1024 * 1024)
/* Of google.protobuf.Duration: 10 000 years either way. */
#define DURATION_SECONDS_MAX 315576000000
#define NANOS_MAX 999999999

/* ---- plans --------------------------------------------------------------------------------------- */

static enum json_kind kind_of_message(const upb_MessageDef *def)
{
    switch (upb_MessageDef_WellKnownType(def)) {
    case kUpb_WellKnown_Timestamp: return JSON_TIME;
    case kUpb_WellKnown_Duration: return JSON_DURATION;
    case kUpb_WellKnown_FieldMask: return JSON_MASK;
    default: return JSON_MESSAGE;
    }
}

static enum json_kind kind_of(const upb_FieldDef *field)
{
    switch (upb_FieldDef_CType(field)) {
    case kUpb_CType_Bool: return JSON_BOOL;
    case kUpb_CType_Int32: return JSON_INT32;
    case kUpb_CType_UInt32: return JSON_UINT32;
    case kUpb_CType_Int64: return JSON_INT64;
    case kUpb_CType_UInt64: return JSON_UINT64;
    case kUpb_CType_Float: return JSON_FLOAT;
    case kUpb_CType_Double: return JSON_DOUBLE;
    case kUpb_CType_Bytes: return JSON_BYTES;
    case kUpb_CType_Enum: return enum_is_null(field) ? JSON_NULL : JSON_ENUM;
    case kUpb_CType_Message: return kind_of_message(upb_FieldDef_MessageSubDef(field));
    case kUpb_CType_String: break;
    }
    return JSON_STRING;
}

static struct field_place place_of(const upb_FieldDef *field)
{
    struct field_place place = {.mini = upb_FieldDef_MiniTable(field), .bytes = sizeof(void *)};
    if (upb_FieldDef_IsRepeated(field))
        return place;
    switch (upb_FieldDef_CType(field)) {
    case kUpb_CType_Bool: place.bytes = sizeof(bool); break;
    case kUpb_CType_Float:
    case kUpb_CType_Int32:
    case kUpb_CType_UInt32:
    case kUpb_CType_Enum: place.bytes = sizeof(int32_t); break;
    case kUpb_CType_Double:
    case kUpb_CType_Int64:
    case kUpb_CType_UInt64: place.bytes = sizeof(int64_t); break;
    case kUpb_CType_String:
    case kUpb_CType_Bytes: place.bytes = sizeof(upb_StringView); break;
    case kUpb_CType_Message: break;
    }
    return place;
}

static bool fill_field(struct transcode *transcode, const upb_FieldDef *field,
                       const struct plan *below, struct json_field *ret_field)
{
    char *key = arena_printf(&transcode->arena, "\"%s\":", upb_FieldDef_JsonName(field));
    struct json_field filled = {
        .field = field,
        .place = place_of(field),
        .key = slice_str(key ? key : ""),
        .kind = kind_of(field),
        .has_presence = upb_FieldDef_HasPresence(field),
        .is_repeated = upb_FieldDef_IsRepeated(field),
        .below = below,
    };
    if (filled.kind == JSON_TIME || filled.kind == JSON_DURATION) {
        const upb_MessageDef *def = upb_FieldDef_MessageSubDef(field);
        for (uint32_t i = 0; i < 2; i++)
            filled.parts[i] = place_of(upb_MessageDef_FindFieldByNumber(def, i + 1));
    }
    if (filled.kind == JSON_ENUM)
        filled.names = enum_names_for(transcode, upb_FieldDef_EnumSubDef(field));
    if (!key || (filled.kind == JSON_ENUM && !filled.names))
        return false;
    *ret_field = filled;
    return true;
}

bool json_plan_field(struct transcode *transcode, struct plan *plan, const upb_FieldDef *field,
                     const struct plan *below)
{
    struct json_field *filled = &plan->json[plan->json_count];
    if (!fill_field(transcode, field, upb_FieldDef_IsMap(field) ? NULL : below, filled))
        return false;
    if (upb_FieldDef_IsMap(field)) {
        const upb_MessageDef *entry = upb_FieldDef_MessageSubDef(field);
        struct json_field *of_map = arena_zalloc(&transcode->arena, 2, sizeof(*of_map));
        if (!of_map ||
            !fill_field(transcode, upb_MessageDef_FindFieldByNumber(entry, 1), NULL, &of_map[0]) ||
            !fill_field(transcode, upb_MessageDef_FindFieldByNumber(entry, 2), below, &of_map[1]))
            return false;
        filled->of_map = of_map;
    }
    plan->json_count++;
    return true;
}

/* ---- values -------------------------------------------------------------------------------------- */

enum status json_by_library(const struct transcode *transcode, const upb_Message *message,
                            const upb_MessageDef *def, struct buffer *out)
{
    size_t room = ITEM_JSON_BYTES_GUESS;
    for (;;) {
        char *at = buffer_reserve(out, room);
        if (!at)
            return STATUS_RESOURCE_EXHAUSTED;
        upb_Status problem;
        upb_Status_Clear(&problem);
        size_t len = upb_JsonEncode(message, def, transcode->pool, upb_JsonEncode_EmitDefaults, at,
                                    room, &problem);
        if (len == (size_t)-1)
            return STATUS_DATA_LOSS; /* a time out of range, an Any of unknown type */
        if (len < room) {            /* it writes a NUL behind */
            out->len += len;
            return STATUS_OK;
        }
        if (len > ITEM_JSON_BYTES_MAX)
            return STATUS_RESOURCE_EXHAUSTED;
        room = len + 1;
    }
}

/* The last `width` digits of the value, or all when it has more; returns where they begin, before `end`. */
static char *digits_before(char *end, uint64_t value, int width)
{
    char *at = end;
    for (int written = 0; written < width || value > 0; written++) {
        *--at = (char)('0' + value % 10);
        value /= 10;
    }
    return at;
}

static void append_unsigned(struct buffer *out, uint64_t value, bool negative)
{
    char text[24];
    char *at = digits_before(text + sizeof(text), value, 1);
    if (negative)
        *--at = '-';
    buffer_append(out, at, (size_t)(text + sizeof(text) - at));
}

static void append_signed(struct buffer *out, int64_t value)
{
    append_unsigned(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\';
}

static void append_escaped(struct buffer *out, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char short_for[] = "\"\\\n\r\t\f\b";
    static const char short_form[] = "\"\\nrtfb";
    const char *found = byte ? strchr(short_for, byte) : NULL;
    char text[] = "\\u0000";
    text[4] = hex[byte >> 4];
    text[5] = hex[byte & 15];
    if (found)
        text[1] = short_form[found - short_for];
    buffer_append(out, text, found ? 2 : 6);
}

/* It was decoded as UTF-8. */
static void append_string(struct buffer *out, struct slice text)
{
    buffer_append_char(out, '"');
    for (size_t i = 0; i < text.len;) {
        size_t begin = i;
        while (i < text.len && is_plain((unsigned char)text.ptr[i]))
            i++;
        buffer_append(out, text.ptr + begin, i - begin);
        if (i < text.len)
            append_escaped(out, (unsigned char)text.ptr[i++]);
    }
    buffer_append_char(out, '"');
}

static void append_enum(struct buffer *out, const struct enum_names *names, int32_t number)
{
    const char *name = enum_json_name(names, number);
    if (!name) {
        append_signed(out, number);
        return;
    }
    buffer_append_char(out, '"');
    buffer_append_str(out, name);
    buffer_append_char(out, '"');
}

/* As few digits as give the number back. */
static void append_real(struct buffer *out, double value, bool is_float)
{
    char text[32];
    if (!isfinite(value)) {
        buffer_append_str(out, isnan(value) ? "\"NaN\""
                               : value > 0  ? "\"Infinity\""
                                            : "\"-Infinity\"");
        return;
    }
    snprintf(text, sizeof(text), "%.*g", is_float ? 6 : 15, value);
    if (is_float ? strtof(text, NULL) != (float)value : strtod(text, NULL) != value)
        snprintf(text, sizeof(text), "%.*g", is_float ? 9 : 17, value);
    buffer_append_str(out, text);
}

static void append_bytes(struct buffer *out, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    buffer_append_char(out, '"');
    for (size_t i = 0; i < bytes.len; i += 3) {
        uint32_t bits = 0;
        size_t left = bytes.len - i;
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (j < left ? (unsigned char)bytes.ptr[i + j] : 0);
        char text[4] = {digits[bits >> 18], digits[bits >> 12 & 63], digits[bits >> 6 & 63],
                        digits[bits & 63]};
        if (left < 3)
            text[3] = '=';
        if (left < 2)
            text[2] = '=';
        buffer_append(out, text, sizeof(text));
    }
    buffer_append_char(out, '"');
}

/* Of a Timestamp and a Duration alike. */
static void get_time(const struct json_field *field, const upb_Message *message,
                     int64_t *ret_seconds, int32_t *ret_nanos)
{
    *ret_seconds = field_get(message, &field->parts[0]).int64_val;
    *ret_nanos = field_get(message, &field->parts[1]).int32_val;
}

/* With 0, 3, 6 or 9 digits. */
static void append_fraction(struct buffer *out, int32_t nanos)
{
    char fraction[] = ".000000000";
    if (nanos == 0)
        return;
    digits_before(fraction + 10, (uint64_t)nanos, 9);
    buffer_append(out, fraction, nanos % 1000 ? 10 : nanos % 1000000 ? 7 : 4);
}

/* "2026-01-31T23:59:59.123Z" */
static enum status append_time(struct buffer *out, const struct json_field *field,
                               const upb_Message *message)
{
    int64_t seconds;
    int32_t nanos;
    get_time(field, message, &seconds, &nanos);
    if (seconds < CALENDAR_SECONDS_MIN || seconds > CALENDAR_SECONDS_MAX || nanos < 0 ||
        nanos > NANOS_MAX)
        return STATUS_DATA_LOSS;
    int64_t days = (seconds - CALENDAR_SECONDS_MIN) / CALENDAR_DAY_S;
    uint64_t second = (uint64_t)((seconds - CALENDAR_SECONDS_MIN) % CALENDAR_DAY_S);
    struct calendar_date date = calendar_date(days + CALENDAR_SECONDS_MIN / CALENDAR_DAY_S);
    char text[] = "\"0000-00-00T00:00:00";
    digits_before(text + 5, (uint64_t)date.year, 4);
    digits_before(text + 8, (uint64_t)date.month, 2);
    digits_before(text + 11, (uint64_t)date.day, 2);
    digits_before(text + 14, second / 3600, 2);
    digits_before(text + 17, second / 60 % 60, 2);
    digits_before(text + 20, second % 60, 2);
    buffer_append(out, text, sizeof(text) - 1);
    append_fraction(out, nanos);
    buffer_append_str(out, "Z\"");
    return STATUS_OK;
}

/* "-1.500s". Not by upb, which in Debian's version takes -1 s without a fraction for a mistake. */
static enum status append_duration(struct buffer *out, const struct json_field *field,
                                   const upb_Message *message)
{
    int64_t seconds;
    int32_t nanos;
    get_time(field, message, &seconds, &nanos);
    if (seconds < -DURATION_SECONDS_MAX || seconds > DURATION_SECONDS_MAX || nanos < -NANOS_MAX ||
        nanos > NANOS_MAX || (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0))
        return STATUS_DATA_LOSS;
    bool negative = seconds < 0 || nanos < 0;
    buffer_append_char(out, '"');
    append_unsigned(out, (uint64_t)(negative ? -seconds : seconds), negative);
    append_fraction(out, negative ? -nanos : nanos);
    buffer_append_str(out, "s\"");
    return STATUS_OK;
}

/* Letters, digits, '_' and '.', or all: "*". */
static bool is_path(struct slice path)
{
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_' && c != '.' && c != '*')
            return false;
    }
    return true;
}

/* upb writes paths as they are: a quote in one would end the text, and what is behind it would be JSON of the realm's. */
static enum status append_mask(const struct transcode *transcode, const upb_FieldDef *field,
                               const upb_Message *mask, struct buffer *out)
{
    const upb_MessageDef *def = upb_FieldDef_MessageSubDef(field);
    const upb_Array *paths =
        upb_Message_Get(mask, upb_MessageDef_FindFieldByNumber(def, 1)).array_val;
    for (size_t i = 0; paths && i < upb_Array_Size(paths); i++)
        if (!is_path(slice_of(upb_Array_Get(paths, i).str_val)))
            return STATUS_DATA_LOSS;
    return json_by_library(transcode, mask, def, out);
}

static enum status append_value(const struct transcode *transcode, const struct json_field *field,
                                upb_MessageValue value, struct buffer *out)
{
    switch (field->kind) {
    case JSON_BOOL: buffer_append_str(out, value.bool_val ? "true" : "false"); break;
    case JSON_INT32: append_signed(out, value.int32_val); break;
    case JSON_UINT32: append_unsigned(out, value.uint32_val, false); break;
    /* 64 bits are strings: a JSON number has 53. */
    case JSON_INT64:
        buffer_append_char(out, '"');
        append_signed(out, value.int64_val);
        buffer_append_char(out, '"');
        break;
    case JSON_UINT64:
        buffer_append_char(out, '"');
        append_unsigned(out, value.uint64_val, false);
        buffer_append_char(out, '"');
        break;
    case JSON_FLOAT: append_real(out, (double)value.float_val, true); break;
    case JSON_DOUBLE: append_real(out, value.double_val, false); break;
    case JSON_STRING: append_string(out, slice_of(value.str_val)); break;
    case JSON_BYTES: append_bytes(out, slice_of(value.str_val)); break;
    case JSON_ENUM: append_enum(out, field->names, value.int32_val); break;
    case JSON_NULL: buffer_append_str(out, "null"); break;
    case JSON_TIME: return append_time(out, field, value.msg_val);
    case JSON_DURATION: return append_duration(out, field, value.msg_val);
    case JSON_MASK: return append_mask(transcode, field->field, value.msg_val, out);
    case JSON_MESSAGE:
        if (field->below)
            return json_append(transcode, field->below, value.msg_val, TRANSCODE_SHOWN_ALL, out,
                               NULL);
        return json_by_library(transcode, value.msg_val, upb_FieldDef_MessageSubDef(field->field),
                               out);
    }
    return STATUS_OK;
}

/* Keys are texts in JSON: what is none by itself gets quotes. */
static enum status append_key(const struct transcode *transcode, const struct json_field *key,
                              upb_MessageValue value, struct buffer *out)
{
    bool bare = key->kind == JSON_BOOL || key->kind == JSON_INT32 || key->kind == JSON_UINT32;
    if (bare)
        buffer_append_char(out, '"');
    enum status status = append_value(transcode, key, value, out);
    buffer_append_str(out, bare ? "\":" : ":");
    return status;
}

static enum status append_map(const struct transcode *transcode, const struct json_field *of_map,
                              const upb_Map *map, struct buffer *out)
{
    enum status status = STATUS_OK;
    size_t at = kUpb_Map_Begin;
    buffer_append_char(out, '{');
    for (bool first = true; map && status == STATUS_OK && upb_MapIterator_Next(map, &at);
         first = false) {
        if (!first)
            buffer_append_char(out, ',');
        status = append_key(transcode, &of_map[0], upb_MapIterator_Key(map, at), out);
        if (status == STATUS_OK)
            status = append_value(transcode, &of_map[1], upb_MapIterator_Value(map, at), out);
    }
    buffer_append_char(out, '}');
    return status;
}

static enum status append_array(const struct transcode *transcode, const struct json_field *field,
                                const upb_Array *array, struct buffer *out)
{
    size_t count = array ? upb_Array_Size(array) : 0;
    enum status status = STATUS_OK;
    buffer_append_char(out, '[');
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (i > 0)
            buffer_append_char(out, ',');
        status = append_value(transcode, field, upb_Array_Get(array, i), out);
    }
    buffer_append_char(out, ']');
    return status;
}

static enum status append_field(const struct transcode *transcode, const struct json_field *field,
                                const upb_Message *message, struct buffer *out)
{
    upb_MessageValue value = field_get(message, &field->place);
    if (field->of_map)
        return append_map(transcode, field->of_map, value.map_val, out);
    if (field->is_repeated)
        return append_array(transcode, field, value.array_val, out);
    return append_value(transcode, field, value, out);
}

enum status json_append_field(const struct transcode *transcode, const struct plan *plan,
                              const upb_FieldDef *field, const upb_Message *message,
                              struct buffer *out)
{
    size_t begin = out->len, i = 0;
    enum status status = STATUS_OK;
    while (plan->json[i].field != field)
        i++;
    if (plan->json[i].has_presence && !field_is_set(message, &plan->json[i].place))
        buffer_append_str(out, "null");
    else
        status = append_field(transcode, &plan->json[i], message, out);
    if (status == STATUS_OK && (out->failed || out->len - begin > ITEM_JSON_BYTES_MAX))
        status = STATUS_RESOURCE_EXHAUSTED;
    if (status != STATUS_OK)
        out->len = begin;
    return status;
}

enum status json_append(const struct transcode *transcode, const struct plan *plan,
                        const upb_Message *message, uint64_t shown, struct buffer *out,
                        const upb_FieldDef **ret_bad)
{
    size_t begin = out->len;
    enum status status = STATUS_OK;
    char before = '{';
    for (size_t i = 0; i < plan->json_count && status == STATUS_OK; i++) {
        const struct json_field *field = &plan->json[i];
        if ((shown != TRANSCODE_SHOWN_ALL && !(shown >> i & 1)) ||
            (field->has_presence && !field_is_set(message, &field->place)))
            continue;
        buffer_append_char(out, before);
        buffer_append_slice(out, field->key);
        before = ',';
        status = append_field(transcode, field, message, out);
        if (status != STATUS_OK && ret_bad)
            *ret_bad = field->field;
    }
    if (before == '{')
        buffer_append_char(out, '{');
    buffer_append_char(out, '}');
    if (status == STATUS_OK && (out->failed || out->len - begin > ITEM_JSON_BYTES_MAX))
        status = STATUS_RESOURCE_EXHAUSTED;
    if (status != STATUS_OK)
        out->len = begin;
    return status;
}
