/* rate: how often a key (a user) may do something: a token bucket each.
 *
 * A bucket holds `burst` tokens, gets `per_second` of them back, and gives one for each request. What may be done in any
 * t seconds is so burst + per_second * t. Buckets are remembered for the last `keys_max` keys that asked; a key that was
 * forgotten begins full, so that a full table only ever forgives. Each process counts for itself. The caller gives the
 * time, so that a test needs no clock. Loop thread.
 */
#ifndef PEK_SHARED_FAIR_RATE_H
#define PEK_SHARED_FAIR_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/lru.h"

struct rate {
    struct lru buckets;
    uint32_t per_second, burst;
};

/* What the bucket is after a request, in the terms of the RateLimit header. */
struct rate_state {
    uint32_t remaining;     /* whole tokens */
    uint32_t full_after_s;  /* until it is full again, rounded up */
    uint32_t next_after_ms; /* until there is a token; 0: there is one */
};

/* `per_second` 0: no limit, everything is taken and nothing remembered. */
PEK_MUST_CHECK enum status rate_init(struct rate *rate, uint32_t per_second, uint32_t burst,
                                     size_t keys_max);
/* A zeroed one is fine. */
void rate_done(struct rate *rate);
/* Takes a token; false when there is none: nothing is taken then. Without memory for a bucket it is true. `now_us` is
 * monotonic. */
bool rate_take(struct rate *rate, struct slice key, int64_t now_us, struct rate_state *ret_state);

#endif
