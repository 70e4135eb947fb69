/* What h2o does not watch over: clients that go away while a handler works, heads that must be judged before
 * the body is there, time limits for head, body, idleness and writing, and answers that a reset would lose.
 *
 * One timer for all connections, every HTTP_GONE_NOTICE_MS while there are any: a poll(2) of those that wait
 * for a handler and a look at each of the others. No system call a connection, no timer a connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "hub/http/internal.h"
#include "shared/base/clock.h"

#define LINGER_READ_BYTES 16384
/* While draining: how long a new connection may take to send something. */
#define DRAIN_SILENT_US 1000000

static int conn_fd(const struct http_conn *conn)
{
    uv_os_fd_t fd;
    return uv_fileno((const uv_handle_t *)&conn->tcp, &fd) == 0 ? fd : -1;
}

void conn_break(struct http_conn *conn)
{
    if (conn->sock && conn->sock->_cb.read)
        conn_close_reading(conn);
    else if (conn_fd(conn) >= 0)
        shutdown(conn_fd(conn), SHUT_RDWR);
}

void conn_close_reading(struct http_conn *conn)
{
    conn->sock->_cb.read(conn->sock, h2o_socket_error_closed);
}

/* ---- refusing what h2o would still read ---------------------------------------------------------- */

static void on_refused(h2o_socket_t *sock, const char *err)
{
    struct http_conn *conn = sock->on_close.data;
    (void)err;
    conn->refused_read(sock, h2o_socket_error_closed);
}

static void refuse(struct http_conn *conn, int code, const char *what)
{
    char body[300];
    size_t body_len = error_body(code, what, body, sizeof(body));
    int len = snprintf(conn->refusal, sizeof(conn->refusal),
                       "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: application/json\r\n"
                       "X-Content-Type-Options: nosniff\r\nContent-Length: %zu\r\n\r\n%.*s",
                       code, reason_phrase(code), body_len, (int)body_len, body);
    assert(len > 0 && (size_t)len < sizeof(conn->refusal));
    conn->refused_read = conn->sock->_cb.read;
    h2o_socket_read_stop(conn->sock);
    conn_linger(conn);
    h2o_iovec_t text = h2o_iovec_init(conn->refusal, (size_t)len);
    h2o_socket_write(conn->sock, &text, 1, on_refused);
}

/* ---- one connection ------------------------------------------------------------------------------ */

/* True when it was closed. */
static bool check_stall(struct http_conn *conn, int64_t now_us)
{
    size_t waiting = uv_stream_get_write_queue_size((const uv_stream_t *)&conn->tcp);
    if (waiting == 0 || waiting != conn->stalled_bytes) {
        conn->stalled_bytes = waiting;
        conn->stalled_since_us = now_us;
        return false;
    }
    if (now_us - conn->stalled_since_us < conn->server->write_stall_us)
        return false;
    if (conn->request)
        cancel_fire(&conn->request->cancel);
    conn_break(conn);
    return true;
}

static void check_idle(struct http_conn *conn, int64_t now_us)
{
    const struct http_server *server = conn->server;
    int64_t allowed_us = conn->served ? server->idle_timeout_us : server->header_timeout_us;
    int unread = 0;
    conn->reading_since_us = 0;
    if (server->draining && (conn->served || now_us - conn->since_us >= DRAIN_SILENT_US) &&
        (ioctl(conn_fd(conn), FIONREAD, &unread) != 0 || unread == 0))
        conn_close_reading(conn);
    else if (now_us - conn->since_us >= allowed_us)
        conn_close_reading(conn);
}

static void check_head(struct http_conn *conn, struct slice bytes, int64_t now_us)
{
    const struct http_server *server = conn->server;
    const char *what = NULL;
    int code;
    size_t len = head_length(bytes);
    if (len > 0) {
        struct head head;
        code = head_parse(slice_make(bytes.ptr, len), &server->head_limits, &head, &what);
        if (code == 0 && !conn_hold_client(conn, &head)) {
            code = 429;
            what = HTTP_TOO_MANY_OF_ADDRESS;
        }
        conn->vetted = true;
        conn->head_bytes = len;
        conn->body_since_us = now_us;
    } else {
        code = head_judge_partial(bytes, &server->head_limits, &what);
        if (code == 0 && now_us - conn->reading_since_us >= server->header_timeout_us) {
            code = 408;
            what = "the headers took too long";
        }
    }
    if (code != 0)
        refuse(conn, code, what);
}

static void check_body(struct http_conn *conn, struct slice bytes, int64_t now_us)
{
    int64_t taken_us = now_us - conn->body_since_us;
    size_t got = bytes.len > conn->head_bytes ? bytes.len - conn->head_bytes : 0;
    if (taken_us >= conn->server->header_timeout_us &&
        (int64_t)got * 1000000 / taken_us < HTTP_BODY_RATE_MIN)
        refuse(conn, 408, "the body took too long");
}

/* h2o is reading: nothing yet, a head, or a body. */
static void check_reading(struct http_conn *conn, int64_t now_us)
{
    struct slice bytes = slice_make(conn->sock->input->bytes, conn->sock->input->size);
    if (bytes.len == 0) {
        check_idle(conn, now_us);
        return;
    }
    if (conn->reading_since_us == 0)
        conn->reading_since_us = now_us;
    if (conn->vetted)
        check_body(conn, bytes, now_us);
    else
        check_head(conn, bytes, now_us);
}

/* ---- who is gone --------------------------------------------------------------------------------- */

static bool polled_room(struct http_server *server)
{
    if (server->polled_cap >= server->conn_count)
        return true;
    size_t cap = server->conn_count * 2;
    struct pollfd *polled = realloc(server->polled, cap * sizeof(polled[0]));
    if (polled)
        server->polled = polled;
    struct http_conn **conns = realloc(server->polled_conns, cap * sizeof(conns[0]));
    if (conns)
        server->polled_conns = conns;
    if (!polled || !conns)
        return false;
    server->polled_cap = cap;
    return true;
}

static void cancel_gone(struct http_server *server, size_t count)
{
    if (count == 0 || poll(server->polled, count, 0) <= 0)
        return;
    for (size_t i = 0; i < count; i++) {
        struct http_conn *conn = server->polled_conns[i];
        /* Looked up again: a cancellation may end others. */
        if (server->polled[i].revents != 0 && conn->request)
            cancel_fire(&conn->request->cancel);
    }
}

/* ---- lingering ----------------------------------------------------------------------------------- */

/* A socket that is closed with bytes unread is reset, and the client may lose our last answer. */
struct lingering {
    struct list node;
    int fd;
    int64_t until_us;
};

void conn_linger(struct http_conn *conn)
{
    if (conn->linger_fd < 0 && conn->server->lingering_count < HTTP_LINGERING_MAX)
        conn->linger_fd = fcntl(conn_fd(conn), F_DUPFD_CLOEXEC, 0);
}

void conn_lingering_begin(struct http_conn *conn)
{
    if (conn->linger_fd < 0)
        return;
    struct lingering *lingering = calloc(1, sizeof(*lingering));
    if (!lingering) {
        close(conn->linger_fd);
        return;
    }
    lingering->fd = conn->linger_fd;
    conn->linger_fd = -1;
    shutdown(lingering->fd, SHUT_WR);
    lingering->until_us = clock_monotonic_us() + HTTP_LINGER_MS * INT64_C(1000);
    list_append(&conn->server->lingering, &lingering->node);
    conn->server->lingering_count++;
}

static void lingering_end(struct http_server *server, struct lingering *lingering)
{
    list_remove(&lingering->node);
    close(lingering->fd);
    free(lingering);
    server->lingering_count--;
}

void lingering_free(struct http_server *server)
{
    LIST_FOR_EACH (it, &server->lingering)
        lingering_end(server, LIST_ENTRY(it, struct lingering, node));
}

static void sweep_lingering(struct http_server *server, int64_t now_us)
{
    char waste[LINGER_READ_BYTES];
    LIST_FOR_EACH (it, &server->lingering) {
        struct lingering *lingering = LIST_ENTRY(it, struct lingering, node);
        ssize_t got = recv(lingering->fd, waste, sizeof(waste), MSG_DONTWAIT);
        bool open = got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
        if (!open || now_us >= lingering->until_us)
            lingering_end(server, lingering);
    }
}

/* ---- all ----------------------------------------------------------------------------------------- */

void on_sweep(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    int64_t now_us = clock_monotonic_us();
    size_t polled_count = 0;
    bool poll_them = polled_room(server);
    LIST_FOR_EACH (it, &server->conns) {
        struct http_conn *conn = LIST_ENTRY(it, struct http_conn, node);
        if (check_stall(conn, now_us))
            continue;
        if (conn->request && poll_them) {
            server->polled[polled_count] =
                (struct pollfd){.fd = conn_fd(conn), .events = POLLRDHUP};
            server->polled_conns[polled_count++] = conn;
        } else if (!conn->busy && conn->sock->_cb.read && !h2o_socket_is_writing(conn->sock)) {
            check_reading(conn, now_us);
        }
    }
    cancel_gone(server, polled_count);
    sweep_lingering(server, now_us);
    if (server->conn_count == 0 && server->lingering_count == 0)
        uv_timer_stop(timer);
}
