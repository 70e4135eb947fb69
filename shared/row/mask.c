#include "shared/row/mask.h"

#include <assert.h>
#include <string.h>

/* Is the field other than its default? */
static bool is_set(const ProtobufCMessage *body, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(body->descriptor, name);
    assert(field);
    const char *at = (const char *)body + field->offset;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)(const void *)((const char *)body + field->quantifier_offset) > 0;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)(const void *)at;
        return text && text[0];
    }
    case PROTOBUF_C_TYPE_BYTES: return ((const ProtobufCBinaryData *)(const void *)at)->len > 0;
    case PROTOBUF_C_TYPE_MESSAGE: return *(const void *const *)(const void *)at != NULL;
    case PROTOBUF_C_TYPE_BOOL: return *(const protobuf_c_boolean *)(const void *)at != 0;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: return *(const uint64_t *)(const void *)at != 0;
    case PROTOBUF_C_TYPE_DOUBLE: return *(const double *)(const void *)at != 0;
    case PROTOBUF_C_TYPE_FLOAT: return *(const float *)(const void *)at != 0;
    default: return *(const uint32_t *)(const void *)at != 0;
    }
}

enum status mask_take(const Google__Protobuf__FieldMask *mask, const ProtobufCMessage *body,
                      const char *const *allowed, size_t allowed_count, unsigned *ret_fields,
                      struct fault *fault)
{
    unsigned fields = 0;
    bool masked = mask && mask->n_paths > 0;
    assert(allowed_count <= MASK_FIELDS_MAX);
    if (!masked && !body)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "update_mask",
                         "update_mask must name the fields to set");
    for (size_t i = 0; !masked && i < allowed_count; i++)
        fields |= is_set(body, allowed[i]) ? 1u << i : 0;
    for (size_t i = 0; masked && i < mask->n_paths; i++) {
        unsigned named = 0;
        for (size_t a = 0; a < allowed_count; a++)
            named |= strcmp(mask->paths[i], allowed[a]) == 0 ? 1u << a : 0;
        if (!named)
            return fault_set(fault, STATUS_INVALID_ARGUMENT, "update_mask",
                             "'%.64s' cannot be changed here", mask->paths[i]);
        fields |= named;
    }
    *ret_fields = fields;
    return STATUS_OK;
}
