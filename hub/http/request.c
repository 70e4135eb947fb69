/* A request, and the fiber that handles it. */
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

struct http_request *request_new(struct http_conn *conn, const struct protocol *protocol)
{
    struct http_server *server = conn->server;
    struct http_request *request = server->pooled;
    struct arena arena;
    struct buffer body, out;
    if (request) {
        server->pooled = request->next_pooled;
        server->pooled_count--;
        arena = request->arena;
        body = request->body;
        out = request->out;
    } else {
        request = malloc(sizeof(*request));
        if (!request)
            return NULL;
        arena_init(&arena, HTTP_ARENA_BYTES_MAX);
        buffer_init(&body, server->body_bytes_max);
        buffer_init(&out, HTTP_OUT_BYTES_MAX);
    }
    memset(request, 0, sizeof(*request));
    request->arena = arena;
    request->body = body;
    request->out = out;
    request->server = server;
    request->conn = conn;
    request->protocol = protocol;
    list_init(&request->node);
    list_init(&request->waiting);
    cancel_init(&request->cancel, DEADLINE_NONE);
    request->cancelled.run = on_cancelled;
    cancel_hook_add(&request->cancel, &request->cancelled);
    return request;
}

static void request_destroy(struct http_request *request)
{
    arena_done(&request->arena);
    buffer_done(&request->body);
    buffer_done(&request->out);
    free(request);
}

void buffer_empty(struct buffer *buffer)
{
    if (buffer->cap > BUFFER_BYTES_KEPT)
        buffer_done(buffer);
    else
        buffer_reset(buffer);
}

static void request_free(struct http_request *request)
{
    struct http_server *server = request->server;
    address_release(&request->hold);
    if (server->pooled_count >= HTTP_REQUESTS_POOLED_MAX) {
        request_destroy(request);
        return;
    }
    arena_reset(&request->arena);
    buffer_empty(&request->body);
    buffer_empty(&request->out);
    request->next_pooled = server->pooled;
    server->pooled = request;
    server->pooled_count++;
}

static void give_back(struct buffer *buffer)
{
    if (buffer->len == 0 && !buffer->failed)
        buffer_done(buffer);
}

void request_slim(struct http_request *request)
{
    give_back(&request->body);
    give_back(&request->out);
}

size_t request_held_bytes(const struct http_request *request)
{
    size_t head_bytes = request->running ? 0 : request->arena.used_bytes;
    return head_bytes + request->body.cap + request->out.cap;
}

void request_pool_free(struct http_server *server)
{
    while (server->pooled) {
        struct http_request *request = server->pooled;
        server->pooled = request->next_pooled;
        request_destroy(request);
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

/* Lists, which may come in several lines that mean what they do joined with commas (RFC 9110 5.3). */
static const char *const lists[] = {"accept",   "accept-encoding", "content-encoding",
                                    "if-match", "if-none-match",   "x-forwarded-for"};

/* What has one value: two readers could take different ones of two. */
static const char *const singletons[] = {"access-control-request-method",
                                         "content-type",
                                         "idempotency-key",
                                         "last-event-id",
                                         "origin",
                                         "sec-fetch-site",
                                         "x-forwarded-proto"};

/* The name of `names` that it is; NULL for none. */
static const char *find_name(struct slice name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (name_is(name, names[i]))
            return names[i];
    }
    return NULL;
}

/* All lines of that name as one. */
static struct slice join_lines(struct arena *arena, const struct head *head, const char *name)
{
    struct slice joined = {0};
    for (size_t i = 0; i < head->header_count; i++) {
        const struct head_header *header = &head->headers[i];
        if (name_is(header->name, name))
            joined.len += header->value.len + 1;
    }
    char *at = arena_alloc(arena, joined.len);
    joined.ptr = at;
    for (size_t i = 0; at && i < head->header_count; i++) {
        const struct head_header *header = &head->headers[i];
        if (!name_is(header->name, name))
            continue;
        if (at != joined.ptr)
            *at++ = ',';
        if (header->value.len > 0)
            memcpy(at, header->value.ptr, header->value.len);
        at += header->value.len;
    }
    return at ? slice_make(joined.ptr, joined.len - 1) : (struct slice){0};
}

/* 0, or the code to refuse with. */
static int take_headers(struct http_request *request, const struct head *head, bool trusted,
                        const char **ret_what)
{
    for (size_t i = 0; i < head->header_count; i++) {
        const struct head_header *header = &head->headers[i];
        if (is_forwarding(header->name))
            request->forwarded = true;
        if (is_internal(header->name) || (is_forwarding(header->name) && !trusted))
            continue;
        const char *list = find_name(header->name, lists, sizeof(lists) / sizeof(lists[0]));
        const char *single =
            find_name(header->name, singletons, sizeof(singletons) / sizeof(singletons[0]));
        if (single && http_header(request, single, 0).ptr) {
            const char *what = arena_printf(&request->arena, "%s is given more than once", single);
            if (!what)
                return 503;
            *ret_what = what;
            return 400;
        }
        if (list && http_header(request, list, 0).ptr)
            continue; /* joined already */
        request->headers[request->header_count] = *header;
        if (list)
            request->headers[request->header_count].value = join_lines(&request->arena, head, list);
        request->header_count++;
    }
    return 0;
}

/* False when the client that the proxy names has too much already. */
static bool take_forwarding(struct http_request *request)
{
    struct address_table *table = &request->server->addresses;
    struct address address;
    struct slice text;
    if (address_of_client(table, request->peer, http_header(request, "x-forwarded-for", 0),
                          &address, &text)) {
        if (address_hold(table, &address, &request->hold) != STATUS_OK)
            return false;
        if (text.len < HTTP_ADDRESS_BYTES_MAX)
            request->peer = text;
    }
    struct slice proto = http_header(request, "x-forwarded-proto", 0);
    if (proto.ptr)
        request->secure = name_is(proto, "https");
    return true;
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
    if (raw.ptr[0] != '/') /* "*" */
        return (struct slice){0};
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

/* RFC 9110 7.4: an address of the other scheme is another server's. A trusted proxy speaks in clear of what came to it over
 * TLS. */
static bool is_misdirected(const struct http_conn *conn, const struct head *head)
{
    return conn->ssl ? head->scheme == SCHEME_HTTP : head->scheme == SCHEME_HTTPS && !conn->trusted;
}

int request_take_head(struct http_request *request, const struct head *head, const char **ret_what)
{
    struct arena *arena = &request->arena;
    const struct http_conn *conn = request->conn;
    request->started_us = clock_monotonic_us();
    request->headers = arena_zalloc(arena, head->header_count + 1, sizeof(request->headers[0]));
    request->peer = slice_str(arena_strndup(arena, conn->peer, strlen(conn->peer)));
    *ret_what = "no memory for the request";
    if (arena->failed)
        return 503;
    request->method = head->method;
    request->raw_path = head->path;
    request->query = head->query;
    request->host = head->host;
    request->secure = conn->ssl != NULL;
    request->head_only = slice_equal_str(head->method, "HEAD");
    if (is_misdirected(conn, head)) {
        *ret_what = conn->ssl ? "an http address over TLS" : "an https address without TLS";
        return 421;
    }
    int code = take_headers(request, head, conn->proxied, ret_what);
    if (code != 0)
        return code;
    /* On HTTP/1 the connection counts already; a stream is as much as one of those. */
    bool counted = conn->proxied ? take_forwarding(request)
                                 : request->stream_id == 0 ||
                                       address_hold_also(&request->server->addresses, &conn->hold,
                                                         &request->hold) == STATUS_OK;
    if (!counted) {
        *ret_what = "too many requests at a time from this address";
        return 429;
    }
    /* The client's own, so that its log and ours can be joined: it is believed to be a name and nothing more. */
    struct slice id = http_header(request, "x-request-id", 0);
    request->id = request_id_is_valid(id) ? id : new_request_id(request);
    request->path = file_path(request);
    return arena->failed ? 503 : 0;
}

/* ---- its life ------------------------------------------------------------------------------------ */

static bool body_is_encoded(const struct http_request *request)
{
    struct slice codings = http_header(request, "content-encoding", 0);
    while (request->body.len > 0 && codings.len > 0) {
        struct slice coding = trim(slice_cut(&codings, ','));
        if (coding.len > 0 && !name_is(coding, "identity"))
            return true;
    }
    return false;
}

static void run_handler(void *arg)
{
    struct http_request *request = arg;
    struct http_server *server = request->server;
    if (body_is_encoded(request)) {
        http_add_header(request, "accept-encoding", SLICE_LIT("identity"));
        reply_error(request, 415, "the body is compressed: send it as it is");
    } else {
        server->handler(server->arg, request);
    }
    if (request->answer == ANSWER_NONE)
        reply_error(request, 500, "no answer was made");
    else if (request->answer == ANSWER_STREAM)
        http_stream_abort(request);
    request->running = false;
    if (!request->conn)
        request_free(request);
    server->request_count--;
    fiber_event_signal(&server->changed);
}

bool request_start(struct http_request *request)
{
    struct http_server *server = request->server;
    request->running = true;
    server->request_count++;
    if (fiber_go(server->fibers, run_handler, request) == STATUS_OK)
        return true;
    request->running = false;
    server->request_count--;
    return false;
}

void request_let_go(struct http_request *request)
{
    request->conn = NULL;
    if (!request->running) {
        request_free(request);
        return;
    }
    if (request->answer != ANSWER_DONE)
        cancel_fire(&request->cancel);
    fiber_event_signal(&request->written);
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
    return buffer_slice(&request->body);
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

bool http_content_is(const struct http_request *request, const char *type)
{
    return media_is(http_header(request, "content-type", 0), type);
}

int http_encoding(const struct http_request *request, const char *coding)
{
    return encoding_quality(http_header(request, "accept-encoding", 0), coding);
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
