#include "hub/federation/merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct feed {
    const char *const (*items)[2]; /* sort key, id */
    size_t next;
};

/* Runs the merge over whole feeds and writes "realm:id " for each item, "realm+realm:id " for shared ones. */
static void run(struct merge *merge, struct feed *feeds, char *out, size_t out_len)
{
    FILE *text = fmemopen(out, out_len, "w");
    assert_non_null(text);
    for (;;) {
        size_t source = 0;
        uint64_t same = 0;
        enum merge_step step = merge_next(merge, &source, &same);
        if (step == MERGE_DONE)
            break;
        if (step == MERGE_WAIT) {
            for (size_t i = 0; i < merge->count; i++) {
                if (merge->sources[i].state != MERGE_WAITING)
                    continue;
                const char *const *item = feeds[i].items[feeds[i].next];
                if (!item[0])
                    merge_end(merge, i);
                else
                    assert_int_equal(
                        merge_set_head(merge, i, slice_str(item[0]), slice_str(item[1])),
                        STATUS_OK);
                feeds[i].next++;
            }
            continue;
        }
        for (size_t i = 0, first = 1; i < merge->count; i++) {
            if (!(same & UINT64_C(1) << i))
                continue;
            fprintf(text, "%s%.*s", first ? "" : "+", SLICE_ARG(merge->sources[i].realm));
            first = 0;
        }
        fprintf(text, ":%.*s ", SLICE_ARG(merge->sources[source].id));
        for (size_t i = 0; i < merge->count; i++) {
            if (same & UINT64_C(1) << i)
                merge_took(merge, i);
        }
    }
    fclose(text);
}

static const char *const hub_items[][2] = {{"a", "1"}, {"c", "3"}, {"c", "4"}, {NULL, NULL}};
static const char *const acme_items[][2] = {{"a", "1"}, {"b", "2"}, {"d", "0"}, {NULL, NULL}};
static const char *const empty_items[][2] = {{NULL, NULL}};
static const struct slice realms[] = {{"hub", 3}, {"acme", 4}, {"conf", 4}};

static void merge_gives_one_order_and_breaks_ties_by_realm(void **state)
{
    struct arena *arena = *state;
    struct merge merge;
    char out[256] = "";
    struct feed feeds[] = {{hub_items, 0}, {acme_items, 0}, {empty_items, 0}};
    assert_int_equal(merge_init(&merge, arena, realms, 3, false), STATUS_OK);
    run(&merge, feeds, out, sizeof(out));
    assert_string_equal(out, "acme:1 hub:1 acme:2 hub:3 hub:4 acme:0 ");
}

static void merge_gives_a_shared_item_once_with_all_its_realms(void **state)
{
    struct arena *arena = *state;
    struct merge merge;
    char out[256] = "";
    struct feed feeds[] = {{hub_items, 0}, {acme_items, 0}, {empty_items, 0}};
    assert_int_equal(merge_init(&merge, arena, realms, 3, true), STATUS_OK);
    run(&merge, feeds, out, sizeof(out));
    assert_string_equal(out, "hub+acme:1 acme:2 hub:3 hub:4 acme:0 ");
}

static void merge_waits_for_every_head(void **state)
{
    struct arena *arena = *state;
    struct merge merge;
    size_t source = 9;
    uint64_t same = 0;
    assert_int_equal(merge_init(&merge, arena, realms, 2, false), STATUS_OK);
    assert_int_equal(merge_set_head(&merge, 0, SLICE_LIT("a"), SLICE_LIT("1")), STATUS_OK);
    assert_int_equal(merge_next(&merge, &source, &same), MERGE_WAIT);
    merge_end(&merge, 1);
    assert_int_equal(merge_next(&merge, &source, &same), MERGE_ITEM);
    assert_int_equal(source, 0);
}

static void merge_refuses_a_realm_that_breaks_its_order(void **state)
{
    struct arena *arena = *state;
    struct merge merge;
    size_t source;
    uint64_t same;
    assert_int_equal(merge_init(&merge, arena, realms, 1, false), STATUS_OK);
    assert_int_equal(merge_set_head(&merge, 0, SLICE_LIT("b"), SLICE_LIT("1")), STATUS_OK);
    merge_took(&merge, 0);
    assert_int_equal(merge_set_head(&merge, 0, SLICE_LIT("b"), SLICE_LIT("1")), STATUS_DATA_LOSS);
    assert_int_equal(merge_next(&merge, &source, &same), MERGE_DONE);
}

static void merge_that_goes_on_takes_nothing_from_before(void **state)
{
    struct arena *arena = *state;
    struct merge merge;
    assert_int_equal(merge_init(&merge, arena, realms, 3, false), STATUS_OK);
    for (size_t i = 0; i < 3; i++)
        merge_resume(&merge, i, SLICE_LIT("b"), SLICE_LIT("1"), i > 0);
    assert_int_equal(merge_set_head(&merge, 0, SLICE_LIT("b"), SLICE_LIT("1")), STATUS_DATA_LOSS);
    assert_int_equal(merge_set_head(&merge, 1, SLICE_LIT("b"), SLICE_LIT("1")), STATUS_OK);
    merge_took(&merge, 1);
    assert_int_equal(merge_set_head(&merge, 1, SLICE_LIT("b"), SLICE_LIT("1")), STATUS_DATA_LOSS);
    assert_int_equal(merge_set_head(&merge, 2, SLICE_LIT("a"), SLICE_LIT("9")), STATUS_DATA_LOSS);
}

static void merge_refuses_more_sources_than_its_limit(void **state)
{
    struct arena *arena = *state;
    struct merge merge;
    struct slice many[MERGE_SOURCES_MAX + 1] = {{"x", 1}};
    assert_int_equal(merge_init(&merge, arena, many, MERGE_SOURCES_MAX, false), STATUS_OK);
    assert_int_equal(merge_init(&merge, arena, many, MERGE_SOURCES_MAX + 1, false),
                     STATUS_RESOURCE_EXHAUSTED);
}

/* Many sources of many items: each time the smallest head of all, and who has the same, as a scan of them finds it. */
enum { ITEMS = 50, KEYS = 40 };

struct number {
    char key[8];
};

/* The same in each run. */
static unsigned next_random(void)
{
    static uint32_t state = 1;
    state = state * 1103515245u + 12345u;
    return state >> 16;
}

static int compare_numbers(const void *a, const void *b)
{
    return strcmp(((const struct number *)a)->key, ((const struct number *)b)->key);
}

static uint64_t scan(const struct merge *merge, bool same_over_realms, size_t *ret_best)
{
    const struct merge_source *best = NULL;
    uint64_t same = 0;
    for (size_t i = 0; i < merge->count; i++) {
        const struct merge_source *source = &merge->sources[i];
        if (source->state == MERGE_READY &&
            (!best || slice_compare(source->sort_key, best->sort_key) < 0))
            best = source;
    }
    assert_non_null(best);
    *ret_best = (size_t)(best - merge->sources);
    for (size_t i = 0; i < merge->count; i++) {
        const struct merge_source *source = &merge->sources[i];
        if (source->state == MERGE_READY && same_over_realms &&
            slice_equal(source->sort_key, best->sort_key))
            same |= UINT64_C(1) << i;
    }
    return same | UINT64_C(1) << *ret_best;
}

static void advance(struct merge *merge, size_t source, struct number (*items)[ITEMS], size_t *next)
{
    /* Keys that a source has twice are given once. */
    while (next[source] > 0 && next[source] < ITEMS &&
           strcmp(items[source][next[source]].key, items[source][next[source] - 1].key) == 0)
        next[source]++;
    if (next[source] >= ITEMS) {
        merge_end(merge, source);
        return;
    }
    assert_int_equal(merge_set_head(merge, source, slice_str(items[source][next[source]++].key),
                                    slice_make("", 0)),
                     STATUS_OK);
}

static void check_against_a_scan(struct arena *arena, size_t count, bool same_over_realms)
{
    static struct number items[MERGE_SOURCES_MAX][ITEMS];
    static char names[MERGE_SOURCES_MAX][24];
    struct slice all[MERGE_SOURCES_MAX] = {{0}};
    size_t next[MERGE_SOURCES_MAX] = {0}, source, best;
    struct merge merge;
    uint64_t same;
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof(names[i]), "r%02zu", i);
        all[i] = slice_str(names[i]);
        for (size_t n = 0; n < ITEMS; n++)
            snprintf(items[i][n].key, sizeof(items[i][n].key), "%03u", next_random() % KEYS);
        qsort(items[i], ITEMS, sizeof(items[i][0]), compare_numbers);
    }
    assert_int_equal(merge_init(&merge, arena, all, count, same_over_realms), STATUS_OK);
    for (size_t i = 0; i < count; i++)
        advance(&merge, i, items, next);
    while (merge_next(&merge, &source, &same) == MERGE_ITEM) {
        assert_true(same == scan(&merge, same_over_realms, &best));
        assert_int_equal(source, best);
        for (uint64_t rest = same; rest; rest &= rest - 1)
            merge_took(&merge, (size_t)__builtin_ctzll(rest));
        for (uint64_t rest = same; rest; rest &= rest - 1)
            advance(&merge, (size_t)__builtin_ctzll(rest), items, next);
    }
    assert_true(merge_is_done(&merge));
}

static void merge_finds_what_a_scan_of_all_heads_finds(void **state)
{
    for (size_t count = 1; count <= MERGE_SOURCES_MAX; count++) {
        check_against_a_scan(*state, count, false);
        check_against_a_scan(*state, count, true);
    }
}

static int make_arena(void **state)
{
    static struct arena arena;
    arena_init(&arena, 4u << 20);
    *state = &arena;
    return 0;
}

static int free_arena(void **state)
{
    arena_done(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_gives_one_order_and_breaks_ties_by_realm),
        cmocka_unit_test(merge_gives_a_shared_item_once_with_all_its_realms),
        cmocka_unit_test(merge_waits_for_every_head),
        cmocka_unit_test(merge_refuses_a_realm_that_breaks_its_order),
        cmocka_unit_test(merge_that_goes_on_takes_nothing_from_before),
        cmocka_unit_test(merge_refuses_more_sources_than_its_limit),
        cmocka_unit_test(merge_finds_what_a_scan_of_all_heads_finds),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
