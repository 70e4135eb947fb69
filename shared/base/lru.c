#include "shared/base/lru.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "shared/base/clock.h"
#include "shared/base/siphash.h"

enum status lru_init(struct lru *lru, size_t count_max, void (*free_entry)(struct lru_entry *entry))
{
    if (count_max == 0 || count_max > SIZE_MAX / 64)
        return STATUS_INVALID_ARGUMENT;
    uint64_t seed[2];
    if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        return STATUS_UNAVAILABLE;
    size_t bucket_count = 16;
    while (bucket_count < count_max)
        bucket_count *= 2;
    struct lru_entry **buckets = calloc(bucket_count, sizeof(struct lru_entry *));
    if (!buckets)
        return STATUS_RESOURCE_EXHAUSTED;
    *lru = (struct lru){.buckets = buckets,
                        .bucket_count = bucket_count,
                        .count_max = count_max,
                        .seed = {seed[0], seed[1]},
                        .free_entry = free_entry};
    list_init(&lru->recency);
    return STATUS_OK;
}

void lru_done(struct lru *lru)
{
    lru_clear(lru);
    free(lru->buckets);
    lru->buckets = NULL;
}

/* The link that points at the entry of `key`, or at the NULL that ends its chain. */
static struct lru_entry **lru_link(struct lru *lru, uint64_t hash, struct slice key)
{
    struct lru_entry **link = &lru->buckets[hash & (lru->bucket_count - 1)];
    while (*link &&
           ((*link)->hash != hash || !slice_equal(slice_make((*link)->key, (*link)->key_len), key)))
        link = &(*link)->hash_next;
    return link;
}

static void lru_unlink(struct lru *lru, struct lru_entry **link)
{
    struct lru_entry *entry = *link;
    *link = entry->hash_next;
    list_remove(&entry->recency);
    lru->count--;
    char *key = entry->key;
    lru->free_entry(entry); /* may still read the key */
    free(key);
}

struct lru_entry *lru_find(struct lru *lru, struct slice key)
{
    struct lru_entry **link = lru_link(lru, siphash(lru->seed, key), key);
    struct lru_entry *entry = *link;
    if (!entry)
        return NULL;
    if (entry->expires_us <= clock_monotonic_us()) {
        lru_unlink(lru, link);
        return NULL;
    }
    list_remove(&entry->recency);
    list_prepend(&lru->recency, &entry->recency);
    return entry;
}

static struct lru_entry *lru_oldest(const struct lru *lru)
{
    return LIST_ENTRY(lru->recency.prev, struct lru_entry, recency);
}

static void lru_evict_oldest(struct lru *lru)
{
    struct lru_entry *oldest = lru_oldest(lru);
    struct lru_entry **link = lru_link(lru, oldest->hash, slice_make(oldest->key, oldest->key_len));
    assert(*link == oldest);
    lru_unlink(lru, link);
}

/* For one that comes, up to two of the oldest go that have expired: what nobody asks for again does not stay until it is full. */
static void lru_make_room(struct lru *lru)
{
    int64_t now_us = clock_monotonic_us();
    if (lru->count >= lru->count_max)
        lru_evict_oldest(lru);
    for (int i = 0; i < 2 && lru->count > 0 && lru_oldest(lru)->expires_us <= now_us; i++)
        lru_evict_oldest(lru);
}

enum status lru_insert(struct lru *lru, struct slice key, int64_t expires_us,
                       struct lru_entry *entry)
{
    list_init(&entry->recency);
    entry->key = NULL;
    entry->key_len = 0;
    if (key.len > LRU_KEY_BYTES_MAX) {
        lru->free_entry(entry);
        return STATUS_INVALID_ARGUMENT;
    }
    /* One byte at least, so that the empty key has memory too. */
    char *copy = malloc(key.len + 1);
    if (!copy) {
        lru->free_entry(entry);
        return STATUS_RESOURCE_EXHAUSTED;
    }
    if (key.len > 0)
        memcpy(copy, key.ptr, key.len);
    copy[key.len] = '\0';

    uint64_t hash = siphash(lru->seed, key);
    struct lru_entry **link = lru_link(lru, hash, key);
    if (*link)
        lru_unlink(lru, link);
    else
        lru_make_room(lru);

    struct lru_entry **bucket = &lru->buckets[hash & (lru->bucket_count - 1)];
    entry->hash = hash;
    entry->key = copy;
    entry->key_len = key.len;
    entry->expires_us = expires_us;
    entry->hash_next = *bucket;
    *bucket = entry;
    list_prepend(&lru->recency, &entry->recency);
    lru->count++;
    return STATUS_OK;
}

bool lru_remove(struct lru *lru, struct slice key)
{
    struct lru_entry **link = lru_link(lru, siphash(lru->seed, key), key);
    if (!*link)
        return false;
    lru_unlink(lru, link);
    return true;
}

void lru_clear(struct lru *lru)
{
    while (lru->count > 0)
        lru_evict_oldest(lru);
}
