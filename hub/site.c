#include "hub/site.h"

#include <stdio.h>

#include "hub/api/api.h"
#include "hub/openapi/openapi.h"
#include "hub/session/session_store.h"
#include "hub/web_app.h"
#include "hub/web_page.h"
#include "hub/web_style.h"
#include "shared/base/clock.h"

#define SITE_READINESS_BYTES_MAX 4096

enum status site_open(struct site *site, const struct transcode *transcode,
                      struct slice descriptor_set, const struct jwt_keys *keys,
                      struct metrics *metrics, struct pg *pg, struct fault *fault)
{
    const struct openapi_options options = {
        .title = "PÉK Federation",
        .version = "v1",
        .description = "Groups of all realms behind one login.",
        .cookie = API_COOKIE,
    };
    *site = (struct site){.metrics = metrics, .keys = keys, .pg = pg};
    buffer_init(&site->openapi, OPENAPI_BYTES_MAX);
    enum status status = openapi_write(transcode, descriptor_set, &options, &site->openapi);
    return status ? fault_set(fault, status, NULL, "the API cannot be described") : STATUS_OK;
}

void site_close(struct site *site)
{
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

static void answer_openapi(struct site *site, struct http_request *request)
{
    reply(request, 200, "application/json", buffer_slice(&site->openapi));
}

static void answer_page(struct site *site, struct http_request *request)
{
    (void)site;
    reply(request, 200, "text/html; charset=utf-8", slice_make(web_page, web_page_len));
}

static void answer_app(struct site *site, struct http_request *request)
{
    (void)site;
    reply(request, 200, "text/javascript; charset=utf-8", slice_make(web_app, web_app_len));
}

static void answer_style(struct site *site, struct http_request *request)
{
    (void)site;
    reply(request, 200, "text/css; charset=utf-8", slice_make(web_style, web_style_len));
}

void site_handle(struct site *site, struct http_request *request)
{
    static const struct {
        const char *path;
        void (*answer)(struct site *site, struct http_request *request);
    } pages[] = {
        {"/healthz", answer_healthz}, {"/readyz", answer_readyz},
        {"/metrics", answer_metrics}, {"/openapi.json", answer_openapi},
        {"/", answer_page},           {"/app.js", answer_app},
        {"/style.css", answer_style}, {"/.well-known/jwks.json", answer_jwks},
    };
    struct slice path = http_raw_path(request), verb = http_method(request);
    struct fault fault;

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (!slice_equal_str(path, pages[i].path))
            continue;
        if (slice_equal_str(verb, "GET") || slice_equal_str(verb, "HEAD")) {
            pages[i].answer(site, request);
            return;
        }
        http_add_header(request, "allow", SLICE_LIT("GET, HEAD"));
        (void)fault_set_reason(&fault, STATUS_UNIMPLEMENTED, "METHOD_NOT_ALLOWED", NULL,
                               "this path takes GET, HEAD");
        api_reply_fault(request, &fault, 405);
        return;
    }
    (void)fault_set(&fault, STATUS_NOT_FOUND, NULL, "there is no such path");
    api_reply_fault(request, &fault, 0);
}
