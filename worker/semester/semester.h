/* semester: what a semester is called, which one a day is in, and what its seasons are for.
 *
 * Autumn of 2024 is "2024-2025/1", the spring behind it "2024-2025/2"; so the order of texts is that of time. Which one is
 * current is a setting of the realm and not the calendar's. Rules only; no database.
 */
#ifndef PEK_WORKER_SEMESTER_SEMESTER_H
#define PEK_WORKER_SEMESTER_SEMESTER_H

#include "pek/semester/v1/semester.rpc.h"
#include "shared/base/fault.h"

#define SEMESTER_BYTES 11 /* of a name, without its end */

struct semester {
    int year; /* its autumn's, 2000 to 2098 */
    int half; /* 1 autumn, 2 spring */
};

/* False for what is no semester: another form, or a second year that does not follow the first. */
bool semester_parse(const char *name, struct semester *ret_semester);
void semester_name(struct semester semester, char ret_name[SEMESTER_BYTES + 1]);
/* Beyond the first and the last there is none: false. */
bool semester_next(struct semester semester, struct semester *ret_semester);
bool semester_previous(struct semester semester, struct semester *ret_semester);
/* The one that a day of Budapest's calendar is in: September to January, and February to August. `month` is 1 to 12. */
struct semester semester_of_day(int year, int month);

/* What is set: INVALID_ARGUMENT on "semester.id" or "semester.season". */
PEK_MUST_CHECK enum status semester_check(const semester_v1_semester *given, struct fault *fault);

/* Until when an evaluation lets something be done in a season. */
enum season_rule {
    SEASON_NO = 0,
    SEASON_YES,
    SEASON_UNTIL_SUBMITTED, /* nor once accepted */
    SEASON_UNTIL_ACCEPTED,
};
#define SEMESTER_ACTIONS 11
/* SEASON_NO for what is neither a season nor an action. */
enum season_rule season_rule(semester_v1_season season, semester_v1_season_action action);

#endif
