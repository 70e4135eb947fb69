/* demo_semesters: what groups of a demo realm say of their members' work: three semesters whose evaluations were accepted,
 * and the present one, in which some have written theirs. Internal to worker/demo. */
#ifndef PEK_WORKER_DEMO_DEMO_SEMESTERS_H
#define PEK_WORKER_DEMO_DEMO_SEMESTERS_H

#include "worker/demo/demo_members.h"

/* Of realm.evaluated, whose groups have their members. Goes on where a run was interrupted. */
PEK_MUST_CHECK enum status demo_add_semesters(struct demo *demo);

#endif
