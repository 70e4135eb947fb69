#include "shared/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "shared/base/poison.h"

static void everything_is_aligned_and_apart(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    unsigned char *before = NULL;
    for (size_t bytes = 0; bytes < 600; bytes++) {
        unsigned char *ptr = arena_alloc(&arena, bytes);
        assert_non_null(ptr);
        assert_int_equal((uintptr_t)ptr % _Alignof(max_align_t), 0);
        assert_ptr_not_equal(ptr, before);
        memset(ptr, 0x5a, bytes);
        if (bytes > 1)
            assert_int_equal(before[0], 0x5a);
        before = ptr;
    }
    arena_done(&arena);
}

static void ceiling_refuses_and_stays_refused_until_reset(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1000);
    assert_non_null(arena_alloc(&arena, 900));
    assert_null(arena_alloc(&arena, 200));
    assert_true(arena.failed);
    assert_null(arena_alloc(&arena, 1));
    arena_reset(&arena);
    assert_false(arena.failed);
    assert_int_equal(arena.used_bytes, 0);
    assert_non_null(arena_alloc(&arena, 900));
    arena_done(&arena);
}

static void absurd_sizes_are_refused(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    assert_null(arena_zalloc(&arena, SIZE_MAX / 2, 3));
    arena_reset(&arena);
    assert_null(arena_alloc(&arena, SIZE_MAX - 4));
    arena_reset(&arena);
    assert_null(arena_strndup(&arena, "x", SIZE_MAX));
    assert_true(arena.failed);
    arena_done(&arena);
}

static void large_things_do_not_waste_the_block(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    char *small = arena_alloc(&arena, 16);
    char *large = arena_zalloc(&arena, 1, 3 * ARENA_BLOCK_BYTES);
    char *next = arena_alloc(&arena, 16);
    assert_non_null(large);
    assert_int_equal(large[3 * ARENA_BLOCK_BYTES - 1], 0);
    assert_true(next > small && next < small + ARENA_BLOCK_BYTES);
    arena_done(&arena);
}

static void a_reset_keeps_memory_for_the_next_call(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    void *first = arena_alloc(&arena, 100);
    arena_reset(&arena);
    assert_ptr_equal(arena_alloc(&arena, 100), first);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&arena, 5000));
    arena_reset(&arena);
    assert_null(arena.block);
    assert_non_null(arena.spare);
    arena_done(&arena);
}

static void copies_are_terminated_and_formatted(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4096);
    assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
    struct slice copy = arena_copy(&arena, SLICE_LIT("xyz"));
    assert_true(slice_equal_str(copy, "xyz"));
    assert_string_equal(arena_printf(&arena, "%s-%d", "n", 7), "n-7");
    assert_int_equal(arena_copy(&arena, slice_make(NULL, 0)).len, 0);
    assert_null(arena_printf(&arena, "%5000d", 1));
    assert_true(arena.failed);
    arena_done(&arena);
}

static void what_was_not_given_out_is_poisoned(void **state)
{
    (void)state;
#if PEK_ASAN
    struct arena arena;
    arena_init(&arena, 4096);
    char *ptr = arena_alloc(&arena, 13);
    assert_false(__asan_address_is_poisoned(ptr + 12));
    assert_true(__asan_address_is_poisoned(ptr + 13));
    assert_true(__asan_address_is_poisoned(ptr + 16));
    arena_reset(&arena);
    assert_true(__asan_address_is_poisoned(ptr));
    arena_done(&arena);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_aligned_and_apart),
        cmocka_unit_test(ceiling_refuses_and_stays_refused_until_reset),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(large_things_do_not_waste_the_block),
        cmocka_unit_test(a_reset_keeps_memory_for_the_next_call),
        cmocka_unit_test(copies_are_terminated_and_formatted),
        cmocka_unit_test(what_was_not_given_out_is_poisoned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
