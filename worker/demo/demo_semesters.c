#include "worker/demo/demo_semesters.h"

#include <stdio.h>
#include <string.h>

#include "pek/evaluation/v1/comment.rpc.h"
#include "pek/evaluation/v1/draft.rpc.h"
#include "pek/evaluation/v1/entry.rpc.h"
#include "pek/evaluation/v1/scoreboard.rpc.h"
#include "pek/semester/v1/semester.rpc.h"
#include "shared/row/row.h"
#include "worker/semester/semester.h"

#define PAST 3
#define PROPOSED_MEMBERS 3
#define PROPOSED_GUIDELINES 2
#define NAME_BYTES (SEMESTER_BYTES + 1)
#define SCOREBOARD_ID_BYTES 24
#define WORK EVALUATION_V1_POINT_CATEGORY_WORK
#define RESPONSIBILITY EVALUATION_V1_POINT_CATEGORY_RESPONSIBILITY

static const struct {
    const char *name, *description;
    evaluation_v1_point_category category;
    int32_t max;
} guidelines[] = {
    {"Gyűlések", "Részvétel a kör gyűlésein.", WORK, 10},
    {"Rendezvények", "Szervezés, építés, bontás.", WORK, 15},
    {"Ügyelet", "Beosztás szerint.", WORK, 10},
    {"Vezetés", "Körvezető, helyettes, gazdaságis.", RESPONSIBILITY, 15},
    {"Újoncok", "Aki tanítja őket.", RESPONSIBILITY, 10},
};
#define GUIDELINES (sizeof(guidelines) / sizeof(guidelines[0]))

/* How much of the present semester a group has written, by its place. */
enum progress { SUBMITTED, WRITTEN, HALF_WRITTEN, OPENED, NOTHING };

/* One group in one semester. */
struct evaluation {
    const struct demo_evaluated *group;
    size_t seed; /* for points that differ */
    enum progress progress;
    char *members[DEMO_PEOPLE_MAX + DEMO_KNOWN_MAX];
    size_t member_count, known_count; /* the known ones come first */
};

/* ---- who, and how many points ---- */

static unsigned number_of(const struct demo_realm *realm, const char *group_id)
{
    char id[DEMO_GROUP_ID_BYTES];
    size_t at = 0;
    do
        demo_group_id(&realm->groups[at], id);
    while (strcmp(id, group_id) != 0 && ++at < realm->group_count);
    return demo_number(at);
}

static void take_members(const struct demo_people *people, struct evaluation *evaluation)
{
    for (size_t i = 0; i < DEMO_KNOWN_MAX && evaluation->group->known[i]; i++)
        evaluation->members[evaluation->member_count++] = row_string(evaluation->group->known[i]);
    evaluation->known_count = evaluation->member_count;
    for (size_t i = 0; i < people->active + people->newbies; i++)
        if (i != DEMO_FORMER && i != DEMO_GONE)
            evaluation->members[evaluation->member_count++] = people->ids[i];
}

static enum status add_known(struct demo *demo, const struct demo_evaluated *group)
{
    struct evaluation evaluation = {.group = group};
    const struct demo_people nobody = {.active = 0};
    take_members(&nobody, &evaluation);
    return evaluation.known_count
               ? demo_add_active(demo, group->group_id, evaluation.members, evaluation.known_count)
               : STATUS_OK;
}

/* Everybody's differ, the known ones' are good, and whoever has nothing at all is there as well. */
static int32_t points_of(const struct evaluation *evaluation, size_t member, size_t guideline)
{
    size_t max = (size_t)guidelines[guideline].max,
           seed = evaluation->seed + member * 7 + guideline * 11;
    if (member < evaluation->known_count)
        return (int32_t)(max / 4 + seed % (max / 2));
    return member % 6 == 5 ? 0 : (int32_t)(seed % (max + 1));
}

/* ---- a group's evaluation ---- */

static enum status write_guidelines(struct demo *demo, struct evaluation *evaluation,
                                    evaluation_v1_scoreboard **board)
{
    evaluation_v1_update_scoreboard_request req = EVALUATION_V1_UPDATE_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_guideline all[GUIDELINES], *list[GUIDELINES];
    char report[128];
    bool copied = (*board)->n_guidelines == GUIDELINES; /* of the semester before */
    for (size_t i = 0; i < GUIDELINES; i++) {
        all[i] = (evaluation_v1_guideline)EVALUATION_V1_GUIDELINE_INIT;
        if (copied)
            all[i].id = (*board)->guidelines[i]->id;
        all[i].name = row_string(guidelines[i].name);
        all[i].description = row_string(guidelines[i].description);
        all[i].category = guidelines[i].category;
        all[i].max_per_member = guidelines[i].max;
        list[i] = &all[i];
    }
    snprintf(report, sizeof(report), "Ebben a félévben %zu tagunk dolgozott.",
             evaluation->member_count);
    req.group_id = (*board)->group_id;
    req.id = (*board)->id;
    req.report = report;
    req.guidelines = list;
    req.n_guidelines = GUIDELINES;
    return DEMO_CALL(demo, evaluation_v1, update_scoreboard, &demo->god, req, *board);
}

static enum status write_points(struct demo *demo, const struct evaluation *evaluation,
                                const evaluation_v1_scoreboard *board)
{
    evaluation_v1_batch_set_points_request req = EVALUATION_V1_BATCH_SET_POINTS_REQUEST_INIT;
    size_t members = evaluation->progress == HALF_WRITTEN ? (evaluation->member_count + 1) / 2
                                                          : evaluation->member_count;
    evaluation_v1_point_of_member *cells =
        arena_zalloc(&demo->arena, members * GUIDELINES, sizeof(*cells));
    evaluation_v1_scoreboard *res;
    req.points = arena_zalloc(&demo->arena, members * GUIDELINES, sizeof(*req.points));
    if (!cells || !req.points)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t m = 0; m < members; m++) {
        for (size_t g = 0; g < GUIDELINES; g++) {
            evaluation_v1_point_of_member *cell = &cells[req.n_points];
            *cell = (evaluation_v1_point_of_member)EVALUATION_V1_POINT_OF_MEMBER_INIT;
            cell->user_id = evaluation->members[m];
            cell->guideline_id = board->guidelines[g]->id;
            cell->points = points_of(evaluation, m, g);
            req.points[req.n_points++] = cell;
        }
    }
    req.group_id = board->group_id;
    req.id = board->id;
    return DEMO_CALL(demo, evaluation_v1, batch_set_points, &demo->god, req, res);
}

/* Some of the group's own people are in the subgroup as well, which has another number for them. */
static enum status propose_points(struct demo *demo, struct evaluation *evaluation,
                                  const evaluation_v1_scoreboard *board)
{
    evaluation_v1_batch_set_point_draft_request req =
        EVALUATION_V1_BATCH_SET_POINT_DRAFT_REQUEST_INIT;
    evaluation_v1_point_of_member cells[PROPOSED_MEMBERS * PROPOSED_GUIDELINES],
        *list[PROPOSED_MEMBERS * PROPOSED_GUIDELINES];
    evaluation_v1_point_draft *res;
    const char *subgroup_id = evaluation->group->subgroup_id;
    if (!subgroup_id)
        return STATUS_OK;
    PEK_TRY(demo_add_active(demo, subgroup_id, evaluation->members + evaluation->known_count,
                            PROPOSED_MEMBERS));
    for (size_t i = 0; i < PROPOSED_MEMBERS * PROPOSED_GUIDELINES; i++) {
        size_t member = evaluation->known_count + i / PROPOSED_GUIDELINES,
               guideline = i % PROPOSED_GUIDELINES;
        cells[i] = (evaluation_v1_point_of_member)EVALUATION_V1_POINT_OF_MEMBER_INIT;
        cells[i].user_id = evaluation->members[member];
        cells[i].guideline_id = board->guidelines[guideline]->id;
        cells[i].points = guidelines[guideline].max - points_of(evaluation, member, guideline) / 2;
        list[i] = &cells[i];
    }
    req.group_id = row_string(subgroup_id);
    req.points = list;
    req.n_points = PROPOSED_MEMBERS * PROPOSED_GUIDELINES;
    return DEMO_CALL(demo, evaluation_v1, batch_set_point_draft, &demo->god, req, res);
}

static enum status write_entries(struct demo *demo, const struct evaluation *evaluation,
                                 const evaluation_v1_scoreboard *board)
{
    evaluation_v1_batch_set_entries_request req = EVALUATION_V1_BATCH_SET_ENTRIES_REQUEST_INIT;
    evaluation_v1_entry_of_member one = EVALUATION_V1_ENTRY_OF_MEMBER_INIT, other = one;
    evaluation_v1_entry_of_member *list[] = {&one, &other};
    evaluation_v1_scoreboard *res;
    one.user_id = evaluation->members[0];
    one.type = EVALUATION_V1_ENTRY_TYPE_AB;
    one.justification = row_string("Nélküle nem lett volna rendezvény.");
    other.user_id = evaluation->members[1];
    other.type = EVALUATION_V1_ENTRY_TYPE_KB;
    other.justification = row_string("Minden héten ügyelt.");
    req.group_id = board->group_id;
    req.id = board->id;
    req.entries = list;
    req.n_entries = 2;
    return DEMO_CALL(demo, evaluation_v1, batch_set_entries, &demo->god, req, res);
}

static enum status submit(struct demo *demo, const evaluation_v1_scoreboard *board)
{
    evaluation_v1_submit_scoreboard_request req = EVALUATION_V1_SUBMIT_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_scoreboard *res;
    req.group_id = board->group_id;
    req.id = board->id;
    return DEMO_CALL(demo, evaluation_v1, submit_scoreboard, &demo->god, req, res);
}

static enum status discuss(struct demo *demo, const struct evaluation *evaluation,
                           const evaluation_v1_scoreboard *board)
{
    evaluation_v1_create_comment_request comment = EVALUATION_V1_CREATE_COMMENT_REQUEST_INIT;
    evaluation_v1_send_message_request message = EVALUATION_V1_SEND_MESSAGE_REQUEST_INIT;
    evaluation_v1_comment *commented;
    evaluation_v1_message *sent;
    comment.group_id = message.group_id = board->group_id;
    comment.scoreboard_id = message.scoreboard_id = board->id;
    comment.user_id = evaluation->members[0];
    comment.guideline_id = board->guidelines[0]->id;
    comment.text = row_string("Egy gyűlésről hiányzott.");
    message.text = row_string("A tavaszi rendezvény pontjai is benne vannak.");
    PEK_TRY(DEMO_CALL(demo, evaluation_v1, create_comment, &demo->god, comment, commented));
    return DEMO_CALL(demo, evaluation_v1, send_message, &demo->god, message, sent);
}

static enum status write_evaluation(struct demo *demo, struct evaluation *evaluation,
                                    char ret_id[SCOREBOARD_ID_BYTES])
{
    evaluation_v1_open_scoreboard_request req = EVALUATION_V1_OPEN_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_scoreboard *board = NULL;
    req.group_id = row_string(evaluation->group->group_id);
    PEK_TRY(DEMO_CALL(demo, evaluation_v1, open_scoreboard, &demo->god, req, board));
    if (!board)
        return STATUS_FAILED_PRECONDITION;
    snprintf(ret_id, SCOREBOARD_ID_BYTES, "%s", board->id);
    bool open = board->point_status == EVALUATION_V1_EVALUATION_STATUS_NOT_SUBMITTED;
    if (!open || evaluation->progress == OPENED)
        return STATUS_OK;
    PEK_TRY(write_guidelines(demo, evaluation, &board));
    PEK_TRY(write_points(demo, evaluation, board));
    if (evaluation->progress == HALF_WRITTEN)
        return STATUS_OK;
    PEK_TRY(write_entries(demo, evaluation, board));
    if (evaluation->progress == WRITTEN) {
        PEK_TRY(propose_points(demo, evaluation, board));
        return discuss(demo, evaluation, board);
    }
    return submit(demo, board);
}

static enum status accept_evaluation(struct demo *demo, const char *group_id, char *id)
{
    evaluation_v1_judge_scoreboard_request req = EVALUATION_V1_JUDGE_SCOREBOARD_REQUEST_INIT;
    evaluation_v1_scoreboard *res;
    req.group_id = row_string(group_id);
    req.id = id;
    req.point_status = req.entry_status = EVALUATION_V1_EVALUATION_STATUS_ACCEPTED;
    req.explanation = row_string("Köszönjük a munkátokat!");
    return DEMO_CALL(demo, evaluation_v1, judge_scoreboard, &demo->god, req, res);
}

/* ---- semesters ---- */

static enum status move(struct demo *demo, char *name, semester_v1_season season)
{
    semester_v1_update_semester_request req = SEMESTER_V1_UPDATE_SEMESTER_REQUEST_INIT;
    semester_v1_semester semester = SEMESTER_V1_SEMESTER_INIT, *res;
    semester.id = name;
    semester.season = season;
    req.semester = &semester;
    return DEMO_CALL(demo, semester_v1, update_semester, &demo->god, req, res);
}

/* The present one by the calendar, and the three before it, the earliest first. `ret_first` is the first that the realm is not
 * past. */
static enum status take_names(struct demo *demo, char ret_names[PAST + 1][NAME_BYTES],
                              size_t *ret_first)
{
    semester_v1_get_semester_request req = SEMESTER_V1_GET_SEMESTER_REQUEST_INIT;
    semester_v1_semester *now = NULL;
    struct semester semester;
    PEK_TRY(DEMO_CALL(demo, semester_v1, get_semester, &demo->god, req, now));
    if (!now || !semester_parse(now->calendar_semester, &semester))
        return STATUS_INTERNAL;
    for (size_t i = PAST + 1; i-- > 0;) {
        semester_name(semester, ret_names[i]);
        if (!semester_previous(semester, &semester))
            return STATUS_INTERNAL;
    }
    size_t first = 0;
    while (first <= PAST && strcmp(ret_names[first], now->id) < 0)
        first++;
    *ret_first = first;
    return STATUS_OK;
}

static enum status add_semester(struct demo *demo, char *name, size_t semester)
{
    const struct demo_realm *realm = demo->realm;
    char ids[DEMO_EVALUATED_MAX][SCOREBOARD_ID_BYTES];
    bool present = semester == PAST;
    PEK_TRY(move(demo, name, SEMESTER_V1_SEASON_APPLICATION));
    for (size_t i = 0; i < realm->evaluated_count && (!present || i < NOTHING); i++) {
        const struct demo_evaluated *group = &realm->evaluated[i];
        unsigned number = number_of(realm, group->group_id);
        struct evaluation evaluation = {
            .group = group,
            .seed = number + 3 * semester,
            .progress = present ? (enum progress)i : SUBMITTED,
        };
        struct demo_people people;
        arena_reset(&demo->arena);
        demo_pick(number, &people);
        take_members(&people, &evaluation);
        PEK_TRY(write_evaluation(demo, &evaluation, ids[i]));
    }
    if (present)
        return STATUS_OK;
    PEK_TRY(move(demo, name, SEMESTER_V1_SEASON_EVALUATION));
    for (size_t i = 0; i < realm->evaluated_count; i++)
        PEK_TRY(accept_evaluation(demo, realm->evaluated[i].group_id, ids[i]));
    return move(demo, name, SEMESTER_V1_SEASON_OFFSEASON);
}

enum status demo_add_semesters(struct demo *demo)
{
    const struct demo_realm *realm = demo->realm;
    char names[PAST + 1][NAME_BYTES];
    size_t first;
    for (size_t i = 0; i < realm->evaluated_count; i++)
        PEK_TRY(add_known(demo, &realm->evaluated[i]));
    PEK_TRY(take_names(demo, names, &first));
    for (size_t i = first; i <= PAST; i++)
        PEK_TRY(add_semester(demo, names[i], i));
    return STATUS_OK;
}
