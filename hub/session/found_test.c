#include "hub/session/found.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void what_was_put_is_found_under_its_kind_and_id_alone(void **state)
{
    struct found *found = found_new();
    const struct slice groups = SLICE_LIT("groups/"), others = SLICE_LIT("others/");
    uint64_t realm = 9;
    (void)state;
    assert_non_null(found);
    assert_false(found_get(NULL, groups, SLICE_LIT("one"), &realm));
    assert_false(found_get(found, groups, SLICE_LIT("one"), &realm));
    found_put(found, groups, SLICE_LIT("one"), 3);
    assert_true(found_get(found, groups, SLICE_LIT("one"), &realm));
    assert_int_equal(realm, 3);
    assert_false(found_get(found, groups, SLICE_LIT("two"), &realm));
    assert_false(found_get(found, others, SLICE_LIT("one"), &realm));
    assert_int_equal(realm, 3);
    found_free(found);
}

static void many_take_no_more_room_than_few(void **state)
{
    struct found *found = found_new();
    const struct slice groups = SLICE_LIT("groups/");
    size_t known = 0;
    uint64_t realm;
    char id[24];
    (void)state;
    assert_non_null(found);
    for (size_t i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "%zu", i);
        found_put(found, groups, slice_str(id), i % 7);
        assert_true(found_get(found, groups, slice_str(id), &realm));
        assert_int_equal(realm, i % 7);
    }
    for (size_t i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "%zu", i);
        known += found_get(found, groups, slice_str(id), &realm);
    }
    assert_true(known <= FOUND_MAX);
    found_free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_under_its_kind_and_id_alone),
        cmocka_unit_test(many_take_no_more_room_than_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
