/* notification: what a realm may say that somebody is told of, as rules. A realm is believed in what concerns itself alone:
 * an event is about its own groups, has texts that can be shown, and a time that can be. No state; any thread.
 */
#ifndef PEK_HUB_NOTIFICATION_NOTIFICATION_H
#define PEK_HUB_NOTIFICATION_NOTIFICATION_H

#include "pek/notification/v1/notification.rpc.h"
#include "shared/base/fault.h"

#define NOTIFICATION_EVENT_ID_CHARS 36
#define NOTIFICATION_LINK_BYTES_MAX 256
/* An event that says to be older, or to come, is of now. A realm keeps what it could not hand over for 30 days. */
#define NOTIFICATION_AGE_S_MAX (60 * 86400)

/* A UUID, in lower case. */
bool notification_is_event_id(const char *text);

enum notification_verdict {
    NOTIFICATION_GOOD,
    NOTIFICATION_LATER,  /* of a kind that this hub does not know yet: it waits for a newer one */
    NOTIFICATION_REFUSED /* never */
};
/* What becomes of an event of the realm. `fault` says why it is refused: the field, and what is wrong with it. Of one that is
 * GOOD the time becomes one that can be shown. */
enum notification_verdict notification_judge(notification_v1_event *event, const char *realm,
                                             int64_t now_s, struct arena *arena,
                                             struct fault *fault);

/* "17", which a user's notification may be called: 1 to 18 decimal digits. */
bool notification_is_id(const char *text);

#endif
