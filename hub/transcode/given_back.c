/* What a GET gave, sent back by a PATCH: what is as it was is no change.
 *
 * A body makes the update mask, so one that was read as a whole names every field, also those that nobody may set.
 * Compared with what is there now, only what differs remains.
 */
#include <stdio.h>
#include <upb/encode.h>

#include "hub/transcode/internal.h"

static upb_Array *mask_paths(struct transcode_request *request)
{
    const upb_FieldDef *field = request->method->update_mask;
    if (!field || !upb_Message_Has(request->message, field))
        return NULL;
    upb_Message *mask = upb_Message_Mutable(request->message, field, request->arena).msg;
    const upb_MessageDef *def = upb_FieldDef_MessageSubDef(field);
    return mask
               ? upb_Message_Mutable(mask, upb_MessageDef_FindFieldByNumber(def, 1), request->arena)
                     .array
               : NULL;
}

static bool is_fixed(const struct transcode *transcode, const upb_MessageDef *def,
                     struct slice path)
{
    while (path.len > 0) {
        const upb_FieldDef *field = field_find(def, slice_cut(&path, '.'));
        if (!field)
            return false;
        if (field_is_output_only(transcode->pool, field) ||
            field_is_immutable(transcode->pool, field))
            return true;
        if (path.len > 0)
            def = upb_FieldDef_MessageSubDef(field);
    }
    return false;
}

static enum status refuse(const struct transcode_request *request, const struct route_rule *rule,
                          const upb_MessageDef *def, struct slice path, struct fault *fault)
{
    char field[FAULT_FIELD_BYTES_MAX];
    bool whole = strcmp(rule->body, "*") == 0;
    const upb_FieldDef *last = field_resolve(def, path);
    bool immutable = field_is_immutable(request->transcode->pool, last);
    snprintf(field, sizeof(field), "%s%s%.*s", whole ? "" : rule->body, whole ? "" : ".",
             SLICE_ARG(path));
    return fault_set_reason(
        fault, STATUS_INVALID_ARGUMENT, immutable ? "IMMUTABLE" : "OUTPUT_ONLY", field,
        "\"%s\" is %s and cannot be changed here", upb_FieldDef_JsonName(last),
        immutable ? "said when it is made, or in a method of its own," : "set by the realm");
}

/* The first path of the mask that no PATCH changes; false when there is none. */
static bool first_fixed(struct transcode_request *request, const struct route_rule *rule,
                        struct slice *ret_path)
{
    const upb_MessageDef *def = mask_target(request->method, rule);
    const upb_Array *paths = mask_paths(request);
    for (size_t i = 0; paths && i < upb_Array_Size(paths); i++) {
        *ret_path = slice_of(upb_Array_Get(paths, i).str_val);
        if (is_fixed(request->transcode, def, *ret_path))
            return true;
    }
    return false;
}

enum status given_back_check(struct transcode_request *request, const struct route_rule *rule,
                             struct fault *fault)
{
    struct slice path;
    if (request->mask_is_implied || !first_fixed(request, rule, &path))
        return STATUS_OK;
    return refuse(request, rule, mask_target(request->method, rule), path, fault);
}

bool transcode_request_gives_back(struct transcode_request *request, const struct route_rule *rule)
{
    struct slice path;
    return request->mask_is_implied && first_fixed(request, rule, &path);
}

/* The bytes of a message that has this field only. */
static bool encode_field(const upb_Message *holder, const upb_FieldDef *field, upb_Arena *arena,
                         struct slice *ret_bytes)
{
    const upb_MessageDef *def = upb_FieldDef_ContainingType(field);
    upb_Message *only = upb_Message_New(def, arena);
    char *bytes = NULL;
    size_t len = 0;
    if (!only)
        return false;
    bool there = holder && (!upb_FieldDef_HasPresence(field) || upb_Message_Has(holder, field));
    upb_MessageValue value = {0};
    if (there)
        value = upb_Message_Get(holder, field);
    there &= !upb_FieldDef_IsRepeated(field) || value.array_val; /* NULL: an empty list or map */
    if (there && !upb_Message_Set(only, field, value, arena))
        return false;
    if (upb_Encode(only, upb_MessageDef_MiniTable(def), kUpb_EncodeOption_Deterministic, arena,
                   &bytes, &len) != kUpb_EncodeStatus_Ok)
        return false;
    *ret_bytes = slice_make(bytes, len);
    return true;
}

static bool is_equal(const upb_Message *given, const upb_Message *current,
                     const upb_MessageDef *def, struct slice path, upb_Arena *arena)
{
    const upb_FieldDef *field = field_resolve(def, path);
    struct slice one, other;
    return encode_field(field_holder(given, def, path), field, arena, &one) &&
           encode_field(field_holder(current, def, path), field, arena, &other) &&
           slice_equal(one, other);
}

/* In the answer of the path, or as the element that the path names, in that of the path above it. */
static bool find_current(const struct transcode_request *request, const struct route_rule *rule,
                         const struct transcode_item *item, const upb_Message **ret_message,
                         const struct plan **ret_plan)
{
    const upb_MessageDef *def = request->method->request;
    const char *name = rule->variable_count ? rule->variables[rule->variable_count - 1] : "";
    const char *dot = strchr(name, '.');
    const upb_Message *holder = dot ? field_holder(request->message, def, slice_str(name)) : NULL;
    const upb_FieldDef *key = dot ? field_resolve(def, slice_str(name)) : NULL;
    struct slice value = holder && upb_FieldDef_CType(key) == kUpb_CType_String
                             ? slice_of(upb_Message_Get(holder, key).str_val)
                             : (struct slice){0};
    return item && item_find(item, mask_target(request->method, rule), value.len ? dot + 1 : NULL,
                             value, ret_message, ret_plan);
}

enum status transcode_request_current_json(const struct transcode_request *request,
                                           const struct route_rule *rule,
                                           const struct transcode_item *item, struct buffer *out)
{
    const upb_Message *message;
    const struct plan *plan;
    return find_current(request, rule, item, &message, &plan)
               ? json_append(request->transcode, plan, message, TRANSCODE_SHOWN_ALL, out, NULL)
               : STATUS_NOT_FOUND;
}

enum status transcode_request_drop_equal(struct transcode_request *request,
                                         const struct route_rule *rule,
                                         const struct transcode_item *current, bool *ret_changes,
                                         struct fault *fault)
{
    const upb_MessageDef *def = mask_target(request->method, rule);
    const upb_FieldDef *body = upb_MessageDef_FindFieldByName(request->method->request, rule->body);
    const upb_Message *present;
    const struct plan *plan;
    const upb_Message *given =
        body ? upb_Message_Get(request->message, body).msg_val : request->message;
    upb_Array *paths = mask_paths(request);
    size_t kept = 0, count = paths ? upb_Array_Size(paths) : 0;
    struct slice path;
    bool there = find_current(request, rule, current, &present, &plan);
    if (!current && first_fixed(request, rule, &path))
        return refuse(request, rule, def, path, fault);
    for (size_t i = 0; i < count; i++) {
        upb_MessageValue value = upb_Array_Get(paths, i);
        path = slice_of(value.str_val);
        bool fixed = is_fixed(request->transcode, def, path);
        /* Of what is not where the path says the realm will say so. */
        if (there ? is_equal(given, present, def, path, request->arena) : fixed)
            continue;
        if (fixed)
            return refuse(request, rule, def, path, fault);
        upb_Array_Set(paths, kept++, value);
    }
    if (paths && !upb_Array_Resize(paths, kept, request->arena))
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for the request");
    *ret_changes = kept > 0 || !there;
    return STATUS_OK;
}

/* ---- the etag that guards a change ----------------------------------------------------------------- */

/* The field, and the message that holds it: the request, or what its body is. */
static const upb_FieldDef *etag_field(struct transcode_request *request,
                                      const struct route_rule *rule, upb_Message **ret_holder)
{
    const upb_MessageDef *def = request->method->request;
    const upb_FieldDef *field = upb_MessageDef_FindFieldByName(def, "etag");
    *ret_holder = request->message;
    if (!field) {
        const upb_FieldDef *body = upb_MessageDef_FindFieldByName(def, rule->body);
        if (!body || !upb_FieldDef_IsSubMessage(body) || upb_FieldDef_IsRepeated(body))
            return NULL;
        field = upb_MessageDef_FindFieldByName(upb_FieldDef_MessageSubDef(body), "etag");
        *ret_holder = upb_Message_Mutable(request->message, body, request->arena).msg;
    }
    return field && *ret_holder && upb_FieldDef_CType(field) == kUpb_CType_String ? field : NULL;
}

bool transcode_request_takes_etag(struct transcode_request *request, const struct route_rule *rule)
{
    upb_Message *holder;
    return etag_field(request, rule, &holder) != NULL;
}

struct slice transcode_request_etag(struct transcode_request *request,
                                    const struct route_rule *rule)
{
    upb_Message *holder;
    const upb_FieldDef *field = etag_field(request, rule, &holder);
    return field ? slice_of(upb_Message_Get(holder, field).str_val) : (struct slice){0};
}

enum status transcode_request_set_etag(struct transcode_request *request,
                                       const struct route_rule *rule, struct slice etag)
{
    upb_Message *holder;
    struct slice copy;
    const upb_FieldDef *field = etag_field(request, rule, &holder);
    if (!field || !bytes_copy(request->arena, etag, &copy) ||
        !upb_Message_Set(holder, field, (upb_MessageValue){.str_val = view_of(copy)},
                         request->arena))
        return STATUS_RESOURCE_EXHAUSTED;
    return STATUS_OK;
}
