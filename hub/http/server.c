/* Listening, connections, and the end of both. */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>

#include "hub/http/internal.h"
#include "shared/base/clock.h"

/* How long a drain waits for handlers after it cancelled them. */
#define DRAIN_CANCELLED_MS 1000

/* ---- connections --------------------------------------------------------------------------------- */

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

/* h2o closes the socket; the handle is closed a little later. */
static void on_socket_close(void *arg)
{
    struct http_conn *conn = arg;
    struct http_server *server = conn->server;
    conn->sock = NULL;
    list_remove(&conn->node);
    address_release(&conn->hold);
    server->conn_count--;
    conn_lingering_begin(conn);
    if (server->conn_count == 0 && server->lingering_count == 0)
        uv_timer_stop(&server->sweep);
    fiber_event_signal(&server->changed);
}

static void on_handle_close(uv_handle_t *handle)
{
    free(handle); /* the connection, whose first member it is */
}

static void refuse_connection(struct http_conn *conn)
{
    char body[400], text[800];
    size_t body_len = error_body(503, "too many connections", body, sizeof(body));
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
                       body_len, (int)body_len, body);
    uv_buf_t buf = uv_buf_init(text, (unsigned)len);
    if (!conn->server->accept.ssl_ctx)
        (void)uv_try_write((uv_stream_t *)&conn->tcp, &buf, 1);
    uv_close((uv_handle_t *)&conn->tcp, on_handle_close);
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
    return conn->proxied || address_hold(&server->addresses, &address, &conn->hold) == STATUS_OK;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct http_server *server = listener->data;
    struct http_conn *conn = status == 0 ? calloc(1, sizeof(*conn)) : NULL;
    if (!conn)
        return;
    conn->server = server;
    conn->linger_fd = -1;
    list_init(&conn->node);
    if (uv_tcp_init(server->loop, &conn->tcp) != 0) {
        free(conn);
        return;
    }
    if (uv_accept(listener, (uv_stream_t *)&conn->tcp) != 0) {
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
    conn->sock = h2o_uv_socket_create((uv_stream_t *)&conn->tcp, on_handle_close);
    conn->sock->on_close.cb = on_socket_close;
    conn->sock->on_close.data = conn;
    h2o_accept(&server->accept, conn->sock);
}

struct http_conn *conn_of(h2o_req_t *h2o)
{
    return h2o->conn->callbacks->get_socket(h2o->conn)->on_close.data;
}

/* ---- life of a server ---------------------------------------------------------------------------- */

static enum status parse_listen(const char *listen, struct sockaddr_storage *ret_address)
{
    char host[HTTP_ADDRESS_BYTES_MAX];
    const char *colon = listen ? strrchr(listen, ':') : NULL;
    if (!colon || colon == listen || strlen(colon + 1) == 0 || strlen(colon + 1) > 5)
        return STATUS_INVALID_ARGUMENT;
    char *end;
    long port = strtol(colon + 1, &end, 10);
    struct slice name = slice_make(listen, (size_t)(colon - listen));
    if (*end || port < 0 || port > 65535)
        return STATUS_INVALID_ARGUMENT;
    if (name.len >= 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
        name = slice_make(name.ptr + 1, name.len - 2);
    if (name.len >= sizeof(host))
        return STATUS_INVALID_ARGUMENT;
    memcpy(host, name.ptr, name.len);
    host[name.len] = '\0';
    if (uv_ip4_addr(host, (int)port, (struct sockaddr_in *)ret_address) == 0 ||
        uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)ret_address) == 0)
        return STATUS_OK;
    return STATUS_INVALID_ARGUMENT;
}

static enum status listen_on(struct http_server *server, const char *where, struct fault *fault)
{
    struct sockaddr_storage address;
    if (parse_listen(where, &address) != STATUS_OK)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "listen", "\"%s\" is no address and port",
                         where ? where : "");
    int problem = uv_tcp_bind(&server->listener, (const struct sockaddr *)&address, 0);
    if (problem == 0)
        problem = uv_listen((uv_stream_t *)&server->listener, HTTP_LISTEN_BACKLOG, on_connection);
    if (problem != 0)
        return fault_set(fault, STATUS_UNAVAILABLE, "listen", "cannot listen on %s: %s", where,
                         uv_strerror(problem));
    int len = sizeof(address);
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

static enum status take_options(struct http_server *server, const struct http_options *options,
                                struct fault *fault)
{
    server->strict_transport = options->strict_transport;
    server->head_limits.line_bytes_max = or_default(options->line_bytes_max, HTTP_LINE_BYTES_MAX);
    server->head_limits.header_bytes_max =
        or_default(options->header_bytes_max, HTTP_HEADER_BYTES_MAX);
    server->connections_max = or_default(options->connections_max, HTTP_CONNECTIONS_MAX);
    server->header_timeout_us = ms_or_default(options->header_timeout_ms, HTTP_HEADER_TIMEOUT_MS);
    server->idle_timeout_us = ms_or_default(options->idle_timeout_ms, HTTP_IDLE_TIMEOUT_MS);
    server->write_stall_us = ms_or_default(options->write_stall_ms, HTTP_WRITE_STALL_MS);
    if (getrandom(server->id_key, sizeof(server->id_key), 0) != (ssize_t)sizeof(server->id_key))
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "no random bytes");
    return address_table_init(
        &server->addresses,
        or_default(options->connections_per_address_max, HTTP_CONNECTIONS_PER_ADDRESS_MAX),
        options->trusted_proxies, options->trusted_proxy_count, fault);
}

static void start_h2o(struct http_server *server, const struct http_options *options)
{
    size_t body_bytes_max = or_default(options->body_bytes_max, HTTP_BODY_BYTES_MAX);
    h2o_config_init(&server->config);
    server->config.server_name = (h2o_iovec_t){NULL, 0};
    server->config.max_request_entity_size = body_bytes_max;
    server->config.http1.upgrade_to_http2 = 0;
    /* h2o has one timer for head and body together: the sweep is stricter and judges them apart. */
    server->config.http1.req_timeout =
        (uint64_t)(server->header_timeout_us + server->idle_timeout_us) / 1000 +
        body_bytes_max * 1000 / HTTP_BODY_RATE_MIN;
    server->config.handshake_timeout = (uint64_t)server->header_timeout_us / 1000;
    h2o_hostconf_t *host =
        h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    path->error_log.emit_request_errors = host->fallback_path.error_log.emit_request_errors = 0;
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_request;
    h2o_create_filter(path, sizeof(h2o_filter_t))->on_setup_ostream = on_setup_filter;
    h2o_create_filter(&host->fallback_path, sizeof(h2o_filter_t))->on_setup_ostream =
        on_setup_filter;
    h2o_context_init(&server->context, server->loop, &server->config);
    server->accept.ctx = &server->context;
    server->accept.hosts = server->config.hosts;
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
    list_init(&server->lingering);
    enum status status = take_options(server, options, fault);
    if (status != STATUS_OK) {
        address_table_done(&server->addresses);
        free(server);
        return status;
    }
    ignore_sigpipe();
    start_h2o(server, options);
    uv_timer_init(server->loop, &server->sweep);
    uv_tcp_init(server->loop, &server->listener);
    server->sweep.data = server->listener.data = server;
    server->handles_open = 2;
    if (options->tls)
        status = tls_new(server, options->tls, fault);
    if (status == STATUS_OK)
        status = listen_on(server, options->listen, fault);
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
    lingering_free(server);
    if (server->tls)
        tls_close(server);
    uv_timer_stop(&server->sweep);
    uv_close((uv_handle_t *)&server->sweep, on_server_handle_close);
    h2o_context_dispose(&server->context); /* runs the loop once, for its own handles */
    while (server->handles_open > 0)
        uv_run(server->loop, UV_RUN_NOWAIT);
    h2o_config_dispose(&server->config);
    tls_free(server);
    request_pool_free(server);
    address_table_done(&server->addresses);
    free(server->polled);
    free(server->polled_conns);
    free(server);
    return NULL;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

size_t http_server_connections(const struct http_server *server)
{
    return server->conn_count;
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
    /* What the kernel accepted already gets its turn before the door closes. */
    fiber_sleep_ms(0);
    close_listener(server);
    server->draining = true;
    server->context.shutdown_requested =
        1; /* h2o's own way arms a timer of HTTP/2 that it never stops */
    bool idle = wait_until_idle(server, deadline_us);
    if (idle)
        return STATUS_OK;
    LIST_FOR_EACH (it, &server->conns) {
        struct http_conn *conn = LIST_ENTRY(it, struct http_conn, node);
        if (conn->request)
            cancel_fire(&conn->request->cancel);
        conn_break(conn);
    }
    (void)wait_until_idle(server, deadline_after_ms(DRAIN_CANCELLED_MS));
    return STATUS_DEADLINE_EXCEEDED;
}
