/* One TCP connection: bytes in, bytes out.
 *
 * Reading goes into one buffer of the server and is taken from there at once; only what cannot be taken yet is kept.
 * Writing: protocols append to `out` whenever they like, and at the end of the loop's turn all of it is sent by one
 * write. While the kernel takes its time with `wire`, the next is gathered in `out`.
 */
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "hub/http/internal.h"
#include "shared/base/clock.h"

int conn_fd(const struct http_conn *conn)
{
    uv_os_fd_t fd;
    return uv_fileno((const uv_handle_t *)&conn->tcp, &fd) == 0 ? fd : -1;
}

/* ---- its end ------------------------------------------------------------------------------------- */

static void on_handle_close(uv_handle_t *handle)
{
    struct http_conn *conn = (struct http_conn *)handle;
    struct http_server *server = conn->server;
    h2_free(conn);
    SSL_free(conn->ssl);
    buffer_done(&conn->in);
    buffer_done(&conn->out);
    buffer_done(&conn->cipher);
    buffer_done(&conn->wire);
    free(conn);
    server->handles_open--;
}

void conn_close(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    if (conn->state == CONN_CLOSED)
        return;
    conn->state = CONN_CLOSED;
    conn->protocol->gone(conn);
    list_remove(&conn->node);
    list_remove(&conn->dirty);
    address_release(&conn->hold);
    if (--server->conn_count == 0)
        uv_timer_stop(&server->sweep);
    /* What the kernel would go on sending to who does not read is of no use without its end. */
    if (!conn->writing || uv_tcp_close_reset(&conn->tcp, on_handle_close) != 0)
        uv_close((uv_handle_t *)&conn->tcp, on_handle_close);
    fiber_event_signal(&server->changed);
}

void conn_end(struct http_conn *conn, bool linger)
{
    if (conn->state != CONN_OPEN)
        return;
    conn->state = CONN_ENDING;
    conn->linger |= linger;
    conn_due(conn);
}

/* All is sent. */
static void finish(struct http_conn *conn)
{
    if (!conn->linger) {
        conn_close(conn);
        return;
    }
    conn->state = CONN_LINGERING;
    conn->since_us = clock_monotonic_us();
    shutdown(conn_fd(conn), SHUT_WR);
    buffer_done(&conn->in);
    conn_resume(conn);
}

/* ---- reading ------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct http_conn *conn = (struct http_conn *)handle;
    (void)suggested;
    *ret_buf = uv_buf_init(conn->server->read_bytes, HTTP_READ_BYTES);
}

static void throw_away(struct http_conn *conn, size_t len)
{
    conn->lingered_bytes += len;
    conn->linger = true;
    if (conn->state == CONN_LINGERING && conn->lingered_bytes > HTTP_LINGER_BYTES_MAX)
        conn_close(conn);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct http_conn *conn = (struct http_conn *)stream;
    if (got == 0 || conn->state == CONN_CLOSED)
        return;
    if (got == UV_EOF && conn->state == CONN_ENDING)
        conn_pause(conn);
    else if (got == UV_EOF && conn->state == CONN_OPEN)
        conn->protocol->input_ended(conn);
    else if (got < 0)
        conn_close(conn);
    else if (conn->state != CONN_OPEN)
        throw_away(conn, (size_t)got);
    else if (conn->ssl)
        tls_take(conn, slice_make(buf->base, (size_t)got));
    else
        conn->protocol->take(conn, slice_make(buf->base, (size_t)got));
}

void conn_pause(struct http_conn *conn)
{
    if (conn->reading)
        uv_read_stop((uv_stream_t *)&conn->tcp);
    conn->reading = false;
}

void conn_resume(struct http_conn *conn)
{
    if (!conn->reading && conn->state != CONN_CLOSED)
        conn->reading = uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) == 0;
}

/* ---- writing ------------------------------------------------------------------------------------- */

void conn_due(struct http_conn *conn)
{
    if (conn->state == CONN_CLOSED || !list_empty(&conn->dirty))
        return;
    list_append(&conn->server->dirty, &conn->dirty);
    fibers_hooks_due(conn->server->fibers);
}

static void all_written(struct http_conn *conn)
{
    buffer_empty(&conn->wire);
    conn->wire_sent = 0;
    conn->protocol->written(conn);
}

static void on_write(uv_write_t *write, int status)
{
    struct http_conn *conn = LIST_ENTRY(write, struct http_conn, write);
    conn->writing = false;
    if (conn->state == CONN_CLOSED)
        return;
    if (status != 0) {
        conn_close(conn);
        return;
    }
    all_written(conn);
    conn_due(conn);
}

/* Moves what is to be sent to `wire`; false when there is nothing. */
static bool take_wire(struct http_conn *conn)
{
    struct buffer *from = &conn->out;
    if (conn->ssl) {
        tls_encrypt(conn);
        from = &conn->cipher;
    }
    if (conn->state == CONN_CLOSED)
        return false;
    if (conn->out.failed || from->failed) {
        conn_close(conn);
        return false;
    }
    if (from->len == 0)
        return false;
    struct buffer empty = conn->wire;
    conn->wire = *from;
    *from = empty;
    return true;
}

/* At once as far as the kernel takes it, the rest, or all of it when `later`, by the loop. */
static void send_wire(struct http_conn *conn, bool later)
{
    uv_stream_t *stream = (uv_stream_t *)&conn->tcp;
    uv_buf_t buf = uv_buf_init(conn->wire.ptr, (unsigned)conn->wire.len);
    int sent = later ? UV_EAGAIN : uv_try_write(stream, &buf, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        conn_close(conn);
        return;
    }
    conn->wire_sent = sent > 0 ? (size_t)sent : 0;
    if (conn->wire_sent == conn->wire.len) {
        all_written(conn);
        return;
    }
    buf =
        uv_buf_init(conn->wire.ptr + conn->wire_sent, (unsigned)(conn->wire.len - conn->wire_sent));
    conn->writing = true;
    if (uv_write(&conn->write, stream, &buf, 1, on_write) != 0) {
        conn->writing = false;
        conn_close(conn);
    }
}

/* A second round goes through the loop, so that a fast reader of a long answer does not hold up the others. */
void conn_flush(struct http_conn *conn)
{
    for (int round = 0; round < 2 && !conn->writing; round++) {
        if (conn->state == CONN_OPEN || conn->state == CONN_ENDING)
            conn->protocol->fill(conn);
        if (conn->state == CONN_CLOSED)
            return;
        if (take_wire(conn)) {
            send_wire(conn, round > 0);
            continue;
        }
        if (conn->state != CONN_ENDING)
            return;
        if (!conn->ssl || conn->said_goodbye) {
            finish(conn);
            return;
        }
        tls_say_goodbye(conn);
    }
    if (conn->state == CONN_ENDING && !conn->writing)
        conn_due(conn);
}

int conn_unacknowledged(const struct http_conn *conn)
{
    int bytes = 0;
    return ioctl(conn_fd(conn), SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

size_t conn_held_bytes(const struct http_conn *conn)
{
    size_t kernel_bytes = conn->writing ? (size_t)conn_unacknowledged(conn) : 0;
    return conn->in.cap + conn->out.cap + conn->cipher.cap + conn->wire.cap + kernel_bytes;
}

void conn_slim(struct http_conn *conn)
{
    struct buffer *const all[] = {&conn->in, &conn->out, &conn->cipher};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i]->len == 0 && all[i]->ptr)
            buffer_done(all[i]);
    }
    if (!conn->writing && conn->wire.ptr)
        buffer_done(&conn->wire);
}

/* ---- its beginning ------------------------------------------------------------------------------- */

static void peer_name(const uv_tcp_t *tcp, char peer[HTTP_ADDRESS_BYTES_MAX])
{
    struct sockaddr_storage address;
    int len = sizeof(address);
    peer[0] = '\0';
    if (uv_tcp_getpeername(tcp, (struct sockaddr *)&address, &len) != 0)
        return;
    if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
            inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], peer, HTTP_ADDRESS_BYTES_MAX);
        else
            uv_ip6_name(in6, peer, HTTP_ADDRESS_BYTES_MAX);
    } else {
        uv_ip4_name((const struct sockaddr_in *)&address, peer, HTTP_ADDRESS_BYTES_MAX);
    }
}

static bool is_loopback(const char *peer)
{
    return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0;
}

/* False when there are too many connections, of all or of this address. */
static bool admit(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    struct address address;
    if (server->conn_count >= server->connections_max)
        return false;
    if (!address_parse(slice_str(conn->peer), &address))
        return true; /* gone already */
    conn->proxied = address_is_proxy(&server->addresses, &address);
    conn->trusted = conn->proxied || is_loopback(conn->peer);
    return conn->proxied || address_hold(&server->addresses, &address, &conn->hold) == STATUS_OK;
}

static void refuse_connection(struct http_conn *conn)
{
    char body[ERROR_BODY_BYTES_MAX], text[1024];
    conn->server->refused_count++;
    size_t body_len = error_body(503, "too many connections", body, sizeof(body));
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
                       body_len, (int)body_len, body);
    uv_buf_t buf = uv_buf_init(text, (unsigned)len);
    if (!conn->server->tls_context)
        (void)uv_try_write((uv_stream_t *)&conn->tcp, &buf, 1);
    conn->state = CONN_CLOSED;
    uv_close((uv_handle_t *)&conn->tcp, on_handle_close);
}

void on_connection(uv_stream_t *listener, int status)
{
    struct http_server *server = listener->data;
    struct http_conn *conn = status == 0 ? calloc(1, sizeof(*conn)) : NULL;
    if (!conn) {
        server->refused_count++;
        return;
    }
    conn->server = server;
    conn->protocol = &h1_protocol;
    list_init(&conn->node);
    list_init(&conn->dirty);
    buffer_init(&conn->in, SIZE_MAX);
    buffer_init(&conn->out, HTTP_OUT_BYTES_MAX);
    buffer_init(&conn->cipher, HTTP_OUT_BYTES_MAX);
    buffer_init(&conn->wire, HTTP_OUT_BYTES_MAX);
    if (uv_tcp_init(server->loop, &conn->tcp) != 0) {
        free(conn);
        return;
    }
    server->handles_open++;
    if (uv_accept(listener, (uv_stream_t *)&conn->tcp) != 0) {
        conn->state = CONN_CLOSED;
        uv_close((uv_handle_t *)&conn->tcp, on_handle_close);
        return;
    }
    uv_tcp_nodelay(&conn->tcp, 1);
    peer_name(&conn->tcp, conn->peer);
    if (!admit(conn)) {
        refuse_connection(conn);
        return;
    }
    list_append(&server->conns, &conn->node);
    if (server->conn_count++ == 0)
        uv_timer_start(&server->sweep, on_sweep, HTTP_GONE_NOTICE_MS, HTTP_GONE_NOTICE_MS);
    conn->since_us = clock_monotonic_us();
    if (server->tls_context && !tls_accept(conn)) {
        conn_close(conn);
        return;
    }
    conn_resume(conn);
}
