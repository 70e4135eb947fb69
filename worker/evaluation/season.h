/* season: what happens to evaluations when a realm's semester or season changes, in the same transaction. */
#ifndef PEK_WORKER_EVALUATION_SEASON_H
#define PEK_WORKER_EVALUATION_SEASON_H

#include "worker/domain/domain.h"

/* domain.season_moved. When groups write no more, what was said of a KDO is forgotten, in all semesters. A semester is closed by
 * its off season: scores are counted then, also those of the next semester when it has some. Leaving a semester closes none; of
 * one that was closed before and opened again, scores are counted anew. */
PEK_MUST_CHECK enum status season_moved(struct change *change, const struct season_move *move);

/* Points of the semester, or how they are counted, are others: the scores that have to do with it, as far as there are any. */
PEK_MUST_CHECK enum status season_recount(struct change *change, const char *semester);

#endif
