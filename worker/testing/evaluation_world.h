/* evaluation_world: groups whose members are evaluated, for tests; see world.h. */
#ifndef PEK_WORKER_TESTING_EVALUATION_WORLD_H
#define PEK_WORKER_TESTING_EVALUATION_WORLD_H

#include "pek/evaluation/v1/scoreboard.rpc.h"
#include "worker/testing/member_world.h"

#define EVALUATION(method) "/pek.evaluation.v1.ScoreboardService/" method
#define VIEW_SCORES (1u << 5)
#define EDIT_SCORES (1u << 6)
#define EVALUATE (1u << 7)
#define EDIT_GROUP (1u << 3)
#define OFF 1
#define APPLICATION 2
#define JUDGING 3
#define OPEN EVALUATION_V1_EVALUATION_STATUS_NOT_SUBMITTED
#define SUBMITTED EVALUATION_V1_EVALUATION_STATUS_SUBMITTED
#define ACCEPTED EVALUATION_V1_EVALUATION_STATUS_ACCEPTED
#define REJECTED EVALUATION_V1_EVALUATION_STATUS_REJECTED

/* lea leads o@a, where dan and eve are members and hal is a helper, who edits points; ola leads the organisation above, bea
 * the group below, of which lea is the judge; vic sees. */
void make_evaluation(struct world *w);
/* Past the service: nothing else happens. */
void set_season(struct world *w, const char *semester, int season);
enum status open_in(struct world *w, const char *as, const char *group,
                    evaluation_v1_scoreboard **ret_board);
/* Two guidelines, of WORK and RESPONSIBILITY. */
enum status write_to(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                     int32_t max_per_guideline, evaluation_v1_scoreboard **ret_board);
enum status set_points(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                       const char *user, const char *guideline, int32_t points, const char *etag);
/* "SubmitScoreboard", "CancelSubmission" and "ReviseScoreboard" ask alike. */
enum status run_on(struct world *w, const char *as, const char *method,
                   const evaluation_v1_scoreboard *board, evaluation_v1_scoreboard **ret_board);
enum status judge(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                  evaluation_v1_evaluation_status points, evaluation_v1_evaluation_status entries);
void set_status(struct world *w, const evaluation_v1_scoreboard *board,
                evaluation_v1_evaluation_status status);
/* By alice, as the service does it. */
enum status move_season(struct world *w, const char *semester, int season);
/* Past the service: a group's scoreboard in which somebody has so many points of one guideline. */
void give(struct world *w, const char *group, const char *semester, int version,
          evaluation_v1_evaluation_status status, const char *user, int points);
/* The one of o@a in 2024-2025/1, with guidelines, in the season of applications. */
evaluation_v1_scoreboard *opened(struct world *w);

#endif
