/* redis: a link to one Redis: publish, subscribe, and marks that expire. Never needed, only useful.
 *
 * Two connections (one listens), made in the background and again with a growing pause. A heartbeat that is
 * published each second must come back on the listening one within REDIS_SILENCE_MS; else both are given up, as
 * after any error. So "up" means that messages do arrive. What is asked while it is not up fails at once; nothing
 * waits for Redis longer than its caller allows; what is sent without waiting is bounded by REDIS_PENDING_MAX.
 *
 * Addresses: redis://[[user]:password@]host[:port][/database] or unix:/path. hiredis 0.14 has no TLS: a Redis on
 * another machine is reached through a tunnel. Loop thread.
 */
#ifndef PEK_HUB_SESSION_REDIS_H
#define PEK_HUB_SESSION_REDIS_H

#include <stdbool.h>

#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/fiber/fiber.h"

#define REDIS_PORT 6379
#define REDIS_HEARTBEAT_MS 1000
#define REDIS_SILENCE_MS 2000
#define REDIS_CONNECT_TIMEOUT_MS 2000
#define REDIS_RETRY_MIN_MS 250
#define REDIS_RETRY_MAX_MS 5000
#define REDIS_PENDING_MAX 1024
#define REDIS_NAME_BYTES_MAX 255 /* of host, path, user, password, channel */

struct redis_events {
    void *arg;
    /* A message on the channel. */
    void (*on_message)(void *arg, struct slice message);
    /* From now on nothing is missed; from now on something may be. */
    void (*on_up)(void *arg);
    void (*on_down)(void *arg, const char *reason);
};

struct redis;

/* redis://[:password@]host[:port][/number] or unix:/path, as redis_new takes it. */
bool redis_url_is_valid(const char *url);
/* INVALID_ARGUMENT for an address that is none. `events` is copied. */
PEK_MUST_CHECK enum status redis_new(struct fibers *fibers, const char *url, const char *channel,
                                     const struct redis_events *events, struct redis **ret_redis,
                                     struct fault *fault);
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
