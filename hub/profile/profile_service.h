/* profile_service: pek.hub.v1.ProfileService. */
#ifndef PEK_HUB_PROFILE_PROFILE_SERVICE_H
#define PEK_HUB_PROFILE_PROFILE_SERVICE_H

#include "shared/service/service.h"

#define PROFILE_REALMS_WAIT_MS 2000 /* for all realms together, before somebody deletes themself */

/* On the host of the hub's own services, whose interceptor is session_interceptor. `service` is of hub_service and outlives
 * it. */
PEK_MUST_CHECK enum status profile_service_add(struct rpc_host *host, struct service *service,
                                               struct fault *fault);

#endif
