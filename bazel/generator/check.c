#include "bazel/generator/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "bazel/generator/names.h"

#define REFUSAL_BYTES_MAX 512

void check_refuse(const struct check *check, const char *format, ...)
{
    const upb_ServiceDef *service = upb_MethodDef_Service(check->method);
    char text[REFUSAL_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buffer_printf(check->refusals, "%s: %s.%s: %s\n",
                  upb_FileDef_Name(upb_ServiceDef_File(service)), upb_ServiceDef_Name(service),
                  upb_MethodDef_Name(check->method), text);
}

const upb_FieldDef *check_field(const upb_MessageDef *message, struct slice path)
{
    const upb_FieldDef *field = NULL;
    while (path.len > 0) {
        struct slice name = slice_cut(&path, '.');
        field = upb_MessageDef_FindFieldByNameWithSize(message, name.ptr, name.len);
        if (field == NULL || path.len == 0)
            return field;
        if (!upb_FieldDef_IsSubMessage(field) || upb_FieldDef_IsRepeated(field))
            return NULL;
        message = upb_FieldDef_MessageSubDef(field);
    }
    return field;
}

static void refuse_message(const upb_MessageDef *message, struct buffer *refusals,
                           const char *field, const char *why)
{
    buffer_printf(refusals, "%s: %s%s%s: %s\n", upb_FileDef_Name(upb_MessageDef_File(message)),
                  upb_MessageDef_FullName(message), field == NULL ? "" : ".",
                  field == NULL ? "" : field, why);
}

/* The messages between the one that is checked and the one that is looked at. */
struct trail {
    const upb_MessageDef *messages[CHECK_DEPTH_MAX];
    size_t depth;
};

enum nesting { NESTING_FINE, NESTING_RECURSIVE, NESTING_DEEP };

static enum nesting nesting_of(const upb_MessageDef *message, struct trail *trail)
{
    for (size_t i = 0; i < trail->depth; i++) {
        if (trail->messages[i] == message)
            return NESTING_RECURSIVE;
    }
    if (trail->depth == CHECK_DEPTH_MAX)
        return NESTING_DEEP;
    trail->messages[trail->depth++] = message;
    enum nesting nesting = NESTING_FINE;
    for (int i = 0; nesting == NESTING_FINE && i < upb_MessageDef_FieldCount(message); i++) {
        const upb_FieldDef *field = upb_MessageDef_Field(message, i);
        if (upb_FieldDef_IsSubMessage(field))
            nesting = nesting_of(upb_FieldDef_MessageSubDef(field), trail);
    }
    trail->depth--;
    return nesting;
}

static enum status check_message(const upb_MessageDef *message, bool nested, struct arena *arena,
                                 struct buffer *refusals)
{
    if (upb_MessageDef_IsMapEntry(message))
        return STATUS_OK; /* refused as the message that has the map */
    struct trail trail = {.depth = 0};
    switch (nesting_of(message, &trail)) {
    case NESTING_FINE: break;
    case NESTING_RECURSIVE:
        refuse_message(message, refusals, NULL,
                       "contains a recursive message; protobuf-c unpacks without a depth limit");
        break;
    case NESTING_DEEP: refuse_message(message, refusals, NULL, "is nested too deep"); break;
    }
    for (int i = 0; i < upb_MessageDef_FieldCount(message); i++) {
        const upb_FieldDef *field = upb_MessageDef_Field(message, i);
        if (_upb_FieldDef_IsProto3Optional(field))
            refuse_message(message, refusals, upb_FieldDef_Name(field),
                           "protobuf-c has no proto3 `optional`; use a oneof with one field");
    }
    enum status status = check_row(message, nested, arena, refusals);
    for (int i = 0; status == STATUS_OK && i < upb_MessageDef_NestedMessageCount(message); i++)
        status = check_message(upb_MessageDef_NestedMessage(message, i), true, arena, refusals);
    return status;
}

/* Methods share the C names of their package: "group_v1_get_group_call". */
static void check_names(const struct check *check)
{
    const upb_ServiceDef *own = upb_MethodDef_Service(check->method);
    const upb_FileDef *file = upb_ServiceDef_File(own);
    for (int i = 0; i < upb_ServiceDef_Index(own); i++) {
        const upb_ServiceDef *other = upb_FileDef_Service(file, i);
        if (upb_ServiceDef_FindMethodByName(other, upb_MethodDef_Name(check->method)) != NULL)
            check_refuse(check, "%s has a method of this name too", upb_ServiceDef_Name(other));
    }
}

static enum status check_method(const upb_MethodDef *method, struct arena *arena,
                                struct buffer *refusals)
{
    const upb_FileDef *file = upb_ServiceDef_File(upb_MethodDef_Service(method));
    struct method_options options;
    enum status status = options_read(upb_FileDef_Pool(file), method, arena, &options);
    if (status != STATUS_OK)
        return status;
    struct check check = {.method = method, .options = &options, .refusals = refusals};
    if (upb_MethodDef_ClientStreaming(method))
        check_refuse(&check, "client streaming is not supported");
    check_names(&check);
    check_access(&check);
    check_routing(&check);
    check_http(&check);
    return STATUS_OK;
}

enum status check_file(const upb_FileDef *file, struct arena *arena, struct buffer *refusals)
{
    if (upb_FileDef_Syntax(file) != kUpb_Syntax_Proto3)
        buffer_printf(refusals, "%s: syntax is not proto3\n", upb_FileDef_Name(file));
    for (int i = 0; i < upb_FileDef_TopLevelMessageCount(file); i++) {
        enum status status =
            check_message(upb_FileDef_TopLevelMessage(file, i), false, arena, refusals);
        if (status != STATUS_OK)
            return status;
    }
    for (int i = 0; i < upb_FileDef_ServiceCount(file); i++) {
        const upb_ServiceDef *service = upb_FileDef_Service(file, i);
        for (int j = 0; j < upb_ServiceDef_MethodCount(service); j++) {
            enum status status = check_method(upb_ServiceDef_Method(service, j), arena, refusals);
            if (status != STATUS_OK)
                return status;
        }
    }
    return refusals->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}
