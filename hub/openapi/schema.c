/* JSON schemas of proto types. */
#include "hub/openapi/internal.h"

static void text(struct document *document, const char *key, const char *value)
{
    json_key(&document->json, key);
    json_str(&document->json, value);
}

static void type_format(struct document *document, const char *type, const char *format)
{
    text(document, "type", type);
    if (format)
        text(document, "format", format);
}

static void write_ref(struct document *document, const char *name)
{
    text(document, "$ref", arena_printf(&document->arena, "#/components/schemas/%s", name));
}

static bool is_internal(const struct document *document, const upb_FieldDef *field)
{
    return transcode_field_is_internal(document->transcode, field);
}

void write_message_ref(struct document *document, const upb_MessageDef *def)
{
    size_t i = 0;
    while (i < document->message_count && document->messages[i] != def)
        i++;
    if (i == document->message_count && i < OPENAPI_SCHEMAS_MAX)
        document->messages[document->message_count++] = def;
    write_ref(document, upb_MessageDef_FullName(def));
}

static void write_enum_ref(struct document *document, const upb_EnumDef *def)
{
    size_t i = 0;
    while (i < document->enum_count && document->enums[i] != def)
        i++;
    if (i == document->enum_count && i < OPENAPI_SCHEMAS_MAX)
        document->enums[document->enum_count++] = def;
    write_ref(document, upb_EnumDef_FullName(def));
}

/* Types with a JSON form of their own. */
static void write_well_known(struct document *document, const upb_MessageDef *def)
{
    struct json_writer *json = &document->json;
    upb_WellKnown type = upb_MessageDef_WellKnownType(def);
    if (type >= kUpb_WellKnown_DoubleValue && type <= kUpb_WellKnown_BoolValue) {
        json_key(json, "anyOf");
        json_array(json);
        json_object(json);
        write_value_schema(document, upb_MessageDef_FindFieldByNumber(def, 1));
        json_object_end(json);
        json_object(json);
        text(document, "type", "null");
        json_object_end(json);
        json_array_end(json);
    } else if (type == kUpb_WellKnown_Timestamp) {
        type_format(document, "string", "date-time");
    } else if (type == kUpb_WellKnown_Duration) {
        text(document, "type", "string");
        text(document, "pattern", "^-?[0-9]+(\\.[0-9]{1,9})?s$");
    } else if (type == kUpb_WellKnown_FieldMask) {
        text(document, "type", "string");
        text(document, "description", "Names of fields with commas between them.");
    } else if (type == kUpb_WellKnown_ListValue) {
        text(document, "type", "array");
    } else if (type != kUpb_WellKnown_Value) {
        text(document, "type", "object");
    }
}

void write_value_schema(struct document *document, const upb_FieldDef *field)
{
    switch (upb_FieldDef_CType(field)) {
    case kUpb_CType_Bool: type_format(document, "boolean", NULL); break;
    case kUpb_CType_Float: type_format(document, "number", "float"); break;
    case kUpb_CType_Double: type_format(document, "number", "double"); break;
    case kUpb_CType_Int32: type_format(document, "integer", "int32"); break;
    case kUpb_CType_UInt32:
        type_format(document, "integer", NULL);
        json_key(&document->json, "minimum");
        json_int(&document->json, 0);
        break;
    case kUpb_CType_Int64: type_format(document, "string", "int64"); break;
    case kUpb_CType_UInt64: type_format(document, "string", "uint64"); break;
    case kUpb_CType_String: type_format(document, "string", NULL); break;
    case kUpb_CType_Bytes:
        type_format(document, "string", NULL);
        text(document, "contentEncoding", "base64");
        break;
    case kUpb_CType_Enum: write_enum_ref(document, upb_FieldDef_EnumSubDef(field)); break;
    case kUpb_CType_Message: {
        const upb_MessageDef *def = upb_FieldDef_MessageSubDef(field);
        if (upb_MessageDef_WellKnownType(def) != kUpb_WellKnown_Unspecified)
            write_well_known(document, def);
        else
            write_message_ref(document, def);
        break;
    }
    }
}

void write_field_schema(struct document *document, const upb_FieldDef *field)
{
    struct json_writer *json = &document->json;
    if (!upb_FieldDef_IsRepeated(field)) {
        write_value_schema(document, field);
        return;
    }
    bool is_map = upb_FieldDef_IsMap(field);
    text(document, "type", is_map ? "object" : "array");
    json_key(json, is_map ? "additionalProperties" : "items");
    json_object(json);
    write_value_schema(document,
                       is_map ? upb_MessageDef_FindFieldByNumber(upb_FieldDef_MessageSubDef(field),
                                                                 kUpb_MapEntry_ValueFieldNumber)
                              : field);
    json_object_end(json);
}

void write_message_schema(struct document *document, const upb_MessageDef *def,
                          const char *const *without, size_t without_count)
{
    struct json_writer *json = &document->json;
    text(document, "type", "object");
    write_description(document, upb_MessageDef_FullName(def));
    json_key(json, "properties");
    json_object(json);
    for (int i = 0; i < upb_MessageDef_FieldCount(def); i++) {
        const upb_FieldDef *field = upb_MessageDef_Field(def, i);
        bool left_out = is_internal(document, field);
        for (size_t j = 0; j < without_count; j++)
            left_out |= strcmp(without[j], upb_FieldDef_Name(field)) == 0;
        if (left_out)
            continue;
        json_key(json, upb_FieldDef_JsonName(field));
        json_object(json);
        write_field_schema(document, field);
        /* A FieldMask describes itself; a key may not come twice. */
        bool describes = upb_FieldDef_IsSubMessage(field) && !upb_FieldDef_IsRepeated(field) &&
                         upb_MessageDef_WellKnownType(upb_FieldDef_MessageSubDef(field)) ==
                             kUpb_WellKnown_FieldMask;
        if (!describes)
            write_description(document, upb_FieldDef_FullName(field));
        json_object_end(json);
    }
    json_object_end(json);
}

static void write_enum_schema(struct document *document, const upb_EnumDef *def)
{
    struct json_writer *json = &document->json;
    text(document, "type", "string");
    write_description(document, upb_EnumDef_FullName(def));
    json_key(json, "enum");
    json_array(json);
    for (int i = 0; i < upb_EnumDef_ValueCount(def); i++) {
        const upb_EnumValueDef *value = upb_EnumDef_Value(def, i);
        int32_t number = upb_EnumValueDef_Number(value);
        if (upb_EnumDef_FindValueByNumber(def, number) == value) /* no alias */
            json_slice(json, transcode_enum_name(document->transcode, def, number));
    }
    json_array_end(json);
}

void write_schemas(struct document *document)
{
    struct json_writer *json = &document->json;
    /* The list grows while it is walked: what a type refers to is written after it. */
    for (size_t i = 0; i < document->message_count; i++) {
        json_key(json, upb_MessageDef_FullName(document->messages[i]));
        json_object(json);
        write_message_schema(document, document->messages[i], NULL, 0);
        json_object_end(json);
    }
    for (size_t i = 0; i < document->enum_count; i++) {
        json_key(json, upb_EnumDef_FullName(document->enums[i]));
        json_object(json);
        write_enum_schema(document, document->enums[i]);
        json_object_end(json);
    }
}
