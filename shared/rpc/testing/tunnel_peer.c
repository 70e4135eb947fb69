#include "shared/rpc/testing/tunnel_peer.h"

#include <grpc/grpc_security.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/rpc/queue.h"
#include "shared/rpc/testing/world.h"
#include "shared/rpc/tunnel.h"

static void await(struct fiber_event *event)
{
    assert_int_equal(fiber_event_wait(event, deadline_after_ms(WORLD_SOON_MS)), STATUS_OK);
}

/* ---- one stream ---- */

static void on_sent(struct rpc_tag *tag, bool ok)
{
    struct tunnel_peer *peer = LIST_ENTRY(tag, struct tunnel_peer, sent);
    (void)ok;
    peer->sending = false;
    peer->batches--;
    fiber_event_signal(&peer->event);
}

static void on_received(struct rpc_tag *tag, bool ok)
{
    struct tunnel_peer *peer = LIST_ENTRY(tag, struct tunnel_peer, received);
    (void)ok;
    peer->receiving = false;
    peer->batches--;
    fiber_event_signal(&peer->event);
}

static void on_over(struct rpc_tag *tag, bool ok)
{
    struct tunnel_peer *peer = LIST_ENTRY(tag, struct tunnel_peer, over);
    (void)ok;
    peer->ended = true;
    peer->batches--;
    fiber_event_signal(&peer->event);
}

static bool batch(struct tunnel_peer *peer, const grpc_op *ops, size_t count, struct rpc_tag *tag)
{
    if (!rpc_runtime_batch(peer->runtime, peer->call, ops, count, tag))
        return false;
    peer->batches++;
    return true;
}

static void peer_begin(struct tunnel_peer *peer, struct rpc_runtime *runtime, grpc_call *call)
{
    peer->runtime = runtime;
    peer->call = call;
    peer->sent.done = on_sent;
    peer->received.done = on_received;
    peer->over.done = on_over;
    peer->text = grpc_empty_slice();
    peer->heard = grpc_empty_slice();
    grpc_metadata_array_init(&peer->initial);
    grpc_metadata_array_init(&peer->trailing);
    grpc_op over = {0};
    if (peer->is_server) {
        over.op = GRPC_OP_RECV_CLOSE_ON_SERVER;
        over.data.recv_close_on_server.cancelled = &peer->was_cancelled;
    } else {
        over.op = GRPC_OP_RECV_STATUS_ON_CLIENT;
        over.data.recv_status_on_client.trailing_metadata = &peer->trailing;
        over.data.recv_status_on_client.status = &peer->code;
        over.data.recv_status_on_client.status_details = &peer->text;
    }
    assert_true(batch(peer, &over, 1, &peer->over));
}

void tunnel_peer_connect(struct tunnel_peer *peer, struct rpc_runtime *runtime, const char *target)
{
    *peer = (struct tunnel_peer){0};
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    peer->channel = grpc_channel_create(target, credentials, NULL);
    grpc_channel_credentials_release(credentials);
    grpc_call *call = grpc_channel_create_call(
        peer->channel, NULL, GRPC_PROPAGATE_DEFAULTS, rpc_runtime_queue(runtime),
        grpc_slice_from_static_string(TUNNEL_PATH), NULL,
        rpc_time_from_us(deadline_after_ms(WORLD_SOON_MS * 2)), NULL);
    peer_begin(peer, runtime, call);
}

void tunnel_peer_say(struct tunnel_peer *peer, struct slice bytes)
{
    grpc_op ops[2] = {0};
    size_t count = 0;
    grpc_slice slice = grpc_slice_from_copied_buffer(bytes.ptr, bytes.len);
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    if (!peer->began)
        ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    peer->began = true;
    ops[count].op = GRPC_OP_SEND_MESSAGE;
    ops[count++].data.send_message.send_message = message;
    peer->sending = batch(peer, ops, count, &peer->sent);
    grpc_byte_buffer_destroy(message);
    while (peer->sending)
        await(&peer->event);
}

bool tunnel_peer_hear(struct tunnel_peer *peer, struct slice *ret_bytes)
{
    grpc_op ops[3] = {0};
    size_t count = 0;
    if (!peer->is_server && !peer->began) {
        ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
        peer->began = true;
    }
    if (!peer->is_server && !peer->initial_asked) {
        peer->initial_asked = true;
        ops[count].op = GRPC_OP_RECV_INITIAL_METADATA;
        ops[count++].data.recv_initial_metadata.recv_initial_metadata = &peer->initial;
    }
    ops[count].op = GRPC_OP_RECV_MESSAGE;
    ops[count++].data.recv_message.recv_message = &peer->arriving;
    grpc_slice_unref(peer->heard);
    peer->heard = grpc_empty_slice();
    peer->receiving = batch(peer, ops, count, &peer->received);
    while (peer->receiving)
        await(&peer->event);
    bool got = rpc_message_take(peer->arriving, &peer->heard);
    peer->arriving = NULL;
    if (got)
        *ret_bytes = rpc_message_bytes(&peer->heard);
    return got;
}

void tunnel_peer_close(struct tunnel_peer *peer)
{
    grpc_op close = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    peer->sending = batch(peer, &close, 1, &peer->sent);
    while (peer->sending)
        await(&peer->event);
}

void tunnel_peer_await_end(struct tunnel_peer *peer)
{
    struct slice bytes;
    while (tunnel_peer_hear(peer, &bytes))
        continue;
    while (!peer->ended)
        await(&peer->event);
}

void tunnel_peer_done(struct tunnel_peer *peer)
{
    if (!peer->ended)
        rpc_runtime_cancel(peer->runtime, peer->call);
    while (peer->batches > 0)
        await(&peer->event);
    grpc_slice_unref(peer->text);
    grpc_slice_unref(peer->heard);
    grpc_metadata_array_destroy(&peer->initial);
    grpc_metadata_array_destroy(&peer->trailing);
    grpc_call_unref(peer->call);
    if (peer->channel)
        grpc_channel_destroy(peer->channel);
}

/* ---- a port ---- */

static void request(struct tunnel_port *port)
{
    grpc_call_details_init(&port->details);
    grpc_metadata_array_init(&port->metadata);
    struct rpc_request_slot slot = {
        .call = &port->arriving, .metadata = &port->metadata, .details = &port->details};
    port->requesting =
        rpc_runtime_request(port->runtime, port->server, NULL, &slot, &port->requested);
}

static void on_requested(struct rpc_tag *tag, bool ok)
{
    struct tunnel_port *port = LIST_ENTRY(tag, struct tunnel_port, requested);
    port->requesting = false;
    if (ok) {
        if (slice_equal_str(rpc_message_bytes(&port->details.method), TUNNEL_PATH)) {
            assert_null(port->tunnel);
            port->tunnel = port->arriving;
            port->tunnel_count++;
        } else {
            assert_true(port->other_count < TUNNEL_PORT_CALLS_MAX);
            port->others[port->other_count++] = port->arriving;
        }
        grpc_call_details_destroy(&port->details);
    }
    grpc_metadata_array_destroy(&port->metadata);
    if (ok)
        request(port);
    fiber_event_signal(&port->event);
}

static void on_shut(struct rpc_tag *tag, bool ok)
{
    struct tunnel_port *port = LIST_ENTRY(tag, struct tunnel_port, shut);
    (void)ok;
    port->is_shut = true;
    fiber_event_signal(&port->event);
}

void tunnel_port_open(struct tunnel_port *port, struct rpc_runtime *runtime)
{
    *port = (struct tunnel_port){.runtime = runtime};
    port->requested.done = on_requested;
    port->shut.done = on_shut;
    port->server = grpc_server_create(NULL, NULL);
    grpc_server_register_completion_queue(port->server, rpc_runtime_queue(runtime), NULL);
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    port->number = grpc_server_add_http2_port(port->server, "127.0.0.1:0", credentials);
    grpc_server_credentials_release(credentials);
    assert_true(port->number > 0);
    grpc_server_start(port->server);
    request(port);
}

void tunnel_port_accept(struct tunnel_port *port, struct tunnel_peer *ret_peer)
{
    while (!port->tunnel)
        await(&port->event);
    *ret_peer = (struct tunnel_peer){.is_server = true};
    peer_begin(ret_peer, port->runtime, port->tunnel);
    port->tunnel = NULL;
}

void tunnel_port_close(struct tunnel_port *port)
{
    rpc_runtime_shutdown_server(port->runtime, port->server, &port->shut);
    grpc_server_cancel_all_calls(port->server);
    for (size_t i = 0; i < port->other_count; i++)
        grpc_call_unref(port->others[i]);
    if (port->tunnel)
        grpc_call_unref(port->tunnel);
    while (!port->is_shut || port->requesting)
        await(&port->event);
    grpc_server_destroy(port->server);
}
