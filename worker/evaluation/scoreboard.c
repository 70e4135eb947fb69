#include "worker/evaluation/scoreboard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/text/text.h"
#include "worker/rights/policy.h"

#define NOT_SUBMITTED EVALUATION_V1_EVALUATION_STATUS_NOT_SUBMITTED
#define SUBMITTED EVALUATION_V1_EVALUATION_STATUS_SUBMITTED
#define ACCEPTED EVALUATION_V1_EVALUATION_STATUS_ACCEPTED
#define REJECTED EVALUATION_V1_EVALUATION_STATUS_REJECTED

enum status scoreboard_check(const struct scoreboard_now *now,
                             const evaluation_v1_scoreboard *scoreboard,
                             semester_v1_season_action action, struct fault *fault)
{
    enum season_rule rule = season_rule(now->season, action);
    evaluation_v1_evaluation_status status = scoreboard->point_status;
    if (strcmp(now->semester, scoreboard->semester) != 0)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, SCOREBOARD_REASON_PAST, "id",
                                "it is of semester %s, and the realm is in %s",
                                scoreboard->semester, now->semester);
    if (now->group_is_archived)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, "GROUP_ARCHIVED", "group_id",
                                "the group is archived");
    if (rule == SEASON_NO)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, SCOREBOARD_REASON_SEASON, NULL,
                                "the season is not for that");
    if ((rule == SEASON_UNTIL_SUBMITTED && (status == SUBMITTED || status == ACCEPTED)) ||
        (rule == SEASON_UNTIL_ACCEPTED && status == ACCEPTED))
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, SCOREBOARD_REASON_STATUS, "id",
                                "it was %s", status == ACCEPTED ? "accepted" : "submitted");
    return STATUS_OK;
}

enum status scoreboard_check_entries(const struct scoreboard_now *now,
                                     const evaluation_v1_scoreboard *scoreboard,
                                     semester_v1_season_action action, struct fault *fault)
{
    evaluation_v1_scoreboard entries = *scoreboard;
    entries.point_status = scoreboard->entry_status;
    return scoreboard_check(now, &entries, action, fault);
}

enum status scoreboard_take_text(const char *text, bool needed, size_t chars_max, const char *field,
                                 struct arena *arena, char **ret_text, struct fault *fault)
{
    struct slice stored;
    PEK_TRY(text_normalise_prose(slice_str(text), chars_max, field, arena, &stored, fault));
    if (needed && stored.len == 0)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, TEXT_REASON_EMPTY, field,
                                "it has 1 to %zu characters", chars_max);
    char *copy = arena_strndup(arena, stored.ptr, stored.len);
    if (!copy)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_text = copy;
    return STATUS_OK;
}

/* ---- statuses ---- */

static enum status unchanged(const char *what, struct fault *fault)
{
    return fault_set_reason(fault, STATUS_ABORTED, SCOREBOARD_REASON_STATUS, "id", "%s", what);
}

static bool may_be_submitted(evaluation_v1_evaluation_status status)
{
    return status == NOT_SUBMITTED || status == REJECTED;
}

enum status scoreboard_submit(evaluation_v1_scoreboard *scoreboard, struct fault *fault)
{
    bool points = may_be_submitted(scoreboard->point_status),
         entries = may_be_submitted(scoreboard->entry_status);
    if (!points && !entries)
        return unchanged("all of it was submitted", fault);
    if (points)
        scoreboard->point_status = SUBMITTED;
    if (entries)
        scoreboard->entry_status = SUBMITTED;
    return STATUS_OK;
}

enum status scoreboard_cancel(evaluation_v1_scoreboard *scoreboard, struct fault *fault)
{
    if (scoreboard->point_status != SUBMITTED && scoreboard->entry_status != SUBMITTED)
        return unchanged("nothing of it waits to be judged", fault);
    if (scoreboard->point_status == SUBMITTED)
        scoreboard->point_status = NOT_SUBMITTED;
    if (scoreboard->entry_status == SUBMITTED)
        scoreboard->entry_status = NOT_SUBMITTED;
    return STATUS_OK;
}

enum status scoreboard_check_revise(const evaluation_v1_scoreboard *scoreboard, struct fault *fault)
{
    const char *why = NULL;
    if (scoreboard->point_status != ACCEPTED && scoreboard->entry_status != ACCEPTED)
        why = "it was not accepted, and is changed as it is";
    else if (scoreboard->point_status == SUBMITTED || scoreboard->entry_status == SUBMITTED)
        why = "a part of it waits to be judged";
    return why ? fault_set_reason(fault, STATUS_FAILED_PRECONDITION, SCOREBOARD_REASON_STATUS, "id",
                                  "%s", why)
               : STATUS_OK;
}

/* One of the two. `wanted` becomes UNSPECIFIED when it is so already. */
static enum status judge_one(evaluation_v1_evaluation_status present, bool god, const char *field,
                             evaluation_v1_evaluation_status *wanted, bool *needs_accept,
                             struct fault *fault)
{
    if (*wanted == EVALUATION_V1_EVALUATION_STATUS_UNSPECIFIED)
        return STATUS_OK;
    if (*wanted != ACCEPTED && *wanted != REJECTED)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field,
                         "a judgement is ACCEPTED or REJECTED");
    if (*wanted == present) {
        *wanted = EVALUATION_V1_EVALUATION_STATUS_UNSPECIFIED;
        return STATUS_OK;
    }
    if (present == NOT_SUBMITTED && !god)
        return fault_set_reason(fault, STATUS_ABORTED, SCOREBOARD_REASON_STATUS, field,
                                "it was not submitted");
    *needs_accept |= *wanted == ACCEPTED || present == ACCEPTED;
    return STATUS_OK;
}

enum status scoreboard_judge(const evaluation_v1_scoreboard *scoreboard, bool god,
                             struct scoreboard_judgement *judgement, struct fault *fault)
{
    struct scoreboard_judgement judged = *judgement;
    judged.needs_accept = false;
    PEK_TRY(judge_one(scoreboard->point_status, god, "point_status", &judged.points,
                      &judged.needs_accept, fault));
    PEK_TRY(judge_one(scoreboard->entry_status, god, "entry_status", &judged.entries,
                      &judged.needs_accept, fault));
    if (judged.points == EVALUATION_V1_EVALUATION_STATUS_UNSPECIFIED &&
        judged.entries == EVALUATION_V1_EVALUATION_STATUS_UNSPECIFIED)
        return fault_set_reason(fault, STATUS_ABORTED, SCOREBOARD_REASON_SAME, NULL,
                                "nothing would change");
    *judgement = judged;
    return STATUS_OK;
}

/* ---- guidelines ---- */

static enum status refuse_guideline(size_t at, const char *reason, const char *member,
                                    const char *why, struct fault *fault)
{
    char field[64];
    snprintf(field, sizeof(field), "guidelines[%zu].%s", at, member);
    return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, reason, field, "%s", why);
}

static enum status take_texts(evaluation_v1_guideline *guideline, size_t at, struct arena *arena,
                              struct fault *fault)
{
    char field[64];
    struct slice name;
    snprintf(field, sizeof(field), "guidelines[%zu].name", at);
    PEK_TRY(text_normalise_name(slice_str(guideline->name), field, arena, &name, fault));
    if (text_chars(name) > SCOREBOARD_NAME_CHARS_MAX)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, TEXT_REASON_LONG, field,
                                "a name has 1 to %d characters", SCOREBOARD_NAME_CHARS_MAX);
    guideline->name = arena_strndup(arena, name.ptr, name.len);
    if (!guideline->name)
        return STATUS_RESOURCE_EXHAUSTED;
    snprintf(field, sizeof(field), "guidelines[%zu].description", at);
    return scoreboard_take_text(guideline->description, false, SCOREBOARD_TEXT_CHARS_MAX, field,
                                arena, &guideline->description, fault);
}

static enum status check_numbers(const evaluation_v1_guideline *guideline, size_t at,
                                 struct fault *fault)
{
    if (guideline->category < EVALUATION_V1_POINT_CATEGORY_WORK ||
        guideline->category > EVALUATION_V1_POINT_CATEGORY_RESPONSIBILITY)
        return refuse_guideline(at, SCOREBOARD_REASON_RANGE, "category",
                                "a category is WORK or RESPONSIBILITY", fault);
    if (guideline->max_per_member < 1 || guideline->max_per_member > SCOREBOARD_MEMBER_POINTS_MAX)
        return refuse_guideline(at, SCOREBOARD_REASON_RANGE, "max_per_member",
                                "one member gets 1 to 100 points", fault);
    if (guideline->max_per_guideline < 0 ||
        guideline->max_per_guideline > SCOREBOARD_GUIDELINE_POINTS_MAX)
        return refuse_guideline(at, SCOREBOARD_REASON_RANGE, "max_per_guideline",
                                "all together get 0, for as many as come, to 1000000 points",
                                fault);
    return STATUS_OK;
}

/* Files know a guideline by its name, in any case, and so do people. `keys` are those before it, and become its own as well. */
static enum status check_alone(evaluation_v1_guideline *const *guidelines, size_t at,
                               struct slice *keys, struct arena *arena, struct fault *fault)
{
    const evaluation_v1_guideline *guideline = guidelines[at];
    PEK_TRY(text_unique_key(slice_str(guideline->name), arena, &keys[at]));
    for (size_t i = 0; i < at; i++) {
        if (guideline->id[0] && strcmp(guideline->id, guidelines[i]->id) == 0)
            return fault_set(fault, STATUS_INVALID_ARGUMENT, "guidelines",
                             "guideline %s is named twice", guideline->id);
        if (slice_equal(keys[at], keys[i]))
            return refuse_guideline(at, TEXT_REASON_TWICE, "name", "two guidelines have this name",
                                    fault);
    }
    return STATUS_OK;
}

enum status scoreboard_take_written(evaluation_v1_update_scoreboard_request *written,
                                    struct arena *arena, struct fault *fault)
{
    struct slice keys[SCOREBOARD_GUIDELINES_MAX];
    PEK_TRY(scoreboard_take_text(written->report, false, SCOREBOARD_REPORT_CHARS_MAX, "report",
                                 arena, &written->report, fault));
    if (written->n_guidelines > SCOREBOARD_GUIDELINES_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "guidelines",
                         "there are %d guidelines at most", SCOREBOARD_GUIDELINES_MAX);
    for (size_t i = 0; i < written->n_guidelines; i++) {
        PEK_TRY(take_texts(written->guidelines[i], i, arena, fault));
        PEK_TRY(check_numbers(written->guidelines[i], i, fault));
        PEK_TRY(check_alone(written->guidelines, i, keys, arena, fault));
    }
    return STATUS_OK;
}

static bool is_named(const evaluation_v1_update_scoreboard_request *written, const char *id)
{
    for (size_t i = 0; i < written->n_guidelines; i++)
        if (strcmp(written->guidelines[i]->id, id) == 0)
            return true;
    return false;
}

enum status scoreboard_know_guidelines(const evaluation_v1_scoreboard *scoreboard,
                                       const evaluation_v1_update_scoreboard_request *written,
                                       struct arena *arena)
{
    struct slice keys[SCOREBOARD_GUIDELINES_MAX], key;
    for (size_t i = 0; i < written->n_guidelines; i++)
        PEK_TRY(text_unique_key(slice_str(written->guidelines[i]->name), arena, &keys[i]));
    for (size_t i = 0; i < scoreboard->n_guidelines; i++) {
        const evaluation_v1_guideline *known = scoreboard->guidelines[i];
        if (is_named(written, known->id))
            continue;
        PEK_TRY(text_unique_key(slice_str(known->name), arena, &key));
        for (size_t j = 0; j < written->n_guidelines; j++) {
            evaluation_v1_guideline *guideline = written->guidelines[j];
            if (!guideline->id[0] && slice_equal(keys[j], key))
                guideline->id = known->id;
        }
    }
    return STATUS_OK;
}

/* ---- points ---- */

const evaluation_v1_guideline *scoreboard_guideline(const evaluation_v1_scoreboard *scoreboard,
                                                    const char *id)
{
    for (size_t i = 0; i < scoreboard->n_guidelines; i++)
        if (strcmp(scoreboard->guidelines[i]->id, id) == 0)
            return scoreboard->guidelines[i];
    return NULL;
}

static enum status refuse_cell(size_t at, const char *member, enum status status,
                               const char *reason, const char *why, struct fault *fault)
{
    char field[64];
    snprintf(field, sizeof(field), "points[%zu].%s", at, member);
    return fault_set_reason(fault, status, reason, field, "%s", why);
}

static int compare_named(const struct scoreboard_named *a, const struct scoreboard_named *b)
{
    int order = strcmp(a->user, b->user);
    return order || !a->guideline ? order : strcmp(a->guideline, b->guideline);
}

/* Of the same the first in the request comes first. */
static int by_named(const void *one, const void *other)
{
    const struct scoreboard_named *const *a = one, *const *b = other;
    int order = compare_named(*a, *b);
    return order ? order : (*a > *b) - (*a < *b);
}

static enum status check_ids(const struct scoreboard_named *named, size_t at, const char *list,
                             struct fault *fault)
{
    char field[64];
    snprintf(field, sizeof(field), "%s[%zu].user_id", list, at);
    if (!policy_is_user(named->user))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "'%s' is no user's id",
                         named->user);
    snprintf(field, sizeof(field), "%s[%zu].guideline_id", list, at);
    if (named->guideline && !policy_is_id(named->guideline))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "'%s' is no guideline's id",
                         named->guideline);
    return STATUS_OK;
}

enum status scoreboard_check_named(const struct scoreboard_named *named, size_t count,
                                   const char *field, struct arena *arena, struct fault *fault)
{
    const struct scoreboard_named **sorted = arena_zalloc(arena, count + 1, sizeof(*sorted));
    char at[64];
    if (!sorted)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        PEK_TRY(check_ids(&named[i], i, field, fault));
        sorted[i] = &named[i];
    }
    qsort(sorted, count, sizeof(const struct scoreboard_named *), by_named);
    for (size_t i = 1; i < count; i++)
        if (compare_named(sorted[i - 1], sorted[i]) == 0) {
            snprintf(at, sizeof(at), "%s[%zu]", field, (size_t)(sorted[i] - named));
            return fault_set(fault, STATUS_INVALID_ARGUMENT, at, "%s%s was named before",
                             sorted[i]->guideline ? "this cell of " : "", sorted[i]->user);
        }
    return STATUS_OK;
}

static enum status check_cells(const evaluation_v1_batch_set_points_request *req,
                               struct arena *arena, struct fault *fault)
{
    struct scoreboard_named *named = arena_zalloc(arena, req->n_points, sizeof(*named));
    if (!named)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < req->n_points; i++)
        named[i] = (struct scoreboard_named){req->points[i]->user_id, req->points[i]->guideline_id};
    return scoreboard_check_named(named, req->n_points, "points", arena, fault);
}

enum status scoreboard_take_points(const evaluation_v1_scoreboard *scoreboard,
                                   const evaluation_v1_batch_set_points_request *req,
                                   struct arena *arena, struct fault *fault)
{
    if (req->n_points < 1 || req->n_points > SCOREBOARD_CELLS_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "points", "1 to %d cells in one change",
                         SCOREBOARD_CELLS_MAX);
    PEK_TRY(check_cells(req, arena, fault));
    for (size_t i = 0; i < req->n_points; i++) {
        evaluation_v1_point_of_member *cell = req->points[i];
        const evaluation_v1_guideline *guideline =
            scoreboard_guideline(scoreboard, cell->guideline_id);
        if (!guideline)
            return refuse_cell(i, "guideline_id", STATUS_NOT_FOUND, NULL,
                               "the scoreboard has no such guideline", fault);
        if (cell->points >= 0 && cell->points <= guideline->max_per_member)
            continue;
        if (!req->clamp)
            return refuse_cell(i, "points", STATUS_FAILED_PRECONDITION, SCOREBOARD_REASON_POINTS,
                               "a member gets 0 to the most that the guideline gives one", fault);
        cell->points = cell->points < 0 ? 0 : guideline->max_per_member;
    }
    return STATUS_OK;
}
