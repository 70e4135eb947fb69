#include "worker/evaluation/points_csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;
static struct fault fault;

static evaluation_v1_scoreboard *board(void)
{
    static evaluation_v1_guideline guidelines[2];
    static evaluation_v1_guideline *list[2] = {&guidelines[0], &guidelines[1]};
    static evaluation_v1_scoreboard scoreboard;
    static char ids[2][3] = {"11", "12"}, work[] = "Munka, ami van", duty[] = "Felelősség",
                description[] = "as it was";
    scoreboard = (evaluation_v1_scoreboard)EVALUATION_V1_SCOREBOARD_INIT;
    for (int i = 0; i < 2; i++) {
        guidelines[i] = (evaluation_v1_guideline)EVALUATION_V1_GUIDELINE_INIT;
        guidelines[i].id = i ? ids[1] : ids[0];
        guidelines[i].name = i ? duty : work;
        guidelines[i].category = (evaluation_v1_point_category)(i + 1);
        guidelines[i].max_per_member = 30;
        guidelines[i].description = description;
    }
    scoreboard.guidelines = list;
    scoreboard.n_guidelines = 2;
    return &scoreboard;
}

static enum status read_guidelines(const char *text, evaluation_v1_guideline ***ret_guidelines,
                                   size_t *ret_count)
{
    fault = (struct fault){0};
    return points_csv_read_guidelines(slice_str(text), board(), &arena, ret_guidelines, ret_count,
                                      &fault);
}

static void guidelines_are_changed_by_name_and_added(void **state)
{
    evaluation_v1_guideline **given;
    size_t count;
    (void)state;
    assert_int_equal(read_guidelines("maxPerMember,name,category\n5,Felelősség,WORK\n"
                                     "20,Új,RESPONSIBILITY\n",
                                     &given, &count),
                     STATUS_OK);
    assert_int_equal(count, 3);
    assert_string_equal(given[0]->id, "11");
    assert_int_equal(given[0]->max_per_member, 30);
    assert_string_equal(given[1]->id, "12");
    assert_int_equal(given[1]->max_per_member, 5);
    assert_int_equal(given[1]->category, EVALUATION_V1_POINT_CATEGORY_WORK);
    assert_string_equal(given[1]->description, "as it was");
    assert_string_equal(given[2]->id, "");
    assert_string_equal(given[2]->name, "Új");
    assert_int_equal(read_guidelines("name,category,maxPerMember,description,maxPerGuideline\n"
                                     "Felelősség,WORK,5,\"two\nlines\",100\n",
                                     &given, &count),
                     STATUS_OK);
    assert_string_equal(given[1]->description, "two\nlines");
    assert_int_equal(given[1]->max_per_guideline, 100);
}

/* Composed or not, in any case and with any white space; a column that is there and empty says none. */
static void guidelines_are_found_as_people_write_them(void **state)
{
    static const char *const files[] = {
        "name,category,maxPerMember,maxPerGuideline\nFelelo\u030bsse\u0301g,WORK,5,\n",
        (" Name ; CATEGORY ; maxpermember;MaxPerGuideline;;\r\n;;;;;\r\n felelősség\u00a0;work; 5 "
         ";;;\r\n ; ;;;;\r\n"),
        "sep=\t\rname\tcategory\tmaxPerMember\tmaxPerGuideline\rFELELŐSSÉG \tWork\t5\t\r",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        evaluation_v1_guideline **given;
        size_t count;
        evaluation_v1_scoreboard *scoreboard = board();
        scoreboard->guidelines[1]->max_per_guideline = 70;
        assert_int_equal(points_csv_read_guidelines(slice_str(files[i]), scoreboard, &arena, &given,
                                                    &count, &fault),
                         STATUS_OK);
        assert_int_equal(count, 2);
        assert_string_equal(given[1]->id, "12");
        assert_string_equal(given[1]->name, "Felelősség");
        assert_int_equal(given[1]->category, EVALUATION_V1_POINT_CATEGORY_WORK);
        assert_int_equal(given[1]->max_per_member, 5);
        assert_int_equal(given[1]->max_per_guideline, 0);
        assert_string_equal(given[1]->description, "as it was");
    }
}

static void mistakes_in_guidelines_name_their_line(void **state)
{
    static const char *const cases[][2] = {
        {"", "line 1: there is no column name"},
        {"name,category\n", "line 1: there is no column maxPerMember"},
        {"name|category|maxPerMember\n",
         "line 1: 'name|category|maxPerMember': columns are name, category, "
         "maxPerMember, description and maxPerGuideline, with commas, semicolons or tabs between "
         "them"},
        {"name,category,maxPerMember\nx,WORK,3,4\n",
         "line 2: '4': there is no column for this cell"},
        {"name,name,category,maxPerMember\n", "line 1: 'name': this column is there twice"},
        {"name,category,maxPerMember\n\nx,PLAY,3\n",
         "line 3: 'PLAY': a category is WORK or RESPONSIBILITY"},
        {"name,category,maxPerMember\nx,WORK,3.5\n", "line 2: '3.5': maxPerMember is a number"},
        {"name,category,maxPerMember\nx,WORK\n", "line 2: '': maxPerMember is a number"},
        {"name,category,maxPerMember\nx,WORK,500\n",
         "line 2: max_per_member: one member gets 1 to 100 points"},
        {"name,category,maxPerMember\nÚj,WORK,5\ny,WORK,5\n u\u0301J,WORK,6\n",
         "line 4: the same guideline as in line 2"},
        {"name,category,maxPerMember\nFelelősség,WORK,5\nfelelo\u030bsse\u0301g,WORK,6\n",
         "line 3: the same guideline as in line 2"},
        {"name,category,maxPerMember\n,WORK,5\n", "line 2: '': must not be empty"},
        {"name,category,maxPerMember\na\u200bb,WORK,5\n",
         "line 2: 'a\u200bb': holds a character of kind invisible: U+200B"},
        {"sep=;\r\nname;category;maxPerMember\r\nx;PLAY;3\r\n",
         "line 3: 'PLAY': a category is WORK or RESPONSIBILITY"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        evaluation_v1_guideline **given;
        size_t count;
        assert_int_equal(read_guidelines(cases[i][0], &given, &count), STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.text, cases[i][1]);
        assert_string_equal(fault.field, "guidelines_csv");
    }
    evaluation_v1_scoreboard *twice = board();
    twice->guidelines[1]->name = twice->guidelines[0]->name;
    evaluation_v1_guideline **given;
    size_t count;
    assert_int_equal(points_csv_read_guidelines(
                         SLICE_LIT("name,category,maxPerMember\n\"Munka, ami van\",WORK,3\n"),
                         twice, &arena, &given, &count, &fault),
                     STATUS_INVALID_ARGUMENT);
}

static void points_are_taken_but_for_empty_cells_and_who_is_not_found(void **state)
{
    struct points_csv_row *rows;
    size_t count;
    char dan[] = "dan", eve[] = "eve", *users[] = {dan, NULL, eve};
    evaluation_v1_batch_set_points_request points = EVALUATION_V1_BATCH_SET_POINTS_REQUEST_INIT;
    (void)state;
    fault = (struct fault){0};
    assert_int_equal(points_csv_read(SLICE_LIT("\xEF\xBB\xBFtag,Felelősség,\"Munka, ami van\"\r\n"
                                               "dan,3,30\r\nwho,1,1\r\n\"Kis, Éva\",,7\r\n"),
                                     board(), &arena, &rows, &count, &fault),
                     STATUS_OK);
    assert_int_equal(count, 3);
    assert_int_equal(rows[1].line, 3);
    assert_true(slice_equal_str(rows[2].member, "Kis, Éva"));
    assert_int_equal(points_csv_take(rows, count, users, &arena, &points, &fault), STATUS_OK);
    assert_int_equal(points.n_points, 3);
    assert_string_equal(points.points[0]->guideline_id, "12");
    assert_int_equal(points.points[0]->points, 3);
    assert_string_equal(points.points[1]->guideline_id, "11");
    assert_string_equal(points.points[2]->user_id, "eve");
    assert_int_equal(points.points[2]->points, 7);
    users[2] = dan;
    assert_int_equal(points_csv_take(rows, count, users, &arena, &points, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.text, "line 4: the same member as in line 2");
}

static void points_are_found_as_people_write_them(void **state)
{
    static const char *const files[] = {
        "Név, Munka, Felelősség\nkis e\u0301va , , 5\n",
        "Név;;FELELO\u030bSSE\u0301G ;;\r\n;;;;\r\n  KIS \u00a0 ÉVA;;5;;\r\n;;;;\r\n",
        "\r\nNév\tMunka, ami  van\tfelelősség\t\r\nKis Éva\t\t5\t\r\n",
        "sep=;\nNév;Felelősség\nKis Éva;5\n",
        "Név;Felelősség\rKis Éva;5\r",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct points_csv_row *rows;
        size_t count;
        char munka[] = "Munka";
        evaluation_v1_scoreboard *scoreboard = board();
        if (i == 0)
            scoreboard->guidelines[0]->name = munka;
        fault = (struct fault){0};
        assert_int_equal(
            points_csv_read(slice_str(files[i]), scoreboard, &arena, &rows, &count, &fault),
            STATUS_OK);
        assert_int_equal(count, 1);
        assert_true(slice_equal_str(rows[0].key, "kis éva"));
        assert_int_equal(rows[0].cell_count, 1);
        assert_string_equal(rows[0].cells[0]->guideline_id, "12");
        assert_int_equal(rows[0].cells[0]->points, 5);
    }
}

static void mistakes_in_points_name_their_line(void **state)
{
    static const char *const cases[][2] = {
        {"m,Nincs\n", "line 1: 'Nincs': no guideline has this name"},
        {"m,Felelősség,Felelősség\n", "line 1: 'Felelősség': this column is there twice"},
        {"m,Felelősség\ndan,31\n", "line 2: Felelősség gives 0 to 30 points, not 31"},
        {"m,Felelősség\ndan,-1\n", "line 2: Felelősség gives 0 to 30 points, not -1"},
        {"m,Felelősség\ndan,sok\n", "line 2: 'sok': points are a whole number"},
        {"m,Felelősség\ndan,1234567890\n", "line 2: '1234567890': points are a whole number"},
        {"m,Felelősség\ndan,1,2\n", "line 2: '2': there is no guideline for this cell"},
        {"m,Felelősség\n,1\n", "line 2: '': a row begins with the member"},
        {"m,Felelősség\n\xc2\xa0,1\n", "line 2: '': a row begins with the member"},
        {"m,,Felelősség\ndan,1,\n", "line 2: '1': there is no guideline for this cell"},
        {"m,Felelősség,felelo\u030bsség\n",
         "line 1: 'felelo\u030bsség': this column is there twice"},
        {"m|Felelősség\ndan|5\n",
         "line 1: 'm|Felelősség': behind the first cell are guidelines' names, with commas, "
         "semicolons or tabs between them"},
        {"\n;;\n", "line 3: '': behind the first cell are guidelines' names, with commas, "
                   "semicolons or tabs between them"},
        {"m;Felelősség\rdan;5\reve;x\r", "line 3: 'x': points are a whole number"},
        {"m,Felelősség\nd\u200ban,5\n",
         "line 2: 'd\u200ban': holds a character of kind invisible: U+200B"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct points_csv_row *rows;
        size_t count;
        fault = (struct fault){0};
        assert_int_equal(
            points_csv_read(slice_str(cases[i][0]), board(), &arena, &rows, &count, &fault),
            STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.text, cases[i][1]);
        assert_string_equal(fault.field, "points_csv");
    }
}

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, 4 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guidelines_are_changed_by_name_and_added),
        cmocka_unit_test(guidelines_are_found_as_people_write_them),
        cmocka_unit_test(mistakes_in_guidelines_name_their_line),
        cmocka_unit_test(points_are_taken_but_for_empty_cells_and_who_is_not_found),
        cmocka_unit_test(points_are_found_as_people_write_them),
        cmocka_unit_test(mistakes_in_points_name_their_line),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
