/* redis: a link to one Redis: publish, subscribe, and marks that expire. Never needed, only useful.
 *
 * Two connections (one listens) to one server, made in the background and again with a growing pause. A heartbeat that is
 * published each second must come back on the listening one within REDIS_SILENCE_MS; else both are given up, as
 * after any error. So "up" means that messages do arrive. It also makes a mark, so that a server that takes none (a replica, one
 * without a disk to write to) is not up. What is asked while it is not up fails at once; nothing
 * waits for Redis longer than its caller allows; what is sent without waiting is bounded by REDIS_PENDING_MAX.
 *
 * With sentinels (redis_address.h) each attempt asks the next of them who is master now. A failover needs no more than that: it
 * ends the connections, or the heartbeat's mark is refused.
 *
 * A name may have several addresses: each attempt takes the next of them. Loop thread.
 */
#ifndef PEK_HUB_SESSION_REDIS_H
#define PEK_HUB_SESSION_REDIS_H

#include <stdbool.h>

#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/fiber/fiber.h"

#define REDIS_HEARTBEAT_MS 1000
#define REDIS_SILENCE_MS 2000
#define REDIS_CONNECT_TIMEOUT_MS 2000
#define REDIS_RETRY_MIN_MS 250
#define REDIS_RETRY_MAX_MS 5000
#define REDIS_PENDING_MAX 1024

struct redis_options {
    const char *url; /* redis_address.h; NULL or "": no Redis */
    /* For rediss:// and rediss-sentinel://, read again for each attempt, so that they can be renewed. NULL or "": the
     * authorities of the system, and no certificate of one's own. */
    const char *ca, *certificate, *key;
};

struct redis_events {
    void *arg;
    /* A message on the channel. */
    void (*on_message)(void *arg, struct slice message);
    /* From now on nothing is missed. */
    void (*on_up)(void *arg);
    /* From now on something may be missed; or, while it is down, why the last attempt failed, when that is another reason. */
    void (*on_down)(void *arg, const char *reason);
};

struct redis;

/* INVALID_ARGUMENT, with the name of the setting: the address is none, or files are given for one without TLS. What is in
 * the files shows when they are used. */
PEK_MUST_CHECK enum status redis_check(const struct redis_options *options, struct fault *fault);
/* Refuses what redis_check does. Options and `events` are copied. */
PEK_MUST_CHECK enum status redis_new(struct fibers *fibers, const struct redis_options *options,
                                     const char *channel, const struct redis_events *events,
                                     struct redis **ret_redis, struct fault *fault);
/* No fiber may wait in redis_marked. Run the loop once more afterwards. Takes NULL, returns NULL. */
struct redis *redis_free(struct redis *redis);

bool redis_is_up(const struct redis *redis);
/* Both never wait, and do nothing when Redis is not up. */
void redis_publish(struct redis *redis, struct slice message);
void redis_mark(struct redis *redis, struct slice key, int64_t lifetime_s);
/* In a fiber. Whether the key was marked and the mark has not expired. UNAVAILABLE, or DEADLINE_EXCEEDED after
 * `timeout_ms`. */
PEK_MUST_CHECK enum status redis_marked(struct redis *redis, struct slice key, int64_t timeout_ms,
                                        bool *ret_marked);

#endif
