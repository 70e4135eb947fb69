/* avatar_store: the SQL of avatars. In fibers. Triggers tell the profile, and the realms, of what changes here. */
#ifndef PEK_HUB_PROFILE_AVATAR_STORE_H
#define PEK_HUB_PROFILE_AVATAR_STORE_H

#include "hub/profile/image.h"
#include "pek/hub/v1/profile.rpc.h"
#include "shared/row/row.h"
#include "shared/service/change.h"

/* With the picture, and all but it. */
extern const struct row_type avatar_store_picture_row, avatar_store_row;

/* Of whom $1 names, for $2, who shares a realm with them or is them. Of avatar_store_picture_row, without bytes when its etag is $3,
 * which may be NULL. */
extern const struct pg_statement avatar_store_get;

/* ---- in a change, of the user who makes it ---- */

PEK_MUST_CHECK enum status avatar_store_put(struct change *change, const char *content_type,
                                            const struct image *image, hub_v1_avatar *ret_avatar);
/* OK also when there was none: `ret_was_there`. */
PEK_MUST_CHECK enum status avatar_store_delete(struct change *change, bool *ret_was_there);

#endif
