#include "shared/rpc/shown.h"

#include <string.h>

#include "google/protobuf/field_mask.pb-c.h"

static bool is_kept(const struct rpc_method *method, const char *name)
{
    for (const char *const *kept = method->kept; *kept; kept++)
        if (strcmp(*kept, name) == 0)
            return true;
    return false;
}

static bool names(const Google__Protobuf__FieldMask *mask, const char *name)
{
    for (size_t i = 0; i < mask->n_paths; i++)
        if (strcmp(mask->paths[i], name) == 0)
            return true;
    return false;
}

/* All but what is kept, and what the mask (may be NULL) names. */
static enum status hide(struct shown *shown, const struct rpc_method *method,
                        const Google__Protobuf__FieldMask *mask, struct arena *arena)
{
    const ProtobufCMessageDescriptor *type = method->response;
    struct shown out = {
        .hidden = arena_zalloc(arena, type->n_fields, sizeof(const ProtobufCFieldDescriptor *)),
        .empty = arena_alloc(arena, type->sizeof_message),
        .copy = arena_alloc(arena, type->sizeof_message),
    };
    if (!out.hidden || !out.empty || !out.copy)
        return STATUS_RESOURCE_EXHAUSTED;
    protobuf_c_message_init(type, out.empty);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const char *name = type->fields[i].name;
        if (!is_kept(method, name) && !(mask && names(mask, name)))
            out.hidden[out.hidden_count++] = &type->fields[i];
    }
    *shown = out;
    return STATUS_OK;
}

enum status shown_by_mask(struct shown *shown, const struct rpc_method *method, const void *request,
                          struct arena *arena, struct fault *fault)
{
    const Google__Protobuf__FieldMask *mask = method->read_mask ? method->read_mask(request) : NULL;
    if (!mask || mask->n_paths == 0 || names(mask, "*"))
        return STATUS_OK;
    for (size_t i = 0; i < mask->n_paths; i++)
        if (!protobuf_c_message_descriptor_get_field_by_name(method->response, mask->paths[i]))
            return fault_set(fault, STATUS_INVALID_ARGUMENT, "read_mask",
                             "'%.64s' is no field of what is answered", mask->paths[i]);
    return hide(shown, method, mask, arena);
}

const char *shown_etag(const ProtobufCMessage *answer)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(answer->descriptor, "etag");
    if (!field || field->type != PROTOBUF_C_TYPE_STRING)
        return NULL;
    return *(const char *const *)(const void *)((const char *)answer + field->offset);
}

enum status shown_kept(struct shown *shown, const struct rpc_method *method, struct arena *arena)
{
    return hide(shown, method, NULL, arena);
}

/* Of a member that is no list. */
static size_t bytes_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return sizeof(uint64_t);
    default: return sizeof(uint32_t);
    }
}

static void reset(const ProtobufCFieldDescriptor *field, const char *empty, char *copy)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        memset(copy + field->quantifier_offset, 0, sizeof(size_t));
    } else if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        uint32_t which;
        memcpy(&which, copy + field->quantifier_offset, sizeof(which));
        if (which == field->id)
            memset(copy + field->quantifier_offset, 0, sizeof(which));
    } else {
        memcpy(copy + field->offset, empty + field->offset, bytes_of(field->type));
    }
}

const ProtobufCMessage *shown_of(const struct shown *shown, const ProtobufCMessage *message)
{
    if (shown->hidden_count == 0)
        return message;
    memcpy(shown->copy, message, message->descriptor->sizeof_message);
    for (size_t i = 0; i < shown->hidden_count; i++)
        reset(shown->hidden[i], (const char *)shown->empty, (char *)shown->copy);
    return shown->copy;
}
