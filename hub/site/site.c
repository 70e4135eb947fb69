#include "hub/site/site.h"

#include <stdio.h>

#include "hub/api/api.h"
#include "hub/api/cors.h"
#include "hub/openapi/openapi.h"
#include "hub/session/session_store.h"
#include "hub/site/site_paths.h"
#include "shared/base/clock.h"
#include "shared/base/version.h"

#define SITE_READINESS_BYTES_MAX 4096

enum status site_describe(const struct transcode *transcode, struct slice descriptor_set,
                          struct buffer *document)
{
    const struct openapi_options options = {
        .title = "PÉK Federation",
        .version = PEK_VERSION,
        .description = "Groups, memberships, policies and people of all realms behind one login.",
        .license = "MIT",
        .cookie = API_COOKIE,
        .cookie_secure = API_COOKIE_SECURE,
        .paths = slice_make(site_paths, site_paths_len),
    };
    return openapi_write(transcode, descriptor_set, &options, document);
}

enum status site_open(struct site *site, const struct site_options *options, struct fault *fault)
{
    *site = (struct site){
        .metrics = options->metrics, .keys = options->keys, .pg = options->pg, .api = options->api};
    buffer_init(&site->openapi, OPENAPI_BYTES_MAX);
    enum status status = site_describe(options->transcode, options->descriptor_set, &site->openapi);
    if (status)
        return fault_set(fault, status, NULL, "the API cannot be described");
    PEK_TRY(files_open(&site->files, fault));
    if (options->folder[0]) {
        PEK_TRY(files_add_folder(&site->files, options->folder, fault));
        PEK_TRY(pages_find(&site->files, &site->pages, fault));
    }
    return files_add(&site->files, SLICE_LIT("/openapi.json"), buffer_slice(&site->openapi), fault);
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
    char text[96];

    bool fresh = site->asked_us > 0 &&
                 clock_monotonic_us() - site->asked_us < SITE_READINESS_EVERY_MS * 1000;
    if (!pg_is_ready(site->pg)) {
        snprintf(text, sizeof(text), "not ready: %s\n", pg_unready(site->pg));
        reply(request, 503, "text/plain; charset=utf-8", slice_str(text));
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

static bool is_read(struct http_request *request)
{
    struct slice verb = http_method(request);
    return slice_equal_str(verb, "GET") || slice_equal_str(verb, "HEAD");
}

static const struct file *find_file(const struct site *site, const struct http_request *request)
{
    struct slice path = http_path(request); /* decoded; empty when it must not name a file */
    return pages_has(&site->pages, path) ? site->pages.index : files_find(&site->files, path);
}

/* A browser that opens an address is shown the site, which says that there is no such page; a program, and a script or a picture
 * that a page asks for, are told so in JSON. */
static bool opens_page(const struct site *site, struct http_request *request)
{
    static const char *const forms[] = {"application/json", "text/html"};
    return site->pages.index && is_read(request) && http_accept(request, forms, 2) == 1;
}

/* An address of the site that was typed with a slash behind it. The rest begins with one slash and then a word, as every address of
 * the site does, so it leads to no other host. */
static void redirect_before_slash(struct http_request *request)
{
    struct slice path = http_raw_path(request), query = http_query(request);
    const char *address = arena_printf(http_arena(request), "%.*s%s%.*s", (int)path.len - 1,
                                       path.ptr, query.len > 0 ? "?" : "", SLICE_ARG(query));
    const struct http_header_pair headers[] = {
        {SLICE_LIT("location"), slice_str(address ? address : "/")},
        {SLICE_LIT("cache-control"), SLICE_LIT("no-cache")},
    };
    http_reply(request, 308, headers, 2, SLICE_LIT(""));
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
    } else if (is_read(request) && pages_has_before_slash(&site->pages, http_path(request))) {
        redirect_before_slash(request);
    } else if (opens_page(site, request)) {
        file_reply_instead(site->pages.index, request);
    } else {
        (void)fault_set(&fault, STATUS_NOT_FOUND, NULL, "there is no such path");
        api_reply_fault(request, &fault, 0);
    }
}
