/* registry_service: pek.hub.v1.InstanceRegistry: which instances there are, and how they are now. */
#ifndef PEK_HUB_REGISTRY_REGISTRY_SERVICE_H
#define PEK_HUB_REGISTRY_REGISTRY_SERVICE_H

#include "hub/registry/registry.h"

PEK_MUST_CHECK enum status registry_service_add(struct rpc_host *host, struct registry *registry,
                                                struct fault *fault);

#endif
