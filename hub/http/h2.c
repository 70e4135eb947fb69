/* HTTP/2 on a connection, by nghttp2: frames, HPACK and the states of streams are its; requests, flow control by what
 * is consumed, and what a connection may cost are ours. See README.md for what is counted and why.
 */
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "hub/http/h2_internal.h"
#include "shared/base/clock.h"

struct http_request *h2_request(struct h2 *h2, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(h2->session, stream_id);
}

void h2_terminate(struct h2 *h2, uint32_t error)
{
    h2->over = true;
    (void)nghttp2_session_terminate_session(h2->session, error);
    conn_due(h2->conn);
}

/* ---- what a connection may cost ------------------------------------------------------------------- */

void h2_charge(struct h2 *h2, int64_t cost)
{
    int64_t now_us = clock_monotonic_us();
    h2->credit_us += now_us - h2->charged_us;
    h2->charged_us = now_us;
    const struct http_server *server = h2->conn->server;
    if (h2->credit_us > server->http2.credit_us)
        h2->credit_us = server->http2.credit_us;
    h2->credit_us -= cost * server->http2.frame_us;
}

/* Frames that cost us something and bring nobody anything. Those of a plain client stay far below the limit. */
static int64_t cost_of(const struct h2 *h2, const struct frame *frame)
{
    switch (frame->type) {
    case NGHTTP2_HEADERS: /* a request: streams are counted */ return 0;
    case NGHTTP2_DATA:
        return frame->len < H2_SMALL_DATA_BYTES && !(frame->flags & NGHTTP2_FLAG_END_STREAM);
    case NGHTTP2_SETTINGS: /* nghttp2 ends the connection for an ACK that nobody waits for */
        return !(frame->flags & NGHTTP2_FLAG_ACK);
    case NGHTTP2_RST_STREAM: return h2->conn->server->http2.reset_frames;
    default: /* PING, also ACK: we send none; PRIORITY, WINDOW_UPDATE, CONTINUATION, what nobody knows */
        return 1;
    }
}

/* Of a stream that we reset the client may still be sending; on one that ended otherwise it has nothing to say. */
static bool is_over(struct h2 *h2, int32_t stream_id)
{
    if (stream_id == 0 || stream_id > h2->last_stream_id ||
        nghttp2_session_find_stream(h2->session, stream_id))
        return false;
    for (size_t i = 0; i < H2_RESETS_KEPT; i++) {
        if (h2->resets[i] == stream_id)
            return false;
    }
    return true;
}

/* The head of a frame, before nghttp2 sees it: counted, and refused where nghttp2 passes over what RFC 9113 5.1, 5.1.1
 * and 6.3 do not. */
static void judge_frame(struct h2 *h2)
{
    const struct frame *frame = &h2->frames.now;
    bool carries = frame->type == NGHTTP2_DATA || frame->type == NGHTTP2_HEADERS;
    int64_t cost = cost_of(h2, frame);
    if (cost > 0)
        h2_charge(h2, cost);
    if (h2->credit_us < 0)
        h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM);
    else if (frame->type == NGHTTP2_PRIORITY && frame->stream_id == 0)
        h2_terminate(h2, NGHTTP2_PROTOCOL_ERROR);
    else if (carries && is_over(h2, frame->stream_id))
        h2_terminate(h2, NGHTTP2_STREAM_CLOSED);
}

/* A stream that depends on itself (RFC 7540 5.3.1): nobody makes use of priorities any more, but it is still no frame. */
static void judge_priority(struct h2 *h2)
{
    const struct frame *frame = &h2->frames.now;
    if (frame->type == NGHTTP2_PRIORITY && frame->len == H2_PRIORITY_BYTES &&
        (int32_t)(frames_number(frame->start) & INT32_MAX) == frame->stream_id)
        h2_terminate(h2, NGHTTP2_PROTOCOL_ERROR);
}

/* A header block is waited for from the head of its first frame to the end of its last, whatever nghttp2 makes of it: one
 * that it refuses midway must not leave the clock running for all the other streams. */
static void time_headers(struct h2 *h2)
{
    const struct frame *frame = &h2->frames.now;
    if (h2->frames.head_bytes > 0 ||
        (frame->type != NGHTTP2_HEADERS && frame->type != NGHTTP2_CONTINUATION))
        return;
    if (h2->headers_since_us == 0)
        h2->headers_since_us = clock_monotonic_us();
    if (frames_between(&h2->frames) && frame->flags & NGHTTP2_FLAG_END_HEADERS)
        h2->headers_since_us = 0;
}

/* How much of `bytes` nghttp2 may have before the next look. */
static size_t next_piece(struct h2 *h2, struct slice bytes)
{
    enum frames_edge edge;
    size_t len = frames_cut(&h2->frames, bytes, &edge);
    if (edge == FRAMES_HEAD)
        judge_frame(h2);
    else if (edge == FRAMES_START)
        judge_priority(h2);
    time_headers(h2);
    return len;
}

/* ---- bodies --------------------------------------------------------------------------------------- */

/* Every stream may send what its first window takes; only a few at a time may go beyond it, so that a connection does
 * not hold a hundred large bodies. Those that have leave can always finish. */
static void grant(struct h2 *h2, struct http_request *request)
{
    if (h2->granted_count < h2->conn->server->http2.large_bodies_max) {
        request->granted = true;
        h2->granted_count++;
    } else if (list_empty(&request->waiting)) {
        list_append(&h2->waiting, &request->waiting);
    }
}

static void consume(struct h2 *h2, struct http_request *request)
{
    if (!request->granted)
        return;
    (void)nghttp2_session_consume_stream(h2->session, request->stream_id,
                                         request->unconsumed_bytes);
    request->unconsumed_bytes = 0;
}

static void ungrant(struct h2 *h2, struct http_request *request)
{
    list_remove(&request->waiting);
    if (!request->granted)
        return;
    request->granted = false;
    h2->granted_count--;
    struct list *node = list_pop(&h2->waiting);
    if (node) {
        struct http_request *next = LIST_ENTRY(node, struct http_request, waiting);
        grant(h2, next);
        consume(h2, next);
    }
}

/* ---- after an early answer -------------------------------------------------------------------------- */

static void linger_no_more(struct h2 *h2, struct http_request *request)
{
    request->lingering_since_us = 0;
    (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, request->stream_id,
                                    NGHTTP2_NO_ERROR);
    conn_due(h2->conn);
}

/* The connection pays for what is thrown away, with half of what it has: the rest is for its other streams. */
static void throw_away(struct h2 *h2, struct http_request *request)
{
    if (request->lingering_since_us == 0)
        return;
    uint64_t before_bytes = h2->thrown_bytes;
    h2->thrown_bytes += request->unconsumed_bytes;
    h2_charge(h2, (int64_t)(h2->thrown_bytes / H2_THROWN_BYTES - before_bytes / H2_THROWN_BYTES));
    (void)nghttp2_session_consume_stream(h2->session, request->stream_id,
                                         request->unconsumed_bytes);
    request->unconsumed_bytes = 0;
    if (h2->credit_us < h2->conn->server->http2.credit_us / 2)
        linger_no_more(h2, request);
}

/* A client that is still sending its body when the stream is reset throws the answer away with it (curl does), and never
 * learns why. So what it sends is taken, for a while, and thrown away. */
static void linger(struct h2 *h2, struct http_request *request)
{
    request->lingering_since_us = clock_monotonic_us();
    buffer_done(&request->body);
    ungrant(h2, request);
    throw_away(h2, request);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *bytes,
                   size_t len, void *arg)
{
    struct h2 *h2 = arg;
    struct http_request *request = h2_request(h2, stream_id);
    (void)flags;
    (void)nghttp2_session_consume_connection(session, len);
    if (!request)
        return 0;
    if (request->refused) {
        request->unconsumed_bytes += len;
        throw_away(h2, request);
        return 0;
    }
    if (len > h2->conn->server->body_bytes_max - request->body.len) {
        h2_refuse(request, 413, "the body is too long");
        return 0;
    }
    buffer_append(&request->body, bytes, len);
    request->unconsumed_bytes += len;
    if (request->body.failed) {
        h2_refuse(request, 503, "no memory for the body");
    } else if (sweep_weigh(h2->conn->server, &request->hold, request_held_bytes(request))) {
        h2_refuse(request, 503, HELD_TOO_MUCH);
    } else if (request->body.len > H2_WINDOW_BYTES / 2) {
        if (!request->granted)
            grant(h2, request);
        consume(h2, request);
    }
    return 0;
}

/* ---- requests -------------------------------------------------------------------------------------- */

static void dispatch(struct http_request *request)
{
    request->body_since_us = 0;
    if (request->refused || request->running)
        return;
    if (!request_start(request))
        h2_refuse(request, 503, "too many requests at a time");
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h2 = arg;
    (void)session;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct http_request *request = h2_request(h2, frame->hd.stream_id);
    if (!request)
        return 0;
    bool whole = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type == NGHTTP2_HEADERS && !request->headers_done)
        h2_take_head(request, whole);
    if (whole)
        dispatch(request);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error, void *arg)
{
    struct h2 *h2 = arg;
    struct http_request *request = h2_request(h2, stream_id);
    (void)session, (void)error;
    if (!request)
        return 0;
    ungrant(h2, request);
    list_remove(&request->node);
    h2->conn->served = true;
    h2->conn->since_us = clock_monotonic_us();
    request_let_go(request);
    return 0;
}

/* ---- sending --------------------------------------------------------------------------------------- */

static ssize_t on_send(nghttp2_session *session, const uint8_t *bytes, size_t len, int flags,
                       void *arg)
{
    struct h2 *h2 = arg;
    (void)session, (void)flags;
    if (h2->conn->out.len >= HTTP_OUT_BYTES)
        return NGHTTP2_ERR_WOULDBLOCK;
    buffer_append(&h2->conn->out, bytes, len);
    return h2->conn->out.failed ? NGHTTP2_ERR_CALLBACK_FAILURE : (ssize_t)len;
}

/* Resets that we send are the client's doing as a rule, and cost what those that it sends do. */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h2 = arg;
    bool is_end = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                  frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    struct http_request *request = h2_request(h2, frame->hd.stream_id);
    if (is_end && request &&
        nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0)
        linger(h2, request);
    if (frame->hd.type != NGHTTP2_RST_STREAM)
        return 0;
    h2->resets[h2->reset_count++ % H2_RESETS_KEPT] = frame->hd.stream_id;
    if (frame->rst_stream.error_code != NGHTTP2_NO_ERROR)
        h2_charge(h2, h2->conn->server->http2.reset_frames);
    return 0;
}

static void h2_fill(struct http_conn *conn)
{
    struct h2 *h2 = conn->h2;
    if (nghttp2_session_send(h2->session) != 0) {
        conn_close(conn);
        return;
    }
    if (!nghttp2_session_want_read(h2->session) && !nghttp2_session_want_write(h2->session))
        conn_end(conn, true);
}

static void h2_take(struct http_conn *conn, struct slice bytes)
{
    struct h2 *h2 = conn->h2;
    ssize_t taken = 0;
    while (bytes.len > 0 && taken >= 0 && !h2->over) {
        size_t len = next_piece(h2, bytes);
        if (h2->over) /* nothing more of it is looked at, not even what came in the same packet */
            break;
        taken = nghttp2_session_mem_recv(h2->session, (const uint8_t *)bytes.ptr, len);
        bytes = slice_make(bytes.ptr + len, bytes.len - len);
    }
    if (taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
        conn_end(conn, true);
    else if (taken < 0)
        h2_terminate(h2, taken == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM
                                                      : NGHTTP2_INTERNAL_ERROR);
    conn_due(conn);
}

static void h2_written(struct http_conn *conn)
{
    (void)conn; /* h2_fill goes on by itself */
}

static void h2_gone(struct http_conn *conn)
{
    struct h2 *h2 = conn->h2;
    for (struct list *node; (node = list_pop(&h2->requests));) {
        struct http_request *request = LIST_ENTRY(node, struct http_request, node);
        list_remove(&request->waiting);
        request_let_go(request);
    }
}

/* ---- what waits for the client ----------------------------------------------------------------------- */

/* Of what nobody makes any more nothing but the rest of the answer is needed. */
static void slim(struct http_request *request)
{
    if (request->running || request->answer != ANSWER_DONE)
        return;
    buffer_done(&request->body);
    arena_done(&request->arena);
}

/* The client never takes the rest of the answer. */
static void give_up(struct h2 *h2, struct http_request *request)
{
    buffer_done(&request->out);
    request->unsent = (struct slice){0};
    cancel_fire(&request->cancel);
    (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, request->stream_id,
                                    NGHTTP2_CANCEL);
    conn_due(h2->conn);
}

static void weigh_request(struct h2 *h2, struct http_request *request)
{
    slim(request);
    request_slim(request);
    if (!sweep_weigh(h2->conn->server, &request->hold, request_held_bytes(request)))
        return;
    if (request->body_since_us > 0 && !request->refused)
        h2_refuse(request, 503, HELD_TOO_MUCH);
    else
        give_up(h2, request);
}

static void h2_weigh(struct http_conn *conn)
{
    struct h2 *h2 = conn->h2;
    if (sweep_weigh(conn->server, &conn->hold, conn_held_bytes(conn))) {
        conn_close(conn);
        return;
    }
    LIST_FOR_EACH (it, &h2->requests)
        weigh_request(h2, LIST_ENTRY(it, struct http_request, node));
}

/* ---- time ------------------------------------------------------------------------------------------ */

static void go_away(struct h2 *h2)
{
    h2->said_goaway = true;
    (void)nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(h2->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
    conn_due(h2->conn);
}

/* First a notice, so that no request that is on its way is lost; the last stream a little later (RFC 9113 6.8). */
void h2_drain(struct http_conn *conn)
{
    if (conn->protocol != &h2_protocol || !conn_is_open(conn))
        return;
    (void)nghttp2_submit_shutdown_notice(conn->h2->session);
    conn->h2->noticed = true;
    conn_due(conn);
}

/* Of an answer that waits, the client has taken all that it asked for so far. */
static bool is_window_closed(struct h2 *h2, const struct http_request *request)
{
    return nghttp2_session_get_stream_remote_window_size(h2->session, request->stream_id) <= 0 ||
           nghttp2_session_get_remote_window_size(h2->session) <= 0;
}

/* The client opens no window for an answer that waits. While one is open it is the connection that holds the answer up,
 * and sweep.c sees whether the client reads at all. */
static bool is_stalled(struct h2 *h2, struct http_request *request, int64_t now_us)
{
    size_t left = request->unsent.len;
    if (left == 0 || left != request->stalled_bytes || !is_window_closed(h2, request)) {
        request->stalled_bytes = left;
        request->stalled_since_us = now_us;
        return false;
    }
    return now_us - request->stalled_since_us >= request->server->write_stall_us;
}

static void tick_request(struct h2 *h2, struct http_request *request, int64_t now_us)
{
    if (request->lingering_since_us > 0) {
        if (now_us - request->lingering_since_us >= HTTP_LINGER_MS * INT64_C(1000))
            linger_no_more(h2, request);
    } else if (!list_empty(&request->waiting)) {
        request->body_since_us = now_us; /* it is we who keep it waiting */
    } else if (request->body_since_us > 0 && !request->refused &&
               sweep_body_is_slow(request, now_us)) {
        h2_refuse(request, 408, "the body took too long");
    } else if (is_stalled(h2, request, now_us)) {
        give_up(h2, request);
    }
}

static void h2_tick(struct http_conn *conn, int64_t now_us)
{
    struct h2 *h2 = conn->h2;
    if (h2->noticed && !h2->said_goaway)
        go_away(h2);
    if (h2->headers_since_us > 0 &&
        now_us - h2->headers_since_us >= conn->server->header_timeout_us) {
        h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM);
        return;
    }
    LIST_FOR_EACH (it, &h2->requests)
        tick_request(h2, LIST_ENTRY(it, struct http_request, node), now_us);
    if (list_empty(&h2->requests) && !h2->noticed) {
        sweep_idle(conn, now_us);
        if (!conn_is_open(conn))
            h2_terminate(h2, NGHTTP2_NO_ERROR);
    }
}

/* ---- life ------------------------------------------------------------------------------------------ */

static nghttp2_session_callbacks *callbacks_new(void)
{
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return NULL;
    nghttp2_session_callbacks_set_send_callback(callbacks, on_send);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_on_send_data);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, h2_on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, h2_on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    return callbacks;
}

static nghttp2_option *option_new(void)
{
    nghttp2_option *option;
    if (nghttp2_option_new(&option) != 0)
        return NULL;
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_outbound_ack(option, HTTP2_ODD_FRAMES_MAX);
    nghttp2_option_set_max_continuations(option, HTTP2_CONTINUATIONS_MAX);
    return option;
}

static int session_new(struct h2 *h2)
{
    nghttp2_session_callbacks *callbacks = callbacks_new();
    nghttp2_option *option = option_new();
    int problem = NGHTTP2_ERR_NOMEM;
    if (callbacks && option)
        problem = nghttp2_session_server_new2(&h2->session, callbacks, h2, option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    return problem;
}

enum status h2_begin(struct http_conn *conn)
{
    struct h2 *h2 = calloc(1, sizeof(*h2));
    if (!h2)
        return STATUS_RESOURCE_EXHAUSTED;
    h2->conn = conn;
    frames_init(&h2->frames, NGHTTP2_CLIENT_MAGIC_LEN);
    h2->charged_us = conn->since_us = clock_monotonic_us();
    h2->credit_us = conn->server->http2.credit_us;
    list_init(&h2->requests);
    list_init(&h2->waiting);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)conn->server->http2.streams_max},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
         (uint32_t)conn->server->head_limits.header_bytes_max},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    if (session_new(h2) != 0 ||
        nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings,
                                sizeof(settings) / sizeof(settings[0])) ||
        nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                              H2_CONNECTION_WINDOW_BYTES) != 0) {
        nghttp2_session_del(h2->session);
        free(h2);
        return STATUS_RESOURCE_EXHAUSTED;
    }
    conn->h2 = h2;
    conn->protocol = &h2_protocol;
    if (conn->server->draining)
        h2_drain(conn);
    conn_due(conn);
    return STATUS_OK;
}

void h2_free(struct http_conn *conn)
{
    if (!conn->h2)
        return;
    nghttp2_session_del(conn->h2->session);
    free(conn->h2);
    conn->h2 = NULL;
}

bool h2_is_preface(struct slice bytes)
{
    size_t len = bytes.len < NGHTTP2_CLIENT_MAGIC_LEN ? bytes.len : NGHTTP2_CLIENT_MAGIC_LEN;
    return memcmp(bytes.ptr, NGHTTP2_CLIENT_MAGIC, len) == 0;
}

const struct protocol h2_protocol = {
    .take = h2_take,
    .fill = h2_fill,
    .written = h2_written,
    .gone = h2_gone,
    .input_ended = conn_close,
    .weigh = h2_weigh,
    .tick = h2_tick,
    .begin = h2_begin_answer,
    .write = h2_write,
    .taken = h2_taken,
    .end = h2_end,
    .abort = h2_abort,
};
