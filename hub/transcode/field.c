/* Fields by the names that people write. */
#include "hub/transcode/internal.h"

const upb_FieldDef *field_find(const upb_MessageDef *def, struct slice spelled)
{
    const upb_FieldDef *field =
        upb_MessageDef_FindByJsonNameWithSize(def, spelled.ptr, spelled.len);
    return field ? field : upb_MessageDef_FindFieldByNameWithSize(def, spelled.ptr, spelled.len);
}

static bool is_singular_message(const upb_FieldDef *field)
{
    return upb_FieldDef_IsSubMessage(field) && !upb_FieldDef_IsRepeated(field);
}

const upb_FieldDef *field_resolve(const upb_MessageDef *def, struct slice path)
{
    const upb_FieldDef *field = NULL;
    while (path.len > 0) {
        if (field) {
            if (!is_singular_message(field))
                return NULL;
            def = upb_FieldDef_MessageSubDef(field);
        }
        field = field_find(def, slice_cut(&path, '.'));
        if (!field)
            return NULL;
    }
    return field;
}

bool field_set_path(upb_Message *message, const upb_MessageDef *def, struct slice path,
                    upb_MessageValue value, upb_Arena *arena)
{
    for (;;) {
        const upb_FieldDef *field = field_find(def, slice_cut(&path, '.'));
        if (!field)
            return false;
        if (path.len == 0) {
            if (!upb_FieldDef_IsRepeated(field))
                return upb_Message_Set(message, field, value, arena);
            upb_Array *array = upb_Message_Mutable(message, field, arena).array;
            return array && upb_Array_Append(array, value, arena);
        }
        if (!is_singular_message(field))
            return false;
        message = upb_Message_Mutable(message, field, arena).msg;
        def = upb_FieldDef_MessageSubDef(field);
        if (!message)
            return false;
    }
}

const upb_Message *field_holder(const upb_Message *message, const upb_MessageDef *def,
                                struct slice path)
{
    for (;;) {
        const upb_FieldDef *field = field_find(def, slice_cut(&path, '.'));
        if (!field || path.len == 0)
            return field ? message : NULL;
        if (!is_singular_message(field) || !upb_Message_Has(message, field))
            return NULL;
        message = upb_Message_Get(message, field).msg_val;
        def = upb_FieldDef_MessageSubDef(field);
    }
}

bool bytes_copy(upb_Arena *arena, struct slice bytes, struct slice *ret_copy)
{
    char *copy = upb_Arena_Malloc(arena, bytes.len + 1);
    if (!copy)
        return false;
    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    copy[bytes.len] = '\0';
    *ret_copy = slice_make(copy, bytes.len);
    return true;
}
