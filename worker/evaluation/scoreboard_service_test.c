/* Evaluations of groups: who sees, writes, submits and judges them, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pek/evaluation/v1/scoreboard.rpc.h"
#include "worker/evaluation/scoreboard.h"
#include "worker/testing/evaluation_world.h"

/* ---- opening ---- */

static struct world *shared_world;
static const char *ids[8];

static void open_at_once(struct fiber_run *run, size_t index)
{
    struct world *w = shared_world;
    evaluation_v1_open_scoreboard_request req = EVALUATION_V1_OPEN_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_scoreboard *res;
    struct fault fault = {0};
    (void)run;
    req.group_id = text("o@a");
    const char *as = arena_printf(w->arena, "helper-%zu", index);
    if (evaluation_v1_open_scoreboard_call(w->a.channel, &req, WORLD_AS(w, as), WORLD_REST(w), &res,
                                           &fault) == STATUS_OK)
        ids[index] = res->id;
}

static void a_semesters_is_opened_once_with_the_last_ones_guidelines(struct world *w)
{
    evaluation_v1_scoreboard *board;
    make_evaluation(w);
    set_season(w, "2023-2024/2", OFF);
    assert_int_equal(open_in(w, "lea", "o@a", &board), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_SEASON);
    set_season(w, "2023-2024/2", APPLICATION);
    assert_int_equal(open_in(w, "sue", "o@a", &board), STATUS_PERMISSION_DENIED);
    assert_int_equal(open_in(w, "lea", "o@a", &board), STATUS_OK);
    assert_int_equal(board->n_guidelines, 0);
    assert_int_equal(write_to(w, "lea", board, 0, &board), STATUS_OK);
    set_season(w, "2024-2025/1", APPLICATION);
    shared_world = w;
    for (size_t i = 0; i < 8; i++) {
        const char *as = arena_printf(w->arena, "helper-%zu", i);
        world_grant(w, &w->a, as, as, "o@a", EDIT_SCORES);
        ids[i] = NULL;
    }
    fiber_run_parallel(w->run, 8, open_at_once);
    for (size_t i = 0; i < 8; i++) {
        assert_non_null(ids[i]);
        assert_string_equal(ids[i], ids[0]);
    }
    assert_int_equal(open_in(w, "lea", "o@a", &board), STATUS_OK);
    assert_string_equal(board->id, ids[0]);
    assert_int_equal(board->n_guidelines, 2);
    assert_string_equal(board->guidelines[1]->name, "Felelősség");
    assert_string_equal(
        world_value(w, "SELECT count(*) || ' ' || count(DISTINCT semester) FROM pek.scoreboard"),
        "2 2");
}

/* ---- who sees ---- */

static enum status get(struct world *w, const char *as, const char *group, const char *id)
{
    evaluation_v1_get_scoreboard_request req = EVALUATION_V1_GET_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_scoreboard *res;
    req.group_id = text(group);
    req.id = text(id);
    return WORLD_RPC(w, evaluation_v1, get_scoreboard, as, req, res);
}

static const char *table(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                         const char *field)
{
    evaluation_v1_list_points_request req = EVALUATION_V1_LIST_POINTS_REQUEST_INIT;
    req.group_id = board->group_id;
    req.scoreboard_id = board->id;
    return world_items(w, as, EVALUATION("ListPoints"), &req.base, field);
}

static void it_is_seen_by_the_group_and_its_judges(struct world *w)
{
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    static const struct {
        const char *as;
        enum status status;
    } rows[] = {{"lea", STATUS_OK},
                {"hal", STATUS_OK},
                {"sue", STATUS_OK},
                {"ola", STATUS_OK},
                {"alice", STATUS_OK},
                {"bea", STATUS_PERMISSION_DENIED},
                {"dan", STATUS_PERMISSION_DENIED},
                {"zoe", STATUS_PERMISSION_DENIED}};
    /* Whatever the season and the status. */
    for (int season = OFF; season <= JUDGING; season++)
        for (int status = OPEN; status <= REJECTED; status++)
            for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                set_season(w, "2024-2025/1", season);
                set_status(w, board, (evaluation_v1_evaluation_status)status);
                const char *points = rows[i].status == STATUS_OK ? "dan eve" : "PERMISSION_DENIED";
                if (get(w, rows[i].as, "o@a", board->id) != rows[i].status ||
                    strcmp(table(w, rows[i].as, board, "user_id"), points) != 0)
                    fail_msg("%s in season %d, status %d: %s", rows[i].as, season, status,
                             w->fault.text);
            }
    /* So is an earlier semester's. */
    set_season(w, "2024-2025/2", OFF);
    assert_int_equal(get(w, "sue", "o@a", board->id), STATUS_OK);
    /* Of another group, of none, and of no group at all. */
    assert_int_equal(get(w, "lea", "o@b", board->id), STATUS_NOT_FOUND);
    assert_int_equal(get(w, "lea", "o@a", "999"), STATUS_NOT_FOUND);
    assert_int_equal(get(w, "lea", "o@a", "x"), STATUS_INVALID_ARGUMENT);
    assert_int_equal(get(w, "lea", "o@nope", board->id), STATUS_PERMISSION_DENIED);
    assert_int_equal(get(w, "alice", "o@nope", board->id), STATUS_NOT_FOUND);
}

/* ---- points ---- */

static const char *totals(struct world *w, const evaluation_v1_scoreboard *board)
{
    evaluation_v1_list_points_request req = EVALUATION_V1_LIST_POINTS_REQUEST_INIT;
    ProtobufCMessage *items[8];
    size_t count;
    char line[200] = "";
    req.group_id = board->group_id;
    req.scoreboard_id = board->id;
    const struct rpc_method *method =
        rpc_host_method(realm_host(w->a.realm), SLICE_LIT(EVALUATION("ListPoints")));
    assert_int_equal(
        world_stream(w, w->a.channel, method, &req.base, WORLD_AS(w, "lea"), items, &count),
        STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        const evaluation_v1_member_points *member = (const void *)items[i];
        size_t len = strlen(line);
        snprintf(line + len, sizeof(line) - len, "%s%s %zu %d+%d=%d", i ? ", " : "",
                 member->user_id, member->n_cells, (int)member->work, (int)member->responsibility,
                 (int)member->total);
    }
    return arena_printf(w->arena, "%s", line);
}

static void points_are_of_members_by_guidelines_of_the_scoreboard(struct world *w)
{
    evaluation_v1_scoreboard *other, *again;
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    const char *work = board->guidelines[0]->id, *duty = board->guidelines[1]->id;
    assert_string_equal(table(w, "sue", board, "user_id"), "dan eve");
    assert_int_equal(set_points(w, "hal", board, "dan", work, 35, ""), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "dan", duty, 3, ""), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "eve", duty, 3, ""), STATUS_OK);
    assert_string_equal(totals(w, board), "dan 2 30+3=33, eve 1 0+3=5");
    assert_int_equal(set_points(w, "sue", board, "dan", work, 1, ""), STATUS_PERMISSION_DENIED);
    assert_int_equal(set_points(w, "lea", board, "zoe", work, 1, ""), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_NO_MEMBER);
    assert_int_equal(set_points(w, "lea", board, "dan", work, 41, ""), STATUS_FAILED_PRECONDITION);
    assert_int_equal(set_points(w, "lea", board, "dan", work, 1, board->etag), STATUS_ABORTED);
    /* A guideline of another group's, and a scoreboard of another group's. */
    assert_int_equal(open_in(w, "bea", "o@b", &other), STATUS_OK);
    assert_int_equal(write_to(w, "bea", other, 0, &other), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "dan", other->guidelines[0]->id, 1, ""),
                     STATUS_NOT_FOUND);
    evaluation_v1_scoreboard crossed = *other;
    crossed.group_id = text("o@a");
    assert_int_equal(set_points(w, "lea", &crossed, "dan", work, 1, ""), STATUS_NOT_FOUND);
    /* All together get so many; what is there already keeps a maximum from falling below it. */
    assert_int_equal(write_to(w, "lea", board, 5, &again), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_POINTS);
    assert_int_equal(write_to(w, "lea", board, 36, &again), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "eve", work, 2, ""), STATUS_FAILED_PRECONDITION);
    assert_string_equal(totals(w, board), "dan 2 30+3=33, eve 1 0+3=5");
    /* Who has points stays in the table when they are a member no more, and gets none. */
    assert_int_equal(step(w, "ann", "ArchiveMember", "eve"), STATUS_OK);
    assert_string_equal(totals(w, board), "dan 2 30+3=33, eve 1 0+3=5");
    assert_int_equal(set_points(w, "lea", board, "eve", duty, 1, ""), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_NO_MEMBER);
    /* A guideline goes with its points. */
    evaluation_v1_update_scoreboard_request req = EVALUATION_V1_UPDATE_SCOREBOARD_REQUEST_INIT;
    req.group_id = board->group_id;
    req.id = board->id;
    req.guidelines = again->guidelines;
    req.n_guidelines = 1;
    assert_int_equal(WORLD_RPC(w, evaluation_v1, update_scoreboard, "lea", req, again), STATUS_OK);
    assert_string_equal(totals(w, board), "dan 1 30+0=30");
}

/* What they have is in the way of others until it is taken back: by the group, and while it is judged by the judge. */
static void points_of_who_left_are_taken_back(struct world *w)
{
    make_evaluation(w);
    evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(write_to(w, "lea", board, 40, &board), STATUS_OK);
    const char *work = board->guidelines[0]->id, *duty = board->guidelines[1]->id;
    assert_int_equal(step(w, "ann", "AddMember", "fay"), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "eve", work, 30, ""), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "fay", duty, 30, ""), STATUS_OK);
    assert_int_equal(step(w, "ann", "ArchiveMember", "eve"), STATUS_OK);
    world_sql(w, "UPDATE pek.person SET is_deleted = true WHERE id = 'fay'");
    assert_int_equal(set_points(w, "lea", board, "dan", work, 20, ""), STATUS_FAILED_PRECONDITION);
    assert_int_equal(set_points(w, "lea", board, "eve", work, 0, ""), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "dan", work, 20, ""), STATUS_OK);
    /* Of who has nothing there is nothing to take back. */
    assert_int_equal(set_points(w, "lea", board, "zoe", work, 0, ""), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_NO_MEMBER);
    set_status(w, board, SUBMITTED);
    set_season(w, "2024-2025/1", JUDGING);
    assert_int_equal(set_points(w, "ola", board, "fay", duty, 29, ""), STATUS_FAILED_PRECONDITION);
    assert_int_equal(set_points(w, "ola", board, "fay", duty, 0, ""), STATUS_OK);
    assert_string_equal(totals(w, board), "dan 1 20+0=20, eve 1 0+0=0, fay 1 0+0=0");
}

/* ---- who does what, and when ---- */

/* Whether each may, of "lea hal ola alice bea": y, n. One that is let in changes what is then set back. */
static const char *may(struct world *w, const evaluation_v1_scoreboard *board, const char *what,
                       int season, evaluation_v1_evaluation_status status)
{
    static const char *const people[] = {"lea", "hal", "ola", "alice", "bea"};
    char line[8] = "";
    for (size_t i = 0; i < 5; i++) {
        evaluation_v1_scoreboard *res;
        enum status did;
        set_season(w, "2024-2025/1", season);
        set_status(w, board, status);
        if (strcmp(what, "points") == 0)
            did = set_points(w, people[i], board, "dan", board->guidelines[0]->id, 7, "");
        else if (strcmp(what, "guidelines") == 0)
            did = write_to(w, people[i], board, 0, &res);
        else if (strcmp(what, "accept") == 0)
            did = judge(w, people[i], board, ACCEPTED, 0);
        else if (strcmp(what, "reject") == 0)
            did = judge(w, people[i], board, REJECTED, 0);
        else
            did = run_on(w, people[i], what, board, NULL);
        line[i] = did == STATUS_OK ? 'y' : 'n';
        line[i + 1] = '\0';
    }
    return arena_printf(w->arena, "%s", line);
}

static void role_season_and_status_decide_together(struct world *w)
{
    /* By status: open, submitted, accepted, rejected. */
    static const struct {
        const char *what;
        int season;
        const char *may[4];
    } rows[] = {
        {"points", OFF, {"nnnnn", "nnnnn", "nnnnn", "nnnnn"}},
        {"points", APPLICATION, {"yynyn", "nnnnn", "nnnnn", "yynyn"}},
        {"points", JUDGING, {"yyyyn", "nnyyn", "nnnnn", "yyyyn"}},
        {"guidelines", OFF, {"nnnnn", "nnnnn", "nnnnn", "nnnnn"}},
        {"guidelines", APPLICATION, {"ynnyn", "nnnnn", "nnnnn", "ynnyn"}},
        {"guidelines", JUDGING, {"ynnyn", "nnnnn", "nnnnn", "ynnyn"}},
        {"SubmitScoreboard", OFF, {"nnnnn", "nnnnn", "nnnnn", "nnnnn"}},
        {"SubmitScoreboard", APPLICATION, {"ynnyn", "nnnnn", "nnnnn", "ynnyn"}},
        {"SubmitScoreboard", JUDGING, {"ynnyn", "nnnnn", "nnnnn", "ynnyn"}},
        {"CancelSubmission", OFF, {"nnnnn", "nnnnn", "nnnnn", "nnnnn"}},
        {"CancelSubmission", APPLICATION, {"nnnnn", "ynnyn", "nnnnn", "nnnnn"}},
        {"CancelSubmission", JUDGING, {"nnnnn", "nnnnn", "nnnnn", "nnnnn"}},
        {"accept", APPLICATION, {"nnnnn", "nnnnn", "nnnnn", "nnnnn"}},
        {"accept", JUDGING, {"nnnyn", "nnyyn", "nnnnn", "nnyyn"}},
        {"reject", APPLICATION, {"nnnnn", "nnnnn", "nnnnn", "nnnnn"}},
        {"reject", JUDGING, {"nnnyn", "nnyyn", "nnyyn", "nnnnn"}},
    };
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int status = 1; status <= 4; status++) {
            const char *got = may(w, board, rows[i].what, rows[i].season,
                                  (evaluation_v1_evaluation_status)status);
            if (strcmp(got, rows[i].may[status - 1]) != 0)
                fail_msg("%s in season %d and status %d: %s", rows[i].what, rows[i].season, status,
                         got);
        }
    /* What is of an earlier semester is nobody's to change. */
    set_season(w, "2024-2025/2", JUDGING);
    set_status(w, board, SUBMITTED);
    assert_int_equal(judge(w, "alice", board, REJECTED, 0), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_PAST);
    assert_int_equal(get(w, "sue", "o@a", board->id), STATUS_OK);
}

/* The parent's leader rejects; who evaluates the organisation accepts as well; and each says so. */
static void judges_of_two_levels(struct world *w)
{
    evaluation_v1_scoreboard *board;
    evaluation_v1_list_messages_request req = EVALUATION_V1_LIST_MESSAGES_REQUEST_INIT;
    evaluation_v1_send_message_request say = EVALUATION_V1_SEND_MESSAGE_REQUEST_INIT;
    evaluation_v1_message *said;
    make_evaluation(w);
    set_season(w, "2024-2025/1", APPLICATION);
    assert_int_equal(open_in(w, "bea", "o@b", &board), STATUS_OK);
    assert_int_equal(run_on(w, "bea", "SubmitScoreboard", board, &board), STATUS_OK);
    assert_non_null(board->submit_time);
    set_season(w, "2024-2025/1", JUDGING);
    assert_int_equal(judge(w, "lea", board, ACCEPTED, ACCEPTED), STATUS_PERMISSION_DENIED);
    /* One that may and one that may not: neither happens. */
    assert_int_equal(judge(w, "lea", board, REJECTED, ACCEPTED), STATUS_PERMISSION_DENIED);
    assert_string_equal(
        world_value(w, "SELECT point_status || ' ' || entry_status FROM pek.scoreboard"), "2 2");
    assert_int_equal(judge(w, "lea", board, REJECTED, 0), STATUS_OK);
    assert_int_equal(judge(w, "lea", board, REJECTED, 0), STATUS_ABORTED);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_SAME);
    say.group_id = text("o@b");
    say.scoreboard_id = board->id;
    say.text = text("Javítottuk.");
    assert_int_equal(WORLD_RPC(w, evaluation_v1, send_message, "bea", say, said), STATUS_OK);
    assert_int_equal(WORLD_RPC(w, evaluation_v1, send_message, "zoe", say, said),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(run_on(w, "bea", "SubmitScoreboard", board, NULL), STATUS_OK);
    assert_int_equal(judge(w, "ola", board, ACCEPTED, ACCEPTED), STATUS_OK);
    assert_int_equal(judge(w, "lea", board, REJECTED, 0), STATUS_PERMISSION_DENIED);
    req.group_id = text("o@b");
    req.scoreboard_id = board->id;
    assert_string_equal(world_items(w, "lea", EVALUATION("ListMessages"), &req.base, "user_id"),
                        " bea ");
    assert_string_equal(
        world_value(w, "SELECT text FROM pek.scoreboard_message ORDER BY id LIMIT 1"),
        "points: SUBMITTED -> REJECTED, entries: SUBMITTED -> SUBMITTED, jó munka");
}

/* ---- who is told ---- */

/* "kind>recipient detail" of what is in the outbox, which is empty then. */
static const char *told(struct world *w)
{
    const char *all = world_value(
        w, "SELECT coalesce(string_agg((ARRAY['submitted', 'accepted', 'rejected'])[kind - 14] ||"
           " '>' || recipient || ' ' || group_id || ' ' || detail, ', ' ORDER BY id), '')"
           " FROM pek.notification WHERE realm = 'a'");
    world_sql(w, "DELETE FROM pek.notification");
    return all;
}

static void of_a_submission_the_judge_is_told_and_of_a_judgement_the_leader(struct world *w)
{
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(call(w, "alice", "HandOverLeadership", "o@a", "dan", "", NULL, NULL),
                     STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@o", "eve", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "HandOverLeadership", "o@o", "eve", "", NULL, NULL),
                     STATUS_OK);
    world_sql(w, "DELETE FROM pek.notification");
    assert_int_equal(run_on(w, "lea", "SubmitScoreboard", board, NULL), STATUS_OK);
    assert_string_equal(told(w), "");
    assert_int_equal(run_on(w, "lea", "CancelSubmission", board, NULL), STATUS_OK);
    set_season(w, "2024-2025/1", JUDGING);
    assert_int_equal(run_on(w, "lea", "SubmitScoreboard", board, NULL), STATUS_OK);
    assert_string_equal(told(w), "submitted>eve o@a 2024-2025/1 POINTS ENTRIES");
    assert_int_equal(judge(w, "ola", board, ACCEPTED, REJECTED), STATUS_OK);
    assert_string_equal(
        told(w), "accepted>dan o@a 2024-2025/1 POINTS, rejected>dan o@a 2024-2025/1 ENTRIES");
    assert_int_equal(run_on(w, "lea", "SubmitScoreboard", board, NULL), STATUS_OK);
    assert_string_equal(told(w), "submitted>eve o@a 2024-2025/1 ENTRIES");
    assert_int_equal(judge(w, "ola", board, REJECTED, REJECTED), STATUS_OK);
    assert_string_equal(told(w), "rejected>dan o@a 2024-2025/1 POINTS ENTRIES");
    /* Nobody is told of their own doing; above an organisation is nobody, but the realm judges it. */
    world_grant(w, &w->a, "evaluates", "dan", NULL, EVALUATE);
    set_status(w, board, SUBMITTED);
    assert_int_equal(judge(w, "dan", board, ACCEPTED, ACCEPTED), STATUS_OK);
    evaluation_v1_scoreboard *top;
    assert_int_equal(open_in(w, "ola", "o@o", &top), STATUS_OK);
    assert_int_equal(run_on(w, "ola", "SubmitScoreboard", top, NULL), STATUS_OK);
    assert_string_equal(told(w), "");
    assert_int_equal(judge(w, "alice", top, REJECTED, REJECTED), STATUS_OK);
    assert_string_equal(told(w), "rejected>eve o@o 2024-2025/1 POINTS ENTRIES");
}

/* ---- versions ---- */

static void accepted_one_is_revised_in_a_version_of_its_own(struct world *w)
{
    evaluation_v1_scoreboard *next, *third;
    evaluation_v1_list_scoreboards_request req = EVALUATION_V1_LIST_SCOREBOARDS_REQUEST_INIT;
    make_evaluation(w);
    evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(set_points(w, "lea", board, "dan", board->guidelines[0]->id, 9, ""),
                     STATUS_OK);
    assert_int_equal(run_on(w, "lea", "ReviseScoreboard", board, NULL), STATUS_FAILED_PRECONDITION);
    set_status(w, board, ACCEPTED);
    assert_int_equal(run_on(w, "hal", "ReviseScoreboard", board, NULL), STATUS_PERMISSION_DENIED);
    assert_int_equal(run_on(w, "lea", "ReviseScoreboard", board, &next), STATUS_OK);
    assert_int_equal(next->version, 2);
    assert_int_equal(next->point_status, OPEN);
    assert_string_equal(totals(w, next), "dan 1 9+0=9, eve 0 0+0=0");
    assert_int_equal(run_on(w, "lea", "ReviseScoreboard", board, NULL), STATUS_ABORTED);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_LATER);
    assert_int_equal(set_points(w, "lea", next, "dan", next->guidelines[0]->id, 8, ""), STATUS_OK);
    assert_string_equal(totals(w, board), "dan 1 9+0=9, eve 0 0+0=0");
    /* The one of the semester is the last. */
    assert_int_equal(open_in(w, "lea", "o@a", &third), STATUS_OK);
    assert_string_equal(third->id, next->id);
    set_season(w, "2024-2025/2", APPLICATION);
    assert_int_equal(open_in(w, "lea", "o@a", &third), STATUS_OK);
    req.group_id = text("o@a");
    assert_string_equal(world_items(w, "sue", EVALUATION("ListScoreboards"), &req.base, "semester"),
                        "2024-2025/2 2024-2025/1 2024-2025/1");
    assert_string_equal(world_items(w, "sue", EVALUATION("ListScoreboards"), &req.base, "id"),
                        arena_printf(w->arena, "%s %s %s", third->id, next->id, board->id));
}

/* The next version neither keeps the judges from what they accepted nor takes back what waits for them. */
static void revising_takes_nothing_from_the_judges(struct world *w)
{
    evaluation_v1_scoreboard *next;
    make_evaluation(w);
    evaluation_v1_scoreboard *board = opened(w);
    set_season(w, "2024-2025/1", JUDGING);
    assert_int_equal(run_on(w, "lea", "SubmitScoreboard", board, NULL), STATUS_OK);
    assert_int_equal(judge(w, "ola", board, ACCEPTED, 0), STATUS_OK);
    assert_int_equal(run_on(w, "lea", "ReviseScoreboard", board, &next),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_STATUS);
    assert_int_equal(judge(w, "ola", board, 0, ACCEPTED), STATUS_OK);
    assert_int_equal(run_on(w, "lea", "ReviseScoreboard", board, &next), STATUS_OK);
    assert_int_equal(run_on(w, "lea", "SubmitScoreboard", next, NULL), STATUS_OK);
    assert_int_equal(judge(w, "ola", next, REJECTED, REJECTED), STATUS_OK);
    /* The first one counts still, until it is rejected as well; it is written no more. */
    assert_int_equal(judge(w, "bea", board, REJECTED, 0), STATUS_PERMISSION_DENIED);
    assert_int_equal(judge(w, "ola", board, REJECTED, 0), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT string_agg(point_status || ' ' || entry_status, ', '"
                                       " ORDER BY version) FROM pek.scoreboard"),
                        "4 3, 4 4");
    assert_int_equal(run_on(w, "lea", "SubmitScoreboard", board, NULL), STATUS_ABORTED);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_LATER);
    assert_int_equal(set_points(w, "ola", board, "dan", board->guidelines[0]->id, 1, ""),
                     STATUS_ABORTED);
}

/* Points and cards of who may get none now are in the version that they were accepted in, and the next one says so. */
static void next_version_is_without_who_left(struct world *w)
{
    evaluation_v1_scoreboard *next;
    make_evaluation(w);
    evaluation_v1_scoreboard *board = opened(w);
    const char *work = board->guidelines[0]->id, *duty = board->guidelines[1]->id;
    static const char *const users[] = {"fay", "gus"};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(step(w, "ann", "AddMember", users[i]), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "dan", work, 9, ""), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "eve", work, 8, ""), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "eve", duty, 7, ""), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "fay", work, 6, ""), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "gus", work, 0, ""), STATUS_OK);
    world_sql(w, "SET pek.realm = 'a'; INSERT INTO pek.entry_request"
                 " (group_id, scoreboard_id, user_id, type, justification)"
                 " SELECT 'o@a', id, u, 2, 'x' FROM pek.scoreboard, unnest(ARRAY['dan', 'eve']) u");
    set_status(w, board, ACCEPTED);
    assert_int_equal(step(w, "ann", "ArchiveMember", "eve"), STATUS_OK);
    assert_int_equal(step(w, "ann", "ArchiveMember", "gus"), STATUS_OK);
    world_sql(w, "UPDATE pek.person SET is_deleted = true WHERE id = 'fay'");
    assert_int_equal(run_on(w, "lea", "ReviseScoreboard", board, &next), STATUS_OK);
    assert_string_equal(totals(w, next), "dan 1 9+0=9");
    assert_string_equal(world_value(w,
                                    "SELECT string_agg(user_id, ' ') FROM pek.entry_request"
                                    " WHERE scoreboard_id = %s",
                                    next->id),
                        "dan");
    /* Of gus there was nothing to lose. */
    assert_string_equal(
        world_value(w, "SELECT scoreboard_id || text FROM pek.scoreboard_message"),
        arena_printf(w->arena, "%sversion 2: 3 cells and 1 entries left, of eve, fay", next->id));
    assert_string_equal(totals(w, board), "dan 1 9+0=9, eve 2 8+7=15, fay 1 6+0=6, gus 1 0+0=0");
}

static enum status judgements[8];

static void judge_at_once(struct fiber_run *run, size_t index)
{
    struct world *w = shared_world;
    evaluation_v1_judge_scoreboard_request req = EVALUATION_V1_JUDGE_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_scoreboard *res;
    struct fault fault = {0};
    (void)run;
    req.group_id = text("o@a");
    req.id = text(ids[0]);
    req.point_status = req.entry_status = ACCEPTED;
    const char *as = arena_printf(w->arena, "judge-%zu", index);
    judgements[index] = evaluation_v1_judge_scoreboard_call(w->a.channel, &req, WORLD_AS(w, as),
                                                            WORLD_REST(w), &res, &fault);
}

/* Without an etag, and all of one mind: one of them changes something, and tells of it. */
static void of_many_judges_at_once_one_judges(struct world *w)
{
    size_t done = 0;
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(call(w, "alice", "HandOverLeadership", "o@a", "dan", "", NULL, NULL),
                     STATUS_OK);
    set_status(w, board, SUBMITTED);
    set_season(w, "2024-2025/1", JUDGING);
    world_sql(w, "DELETE FROM pek.notification");
    shared_world = w;
    ids[0] = board->id;
    for (size_t i = 0; i < 8; i++) {
        const char *as = arena_printf(w->arena, "judge-%zu", i);
        world_grant(w, &w->a, as, as, "o@o", EVALUATE);
    }
    fiber_run_parallel(w->run, 8, judge_at_once);
    for (size_t i = 0; i < 8; i++) {
        assert_true(judgements[i] == STATUS_OK || judgements[i] == STATUS_ABORTED);
        done += judgements[i] == STATUS_OK;
    }
    assert_int_equal(done, 1);
    assert_string_equal(told(w), "accepted>dan o@a 2024-2025/1 POINTS ENTRIES");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.scoreboard_message"), "1");
}

/* A form that forgets the guidelines does not take everybody's points. */
static void scoreboard_with_points_keeps_some_guideline(struct world *w)
{
    evaluation_v1_update_scoreboard_request req = EVALUATION_V1_UPDATE_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_scoreboard *res;
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    const char *work = board->guidelines[0]->id;
    req.group_id = board->group_id;
    req.id = board->id;
    req.report = text("Csak a beszámoló.");
    assert_int_equal(set_points(w, "lea", board, "dan", work, 3, ""), STATUS_OK);
    assert_int_equal(WORLD_RPC(w, evaluation_v1, update_scoreboard, "lea", req, res),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.field, "guidelines");
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_EMPTIED);
    assert_string_equal(world_value(w, "SELECT report || ' ' || (SELECT sum(points) FROM pek.point)"
                                       " FROM pek.scoreboard"),
                        "Beszámoló 3");
    assert_int_equal(set_points(w, "lea", board, "dan", work, 0, ""), STATUS_OK);
    assert_int_equal(WORLD_RPC(w, evaluation_v1, update_scoreboard, "lea", req, res), STATUS_OK);
    assert_int_equal(res->n_guidelines, 0);
}

/* Who sends the same again without ids, in any case, means the same guidelines, with their points. */
static void guideline_without_an_id_is_known_by_its_name(struct world *w)
{
    evaluation_v1_update_scoreboard_request req = EVALUATION_V1_UPDATE_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_guideline guidelines[3], *list[3];
    evaluation_v1_scoreboard *res;
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    char *work = board->guidelines[0]->id, *duty = board->guidelines[1]->id;
    for (size_t i = 0; i < 3; i++) {
        guidelines[i] = (evaluation_v1_guideline)EVALUATION_V1_GUIDELINE_INIT;
        guidelines[i].category = EVALUATION_V1_POINT_CATEGORY_WORK;
        guidelines[i].max_per_member = 30;
        list[i] = &guidelines[i];
    }
    req.group_id = board->group_id;
    req.id = board->id;
    req.guidelines = list;
    assert_int_equal(set_points(w, "lea", board, "dan", work, 3, ""), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "dan", duty, 4, ""), STATUS_OK);
    guidelines[0].name = text("FELELŐSSÉG");
    guidelines[1].name = text(" munka ");
    guidelines[2].name = text("Új");
    req.n_guidelines = 3;
    assert_int_equal(WORLD_RPC(w, evaluation_v1, update_scoreboard, "lea", req, res), STATUS_OK);
    assert_string_equal(res->guidelines[0]->id, duty);
    assert_string_equal(res->guidelines[1]->id, work);
    assert_int_equal(res->guidelines[1]->max_per_member, 30);
    assert_string_equal(totals(w, board), "dan 2 7+0=7, eve 0 0+0=0");
    /* One that is named by its id, and gives its name to another one, stays itself. */
    guidelines[0].id = work;
    req.n_guidelines = 2;
    assert_int_equal(WORLD_RPC(w, evaluation_v1, update_scoreboard, "lea", req, res), STATUS_OK);
    assert_string_equal(res->guidelines[0]->id, work);
    assert_string_not_equal(res->guidelines[1]->id, duty);
    assert_string_equal(totals(w, board), "dan 1 3+0=5, eve 0 0+0=0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_semesters_is_opened_once_with_the_last_ones_guidelines),
        WORLD_TEST(it_is_seen_by_the_group_and_its_judges),
        WORLD_TEST(points_are_of_members_by_guidelines_of_the_scoreboard),
        WORLD_TEST(points_of_who_left_are_taken_back),
        WORLD_TEST(role_season_and_status_decide_together),
        WORLD_TEST(judges_of_two_levels),
        WORLD_TEST(of_a_submission_the_judge_is_told_and_of_a_judgement_the_leader),
        WORLD_TEST(accepted_one_is_revised_in_a_version_of_its_own),
        WORLD_TEST(revising_takes_nothing_from_the_judges),
        WORLD_TEST(next_version_is_without_who_left),
        WORLD_TEST(of_many_judges_at_once_one_judges),
        WORLD_TEST(scoreboard_with_points_keeps_some_guideline),
        WORLD_TEST(guideline_without_an_id_is_known_by_its_name),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
