/* user_import: users of pek-next become accounts of the hub, each once.
 *
 * Somebody is known again by auth_sch_id, which is what the login provider calls them in either system: whoever has an account keeps it
 * as it is, and whoever gets one here has it at their first login. What hub.user_import has was imported before, whatever became
 * of it since. New accounts show nobody anything but their name: the switches of profiles are off, as of whoever registers.
 *
 * Within the caller's transaction, as the owner of the hub's tables; blocking.
 */
#ifndef PEK_HUB_IMPORT_USER_IMPORT_H
#define PEK_HUB_IMPORT_USER_IMPORT_H

#include "shared/staging/staging.h"

/* Moves users.csv of the staging's folder. `realm` is what the ids of the file belong to. */
PEK_MUST_CHECK enum status user_import(struct staging *staging, const char *realm);

/* For staging_pass: id in pek-next, user id, name; of everybody who was imported for the realm and is still here. */
extern const char user_import_out[];

#endif
