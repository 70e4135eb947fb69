#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "shared/base/calendar.h"

/* Every day of ten thousand years, by what the C library makes of the number. */
static void days_are_those_of_the_c_library(void **state)
{
    (void)state;
    int64_t expected = CALENDAR_SECONDS_MIN / 86400;
    for (int year = 1; year <= 9999; year++)
        for (int month = 1; month <= 12; month++)
            for (int day = 1; day <= calendar_days_of_month(year, month); day++, expected++) {
                struct calendar_date date = calendar_date(expected);
                assert_int_equal(calendar_days(year, month, day), expected);
                assert_int_equal(date.year * 10000 + date.month * 100 + date.day,
                                 year * 10000 + month * 100 + day);
            }
    assert_int_equal(expected * 86400 - 1, CALENDAR_SECONDS_MAX);
    for (int64_t days = CALENDAR_SECONDS_MIN / 86400; days * 86400 < CALENDAR_SECONDS_MAX;
         days += 97) {
        time_t seconds = (time_t)days * 86400;
        struct tm tm;
        assert_non_null(gmtime_r(&seconds, &tm));
        assert_int_equal(calendar_days(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday), days);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(days_are_those_of_the_c_library)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
