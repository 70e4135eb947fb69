#include <stdlib.h>
#include <upb/decode.h>

#include "hub/transcode/internal.h"

/* What an average item's message takes in the arena besides its bytes; more is taken as needed. */
#define ITEM_ARENA_BYTES 1536

/* One allocation: this, the arena's first block, and the bytes, which strings of the message point into. */
struct transcode_item {
    const struct transcode *transcode;
    const struct method_entry *entry;
    upb_Arena *arena;
    upb_Message *message;
    bool cleared;
    _Alignas(max_align_t) char block[ITEM_ARENA_BYTES];
    char bytes[];
};

enum status transcode_item_new(const struct transcode *transcode,
                               const struct transcode_method *method, struct slice bytes,
                               struct transcode_item **ret_item)
{
    if (bytes.len > TRANSCODE_MESSAGE_BYTES_MAX)
        return STATUS_RESOURCE_EXHAUSTED;
    struct transcode_item *item = malloc(sizeof(*item) + bytes.len);
    if (!item)
        return STATUS_RESOURCE_EXHAUSTED;
    item->transcode = transcode;
    item->entry = (const struct method_entry *)method; /* its first member */
    item->cleared = false;
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

static struct slice get_text(const struct transcode_item *item, const upb_FieldDef *field)
{
    return field ? slice_of(upb_Message_Get(item->message, field).str_val) : (struct slice){0};
}

struct slice transcode_item_sort_key(const struct transcode_item *item)
{
    return get_text(item, item->entry->method.sort_key);
}

struct slice transcode_item_identity(const struct transcode_item *item, size_t index)
{
    const struct transcode_method *method = &item->entry->method;
    return get_text(item, index < method->identity_count ? method->identity[index] : NULL);
}

struct slice transcode_item_realm(const struct transcode_item *item)
{
    return get_text(item, item->entry->method.item_realm);
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

enum status transcode_item_json(struct transcode_item *item, const struct route_rule *rule,
                                struct buffer *out)
{
    const struct transcode_method *method = &item->entry->method;
    if (!item->cleared)
        plan_clear(item->entry->response_plan, item->message);
    item->cleared = true;
    if (rule && rule->response_body[0])
        return json_append_field(
            item->transcode, item->entry->response_plan,
            upb_MessageDef_FindFieldByName(method->response, rule->response_body), item->message,
            out);
    return json_append(item->transcode, item->entry->response_plan, item->message, out);
}
