/* Calls through gRPC: the channel, and the caller's end of a call.
 *
 * The queue's thread appends what arrives and asks for the next message at once, as long as the queue has
 * room; the loop thread is told once for all that came since it last looked. Nothing of a call is freed
 * before its last batch completed. */
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <pthread.h>
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/rpc/fault_wire.h"
#include "shared/rpc/outgoing.h"
#include "shared/rpc/queue.h"
#include "shared/rpc/runtime.h"
#include "shared/rpc/tls.h"

/* Of each stream, sent and not yet read by gRPC. */
#define CHANNEL_WINDOW_BYTES (256 * 1024)
#define CHANNEL_KEEPALIVE_MS 20000
#define CHANNEL_KEEPALIVE_TIMEOUT_MS 10000
/* A realm that healed is back within 5 s. */
#define CHANNEL_RECONNECT_FIRST_MS 200
#define CHANNEL_RECONNECT_MAX_MS 2000
/* How long an attempt to connect may take, which gRPC has under the name of a backoff. */
#define CHANNEL_CONNECT_TIMEOUT_MS 5000
/* Taken messages whose room is given back at once, not one by one. */
#define CALL_GIVE_BACK_BYTES (RPC_CALL_QUEUE_BYTES / 8)

struct grpc_out_channel {
    struct rpc_channel channel;
    struct rpc_runtime *runtime;
    grpc_channel *grpc;
};

struct grpc_out_call {
    struct rpc_call call;
    struct rpc_runtime *runtime;
    grpc_call *grpc;
    struct rpc_tag begun, received, finished;
    struct fibers_job job;

    /* Filled by gRPC. */
    grpc_metadata_array initial, trailing;
    grpc_byte_buffer *arriving;
    grpc_status_code code;
    grpc_slice text;

    /* Loop thread. */
    bool released;
    struct rpc_queue taken; /* was `queue`; emptied without the lock */
    size_t consumed_bytes;  /* of `taken`, not yet subtracted from held_bytes */

    pthread_mutex_t lock;
    unsigned refs; /* the caller, each batch under way, a posted job */
    bool job_posted;
    bool receiving;    /* a batch that receives a message is under way */
    bool all_received; /* no message will come any more */
    bool has_status;
    bool dropped; /* cancelled by us: nothing is kept */
    struct rpc_queue queue;
    size_t held_bytes; /* cost of what is in `queue` and in `taken` */
    int64_t ended_us;
};

static struct grpc_out_call *call_of(struct rpc_call *call)
{
    return LIST_ENTRY(call, struct grpc_out_call, call);
}

static void call_destroy(struct grpc_out_call *call)
{
    rpc_queue_done(&call->queue);
    rpc_queue_done(&call->taken);
    if (call->has_status)
        grpc_slice_unref(call->text);
    grpc_metadata_array_destroy(&call->initial);
    grpc_metadata_array_destroy(&call->trailing);
    grpc_call_unref(call->grpc);
    pthread_mutex_destroy(&call->lock);
    free(call);
}

/* Unlocks and gives up one reference; false when it was the last one. */
static bool call_unlock_unref(struct grpc_out_call *call)
{
    bool last = --call->refs == 0;
    pthread_mutex_unlock(&call->lock);
    if (last)
        call_destroy(call);
    return !last;
}

/* With the lock. */
static void call_tell(struct grpc_out_call *call)
{
    if (call->job_posted)
        return;
    call->job_posted = true;
    call->refs++;
    rpc_runtime_post(call->runtime, &call->job);
}

static void call_job(struct fibers_job *job)
{
    struct grpc_out_call *call = LIST_ENTRY(job, struct grpc_out_call, job);
    if (!call->released)
        fiber_event_signal(call->call.event);
    pthread_mutex_lock(&call->lock);
    call->job_posted = false;
    call_unlock_unref(call);
}

/* ---- receiving ---- */

/* With the lock: true when a batch to receive should be started. */
static bool receive_take(struct grpc_out_call *call)
{
    if (call->receiving || call->all_received || call->held_bytes >= RPC_CALL_QUEUE_BYTES)
        return false;
    call->receiving = true;
    call->refs++;
    return true;
}

static void call_received(struct rpc_tag *tag, bool ok);

static void receive_start(struct grpc_out_call *call)
{
    grpc_op receive = {.op = GRPC_OP_RECV_MESSAGE};
    receive.data.recv_message.recv_message = &call->arriving;
    if (!rpc_runtime_batch(call->grpc, &receive, 1, &call->received))
        call_received(&call->received, false);
}

/* With the lock: what a batch that received brought. */
static void call_append(struct grpc_out_call *call, bool ok)
{
    grpc_slice message;
    call->receiving = false;
    bool got = rpc_message_take(call->arriving, &message);
    call->arriving = NULL;
    if (!got || !ok) {
        if (got)
            grpc_slice_unref(message);
        call->all_received = true;
        return;
    }
    size_t cost = rpc_message_cost(&message);
    if (call->dropped) {
        grpc_slice_unref(message);
    } else if (rpc_queue_push(&call->queue, message)) {
        call->held_bytes += cost;
    } else {
        call->all_received = true; /* no memory: better no stream than one with a gap */
        grpc_call_cancel(call->grpc, NULL);
    }
}

static void call_received(struct rpc_tag *tag, bool ok)
{
    struct grpc_out_call *call = LIST_ENTRY(tag, struct grpc_out_call, received);
    pthread_mutex_lock(&call->lock);
    call_append(call, ok);
    bool again = receive_take(call);
    call_tell(call);
    if (call_unlock_unref(call) && again)
        receive_start(call);
}

/* With the lock. */
static void call_set_status(struct grpc_out_call *call)
{
    call->has_status = true;
    call->ended_us = clock_monotonic_us();
    call_tell(call);
}

/* The first batch of a stream: what is sent, and the first message. */
static void call_begun(struct rpc_tag *tag, bool ok)
{
    struct grpc_out_call *call = LIST_ENTRY(tag, struct grpc_out_call, begun);
    pthread_mutex_lock(&call->lock);
    call_append(call, ok);
    bool again = receive_take(call);
    call_tell(call);
    if (call_unlock_unref(call) && again)
        receive_start(call);
}

/* The last batch of a stream, the only one of a unary call. */
static void call_finished(struct rpc_tag *tag, bool ok)
{
    (void)ok; /* always succeeds */
    struct grpc_out_call *call = LIST_ENTRY(tag, struct grpc_out_call, finished);
    pthread_mutex_lock(&call->lock);
    if (!call->call.server_streaming) {
        call_append(call, true);
        call->all_received = true;
    }
    call_set_status(call);
    call_unlock_unref(call);
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
    call->job.run = call_job;
    call->refs = 1;
    pthread_mutex_init(&call->lock, NULL);
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
    call->receiving = true;
    if (!call->call.server_streaming) {
        count += ops_finish(call, ops + count);
        call->refs++;
        if (rpc_runtime_batch(call->grpc, ops, count, &call->finished))
            return true;
        call->refs--;
        return false;
    }
    grpc_op finish[1] = {0};
    ops_finish(call, finish);
    call->refs += 2;
    if (!rpc_runtime_batch(call->grpc, ops, count, &call->begun)) {
        call->refs -= 2;
        return false;
    }
    if (!rpc_runtime_batch(call->grpc, finish, 1, &call->finished)) {
        pthread_mutex_lock(&call->lock);
        call->code = GRPC_STATUS_INTERNAL;
        call->text = grpc_empty_slice();
        call_set_status(call);
        grpc_call_cancel(call->grpc, NULL);
        call_unlock_unref(call);
    }
    return true;
}

static enum status out_start(struct rpc_channel *base, const struct rpc_call_options *options,
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

/* ---- the caller's verbs ---- */

/* Gives back the room of what was consumed and asks for more when that helps; with `swap` the empty
 * `taken` gets what arrived. */
static void call_exchange(struct grpc_out_call *call, bool swap)
{
    pthread_mutex_lock(&call->lock);
    call->held_bytes -= call->consumed_bytes;
    call->consumed_bytes = 0;
    if (swap) {
        struct rpc_queue empty = call->taken;
        call->taken = call->queue;
        call->queue = empty;
    }
    bool again = receive_take(call);
    pthread_mutex_unlock(&call->lock);
    if (again)
        receive_start(call);
}

static bool out_next(struct rpc_call *base, grpc_slice *ret_message)
{
    struct grpc_out_call *call = call_of(base);
    if (call->taken.count == 0)
        call_exchange(call, true);
    if (!rpc_queue_pop(&call->taken, ret_message))
        return false;
    call->consumed_bytes += rpc_message_cost(ret_message);
    if (call->consumed_bytes >= CALL_GIVE_BACK_BYTES)
        call_exchange(call, false);
    return true;
}

static bool out_is_empty(struct rpc_call *base)
{
    struct grpc_out_call *call = call_of(base);
    if (call->taken.count > 0)
        return false;
    pthread_mutex_lock(&call->lock);
    bool empty = call->queue.count == 0;
    pthread_mutex_unlock(&call->lock);
    return empty;
}

static struct slice call_details(const struct grpc_out_call *call)
{
    for (size_t i = 0; i < call->trailing.count; i++)
        if (slice_equal_str(rpc_message_bytes(&call->trailing.metadata[i].key), FAULT_WIRE_KEY))
            return rpc_message_bytes(&call->trailing.metadata[i].value);
    return (struct slice){0};
}

static bool out_finished(struct rpc_call *base, struct fault *ret_fault, int64_t *ret_ended_us)
{
    struct grpc_out_call *call = call_of(base);
    pthread_mutex_lock(&call->lock);
    bool finished = call->has_status && call->all_received && !call->receiving;
    pthread_mutex_unlock(&call->lock);
    if (!finished)
        return false;
    fault_wire_unpack(status_from_code(call->code), call_details(call), ret_fault);
    *ret_ended_us = call->ended_us;
    return true;
}

static void out_cancel(struct rpc_call *base)
{
    struct grpc_out_call *call = call_of(base);
    rpc_queue_clear(&call->taken);
    pthread_mutex_lock(&call->lock);
    rpc_queue_clear(&call->queue);
    call->dropped = true;
    pthread_mutex_unlock(&call->lock);
    grpc_call_cancel(call->grpc, NULL);
}

static void out_release(struct rpc_call *base)
{
    struct grpc_out_call *call = call_of(base);
    call->released = true;
    pthread_mutex_lock(&call->lock);
    call_unlock_unref(call);
}

static struct slice out_diagnostic(struct rpc_call *base)
{
    return rpc_message_bytes(&call_of(base)->text);
}

/* ---- the channel ---- */

static void out_free(struct rpc_channel *base)
{
    struct grpc_out_channel *channel = (struct grpc_out_channel *)base;
    grpc_channel_destroy(channel->grpc);
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
    grpc_channel_credentials *credentials = NULL;
    enum status status = tls_channel_credentials(tls, &credentials, fault);
    if (status != STATUS_OK)
        return status;
    struct grpc_out_channel *channel = calloc(1, sizeof(*channel));
    if (!channel) {
        grpc_channel_credentials_release(credentials);
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    }
    channel->channel.verbs = &out_verbs;
    channel->runtime = runtime;
    channel->grpc = channel_create(target, tls, credentials);
    grpc_channel_credentials_release(credentials);
    *ret_channel = &channel->channel;
    return STATUS_OK;
}
