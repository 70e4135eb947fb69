/* From h2o's request to ours, and the fiber that handles it. */
#include <ctype.h>
#include <stdlib.h>

#include "hub/http/internal.h"
#include "hub/route/percent.h"
#include "shared/base/clock.h"
#include "shared/base/siphash.h"

/* ---- the pool of requests ------------------------------------------------------------------------ */

static void on_cancelled(struct cancel_hook *hook)
{
    fiber_event_signal(&LIST_ENTRY(hook, struct http_request, cancelled)->written);
}

static struct http_request *request_new(struct http_server *server)
{
    struct http_request *request = server->pooled;
    struct arena arena;
    if (request) {
        server->pooled = request->next_pooled;
        server->pooled_count--;
        arena = request->arena;
    } else {
        request = malloc(sizeof(*request));
        if (!request)
            return NULL;
        arena_init(&arena, HTTP_ARENA_BYTES_MAX);
    }
    memset(request, 0, sizeof(*request));
    request->arena = arena;
    request->server = server;
    cancel_init(&request->cancel, DEADLINE_NONE);
    request->cancelled.run = on_cancelled;
    cancel_hook_add(&request->cancel, &request->cancelled);
    return request;
}

static void request_free(struct http_request *request)
{
    struct http_server *server = request->server;
    if (server->pooled_count < HTTP_REQUESTS_POOLED_MAX) {
        arena_reset(&request->arena);
        request->next_pooled = server->pooled;
        server->pooled = request;
        server->pooled_count++;
    } else {
        arena_done(&request->arena);
        free(request);
    }
}

void request_pool_free(struct http_server *server)
{
    while (server->pooled) {
        struct http_request *request = server->pooled;
        server->pooled = request->next_pooled;
        arena_done(&request->arena);
        free(request);
    }
}

/* ---- what it says -------------------------------------------------------------------------------- */

static bool is_forwarding(struct slice name)
{
    return name_is(name, "forwarded") || name_is(name, "x-real-ip") ||
           (name.len >= 12 && name_is(slice_make(name.ptr, 12), "x-forwarded-"));
}

/* What only the federation itself may say. */
static bool is_internal(struct slice name)
{
    return name_is(name, "x-policy-hint");
}

static bool request_id_is_valid(struct slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        unsigned char c = (unsigned char)id.ptr[i];
        if (!isalnum(c) && c != '_' && c != '.' && c != '-')
            return false;
    }
    return id.len > 0 && id.len <= HTTP_REQUEST_ID_BYTES_MAX;
}

static struct slice new_request_id(struct http_request *request)
{
    struct http_server *server = request->server;
    uint64_t count = server->id_count++;
    uint64_t id = siphash(server->id_key, slice_make(&count, sizeof(count)));
    return slice_str(arena_printf(&request->arena, "%016llx", (unsigned long long)id));
}

static void take_headers(struct http_request *request, const struct head *head, bool trusted)
{
    for (size_t i = 0; i < head->header_count; i++) {
        const struct head_header *header = &head->headers[i];
        if (is_forwarding(header->name))
            request->forwarded = true;
        if (is_internal(header->name) || (is_forwarding(header->name) && !trusted))
            continue;
        request->headers[request->header_count++] = *header;
    }
}

bool forwarded_client(const struct http_server *server, const struct head *head,
                      struct address *ret_address, struct slice *ret_text)
{
    for (size_t i = head->header_count; i-- > 0;) {
        if (name_is(head->headers[i].name, "x-forwarded-for"))
            return address_of_client(&server->addresses, head->headers[i].value, ret_address,
                                     ret_text);
    }
    return false;
}

bool conn_hold_client(struct http_conn *conn, const struct head *head)
{
    struct address address;
    struct slice text;
    if (!conn->proxied || conn->hold.entry ||
        !forwarded_client(conn->server, head, &address, &text))
        return true;
    return address_hold(&conn->server->addresses, &address, &conn->hold) == STATUS_OK;
}

static void take_forwarding(struct http_request *request, const struct head *head)
{
    struct address address;
    struct slice text;
    if (forwarded_client(request->server, head, &address, &text) &&
        text.len < HTTP_ADDRESS_BYTES_MAX)
        request->peer = text;
    struct slice proto = http_header(request, "x-forwarded-proto", 0);
    if (proto.ptr)
        request->secure = name_is(proto, "https");
}

static bool is_dot_segment(const char *at, const char *end)
{
    size_t len = (size_t)(end - at);
    return (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.');
}

/* The decoded path, or nothing when it could lead a file's name astray. */
static struct slice file_path(struct http_request *request)
{
    struct slice raw = request->raw_path;
    for (size_t i = 0; i + 2 < raw.len; i++) {
        if (raw.ptr[i] == '%' && ((raw.ptr[i + 1] == '2' && tolower(raw.ptr[i + 2]) == 'f') ||
                                  (raw.ptr[i + 1] == '5' && tolower(raw.ptr[i + 2]) == 'c')))
            return (struct slice){0};
    }
    char *out = arena_alloc(&request->arena, raw.len);
    size_t len;
    if (!out || !percent_decode(raw, PERCENT_PLAIN, out, &len))
        return (struct slice){0};
    const char *segment = out + 1, *end = out + len;
    for (const char *at = segment; at <= end; at++) {
        if (at < end && *at != '/')
            continue;
        if (is_dot_segment(segment, at))
            return (struct slice){0};
        segment = at + 1;
    }
    return slice_make(out, len);
}

static bool fill(struct http_request *request, const struct http_conn *conn, const h2o_req_t *h2o,
                 const struct head *head)
{
    struct arena *arena = &request->arena;
    request->headers = arena_zalloc(arena, head->header_count + 1, sizeof(request->headers[0]));
    request->peer = slice_str(arena_strndup(arena, conn->peer, strlen(conn->peer)));
    if (h2o->entity.len > 0)
        request->body = arena_copy(arena, slice_make(h2o->entity.base, h2o->entity.len));
    if (arena->failed)
        return false;
    struct slice target = head->target;
    const char *mark = memchr(target.ptr, '?', target.len);
    request->method = head->method;
    request->raw_path = slice_cut(&target, '?');
    request->query = mark ? target : (struct slice){0};
    request->host = head->host;
    request->secure = conn->sock->ssl != NULL;
    request->head_only = slice_equal_str(head->method, "HEAD");
    take_headers(request, head, conn->proxied);
    if (conn->proxied)
        take_forwarding(request, head);
    /* The client's own, so that its log and ours can be joined: it is believed to be a name and nothing more. */
    struct slice id = http_header(request, "x-request-id", 0);
    request->id = request_id_is_valid(id) ? id : new_request_id(request);
    request->path = file_path(request);
    return !arena->failed;
}

/* ---- its life ------------------------------------------------------------------------------------ */

static void on_cell_dispose(void *arg)
{
    struct cell *cell = arg;
    struct http_conn *conn = cell->conn;
    buffer_done(&cell->out);
    if (conn->proxied)
        address_release(&conn->hold);
    conn->busy = conn->vetted = false;
    conn->served = true;
    conn->request = NULL;
    conn->reading_since_us = 0;
    conn->since_us = clock_monotonic_us();
    struct http_request *request = cell->request;
    if (!request)
        return;
    request->cell = NULL;
    if (request->answer != ANSWER_DONE)
        cancel_fire(&request->cancel);
    fiber_event_signal(&request->written);
}

static void run_handler(void *arg)
{
    struct http_request *request = arg;
    struct http_server *server = request->server;
    server->handler(server->arg, request);
    if (request->answer == ANSWER_NONE)
        reply_error(request, 500, "no answer was made");
    else if (request->answer == ANSWER_STREAM)
        http_stream_abort(request);
    if (request->cell) {
        request->cell->request = NULL;
        request->cell->conn->request = NULL;
    }
    request_free(request);
    server->request_count--;
    fiber_event_signal(&server->changed);
}

/* A head that no request of ours can stand for: answered, and the connection closed. */
static void refuse(struct http_request *request, int code, const char *what)
{
    h2o_req_t *h2o = request->cell->h2o;
    struct cell *cell = request->cell;
    h2o->http1_is_persistent = 0;
    conn_linger(cell->conn);
    cell->request = NULL;
    cell->conn->request = NULL;
    reply_error(request, code, what);
    request_free(request);
}

int on_request(h2o_handler_t *handler, h2o_req_t *h2o)
{
    (void)handler;
    struct http_conn *conn = conn_of(h2o);
    struct http_server *server = conn->server;
    struct http_request *request = request_new(server);
    if (!request) {
        h2o_send_error_503(h2o, "Service Unavailable", "no memory",
                           H2O_SEND_ERROR_HTTP1_CLOSE_CONNECTION);
        return 0;
    }
    struct cell *cell = h2o_mem_alloc_shared(&h2o->pool, sizeof(*cell), on_cell_dispose);
    *cell = (struct cell){.conn = conn, .request = request, .h2o = h2o};
    cell->generator.proceed = on_proceed;
    buffer_init(&cell->out, HTTP_STREAM_BYTES_MAX);
    request->cell = cell;
    request->started_us = clock_monotonic_us();
    conn->busy = true;
    conn->request = request;
    if (server->draining)
        h2o->http1_is_persistent = 0;

    /* h2o decodes in place behind the head and only lowers the case of names in it: it is still there. */
    const h2o_buffer_t *input = conn->sock->input;
    size_t head_bytes = head_length(slice_make(input->bytes, input->size));
    struct slice copy = arena_copy(&request->arena, slice_make(input->bytes, head_bytes));
    struct head head;
    const char *what = "no memory for the request";
    int code = copy.ptr ? head_parse(copy, &server->head_limits, &head, &what) : 503;
    if (code == 0 && !conn_hold_client(conn, &head)) {
        code = 429;
        what = HTTP_TOO_MANY_OF_ADDRESS;
    }
    if (code == 0 && !fill(request, conn, h2o, &head)) {
        code = 503;
        what = "no memory for the request";
    }
    if (code != 0) {
        refuse(request, code, what);
        return 0;
    }
    server->request_count++;
    if (fiber_go(server->fibers, run_handler, request) != STATUS_OK) {
        server->request_count--;
        refuse(request, 503, "too many requests at a time");
    }
    return 0;
}

/* ---- getters ------------------------------------------------------------------------------------- */

struct slice http_method(const struct http_request *request)
{
    return request->method;
}

struct slice http_raw_path(const struct http_request *request)
{
    return request->raw_path;
}

struct slice http_path(const struct http_request *request)
{
    return request->path;
}

struct slice http_query(const struct http_request *request)
{
    return request->query;
}

struct slice http_body(const struct http_request *request)
{
    return request->body;
}

struct slice http_header(const struct http_request *request, const char *name, size_t n)
{
    for (size_t i = 0; i < request->header_count; i++) {
        const struct head_header *header = &request->headers[i];
        if (header->name.len == strlen(name) &&
            strncasecmp(header->name.ptr, name, header->name.len) == 0 && n-- == 0)
            return header->value;
    }
    return (struct slice){0};
}

struct slice http_cookie(const struct http_request *request, const char *name, size_t n)
{
    struct slice header, value;
    if (n >= HTTP_COOKIES_OF_A_NAME_MAX)
        return (struct slice){0};
    for (size_t i = 0; (header = http_header(request, "cookie", i)).ptr; i++)
        while (cookie_find(&header, name, &value))
            if (n-- == 0)
                return value;
    return (struct slice){0};
}

struct slice http_host(const struct http_request *request)
{
    return request->host;
}

struct slice http_peer(const struct http_request *request)
{
    return request->peer;
}

bool http_is_forwarded(const struct http_request *request)
{
    return request->forwarded;
}

bool http_is_secure(const struct http_request *request)
{
    return request->secure;
}

struct slice http_request_id(const struct http_request *request)
{
    return request->id;
}

int http_accept(const struct http_request *request, const char *const *types, size_t type_count)
{
    int best = -1, best_quality = 0;
    struct slice header = http_header(request, "accept", 0);
    for (size_t i = 0; i < type_count; i++) {
        int quality = accept_quality(header, types[i]);
        if (quality > best_quality) {
            best = (int)i;
            best_quality = quality;
        }
    }
    return best;
}

struct cancel *http_cancel(struct http_request *request)
{
    return &request->cancel;
}

struct arena *http_arena(struct http_request *request)
{
    return &request->arena;
}

int64_t http_started_us(const struct http_request *request)
{
    return request->started_us;
}
