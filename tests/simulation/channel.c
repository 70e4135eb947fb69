/* Replaces shared/rpc/channel.c: a call is a script of messages, each with its time. */
#include "tests/simulation/channel.h"

#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/rpc/tunnel_out.h"

struct channel {
    struct rpc_channel channel;
    struct realm *realm;
};

static struct answer *answer_of(struct rpc_call *call)
{
    return (struct answer *)(void *)call;
}

/* ---- when ---------------------------------------------------------------------------------------- */

/* While the realm is frozen nothing comes of what would have come later. */
static int64_t horizon_us(const struct answer *answer)
{
    int64_t now_us = clock_monotonic_us();
    const struct realm *realm = answer->realm;

    return realm->weather == FROZEN && realm->frozen_us < now_us ? realm->frozen_us : now_us;
}

static bool has_message(const struct answer *answer)
{
    int64_t at_us = answer->taken < answer->count ? answer->messages[answer->taken].at_us : NEVER;

    return at_us <= horizon_us(answer) && at_us <= answer->deadline_us;
}

static bool has_ended(const struct answer *answer)
{
    return answer->end_us <= horizon_us(answer) || answer->deadline_us <= clock_monotonic_us();
}

/* When there is something to tell next. */
static int64_t due_us(const struct answer *answer)
{
    int64_t due = answer->told_end ? NEVER : answer->deadline_us;

    if (answer->realm->weather == FROZEN)
        return due;
    if (!answer->told_end && answer->end_us < due)
        due = answer->end_us;
    if (answer->told < answer->count && answer->messages[answer->told].at_us < due)
        due = answer->messages[answer->told].at_us;
    return due;
}

static void tell(struct answer *answer, int64_t now_us)
{
    while (answer->told < answer->count && answer->messages[answer->told].at_us <= now_us)
        answer->told++;
    answer->told_end |= answer->end_us <= now_us || answer->deadline_us <= now_us;
    fiber_event_signal(answer->call.event);
}

/* The fiber that tells the hub's fibers of what has come. */
void channel_pump(void *arg)
{
    struct world *world = arg;

    while (!world->stopping) {
        int64_t now_us = clock_monotonic_us(), next_us = NEVER;
        for (size_t i = 0; i < world->realm_count; i++) {
            LIST_FOR_EACH (node, &world->realms[i].calls) {
                struct answer *answer = LIST_ENTRY(node, struct answer, node);
                if (due_us(answer) <= now_us)
                    tell(answer, now_us);
                if (due_us(answer) < next_us)
                    next_us = due_us(answer);
            }
        }
        (void)!fiber_event_wait(&world->pump, next_us);
    }
    world->pump_ended = true;
}

/* ---- the script ---------------------------------------------------------------------------------- */

void answer_say(struct answer *answer, const void *bytes, size_t len, int64_t delay_us)
{
    int64_t before_us =
        answer->count ? answer->messages[answer->count - 1].at_us : clock_monotonic_us();

    if (answer->count == answer->room) {
        answer->room = answer->room ? 2 * answer->room : 8;
        answer->messages = realloc(answer->messages, answer->room * sizeof(struct message));
        if (!answer->messages)
            abort();
    }
    answer->messages[answer->count++] =
        (struct message){grpc_slice_from_copied_buffer(bytes, len), before_us + delay_us};
}

void answer_end(struct answer *answer, enum status status, int64_t delay_us)
{
    int64_t before_us =
        answer->count ? answer->messages[answer->count - 1].at_us : clock_monotonic_us();

    answer->end_us = before_us + delay_us;
    (void)fault_set(&answer->outcome, status, NULL, status ? "as the script has it" : "");
}

/* What has not come by now does not come any more. */
static void break_off(struct answer *answer)
{
    int64_t now_us = clock_monotonic_us();

    if (answer->end_us <= now_us)
        return;
    while (answer->count > answer->taken && answer->messages[answer->count - 1].at_us > now_us)
        grpc_slice_unref(answer->messages[--answer->count].bytes);
    if (answer->told > answer->count)
        answer->told = answer->count;
    answer->end_us = now_us;
    (void)fault_set(&answer->outcome, STATUS_UNAVAILABLE, NULL, "the connection was lost");
}

void realm_set_weather(struct realm *realm, enum weather weather)
{
    int64_t now_us = clock_monotonic_us(), frozen_us = now_us - realm->frozen_us;
    bool thaws = realm->weather == FROZEN && weather == FAIR;

    world_log(realm->world, "%s is %s", realm->name,
              weather == FAIR   ? "up"
              : weather == DOWN ? "down"
                                : "frozen");
    realm_blame(realm);
    realm->weather = weather;
    realm->frozen_us = now_us;
    LIST_FOR_EACH (node, &realm->calls) {
        struct answer *answer = LIST_ENTRY(node, struct answer, node);
        if (weather == DOWN)
            break_off(answer);
        for (size_t i = 0; thaws && i < answer->count; i++)
            if (answer->messages[i].at_us > now_us - frozen_us)
                answer->messages[i].at_us += frozen_us;
        if (thaws && answer->end_us != NEVER && answer->end_us > now_us - frozen_us)
            answer->end_us += frozen_us;
    }
    fiber_event_signal(&realm->world->pump);
}

void realm_drop_calls(struct realm *realm)
{
    LIST_FOR_EACH (node, &realm->calls) {
        struct answer *answer = LIST_ENTRY(node, struct answer, node);
        if (!answer->lasts)
            break_off(answer);
    }
    fiber_event_signal(&realm->world->pump);
}

size_t realm_calls_of(struct realm *realm, uint64_t request)
{
    size_t count = 0;

    LIST_FOR_EACH (node, &realm->calls)
        count += LIST_ENTRY(node, struct answer, node)->request == request;
    return count;
}

/* ---- verbs --------------------------------------------------------------------------------------- */

static enum status start(struct rpc_channel *base, const struct rpc_call_options *options,
                         struct rpc_call **ret_call)
{
    struct realm *realm = ((struct channel *)(void *)base)->realm;
    struct answer *answer = calloc(1, sizeof(*answer));

    if (!answer)
        abort();
    rpc_call_init(&answer->call, base, options);
    answer->realm = realm;
    answer->began_us = clock_monotonic_us();
    answer->end_us = NEVER;
    answer->deadline_us = options->deadline_us;
    list_append(&realm->calls, &answer->node);
    realm->world->calls_open++;
    realm->world->calls_made++;
    answer_make(answer, options);
    fiber_event_signal(&realm->world->pump);
    *ret_call = &answer->call;
    return STATUS_OK;
}

static bool next(struct rpc_call *call, grpc_slice *ret_message)
{
    struct answer *answer = answer_of(call);

    if (!has_message(answer))
        return false;
    *ret_message = answer->messages[answer->taken++].bytes;
    return true;
}

static bool is_empty(struct rpc_call *call)
{
    return !has_message(answer_of(call));
}

static bool finished(struct rpc_call *call, struct fault *ret_fault)
{
    struct answer *answer = answer_of(call);

    if (!has_ended(answer))
        return false;
    *ret_fault = answer->outcome;
    if (answer->end_us > horizon_us(answer))
        (void)fault_set(ret_fault, STATUS_DEADLINE_EXCEEDED, NULL, "the call's time is up");
    return true;
}

static void cancel(struct rpc_call *call)
{
    list_remove(&answer_of(call)->node);
}

static void release(struct rpc_call *call)
{
    struct answer *answer = answer_of(call);

    list_remove(&answer->node);
    /* What it did meanwhile may be heard only now. */
    if (answer->realm->blamed_us >= answer->began_us)
        realm_blame(answer->realm);
    for (size_t i = answer->taken; i < answer->count; i++)
        grpc_slice_unref(answer->messages[i].bytes);
    answer->realm->world->calls_open--;
    free(answer->messages);
    free(answer);
}

static struct slice diagnostic(struct rpc_call *call)
{
    (void)call;
    return (struct slice){0};
}

static void channel_free(struct rpc_channel *base)
{
    struct channel *channel = (struct channel *)(void *)base;

    channel->realm->world->channels_open--;
    free(channel);
}

/* ---- the names of shared/rpc/channel.c ------------------------------------------------------------ */

enum status rpc_channel_new(struct rpc_runtime *runtime, const char *target,
                            const struct rpc_tls *tls, struct rpc_channel **ret_channel,
                            struct fault *fault)
{
    static const struct rpc_channel_verbs verbs = {
        .start = start,
        .free = channel_free,
        .next = next,
        .is_empty = is_empty,
        .finished = finished,
        .cancel = cancel,
        .release = release,
        .diagnostic = diagnostic,
    };
    struct world *world = (struct world *)(void *)runtime;
    struct channel *channel = calloc(1, sizeof(*channel));

    (void)tls;
    (void)fault;
    if (!channel)
        abort();
    for (size_t i = 0; i < world->realm_count; i++)
        if (strcmp(world->realms[i].target, target) == 0)
            channel->realm = &world->realms[i];
    channel->channel.verbs = &verbs;
    world->channels_open++;
    *ret_channel = &channel->channel;
    return STATUS_OK;
}

enum status rpc_channel_new_peer(struct rpc_runtime *runtime, const char *path, uint32_t uid,
                                 struct rpc_channel **ret_channel, struct fault *fault)
{
    (void)uid;
    return rpc_channel_new(runtime, path, NULL, ret_channel, fault);
}

void rpc_channel_carry(struct rpc_channel *channel)
{
    (void)channel;
}

struct tunnel_client *rpc_channel_tunnels(const struct rpc_channel *channel)
{
    (void)channel;
    return NULL;
}

uint64_t rpc_channel_carried(const struct rpc_channel *channel)
{
    (void)channel;
    return 0;
}

void rpc_channel_on_refused(struct rpc_channel *channel, rpc_refused_fn refused, void *arg)
{
    (void)channel;
    (void)refused;
    (void)arg;
}

size_t rpc_channel_servers(const struct rpc_channel *channel)
{
    (void)channel;
    return 1;
}

bool rpc_channel_reaches(const struct rpc_channel *channel, const char *address)
{
    (void)channel;
    (void)address;
    return true;
}
