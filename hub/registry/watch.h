/* watch: the fibers that follow an instance. Internal to hub/registry.
 *
 * One asks GetInfo whenever the instance comes back, then keeps WatchPolicies open. While the policy stream is not
 * open nothing remembered of the realm's policies can be trusted: its end and its first event are told as
 * "everybody". What GetInfo answers decides whether the instance is what was registered.
 *
 * For a remote instance another keeps grpc.health.v1 Watch open, which tells of a drain at once, and sends a
 * heartbeat (Check): a process that hangs keeps its streams open and says nothing. Two that nobody answers trip the
 * breaker, so that no request finds out by waiting; one that is answered heals it. Of several replicas each stream is one's, and a heartbeat
 * that is not answered well is sent once more, to another: the realm is there as long as one of them is.
 *
 * What a worker sends is taken at a bounded rate, and each message costs little whatever it says: a worker that floods
 * slows down nobody but itself.
 *
 * Both begin again after a pause that grows from WATCH_PAUSE_MIN_MS to WATCH_PAUSE_MAX_MS, so that a healed realm is
 * seen within RELIABILITY's 5 s.
 */
#ifndef PEK_HUB_REGISTRY_WATCH_H
#define PEK_HUB_REGISTRY_WATCH_H

#include "hub/registry/registry.h"

#define WATCH_PAUSE_MIN_MS 100
#define WATCH_PAUSE_MAX_MS 1000
/* A stream that ended sooner was none: the next pause is longer. */
#define WATCH_SETTLED_MS 5000
/* What is taken of a stream in so much time; more waits at the worker, by flow control. */
#define WATCH_MESSAGES_MAX 64
#define WATCH_MESSAGES_MS 50
/* An event of more users is of everybody. */
#define WATCH_EVENT_USERS_MAX 1000
#define HEARTBEAT_EVERY_MS 500
/* Heartbeats and pauses are at least so long for each realm of the registry: all together are not more than 250 a second, of a
 * quarter of a millisecond each. Of 1 000 realms one that hangs is noticed after 4 s instead of 0.5, and one that comes
 * back after 4 instead of 1; one that ends, at once, by its stream. */
#define WATCH_SPREAD_MS 4
#define HEARTBEAT_TIMEOUT_MS 1000
/* After a miss, once more: neither a moment without the processor, here or there, nor one replica is a reason to give a realm up. */
#define HEARTBEAT_AGAIN_MS 400
/* A stream is opened anew this often, so that its assertion is not believed for ever. */
#define WATCH_STREAM_MS (10 * 60 * 1000)

PEK_MUST_CHECK enum status watch_start(struct instance *instance);
/* Watches again what was drained; at once, or when the fibers of before have ended. */
void watch_resume(struct instance *instance);

/* Works out `status` anew, and tells. */
void instance_publish(struct instance *instance);
/* Wakes everybody who waits for it: for a place, a token, an answer. */
void instance_tell_away(struct instance *instance);
/* It is not what was registered. `problem` is public. */
void instance_refuse(struct instance *instance, const char *problem);

#endif
