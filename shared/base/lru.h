/* lru: a bounded cache from bytes to a caller's object, with expiry, evicting the least recently used.
 *
 * Intrusive: the caller's struct embeds `struct lru_entry`, allocates it with the key copied by
 * lru_insert, and is told by `free_entry` when it leaves (eviction, expiry, replacement, removal, done).
 * Lookup is a SipHash-keyed hash table, so that keys from outside cannot be made to collide. Not
 * thread-safe: one per loop thread.
 */
#ifndef PEK_SHARED_BASE_LRU_H
#define PEK_SHARED_BASE_LRU_H

#include <stdint.h>

#include "shared/base/list.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

#define LRU_KEY_BYTES_MAX 512

struct lru_entry {
    struct list recency;         /* lru's */
    struct lru_entry *hash_next; /* lru's */
    uint64_t hash;               /* lru's */
    char *key;                   /* lru's */
    size_t key_len;              /* lru's */
    int64_t expires_us;          /* monotonic; read-only for the caller */
};

struct lru {
    struct list recency; /* most recent first */
    struct lru_entry **buckets;
    size_t bucket_count;
    size_t count;
    size_t count_max;
    uint64_t seed[2];
    void (*free_entry)(struct lru_entry *entry);
};

PEK_MUST_CHECK enum status lru_init(struct lru *lru, size_t count_max,
                                    void (*free_entry)(struct lru_entry *entry));
void lru_done(struct lru *lru);

/* The entry, moved to the front; NULL when absent or expired (then it is freed). */
struct lru_entry *lru_find(struct lru *lru, struct slice key);
/* Takes ownership of `entry`, replacing one of the same key, evicting the oldest at count_max, and some that have expired. On failure
 * (memory, key too long) the entry was freed with free_entry. `expires_us` as clock_monotonic_us. */
PEK_MUST_CHECK enum status lru_insert(struct lru *lru, struct slice key, int64_t expires_us,
                                      struct lru_entry *entry);
/* True when there was one. */
bool lru_remove(struct lru *lru, struct slice key);
void lru_clear(struct lru *lru);

#endif
