/* Calls through gRPC: the channel, and the caller's end of a call.
 *
 * What arrives is appended to a queue, and the next message asked for at once, as long as the queue has room.
 * Nothing of a call is freed before its last batch completed. */
#include <ctype.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/rpc/fault_wire.h"
#include "shared/rpc/outgoing.h"
#include "shared/rpc/peer.h"
#include "shared/rpc/queue.h"
#include "shared/rpc/runtime.h"
#include "shared/rpc/tls.h"
#include "shared/rpc/tunnel.h"

/* Of each stream, sent and not yet read by gRPC. */
#define CHANNEL_WINDOW_BYTES (256 * 1024)
/* A server that hangs is left, and what it was asked ends UNAVAILABLE, before calls of 5 s have waited for nothing. */
#define CHANNEL_KEEPALIVE_MS 2000
#define CHANNEL_KEEPALIVE_TIMEOUT_MS 2000
/* Each call goes to the next of the target's servers that are there. */
#define CHANNEL_SERVICE_CONFIG "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}"
/* A name is looked up anew when a server is lost, at most so often. */
#define CHANNEL_RESOLVE_MIN_MS 2000
/* A realm that healed is back within 5 s. */
#define CHANNEL_RECONNECT_FIRST_MS 200
#define CHANNEL_RECONNECT_MAX_MS 2000
/* How long an attempt to connect may take, which gRPC has under the name of a backoff. */
#define CHANNEL_CONNECT_TIMEOUT_MS 5000

struct grpc_out_channel {
    struct rpc_channel channel;
    struct rpc_runtime *runtime;
    grpc_channel *grpc;
    struct tls_credentials *credentials;
    struct tunnel_client *tunnels; /* NULL: each call goes by itself */
    char *peer_path;               /* whose user is expected; NULL: of none */
};

struct grpc_out_call {
    struct rpc_call call;
    struct rpc_runtime *runtime;
    grpc_call *grpc;
    struct rpc_tag begun, received, finished;

    /* Filled by gRPC. */
    grpc_metadata_array initial, trailing;
    grpc_byte_buffer *arriving;
    grpc_status_code code;
    grpc_slice text;

    unsigned batches;  /* under way */
    bool released;     /* the caller has no more use for it */
    bool receiving;    /* a batch that receives a message is under way */
    bool all_received; /* no message will come any more */
    bool has_status;
    bool dropped; /* cancelled by us: nothing is kept */
    struct rpc_queue queue;
};

static struct grpc_out_call *call_of(struct rpc_call *call)
{
    return LIST_ENTRY(call, struct grpc_out_call, call);
}

static void call_destroy(struct grpc_out_call *call)
{
    rpc_queue_done(&call->queue);
    if (call->has_status)
        grpc_slice_unref(call->text);
    grpc_metadata_array_destroy(&call->initial);
    grpc_metadata_array_destroy(&call->trailing);
    grpc_call_unref(call->grpc);
    free(call);
}

/* A batch is through: tells the caller, or ends the call that nobody has any more. */
static void call_completed(struct grpc_out_call *call)
{
    call->batches--;
    if (!call->released)
        fiber_event_signal(call->call.event);
    else if (call->batches == 0)
        call_destroy(call);
}

/* ---- receiving ---- */

/* Asks for the next message when there is room. */
static void call_receive(struct grpc_out_call *call)
{
    if (call->receiving || call->all_received || call->queue.cost_bytes >= RPC_CALL_QUEUE_BYTES)
        return;
    grpc_op receive = {.op = GRPC_OP_RECV_MESSAGE};
    receive.data.recv_message.recv_message = &call->arriving;
    call->receiving = rpc_runtime_batch(call->runtime, call->grpc, &receive, 1, &call->received);
    if (call->receiving)
        call->batches++;
    else
        call->all_received = true;
}

/* What a batch that received brought. */
static void call_append(struct grpc_out_call *call, bool ok)
{
    grpc_slice message;
    call->receiving = false;
    bool got = rpc_message_take(call->arriving, &message);
    call->arriving = NULL;
    if (got && (!ok || call->dropped)) {
        grpc_slice_unref(message);
    } else if (got && !rpc_queue_push(&call->queue, message)) {
        ok = false; /* no memory: better no stream than one with a gap */
        rpc_runtime_cancel(call->runtime, call->grpc);
    }
    if (!got || !ok)
        call->all_received = true;
}

static void call_received(struct rpc_tag *tag, bool ok)
{
    struct grpc_out_call *call = LIST_ENTRY(tag, struct grpc_out_call, received);
    call_append(call, ok);
    call_receive(call);
    call_completed(call);
}

/* The first batch of a stream: what is sent, and the first message. */
static void call_begun(struct rpc_tag *tag, bool ok)
{
    struct grpc_out_call *call = LIST_ENTRY(tag, struct grpc_out_call, begun);
    call_append(call, ok);
    call_receive(call);
    call_completed(call);
}

/* The last batch of a stream, the only one of a unary call. */
static void call_finished(struct rpc_tag *tag, bool ok)
{
    (void)ok; /* always succeeds */
    struct grpc_out_call *call = LIST_ENTRY(tag, struct grpc_out_call, finished);
    if (!call->call.server_streaming) {
        call_append(call, true);
        call->all_received = true;
    }
    call->has_status = true;
    call_completed(call);
}

/* ---- starting ---- */

static struct grpc_out_call *call_new(struct grpc_out_channel *channel,
                                      const struct rpc_call_options *options)
{
    struct grpc_out_call *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    rpc_call_init(&call->call, &channel->channel, options);
    call->runtime = channel->runtime;
    call->begun.done = call_begun;
    call->received.done = call_received;
    call->finished.done = call_finished;
    grpc_metadata_array_init(&call->initial);
    grpc_metadata_array_init(&call->trailing);
    grpc_slice path = grpc_slice_from_copied_buffer(options->path.ptr, options->path.len);
    call->grpc = grpc_channel_create_call(channel->grpc, NULL, GRPC_PROPAGATE_DEFAULTS,
                                          rpc_runtime_queue(channel->runtime), path, NULL,
                                          rpc_time_from_us(options->deadline_us), NULL);
    grpc_slice_unref(path);
    return call;
}

static size_t ops_send(struct grpc_out_call *call, grpc_op *ops, grpc_metadata *pairs,
                       size_t pair_count, grpc_byte_buffer *request)
{
    size_t count = 0;
    ops[count].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[count].data.send_initial_metadata.metadata = pairs;
    ops[count++].data.send_initial_metadata.count = pair_count;
    ops[count].op = GRPC_OP_SEND_MESSAGE;
    ops[count++].data.send_message.send_message = request;
    ops[count++].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[count].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[count++].data.recv_initial_metadata.recv_initial_metadata = &call->initial;
    ops[count].op = GRPC_OP_RECV_MESSAGE;
    ops[count++].data.recv_message.recv_message = &call->arriving;
    return count;
}

static size_t ops_finish(struct grpc_out_call *call, grpc_op *ops)
{
    struct grpc_op_recv_status_on_client *status = &ops[0].data.recv_status_on_client;
    ops[0].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    status->trailing_metadata = &call->trailing;
    status->status = &call->code;
    status->status_details = &call->text;
    return 1;
}

/* A unary call is one batch; a stream has its status apart, because messages come in between. */
static bool call_send(struct grpc_out_call *call, grpc_metadata *pairs, size_t pair_count,
                      grpc_byte_buffer *request)
{
    grpc_op ops[6] = {0};
    size_t count = ops_send(call, ops, pairs, pair_count, request);
    struct rpc_tag *tag = &call->begun;
    if (!call->call.server_streaming) {
        count += ops_finish(call, ops + count);
        tag = &call->finished;
    }
    if (!rpc_runtime_batch(call->runtime, call->grpc, ops, count, tag))
        return false;
    call->batches++;
    call->receiving = true;
    if (!call->call.server_streaming)
        return true;
    grpc_op finish[1] = {0};
    ops_finish(call, finish);
    if (rpc_runtime_batch(call->runtime, call->grpc, finish, 1, &call->finished)) {
        call->batches++;
    } else {
        call->code = GRPC_STATUS_INTERNAL;
        call->text = grpc_empty_slice();
        call->has_status = true;
        rpc_runtime_cancel(call->runtime, call->grpc);
    }
    return true;
}

static enum status start_alone(struct rpc_channel *base, const struct rpc_call_options *options,
                               struct rpc_call **ret_call)
{
    struct grpc_out_call *call = call_new((struct grpc_out_channel *)base, options);
    if (!call)
        return STATUS_RESOURCE_EXHAUSTED;
    /* Slices of the caller's memory: start_batch keeps none of them without a copy of its own. */
    grpc_metadata pairs[RPC_PAIRS_MAX];
    for (size_t i = 0; i < options->metadata_count; i++) {
        const struct rpc_pair *pair = &options->metadata[i];
        pairs[i].key = grpc_slice_from_copied_buffer(pair->key.ptr, pair->key.len);
        pairs[i].value = grpc_slice_from_copied_buffer(pair->value.ptr, pair->value.len);
    }
    grpc_slice bytes = grpc_slice_from_copied_buffer(options->request.ptr, options->request.len);
    grpc_byte_buffer *request = grpc_raw_byte_buffer_create(&bytes, 1);
    grpc_slice_unref(bytes);
    bool sent = call_send(call, pairs, options->metadata_count, request);
    grpc_byte_buffer_destroy(request);
    for (size_t i = 0; i < options->metadata_count; i++) {
        grpc_slice_unref(pairs[i].key);
        grpc_slice_unref(pairs[i].value);
    }
    if (!sent) {
        call_destroy(call);
        return STATUS_INVALID_ARGUMENT;
    }
    *ret_call = &call->call;
    return STATUS_OK;
}

static enum status out_start(struct rpc_channel *base, const struct rpc_call_options *options,
                             struct rpc_call **ret_call)
{
    struct grpc_out_channel *channel = (struct grpc_out_channel *)base;
    if (channel->tunnels && tunnel_client_start(channel->tunnels, options, ret_call))
        return STATUS_OK;
    return start_alone(base, options, ret_call);
}

/* ---- the caller's verbs ---- */

static bool out_next(struct rpc_call *base, grpc_slice *ret_message)
{
    struct grpc_out_call *call = call_of(base);
    if (!rpc_queue_pop(&call->queue, ret_message))
        return false;
    call_receive(call);
    return true;
}

static bool out_is_empty(struct rpc_call *base)
{
    return call_of(base)->queue.count == 0;
}

static struct slice call_details(const struct grpc_out_call *call)
{
    for (size_t i = 0; i < call->trailing.count; i++)
        if (slice_equal_str(rpc_message_bytes(&call->trailing.metadata[i].key), FAULT_WIRE_KEY))
            return rpc_message_bytes(&call->trailing.metadata[i].value);
    return (struct slice){0};
}

/* gRPC itself refuses a message over RPC_MESSAGE_BYTES_MAX, at either end, with the status of a server that has no
 * room: that would be worth another try, what the server has to say is not. And it calls an end of the connection UNKNOWN when TLS cannot
 * read what came, or write; a server of ours says why. */
static enum status call_status(const struct grpc_out_call *call)
{
    static const char too_large[] = " message larger than max";
    enum status status = status_from_code(call->code);
    struct slice text = rpc_message_bytes(&call->text);
    if (status == STATUS_RESOURCE_EXHAUSTED && call_details(call).len == 0 && text.len > 0 &&
        memmem(text.ptr, text.len, too_large, strlen(too_large)))
        return STATUS_DATA_LOSS;
    return status == STATUS_UNKNOWN && call_details(call).len == 0 ? STATUS_UNAVAILABLE : status;
}

static bool out_finished(struct rpc_call *base, struct fault *ret_fault)
{
    struct grpc_out_call *call = call_of(base);
    if (!call->has_status || !call->all_received || call->receiving)
        return false;
    fault_wire_unpack(call_status(call), call_details(call), ret_fault);
    return true;
}

static void out_cancel(struct rpc_call *base)
{
    struct grpc_out_call *call = call_of(base);
    rpc_queue_clear(&call->queue);
    call->dropped = true;
    rpc_runtime_cancel(call->runtime, call->grpc);
}

static void out_release(struct rpc_call *base)
{
    struct grpc_out_call *call = call_of(base);
    call->released = true;
    if (call->batches == 0)
        call_destroy(call);
}

static struct slice out_diagnostic(struct rpc_call *base)
{
    return rpc_message_bytes(&call_of(base)->text);
}

/* ---- the channel ---- */

static void out_free(struct rpc_channel *base)
{
    struct grpc_out_channel *channel = (struct grpc_out_channel *)base;
    tunnel_client_free(channel->tunnels);
    grpc_channel_destroy(channel->grpc);
    tls_credentials_give_back(channel->credentials);
    if (channel->peer_path)
        peer_forget(channel->peer_path);
    free(channel->peer_path);
    free(channel);
}

static const struct rpc_channel_verbs out_verbs = {
    .start = out_start,
    .free = out_free,
    .next = out_next,
    .is_empty = out_is_empty,
    .finished = out_finished,
    .cancel = out_cancel,
    .release = out_release,
    .diagnostic = out_diagnostic,
};

static grpc_arg arg_make(const char *key)
{
    union {
        const char *in;
        char *out;
    } name = {.in = key};
    return (grpc_arg){.key = name.out};
}

static grpc_arg arg_int(const char *key, int value)
{
    grpc_arg arg = arg_make(key);
    arg.type = GRPC_ARG_INTEGER;
    arg.value.integer = value;
    return arg;
}

static grpc_arg arg_string(const char *key, const char *value)
{
    grpc_arg arg = arg_make(key);
    arg.type = GRPC_ARG_STRING;
    arg.value.string = arg_make(value).key;
    return arg;
}

static grpc_channel *channel_create(const char *target, const struct rpc_tls *tls,
                                    grpc_channel_credentials *credentials)
{
    grpc_arg args[] = {
        /* Retries are ours: gRPC's cost a quarter of the CPU even when none happens. */
        arg_int(GRPC_ARG_ENABLE_RETRIES, 0),
        arg_int(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, RPC_MESSAGE_BYTES_MAX),
        arg_int(GRPC_ARG_MAX_METADATA_SIZE, RPC_METADATA_BYTES_MAX),
        /* What a stream that nobody reads may hold: no window that grows by itself. */
        arg_int(GRPC_ARG_HTTP2_BDP_PROBE, 0),
        arg_int(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, CHANNEL_WINDOW_BYTES),
        arg_int(GRPC_ARG_KEEPALIVE_TIME_MS, CHANNEL_KEEPALIVE_MS),
        arg_int(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, CHANNEL_KEEPALIVE_TIMEOUT_MS),
        arg_int(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        arg_int(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
        arg_int(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, CHANNEL_RECONNECT_FIRST_MS),
        arg_int(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, CHANNEL_CONNECT_TIMEOUT_MS),
        arg_int(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, CHANNEL_RECONNECT_MAX_MS),
        /* Two channels to one server do not share a connection behind our back. */
        arg_int(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
        arg_int(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
        arg_int(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
        arg_string(GRPC_ARG_SERVICE_CONFIG, CHANNEL_SERVICE_CONFIG),
        arg_int(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, CHANNEL_RESOLVE_MIN_MS),
        arg_int(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        arg_int(GRPC_ARG_ENABLE_CHANNELZ, 0),
        arg_string(GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, tls ? tls->server_name : NULL),
    };
    grpc_channel_args channel_args = {sizeof(args) / sizeof(args[0]), args};
    if (!tls || !tls->server_name)
        channel_args.num_args--;
    return grpc_channel_create(target, credentials, &channel_args);
}

enum status rpc_channel_new(struct rpc_runtime *runtime, const char *target,
                            const struct rpc_tls *tls, struct rpc_channel **ret_channel,
                            struct fault *fault)
{
    struct tls_credentials *credentials;
    PEK_TRY(tls_credentials_take(tls, &credentials, fault));
    struct grpc_out_channel *channel = calloc(1, sizeof(*channel));
    if (!channel) {
        tls_credentials_give_back(credentials);
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    }
    channel->channel.verbs = &out_verbs;
    channel->runtime = runtime;
    channel->credentials = credentials;
    channel->grpc = channel_create(target, tls, tls_credentials_grpc(credentials));
    *ret_channel = &channel->channel;
    return STATUS_OK;
}

/* gRPC reads a target as a URI, in which '%', '?' and '#' are no letters: it would connect to another path than the one whose user
 * is expected. */
static char *target_of_path(const char *path)
{
    static const char scheme[] = "unix:";
    char *target = malloc(sizeof(scheme) + 3 * strlen(path));
    if (!target)
        return NULL;
    memcpy(target, scheme, sizeof(scheme));
    char *at = target + strlen(scheme);
    for (; *path; path++)
        at += isalnum((unsigned char)*path) || strchr("/._-", *path)
                  ? snprintf(at, 2, "%c", *path)
                  : snprintf(at, 4, "%%%02X", (unsigned char)*path);
    return target;
}

enum status rpc_channel_new_peer(struct rpc_runtime *runtime, const char *path, uint32_t uid,
                                 struct rpc_channel **ret_channel, struct fault *fault)
{
    enum status status = peer_expect(path, uid);
    if (status != STATUS_OK)
        return fault_set(fault, status, NULL, "no unix socket whose user can be expected");
    struct rpc_channel *base = NULL;
    char *target = target_of_path(path);
    char *kept = strdup(path);
    status = STATUS_RESOURCE_EXHAUSTED;
    if (target && kept)
        status = rpc_channel_new(runtime, target, NULL, &base, fault);
    free(target);
    if (status != STATUS_OK) {
        free(kept);
        peer_forget(path);
        return fault_set(fault, status, NULL, "out of memory");
    }
    ((struct grpc_out_channel *)base)->peer_path = kept;
    *ret_channel = base;
    return STATUS_OK;
}

void rpc_channel_carry(struct rpc_channel *base)
{
    struct grpc_out_channel *channel = (struct grpc_out_channel *)base;
    if (base->verbs == &out_verbs && !channel->tunnels)
        channel->tunnels = tunnel_client_new(channel->runtime, base, channel->grpc);
}

struct tunnel_client *rpc_channel_tunnels(const struct rpc_channel *base)
{
    const struct grpc_out_channel *channel = (const struct grpc_out_channel *)base;
    return base->verbs == &out_verbs ? channel->tunnels : NULL;
}

uint64_t rpc_channel_carried(const struct rpc_channel *base)
{
    const struct tunnel_client *tunnels = rpc_channel_tunnels(base);
    return tunnels ? tunnel_client_carried(tunnels) : 0;
}

void rpc_channel_on_refused(struct rpc_channel *base, rpc_refused_fn refused, void *arg)
{
    struct tunnel_client *tunnels = rpc_channel_tunnels(base);
    if (tunnels)
        tunnel_client_on_refused(tunnels, refused, arg);
}

size_t rpc_channel_servers(const struct rpc_channel *base)
{
    const struct tunnel_client *tunnels = rpc_channel_tunnels(base);
    size_t servers = tunnels ? tunnel_client_servers(tunnels) : 0;
    return servers > 0 ? servers : 1;
}

bool rpc_channel_reaches(const struct rpc_channel *base, const char *address)
{
    const struct tunnel_client *tunnels = rpc_channel_tunnels(base);
    return !tunnels || tunnel_client_reaches(tunnels, address);
}
