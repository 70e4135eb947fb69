/* server: a gRPC port in front of a host. Private to shared/rpc; the public verbs are in rpc.h.
 *
 * server.c has the life of the port, server_call.c one call that came through it. */
#ifndef PEK_SHARED_RPC_SERVER_H
#define PEK_SHARED_RPC_SERVER_H

#include "shared/base/list.h"
#include "shared/rpc/incoming.h"
#include "shared/rpc/runtime.h"

struct health;
struct reflection;
struct tunnel_server;

/* Calls asked for in advance of each method, and of unknown ones. */
#define SERVER_POSTED_PER_METHOD 4
/* Calls kept for reuse, with their arenas. */
#define SERVER_POOL_MAX 512
/* Calls of health and reflection beside those of the host. */
#define SERVER_SYSTEM_CALLS_MAX 256

struct server_method {
    struct rpc_server *server;
    const struct rpc_entry *entry; /* NULL: any method that was not registered */
    void *registered;
    bool system;    /* health: not refused under load */
    size_t missing; /* calls asked for less, for want of memory: the next that end make them good */
};

struct rpc_server {
    struct rpc_runtime *runtime;
    struct rpc_host *host;
    struct rpc_host *system_host; /* health; without interceptors */
    struct health *health;
    struct reflection *reflection;
    struct tunnel_server *tunnels;
    grpc_server *server;
    int port;
    struct server_method *methods; /* the last one is for unknown methods */
    size_t method_count;
    size_t calls_max;
    size_t calls_open; /* arrived and not yet recycled */
    struct list pool;
    size_t pooled;
    size_t outstanding; /* calls outside the pool, reflection streams */
    bool shutting_down;
    bool shut; /* gRPC is through with the server */
    struct rpc_tag shutdown_tag;
    struct fiber_event drained;
};

/* Asks gRPC for the next call of a method; without memory when one of the method has ended. */
void server_call_post(struct server_method *method);
void server_call_free(struct list *node);

/* Bookkeeping of who still needs the server: calls, reflection streams. */
void server_ref(struct rpc_server *server);
void server_unref(struct rpc_server *server);

#endif
