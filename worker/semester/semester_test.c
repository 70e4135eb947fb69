#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/semester/semester.h"

static const char *named(struct semester semester)
{
    static char name[SEMESTER_BYTES + 1];
    semester_name(semester, name);
    return name;
}

static void a_semester_has_two_years_that_follow(void **state)
{
    static const char *const bad[] = {"",
                                      "2024",
                                      "2024-2025",
                                      "2024-2025/0",
                                      "2024-2025/3",
                                      "2024-2026/1",
                                      "2024-2024/1",
                                      "2024-2023/1",
                                      "2024/2025/1",
                                      "2024-2025-1",
                                      "2024-2025/1 ",
                                      " 2024-2025/1",
                                      "1999-2000/1",
                                      "2099-2100/1",
                                      "20x4-2025/1",
                                      "202420251",
                                      "2024-2025/١"};
    struct semester semester = {7, 7};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (semester_parse(bad[i], &semester))
            fail_msg("'%s' is a semester", bad[i]);
    assert_int_equal(semester.year, 7);
    assert_true(semester_parse("2016-2017/2", &semester));
    assert_int_equal(semester.year, 2016);
    assert_int_equal(semester.half, 2);
    assert_string_equal(named(semester), "2016-2017/2");
}

static void semesters_follow_one_another(void **state)
{
    static const char *const order[] = {"2015-2016/2", "2016-2017/1", "2016-2017/2", "2017-2018/1"};
    struct semester semester, other;
    (void)state;
    for (size_t i = 1; i < sizeof(order) / sizeof(order[0]); i++) {
        assert_true(semester_parse(order[i - 1], &semester));
        assert_true(semester_next(semester, &other));
        assert_string_equal(named(other), order[i]);
        assert_true(semester_previous(other, &semester));
        assert_string_equal(named(semester), order[i - 1]);
        assert_true(strcmp(order[i - 1], order[i]) < 0);
    }
    assert_true(semester_parse("2000-2001/1", &semester));
    assert_false(semester_previous(semester, &other));
    assert_true(semester_parse("2098-2099/2", &semester));
    assert_false(semester_next(semester, &other));
}

static void a_day_is_in_the_calendars_semester(void **state)
{
    (void)state;
    assert_string_equal(named(semester_of_day(2020, 1)), "2019-2020/1");
    assert_string_equal(named(semester_of_day(2019, 9)), "2019-2020/1");
    assert_string_equal(named(semester_of_day(2019, 12)), "2019-2020/1");
    assert_string_equal(named(semester_of_day(2020, 2)), "2019-2020/2");
    assert_string_equal(named(semester_of_day(2019, 8)), "2018-2019/2");
    assert_string_equal(named(semester_of_day(2020, 8)), "2019-2020/2");
    assert_string_equal(named(semester_of_day(2020, 9)), "2020-2021/1");
}

/* Cell by cell, of a table that people read. */
static void seasons_are_for_what_the_table_says(void **state)
{
    static const char *const words[] = {"no", "yes", "until-submitted", "until-accepted"};
    char line[200], action[40], rules[3][40];
    size_t rows = 0;
    (void)state;
    FILE *file = fopen("worker/semester/testdata/seasons.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%39s %39s %39s %39s", action, rules[0], rules[1], rules[2]),
                         4);
        const ProtobufCEnumDescriptor *actions = &pek__semester__v1__season_action__descriptor;
        char name[80];
        snprintf(name, sizeof(name), "SEASON_ACTION_%s", action);
        const ProtobufCEnumValue *value =
            protobuf_c_enum_descriptor_get_value_by_name(actions, name);
        if (!value)
            fail_msg("there is no action %s", action);
        for (int i = 0; i < 3; i++)
            if (strcmp(words[season_rule((semester_v1_season)(i + 1),
                                         (semester_v1_season_action)value->value)],
                       rules[i]) != 0)
                fail_msg("%s in season %d", action, i + 1);
        rows++;
    }
    fclose(file);
    assert_int_equal(rows, 11);
    assert_int_equal(season_rule(SEMESTER_V1_SEASON_UNSPECIFIED, 1), SEASON_NO);
    assert_int_equal(season_rule(SEMESTER_V1_SEASON_EVALUATION, 12), SEASON_NO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_semester_has_two_years_that_follow),
        cmocka_unit_test(semesters_follow_one_another),
        cmocka_unit_test(a_day_is_in_the_calendars_semester),
        cmocka_unit_test(seasons_are_for_what_the_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
