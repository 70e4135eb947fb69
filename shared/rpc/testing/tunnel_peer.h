/* tunnel_peer: the other end of a tunnel, bare: it says what a test tells it, and keeps what it hears. In a fiber. */
#ifndef PEK_SHARED_RPC_TESTING_TUNNEL_PEER_H
#define PEK_SHARED_RPC_TESTING_TUNNEL_PEER_H

#include <grpc/grpc.h>

#include "shared/rpc/runtime.h"

struct tunnel_peer {
    struct rpc_runtime *runtime;
    grpc_channel *channel; /* of a client */
    grpc_call *call;
    bool is_server, began, ended;
    unsigned batches;
    struct fiber_event event;
    struct rpc_tag sent, received, over;
    bool sending, receiving, initial_asked;
    grpc_metadata_array initial, trailing;
    grpc_byte_buffer *arriving;
    grpc_status_code code;
    grpc_slice text, heard;
    int was_cancelled;
};

/* A client's tunnel to a real server. */
void tunnel_peer_connect(struct tunnel_peer *peer, struct rpc_runtime *runtime, const char *target);
/* Sends one message; harmless when the stream is over. */
void tunnel_peer_say(struct tunnel_peer *peer, struct slice bytes);
/* The next message, valid until the following call; false when the stream is over. */
bool tunnel_peer_hear(struct tunnel_peer *peer, struct slice *ret_bytes);
/* Of a client: sends no more. */
void tunnel_peer_close(struct tunnel_peer *peer);
/* Waits until the other side ended the stream. */
void tunnel_peer_await_end(struct tunnel_peer *peer);
/* Breaks the stream when it is not over. */
void tunnel_peer_done(struct tunnel_peer *peer);

/* A port that is asked for tunnels by a real channel. Every other call stays without an answer. */
#define TUNNEL_PORT_CALLS_MAX 16
struct tunnel_port {
    struct rpc_runtime *runtime;
    grpc_server *server;
    int number;
    struct rpc_tag requested, shut;
    struct fiber_event event;
    grpc_call *arriving;
    grpc_call_details details;
    grpc_metadata_array metadata;
    grpc_call *tunnel; /* arrived and not accepted */
    grpc_call *others[TUNNEL_PORT_CALLS_MAX];
    size_t other_count, tunnel_count;
    bool is_shut, requesting;
};
void tunnel_port_open(struct tunnel_port *port, struct rpc_runtime *runtime);
/* Waits for a tunnel. */
void tunnel_port_accept(struct tunnel_port *port, struct tunnel_peer *ret_peer);
/* All peers are done. */
void tunnel_port_close(struct tunnel_port *port);

#endif
