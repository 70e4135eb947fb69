/* Between bytes and messages.
 *
 * protobuf-c checks neither UTF-8 nor NUL (and forgets a string's length, so that afterwards a NUL cannot be
 * seen), and it unpacks to any depth. So the bytes are walked once before, along the descriptor: what passes
 * is well-formed, bounded in depth and has only clean strings, and every refusal names the field.
 *
 * It knows no groups either, which proto3 has not but must skip where they are unknown. So in a copy each becomes an
 * unknown field of bytes that is as long. */
#include <stdio.h>
#include <unicode/utf8.h>

#include "shared/rpc/incoming.h"
#include "shared/rpc/queue.h"

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_64 = 1,
    WIRE_BYTES = 2,
    WIRE_GROUP = 3,
    WIRE_GROUP_END = 4,
    WIRE_32 = 5,
};

/* Where the walk is: fields from the outermost message inwards. */
struct walk {
    const ProtobufCFieldDescriptor *path[RPC_NESTING_MAX];
    size_t depth;
    struct fault *fault;
    bool has_groups;
    char *copy; /* of the bytes, which are then read from here; NULL at first */
};

static enum status walk_refuse(const struct walk *walk, const ProtobufCFieldDescriptor *field,
                               const char *what)
{
    char path[FAULT_FIELD_BYTES_MAX] = "";
    size_t len = 0;
    for (size_t i = 0; i <= walk->depth; i++) {
        const ProtobufCFieldDescriptor *step = i < walk->depth ? walk->path[i] : field;
        if (!step)
            continue;
        int written = snprintf(path + len, sizeof(path) - len, "%s%s", len ? "." : "", step->name);
        if (written < 0 || (size_t)written >= sizeof(path) - len)
            break;
        len += (size_t)written;
    }
    return fault_set(walk->fault, STATUS_INVALID_ARGUMENT, path, "%s%s%s", path, len ? " " : "",
                     what);
}

static bool read_varint(struct slice *rest, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 10 && i < rest->len; i++) {
        uint8_t byte = (uint8_t)rest->ptr[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            if (i == 9 && byte > 1)
                return false;
            rest->ptr += i + 1;
            rest->len -= i + 1;
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool skip(struct slice *rest, uint64_t bytes, struct slice *ret_skipped)
{
    if (bytes > rest->len)
        return false;
    *ret_skipped = slice_make(rest->ptr, (size_t)bytes);
    rest->ptr += bytes;
    rest->len -= (size_t)bytes;
    return true;
}

static bool read_key(struct slice *rest, uint64_t *ret_number, enum wire_type *ret_type)
{
    uint64_t key;
    if (!read_varint(rest, &key) || key >> 3 == 0 || key >> 3 > (1u << 29) - 1)
        return false;
    *ret_number = key >> 3;
    *ret_type = key & 7;
    return true;
}

/* Behind the key of a group, up to the end of that group. */
static bool skip_group(struct slice *rest, uint64_t group, size_t depth)
{
    uint64_t number, value;
    enum wire_type type;
    struct slice bytes;
    while (read_key(rest, &number, &type)) {
        bool ok = false;
        switch (type) {
        case WIRE_VARINT: ok = read_varint(rest, &value); break;
        case WIRE_64: ok = skip(rest, 8, &bytes); break;
        case WIRE_32: ok = skip(rest, 4, &bytes); break;
        case WIRE_BYTES: ok = read_varint(rest, &value) && skip(rest, value, &bytes); break;
        case WIRE_GROUP: ok = depth < RPC_NESTING_MAX && skip_group(rest, number, depth + 1); break;
        case WIRE_GROUP_END: return number == group;
        }
        if (!ok)
            return false;
    }
    return false;
}

/* The group whose key begins at `start` and whose content is the rest of it: bytes of the same number now. Their length
 * is written in as many bytes as are left over. */
static void group_to_bytes(char *copy, const char *start, struct slice content)
{
    char *key = copy + (start - copy), *at = copy + (content.ptr - copy);
    size_t digits = 1, len = content.len;
    key[0] = (char)((key[0] & ~7) | WIRE_BYTES);
    while ((len - digits) >> (7 * digits))
        digits++;
    len -= digits;
    for (size_t i = 0; i < digits; i++)
        at[i] = (char)(((len >> (7 * i)) & 0x7f) | (i + 1 < digits ? 0x80 : 0));
}

static bool walk_group(struct walk *walk, const char *start, struct slice *rest, uint64_t number)
{
    struct slice content = *rest;
    if (!skip_group(rest, number, walk->depth))
        return false;
    content.len -= rest->len;
    walk->has_groups = true;
    if (walk->copy)
        group_to_bytes(walk->copy, start, content);
    return true;
}

static bool text_is_utf8(struct slice text)
{
    const uint8_t *bytes = (const uint8_t *)text.ptr;
    for (size_t i = 0; i < text.len;) {
        UChar32 c = bytes[i];
        if (c < 0x80) {
            i++;
            continue;
        }
        U8_NEXT(bytes, i, text.len, c);
        if (c < 0)
            return false;
    }
    return true;
}

static enum status walk_text(struct walk *walk, const ProtobufCFieldDescriptor *field,
                             struct slice text)
{
    if (text.len > 0 && memchr(text.ptr, 0, text.len))
        return walk_refuse(walk, field, "contains a NUL character");
    if (!text_is_utf8(text))
        return walk_refuse(walk, field, "is not valid UTF-8");
    return STATUS_OK;
}

/* Fields are sorted by number. */
static const ProtobufCFieldDescriptor *type_field(const ProtobufCMessageDescriptor *type,
                                                  uint64_t number)
{
    size_t low = 0;
    size_t high = type->n_fields;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (type->fields[middle].id == number)
            return &type->fields[middle];
        if (type->fields[middle].id < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static enum status walk_message(struct walk *walk, const ProtobufCMessageDescriptor *type,
                                struct slice rest);

static enum status walk_bytes(struct walk *walk, const ProtobufCFieldDescriptor *field,
                              struct slice bytes)
{
    if (!field)
        return STATUS_OK;
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return walk_text(walk, field, bytes);
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return STATUS_OK; /* bytes, packed numbers */
    if (walk->depth == RPC_NESTING_MAX)
        return walk_refuse(walk, field, "is nested too deeply");
    walk->path[walk->depth++] = field;
    enum status status = walk_message(walk, field->descriptor, bytes);
    walk->depth--;
    return status;
}

static enum status walk_message(struct walk *walk, const ProtobufCMessageDescriptor *type,
                                struct slice rest)
{
    static const char malformed[] = "is not a well-formed message";
    while (rest.len > 0) {
        const char *start = rest.ptr;
        uint64_t number, value;
        enum wire_type wire;
        struct slice bytes = {0};
        if (!read_key(&rest, &number, &wire))
            return walk_refuse(walk, NULL, malformed);
        const ProtobufCFieldDescriptor *field = type_field(type, number);
        bool ok = false;
        switch (wire) {
        case WIRE_VARINT: ok = read_varint(&rest, &value); break;
        case WIRE_64: ok = skip(&rest, 8, &bytes); break;
        case WIRE_32: ok = skip(&rest, 4, &bytes); break;
        case WIRE_BYTES:
            ok = read_varint(&rest, &value) && skip(&rest, value, &bytes);
            if (ok) {
                enum status status = walk_bytes(walk, field, bytes);
                if (status != STATUS_OK)
                    return status;
            }
            break;
        case WIRE_GROUP: ok = !field && walk_group(walk, start, &rest, number); break;
        case WIRE_GROUP_END: break;
        }
        if (!ok)
            return walk_refuse(walk, field, malformed);
    }
    return STATUS_OK;
}

static void *alloc_in_arena(void *arena, size_t bytes)
{
    return arena_alloc(arena, bytes);
}

static void free_in_arena(void *arena, void *pointer)
{
    (void)arena, (void)pointer; /* goes with the arena */
}

enum status rpc_decode(const ProtobufCMessageDescriptor *type, struct slice bytes,
                       struct arena *arena, ProtobufCMessage **ret_message, struct fault *fault)
{
    struct walk walk = {.fault = fault};
    enum status status = walk_message(&walk, type, bytes);
    if (status == STATUS_OK && walk.has_groups) {
        walk.copy = arena_alloc(arena, bytes.len);
        if (!walk.copy)
            return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "the message is too large");
        memcpy(walk.copy, bytes.ptr, bytes.len);
        bytes.ptr = walk.copy;
        status = walk_message(&walk, type, bytes);
    }
    if (status != STATUS_OK)
        return status;
    ProtobufCAllocator allocator = {alloc_in_arena, free_in_arena, arena};
    ProtobufCMessage *message =
        protobuf_c_message_unpack(type, &allocator, bytes.len, (const uint8_t *)bytes.ptr);
    if (message) {
        *ret_message = message;
        return STATUS_OK;
    }
    if (arena->failed)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "the message is too large");
    return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "the message does not fit its type");
}

enum status rpc_encode(const ProtobufCMessage *message, grpc_slice *ret_bytes)
{
    size_t bytes = protobuf_c_message_get_packed_size(message);
    if (bytes > RPC_MESSAGE_BYTES_MAX)
        return STATUS_RESOURCE_EXHAUSTED;
    grpc_slice slice = grpc_slice_malloc(bytes);
    protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
    *ret_bytes = slice;
    return STATUS_OK;
}

static bool type_is_bounded(const ProtobufCMessageDescriptor *type, size_t depth)
{
    if (depth == 0)
        return false;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if (field->type == PROTOBUF_C_TYPE_MESSAGE &&
            !type_is_bounded(field->descriptor, depth - 1))
            return false;
    }
    return true;
}

bool rpc_type_is_bounded(const ProtobufCMessageDescriptor *type)
{
    return type_is_bounded(type, RPC_NESTING_MAX);
}
