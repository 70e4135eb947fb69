#include "hub/site/site.h"

#include <stdio.h>

#include "hub/api/api.h"
#include "hub/api/cors.h"
#include "hub/openapi/openapi.h"
#include "hub/session/session_store.h"
#include "hub/site/site_paths.h"
#include "hub/site/web_app.h"
#include "hub/site/web_icon.h"
#include "hub/site/web_page.h"
#include "hub/site/web_style.h"
#include "shared/base/clock.h"
#include "shared/base/version.h"

#define SITE_READINESS_BYTES_MAX 4096

/* What stands in the folder comes before what is built in. */
static enum status add_files(struct site *site, const char *folder, struct fault *fault)
{
    const struct {
        const char *path;
        struct slice body;
    } built_in[] = {
        {"/openapi.json", buffer_slice(&site->openapi)},
        {"/index.html", slice_make(web_page, web_page_len)},
        {"/app.js", slice_make(web_app, web_app_len)},
        {"/icon.svg", slice_make(web_icon, web_icon_len)},
        {"/style.css", slice_make(web_style, web_style_len)},
    };

    enum status status = folder[0] ? files_add_folder(&site->files, folder, fault) : STATUS_OK;
    for (size_t i = 0; !status && i < (folder[0] ? 1 : sizeof(built_in) / sizeof(built_in[0])); i++)
        status = files_add(&site->files, slice_str(built_in[i].path), built_in[i].body, fault);
    return status;
}

enum status site_open(struct site *site, const struct site_options *options, struct fault *fault)
{
    const struct openapi_options openapi = {
        .title = "PÉK Federation",
        .version = PEK_VERSION,
        .description = "Groups, memberships, policies and people of all realms behind one login.",
        .license = "MIT",
        .cookie = API_COOKIE,
        .cookie_secure = API_COOKIE_SECURE,
        .paths = slice_make(site_paths, site_paths_len),
    };
    *site = (struct site){
        .metrics = options->metrics, .keys = options->keys, .pg = options->pg, .api = options->api};
    buffer_init(&site->openapi, OPENAPI_BYTES_MAX);
    enum status status =
        openapi_write(options->transcode, options->descriptor_set, &openapi, &site->openapi);
    if (status)
        return fault_set(fault, status, NULL, "the API cannot be described");
    status = files_open(&site->files, fault);
    return status ? status : add_files(site, options->folder, fault);
}

void site_close(struct site *site)
{
    files_close(&site->files);
    buffer_done(&site->openapi);
}

static void reply(struct http_request *request, int code, const char *type, struct slice body)
{
    const struct http_header_pair headers[] = {
        {SLICE_LIT("content-type"), slice_str(type)},
        {SLICE_LIT("cache-control"), SLICE_LIT("no-store")},
    };
    http_reply(request, code, headers, 2, body);
}

/* The process runs. */
static void answer_healthz(struct site *site, struct http_request *request)
{
    (void)site;
    reply(request, 200, "text/plain; charset=utf-8", SLICE_LIT("ok\n"));
}

/* By looking one up: a connection may be there and its every statement fail. */
static void ask_readiness(struct site *site)
{
    struct arena arena;
    struct cancel cancel;
    struct session_row row;

    site->asking = true;
    arena_init(&arena, SITE_READINESS_BYTES_MAX);
    cancel_init(&cancel, deadline_after_ms(SITE_READINESS_WAIT_MS));
    enum status status = session_store_load(site->pg, &cancel, SLICE_LIT(""), 1, &arena, &row);
    site->readiness = status == STATUS_NOT_FOUND ? STATUS_OK : status;
    site->asked_us = clock_monotonic_us();
    site->asking = false;
    arena_done(&arena);
}

/* Sessions can be looked up. A worker that is down does not unready the hub. */
static void answer_readyz(struct site *site, struct http_request *request)
{
    char text[64];

    bool fresh = site->asked_us > 0 &&
                 clock_monotonic_us() - site->asked_us < SITE_READINESS_EVERY_MS * 1000;
    if (!pg_is_ready(site->pg)) {
        reply(request, 503, "text/plain; charset=utf-8",
              SLICE_LIT("not ready: no database connection\n"));
        return;
    }
    if (!site->asking && (!fresh || site->readiness))
        ask_readiness(site);
    if (site->asked_us == 0) {
        reply(request, 503, "text/plain; charset=utf-8",
              SLICE_LIT("not ready: sessions are being looked up for the first time\n"));
        return;
    }
    snprintf(text, sizeof(text), "not ready: sessions cannot be looked up: %s\n",
             status_name(site->readiness));
    reply(request, site->readiness ? 503 : 200, "text/plain; charset=utf-8",
          site->readiness ? slice_str(text) : SLICE_LIT("ready\n"));
}

static void answer_metrics(struct site *site, struct http_request *request)
{
    struct buffer body;

    buffer_init(&body, SITE_METRICS_BYTES_MAX);
    metrics_write(site->metrics, &body);
    reply(request, body.failed ? 500 : 200, METRICS_CONTENT_TYPE, buffer_slice(&body));
    buffer_done(&body);
}

static void answer_jwks(struct site *site, struct http_request *request)
{
    struct buffer body;

    buffer_init(&body, JWT_JWKS_BYTES_MAX);
    enum status status = jwt_keys_write_jwks(site->keys, &body);
    reply(request, status ? 500 : 200, "application/jwk-set+json", buffer_slice(&body));
    buffer_done(&body);
}

/* "/" and "/x/" are their index.html. */
static const struct file *find_file(const struct site *site, struct http_request *request)
{
    struct slice path = http_path(request); /* decoded; empty when it must not name a file */

    if (path.len > 0 && path.ptr[path.len - 1] == '/')
        path = slice_str(arena_printf(http_arena(request), "%.*sindex.html", SLICE_ARG(path)));
    return path.len > 0 ? files_find(&site->files, path) : NULL;
}

static bool is_read(struct http_request *request)
{
    struct slice verb = http_method(request);
    return slice_equal_str(verb, "GET") || slice_equal_str(verb, "HEAD");
}

void site_handle(struct site *site, struct http_request *request)
{
    static const struct {
        const char *path;
        void (*answer)(struct site *site, struct http_request *request);
    } pages[] = {
        {"/healthz", answer_healthz},
        {"/readyz", answer_readyz},
        {"/metrics", answer_metrics},
        {"/.well-known/jwks.json", answer_jwks},
    };
    struct slice path = http_raw_path(request);
    struct fault fault;

    if (slice_equal_str(path, "*")) {
        api_reply_wrong_verb(site->api, request, SLICE_LIT("GET, HEAD, POST, PATCH, PUT, DELETE"));
        return;
    }
    const struct file *file = find_file(site, request);
    bool found = file != NULL;
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (!slice_equal_str(path, pages[i].path))
            continue;
        found = true;
        if (is_read(request)) {
            pages[i].answer(site, request);
            return;
        }
    }
    /* The description is for the tools of others, too, as their pages may use what it describes. */
    if (slice_equal_str(path, "/openapi.json"))
        cors_add_headers(site->api, request);
    if (file && is_read(request)) {
        if (file_reply(file, request, &fault))
            api_reply_fault(request, &fault, fault.status == STATUS_FAILED_PRECONDITION ? 412 : 0);
    } else if (found) {
        api_reply_wrong_verb(site->api, request, SLICE_LIT("GET, HEAD"));
    } else {
        (void)fault_set(&fault, STATUS_NOT_FOUND, NULL, "there is no such path");
        api_reply_fault(request, &fault, 0);
    }
}
