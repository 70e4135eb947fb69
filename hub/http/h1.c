/* HTTP/1.1 on a connection: one request after the other, answers in their order.
 *
 * A request that is malformed gets its answer and ends the connection: what follows it is never looked at, because
 * nobody knows where it would begin.
 */
#include <stdlib.h>

#include "hub/http/internal.h"
#include "shared/base/clock.h"

/* ---- answers ------------------------------------------------------------------------------------- */

static void append_number(struct buffer *out, size_t value, unsigned base)
{
    char digits[24];
    size_t at = sizeof(digits);
    do
        digits[--at] = "0123456789abcdef"[value % base];
    while ((value /= base) > 0);
    buffer_append(out, digits + at, sizeof(digits) - at);
}

static void append_header(struct buffer *out, struct slice name, struct slice value)
{
    char *at = buffer_reserve(out, name.len + value.len + 4);
    if (!at)
        return;
    memcpy(at, name.ptr, name.len);
    memcpy(at + name.len, ": ", 2);
    if (value.len > 0)
        memcpy(at + name.len + 2, value.ptr, value.len);
    memcpy(at + name.len + 2 + value.len, "\r\n", 2);
    out->len += name.len + value.len + 4;
}

static void append_head(struct http_conn *conn, const struct answer *answer)
{
    struct buffer *out = &conn->out;
    struct h1 *h1 = &conn->h1;
    buffer_append_slice(out, SLICE_LIT("HTTP/1.1 "));
    append_number(out, (size_t)answer->code, 10);
    buffer_append_char(out, ' ');
    buffer_append_str(out, reason_phrase(answer->code));
    buffer_append_slice(out, SLICE_LIT("\r\n"));
    append_header(out, SLICE_LIT("Date"), server_date(conn->server));
    if (!h1->keep_alive)
        buffer_append_slice(out, SLICE_LIT("Connection: close\r\n"));
    else if (h1->old)
        buffer_append_slice(out, SLICE_LIT("Connection: keep-alive\r\n"));
    if (h1->chunked) {
        buffer_append_slice(out, SLICE_LIT("Transfer-Encoding: chunked\r\n"));
    } else if (answer->whole && !answer->no_body) {
        buffer_append_slice(out, SLICE_LIT("Content-Length: "));
        append_number(out, answer->body.len, 10);
        buffer_append_slice(out, SLICE_LIT("\r\n"));
    }
    for (size_t i = 0; i < answer->header_count; i++)
        append_header(out, answer->headers[i].name, answer->headers[i].value);
    buffer_append_slice(out, SLICE_LIT("\r\n"));
}

static void release_when_sent(struct http_conn *conn)
{
    if (conn->proxied && conn->out.len == 0 && conn->h1.unsent.len == 0 && !conn->writing)
        address_release(&conn->hold);
}

/* The request is answered, and the connection waits for the next, or for nothing more. */
static void next_request(struct http_conn *conn)
{
    struct h1 *h1 = &conn->h1;
    h1->state = H1_HEAD;
    h1->scan = (struct head_scan){0};
    if (h1->request) {
        if (conn->proxied)
            address_hand_over(&h1->request->hold, &conn->hold);
        release_when_sent(conn);
        request_let_go(h1->request);
    }
    h1->request = NULL;
    conn->served = true;
    conn->reading_since_us = 0;
    conn->since_us = clock_monotonic_us();
    if (h1->keep_alive)
        conn_due(conn);
    else
        conn_end(conn, h1->refused);
}

static void h1_answer(struct http_request *request, const struct answer *answer)
{
    struct http_conn *conn = request->conn;
    struct h1 *h1 = &conn->h1;
    bool stream = !answer->whole && !answer->no_body;
    h1->chunked = stream && !h1->old;
    if (conn->server->draining || (stream && h1->old)) /* only its end ends such an answer */
        h1->keep_alive = false;
    append_head(conn, answer);
    if (answer->is_static && !answer->no_body && !answer->head_only)
        h1->unsent = answer->body;
    else if (answer->whole && !answer->no_body && !answer->head_only)
        buffer_append_slice(&conn->out, answer->body);
    conn_due(conn);
    if (answer->whole)
        next_request(conn);
}

static void h1_write(struct http_request *request, struct slice bytes)
{
    struct http_conn *conn = request->conn;
    if (conn->h1.chunked) {
        append_number(&conn->out, bytes.len, 16);
        buffer_append_slice(&conn->out, SLICE_LIT("\r\n"));
    }
    buffer_append_slice(&conn->out, bytes);
    if (conn->h1.chunked)
        buffer_append_slice(&conn->out, SLICE_LIT("\r\n"));
    conn_due(conn);
}

static bool h1_taken(const struct http_request *request)
{
    return request->conn->out.len == 0 && !request->conn->writing;
}

static void h1_stream_end(struct http_request *request)
{
    struct http_conn *conn = request->conn;
    if (conn->h1.chunked && !request->head_only)
        buffer_append_slice(&conn->out, SLICE_LIT("0\r\n\r\n"));
    next_request(conn);
}

static void h1_abort(struct http_request *request)
{
    struct http_conn *conn = request->conn;
    if (request->cancel.cancelled) {
        conn_close(conn);
        return;
    }
    conn->h1.keep_alive = false;
    next_request(conn);
}

static void h1_written(struct http_conn *conn)
{
    if (conn->h1.request)
        fiber_event_signal(&conn->h1.request->written);
    release_when_sent(conn);
}

/* ---- requests ------------------------------------------------------------------------------------ */

/* The answer to what is no request, or none that can be served. */
static void refuse(struct http_conn *conn, int code, const char *what)
{
    char body[ERROR_BODY_BYTES_MAX];
    struct answer answer;
    struct h1 *h1 = &conn->h1;
    answer_error(conn->server, h1->request, code, what, body, &answer);
    h1->keep_alive = h1->chunked = false;
    h1->refused = true;
    append_head(conn, &answer);
    if (!h1->request || !h1->request->head_only)
        buffer_append_slice(&conn->out, answer.body);
    next_request(conn);
}

static void start_handler(struct http_conn *conn)
{
    struct http_request *request = conn->h1.request;
    conn->h1.state = H1_BUSY;
    request->body_since_us = 0;
    if (!request_start(request) && conn->h1.request == request)
        refuse(conn, 503, "too many requests at a time");
}

static void begin_body(struct http_conn *conn, const struct head *head)
{
    struct h1 *h1 = &conn->h1;
    if (!head->chunked && head->body_bytes == 0) {
        start_handler(conn);
        return;
    }
    h1->state = head->chunked ? H1_CHUNKS : H1_LENGTH;
    h1->chunks = (struct chunks){0};
    h1->left_bytes = head->body_bytes;
    h1->request->body_since_us = clock_monotonic_us();
    if (head->expects_continue) {
        buffer_append_slice(&conn->out, SLICE_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
        conn_due(conn);
    }
}

static void take_head(struct http_conn *conn, struct slice bytes)
{
    struct h1 *h1 = &conn->h1;
    struct head head;
    const char *what = "no memory for the request";
    struct http_request *request = request_new(conn, &h1_protocol);
    int code = 503;
    h1->request = request;
    h1->keep_alive = false;
    if (request) {
        struct slice copy = arena_copy(&request->arena, bytes);
        code = copy.ptr ? head_parse(copy, &head, &what) : 503;
    }
    if (code == 0)
        code = request_take_head(request, &head, &what);
    if (code == 0 && h1->scan.is_long) {
        code = 414;
        what = HEAD_LONG_ADDRESS;
    }
    if (code == 0 && head.expects_other) {
        code = 417;
        what = "an expectation other than 100-continue";
    }
    if (code == 0 && head.body_bytes > conn->server->body_bytes_max) {
        code = 413;
        what = "the body is too long";
    }
    if (code != 0) {
        refuse(conn, code, what);
        return;
    }
    h1->keep_alive = head.keep_alive;
    h1->old = head.minor == 0;
    conn->reading_since_us = 0;
    begin_body(conn, &head);
}

/* True when it went on. */
static bool step_head(struct http_conn *conn, struct slice *rest)
{
    size_t len;
    const char *what = NULL;
    if (!conn->served && conn->trusted && !conn->ssl && h2_is_preface(*rest)) {
        struct slice bytes = *rest;
        if (bytes.len < sizeof("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") - 1)
            return false;
        *rest = (struct slice){0};
        conn->reading_since_us = 0;
        if (h2_begin(conn) == STATUS_OK)
            conn->protocol->take(conn, bytes);
        else
            conn_close(conn);
        return false;
    }
    int code = head_find(&conn->h1.scan, *rest, &conn->server->head_limits, &len, &what);
    if (code != 0) {
        refuse(conn, code, what);
        return true;
    }
    if (len == 0)
        return false;
    struct slice head = slice_make(rest->ptr, len);
    *rest = slice_make(rest->ptr + len, rest->len - len);
    take_head(conn, head);
    return true;
}

static bool step_length(struct http_conn *conn, struct slice *rest)
{
    struct h1 *h1 = &conn->h1;
    struct buffer *body = &h1->request->body;
    size_t len = rest->len < h1->left_bytes ? rest->len : (size_t)h1->left_bytes;
    buffer_append(body, rest->ptr, len);
    *rest = slice_make(rest->ptr + len, rest->len - len);
    h1->left_bytes -= len;
    if (body->failed)
        refuse(conn, 503, "no memory for the body");
    else if (h1->left_bytes == 0)
        start_handler(conn);
    return true;
}

static bool step_chunks(struct http_conn *conn, struct slice *rest)
{
    struct h1 *h1 = &conn->h1;
    const char *what = NULL;
    int code =
        chunks_take(&h1->chunks, rest, &h1->request->body, conn->server->body_bytes_max, &what);
    if (code != 0)
        refuse(conn, code, what);
    else if (h1->chunks.done)
        start_handler(conn);
    return true;
}

/* Nothing more is read before the request ahead is answered, and its answer is on its way. */
static bool may_read(const struct http_conn *conn)
{
    return conn_is_open(conn) && conn->h1.state != H1_BUSY && conn->h1.unsent.len == 0 &&
           conn->out.len < HTTP_OUT_BYTES;
}

static void read_requests(struct http_conn *conn, struct slice *rest)
{
    bool went_on = true;
    while (went_on && rest->len > 0 && may_read(conn)) {
        if (conn->h1.state == H1_HEAD)
            went_on = step_head(conn, rest);
        else if (conn->h1.state == H1_LENGTH)
            went_on = step_length(conn, rest);
        else
            went_on = step_chunks(conn, rest);
    }
}

/* It waits for the rest of a body. */
static bool is_body(const struct http_conn *conn)
{
    return conn->h1.state == H1_LENGTH || conn->h1.state == H1_CHUNKS;
}

/* Keeps what could not be taken. */
static void keep(struct http_conn *conn, struct slice rest)
{
    struct buffer *in = &conn->in;
    conn->linger |= rest.len > 0 && !conn_is_open(conn); /* who sent so much may send more */
    if (rest.len == 0 || !conn_is_open(conn)) {
        buffer_reset(in);
    } else if (in->len > 0) {
        memmove(in->ptr, rest.ptr, rest.len);
        in->len = rest.len;
    } else {
        buffer_append_slice(in, rest);
    }
    if (in->failed) {
        conn_close(conn);
        return;
    }
    if (in->len > 0 && conn->h1.state == H1_HEAD && may_read(conn) && conn->reading_since_us == 0)
        conn->reading_since_us = clock_monotonic_us();
    if (in->len >= HTTP_PIPELINE_BYTES_MAX && !may_read(conn))
        conn_pause(conn);
    else
        conn_resume(conn);
}

static void h1_weigh(struct http_conn *conn)
{
    struct http_request *request = conn->h1.request;
    struct address_hold *hold = conn->proxied && request ? &request->hold : &conn->hold;
    if (request)
        request_slim(request);
    size_t bytes = conn_held_bytes(conn) + (request ? request_held_bytes(request) : 0);
    if (!sweep_weigh(conn->server, hold, bytes))
        return;
    if (conn_is_open(conn) && is_body(conn))
        refuse(conn, 503, HELD_TOO_MUCH);
    else
        conn_close(conn);
}

static void h1_take(struct http_conn *conn, struct slice bytes)
{
    struct slice rest = bytes;
    if (conn->in.len > 0) {
        buffer_append_slice(&conn->in, bytes);
        rest = buffer_slice(&conn->in);
    }
    read_requests(conn, &rest);
    if (conn->protocol == &h1_protocol)
        keep(conn, rest);
    else
        buffer_done(&conn->in);
    if (conn_is_open(conn) && is_body(conn))
        h1_weigh(conn);
}

/* A piece of a static body, as much as `out` has room for. */
static void send_static(struct http_conn *conn)
{
    struct slice *unsent = &conn->h1.unsent;
    size_t room = conn->out.len < HTTP_OUT_BYTES ? HTTP_OUT_BYTES - conn->out.len : 0;
    size_t len = unsent->len < room ? unsent->len : room;
    buffer_append(&conn->out, unsent->ptr, len);
    *unsent = slice_make(unsent->ptr + len, unsent->len - len);
}

static void h1_fill(struct http_conn *conn)
{
    if (conn->h1.unsent.len > 0)
        send_static(conn);
    if (conn->in.len == 0 || !may_read(conn))
        return;
    struct slice rest = buffer_slice(&conn->in);
    read_requests(conn, &rest);
    keep(conn, rest);
}

/* ---- the end, and time --------------------------------------------------------------------------- */

static void h1_gone(struct http_conn *conn)
{
    if (conn->h1.request)
        request_let_go(conn->h1.request);
    conn->h1.request = NULL;
}

/* A client that has sent all that it will still waits for answers that are made already; not for one that is in the
 * making, since most that do so have left. */
static void h1_input_ended(struct http_conn *conn)
{
    if (conn->h1.state == H1_HEAD && (conn->out.len > 0 || conn->writing))
        conn_end(conn, false);
    else
        conn_close(conn);
}

static void h1_tick(struct http_conn *conn, int64_t now_us)
{
    const struct h1 *h1 = &conn->h1;
    if (h1->state == H1_BUSY)
        return;
    if (h1->state != H1_HEAD) {
        if (sweep_body_is_slow(h1->request, now_us))
            refuse(conn, 408, "the body took too long");
        return;
    }
    if (conn->in.len == 0)
        sweep_idle(conn, now_us);
    else if (conn->reading_since_us > 0 &&
             now_us - conn->reading_since_us >= conn->server->header_timeout_us)
        refuse(conn, 408, "the headers took too long");
}

const struct protocol h1_protocol = {
    .take = h1_take,
    .fill = h1_fill,
    .written = h1_written,
    .gone = h1_gone,
    .input_ended = h1_input_ended,
    .weigh = h1_weigh,
    .tick = h1_tick,
    .begin = h1_answer,
    .write = h1_write,
    .taken = h1_taken,
    .end = h1_stream_end,
    .abort = h1_abort,
};
