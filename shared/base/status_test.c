#include "shared/base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void names_and_http_codes_are_those_of_the_table(void **state)
{
    (void)state;
    assert_string_equal(status_name(STATUS_OK), "OK");
    assert_string_equal(status_name(STATUS_PERMISSION_DENIED), "PERMISSION_DENIED");
    assert_string_equal(status_name(STATUS_UNAUTHENTICATED), "UNAUTHENTICATED");
    assert_int_equal(status_http(STATUS_OK), 200);
    assert_int_equal(status_http(STATUS_CANCELLED), 499);
    assert_int_equal(status_http(STATUS_UNAVAILABLE), 503);
    assert_int_equal(STATUS_UNAUTHENTICATED, 16);
}

static void numbers_outside_the_table_are_unknown(void **state)
{
    (void)state;
    assert_string_equal(status_name((enum status)17), "UNKNOWN");
    assert_int_equal(status_http((enum status)99), 500);
    assert_int_equal(status_from_code(-1), STATUS_UNKNOWN);
    assert_int_equal(status_from_code(17), STATUS_UNKNOWN);
    assert_int_equal(status_from_code(1L << 40), STATUS_UNKNOWN);
}

static void every_code_comes_back_from_the_wire(void **state)
{
    (void)state;
    for (long code = 0; code <= 16; code++)
        assert_int_equal(status_from_code(code), code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_http_codes_are_those_of_the_table),
        cmocka_unit_test(numbers_outside_the_table_are_unknown),
        cmocka_unit_test(every_code_comes_back_from_the_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
