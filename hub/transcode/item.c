#include <stdlib.h>
#include <string.h>
#include <upb/decode.h>

#include "hub/transcode/internal.h"

static struct slice get_text(const struct transcode_item *item, const upb_FieldDef *field)
{
    return field ? slice_of(upb_Message_Get(item->message, field).str_val) : (struct slice){0};
}

/* What a merge asks of every item; internal fields are gone once it was written. */
static void keep_position(struct transcode_item *item)
{
    const struct transcode_method *method = &item->entry->method;
    item->sort_key = get_text(item, method->sort_key);
    item->realm = get_text(item, method->item_realm);
    for (size_t i = 0; i < TRANSCODE_IDENTITY_MAX; i++)
        item->identity[i] = get_text(item, i < method->identity_count ? method->identity[i] : NULL);
}

enum status transcode_item_new(const struct transcode *transcode,
                               const struct transcode_method *method, struct slice bytes,
                               struct transcode_item **ret_item)
{
    if (bytes.len > TRANSCODE_MESSAGE_BYTES_MAX)
        return STATUS_RESOURCE_EXHAUSTED;
    const struct method_entry *entry = (const struct method_entry *)method; /* its first member */
    if (entry->response_plan->has_map &&
        !entries_are_plain(method->response, bytes, TRANSCODE_DEPTH_MAX))
        return STATUS_DATA_LOSS;
    struct transcode_item *item = malloc(sizeof(*item) + bytes.len);
    if (!item)
        return STATUS_RESOURCE_EXHAUSTED;
    item->transcode = transcode;
    item->entry = entry;
    item->cleared = false;
    item->byte_count = bytes.len;
    if (bytes.len > 0)
        memcpy(item->bytes, bytes.ptr, bytes.len);
    item->arena = upb_Arena_Init(item->block, sizeof(item->block), &upb_alloc_global);
    item->message = item->arena ? upb_Message_New(method->response, item->arena) : NULL;
    upb_DecodeStatus decoded = item->message
                                   ? upb_Decode(item->bytes, bytes.len, item->message,
                                                upb_MessageDef_MiniTable(method->response), NULL,
                                                kUpb_DecodeOption_AliasString |
                                                    (int)UPB_DECODE_MAXDEPTH(TRANSCODE_DEPTH_MAX),
                                                item->arena)
                                   : kUpb_DecodeStatus_OutOfMemory;
    if (decoded != kUpb_DecodeStatus_Ok) {
        transcode_item_free(item);
        return decoded == kUpb_DecodeStatus_OutOfMemory ? STATUS_RESOURCE_EXHAUSTED
                                                        : STATUS_DATA_LOSS;
    }
    keep_position(item);
    *ret_item = item;
    return STATUS_OK;
}

struct transcode_item *transcode_item_free(struct transcode_item *item)
{
    if (item) {
        if (item->arena)
            upb_Arena_Free(item->arena);
        free(item);
    }
    return NULL;
}

struct slice transcode_item_sort_key(const struct transcode_item *item)
{
    return item->sort_key;
}

int32_t transcode_item_combined(const struct transcode_item *item)
{
    const upb_FieldDef *field = item->entry->method.combined;
    return field ? upb_Message_Get(item->message, field).int32_val : 0;
}

struct slice transcode_item_identity(const struct transcode_item *item, size_t index)
{
    return index < TRANSCODE_IDENTITY_MAX ? item->identity[index] : (struct slice){0};
}

struct slice transcode_item_realm(const struct transcode_item *item)
{
    return item->realm;
}

struct slice transcode_item_id(const struct transcode_item *item)
{
    return get_text(item, item->entry->method.item_id);
}

struct slice transcode_item_etag(const struct transcode_item *item)
{
    return get_text(item, item->entry->method.item_etag);
}

struct slice transcode_item_unreachable(const struct transcode_item *item, size_t index)
{
    const upb_FieldDef *field = item->entry->method.item_unreachable;
    const upb_Array *list = field ? upb_Message_Get(item->message, field).array_val : NULL;
    return list && index < upb_Array_Size(list) ? slice_of(upb_Array_Get(list, index).str_val)
                                                : (struct slice){0};
}

struct slice transcode_item_bytes(const struct transcode_item *item)
{
    return slice_make(item->bytes, item->byte_count);
}

static const upb_Message *find_element(const upb_Array *list, const upb_FieldDef *key,
                                       struct slice value)
{
    for (size_t i = 0; list && i < upb_Array_Size(list); i++) {
        const upb_Message *element = upb_Array_Get(list, i).msg_val;
        if (slice_equal(slice_of(upb_Message_Get(element, key).str_val), value))
            return element;
    }
    return NULL;
}

bool item_find(const struct transcode_item *item, const upb_MessageDef *def, const char *key_name,
               struct slice value, const upb_Message **ret_message, const struct plan **ret_plan)
{
    const struct plan *plan = item->entry->response_plan;
    const upb_FieldDef *key = key_name ? upb_MessageDef_FindFieldByName(def, key_name) : NULL;
    const upb_Message *found = plan->def == def ? item->message : NULL;

    *ret_plan = plan;
    if (!found && (!key || upb_FieldDef_CType(key) != kUpb_CType_String))
        return false;
    for (size_t i = 0; !found && i < plan->json_count; i++) {
        const struct json_field *field = &plan->json[i];
        if (!field->is_repeated || field->of_map || !field->below || field->below->def != def)
            continue;
        found = find_element(upb_Message_Get(item->message, field->field).array_val, key, value);
        *ret_plan = field->below;
    }
    *ret_message = found;
    return found != NULL;
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static struct slice media_part(const struct transcode_item *item, const upb_FieldDef *part)
{
    const struct transcode_media *media = &item->entry->method.item_media;
    const upb_Message *message = upb_Message_Has(item->message, media->field)
                                     ? upb_Message_Get(item->message, media->field).msg_val
                                     : NULL;
    return message ? slice_of(upb_Message_Get(message, part).str_val) : (struct slice){0};
}

const char *transcode_item_media_type(const struct transcode_item *item)
{
    const struct transcode_media *media = &item->entry->method.item_media;
    struct slice type = media_part(item, media->content_type);
    for (size_t i = 0; i < media->type_count; i++)
        if (slice_equal_str(type, media->types[i]))
            return media->types[i];
    return NULL;
}

static enum status append_media(const struct transcode_item *item, struct buffer *out)
{
    const struct transcode_media *media = &item->entry->method.item_media;
    if (!transcode_item_media_type(item))
        return STATUS_DATA_LOSS;
    buffer_append_slice(out, media_part(item, media->data));
    return out->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static enum status append(struct transcode_item *item, const struct route_rule *rule,
                          uint64_t shown, struct buffer *out, const upb_FieldDef **ret_bad)
{
    const struct transcode_method *method = &item->entry->method;
    if (!item->cleared)
        plan_clear(item->entry->response_plan, item->message);
    item->cleared = true;
    if (!rule || !rule->response_body[0])
        return json_append(item->transcode, item->entry->response_plan, item->message, shown, out,
                           ret_bad);
    *ret_bad = upb_MessageDef_FindFieldByName(method->response, rule->response_body);
    if (transcode_gives_media(rule))
        return append_media(item, out);
    return json_append_field(item->transcode, item->entry->response_plan, *ret_bad, item->message,
                             out);
}

enum status transcode_item_json(struct transcode_item *item, const struct route_rule *rule,
                                uint64_t shown, struct buffer *out, struct fault *fault)
{
    const upb_FieldDef *bad = NULL;
    size_t before = out->len;
    enum status status = append(item, rule, shown, out, &bad);
    if (status == STATUS_OK)
        return STATUS_OK;
    out->len = before;
    const char *field = bad ? upb_FieldDef_Name(bad) : "";
    if (status != STATUS_DATA_LOSS)
        return fault_set(fault, STATUS_DATA_LOSS, field, "it is larger than %zu bytes",
                         out->len_max);
    return fault_set(fault, status, field, "%s has a value that JSON does not have",
                     bad ? field : "a field");
}
