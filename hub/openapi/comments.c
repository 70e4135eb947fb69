/* Comments of the protos, by the full name of what they are about. */
#include <google/protobuf/descriptor.upb.h>
#include <stdlib.h>

#include "hub/openapi/internal.h"

/* Field numbers of descriptor.proto that a location's path is made of. */
enum {
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    MESSAGE_FIELD = 2,
    MESSAGE_NESTED = 3,
    MESSAGE_ENUM = 4,
    ENUM_VALUE = 2,
    SERVICE_METHOD = 2,
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct comment *)a)->name, ((const struct comment *)b)->name);
}

static const char *child(struct document *document, const char *parent, upb_StringView name)
{
    return arena_printf(&document->arena, "%s%s%.*s", parent, parent[0] ? "." : "", (int)name.size,
                        name.data);
}

static const char *enum_at(struct document *document, const char *parent,
                           const google_protobuf_EnumDescriptorProto *type, const int32_t *path,
                           size_t len)
{
    const char *name = child(document, parent, google_protobuf_EnumDescriptorProto_name(type));
    if (len == 0)
        return name;
    size_t count;
    const google_protobuf_EnumValueDescriptorProto *const *values =
        google_protobuf_EnumDescriptorProto_value(type, &count);
    if (len != 2 || path[0] != ENUM_VALUE || (size_t)path[1] >= count || !name)
        return NULL;
    return child(document, name, google_protobuf_EnumValueDescriptorProto_name(values[path[1]]));
}

static const char *message_at(struct document *document, const char *parent,
                              const google_protobuf_DescriptorProto *type, const int32_t *path,
                              size_t len)
{
    const char *name = child(document, parent, google_protobuf_DescriptorProto_name(type));
    if (len == 0 || !name)
        return name;
    if (len < 2)
        return NULL;
    size_t count, at = (size_t)path[1];
    if (path[0] == MESSAGE_FIELD && len == 2) {
        const google_protobuf_FieldDescriptorProto *const *fields =
            google_protobuf_DescriptorProto_field(type, &count);
        return at < count
                   ? child(document, name, google_protobuf_FieldDescriptorProto_name(fields[at]))
                   : NULL;
    }
    if (path[0] == MESSAGE_NESTED) {
        const google_protobuf_DescriptorProto *const *nested =
            google_protobuf_DescriptorProto_nested_type(type, &count);
        return at < count ? message_at(document, name, nested[at], path + 2, len - 2) : NULL;
    }
    if (path[0] == MESSAGE_ENUM) {
        const google_protobuf_EnumDescriptorProto *const *enums =
            google_protobuf_DescriptorProto_enum_type(type, &count);
        return at < count ? enum_at(document, name, enums[at], path + 2, len - 2) : NULL;
    }
    return NULL;
}

static const char *service_at(struct document *document, const char *parent,
                              const google_protobuf_ServiceDescriptorProto *type,
                              const int32_t *path, size_t len)
{
    const char *name = child(document, parent, google_protobuf_ServiceDescriptorProto_name(type));
    size_t count;
    const google_protobuf_MethodDescriptorProto *const *methods =
        google_protobuf_ServiceDescriptorProto_method(type, &count);
    if (len == 0 || !name)
        return name;
    if (len != 2 || path[0] != SERVICE_METHOD || (size_t)path[1] >= count)
        return NULL;
    return child(document, name, google_protobuf_MethodDescriptorProto_name(methods[path[1]]));
}

/* The full name of what the path leads to; NULL for what nobody asks about. */
static const char *name_at(struct document *document,
                           const google_protobuf_FileDescriptorProto *file, const int32_t *path,
                           size_t len)
{
    upb_StringView view = google_protobuf_FileDescriptorProto_package(file);
    const char *package = arena_strndup(&document->arena, view.data ? view.data : "", view.size);
    size_t count, at = len >= 2 ? (size_t)path[1] : 0;
    if (len < 2 || !package)
        return NULL;
    if (path[0] == FILE_MESSAGE) {
        const google_protobuf_DescriptorProto *const *messages =
            google_protobuf_FileDescriptorProto_message_type(file, &count);
        return at < count ? message_at(document, package, messages[at], path + 2, len - 2) : NULL;
    }
    if (path[0] == FILE_ENUM) {
        const google_protobuf_EnumDescriptorProto *const *enums =
            google_protobuf_FileDescriptorProto_enum_type(file, &count);
        return at < count ? enum_at(document, package, enums[at], path + 2, len - 2) : NULL;
    }
    if (path[0] == FILE_SERVICE) {
        const google_protobuf_ServiceDescriptorProto *const *services =
            google_protobuf_FileDescriptorProto_service(file, &count);
        return at < count ? service_at(document, package, services[at], path + 2, len - 2) : NULL;
    }
    return NULL;
}

/* Lines joined, the blank after "//" taken off. */
static struct slice tidy(struct document *document, upb_StringView comment)
{
    char *text = arena_alloc(&document->arena, comment.size + 1);
    size_t len = 0;
    bool start = true;
    for (size_t i = 0; text && i < comment.size; i++) {
        char c = comment.data[i];
        if (start && c == ' ')
            continue;
        start = c == '\n';
        text[len++] = start ? ' ' : c;
    }
    while (len > 0 && text[len - 1] == ' ')
        len--;
    return slice_make(text, len);
}

static void load_file(struct document *document, const google_protobuf_FileDescriptorProto *file)
{
    const google_protobuf_SourceCodeInfo *info =
        google_protobuf_FileDescriptorProto_source_code_info(file);
    size_t count = 0;
    const google_protobuf_SourceCodeInfo_Location *const *locations =
        info ? google_protobuf_SourceCodeInfo_location(info, &count) : NULL;
    for (size_t i = 0; i < count && document->comment_count < OPENAPI_COMMENTS_MAX; i++) {
        upb_StringView text =
            google_protobuf_SourceCodeInfo_Location_leading_comments(locations[i]);
        size_t len;
        const int32_t *path = google_protobuf_SourceCodeInfo_Location_path(locations[i], &len);
        const char *name = text.size > 0 ? name_at(document, file, path, len) : NULL;
        if (name)
            document->comments[document->comment_count++] =
                (struct comment){name, tidy(document, text)};
    }
}

bool comments_load(struct document *document, struct slice descriptor_set)
{
    document->comments =
        arena_zalloc(&document->arena, OPENAPI_COMMENTS_MAX, sizeof(document->comments[0]));
    upb_Arena *arena = upb_Arena_New();
    const google_protobuf_FileDescriptorSet *set =
        arena
            ? google_protobuf_FileDescriptorSet_parse(descriptor_set.ptr, descriptor_set.len, arena)
            : NULL;
    if (set && document->comments) {
        size_t count = 0;
        const google_protobuf_FileDescriptorProto *const *files =
            google_protobuf_FileDescriptorSet_file(set, &count);
        for (size_t i = 0; i < count; i++)
            load_file(document, files[i]);
        qsort(document->comments, document->comment_count, sizeof(document->comments[0]), by_name);
    }
    if (arena)
        upb_Arena_Free(arena);
    return set && !document->arena.failed;
}

struct slice comment_of(const struct document *document, const char *full_name)
{
    const struct comment key = {.name = full_name};
    const struct comment *found = bsearch(&key, document->comments, document->comment_count,
                                          sizeof(document->comments[0]), by_name);
    return found ? found->text : (struct slice){0};
}

void write_description(struct document *document, const char *full_name)
{
    struct slice text = comment_of(document, full_name);
    if (text.len > 0) {
        json_key(&document->json, "description");
        json_slice(&document->json, text);
    }
}
