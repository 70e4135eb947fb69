/* Lists that realms give, in whatever order they like. Of three bytes each: whose item, its sort key, its id; the first byte says how
 * many realms, and whether the same item is one over all of them. What breaks the order of its realm is refused, and
 * that realm with it; all else comes out, once, in order. */
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/federation/merge.h"

#define REALMS_MAX 4
#define ITEM_BYTES 3

static const struct slice names[REALMS_MAX] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};

struct run {
    struct arena arena;
    struct merge merge;
    struct slice rest[REALMS_MAX]; /* of the input, where the realm's next item is looked for */
    const char *last[REALMS_MAX];
    size_t taken, given; /* items, of all realms */
};

/* By (sort key, id). */
static int compare(const char *a, const char *b)
{
    return memcmp(a + 1, b + 1, ITEM_BYTES - 1);
}

static const char *next_of(struct run *run, size_t source)
{
    struct slice *rest = &run->rest[source];
    while (rest->len >= ITEM_BYTES) {
        const char *item = rest->ptr;
        *rest = slice_make(item + ITEM_BYTES, rest->len - ITEM_BYTES);
        if ((uint8_t)item[0] % run->merge.count == source)
            return item;
    }
    return NULL;
}

static void advance(struct run *run, size_t source)
{
    const char *item = next_of(run, source), *last = run->last[source];
    if (!item) {
        merge_end(&run->merge, source);
        return;
    }
    bool in_order = !last || compare(last, item) < 0;
    enum status status =
        merge_set_head(&run->merge, source, slice_make(item + 1, 1), slice_make(item + 2, 1));
    must(status == (in_order ? STATUS_OK : STATUS_DATA_LOSS));
    must(run->merge.sources[source].state == (in_order ? MERGE_READY : MERGE_ENDED));
    run->taken += in_order;
    run->last[source] = item;
}

static void fill(struct run *run)
{
    size_t source;
    uint64_t same;
    for (size_t i = 0; i < run->merge.count; i++) {
        if (run->merge.sources[i].state != MERGE_WAITING)
            continue;
        must(merge_next(&run->merge, &source, &same) == MERGE_WAIT);
        advance(run, i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct run run = {0};
    const char *before = NULL;
    size_t source = 0, source_before = 0;
    uint64_t same;
    enum merge_step step;
    bool one_over_realms = data[0] & 1;
    arena_init(&run.arena, 1u << 16);
    must(merge_init(&run.merge, &run.arena, names, 1 + data[0] / 2 % REALMS_MAX, one_over_realms) ==
         STATUS_OK);
    for (size_t i = 0; i < run.merge.count; i++)
        run.rest[i] = slice_make(data + 1, size - 1);
    for (fill(&run); (step = merge_next(&run.merge, &source, &same)) == MERGE_ITEM; fill(&run)) {
        const char *item = run.last[source];
        int order = before ? compare(before, item) : -1;
        must(order < 0 || (order == 0 && !one_over_realms && source_before < source));
        before = item;
        source_before = source;
        if (!one_over_realms)
            same = UINT64_C(1) << source;
        must(same >> source & 1);
        for (size_t i = 0; i < run.merge.count; i++) {
            if (!(same >> i & 1))
                continue;
            must(compare(run.last[i], item) == 0);
            run.given++;
            merge_took(&run.merge, i);
        }
    }
    must(step == MERGE_DONE && merge_is_done(&run.merge) && run.given == run.taken);
    arena_done(&run.arena);
    return 0;
}
