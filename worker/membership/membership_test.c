#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/membership/membership.h"

/* The state after a step in an open group as a digit; a for ABORTED, e ALREADY_EXISTS, f FAILED_PRECONDITION. */
static char after(enum membership_step step, struct membership_group group,
                  enum membership_status status, enum membership_status before)
{
    struct fault fault = {0};
    enum membership_status to = MEMBERSHIP_NONE;
    const struct membership_state state = {status, before, false};
    switch (membership_take(step, &group, &state, "user_id", &to, &fault)) {
    case STATUS_OK: return (char)('0' + to);
    case STATUS_ABORTED: return 'a';
    case STATUS_ALREADY_EXISTS: return 'e';
    case STATUS_FAILED_PRECONDITION: return 'f';
    default: return '?';
    }
}

static void check_table(const char *const table[MEMBERSHIP_STEPS], struct membership_group group)
{
    /* From none, applied, newbie, active, former, and archived from active. */
    for (unsigned step = 0; step < MEMBERSHIP_STEPS; step++)
        for (unsigned status = 0; status <= MEMBERSHIP_ARCHIVED; status++) {
            enum membership_status before =
                status == MEMBERSHIP_ARCHIVED ? MEMBERSHIP_ACTIVE : MEMBERSHIP_NONE;
            assert_int_equal(
                after((enum membership_step)step, group, (enum membership_status)status, before),
                table[step][status]);
        }
}

static void every_step_begins_where_it_may(void **state)
{
    static const char *const table[MEMBERSHIP_STEPS] = {
        [MEMBERSHIP_APPLY] = "1eeee1",      [MEMBERSHIP_ACCEPT] = "a2aaaa",
        [MEMBERSHIP_REJECT] = "a0aaaa",     [MEMBERSHIP_PROMOTE] = "aa3aaa",
        [MEMBERSHIP_INACTIVATE] = "aa44aa", [MEMBERSHIP_REACTIVATE] = "aaaa3a",
        [MEMBERSHIP_ARCHIVE] = "a5555a",    [MEMBERSHIP_UNARCHIVE] = "aaaaa3",
        [MEMBERSHIP_ADD] = "2eeee2",        [MEMBERSHIP_LEAVE] = "aa55aa",
    };
    (void)state;
    check_table(table, (struct membership_group){.users_can_apply = true});
}

static void archived_group_only_lets_go(void **state)
{
    static const char *const table[MEMBERSHIP_STEPS] = {
        [MEMBERSHIP_APPLY] = "ffffff",      [MEMBERSHIP_ACCEPT] = "ffffff",
        [MEMBERSHIP_REJECT] = "a0aaaa",     [MEMBERSHIP_PROMOTE] = "ffffff",
        [MEMBERSHIP_INACTIVATE] = "ffffff", [MEMBERSHIP_REACTIVATE] = "ffffff",
        [MEMBERSHIP_ARCHIVE] = "a5555a",    [MEMBERSHIP_UNARCHIVE] = "ffffff",
        [MEMBERSHIP_ADD] = "ffffff",        [MEMBERSHIP_LEAVE] = "aa55aa",
    };
    (void)state;
    check_table(table, (struct membership_group){true, true});
}

static void closed_group_takes_no_applications_but_managers_add(void **state)
{
    const struct membership_group closed = {false, false};
    (void)state;
    /* Asked first: also of a member. */
    for (unsigned status = 0; status <= MEMBERSHIP_ARCHIVED; status++)
        assert_int_equal(
            after(MEMBERSHIP_APPLY, closed, (enum membership_status)status, MEMBERSHIP_NONE), 'f');
    assert_int_equal(after(MEMBERSHIP_ADD, closed, MEMBERSHIP_NONE, MEMBERSHIP_NONE), '2');
    assert_int_equal(after(MEMBERSHIP_ACCEPT, closed, MEMBERSHIP_APPLIED, MEMBERSHIP_NONE), '2');
}

static void unarchived_is_what_was_archived(void **state)
{
    const struct membership_group open = {false, true};
    (void)state;
    for (unsigned before = MEMBERSHIP_APPLIED; before <= MEMBERSHIP_FORMER; before++)
        assert_int_equal(
            after(MEMBERSHIP_UNARCHIVE, open, MEMBERSHIP_ARCHIVED, (enum membership_status)before),
            (int)('0' + before));
}

static void rejected_application_of_an_archived_member_leaves_them_archived(void **state)
{
    const struct membership_group open = {false, true};
    (void)state;
    assert_int_equal(after(MEMBERSHIP_REJECT, open, MEMBERSHIP_APPLIED, MEMBERSHIP_ARCHIVED), '5');
}

/* ---- days ---- */

#define NOW 1000
#define NEVER MEMBERSHIP_OPEN

/* "A0 N10 C20" : a period of each state from then on: A applied, N newcomer, C active, F former, X archived. */
static struct membership_periods parse(const char *text, struct membership_period *periods)
{
    static const char letters[] = "-ANCFX";
    struct membership_periods list = {periods, 0};
    while (*text) {
        char *end;
        const char *letter = strchr(letters, *text++);
        assert_non_null(letter);
        periods[list.count] = (struct membership_period){(enum membership_status)(letter - letters),
                                                         strtol(text, &end, 10), NEVER, "x"};
        if (list.count > 0)
            periods[list.count - 1].end_us = periods[list.count].begin_us;
        list.count++;
        text = *end == ' ' ? end + 1 : end;
    }
    return list;
}

static void assert_periods(const struct membership_periods *list, const char *expected)
{
    struct membership_period periods[8];
    struct membership_periods other = parse(expected, periods);
    assert_int_equal(list->count, other.count);
    for (size_t i = 0; i < list->count; i++) {
        assert_int_equal(list->periods[i].status, other.periods[i].status);
        assert_int_equal(list->periods[i].begin_us, other.periods[i].begin_us);
        assert_int_equal(list->periods[i].end_us, other.periods[i].end_us);
    }
}

/* NULL expected: refused on the field, or ABORTED where there is none. */
static void begin_becomes(const char *before, int64_t begin, const char *expected,
                          enum status refusal)
{
    struct membership_period periods[8];
    struct membership_periods list = parse(before, periods);
    struct fault fault = {0};
    assert_int_equal(membership_set_begin(&list, NOW, begin, &fault), refusal);
    if (expected)
        assert_periods(&list, expected);
}

static void begin_is_corrected_as_far_as_the_membership_before(void **state)
{
    (void)state;
    begin_becomes("A100 C200", 150, "A100 C150", STATUS_OK);
    /* The application was then on the day itself. */
    begin_becomes("A100 C200", 50, "A50 C50", STATUS_OK);
    begin_becomes("C200", 50, "C50", STATUS_OK);
    begin_becomes("N100 C200", 50, "N50 C200", STATUS_OK);
    begin_becomes("N100 C200", 150, "N150 C200", STATUS_OK);
    begin_becomes("N100 C200", 200, "N200 C200", STATUS_OK);
    begin_becomes("N100 C200", 250, NULL, STATUS_INVALID_ARGUMENT);
    begin_becomes("C200", NOW + 1, NULL, STATUS_INVALID_ARGUMENT);
    /* Back after a gap: the first membership keeps its days. */
    begin_becomes("C100 X200 C300", 250, "C100 X200 C250", STATUS_OK);
    begin_becomes("C100 X200 C300", 200, "C100 X200 C200", STATUS_OK);
    begin_becomes("C100 X200 C300", 199, NULL, STATUS_INVALID_ARGUMENT);
    begin_becomes("C100 X200 A250 C300", 210, "C100 X200 A210 C210", STATUS_OK);
    begin_becomes("C100 F300", 50, "C50 F300", STATUS_OK);
    begin_becomes("A100", 50, NULL, STATUS_ABORTED);
    begin_becomes("C100 X200", 50, NULL, STATUS_ABORTED);
}

static void end_becomes(const char *before, int64_t end, const char *expected, enum status refusal)
{
    struct membership_period periods[8];
    struct membership_periods list = parse(before, periods);
    struct fault fault = {0};
    assert_int_equal(membership_set_end(&list, NOW, end, MEMBERSHIP_NONE, "x", &fault), refusal);
    if (expected)
        assert_periods(&list, expected);
}

static void end_is_at_once_or_planned_or_corrected(void **state)
{
    (void)state;
    end_becomes("C100", 500, "C100 X500", STATUS_OK);
    end_becomes("C100", 2000, "C100 X2000", STATUS_OK);
    /* Begin and end on one day is a membership; an end before the beginning is none. */
    end_becomes("C100", 100, "C100 X100", STATUS_OK);
    end_becomes("C100", 99, NULL, STATUS_INVALID_ARGUMENT);
    end_becomes("N100 C200", 150, "N100 C150 X150", STATUS_OK);
    end_becomes("N100 C200", 99, NULL, STATUS_INVALID_ARGUMENT);
    /* Another plan, and none. */
    end_becomes("C100 X2000", 3000, "C100 X3000", STATUS_OK);
    end_becomes("C100 F2000", MEMBERSHIP_NO_DAY, "C100", STATUS_OK);
    /* What has ended is corrected, and does not go on thereby. */
    end_becomes("C100 X500", 300, "C100 X300", STATUS_OK);
    end_becomes("C100 F500", 700, "C100 F700", STATUS_OK);
    end_becomes("N100 C200 X500", 150, "N100 C150 X150", STATUS_OK);
    end_becomes("C100 X500", 2000, NULL, STATUS_INVALID_ARGUMENT);
    end_becomes("C100 X500", 99, NULL, STATUS_INVALID_ARGUMENT);
    end_becomes("C100 X500", MEMBERSHIP_NO_DAY, NULL, STATUS_ABORTED);
    end_becomes("A100 X500", 300, NULL, STATUS_ABORTED);
    end_becomes("A100", 300, NULL, STATUS_ABORTED);
}

/* NULL expected: it stays as it is. */
static void follows(const char *before, int64_t former, int64_t end, const char *expected)
{
    struct membership_period periods[8];
    struct membership_periods list = parse(before, periods);
    assert_int_equal(membership_follow(&list, NOW, former, end, "x"), expected != NULL);
    assert_periods(&list, expected ? expected : before);
}

static void end_follows_that_of_the_organisation(void **state)
{
    (void)state;
    follows("C100", NEVER, 2000, "C100 X2000");
    follows("C100", NEVER, 500, "C100 X500");
    follows("C100", NEVER, 50, "C100 X100");
    follows("C100 F3000", NEVER, 2000, "C100 X2000");
    follows("C100 X2000", NEVER, 3000, NULL);
    /* What was on that day goes along, as it is. */
    follows("C100 X2000", 2000, 3000, "C100 X3000");
    follows("C100 F2000", 2000, 1500, "C100 F1500");
    follows("N100 C200 X2000", 2000, 150, "N100 C150 X150");
    follows("C100 X2000", 2000, NEVER, "C100");
    follows("C100 X2000", 2000, 2000, NULL);
    follows("C100 X2000", 2500, NEVER, NULL);
    follows("C100 X2000", 2500, 3000, NULL);
    follows("C100", 2000, NEVER, NULL);
    follows("C100", NEVER, NEVER, NULL);
}

static void day_is_a_day(void **state)
{
    static const char *const bad[] = {"",           "2027",       "2027-1-31",   "2027-02-29",
                                      "2027-13-01", "2027-00-10", "2027-01-00",  "1900-12-31",
                                      "2200-01-01", "2027/01/31", "2027-01-31T", "+027-01-31"};
    struct fault fault = {0};
    (void)state;
    assert_int_equal(membership_check_date("2028-02-29", "end_date", &fault), STATUS_OK);
    assert_int_equal(membership_check_date("1901-01-01", "end_date", &fault), STATUS_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(membership_check_date(bad[i], "end_date", &fault),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, "end_date");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_begins_where_it_may),
        cmocka_unit_test(archived_group_only_lets_go),
        cmocka_unit_test(closed_group_takes_no_applications_but_managers_add),
        cmocka_unit_test(unarchived_is_what_was_archived),
        cmocka_unit_test(rejected_application_of_an_archived_member_leaves_them_archived),
        cmocka_unit_test(begin_is_corrected_as_far_as_the_membership_before),
        cmocka_unit_test(end_is_at_once_or_planned_or_corrected),
        cmocka_unit_test(end_follows_that_of_the_organisation),
        cmocka_unit_test(day_is_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
