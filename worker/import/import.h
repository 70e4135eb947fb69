/* import: the realm's part of a pek-next dump: groups, memberships, posts, evaluations.
 *
 * What each column means, and what is made of what is otherwise here, is in docs/operations.md, "Coming from pek-next". A row that was
 * imported once is known by its number (pek.import_key) and never looked at again: the same files once more change nothing,
 * later ones add what is new, and what people changed here stays as it is.
 *
 * Everything that a method does besides is done as well: policies of leaders, members and posts, the audit log, and the notifications
 * of changed rights; nobody is told of it as news. What must hold of a realm holds before COMMIT (pek-worker verify).
 *
 * Within one transaction of the owner of the realm's tables; blocking.
 */
#ifndef PEK_WORKER_IMPORT_IMPORT_H
#define PEK_WORKER_IMPORT_IMPORT_H

#include "shared/staging/staging.h"

/* Begins the transaction, and reads all files. FAILED_PRECONDITION when the database is not the realm's, or the realm has no administrator
 * yet: policies hang under theirs; or its keys of names are of another ICU than this program's. */
PEK_MUST_CHECK enum status import_begin(struct staging *staging, const char *realm,
                                        struct text_collator *collator);

/* For staging_pass: id in pek-next, user id, name; before import_move. */
extern const char import_users_in[];

/* Moves them, and holds the account against the files. What there is to say of it is staging_counts and staging_reasons. */
PEK_MUST_CHECK enum status import_move(struct staging *staging, struct text_collator *collator);

#endif
