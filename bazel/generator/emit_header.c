#include "bazel/generator/emit.h"

#include "bazel/generator/names.h"

static void emit_enum(const upb_EnumDef *type, struct arena *arena, struct buffer *out)
{
    const char *full_name = upb_EnumDef_FullName(type);
    buffer_printf(out, "typedef %s %s;\n", names_type(arena, full_name),
                  names_short(arena, full_name));
    buffer_printf(out, "#define %s_DESCRIPTOR (&%s__descriptor)\n",
                  names_short_upper(arena, full_name), names_lower(arena, full_name));
    for (int i = 0; i < upb_EnumDef_ValueCount(type); i++) {
        const upb_EnumValueDef *value = upb_EnumDef_Value(type, i);
        buffer_printf(out, "#define %s %s__%s\n", names_enum_value(arena, value),
                      names_upper(arena, full_name), upb_EnumValueDef_Name(value));
    }
    buffer_append_char(out, '\n');
}

static void emit_message(const upb_MessageDef *message, struct arena *arena, struct buffer *out)
{
    if (upb_MessageDef_IsMapEntry(message))
        return;
    const char *full_name = upb_MessageDef_FullName(message);
    const char *lower = names_lower(arena, full_name);
    const char *ours = names_short(arena, full_name);
    const char *ours_upper = names_short_upper(arena, full_name);
    buffer_printf(out, "typedef %s %s;\n", names_type(arena, full_name), ours);
    buffer_printf(out, "#define %s_INIT %s__INIT\n", ours_upper, names_upper(arena, full_name));
    buffer_printf(out, "#define %s_DESCRIPTOR (&%s__descriptor)\n", ours_upper, lower);
    buffer_printf(out, "static inline void %s_init(%s *message)\n{\n    %s__init(message);\n}\n\n",
                  ours, ours, lower);
    for (int i = 0; i < upb_MessageDef_NestedEnumCount(message); i++)
        emit_enum(upb_MessageDef_NestedEnum(message, i), arena, out);
    for (int i = 0; i < upb_MessageDef_NestedMessageCount(message); i++)
        emit_message(upb_MessageDef_NestedMessage(message, i), arena, out);
}

static void emit_handler(const upb_MethodDef *method, struct arena *arena, struct buffer *out)
{
    const upb_FileDef *file = upb_ServiceDef_File(upb_MethodDef_Service(method));
    buffer_printf(out, "    enum status (*%s)(struct rpc_ctx *ctx, const %s *req, ",
                  names_verb(arena, method),
                  names_message(arena, file, upb_MethodDef_InputType(method)));
    if (upb_MethodDef_ServerStreaming(method))
        buffer_printf(out, "struct %s_stream *stream);\n", names_method(arena, method));
    else
        buffer_printf(out, "%s *res);\n",
                      names_message(arena, file, upb_MethodDef_OutputType(method)));
}

static void emit_stream(const upb_MethodDef *method, struct arena *arena, struct buffer *out)
{
    buffer_printf(out, "struct %s_stream; /* takes items of %s only */\n",
                  names_method(arena, method), upb_MethodDef_Name(method));
    emit_send_signature(method, arena, out);
    buffer_append_str(out, ";\n\n");
}

static void emit_service(const upb_ServiceDef *service, struct arena *arena, struct buffer *out)
{
    const char *ours = names_short(arena, upb_ServiceDef_FullName(service));
    buffer_printf(out, "/* ---- %s ---- */\n\n", upb_ServiceDef_FullName(service));
    for (int i = 0; i < upb_ServiceDef_MethodCount(service); i++) {
        const upb_MethodDef *method = upb_ServiceDef_Method(service, i);
        if (upb_MethodDef_ServerStreaming(method))
            emit_stream(method, arena, out);
    }
    buffer_printf(out, "/* The handlers; each runs on its call's fiber. */\nstruct %s {\n", ours);
    for (int i = 0; i < upb_ServiceDef_MethodCount(service); i++)
        emit_handler(upb_ServiceDef_Method(service, i), arena, out);
    buffer_printf(out, "};\n\nextern const struct rpc_service %s_table;\n\n", ours);
    emit_add_signature(service, arena, out);
    buffer_append_str(out, ";\n\n");
    for (int i = 0; i < upb_ServiceDef_MethodCount(service); i++) {
        const upb_MethodDef *method = upb_ServiceDef_Method(service, i);
        if (upb_MethodDef_ServerStreaming(method))
            continue;
        emit_call_signature(method, arena, out);
        buffer_append_str(out, ";\n\n");
    }
}

void emit_header(const upb_FileDef *file, struct arena *arena, struct buffer *out)
{
    const char *guard = names_guard(arena, file, ".rpc.h");
    emit_banner(file, out);
    buffer_printf(out, "#ifndef %s\n#define %s\n\n", guard, guard);
    buffer_printf(out, "#include \"%s\"\n", names_output(arena, file, ".pb-c.h"));
    if (upb_FileDef_ServiceCount(file) > 0)
        buffer_append_str(out, "#include \"shared/rpc/rpc.h\"\n");
    buffer_append_char(out, '\n');
    for (int i = 0; i < upb_FileDef_TopLevelEnumCount(file); i++)
        emit_enum(upb_FileDef_TopLevelEnum(file, i), arena, out);
    for (int i = 0; i < upb_FileDef_TopLevelMessageCount(file); i++)
        emit_message(upb_FileDef_TopLevelMessage(file, i), arena, out);
    for (int i = 0; i < upb_FileDef_ServiceCount(file); i++)
        emit_service(upb_FileDef_Service(file, i), arena, out);
    buffer_append_str(out, "#endif\n");
}
