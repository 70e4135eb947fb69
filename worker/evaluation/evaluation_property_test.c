/* Whatever leaders, helpers, judges and who moves the seasons do at once: every answer is one that is expected, what was
 * acknowledged is there, and all invariants hold. Generated operations of people who do not know of each other.
 *
 * PEK_SEED=N repeats the operations of a run, though not the order in which they meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pek/evaluation/v1/comment.rpc.h"
#include "pek/evaluation/v1/entry.rpc.h"
#include "pek/semester/v1/semester.rpc.h"
#include "shared/base/clock.h"
#include "worker/testing/evaluation_world.h"

#define OPERATIONS 20 /* of a person, a round */
#define OK_MIN 10     /* of a round: fewer, and the test has looked at nothing but refusals */
#define BOARDS_MAX 64
#define CELLS_MAX 2048

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ONE_OF(array) ((array)[chance(COUNT(array))])

enum action {
    OPEN_IT,
    WRITE,
    POINTS,
    ENTRIES,
    SUBMIT,
    CANCEL,
    REVISE,
    JUDGE,
    REVIEW,
    SAY,
    COMMENT,
    MOVE,
    ACTIONS,
};
/* What the audit log says of each that was done; NULL where nothing may have changed. */
static const char *const audited[ACTIONS] = {
    [WRITE] = "scoreboard.update",       [POINTS] = "scoreboard.setPoints",
    [ENTRIES] = "scoreboard.setEntries", [SUBMIT] = "scoreboard.submit",
    [CANCEL] = "scoreboard.cancel",      [REVISE] = "scoreboard.revise",
    [JUDGE] = "scoreboard.judge",        [SAY] = "scoreboard.message",
    [COMMENT] = "comment.create",
};
#define BIT(action) (1u << (action))
#define LEADS                                                                                      \
    (BIT(OPEN_IT) | BIT(WRITE) | BIT(POINTS) | BIT(ENTRIES) | BIT(SUBMIT) | BIT(CANCEL) |          \
     BIT(REVISE) | BIT(SAY) | BIT(COMMENT))
#define HELPS (BIT(OPEN_IT) | BIT(POINTS) | BIT(COMMENT))
#define JUDGES (BIT(POINTS) | BIT(ENTRIES) | BIT(JUDGE) | BIT(REVIEW) | BIT(SAY) | BIT(COMMENT))

/* Nobody but `hal`, `hel` and `bea` writes the cells that are theirs. */
static const struct person {
    const char *name, *group, *member; /* whose cells they write */
    unsigned actions;
    bool alone;
} people[] = {
    {"lea", "o@a", "eve", LEADS, false},  {"len", "o@a", "eve", LEADS, false},
    {"hal", "o@a", "dan", HELPS, true},   {"bea", "o@b", "eve", LEADS, true},
    {"hel", "o@b", "dan", HELPS, true},   {"ola", "o@a", "eve", JUDGES, false},
    {"oli", "o@b", "fay", JUDGES, false}, {"god", "o@a", "eve", BIT(MOVE), false},
};

static struct world *world;
static evaluation_v1_scoreboard *boards[BOARDS_MAX]; /* as somebody has seen them */
static size_t board_count;
static struct cell {
    const char *board, *member, *guideline;
    int32_t points;
} cells[CELLS_MAX]; /* acknowledged, of who writes alone */
static size_t cell_count;
static size_t acknowledged[COUNT(people)][ACTIONS];
/* The first answer that nobody expected: of a fiber, which cannot fail the test itself. */
static char surprise[640];

/* ---- chance ---- */

static uint64_t seed;

static uint64_t chance(uint64_t below)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

/* ---- what is known ---- */

static void remember_board(evaluation_v1_scoreboard *board)
{
    size_t at = 0;
    while (at < board_count && strcmp(boards[at]->id, board->id) != 0)
        at++;
    if (at == BOARDS_MAX)
        return;
    boards[at] = board;
    board_count += at == board_count;
}

/* Of the person's group, mostly the last one; NULL when nobody has opened one. */
static evaluation_v1_scoreboard *some_board(const struct person *person)
{
    size_t first = chance(4) || !board_count ? 0 : chance(board_count);
    for (size_t i = 0; i < board_count; i++) {
        evaluation_v1_scoreboard *board = boards[board_count - 1 - (first + i) % board_count];
        if (strcmp(board->group_id, person->group) == 0)
            return board;
    }
    return NULL;
}

static char *some_etag(const evaluation_v1_scoreboard *board)
{
    return chance(3) ? text("") : board->etag;
}

static void remember_cell(const evaluation_v1_scoreboard *board,
                          const evaluation_v1_point_of_member *point)
{
    size_t at = 0;
    while (at < cell_count && (strcmp(cells[at].board, board->id) != 0 ||
                               strcmp(cells[at].member, point->user_id) != 0 ||
                               strcmp(cells[at].guideline, point->guideline_id) != 0))
        at++;
    if (at == CELLS_MAX)
        return;
    cells[at] = (struct cell){board->id, point->user_id, point->guideline_id, point->points};
    cell_count += at == cell_count;
}

/* ---- operations ---- */

#define ASK(package, method, as, req, res)                                                         \
    package##_##method##_call(world->a.channel, &(req), WORLD_AS(world, as), WORLD_REST(world),    \
                              &(res), fault)

static enum status open_it(const struct person *person, struct fault *fault)
{
    evaluation_v1_open_scoreboard_request req = EVALUATION_V1_OPEN_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_scoreboard *board;
    req.group_id = text(person->group);
    enum status status = ASK(evaluation_v1, open_scoreboard, person->name, req, board);
    if (status == STATUS_OK)
        remember_board(board);
    return status;
}

/* Some of its guidelines, changed, and others. */
static enum status write_it(const struct person *person, const evaluation_v1_scoreboard *board,
                            struct fault *fault)
{
    evaluation_v1_update_scoreboard_request req = EVALUATION_V1_UPDATE_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_guideline guidelines[4], *list[4];
    size_t count = 1 + chance(4);
    evaluation_v1_scoreboard *res;
    for (size_t i = 0; i < count; i++) {
        guidelines[i] = (evaluation_v1_guideline)EVALUATION_V1_GUIDELINE_INIT;
        guidelines[i].name = (char *)(uintptr_t)arena_printf(world->arena, "G%zu", i);
        guidelines[i].category = (evaluation_v1_point_category)(1 + chance(2));
        guidelines[i].max_per_member = 10 + (int32_t)chance(40);
        guidelines[i].max_per_guideline = chance(3) ? 0 : 40;
        if (i < board->n_guidelines && chance(16))
            guidelines[i].id = board->guidelines[i]->id;
        list[req.n_guidelines++] = &guidelines[i];
    }
    req.group_id = board->group_id;
    req.id = board->id;
    req.guidelines = list;
    req.etag = some_etag(board);
    enum status status = ASK(evaluation_v1, update_scoreboard, person->name, req, res);
    if (status == STATUS_OK)
        remember_board(res);
    return status;
}

static enum status set_some_points(const struct person *person, evaluation_v1_scoreboard *board,
                                   struct fault *fault)
{
    evaluation_v1_batch_set_points_request req = EVALUATION_V1_BATCH_SET_POINTS_REQUEST_INIT;
    evaluation_v1_point_of_member points[4], *list[4];
    evaluation_v1_scoreboard *res;
    for (size_t i = 0; i < board->n_guidelines && i < COUNT(points); i++) {
        points[i] = (evaluation_v1_point_of_member)EVALUATION_V1_POINT_OF_MEMBER_INIT;
        points[i].user_id = text(person->member);
        points[i].guideline_id = board->guidelines[i]->id;
        points[i].points = (int32_t)chance(25);
        list[req.n_points++] = &points[i];
    }
    if (req.n_points == 0)
        return STATUS_CANCELLED;
    req.clamp = !person->alone;
    req.group_id = board->group_id;
    req.id = board->id;
    req.points = list;
    req.etag = some_etag(board);
    enum status status = ASK(evaluation_v1, batch_set_points, person->name, req, res);
    for (size_t i = 0; status == STATUS_OK && person->alone && i < req.n_points; i++)
        remember_cell(board, &points[i]);
    if (status == STATUS_OK)
        remember_board(res);
    return status;
}

static enum status set_entry(const struct person *person, const evaluation_v1_scoreboard *board,
                             struct fault *fault)
{
    evaluation_v1_batch_set_entries_request req = EVALUATION_V1_BATCH_SET_ENTRIES_REQUEST_INIT;
    evaluation_v1_entry_of_member entry = EVALUATION_V1_ENTRY_OF_MEMBER_INIT, *list[] = {&entry};
    evaluation_v1_scoreboard *res;
    entry.user_id = text(person->member);
    entry.type = (evaluation_v1_entry_type)(1 + chance(3));
    entry.justification = text(chance(6) ? "mert" : "");
    req.group_id = board->group_id;
    req.id = board->id;
    req.entries = list;
    req.n_entries = 1;
    req.etag = some_etag(board);
    return ASK(evaluation_v1, batch_set_entries, person->name, req, res);
}

static enum status take_step(const struct person *person, const evaluation_v1_scoreboard *board,
                             enum action action, struct fault *fault)
{
    evaluation_v1_submit_scoreboard_request req = EVALUATION_V1_SUBMIT_SCOREBOARD_REQUEST_INIT;
    const char *path = action == SUBMIT   ? EVALUATION("SubmitScoreboard")
                       : action == CANCEL ? EVALUATION("CancelSubmission")
                                          : EVALUATION("ReviseScoreboard");
    const struct rpc_method *method = rpc_host_method(realm_host(world->a.realm), slice_str(path));
    ProtobufCMessage *res;
    req.group_id = board->group_id;
    req.id = board->id;
    req.etag = some_etag(board);
    enum status status =
        rpc_call_unary(world->a.channel, method, &req.base, WORLD_AS(world, person->name),
                       WORLD_REST(world), &res, fault);
    if (status == STATUS_OK)
        remember_board((evaluation_v1_scoreboard *)(void *)res);
    return status;
}

static enum status judge_it(const struct person *person, const evaluation_v1_scoreboard *board,
                            struct fault *fault)
{
    evaluation_v1_judge_scoreboard_request req = EVALUATION_V1_JUDGE_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_scoreboard *res;
    req.group_id = board->group_id;
    req.id = board->id;
    req.point_status = chance(3) ? REJECTED : ACCEPTED;
    if (chance(2))
        req.entry_status = chance(3) ? REJECTED : ACCEPTED;
    req.etag = some_etag(board);
    return ASK(evaluation_v1, judge_scoreboard, person->name, req, res);
}

static enum status review_it(const struct person *person, const evaluation_v1_scoreboard *board,
                             struct fault *fault)
{
    evaluation_v1_review_entry_request req = EVALUATION_V1_REVIEW_ENTRY_REQUEST_INIT;
    evaluation_v1_entry entry = EVALUATION_V1_ENTRY_INIT, *res;
    entry.user_id = text(person->member);
    entry.type = (evaluation_v1_entry_type)(1 + chance(3));
    entry.justification = text("újra");
    entry.finalized = chance(2);
    req.group_id = board->group_id;
    req.scoreboard_id = board->id;
    req.entry = &entry;
    return ASK(evaluation_v1, review_entry, person->name, req, res);
}

static enum status talk(const struct person *person, const evaluation_v1_scoreboard *board,
                        enum action action, struct fault *fault)
{
    evaluation_v1_send_message_request message = EVALUATION_V1_SEND_MESSAGE_REQUEST_INIT;
    evaluation_v1_create_comment_request comment = EVALUATION_V1_CREATE_COMMENT_REQUEST_INIT;
    evaluation_v1_message *sent;
    evaluation_v1_comment *made;
    message.group_id = comment.group_id = board->group_id;
    message.scoreboard_id = comment.scoreboard_id = board->id;
    message.text = comment.text = text("szia");
    if (action == SAY)
        return ASK(evaluation_v1, send_message, person->name, message, sent);
    if (board->n_guidelines == 0)
        return STATUS_CANCELLED;
    comment.user_id = text("eve");
    comment.guideline_id = board->guidelines[0]->id;
    return ASK(evaluation_v1, create_comment, person->name, comment, made);
}

/* Mostly to a season in which something can be done. */
static enum status move_on(const struct person *person, struct fault *fault)
{
    static const char *const semesters[] = {"2024-2025/1", "2024-2025/1", "2024-2025/1",
                                            "2024-2025/2"};
    static const semester_v1_season seasons[] = {APPLICATION, JUDGING, APPLICATION, JUDGING,
                                                 APPLICATION, JUDGING, OFF};
    semester_v1_update_semester_request req = SEMESTER_V1_UPDATE_SEMESTER_REQUEST_INIT;
    semester_v1_semester semester = SEMESTER_V1_SEMESTER_INIT, *res;
    semester.id = text(ONE_OF(semesters));
    semester.season = ONE_OF(seasons);
    req.semester = &semester;
    return ASK(semester_v1, update_semester, person->name, req, res);
}

static enum status act(const struct person *person, enum action action,
                       evaluation_v1_scoreboard *board, struct fault *fault)
{
    switch (action) {
    case OPEN_IT: return open_it(person, fault);
    case WRITE: return write_it(person, board, fault);
    case POINTS: return set_some_points(person, board, fault);
    case ENTRIES: return set_entry(person, board, fault);
    case JUDGE: return judge_it(person, board, fault);
    case REVIEW: return review_it(person, board, fault);
    case SAY:
    case COMMENT: return talk(person, board, action, fault);
    case MOVE: return move_on(person, fault);
    default: return take_step(person, board, action, fault);
    }
}

/* Who was refused looks at what there is by now. */
static void look_again(const struct person *person, const evaluation_v1_scoreboard *board)
{
    evaluation_v1_get_scoreboard_request req = EVALUATION_V1_GET_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_scoreboard *res;
    struct fault ignored = {0}, *fault = &ignored;
    req.group_id = board->group_id;
    req.id = board->id;
    if (ASK(evaluation_v1, get_scoreboard, person->name, req, res) == STATUS_OK)
        remember_board(res);
}

/* Points are written all the time, seasons are moved now and then. */
static enum action some_action(const struct person *person)
{
    static const enum action often[] = {OPEN_IT, WRITE,   WRITE,   POINTS, POINTS, POINTS,
                                        POINTS,  ENTRIES, ENTRIES, SUBMIT, CANCEL, REVISE,
                                        JUDGE,   JUDGE,   REVIEW,  SAY,    COMMENT};
    if (person->actions == BIT(MOVE))
        return chance(6) ? ACTIONS : MOVE;
    while (true) {
        enum action action = ONE_OF(often);
        if (person->actions & BIT(action))
            return action;
    }
}

/* CANCELLED: there was nothing to ask. RESOURCE_EXHAUSTED: on a busy machine the others held the group for longer than one
 * waits for it. */
static bool is_expected(enum status status)
{
    return status == STATUS_OK || status == STATUS_CANCELLED || status == STATUS_ABORTED ||
           status == STATUS_FAILED_PRECONDITION || status == STATUS_NOT_FOUND ||
           status == STATUS_ALREADY_EXISTS || status == STATUS_RESOURCE_EXHAUSTED;
}

static void live(struct fiber_run *run, size_t index)
{
    const struct person *person = &people[index];
    (void)run;
    for (int i = 0; i < OPERATIONS; i++) {
        struct fault fault = {0};
        enum action action = some_action(person);
        evaluation_v1_scoreboard *board = some_board(person);
        if (!board && action < MOVE)
            action = person->actions & BIT(OPEN_IT) ? OPEN_IT : ACTIONS;
        if (action == ACTIONS) {
            fiber_sleep_ms(20);
            continue;
        }
        enum status status = act(person, action, board, &fault);
        if (!is_expected(status) && !surprise[0])
            snprintf(surprise, sizeof(surprise), "%s does %d: %s, %s %s", person->name, (int)action,
                     status_name(status), fault.field, fault.text);
        if (status != STATUS_OK && board)
            look_again(person, board);
        acknowledged[index][action] += status == STATUS_OK;
    }
}

/* Each group has guidelines to begin with. */
static void begin(size_t index)
{
    const struct person *person = &people[index];
    struct fault fault = {0};
    if (!(person->actions & BIT(WRITE)) || some_board(person))
        return;
    assert_int_equal(open_it(person, &fault), STATUS_OK);
    assert_int_equal(write_it(person, some_board(person), &fault), STATUS_OK);
    acknowledged[index][WRITE]++;
}

/* ---- afterwards ---- */

static void assert_acknowledged_is_there(struct world *w)
{
    size_t all = 0;
    for (size_t i = 0; i < COUNT(people); i++) {
        for (size_t a = 0; a < ACTIONS; a++) {
            const char *wanted = arena_printf(w->arena, "%zu", acknowledged[i][a]);
            all += acknowledged[i][a];
            if (audited[a])
                assert_string_equal(world_value(w,
                                                "SELECT count(*) FROM pek.audit_log"
                                                " WHERE actor = '%s' AND action = '%s'",
                                                people[i].name, audited[a]),
                                    wanted);
        }
        assert_string_equal(
            world_value(w, "SELECT count(*) FROM pek.scoreboard_message WHERE user_id = '%s'",
                        people[i].name),
            arena_printf(w->arena, "%zu", acknowledged[i][SAY]));
    }
    /* A guideline that was left out has taken its points along. */
    for (size_t i = 0; i < cell_count; i++)
        assert_string_equal(
            world_value(w,
                        "SELECT count(*) FROM pek.guideline AS u LEFT JOIN pek.point AS p"
                        "    ON p.realm = u.realm AND p.guideline_id = u.id AND p.user_id = '%s'"
                        " WHERE u.id = %s AND u.scoreboard_id = %s"
                        "   AND p.points IS DISTINCT FROM %d",
                        cells[i].member, cells[i].guideline, cells[i].board, (int)cells[i].points),
            "0");
    print_message("%zu operations were done, %zu cells are known\n", all, cell_count);
    assert_true(all >= OK_MIN);
}

static void whatever_they_do_at_once(struct world *w)
{
    const char *given = getenv("PEK_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)clock_wall_us();
    print_message("PEK_SEED=%llu\n", (unsigned long long)seed);
    world = w;
    make_evaluation(w);
    assert_int_equal(step(w, "ann", "AddMember", "fay"), STATUS_OK);
    world_grant(w, &w->a, "also leads a", "len", "o@a", 2047);
    world_grant(w, &w->a, "helps b", "hel", "o@b", VIEW_SCORES | EDIT_SCORES);
    world_grant(w, &w->a, "judges", "oli", "o@o", EVALUATE);
    world_god(w, &w->a, "god");
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(call(w, "bea", "AddMember", "o@b",
                              (const char *[]){"dan", "eve", "fay"}[i], NULL, NULL, NULL),
                         STATUS_OK);
    set_season(w, "2024-2025/1", APPLICATION);
    board_count = cell_count = 0;
    surprise[0] = '\0';
    memset(acknowledged, 0, sizeof(acknowledged));
    for (size_t i = 0; i < COUNT(people); i++)
        begin(i);
    fiber_run_parallel(w->run, COUNT(people), live);
    assert_string_equal(surprise, "");
    assert_acknowledged_is_there(w);
    assert_all_holds(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(whatever_they_do_at_once),
        WORLD_TEST(whatever_they_do_at_once),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
