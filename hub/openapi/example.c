/* Examples of bodies: with what must be there, as values that are taken, and without what may be left out. A tool would make one of the
 * whole schema otherwise, with "string" for every text, which an id, for one, cannot be. */
#include "hub/openapi/internal.h"

static void write_message(struct document *document, const upb_MessageDef *def,
                          const struct route_rule *rule);

static void write_number(struct document *document, const struct transcode_field_rule *bounds)
{
    json_int(&document->json, bounds->max > 0 && bounds->min > 1 ? bounds->min : 1);
}

static void write_value(struct document *document, const upb_FieldDef *field)
{
    const struct transcode_field_rule rule = field_rule_of(document, field);
    switch (upb_FieldDef_CType(field)) {
    case kUpb_CType_Bool: json_bool(&document->json, true); break;
    case kUpb_CType_Enum: { /* the first one is "unspecified" */
        const upb_EnumDef *def = upb_FieldDef_EnumSubDef(field);
        int at = upb_EnumDef_ValueCount(def) > 1;
        json_slice(&document->json,
                   transcode_enum_name(document->transcode, def,
                                       upb_EnumValueDef_Number(upb_EnumDef_Value(def, at))));
        break;
    }
    case kUpb_CType_Message:
        write_message(document, upb_FieldDef_MessageSubDef(field), NULL);
        break;
    case kUpb_CType_String:
        json_str(&document->json, rule.example[0] ? rule.example : "text");
        break;
    case kUpb_CType_Bytes: json_str(&document->json, ""); break;
    case kUpb_CType_Int64:
    case kUpb_CType_UInt64: json_str(&document->json, "1"); break;
    default: write_number(document, &rule);
    }
}

static void write_field(struct document *document, const upb_FieldDef *field)
{
    if (!upb_FieldDef_IsRepeated(field)) {
        write_value(document, field);
        return;
    }
    json_array(&document->json);
    write_value(document, field);
    json_array_end(&document->json);
}

static void write_message(struct document *document, const upb_MessageDef *def,
                          const struct route_rule *rule)
{
    json_object(&document->json);
    for (int i = 0; i < upb_MessageDef_FieldCount(def); i++) {
        const upb_FieldDef *field = upb_MessageDef_Field(def, i);
        if (field_is_in_path(rule, field) || !field_rule_of(document, field).required)
            continue;
        json_key(&document->json, upb_FieldDef_JsonName(field));
        write_field(document, field);
    }
    json_object_end(&document->json);
}

void write_body_example(struct document *document, const struct route_rule *rule)
{
    const struct transcode_method *method = rule->target;
    json_key(&document->json, "example");
    if (strcmp(rule->verb, "PATCH") == 0) { /* nothing is required of it */
        json_object(&document->json);
        json_object_end(&document->json);
    } else if (strcmp(rule->body, "*") == 0) {
        write_message(document, method->request, rule);
    } else {
        write_field(document, transcode_request_field(method, slice_str(rule->body)));
    }
}
