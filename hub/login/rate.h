/* rate: how often one address may finish a login, so that nobody makes the hub hammer the provider.
 *
 * A bucket an address (IPv6: a /64, what one customer gets) of RATE_BURST, refilled one by one. Many people
 * may sit behind one address, so the numbers are for a dormitory, not for a person. The addresses
 * remembered are bounded; who is forgotten starts afresh. Loop thread.
 */
#ifndef PEK_HUB_LOGIN_RATE_H
#define PEK_HUB_LOGIN_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/lru.h"

#define RATE_BURST 60
#define RATE_REFILL_MS 1000
#define RATE_ADDRESSES_MAX 4096

struct rate {
    struct lru buckets;
};

PEK_MUST_CHECK enum status rate_init(struct rate *rate);
void rate_done(struct rate *rate);
/* Takes one; false when there is none, or no memory. `now_us` is monotonic. */
bool rate_take(struct rate *rate, struct slice address, int64_t now_us);

#endif
