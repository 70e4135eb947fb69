#include "shared/fair/rate.h"

#include <stdlib.h>

#include "shared/base/clock.h"

struct bucket {
    struct lru_entry entry;
    int64_t full_us; /* when it is, or was, full again: all there is to know of a bucket */
};

static void bucket_free(struct lru_entry *entry)
{
    free(LIST_ENTRY(entry, struct bucket, entry));
}

enum status rate_init(struct rate *rate, uint32_t per_second, uint32_t burst, size_t keys_max)
{
    *rate = (struct rate){.per_second = per_second, .burst = burst};
    return per_second > 0 ? lru_init(&rate->buckets, keys_max, bucket_free) : STATUS_OK;
}

void rate_done(struct rate *rate)
{
    if (rate->per_second > 0)
        lru_done(&rate->buckets);
}

static struct bucket *bucket_of(struct rate *rate, struct slice key, int64_t now_us)
{
    struct lru_entry *found = lru_find(&rate->buckets, key);

    if (found)
        return LIST_ENTRY(found, struct bucket, entry);
    struct bucket *bucket = calloc(1, sizeof(*bucket));
    if (!bucket)
        return NULL;
    bucket->full_us = now_us;
    return lru_insert(&rate->buckets, key, DEADLINE_NONE, &bucket->entry) == STATUS_OK ? bucket
                                                                                       : NULL;
}

bool rate_take(struct rate *rate, struct slice key, int64_t now_us, struct rate_state *ret_state)
{
    struct bucket *bucket = rate->per_second > 0 ? bucket_of(rate, key, now_us) : NULL;

    if (!bucket) {
        *ret_state = (struct rate_state){.remaining = rate->burst};
        return true;
    }
    const int64_t token_us = 1000000 / rate->per_second, most_us = token_us * rate->burst;
    int64_t missing_us = bucket->full_us > now_us ? bucket->full_us - now_us : 0;
    bool taken = missing_us + token_us <= most_us;
    if (taken)
        missing_us += token_us;
    bucket->full_us = now_us + missing_us;
    int64_t short_us = missing_us + token_us - most_us;
    *ret_state = (struct rate_state){
        .remaining = (uint32_t)((most_us - missing_us) / token_us),
        .full_after_s = (uint32_t)((missing_us + 999999) / 1000000),
        .next_after_ms = short_us > 0 ? (uint32_t)((short_us + 999) / 1000) : 0,
    };
    return taken;
}
