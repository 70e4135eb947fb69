#include "bazel/generator/options.h"

#include "upb/decode.h"
#include "upb/reflection.h"

/* A message with its type, which is all that reading by name needs. */
struct view {
    const upb_Message *message;
    const upb_MessageDef *type;
};

static const upb_FieldDef *field_of(struct view view, const char *name)
{
    return upb_MessageDef_FindFieldByName(view.type, name);
}

static const char *get_string(struct view view, const char *name, struct arena *arena)
{
    upb_StringView value = upb_Message_Get(view.message, field_of(view, name)).str_val;
    return arena_strndup(arena, value.data, value.size);
}

static bool get_bool(struct view view, const char *name)
{
    return upb_Message_Get(view.message, field_of(view, name)).bool_val;
}

static struct option_enum get_enum(struct view view, const char *name)
{
    const upb_FieldDef *field = field_of(view, name);
    int32_t number = upb_Message_Get(view.message, field).int32_val;
    const upb_EnumValueDef *value =
        upb_EnumDef_FindValueByNumber(upb_FieldDef_EnumSubDef(field), number);
    return (struct option_enum){
        .name = number == 0 || value == NULL ? "" : upb_EnumValueDef_Name(value),
        .number = number,
    };
}

static size_t count_of(upb_MessageValue list)
{
    return list.array_val == NULL ? 0 : upb_Array_Size(list.array_val);
}

static void read_access(struct view options, const upb_FieldDef *extension, struct arena *arena,
                        struct method_options *out)
{
    upb_MessageValue list = upb_Message_Get(options.message, extension);
    size_t count = count_of(list);
    struct option_access *rules = arena_zalloc(arena, count, sizeof(*rules));
    if (rules == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        struct view rule = {upb_Array_Get(list.array_val, i).msg_val,
                            upb_FieldDef_MessageSubDef(extension)};
        rules[i] = (struct option_access){
            .action = get_enum(rule, "action"),
            .realm_action = get_enum(rule, "realm_action"),
            .group = get_string(rule, "group", arena),
            .user = get_string(rule, "user", arena),
            .policy = get_string(rule, "policy", arena),
            .right = get_enum(rule, "right"),
            .self = get_string(rule, "self", arena),
            .filter = get_bool(rule, "filter"),
            .authenticated = get_bool(rule, "authenticated"),
            .public = get_bool(rule, "public"),
        };
    }
    out->access = rules;
    out->access_count = count;
}

static const struct option_combine no_combine = {.function = {.name = ""}, .field = "", .name = ""};

static struct option_combine read_combine(struct view routing, struct arena *arena)
{
    const upb_FieldDef *field = field_of(routing, "combine");
    if (!upb_Message_Has(routing.message, field))
        return no_combine;
    struct view combine = {upb_Message_Get(routing.message, field).msg_val,
                           upb_FieldDef_MessageSubDef(field)};
    return (struct option_combine){
        .function = get_enum(combine, "function"),
        .field = get_string(combine, "field", arena),
        .name = get_string(combine, "name", arena),
        .max = upb_Message_Get(combine.message, field_of(combine, "max")).uint32_val,
    };
}

static void read_routing(struct view options, const upb_FieldDef *extension, struct arena *arena,
                         struct method_options *out)
{
    struct view routing = {upb_Message_Get(options.message, extension).msg_val,
                           upb_FieldDef_MessageSubDef(extension)};
    out->realms = get_enum(routing, "realms");
    out->collection = get_string(routing, "collection", arena);
    out->sort_key = get_string(routing, "sort_key", arena);
    out->document = upb_Message_Get(routing.message, field_of(routing, "document")).bool_val;
    out->combine = read_combine(routing, arena);
    out->items_max = upb_Message_Get(routing.message, field_of(routing, "items_max")).uint32_val;
    upb_MessageValue list = upb_Message_Get(routing.message, field_of(routing, "identity"));
    size_t count = count_of(list);
    const char **identity = arena_zalloc(arena, count, sizeof(*identity));
    if (identity == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        upb_StringView name = upb_Array_Get(list.array_val, i).str_val;
        identity[i] = arena_strndup(arena, name.data, name.size);
    }
    out->identity = identity;
    out->identity_count = count;
}

static struct option_http read_binding(struct view rule, struct arena *arena)
{
    struct option_http http = {.verb = "", .path = "", .body = get_string(rule, "body", arena)};
    const upb_OneofDef *pattern = upb_MessageDef_FindOneofByName(rule.type, "pattern");
    const upb_FieldDef *verb = upb_Message_WhichOneof(rule.message, pattern);
    if (verb != NULL) {
        http.verb = upb_FieldDef_Name(verb);
        if (upb_FieldDef_IsString(verb))
            http.path = get_string(rule, http.verb, arena);
    }
    return http;
}

static void read_http(struct view options, const upb_FieldDef *extension, struct arena *arena,
                      struct method_options *out)
{
    struct view rule = {upb_Message_Get(options.message, extension).msg_val,
                        upb_FieldDef_MessageSubDef(extension)};
    upb_MessageValue more = upb_Message_Get(rule.message, field_of(rule, "additional_bindings"));
    size_t more_count = count_of(more);
    struct option_http *http = arena_zalloc(arena, more_count + 1, sizeof(*http));
    if (http == NULL)
        return;
    http[0] = read_binding(rule, arena);
    for (size_t i = 0; i < more_count; i++) {
        struct view binding = {upb_Array_Get(more.array_val, i).msg_val, rule.type};
        http[i + 1] = read_binding(binding, arena);
    }
    out->http = http;
    out->http_count = more_count + 1;
}

/* upb keeps options as the type compiled into it, where extensions are unknown fields. Decoding them again as the
 * type of the pool, with the pool's extensions, makes them fields. NULL when memory is out. */
static const upb_Message *decode_options(const upb_DefPool *pool, const upb_MessageDef *type,
                                         const char *bytes, size_t len, upb_Arena *memory)
{
    upb_Message *options = upb_Message_New(type, memory);
    if (bytes == NULL || options == NULL ||
        upb_Decode(bytes, len, options, upb_MessageDef_MiniTable(type),
                   upb_DefPool_ExtensionRegistry(pool), 0, memory) != kUpb_DecodeStatus_Ok)
        return NULL;
    return options;
}

static bool has(struct view options, const upb_FieldDef *extension)
{
    return extension != NULL && upb_Message_Has(options.message, extension);
}

enum status options_read(const upb_DefPool *pool, const upb_MethodDef *method, struct arena *arena,
                         struct method_options *ret_options)
{
    struct method_options out = {
        .realms = {.name = ""},
        .collection = "",
        .sort_key = "",
        .combine = no_combine,
        .idempotency =
            google_protobuf_MethodOptions_idempotency_level(upb_MethodDef_Options(method)),
    };
    /* Absent when no file of the request extends options: then this method has none. */
    const upb_MessageDef *type =
        upb_DefPool_FindMessageByName(pool, "google.protobuf.MethodOptions");
    upb_Arena *memory = upb_Arena_New();
    if (memory == NULL)
        return STATUS_RESOURCE_EXHAUSTED;
    if (type != NULL) {
        size_t len;
        const char *bytes =
            google_protobuf_MethodOptions_serialize(upb_MethodDef_Options(method), memory, &len);
        struct view options = {decode_options(pool, type, bytes, len, memory), type};
        if (options.message == NULL) {
            upb_Arena_Free(memory);
            return STATUS_RESOURCE_EXHAUSTED;
        }
        const upb_FieldDef *access = upb_DefPool_FindExtensionByName(pool, "pek.access");
        const upb_FieldDef *routing = upb_DefPool_FindExtensionByName(pool, "pek.routing");
        const upb_FieldDef *limits = upb_DefPool_FindExtensionByName(pool, "pek.limits");
        const upb_FieldDef *http = upb_DefPool_FindExtensionByName(pool, "google.api.http");
        if (access != NULL)
            read_access(options, access, arena, &out);
        if (has(options, routing))
            read_routing(options, routing, arena, &out);
        if (has(options, limits)) {
            struct view view = {upb_Message_Get(options.message, limits).msg_val,
                                upb_FieldDef_MessageSubDef(limits)};
            out.request_bytes_max =
                upb_Message_Get(view.message, field_of(view, "request_bytes_max")).uint32_val;
        }
        if (has(options, http))
            read_http(options, http, arena, &out);
    }
    upb_Arena_Free(memory);
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_options = out;
    return STATUS_OK;
}

/* The value of one option; STATUS_OK with a NULL message when it is not there. The view lives in `memory`. */
static enum status read_option(const upb_DefPool *pool, const char *type_name, const char *name,
                               const char *bytes, size_t len, upb_Arena *memory,
                               struct view *ret_option)
{
    const upb_MessageDef *type = upb_DefPool_FindMessageByName(pool, type_name);
    const upb_FieldDef *extension = upb_DefPool_FindExtensionByName(pool, name);
    *ret_option = (struct view){NULL, NULL};
    if (type == NULL || extension == NULL)
        return STATUS_OK;
    struct view options = {decode_options(pool, type, bytes, len, memory), type};
    if (options.message == NULL)
        return STATUS_RESOURCE_EXHAUSTED;
    if (has(options, extension))
        *ret_option = (struct view){upb_Message_Get(options.message, extension).msg_val,
                                    upb_FieldDef_MessageSubDef(extension)};
    return STATUS_OK;
}

enum status row_options_read(const upb_DefPool *pool, const upb_MessageDef *message,
                             struct arena *arena, struct row_options *ret_options)
{
    struct row_options out = {.table = "", .schema = ""};
    struct view option;
    upb_Arena *memory = upb_Arena_New();
    if (memory == NULL)
        return STATUS_RESOURCE_EXHAUSTED;
    size_t len;
    const char *bytes =
        google_protobuf_MessageOptions_serialize(upb_MessageDef_Options(message), memory, &len);
    enum status status =
        read_option(pool, "google.protobuf.MessageOptions", "pek.row", bytes, len, memory, &option);
    if (status == STATUS_OK && option.message != NULL) {
        out.table = get_string(option, "table", arena);
        out.schema = get_string(option, "schema", arena);
    }
    upb_Arena_Free(memory);
    if (status != STATUS_OK || arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    if (out.schema[0] == '\0')
        out.schema = "pek";
    *ret_options = out;
    return STATUS_OK;
}

enum status field_options_read(const upb_DefPool *pool, const upb_FieldDef *field,
                               struct arena *arena, struct field_options *ret_options)
{
    struct field_options out = {.column = ""};
    struct view option;
    upb_Arena *memory = upb_Arena_New();
    if (memory == NULL)
        return STATUS_RESOURCE_EXHAUSTED;
    size_t len;
    const char *bytes =
        google_protobuf_FieldOptions_serialize(upb_FieldDef_Options(field), memory, &len);
    enum status status =
        read_option(pool, "google.protobuf.FieldOptions", "pek.field", bytes, len, memory, &option);
    if (status == STATUS_OK && option.message != NULL)
        out = (struct field_options){
            .column = get_string(option, "column", arena),
            .internal = get_bool(option, "internal"),
            .computed = get_bool(option, "computed"),
            .etag = get_bool(option, "etag"),
            .brief = get_bool(option, "brief"),
        };
    upb_Arena_Free(memory);
    if (status != STATUS_OK || arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_options = out;
    return STATUS_OK;
}
