/* profile_store: the SQL of profiles. In fibers.
 *
 * What somebody may see of another is the list of columns of a statement: a column that is not in it is not read, and
 * who may not be seen has no row.
 */
#ifndef PEK_HUB_PROFILE_PROFILE_STORE_H
#define PEK_HUB_PROFILE_PROFILE_STORE_H

#include "hub/profile/profile.h"
#include "shared/row/row.h"
#include "shared/service/change.h"

/* A whole profile: a row of the statements below for each of its external accounts, of which there may be none. */
extern const struct row_type profile_store_own_row;
extern const struct row_type profile_store_basic_row, profile_store_full_row;

/* Everything, of the user $1; the second locks it. Of profile_store_own_row. */
extern const struct pg_statement profile_store_own, profile_store_lock;
/* Of whom $1 names, as far as anybody sees it who shares a realm with them, as $2 must, or be them. Of
 * profile_store_basic_row. */
extern const struct pg_statement profile_store_basic;

/* Realms (column 0) in which both $1 and $2 are known. */
extern const struct pg_statement profile_store_shared_realms;
/* Of the user $1: that, and the details that they made visible. $2 is known, as they are, in one of the realms $3, which
 * say that $2 may. Of profile_store_full_row. */
extern const struct pg_statement profile_store_full;

/* ---- in a change, of the user who makes it ---- */

/* The fields, as profile_make has made them; then everything. ALREADY_EXISTS for a username that somebody else has or had,
 * FAILED_PRECONDITION for one that changes too soon. */
PEK_MUST_CHECK enum status profile_store_set(struct change *change, unsigned fields,
                                             const hub_v1_profile *profile,
                                             hub_v1_profile *ret_profile);
/* There is a row left, without name or profile; the sessions end. */
PEK_MUST_CHECK enum status profile_store_delete_user(struct change *change);
/* For change_audit: who did what, and nothing of what was written. */
extern const struct pg_statement profile_store_audit;

#endif
