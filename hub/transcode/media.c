/* Bodies that are not JSON: fields of type pek.Media. */
#include "hub/transcode/internal.h"

/* ---- at start ------------------------------------------------------------------------------------ */

static enum status load_types(struct transcode *transcode, const upb_FieldDef *field,
                              struct transcode_media *media)
{
    const upb_MessageDef *rule_def =
        upb_DefPool_FindMessageByName(transcode->pool, "pek.FieldRule");
    const upb_FieldDef *types =
        rule_def ? upb_MessageDef_FindFieldByName(rule_def, "media_types") : NULL;
    upb_Arena *memory = upb_Arena_New();
    if (!memory)
        return STATUS_RESOURCE_EXHAUSTED;
    const upb_Message *rule = field_option(transcode->pool, field, "pek.field", memory);
    const upb_Array *list = rule && types ? upb_Message_Get(rule, types).array_val : NULL;
    size_t count = list ? upb_Array_Size(list) : 0;
    for (size_t i = 0; i < count && i < TRANSCODE_MEDIA_TYPES_MAX; i++) {
        upb_StringView type = upb_Array_Get(list, i).str_val;
        media->types[media->type_count++] = arena_strndup(&transcode->arena, type.data, type.size);
    }
    upb_Arena_Free(memory);
    return transcode->arena.failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status media_load(struct transcode *transcode, const upb_MessageDef *def,
                       struct transcode_media *ret_media)
{
    for (int i = 0; i < upb_MessageDef_FieldCount(def); i++) {
        const upb_FieldDef *field = upb_MessageDef_Field(def, i);
        if (!upb_FieldDef_IsSubMessage(field) || upb_FieldDef_IsRepeated(field))
            continue;
        const upb_MessageDef *type = upb_FieldDef_MessageSubDef(field);
        if (strcmp(upb_MessageDef_FullName(type), "pek.Media") != 0)
            continue;
        struct transcode_media media = {
            .field = field,
            .content_type = upb_MessageDef_FindFieldByName(type, "content_type"),
            .data = upb_MessageDef_FindFieldByName(type, "data"),
        };
        PEK_TRY(load_types(transcode, field, &media));
        *ret_media = media;
        break;
    }
    return STATUS_OK;
}

/* ---- of a rule ----------------------------------------------------------------------------------- */

static const struct transcode_media *media_called(const struct transcode_media *media,
                                                  const char *name)
{
    return media->field && strcmp(upb_FieldDef_Name(media->field), name) == 0 ? media : NULL;
}

const struct transcode_media *transcode_takes_media(const struct route_rule *rule)
{
    return media_called(&((const struct transcode_method *)rule->target)->media, rule->body);
}

const struct transcode_media *transcode_gives_media(const struct route_rule *rule)
{
    return media_called(&((const struct transcode_method *)rule->target)->item_media,
                        rule->response_body);
}

/* ---- of a request -------------------------------------------------------------------------------- */

enum status transcode_request_set_media(struct transcode_request *request, const char *type,
                                        struct slice data, struct fault *fault)
{
    const struct transcode_media *media = &request->method->media;
    upb_Arena *arena = request->arena;
    struct slice copy;
    if (data.len == 0)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, upb_FieldDef_Name(media->field),
                         "the body is missing");
    PEK_TRY(request_check_length(request->method, data, fault));
    upb_Message *message = upb_Message_Mutable(request->message, media->field, arena).msg;
    if (!message || !bytes_copy(arena, data, &copy) ||
        !upb_Message_Set(message, media->content_type,
                         (upb_MessageValue){.str_val = view_of(slice_str(type))}, arena) ||
        !upb_Message_Set(message, media->data, (upb_MessageValue){.str_val = view_of(copy)}, arena))
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for the request");
    return STATUS_OK;
}
