#include "shared/row/told.h"

#include <assert.h>
#include <inttypes.h>

#include "shared/base/siphash.h"

enum status told_set_etag(ProtobufCMessage *message, struct arena *arena)
{
    static const uint64_t key[2] = {0}; /* it keeps no secret */
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "etag");
    assert(field && field->type == PROTOBUF_C_TYPE_STRING);
    char **etag = (char **)((char *)message + field->offset);
    size_t bytes = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = arena_alloc(arena, bytes + 1);
    if (!packed)
        return STATUS_RESOURCE_EXHAUSTED;
    bytes = protobuf_c_message_pack(message, packed);
    char *told = arena_printf(arena, "%s%c%016" PRIx64, *etag, TOLD_ETAG_DOT,
                              siphash(key, slice_make((const char *)packed, bytes)));
    if (!told)
        return STATUS_RESOURCE_EXHAUSTED;
    *etag = told;
    return STATUS_OK;
}
