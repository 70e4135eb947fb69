#include "hub/api/api.h"

#include <stdio.h>

#include "hub/api/cors.h"
#include "hub/api/format.h"
#include "shared/base/clock.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"
#include "shared/service/change.h"

enum status api_init(struct api *api, const struct api_options *options)
{
    *api = (struct api){.options = *options, .budget = {RETRY_BUDGET_BURST}};
    list_init(&api->streams);
    return api_shares_init(&api->shares, &options->limits);
}

void api_done(struct api *api)
{
    api_shares_done(&api->shares);
}

#define CONTENT_TYPE "CONTENT_TYPE"
/* Reasons of faults that HTTP has a code for. */
static const struct {
    const char *reason;
    int code;
} codes[] = {
    {API_PRECONDITION_FAILED, 412}, {TRANSCODE_REQUEST_TOO_LARGE, 413}, {CONTENT_TYPE, 415},
    {"CONTENT_INVALID", 422}, /* of the right type, and not what it says */
    {CHANGE_NO_ROOM, 503},    /* 429 would blame the caller */
    {CHANGE_NO_PRIMARY, 503},
};

/* ---- before the call --------------------------------------------------------------------------- */

struct slice api_session_token(struct http_request *request, size_t n)
{
    /* Over HTTPS only the name that no sibling domain can set. */
    return http_cookie(request, http_is_secure(request) ? API_COOKIE_SECURE : API_COOKIE, n);
}

enum status api_find_session(const struct api *api, struct http_request *request,
                             struct slice *ret_token, struct session **ret_session,
                             struct fault *fault)
{
    for (size_t n = 0;; n++) {
        struct slice token = api_session_token(request, n);
        enum status status = session_find(api->options.sessions, http_cancel(request), token,
                                          http_arena(request), ret_session, fault);
        /* A name without any cookie is refused as well, once. */
        if (status == STATUS_UNAUTHENTICATED && token.ptr)
            continue;
        if (!status)
            *ret_token = token;
        return status;
    }
}

static bool is_safe(struct slice verb)
{
    return slice_equal_str(verb, "GET") || slice_equal_str(verb, "HEAD") ||
           slice_equal_str(verb, "OPTIONS");
}

static bool origin_is_ours(const struct api *api, struct http_request *request, struct slice origin)
{
    char expected[300];

    if (api->options.public_origin[0])
        return slice_equal_str(origin, api->options.public_origin);
    struct slice host = http_host(request);
    int len = snprintf(expected, sizeof(expected), "%s://%.*s",
                       http_is_secure(request) ? "https" : "http", SLICE_ARG(host));
    return len > 0 && (size_t)len < sizeof(expected) && slice_equal_str(origin, expected);
}

enum status api_check_json(struct http_request *request, struct fault *fault)
{
    return http_body(request).len == 0 || http_content_is(request, "application/json")
               ? STATUS_OK
               : fault_set_reason(fault, STATUS_INVALID_ARGUMENT, CONTENT_TYPE, "content-type",
                                  "send Content-Type: application/json, in UTF-8");
}

enum status api_check_origin(const struct api *api, struct http_request *request,
                             struct fault *fault)
{
    struct slice site = http_header(request, "sec-fetch-site", 0);
    struct slice origin = http_header(request, "origin", 0);

    if (cors_allows(api, origin))
        return STATUS_OK;
    if (site.ptr && !slice_equal_str(site, "same-origin") && !slice_equal_str(site, "none"))
        return fault_set_reason(fault, STATUS_PERMISSION_DENIED, "CROSS_ORIGIN", "sec-fetch-site",
                                "requests from other sites are refused");
    if (origin.ptr && !origin_is_ours(api, request, origin))
        return fault_set_reason(fault, STATUS_PERMISSION_DENIED, "CROSS_ORIGIN", "origin",
                                "requests from other origins are refused");
    return STATUS_OK;
}

int api_http_code(const struct fault *fault)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(fault->reason, codes[i].reason) == 0)
            return codes[i].code;
    /* What a realm answered was not to be read, or not its own: that is not this hub's own failure. */
    return fault->status == STATUS_DATA_LOSS ? 502 : status_http(fault->status);
}

void api_reply_fault(struct http_request *request, const struct fault *fault, int http_code)
{
    static const char *const types[] = {"application/json", "application/problem+json"};
    bool problem = http_accept(request, types, 2) == 1;
    const struct http_header_pair headers[] = {
        {SLICE_LIT("content-type"), slice_str(types[problem])},
        {SLICE_LIT("cache-control"), SLICE_LIT("no-store")},
        {SLICE_LIT("vary"), SLICE_LIT("accept")},
    };
    int code = http_code ? http_code : api_http_code(fault);
    struct buffer body;

    if (fault->retry_after_ms > 0) {
        char after[24];
        snprintf(after, sizeof(after), "%lld", (long long)(fault->retry_after_ms + 999) / 1000);
        http_add_header(request, "retry-after", slice_str(after));
    }
    buffer_init(&body, 8192);
    transcode_error_json(fault, code, problem, &body);
    http_reply(request, code, headers, 3, buffer_slice(&body));
    buffer_done(&body);
}

/* ---- the call ---------------------------------------------------------------------------------- */

/* W3C trace context: that of this request's span, or the client's, or a new one that nobody records. */
static struct slice trace_context(struct http_request *request, const struct span *own)
{
    char recorded[TRACEPARENT_BYTES + 1];
    struct slice given = http_header(request, "traceparent", 0);
    unsigned char random[24];
    char trace[33], span[17];
    bool sampled;

    if (own->tracer) {
        span_traceparent(own, recorded);
        return slice_str(arena_printf(http_arena(request), "%s", recorded));
    }
    if (rpc_traceparent_id(given, &sampled).len > 0)
        return given;
    crypto_random_id(random, sizeof(random));
    hex_encode(slice_make(random, 16), trace);
    hex_encode(slice_make(random + 16, 8), span);
    return slice_str(arena_printf(http_arena(request), "00-%s-%s-00", trace, span));
}

static void begin_span(struct api_call *call)
{
    struct tracer *tracer = call->api->options.tracer;

    if (!tracer)
        return;
    tracer_begin(tracer, http_header(call->http, "traceparent", 0), SPAN_SERVER, &call->span);
    if (!call->span.tracer)
        return;
    call->span.started_us = http_started_us(call->http);
    http_cancel(call->http)->span = &call->span;
}

/* After all that was done for it. */
static void end_span(struct api_call *call)
{
    const struct route_rule *rule = call->match.rule;
    int code = http_status_code(call->http);
    bool failed = code >= 500;
    char failed_code[16];

    if (!call->span.tracer)
        return;
    (void)snprintf(failed_code, sizeof(failed_code), "%d", code);
    char *name = arena_printf(call->arena, "%s %s", rule->verb, rule->pattern);
    const struct span_attribute attributes[] = {
        {"http.request.method", http_method(call->http), 0},
        {"http.route", slice_str(rule->pattern), 0},
        {"http.response.status_code", {0}, code},
        {"url.scheme", slice_str(http_is_secure(call->http) ? "https" : "http"), 0},
        {"error.type", slice_str(failed_code), 0},
    };
    size_t count = sizeof(attributes) / sizeof(attributes[0]);
    http_cancel(call->http)->span = NULL;
    span_end(&call->span, slice_str(name ? name : rule->verb), failed, attributes,
             failed ? count : count - 1);
}

static void set_pairs(struct api_call *call)
{
    struct fanout *fanout = &call->fanout;
    struct slice key = http_header(call->http, CHANGE_KEY_METADATA, 0);

    fanout->pairs = call->pairs;
    fanout->pair_count = rpc_trace_pairs(&fanout->trace, call->pairs);
    if (key.ptr)
        call->pairs[fanout->pair_count++] = (struct rpc_pair){SLICE_LIT(CHANGE_KEY_METADATA), key};
    if (call->session_token.len) {
        char *bearer = arena_printf(call->arena, "Bearer %.*s", SLICE_ARG(call->session_token));
        fanout->local_authorization = bearer ? slice_str(bearer) : slice_make("", 0);
    }
}

static enum status find_session(struct api_call *call, struct fault *fault)
{
    if (call->method->is_public) {
        call->session_token = api_session_token(call->http, 0);
        return STATUS_OK;
    }
    return api_find_session(call->api, call->http, &call->session_token, &call->session, fault);
}

/* The one place that says how long a request may take; again when it is known what is asked for. */
static void set_deadline(struct api_call *call)
{
    const struct api_options *options = &call->api->options;
    int64_t timeout_ms = call->is_live     ? options->live_timeout_ms
                         : call->is_export ? options->export_timeout_ms
                                           : options->request_timeout_ms;
    int64_t deadline_us = http_started_us(call->http) + timeout_ms * 1000;
    int64_t closing_us = call->method->server_streaming ? call->api->closing_us : 0;

    http_set_deadline(call->http,
                      closing_us && closing_us < deadline_us ? closing_us : deadline_us);
}

void api_end_streams(struct api *api, int64_t until_us)
{
    api->closing_us = until_us - API_ENDING_MS * INT64_C(1000);
    LIST_FOR_EACH (node, &api->streams) {
        struct api_call *call = LIST_ENTRY(node, struct api_call, in_streams);
        if (api->closing_us >= call->fanout.deadline_us)
            continue;
        call->fanout.deadline_us = api->closing_us;
        http_set_deadline(call->http, api->closing_us);
        fiber_event_signal(&call->fanout.event);
    }
}

/* A stream that goes on for an hour takes no place among the requests, of which it would leave its user none. */
static enum status begin_live(struct api_call *call, struct fault *fault)
{
    api_shares_leave(&call->api->shares, &call->place);
    PEK_TRY(api_shares_enter_live(&call->api->shares, call->session->user_id, &call->live_place,
                                  fault));
    return transcode_request_set_live(call->request)
               ? fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory")
               : STATUS_OK;
}

/* A page cannot make a browser send any of these types from another site unasked: none is a form's. */
static enum status check_media(struct api_call *call, const struct transcode_media *media,
                               const char **ret_type, struct fault *fault)
{
    const char *all = "";

    for (size_t i = 0; i < media->type_count; i++) {
        all = arena_printf(call->arena, "%s%s%s", all, i ? ", " : "", media->types[i]);
        if (http_content_is(call->http, media->types[i])) {
            *ret_type = media->types[i];
            return STATUS_OK;
        }
    }
    return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, CONTENT_TYPE, "content-type",
                            "send as Content-Type one of %s", all);
}

/* Who is read of is named in a path as with profiles: realms know ids alone, and of an account that was merged nothing. Of whom the
 * hub knows nothing, or cannot tell, they are asked by what was given. */
static enum status lead_on(struct api_call *call)
{
    const struct api_options *options = &call->api->options;
    const struct route_rule *rule = call->match.rule;
    struct slice id;

    if (call->method->idempotency != TRANSCODE_NO_SIDE_EFFECTS || !call->session ||
        call->method->realms == TRANSCODE_HUB)
        return STATUS_OK;
    for (size_t i = 0; i < rule->variable_count; i++) {
        struct slice *who = &call->match.values[i];
        if (strcmp(rule->variables[i], "user_id") != 0 || slice_equal_str(*who, "me") ||
            slice_equal(*who, call->session->user_id) ||
            options->named(options->people_arg, http_cancel(call->http), *who, call->arena, &id) ||
            id.len == 0)
            continue;
        *who = id;
        PEK_TRY(transcode_request_set_user(call->request, id));
    }
    return STATUS_OK;
}

/* Of somebody else a number is whole when all of their realms are in it, also those that the caller is not in. */
static void find_subject(struct api_call *call)
{
    const struct api_options *options = &call->api->options;
    const struct route_rule *rule = call->match.rule;
    struct subject *subject = &call->subject;

    for (size_t i = 0; call->method->combined && call->session && i < rule->variable_count; i++) {
        struct slice who = call->match.values[i];
        if (strcmp(rule->variables[i], "user_id") != 0 || slice_equal_str(who, "me") ||
            slice_equal(who, call->session->user_id))
            continue;
        subject->other = true;
        subject->known = options->known_in(options->people_arg, http_cancel(call->http), who,
                                           call->arena, &subject->realms) == STATUS_OK;
    }
}

static enum status prepare(struct api_call *call, struct fault *fault)
{
    const struct api_options *options = &call->api->options;

    const struct transcode_media *media = transcode_takes_media(call->match.rule);
    const char *media_type = NULL;

    if (!is_safe(http_method(call->http))) {
        PEK_TRY(media ? check_media(call, media, &media_type, fault)
                      : api_check_json(call->http, fault));
        PEK_TRY(api_check_origin(call->api, call->http, fault));
    }
    set_deadline(call);
    /* Asked here so that a bad one is the caller's mistake and no realm's. */
    enum status status = change_check_key(http_header(call->http, CHANGE_KEY_METADATA, 0), fault);
    if (!status)
        status = find_session(call, fault);
    if (!status && call->session)
        status = api_shares_enter(&call->api->shares, call->session->user_id, call->method,
                                  call->http, &call->place, fault);
    if (status)
        return status;
    status = transcode_request_new(options->transcode, &call->match, http_query(call->http),
                                   http_body(call->http), &call->request, fault);
    if (!status && media)
        status =
            transcode_request_set_media(call->request, media_type, http_body(call->http), fault);
    if (!status)
        status = lead_on(call);
    if (status)
        return status;
    find_subject(call);
    call->is_export = call->method->server_streaming && format_of(call) != FORMAT_PAGE &&
                      transcode_request_page_size(call->request) == 0 && !call->method->combined;
    call->is_live = call->is_export && call->method->live && format_of(call) == FORMAT_EVENTS;
    if (call->is_live)
        status = begin_live(call, fault);
    set_deadline(call);
    return status;
}

void call_begin_fanout(struct api_call *call)
{
    const struct api_options *options = &call->api->options;
    struct fanout *fanout = &call->fanout;
    bool streams = call->method->server_streaming;
    const struct rpc_trace trace = fanout->trace;

    *fanout = (struct fanout){0}; /* a change may begin more than once */
    fanout->trace = trace;
    fanout->transcode = options->transcode;
    fanout->method = call->method;
    fanout->rule = streams ? NULL : call->match.rule;
    transcode_asked_init(call->request, &call->match,
                         call->session ? call->session->user_id : slice_make("", 0), &call->asked);
    fanout->asked = &call->asked;
    fanout->shown = transcode_request_shown(call->request);
    fanout->item_bytes_max = streams ? API_ITEM_BYTES_MAX : API_PAGE_BYTES_MAX;
    fanout->session = call->session;
    fanout->budget = &call->api->budget;
    fanout->deadline_us = http_cancel(call->http)->deadline_us;
    fanout->call_timeout_ms = call->is_live     ? options->live_timeout_ms
                              : call->is_export ? options->export_timeout_ms
                                                : options->realm_timeout_ms;
    set_pairs(call);
    fanout_begin(fanout, http_cancel(call->http));
}

static enum status run(struct api_call *call, struct fault *fault)
{
    enum status status = prepare(call, fault);

    if (status) {
        api_reply_fault(call->http, fault, 0);
        return status;
    }
    *fault = (struct fault){0}; /* of a cookie that did not count, beside one that does */
    call_begin_fanout(call);
    return call->method->server_streaming ? call_stream(call, fault) : call_unary(call, fault);
}

void api_reply_wrong_verb(const struct api *api, struct http_request *request, struct slice allow)
{
    struct fault fault;
    char *all = arena_printf(http_arena(request), "%.*s, OPTIONS", SLICE_ARG(allow));

    http_add_header(request, "allow", slice_str(all));
    if (slice_equal_str(http_method(request), "OPTIONS")) {
        cors_add_preflight(api, request, allow);
        http_reply(request, 204, NULL, 0, slice_make("", 0));
        return;
    }
    (void)fault_set_reason(&fault, STATUS_UNIMPLEMENTED, "METHOD_NOT_ALLOWED", NULL,
                           "this path takes %.*s", SLICE_ARG(allow));
    api_reply_fault(request, &fault, 405);
}

static void reply_unrouted(const struct api *api, struct http_request *request,
                           enum route_outcome outcome, struct slice allow)
{
    struct fault fault;

    if (outcome == ROUTE_WRONG_VERB) {
        api_reply_wrong_verb(api, request, allow);
        return;
    }
    (void)fault_set_reason(&fault, STATUS_NOT_FOUND, "NO_SUCH_PATH", NULL,
                           "there is no such path; see /openapi.json");
    api_reply_fault(request, &fault, 0);
}

void api_handle(struct api *api, struct http_request *request)
{
    struct arena *arena = http_arena(request);
    struct api_call *call = arena_zalloc(arena, 1, sizeof(*call));
    struct fault fault = {0};
    struct slice allow;

    cors_add_headers(api, request);
    if (!call) {
        (void)fault_set(&fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
        api_reply_fault(request, &fault, 0);
        return;
    }
    enum route_outcome outcome =
        route_match(transcode_routes(api->options.transcode), http_method(request),
                    http_raw_path(request), arena, &call->match, &allow);
    if (outcome != ROUTE_FOUND) {
        reply_unrouted(api, request, outcome, allow);
        return;
    }
    call->api = api;
    call->http = request;
    call->arena = arena;
    call->method = call->match.rule->target;
    begin_span(call);
    call->fanout.trace =
        (struct rpc_trace){trace_context(request, &call->span), http_request_id(request)};
    fault.status = run(call, &fault);
    if (api->options.finished)
        api->options.finished(api->options.arg, request, call->method, call->session, &call->fanout,
                              &fault);
    if (call->fanout.cancel)
        fanout_done(&call->fanout);
    transcode_request_free(call->request);
    api_shares_leave(&api->shares, &call->place);
    api_shares_leave_live(&api->shares, &call->live_place);
    session_release(call->session);
    end_span(call);
}
