#include "hub/notification/collector.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"

#define ARENA_BYTES_MAX (4u << 20)
#define NOTIFICATION_SERVICE "pek.notification.v1.NotificationService"

/* ---- one round --------------------------------------------------------------------------------- */

static struct collector_acks *acks_of(struct collector *collector, const struct instance *instance)
{
    struct collector_acks *acks = &collector->acks[instance->slot];
    if (acks->generation != instance->generation) {
        acks->generation = instance->generation;
        acks->stored_count = acks->later_count = 0;
        acks->again_until_us = acks->rest_until_us = 0;
    }
    return acks;
}

static char **ids_of(struct arena *arena, char (*ids)[NOTIFICATION_EVENT_ID_CHARS + 1],
                     size_t count)
{
    char **list = arena_zalloc(arena, count + 1, sizeof(*list));
    for (size_t i = 0; list && i < count; i++)
        list[i] = ids[i];
    return list;
}

static enum status ask(struct collector *collector, struct round *round,
                       struct collector_acks *acks,
                       notification_v1_collect_notifications_response **ret_response)
{
    notification_v1_collect_notifications_request request =
        NOTIFICATION_V1_COLLECT_NOTIFICATIONS_REQUEST_INIT;
    PEK_TRY(round_assertion(round, collector->options.issuer, &request.assertion));
    request.stored = ids_of(&round->arena, acks->stored, acks->stored_count);
    request.later = ids_of(&round->arena, acks->later, acks->later_count);
    if (!request.stored || !request.later)
        return STATUS_RESOURCE_EXHAUSTED;
    request.n_stored = acks->stored_count;
    request.n_later = acks->later_count;
    PEK_TRY(notification_v1_collect_notifications_call(round->instance->channel, &request, NULL, 0,
                                                       &round->cancel, &round->arena, ret_response,
                                                       &round->fault));
    acks->stored_count = acks->later_count = 0;
    return STATUS_OK;
}

/* What was answered, taken apart. */
struct batch {
    notification_v1_event *good[NOTIFICATION_BATCH];
    size_t good_count;
    const char *unknown[NOTIFICATION_BATCH];
    size_t unknown_count;
    size_t refused;
    struct fault why; /* of the last one refused */
};

static void acknowledge(struct collector_acks *acks, const char *id, bool later)
{
    /* One whose id is none cannot be spoken of; the realm may say it as often as it likes. */
    if (!notification_is_event_id(id))
        return;
    if (later)
        memcpy(acks->later[acks->later_count++], id, NOTIFICATION_EVENT_ID_CHARS + 1);
    else
        memcpy(acks->stored[acks->stored_count++], id, NOTIFICATION_EVENT_ID_CHARS + 1);
}

static void refuse(struct batch *batch, const struct fault *why)
{
    batch->refused++;
    batch->why = *why;
}

static void judge(struct round *round, notification_v1_event *const *events, size_t count,
                  struct collector_acks *acks, struct batch *batch)
{
    for (size_t i = 0; i < count; i++) {
        struct fault why = {0};
        switch (notification_judge(events[i], round->instance->realm, clock_wall_s(), &round->arena,
                                   &why)) {
        case NOTIFICATION_GOOD: batch->good[batch->good_count++] = events[i]; break;
        case NOTIFICATION_LATER: acknowledge(acks, events[i]->id, true); break;
        case NOTIFICATION_REFUSED:
            refuse(batch, &why);
            acknowledge(acks, events[i]->id, false);
            break;
        }
    }
}

static enum status store(struct collector *collector, struct round *round,
                         struct collector_acks *acks, struct batch *batch)
{
    enum notification_fate fates[NOTIFICATION_BATCH];
    if (batch->good_count == 0)
        return STATUS_OK;
    PEK_TRY(notification_store_put(collector->options.pg, &round->cancel, round->instance->realm,
                                   batch->good, batch->good_count, fates));
    for (size_t i = 0; i < batch->good_count; i++) {
        const notification_v1_event *event = batch->good[i];
        struct fault why = {0};
        acknowledge(acks, event->id, fates[i] == NOTIFICATION_WAITS);
        if (fates[i] == NOTIFICATION_WAITS)
            batch->unknown[batch->unknown_count++] = event->recipient;
        if (fates[i] != NOTIFICATION_NO_USER)
            continue;
        (void)!fault_set(&why, STATUS_NOT_FOUND, "recipient", "there is no such user (any more)");
        refuse(batch, &why);
    }
    return STATUS_OK;
}

static bool goes_on(struct collector_acks *acks, const struct batch *batch)
{
    int64_t now_us = clock_monotonic_us();
    if (batch->unknown_count > 0 && now_us >= acks->rest_until_us) {
        acks->again_until_us = now_us + COLLECTOR_AGAIN_MS * INT64_C(1000);
        acks->rest_until_us = now_us + COLLECTOR_REST_MS * INT64_C(1000);
    }
    return now_us < acks->again_until_us;
}

/* One that is older than this hub does not. */
static bool hands_over(const struct instance *instance)
{
    for (size_t i = 0; i < instance->service_count; i++)
        if (strcmp(instance->services[i], NOTIFICATION_SERVICE) == 0)
            return true;
    return false;
}

static enum status collect(void *arg, struct round *round, bool *ret_more)
{
    struct collector *collector = arg;
    const struct collector_options *options = &collector->options;
    struct collector_acks *acks = acks_of(collector, round->instance);
    notification_v1_collect_notifications_response *response;
    struct batch *batch = arena_zalloc(&round->arena, 1, sizeof(*batch));
    if (!batch)
        return STATUS_RESOURCE_EXHAUSTED;
    if (!hands_over(round->instance))
        return STATUS_OK;
    PEK_TRY(ask(collector, round, acks, &response));
    if (response->n_events > NOTIFICATION_BATCH)
        return fault_set(&round->fault, STATUS_DATA_LOSS, "events",
                         "it gives more events at a time than it may");
    judge(round, response->events, response->n_events, acks, batch);
    PEK_TRY(store(collector, round, acks, batch));
    if (batch->refused > 0 && options->on_refused)
        options->on_refused(options->arg, round->instance, batch->refused, &batch->why);
    if (batch->unknown_count > 0 && options->on_unknown)
        options->on_unknown(options->arg, round->instance, batch->unknown, batch->unknown_count);
    /* The realm is to hear of it; what waits may be stored soon. */
    bool waits = goes_on(acks, batch);
    *ret_more = waits || acks->stored_count + acks->later_count > 0;
    return STATUS_OK;
}

/* ---- looking, and housekeeping ----------------------------------------------------------------- */

static void purge(struct collector *collector, struct round *round)
{
    bool more = true;
    if (clock_monotonic_us() < collector->purge_us)
        return;
    collector->purge_us = deadline_after_ms(COLLECTOR_PURGE_EVERY_MS);
    /* What stays costs space until the next time. */
    for (int i = 0; more && i < COLLECTOR_PURGE_BATCHES_MAX; i++)
        if (notification_store_purge(collector->options.pg, &round->cancel,
                                     &collector->options.bounds, &more) != STATUS_OK)
            return;
}

static void look(void *arg, struct round *round)
{
    struct collector *collector = arg;
    struct registry *registry = collector->options.registry;
    for (size_t i = 0; i < registry->count; i++)
        rounds_kick(&collector->rounds, registry->instances[i]);
    purge(collector, round);
}

/* ---- open, close ------------------------------------------------------------------------------- */

enum status collector_open(struct collector *collector, struct fibers *fibers,
                           const struct collector_options *options)
{
    const struct rounds_options rounds = {
        .registry = options->registry,
        .arena_bytes_max = ARENA_BYTES_MAX,
        .timeout_ms = COLLECTOR_TIMEOUT_MS,
        .pause_ms = COLLECTOR_PAUSE_MS,
        .poll_ms = COLLECTOR_POLL_MS,
        .arg = collector,
        .run = collect,
        .look = look,
        .hub_arg = options->arg,
        .is_ready = options->is_ready,
        .on_failure = options->on_failure,
    };
    *collector = (struct collector){.options = *options};
    collector->acks = calloc(REGISTRY_INSTANCES_MAX, sizeof(*collector->acks));
    if (!collector->acks)
        return STATUS_RESOURCE_EXHAUSTED;
    return rounds_open(&collector->rounds, fibers, &rounds);
}

void collector_close(struct collector *collector)
{
    rounds_close(&collector->rounds);
    free(collector->acks);
    collector->acks = NULL;
}

void collector_kick(struct collector *collector, struct instance *instance)
{
    rounds_kick(&collector->rounds, instance);
}
