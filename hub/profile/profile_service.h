/* profile_service: pek.hub.v1.ProfileService. */
#ifndef PEK_HUB_PROFILE_PROFILE_SERVICE_H
#define PEK_HUB_PROFILE_PROFILE_SERVICE_H

#include "hub/session/session.h"
#include "shared/rpc/rpc.h"

/* On the host of the hub's own services, whose interceptor is session_interceptor. `cache` outlives it. */
PEK_MUST_CHECK enum status profile_service_add(struct rpc_host *host, struct session_cache *cache,
                                               struct fault *fault);

#endif
