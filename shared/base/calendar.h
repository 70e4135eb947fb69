/* calendar: days of the Gregorian calendar, also before it began, and the range of our points in time. */
#ifndef PEK_SHARED_BASE_CALENDAR_H
#define PEK_SHARED_BASE_CALENDAR_H

#include <stdint.h>

/* Years 1 to 9999, in seconds since 1970. Source: google/protobuf/timestamp.proto. */
#define CALENDAR_SECONDS_MIN INT64_C(-62135596800)
#define CALENDAR_SECONDS_MAX INT64_C(253402300799)

#define CALENDAR_DAY_S 86400

/* Since 1970-01-01; month and day count from 1. */
int64_t calendar_days(int year, int month, int day);
/* Of days since 1970-01-01. Not by gmtime_r, which takes a lock and looks after time zones: a list has three times an item. */
struct calendar_date {
    int64_t year;
    int month, day;
};
struct calendar_date calendar_date(int64_t days);
int calendar_days_of_month(int year, int month);

#endif
