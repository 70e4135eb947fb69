/* Answers, complete and streamed. */
#include "hub/http/internal.h"
#include "shared/base/clock.h"

/* ---- headers ------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *value;
} defaults[] = {
    {"x-content-type-options", "nosniff"},
    {"referrer-policy", "same-origin"},
    {"content-security-policy", "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"},
};

static bool is_clean(struct slice text)
{
    return !memchr(text.ptr, '\r', text.len) && !memchr(text.ptr, '\n', text.len) &&
           !memchr(text.ptr, '\0', text.len);
}

/* What the protocol itself says. */
static bool is_of_protocol(struct slice name)
{
    return name_is(name, "content-length") || name_is(name, "connection") ||
           name_is(name, "transfer-encoding") || name_is(name, "date");
}

static void answer_add(struct answer *answer, struct slice name, struct slice value)
{
    if (name.len == 0 || !is_clean(name) || (value.len > 0 && !is_clean(value)) ||
        is_of_protocol(name) || answer->header_count == HTTP_ANSWER_HEADERS_MAX)
        return;
    answer->headers[answer->header_count++] = (struct http_header_pair){name, value};
}

static bool answer_has(const struct answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        if (slice_equal_str(answer->headers[i].name, name))
            return true;
    }
    return false;
}

static void answer_add_default(struct answer *answer, const char *name, const char *value)
{
    if (!answer_has(answer, name))
        answer_add(answer, slice_str(name), slice_str(value));
}

void answer_add_defaults(const struct http_server *server, struct answer *answer)
{
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
        answer_add_default(answer, defaults[i].name, defaults[i].value);
    if (server->strict_transport)
        answer_add_default(answer, "strict-transport-security", HTTP_STRICT_TRANSPORT);
}

static bool opens_page(const struct http_request *request)
{
    static const char *const forms[] = {"application/json", "text/html"};
    return http_accept(request, forms, 2) == 1;
}

/* What it is, and its type. */
static struct slice write_error(const struct http_request *request, int code, const char *what,
                                char body[ERROR_BODY_BYTES_MAX], struct slice *ret_type)
{
    bool page = request && opens_page(request);
    *ret_type = page ? SLICE_LIT("text/html; charset=utf-8") : SLICE_LIT("application/json");
    return slice_make(body, page ? error_page(code, what, body, ERROR_BODY_BYTES_MAX)
                                 : error_body(code, what, body, ERROR_BODY_BYTES_MAX));
}

void answer_error(const struct http_server *server, const struct http_request *request, int code,
                  const char *what, char body[ERROR_BODY_BYTES_MAX], struct answer *ret_answer)
{
    struct slice type;
    struct answer *answer = ret_answer;
    answer->code = code;
    answer->header_count = 0;
    answer->whole = true;
    answer->no_body = answer->head_only = answer->is_static = false;
    answer->body = write_error(request, code, what, body, &type);
    answer_add(answer, SLICE_LIT("content-type"), type);
    answer_add(answer, SLICE_LIT("cache-control"), SLICE_LIT("no-store"));
    if (code == 429 || code == 503)
        answer_add(answer, SLICE_LIT("retry-after"), SLICE_LIT("1"));
    answer_add_defaults(server, answer);
}

void http_add_header(struct http_request *request, const char *name, struct slice value)
{
    if (request->added_count == HTTP_ADDED_HEADERS_MAX)
        return;
    struct http_header_pair pair = {arena_copy(&request->arena, slice_str(name)),
                                    arena_copy(&request->arena, value)};
    if (!request->arena.failed)
        request->added[request->added_count++] = pair;
}

static void answer_make(const struct http_request *request, int status_code,
                        const struct http_header_pair *headers, size_t header_count,
                        struct answer *answer)
{
    answer->code = status_code;
    answer->header_count = 0;
    answer->whole = false;
    answer->no_body = status_code == 204 || status_code == 304;
    answer->head_only = request->head_only;
    answer->is_static = false;
    answer->body = (struct slice){0};
    for (size_t i = 0; i < request->added_count; i++)
        answer_add(answer, request->added[i].name, request->added[i].value);
    for (size_t i = 0; i < header_count; i++)
        answer_add(answer, headers[i].name, headers[i].value);
    if (request->id.len > 0 && !answer_has(answer, "x-request-id"))
        answer_add(answer, SLICE_LIT("x-request-id"), request->id);
    answer_add_defaults(request->server, answer);
}

/* A page of another site may make a browser ask, and whoever sees the length of the answer on the wire can then guess
 * at what is in it (BREACH): such answers go out as they are. */
static bool is_foreign(const struct http_request *request)
{
    struct slice site = http_header(request, "sec-fetch-site", 0);
    return site.ptr && !slice_equal_str(site, "same-origin") && !slice_equal_str(site, "none");
}

static bool is_json(const struct answer *answer)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        if (slice_equal_str(answer->headers[i].name, "content-type"))
            return slice_starts_with(answer->headers[i].value, SLICE_LIT("application/json"));
    }
    return false;
}

static void compress(struct http_request *request, struct answer *answer)
{
    if (answer->no_body || !is_json(answer) || answer_has(answer, "content-encoding") ||
        answer_has(answer, "etag")) /* a strong one means these bytes */
        return;
    answer_add(answer, SLICE_LIT("vary"), SLICE_LIT("accept-encoding, sec-fetch-site"));
    if (answer->body.len >= HTTP_GZIP_BYTES_MIN && answer->body.len <= HTTP_GZIP_BYTES_MAX &&
        !is_foreign(request) && http_encoding(request, "gzip") > 0 &&
        gzip_body(request->server->gzip, answer->body, &request->arena, &answer->body))
        answer_add(answer, SLICE_LIT("content-encoding"), SLICE_LIT("gzip"));
}

/* ---- complete ------------------------------------------------------------------------------------ */

static void reply(struct http_request *request, int status_code,
                  const struct http_header_pair *headers, size_t header_count, struct slice body,
                  bool is_static)
{
    assert(request->answer == ANSWER_NONE);
    assert(status_code >= 200 && status_code <= 599);
    request->answer = ANSWER_DONE;
    request->status_code = status_code;
    if (!request->conn)
        return;
    struct answer answer;
    answer_make(request, status_code, headers, header_count, &answer);
    answer.whole = true;
    answer.is_static = is_static;
    answer.body = body;
    if (!is_static)
        compress(request, &answer);
    request->protocol->begin(request, &answer);
}

void http_reply(struct http_request *request, int status_code,
                const struct http_header_pair *headers, size_t header_count, struct slice body)
{
    reply(request, status_code, headers, header_count, body, false);
}

void http_reply_static(struct http_request *request, int status_code,
                       const struct http_header_pair *headers, size_t header_count,
                       struct slice body)
{
    reply(request, status_code, headers, header_count, body, true);
}

void reply_error(struct http_request *request, int code, const char *what)
{
    char body[ERROR_BODY_BYTES_MAX];
    struct http_header_pair type = {.name = SLICE_LIT("content-type")};
    struct slice text = write_error(request, code, what, body, &type.value);
    http_reply(request, code, &type, 1, text);
}

/* ---- streamed ------------------------------------------------------------------------------------ */

enum status http_stream_begin(struct http_request *request, int status_code,
                              const struct http_header_pair *headers, size_t header_count)
{
    assert(request->answer == ANSWER_NONE);
    request->answer = ANSWER_STREAM;
    request->status_code = status_code;
    if (!request->conn)
        return STATUS_CANCELLED;
    struct answer answer;
    answer_make(request, status_code, headers, header_count, &answer);
    request->protocol->begin(request, &answer);
    return STATUS_OK;
}

/* Until the connection has taken what was written last. */
static enum status wait_written(struct http_request *request, bool in_time)
{
    while (request->conn && !request->cancel.cancelled && !request->protocol->taken(request)) {
        /* Which may be moved meanwhile. */
        int64_t deadline_us = in_time ? request->cancel.deadline_us : DEADLINE_NONE;
        enum status status = fiber_event_wait(&request->written, deadline_us);
        if (status != STATUS_OK)
            return status;
    }
    return request->conn && !request->cancel.cancelled ? STATUS_OK : STATUS_CANCELLED;
}

void http_set_deadline(struct http_request *request, int64_t deadline_us)
{
    request->cancel.deadline_us = deadline_us;
    fiber_event_signal(&request->written);
}

enum status http_stream_write(struct http_request *request, struct slice bytes)
{
    assert(request->answer == ANSWER_STREAM);
    enum status status = wait_written(request, true);
    if (status != STATUS_OK || bytes.len == 0 || request->head_only)
        return status;
    if (bytes.len > HTTP_STREAM_BYTES_MAX)
        return STATUS_RESOURCE_EXHAUSTED;
    request->protocol->write(request, bytes);
    return STATUS_OK;
}

void http_stream_end(struct http_request *request)
{
    assert(request->answer == ANSWER_STREAM);
    if (wait_written(request, false) != STATUS_OK) {
        http_stream_abort(request);
        return;
    }
    request->answer = ANSWER_DONE;
    request->protocol->end(request);
}

void http_stream_abort(struct http_request *request)
{
    assert(request->answer == ANSWER_STREAM);
    request->answer = ANSWER_DONE;
    if (request->conn)
        request->protocol->abort(request);
}

int http_status_code(const struct http_request *request)
{
    return request->status_code;
}
