#include "worker/semester/semester.h"

#include <stdio.h>
#include <string.h>

#define FIRST_YEAR 2000
#define LAST_YEAR 2098

static bool take_number(const char *text, size_t digits, int *ret_number)
{
    int number = 0;
    for (size_t i = 0; i < digits; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (text[i] - '0');
    }
    *ret_number = number;
    return true;
}

bool semester_parse(const char *name, struct semester *ret_semester)
{
    struct semester semester;
    int second;
    if (strlen(name) != SEMESTER_BYTES || name[4] != '-' || name[9] != '/' ||
        !take_number(name, 4, &semester.year) || !take_number(name + 5, 4, &second) ||
        !take_number(name + 10, 1, &semester.half))
        return false;
    if (semester.year < FIRST_YEAR || semester.year > LAST_YEAR || second != semester.year + 1 ||
        semester.half < 1 || semester.half > 2)
        return false;
    *ret_semester = semester;
    return true;
}

void semester_name(struct semester semester, char ret_name[SEMESTER_BYTES + 1])
{
    snprintf(ret_name, SEMESTER_BYTES + 1, "%04u-%04u/%1u", (unsigned)semester.year % 10000,
             (unsigned)(semester.year + 1) % 10000, (unsigned)semester.half % 10);
}

bool semester_next(struct semester semester, struct semester *ret_semester)
{
    if (semester.half == 2 && semester.year == LAST_YEAR)
        return false;
    *ret_semester = semester.half == 1 ? (struct semester){semester.year, 2}
                                       : (struct semester){semester.year + 1, 1};
    return true;
}

bool semester_previous(struct semester semester, struct semester *ret_semester)
{
    if (semester.half == 1 && semester.year == FIRST_YEAR)
        return false;
    *ret_semester = semester.half == 2 ? (struct semester){semester.year, 1}
                                       : (struct semester){semester.year - 1, 2};
    return true;
}

struct semester semester_of_day(int year, int month)
{
    if (month >= 9)
        return (struct semester){year, 1};
    return (struct semester){year - 1, month == 1 ? 1 : 2};
}

enum status semester_check(const semester_v1_semester *given, struct fault *fault)
{
    struct semester parsed;
    if (!semester_parse(given->id, &parsed))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "semester.id",
                         "a semester is written like 2024-2025/1, autumn, or 2024-2025/2, spring");
    if (given->season < SEMESTER_V1_SEASON_OFFSEASON ||
        given->season > SEMESTER_V1_SEASON_EVALUATION)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "semester.season",
                         "season is OFFSEASON, APPLICATION or EVALUATION");
    return STATUS_OK;
}

#define ACTION(name) [SEMESTER_V1_SEASON_ACTION_##name]

/* In the order of pek.semester.v1.Season; testdata/seasons.txt has the same as words. */
static const enum season_rule rules[][3] = {
    ACTION(VIEW_EVALUATION) = {SEASON_YES, SEASON_YES, SEASON_YES},
    ACTION(EDIT_EVALUATION) = {SEASON_NO, SEASON_UNTIL_SUBMITTED, SEASON_UNTIL_SUBMITTED},
    ACTION(CORRECT_EVALUATION) = {SEASON_NO, SEASON_NO, SEASON_UNTIL_ACCEPTED},
    ACTION(SUBMIT) = {SEASON_NO, SEASON_YES, SEASON_YES},
    ACTION(CANCEL) = {SEASON_NO, SEASON_YES, SEASON_NO},
    ACTION(JUDGE) = {SEASON_NO, SEASON_NO, SEASON_YES},
    ACTION(VIEW_JUDGEMENTS) = {SEASON_NO, SEASON_YES, SEASON_YES},
    ACTION(COMMENT) = {SEASON_NO, SEASON_YES, SEASON_YES},
    ACTION(DISCUSS) = {SEASON_NO, SEASON_YES, SEASON_YES},
    ACTION(REVIEW_ENTRIES) = {SEASON_NO, SEASON_YES, SEASON_YES},
    ACTION(EXPORT) = {SEASON_YES, SEASON_NO, SEASON_NO},
};

enum season_rule season_rule(semester_v1_season season, semester_v1_season_action action)
{
    size_t row = (size_t)action, column = (size_t)season - SEMESTER_V1_SEASON_OFFSEASON;
    if (row >= sizeof(rules) / sizeof(rules[0]) || column >= 3)
        return SEASON_NO;
    return rules[row][column];
}
