#include "shared/base/lru.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/base/siphash.h"

struct cached {
    struct lru_entry entry;
    int value;
};

static int freed;

static void cached_free(struct lru_entry *entry)
{
    freed++;
    free(LIST_ENTRY(entry, struct cached, entry));
}

static void put(struct lru *lru, const char *key, int value, int64_t expires_us)
{
    struct cached *cached = calloc(1, sizeof(*cached));
    assert_non_null(cached);
    cached->value = value;
    assert_int_equal(lru_insert(lru, slice_str(key), expires_us, &cached->entry), STATUS_OK);
}

static int get(struct lru *lru, const char *key)
{
    struct lru_entry *entry = lru_find(lru, slice_str(key));
    return entry ? LIST_ENTRY(entry, struct cached, entry)->value : -1;
}

static void the_least_recently_used_is_evicted(void **state)
{
    (void)state;
    struct lru lru;
    assert_int_equal(lru_init(&lru, 2, cached_free), STATUS_OK);
    put(&lru, "a", 1, DEADLINE_NONE);
    put(&lru, "b", 2, DEADLINE_NONE);
    assert_int_equal(get(&lru, "a"), 1);
    put(&lru, "c", 3, DEADLINE_NONE);
    assert_int_equal(get(&lru, "b"), -1);
    assert_int_equal(get(&lru, "a"), 1);
    assert_int_equal(get(&lru, "c"), 3);
    lru_done(&lru);
}

static void an_expired_entry_is_freed_when_found(void **state)
{
    (void)state;
    struct lru lru;
    assert_int_equal(lru_init(&lru, 2, cached_free), STATUS_OK);
    freed = 0;
    put(&lru, "a", 1, clock_monotonic_us());
    assert_int_equal(get(&lru, "a"), -1);
    assert_int_equal(freed, 1);
    assert_int_equal(lru.count, 0);
    lru_done(&lru);
}

static void expired_entries_make_room_though_it_is_not_full(void **state)
{
    (void)state;
    struct lru lru;
    assert_int_equal(lru_init(&lru, 8, cached_free), STATUS_OK);
    freed = 0;
    put(&lru, "a", 1, DEADLINE_NONE);
    for (int i = 0; i < 3; i++)
        put(&lru, (char[]){(char)('b' + i), '\0'}, i, clock_monotonic_us() + 50000);
    assert_int_equal(get(&lru, "a"), 1);
    int64_t until_us = clock_monotonic_us() + 50000;
    while (clock_monotonic_us() < until_us)
        ;
    put(&lru, "e", 5, DEADLINE_NONE);
    assert_int_equal(freed, 2);
    put(&lru, "f", 6, DEADLINE_NONE);
    assert_int_equal(freed, 3);
    assert_int_equal(lru.count, 3);
    lru_done(&lru);
}

static void the_same_key_replaces(void **state)
{
    (void)state;
    struct lru lru;
    assert_int_equal(lru_init(&lru, 1, cached_free), STATUS_OK);
    freed = 0;
    put(&lru, "", 1, DEADLINE_NONE);
    put(&lru, "", 2, DEADLINE_NONE);
    assert_int_equal(freed, 1);
    assert_int_equal(lru.count, 1);
    assert_int_equal(get(&lru, ""), 2);
    lru_done(&lru);
    assert_int_equal(freed, 2);
}

static void many_keys_are_found_and_removed(void **state)
{
    (void)state;
    struct lru lru;
    assert_int_equal(lru_init(&lru, 1000, cached_free), STATUS_OK);
    char key[16];
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        put(&lru, key, i, DEADLINE_NONE);
    }
    assert_int_equal(lru.count, 1000);
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        assert_int_equal(get(&lru, key), i < 2000 ? -1 : i);
    }
    assert_true(lru_remove(&lru, SLICE_LIT("key-2500")));
    assert_false(lru_remove(&lru, SLICE_LIT("key-2500")));
    assert_int_equal(lru.count, 999);
    lru_clear(&lru);
    assert_int_equal(lru.count, 0);
    assert_int_equal(get(&lru, "key-2501"), -1);
    lru_done(&lru);
}

static void a_key_too_long_frees_the_entry(void **state)
{
    (void)state;
    struct lru lru;
    assert_int_equal(lru_init(&lru, 2, cached_free), STATUS_OK);
    freed = 0;
    char key[LRU_KEY_BYTES_MAX + 1] = {0};
    struct cached *cached = calloc(1, sizeof(*cached));
    assert_non_null(cached);
    assert_int_equal(lru_insert(&lru, slice_make(key, sizeof(key)), DEADLINE_NONE, &cached->entry),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(freed, 1);
    assert_int_equal(lru_init(&lru, 0, cached_free), STATUS_INVALID_ARGUMENT);
    lru_done(&lru);
}

/* The worked example of the paper's appendix A: key 00…0f, message 00…0e. */
static void siphash_gives_the_value_of_the_paper(void **state)
{
    (void)state;
    const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    char message[15];
    for (int i = 0; i < 15; i++)
        message[i] = (char)i;
    assert_true(siphash(key, slice_make(message, 15)) == 0xa129ca6149be45e5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_recently_used_is_evicted),
        cmocka_unit_test(an_expired_entry_is_freed_when_found),
        cmocka_unit_test(expired_entries_make_room_though_it_is_not_full),
        cmocka_unit_test(the_same_key_replaces),
        cmocka_unit_test(many_keys_are_found_and_removed),
        cmocka_unit_test(a_key_too_long_frees_the_entry),
        cmocka_unit_test(siphash_gives_the_value_of_the_paper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
