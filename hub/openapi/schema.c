/* JSON schemas of proto types, and of what the hub makes of them. */
#include <ctype.h>

#include "hub/openapi/internal.h"

/* ---- writing ------------------------------------------------------------------------------------- */

void write_text(struct document *document, const char *key, const char *value)
{
    json_key(&document->json, key);
    json_str(&document->json, value);
}

void open_object(struct document *document, const char *key)
{
    json_key(&document->json, key);
    json_object(&document->json);
}

void close_object(struct document *document)
{
    json_object_end(&document->json);
}

void open_array(struct document *document, const char *key)
{
    json_key(&document->json, key);
    json_array(&document->json);
}

static void write_uint(struct document *document, const char *key, uint64_t value)
{
    json_key(&document->json, key);
    json_uint(&document->json, value);
}

void write_ref(struct document *document, const char *folder, const char *name)
{
    write_text(document, "$ref", arena_printf(&document->arena, OPENAPI_REF "%s/%s", folder, name));
}

static void type_format(struct document *document, const char *type, const char *format)
{
    write_text(document, "type", type);
    if (format)
        write_text(document, "format", format);
}

/* ---- names --------------------------------------------------------------------------------------- */

/* Of a page, and of the last line of a stream. */
#define LIST_END_REQUIRED "\"nextPageToken\",\"unreachable\",\"federation\""
#define LIST_END                                                                                   \
    "\"nextPageToken\":{\"type\":\"string\",\"description\":\"Empty on the last page.\"},"         \
    "\"unreachable\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"                         \
    "\"description\":\"Realms whose part is missing, as realms/NAME.\"},"                          \
    "\"federation\":{\"$ref\":\"#/components/schemas/Federation\"}"

/* What no proto declares. */
static const struct {
    const char *name, *schema;
} own_schemas[] = {
    {"ErrorInfo",
     "{\"type\":\"object\",\"description\":\"google.rpc.ErrorInfo\","
     "\"required\":[\"@type\",\"reason\",\"domain\",\"metadata\"],\"properties\":{"
     "\"@type\":{\"type\":\"string\",\"const\":\"type.googleapis.com/google.rpc.ErrorInfo\"},"
     "\"reason\":{\"type\":\"string\"},\"domain\":{\"type\":\"string\"},"
     "\"metadata\":{\"type\":\"object\",\"description\":\"`field` is the one that was wrong.\","
     "\"additionalProperties\":{\"type\":\"string\"}}}}"},
    {"RetryInfo",
     "{\"type\":\"object\",\"description\":\"google.rpc.RetryInfo\","
     "\"required\":[\"@type\",\"retryDelay\"],\"properties\":{"
     "\"@type\":{\"type\":\"string\",\"const\":\"type.googleapis.com/google.rpc.RetryInfo\"},"
     "\"retryDelay\":{\"type\":\"string\",\"pattern\":\"^[0-9]+(\\\\.[0-9]{1,9})?s$\"}}}"},
    {"ErrorDetail", "{\"oneOf\":[{\"$ref\":\"#/components/schemas/ErrorInfo\"},"
                    "{\"$ref\":\"#/components/schemas/RetryInfo\"}]}"},
    {"ErrorBody",
     "{\"type\":\"object\",\"required\":[\"code\",\"status\",\"message\",\"details\"],"
     "\"properties\":{\"code\":{\"type\":\"integer\",\"description\":\"The HTTP status.\"},"
     "\"status\":{\"type\":\"string\",\"description\":\"A name of google.rpc.Code.\"},"
     "\"message\":{\"type\":\"string\"},\"details\":{\"type\":\"array\","
     "\"items\":{\"$ref\":\"#/components/schemas/ErrorDetail\"}}}}"},
    {"Error", "{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{"
              "\"$ref\":\"#/components/schemas/ErrorBody\"},\"cursor\":{\"type\":\"string\","
              "\"description\":\"Of the last line of a stream: where to go on, as pageToken.\"}}}"},
    {"Problem",
     "{\"type\":\"object\",\"description\":\"The same as RFC 9457 has it, for who accepts that.\","
     "\"required\":[\"type\",\"title\",\"status\",\"detail\",\"details\"],\"properties\":{"
     "\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
     "\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
     "\"details\":{\"type\":\"array\","
     "\"items\":{\"$ref\":\"#/components/schemas/ErrorDetail\"}}}}"},
    {"FederationInstance",
     "{\"type\":\"object\",\"required\":[\"realm\",\"outcome\",\"items\",\"elapsedMs\"],"
     "\"properties\":{\"realm\":{\"type\":\"string\"},\"outcome\":{\"type\":\"string\"},"
     "\"items\":{\"type\":\"integer\"},\"elapsedMs\":{\"type\":\"number\"}}}"},
    {"Federation", "{\"type\":\"object\",\"description\":\"How each realm took part.\","
                   "\"required\":[\"instances\"],\"properties\":{\"instances\":{"
                   "\"type\":\"array\",\"items\":{"
                   "\"$ref\":\"#/components/schemas/FederationInstance\"}}}}"},
    {"ListEnd", "{\"type\":\"object\",\"description\":\"How a list ended.\","
                "\"required\":[" LIST_END_REQUIRED "],\"properties\":{" LIST_END "}}"},
};

static bool name_is_taken(const struct document *document, const char *name)
{
    for (size_t i = 0; i < sizeof(own_schemas) / sizeof(own_schemas[0]); i++) {
        if (strcmp(own_schemas[i].name, name) == 0)
            return true;
    }
    for (size_t i = 0; i < document->schema_count; i++) {
        if (strcmp(document->schemas[i].name, name) == 0)
            return true;
    }
    return false;
}

/* "Session.User" of package pek.hub.v1 is SessionUser. */
static const char *short_name(struct document *document, const char *full_name,
                              const upb_FileDef *file)
{
    size_t package = strlen(upb_FileDef_Package(file));
    const char *from = full_name + (package > 0 ? package + 1 : 0);
    char *name = arena_zalloc(&document->arena, strlen(from) + 1, 1);
    size_t len = 0;
    for (; name && *from; from++) {
        if (*from != '.')
            name[len++] = *from;
    }
    return name ? name : "";
}

static const char *capital(struct document *document, const char *name)
{
    return arena_printf(&document->arena, "%c%s", toupper((unsigned char)name[0]), name + 1);
}

static const char *wanted_name(struct document *document, enum schema_kind kind, const void *of)
{
    const struct route_rule *rule = of; /* from SCHEMA_BODY on */
    static const char *const endings[] = {
        [SCHEMA_ANSWER] = "",       [SCHEMA_INPUT] = "Input", [SCHEMA_PATCH] = "Patch",
        [SCHEMA_PAGE] = "Response", [SCHEMA_LINE] = "Line",   [SCHEMA_EVERY] = "Results",
    };
    if (kind == SCHEMA_ENUM)
        return short_name(document, upb_EnumDef_FullName(of), upb_EnumDef_File(of));
    if (kind == SCHEMA_BODY) {
        const upb_MessageDef *def = ((const struct transcode_method *)rule->target)->request;
        return short_name(document, upb_MessageDef_FullName(def), upb_MessageDef_File(def));
    }
    const char *name =
        kind < SCHEMA_BODY
            ? short_name(document, upb_MessageDef_FullName(of), upb_MessageDef_File(of))
            : ((const struct transcode_method *)rule->target)->name.ptr;
    return arena_printf(&document->arena, "%s%s", name, endings[kind]);
}

/* Of another binding of a method, or of a type that another package has as well. */
static const char *other_name(struct document *document, enum schema_kind kind, const void *of)
{
    if (kind >= SCHEMA_BODY)
        return arena_printf(&document->arena, "%sBody",
                            capital(document, operation_id(document, of)));
    const char *full = kind == SCHEMA_ENUM ? upb_EnumDef_FullName(of) : upb_MessageDef_FullName(of);
    return arena_printf(&document->arena, "%s.%d", full, (int)kind);
}

/* A list has the same pages on whichever path. */
static const void *schema_key(enum schema_kind kind, const void *of)
{
    return kind > SCHEMA_BODY ? ((const struct route_rule *)of)->target : of;
}

void write_schema_ref(struct document *document, enum schema_kind kind, const void *of)
{
    for (size_t i = 0; i < document->schema_count; i++) {
        const struct schema *schema = &document->schemas[i];
        if (schema->kind == kind && schema_key(kind, schema->of) == schema_key(kind, of)) {
            write_ref(document, "schemas", schema->name);
            return;
        }
    }
    const char *name = wanted_name(document, kind, of);
    if (name && name_is_taken(document, name))
        name = other_name(document, kind, of);
    if (!name || document->schema_count == OPENAPI_SCHEMAS_MAX) {
        document->broken = true;
        name = "";
    } else {
        document->schemas[document->schema_count++] = (struct schema){kind, of, name};
    }
    write_ref(document, "schemas", name);
}

/* ---- fields -------------------------------------------------------------------------------------- */

struct transcode_field_rule field_rule_of(struct document *document, const upb_FieldDef *field)
{
    struct transcode_field_rule rule = {.pattern = "", .example = ""};
    if (transcode_field_rule(document->transcode, field, &document->arena, &rule))
        document->broken = true;
    return rule;
}

static bool is_internal(const struct document *document, const upb_FieldDef *field)
{
    return transcode_field_is_internal(document->transcode, field);
}

static void write_value_schema(struct document *document, enum schema_kind kind,
                               const upb_FieldDef *field);

/* Types with a JSON form of their own. */
static void write_well_known(struct document *document, enum schema_kind kind,
                             const upb_MessageDef *def)
{
    struct json_writer *json = &document->json;
    upb_WellKnown type = upb_MessageDef_WellKnownType(def);
    if (type >= kUpb_WellKnown_DoubleValue && type <= kUpb_WellKnown_BoolValue) {
        open_array(document, "anyOf");
        json_object(json);
        write_value_schema(document, kind, upb_MessageDef_FindFieldByNumber(def, 1));
        json_object_end(json);
        json_object(json);
        write_text(document, "type", "null");
        json_object_end(json);
        json_array_end(json);
    } else if (type == kUpb_WellKnown_Timestamp) {
        type_format(document, "string", "date-time");
    } else if (type == kUpb_WellKnown_Duration) {
        write_text(document, "type", "string");
        write_text(document, "pattern", "^-?[0-9]+(\\.[0-9]{1,9})?s$");
    } else if (type == kUpb_WellKnown_FieldMask) {
        write_text(document, "type", "string");
    } else if (type == kUpb_WellKnown_ListValue) {
        write_text(document, "type", "array");
    } else if (type != kUpb_WellKnown_Value) {
        write_text(document, "type", "object");
    }
}

static void write_value_schema(struct document *document, enum schema_kind kind,
                               const upb_FieldDef *field)
{
    switch (upb_FieldDef_CType(field)) {
    case kUpb_CType_Bool: type_format(document, "boolean", NULL); break;
    case kUpb_CType_Float: type_format(document, "number", "float"); break;
    case kUpb_CType_Double: type_format(document, "number", "double"); break;
    case kUpb_CType_Int32: type_format(document, "integer", "int32"); break;
    case kUpb_CType_UInt32:
        type_format(document, "integer", NULL);
        write_uint(document, "minimum", 0);
        break;
    case kUpb_CType_Int64: type_format(document, "string", "int64"); break;
    case kUpb_CType_UInt64: type_format(document, "string", "uint64"); break;
    case kUpb_CType_String: type_format(document, "string", NULL); break;
    case kUpb_CType_Bytes:
        type_format(document, "string", NULL);
        write_text(document, "contentEncoding", "base64");
        break;
    case kUpb_CType_Enum:
        write_schema_ref(document, SCHEMA_ENUM, upb_FieldDef_EnumSubDef(field));
        break;
    case kUpb_CType_Message: {
        const upb_MessageDef *def = upb_FieldDef_MessageSubDef(field);
        if (upb_MessageDef_WellKnownType(def) != kUpb_WellKnown_Unspecified)
            write_well_known(document, kind, def);
        else
            write_schema_ref(document, kind, def);
        break;
    }
    }
}

static void write_bounds(struct document *document, const struct transcode_field_rule *rule)
{
    if (rule->chars_min > 0)
        write_uint(document, "minLength", rule->chars_min);
    if (rule->chars_max > 0)
        write_uint(document, "maxLength", rule->chars_max);
    if (rule->items_max > 0)
        write_uint(document, "maxItems", rule->items_max);
    if (rule->max > 0) {
        json_key(&document->json, "minimum");
        json_int(&document->json, rule->min);
        json_key(&document->json, "maximum");
        json_int(&document->json, rule->max);
    }
    if (rule->pattern[0])
        write_text(document, "pattern", rule->pattern);
}

void write_field_schema(struct document *document, enum schema_kind kind, const upb_FieldDef *field)
{
    const struct transcode_field_rule rule = field_rule_of(document, field);
    if (!upb_FieldDef_IsRepeated(field)) {
        write_value_schema(document, kind, field);
    } else {
        bool is_map = upb_FieldDef_IsMap(field);
        write_text(document, "type", is_map ? "object" : "array");
        open_object(document, is_map ? "additionalProperties" : "items");
        write_value_schema(document, kind,
                           is_map
                               ? upb_MessageDef_FindFieldByNumber(upb_FieldDef_MessageSubDef(field),
                                                                  kUpb_MapEntry_ValueFieldNumber)
                               : field);
        close_object(document);
    }
    if (kind == SCHEMA_INPUT || kind == SCHEMA_PATCH)
        write_bounds(document, &rule);
    if (rule.output_only || (kind == SCHEMA_PATCH && rule.immutable)) {
        json_key(&document->json, "readOnly");
        json_bool(&document->json, true);
    }
}

/* ---- messages ------------------------------------------------------------------------------------ */

bool field_is_in_path(const struct route_rule *rule, const upb_FieldDef *field)
{
    for (size_t i = 0; rule && i < rule->variable_count; i++) {
        if (strcmp(rule->variables[i], upb_FieldDef_Name(field)) == 0)
            return true;
    }
    return false;
}

/* Given: what shows its default. Taken: what the proto says. */
static bool is_required(struct document *document, enum schema_kind kind, const upb_FieldDef *field)
{
    if (kind == SCHEMA_ANSWER)
        return !upb_FieldDef_HasPresence(field);
    return kind == SCHEMA_INPUT && field_rule_of(document, field).required;
}

/* `rule`: without the fields that its path says; NULL for all. */
static void write_message_schema(struct document *document, enum schema_kind kind,
                                 const upb_MessageDef *def, const struct route_rule *rule)
{
    struct json_writer *json = &document->json;
    size_t required = 0;
    write_text(document, "type", "object");
    write_description(document, upb_MessageDef_FullName(def));
    open_object(document, "properties");
    for (int i = 0; i < upb_MessageDef_FieldCount(def); i++) {
        const upb_FieldDef *field = upb_MessageDef_Field(def, i);
        if (is_internal(document, field) || field_is_in_path(rule, field))
            continue;
        open_object(document, upb_FieldDef_JsonName(field));
        write_field_schema(document, kind, field);
        write_description(document, upb_FieldDef_FullName(field));
        close_object(document);
        required += is_required(document, kind, field);
    }
    close_object(document);
    if (required > 0) {
        open_array(document, "required");
        for (int i = 0; i < upb_MessageDef_FieldCount(def); i++) {
            const upb_FieldDef *field = upb_MessageDef_Field(def, i);
            if (!is_internal(document, field) && !field_is_in_path(rule, field) &&
                is_required(document, kind, field))
                json_str(json, upb_FieldDef_JsonName(field));
        }
        json_array_end(json);
    }
    if (kind != SCHEMA_ANSWER) { /* what is unknown is refused */
        json_key(json, "additionalProperties");
        json_bool(json, false);
    }
}

bool body_is_required(struct document *document, const struct route_rule *rule)
{
    const struct transcode_method *method = rule->target;
    if (strcmp(rule->body, "*") != 0)
        return true;
    for (int i = 0; i < upb_MessageDef_FieldCount(method->request); i++) {
        const upb_FieldDef *field = upb_MessageDef_Field(method->request, i);
        if (!is_internal(document, field) && !field_is_in_path(rule, field) &&
            is_required(document, SCHEMA_INPUT, field))
            return true;
    }
    return false;
}

static void write_enum_schema(struct document *document, const upb_EnumDef *def)
{
    struct json_writer *json = &document->json;
    write_text(document, "type", "string");
    write_description(document, upb_EnumDef_FullName(def));
    open_array(document, "enum");
    for (int i = 0; i < upb_EnumDef_ValueCount(def); i++) {
        const upb_EnumValueDef *value = upb_EnumDef_Value(def, i);
        int32_t number = upb_EnumValueDef_Number(value);
        if (upb_EnumDef_FindValueByNumber(def, number) == value) /* no alias */
            json_slice(json, transcode_enum_name(document->transcode, def, number));
    }
    json_array_end(json);
}

/* ---- lists --------------------------------------------------------------------------------------- */

/* Of a method that combines its items into a number: members of a page, and of the end of a stream. */
static void write_combined_properties(struct document *document,
                                      const struct transcode_method *method)
{
    json_key_slice(&document->json, method->combined_name);
    json_object(&document->json);
    type_format(document, "integer", NULL);
    write_text(document, "description", "Of all items, whatever realms they came from.");
    write_uint(document, "maximum", method->combined_max);
    close_object(document);
    json_members(
        &document->json,
        SLICE_LIT("{\"complete\":{\"type\":\"boolean\",\"description\":\"Every realm of "
                  "the caller had its part in the number.\"},"
                  "\"missing\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
                  "\"description\":\"Realms that had not: not heard, or they refuse to say; as "
                  "realms/NAME.\"}}"));
}

static void write_combined_required(struct document *document,
                                    const struct transcode_method *method)
{
    json_slice(&document->json, method->combined_name);
    json_raw(&document->json, SLICE_LIT("\"complete\",\"missing\""));
}

static void write_page_schema(struct document *document, const struct transcode_method *method)
{
    struct json_writer *json = &document->json;
    struct slice collection = method->collection.len > 0 ? method->collection : SLICE_LIT("items");
    write_text(document, "type", "object");
    open_array(document, "required");
    json_slice(json, collection);
    json_raw(json, SLICE_LIT(LIST_END_REQUIRED));
    if (method->combined)
        write_combined_required(document, method);
    json_array_end(json);
    open_object(document, "properties");
    json_key_slice(json, collection);
    json_object(json);
    write_text(document, "type", "array");
    open_object(document, "items");
    write_schema_ref(document, SCHEMA_ANSWER, method->response);
    close_object(document);
    close_object(document);
    json_members(json, SLICE_LIT("{" LIST_END "}"));
    if (method->combined)
        write_combined_properties(document, method);
    close_object(document);
}

/* Its last line, {"end":…}. */
static void write_end_schema(struct document *document, const struct transcode_method *method)
{
    struct json_writer *json = &document->json;
    json_object(json);
    write_text(document, "type", "object");
    json_key(json, "required");
    json_raw(json, SLICE_LIT("[\"end\"]"));
    open_object(document, "properties");
    open_object(document, "end");
    if (method->combined) {
        write_text(document, "type", "object");
        open_array(document, "required");
        json_raw(json, SLICE_LIT(LIST_END_REQUIRED));
        write_combined_required(document, method);
        json_array_end(json);
        open_object(document, "properties");
        json_members(json, SLICE_LIT("{" LIST_END "}"));
        write_combined_properties(document, method);
        close_object(document);
    } else {
        write_ref(document, "schemas", "ListEnd");
    }
    close_object(document);
    close_object(document);
    json_object_end(json);
}

static void write_line_schema(struct document *document, const struct transcode_method *method)
{
    struct json_writer *json = &document->json;
    write_text(
        document, "description",
        "One line. The last is `end`, or the error and where to go on; so does a line with a "
        "`cursor` say, for who is cut off.");
    open_array(document, "oneOf");
    json_object(json);
    write_text(document, "type", "object");
    json_key(json, "required");
    json_raw(json, SLICE_LIT("[\"result\"]"));
    open_object(document, "properties");
    open_object(document, "result");
    write_schema_ref(document, SCHEMA_ANSWER, method->response);
    close_object(document);
    json_key(json, "cursor");
    json_raw(json, SLICE_LIT("{\"type\":\"string\"}"));
    close_object(document);
    json_object_end(json);
    write_end_schema(document, method);
    json_raw(json, SLICE_LIT("{\"$ref\":\"#/components/schemas/Error\"}"));
    json_array_end(json);
}

static void write_every_schema(struct document *document, const struct transcode_method *method)
{
    struct json_writer *json = &document->json;
    write_text(document, "type", "object");
    json_key(json, "required");
    json_raw(json, SLICE_LIT("[\"results\"]"));
    open_object(document, "properties");
    open_object(document, "results");
    write_text(document, "type", "array");
    open_object(document, "items");
    write_text(document, "type", "object");
    json_key(json, "required");
    json_raw(json, SLICE_LIT("[\"realm\",\"result\"]"));
    open_object(document, "properties");
    json_key(json, "realm");
    json_raw(json, SLICE_LIT("{\"type\":\"string\"}"));
    open_object(document, "result");
    write_schema_ref(document, SCHEMA_ANSWER, method->response);
    close_object(document);
    close_object(document);
    close_object(document);
    close_object(document);
    close_object(document);
}

/* ---- all ----------------------------------------------------------------------------------------- */

static void write_schema(struct document *document, const struct schema *schema)
{
    const struct route_rule *rule = schema->of; /* from SCHEMA_BODY on */
    switch (schema->kind) {
    case SCHEMA_ENUM: write_enum_schema(document, schema->of); break;
    case SCHEMA_ANSWER:
    case SCHEMA_INPUT:
    case SCHEMA_PATCH: write_message_schema(document, schema->kind, schema->of, NULL); break;
    case SCHEMA_BODY:
        write_message_schema(document, SCHEMA_INPUT,
                             ((const struct transcode_method *)rule->target)->request, rule);
        break;
    case SCHEMA_PAGE: write_page_schema(document, rule->target); break;
    case SCHEMA_LINE: write_line_schema(document, rule->target); break;
    case SCHEMA_EVERY: write_every_schema(document, rule->target); break;
    }
}

void write_schemas(struct document *document)
{
    struct json_writer *json = &document->json;
    for (size_t i = 0; i < sizeof(own_schemas) / sizeof(own_schemas[0]); i++) {
        json_key(json, own_schemas[i].name);
        json_raw(json, slice_str(own_schemas[i].schema));
    }
    /* The list grows while it is walked: what a type refers to is written after it. */
    for (size_t i = 0; i < document->schema_count; i++) {
        open_object(document, document->schemas[i].name);
        write_schema(document, &document->schemas[i]);
        close_object(document);
    }
}
