/* One request of HTTP/2 and its answer. */
#include "hub/http/h2_internal.h"
#include "shared/base/clock.h"

/* ---- from header fields to a request ---------------------------------------------------------------- */

int h2_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h2 = arg;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    h2->last_stream_id = frame->hd.stream_id;
    struct http_request *request = request_new(h2->conn, &h2_protocol);
    if (!request)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    request->stream_id = frame->hd.stream_id;
    request->head = arena_zalloc(&request->arena, 1, sizeof(*request->head));
    list_append(&h2->requests, &request->node);
    (void)nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, request);
    return request->head ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void take_pseudo(struct http_request *request, struct slice name, struct slice value)
{
    if (slice_equal_str(name, ":method"))
        request->head->method = value;
    else if (slice_equal_str(name, ":path"))
        request->raw_path = value;
    else if (slice_equal_str(name, ":authority"))
        request->head->host = value;
    else if (slice_equal_str(name, ":scheme"))
        request->head->scheme = name_is(value, "http")    ? SCHEME_HTTP
                                : name_is(value, "https") ? SCHEME_HTTPS
                                                          : SCHEME_OTHER;
}

int h2_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                 size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
    struct h2 *h2 = arg;
    struct http_request *request = h2_request(h2, frame->hd.stream_id);
    (void)session, (void)flags;
    if (!request)
        return 0;
    const struct head_limits *limits = &h2->conn->server->head_limits;
    struct head *head = request->head;
    request->head_bytes += name_len + value_len + H2_HEADER_OVERHEAD_BYTES;
    /* A little too much is told so; a header block that was made to swell is not worth it. Trailers count, too. */
    if (request->head_bytes > H2_SWOLLEN * limits->header_bytes_max)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST ||
        request->head_bytes > limits->header_bytes_max)
        return 0;
    struct slice name_copy = arena_copy(&request->arena, slice_make(name, name_len));
    struct slice value_copy = arena_copy(&request->arena, slice_make(value, value_len));
    if (request->arena.failed)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (name_len > 0 && name[0] == ':')
        take_pseudo(request, name_copy, value_copy);
    else if (head->header_count++ < HTTP_HEADERS_MAX) /* one more is refused by its count */
        head->headers[head->header_count - 1] = (struct head_header){name_copy, value_copy};
    return 0;
}

/* nghttp2 has judged the fields by themselves; here is what they mean together. */
static int judge_head(struct http_request *request, const char **ret_what)
{
    struct http_server *server = request->server;
    struct head *head = request->head;
    if (request->head_bytes > server->head_limits.header_bytes_max ||
        head->header_count > HTTP_HEADERS_MAX) {
        *ret_what = "the headers are too long";
        return 431;
    }
    bool is_long = request->raw_path.len > server->head_limits.line_bytes_max;
    for (size_t i = 0; i < head->header_count; i++) {
        const struct head_header *header = &head->headers[i];
        if (slice_equal_str(header->name, "host")) {
            if (!head->host.ptr)
                head->host = header->value;
            else if (!slice_equal(head->host, header->value)) {
                *ret_what = "Host is not the authority";
                return 400;
            }
        } else if (slice_equal_str(header->name, "expect")) {
            head->expects_continue |= name_is(header->value, "100-continue");
            head->expects_other |= !name_is(header->value, "100-continue");
        } else if (slice_equal_str(header->name, "content-length") && header->value.len < 19) {
            for (size_t at = 0; at < header->value.len; at++) /* digits: nghttp2 has seen to it */
                head->body_bytes = head->body_bytes * 10 + (uint64_t)(header->value.ptr[at] - '0');
        }
    }
    *ret_what = "a malformed request";
    if (!host_is_valid(head->host) || !head_take_target(head, request->raw_path))
        return 400;
    if (head->scheme == SCHEME_OTHER) {
        *ret_what = "a scheme other than http and https";
        return 400;
    }
    if (head->expects_other) {
        *ret_what = "an expectation other than 100-continue";
        return 417;
    }
    if (head->body_bytes > server->body_bytes_max) {
        *ret_what = "the body is too long";
        return 413;
    }
    int code = request_take_head(request, head, ret_what);
    if (code == 0 && is_long) {
        *ret_what = HEAD_LONG_ADDRESS;
        return 414;
    }
    return code;
}

void h2_take_head(struct http_request *request, bool whole)
{
    struct h2 *h2 = request->conn->h2;
    const char *what = NULL;
    request->headers_done = true;
    int code = judge_head(request, &what);
    if (code != 0) {
        h2_refuse(request, code, what);
        return;
    }
    if (whole)
        return;
    request->body_since_us = clock_monotonic_us();
    if (request->head->expects_continue) {
        static const nghttp2_nv go_on = {(uint8_t *)(uintptr_t) ":status",
                                         (uint8_t *)(uintptr_t) "100", 7, 3, NGHTTP2_NV_FLAG_NONE};
        (void)nghttp2_submit_headers(h2->session, NGHTTP2_FLAG_NONE, request->stream_id, NULL,
                                     &go_on, 1, NULL);
        conn_due(h2->conn);
    }
}

/* ---- from an answer to frames ----------------------------------------------------------------------- */

static ssize_t on_read_answer(nghttp2_session *session, int32_t stream_id, uint8_t *bytes,
                              size_t len, uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    const struct http_request *request = source->ptr;
    size_t left = request->unsent.len;
    (void)session, (void)stream_id, (void)bytes, (void)arg;
    if (left == 0 && !request->ended)
        return NGHTTP2_ERR_DEFERRED;
    if (left <= len && request->ended)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    return (ssize_t)(left < len ? left : len);
}

int h2_on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
                    nghttp2_data_source *source, void *arg)
{
    struct h2 *h2 = arg;
    struct http_request *request = source->ptr;
    struct buffer *out = &h2->conn->out;
    (void)session, (void)frame;
    if (out->len >= HTTP_OUT_BYTES)
        return NGHTTP2_ERR_WOULDBLOCK;
    if (len > request->unsent.len) /* given up, with the frame's head made already */
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    buffer_append(out, head, FRAME_HEAD_BYTES);
    buffer_append(out, request->unsent.ptr, len);
    request->unsent = slice_make(request->unsent.ptr + len, request->unsent.len - len);
    if (len > 0)
        h2_charge(h2, -H2_DATA_CREDIT);
    if (request->unsent.len == 0) {
        buffer_reset(&request->out);
        fiber_event_signal(&request->written);
    }
    return 0;
}

static nghttp2_nv field(struct slice name, struct slice value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.ptr, (uint8_t *)(uintptr_t)value.ptr, name.len,
                        value.len, NGHTTP2_NV_FLAG_NONE};
}

/* All that was there before is taken. */
static void copy_body(struct http_request *request, struct slice bytes)
{
    buffer_append_slice(&request->out, bytes);
    request->unsent = buffer_slice(&request->out);
}

void h2_begin_answer(struct http_request *request, const struct answer *answer)
{
    struct h2 *h2 = request->conn->h2;
    nghttp2_nv fields[HTTP_ANSWER_HEADERS_MAX + 3];
    char code[12], length[24];
    size_t count = 0;
    int code_len = snprintf(code, sizeof(code), "%d", answer->code);
    fields[count++] = field(SLICE_LIT(":status"), slice_make(code, (size_t)code_len));
    fields[count++] = field(SLICE_LIT("date"), server_date(request->server));
    if (answer->whole && !answer->no_body) {
        int len = snprintf(length, sizeof(length), "%zu", answer->body.len);
        fields[count++] = field(SLICE_LIT("content-length"), slice_make(length, (size_t)len));
    }
    for (size_t i = 0; i < answer->header_count; i++)
        fields[count++] = field(answer->headers[i].name, answer->headers[i].value);
    bool body = answer->whole && !answer->no_body && !answer->head_only && answer->body.len > 0;
    if (body && answer->is_static)
        request->unsent = answer->body;
    else if (body)
        copy_body(request, answer->body);
    request->ended = answer->whole;
    const nghttp2_data_provider provider = {{.ptr = request}, on_read_answer};
    if (request->out.failed ||
        nghttp2_submit_response(h2->session, request->stream_id, fields, count,
                                body || !answer->whole ? &provider : NULL) != 0)
        (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, request->stream_id,
                                        NGHTTP2_INTERNAL_ERROR);
    conn_due(h2->conn);
}

void h2_refuse(struct http_request *request, int code, const char *what)
{
    char body[ERROR_BODY_BYTES_MAX];
    struct answer answer;
    request->refused = true;
    request->body_since_us = 0;
    buffer_done(&request->body);
    answer_error(request->server, request, code, what, body, &answer);
    answer.head_only = request->head_only;
    h2_begin_answer(request, &answer);
}

static void go_on(struct http_request *request)
{
    struct h2 *h2 = request->conn->h2;
    (void)nghttp2_session_resume_data(h2->session, request->stream_id);
    conn_due(h2->conn);
}

void h2_write(struct http_request *request, struct slice bytes)
{
    copy_body(request, bytes);
    if (request->out.failed)
        h2_abort(request);
    else
        go_on(request);
}

bool h2_taken(const struct http_request *request)
{
    return request->unsent.len == 0;
}

void h2_end(struct http_request *request)
{
    request->ended = true;
    go_on(request);
}

void h2_abort(struct http_request *request)
{
    struct h2 *h2 = request->conn->h2;
    (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, request->stream_id,
                                    request->cancel.cancelled ? NGHTTP2_CANCEL
                                                              : NGHTTP2_INTERNAL_ERROR);
    conn_due(h2->conn);
}
