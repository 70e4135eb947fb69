/* people_store: the SQL of what realms are still to be told of people. */
#ifndef PEK_HUB_PEOPLE_PEOPLE_STORE_H
#define PEK_HUB_PEOPLE_PEOPLE_STORE_H

#include "pek/instance/v1/instance.rpc.h"
#include "shared/pg/pg.h"

#define PEOPLE_BATCH 100

/* Those of the users who are the hub's: the realm is to be told of them; of all, or of those only whom it is not known to
 * know. */
PEK_MUST_CHECK enum status people_store_note(struct pg *pg, struct cancel *cancel,
                                             const char *realm, const struct slice *users,
                                             size_t count, bool all);
/* The oldest news for the realm, up to PEOPLE_BATCH; in the arena. */
PEK_MUST_CHECK enum status people_store_news(struct pg *pg, struct cancel *cancel,
                                             const char *realm, struct arena *arena,
                                             instance_v1_person ***ret_people, size_t *ret_count);
/* The realm took them, and knows those of them whom `known` names; what came meanwhile stays. */
PEK_MUST_CHECK enum status people_store_told(struct pg *pg, struct cancel *cancel,
                                             const char *realm, instance_v1_person *const *people,
                                             size_t count, char *const *known, size_t known_count);
/* Realms for which there is news; column 0. */
PEK_MUST_CHECK enum status people_store_realms(struct pg *pg, struct cancel *cancel,
                                               struct pg_result **ret_realms);

#endif
