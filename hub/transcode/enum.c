/* What the values of enums are called in JSON. */
#include <stdlib.h>

#include "hub/transcode/internal.h"

static int by_number(const void *a, const void *b)
{
    int32_t left = ((const struct enum_name *)a)->number;
    int32_t right = ((const struct enum_name *)b)->number;
    return (left > right) - (left < right);
}

bool enum_is_null(const upb_FieldDef *field)
{
    return upb_FieldDef_CType(field) == kUpb_CType_Enum &&
           strcmp(upb_EnumDef_FullName(upb_FieldDef_EnumSubDef(field)),
                  "google.protobuf.NullValue") == 0;
}

static const struct enum_names *find(const struct transcode *transcode, const upb_EnumDef *def)
{
    for (size_t i = 0; i < transcode->enum_count; i++) {
        if (transcode->enums[i].def == def)
            return &transcode->enums[i];
    }
    return NULL;
}

const struct enum_names *enum_names_for(struct transcode *transcode, const upb_EnumDef *def)
{
    const struct enum_names *there = find(transcode, def);
    if (there)
        return there;
    size_t value_count = (size_t)upb_EnumDef_ValueCount(def);
    struct enum_names filled = {
        .def = def,
        .names = arena_zalloc(&transcode->arena, value_count, sizeof(filled.names[0])),
    };
    if (!filled.names || transcode->enum_count == TRANSCODE_ENUMS_MAX)
        return NULL;
    for (size_t i = 0; i < value_count; i++) {
        const upb_EnumValueDef *value = upb_EnumDef_Value(def, (int)i);
        int32_t number = upb_EnumValueDef_Number(value);
        if (upb_EnumDef_FindValueByNumber(def, number) != value)
            continue; /* an alias: the first name of a number is the one that is written */
        const char *json = enum_value_json_name(transcode->pool, value, &transcode->arena);
        if (!json)
            return NULL;
        filled.names[filled.count++] = (struct enum_name){number, json};
    }
    qsort(filled.names, filled.count, sizeof(filled.names[0]), by_number);
    transcode->enums[transcode->enum_count] = filled;
    return &transcode->enums[transcode->enum_count++];
}

const char *enum_json_name(const struct enum_names *names, int32_t number)
{
    const struct enum_name key = {number, NULL};
    const struct enum_name *found =
        bsearch(&key, names->names, names->count, sizeof(names->names[0]), by_number);
    return found ? found->json : NULL;
}

bool enum_number(const struct transcode *transcode, const upb_EnumDef *def, struct slice name,
                 int32_t *ret_number)
{
    const struct enum_names *names = find(transcode, def);
    for (size_t i = 0; names && i < names->count; i++) {
        if (slice_equal_str(name, names->names[i].json)) {
            *ret_number = names->names[i].number;
            return true;
        }
    }
    const upb_EnumValueDef *value = upb_EnumDef_FindValueByNameWithSize(def, name.ptr, name.len);
    if (value)
        *ret_number = upb_EnumValueDef_Number(value);
    return value != NULL;
}

static enum status check_names(const struct transcode *transcode, const struct enum_names *names,
                               struct fault *fault)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct enum_name *name = &names->names[i];
        const upb_EnumValueDef *other = upb_EnumDef_FindValueByName(names->def, name->json);
        int32_t number = name->number;
        if (!enum_number(transcode, names->def, slice_str(name->json), &number) ||
            number != name->number || (other && upb_EnumValueDef_Number(other) != name->number))
            return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "%s: \"%s\" names two values",
                             upb_EnumDef_FullName(names->def), name->json);
    }
    return STATUS_OK;
}

enum status enums_check(const struct transcode *transcode, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < transcode->enum_count; i++)
        status = check_names(transcode, &transcode->enums[i], fault);
    return status;
}

struct slice transcode_enum_name(const struct transcode *transcode, const struct upb_EnumDef *def,
                                 int32_t number)
{
    const struct enum_names *names = find(transcode, def);
    const char *name = names ? enum_json_name(names, number) : NULL;
    return slice_str(name ? name : "");
}
