#include "shared/metrics/metrics_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/listen.h"

#define BACKLOG 16

struct metrics_port {
    uv_tcp_t listener;
    struct metrics *metrics;
    struct list scrapes;
    size_t connections; /* also those that are closing */
    bool closing;
    const char *unready; /* why not; "": it is */
    int number;
};

/* One scrape. Two handles keep it: it goes when both are closed. */
struct scrape {
    struct list node; /* while open */
    uv_tcp_t socket;
    uv_timer_t limit;
    uv_write_t write;
    struct metrics_port *port;
    struct buffer answer;
    unsigned open_handles;
    size_t head_bytes;
    char head[METRICS_PORT_HEAD_BYTES_MAX + 1];
};

/* ---- the end ----------------------------------------------------------------------------------- */

static void port_release(struct metrics_port *port)
{
    if (port->closing && port->connections == 0)
        free(port);
}

static void handle_closed(uv_handle_t *handle)
{
    struct scrape *scrape = handle->data;
    struct metrics_port *port = scrape->port;
    if (--scrape->open_handles > 0)
        return;
    buffer_done(&scrape->answer);
    free(scrape);
    port->connections--;
    port_release(port);
}

static void hang_up(struct scrape *scrape)
{
    if (uv_is_closing((uv_handle_t *)&scrape->socket))
        return;
    list_remove(&scrape->node);
    uv_close((uv_handle_t *)&scrape->socket, handle_closed);
    uv_close((uv_handle_t *)&scrape->limit, handle_closed);
}

static void on_limit(uv_timer_t *timer)
{
    hang_up(timer->data);
}

/* ---- the answer -------------------------------------------------------------------------------- */

static void on_written(uv_write_t *write, int error)
{
    (void)error;
    hang_up(write->handle->data);
}

static void answer(struct scrape *scrape, const char *status_line, const char *type,
                   struct slice body)
{
    buffer_printf(
        &scrape->answer,
        "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
        "Connection: close\r\n\r\n",
        status_line, type, body.len);
    buffer_append_slice(&scrape->answer, body);
    uv_buf_t bytes = uv_buf_init(scrape->answer.ptr, (unsigned)scrape->answer.len);
    if (scrape->answer.failed ||
        uv_write(&scrape->write, (uv_stream_t *)&scrape->socket, &bytes, 1, on_written) != 0)
        hang_up(scrape);
}

static void answer_metrics(struct scrape *scrape)
{
    struct buffer body;
    buffer_init(&body, METRICS_PORT_BODY_BYTES_MAX);
    metrics_write(scrape->port->metrics, &body);
    if (body.failed)
        answer(scrape, "500 Internal Server Error", "text/plain",
               SLICE_LIT("the metrics are longer than an answer may be\n"));
    else
        answer(scrape, "200 OK", METRICS_CONTENT_TYPE, buffer_slice(&body));
    buffer_done(&body);
}

static void answer_healthz(struct scrape *scrape)
{
    answer(scrape, "200 OK", "text/plain", SLICE_LIT("ok\n"));
}

static void answer_readyz(struct scrape *scrape)
{
    char text[128];
    const char *why = scrape->port->unready;
    snprintf(text, sizeof(text), "%s%s\n", why[0] ? "not ready: " : "ready", why);
    answer(scrape, why[0] ? "503 Service Unavailable" : "200 OK", "text/plain", slice_str(text));
}

/* "GET /metrics HTTP/1.1", with or without a query. */
static void answer_head(struct scrape *scrape)
{
    static const struct {
        const char *start;
        void (*answer)(struct scrape *scrape);
    } pages[] = {
        {"GET /metrics", answer_metrics},
        {"GET /healthz", answer_healthz},
        {"GET /readyz", answer_readyz},
    };
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        size_t len = strlen(pages[i].start);
        if (strncmp(scrape->head, pages[i].start, len) == 0 &&
            (scrape->head[len] == ' ' || scrape->head[len] == '?')) {
            pages[i].answer(scrape);
            return;
        }
    }
    answer(scrape, "404 Not Found", "text/plain",
           SLICE_LIT("here are GET /metrics, /healthz and /readyz only\n"));
}

/* ---- the request ------------------------------------------------------------------------------- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_room)
{
    struct scrape *scrape = handle->data;
    (void)suggested;
    *ret_room = uv_buf_init(scrape->head + scrape->head_bytes,
                            (unsigned)(METRICS_PORT_HEAD_BYTES_MAX - scrape->head_bytes));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes)
{
    struct scrape *scrape = stream->data;
    (void)bytes;
    if (got < 0) {
        hang_up(scrape);
        return;
    }
    scrape->head_bytes += (size_t)got;
    scrape->head[scrape->head_bytes] = '\0';
    bool whole = strstr(scrape->head, "\r\n\r\n") != NULL;
    if (!whole && scrape->head_bytes < METRICS_PORT_HEAD_BYTES_MAX)
        return;
    uv_read_stop(stream);
    if (!whole)
        answer(scrape, "431 Request Header Fields Too Large", "text/plain",
               SLICE_LIT("the head of the request is too long\n"));
    else
        answer_head(scrape);
}

static void on_connection(uv_stream_t *listener, int error)
{
    struct metrics_port *port = listener->data;
    if (error < 0)
        return;
    struct scrape *scrape = calloc(1, sizeof(*scrape));
    if (!scrape)
        return;
    scrape->port = port;
    buffer_init(&scrape->answer, METRICS_PORT_BODY_BYTES_MAX + METRICS_PORT_HEAD_BYTES_MAX);
    uv_tcp_init(listener->loop, &scrape->socket);
    uv_timer_init(listener->loop, &scrape->limit);
    scrape->socket.data = scrape->limit.data = scrape;
    scrape->open_handles = 2;
    list_append(&port->scrapes, &scrape->node);
    port->connections++;
    if (uv_accept(listener, (uv_stream_t *)&scrape->socket) != 0 ||
        port->connections > METRICS_PORT_CONNECTIONS_MAX ||
        uv_timer_start(&scrape->limit, on_limit, METRICS_PORT_TIMEOUT_MS, 0) != 0 ||
        uv_read_start((uv_stream_t *)&scrape->socket, on_room, on_read) != 0)
        hang_up(scrape);
}

/* ---- life cycle -------------------------------------------------------------------------------- */

static void listener_closed(uv_handle_t *handle)
{
    struct metrics_port *port = handle->data;
    port->closing = true;
    port_release(port);
}

static int bound_port(const uv_tcp_t *listener)
{
    struct sockaddr_storage address = {0};
    int bytes = sizeof(address);
    if (uv_tcp_getsockname(listener, (struct sockaddr *)&address, &bytes) != 0)
        return 0;
    return address.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)&address)->sin6_port)
                                         : ntohs(((const struct sockaddr_in *)&address)->sin_port);
}

enum status metrics_port_open(uv_loop_t *loop, const char *listen, struct metrics *metrics,
                              struct metrics_port **ret_port, struct fault *fault)
{
    struct sockaddr_storage address = {0};
    if (!listen_parse(listen, &address))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "metrics_listen",
                         "metrics_listen takes an IP address and a port, 127.0.0.1:9101, not '%s'",
                         listen);
    struct metrics_port *port = calloc(1, sizeof(*port));
    if (!port)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    port->metrics = metrics;
    port->unready = "it starts";
    list_init(&port->scrapes);
    port->listener.data = port;
    uv_tcp_init(loop, &port->listener);
    int error = uv_tcp_bind(&port->listener, (const struct sockaddr *)&address, 0);
    if (error == 0)
        error = uv_listen((uv_stream_t *)&port->listener, BACKLOG, on_connection);
    if (error != 0) {
        metrics_port_close(port);
        return listen_refused(listen, -error, "metrics_listen", fault);
    }
    port->number = bound_port(&port->listener);
    *ret_port = port;
    return STATUS_OK;
}

int metrics_port_number(const struct metrics_port *port)
{
    return port->number;
}

void metrics_port_set_unready(struct metrics_port *port, const char *why)
{
    if (port)
        port->unready = why;
}

struct metrics_port *metrics_port_close(struct metrics_port *port)
{
    if (port) {
        LIST_FOR_EACH (node, &port->scrapes)
            hang_up(LIST_ENTRY(node, struct scrape, node));
        uv_close((uv_handle_t *)&port->listener, listener_closed);
    }
    return NULL;
}
