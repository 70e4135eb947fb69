/* Time: one timer for all connections, every HTTP_GONE_NOTICE_MS while there are any. No system call a connection but
 * where something waits to be written or it is about to be closed, and no timer a connection.
 */
#include <poll.h>
#include <sys/ioctl.h>

#include "hub/http/internal.h"
#include "shared/base/clock.h"

/* While draining: how long a connection may take to send something. Whoever asks often is told by an answer that it was the last, and
 * finds no end in the midst of a request. */
#define DRAIN_SILENT_US 1000000

/* The kernel takes more only when a good part of its buffer is free again: for a slow client that can take longer than a stall,
 * though it reads all the time. True when it was closed. */
static bool check_stall(struct http_conn *conn, int64_t now_us)
{
    size_t waiting =
        conn->writing ? uv_stream_get_write_queue_size((const uv_stream_t *)&conn->tcp) : 0;
    if (waiting == 0 || waiting != conn->stalled_bytes) {
        conn->stalled_bytes = waiting;
        conn->stalled_unacked = -1;
        conn->stalled_since_us = now_us;
        return false;
    }
    bool expired = now_us - conn->stalled_since_us >= conn->server->write_stall_us;
    if (!expired && conn->stalled_unacked >= 0)
        return false;
    int unacked = conn_unacknowledged(conn);
    if (!expired || unacked < conn->stalled_unacked) {
        conn->stalled_unacked = unacked;
        conn->stalled_since_us = expired ? now_us : conn->stalled_since_us;
        return false;
    }
    conn_close(conn);
    return true;
}

bool sweep_weigh(struct http_server *server, struct address_hold *hold, size_t bytes)
{
    address_weigh(hold, bytes);
    bool over = address_is_over(hold);
    server->shed_count += over;
    return over;
}

void sweep_idle(struct http_conn *conn, int64_t now_us)
{
    const struct http_server *server = conn->server;
    int64_t silent_us = now_us - conn->since_us;
    int64_t allowed_us = conn->served ? server->idle_timeout_us : server->header_timeout_us;
    int unread = 0;
    if (server->draining && silent_us >= DRAIN_SILENT_US &&
        (ioctl(conn_fd(conn), FIONREAD, &unread) != 0 || unread == 0))
        conn_end(conn, false);
    else if (silent_us >= allowed_us)
        conn_end(conn, false);
}

/* Each stretch is judged for itself: who sent much at once may not be silent for as long as that would have taken. */
bool sweep_body_is_slow(struct http_request *request, int64_t now_us)
{
    int64_t taken_us = now_us - request->body_since_us;
    if (taken_us < request->server->header_timeout_us)
        return false;
    size_t came_bytes = request->body.len - request->body_judged_bytes;
    request->body_since_us = now_us;
    request->body_judged_bytes = request->body.len;
    return (int64_t)came_bytes * 1000000 / taken_us < HTTP_BODY_RATE_MIN;
}

/* Who is not read from cannot be seen to leave. */
static bool has_left(const struct http_conn *conn)
{
    struct pollfd polled = {.fd = conn_fd(conn), .events = POLLRDHUP};
    return poll(&polled, 1, 0) > 0;
}

static void sweep_one(struct http_conn *conn, int64_t now_us)
{
    if (check_stall(conn, now_us))
        return;
    conn_slim(conn);
    conn->protocol->weigh(conn);
    if (conn->state == CONN_LINGERING) {
        if (now_us - conn->since_us >= HTTP_LINGER_MS * INT64_C(1000))
            conn_close(conn);
    } else if (conn->state == CONN_OPEN && !conn->reading && has_left(conn)) {
        conn_close(conn);
    } else if (conn->state == CONN_OPEN) {
        conn->protocol->tick(conn, now_us);
    }
}

void on_sweep(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    int64_t now_us = clock_monotonic_us();
    LIST_FOR_EACH (it, &server->conns)
        sweep_one(LIST_ENTRY(it, struct http_conn, node), now_us);
}
