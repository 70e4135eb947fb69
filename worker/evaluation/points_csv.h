/* points_csv: guidelines and points as people keep them in spreadsheets, read into what a scoreboard is written with. Rules
 * only; no database.
 *
 * Guidelines: a row of column names, then a row each: `name`, `category` (WORK, RESPONSIBILITY), `maxPerMember`, and if they
 * are there `description` and `maxPerGuideline`, where an empty cell is none. Points: a first row of guidelines' names behind
 * any name for the members, then a row a member: their id or displayed name, and points; an empty cell writes nothing.
 *
 * Names are the same as everywhere (text_unique_key): however a machine composes accents, and whatever the case and the white
 * space. White space around a cell is none of it, and rows and columns without anything in them are none.
 *
 * Every mistake in a file is INVALID_ARGUMENT on the field that it came in and names the line; a member who is not found is
 * none. Points are refused beyond a guideline's maximum, not clamped: nobody looks at each cell of a file.
 */
#ifndef PEK_WORKER_EVALUATION_POINTS_CSV_H
#define PEK_WORKER_EVALUATION_POINTS_CSV_H

#include "pek/evaluation/v1/scoreboard.rpc.h"
#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "worker/evaluation/scoreboard.h"

#define GUIDELINES_CSV_FIELD "guidelines_csv"
#define POINTS_CSV_FIELD "points_csv"
#define GUIDELINES_CSV_CHARS_MAX 100000
#define POINTS_CSV_CHARS_MAX 400000
#define POINTS_CSV_ROWS_MAX 1000

/* All guidelines as they are to be: those of the scoreboard, changed where a row has their name, and the new ones behind
 * them. */
PEK_MUST_CHECK enum status points_csv_read_guidelines(struct slice text,
                                                      const evaluation_v1_scoreboard *scoreboard,
                                                      struct arena *arena,
                                                      evaluation_v1_guideline ***ret_guidelines,
                                                      size_t *ret_count, struct fault *fault);

/* The cells of one member, who is still to be found. */
struct points_csv_row {
    size_t line;
    struct slice member;
    struct slice key;                      /* what the name is the same by */
    evaluation_v1_point_of_member **cells; /* without user_id */
    size_t cell_count;
};
PEK_MUST_CHECK enum status points_csv_read(struct slice text,
                                           const evaluation_v1_scoreboard *scoreboard,
                                           struct arena *arena, struct points_csv_row **ret_rows,
                                           size_t *ret_count, struct fault *fault);

/* Gives the rows' cells to the users that were found, NULL for who was not, and puts them one behind the other. Two rows of
 * one user are a mistake. */
PEK_MUST_CHECK enum status points_csv_take(const struct points_csv_row *rows, size_t count,
                                           char *const *users, struct arena *arena,
                                           evaluation_v1_batch_set_points_request *ret_points,
                                           struct fault *fault);

#endif
