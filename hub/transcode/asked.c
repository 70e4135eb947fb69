/* What a request asked for, held against what is answered. */
#include <string.h>

#include "hub/transcode/internal.h"

static const upb_FieldDef *string_field(const upb_MessageDef *def, const char *name)
{
    const upb_FieldDef *field = upb_MessageDef_FindFieldByName(def, name);
    return field && !upb_FieldDef_IsRepeated(field) &&
                   upb_FieldDef_CType(field) == kUpb_CType_String
               ? field
               : NULL;
}

static bool ends_in_id(const char *name)
{
    size_t len = strlen(name);
    return len > 3 && strcmp(name + len - 3, "_id") == 0;
}

static void add(struct transcode_asked *asked, const upb_FieldDef *field, const char *name,
                struct slice value, struct slice caller)
{
    if (value.len == 0 || asked->count == TRANSCODE_ASKED_MAX)
        return;
    if (strcmp(name, "user_id") == 0 && slice_equal_str(value, "me"))
        value = caller;
    asked->names[asked->count++] = (struct transcode_name){field, name, value};
}

void transcode_asked_init(const struct transcode_request *request, const struct route_match *match,
                          struct slice caller, struct transcode_asked *ret_asked)
{
    const struct transcode_method *method = request->method;
    const upb_MessageDef *def = method->request;
    ret_asked->count = 0;
    for (size_t i = 0; i < match->rule->variable_count; i++) {
        const char *path = match->rule->variables[i], *dot = strrchr(path, '.');
        const char *name = dot ? dot + 1 : path;
        const upb_FieldDef *field = string_field(method->response, name);
        if (!field || !method->server_streaming || field != method->item_id)
            add(ret_asked, field, name, match->values[i], caller);
    }
    for (int i = 0; i < upb_MessageDef_FieldCount(def); i++) {
        const upb_FieldDef *given = upb_MessageDef_Field(def, i);
        const char *name = upb_FieldDef_Name(given);
        const upb_FieldDef *field = ends_in_id(name) ? string_field(method->response, name) : NULL;
        if (field && string_field(def, name))
            add(ret_asked, field, name, slice_of(upb_Message_Get(request->message, given).str_val),
                caller);
    }
}

bool asked_is_spelled(struct slice text, struct slice asked)
{
    if (text.len != asked.len)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char letter = asked.ptr[i];
        if (text.ptr[i] != letter &&
            (letter < 'A' || letter > 'Z' || text.ptr[i] != letter - 'A' + 'a'))
            return false;
    }
    return true;
}

static bool elements_are(const upb_Message *message, const upb_FieldDef *holder,
                         const struct transcode_name *name)
{
    const upb_FieldDef *field = string_field(upb_FieldDef_MessageSubDef(holder), name->name);
    const upb_Array *list = field ? upb_Message_Get(message, holder).array_val : NULL;
    for (size_t i = 0; list && i < upb_Array_Size(list); i++)
        if (!asked_is_spelled(
                slice_of(upb_Message_Get(upb_Array_Get(list, i).msg_val, field).str_val),
                name->value))
            return false;
    return true;
}

/* An answer that does not have it itself has it in the elements of its lists: several that were changed at once. */
static bool lists_are(const struct transcode_item *item, const struct transcode_name *name)
{
    const upb_MessageDef *def = item->entry->method.response;
    for (int i = 0; i < upb_MessageDef_FieldCount(def); i++) {
        const upb_FieldDef *holder = upb_MessageDef_Field(def, i);
        if (upb_FieldDef_IsRepeated(holder) && !upb_FieldDef_IsMap(holder) &&
            upb_FieldDef_IsSubMessage(holder) && !elements_are(item->message, holder, name))
            return false;
    }
    return true;
}

bool transcode_item_is_asked(const struct transcode_item *item, const struct transcode_asked *asked)
{
    for (size_t i = 0; i < asked->count; i++) {
        const struct transcode_name *name = &asked->names[i];
        bool is =
            name->field
                ? asked_is_spelled(slice_of(upb_Message_Get(item->message, name->field).str_val),
                                   name->value)
                : lists_are(item, name);
        if (!is)
            return false;
    }
    return true;
}

static bool is_id(struct slice text)
{
    return text.len > 0 && text.len <= TRANSCODE_ID_BYTES_MAX;
}

bool transcode_item_has_identity(const struct transcode_item *item)
{
    const struct transcode_method *method = &item->entry->method;
    for (size_t i = 0; i < method->identity_count; i++) {
        if (!is_id(item->identity[i]))
            return false;
    }
    return !method->item_id || is_id(transcode_item_id(item));
}
