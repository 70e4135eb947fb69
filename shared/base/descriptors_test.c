#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "shared/base/descriptors.h"

static void the_soft_limit_is_raised_up_to_the_hard_one(void **state)
{
    struct fault fault = {0};
    struct rlimit limit = {.rlim_cur = 64, .rlim_max = 200};
    (void)state;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(descriptors_reserve(100, 50, &fault), STATUS_OK);
    getrlimit(RLIMIT_NOFILE, &limit);
    assert_int_equal(limit.rlim_cur, 150);
    assert_int_equal(descriptors_reserve(10, 5, &fault), STATUS_OK); /* never lowered */
    getrlimit(RLIMIT_NOFILE, &limit);
    assert_int_equal(limit.rlim_cur, 150);
    assert_int_equal(descriptors_reserve(151, 50, &fault), STATUS_FAILED_PRECONDITION);
    assert_string_equal(fault.field, "connections_max");
    assert_non_null(strstr(fault.text, "201 open files"));
    getrlimit(RLIMIT_NOFILE, &limit);
    assert_int_equal(limit.rlim_cur, 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_soft_limit_is_raised_up_to_the_hard_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
