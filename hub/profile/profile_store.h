/* profile_store: the SQL of profiles. In fibers.
 *
 * What somebody may see of another is the list of columns of a statement: a column that is not in it is not read, and
 * who may not be seen has no row.
 */
#ifndef PEK_HUB_PROFILE_PROFILE_STORE_H
#define PEK_HUB_PROFILE_PROFILE_STORE_H

#include "hub/profile/profile.h"
#include "shared/pg/pg.h"
#include "shared/row/row.h"

/* Each fills a whole profile in the arena, `view` included. NOT_FOUND, and no fault, when there is none to be seen. */

/* Everything, of the user of this id. */
PEK_MUST_CHECK enum status profile_store_own(struct pg *pg, struct cancel *cancel, const char *id,
                                             struct arena *arena, hub_v1_profile *ret_profile,
                                             struct fault *fault);
/* Of whom `who` names, as far as anybody sees it who shares a realm with them, as `viewer` must, or be them. */
PEK_MUST_CHECK enum status profile_store_basic(struct pg *pg, struct cancel *cancel,
                                               const char *viewer, const char *who,
                                               struct arena *arena, hub_v1_profile *ret_profile,
                                               struct fault *fault);

/* ---- in a transaction ---- */

/* Everything, locked. */
PEK_MUST_CHECK enum status profile_store_lock(struct pg_transaction *transaction, const char *id,
                                              struct arena *arena, hub_v1_profile *ret_profile,
                                              struct fault *fault);
/* The fields, as profile_make has made them; then everything. ALREADY_EXISTS for a username that somebody else has or had,
 * FAILED_PRECONDITION for one that changes too soon. */
PEK_MUST_CHECK enum status profile_store_set(struct pg_transaction *transaction, const char *id,
                                             unsigned fields, const hub_v1_profile *profile,
                                             struct arena *arena, hub_v1_profile *ret_profile,
                                             struct fault *fault);
/* Of the user with this id there is a row left, without name or profile; their sessions end. */
PEK_MUST_CHECK enum status profile_store_delete_user(struct pg *pg, struct cancel *cancel,
                                                     const char *id);

#endif
