/* What the options say of each method, resolved once. */
#include <google/protobuf/descriptor.upb.h>

#include "hub/transcode/internal.h"

struct loader {
    struct transcode *transcode;
    upb_Arena *arena; /* for options, only while loading */
    struct fault *fault;
};

#define REFUSE(loader, method, ...) refuse((loader)->fault, (method)->path.ptr, __VA_ARGS__)

static enum status refuse(struct fault *fault, const char *path, const char *what, const char *name)
{
    return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "%s: %s%s%s", path, what,
                     name[0] ? ": " : "", name);
}

static enum status no_memory(const struct loader *loader)
{
    return fault_set(loader->fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for the methods");
}

/* ---- reading options ----------------------------------------------------------------------------- */

static upb_MessageValue option_get(const struct loader *loader, const upb_Message *option,
                                   const char *type, const char *field)
{
    const upb_MessageDef *def = upb_DefPool_FindMessageByName(loader->transcode->pool, type);
    const upb_FieldDef *f = def ? upb_MessageDef_FindFieldByName(def, field) : NULL;
    upb_MessageValue value;
    memset(&value, 0, sizeof(value)); /* {0} would be its first member, which is one byte */
    return option && f ? upb_Message_Get(option, f) : value;
}

static struct slice option_text(const struct loader *loader, const upb_Message *option,
                                const char *type, const char *field)
{
    upb_StringView text = option_get(loader, option, type, field).str_val;
    return text.size > 0 ? arena_copy(&loader->transcode->arena, slice_of(text))
                         : (struct slice){0};
}

static const char *option_str(const struct loader *loader, const upb_Message *option,
                              const char *type, const char *field)
{
    upb_StringView text = option_get(loader, option, type, field).str_val;
    return arena_strndup(&loader->transcode->arena, text.data ? text.data : "", text.size);
}

/* ---- one method ---------------------------------------------------------------------------------- */

static const upb_FieldDef *typed_field(const upb_MessageDef *def, const char *name, upb_CType type,
                                       const char *message)
{
    const upb_FieldDef *field = upb_MessageDef_FindFieldByName(def, name);
    if (!field || upb_FieldDef_IsRepeated(field) || upb_FieldDef_CType(field) != type)
        return NULL;
    if (message && strcmp(upb_MessageDef_FullName(upb_FieldDef_MessageSubDef(field)), message) != 0)
        return NULL;
    return field;
}

/* A list of texts. */
static const upb_FieldDef *texts_field(const upb_MessageDef *def, const char *name)
{
    const upb_FieldDef *field = upb_MessageDef_FindFieldByName(def, name);
    return field && upb_FieldDef_IsRepeated(field) && upb_FieldDef_CType(field) == kUpb_CType_String
               ? field
               : NULL;
}

static void find_fields(struct transcode_method *method)
{
    const upb_MessageDef *request = method->request;
    method->realm = typed_field(request, "realm", kUpb_CType_String, NULL);
    method->page_size = typed_field(request, "page_size", kUpb_CType_Int32, NULL);
    method->page_token = typed_field(request, "page_token", kUpb_CType_String, NULL);
    method->after = typed_field(request, "after", kUpb_CType_Message, "pek.Cursor");
    method->byte_order_mark = typed_field(request, "byte_order_mark", kUpb_CType_Bool, NULL);
    method->live = typed_field(request, "live", kUpb_CType_Bool, NULL);
    method->update_mask =
        typed_field(request, "update_mask", kUpb_CType_Message, "google.protobuf.FieldMask");
    method->read_mask =
        typed_field(request, "read_mask", kUpb_CType_Message, "google.protobuf.FieldMask");
    method->told = typed_field(request, "told", kUpb_CType_Message, "pek.instance.v1.PeopleTold");
    method->users = typed_field(request, "user_id", kUpb_CType_String, NULL);
    if (!method->users)
        method->users = texts_field(request, "user_ids");
    method->item_realm = typed_field(method->response, "realm", kUpb_CType_String, NULL);
    method->item_id = typed_field(method->response, "id", kUpb_CType_String, NULL);
    method->item_etag = typed_field(method->response, "etag", kUpb_CType_String, NULL);
    method->item_unreachable = texts_field(method->response, "unreachable");
}

static enum status load_combine(const struct loader *loader, const upb_Message *routing,
                                struct transcode_method *method)
{
    const upb_MessageDef *def =
        upb_DefPool_FindMessageByName(loader->transcode->pool, "pek.Routing");
    const upb_FieldDef *option = def ? upb_MessageDef_FindFieldByName(def, "combine") : NULL;
    if (!option || !upb_Message_Has(routing, option))
        return STATUS_OK;
    const upb_Message *combine = upb_Message_Get(routing, option).msg_val;
    const char *type = "pek.Combine", *field = option_str(loader, combine, type, "field");
    method->combined = field ? typed_field(method->response, field, kUpb_CType_Int32, NULL) : NULL;
    method->combined_name = option_text(loader, combine, type, "name");
    method->combined_max = option_get(loader, combine, type, "max").uint32_val;
    method->is_whole = true;
    if (!method->combined || !method->combined_name.len || !method->combined_max ||
        method->page_size || method->realms != TRANSCODE_ALL)
        return REFUSE(loader, method, "what is combined is a number of a whole list of ALL realms",
                      "");
    return STATUS_OK;
}

static enum status load_routing(const struct loader *loader, struct transcode_method *method)
{
    const upb_Message *routing =
        method_option(loader->transcode->pool, method->def, "pek.routing", 0, loader->arena);
    if (!routing)
        return STATUS_OK;
    const char *type = "pek.Routing";
    int32_t realms = option_get(loader, routing, type, "realms").int32_val;
    if (realms < TRANSCODE_REALMS_UNSPECIFIED || realms > TRANSCODE_INTERNAL)
        return REFUSE(loader, method, "realms of a kind that is not known", "");
    method->realms = (enum transcode_realms)realms;
    method->is_document = option_get(loader, routing, type, "document").bool_val;
    method->is_whole = method->is_document;
    method->is_csv = option_get(loader, routing, type, "csv").bool_val;
    if (method->is_csv && (realms != TRANSCODE_ONE || !method->server_streaming))
        return REFUSE(loader, method, "CSV is of lists of one realm", "");
    method->collection = option_text(loader, routing, type, "collection");

    const char *sort_key = option_str(loader, routing, type, "sort_key");
    if (sort_key && sort_key[0]) {
        method->sort_key = typed_field(method->response, sort_key, kUpb_CType_Bytes, NULL);
        if (!method->sort_key)
            return REFUSE(loader, method, "the sort key is no bytes field", sort_key);
    }
    const upb_Array *identity = option_get(loader, routing, type, "identity").array_val;
    size_t count = identity ? upb_Array_Size(identity) : 0;
    if (count > TRANSCODE_IDENTITY_MAX)
        return REFUSE(loader, method, "too many identity fields", "");
    for (size_t i = 0; i < count; i++) {
        upb_StringView view = upb_Array_Get(identity, i).str_val;
        const char *name = arena_strndup(&loader->transcode->arena, view.data, view.size);
        if (!name)
            return no_memory(loader);
        method->identity[i] = typed_field(method->response, name, kUpb_CType_String, NULL);
        if (!method->identity[i])
            return REFUSE(loader, method, "the identity is no string field", name);
    }
    method->identity_count = count;
    method->items_max = option_get(loader, routing, type, "items_max").uint32_val;
    return load_combine(loader, routing, method);
}

static enum status check_merge(const struct loader *loader, const struct transcode_method *method)
{
    if (method->realms != TRANSCODE_ALL)
        return STATUS_OK;
    if (method->server_streaming && (method->collection.len == 0 || method->identity_count == 0))
        return REFUSE(loader, method, "a stream of ALL realms needs collection and identity", "");
    if (!method->realm)
        return REFUSE(loader, method, "a call to ALL realms needs a request field realm", "");
    return STATUS_OK;
}

/* A realm looks at what it is told where it looks at rights: nowhere else is it the hub's word. */
static enum status check_told(const struct loader *loader, const struct transcode_method *method)
{
    if (method->told && (!method->users || !method->needs_rights ||
                         method->realms != TRANSCODE_ONE || method->server_streaming))
        return REFUSE(
            loader, method,
            "people are told of with a call to ONE realm that needs rights and has user_id "
            "or user_ids",
            "");
    return STATUS_OK;
}

/* A CSV has a column for each field, and what has another body than the answer has no fields to choose from. */
static enum status check_read_mask(const struct loader *loader,
                                   const struct transcode_method *method)
{
    if (method->read_mask && (method->is_csv || method->is_whole || method->item_media.field ||
                              upb_MessageDef_FieldCount(method->response) > TRANSCODE_SHOWN_MAX))
        return REFUSE(loader, method,
                      "a read mask is of fields of JSON, 64 at most, and not of a whole list", "");
    return STATUS_OK;
}

static void load_access(const struct loader *loader, struct transcode_method *method)
{
    const upb_Message *access;
    for (size_t i = 0; (access = method_option(loader->transcode->pool, method->def, "pek.access",
                                               i, loader->arena)) != NULL;
         i++) {
        method->is_public |= option_get(loader, access, "pek.Access", "public").bool_val;
        method->needs_rights |=
            !option_get(loader, access, "pek.Access", "public").bool_val &&
            !option_get(loader, access, "pek.Access", "authenticated").bool_val &&
            !option_get(loader, access, "pek.Access", "filter").bool_val;
    }
}

static enum status fill_method(const struct loader *loader, const upb_ServiceDef *service,
                               const upb_MethodDef *def, struct transcode_method *method)
{
    struct arena *arena = &loader->transcode->arena;
    const char *path =
        arena_printf(arena, "/%s/%s", upb_ServiceDef_FullName(service), upb_MethodDef_Name(def));
    if (!path)
        return no_memory(loader);
    *method = (struct transcode_method){
        .path = slice_str(path),
        .service = slice_str(upb_ServiceDef_FullName(service)),
        .name = slice_str(upb_MethodDef_Name(def)),
        .def = def,
        .request = upb_MethodDef_InputType(def),
        .response = upb_MethodDef_OutputType(def),
        .server_streaming = upb_MethodDef_ServerStreaming(def),
    };
    if (upb_MethodDef_ClientStreaming(def))
        return REFUSE(loader, method, "client streaming is not served", "");
    int32_t idempotency =
        google_protobuf_MethodOptions_idempotency_level(upb_MethodDef_Options(def));
    if (idempotency == TRANSCODE_NO_SIDE_EFFECTS || idempotency == TRANSCODE_IDEMPOTENT)
        method->idempotency = (enum transcode_idempotency)idempotency;
    const upb_Message *limits =
        method_option(loader->transcode->pool, def, "pek.limits", 0, loader->arena);
    method->request_bytes_max =
        option_get(loader, limits, "pek.Limits", "request_bytes_max").uint32_val;
    find_fields(method);
    load_access(loader, method);
    if (media_load(loader->transcode, method->request, &method->media) ||
        media_load(loader->transcode, method->response, &method->item_media))
        return no_memory(loader);
    enum status status = load_routing(loader, method);
    if (status == STATUS_OK)
        status = check_told(loader, method);
    if (status == STATUS_OK)
        status = check_read_mask(loader, method);
    return status == STATUS_OK ? check_merge(loader, method) : status;
}

/* ---- google.api.http ----------------------------------------------------------------------------- */

/* The message type that a field or a map's values hold; NULL for all else. */
static const upb_MessageDef *message_below(const upb_FieldDef *field)
{
    if (!upb_FieldDef_IsSubMessage(field))
        return NULL;
    const upb_MessageDef *below = upb_FieldDef_MessageSubDef(field);
    if (!upb_FieldDef_IsMap(field))
        return below;
    const upb_FieldDef *value =
        upb_MessageDef_FindFieldByNumber(below, kUpb_MapEntry_ValueFieldNumber);
    return upb_FieldDef_IsSubMessage(value) ? upb_FieldDef_MessageSubDef(value) : NULL;
}

/* What keeps a request's message from being made of JSON; NULL when nothing does. Each type is looked at once,
 * however many fields lead to it. */
static const char *untranscodable(struct transcode *transcode, const upb_MessageDef *def)
{
    struct plan *plan = plan_for(transcode, def);
    if (!plan)
        return "no memory for a request";
    if (plan->walk != PLAN_UNSEEN)
        return plan->walk == PLAN_OPEN ? "a request's message holds itself" : NULL;
    plan->walk = PLAN_OPEN;
    for (int i = 0; i < upb_MessageDef_FieldCount(def); i++) {
        const upb_FieldDef *field = upb_MessageDef_Field(def, i);
        const upb_MessageDef *below = message_below(field);
        if (!below || transcode_is_internal(transcode, field))
            continue;
        upb_WellKnown type = upb_MessageDef_WellKnownType(below);
        if (type == kUpb_WellKnown_Any || type >= kUpb_WellKnown_Value)
            return "a request holds a message of no fixed type";
        const char *problem =
            type == kUpb_WellKnown_Unspecified ? untranscodable(transcode, below) : NULL;
        if (problem)
            return problem;
    }
    plan->walk = PLAN_CLOSED;
    return NULL;
}

static enum status check_rule(const struct loader *loader, const struct transcode_method *method,
                              const struct route_rule *rule)
{
    const struct transcode *transcode = loader->transcode;
    for (size_t i = 0; i < rule->variable_count; i++) {
        const upb_FieldDef *field = field_resolve(method->request, slice_str(rule->variables[i]));
        if (!field || upb_FieldDef_IsRepeated(field) || !value_is_textual(field) ||
            transcode_is_internal(transcode, field))
            return REFUSE(loader, method, "a path variable is no fitting field",
                          rule->variables[i]);
    }
    if (rule->body[0] && strcmp(rule->body, "*") != 0) {
        const upb_FieldDef *field = upb_MessageDef_FindFieldByName(method->request, rule->body);
        if (!field || transcode_is_internal(transcode, field))
            return REFUSE(loader, method, "the body is no field", rule->body);
    }
    if (rule->response_body[0]) {
        const upb_FieldDef *field =
            upb_MessageDef_FindFieldByName(method->response, rule->response_body);
        if (!field || transcode_is_internal(transcode, field) || method->server_streaming ||
            !upb_FieldDef_IsSubMessage(field) || upb_FieldDef_IsMap(field))
            return REFUSE(loader, method, "the response_body is no message or list of messages",
                          rule->response_body);
    }
    return STATUS_OK;
}

static bool read_pattern(const struct loader *loader, const upb_Message *http,
                         struct route_rule *ret_rule)
{
    static const struct {
        const char *field, *verb;
    } verbs[] = {
        {"get", "GET"}, {"put", "PUT"}, {"post", "POST"}, {"delete", "DELETE"}, {"patch", "PATCH"},
    };
    const char *type = "google.api.HttpRule";
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        ret_rule->pattern = option_str(loader, http, type, verbs[i].field);
        ret_rule->verb = verbs[i].verb;
        if (ret_rule->pattern && ret_rule->pattern[0])
            return true;
    }
    const upb_MessageDef *def = upb_DefPool_FindMessageByName(loader->transcode->pool, type);
    const upb_FieldDef *custom = upb_MessageDef_FindFieldByName(def, "custom");
    if (!upb_Message_Has(http, custom))
        return false;
    const upb_Message *pattern = upb_Message_Get(http, custom).msg_val;
    ret_rule->verb = option_str(loader, pattern, "google.api.CustomHttpPattern", "kind");
    ret_rule->pattern = option_str(loader, pattern, "google.api.CustomHttpPattern", "path");
    return ret_rule->verb && ret_rule->pattern;
}

static enum status add_rule(const struct loader *loader, const struct transcode_method *method,
                            const upb_Message *http)
{
    const char *type = "google.api.HttpRule";
    struct transcode *transcode = loader->transcode;
    struct route_rule rule = {.target = method};
    if (!read_pattern(loader, http, &rule))
        return REFUSE(loader, method, "google.api.http without a path", "");
    rule.body = option_str(loader, http, type, "body");
    rule.response_body = option_str(loader, http, type, "response_body");
    if (transcode->arena.failed)
        return no_memory(loader);
    enum status status = route_table_add(transcode->routes, &rule, loader->fault);
    if (status != STATUS_OK)
        return status;
    return check_rule(
        loader, method,
        route_table_rule(transcode->routes, route_table_count(transcode->routes) - 1));
}

static enum status add_rules(const struct loader *loader, const struct transcode_method *method)
{
    const upb_Message *http =
        method_option(loader->transcode->pool, method->def, "google.api.http", 0, loader->arena);
    if (!http || method->realms == TRANSCODE_INTERNAL)
        return STATUS_OK;
    const char *problem = untranscodable(loader->transcode, method->request);
    if (problem)
        return REFUSE(loader, method, problem, "");
    enum status status = add_rule(loader, method, http);
    const upb_Array *more =
        option_get(loader, http, "google.api.HttpRule", "additional_bindings").array_val;
    for (size_t i = 0; status == STATUS_OK && more && i < upb_Array_Size(more); i++)
        status = add_rule(loader, method, upb_Array_Get(more, i).msg_val);
    return status;
}

/* ---- all ----------------------------------------------------------------------------------------- */

static enum status load_service(const struct loader *loader, const upb_ServiceDef *service)
{
    struct transcode *transcode = loader->transcode;
    for (int i = 0; i < upb_ServiceDef_MethodCount(service); i++) {
        if (transcode->method_count == TRANSCODE_METHODS_MAX)
            return fault_set(loader->fault, STATUS_RESOURCE_EXHAUSTED, NULL, "more than %d methods",
                             TRANSCODE_METHODS_MAX);
        struct method_entry *entry = &transcode->methods[transcode->method_count++];
        enum status status =
            fill_method(loader, service, upb_ServiceDef_Method(service, i), &entry->method);
        if (status != STATUS_OK)
            return status;
        entry->response_plan = plan_for(transcode, entry->method.response);
        if (!entry->response_plan || !plan_for(transcode, entry->method.request))
            return no_memory(loader);
    }
    return STATUS_OK;
}

static enum status load_files(const struct loader *loader,
                              const google_protobuf_FileDescriptorSet *set)
{
    size_t count = 0;
    const google_protobuf_FileDescriptorProto *const *files =
        google_protobuf_FileDescriptorSet_file(set, &count);
    for (size_t i = 0; i < count; i++) {
        upb_StringView name = google_protobuf_FileDescriptorProto_name(files[i]);
        const upb_FileDef *file =
            upb_DefPool_FindFileByNameWithSize(loader->transcode->pool, name.data, name.size);
        for (int j = 0; j < upb_FileDef_ServiceCount(file); j++) {
            enum status status = load_service(loader, upb_FileDef_Service(file, j));
            if (status != STATUS_OK)
                return status;
        }
    }
    /* Internal fields are all known now: rules are judged by them. */
    plans_prune(loader->transcode);
    enum status named = enums_check(loader->transcode, loader->fault);
    if (named != STATUS_OK)
        return named;
    for (size_t i = 0; i < loader->transcode->method_count; i++) {
        enum status status = add_rules(loader, &loader->transcode->methods[i].method);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status methods_load(struct transcode *transcode, struct slice descriptor_set,
                         struct fault *fault)
{
    struct loader loader = {transcode, upb_Arena_New(), fault};
    if (!loader.arena)
        return no_memory(&loader);
    enum status status;
    const google_protobuf_FileDescriptorSet *set = google_protobuf_FileDescriptorSet_parse(
        descriptor_set.ptr, descriptor_set.len, loader.arena);
    transcode->methods =
        arena_zalloc(&transcode->arena, TRANSCODE_METHODS_MAX, sizeof(transcode->methods[0]));
    if (set && transcode->methods)
        status = load_files(&loader, set);
    else
        status = no_memory(&loader);
    upb_Arena_Free(loader.arena);
    return status;
}
