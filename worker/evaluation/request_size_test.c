/* What the bounds of a request allow is taken: whole tables, long reports, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pek/evaluation/v1/draft.rpc.h"
#include "pek/evaluation/v1/entry.rpc.h"
#include "pek/evaluation/v1/spreadsheet.rpc.h"
#include "pek/membership/v1/membership.rpc.h"
#include "shared/base/buffer.h"
#include "worker/evaluation/entry.h"
#include "worker/evaluation/points_csv.h"
#include "worker/membership/membership.h"
#include "worker/testing/evaluation_world.h"

#define BATCHES (ENTRY_MEMBERS_MAX / MEMBERSHIP_BATCH_MAX)

#define DRAFTED 1000 /* cells: more than 64 KiB */

/* The `i`-th member of many: an id as long as one may be. */
static char *member(struct world *w, int i)
{
    return arena_printf(w->arena, "%064d", i);
}

static void add_members(struct world *w, const char *group, int batches)
{
    for (int batch = 0; batch < batches; batch++) {
        membership_v1_batch_add_members_request req = MEMBERSHIP_V1_BATCH_ADD_MEMBERS_REQUEST_INIT;
        membership_v1_batch_add_members_response *res;
        char *users[MEMBERSHIP_BATCH_MAX];
        for (int i = 0; i < MEMBERSHIP_BATCH_MAX; i++)
            users[i] = member(w, batch * MEMBERSHIP_BATCH_MAX + i);
        req.group_id = text(group);
        req.user_ids = users;
        req.n_user_ids = MEMBERSHIP_BATCH_MAX;
        if (WORLD_RPC(w, membership_v1, batch_add_members, "alice", req, res) != STATUS_OK)
            fail_msg("%s", w->fault.text);
    }
}

/* So many of a character. */
static char *many(struct world *w, const char *character, size_t count)
{
    size_t bytes = strlen(character);
    char *made = arena_alloc(w->arena, count * bytes + 1);
    assert_non_null(made);
    for (size_t i = 0; i < count; i++)
        memcpy(made + i * bytes, character, bytes);
    made[count * bytes] = '\0';
    return made;
}

/* As many guidelines as may be, with descriptions of so many characters of four bytes. */
static evaluation_v1_scoreboard *written(struct world *w, const evaluation_v1_scoreboard *board,
                                         size_t chars)
{
    evaluation_v1_update_scoreboard_request req = EVALUATION_V1_UPDATE_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_guideline guidelines[SCOREBOARD_GUIDELINES_MAX], *list[SCOREBOARD_GUIDELINES_MAX];
    evaluation_v1_scoreboard *res;
    for (int i = 0; i < SCOREBOARD_GUIDELINES_MAX; i++) {
        guidelines[i] = (evaluation_v1_guideline)EVALUATION_V1_GUIDELINE_INIT;
        guidelines[i].name = arena_printf(
            w->arena, "%02d%s", i, many(w, "\xf0\x90\x8d\x88", SCOREBOARD_NAME_CHARS_MAX - 2));
        guidelines[i].description = many(w, "\xf0\x90\x8d\x88", chars);
        guidelines[i].category = EVALUATION_V1_POINT_CATEGORY_WORK;
        guidelines[i].max_per_member = 100;
        list[i] = &guidelines[i];
    }
    req.group_id = board->group_id;
    req.id = board->id;
    req.report = many(w, "\xf0\x90\x8d\x88", SCOREBOARD_REPORT_CHARS_MAX);
    req.guidelines = list;
    req.n_guidelines = SCOREBOARD_GUIDELINES_MAX;
    if (WORLD_RPC(w, evaluation_v1, update_scoreboard, "lea", req, res) != STATUS_OK)
        fail_msg("%s", w->fault.text);
    return res;
}

static void the_longest_report_and_guidelines_are_taken(struct world *w)
{
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = written(w, opened(w), SCOREBOARD_TEXT_CHARS_MAX);
    assert_int_equal(strlen(board->report), 4 * SCOREBOARD_REPORT_CHARS_MAX);
}

static evaluation_v1_point_of_member *cell_of(struct world *w,
                                              const evaluation_v1_scoreboard *board, int i)
{
    evaluation_v1_point_of_member *cell = arena_alloc(w->arena, sizeof(*cell));
    assert_non_null(cell);
    *cell = (evaluation_v1_point_of_member)EVALUATION_V1_POINT_OF_MEMBER_INIT;
    cell->user_id = member(w, i / SCOREBOARD_GUIDELINES_MAX);
    cell->guideline_id = board->guidelines[i % SCOREBOARD_GUIDELINES_MAX]->id;
    cell->points = -1; /* the longest number there is; clamped */
    return cell;
}

static void a_whole_table_is_written_in_one_call(struct world *w)
{
    evaluation_v1_batch_set_points_request req = EVALUATION_V1_BATCH_SET_POINTS_REQUEST_INIT;
    static evaluation_v1_point_of_member *cells[SCOREBOARD_CELLS_MAX];
    evaluation_v1_scoreboard *res;
    make_evaluation(w);
    add_members(w, "o@a", 1);
    const evaluation_v1_scoreboard *board = written(w, opened(w), 0);
    for (int i = 0; i < SCOREBOARD_CELLS_MAX; i++)
        cells[i] = cell_of(w, board, i);
    req.group_id = board->group_id;
    req.id = board->id;
    req.points = cells;
    req.n_points = SCOREBOARD_CELLS_MAX;
    req.clamp = true;
    if (WORLD_RPC(w, evaluation_v1, batch_set_points, "lea", req, res) != STATUS_OK)
        fail_msg("%s", w->fault.text);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.point"), "5000");
}

static void so_is_a_large_draft_and_taken_over(struct world *w)
{
    evaluation_v1_batch_set_point_draft_request req =
        EVALUATION_V1_BATCH_SET_POINT_DRAFT_REQUEST_INIT;
    evaluation_v1_take_over_draft_request over = EVALUATION_V1_TAKE_OVER_DRAFT_REQUEST_INIT;
    static evaluation_v1_point_of_member *cells[DRAFTED];
    static evaluation_v1_draft_cell named[DRAFTED], *list[DRAFTED];
    evaluation_v1_point_draft *draft;
    evaluation_v1_take_over_draft_response *taken;
    make_evaluation(w);
    add_members(w, "o@a", 1);
    add_members(w, "o@b", 1);
    const evaluation_v1_scoreboard *board = written(w, opened(w), 0);
    for (int i = 0; i < DRAFTED; i++) {
        cells[i] = cell_of(w, board, i);
        cells[i]->points = 1;
        named[i] = (evaluation_v1_draft_cell)EVALUATION_V1_DRAFT_CELL_INIT;
        named[i].user_id = cells[i]->user_id;
        named[i].guideline_id = cells[i]->guideline_id;
        list[i] = &named[i];
    }
    req.group_id = text("o@b");
    req.points = cells;
    req.n_points = DRAFTED;
    if (WORLD_RPC(w, evaluation_v1, batch_set_point_draft, "bea", req, draft) != STATUS_OK)
        fail_msg("%s", w->fault.text);
    over.group_id = board->group_id;
    over.id = board->id;
    over.subgroup_id = text("o@b");
    over.cells = list;
    over.n_cells = DRAFTED;
    if (WORLD_RPC(w, evaluation_v1, take_over_draft, "lea", over, taken) != STATUS_OK)
        fail_msg("%s", w->fault.text);
    assert_int_equal(taken->points_count, DRAFTED);
}

/* As many members as may be, and a MiB of Hungarian. */
static void entries_of_a_large_group_are_set_together(struct world *w)
{
    evaluation_v1_batch_set_entries_request req = EVALUATION_V1_BATCH_SET_ENTRIES_REQUEST_INIT;
    static evaluation_v1_entry_of_member entries[ENTRY_MEMBERS_MAX], *list[ENTRY_MEMBERS_MAX];
    evaluation_v1_scoreboard *res;
    make_evaluation(w);
    add_members(w, "o@a", BATCHES);
    const evaluation_v1_scoreboard *board = opened(w);
    for (int i = 0; i < ENTRY_MEMBERS_MAX; i++) {
        entries[i] = (evaluation_v1_entry_of_member)EVALUATION_V1_ENTRY_OF_MEMBER_INIT;
        entries[i].user_id = member(w, i);
        entries[i].type = EVALUATION_V1_ENTRY_TYPE_KB;
        entries[i].justification = many(w, "ő", 1000);
        list[i] = &entries[i];
    }
    req.group_id = board->group_id;
    req.id = board->id;
    req.entries = list;
    req.n_entries = ENTRY_MEMBERS_MAX;
    if (WORLD_RPC(w, evaluation_v1, batch_set_entries, "lea", req, res) != STATUS_OK)
        fail_msg("%s", w->fault.text);
}

/* As many guidelines as there may be, of the longest descriptions, and as many rows, of members whom nobody knows. */
static void the_longest_files_are_read(struct world *w)
{
    evaluation_v1_import_scoreboard_request req = EVALUATION_V1_IMPORT_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_import_scoreboard_response *res;
    struct buffer guidelines, points;
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    buffer_init(&guidelines, 1 << 20);
    buffer_init(&points, 1 << 20);
    buffer_printf(&guidelines, "name,category,maxPerMember,description\n");
    for (int i = 0; i < SCOREBOARD_GUIDELINES_MAX - 2; i++)
        buffer_printf(&guidelines, "%d,WORK,5,%s\n", i, many(w, "ő", SCOREBOARD_TEXT_CHARS_MAX));
    buffer_printf(&points, "Név,Munka\n");
    for (int i = 0; i < POINTS_CSV_ROWS_MAX - 1; i++)
        buffer_printf(&points, "%d%s,5\n", i, many(w, "ő", 190));
    buffer_printf(&points, "dan,5\n");
    req.group_id = board->group_id;
    req.id = board->id;
    req.guidelines_csv = arena_strndup(w->arena, guidelines.ptr, guidelines.len);
    req.points_csv = arena_strndup(w->arena, points.ptr, points.len);
    if (WORLD_RPC(w, evaluation_v1, import_scoreboard, "lea", req, res) != STATUS_OK)
        fail_msg("%s", w->fault.text);
    assert_int_equal(res->n_unmatched, POINTS_CSV_ROWS_MAX - 1);
    buffer_done(&guidelines);
    buffer_done(&points);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(the_longest_report_and_guidelines_are_taken),
        WORLD_TEST(a_whole_table_is_written_in_one_call),
        WORLD_TEST(so_is_a_large_draft_and_taken_over),
        WORLD_TEST(entries_of_a_large_group_are_set_together),
        WORLD_TEST(the_longest_files_are_read),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
