/* What (pek.field) says of a field, for who describes the interface. */
#include "hub/transcode/internal.h"

static upb_MessageValue member(const upb_Message *message, const upb_MessageDef *def,
                               const char *name)
{
    const upb_FieldDef *field = def ? upb_MessageDef_FindFieldByName(def, name) : NULL;
    bool there =
        message && field && (!upb_FieldDef_IsSubMessage(field) || upb_Message_Has(message, field));
    upb_MessageValue value;
    memset(&value, 0, sizeof(value)); /* {0} would be its first member, which is one byte */
    return there ? upb_Message_Get(message, field) : value;
}

enum status transcode_field_rule(const struct transcode *transcode,
                                 const struct upb_FieldDef *field, struct arena *arena,
                                 struct transcode_field_rule *ret_rule)
{
    const upb_MessageDef *rule_def =
        upb_DefPool_FindMessageByName(transcode->pool, "pek.FieldRule");
    const upb_MessageDef *bounds_def = upb_DefPool_FindMessageByName(transcode->pool, "pek.Bounds");
    upb_Arena *memory = upb_Arena_New();
    if (!memory)
        return STATUS_RESOURCE_EXHAUSTED;
    const upb_Message *rule = field_option(transcode->pool, field, "pek.field", memory);
    const upb_Message *bounds = member(rule, rule_def, "bounds").msg_val;
    upb_StringView pattern = member(bounds, bounds_def, "pattern").str_val;
    upb_StringView example = member(rule, rule_def, "example").str_val;
    struct transcode_field_rule made = {
        .output_only = member(rule, rule_def, "output_only").bool_val,
        .immutable = member(rule, rule_def, "immutable").bool_val,
        .required = member(rule, rule_def, "required").bool_val,
        .chars_min = member(bounds, bounds_def, "chars_min").uint32_val,
        .chars_max = member(bounds, bounds_def, "chars_max").uint32_val,
        .items_max = member(bounds, bounds_def, "items_max").uint32_val,
        .min = member(bounds, bounds_def, "min").int64_val,
        .max = member(bounds, bounds_def, "max").int64_val,
        .pattern = arena_strndup(arena, pattern.size ? pattern.data : "", pattern.size),
        .example = arena_strndup(arena, example.size ? example.data : "", example.size),
    };
    upb_Arena_Free(memory);
    if (!made.pattern || !made.example)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_rule = made;
    return STATUS_OK;
}
