/* group_id: the id of a group, which everything that belongs to one is named by.
 *
 * It is organisation@slug. The organisation itself is x@x; every group below it carries the organisation's name, whatever
 * its direct parent. An id never changes: of a group that was moved to the top level it tells where the group was made, and
 * pek.group_organisation tells which organisation it is in. No state; any thread.
 */
#ifndef PEK_WORKER_DOMAIN_GROUP_ID_H
#define PEK_WORKER_DOMAIN_GROUP_ID_H

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"

#define GROUP_ID_REASON_SLUG "SLUG_INVALID" /* of a new group: its form, or a reserved word */

struct group_id {
    const char *text; /* org@slug, lower case, NUL-terminated */
    struct slice org; /* in text */
};

/* Ids are compared without regard to case and stored in lower case. */
PEK_MUST_CHECK enum status group_id_parse(const char *id, const char *field, struct arena *arena,
                                          struct group_id *ret_id, struct fault *fault);
/* The id of a new group: of the organisation `org`, or of a new organisation when `org` is empty. The slug is
 * proposed from the name when empty; reserved words are refused. */
PEK_MUST_CHECK enum status group_id_make(struct slice org, const char *slug, const char *name,
                                         struct arena *arena, struct group_id *ret_id,
                                         struct fault *fault);

#endif
