/* notification_service: pek.hub.v1.NotificationService: one's own notifications, as a list and live.
 *
 * A live list goes on until the caller goes away, its time is up, the session ends, or the hub does. PostgreSQL tells
 * (LISTEN/NOTIFY) when there is something for a user, whichever hub stored it; what may have been missed is looked for.
 */
#ifndef PEK_HUB_NOTIFICATION_NOTIFICATION_SERVICE_H
#define PEK_HUB_NOTIFICATION_NOTIFICATION_SERVICE_H

#include "hub/session/session.h"

#define NOTIFICATION_MARK_MAX 100    /* ids in one request */
#define NOTIFICATION_FOLLOW_ROWS 100 /* read at a time */
/* So often a live list asks whether its session still runs, should it not have been told. */
#define NOTIFICATION_CHECK_MS 5000

struct notification_service {
    struct service service; /* hub_service; first */
    struct pg_listener *listener;
    struct list watches; /* open live lists */
    bool ending;
};

/* `service.service` is filled by the caller; it outlives the host. */
PEK_MUST_CHECK enum status notification_service_open(struct rpc_host *host,
                                                     struct notification_service *service,
                                                     struct fault *fault);
/* Before a drain: live lists, and those to come, end with UNAVAILABLE; clients come back, to another hub. */
void notification_service_end_watches(struct notification_service *service);
/* Before the pg goes. Also of one that was never opened, if zeroed. */
void notification_service_close(struct notification_service *service);

#endif
