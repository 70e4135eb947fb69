/* The life of a channel's tunnels: one to each server takes calls, perhaps the next one opens, and old ones wait for their
 * last calls. */
#include <grpc/support/alloc.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/rpc/fault_wire.h"
#include "shared/rpc/tunnel_out.h"

struct tunnel_client {
    struct rpc_runtime *runtime;
    struct rpc_channel *channel;
    grpc_channel *grpc;
    struct tunnel_out *next; /* opens */
    struct list tunnels;     /* all that have not ended */
    size_t open_count;       /* of these, that take calls */
    size_t met_again;        /* how many in a row led to servers that have one */
    int64_t look_us;         /* none is opened before */
    int64_t look_ms;         /* the next pause, while nothing changes */
    int64_t age_us;
    uint64_t carried;
    rpc_refused_fn refused; /* NULL: nobody wants to know */
    void *refused_arg;
};

/* Something is otherwise: the next one is opened after so long. */
static void client_look_in(struct tunnel_client *client, int64_t ms)
{
    client->look_us = deadline_after_ms(ms);
    client->look_ms = TUNNEL_RETRY_MS;
    client->met_again = 0;
}

/* ---- the end ---- */

static void tunnel_destroy(struct tunnel_out *tunnel)
{
    grpc_slice_unref(tunnel->text);
    grpc_metadata_array_destroy(&tunnel->initial);
    grpc_metadata_array_destroy(&tunnel->trailing);
    gpr_free(tunnel->peer);
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
    client->open_count -= tunnel->state == TUNNEL_OUT_OPEN;
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
        client_look_in(tunnel->client, absent ? TUNNEL_ABSENT_MS : TUNNEL_RETRY_MS);
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

static bool tunnel_is_of_age(const struct tunnel_out *tunnel, int64_t now_us)
{
    return now_us - tunnel->opened_us > tunnel->client->age_us;
}

/* The one that takes calls to the same server. */
static struct tunnel_out *client_find(const struct tunnel_client *client, const char *peer)
{
    LIST_FOR_EACH (node, &client->tunnels) {
        struct tunnel_out *tunnel = LIST_ENTRY(node, struct tunnel_out, node);
        if (tunnel->state == TUNNEL_OUT_OPEN && strcmp(tunnel->peer, peer) == 0)
            return tunnel;
    }
    return NULL;
}

/* gRPC gives each tunnel to the next server in turn: when as many as there are have led to known ones, the others are not
 * there at present. */
static void client_met(struct tunnel_client *client, bool again)
{
    const int64_t pause_max_ms = client->age_us / 1000 / TUNNEL_LOOKS_PER_AGE;
    if (!again) {
        client_look_in(client, TUNNEL_RETRY_MS);
    } else if (++client->met_again < client->open_count) {
        client->look_us = 0;
    } else {
        client->met_again = 0;
        client->look_ms = client->look_ms < pause_max_ms ? client->look_ms : pause_max_ms;
        client->look_us = deadline_after_ms(client->look_ms);
        client->look_ms *= 2;
    }
}

/* "ipv4:127.0.0.1:7101" and "ipv6:%5B::1%5D:7101" become addresses as others write them. */
static void peer_to_address(char *peer)
{
    const char *from = strchr(peer, ':') ? strchr(peer, ':') + 1 : peer;
    char *to = peer;
    while (*from) {
        bool opens = strncmp(from, "%5B", 3) == 0, closes = strncmp(from, "%5D", 3) == 0;
        *to++ = opens ? '[' : closes ? ']' : *from;
        from += opens || closes ? 3 : 1;
    }
    *to = 0;
}

static bool tunnel_hello(struct tunnel_out *tunnel)
{
    if (tunnel->state != TUNNEL_OUT_OPENS)
        return false;
    struct tunnel_client *client = tunnel->client;
    client->next = NULL;
    tunnel->peer = grpc_call_get_peer(tunnel->grpc);
    peer_to_address(tunnel->peer);
    struct tunnel_out *same = client_find(client, tunnel->peer);
    tunnel->state = TUNNEL_OUT_OPEN;
    client->open_count++;
    bool again = same || client->open_count > TUNNEL_CLIENT_MAX;
    if (again)
        tunnel_leave(same && tunnel_is_of_age(same, clock_monotonic_us()) ? same : tunnel);
    client_met(client, again);
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
        client_look_in(tunnel->client, TUNNEL_RETRY_MS);
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
    client->look_ms = TUNNEL_RETRY_MS;
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

/* Opens the first tunnel, those to other servers, and the next one of a server whose present one is of age. */
static void client_look(struct tunnel_client *client, int64_t now_us)
{
    struct tunnel_out *next = client->next;
    if (next && now_us - next->opened_us > TUNNEL_HELLO_MS_MAX * 1000LL)
        tunnel_end(next, NULL);
    if (!client->next && now_us >= client->look_us)
        client_open(client);
}

/* Calls to answer, with those that failed of late. */
static double tunnel_load(const struct tunnel_out *tunnel, int64_t now_us)
{
    return (double)(TUNNEL_CALLS_MAX - tunnel->free_count) + tunnel_failures(tunnel, now_us);
}

/* Whether `a` should rather have the next call: a server that just said that it cannot, or nothing at all, has none as long as others are
 * there, and of those alone who may go on first; the calls of one turn travel together; who has fewer to answer is faster, if it does not fail; and all have their turn. */
static bool is_better(const struct tunnel_out *a, const struct tunnel_out *b, int64_t now_us)
{
    int64_t a_rests_us = now_us < a->rests_us ? a->rests_us : 0,
            b_rests_us = now_us < b->rests_us ? b->rests_us : 0;
    if (a_rests_us != b_rests_us)
        return a_rests_us < b_rests_us;
    bool a_goes = !list_empty(&a->flush.node), b_goes = !list_empty(&b->flush.node);
    if (a_goes != b_goes)
        return a_goes;
    double a_load = tunnel_load(a, now_us), b_load = tunnel_load(b, now_us);
    if (a_load < b_load || b_load < a_load)
        return a_load < b_load;
    return a->used < b->used;
}

static struct tunnel_out *client_choose(const struct tunnel_client *client, int64_t now_us)
{
    struct tunnel_out *best = NULL;
    LIST_FOR_EACH (node, &client->tunnels) {
        struct tunnel_out *tunnel = LIST_ENTRY(node, struct tunnel_out, node);
        if (tunnel->state == TUNNEL_OUT_OPEN && (!best || is_better(tunnel, best, now_us)))
            best = tunnel;
    }
    return best;
}

bool tunnel_client_start(struct tunnel_client *client, const struct rpc_call_options *options,
                         struct rpc_call **ret_call)
{
    int64_t now_us = clock_monotonic_us();
    client_look(client, now_us);
    struct tunnel_out *tunnel = client_choose(client, now_us);
    struct tunnel_out_call *call =
        tunnel ? tunnel_out_call_new(tunnel, client->channel, options) : NULL;
    if (!call)
        return false;
    tunnel->used = ++client->carried;
    *ret_call = &call->call;
    return true;
}

/* ---- those that refuse the caller ---- */

void tunnel_out_rest(struct tunnel_out *tunnel, int64_t ms)
{
    int64_t until_us = deadline_after_ms(ms);
    if (tunnel->rests_us < until_us)
        tunnel->rests_us = until_us;
}

static bool others_work(const struct tunnel_out *tunnel)
{
    int64_t now_us = clock_monotonic_us();
    LIST_FOR_EACH (node, &tunnel->client->tunnels) {
        struct tunnel_out *other = LIST_ENTRY(node, struct tunnel_out, node);
        if (other != tunnel && other->state == TUNNEL_OUT_OPEN && now_us >= other->rests_us)
            return true;
    }
    return false;
}

/* The last one goes on: of two that refuse each other's tokens one would rest after the other, and every token be of the wrong one. */
void tunnel_out_refused(struct tunnel_out *tunnel, struct slice details)
{
    struct tunnel_client *client = tunnel->client;
    struct fault fault;
    if (!client)
        return;
    if (others_work(tunnel))
        tunnel_out_rest(tunnel, TUNNEL_REFUSED_MS);
    else if (client->look_ms == TUNNEL_RETRY_MS)
        client->look_us = 0; /* others may be there that were not looked for yet */
    fault_wire_unpack(STATUS_UNAUTHENTICATED, details, &fault);
    if (client->refused)
        client->refused(client->refused_arg, tunnel->peer, &fault);
}

void tunnel_client_on_refused(struct tunnel_client *client, rpc_refused_fn refused, void *arg)
{
    client->refused = refused;
    client->refused_arg = arg;
}

size_t tunnel_client_servers(const struct tunnel_client *client)
{
    return client->open_count;
}

bool tunnel_client_reaches(const struct tunnel_client *client, const char *address)
{
    return client->open_count == 0 || client->open_count >= TUNNEL_CLIENT_MAX ||
           client_find(client, address);
}

uint64_t tunnel_client_carried(const struct tunnel_client *client)
{
    return client->carried;
}

void tunnel_client_set_age(struct tunnel_client *client, int64_t age_ms)
{
    client->age_us = age_ms * 1000;
    client_look_in(client, 0);
}
