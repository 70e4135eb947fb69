/* membership_notice: who is told of a change of a membership, and of what: an application tells the leaders of the group,
 * everything else the member. Nobody is told of what they did themselves (notification_store.h). Source of the rules: the
 * notifications of the predecessor; what it did not tell of (promoted, added, posts, leadership) concerns the member alone.
 *
 * Who leaves an organisation is told of that; not of each group below it, which follows.
 */
#ifndef PEK_WORKER_MEMBERSHIP_MEMBERSHIP_NOTICE_H
#define PEK_WORKER_MEMBERSHIP_MEMBERSHIP_NOTICE_H

#include "worker/membership/post_store.h"

/* An application that ends, rejected or withdrawn, takes what the leaders were told of it with it. */
PEK_MUST_CHECK enum status membership_notice_step(struct change *change, enum membership_step step,
                                                  const struct membership_people *people);
PEK_MUST_CHECK enum status membership_notice_dates(struct change *change,
                                                   const struct membership_people *person);
PEK_MUST_CHECK enum status membership_notice_post(struct change *change,
                                                  const struct membership_people *person,
                                                  const struct post_type *type, bool given);
/* The person leads the group instead of those whom `former` has in column 0, who may be the person as well. */
PEK_MUST_CHECK enum status membership_notice_leader(struct change *change,
                                                    const struct membership_people *person,
                                                    const struct pg_result *former);

#endif
