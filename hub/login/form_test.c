#include "hub/login/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 65536);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static enum status find(const char *form, const char *name, struct slice *ret_value)
{
    return form_find(slice_str(form), name, 16, &arena, ret_value);
}

static void form_finds_and_decodes(void **state)
{
    (void)state;
    struct slice value;

    assert_int_equal(find("a=1&code=x%2By+z&b", "code", &value), STATUS_OK);
    assert_true(slice_equal_str(value, "x+y z"));
    assert_int_equal(find("a=1&code=x%2By+z&b", "b", &value), STATUS_OK);
    assert_int_equal(value.len, 0);
    assert_non_null(value.ptr);
    assert_int_equal(find("acode=1&codes=2", "code", &value), STATUS_OK);
    assert_null(value.ptr);
}

static void form_refuses_a_name_given_twice(void **state)
{
    (void)state;
    struct slice value;

    assert_int_equal(find("code=1&x=2&code=1", "code", &value), STATUS_INVALID_ARGUMENT);
}

static void form_refuses_what_is_malformed_or_too_long(void **state)
{
    (void)state;
    struct slice value;

    assert_int_equal(find("code=%zz", "code", &value), STATUS_INVALID_ARGUMENT);
    assert_int_equal(find("code=%0d%0a", "code", &value), STATUS_INVALID_ARGUMENT);
    assert_int_equal(find("code=%00", "code", &value), STATUS_INVALID_ARGUMENT);
    assert_int_equal(find("code=%ff", "code", &value), STATUS_INVALID_ARGUMENT);
    assert_int_equal(find("code=0123456789abcdef", "code", &value), STATUS_OK);
    assert_int_equal(find("code=0123456789abcdef0", "code", &value), STATUS_RESOURCE_EXHAUSTED);
}

static void form_encodes_all_but_unreserved(void **state)
{
    (void)state;
    struct buffer out;

    buffer_init(&out, 256);
    buffer_append_str(&out, "http://x/?");
    form_append(&out, "a", SLICE_LIT("Az09-._~"));
    form_append(&out, "b", SLICE_LIT("&=+ /é"));
    assert_true(
        slice_equal_str(buffer_slice(&out), "http://x/?a=Az09-._~&b=%26%3D%2B%20%2F%C3%A9"));
    buffer_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(form_finds_and_decodes, setup, teardown),
        cmocka_unit_test_setup_teardown(form_refuses_a_name_given_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(form_refuses_what_is_malformed_or_too_long, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(form_encodes_all_but_unreserved, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
