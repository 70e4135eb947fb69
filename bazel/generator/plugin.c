#include "bazel/generator/plugin.h"

#include "upb/decode.h"
#include "upb/encode.h"
#include "upb/reflection.h"

#define REQUEST "google.protobuf.compiler.CodeGeneratorRequest"
#define RESPONSE "google.protobuf.compiler.CodeGeneratorResponse"
#define RESPONSE_FILE RESPONSE ".File"
/* CodeGeneratorResponse.Feature; said so that the refusal of `optional` is ours, with its reason. */
#define FEATURE_PROTO3_OPTIONAL 1

struct envelope_field {
    const char *name;
    int number;
    int label;
    int type;
    const char *type_name;
};

#define OPTIONAL google_protobuf_FieldDescriptorProto_LABEL_OPTIONAL
#define REPEATED google_protobuf_FieldDescriptorProto_LABEL_REPEATED
#define TYPE(name) google_protobuf_FieldDescriptorProto_TYPE_##name

/* What is used of plugin.proto, which libupb does not bring. Each FileDescriptorProto stays bytes here: it
 * is parsed by the type that upb_DefPool_AddFile takes. */
static const struct envelope_field request_fields[] = {
    {"file_to_generate", 1, REPEATED, TYPE(STRING), NULL},
    {"proto_file", 15, REPEATED, TYPE(BYTES), NULL},
};
static const struct envelope_field response_fields[] = {
    {"error", 1, OPTIONAL, TYPE(BYTES), NULL},
    {"supported_features", 2, OPTIONAL, TYPE(UINT64), NULL},
    {"file", 15, REPEATED, TYPE(MESSAGE), "." RESPONSE_FILE},
};
static const struct envelope_field file_fields[] = {
    {"name", 1, OPTIONAL, TYPE(STRING), NULL},
    {"content", 15, OPTIONAL, TYPE(BYTES), NULL},
};

static upb_StringView view(const char *text)
{
    return upb_StringView_FromString(text);
}

/* False when out of memory, also for a `message` that could not be had. */
static bool define(google_protobuf_DescriptorProto *message, const char *name,
                   const struct envelope_field *fields, size_t field_count, upb_Arena *arena)
{
    if (message == NULL)
        return false;
    google_protobuf_DescriptorProto_set_name(message, view(name));
    for (size_t i = 0; i < field_count; i++) {
        google_protobuf_FieldDescriptorProto *field =
            google_protobuf_DescriptorProto_add_field(message, arena);
        if (field == NULL)
            return false;
        google_protobuf_FieldDescriptorProto_set_name(field, view(fields[i].name));
        google_protobuf_FieldDescriptorProto_set_number(field, fields[i].number);
        google_protobuf_FieldDescriptorProto_set_label(field, fields[i].label);
        google_protobuf_FieldDescriptorProto_set_type(field, fields[i].type);
        if (fields[i].type_name != NULL)
            google_protobuf_FieldDescriptorProto_set_type_name(field, view(fields[i].type_name));
    }
    return true;
}

#define DEFINE(message, name, fields, arena)                                                       \
    define(message, name, fields, sizeof(fields) / sizeof((fields)[0]), arena)

static bool define_envelope(upb_DefPool *pool, upb_Arena *arena, upb_Status *status)
{
    google_protobuf_FileDescriptorProto *file = google_protobuf_FileDescriptorProto_new(arena);
    if (file == NULL)
        return false;
    google_protobuf_FileDescriptorProto_set_name(file,
                                                 view("google/protobuf/compiler/plugin.proto"));
    google_protobuf_FileDescriptorProto_set_package(file, view("google.protobuf.compiler"));
    google_protobuf_DescriptorProto *request =
        google_protobuf_FileDescriptorProto_add_message_type(file, arena);
    google_protobuf_DescriptorProto *response =
        google_protobuf_FileDescriptorProto_add_message_type(file, arena);
    return DEFINE(request, "CodeGeneratorRequest", request_fields, arena) &&
           DEFINE(response, "CodeGeneratorResponse", response_fields, arena) &&
           DEFINE(google_protobuf_DescriptorProto_add_nested_type(response, arena), "File",
                  file_fields, arena) &&
           upb_DefPool_AddFile(pool, file, status) != NULL;
}

static const upb_FieldDef *field_of(const struct plugin *plugin, const char *type, const char *name)
{
    return upb_MessageDef_FindFieldByName(upb_DefPool_FindMessageByName(plugin->envelope, type),
                                          name);
}

/* protoc lists every file behind those it imports, so one pass loads them all. */
static enum status load_files(struct plugin *plugin, upb_Status *status)
{
    upb_MessageValue files =
        upb_Message_Get(plugin->request, field_of(plugin, REQUEST, "proto_file"));
    size_t count = files.array_val == NULL ? 0 : upb_Array_Size(files.array_val);
    for (size_t i = 0; i < count; i++) {
        upb_StringView bytes = upb_Array_Get(files.array_val, i).str_val;
        const google_protobuf_FileDescriptorProto *file =
            google_protobuf_FileDescriptorProto_parse(bytes.data, bytes.size, plugin->arena);
        if (file == NULL) {
            upb_Status_SetErrorMessage(status, "a file descriptor of the request does not parse");
            return STATUS_INVALID_ARGUMENT;
        }
        if (upb_DefPool_AddFile(plugin->pool, file, status) == NULL)
            return STATUS_INVALID_ARGUMENT;
    }
    return STATUS_OK;
}

enum status plugin_init(struct plugin *plugin, struct slice request, struct buffer *error)
{
    upb_Status status;
    upb_Status_Clear(&status);
    *plugin = (struct plugin){
        .pool = upb_DefPool_New(),
        .envelope = upb_DefPool_New(),
        .arena = upb_Arena_New(),
    };
    if (plugin->pool == NULL || plugin->envelope == NULL || plugin->arena == NULL) {
        buffer_append_str(error, "out of memory");
        return STATUS_RESOURCE_EXHAUSTED;
    }
    if (!define_envelope(plugin->envelope, plugin->arena, &status)) {
        buffer_append_str(error, upb_Status_ErrorMessage(&status));
        return STATUS_INTERNAL;
    }
    const upb_MessageDef *request_def = upb_DefPool_FindMessageByName(plugin->envelope, REQUEST);
    const upb_MessageDef *response_def = upb_DefPool_FindMessageByName(plugin->envelope, RESPONSE);
    upb_Message *parsed = upb_Message_New(request_def, plugin->arena);
    plugin->request = parsed;
    plugin->response = upb_Message_New(response_def, plugin->arena);
    if (plugin->request == NULL || plugin->response == NULL) {
        buffer_append_str(error, "out of memory");
        return STATUS_RESOURCE_EXHAUSTED;
    }
    if (upb_Decode(request.ptr, request.len, parsed, upb_MessageDef_MiniTable(request_def), NULL, 0,
                   plugin->arena) != kUpb_DecodeStatus_Ok) {
        buffer_append_str(error, "the input is not a CodeGeneratorRequest");
        return STATUS_INVALID_ARGUMENT;
    }
    upb_Message_Set(plugin->response, field_of(plugin, RESPONSE, "supported_features"),
                    (upb_MessageValue){.uint64_val = FEATURE_PROTO3_OPTIONAL}, plugin->arena);
    enum status loaded = load_files(plugin, &status);
    if (loaded != STATUS_OK)
        buffer_append_str(error, upb_Status_ErrorMessage(&status));
    return loaded;
}

void plugin_done(struct plugin *plugin)
{
    if (plugin->arena != NULL)
        upb_Arena_Free(plugin->arena);
    if (plugin->envelope != NULL)
        upb_DefPool_Free(plugin->envelope);
    if (plugin->pool != NULL)
        upb_DefPool_Free(plugin->pool);
    *plugin = (struct plugin){0};
}

const upb_FileDef *plugin_file(const struct plugin *plugin, size_t index)
{
    upb_MessageValue names =
        upb_Message_Get(plugin->request, field_of(plugin, REQUEST, "file_to_generate"));
    if (names.array_val == NULL || index >= upb_Array_Size(names.array_val))
        return NULL;
    upb_StringView name = upb_Array_Get(names.array_val, index).str_val;
    return upb_DefPool_FindFileByNameWithSize(plugin->pool, name.data, name.size);
}

/* Strings in a upb_Message are borrowed: this copies them into the plugin's arena first. */
static enum status set_bytes(struct plugin *plugin, upb_Message *message, const upb_FieldDef *field,
                             struct slice bytes)
{
    char *copy = upb_Arena_Malloc(plugin->arena, bytes.len + 1);
    if (copy == NULL)
        return STATUS_RESOURCE_EXHAUSTED;
    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    upb_MessageValue value = {.str_val = upb_StringView_FromDataAndSize(copy, bytes.len)};
    return upb_Message_Set(message, field, value, plugin->arena) ? STATUS_OK
                                                                 : STATUS_RESOURCE_EXHAUSTED;
}

enum status plugin_add(struct plugin *plugin, const char *name, struct slice content)
{
    upb_Array *files =
        upb_Message_Mutable(plugin->response, field_of(plugin, RESPONSE, "file"), plugin->arena)
            .array;
    upb_Message *file = upb_Message_New(
        upb_DefPool_FindMessageByName(plugin->envelope, RESPONSE_FILE), plugin->arena);
    if (files == NULL || file == NULL ||
        !upb_Array_Append(files, (upb_MessageValue){.msg_val = file}, plugin->arena))
        return STATUS_RESOURCE_EXHAUSTED;
    enum status status =
        set_bytes(plugin, file, field_of(plugin, RESPONSE_FILE, "name"), slice_str(name));
    if (status != STATUS_OK)
        return status;
    return set_bytes(plugin, file, field_of(plugin, RESPONSE_FILE, "content"), content);
}

enum status plugin_refuse(struct plugin *plugin, struct slice text)
{
    return set_bytes(plugin, plugin->response, field_of(plugin, RESPONSE, "error"), text);
}

enum status plugin_response(struct plugin *plugin, struct slice *ret_bytes)
{
    char *bytes;
    size_t len;
    const upb_MessageDef *type = upb_DefPool_FindMessageByName(plugin->envelope, RESPONSE);
    if (upb_Encode(plugin->response, upb_MessageDef_MiniTable(type), 0, plugin->arena, &bytes,
                   &len) != kUpb_EncodeStatus_Ok)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_bytes = slice_make(bytes, len);
    return STATUS_OK;
}
