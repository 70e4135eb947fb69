/* jwt_cache: tokens that were verified, so that a repeated one costs a hash and a lookup.
 *
 * The key is a SHA-256 over the token, everything that was expected of it, and the generation of
 * the key set: a token verified for one typ or audience is not known for another, and a change of
 * keys forgets all. Times are checked again on each use. Refusals are not remembered (they would
 * let a stranger fill the cache). The token itself is not kept. One cache may serve several key
 * sets. One thread.
 */
#ifndef PEK_SHARED_JWT_JWT_CACHE_H
#define PEK_SHARED_JWT_JWT_CACHE_H

#include <stdint.h>

#include "shared/base/lru.h"
#include "shared/jwt/jwt.h"

#define JWT_CACHE_TOKENS_MAX 16384 /* usual size; up to 2 KiB each */

struct jwt_cache {
    struct lru lru;
    uint64_t hits;
    uint64_t misses;
};

/* In place, and stays there. Statuses of lru_init. */
PEK_MUST_CHECK enum status jwt_cache_init(struct jwt_cache *cache, size_t tokens_max);
void jwt_cache_done(struct jwt_cache *cache);

/* As jwt_verify; the claims are copied into `arena` on a hit, too. */
PEK_MUST_CHECK enum status jwt_cache_verify(struct jwt_cache *cache, const struct jwt_keys *keys,
                                            const struct jwt_expect *expect, struct slice token,
                                            struct arena *arena, int64_t now_s,
                                            struct jwt_claims *ret_claims, struct fault *fault);

#endif
