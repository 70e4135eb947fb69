#include "hub/openapi/openapi.h"

#include <ctype.h>
#include <stdio.h>

#include "hub/openapi/internal.h"

#define PATH_BYTES_MAX 512
#define JSON_TYPE "application/json"

static void text(struct document *document, const char *key, const char *value)
{
    json_key(&document->json, key);
    json_str(&document->json, value);
}

static void open_object(struct document *document, const char *key)
{
    json_key(&document->json, key);
    json_object(&document->json);
}

static void close_object(struct document *document)
{
    json_object_end(&document->json);
}

static void open_array(struct document *document, const char *key)
{
    json_key(&document->json, key);
    json_array(&document->json);
}

static void write_ref(struct document *document, const char *to)
{
    text(document, "$ref", to);
}

/* ---- paths --------------------------------------------------------------------------------------- */

/* "group.parent_id" as clients write it. */
static const char *spelled(struct document *document, const struct transcode_method *method,
                           const char *path)
{
    char *out = arena_zalloc(&document->arena, 2 * strlen(path) + 2, 1);
    struct slice rest = slice_str(path), done = slice_make(path, 0);
    while (out && rest.len > 0) {
        struct slice name = slice_cut(&rest, '.');
        done.len = (size_t)(name.ptr + name.len - path);
        const upb_FieldDef *field = transcode_request_field(method, done);
        size_t len = strlen(out);
        snprintf(out + len, 2 * strlen(path) + 2 - len, "%s%s", len > 0 ? "." : "",
                 upb_FieldDef_JsonName(field));
    }
    return out ? out : path;
}

/* The template with the k-th variable as names[k], or as nothing: templates that differ only in names are
 * one path of a document. */
static void path_text(const struct route_rule *rule, const char *const *names, char *out,
                      size_t cap)
{
    size_t len = 0, k = 0;
    for (const char *at = rule->pattern; *at && len + 1 < cap; at++) {
        if (*at != '{') {
            out[len++] = *at;
            continue;
        }
        len += (size_t)snprintf(out + len, cap - len, "{%s}", names ? names[k] : "");
        k++;
        at = strchr(at, '}');
    }
    out[len < cap ? len : cap - 1] = '\0';
}

static bool same_path(const struct route_rule *a, const struct route_rule *b)
{
    char left[PATH_BYTES_MAX], right[PATH_BYTES_MAX];
    path_text(a, NULL, left, sizeof(left));
    path_text(b, NULL, right, sizeof(right));
    return strcmp(left, right) == 0;
}

/* ---- parameters ---------------------------------------------------------------------------------- */

static void write_parameter(struct document *document, const char *in, const char *name,
                            const upb_FieldDef *field)
{
    json_object(&document->json);
    text(document, "name", name);
    text(document, "in", in);
    if (strcmp(in, "path") == 0) {
        json_key(&document->json, "required");
        json_bool(&document->json, true);
    }
    write_description(document, upb_FieldDef_FullName(field));
    open_object(document, "schema");
    write_field_schema(document, field);
    close_object(document);
    close_object(document);
}

static bool is_textual(const upb_FieldDef *field)
{
    if (!upb_FieldDef_IsSubMessage(field))
        return true;
    upb_WellKnown type = upb_MessageDef_WellKnownType(upb_FieldDef_MessageSubDef(field));
    return type == kUpb_WellKnown_Timestamp || type == kUpb_WellKnown_Duration ||
           type == kUpb_WellKnown_FieldMask ||
           (type >= kUpb_WellKnown_DoubleValue && type <= kUpb_WellKnown_BoolValue);
}

static bool is_bound(const struct route_rule *rule, const char *path)
{
    if (strcmp(rule->body, path) == 0)
        return true;
    for (size_t i = 0; i < rule->variable_count; i++) {
        if (strcmp(rule->variables[i], path) == 0)
            return true;
    }
    return false;
}

static void write_query(struct document *document, const struct route_rule *rule,
                        const upb_MessageDef *def, const char *prefix, unsigned depth)
{
    const struct transcode_method *method = rule->target;
    for (int i = 0; i < upb_MessageDef_FieldCount(def); i++) {
        const upb_FieldDef *field = upb_MessageDef_Field(def, i);
        const char *path = arena_printf(&document->arena, "%s%s%s", prefix, prefix[0] ? "." : "",
                                        upb_FieldDef_Name(field));
        if (!path || transcode_field_is_internal(document->transcode, field) ||
            is_bound(rule, path))
            continue;
        if (is_textual(field) && !upb_FieldDef_IsMap(field))
            write_parameter(document, "query", spelled(document, method, path), field);
        else if (!upb_FieldDef_IsRepeated(field) && depth < OPENAPI_QUERY_DEPTH_MAX)
            write_query(document, rule, upb_FieldDef_MessageSubDef(field), path, depth + 1);
    }
}

static void write_parameters(struct document *document, const struct route_rule *rule,
                             const char *const *names)
{
    const struct transcode_method *method = rule->target;
    open_array(document, "parameters");
    for (size_t i = 0; i < rule->variable_count; i++)
        write_parameter(document, "path", names[i],
                        transcode_request_field(method, slice_str(rule->variables[i])));
    if (strcmp(rule->body, "*") != 0)
        write_query(document, rule, method->request, "", 1);
    json_array_end(&document->json);
}

static void write_body(struct document *document, const struct route_rule *rule)
{
    const struct transcode_method *method = rule->target;
    if (rule->body[0] == '\0')
        return;
    bool whole = strcmp(rule->body, "*") == 0;
    open_object(document, "requestBody");
    json_key(&document->json, "required");
    json_bool(&document->json, !whole);
    open_object(document, "content");
    open_object(document, JSON_TYPE);
    open_object(document, "schema");
    if (whole)
        write_message_schema(document, method->request, rule->variables, rule->variable_count);
    else
        write_field_schema(document, transcode_request_field(method, slice_str(rule->body)));
    close_object(document);
    close_object(document);
    close_object(document);
    close_object(document);
}

/* ---- answers ------------------------------------------------------------------------------------- */

static void write_page_schema(struct document *document, const struct transcode_method *method)
{
    text(document, "type", "object");
    open_object(document, "properties");
    struct slice collection = method->collection;
    json_key_slice(&document->json, collection.len > 0 ? collection : SLICE_LIT("items"));
    json_object(&document->json);
    text(document, "type", "array");
    open_object(document, "items");
    write_message_ref(document, method->response);
    close_object(document);
    close_object(document);
    open_object(document, "nextPageToken");
    text(document, "type", "string");
    text(document, "description", "Empty or absent on the last page.");
    close_object(document);
    open_object(document, "unreachable");
    text(document, "type", "array");
    text(document, "description", "Realms whose part is missing.");
    open_object(document, "items");
    text(document, "type", "string");
    close_object(document);
    close_object(document);
    open_object(document, "federation");
    write_ref(document, "#/components/schemas/Federation");
    close_object(document);
    close_object(document);
}

static void write_line_schema(struct document *document, const struct transcode_method *method)
{
    open_array(document, "oneOf");
    json_object(&document->json);
    text(document, "type", "object");
    json_key(&document->json, "required");
    json_raw(&document->json, SLICE_LIT("[\"result\"]"));
    open_object(document, "properties");
    open_object(document, "result");
    write_message_ref(document, method->response);
    close_object(document);
    close_object(document);
    close_object(document);
    json_raw(&document->json, SLICE_LIT("{\"type\":\"object\",\"required\":[\"end\"],"
                                        "\"properties\":{\"end\":{\"type\":\"object\"}}}"));
    json_raw(&document->json, SLICE_LIT("{\"$ref\":\"#/components/schemas/Error\"}"));
    json_array_end(&document->json);
}

static void write_content(struct document *document, const char *type,
                          const struct transcode_method *method,
                          void (*schema)(struct document *, const struct transcode_method *))
{
    open_object(document, type);
    open_object(document, "schema");
    schema(document, method);
    close_object(document);
    close_object(document);
}

static void write_events_schema(struct document *document, const struct transcode_method *method)
{
    (void)method;
    text(document, "type", "string");
    text(document, "description", "Events result, end and error; their ids resume the stream.");
}

static void write_answers(struct document *document, const struct route_rule *rule)
{
    const struct transcode_method *method = rule->target;
    open_object(document, "responses");
    open_object(document, "200");
    struct slice about = comment_of(document, upb_MessageDef_FullName(method->response));
    json_key(&document->json, "description");
    json_slice(&document->json, about.len > 0 ? about : SLICE_LIT("OK"));
    open_object(document, "content");
    if (method->server_streaming) {
        write_content(document, JSON_TYPE, method, write_page_schema);
        write_content(document, "application/x-ndjson", method, write_line_schema);
        write_content(document, "text/event-stream", method, write_events_schema);
    } else {
        open_object(document, JSON_TYPE);
        open_object(document, "schema");
        if (rule->response_body[0])
            write_field_schema(
                document, upb_MessageDef_FindFieldByName(method->response, rule->response_body));
        else
            write_message_ref(document, method->response);
        close_object(document);
        close_object(document);
    }
    close_object(document);
    close_object(document);
    open_object(document, "default");
    write_ref(document, "#/components/responses/Error");
    close_object(document);
    close_object(document);
}

/* ---- operations ---------------------------------------------------------------------------------- */

/* How many earlier routes lead to the same method: ids of operations must differ. */
static size_t earlier_bindings(const struct route_table *routes, size_t index)
{
    size_t count = 0;
    for (size_t i = 0; i < index; i++)
        count += route_table_rule(routes, i)->target == route_table_rule(routes, index)->target;
    return count;
}

static bool lower_verb(const struct route_rule *rule, char out[8])
{
    static const char *const known[] = {"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(rule->verb, known[i]) != 0)
            continue;
        size_t len = 0;
        for (; known[i][len]; len++)
            out[len] = (char)tolower((unsigned char)known[i][len]);
        out[len] = '\0';
        return true;
    }
    return false; /* the document has no place for other verbs */
}

static const char *service_short(const struct transcode_method *method)
{
    const char *dot = strrchr(method->service.ptr, '.');
    return dot ? dot + 1 : method->service.ptr;
}

static void write_operation(struct document *document, size_t index, const char *const *names)
{
    const struct route_table *routes = transcode_routes(document->transcode);
    const struct route_rule *rule = route_table_rule(routes, index);
    const struct transcode_method *method = rule->target;
    char verb[8];
    if (!lower_verb(rule, verb))
        return;
    size_t earlier = earlier_bindings(routes, index);
    open_object(document, verb);
    const char *id =
        arena_printf(&document->arena, "%s_%s", service_short(method), method->name.ptr);
    text(document, "operationId",
         earlier > 0 && id ? arena_printf(&document->arena, "%s_%zu", id, earlier + 1) : id);
    open_array(document, "tags");
    json_str(&document->json, service_short(method));
    json_array_end(&document->json);
    write_description(document, upb_MethodDef_FullName(method->def));
    if (method->is_public)
        json_key(&document->json, "security"), json_raw(&document->json, SLICE_LIT("[]"));
    write_parameters(document, rule, names);
    write_body(document, rule);
    write_answers(document, rule);
    close_object(document);
}

static void write_path(struct document *document, size_t index)
{
    const struct route_table *routes = transcode_routes(document->transcode);
    const struct route_rule *first = route_table_rule(routes, index);
    for (size_t i = 0; i < index; i++) {
        if (same_path(route_table_rule(routes, i), first))
            return; /* written with that one */
    }
    const char *names[ROUTE_VARIABLES_MAX] = {NULL};
    for (size_t i = 0; i < first->variable_count; i++)
        names[i] = spelled(document, first->target, first->variables[i]);
    char path[PATH_BYTES_MAX];
    path_text(first, names, path, sizeof(path));
    open_object(document, path);
    for (size_t i = index; i < route_table_count(routes); i++) {
        if (same_path(route_table_rule(routes, i), first))
            write_operation(document, i, names);
    }
    close_object(document);
}

/* ---- the document -------------------------------------------------------------------------------- */

/* What no proto declares. */
static const struct {
    const char *name, *schema;
} own_schemas[] = {
    {"ErrorInfo",
     "{\"type\":\"object\",\"required\":[\"@type\",\"reason\",\"domain\"],\"properties\":{"
     "\"@type\":{\"type\":\"string\"},\"reason\":{\"type\":\"string\"},"
     "\"domain\":{\"type\":\"string\"},"
     "\"metadata\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}}}"},
    {"Error",
     "{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":\"object\","
     "\"required\":[\"code\",\"status\",\"message\",\"details\"],\"properties\":{"
     "\"code\":{\"type\":\"integer\"},\"status\":{\"type\":\"string\"},"
     "\"message\":{\"type\":\"string\"},\"details\":{\"type\":\"array\","
     "\"items\":{\"$ref\":\"#/components/schemas/ErrorInfo\"}}}}}}"},
    {"Problem", "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},"
                "\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
                "\"detail\":{\"type\":\"string\"},\"details\":{\"type\":\"array\","
                "\"items\":{\"$ref\":\"#/components/schemas/ErrorInfo\"}}}}"},
    {"Federation",
     "{\"type\":\"object\",\"properties\":{\"instances\":{\"type\":\"array\",\"items\":{"
     "\"type\":\"object\",\"properties\":{\"realm\":{\"type\":\"string\"},"
     "\"outcome\":{\"type\":\"string\"},\"items\":{\"type\":\"integer\"},"
     "\"elapsedMs\":{\"type\":\"number\"}}}}}}"},
};

static const char error_responses[] =
    "{\"Error\":{\"description\":\"What went wrong.\",\"content\":{"
    "\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/Error\"}},"
    "\"application/problem+json\":{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}}}";

static void write_info(struct document *document)
{
    text(document, "openapi", "3.1.0");
    open_object(document, "info");
    text(document, "title", document->options->title);
    text(document, "version", document->options->version);
    if (document->options->description)
        text(document, "description", document->options->description);
    close_object(document);
    json_key(&document->json, "servers");
    json_raw(&document->json, SLICE_LIT("[{\"url\":\"/\"}]"));
    json_key(&document->json, "security");
    json_raw(&document->json, SLICE_LIT("[{\"session\":[]}]"));
}

static void write_tags(struct document *document)
{
    open_array(document, "tags");
    const struct transcode_method *before = NULL;
    for (size_t i = 0; i < transcode_method_count(document->transcode); i++) {
        const struct transcode_method *method = transcode_method(document->transcode, i);
        bool seen = before && slice_equal(before->service, method->service);
        before = method;
        if (seen || method->realms == TRANSCODE_INTERNAL)
            continue;
        json_object(&document->json);
        text(document, "name", service_short(method));
        write_description(document, method->service.ptr);
        close_object(document);
    }
    json_array_end(&document->json);
}

static void write_components(struct document *document)
{
    open_object(document, "components");
    open_object(document, "securitySchemes");
    open_object(document, "session");
    text(document, "type", "apiKey");
    text(document, "in", "cookie");
    text(document, "name", document->options->cookie);
    close_object(document);
    close_object(document);
    json_key(&document->json, "responses");
    json_raw(&document->json, SLICE_LIT(error_responses));
    open_object(document, "schemas");
    for (size_t i = 0; i < sizeof(own_schemas) / sizeof(own_schemas[0]); i++) {
        json_key(&document->json, own_schemas[i].name);
        json_raw(&document->json, slice_str(own_schemas[i].schema));
    }
    write_schemas(document);
    close_object(document);
    close_object(document);
}

enum status openapi_write(const struct transcode *transcode, struct slice descriptor_set,
                          const struct openapi_options *options, struct buffer *out)
{
    struct document document = {.transcode = transcode, .options = options};
    arena_init(&document.arena, OPENAPI_ARENA_BYTES_MAX);
    document.messages =
        arena_zalloc(&document.arena, OPENAPI_SCHEMAS_MAX, sizeof(document.messages[0]));
    document.enums = arena_zalloc(&document.arena, OPENAPI_SCHEMAS_MAX, sizeof(document.enums[0]));
    enum status status = STATUS_RESOURCE_EXHAUSTED;
    if (document.messages && document.enums && comments_load(&document, descriptor_set)) {
        json_writer_init(&document.json, out);
        json_object(&document.json);
        write_info(&document);
        write_tags(&document);
        open_object(&document, "paths");
        for (size_t i = 0; i < route_table_count(transcode_routes(transcode)); i++)
            write_path(&document, i);
        close_object(&document);
        write_components(&document);
        json_object_end(&document.json);
        status = json_writer_finish(&document.json);
        if (document.arena.failed)
            status = STATUS_RESOURCE_EXHAUSTED;
    }
    arena_done(&document.arena);
    return status;
}
