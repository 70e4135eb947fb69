#include "bazel/generator/emit.h"

#include "bazel/generator/names.h"
#include "bazel/generator/options.h"

void emit_banner(const upb_FileDef *file, struct buffer *out)
{
    buffer_printf(out, "/* Written by protoc-gen-pek from %s: change that instead. */\n",
                  upb_FileDef_Name(file));
}

static const upb_FileDef *file_of(const upb_MethodDef *method)
{
    return upb_ServiceDef_File(upb_MethodDef_Service(method));
}

static const char *request_of(const upb_MethodDef *method, struct arena *arena)
{
    return names_message(arena, file_of(method), upb_MethodDef_InputType(method));
}

static const char *response_of(const upb_MethodDef *method, struct arena *arena)
{
    return names_message(arena, file_of(method), upb_MethodDef_OutputType(method));
}

void emit_call_signature(const upb_MethodDef *method, struct arena *arena, struct buffer *out)
{
    buffer_printf(out,
                  "PEK_MUST_CHECK enum status %s_call(\n"
                  "    struct rpc_channel *channel, const %s *req,\n"
                  "    const struct rpc_pair *metadata, size_t metadata_count,\n"
                  "    struct cancel *cancel, struct arena *arena,\n"
                  "    %s **ret_res, struct fault *fault)",
                  names_method(arena, method), request_of(method, arena),
                  response_of(method, arena));
}

void emit_send_signature(const upb_MethodDef *method, struct arena *arena, struct buffer *out)
{
    const char *name = names_method(arena, method);
    buffer_printf(out,
                  "PEK_MUST_CHECK enum status %s_send(struct %s_stream *stream, const %s *item)",
                  name, name, response_of(method, arena));
}

void emit_add_signature(const upb_ServiceDef *service, struct arena *arena, struct buffer *out)
{
    const char *ours = names_short(arena, upb_ServiceDef_FullName(service));
    buffer_printf(out,
                  "PEK_MUST_CHECK enum status %s_add(struct rpc_host *host, const struct %s *ops,\n"
                  "    void *data, struct fault *fault)",
                  ours, ours);
}

/* "message->group == NULL || message->group->id == NULL": in-process callers may leave any pointer
 * NULL. */
static void emit_reader(const upb_MethodDef *method, const char *what, size_t index,
                        const char *path, struct arena *arena, struct buffer *out)
{
    char *chain = arena_printf(arena, "message");
    buffer_printf(out,
                  "static const char *%s_%s_%zu(const void *request)\n{\n"
                  "    const %s *message = request;\n    if (",
                  names_verb(arena, method), what, index, request_of(method, arena));
    struct slice rest = slice_str(path);
    for (bool first = true; rest.len > 0; first = false) {
        struct slice name = slice_cut(&rest, '.');
        const char *member = arena_strndup(arena, name.ptr, name.len);
        if (member == NULL)
            return;
        chain = arena_printf(arena, "%s->%s", chain, names_member(arena, member));
        if (chain == NULL)
            return;
        buffer_printf(out, "%s%s == NULL", first ? "" : " || ", chain);
    }
    buffer_printf(out, ")\n        return \"\";\n    return %s;\n}\n\n", chain);
}

static const char *target_path(const struct option_access *rule)
{
    if (rule->group[0] != '\0')
        return rule->group;
    if (rule->policy[0] != '\0')
        return rule->policy;
    return rule->user[0] != '\0' ? rule->user : NULL;
}

static void emit_rule(const upb_MethodDef *method, const struct option_access *rule, size_t index,
                      struct arena *arena, struct buffer *out)
{
    const char *path = target_path(rule);
    if (rule->public) {
        buffer_append_str(out, "    {.kind = RPC_ACCESS_PUBLIC},\n");
        return;
    }
    if (rule->authenticated) {
        buffer_append_str(out, "    {.kind = RPC_ACCESS_AUTHENTICATED},\n");
        return;
    }
    if (rule->right.number != 0)
        buffer_printf(out, "    {\n        .kind = %s,\n        .right = %d, /* %s */\n",
                      rule->filter ? "RPC_ACCESS_POLICY_FILTER" : "RPC_ACCESS_POLICY",
                      rule->right.number, rule->right.name);
    else
        buffer_printf(out, "    {\n        .kind = %s,\n        .action = %d, /* %s */\n",
                      rule->filter ? "RPC_ACCESS_FILTER" : "RPC_ACCESS_TARGET", rule->action.number,
                      rule->action.name);
    if (rule->realm_action.number != 0)
        buffer_printf(out, "        .realm_action = %d, /* %s */\n", rule->realm_action.number,
                      rule->realm_action.name);
    if (path != NULL)
        buffer_printf(out,
                      "        .field = \"%s\",\n        .on_user = %s,\n"
                      "        .target = %s_target_%zu,\n",
                      path, path == rule->user ? "true" : "false", names_verb(arena, method),
                      index);
    if (rule->self[0] != '\0')
        buffer_printf(out, "        .self = %s_self_%zu,\n", names_verb(arena, method), index);
    buffer_append_str(out, "    },\n");
}

static void emit_access(const upb_MethodDef *method, const struct method_options *options,
                        struct arena *arena, struct buffer *out)
{
    for (size_t i = 0; i < options->access_count; i++) {
        const struct option_access *rule = &options->access[i];
        if (target_path(rule) != NULL)
            emit_reader(method, "target", i, target_path(rule), arena, out);
        if (rule->self[0] != '\0')
            emit_reader(method, "self", i, rule->self, arena, out);
    }
    buffer_printf(out, "static const struct rpc_access %s_access[] = {\n",
                  names_verb(arena, method));
    for (size_t i = 0; i < options->access_count; i++)
        emit_rule(method, &options->access[i], i, arena, out);
    buffer_append_str(out, "};\n\n");
}

static void emit_thunks(const upb_MethodDef *method, struct arena *arena, struct buffer *out)
{
    const char *service =
        names_short(arena, upb_ServiceDef_FullName(upb_MethodDef_Service(method)));
    const char *verb = names_verb(arena, method);
    const char *name = names_method(arena, method);
    if (upb_MethodDef_ServerStreaming(method)) {
        buffer_printf(out, "struct %s_stream {\n    struct rpc_stream *stream;\n};\n\n", name);
        emit_send_signature(method, arena, out);
        buffer_append_str(out,
                          "\n{\n    return rpc_stream_send(stream->stream, &item->base);\n}\n\n");
    }
    buffer_printf(out,
                  "static bool %s_implemented(const void *ops)\n{\n"
                  "    const struct %s *service = ops;\n    return service->%s != NULL;\n}\n\n",
                  verb, service, verb);
    buffer_printf(out,
                  "static enum status %s_dispatch(const void *ops, struct rpc_ctx *ctx,\n"
                  "    const void *request, void *response, struct rpc_stream *stream)\n{\n"
                  "    const struct %s *service = ops;\n",
                  verb, service);
    if (upb_MethodDef_ServerStreaming(method))
        buffer_printf(out,
                      "    (void)response;\n    struct %s_stream typed = {stream};\n"
                      "    return service->%s(ctx, request, &typed);\n}\n\n",
                      name, verb);
    else
        buffer_printf(
            out, "    (void)stream;\n    return service->%s(ctx, request, response);\n}\n\n", verb);
}

static bool has_position(const upb_MethodDef *method, const struct method_options *options)
{
    return upb_MethodDef_ServerStreaming(method) && options->identity_count > 0;
}

/* In-process callers may leave any pointer NULL. */
static void emit_position(const upb_MethodDef *method, const struct method_options *options,
                          struct arena *arena, struct buffer *out)
{
    if (!has_position(method, options))
        return;
    const char *id = names_member(arena, options->identity[options->identity_count - 1]);
    buffer_printf(out,
                  "static void %s_position(const void *item, struct slice *ret_sort_key,\n"
                  "    const char **ret_id)\n{\n    const %s *message = item;\n",
                  names_verb(arena, method), response_of(method, arena));
    if (options->sort_key[0] != '\0') {
        const char *key = names_member(arena, options->sort_key);
        buffer_printf(out, "    *ret_sort_key = slice_make(message->%s.data, message->%s.len);\n",
                      key, key);
    } else {
        buffer_append_str(out, "    *ret_sort_key = slice_make(NULL, 0);\n");
    }
    buffer_printf(out, "    *ret_id = message->%s == NULL ? \"\" : message->%s;\n}\n\n", id, id);
}

static bool is_string(const upb_FieldDef *field)
{
    return upb_FieldDef_CType(field) == kUpb_CType_String && !upb_FieldDef_IsRepeated(field);
}

static const upb_FieldDef *read_mask_of(const upb_MethodDef *method)
{
    return upb_MessageDef_FindFieldByName(upb_MethodDef_InputType(method), "read_mask");
}

/* Answers of which sometimes not all is sent: what a mask leaves out, or what the caller has already. */
static bool is_cut(const upb_MethodDef *method, const struct method_options *options)
{
    const upb_FieldDef *etag =
        upb_MessageDef_FindFieldByName(upb_MethodDef_OutputType(method), "etag");
    return read_mask_of(method) != NULL ||
           (options->idempotency == google_protobuf_MethodOptions_NO_SIDE_EFFECTS &&
            !upb_MethodDef_ServerStreaming(method) && etag != NULL && is_string(etag));
}

/* What an answer is found, told apart and put in order by, and whom it lacks. */
static bool is_kept(const upb_FieldDef *field, const struct method_options *options)
{
    const char *name = upb_FieldDef_Name(field), *end = strrchr(name, '_');
    for (size_t i = 0; i < options->identity_count; i++)
        if (strcmp(name, options->identity[i]) == 0)
            return true;
    if (strcmp(name, options->sort_key) == 0 || strcmp(name, "unreachable") == 0)
        return true;
    return is_string(field) && (strcmp(name, "realm") == 0 || strcmp(name, "id") == 0 ||
                                strcmp(name, "etag") == 0 || (end && strcmp(end, "_id") == 0));
}

static void emit_cut(const upb_MethodDef *method, const struct method_options *options,
                     struct arena *arena, struct buffer *out)
{
    const upb_MessageDef *answer = upb_MethodDef_OutputType(method);
    const char *verb = names_verb(arena, method);
    if (!is_cut(method, options))
        return;
    buffer_printf(out, "static const char *const %s_kept[] = {\n", verb);
    for (int i = 0; i < upb_MessageDef_FieldCount(answer); i++)
        if (is_kept(upb_MessageDef_Field(answer, i), options))
            buffer_printf(out, "    \"%s\",\n", upb_FieldDef_Name(upb_MessageDef_Field(answer, i)));
    buffer_append_str(out, "    NULL,\n};\n\n");
    if (read_mask_of(method) != NULL)
        buffer_printf(
            out,
            "static const Google__Protobuf__FieldMask *%s_read_mask(const void *request)\n"
            "{\n    const %s *message = request;\n    return message->read_mask;\n}\n\n",
            verb, request_of(method, arena));
}

static const char *idempotency_name(int32_t level)
{
    switch (level) {
    case google_protobuf_MethodOptions_NO_SIDE_EFFECTS: return "RPC_NO_SIDE_EFFECTS";
    case google_protobuf_MethodOptions_IDEMPOTENT: return "RPC_IDEMPOTENT";
    default: return "RPC_IDEMPOTENCY_UNKNOWN";
    }
}

static void emit_row(const upb_MethodDef *method, const struct method_options *options,
                     struct arena *arena, struct buffer *out)
{
    const char *verb = names_verb(arena, method);
    const char *service = upb_ServiceDef_FullName(upb_MethodDef_Service(method));
    buffer_printf(out,
                  "    {\n        .name = \"%s\",\n        .path = \"/%s/%s\",\n"
                  "        .request = &%s__descriptor,\n        .response = &%s__descriptor,\n"
                  "        .server_streaming = %s,\n        .idempotency = %s,\n",
                  upb_MethodDef_Name(method), service, upb_MethodDef_Name(method),
                  names_lower(arena, upb_MessageDef_FullName(upb_MethodDef_InputType(method))),
                  names_lower(arena, upb_MessageDef_FullName(upb_MethodDef_OutputType(method))),
                  upb_MethodDef_ServerStreaming(method) ? "true" : "false",
                  idempotency_name(options->idempotency));
    buffer_printf(out,
                  "        .request_bytes_max = %u,\n        .access = %s_access,\n"
                  "        .access_count = %zu,\n",
                  options->request_bytes_max, verb, options->access_count);
    if (has_position(method, options))
        buffer_printf(out, "        .position = %s_position,\n", verb);
    if (is_cut(method, options))
        buffer_printf(out, "        .kept = %s_kept,\n", verb);
    if (read_mask_of(method) != NULL)
        buffer_printf(out, "        .read_mask = %s_read_mask,\n", verb);
    buffer_printf(
        out, "        .implemented = %s_implemented,\n        .dispatch = %s_dispatch,\n    },\n",
        verb, verb);
}

static void emit_call(const upb_MethodDef *method, const char *service, struct arena *arena,
                      struct buffer *out)
{
    emit_call_signature(method, arena, out);
    /* The descriptor of the row makes the message of this type. */
    buffer_printf(out,
                  "\n{\n    ProtobufCMessage *message;\n"
                  "    enum status status = rpc_call_unary(channel, &%s_methods[%d], &req->base,\n"
                  "        metadata, metadata_count, cancel, arena, &message, fault);\n"
                  "    if (status == STATUS_OK)\n        *ret_res = (%s *)message;\n"
                  "    return status;\n}\n\n",
                  service, upb_MethodDef_Index(method), response_of(method, arena));
}

static void emit_service(const upb_ServiceDef *service, struct arena *arena, struct buffer *out)
{
    const upb_DefPool *pool = upb_FileDef_Pool(upb_ServiceDef_File(service));
    const char *ours = names_short(arena, upb_ServiceDef_FullName(service));
    int count = upb_ServiceDef_MethodCount(service);
    struct method_options *options = arena_zalloc(arena, (size_t)count, sizeof(*options));
    if (options == NULL)
        return;
    for (int i = 0; i < count; i++) {
        const upb_MethodDef *method = upb_ServiceDef_Method(service, i);
        if (options_read(pool, method, arena, &options[i]) != STATUS_OK)
            return; /* the arena is full, which the caller sees */
        emit_access(method, &options[i], arena, out);
        emit_thunks(method, arena, out);
        emit_position(method, &options[i], arena, out);
        emit_cut(method, &options[i], arena, out);
    }
    buffer_printf(out, "static const struct rpc_method %s_methods[] = {\n", ours);
    for (int i = 0; i < count; i++)
        emit_row(upb_ServiceDef_Method(service, i), &options[i], arena, out);
    buffer_printf(out,
                  "};\n\nconst struct rpc_service %s_table = {\n    .name = \"%s\",\n"
                  "    .methods = %s_methods,\n    .method_count = %d,\n};\n\n",
                  ours, upb_ServiceDef_FullName(service), ours, count);
    emit_add_signature(service, arena, out);
    buffer_printf(out, "\n{\n    return rpc_host_add(host, &%s_table, ops, data, fault);\n}\n\n",
                  ours);
    for (int i = 0; i < count; i++) {
        const upb_MethodDef *method = upb_ServiceDef_Method(service, i);
        if (!upb_MethodDef_ServerStreaming(method))
            emit_call(method, ours, arena, out);
    }
}

void emit_source(const upb_FileDef *file, struct arena *arena, struct buffer *out)
{
    emit_banner(file, out);
    buffer_printf(out, "#include \"%s\"\n", names_output(arena, file, ".rpc.h"));
    if (upb_FileDef_ServiceCount(file) > 0)
        buffer_append_char(out, '\n');
    for (int i = 0; i < upb_FileDef_ServiceCount(file); i++)
        emit_service(upb_FileDef_Service(file, i), arena, out);
}
