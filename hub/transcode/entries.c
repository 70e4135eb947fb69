/* Maps in bytes from outside, before upb decodes them.
 *
 * Where a map's entry has more than its key and its value, the upb of Debian keeps the whole entry aside: all bytes from its beginning to its
 * end. If the entry ends within the last 16 bytes of the message, these are in a copy by then, and the distance is that of two
 * places that have nothing to do with each other. What is copied is whatever lies between, or the process stops. An entry of ours never
 * has more; so a message with one is refused. */
#include "hub/transcode/internal.h"

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static bool take_varint(struct slice *rest, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 10 && i < rest->len; i++) {
        uint8_t byte = (uint8_t)rest->ptr[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *rest = slice_make(rest->ptr + i + 1, rest->len - i - 1);
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* Behind its key. False also for a group, which no answer has. */
static bool take_value(struct slice *rest, unsigned type, struct slice *ret_value)
{
    uint64_t bytes = 0, number;
    *ret_value = *rest;
    switch (type) {
    case WIRE_VARINT: return take_varint(rest, &number);
    case WIRE_64: bytes = 8; break;
    case WIRE_32: bytes = 4; break;
    case WIRE_BYTES:
        if (!take_varint(rest, &bytes))
            return false;
        break;
    default: return false;
    }
    if (bytes > rest->len)
        return false;
    *ret_value = slice_make(rest->ptr, (size_t)bytes);
    *rest = slice_make(rest->ptr + bytes, rest->len - (size_t)bytes);
    return true;
}

static unsigned wire_type_of(const upb_FieldDef *field)
{
    switch (upb_FieldDef_Type(field)) {
    case kUpb_FieldType_Double:
    case kUpb_FieldType_Fixed64:
    case kUpb_FieldType_SFixed64: return WIRE_64;
    case kUpb_FieldType_Float:
    case kUpb_FieldType_Fixed32:
    case kUpb_FieldType_SFixed32: return WIRE_32;
    case kUpb_FieldType_String:
    case kUpb_FieldType_Bytes:
    case kUpb_FieldType_Message: return WIRE_BYTES;
    default: return WIRE_VARINT;
    }
}

bool entries_are_plain(const upb_MessageDef *def, struct slice bytes, size_t depth_max)
{
    bool is_entry = upb_MessageDef_IsMapEntry(def);
    while (bytes.len > 0) {
        uint64_t key;
        struct slice value;
        if (!take_varint(&bytes, &key) || key > UINT32_MAX || !take_value(&bytes, key & 7, &value))
            return false;
        const upb_FieldDef *field = upb_MessageDef_FindFieldByNumber(def, (uint32_t)key >> 3);
        if (is_entry && (!field || wire_type_of(field) != (key & 7)))
            return false;
        if (!field || !upb_FieldDef_IsSubMessage(field) || (key & 7) != WIRE_BYTES)
            continue;
        if (depth_max == 0 ||
            !entries_are_plain(upb_FieldDef_MessageSubDef(field), value, depth_max - 1))
            return false;
    }
    return true;
}
