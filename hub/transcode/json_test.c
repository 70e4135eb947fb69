/* What json.c writes is what upb's encoder writes, for every message type of the contracts. */
#include <math.h>

#include "hub/transcode/fixture.h"
#include "hub/transcode/internal.h"

#define ROUNDS 40
#define DEPTH_MAX 3

static uint32_t seed;

static uint32_t pick(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

#define PICK(values) values[pick(sizeof(values) / sizeof(values[0]))]

static upb_Message *make_message(const upb_MessageDef *def, upb_Arena *memory, int depth);

static upb_MessageValue make_value(const upb_FieldDef *field, upb_Arena *memory, int depth)
{
    static const int64_t numbers[] = {0, 1, -1, 9, 10, 1234567, INT32_MIN, INT32_MAX};
    static const int64_t large[] = {0, -5, 1700000000, INT64_MIN, INT64_MAX};
    static const double reals[] = {0,      -0.0, 0.1,      1.0 / 3,   1e21, 1e-7,         16777217,
                                   5e-324, 1e38, INFINITY, -INFINITY, NAN,  123456789.125};
    static const char *const texts[] = {"", "plain", "\xC5\x91rs\xC3\xA9g", "\"quoted\" \\ </b>",
                                        "\n\r\t\f\b\x01\x1f\x7f"};
    upb_MessageValue value = {0};
    switch (upb_FieldDef_CType(field)) {
    case kUpb_CType_Bool: value.bool_val = pick(2); break;
    case kUpb_CType_Enum: value.int32_val = (int32_t)pick(20) - 2; break;
    case kUpb_CType_Int32: value.int32_val = (int32_t)PICK(numbers); break;
    case kUpb_CType_UInt32: value.uint32_val = (uint32_t)PICK(numbers); break;
    case kUpb_CType_Int64: value.int64_val = PICK(large); break;
    case kUpb_CType_UInt64: value.uint64_val = (uint64_t)PICK(large); break;
    case kUpb_CType_Message:
        value.msg_val = make_message(upb_FieldDef_MessageSubDef(field), memory, depth + 1);
        break;
    case kUpb_CType_Float: value.float_val = (float)PICK(reals); break;
    case kUpb_CType_Double: value.double_val = PICK(reals); break;
    default: value.str_val = upb_StringView_FromString(PICK(texts)); break;
    }
    return value;
}

/* Times in and, seldom, out of range, with any number of digits behind the point. */
static void set_time(upb_Message *time, const upb_MessageDef *def, upb_Arena *memory)
{
    static const int64_t seconds[] = {-62135596801, -62135596800, -1,           0,
                                      951782400,    1700000000,   253402300799, 253402300800};
    static const int32_t nanos[] = {0, 1, 1000, 120000000, 999999999, 500000, -1};
    upb_MessageValue value = {.int64_val = PICK(seconds)};
    upb_Message_Set(time, upb_MessageDef_FindFieldByNumber(def, 1), value, memory);
    value = (upb_MessageValue){.int32_val = PICK(nanos)};
    upb_Message_Set(time, upb_MessageDef_FindFieldByNumber(def, 2), value, memory);
}

static void fill_map(upb_Map *map, const upb_FieldDef *field, upb_Arena *memory, int depth)
{
    const upb_MessageDef *entry = upb_FieldDef_MessageSubDef(field);
    for (uint32_t left = pick(4); left > 0; left--)
        upb_Map_Set(map, make_value(upb_MessageDef_FindFieldByNumber(entry, 1), memory, depth),
                    make_value(upb_MessageDef_FindFieldByNumber(entry, 2), memory, depth), memory);
}

static upb_Message *make_message(const upb_MessageDef *def, upb_Arena *memory, int depth)
{
    upb_Message *message = upb_Message_New(def, memory);
    if (upb_MessageDef_WellKnownType(def) == kUpb_WellKnown_Timestamp)
        set_time(message, def, memory);
    if (upb_MessageDef_WellKnownType(def) != kUpb_WellKnown_Unspecified || depth > DEPTH_MAX)
        return message;
    for (int i = 0; i < upb_MessageDef_FieldCount(def); i++) {
        const upb_FieldDef *field = upb_MessageDef_Field(def, i);
        if (pick(3) == 0)
            continue;
        if (upb_FieldDef_IsMap(field)) {
            fill_map(upb_Message_Mutable(message, field, memory).map, field, memory, depth);
            continue;
        }
        if (!upb_FieldDef_IsRepeated(field)) {
            upb_Message_Set(message, field, make_value(field, memory, depth), memory);
            continue;
        }
        upb_Array *array = upb_Message_Mutable(message, field, memory).array;
        for (uint32_t left = pick(3); left > 0; left--)
            upb_Array_Append(array, make_value(field, memory, depth), memory);
    }
    return message;
}

/* `text` with the proto's names of enum values as JSON has them, which upb does not know. */
static const char *with_json_names(const struct transcode *transcode, const char *text)
{
    for (size_t i = 0; i < transcode->enum_count; i++) {
        const struct enum_names *names = &transcode->enums[i];
        for (size_t j = 0; j < names->count; j++) {
            const char *proto = arena_printf(&arena, "\"%s\"",
                                             upb_EnumValueDef_Name(upb_EnumDef_FindValueByNumber(
                                                 names->def, names->names[j].number)));
            const char *at = strstr(text, proto);
            if (!at ||
                strcmp(names->names[j].json, upb_EnumValueDef_Name(upb_EnumDef_FindValueByNumber(
                                                 names->def, names->names[j].number))) == 0)
                continue;
            text = arena_printf(&arena, "%.*s\"%s\"%s", (int)(at - text), text,
                                names->names[j].json, at + strlen(proto));
            j--; /* it may come again */
        }
    }
    return text;
}

static void compare(const struct transcode *transcode, const struct plan *plan)
{
    upb_Arena *memory = upb_Arena_New();
    upb_Message *message = make_message(plan->def, memory, 0);
    const upb_FieldDef *bad = NULL;
    plan_clear(plan, message);
    buffer_reset(&out);
    enum status expected_status = json_by_library(transcode, message, plan->def, &out);
    const char *expected =
        with_json_names(transcode, arena_strndup(&arena, out.ptr ? out.ptr : "", out.len));
    buffer_reset(&out);
    assert_int_equal(json_append(transcode, plan, message, TRANSCODE_SHOWN_ALL, &out, &bad),
                     expected_status);
    assert_true(slice_equal_str(buffer_slice(&out), expected));
    upb_Arena_Free(memory);
}

static void every_type_is_written_as_the_library_does(void **state)
{
    (void)state;
    const struct transcode *const all[] = {odd, pek};
    size_t written_here = 0;
    for (size_t i = 0; i < 2; i++)
        for (size_t n = 0; n < all[i]->plan_count; n++)
            for (uint32_t round = 0; round < ROUNDS; round++) {
                seed = round;
                arena_reset(&arena);
                compare(all[i], all[i]->plans[n]);
                written_here++;
            }
    assert_true(written_here > ROUNDS * 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_written_as_the_library_does),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
