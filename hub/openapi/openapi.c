#include "hub/openapi/openapi.h"

#include "hub/openapi/components.h"
#include "hub/openapi/internal.h"

#define HEADER(name, component) "\"" name "\":{\"$ref\":\"#/components/headers/" component "\"}"
#define TIMING HEADER("Server-Timing", "ServerTiming")
#define RATES HEADER("RateLimit", "RateLimit") "," HEADER("RateLimit-Policy", "RateLimitPolicy")
#define MISSING HEADER("Federation-Incomplete", "FederationIncomplete")

static void write_info(struct document *document)
{
    const struct openapi_options *options = document->options;
    write_text(document, "openapi", "3.1.0");
    open_object(document, "info");
    write_text(document, "title", options->title);
    write_text(document, "version", options->version);
    if (options->description)
        write_text(document, "description", options->description);
    if (options->license) {
        open_object(document, "license");
        write_text(document, "name", options->license);
        write_text(document, "identifier", options->license);
        close_object(document);
    }
    close_object(document);
    json_key(&document->json, "servers");
    json_raw(&document->json, SLICE_LIT("[{\"url\":\"/\"}]"));
    json_key(&document->json, "security");
    json_raw(&document->json, SLICE_LIT("[{\"session\":[]},{\"sessionSecure\":[]}]"));
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
        write_text(document, "name", service_short(method));
        write_description(document, method->service.ptr);
        close_object(document);
    }
    if (document->options->paths.len > 0)
        json_raw(
            &document->json,
            SLICE_LIT("{\"name\":\"Site\",\"description\":\"What is served beside the API.\"}"));
    json_array_end(&document->json);
}

static void write_cookie(struct document *document, const char *scheme, const char *cookie,
                         const char *about)
{
    open_object(document, scheme);
    write_text(document, "type", "apiKey");
    write_text(document, "in", "cookie");
    write_text(document, "name", cookie);
    write_text(document, "description", about);
    close_object(document);
}

/* Each has the same headers, as far as they apply, and the same two contents. */
static const struct {
    const char *name, *about;
} error_responses[] = {
    {"BadRequest", "INVALID_ARGUMENT names the field that is wrong; FAILED_PRECONDITION: the thing "
                   "is not in a state for this."},
    {"Unauthorized", "UNAUTHENTICATED: no session, or one that has ended."},
    {"Forbidden", "PERMISSION_DENIED, or a change that a page of another origin asks for."},
    {"NotFound", "NOT_FOUND: it is not there, or the caller may not know that it is."},
    {"Conflict", "ALREADY_EXISTS; or ABORTED: somebody else was faster, read again."},
    {"PreconditionFailed", "It has another etag than If-Match says."},
    {"ContentTooLarge", "The body is larger than this method takes."},
    {"UnsupportedMediaType",
     "The body is not application/json, or none of the media types that are taken here."},
    {"UnprocessableContent", "The body is not what its media type says, or not as it has to be."},
    {"TooManyRequests", "RESOURCE_EXHAUSTED: a limit of the caller's."},
    {"InternalServerError", "INTERNAL: a fault of the server's own."},
    {"BadGateway", "DATA_LOSS: a realm answered what cannot be understood."},
    {"ServiceUnavailable", "UNAVAILABLE: the realm, or the database, is not there now."},
    {"GatewayTimeout",
     "DEADLINE_EXCEEDED: the answer did not come in time; a change may have happened."},
    {"Error", "Whatever else went wrong."},
};

static void write_responses(struct document *document)
{
    open_object(document, "responses");
    json_key(&document->json, "NothingFollows");
    json_raw(&document->json,
             SLICE_LIT("{\"description\":\"To an event stream that goes on: there is no more.\","
                       "\"headers\":{" TIMING "," RATES "}}"));
    json_key(&document->json, "NotModified");
    json_raw(&document->json,
             SLICE_LIT("{\"description\":\"It is as If-None-Match says.\",\"headers\":{" TIMING
                       "," HEADER("ETag", "ETag") "," HEADER("Content-Location",
                                                             "ContentLocation") "," MISSING "}}"));
    for (size_t i = 0; i < sizeof(error_responses) / sizeof(error_responses[0]); i++) {
        open_object(document, error_responses[i].name);
        write_text(document, "description", error_responses[i].about);
        json_key(&document->json, "headers");
        json_raw(&document->json, SLICE_LIT("{" TIMING "," RATES "," MISSING
                                            "," HEADER("Retry-After", "RetryAfter") "}"));
        json_key(&document->json, "content");
        json_raw(&document->json,
                 SLICE_LIT(
                     "{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/Error\"}},"
                     "\"application/problem+json\":{"
                     "\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}"));
        close_object(document);
    }
    close_object(document);
}

static void write_components(struct document *document)
{
    open_object(document, "components");
    open_object(document, "securitySchemes");
    write_cookie(document, "session", document->options->cookie,
                 "The session's cookie where the site is http: on one's own machine.");
    write_cookie(document, "sessionSecure", document->options->cookie_secure,
                 "The session's cookie where the site is https.");
    close_object(document);
    json_members(&document->json, slice_make(openapi_components, openapi_components_len));
    write_responses(document);
    open_object(document, "schemas");
    write_schemas(document);
    close_object(document);
    close_object(document);
}

enum status openapi_write(const struct transcode *transcode, struct slice descriptor_set,
                          const struct openapi_options *options, struct buffer *out)
{
    struct document document = {.transcode = transcode, .options = options};
    arena_init(&document.arena, OPENAPI_ARENA_BYTES_MAX);
    document.schemas =
        arena_zalloc(&document.arena, OPENAPI_SCHEMAS_MAX, sizeof(document.schemas[0]));
    enum status status = STATUS_RESOURCE_EXHAUSTED;
    if (document.schemas && comments_load(&document, descriptor_set)) {
        json_writer_init(&document.json, out);
        json_object(&document.json);
        write_info(&document);
        write_tags(&document);
        open_object(&document, "paths");
        for (size_t i = 0; i < route_table_count(transcode_routes(transcode)); i++)
            write_path(&document, i);
        json_members(&document.json, options->paths);
        close_object(&document);
        write_components(&document);
        json_object_end(&document.json);
        status = json_writer_finish(&document.json);
        if (document.arena.failed || document.broken)
            status = STATUS_RESOURCE_EXHAUSTED;
    }
    arena_done(&document.arena);
    return status;
}
