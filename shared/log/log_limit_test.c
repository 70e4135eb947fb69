#include "shared/log/log_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WINDOW_US (LOG_LIMIT_WINDOW_MS * INT64_C(1000))

static void flood_is_a_few_lines_and_a_count(void **state)
{
    struct log_limit limit = {0};
    uint64_t suppressed = 99;
    unsigned written = 0;
    (void)state;
    for (int i = 0; i < 1000; i++)
        written += log_limit_admits(&limit, 1000 + i, &suppressed);
    assert_int_equal(written, LOG_LIMIT_LINES);
    assert_int_equal(suppressed, 0);
    assert_true(log_limit_admits(&limit, 1000 + WINDOW_US, &suppressed));
    assert_int_equal(suppressed, 1000 - LOG_LIMIT_LINES);
    assert_true(log_limit_admits(&limit, 1001 + WINDOW_US, &suppressed));
    assert_int_equal(suppressed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flood_is_a_few_lines_and_a_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
