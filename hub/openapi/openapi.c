#include "hub/openapi/openapi.h"

#include "hub/openapi/components.h"
#include "hub/openapi/internal.h"

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
        json_raw(&document->json,
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
