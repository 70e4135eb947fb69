/* scoreboard_notice: who is told of what becomes of an evaluation. Source: the notifications of the predecessor: while what was
 * submitted is judged, the leader of the parent hears of a submission, and of a judgement the leader of the group; nobody else,
 * and of a cancelled submission nobody at all. There a judgement was told where the parent had a leader; here it is told always,
 * since organisations are judged as well, by the realm. Nobody is told of their own doing (notification_store.h).
 */
#ifndef PEK_WORKER_EVALUATION_SCOREBOARD_NOTICE_H
#define PEK_WORKER_EVALUATION_SCOREBOARD_NOTICE_H

#include "shared/service/change.h"
#include "worker/evaluation/scoreboard.h"

/* The detail says of what: the semester and POINTS, ENTRIES or both, with a blank between. */
PEK_MUST_CHECK enum status scoreboard_notice_submitted(struct change *change,
                                                       const struct scoreboard_now *now,
                                                       const evaluation_v1_scoreboard *before,
                                                       const evaluation_v1_scoreboard *scoreboard);
PEK_MUST_CHECK enum status scoreboard_notice_judged(struct change *change,
                                                    const evaluation_v1_scoreboard *before,
                                                    const evaluation_v1_scoreboard *scoreboard);

#endif
