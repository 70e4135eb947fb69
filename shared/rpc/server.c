/* The life of a gRPC port: open, serve, drain, close. */
#include "shared/rpc/server.h"

#include <assert.h>
#include <errno.h>
#include <grpc/grpc_security.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shared/base/clock.h"
#include "shared/base/listen.h"
#include "shared/rpc/accept.h"
#include "shared/rpc/health.h"
#include "shared/rpc/reflection.h"
#include "shared/rpc/tls.h"
#include "shared/rpc/tunnel.h"

/* HTTP/2 counts 32 bytes beside each pair, and headers of its own. */
#define SERVER_METADATA_BYTES_MAX (RPC_METADATA_BYTES_MAX + (RPC_PAIRS_MAX + 32) * 32)
/* A connection of age ends when its calls did, at the latest after this. */
#define SERVER_CONNECTION_GRACE_MS (5 * 60 * 1000)
#define SERVER_KEEPALIVE_MS 20000
#define SERVER_KEEPALIVE_TIMEOUT_MS 10000
/* What a client may ping; ours do every 2 s. */
#define SERVER_PING_INTERVAL_MIN_MS 1000
#define SERVER_HANDSHAKE_TIMEOUT_MS 10000
/* A watch of health has no end of its own. */
#define SERVER_SYSTEM_DEADLINE_MS (24LL * 60 * 60 * 1000)
/* After a drain cancelled what was left: handlers unwind, sockets close. */
#define SERVER_CANCEL_LOOK_AGAIN_MS 1000
#define UNIX_SCHEME "unix:"

void server_ref(struct rpc_server *server)
{
    server->outstanding++;
}

/* gRPC is through and so is everybody else. */
static bool server_is_drained(const struct rpc_server *server)
{
    return server->shut && server->outstanding == 0;
}

void server_unref(struct rpc_server *server)
{
    server->outstanding--;
    if (server_is_drained(server))
        fiber_event_signal(&server->drained);
}

static void server_shut(struct rpc_tag *tag, bool ok)
{
    (void)ok;
    struct rpc_server *server = LIST_ENTRY(tag, struct rpc_server, shutdown_tag);
    server->shut = true;
    if (server_is_drained(server))
        fiber_event_signal(&server->drained);
}

/* ---- opening ---- */

static grpc_arg arg_int(const char *key, int64_t value)
{
    union {
        const char *in;
        char *out;
    } name = {.in = key};
    grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = name.out};
    arg.value.integer = value > INT32_MAX ? INT32_MAX : (int)value;
    return arg;
}

static grpc_server *server_create(const struct rpc_server_options *options,
                                  const struct rpc_host_options *limits)
{
    grpc_arg args[] = {
        arg_int(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, RPC_MESSAGE_BYTES_MAX),
        arg_int(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, RPC_MESSAGE_BYTES_MAX),
        arg_int(GRPC_ARG_MAX_METADATA_SIZE, SERVER_METADATA_BYTES_MAX),
        arg_int(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                (int64_t)(limits->unary_max + limits->stream_max + SERVER_SYSTEM_CALLS_MAX)),
        arg_int(GRPC_ARG_KEEPALIVE_TIME_MS, SERVER_KEEPALIVE_MS),
        arg_int(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, SERVER_KEEPALIVE_TIMEOUT_MS),
        arg_int(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        arg_int(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, SERVER_PING_INTERVAL_MIN_MS),
        arg_int(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, SERVER_HANDSHAKE_TIMEOUT_MS),
        /* Two processes on one port would share its calls in silence. */
        arg_int(GRPC_ARG_ALLOW_REUSEPORT, 0),
        arg_int(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        arg_int(GRPC_ARG_ENABLE_CHANNELZ, 0),
        /* The last two only when connections have an age. */
        arg_int(GRPC_ARG_MAX_CONNECTION_AGE_MS, options->connection_age_max_ms),
        arg_int(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, SERVER_CONNECTION_GRACE_MS),
    };
    grpc_channel_args channel_args = {sizeof(args) / sizeof(args[0]), args};
    if (options->connection_age_max_ms == 0)
        channel_args.num_args -= 2;
    return grpc_server_create(&channel_args, NULL);
}

static bool server_register(struct rpc_server *server)
{
    size_t host_count = rpc_host_entry_count(server->host);
    size_t system_count = rpc_host_entry_count(server->system_host);
    server->method_count = host_count + system_count + 1;
    server->methods = calloc(server->method_count, sizeof(*server->methods));
    if (!server->methods)
        return false;
    for (size_t i = 0; i < server->method_count; i++) {
        struct server_method *method = &server->methods[i];
        method->server = server;
        method->system = i >= host_count;
        if (i == server->method_count - 1)
            break; /* any other method */
        method->entry = method->system ? rpc_host_entry(server->system_host, i - host_count)
                                       : rpc_host_entry(server->host, i);
        method->registered =
            grpc_server_register_method(server->server, method->entry->method->path, NULL,
                                        GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
        if (!method->registered)
            return false;
    }
    return true;
}

static void server_destroy(struct rpc_server *server)
{
    if (server->server)
        grpc_server_destroy(server->server);
    for (struct list *node; (node = list_pop(&server->pool));)
        server_call_free(node);
    reflection_free(server->reflection);
    tunnel_server_free(server->tunnels);
    rpc_host_free(server->system_host);
    health_free(server->health);
    free(server->methods);
    free(server);
}

/* gRPC takes away the socket of whoever listens there, and reads the path as a URI's. */
static enum status unix_prepare(const struct rpc_server_options *options, struct fault *fault)
{
    if (strncmp(options->listen, UNIX_SCHEME, strlen(UNIX_SCHEME)) != 0)
        return STATUS_OK;
    if (strpbrk(options->listen, "%?#"))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "listen",
                         "the path of a socket must not have %%, ? or # in it");
    return listen_try(options->listen, false, "listen", fault);
}

/* Who may call is said by the certificate, or by the kernel; the file's mode, which is the program's umask, would leave the hub outside,
 * which is another user. */
static enum status unix_open(const struct rpc_server_options *options, struct fault *fault)
{
    const mode_t anybody = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH;
    if (strncmp(options->listen, UNIX_SCHEME, strlen(UNIX_SCHEME)) != 0 ||
        chmod(options->listen + strlen(UNIX_SCHEME), anybody) == 0)
        return STATUS_OK;
    return listen_refused(options->listen, errno, "listen", fault);
}

static enum status server_prepare(struct rpc_server *server,
                                  const struct rpc_server_options *options, struct fault *fault)
{
    struct rpc_host_options system_options = {
        .unary_max = SERVER_SYSTEM_CALLS_MAX,
        .stream_max = SERVER_SYSTEM_CALLS_MAX,
        .deadline_default_ms = SERVER_SYSTEM_DEADLINE_MS,
    };
    enum status status =
        rpc_host_new(rpc_runtime_fibers(server->runtime), &system_options, &server->system_host);
    if (status != STATUS_OK)
        return fault_set(fault, status, NULL, "out of memory");
    status = health_new(server->system_host, server->host, &server->health, fault);
    if (status != STATUS_OK)
        return status;
    server->server = server_create(options, rpc_host_limits(server->host));
    grpc_server_register_completion_queue(server->server, rpc_runtime_queue(server->runtime), NULL);
    if (options->reflection) {
        status = reflection_new(server, options->descriptor_set, &server->reflection, fault);
        if (status != STATUS_OK)
            return status;
    }
    status = tunnel_server_new(server, &server->tunnels, fault);
    if (status != STATUS_OK)
        return status;
    if (!server_register(server))
        return fault_set(fault, STATUS_INTERNAL, NULL, "a method could not be registered");
    status = accept_limit(options->connections_max ? options->connections_max : RPC_CONNECTIONS_MAX,
                          fault);
    if (status != STATUS_OK)
        return status;

    if (options->peer_uid)
        accept_user(*options->peer_uid);
    PEK_TRY(unix_prepare(options, fault));

    grpc_server_credentials *credentials = NULL;
    status = tls_server_credentials(options->tls, &credentials, fault);
    if (status != STATUS_OK)
        return status;
    server->port = grpc_server_add_http2_port(server->server, options->listen, credentials);
    grpc_server_credentials_release(credentials);
    if (server->port > 0)
        return unix_open(options, fault);
    /* gRPC does not say why; who tries for themself hears it. */
    PEK_TRY(listen_try(options->listen, false, "listen", fault));
    return fault_set(fault, STATUS_UNAVAILABLE, "listen", "cannot listen on %s", options->listen);
}

enum status rpc_server_new(struct rpc_runtime *runtime, struct rpc_host *host,
                           const struct rpc_server_options *options, struct rpc_server **ret_server,
                           struct fault *fault)
{
    struct rpc_server *server = calloc(1, sizeof(*server));
    if (!server)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    const struct rpc_host_options *limits = rpc_host_limits(host);
    server->runtime = runtime;
    server->host = host;
    server->calls_max = limits->unary_max + limits->stream_max + SERVER_SYSTEM_CALLS_MAX;
    server->shutdown_tag.done = server_shut;
    list_init(&server->pool);
    enum status status = server_prepare(server, options, fault);
    if (status != STATUS_OK) {
        server_destroy(server);
        return status;
    }
    grpc_server_start(server->server);
    for (size_t i = 0; i < server->method_count; i++) {
        for (size_t n = 0; n < SERVER_POSTED_PER_METHOD; n++)
            server_call_post(&server->methods[i]);
    }
    reflection_start(server->reflection);
    tunnel_server_start(server->tunnels);
    health_set_serving(server->health, true);
    *ret_server = server;
    return STATUS_OK;
}

int rpc_server_port(const struct rpc_server *server)
{
    return server->port;
}

void rpc_server_set_serving(struct rpc_server *server, bool serving)
{
    if (server->shutting_down)
        return;
    health_set_serving(server->health, serving);
    tunnel_server_set_serving(server->tunnels, serving);
}

/* ---- closing ---- */

static bool server_wait_drained(struct rpc_server *server, int64_t deadline_us)
{
    while (!server_is_drained(server))
        if (fiber_event_wait(&server->drained, deadline_us) != STATUS_OK)
            break;
    return server_is_drained(server);
}

enum status rpc_server_drain(struct rpc_server *server, int64_t deadline_us)
{
    if (!server->shutting_down) {
        server->shutting_down = true;
        health_end(server->health);
        reflection_end(server->reflection);
        tunnel_server_set_serving(server->tunnels, false);
        rpc_runtime_shutdown_server(server->runtime, server->server, &server->shutdown_tag);
    }
    if (server_wait_drained(server, deadline_us))
        return STATUS_OK;
    /* What is left may be calls, or only a peer that does not close its connection. */
    bool calls_left = server->calls_open > 0;
    do
        grpc_server_cancel_all_calls(server->server);
    while (!server_wait_drained(server, deadline_after_ms(SERVER_CANCEL_LOOK_AGAIN_MS)));
    return calls_left ? STATUS_DEADLINE_EXCEEDED : STATUS_OK;
}

struct rpc_server *rpc_server_free(struct rpc_server *server)
{
    if (!server)
        return NULL;
    assert(server_is_drained(server));
    server_destroy(server);
    return NULL;
}
