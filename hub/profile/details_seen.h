/* details_seen: of whom the caller sees details, for a search by them (a phone, an e-mail address, a room).
 *
 * Each realm of the caller is asked with their own token whose full profile they may see there (GetProfileScope), all at once and for
 * realms_wait_ms at most. Who that is is the realms' to say, and nothing of it can be known without them; so it is asked in each such search,
 * and nothing is remembered that could be out of date. What makes that cheap: no search is such a one but one with a word that has a digit or
 * an @ in it, as every number and address has and hardly any name (details_are_asked). That depends on what is typed and on
 * nothing that is stored, so no time tells of somebody's number. The search itself then reads these people and no others.
 *
 * A realm is believed for people who are in it, by the hub's own table, and no others. One that does not answer lets nobody be found by a
 * detail; by their names everybody is.
 */
#ifndef PEK_HUB_PROFILE_DETAILS_SEEN_H
#define PEK_HUB_PROFILE_DETAILS_SEEN_H

#include "hub/profile/profile_service.h"
#include "shared/text/search.h"

#define DETAILS_SEEN_MAX 5000 /* users of one realm; who names more names nobody */

struct details_seen {
    struct slice *all; /* realms: of everybody in them */
    size_t all_count;
    struct slice *realms, *users; /* by pairs */
    size_t count;
};

bool details_are_asked(const struct search *search);
/* In a fiber, of a call on the hub's host. All of the answer is in the call's arena. */
PEK_MUST_CHECK enum status details_seen_ask(struct rpc_ctx *ctx, struct details_seen *ret_seen);

#endif
