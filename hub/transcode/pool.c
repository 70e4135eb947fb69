/* From descriptor set to pool, and options out of it. */
#include <google/protobuf/descriptor.upb.h>
#include <upb/decode.h>

#include "hub/transcode/internal.h"

/* Options come as generated messages whose extensions are unread: they are read again with the pool. */
static const upb_Message *options_again(const upb_DefPool *pool, const char *type,
                                        const char *bytes, size_t len, upb_Arena *arena)
{
    const upb_MessageDef *def = upb_DefPool_FindMessageByName(pool, type);
    upb_Message *options = def && bytes ? upb_Message_New(def, arena) : NULL;
    if (!options ||
        upb_Decode(bytes, len, options, upb_MessageDef_MiniTable(def),
                   upb_DefPool_ExtensionRegistry(pool), 0, arena) != kUpb_DecodeStatus_Ok)
        return NULL;
    return options;
}

const upb_Message *field_option(const upb_DefPool *pool, const upb_FieldDef *field,
                                const char *extension, upb_Arena *arena)
{
    const upb_FieldDef *ext = upb_DefPool_FindExtensionByName(pool, extension);
    if (!ext || !upb_FieldDef_HasOptions(field))
        return NULL;
    size_t len = 0;
    char *bytes = google_protobuf_FieldOptions_serialize(upb_FieldDef_Options(field), arena, &len);
    const upb_Message *options =
        options_again(pool, "google.protobuf.FieldOptions", bytes, len, arena);
    return options && upb_Message_Has(options, ext) ? upb_Message_Get(options, ext).msg_val : NULL;
}

const upb_Message *method_option(const upb_DefPool *pool, const upb_MethodDef *method,
                                 const char *extension, size_t n, upb_Arena *arena)
{
    const upb_FieldDef *ext = upb_DefPool_FindExtensionByName(pool, extension);
    if (!ext || !upb_MethodDef_HasOptions(method))
        return NULL;
    size_t len = 0;
    char *bytes =
        google_protobuf_MethodOptions_serialize(upb_MethodDef_Options(method), arena, &len);
    const upb_Message *options =
        options_again(pool, "google.protobuf.MethodOptions", bytes, len, arena);
    if (!options)
        return NULL;
    if (upb_FieldDef_IsRepeated(ext)) {
        const upb_Array *values = upb_Message_Get(options, ext).array_val;
        return values && n < upb_Array_Size(values) ? upb_Array_Get(values, n).msg_val : NULL;
    }
    return n == 0 && upb_Message_Has(options, ext) ? upb_Message_Get(options, ext).msg_val : NULL;
}

/* A flag of (pek.field); `unknown` when there is no memory to read it. */
static bool field_rule(const upb_DefPool *pool, const upb_FieldDef *field, const char *flag,
                       bool unknown)
{
    upb_Arena *arena = upb_Arena_New();
    if (!arena)
        return unknown;
    const upb_Message *rule = field_option(pool, field, "pek.field", arena);
    const upb_MessageDef *def = upb_DefPool_FindMessageByName(pool, "pek.FieldRule");
    const upb_FieldDef *flag_field = def ? upb_MessageDef_FindFieldByName(def, flag) : NULL;
    bool is_set = rule && flag_field && upb_Message_Get(rule, flag_field).bool_val;
    upb_Arena_Free(arena);
    return is_set;
}

bool field_is_internal(const upb_DefPool *pool, const upb_FieldDef *field)
{
    return field_rule(pool, field, "internal", true);
}

bool field_is_output_only(const upb_DefPool *pool, const upb_FieldDef *field)
{
    return field_rule(pool, field, "output_only", false);
}

bool field_is_immutable(const upb_DefPool *pool, const upb_FieldDef *field)
{
    return field_rule(pool, field, "immutable", false);
}

const char *enum_value_json_name(const upb_DefPool *pool, const upb_EnumValueDef *value,
                                 struct arena *arena)
{
    struct slice name = slice_str(upb_EnumValueDef_Name(value));
    const upb_FieldDef *ext = upb_DefPool_FindExtensionByName(pool, "pek.json_name");
    upb_Arena *memory = upb_Arena_New();
    if (!memory)
        return NULL;
    if (ext && upb_EnumValueDef_HasOptions(value)) {
        size_t len = 0;
        char *bytes = google_protobuf_EnumValueOptions_serialize(upb_EnumValueDef_Options(value),
                                                                 memory, &len);
        const upb_Message *options =
            options_again(pool, "google.protobuf.EnumValueOptions", bytes, len, memory);
        upb_StringView given = options ? upb_Message_Get(options, ext).str_val : view_of(name);
        if (given.size > 0)
            name = slice_of(given);
    }
    const char *copy = arena_strndup(arena, name.ptr, name.len);
    upb_Arena_Free(memory);
    return copy;
}

static enum status pool_load(const google_protobuf_FileDescriptorSet *set, upb_DefPool **ret_pool,
                             struct fault *fault)
{
    upb_DefPool *pool = upb_DefPool_New();
    if (!pool)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for descriptors");
    size_t count = 0;
    const google_protobuf_FileDescriptorProto *const *files =
        google_protobuf_FileDescriptorSet_file(set, &count);
    for (size_t i = 0; i < count; i++) {
        upb_Status problem;
        upb_Status_Clear(&problem);
        if (!upb_DefPool_AddFile(pool, files[i], &problem)) {
            upb_DefPool_Free(pool);
            return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "descriptor set: %s",
                             upb_Status_ErrorMessage(&problem));
        }
    }
    *ret_pool = pool;
    return STATUS_OK;
}

/* Makes field `field` of `message` what `optional` makes of it in a .proto. */
static enum status give_presence(google_protobuf_DescriptorProto *message,
                                 google_protobuf_FieldDescriptorProto *field, const char *full_name,
                                 upb_Arena *arena, struct fault *fault)
{
    if (google_protobuf_FieldDescriptorProto_label(field) ==
        google_protobuf_FieldDescriptorProto_LABEL_REPEATED)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL,
                         "%s: a repeated field cannot be internal", full_name);
    if (google_protobuf_FieldDescriptorProto_type(field) ==
            google_protobuf_FieldDescriptorProto_TYPE_MESSAGE ||
        google_protobuf_FieldDescriptorProto_has_oneof_index(field))
        return STATUS_OK;
    size_t oneof_count = 0;
    google_protobuf_DescriptorProto_oneof_decl(message, &oneof_count);
    google_protobuf_OneofDescriptorProto *oneof =
        google_protobuf_DescriptorProto_add_oneof_decl(message, arena);
    upb_StringView name = google_protobuf_FieldDescriptorProto_name(field);
    char *oneof_name = upb_Arena_Malloc(arena, name.size + 1);
    if (!oneof || !oneof_name)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for descriptors");
    oneof_name[0] = '_';
    memcpy(oneof_name + 1, name.data, name.size);
    google_protobuf_OneofDescriptorProto_set_name(oneof,
                                                  (upb_StringView){oneof_name, name.size + 1});
    google_protobuf_FieldDescriptorProto_set_oneof_index(field, (int32_t)oneof_count);
    google_protobuf_FieldDescriptorProto_set_proto3_optional(field, true);
    return STATUS_OK;
}

static enum status patch_message(const upb_DefPool *pool, const upb_MessageDef *def,
                                 google_protobuf_DescriptorProto *message, upb_Arena *arena,
                                 struct fault *fault)
{
    size_t count = 0;
    google_protobuf_FieldDescriptorProto **fields =
        google_protobuf_DescriptorProto_mutable_field(message, &count);
    for (size_t i = 0; i < count; i++) {
        const upb_FieldDef *field = upb_MessageDef_FindFieldByNumber(
            def, (uint32_t)google_protobuf_FieldDescriptorProto_number(fields[i]));
        if (!field || !upb_FieldDef_HasOptions(field) || !field_is_internal(pool, field))
            continue;
        enum status status =
            give_presence(message, fields[i], upb_FieldDef_FullName(field), arena, fault);
        if (status != STATUS_OK)
            return status;
    }
    google_protobuf_DescriptorProto **nested =
        google_protobuf_DescriptorProto_mutable_nested_type(message, &count);
    for (size_t i = 0; i < count; i++) {
        enum status status =
            patch_message(pool, upb_MessageDef_NestedMessage(def, (int)i), nested[i], arena, fault);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status patch_set(const upb_DefPool *pool, google_protobuf_FileDescriptorSet *set,
                             upb_Arena *arena, struct fault *fault)
{
    size_t file_count = 0;
    google_protobuf_FileDescriptorProto **files =
        google_protobuf_FileDescriptorSet_mutable_file(set, &file_count);
    for (size_t i = 0; i < file_count; i++) {
        upb_StringView name = google_protobuf_FileDescriptorProto_name(files[i]);
        const upb_FileDef *file = upb_DefPool_FindFileByNameWithSize(pool, name.data, name.size);
        size_t count = 0;
        google_protobuf_DescriptorProto **messages =
            google_protobuf_FileDescriptorProto_mutable_message_type(files[i], &count);
        for (size_t j = 0; j < count; j++) {
            enum status status = patch_message(pool, upb_FileDef_TopLevelMessage(file, (int)j),
                                               messages[j], arena, fault);
            if (status != STATUS_OK)
                return status;
        }
    }
    return STATUS_OK;
}

enum status pool_new(struct slice descriptor_set, upb_DefPool **ret_pool, struct fault *fault)
{
    upb_DefPool *plain = NULL;
    upb_Arena *arena = upb_Arena_New();
    if (!arena)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for descriptors");
    google_protobuf_FileDescriptorSet *set =
        google_protobuf_FileDescriptorSet_parse(descriptor_set.ptr, descriptor_set.len, arena);
    enum status status = STATUS_OK;
    if (!set)
        status = fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "not a descriptor set");
    /* Once to read the options, which needs a pool, and once as they say. */
    if (status == STATUS_OK)
        status = pool_load(set, &plain, fault);
    if (status == STATUS_OK)
        status = patch_set(plain, set, arena, fault);
    if (status == STATUS_OK)
        status = pool_load(set, ret_pool, fault);
    if (plain)
        upb_DefPool_Free(plain);
    upb_Arena_Free(arena);
    return status;
}
