#include "shared/base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void appends_grow_in_order(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 100000);
    for (int i = 0; i < 1000; i++) {
        buffer_append_char(&buffer, '[');
        buffer_printf(&buffer, "%03d", i);
        buffer_append_str(&buffer, "]");
        buffer_append_slice(&buffer, SLICE_LIT(","));
    }
    assert_false(buffer.failed);
    assert_int_equal(buffer.len, 6000);
    assert_memory_equal(buffer.ptr + 5994, "[999],", 6);
    buffer_done(&buffer);
}

static void maximum_is_reachable_exactly(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 5);
    buffer_append(&buffer, "ab", 2);
    buffer_printf(&buffer, "%s", "cde");
    assert_false(buffer.failed);
    assert_true(slice_equal_str(buffer_slice(&buffer), "abcde"));
    buffer_printf(&buffer, "%s", "");
    assert_false(buffer.failed);
    buffer_append_char(&buffer, 'f');
    assert_true(buffer.failed);
    buffer_done(&buffer);
}

static void broken_stays_broken_until_reset(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 4);
    buffer_append_str(&buffer, "abcdef");
    assert_true(buffer.failed);
    buffer_append_str(&buffer, "a");
    assert_int_equal(buffer.len, 0);
    assert_null(buffer_reserve(&buffer, 0));
    buffer_reset(&buffer);
    buffer_append_str(&buffer, "a");
    assert_false(buffer.failed);
    assert_int_equal(buffer.len, 1);
    buffer_done(&buffer);
}

static void reserve_gives_room_that_the_caller_fills(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    char *room = buffer_reserve(&buffer, 700);
    assert_non_null(room);
    for (int i = 0; i < 700; i++)
        room[i] = 'x';
    buffer.len += 700;
    assert_int_equal(buffer_slice(&buffer).len, 700);
    assert_null(buffer_reserve(&buffer, SIZE_MAX));
    buffer_done(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_grow_in_order),
        cmocka_unit_test(maximum_is_reachable_exactly),
        cmocka_unit_test(broken_stays_broken_until_reset),
        cmocka_unit_test(reserve_gives_room_that_the_caller_fills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
