/* member_points: what a group's evaluations hold of its members, where it keeps a membership from ending.
 *
 * Whoever leaves while their points wait to be judged would take them from under the judges: they leave when the points were
 * judged, or taken back. A manager archives them all the same. An application of somebody who has points of the group is
 * neither rejected nor withdrawn: it is accepted, or archived. A point of 0 is none.
 */
#ifndef PEK_WORKER_MEMBERSHIP_MEMBER_POINTS_H
#define PEK_WORKER_MEMBERSHIP_MEMBER_POINTS_H

#include "worker/membership/membership_store.h"

#define MEMBER_POINTS_REASON_WAIT "POINTS_WAIT"
#define MEMBER_POINTS_REASON_SOME "MEMBER_HAS_POINTS"

/* FAILED_PRECONDITION on `field` when one of the people has points in the group that were submitted in the current semester. Asked
 * behind their locks; the scoreboard is locked, so that nobody submits it meanwhile. */
PEK_MUST_CHECK enum status member_points_check_judged(struct change *change,
                                                      const struct membership_people *people,
                                                      const char *field);
/* FAILED_PRECONDITION on `field` when one of the people has points in the group, of any semester. */
PEK_MUST_CHECK enum status member_points_check_none(struct change *change,
                                                    const struct membership_people *people,
                                                    const char *field);

#endif
