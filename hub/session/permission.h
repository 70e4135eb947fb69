/* permission: what a realm answered whether the session's user may see somebody's full profile.
 *
 * A hint is a name that grants nothing: the realm looks. This is the realm's answer itself, so it is believed only for as
 * long as the realm would tell that it has become another one: of this session, while its policies are watched, until it
 * says that the policies or memberships of either of the two changed, and PERMISSION_AGE_MAX_MS at most (for what no event
 * is about). The token of the session for the realm is dropped by the same events; see session_policies_changed.
 *
 * Bounded: PERMISSIONS_MAX people of a session in a realm, the one asked longest ago goes. Loop thread.
 */
#ifndef PEK_HUB_SESSION_PERMISSION_H
#define PEK_HUB_SESSION_PERMISSION_H

#include "hub/session/session.h"

#define PERMISSIONS_MAX 32
#define PERMISSION_AGE_MAX_MS (60 * 1000)

enum permission { PERMISSION_UNKNOWN, PERMISSION_DENIED, PERMISSION_GRANTED };

/* UNKNOWN: ask. */
enum permission permission_get(struct session *session, const struct instance *instance,
                               struct slice user);

/* Taken before the realm is asked: what changes meanwhile makes the answer one of before. */
struct permission_ticket {
    uint64_t drops;
    uint32_t user_changes;
    bool taken;
};
struct permission_ticket permission_ask(struct session *session, const struct instance *instance,
                                        struct slice user);
/* The realm says that something about the user changed: for session_policies_changed. */
void permission_user_changed(struct instance *instance, struct slice user);
/* The realm's answer; nothing is kept of one that came too late. */
void permission_put(struct session *session, const struct instance *instance, struct slice user,
                    const struct permission_ticket *ticket, bool allowed);

#endif
