#include "worker/testing/evaluation_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pek/semester/v1/semester.rpc.h"

void make_evaluation(struct world *w)
{
    make_members(w);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "AddMember", "eve"), STATUS_OK);
    world_grant(w, &w->a, "GOD in a", "lea", "o@a", 2047);
    world_grant(w, &w->a, "GOD in o", "ola", "o@o", 2047);
    world_grant(w, &w->a, "GOD in b", "bea", "o@b", 2047);
    world_grant(w, &w->a, "helps a", "hal", "o@a", VIEW_SCORES | EDIT_SCORES);
    world_grant(w, &w->a, "sees a", "sue", "o@a", VIEW_SCORES);
    world_grant(w, &w->a, "else", "zoe", "o@b", VIEW_MEMBERS);
}

void set_season(struct world *w, const char *semester, int season)
{
    world_sql(w, "UPDATE pek.realm_state SET semester = '%s', season = %d WHERE realm = 'a'",
              semester, season);
}

enum status open_in(struct world *w, const char *as, const char *group,
                    evaluation_v1_scoreboard **ret_board)
{
    evaluation_v1_open_scoreboard_request req = EVALUATION_V1_OPEN_SCOREBOARD_REQUEST_INIT;
    req.group_id = text(group);
    return WORLD_RPC(w, evaluation_v1, open_scoreboard, as, req, *ret_board);
}

enum status write_to(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                     int32_t max_per_guideline, evaluation_v1_scoreboard **ret_board)
{
    evaluation_v1_update_scoreboard_request req = EVALUATION_V1_UPDATE_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_guideline guidelines[2], *list[2];
    for (int i = 0; i < 2; i++) {
        guidelines[i] = (evaluation_v1_guideline)EVALUATION_V1_GUIDELINE_INIT;
        guidelines[i].name = text(i ? "Felelősség" : "Munka");
        guidelines[i].category = (evaluation_v1_point_category)(i + 1);
        guidelines[i].max_per_member = 40;
        guidelines[i].max_per_guideline = max_per_guideline;
        if (board->n_guidelines == 2)
            guidelines[i].id = board->guidelines[i]->id;
        list[i] = &guidelines[i];
    }
    req.group_id = board->group_id;
    req.id = board->id;
    req.report = text("Beszámoló");
    req.guidelines = list;
    req.n_guidelines = 2;
    return WORLD_RPC(w, evaluation_v1, update_scoreboard, as, req, *ret_board);
}

enum status set_points(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                       const char *user, const char *guideline, int32_t points, const char *etag)
{
    evaluation_v1_batch_set_points_request req = EVALUATION_V1_BATCH_SET_POINTS_REQUEST_INIT;
    evaluation_v1_point_of_member cell = EVALUATION_V1_POINT_OF_MEMBER_INIT, *list[] = {&cell};
    evaluation_v1_scoreboard *res;
    cell.user_id = text(user);
    cell.guideline_id = text(guideline);
    cell.points = points;
    req.group_id = board->group_id;
    req.id = board->id;
    req.points = list;
    req.n_points = 1;
    req.etag = text(etag);
    return WORLD_RPC(w, evaluation_v1, batch_set_points, as, req, res);
}

enum status run_on(struct world *w, const char *as, const char *method,
                   const evaluation_v1_scoreboard *board, evaluation_v1_scoreboard **ret_board)
{
    evaluation_v1_submit_scoreboard_request req = EVALUATION_V1_SUBMIT_SCOREBOARD_REQUEST_INIT;
    const char *path = arena_printf(w->arena, EVALUATION("%s"), method);
    const struct rpc_method *found = rpc_host_method(realm_host(w->a.realm), slice_str(path));
    ProtobufCMessage *res = NULL;
    req.group_id = board->group_id;
    req.id = board->id;
    w->fault = (struct fault){0};
    enum status status = rpc_call_unary(w->a.channel, found, &req.base, WORLD_AS(w, as),
                                        WORLD_REST(w), &res, &w->fault);
    if (ret_board && status == STATUS_OK)
        *ret_board = (evaluation_v1_scoreboard *)(void *)res;
    return status;
}

enum status judge(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                  evaluation_v1_evaluation_status points, evaluation_v1_evaluation_status entries)
{
    evaluation_v1_judge_scoreboard_request req = EVALUATION_V1_JUDGE_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_scoreboard *res;
    req.group_id = board->group_id;
    req.id = board->id;
    req.point_status = points;
    req.entry_status = entries;
    req.explanation = text("jó munka");
    return WORLD_RPC(w, evaluation_v1, judge_scoreboard, as, req, res);
}

void set_status(struct world *w, const evaluation_v1_scoreboard *board,
                evaluation_v1_evaluation_status status)
{
    world_sql(w, "UPDATE pek.scoreboard SET point_status = %d, entry_status = %d WHERE id = %s",
              (int)status, (int)status, board->id);
}

evaluation_v1_scoreboard *opened(struct world *w)
{
    evaluation_v1_scoreboard *board;
    set_season(w, "2024-2025/1", APPLICATION);
    assert_int_equal(open_in(w, "lea", "o@a", &board), STATUS_OK);
    assert_int_equal(write_to(w, "lea", board, 0, &board), STATUS_OK);
    return board;
}

void give(struct world *w, const char *group, const char *semester, int version,
          evaluation_v1_evaluation_status status, const char *user, int points)
{
    world_sql(w,
              "SET pek.realm = 'a';"
              "INSERT INTO pek.scoreboard (group_id, semester, version, point_status, created_by,"
              " work_max, responsibility_max, total_max, least)"
              " VALUES ('%s', '%s', %d, %d, 'lea', 100, 100, 100, 5) ON CONFLICT DO NOTHING;"
              "INSERT INTO pek.guideline (scoreboard_id, position, name, description, category,"
              " max_per_member, max_per_guideline)"
              " SELECT b.id, 1, 'Munka', '', 1, 100, 0 FROM pek.scoreboard b"
              "  WHERE (b.group_id, b.semester, b.version) = ('%s', '%s', %d)"
              "   AND NOT EXISTS (SELECT FROM pek.guideline u WHERE u.scoreboard_id = b.id);"
              "INSERT INTO pek.point (group_id, scoreboard_id, user_id, guideline_id, points)"
              " SELECT b.group_id, b.id, '%s', u.id, %d FROM pek.scoreboard b"
              "  JOIN pek.guideline u ON u.scoreboard_id = b.id"
              "  WHERE (b.group_id, b.semester, b.version) = ('%s', '%s', %d)",
              group, semester, version, (int)status, group, semester, version, user, points, group,
              semester, version);
}

enum status move_season(struct world *w, const char *semester, int season)
{
    semester_v1_update_semester_request req = SEMESTER_V1_UPDATE_SEMESTER_REQUEST_INIT;
    semester_v1_semester given = SEMESTER_V1_SEMESTER_INIT, *res;
    given.id = text(semester);
    given.season = (semester_v1_season)season;
    req.semester = &given;
    return WORLD_RPC(w, semester_v1, update_semester, "alice", req, res);
}
