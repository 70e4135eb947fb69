/* What points come to: totals, the score of a person, and its history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pek/evaluation/v1/point_rules.rpc.h"
#include "pek/evaluation/v1/score.rpc.h"
#include "pek/semester/v1/semester.rpc.h"
#include "worker/testing/evaluation_world.h"

#define SCORE(method) "/pek.evaluation.v1.ScoreService/" method

static void totals_are_0_or_5_to_50(struct world *w)
{
    static const int rows[][3] = {{0, 0, 0},    {1, 0, 0},    {1, 1, 0},   {3, 0, 5},   {2, 2, 5},
                                  {5, 0, 5},    {6, 0, 6},    {29, 0, 29}, {31, 0, 30}, {0, 25, 20},
                                  {30, 20, 50}, {90, 90, 50}, {4, 20, 24}, {2, 0, 0},   {0, 4, 5}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(
            world_value(w, "SELECT pek.point_total(%d, %d, 30, 20, 50, 5)", rows[i][0], rows[i][1]),
            arena_printf(w->arena, "%d", rows[i][2]));
    /* Half of the least is as near to 0. */
    assert_string_equal(world_value(w, "SELECT pek.point_total(2, 0, 30, 20, 50, 4)"), "0");
    assert_string_equal(world_value(w, "SELECT pek.point_total(40, 40, 40, 40, 60, 60)"), "60");
    assert_string_equal(world_value(w, "SELECT pek.semester_before('2024-2025/2') || ' '"
                                       " || pek.semester_before('2024-2025/1')"),
                        "2024-2025/1 2023-2024/2");
}

static void forget_all(struct world *w)
{
    world_sql(w, "DELETE FROM pek.point; DELETE FROM pek.guideline; DELETE FROM pek.scoreboard;"
                 "DELETE FROM pek.point_history");
}

/* dan, eve and fay are members of o@a, o@b and o@o. */
static void make_people(struct world *w)
{
    static const char *const people[] = {"dan", "eve", "fay"};
    static const char *const groups[] = {"o@a", "o@b", "o@o"};
    make_evaluation(w);
    for (size_t g = 0; g < 3; g++)
        for (size_t i = g > 0 ? 0 : 2; i < 3; i++)
            assert_int_equal(call(w, "alice", "AddMember", groups[g], people[i], "", NULL, NULL),
                             STATUS_OK);
}

static const char *history(struct world *w)
{
    return world_value(w,
                       "SELECT coalesce(string_agg(concat_ws(' ', semester, user_id, score), ', '"
                       " ORDER BY semester, user_id), '') FROM pek.point_history");
}

#define S0 "2023-2024/1"
#define S1 "2023-2024/2"
#define S2 "2024-2025/1"
#define S3 "2024-2025/2"

static void score_is_the_root_of_the_squares_of_two_semesters(struct world *w)
{
    make_people(w);
    give(w, "o@a", S1, 1, ACCEPTED, "dan", 50);
    give(w, "o@a", S2, 1, ACCEPTED, "dan", 50);
    give(w, "o@b", S2, 1, ACCEPTED, "dan", 50); /* sqrt(100² + 50²) */
    give(w, "o@a", S2, 1, ACCEPTED, "eve", 30);
    give(w, "o@b", S2, 1, ACCEPTED, "eve", 40);
    give(w, "o@a", S2, 1, ACCEPTED, "fay", 25);
    set_season(w, S2, JUDGING);
    assert_int_equal(move_season(w, S2, OFF), STATUS_OK);
    assert_string_equal(history(w), S2 " dan 100, " S2 " eve 50, " S2 " fay 25");
    assert_all_holds(w);
    /* Again is the same. */
    assert_int_equal(move_season(w, S2, JUDGING), STATUS_OK);
    assert_int_equal(move_season(w, S2, OFF), STATUS_OK);
    assert_string_equal(history(w), S2 " dan 100, " S2 " eve 50, " S2 " fay 25");
    /* The next semester has this one in it, and not the one before. */
    assert_int_equal(move_season(w, S3, OFF), STATUS_OK);
    assert_string_equal(history(w), S2 " dan 100, " S2 " eve 50, " S2 " fay 25, " S3 " dan 70, " S3
                                       " eve 50, " S3 " fay 25");
    assert_all_holds(w);
    forget_all(w);
    give(w, "o@a", S2, 1, ACCEPTED, "dan", 35);
    give(w, "o@b", S2, 1, ACCEPTED, "dan", 36); /* 50.2 */
    give(w, "o@a", S0, 1, ACCEPTED, "eve", 90);
    give(w, "o@a", S2, 1, ACCEPTED, "fay", 1);
    give(w, "o@o", S1, 1, REJECTED, "eve", 20);
    give(w, "o@o", S2, 1, SUBMITTED, "eve", 20);
    set_season(w, S2, JUDGING);
    assert_int_equal(move_season(w, S2, OFF), STATUS_OK);
    /* Of what was not accepted nothing counts; whoever had points is there, also with 0. */
    assert_string_equal(history(w), S2 " dan 50, " S2 " eve 0, " S2 " fay 0");
    assert_all_holds(w);
}

static void last_accepted_version_counts(struct world *w)
{
    make_people(w);
    give(w, "o@a", S2, 1, ACCEPTED, "dan", 10);
    give(w, "o@a", S2, 2, ACCEPTED, "dan", 20);
    give(w, "o@a", S2, 3, SUBMITTED, "dan", 90);
    set_season(w, S2, JUDGING);
    /* A semester that is left for another is not closed, whatever was accepted in it. */
    assert_int_equal(move_season(w, "2040-2041/1", APPLICATION), STATUS_OK);
    assert_int_equal(move_season(w, S2, APPLICATION), STATUS_OK);
    assert_int_equal(move_season(w, S3, APPLICATION), STATUS_OK);
    assert_string_equal(history(w), "");
    assert_int_equal(move_season(w, S2, OFF), STATUS_OK);
    assert_string_equal(history(w), S2 " dan 20");
    /* One that is opened again, when it is closed again or left, with the one behind it. */
    assert_int_equal(move_season(w, S3, OFF), STATUS_OK);
    assert_int_equal(move_season(w, S2, JUDGING), STATUS_OK);
    give(w, "o@b", S2, 1, ACCEPTED, "dan", 15);
    assert_string_equal(history(w), S2 " dan 20, " S3 " dan 20");
    assert_all_holds(w);
    assert_int_equal(move_season(w, S2, OFF), STATUS_OK);
    assert_string_equal(history(w), S2 " dan 25, " S3 " dan 25");
    assert_all_holds(w);
    assert_int_equal(move_season(w, S2, JUDGING), STATUS_OK);
    give(w, "o@o", S2, 1, ACCEPTED, "dan", 60); /* sqrt(20² + 15² + 60²) */
    assert_int_equal(move_season(w, "2040-2041/1", APPLICATION), STATUS_OK);
    assert_string_equal(history(w), S2 " dan 65, " S3 " dan 65");
    assert_all_holds(w);
}

static void other_rules_are_other_scores(struct world *w)
{
    evaluation_v1_update_point_rules_request req = EVALUATION_V1_UPDATE_POINT_RULES_REQUEST_INIT;
    evaluation_v1_point_rules rules = EVALUATION_V1_POINT_RULES_INIT, *res;
    make_people(w);
    give(w, "o@a", S1, 1, ACCEPTED, "dan", 60);
    give(w, "o@a", S2, 1, ACCEPTED, "eve", 60);
    set_season(w, S1, JUDGING);
    assert_int_equal(move_season(w, S1, OFF), STATUS_OK);
    assert_int_equal(move_season(w, S2, OFF), STATUS_OK);
    assert_string_equal(history(w), S1 " dan 60, " S2 " dan 60, " S2 " eve 60");
    rules.work_max = 30;
    rules.responsibility_max = 20;
    rules.total_max = 50;
    rules.least = 5;
    rules.score_max = 40;
    req.rules = &rules;
    assert_int_equal(WORLD_RPC(w, evaluation_v1, update_point_rules, "alice", req, res), STATUS_OK);
    assert_string_equal(history(w), S1 " dan 60, " S2 " dan 40, " S2 " eve 30");
    assert_all_holds(w);
}

/* ---- what is read ---- */

static const char *score(struct world *w, const char *as, const char *user, const char *semester,
                         const char *field)
{
    evaluation_v1_get_score_request req = EVALUATION_V1_GET_SCORE_REQUEST_INIT;
    req.user_id = text(user);
    req.semester = text(semester);
    return world_items(w, as, SCORE("GetScore"), &req.base, field);
}

static const char *scores(struct world *w, const char *as, const char *user, const char *field)
{
    evaluation_v1_list_point_history_request req = EVALUATION_V1_LIST_POINT_HISTORY_REQUEST_INIT;
    req.user_id = text(user);
    return world_items(w, as, SCORE("ListPointHistory"), &req.base, field);
}

static void score_is_ones_own_to_see_and_of_who_sees_full_profiles(struct world *w)
{
    evaluation_v1_get_score_request req = EVALUATION_V1_GET_SCORE_REQUEST_INIT;
    ProtobufCMessage *items[4];
    size_t count;
    make_people(w);
    give(w, "o@a", S1, 1, ACCEPTED, "dan", 20);
    give(w, "o@a", S2, 1, ACCEPTED, "dan", 22);
    give(w, "o@b", S2, 1, ACCEPTED, "dan", 1);
    give(w, "o@o", S0, 1, ACCEPTED, "dan", 50);
    give(w, "o@b", S2, 1, ACCEPTED, "eve", 7);
    set_season(w, S2, JUDGING);
    assert_string_equal(score(w, "dan", "dan", S2, "group_id"), "o@a o@b");
    assert_string_equal(score(w, "dan", "me", S2, "group_id"), "o@a o@b");
    assert_string_equal(score(w, "alice", "dan", S2, "group_id"), "o@a o@b");
    assert_string_equal(score(w, "eve", "dan", S2, "group_id"), "PERMISSION_DENIED");
    world_grant(w, &w->a, "sees all", "eve", NULL, 1u << 9);
    assert_string_equal(score(w, "eve", "dan", S1, "group_id"), "o@a o@o");
    assert_string_equal(score(w, "dan", "dan", "2024-2025", "group_id"), "INVALID_ARGUMENT");
    assert_string_equal(w->fault.field, "semester");
    assert_string_equal(score(w, "dan", "dan", S3, "semester"), S3 " " S3);
    /* The numbers. */
    req.user_id = text("dan");
    req.semester = text(S2);
    const struct rpc_method *method =
        rpc_host_method(realm_host(w->a.realm), SLICE_LIT(SCORE("GetScore")));
    assert_int_equal(
        world_stream(w, w->a.channel, method, &req.base, WORLD_AS(w, "dan"), items, &count),
        STATUS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(((const evaluation_v1_group_score *)(const void *)items[0])->points, 42);
    assert_int_equal(((const evaluation_v1_group_score *)(const void *)items[1])->points, 0);
    assert_string_equal(scores(w, "dan", "dan", "semester"), "");
    assert_int_equal(move_season(w, S2, OFF), STATUS_OK);
    assert_int_equal(move_season(w, S3, OFF), STATUS_OK);
    assert_string_equal(scores(w, "dan", "dan", "semester"), S3 " " S2);
    assert_string_equal(scores(w, "fay", "dan", "semester"), "PERMISSION_DENIED");
    assert_string_equal(scores(w, "fay", "fay", "semester"), "");
}

/* ---- at once ---- */

#define READERS 12
static struct world *shared_world;
static const char *seen_scores[READERS];

static void read_or_close(struct fiber_run *run, size_t index)
{
    struct world *w = shared_world;
    (void)run;
    if (index == 4) {
        semester_v1_update_semester_request req = SEMESTER_V1_UPDATE_SEMESTER_REQUEST_INIT;
        semester_v1_semester given = SEMESTER_V1_SEMESTER_INIT, *res;
        struct fault fault = {0};
        given.id = text(S2);
        given.season = SEMESTER_V1_SEASON_OFFSEASON;
        req.semester = &given;
        assert_int_equal(semester_v1_update_semester_call(w->a.channel, &req, WORLD_AS(w, "alice"),
                                                          WORLD_REST(w), &res, &fault),
                         STATUS_OK);
        return;
    }
    seen_scores[index] = scores(w, "dan", "dan", "semester");
}

/* Before or after, and never between: the rows of a semester are replaced in one transaction. */
static void readers_never_see_half(struct world *w)
{
    make_people(w);
    give(w, "o@a", S1, 1, ACCEPTED, "dan", 20);
    give(w, "o@a", S2, 1, ACCEPTED, "dan", 20);
    set_season(w, S1, JUDGING);
    assert_int_equal(move_season(w, S1, OFF), STATUS_OK);
    assert_int_equal(move_season(w, S2, OFF), STATUS_OK);
    assert_int_equal(move_season(w, S2, JUDGING), STATUS_OK);
    shared_world = w;
    fiber_run_parallel(w->run, READERS, read_or_close);
    for (size_t i = 0; i < READERS; i++)
        if (i != 4)
            assert_string_equal(seen_scores[i], S2 " " S1);
}

/* ---- the checker ---- */

static void what_does_not_add_up_is_found(struct world *w)
{
    static const char *const wrongs[][2] = {
        {"UPDATE pek.point_history SET score = score - 1", "UPDATE pek.point_history SET score ="
                                                           " score + 1"},
        {"UPDATE pek.guideline SET max_per_member = 10", "UPDATE pek.guideline SET max_per_member"
                                                         " = 100"},
        {"UPDATE pek.guideline SET max_per_guideline = 10", "UPDATE pek.guideline SET"
                                                            " max_per_guideline = 0"},
        {"UPDATE pek.scoreboard SET version = 2", "UPDATE pek.scoreboard SET version = 1"},
    };
    make_people(w);
    give(w, "o@a", S2, 1, ACCEPTED, "dan", 20);
    set_season(w, S2, JUDGING);
    assert_int_equal(move_season(w, S2, OFF), STATUS_OK);
    assert_all_holds(w);
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        world_sql(w, "%s", wrongs[i][0]);
        if (broken_invariants(w) != 1)
            fail_msg("not found: %s", wrongs[i][0]);
        world_sql(w, "%s", wrongs[i][1]);
        assert_all_holds(w);
    }
    world_sql(w, "DELETE FROM pek.point_history WHERE user_id = 'dan';"
                 "INSERT INTO pek.point_history (realm, user_id, semester, score, score_max)"
                 " VALUES ('a', 'eve', '" S2 "', 3, 3)");
    assert_int_equal(broken_invariants(w), 1);
}

static void acceptance_that_is_taken_back_breaks_nothing(struct world *w)
{
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    set_status(w, board, ACCEPTED);
    assert_int_equal(run_on(w, "lea", "ReviseScoreboard", board, NULL), STATUS_OK);
    set_season(w, S2, JUDGING);
    assert_int_equal(judge(w, "ola", board, REJECTED, REJECTED), STATUS_OK);
    assert_all_holds(w);
    /* Of one that nobody has judged there is no next version. */
    set_status(w, board, SUBMITTED);
    assert_int_equal(broken_invariants(w), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(totals_are_0_or_5_to_50),
        WORLD_TEST(score_is_the_root_of_the_squares_of_two_semesters),
        WORLD_TEST(last_accepted_version_counts),
        WORLD_TEST(other_rules_are_other_scores),
        WORLD_TEST(score_is_ones_own_to_see_and_of_who_sees_full_profiles),
        WORLD_TEST(readers_never_see_half),
        WORLD_TEST(what_does_not_add_up_is_found),
        WORLD_TEST(acceptance_that_is_taken_back_breaks_nothing),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
