/* merge_store: the SQL of what realms are still to be told of accounts that became one (pekctl user merge). */
#ifndef PEK_HUB_PEOPLE_MERGE_STORE_H
#define PEK_HUB_PEOPLE_MERGE_STORE_H

#include "pek/instance/v1/instance.rpc.h"
#include "shared/pg/pg.h"

#define MERGE_PROBLEM_CHARS_MAX 500

/* A merge that one realm has not answered; texts in the arena. */
struct merge {
    const char *id;
    char *from_user, *into_user;
    bool dry_run;
};
/* The oldest behind `after`, an id, or "0". NOT_FOUND when there is none. */
PEK_MUST_CHECK enum status merge_store_next(struct pg *pg, struct cancel *cancel, const char *realm,
                                            const char *after, struct arena *arena,
                                            struct merge *ret_merge);
/* The realm has done it, or said what it would do. */
PEK_MUST_CHECK enum status merge_store_done(struct pg *pg, struct cancel *cancel, const char *realm,
                                            const char *id,
                                            const instance_v1_merge_user_response *moved);
/* It has not; why, for whoever asks how the merge stands. */
PEK_MUST_CHECK enum status merge_store_failed(struct pg *pg, struct cancel *cancel,
                                              const char *realm, const char *id,
                                              const char *problem);

#endif
