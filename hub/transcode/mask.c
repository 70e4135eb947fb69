/* FieldMasks: from text, from a body's keys, and what they may name. */
#include "hub/transcode/internal.h"

#define MASK_PATHS_MAX 100
#define MASK_FORM "at most 100 names of fields with commas between them" /* MASK_PATHS_MAX */

bool mask_add(upb_Message *mask, const upb_MessageDef *mask_def, struct slice path,
              upb_Arena *arena)
{
    upb_Array *paths =
        upb_Message_Mutable(mask, upb_MessageDef_FindFieldByNumber(mask_def, 1), arena).array;
    struct slice copy;
    return paths && bytes_copy(arena, path, &copy) &&
           upb_Array_Append(paths, (upb_MessageValue){.str_val = view_of(copy)}, arena);
}

/* "foundationTime" as the proto writes it: JSON has the one, a FieldMask the other. */
static struct slice snake(struct slice path, upb_Arena *arena)
{
    char *out = upb_Arena_Malloc(arena, path.len * 2 + 1);
    size_t len = 0;
    for (size_t i = 0; out && i < path.len; i++) {
        bool capital = path.ptr[i] >= 'A' && path.ptr[i] <= 'Z';
        if (capital)
            out[len++] = '_';
        out[len++] = (char)(path.ptr[i] | (capital ? 0x20 : 0));
    }
    return slice_make(out, len);
}

const char *mask_parse(struct slice text, upb_Arena *arena, upb_Message *mask,
                       const upb_MessageDef *mask_def)
{
    size_t count = 0;
    if (text.len > 0 && text.ptr[text.len - 1] == ',')
        return MASK_FORM;
    while (text.len > 0) {
        struct slice path = snake(slice_cut(&text, ','), arena);
        if (path.len == 0 || ++count > MASK_PATHS_MAX || !mask_add(mask, mask_def, path, arena))
            return MASK_FORM;
    }
    return NULL;
}

/* The path as the proto writes it. */
static bool canonical(const upb_MessageDef *def, struct slice path, upb_Arena *arena,
                      struct slice *ret_path)
{
    size_t cap = path.len * 2 + 1; /* each capital becomes two characters at most */
    char *out = upb_Arena_Malloc(arena, cap);
    size_t len = 0;
    while (out && path.len > 0) {
        const upb_FieldDef *field = field_find(def, slice_cut(&path, '.'));
        const char *name = upb_FieldDef_Name(field);
        size_t name_len = strlen(name);
        if (len + name_len + 1 > cap)
            return false;
        if (len > 0)
            out[len++] = '.';
        memcpy(out + len, name, name_len);
        len += name_len;
        if (path.len > 0)
            def = upb_FieldDef_MessageSubDef(field);
    }
    *ret_path = slice_make(out, len);
    return out != NULL;
}

/* One of the fields that the path goes through is internal. */
static bool names_internal(const struct transcode *transcode, const upb_MessageDef *def,
                           struct slice path)
{
    while (path.len > 0) {
        const upb_FieldDef *field = field_find(def, slice_cut(&path, '.'));
        if (transcode_is_internal(transcode, field))
            return true;
        if (path.len > 0)
            def = upb_FieldDef_MessageSubDef(field);
    }
    return false;
}

enum status mask_check(const struct transcode *transcode, upb_Message *mask,
                       const upb_MessageDef *mask_def, const upb_MessageDef *target,
                       const char *mask_name, upb_Arena *arena, struct fault *fault)
{
    const upb_FieldDef *paths_field = upb_MessageDef_FindFieldByNumber(mask_def, 1);
    upb_Array *paths = upb_Message_Mutable(mask, paths_field, arena).array;
    if (!paths)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, mask_name, "no memory for the mask");
    for (size_t i = 0; i < upb_Array_Size(paths); i++) {
        struct slice path = slice_of(upb_Array_Get(paths, i).str_val);
        if (slice_equal_str(path, "*"))
            return fault_set(fault, STATUS_INVALID_ARGUMENT, mask_name,
                             "an update mask names its fields: * is not taken");
        if (!field_resolve(target, path) || names_internal(transcode, target, path)) {
            char spelled[FAULT_FIELD_BYTES_MAX];
            path = path_lower_camel(path, spelled);
            return fault_set(fault, STATUS_INVALID_ARGUMENT, mask_name,
                             "the update mask names \"%.*s\", which is no field of %s",
                             SLICE_ARG(path), upb_MessageDef_Name(target));
        }
        struct slice named;
        if (!canonical(target, path, arena, &named))
            return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, mask_name, "no memory for the mask");
        upb_Array_Set(paths, i, (upb_MessageValue){.str_val = view_of(named)});
    }
    return STATUS_OK;
}

static bool find_in_plan(const struct plan *plan, struct slice name, size_t *ret_index)
{
    const upb_FieldDef *field = field_find(plan->def, name);
    for (size_t i = 0; field && i < plan->json_count; i++) {
        if (plan->json[i].field == field) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

enum status mask_shown(const struct plan *plan, upb_Message *mask, const upb_MessageDef *mask_def,
                       const char *mask_name, upb_Arena *arena, uint64_t *ret_shown,
                       struct fault *fault)
{
    const upb_FieldDef *paths_field = upb_MessageDef_FindFieldByNumber(mask_def, 1);
    upb_Array *paths = upb_Message_Mutable(mask, paths_field, arena).array;
    uint64_t shown = 0;
    bool all = false;
    size_t index;
    if (!paths)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, mask_name, "no memory for the mask");
    for (size_t i = 0; i < upb_Array_Size(paths); i++) {
        struct slice path = slice_of(upb_Array_Get(paths, i).str_val);
        if (slice_equal_str(path, "*")) {
            all = true;
            continue;
        }
        if (!find_in_plan(plan, path, &index)) {
            char spelled[FAULT_FIELD_BYTES_MAX];
            path = path_lower_camel(path, spelled);
            return fault_set(fault, STATUS_INVALID_ARGUMENT, mask_name,
                             "the read mask names \"%.*s\", which is no field of %s",
                             SLICE_ARG(path), upb_MessageDef_Name(plan->def));
        }
        shown |= (uint64_t)1 << index;
        const char *name = upb_FieldDef_Name(plan->json[index].field);
        upb_Array_Set(paths, i, (upb_MessageValue){.str_val = view_of(slice_str(name))});
    }
    *ret_shown = all ? TRANSCODE_SHOWN_ALL : shown;
    return STATUS_OK;
}
