/* collector: what realms say that people are told of, stored once.
 *
 * A realm keeps each event until the hub has said that it is stored (pek.notification.v1); its watch tells when there is
 * something (collector_kick). A round takes what there is, stores it in one transaction, and says so in the next call. Whoever
 * dies in between, the realm says it again and the hub finds it there: each event is stored once, and none is lost. Several hubs
 * may do this at once.
 *
 * A realm is believed in what concerns itself (notification.h), and only about people whom it is known to know
 * (hub.user_realm). Of somebody whom it does not know yet the event waits, at the realm; on_unknown is told, so that the hub may
 * ask. What is refused is told by on_refused, and never asked for again.
 *
 * What one realm can bring about is bounded: NOTIFICATION_BATCH events a round, a round each COLLECTOR_PAUSE_MS. Loop thread.
 */
#ifndef PEK_HUB_NOTIFICATION_COLLECTOR_H
#define PEK_HUB_NOTIFICATION_COLLECTOR_H

#include "hub/notification/notification.h"
#include "hub/notification/notification_store.h"
#include "hub/registry/rounds.h"

#define COLLECTOR_PAUSE_MS 500
#define COLLECTOR_POLL_MS 10000 /* what waits at a realm is asked for again this often */
/* Of somebody whom a realm has just come to know the hub hears in a moment: so long it goes on asking, and then rests. */
#define COLLECTOR_AGAIN_MS 10000
#define COLLECTOR_REST_MS 60000
#define COLLECTOR_TIMEOUT_MS 5000
#define COLLECTOR_PURGE_EVERY_MS (60 * 1000)
#define COLLECTOR_PURGE_BATCHES_MAX 50

struct collector_options {
    struct pg *pg; /* the hub's */
    struct registry *registry;
    struct slice issuer; /* the hub, as the subject of an assertion about itself */
    struct notification_bounds bounds;
    void *arg;
    /* As in rounds.h; both may be NULL. */
    bool (*is_ready)(void *arg, const struct instance *instance);
    void (*on_failure)(void *arg, const struct instance *instance, const struct fault *fault);
    /* Events were refused, the last one for this reason. May be NULL. */
    void (*on_refused)(void *arg, const struct instance *instance, size_t count,
                       const struct fault *fault);
    /* The realm speaks of users whom the hub does not know to be known there. May be NULL. */
    void (*on_unknown)(void *arg, struct instance *instance, const char *const *users,
                       size_t count);
};

/* What the next call to a realm is to say. */
struct collector_acks {
    uint64_t generation; /* of the instance */
    int64_t again_until_us, rest_until_us;
    size_t stored_count, later_count;
    char stored[NOTIFICATION_BATCH][NOTIFICATION_EVENT_ID_CHARS + 1];
    char later[NOTIFICATION_BATCH][NOTIFICATION_EVENT_ID_CHARS + 1];
};

struct collector {
    struct collector_options options;
    struct rounds rounds;
    struct collector_acks *acks; /* by slot */
    int64_t purge_us;
};

PEK_MUST_CHECK enum status collector_open(struct collector *collector, struct fibers *fibers,
                                          const struct collector_options *options);
/* In a fiber. Also of one that was never opened, if zeroed. */
void collector_close(struct collector *collector);

/* The realm says that there is something, or may have said so. */
void collector_kick(struct collector *collector, struct instance *instance);

#endif
