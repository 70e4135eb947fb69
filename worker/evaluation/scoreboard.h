/* scoreboard: what may be done with an evaluation, and how its points count. Rules only; no database.
 *
 * Source: the evaluations of the predecessor. Otherwise than there a status that is not given is no change, only the current
 * semester's is changed by anybody, and what was accepted is changed in another version.
 */
#ifndef PEK_WORKER_EVALUATION_SCOREBOARD_H
#define PEK_WORKER_EVALUATION_SCOREBOARD_H

#include "pek/evaluation/v1/scoreboard.rpc.h"
#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "worker/semester/semester.h"

#define SCOREBOARD_GUIDELINES_MAX 50
#define SCOREBOARD_CELLS_MAX 5000   /* in one change */
#define SCOREBOARD_VERSIONS_MAX 100 /* of one semester */
#define SCOREBOARD_NAME_CHARS_MAX 100
#define SCOREBOARD_TEXT_CHARS_MAX 2000 /* a description, an explanation */
/* By one author about one scoreboard: nobody takes the word from others. */
#define SCOREBOARD_MESSAGES_AUTHOR_MAX 100
#define SCOREBOARD_REPORT_CHARS_MAX 10000
#define SCOREBOARD_MEMBER_POINTS_MAX 100 /* of one member by one guideline */
#define SCOREBOARD_GUIDELINE_POINTS_MAX 1000000

#define SCOREBOARD_REASON_SEASON "SEASON"
#define SCOREBOARD_REASON_PAST "NOT_THE_CURRENT_SEMESTER"
#define SCOREBOARD_REASON_STATUS "EVALUATION_STATUS"
#define SCOREBOARD_REASON_SAME "NO_CHANGE"
#define SCOREBOARD_REASON_LATER "LATER_VERSION"
#define SCOREBOARD_REASON_NO_MEMBER "NOT_A_MEMBER"
#define SCOREBOARD_REASON_POINTS "TOO_MANY_POINTS"
#define SCOREBOARD_REASON_EMPTIED "HAS_POINTS"
#define SCOREBOARD_REASON_RANGE "NUMBER_RANGE" /* of a guideline, or of the rules of points */

/* What a request is judged by, beside the scoreboard: as it is now. */
struct scoreboard_now {
    const char *semester;
    semester_v1_season season;
    bool group_is_archived;
    const char *parent_id;       /* "" of an organisation */
    const char *organisation_id; /* the top of the tree: of an organisation itself */
};

/* FAILED_PRECONDITION when the season, the semester or the status of the scoreboard does not let it be done; PERMISSION is
 * somebody else's business. Of CORRECT_EVALUATION and EDIT_EVALUATION the status of points counts. */
PEK_MUST_CHECK enum status scoreboard_check(const struct scoreboard_now *now,
                                            const evaluation_v1_scoreboard *scoreboard,
                                            semester_v1_season_action action, struct fault *fault);
/* The same of entries, whose status counts then. */
PEK_MUST_CHECK enum status scoreboard_check_entries(const struct scoreboard_now *now,
                                                    const evaluation_v1_scoreboard *scoreboard,
                                                    semester_v1_season_action action,
                                                    struct fault *fault);
/* A message, an explanation, a comment, a justification and so on as it is stored, in the arena (text_normalise_prose):
 * INVALID_ARGUMENT for one that may not be, is longer than `chars_max`, or is empty or nothing but blanks where it is
 * `needed`. */
PEK_MUST_CHECK enum status scoreboard_take_text(const char *text, bool needed, size_t chars_max,
                                                const char *field, struct arena *arena,
                                                char **ret_text, struct fault *fault);

/* What submitting and cancelling make of a status; ABORTED when neither of the two changes. */
PEK_MUST_CHECK enum status scoreboard_submit(evaluation_v1_scoreboard *scoreboard,
                                             struct fault *fault);
PEK_MUST_CHECK enum status scoreboard_cancel(evaluation_v1_scoreboard *scoreboard,
                                             struct fault *fault);

/* The next version begins with nothing submitted. FAILED_PRECONDITION while nothing is accepted, and while a part waits to be
 * judged, which would be taken back by it. */
PEK_MUST_CHECK enum status scoreboard_check_revise(const evaluation_v1_scoreboard *scoreboard,
                                                   struct fault *fault);

/* What a judge asks for: UNSPECIFIED stays. */
struct scoreboard_judgement {
    evaluation_v1_evaluation_status points, entries;
    bool needs_accept; /* one becomes accepted, or was: for who may accept */
};
/* INVALID_ARGUMENT on a status that nobody judges to be; ABORTED when neither changes, and for what was not submitted,
 * but by a `god`. */
PEK_MUST_CHECK enum status scoreboard_judge(const evaluation_v1_scoreboard *scoreboard, bool god,
                                            struct scoreboard_judgement *judgement,
                                            struct fault *fault);

/* ---- guidelines and points ---- */

/* All guidelines of a change, and the report, as they are stored: INVALID_ARGUMENT names the first that cannot be, or that
 * has the name of one before it. */
PEK_MUST_CHECK enum status scoreboard_take_written(evaluation_v1_update_scoreboard_request *written,
                                                   struct arena *arena, struct fault *fault);
/* Those without an id become the scoreboard's of their names, in any case, but for one that the change names by its id.
 * `written` was taken. */
PEK_MUST_CHECK enum status
scoreboard_know_guidelines(const evaluation_v1_scoreboard *scoreboard,
                           const evaluation_v1_update_scoreboard_request *written,
                           struct arena *arena);
/* The guideline of that id; NULL when the scoreboard has none. */
const evaluation_v1_guideline *scoreboard_guideline(const evaluation_v1_scoreboard *scoreboard,
                                                    const char *id);
/* What an item of a batch is about: a member, and a guideline where it is a cell (else NULL). */
struct scoreboard_named {
    const char *user, *guideline;
};
/* INVALID_ARGUMENT on "points[1].user_id" and so on, where `field` is "points", for what is no id, and on "points[1]" for
 * what was named before. */
PEK_MUST_CHECK enum status scoreboard_check_named(const struct scoreboard_named *named,
                                                  size_t count, const char *field,
                                                  struct arena *arena, struct fault *fault);
/* The cells of a change in place, each within its guideline's maximum: clamped, or refused by its place in the request, as
 * what scoreboard_check_named refuses is. NOT_FOUND for another scoreboard's guideline. */
PEK_MUST_CHECK enum status scoreboard_take_points(const evaluation_v1_scoreboard *scoreboard,
                                                  const evaluation_v1_batch_set_points_request *req,
                                                  struct arena *arena, struct fault *fault);

#endif
