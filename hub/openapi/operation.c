/* Paths and what can be done with them. */
#include <ctype.h>
#include <stdio.h>

#include "hub/openapi/internal.h"

#define PATH_BYTES_MAX 512
#define JSON_TYPE "application/json"

static const struct transcode_method *method_of(const struct route_rule *rule)
{
    return rule->target;
}

/* ---- names --------------------------------------------------------------------------------------- */

const char *service_short(const struct transcode_method *method)
{
    const char *dot = strrchr(method->service.ptr, '.');
    return dot ? dot + 1 : method->service.ptr;
}

/* Joins what dots and underscores separate: "group.parent_id" is "groupParentId", with `upper` "GroupParentId". */
static const char *camel(struct document *document, const char *path, bool upper)
{
    char *name = arena_zalloc(&document->arena, strlen(path) + 1, 1);
    for (size_t len = 0; name && *path; path++) {
        if (*path == '.' || *path == '_') {
            upper = true;
            continue;
        }
        name[len++] = upper ? (char)toupper((unsigned char)*path) : *path;
        upper = false;
    }
    return name ? name : "";
}

/* "group.parent_id" as clients write it in a query. */
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

static const struct route_rule *first_binding(const struct document *document,
                                              const struct transcode_method *method)
{
    const struct route_table *routes = transcode_routes(document->transcode);
    size_t i = 0;
    while (route_table_rule(routes, i)->target != method)
        i++;
    return route_table_rule(routes, i);
}

static bool has_variable(const struct route_rule *rule, const char *name)
{
    for (size_t i = 0; i < rule->variable_count; i++) {
        if (strcmp(rule->variables[i], name) == 0)
            return true;
    }
    return false;
}

/* Another service has a method of that name that is a route as well. */
static bool name_is_ambiguous(const struct document *document,
                              const struct transcode_method *method)
{
    for (size_t i = 0; i < transcode_method_count(document->transcode); i++) {
        const struct transcode_method *other = transcode_method(document->transcode, i);
        if (other != method && other->realms != TRANSCODE_INTERNAL &&
            slice_equal(other->name, method->name))
            return true;
    }
    return false;
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

/* Of a later binding: what its path has besides the first one's, or its verb. */
const char *operation_id(struct document *document, const struct route_rule *rule)
{
    const struct transcode_method *method = rule->target;
    const struct route_rule *first = first_binding(document, method);
    char *id = arena_printf(&document->arena, "%s%s",
                            name_is_ambiguous(document, method) ? service_short(method) : "",
                            method->name.ptr);
    if (!id)
        return "";
    id[0] = (char)tolower((unsigned char)id[0]);
    if (rule == first)
        return id;
    const char *more = "";
    for (size_t i = 0; i < rule->variable_count; i++) {
        if (!has_variable(first, rule->variables[i]))
            more = arena_printf(&document->arena, "%sIn%s", more,
                                camel(document, rule->variables[i], true));
    }
    char verb[8];
    if (more && !more[0] && lower_verb(rule, verb))
        more = arena_printf(&document->arena, "By%s", camel(document, verb, true));
    char *full = more ? arena_printf(&document->arena, "%s%s", id, more) : NULL;
    return full ? full : "";
}

/* "CreateGroup" as "Create group". */
static const char *words(struct document *document, struct slice name)
{
    char *out = arena_zalloc(&document->arena, 2 * name.len + 1, 1);
    for (size_t i = 0, len = 0; out && i < name.len; i++) {
        if (i > 0 && isupper((unsigned char)name.ptr[i]))
            out[len++] = ' ';
        out[len++] = i > 0 ? (char)tolower((unsigned char)name.ptr[i]) : name.ptr[i];
    }
    return out ? out : "";
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

/* ---- what a route is ------------------------------------------------------------------------------ */

static bool reads(const struct route_rule *rule)
{
    return strcmp(rule->verb, "GET") == 0;
}

/* If-Match becomes the etag of the request, or of the message that is its body. */
static bool takes_etag(const struct route_rule *rule)
{
    const upb_MessageDef *def = method_of(rule)->request;
    const upb_FieldDef *body = upb_MessageDef_FindFieldByName(def, rule->body);
    if (upb_MessageDef_FindFieldByName(def, "etag"))
        return !reads(rule);
    return body && upb_FieldDef_IsSubMessage(body) && !upb_FieldDef_IsRepeated(body) &&
           upb_MessageDef_FindFieldByName(upb_FieldDef_MessageSubDef(body), "etag");
}

static bool gives_etag(const struct route_rule *rule)
{
    return method_of(rule)->item_etag && !method_of(rule)->server_streaming &&
           (!rule->response_body[0] || transcode_gives_media(rule));
}

static bool is_one_of_many(const struct route_rule *rule)
{
    const struct transcode_method *method = rule->target;
    return method->realms == TRANSCODE_ANY && method->realm &&
           !has_variable(rule, upb_FieldDef_Name(method->realm));
}

/* The hub asks realms to make it. */
static bool may_lack_realms(const struct route_rule *rule)
{
    const struct transcode_method *method = rule->target;
    return method->realms == TRANSCODE_HUB && method->item_unreachable &&
           method->idempotency == TRANSCODE_NO_SIDE_EFFECTS;
}

static bool is_rated(const struct route_rule *rule)
{
    const struct transcode_method *method = rule->target;
    return !method->is_public &&
           (method->idempotency != TRANSCODE_NO_SIDE_EFFECTS || method->server_streaming);
}

/* ---- parameters ---------------------------------------------------------------------------------- */

static void write_parameter(struct document *document, const char *in, const char *name,
                            const upb_FieldDef *field)
{
    bool in_path = strcmp(in, "path") == 0;
    json_object(&document->json);
    write_text(document, "name", name);
    write_text(document, "in", in);
    if (in_path || field_rule_of(document, field).required) {
        json_key(&document->json, "required");
        json_bool(&document->json, true);
    }
    write_description(document, upb_FieldDef_FullName(field));
    open_object(document, "schema");
    write_field_schema(document, SCHEMA_INPUT, field);
    close_object(document);
    close_object(document);
}

/* Which names it takes: those of the members that clients see. */
static const char *read_mask_pattern(struct document *document,
                                     const struct transcode_method *method)
{
    const upb_MessageDef *def = method->response;
    const char *names = "";
    for (int i = 0; i < upb_MessageDef_FieldCount(def); i++) {
        const upb_FieldDef *field = upb_MessageDef_Field(def, i);
        if (!transcode_field_is_internal(document->transcode, field))
            names = arena_printf(&document->arena, "%s%s%s", names ? names : "",
                                 names && names[0] ? "|" : "", upb_FieldDef_JsonName(field));
    }
    const char *pattern = arena_printf(&document->arena, "^(\\*|(%s)(,(%s))*)?$",
                                       names ? names : "", names ? names : "");
    return pattern ? pattern : "";
}

static void write_read_mask(struct document *document, const struct transcode_method *method)
{
    json_object(&document->json);
    write_text(document, "name", upb_FieldDef_JsonName(method->read_mask));
    write_text(document, "in", "query");
    write_description(document, upb_FieldDef_FullName(method->read_mask));
    open_object(document, "schema");
    write_text(document, "type", "string");
    write_text(document, "pattern", read_mask_pattern(document, method));
    close_object(document);
    close_object(document);
}

static void write_common_parameter(struct document *document, const char *name)
{
    json_object(&document->json);
    write_ref(document, "parameters", name);
    json_object_end(&document->json);
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

static void write_query(struct document *document, const struct route_rule *rule,
                        const upb_MessageDef *def, const char *prefix, unsigned depth)
{
    const struct transcode_method *method = rule->target;
    for (int i = 0; i < upb_MessageDef_FieldCount(def); i++) {
        const upb_FieldDef *field = upb_MessageDef_Field(def, i);
        const char *path = arena_printf(&document->arena, "%s%s%s", prefix, prefix[0] ? "." : "",
                                        upb_FieldDef_Name(field));
        if (!path || transcode_field_is_internal(document->transcode, field) ||
            strcmp(rule->body, path) == 0 || has_variable(rule, path))
            continue;
        if (field == method->read_mask)
            write_read_mask(document, method);
        else if (is_textual(field) && !upb_FieldDef_IsMap(field))
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
    if (method->idempotency != TRANSCODE_NO_SIDE_EFFECTS)
        write_common_parameter(document, "IdempotencyKey");
    if (reads(rule) && gives_etag(rule))
        write_common_parameter(document, "IfNoneMatch");
    if ((reads(rule) && gives_etag(rule)) || takes_etag(rule))
        write_common_parameter(document, "IfMatch");
    if (method->server_streaming)
        write_common_parameter(document, "LastEventId");
    json_array_end(&document->json);
}

static void write_media(struct document *document, const struct transcode_media *media)
{
    for (size_t i = 0; i < media->type_count; i++) {
        json_key(&document->json, media->types[i]);
        json_raw(&document->json,
                 SLICE_LIT("{\"schema\":{\"type\":\"string\",\"format\":\"binary\"}}"));
    }
}

static void write_json_body(struct document *document, const struct route_rule *rule)
{
    const struct transcode_method *method = rule->target;
    open_object(document, JSON_TYPE);
    open_object(document, "schema");
    if (strcmp(rule->body, "*") == 0)
        write_schema_ref(document, SCHEMA_BODY, rule);
    else
        write_field_schema(document, strcmp(rule->verb, "PATCH") == 0 ? SCHEMA_PATCH : SCHEMA_INPUT,
                           transcode_request_field(method, slice_str(rule->body)));
    close_object(document);
    write_body_example(document, rule);
    close_object(document);
}

static void write_body(struct document *document, const struct route_rule *rule)
{
    const struct transcode_media *media = transcode_takes_media(rule);
    char most[64];
    if (rule->body[0] == '\0')
        return;
    open_object(document, "requestBody");
    json_key(&document->json, "required");
    json_bool(&document->json, body_is_required(document, rule));
    open_object(document, "content");
    if (media)
        write_media(document, media);
    else
        write_json_body(document, rule);
    close_object(document);
    json_key(&document->json, "description");
    snprintf(most, sizeof(most), "At most %zu bytes.", transcode_body_bytes_max(method_of(rule)));
    json_str(&document->json, most);
    close_object(document);
}

/* ---- answers ------------------------------------------------------------------------------------- */

static void write_header(struct document *document, const char *name, const char *component)
{
    open_object(document, name);
    write_ref(document, "headers", component);
    close_object(document);
}

static void write_headers(struct document *document, const struct route_rule *rule)
{
    open_object(document, "headers");
    write_header(document, "Server-Timing", "ServerTiming");
    if (gives_etag(rule))
        write_header(document, "ETag", "ETag");
    if (is_one_of_many(rule)) {
        write_header(document, "Content-Location", "ContentLocation");
        write_header(document, "Federation-Incomplete", "FederationIncomplete");
    } else if (may_lack_realms(rule)) {
        write_header(document, "Federation-Incomplete", "FederationIncomplete");
    }
    if (is_rated(rule)) {
        write_header(document, "RateLimit", "RateLimit");
        write_header(document, "RateLimit-Policy", "RateLimitPolicy");
    }
    close_object(document);
}

static void write_content(struct document *document, const char *type, enum schema_kind kind,
                          const void *of)
{
    open_object(document, type);
    open_object(document, "schema");
    write_schema_ref(document, kind, of);
    close_object(document);
    close_object(document);
}

static void write_contents(struct document *document, const struct route_rule *rule)
{
    const struct transcode_method *method = rule->target;
    open_object(document, "content");
    if (method->server_streaming) {
        write_content(document, JSON_TYPE, SCHEMA_PAGE, rule);
        write_content(document, "application/x-ndjson", SCHEMA_LINE, rule);
        json_key(&document->json, "text/event-stream");
        json_raw(
            &document->json,
            SLICE_LIT("{\"schema\":{\"type\":\"string\",\"description\":\"Events result, end and "
                      "error, whose data are what a line of NDJSON has under that name; their ids "
                      "resume the stream.\"}}"));
        if (method->is_csv) {
            json_key(&document->json, "text/csv");
            json_raw(&document->json,
                     SLICE_LIT("{\"schema\":{\"type\":\"string\",\"description\":\"A row of the "
                               "names of the fields, then a row an item.\"}}"));
        }
    } else if (method->realms == TRANSCODE_EVERY) {
        write_content(document, JSON_TYPE, SCHEMA_EVERY, rule);
    } else if (transcode_gives_media(rule)) {
        write_media(document, transcode_gives_media(rule));
    } else if (rule->response_body[0]) {
        open_object(document, JSON_TYPE);
        open_object(document, "schema");
        write_field_schema(document, SCHEMA_ANSWER,
                           upb_MessageDef_FindFieldByName(method->response, rule->response_body));
        close_object(document);
        close_object(document);
    } else {
        write_content(document, JSON_TYPE, SCHEMA_ANSWER, method->response);
    }
    close_object(document);
}

static void write_error(struct document *document, const char *code, const char *component,
                        bool can_come)
{
    if (!can_come)
        return;
    open_object(document, code);
    write_ref(document, "responses", component);
    close_object(document);
}

/* Those that the hub and its realms answer this operation with; whatever else a proxy or a bug may say is the
 * default. */
static void write_errors(struct document *document, const struct route_rule *rule)
{
    const struct transcode_method *method = rule->target;
    bool conditional = takes_etag(rule) || (reads(rule) && gives_etag(rule));
    bool has_body = rule->body[0] != '\0';
    bool leaves_hub = method->realms != TRANSCODE_HUB;
    write_error(document, "304", "NotModified", reads(rule) && gives_etag(rule));
    write_error(document, "400", "BadRequest", true);
    write_error(document, "401", "Unauthorized", !method->is_public);
    write_error(document, "403", "Forbidden", method->needs_rights || !reads(rule));
    write_error(document, "404", "NotFound", leaves_hub || rule->variable_count > 0);
    write_error(document, "409", "Conflict", !reads(rule));
    write_error(document, "412", "PreconditionFailed", conditional);
    write_error(document, "413", "ContentTooLarge", has_body);
    write_error(document, "415", "UnsupportedMediaType", has_body);
    write_error(document, "422", "UnprocessableContent", transcode_takes_media(rule) != NULL);
    write_error(document, "429", "TooManyRequests", true);
    write_error(document, "500", "InternalServerError", true);
    write_error(document, "502", "BadGateway", leaves_hub);
    write_error(document, "503", "ServiceUnavailable", true);
    write_error(document, "504", "GatewayTimeout", true);
    write_error(document, "default", "Error", true);
}

static void write_answers(struct document *document, const struct route_rule *rule)
{
    const struct transcode_method *method = rule->target;
    struct slice about = comment_of(document, upb_MessageDef_FullName(method->response));
    open_object(document, "responses");
    open_object(document, "200");
    json_key(&document->json, "description");
    json_slice(&document->json, about.len > 0 ? about : SLICE_LIT("OK"));
    write_headers(document, rule);
    write_contents(document, rule);
    close_object(document);
    if (method->server_streaming)
        write_error(document, "204", "NothingFollows", true);
    write_errors(document, rule);
    close_object(document);
}

/* ---- operations ---------------------------------------------------------------------------------- */

/* The comment's first sentence, or the words of the name. */
static void write_summary(struct document *document, const struct transcode_method *method)
{
    struct slice about = comment_of(document, upb_MethodDef_FullName(method->def));
    const char *stop = about.len > 0 ? memmem(about.ptr, about.len, ". ", 2) : NULL;
    if (stop)
        about.len = (size_t)(stop - about.ptr);
    else if (about.len > 0 && about.ptr[about.len - 1] == '.')
        about.len--;
    json_key(&document->json, "summary");
    json_slice(&document->json, about.len > 0 ? about : slice_str(words(document, method->name)));
}

static void write_operation(struct document *document, const struct route_rule *rule,
                            const char *const *names)
{
    const struct transcode_method *method = rule->target;
    char verb[8];
    if (!lower_verb(rule, verb))
        return;
    open_object(document, verb);
    write_text(document, "operationId", operation_id(document, rule));
    open_array(document, "tags");
    json_str(&document->json, service_short(method));
    json_array_end(&document->json);
    write_summary(document, method);
    write_description(document, upb_MethodDef_FullName(method->def));
    if (method->is_public)
        json_key(&document->json, "security"), json_raw(&document->json, SLICE_LIT("[]"));
    write_parameters(document, rule, names);
    write_body(document, rule);
    write_answers(document, rule);
    close_object(document);
}

void write_path(struct document *document, size_t index)
{
    const struct route_table *routes = transcode_routes(document->transcode);
    const struct route_rule *first = route_table_rule(routes, index);
    for (size_t i = 0; i < index; i++) {
        if (same_path(route_table_rule(routes, i), first))
            return; /* written with that one */
    }
    const char *names[ROUTE_VARIABLES_MAX] = {NULL};
    for (size_t i = 0; i < first->variable_count; i++)
        names[i] = camel(document, first->variables[i], false);
    char path[PATH_BYTES_MAX];
    path_text(first, names, path, sizeof(path));
    open_object(document, path);
    for (size_t i = index; i < route_table_count(routes); i++) {
        if (same_path(route_table_rule(routes, i), first))
            write_operation(document, route_table_rule(routes, i), names);
    }
    close_object(document);
}
