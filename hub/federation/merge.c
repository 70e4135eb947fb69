#include "hub/federation/merge.h"

#include <assert.h>

enum status merge_init(struct merge *merge, const struct slice *realms, size_t count,
                       bool same_over_realms)
{
    if (count > MERGE_SOURCES_MAX)
        return STATUS_RESOURCE_EXHAUSTED;
    *merge = (struct merge){.count = count, .same_over_realms = same_over_realms};
    for (size_t i = 0; i < count; i++)
        merge->sources[i] = (struct merge_source){.realm = realms[i]};
    return STATUS_OK;
}

static int compare_position(const struct merge_source *a, const struct merge_source *b)
{
    int order = slice_compare(a->sort_key, b->sort_key);
    return order ? order : slice_compare(a->id, b->id);
}

void merge_resume(struct merge *merge, size_t source, struct slice sort_key, struct slice id,
                  bool inclusive)
{
    assert(merge->sources[source].state == MERGE_WAITING);
    merge->sources[source].sort_key = sort_key;
    merge->sources[source].id = id;
    merge->sources[source].inclusive = inclusive;
}

enum status merge_set_head(struct merge *merge, size_t index, struct slice sort_key,
                           struct slice id)
{
    struct merge_source *source = &merge->sources[index];
    struct merge_source head = {
        .realm = source->realm, .state = MERGE_READY, .sort_key = sort_key, .id = id};

    assert(index < merge->count && source->state == MERGE_WAITING);
    /* The position before is kept by merge_took; an empty sort key and id come before everything. */
    if ((source->sort_key.ptr || source->id.ptr) &&
        compare_position(&head, source) < (source->inclusive ? 0 : 1)) {
        source->state = MERGE_ENDED;
        return STATUS_DATA_LOSS;
    }
    *source = head;
    return STATUS_OK;
}

void merge_end(struct merge *merge, size_t source)
{
    merge->sources[source].state = MERGE_ENDED;
}

void merge_took(struct merge *merge, size_t source)
{
    assert(merge->sources[source].state == MERGE_READY);
    merge->sources[source].state = MERGE_WAITING;
}

static int compare_order(const struct merge_source *a, const struct merge_source *b)
{
    int order = compare_position(a, b);
    return order ? order : slice_compare(a->realm, b->realm);
}

enum merge_step merge_next(const struct merge *merge, size_t *ret_source, unsigned *ret_same)
{
    const struct merge_source *best = NULL;
    unsigned same = 0;

    for (size_t i = 0; i < merge->count; i++) {
        const struct merge_source *source = &merge->sources[i];
        if (source->state == MERGE_WAITING)
            return MERGE_WAIT;
        if (source->state == MERGE_READY && (!best || compare_order(source, best) < 0))
            best = source;
    }
    if (!best)
        return MERGE_DONE;
    for (size_t i = 0; merge->same_over_realms && i < merge->count; i++) {
        const struct merge_source *source = &merge->sources[i];
        if (source->state == MERGE_READY && compare_position(source, best) == 0)
            same |= 1u << i;
    }
    *ret_source = (size_t)(best - merge->sources);
    *ret_same = same | 1u << *ret_source;
    return MERGE_ITEM;
}

bool merge_is_done(const struct merge *merge)
{
    for (size_t i = 0; i < merge->count; i++) {
        if (merge->sources[i].state != MERGE_ENDED)
            return false;
    }
    return true;
}
