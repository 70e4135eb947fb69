/* The life of a channel's tunnels: one that takes calls, perhaps the next one that opens, and old ones that wait for their
 * last calls. */
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/rpc/tunnel_out.h"

struct tunnel_client {
    struct rpc_runtime *runtime;
    struct rpc_channel *channel;
    grpc_channel *grpc;
    struct tunnel_out *open; /* takes calls; NULL: none does */
    struct tunnel_out *next; /* opens */
    struct list tunnels;     /* all that have not ended */
    int64_t retry_us;        /* none is opened before */
    int64_t age_us;
    uint64_t carried;
};

/* ---- the end ---- */

static void tunnel_destroy(struct tunnel_out *tunnel)
{
    grpc_slice_unref(tunnel->text);
    grpc_metadata_array_destroy(&tunnel->initial);
    grpc_metadata_array_destroy(&tunnel->trailing);
    grpc_call_unref(tunnel->grpc);
    buffer_done(&tunnel->out);
    free(tunnel);
}

/* A batch is through. */
static void tunnel_completed(struct tunnel_out *tunnel)
{
    if (--tunnel->batches == 0 && tunnel->state == TUNNEL_OUT_ENDED)
        tunnel_destroy(tunnel);
}

/* The channel does not use it any more. */
static void tunnel_forget(struct tunnel_out *tunnel)
{
    struct tunnel_client *client = tunnel->client;
    if (!client)
        return;
    if (client->open == tunnel)
        client->open = NULL;
    if (client->next == tunnel)
        client->next = NULL;
}

/* Its calls end, and gRPC gives it back. While a batch is under way the tunnel stays. `why` is what gRPC said of its
 * end, NULL when the end is ours. */
static void tunnel_end(struct tunnel_out *tunnel, const grpc_slice *why)
{
    const grpc_slice nothing = grpc_empty_slice();
    if (tunnel->state == TUNNEL_OUT_ENDED)
        return;
    bool absent = why && tunnel->code == GRPC_STATUS_UNIMPLEMENTED;
    if (tunnel->client && tunnel->state != TUNNEL_OUT_LEAVES)
        tunnel->client->retry_us = deadline_after_ms(absent ? TUNNEL_ABSENT_MS : TUNNEL_RETRY_MS);
    tunnel_forget(tunnel);
    tunnel->state = TUNNEL_OUT_ENDED;
    list_remove(&tunnel->node);
    list_remove(&tunnel->flush.node);
    for (size_t i = 0; i < TUNNEL_CALLS_MAX; i++)
        if (tunnel->calls[i])
            tunnel_out_call_break(tunnel->calls[i], why ? *why : nothing);
    rpc_runtime_cancel(tunnel->runtime, tunnel->grpc);
}

/* No new calls; open ones go on. */
static void tunnel_leave(struct tunnel_out *tunnel)
{
    if (tunnel->state >= TUNNEL_OUT_LEAVES)
        return;
    tunnel_forget(tunnel);
    tunnel->state = TUNNEL_OUT_LEAVES;
    tunnel_out_due(tunnel);
}

/* ---- sending ---- */

void tunnel_out_due(struct tunnel_out *tunnel)
{
    if (tunnel->state != TUNNEL_OUT_ENDED)
        rpc_runtime_flush_later(tunnel->runtime, &tunnel->flush);
}

static bool tunnel_batch(struct tunnel_out *tunnel, const grpc_op *ops, size_t count,
                         struct rpc_tag *tag)
{
    if (!rpc_runtime_batch(tunnel->runtime, tunnel->grpc, ops, count, tag))
        return false;
    tunnel->batches++;
    return true;
}

static bool tunnel_send(struct tunnel_out *tunnel, bool close)
{
    grpc_op ops[2] = {0};
    size_t count = 0;
    grpc_byte_buffer *message = NULL;
    if (tunnel->out.len > 0) {
        grpc_slice bytes = grpc_slice_from_copied_buffer(tunnel->out.ptr, tunnel->out.len);
        message = grpc_raw_byte_buffer_create(&bytes, 1);
        grpc_slice_unref(bytes);
        ops[count].op = GRPC_OP_SEND_MESSAGE;
        ops[count++].data.send_message.send_message = message;
        buffer_reset(&tunnel->out);
    }
    if (close)
        ops[count++].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    tunnel->closed = close;
    tunnel->sending = tunnel_batch(tunnel, ops, count, &tunnel->sent);
    if (message)
        grpc_byte_buffer_destroy(message);
    return tunnel->sending;
}

/* At the end of a turn: what it had for this server, in one message. */
static void tunnel_flush(struct rpc_flush *flush)
{
    struct tunnel_out *tunnel = LIST_ENTRY(flush, struct tunnel_out, flush);
    if (tunnel->sending || tunnel->closed)
        return; /* the completion comes back to it */
    for (struct list *node; (node = list_pop(&tunnel->owing));)
        tunnel_out_call_give_credit(LIST_ENTRY(node, struct tunnel_out_call, owing));
    bool close = tunnel->state == TUNNEL_OUT_LEAVES && tunnel->free_count == TUNNEL_CALLS_MAX;
    if (tunnel->out.len == 0 && !close)
        return;
    if (tunnel->out.failed || !tunnel_send(tunnel, close))
        tunnel_end(tunnel, NULL);
}

static void tunnel_sent(struct rpc_tag *tag, bool ok)
{
    struct tunnel_out *tunnel = LIST_ENTRY(tag, struct tunnel_out, sent);
    tunnel->sending = false;
    if (ok)
        tunnel_out_due(tunnel); /* else `finished` says why */
    tunnel_completed(tunnel);
}

/* ---- receiving ---- */

static bool tunnel_hello(struct tunnel_out *tunnel)
{
    if (tunnel->state != TUNNEL_OUT_OPENS)
        return false;
    struct tunnel_client *client = tunnel->client;
    if (client->open)
        tunnel_leave(client->open);
    client->next = NULL;
    client->open = tunnel;
    tunnel->state = TUNNEL_OUT_OPEN;
    return true;
}

static bool tunnel_take_frame(struct tunnel_out *tunnel, const struct tunnel_frame *frame)
{
    if (frame->kind == TUNNEL_HELLO)
        return tunnel_hello(tunnel);
    if (tunnel->state == TUNNEL_OUT_OPENS)
        return false;
    if (frame->kind != TUNNEL_LEAVING)
        return tunnel_out_call_take(tunnel, frame);
    if (tunnel->client && tunnel->state == TUNNEL_OUT_OPEN)
        tunnel->client->retry_us = deadline_after_ms(TUNNEL_RETRY_MS);
    tunnel_leave(tunnel);
    return true;
}

static bool tunnel_take_message(struct tunnel_out *tunnel, struct slice rest)
{
    struct tunnel_frame frame;
    if (rest.len > TUNNEL_MESSAGE_BYTES_MAX)
        return false;
    while (rest.len > 0)
        if (!tunnel_take(&rest, &frame) || !tunnel_take_frame(tunnel, &frame))
            return false;
    return true;
}

static void tunnel_receive(struct tunnel_out *tunnel)
{
    grpc_op receive = {.op = GRPC_OP_RECV_MESSAGE};
    receive.data.recv_message.recv_message = &tunnel->arriving;
    if (!tunnel_batch(tunnel, &receive, 1, &tunnel->received))
        tunnel_end(tunnel, NULL);
}

static void tunnel_received(struct rpc_tag *tag, bool ok)
{
    struct tunnel_out *tunnel = LIST_ENTRY(tag, struct tunnel_out, received);
    grpc_slice message;
    bool got = rpc_message_take(tunnel->arriving, &message);
    tunnel->arriving = NULL;
    bool fine = ok && got && tunnel->state != TUNNEL_OUT_ENDED &&
                tunnel_take_message(tunnel, rpc_message_bytes(&message));
    if (got)
        grpc_slice_unref(message);
    if (fine)
        tunnel_receive(tunnel);
    else if (got)
        tunnel_end(tunnel, NULL); /* without a message `finished` does it, and knows why */
    tunnel_completed(tunnel);
}

static void tunnel_finished(struct rpc_tag *tag, bool ok)
{
    (void)ok; /* always succeeds */
    struct tunnel_out *tunnel = LIST_ENTRY(tag, struct tunnel_out, finished);
    tunnel_end(tunnel, &tunnel->text);
    tunnel_completed(tunnel);
}

/* ---- opening ---- */

static struct tunnel_out *tunnel_new(struct tunnel_client *client)
{
    struct tunnel_out *tunnel = calloc(1, sizeof(*tunnel));
    if (!tunnel)
        return NULL;
    tunnel->client = client;
    tunnel->runtime = client->runtime;
    tunnel->opened_us = clock_monotonic_us();
    tunnel->deadline_us = deadline_after_ms(TUNNEL_AGE_MS + TUNNEL_CALL_MS_MAX);
    tunnel->received.done = tunnel_received;
    tunnel->sent.done = tunnel_sent;
    tunnel->finished.done = tunnel_finished;
    tunnel->flush.run = tunnel_flush;
    tunnel->text = grpc_empty_slice();
    list_init(&tunnel->flush.node);
    list_init(&tunnel->owing);
    buffer_init(&tunnel->out, TUNNEL_MESSAGE_BYTES_MAX);
    grpc_metadata_array_init(&tunnel->initial);
    grpc_metadata_array_init(&tunnel->trailing);
    for (size_t i = 0; i < TUNNEL_CALLS_MAX; i++)
        tunnel->free_slots[i] = (uint16_t)(TUNNEL_CALLS_MAX - 1 - i);
    tunnel->free_count = TUNNEL_CALLS_MAX;
    list_append(&client->tunnels, &tunnel->node);
    return tunnel;
}

/* The stream begins, and its status is asked for; what the server sends comes in between. */
static bool tunnel_begin(struct tunnel_out *tunnel)
{
    grpc_op ops[3] = {0};
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[1].data.recv_initial_metadata.recv_initial_metadata = &tunnel->initial;
    ops[2].op = GRPC_OP_RECV_MESSAGE;
    ops[2].data.recv_message.recv_message = &tunnel->arriving;
    if (!tunnel_batch(tunnel, ops, 3, &tunnel->received))
        return false;
    grpc_op finish = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
    struct grpc_op_recv_status_on_client *status = &finish.data.recv_status_on_client;
    status->trailing_metadata = &tunnel->trailing;
    status->status = &tunnel->code;
    status->status_details = &tunnel->text;
    return tunnel_batch(tunnel, &finish, 1, &tunnel->finished);
}

static void client_open(struct tunnel_client *client)
{
    struct tunnel_out *tunnel = tunnel_new(client);
    if (!tunnel)
        return;
    tunnel->grpc = grpc_channel_create_call(client->grpc, NULL, GRPC_PROPAGATE_DEFAULTS,
                                            rpc_runtime_queue(client->runtime),
                                            grpc_slice_from_static_string(TUNNEL_PATH), NULL,
                                            rpc_time_from_us(tunnel->deadline_us), NULL);
    client->next = tunnel;
    if (!tunnel_begin(tunnel)) {
        tunnel_end(tunnel, NULL);
        if (tunnel->batches == 0)
            tunnel_destroy(tunnel);
    }
}

/* ---- the client ---- */

struct tunnel_client *tunnel_client_new(struct rpc_runtime *runtime, struct rpc_channel *channel,
                                        grpc_channel *grpc)
{
    struct tunnel_client *client = calloc(1, sizeof(*client));
    if (!client)
        return NULL;
    client->runtime = runtime;
    client->channel = channel;
    client->grpc = grpc;
    client->age_us = TUNNEL_AGE_MS * 1000LL;
    list_init(&client->tunnels);
    return client;
}

struct tunnel_client *tunnel_client_free(struct tunnel_client *client)
{
    if (!client)
        return NULL;
    LIST_FOR_EACH (node, &client->tunnels) {
        struct tunnel_out *tunnel = LIST_ENTRY(node, struct tunnel_out, node);
        tunnel_end(tunnel, NULL);
        tunnel->client = NULL;
    }
    free(client);
    return NULL;
}

/* Opens the first tunnel, and the next one when the present one is of age. */
static void client_look(struct tunnel_client *client, int64_t now_us)
{
    struct tunnel_out *next = client->next;
    if (next && now_us - next->opened_us > TUNNEL_HELLO_MS_MAX * 1000LL)
        tunnel_end(next, NULL);
    bool wanted = !client->open || now_us - client->open->opened_us > client->age_us;
    if (wanted && !client->next && now_us >= client->retry_us)
        client_open(client);
}

bool tunnel_client_start(struct tunnel_client *client, const struct rpc_call_options *options,
                         struct rpc_call **ret_call)
{
    client_look(client, clock_monotonic_us());
    struct tunnel_out_call *call =
        client->open ? tunnel_out_call_new(client->open, client->channel, options) : NULL;
    if (!call)
        return false;
    client->carried++;
    *ret_call = &call->call;
    return true;
}

uint64_t tunnel_client_carried(const struct tunnel_client *client)
{
    return client->carried;
}

void tunnel_client_set_age(struct tunnel_client *client, int64_t age_ms)
{
    client->age_us = age_ms * 1000;
}
