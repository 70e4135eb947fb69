/* rekey: sort keys that follow ICU and the order that we ask of it.
 *
 * Keys made by different versions of ICU's collation data, or for another locale, cannot be compared.
 * realm_state keeps what a realm's keys were made with (text_collator_version); when that differs, all of
 * them are made again in one transaction, so that lists have the former order until they have the new one. Positions that were given out
 * before are bytes to be compared like any others: they lead to about the same place.
 *
 * The realm is in use meanwhile. A group that is made has its new key at once, among former ones; a group whose key was
 * made is locked until all are, and so is a person: whoever changes it, or adds somebody to a group, is told to come again (ABORTED, after
 * PG_LOCK_TIMEOUT_MS), and so are evaluations of the group.
 * What is searched (worker/search) has the sort keys in it, and is made afterwards.
 */
#ifndef PEK_WORKER_REALM_REKEY_H
#define PEK_WORKER_REALM_REKEY_H

#include "shared/pg/pg.h"
#include "shared/text/collator.h"

/* Of one statement. So many names take the loop's thread some milliseconds. */
#define REKEY_BATCH_ROWS 500

/* In a fiber. Nothing to do is OK. Programs that start together wait for one another. */
PEK_MUST_CHECK enum status rekey_names(struct pg *pg, struct cancel *cancel,
                                       struct text_collator *collator);
/* In a fiber, after rekey_names. As search_build, which it calls. */
PEK_MUST_CHECK enum status rekey_search(struct pg *pg, struct cancel *cancel,
                                        const struct text_collator *collator);

#endif
