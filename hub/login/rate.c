#include "hub/login/rate.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "shared/base/clock.h"

#define REFILL_US (RATE_REFILL_MS * 1000LL)

struct bucket {
    struct lru_entry entry;
    int left;
    int64_t refilled_us;
};

static void bucket_free(struct lru_entry *entry)
{
    free(LIST_ENTRY(entry, struct bucket, entry));
}

enum status rate_init(struct rate *rate)
{
    return lru_init(&rate->buckets, RATE_ADDRESSES_MAX, bucket_free);
}

void rate_done(struct rate *rate)
{
    lru_done(&rate->buckets);
}

/* `address`, or the first 64 bits of an IPv6 one, in `memory`. */
static struct slice bucket_key(struct slice address, struct in6_addr *memory)
{
    char text[INET6_ADDRSTRLEN];

    if (address.len >= sizeof(text))
        return slice_make(address.ptr, sizeof(text));
    memcpy(text, address.ptr, address.len);
    text[address.len] = 0;
    if (inet_pton(AF_INET6, text, memory) != 1)
        return address;
    return slice_make(memory, 8);
}

static struct bucket *bucket_of(struct rate *rate, struct slice key, int64_t now_us)
{
    struct lru_entry *found = lru_find(&rate->buckets, key);

    if (found)
        return LIST_ENTRY(found, struct bucket, entry);
    struct bucket *bucket = calloc(1, sizeof(*bucket));
    if (!bucket)
        return NULL;
    bucket->left = RATE_BURST;
    bucket->refilled_us = now_us;
    if (lru_insert(&rate->buckets, key, DEADLINE_NONE, &bucket->entry) != STATUS_OK)
        return NULL;
    return bucket;
}

bool rate_take(struct rate *rate, struct slice address, int64_t now_us)
{
    struct in6_addr memory;

    if (address.len == 0)
        return true;
    struct bucket *bucket = bucket_of(rate, bucket_key(address, &memory), now_us);
    if (!bucket)
        return false;
    int64_t refill = (now_us - bucket->refilled_us) / REFILL_US;
    if (refill >= RATE_BURST - bucket->left) {
        bucket->left = RATE_BURST;
        bucket->refilled_us = now_us;
    } else {
        bucket->left += (int)refill;
        bucket->refilled_us += refill * REFILL_US;
    }
    if (bucket->left == 0)
        return false;
    bucket->left--;
    return true;
}
