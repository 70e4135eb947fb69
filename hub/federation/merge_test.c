#include "hub/federation/merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

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
        unsigned same = 0;
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
            if (!(same & 1u << i))
                continue;
            fprintf(text, "%s%.*s", first ? "" : "+", SLICE_ARG(merge->sources[i].realm));
            first = 0;
        }
        fprintf(text, ":%.*s ", SLICE_ARG(merge->sources[source].id));
        for (size_t i = 0; i < merge->count; i++) {
            if (same & 1u << i)
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
    (void)state;
    struct merge merge;
    char out[256] = "";
    struct feed feeds[] = {{hub_items, 0}, {acme_items, 0}, {empty_items, 0}};
    assert_int_equal(merge_init(&merge, realms, 3, false), STATUS_OK);
    run(&merge, feeds, out, sizeof(out));
    assert_string_equal(out, "acme:1 hub:1 acme:2 hub:3 hub:4 acme:0 ");
}

static void merge_gives_a_shared_item_once_with_all_its_realms(void **state)
{
    (void)state;
    struct merge merge;
    char out[256] = "";
    struct feed feeds[] = {{hub_items, 0}, {acme_items, 0}, {empty_items, 0}};
    assert_int_equal(merge_init(&merge, realms, 3, true), STATUS_OK);
    run(&merge, feeds, out, sizeof(out));
    assert_string_equal(out, "hub+acme:1 acme:2 hub:3 hub:4 acme:0 ");
}

static void merge_waits_for_every_head(void **state)
{
    (void)state;
    struct merge merge;
    size_t source = 9;
    unsigned same = 0;
    assert_int_equal(merge_init(&merge, realms, 2, false), STATUS_OK);
    assert_int_equal(merge_set_head(&merge, 0, SLICE_LIT("a"), SLICE_LIT("1")), STATUS_OK);
    assert_int_equal(merge_next(&merge, &source, &same), MERGE_WAIT);
    merge_end(&merge, 1);
    assert_int_equal(merge_next(&merge, &source, &same), MERGE_ITEM);
    assert_int_equal(source, 0);
}

static void merge_refuses_a_realm_that_breaks_its_order(void **state)
{
    (void)state;
    struct merge merge;
    size_t source;
    unsigned same;
    assert_int_equal(merge_init(&merge, realms, 1, false), STATUS_OK);
    assert_int_equal(merge_set_head(&merge, 0, SLICE_LIT("b"), SLICE_LIT("1")), STATUS_OK);
    merge_took(&merge, 0);
    assert_int_equal(merge_set_head(&merge, 0, SLICE_LIT("b"), SLICE_LIT("1")), STATUS_DATA_LOSS);
    assert_int_equal(merge_next(&merge, &source, &same), MERGE_DONE);
}

static void merge_that_goes_on_takes_nothing_from_before(void **state)
{
    (void)state;
    struct merge merge;
    assert_int_equal(merge_init(&merge, realms, 3, false), STATUS_OK);
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
    (void)state;
    struct merge merge;
    struct slice many[MERGE_SOURCES_MAX + 1] = {{"x", 1}};
    assert_int_equal(merge_init(&merge, many, MERGE_SOURCES_MAX + 1, false),
                     STATUS_RESOURCE_EXHAUSTED);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
