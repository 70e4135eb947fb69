/* calendar: days of the Gregorian calendar, also before it began, and the range of our points in time. */
#ifndef PEK_SHARED_BASE_CALENDAR_H
#define PEK_SHARED_BASE_CALENDAR_H

#include <stdint.h>

/* Years 1 to 9999, in seconds since 1970. Source: google/protobuf/timestamp.proto. */
#define CALENDAR_SECONDS_MIN INT64_C(-62135596800)
#define CALENDAR_SECONDS_MAX INT64_C(253402300799)

/* Since 1970-01-01; month and day count from 1. */
int64_t calendar_days(int year, int month, int day);
int calendar_days_of_month(int year, int month);

#endif
