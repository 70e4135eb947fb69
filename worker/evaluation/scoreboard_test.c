#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/evaluation/scoreboard.h"

#define NONE EVALUATION_V1_EVALUATION_STATUS_UNSPECIFIED
#define OPEN EVALUATION_V1_EVALUATION_STATUS_NOT_SUBMITTED
#define SUBMITTED EVALUATION_V1_EVALUATION_STATUS_SUBMITTED
#define ACCEPTED EVALUATION_V1_EVALUATION_STATUS_ACCEPTED
#define REJECTED EVALUATION_V1_EVALUATION_STATUS_REJECTED

static struct fault fault;

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

static evaluation_v1_scoreboard board(evaluation_v1_evaluation_status points,
                                      evaluation_v1_evaluation_status entries)
{
    evaluation_v1_scoreboard scoreboard = EVALUATION_V1_SCOREBOARD_INIT;
    scoreboard.semester = text("2024-2025/1");
    scoreboard.point_status = points;
    scoreboard.entry_status = entries;
    return scoreboard;
}

/* ---- when ---- */

static void season_semester_and_status_say_when(void **state)
{
    struct scoreboard_now now = {.semester = "2024-2025/1", .parent_id = "o@o"};
    evaluation_v1_scoreboard open = board(OPEN, OPEN), sent = board(SUBMITTED, OPEN),
                             done = board(ACCEPTED, OPEN), old = board(OPEN, OPEN);
    (void)state;
    static const struct {
        semester_v1_season season;
        semester_v1_season_action action;
        bool open, sent, done;
    } rows[] = {
        {1, SEMESTER_V1_SEASON_ACTION_EDIT_EVALUATION, false, false, false},
        {2, SEMESTER_V1_SEASON_ACTION_EDIT_EVALUATION, true, false, false},
        {3, SEMESTER_V1_SEASON_ACTION_EDIT_EVALUATION, true, false, false},
        {2, SEMESTER_V1_SEASON_ACTION_CORRECT_EVALUATION, false, false, false},
        {3, SEMESTER_V1_SEASON_ACTION_CORRECT_EVALUATION, true, true, false},
        {2, SEMESTER_V1_SEASON_ACTION_CANCEL, true, true, true},
        {3, SEMESTER_V1_SEASON_ACTION_CANCEL, false, false, false},
        {2, SEMESTER_V1_SEASON_ACTION_JUDGE, false, false, false},
        {3, SEMESTER_V1_SEASON_ACTION_JUDGE, true, true, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        now.season = rows[i].season;
        if ((scoreboard_check(&now, &open, rows[i].action, &fault) == STATUS_OK) != rows[i].open ||
            (scoreboard_check(&now, &sent, rows[i].action, &fault) == STATUS_OK) != rows[i].sent ||
            (scoreboard_check(&now, &done, rows[i].action, &fault) == STATUS_OK) != rows[i].done)
            fail_msg("row %zu", i);
    }
    old.semester = text("2023-2024/2");
    assert_int_equal(scoreboard_check(&now, &old, SEMESTER_V1_SEASON_ACTION_JUDGE, &fault),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(fault.reason, SCOREBOARD_REASON_PAST);
    now.group_is_archived = true;
    assert_int_equal(scoreboard_check(&now, &open, SEMESTER_V1_SEASON_ACTION_JUDGE, &fault),
                     STATUS_FAILED_PRECONDITION);
}

/* ---- statuses ---- */

static void what_is_open_or_rejected_is_submitted(void **state)
{
    evaluation_v1_scoreboard b = board(OPEN, ACCEPTED);
    (void)state;
    assert_int_equal(scoreboard_submit(&b, &fault), STATUS_OK);
    assert_int_equal(b.point_status, SUBMITTED);
    assert_int_equal(b.entry_status, ACCEPTED);
    assert_int_equal(scoreboard_submit(&b, &fault), STATUS_ABORTED);
    assert_int_equal(scoreboard_cancel(&b, &fault), STATUS_OK);
    assert_int_equal(b.point_status, OPEN);
    assert_int_equal(scoreboard_cancel(&b, &fault), STATUS_ABORTED);
    b = board(REJECTED, REJECTED);
    assert_int_equal(scoreboard_submit(&b, &fault), STATUS_OK);
    assert_int_equal(b.entry_status, SUBMITTED);
}

static void judging_is_of_what_was_submitted_and_changes(void **state)
{
    (void)state;
    static const struct {
        evaluation_v1_evaluation_status points, entries, to_points, to_entries;
        bool god, needs_accept;
        enum status status;
    } rows[] = {
        {SUBMITTED, SUBMITTED, REJECTED, NONE, false, false, STATUS_OK},
        {SUBMITTED, SUBMITTED, ACCEPTED, REJECTED, false, true, STATUS_OK},
        {ACCEPTED, SUBMITTED, REJECTED, NONE, false, true, STATUS_OK},
        {ACCEPTED, SUBMITTED, ACCEPTED, REJECTED, false, false, STATUS_OK},
        {SUBMITTED, SUBMITTED, NONE, NONE, false, false, STATUS_ABORTED},
        {ACCEPTED, ACCEPTED, ACCEPTED, ACCEPTED, false, false, STATUS_ABORTED},
        {OPEN, OPEN, ACCEPTED, NONE, false, false, STATUS_ABORTED},
        {OPEN, OPEN, ACCEPTED, NONE, true, true, STATUS_OK},
        {SUBMITTED, OPEN, REJECTED, REJECTED, false, false, STATUS_ABORTED},
        {SUBMITTED, SUBMITTED, SUBMITTED, NONE, false, false, STATUS_INVALID_ARGUMENT},
        {SUBMITTED, SUBMITTED, OPEN, NONE, true, false, STATUS_INVALID_ARGUMENT},
        {SUBMITTED, SUBMITTED, 9, NONE, true, false, STATUS_INVALID_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        evaluation_v1_scoreboard b = board(rows[i].points, rows[i].entries);
        struct scoreboard_judgement judgement = {rows[i].to_points, rows[i].to_entries, false};
        enum status status = scoreboard_judge(&b, rows[i].god, &judgement, &fault);
        if (status != rows[i].status ||
            (status == STATUS_OK && judgement.needs_accept != rows[i].needs_accept))
            fail_msg("row %zu", i);
    }
}

/* ---- points ---- */

static evaluation_v1_guideline guidelines[2];
static evaluation_v1_guideline *two[] = {&guidelines[0], &guidelines[1]};

static evaluation_v1_scoreboard with_guidelines(void)
{
    evaluation_v1_scoreboard b = board(OPEN, OPEN);
    for (int i = 0; i < 2; i++) {
        guidelines[i] = (evaluation_v1_guideline)EVALUATION_V1_GUIDELINE_INIT;
        guidelines[i].id = text(i ? "2" : "1");
        guidelines[i].name = text(i ? "Vezetés" : "Munka");
        guidelines[i].category = (evaluation_v1_point_category)(i + 1);
        guidelines[i].max_per_member = 40;
    }
    b.guidelines = two;
    b.n_guidelines = 2;
    return b;
}

static enum status take(const char *user, const char *guideline, int32_t points, bool clamp,
                        size_t times, int32_t *ret_points)
{
    evaluation_v1_scoreboard b = with_guidelines();
    evaluation_v1_point_of_member cells[2];
    evaluation_v1_point_of_member *list[2];
    evaluation_v1_batch_set_points_request req = EVALUATION_V1_BATCH_SET_POINTS_REQUEST_INIT;
    struct arena arena;
    arena_init(&arena, 65536);
    for (size_t i = 0; i < times; i++) {
        cells[i] = (evaluation_v1_point_of_member)EVALUATION_V1_POINT_OF_MEMBER_INIT;
        cells[i].user_id = text(user);
        cells[i].guideline_id = text(guideline);
        cells[i].points = points;
        list[i] = &cells[i];
    }
    req.points = list;
    req.n_points = times;
    req.clamp = clamp;
    enum status status = scoreboard_take_points(&b, &req, &arena, &fault);
    if (ret_points && times)
        *ret_points = cells[0].points;
    arena_done(&arena);
    return status;
}

static void points_are_clamped_or_refused(void **state)
{
    int32_t points;
    (void)state;
    assert_int_equal(take("dan", "1", 40, false, 1, &points), STATUS_OK);
    assert_int_equal(points, 40);
    assert_int_equal(take("dan", "1", 41, false, 1, NULL), STATUS_FAILED_PRECONDITION);
    assert_string_equal(fault.field, "points[0].points");
    assert_int_equal(take("dan", "1", -1, false, 1, NULL), STATUS_FAILED_PRECONDITION);
    assert_int_equal(take("dan", "1", 140, true, 1, &points), STATUS_OK);
    assert_int_equal(points, 40);
    assert_int_equal(take("dan", "1", -5000, true, 1, &points), STATUS_OK);
    assert_int_equal(points, 0);
    assert_int_equal(take("dan", "3", 1, true, 1, NULL), STATUS_NOT_FOUND);
    assert_string_equal(fault.field, "points[0].guideline_id");
    assert_int_equal(take("dan", "1", 1, true, 2, NULL), STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "points[1]");
    assert_int_equal(take("", "1", 1, true, 1, NULL), STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "points[0].user_id");
    assert_int_equal(take("Dan", "1", 1, true, 1, NULL), STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "points[0].user_id");
    assert_int_equal(take("dan", "", 1, true, 1, NULL), STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "points[0].guideline_id");
    assert_int_equal(take("dan", "1", 1, true, 0, NULL), STATUS_INVALID_ARGUMENT);
}

/* Of many that were named before it is the first of the request. */
static void what_is_named_twice_is_said_by_its_place(void **state)
{
    const struct scoreboard_named cells[] = {{"eve", "2"}, {"dan", "1"}, {"eve", "1"},
                                             {"dan", "2"}, {"eve", "1"}, {"eve", "1"}};
    const struct scoreboard_named people[] = {{"eve", NULL}, {"dan", NULL}, {"eve", NULL}};
    struct arena arena;
    (void)state;
    arena_init(&arena, 65536);
    assert_int_equal(scoreboard_check_named(cells, 4, "cells", &arena, &fault), STATUS_OK);
    assert_int_equal(scoreboard_check_named(cells, 6, "cells", &arena, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "cells[4]");
    assert_string_equal(fault.text, "this cell of eve was named before");
    assert_int_equal(scoreboard_check_named(people, 2, "entries", &arena, &fault), STATUS_OK);
    assert_int_equal(scoreboard_check_named(people, 3, "entries", &arena, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "entries[2]");
    assert_string_equal(fault.text, "eve was named before");
    arena_done(&arena);
}

/* ---- guidelines ---- */

static void guideline_that_cannot_be_is_named(void **state)
{
    evaluation_v1_update_scoreboard_request req = EVALUATION_V1_UPDATE_SCOREBOARD_REQUEST_INIT;
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 20);
#define REFUSED(change, name)                                                                      \
    do {                                                                                           \
        (void)with_guidelines();                                                                   \
        req.guidelines = two;                                                                      \
        req.n_guidelines = 2;                                                                      \
        change;                                                                                    \
        assert_int_equal(scoreboard_take_written(&req, &arena, &fault), STATUS_INVALID_ARGUMENT);  \
        assert_string_equal(fault.field, name);                                                    \
    } while (0)
    (void)with_guidelines();
    req.guidelines = two;
    req.n_guidelines = 2;
    assert_int_equal(scoreboard_take_written(&req, &arena, &fault), STATUS_OK);
    REFUSED(guidelines[1].name = text(""), "guidelines[1].name");
    REFUSED(guidelines[0].category = 0, "guidelines[0].category");
    REFUSED(guidelines[0].category = 3, "guidelines[0].category");
    REFUSED(guidelines[1].max_per_member = 0, "guidelines[1].max_per_member");
    REFUSED(guidelines[1].max_per_member = 101, "guidelines[1].max_per_member");
    REFUSED(guidelines[1].max_per_guideline = -1, "guidelines[1].max_per_guideline");
    REFUSED(guidelines[1].name = text(" \t"), "guidelines[1].name");
    REFUSED(guidelines[1].name = text("a\x01z"), "guidelines[1].name");
    REFUSED(guidelines[1].description = text("a\x01z"), "guidelines[1].description");
    REFUSED(guidelines[1].id = guidelines[0].id, "guidelines");
    /* Also when they only look alike. */
    REFUSED(guidelines[1].name =
                (char *)(uintptr_t)arena_printf(&arena, "  %s ", guidelines[0].name),
            "guidelines[1].name");
    REFUSED((guidelines[0].name = text("\u00c1rok"), guidelines[1].name = text("a\u0301ROK")),
            "guidelines[1].name");
    assert_string_equal(fault.reason, "NAMED_TWICE");
    arena_done(&arena);
}

static void text_is_stored_without_what_nobody_sees(void **state)
{
    static const char *const refused[] = {"", " ", "\n\t ", "a\x01z", "a\x7f"};
    struct arena arena;
    char *stored = NULL;
    (void)state;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(scoreboard_take_text(refused[i], true, 5, "text", &arena, &stored, &fault),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, "text");
    }
    assert_null(stored);
    assert_int_equal(
        scoreboard_take_text(" \xC3\xA1rv\xC3\xADz ", true, 5, "text", &arena, &stored, &fault),
        STATUS_OK);
    assert_string_equal(stored, "\xC3\xA1rv\xC3\xADz");
    assert_int_equal(scoreboard_take_text("123456", true, 5, "text", &arena, &stored, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(scoreboard_take_text("  ", false, 5, "text", &arena, &stored, &fault),
                     STATUS_OK);
    assert_string_equal(stored, "");
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(season_semester_and_status_say_when),
        cmocka_unit_test(what_is_open_or_rejected_is_submitted),
        cmocka_unit_test(judging_is_of_what_was_submitted_and_changes),
        cmocka_unit_test(points_are_clamped_or_refused),
        cmocka_unit_test(what_is_named_twice_is_said_by_its_place),
        cmocka_unit_test(guideline_that_cannot_be_is_named),
        cmocka_unit_test(text_is_stored_without_what_nobody_sees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
