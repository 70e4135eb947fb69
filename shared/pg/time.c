/* Points in time as PostgreSQL writes and reads them, without arithmetic on either side. */
#include <time.h>

#include "shared/base/calendar.h"
#include "shared/pg/internal.h"

struct pg_param pg_timestamp(struct arena *arena, int64_t seconds, int32_t nanos)
{
    time_t time = (time_t)seconds;
    struct tm tm;
    if (seconds < CALENDAR_SECONDS_MIN || seconds > CALENDAR_SECONDS_MAX || nanos < 0 ||
        nanos > 999999999 || !gmtime_r(&time, &tm))
        return PARAM_REFUSED;
    char *text = arena_printf(arena, "%04d-%02d-%02d %02d:%02d:%02d.%06d+00", tm.tm_year + 1900,
                              tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                              (int)(nanos / 1000));
    return text ? pg_str(text) : PARAM_FAILED;
}

/* Digits, and what must follow them. */
static bool take(const char **at, int digits, char end, int *ret_number)
{
    int number = 0;
    for (; digits > 0; digits--, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        number = number * 10 + (**at - '0');
    }
    *ret_number = number;
    return end == '\0' || *(*at)++ == end;
}

/* "2024-02-29 12:30:00.5+00": https://www.postgresql.org/docs/15/datatype-datetime.html; DateStyle and TimeZone are
 * set on every connection. Later years have more digits, earlier ones " BC" at the end: both are refused. */
enum status pg_get_timestamp(const struct pg_result *result, size_t row, int column,
                             int64_t *ret_seconds, int32_t *ret_nanos)
{
    const char *at = pg_get_str(result, row, column);
    int year, month, day, hour, minute, second, nanos = 0;
    if (!take(&at, 4, '-', &year) || !take(&at, 2, '-', &month) || !take(&at, 2, ' ', &day) ||
        !take(&at, 2, ':', &hour) || !take(&at, 2, ':', &minute) || !take(&at, 2, '\0', &second))
        return STATUS_DATA_LOSS;
    if (*at == '.') {
        at++;
        for (int unit = 100000000; *at >= '0' && *at <= '9'; unit /= 10)
            nanos += (*at++ - '0') * unit;
    }
    if (strcmp(at, "+00") != 0 || year == 0)
        return STATUS_DATA_LOSS;
    *ret_seconds = calendar_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    *ret_nanos = nanos;
    return STATUS_OK;
}
