/* world: a loop, a host with the echo service, and a channel of either kind, for tests.
 *
 *     struct world world;
 *     world_open(&world, &(struct world_options){.grpc = true});
 *     world_run(&world, body);     runs body(&world) on a fiber, returns when it did
 *     world_close(&world);
 */
#ifndef PEK_SHARED_RPC_TESTING_WORLD_H
#define PEK_SHARED_RPC_TESTING_WORLD_H

#include <uv.h>

#include "shared/rpc/testing/echo.h"

struct world_options {
    bool grpc;                /* else the channel is in the process */
    bool carry;               /* with grpc: calls travel together */
    const char *listen;       /* NULL: a free port of loopback */
    const uint32_t *peer_uid; /* of rpc_server_options */
    size_t unary_max, stream_max;
    int64_t deadline_default_ms;
    const struct rpc_tls *server_tls, *channel_tls;
    bool reflection;
    struct slice descriptor_set;
};

#define WORLD_TOKEN "good"
/* Letters that the interceptors leave: a authenticate, z authorize, f finished. */
#define WORLD_TRACE_MAX 64

struct world {
    uv_loop_t loop;
    struct fibers *fibers;
    struct rpc_runtime *runtime;
    struct rpc_host *host;
    struct rpc_server *server;
    struct rpc_channel *channel;
    char target[128];
    struct echo_log log;
    char trace[WORLD_TRACE_MAX];
    size_t finished;
    struct fault last_outcome;
    char last_user[64];
    size_t certificates_seen;
    void (*body)(struct world *world);
    bool body_done;
    void *arg;
};

void world_open(struct world *world, const struct world_options *options);
void world_run(struct world *world, void (*body)(struct world *world));
/* Drains the server unless the test did. */
void world_close(struct world *world);

/* Opens a world of these options (the state of the test), runs the body in it, closes it. */
void world_case(void **state, void (*body)(struct world *world));
/* One test for each kind of channel. */
extern const struct world_options world_by_grpc, world_by_tunnel, world_in_process;
#define WORLD_EACH(test)                                                                           \
    {"in_process_" #test, test, NULL, NULL, (void *)(uintptr_t)&world_in_process},                 \
        {"by_tunnel_" #test, test, NULL, NULL, (void *)(uintptr_t)&world_by_tunnel},               \
    {                                                                                              \
        "by_grpc_" #test, test, NULL, NULL, (void *)(uintptr_t)&world_by_grpc                      \
    }
/* One for each kind that goes to a server. */
#define WORLD_REMOTE(test)                                                                         \
    {"by_tunnel_" #test, test, NULL, NULL, (void *)(uintptr_t)&world_by_tunnel},                   \
    {                                                                                              \
        "by_grpc_" #test, test, NULL, NULL, (void *)(uintptr_t)&world_by_grpc                      \
    }
/* One by tunnel alone. */
#define WORLD_TUNNEL(test)                                                                         \
    {                                                                                              \
#test, test, NULL, NULL, (void *)(uintptr_t)&world_by_tunnel                               \
    }
/* Declares `name`, a Text with this text. */
#define WORLD_TEXT(name, literal)                                                                  \
    char name##_chars[] = literal;                                                                 \
    testing_text name = TESTING_TEXT_INIT;                                                         \
    name.text = name##_chars
/* Longer than anything takes, shorter than a test may. */
#define WORLD_SOON_MS 20000

/* Starts a call of the method ("Say") with the good token, or `metadata`. */
enum status world_start(struct world *world, const char *method, const ProtobufCMessage *request,
                        const struct rpc_pair *metadata, size_t metadata_count, int64_t deadline_ms,
                        struct fiber_event *event, struct rpc_call **ret_call);
/* A whole unary call; `ret_text` (may be NULL) is in the arena. */
enum status world_unary(struct world *world, const char *method, const ProtobufCMessage *request,
                        const struct rpc_pair *metadata, size_t metadata_count, int64_t deadline_ms,
                        struct arena *arena, testing_text **ret_text, struct fault *ret_fault);
/* Waits for the next message of a stream: true with it, false when the call ended. */
bool world_next(struct rpc_call *call, struct fiber_event *event, struct slice *ret_message,
                const struct fault **ret_outcome);
/* Calls until the channel carries; what the interceptors and handlers saw of it is forgotten. */
void world_await_carried(struct world *world);
/* Waits until `count` handlers wait, or until `count` waits were cancelled. */
void world_await_waiting(struct world *world, size_t count);
void world_await_cancelled(struct world *world, size_t count);

#endif
