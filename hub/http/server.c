/* Listening, connections, and the end of both. */
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "hub/http/internal.h"
#include "shared/base/clock.h"
#include "shared/base/listen.h"

/* How long a connection that began before the drain may take to arrive. */
#define DRAIN_HANDSHAKE_MS 20
#define GZIP_LEVEL 1 /* a third of the bytes for a fifth of the time of the usual 6 */

/* ---- life of a server ---------------------------------------------------------------------------- */

static enum status listen_on(struct http_server *server, const struct http_options *options,
                             struct fault *fault)
{
    const char *where = options->listen;
    struct sockaddr_storage address;
    int len = sizeof(address), fd;
    if (!where || !listen_parse(where, &address))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "listen", "\"%s\" is no address and port",
                         where ? where : "");
    int error =
        listen_bind((const struct sockaddr *)&address, (socklen_t)len, options->listen_shared, &fd);
    if (error)
        return listen_refused(where, error, "listen", fault);
    /* Connections inherit it. What a client does not read stays here, where it is counted; the kernel would take megabytes of it. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){HTTP_UNSENT_BYTES}, sizeof(int));
    int problem = uv_tcp_open(&server->listener, fd);
    if (problem != 0)
        close(fd);
    else
        problem = uv_listen((uv_stream_t *)&server->listener, HTTP_LISTEN_BACKLOG, on_connection);
    if (problem != 0)
        return listen_refused(where, -problem, "listen", fault);
    uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &len);
    server->port =
        ntohs(address.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&address)->sin6_port
                                            : ((const struct sockaddr_in *)&address)->sin_port);
    server->listening = true;
    return STATUS_OK;
}

static size_t or_default(size_t value, size_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static int64_t ms_or_default(int64_t value_ms, int64_t otherwise_ms)
{
    return (value_ms > 0 ? value_ms : otherwise_ms) * 1000;
}

/* One account for all that brings nothing: it is kept as time, which fills it by itself. */
static void take_http2_options(struct http_server *server, const struct http_options *options)
{
    size_t frames_max = or_default(options->http2_odd_frames_max, HTTP2_ODD_FRAMES_MAX);
    size_t per_s = or_default(options->http2_odd_frames_per_s, HTTP2_ODD_FRAMES_PER_S);
    size_t resets_max = or_default(options->http2_resets_max, HTTP2_RESETS_MAX);
    server->http2.streams_max = or_default(options->http2_streams_max, HTTP2_STREAMS_MAX);
    server->http2.large_bodies_max =
        or_default(options->http2_large_bodies_max, HTTP2_LARGE_BODIES_MAX);
    server->http2.frame_us = 1000000 / (int64_t)per_s;
    server->http2.credit_us = (int64_t)frames_max * server->http2.frame_us;
    server->http2.reset_frames = frames_max > resets_max ? (int64_t)(frames_max / resets_max) : 1;
}

static enum status take_options(struct http_server *server, const struct http_options *options,
                                struct fault *fault)
{
    server->strict_transport = options->strict_transport;
    server->body_bytes_max = or_default(options->body_bytes_max, HTTP_BODY_BYTES_MAX);
    server->head_limits.line_bytes_max = or_default(options->line_bytes_max, HTTP_LINE_BYTES_MAX);
    server->head_limits.header_bytes_max =
        or_default(options->header_bytes_max, HTTP_HEADER_BYTES_MAX);
    server->connections_max = or_default(options->connections_max, HTTP_CONNECTIONS_MAX);
    server->header_timeout_us = ms_or_default(options->header_timeout_ms, HTTP_HEADER_TIMEOUT_MS);
    server->idle_timeout_us = ms_or_default(options->idle_timeout_ms, HTTP_IDLE_TIMEOUT_MS);
    server->write_stall_us = ms_or_default(options->write_stall_ms, HTTP_WRITE_STALL_MS);
    take_http2_options(server, options);
    if (getrandom(server->id_key, sizeof(server->id_key), 0) != (ssize_t)sizeof(server->id_key))
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "no random bytes");
    return address_table_init(
        &server->addresses,
        or_default(options->connections_per_address_max, HTTP_CONNECTIONS_PER_ADDRESS_MAX),
        or_default(options->held_bytes_max, HTTP_HELD_BYTES_MAX), options->trusted_proxies,
        options->trusted_proxy_count, fault);
}

static void on_server_handle_close(uv_handle_t *handle)
{
    struct http_server *server = handle->data;
    server->handles_open--;
}

static void close_listener(struct http_server *server)
{
    if (!uv_is_closing((uv_handle_t *)&server->listener))
        uv_close((uv_handle_t *)&server->listener, on_server_handle_close);
    server->listening = false;
}

/* libuv writes without MSG_NOSIGNAL: unless told otherwise, the first client to leave would end the process. */
static void ignore_sigpipe(void)
{
    struct sigaction action;
    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL) {
        action.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &action, NULL);
    }
}

enum status http_server_new(struct fibers *fibers, const struct http_options *options,
                            void (*handler)(void *arg, struct http_request *request), void *arg,
                            struct http_server **ret_server, struct fault *fault)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (!server)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for a server");
    server->fibers = fibers;
    server->loop = fibers_loop(fibers);
    server->handler = handler;
    server->arg = arg;
    list_init(&server->conns);
    list_init(&server->dirty);
    enum status status = take_options(server, options, fault);
    if (status != STATUS_OK) {
        address_table_done(&server->addresses);
        free(server);
        return status;
    }
    server->gzip = gzip_new(GZIP_LEVEL);
    if (!server->gzip) {
        address_table_done(&server->addresses);
        free(server);
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for a server");
    }
    ignore_sigpipe();
    server->flush.run = server_hook;
    fibers_hook_add(fibers, &server->flush);
    uv_timer_init(server->loop, &server->sweep);
    uv_tcp_init(server->loop, &server->listener);
    server->sweep.data = server->listener.data = server;
    server->handles_open = 2;
    if (options->tls)
        status = tls_new(server, options->tls, fault);
    if (status == STATUS_OK)
        status = listen_on(server, options, fault);
    if (status != STATUS_OK) {
        http_server_free(server);
        return status;
    }
    *ret_server = server;
    return STATUS_OK;
}

struct http_server *http_server_free(struct http_server *server)
{
    if (!server)
        return NULL;
    assert(server->conn_count == 0 && server->request_count == 0);
    close_listener(server);
    if (server->tls)
        tls_close(server);
    uv_timer_stop(&server->sweep);
    uv_close((uv_handle_t *)&server->sweep, on_server_handle_close);
    while (server->handles_open > 0)
        uv_run(server->loop, UV_RUN_NOWAIT);
    fibers_hook_remove(&server->flush);
    tls_free(server);
    request_pool_free(server);
    gzip_free(server->gzip);
    address_table_done(&server->addresses);
    free(server);
    return NULL;
}

void server_hook(struct fibers_hook *hook)
{
    struct http_server *server = LIST_ENTRY(hook, struct http_server, flush);
    for (struct list *node; (node = list_pop(&server->dirty));)
        conn_flush(LIST_ENTRY(node, struct http_conn, dirty));
}

struct slice server_date(struct http_server *server)
{
    int64_t now_s = clock_wall_s();
    if (now_s != server->date_s) {
        time_t time = (time_t)now_s;
        struct tm parts;
        strftime(server->date, sizeof(server->date), "%a, %d %b %Y %H:%M:%S GMT",
                 gmtime_r(&time, &parts));
        server->date_s = now_s;
    }
    return slice_str(server->date);
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

size_t http_server_connections(const struct http_server *server)
{
    return server->conn_count;
}

uint64_t http_server_refused(const struct http_server *server)
{
    return server->refused_count;
}

size_t http_server_held_bytes(const struct http_server *server)
{
    return server->addresses.bytes;
}

uint64_t http_server_shed(const struct http_server *server)
{
    return server->shed_count;
}

size_t http_server_requests(const struct http_server *server)
{
    return server->request_count;
}

/* ---- drain --------------------------------------------------------------------------------------- */

static bool wait_until_idle(struct http_server *server, int64_t deadline_us)
{
    while (server->conn_count > 0 || server->request_count > 0) {
        if (fiber_event_wait(&server->changed, deadline_us) != STATUS_OK)
            return server->conn_count == 0 && server->request_count == 0;
    }
    return true;
}

enum status http_server_drain(struct http_server *server, int64_t deadline_us)
{
    uv_os_fd_t listener;
    if (server->listening && uv_fileno((uv_handle_t *)&server->listener, &listener) == 0) {
        listen_end(listener);
        fiber_sleep_ms(DRAIN_HANDSHAKE_MS);
    }
    close_listener(server);
    server->draining = true;
    LIST_FOR_EACH (it, &server->conns)
        h2_drain(LIST_ENTRY(it, struct http_conn, node));
    if (wait_until_idle(server, deadline_us))
        return STATUS_OK;
    bool cut = server->request_count > 0;
    while (!list_empty(&server->conns))
        conn_close(LIST_ENTRY(list_first(&server->conns), struct http_conn, node));
    (void)wait_until_idle(server, DEADLINE_NONE);
    return cut ? STATUS_DEADLINE_EXCEEDED : STATUS_OK;
}
