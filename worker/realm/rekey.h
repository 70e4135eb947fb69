/* rekey: sort keys that follow ICU.
 *
 * Keys made by different versions of ICU's collation data cannot be compared. realm_state keeps the version
 * that a realm's keys were made with; when the library's differs, all of them are made again, in one transaction,
 * so that no list ever sees a mixture.
 */
#ifndef PEK_WORKER_REALM_REKEY_H
#define PEK_WORKER_REALM_REKEY_H

#include "shared/pg/pg.h"
#include "shared/text/collator.h"

#define REKEY_BATCH_ROWS 500

/* In a fiber. Nothing to do is OK. Replicas that start together wait for one another. */
PEK_MUST_CHECK enum status rekey_groups(struct pg *pg, struct cancel *cancel,
                                        struct text_collator *collator);

#endif
