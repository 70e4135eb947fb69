/* people_store: the SQL of what realms are still to be told of people. */
#ifndef PEK_HUB_PEOPLE_PEOPLE_STORE_H
#define PEK_HUB_PEOPLE_PEOPLE_STORE_H

#include "pek/instance/v1/instance.rpc.h"
#include "shared/pg/pg.h"

#define PEOPLE_BATCH 100
/* Whom the realm knows now is found there from now on. Their profiles are held meanwhile, and one takes about 2 ms: what was told
 * is noted for a few at a time, so that nobody waits for it who changes theirs. */
#define PEOPLE_TOLD_AT_ONCE 10

/* Those of the users who are the hub's: the realm is to be told of them; of all, or of those only whom it is not known to
 * know. */
PEK_MUST_CHECK enum status people_store_note(struct pg *pg, struct cancel *cancel,
                                             const char *realm, const struct slice *users,
                                             size_t count, bool all);
/* The oldest news for the realm, up to PEOPLE_BATCH; in the arena. */
PEK_MUST_CHECK enum status people_store_news(struct pg *pg, struct cancel *cancel,
                                             const char *realm, struct arena *arena,
                                             instance_v1_person ***ret_people, size_t *ret_count);
/* What there is to say of users: of those of them who are accounts; of a merged one nothing, version 0. In the arena. */
PEK_MUST_CHECK enum status people_store_find(struct pg *pg, struct cancel *cancel,
                                             const struct slice *users, size_t count,
                                             struct arena *arena, instance_v1_person ***ret_people,
                                             size_t *ret_count);
/* The id of whom `who` is to the hub now: an id, also of an account that was merged into another, or a present or former username. In the
 * arena; empty: nobody's. */
PEK_MUST_CHECK enum status people_store_named(struct pg *pg, struct cancel *cancel,
                                              struct slice who, struct arena *arena,
                                              struct slice *ret_id);
/* The realms that are known to know the user, joined by a space; in the arena. */
PEK_MUST_CHECK enum status people_store_known_in(struct pg *pg, struct cancel *cancel,
                                                 struct slice user, struct arena *arena,
                                                 struct slice *ret_realms);
/* The realm took them, and knows those of them whom the answer names; what came meanwhile stays. Those that it did not come to
 * when it fails are told again. */
PEK_MUST_CHECK enum status people_store_told(struct pg *pg, struct cancel *cancel,
                                             const char *realm, instance_v1_person *const *people,
                                             size_t count,
                                             const instance_v1_put_people_response *answer);
/* The newest version that the realm is known to have taken; 1: none. */
PEK_MUST_CHECK enum status people_store_version(struct pg *pg, struct cancel *cancel,
                                                const char *realm, int64_t *ret_version);
enum people_difference { PEOPLE_UNSETTLED, PEOPLE_NOTED, PEOPLE_TOLD_AGAIN };
/* people_store_version was `version`; after that the realm was asked, and says that it was told up to `told_before`, which is
 * another one. A higher one of news that the hub still has was told and not noted: PEOPLE_NOTED, it is now. Otherwise the realm lost
 * something (it is less) or the hub (it is more): PEOPLE_TOLD_AGAIN, which is whom the realm is known to know, who deleted their
 * account, and accounts that became one; once a minute at most. PEOPLE_UNSETTLED: before the minute is over, or another hub was faster. */
PEK_MUST_CHECK enum status people_store_compare(struct pg *pg, struct cancel *cancel,
                                                const char *realm, int64_t version,
                                                int64_t told_before,
                                                enum people_difference *ret_difference);
/* Where everything is to be told again: news of the next PEOPLE_BATCH. */
PEK_MUST_CHECK enum status people_store_again(struct pg *pg, struct cancel *cancel,
                                              const char *realm, bool *ret_more);
/* Realms for which there is news, or a merge, or everything again; column 0. */
PEK_MUST_CHECK enum status people_store_realms(struct pg *pg, struct cancel *cancel,
                                               struct pg_result **ret_realms);

#endif
