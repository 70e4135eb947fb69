/* How points are counted: a setting, of which earlier semesters keep theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pek/evaluation/v1/point_rules.rpc.h"
#include "worker/testing/evaluation_world.h"

static enum status set_rules(struct world *w, const char *as, int work, int responsibility,
                             int total, int least, const char *etag,
                             evaluation_v1_point_rules **ret_rules)
{
    evaluation_v1_update_point_rules_request req = EVALUATION_V1_UPDATE_POINT_RULES_REQUEST_INIT;
    evaluation_v1_point_rules rules = EVALUATION_V1_POINT_RULES_INIT;
    rules.work_max = work;
    rules.responsibility_max = responsibility;
    rules.total_max = total;
    rules.least = least;
    rules.score_max = 99;
    rules.etag = text(etag);
    req.rules = &rules;
    return WORLD_RPC(w, evaluation_v1, update_point_rules, as, req, *ret_rules);
}

static const char *boards(struct world *w)
{
    return world_value(w,
                       "SELECT string_agg(concat_ws('/', work_max, responsibility_max, total_max,"
                       " least), ' ' ORDER BY semester) FROM pek.scoreboard");
}

static void a_semester_is_counted_by_its_own_rules(struct world *w)
{
    evaluation_v1_get_point_rules_request get = EVALUATION_V1_GET_POINT_RULES_REQUEST_INIT;
    evaluation_v1_point_rules *rules, *again;
    evaluation_v1_scoreboard *board;
    make_evaluation(w);
    set_season(w, "2023-2024/2", APPLICATION);
    assert_int_equal(open_in(w, "lea", "o@a", &board), STATUS_OK);
    set_season(w, "2024-2025/1", APPLICATION);
    assert_int_equal(open_in(w, "lea", "o@a", &board), STATUS_OK);
    assert_int_equal(WORLD_RPC(w, evaluation_v1, get_point_rules, "dan", get, rules), STATUS_OK);
    assert_int_equal(rules->work_max, 30);
    assert_int_equal(rules->score_max, 100);
    assert_string_equal(rules->semester_id, "2024-2025/1");
    assert_int_equal(set_rules(w, "ola", 40, 10, 45, 3, "", &again), STATUS_PERMISSION_DENIED);
    assert_int_equal(set_rules(w, "alice", 40, 10, 45, 3, rules->etag, &again), STATUS_OK);
    assert_int_equal(again->total_max, 45);
    assert_string_equal(boards(w), "30/20/50/5 40/10/45/3");
    assert_int_equal(set_rules(w, "alice", 41, 10, 45, 3, rules->etag, &again), STATUS_ABORTED);
    assert_int_equal(set_rules(w, "alice", 0, 10, 45, 3, "", &again), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "rules.work_max");
    assert_int_equal(set_rules(w, "alice", 40, 10, 45, 46, "", &again), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "rules.least");
    assert_int_equal(WORLD_RPC(w, evaluation_v1, get_point_rules, "dan", get, rules), STATUS_OK);
    const char *before = rules->etag;
    set_season(w, "2024-2025/2", APPLICATION);
    assert_int_equal(WORLD_RPC(w, evaluation_v1, get_point_rules, "dan", get, rules), STATUS_OK);
    assert_string_not_equal(rules->etag, before); /* they are told with the semester */
    assert_int_equal(open_in(w, "lea", "o@a", &board), STATUS_OK);
    set_status(w, board, ACCEPTED);
    assert_int_equal(set_rules(w, "alice", 30, 20, 50, 5, "", &again), STATUS_OK);
    assert_int_equal(run_on(w, "lea", "ReviseScoreboard", board, NULL), STATUS_OK);
    assert_string_equal(boards(w), "30/20/50/5 40/10/45/3 30/20/50/5 30/20/50/5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {WORLD_TEST(a_semester_is_counted_by_its_own_rules)};
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
