#include "hub/federation/merge.h"

#include <assert.h>

enum status merge_init(struct merge *merge, struct arena *arena, const struct slice *realms,
                       size_t count, bool same_over_realms)
{
    if (count > MERGE_SOURCES_MAX)
        return STATUS_RESOURCE_EXHAUSTED;
    *merge = (struct merge){
        .sources = arena_zalloc(arena, count + 1, sizeof(*merge->sources)),
        .heap = arena_zalloc(arena, count + 1, sizeof(*merge->heap)),
        .same_over_realms = same_over_realms,
    };
    if (!merge->sources || !merge->heap)
        return STATUS_RESOURCE_EXHAUSTED;
    merge->count = merge->waiting = count;
    for (size_t i = 0; i < count; i++)
        merge->sources[i] = (struct merge_source){.realm = realms[i]};
    return STATUS_OK;
}

static int compare_position(const struct merge_source *a, const struct merge_source *b)
{
    int order = slice_compare(a->sort_key, b->sort_key);
    return order ? order : slice_compare(a->id, b->id);
}

static int compare_order(const struct merge_source *a, const struct merge_source *b)
{
    int order = compare_position(a, b);
    return order ? order : slice_compare(a->realm, b->realm);
}

/* ---- the heap ---------------------------------------------------------------------------------- */

static struct merge_source *at(const struct merge *merge, size_t place)
{
    return &merge->sources[merge->heap[place]];
}

static void put(struct merge *merge, size_t place, size_t source)
{
    merge->heap[place] = source;
    merge->sources[source].heap_at = place;
}

static void sift_up(struct merge *merge, size_t place)
{
    size_t source = merge->heap[place];

    for (; place > 0 && compare_order(&merge->sources[source], at(merge, (place - 1) / 2)) < 0;
         place = (place - 1) / 2)
        put(merge, place, merge->heap[(place - 1) / 2]);
    put(merge, place, source);
}

static void sift_down(struct merge *merge, size_t place)
{
    size_t source = merge->heap[place];

    for (size_t child; (child = 2 * place + 1) < merge->ready; place = child) {
        if (child + 1 < merge->ready && compare_order(at(merge, child + 1), at(merge, child)) < 0)
            child++;
        if (compare_order(&merge->sources[source], at(merge, child)) <= 0)
            break;
        put(merge, place, merge->heap[child]);
    }
    put(merge, place, source);
}

static void heap_add(struct merge *merge, size_t source)
{
    put(merge, merge->ready++, source);
    sift_up(merge, merge->ready - 1);
}

/* The last takes its place, and then the one that is its own. */
static void heap_remove(struct merge *merge, size_t place)
{
    if (place == --merge->ready)
        return;
    put(merge, place, merge->heap[merge->ready]);
    sift_up(merge, place);
    sift_down(merge, merge->sources[merge->heap[merge->ready]].heap_at);
}

/* ---- the sources ------------------------------------------------------------------------------- */

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
        merge_end(merge, index);
        return STATUS_DATA_LOSS;
    }
    *source = head;
    merge->waiting--;
    heap_add(merge, index);
    return STATUS_OK;
}

void merge_end(struct merge *merge, size_t source)
{
    assert(merge->sources[source].state == MERGE_WAITING);
    merge->sources[source].state = MERGE_ENDED;
    merge->waiting--;
}

void merge_took(struct merge *merge, size_t source)
{
    assert(merge->sources[source].state == MERGE_READY);
    heap_remove(merge, merge->sources[source].heap_at);
    merge->sources[source].state = MERGE_WAITING;
    merge->waiting++;
}

/* Of a place in the heap and all below it that are where the first is: nothing that is, is below one that is not. */
static uint64_t same_below(const struct merge *merge, size_t place)
{
    if (place >= merge->ready || compare_position(at(merge, place), at(merge, 0)) != 0)
        return 0;
    return UINT64_C(1) << merge->heap[place] | same_below(merge, 2 * place + 1) |
           same_below(merge, 2 * place + 2);
}

enum merge_step merge_next(const struct merge *merge, size_t *ret_source, uint64_t *ret_same)
{
    if (merge->waiting > 0)
        return MERGE_WAIT;
    if (merge->ready == 0)
        return MERGE_DONE;
    *ret_source = merge->heap[0];
    *ret_same = merge->same_over_realms ? same_below(merge, 0) : UINT64_C(1) << merge->heap[0];
    return MERGE_ITEM;
}

bool merge_is_done(const struct merge *merge)
{
    return merge->waiting == 0 && merge->ready == 0;
}
