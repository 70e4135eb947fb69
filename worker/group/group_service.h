/* group_service: pek.group.v1.GroupService over the tables of one realm. */
#ifndef PEK_WORKER_GROUP_GROUP_SERVICE_H
#define PEK_WORKER_GROUP_GROUP_SERVICE_H

#include "shared/base/fault.h"
#include "shared/rpc/rpc.h"
#include "worker/domain/domain.h"

/* The domain outlives the host. */
PEK_MUST_CHECK enum status group_service_add(struct rpc_host *host, struct domain *domain,
                                             struct fault *fault);

#endif
