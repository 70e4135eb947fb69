#include "shared/base/calendar.h"

#include <stdbool.h>

/* Source: H. Hinnant, "chrono-compatible low-level date algorithms", days_from_civil. */
int64_t calendar_days(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* Source: as above, civil_from_days: eras of 400 years, years that begin in March. */
struct calendar_date calendar_date(int64_t days)
{
    int64_t since = days + 719468;
    int64_t era = (since >= 0 ? since : since - 146096) / 146097;
    int64_t day_of_era = since - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    bool next_year = month >= 10; /* January and February */
    return (struct calendar_date){
        .year = year_of_era + era * 400 + next_year,
        .month = (int)(month + (next_year ? -9 : 3)),
        .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
    };
}

int calendar_days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}
