/* What subgroups propose: who writes it, when, for whom, and what becomes of it in the scoreboard above. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "pek/evaluation/v1/draft.rpc.h"
#include "shared/fiber/fiber.h"
#include "tests/support/pg_cluster.h"
#include "worker/evaluation/draft_service.h"
#include "worker/evaluation/scoreboard.h"
#include "worker/testing/evaluation_world.h"

/* ---- calls ---- */

static enum status draft_of(struct world *w, const char *as, const char *group,
                            evaluation_v1_point_draft **ret_draft)
{
    evaluation_v1_get_point_draft_request req = EVALUATION_V1_GET_POINT_DRAFT_REQUEST_INIT;
    req.group_id = text(group);
    return WORLD_RPC(w, evaluation_v1, get_point_draft, as, req, *ret_draft);
}

struct proposal {
    const char *user, *guideline;
    int32_t points;
    bool clamp;
    const char *etag;
};

static enum status propose(struct world *w, const char *as, struct proposal cell,
                           evaluation_v1_point_draft **ret_draft)
{
    evaluation_v1_batch_set_point_draft_request req =
        EVALUATION_V1_BATCH_SET_POINT_DRAFT_REQUEST_INIT;
    evaluation_v1_point_of_member point = EVALUATION_V1_POINT_OF_MEMBER_INIT, *list[] = {&point};
    evaluation_v1_point_draft *res;
    point.user_id = text(cell.user);
    point.guideline_id = text(cell.guideline);
    point.points = cell.points;
    req.group_id = text("o@b");
    req.points = list;
    req.n_points = 1;
    req.clamp = cell.clamp;
    req.etag = text(cell.etag ? cell.etag : "");
    enum status status = WORLD_RPC(w, evaluation_v1, batch_set_point_draft, as, req, res);
    if (ret_draft && status == STATUS_OK)
        *ret_draft = res;
    return status;
}

/* All of o@b's when `user` is NULL. */
static enum status take_over(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                             const char *user, const char *guideline, const char *etag,
                             int32_t *ret_count)
{
    evaluation_v1_take_over_draft_request req = EVALUATION_V1_TAKE_OVER_DRAFT_REQUEST_INIT;
    evaluation_v1_draft_cell cell = EVALUATION_V1_DRAFT_CELL_INIT, *list[] = {&cell};
    evaluation_v1_take_over_draft_response *res;
    req.group_id = board->group_id;
    req.id = board->id;
    req.subgroup_id = text("o@b");
    req.etag = text(etag);
    if (user) {
        cell.user_id = text(user);
        cell.guideline_id = text(guideline);
        req.cells = list;
        req.n_cells = 1;
    }
    enum status status = WORLD_RPC(w, evaluation_v1, take_over_draft, as, req, res);
    if (ret_count && status == STATUS_OK)
        *ret_count = res->points_count;
    return status;
}

/* "user guideline=points(origin) …" of the scoreboard's table. */
static const char *table(struct world *w, const evaluation_v1_scoreboard *board)
{
    evaluation_v1_get_point_table_request req = EVALUATION_V1_GET_POINT_TABLE_REQUEST_INIT;
    evaluation_v1_point_table *res;
    const char *line = "";
    req.group_id = board->group_id;
    req.scoreboard_id = board->id;
    assert_int_equal(WORLD_RPC(w, evaluation_v1, get_point_table, "lea", req, res), STATUS_OK);
    for (size_t i = 0; i < res->n_members; i++)
        for (size_t j = 0; j < res->members[i]->n_cells; j++) {
            const evaluation_v1_point_cell *cell = res->members[i]->cells[j];
            size_t guideline = 0;
            while (strcmp(res->scoreboard->guidelines[guideline]->id, cell->guideline_id) != 0)
                guideline++;
            line = arena_printf(w->arena, "%s%s %zu=%d(%s) ", line, res->members[i]->user_id,
                                guideline, (int)cell->points, cell->origin_group_id);
        }
    return line;
}

/* As take_over, of one more subgroup and of any cells: the whole answer. */
static enum status take_cells(struct world *w, const evaluation_v1_scoreboard *board,
                              const char *subgroup, const char *const cells[][2], size_t count,
                              evaluation_v1_take_over_draft_response **ret_res)
{
    evaluation_v1_take_over_draft_request req = EVALUATION_V1_TAKE_OVER_DRAFT_REQUEST_INIT;
    evaluation_v1_draft_cell items[2], *list[2];
    for (size_t i = 0; i < count; i++) {
        items[i] = (evaluation_v1_draft_cell)EVALUATION_V1_DRAFT_CELL_INIT;
        items[i].user_id = text(cells[i][0]);
        items[i].guideline_id = text(cells[i][1]);
        list[i] = &items[i];
    }
    req.group_id = board->group_id;
    req.id = board->id;
    req.subgroup_id = text(subgroup);
    req.cells = list;
    req.n_cells = count;
    return WORLD_RPC(w, evaluation_v1, take_over_draft, "lea", req, *ret_res);
}

/* "user:standing …", of what the subgroup sees. */
static const char *standings(struct world *w)
{
    evaluation_v1_point_draft *draft;
    const char *line = "";
    assert_int_equal(draft_of(w, "bea", "o@b", &draft), STATUS_OK);
    for (size_t i = 0; i < draft->n_members; i++)
        line = arena_printf(w->arena, "%s%s:%d ", line, draft->members[i]->user_id,
                            (int)draft->members[i]->standing);
    return line;
}

static const char *drafts(struct world *w, const char *as, const evaluation_v1_scoreboard *board)
{
    evaluation_v1_list_drafts_request req = EVALUATION_V1_LIST_DRAFTS_REQUEST_INIT;
    req.group_id = board->group_id;
    req.scoreboard_id = board->id;
    return world_items(w, as, "/pek.evaluation.v1.DraftService/ListDrafts", &req.base, "user_id");
}

static const char *drafted(struct world *w)
{
    return world_value(
        w, "SELECT coalesce(string_agg(concat_ws(' ', c.user_id, u.position - 1, c.points), ', '"
           "   ORDER BY c.scoreboard_id, c.user_id, u.position), '')"
           "  FROM pek.point_draft_cell AS c JOIN pek.guideline AS u ON u.id = c.guideline_id");
}

/* dan is in o@a and o@b, eve in o@a alone, fay in o@b alone. */
static evaluation_v1_scoreboard *make_subgroup(struct world *w)
{
    make_evaluation(w);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "dan", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "fay", "", NULL, NULL), STATUS_OK);
    return opened(w);
}

/* ---- writing ---- */

static void subgroup_proposes_points_for_members_of_both(struct world *w)
{
    evaluation_v1_point_draft *draft;
    const evaluation_v1_scoreboard *board = make_subgroup(w);
    const char *work = board->guidelines[0]->id, *duty = board->guidelines[1]->id;
    assert_int_equal(draft_of(w, "bea", "o@b", &draft), STATUS_OK);
    assert_string_equal(draft->parent_id, "o@a");
    assert_string_equal(draft->scoreboard_id, board->id);
    assert_int_equal(draft->n_guidelines, 2);
    assert_int_equal(draft->n_members, 1);
    assert_string_equal(draft->members[0]->user_id, "dan");
    assert_int_equal(draft->members[0]->standing, EVALUATION_V1_DRAFT_STANDING_COUNTS);
    assert_null(draft->update_time);
    /* fay, who is shown as a member of o@a as well, since o@a collects the members below it. */
    world_sql(w, "UPDATE pek.realm_group SET has_transitive_membership = true WHERE id = 'o@a'");
    assert_int_equal(draft_of(w, "bea", "o@b", &draft), STATUS_OK);
    assert_int_equal(draft->without_points_count, 1);
    const char *nothing = draft->etag;
    /* Whoever has what was told is told of each change of it, though nobody wrote the draft. */
    world_sql(w, "UPDATE pek.guideline SET max_per_member = max_per_member + 1");
    assert_int_equal(draft_of(w, "bea", "o@b", &draft), STATUS_OK);
    assert_string_not_equal(draft->etag, nothing);
    world_sql(w, "UPDATE pek.guideline SET max_per_member = max_per_member - 1");
    assert_int_equal(draft_of(w, "bea", "o@b", &draft), STATUS_OK);
    assert_string_equal(draft->etag, nothing);
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", duty, 7, false, nothing}, &draft),
                     STATUS_OK);
    assert_string_not_equal(draft->etag, nothing);
    assert_non_null(draft->update_time);
    assert_int_equal(draft->members[0]->cells[0]->points, 7);
    assert_string_equal(draft->members[0]->cells[0]->origin_group_id, "");
    /* Who writes it knows what is there. */
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", duty, 8, false, nothing}, NULL),
                     STATUS_ABORTED);
    static const char *const others[] = {"hal", "sue", "dan", "zoe", "lea"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(propose(w, others[i], (struct proposal){"dan", duty, 8}, NULL),
                         STATUS_PERMISSION_DENIED);
    static const char *const strangers[] = {"eve", "fay", "zoe"};
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        assert_int_equal(propose(w, "bea", (struct proposal){strangers[i], duty, 8}, NULL),
                         STATUS_FAILED_PRECONDITION);
        assert_string_equal(w->fault.reason, SCOREBOARD_REASON_NO_MEMBER);
        assert_string_equal(w->fault.field, "points[0].user_id");
    }
    assert_non_null(strstr(w->fault.text, "o@b"));
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", work, 41}, NULL),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.field, "points[0].points");
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", "999", 1}, NULL), STATUS_NOT_FOUND);
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", work, 41, true}, NULL), STATUS_OK);
    assert_string_equal(drafted(w), "dan 0 40, dan 1 7");
    /* It counts for nothing, and shows nothing of the scoreboard above. */
    assert_string_equal(table(w, board), "");
    assert_string_equal(drafts(w, "bea", board), "PERMISSION_DENIED");
    assert_string_equal(drafts(w, "sue", board), "dan");
    assert_string_equal(drafts(w, "ola", board), "dan");
    assert_int_equal(draft_of(w, "lea", "o@b", &draft), STATUS_OK);
    assert_int_equal(draft_of(w, "zoe", "o@b", &draft), STATUS_PERMISSION_DENIED);
    assert_int_equal(draft_of(w, "dan", "o@b", &draft), STATUS_PERMISSION_DENIED);
}

static void there_must_be_something_to_propose_for(struct world *w)
{
    evaluation_v1_scoreboard *board;
    evaluation_v1_point_draft *draft;
    make_evaluation(w);
    set_season(w, "2024-2025/1", APPLICATION);
    assert_int_equal(draft_of(w, "bea", "o@b", &draft), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, DRAFT_REASON_NO_SCOREBOARD);
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", "1", 1}, NULL),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, DRAFT_REASON_NO_SCOREBOARD);
    assert_int_equal(draft_of(w, "ola", "o@o", &draft), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, DRAFT_REASON_NO_PARENT);
    assert_int_equal(draft_of(w, "alice", "o@nope", &draft), STATUS_NOT_FOUND);
    assert_int_equal(draft_of(w, "bea", "o@nope", &draft), STATUS_PERMISSION_DENIED);
    board = opened(w);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "dan", "", NULL, NULL), STATUS_OK);
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id = 'o@b'");
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", board->guidelines[0]->id, 1}, NULL),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "GROUP_ARCHIVED");
    assert_string_equal(drafted(w), "");
}

/* Who has left either group: what was proposed for them is taken back, and nothing is proposed any more. */
static void proposal_for_who_left_is_taken_back(struct world *w)
{
    const evaluation_v1_scoreboard *board = make_subgroup(w);
    const char *work = board->guidelines[0]->id;
    assert_int_equal(step(w, "ann", "AddMember", "fay"), STATUS_OK);
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", work, 9}, NULL), STATUS_OK);
    assert_int_equal(propose(w, "bea", (struct proposal){"fay", work, 8}, NULL), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "eve", work, 7, ""), STATUS_OK);
    assert_int_equal(step(w, "ann", "ArchiveMember", "dan"), STATUS_OK);
    assert_int_equal(call(w, "alice", "ArchiveMember", "o@b", "fay", "", NULL, NULL), STATUS_OK);
    static const char *const users[] = {"dan", "fay"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(propose(w, "bea", (struct proposal){users[i], work, 1}, NULL),
                         STATUS_FAILED_PRECONDITION);
        assert_int_equal(propose(w, "bea", (struct proposal){users[i], work, 0}, NULL), STATUS_OK);
    }
    /* eve has points in the scoreboard, and nothing in the draft. */
    assert_int_equal(propose(w, "bea", (struct proposal){"eve", work, 0}, NULL),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(drafted(w), "dan 0 0, fay 0 0");
}

/* ---- taking over ---- */

static void parent_takes_cells_over_and_their_origin_stays(struct world *w)
{
    int32_t count;
    evaluation_v1_scoreboard *board = make_subgroup(w);
    const char *work = board->guidelines[0]->id, *duty = board->guidelines[1]->id;
    assert_int_equal(take_over(w, "lea", board, NULL, NULL, "", NULL), STATUS_NOT_FOUND);
    assert_string_equal(w->fault.field, "subgroup_id");
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", work, 30}, NULL), STATUS_OK);
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", duty, 7}, NULL), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "eve", work, 3, ""), STATUS_OK);
    static const char *const others[] = {"bea", "sue", "dan", "zoe"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(take_over(w, others[i], board, NULL, NULL, "", NULL),
                         STATUS_PERMISSION_DENIED);
    assert_int_equal(take_over(w, "lea", board, NULL, NULL, board->etag, NULL), STATUS_ABORTED);
    assert_int_equal(take_over(w, "lea", board, "dan", "999", "", NULL), STATUS_NOT_FOUND);
    assert_string_equal(w->fault.field, "cells[0]");
    assert_int_equal(take_over(w, "lea", board, "eve", work, "", NULL), STATUS_NOT_FOUND);
    /* One of them, and then all. */
    assert_int_equal(take_over(w, "hal", board, "dan", duty, "", &count), STATUS_OK);
    assert_int_equal(count, 1);
    assert_string_equal(table(w, board), "dan 1=7(o@b) eve 0=3() ");
    assert_int_equal(take_over(w, "lea", board, NULL, NULL, "", &count), STATUS_OK);
    assert_int_equal(count, 2);
    assert_string_equal(table(w, board), "dan 0=30(o@b) dan 1=7(o@b) eve 0=3() ");
    assert_string_equal(world_value(w, "SELECT string_agg(user_id || ':' || text, ', ' ORDER BY id)"
                                       " FROM pek.scoreboard_message"),
                        ":o@b: 1 cells taken over, :o@b: 2 cells taken over");
    /* Neither changes what the other wrote. */
    assert_int_equal(set_points(w, "lea", board, "dan", duty, 5, ""), STATUS_OK);
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", work, 9}, NULL), STATUS_OK);
    assert_string_equal(table(w, board), "dan 0=30(o@b) dan 1=5(o@b) eve 0=3() ");
    assert_string_equal(drafted(w), "dan 0 9, dan 1 7");
    assert_string_equal(world_value(w, "SELECT string_agg(action, ' ' ORDER BY id)"
                                       " FROM pek.audit_log WHERE target_kind = 'point_draft'"),
                        "point_draft.set point_draft.set point_draft.set");
    /* The next version goes on with points, their origin, and drafts. */
    evaluation_v1_scoreboard *next;
    set_status(w, board, ACCEPTED);
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", work, 8}, NULL),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(run_on(w, "lea", "ReviseScoreboard", board, &next), STATUS_OK);
    assert_string_equal(table(w, next), "dan 0=30(o@b) dan 1=5(o@b) eve 0=3() ");
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", next->guidelines[0]->id, 8}, NULL),
                     STATUS_OK);
    assert_string_equal(drafted(w), "dan 0 9, dan 1 7, dan 0 8, dan 1 7");
    /* A guideline goes with its points and with what was proposed by it. */
    assert_int_equal(write_to(w, "lea", next, 0, &next), STATUS_OK);
    evaluation_v1_update_scoreboard_request req = EVALUATION_V1_UPDATE_SCOREBOARD_REQUEST_INIT;
    req.group_id = next->group_id;
    req.id = next->id;
    req.guidelines = next->guidelines;
    req.n_guidelines = 1;
    assert_int_equal(WORLD_RPC(w, evaluation_v1, update_scoreboard, "lea", req, next), STATUS_OK);
    assert_string_equal(drafted(w), "dan 0 9, dan 1 7, dan 0 8");
    assert_all_holds(w);
}

static void who_is_gone_and_what_is_too_much_is_not_taken_over(struct world *w)
{
    int32_t count;
    evaluation_v1_scoreboard *board = make_subgroup(w), *again;
    const char *work = board->guidelines[0]->id;
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "eve", "", NULL, NULL), STATUS_OK);
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", work, 30}, NULL), STATUS_OK);
    assert_int_equal(propose(w, "bea", (struct proposal){"eve", work, 20}, NULL), STATUS_OK);
    /* All together get 40: neither alone is refused, both are, by name. */
    assert_int_equal(write_to(w, "lea", board, 40, &again), STATUS_OK);
    assert_int_equal(take_over(w, "lea", board, NULL, NULL, "", NULL), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_POINTS);
    assert_non_null(strstr(w->fault.text, "Munka"));
    assert_string_equal(table(w, board), "");
    assert_int_equal(step(w, "ann", "ArchiveMember", "eve"), STATUS_OK);
    assert_int_equal(take_over(w, "lea", board, "eve", work, "", NULL), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_NO_MEMBER);
    assert_string_equal(w->fault.field, "cells[0].user_id");
    assert_string_equal(w->fault.text, "eve is neither a newcomer nor an active member of o@a");
    assert_int_equal(take_over(w, "lea", board, NULL, NULL, "", &count), STATUS_OK);
    assert_int_equal(count, 1);
    assert_string_equal(table(w, board), "dan 0=30(o@b) ");
    assert_string_equal(drafts(w, "lea", board), "dan eve");
    /* Where nobody is left whose cells count, that is said, and of whom. */
    world_sql(w, "UPDATE pek.person SET is_deleted = true WHERE id = 'dan'");
    assert_int_equal(take_over(w, "lea", board, NULL, NULL, "", NULL), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_NO_MEMBER);
    assert_string_equal(w->fault.field, "subgroup_id");
}

static void who_left_either_group_is_named_with_what_was_left(struct world *w)
{
    evaluation_v1_take_over_draft_response *res;
    evaluation_v1_scoreboard *board = make_subgroup(w);
    const char *work = board->guidelines[0]->id, *duty = board->guidelines[1]->id;
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "eve", "", NULL, NULL), STATUS_OK);
    assert_int_equal(step(w, "alice", "AddMember", "fay"), STATUS_OK);
    static const char *const all[] = {"dan", "eve", "fay"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(propose(w, "bea", (struct proposal){all[i], work, 9}, NULL), STATUS_OK);
    assert_int_equal(propose(w, "bea", (struct proposal){"fay", duty, 9}, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "ArchiveMember", "o@b", "eve", "", NULL, NULL), STATUS_OK);
    assert_int_equal(step(w, "alice", "InactivateMember", "fay"), STATUS_OK);
    assert_string_equal(standings(w), "dan:1 eve:3 fay:2 ");
    assert_int_equal(take_cells(w, board, "o@b", NULL, 0, &res), STATUS_OK);
    assert_int_equal(res->points_count, 1);
    assert_int_equal(res->left_count, 3);
    assert_int_equal(res->n_left, 2);
    assert_string_equal(res->left[0]->user_id, "eve");
    assert_int_equal(res->left[0]->standing, EVALUATION_V1_DRAFT_STANDING_NOT_IN_SUBGROUP);
    assert_string_equal(res->left[1]->user_id, "fay");
    assert_int_equal(res->left[1]->standing, EVALUATION_V1_DRAFT_STANDING_NOT_IN_GROUP);
    assert_int_equal(res->left[1]->cells_count, 2);
    assert_string_equal(table(w, board), "dan 0=9(o@b) ");
    assert_string_equal(world_value(w, "SELECT text FROM pek.scoreboard_message"),
                        "o@b: 1 cells taken over, 3 left, of eve, fay");
    /* They stay where they were, and count again when their member does. */
    const char *const eve[][2] = {{"eve", work}};
    assert_int_equal(take_cells(w, board, "o@b", eve, 1, &res), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.text, "eve is neither a newcomer nor an active member of o@b");
    assert_int_equal(call(w, "alice", "UnarchiveMember", "o@b", "eve", "", NULL, NULL), STATUS_OK);
    assert_int_equal(take_cells(w, board, "o@b", eve, 1, &res), STATUS_OK);
    assert_int_equal(res->left_count, 0);
    /* Who was never in, or whose membership is no more, is not lost sight of either. */
    world_sql(w, "DELETE FROM pek.membership_period WHERE group_id = 'o@b' AND user_id = 'eve';"
                 "DELETE FROM pek.membership WHERE group_id = 'o@b' AND user_id = 'eve'");
    assert_string_equal(standings(w), "dan:1 eve:3 fay:2 ");
}

static void draft_of_a_group_that_is_not_below_is_neither_listed_nor_taken(struct world *w)
{
    static const struct {
        const char *change, *reason;
    } cases[] = {
        {"parent_id = 'o@o'", DRAFT_REASON_NOT_BELOW},
        {"parent_id = NULL", DRAFT_REASON_NOT_BELOW},
        {"is_archived = true", "GROUP_ARCHIVED"},
    };
    evaluation_v1_take_over_draft_response *res;
    evaluation_v1_scoreboard *board = make_subgroup(w);
    const char *const dan[][2] = {{"dan", board->guidelines[0]->id}};
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", dan[0][1], 9}, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        world_sql(w, "UPDATE pek.realm_group SET %s WHERE id = 'o@b'", cases[i].change);
        assert_string_equal(drafts(w, "lea", board), "");
        for (size_t named = 0; named < 2; named++) {
            assert_int_equal(take_cells(w, board, "o@b", dan, named, &res),
                             STATUS_FAILED_PRECONDITION);
            assert_string_equal(w->fault.reason, cases[i].reason);
            assert_string_equal(w->fault.field, "subgroup_id");
        }
        world_sql(w, "UPDATE pek.realm_group SET parent_id = 'o@a', is_archived = false"
                     " WHERE id = 'o@b'");
    }
    /* A group that is not there is none below either. */
    assert_int_equal(take_cells(w, board, "o@nope", NULL, 0, &res), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, DRAFT_REASON_NOT_BELOW);
    assert_string_equal(table(w, board), "");
    assert_string_equal(drafts(w, "lea", board), "dan");
    assert_int_equal(take_cells(w, board, "O@B", dan, 1, &res), STATUS_OK);
    assert_string_equal(table(w, board), "dan 0=9(o@b) ");
}

static void zero_takes_a_proposal_back(struct world *w)
{
    evaluation_v1_point_draft *draft;
    evaluation_v1_take_over_draft_response *res;
    evaluation_v1_scoreboard *board = make_subgroup(w);
    const char *work = board->guidelines[0]->id, *duty = board->guidelines[1]->id;
    const char *const cell[][2] = {{"dan", work}};
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", work, 9}, NULL), STATUS_OK);
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", duty, 5}, NULL), STATUS_OK);
    assert_int_equal(take_cells(w, board, "o@b", NULL, 0, &res), STATUS_OK);
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", work, 0}, &draft), STATUS_OK);
    assert_int_equal(draft->members[0]->n_cells, 1);
    assert_string_equal(draft->members[0]->cells[0]->guideline_id, duty);
    /* What is proposed by nobody is not taken over as 0, and what was taken over stays. */
    assert_int_equal(take_cells(w, board, "o@b", cell, 1, &res), STATUS_NOT_FOUND);
    assert_string_equal(w->fault.field, "cells[0]");
    assert_int_equal(take_cells(w, board, "o@b", NULL, 0, &res), STATUS_OK);
    assert_int_equal(res->points_count, 1);
    assert_string_equal(table(w, board), "dan 0=9(o@b) dan 1=5(o@b) ");
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", duty, 0}, NULL), STATUS_OK);
    assert_string_equal(drafts(w, "lea", board), "");
    assert_int_equal(take_cells(w, board, "o@b", NULL, 0, &res), STATUS_NOT_FOUND);
    assert_all_holds(w);
}

/* ---- what is wrong with a request ---- */

static void what_is_wrong_is_named_by_its_place(struct world *w)
{
    evaluation_v1_take_over_draft_response *res;
    evaluation_v1_scoreboard *board = make_subgroup(w), *again;
    const char *work = board->guidelines[0]->id;
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", work, 30}, NULL), STATUS_OK);
    const struct {
        const char *subgroup, *user, *guideline, *field;
    } cases[] = {
        {"", "eve", work, "subgroup_id"},
        {"no group", "eve", work, "subgroup_id"},
        {"o@b", "", work, "cells[1].user_id"},
        {"o@b", "DAN", work, "cells[1].user_id"},
        {"o@b", "eve", "", "cells[1].guideline_id"},
        {"o@b", "eve", "x", "cells[1].guideline_id"},
        {"o@b", "dan", work, "cells[1]"}, /* twice */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *const cells[][2] = {{"dan", work}, {cases[i].user, cases[i].guideline}};
        assert_int_equal(take_cells(w, board, cases[i].subgroup, cells, 2, &res),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(w->fault.field, cases[i].field);
    }
    assert_int_equal(propose(w, "bea", (struct proposal){"", work, 1}, NULL),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "points[0].user_id");
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", "", 1}, NULL),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "points[0].guideline_id");
    /* A member who would have more than a guideline gives one. */
    world_sql(w, "UPDATE pek.guideline SET max_per_member = 20 WHERE id = %s", work);
    assert_int_equal(take_cells(w, board, "o@b", NULL, 0, &res), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.field, "subgroup_id");
    assert_string_equal(w->fault.text,
                        "dan has 30 points by Munka, which gives one member 20 at most");
    const char *const cells[][2] = {{"dan", work}};
    assert_int_equal(take_cells(w, board, "o@b", cells, 1, &res), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.field, "cells");
    assert_int_equal(write_to(w, "lea", board, 25, &again), STATUS_OK);
    assert_int_equal(take_cells(w, board, "o@b", cells, 1, &res), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.text,
                        "all members together have 30 points by Munka, which gives 25");
}

/* ---- when ---- */

static void season_and_status_of_the_scoreboard_decide(struct world *w)
{
    /* By status: open, submitted, accepted, rejected; of "bea proposes", "lea takes over", "ola takes over". */
    static const char *const may[][4] = {
        [OFF] = {"nnn", "nnn", "nnn", "nnn"},
        [APPLICATION] = {"yyn", "nnn", "nnn", "yyn"},
        [JUDGING] = {"yyy", "nny", "nnn", "yyy"},
    };
    const evaluation_v1_scoreboard *board = make_subgroup(w);
    const char *work = board->guidelines[0]->id;
    assert_int_equal(propose(w, "bea", (struct proposal){"dan", work, 3}, NULL), STATUS_OK);
    for (int season = OFF; season <= JUDGING; season++)
        for (int status = OPEN; status <= REJECTED; status++) {
            char line[4] = "";
            set_season(w, "2024-2025/1", season);
            set_status(w, board, (evaluation_v1_evaluation_status)status);
            line[0] =
                propose(w, "bea", (struct proposal){"dan", work, 3}, NULL) == STATUS_OK ? 'y' : 'n';
            line[1] = take_over(w, "lea", board, NULL, NULL, "", NULL) == STATUS_OK ? 'y' : 'n';
            line[2] = take_over(w, "ola", board, NULL, NULL, "", NULL) == STATUS_OK ? 'y' : 'n';
            if (strcmp(line, may[season][status - 1]) != 0)
                fail_msg("in season %d and status %d: %s", season, status, line);
        }
    /* What is of an earlier semester is read, and nobody's to change. */
    set_season(w, "2024-2025/2", APPLICATION);
    set_status(w, board, OPEN);
    assert_int_equal(take_over(w, "lea", board, NULL, NULL, "", NULL), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_PAST);
    assert_string_equal(drafts(w, "lea", board), "dan");
}

/* While groups are archived. */
static struct world *racing;
static const evaluation_v1_scoreboard *written_for;
static PGconn *archiver;
static size_t written;

static void hold(const char *sql, int groups)
{
    PGresult *held = PQexec(archiver, sql);
    assert_int_equal(PQntuples(held), groups);
    PQclear(held);
}

static void write_or_archive(struct fiber_run *run, size_t index)
{
    struct world *w = racing;
    const char *duty = written_for->guidelines[1]->id, *waiting;
    (void)run;
    if (index == 0)
        assert_int_equal(propose(w, "bea", (struct proposal){"dan", duty, 7}, NULL), STATUS_OK);
    if (index == 1)
        assert_int_equal(take_over(w, "lea", written_for, NULL, NULL, "", NULL), STATUS_OK);
    written += index < 2;
    if (index < 2)
        return;
    do {
        fiber_sleep_ms(1);
        waiting = world_value(w, "SELECT count(*) FROM pg_stat_activity"
                                 " WHERE wait_event_type = 'Lock'");
    } while (strcmp(waiting, "2") != 0 && written == 0);
    hold("SELECT FROM pek.realm_group WHERE id IN ('o@a', 'o@b') FOR NO KEY UPDATE NOWAIT", 2);
    assert_int_equal(written, 0);
    PQfinish(archiver);
}

static void draft_holds_its_groups_behind_their_tree(struct world *w)
{
    racing = w;
    written_for = make_subgroup(w);
    struct proposal first = {"dan", written_for->guidelines[0]->id, 30};
    assert_int_equal(propose(w, "bea", first, NULL), STATUS_OK);
    archiver = PQconnectdb(pg_cluster_conninfo(w->cluster));
    PQclear(PQexec(archiver, "BEGIN; SET row_security = off"));
    hold("SELECT FROM pek.realm_group WHERE id = 'o@o' FOR NO KEY UPDATE", 1);
    fiber_run_parallel(w->run, 3, write_or_archive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(subgroup_proposes_points_for_members_of_both),
        WORLD_TEST(proposal_for_who_left_is_taken_back),
        WORLD_TEST(there_must_be_something_to_propose_for),
        WORLD_TEST(parent_takes_cells_over_and_their_origin_stays),
        WORLD_TEST(who_is_gone_and_what_is_too_much_is_not_taken_over),
        WORLD_TEST(who_left_either_group_is_named_with_what_was_left),
        WORLD_TEST(draft_of_a_group_that_is_not_below_is_neither_listed_nor_taken),
        WORLD_TEST(zero_takes_a_proposal_back),
        WORLD_TEST(what_is_wrong_is_named_by_its_place),
        WORLD_TEST(season_and_status_of_the_scoreboard_decide),
        WORLD_TEST(draft_holds_its_groups_behind_their_tree),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
