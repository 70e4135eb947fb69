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

static bool is_sent_by_h2o(struct slice name)
{
    return name_is(name, "content-length") || name_is(name, "connection") ||
           name_is(name, "transfer-encoding") || name_is(name, "date");
}

static void send_header(h2o_req_t *h2o, struct slice name, struct slice value)
{
    if (name.len == 0 || !is_clean(name) || (value.len > 0 && !is_clean(value)) ||
        is_sent_by_h2o(name))
        return;
    h2o_iovec_t name_copy = h2o_strdup(&h2o->pool, name.ptr, name.len);
    h2o_iovec_t value_copy = {(char *)(uintptr_t) "", 0};
    if (value.len > 0)
        value_copy = h2o_strdup(&h2o->pool, value.ptr, value.len);
    h2o_add_header_by_str(&h2o->pool, &h2o->res.headers, name_copy.base, name_copy.len, 1, NULL,
                          value_copy.base, value_copy.len);
}

/* For every answer, also those that h2o makes by itself: it gives them no body worth reading. */
struct replaced_body {
    h2o_ostream_t super;
    h2o_iovec_t body;
};

static void on_send_replaced(h2o_ostream_t *stream, h2o_req_t *h2o, h2o_iovec_t *bufs, size_t count,
                             h2o_send_state_t state)
{
    struct replaced_body *replaced = (struct replaced_body *)stream;
    (void)bufs, (void)count;
    h2o_ostream_send_next(stream, h2o, &replaced->body, 1, state);
}

static h2o_ostream_t **replace_body(h2o_req_t *h2o, h2o_ostream_t **slot)
{
    char body[400];
    const char *what = h2o->res.status == 413   ? "the body is too long"
                       : h2o->res.status == 417 ? "an expectation other than 100-continue"
                                                : "a malformed request";
    size_t len = error_body(h2o->res.status, what, body, sizeof(body));
    conn_linger(conn_of(h2o));
    h2o_set_header(&h2o->pool, &h2o->res.headers, H2O_TOKEN_CONTENT_TYPE,
                   H2O_STRLIT("application/json"), 1);
    h2o->res.content_length = len;
    h2o->res.reason = reason_phrase(h2o->res.status);
    struct replaced_body *replaced =
        (struct replaced_body *)h2o_add_ostream(h2o, sizeof(*replaced), slot);
    replaced->super.do_send = on_send_replaced;
    replaced->body = h2o_strdup(&h2o->pool, body, len);
    return &replaced->super.next;
}

static void send_default(h2o_req_t *h2o, const char *name, const char *value)
{
    size_t name_len = strlen(name);
    if (h2o_find_header_by_str(&h2o->res.headers, name, name_len, -1) == -1)
        h2o_add_header_by_str(&h2o->pool, &h2o->res.headers, name, name_len, 1, NULL, value,
                              strlen(value));
}

void on_setup_filter(h2o_filter_t *filter, h2o_req_t *h2o, h2o_ostream_t **slot)
{
    (void)filter;
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
        send_default(h2o, defaults[i].name, defaults[i].value);
    if (conn_of(h2o)->server->strict_transport)
        send_default(h2o, "strict-transport-security", HTTP_STRICT_TRANSPORT);
    if (!conn_of(h2o)->busy && h2o->res.status >= 400)
        slot = replace_body(h2o, slot);
    h2o_setup_next_ostream(h2o, slot);
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

static bool is_given(const struct http_request *request, const struct http_header_pair *headers,
                     size_t header_count, const char *name)
{
    for (size_t i = 0; i < header_count; i++) {
        if (name_is(headers[i].name, name))
            return true;
    }
    for (size_t i = 0; i < request->added_count; i++) {
        if (name_is(request->added[i].name, name))
            return true;
    }
    return false;
}

static void set_head(struct http_request *request, int status_code,
                     const struct http_header_pair *headers, size_t header_count)
{
    h2o_req_t *h2o = request->cell->h2o;
    h2o->res.status = status_code;
    h2o->res.reason = reason_phrase(status_code);
    for (size_t i = 0; i < request->added_count; i++)
        send_header(h2o, request->added[i].name, request->added[i].value);
    for (size_t i = 0; i < header_count; i++)
        send_header(h2o, headers[i].name, headers[i].value);
    if (request->id.len > 0 && !is_given(request, headers, header_count, "x-request-id"))
        send_header(h2o, SLICE_LIT("x-request-id"), request->id);
    if (request->server->draining)
        h2o->http1_is_persistent = 0;
}

/* ---- complete ------------------------------------------------------------------------------------ */

void http_reply(struct http_request *request, int status_code,
                const struct http_header_pair *headers, size_t header_count, struct slice body)
{
    assert(request->answer == ANSWER_NONE);
    assert(status_code >= 200 && status_code <= 599);
    request->answer = ANSWER_DONE;
    request->status_code = status_code;
    if (!request->cell)
        return;
    h2o_req_t *h2o = request->cell->h2o;
    bool no_content = status_code == 204 || status_code == 304;
    set_head(request, status_code, headers, header_count);
    if (!no_content)
        h2o->res.content_length = body.len;
    if (no_content || request->head_only)
        body = (struct slice){0};
    request->sent_bytes = body.len;
    h2o_iovec_t copy = {NULL, 0};
    if (body.len > 0)
        copy = h2o_strdup(&h2o->pool, body.ptr, body.len);
    request->cell->conn->request = NULL; /* nobody waits for a handler any more */
    h2o_start_response(h2o, &request->cell->generator);
    h2o_send(h2o, &copy, body.len > 0 ? 1 : 0, H2O_SEND_STATE_FINAL);
}

void reply_error(struct http_request *request, int code, const char *what)
{
    static const struct http_header_pair json = {
        {"content-type", sizeof("content-type") - 1},
        {"application/json", sizeof("application/json") - 1},
    };
    char body[400];
    size_t len = error_body(code, what, body, sizeof(body));
    http_reply(request, code, &json, 1, slice_make(body, len));
}

/* ---- streamed ------------------------------------------------------------------------------------ */

void on_proceed(h2o_generator_t *generator, h2o_req_t *h2o)
{
    struct cell *cell = (struct cell *)generator;
    (void)h2o;
    cell->in_flight = false;
    if (cell->aborted)
        h2o_send(cell->h2o, NULL, 0, H2O_SEND_STATE_ERROR);
    else if (cell->request)
        fiber_event_signal(&cell->request->written);
}

enum status http_stream_begin(struct http_request *request, int status_code,
                              const struct http_header_pair *headers, size_t header_count)
{
    assert(request->answer == ANSWER_NONE);
    request->answer = ANSWER_STREAM;
    request->status_code = status_code;
    if (!request->cell)
        return STATUS_CANCELLED;
    h2o_req_t *h2o = request->cell->h2o;
    set_head(request, status_code, headers, header_count);
    if (h2o->version < 0x101) /* without chunks only the end of the connection ends the answer */
        h2o->http1_is_persistent = 0;
    h2o_start_response(h2o, &request->cell->generator);
    return STATUS_OK;
}

/* Until the connection has taken what was written last. */
static enum status wait_written(struct http_request *request, int64_t deadline_us)
{
    while (request->cell && request->cell->in_flight && !request->cancel.cancelled) {
        enum status status = fiber_event_wait(&request->written, deadline_us);
        if (status != STATUS_OK)
            return status;
    }
    return request->cell && !request->cancel.cancelled ? STATUS_OK : STATUS_CANCELLED;
}

enum status http_stream_write(struct http_request *request, struct slice bytes)
{
    assert(request->answer == ANSWER_STREAM);
    enum status status = wait_written(request, request->cancel.deadline_us);
    if (status != STATUS_OK || bytes.len == 0 || request->head_only)
        return status;
    struct cell *cell = request->cell;
    buffer_reset(&cell->out);
    buffer_append_slice(&cell->out, bytes);
    if (cell->out.failed)
        return STATUS_RESOURCE_EXHAUSTED;
    h2o_iovec_t out = h2o_iovec_init(cell->out.ptr, cell->out.len);
    request->sent_bytes += bytes.len;
    cell->in_flight = true;
    h2o_send(cell->h2o, &out, 1, H2O_SEND_STATE_IN_PROGRESS);
    return STATUS_OK;
}

void http_stream_end(struct http_request *request)
{
    assert(request->answer == ANSWER_STREAM);
    if (wait_written(request, DEADLINE_NONE) != STATUS_OK) {
        http_stream_abort(request);
        return;
    }
    request->answer = ANSWER_DONE;
    request->cell->conn->request = NULL;
    h2o_send(request->cell->h2o, NULL, 0, H2O_SEND_STATE_FINAL);
}

void http_stream_abort(struct http_request *request)
{
    assert(request->answer == ANSWER_STREAM);
    request->answer = ANSWER_DONE;
    if (!request->cell)
        return;
    struct cell *cell = request->cell;
    cell->conn->request = NULL;
    cell->aborted = true;
    if (cell->in_flight)
        conn_break(cell->conn); /* h2o notices when its write fails, or on_proceed tells it */
    else
        h2o_send(cell->h2o, NULL, 0, H2O_SEND_STATE_ERROR);
}

int http_status_code(const struct http_request *request)
{
    return request->status_code;
}

uint64_t http_sent_bytes(const struct http_request *request)
{
    return request->sent_bytes;
}
