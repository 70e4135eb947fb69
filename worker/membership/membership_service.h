/* membership_service: pek.membership.v1.MembershipService over the tables of one realm. */
#ifndef PEK_WORKER_MEMBERSHIP_MEMBERSHIP_SERVICE_H
#define PEK_WORKER_MEMBERSHIP_MEMBERSHIP_SERVICE_H

#include "shared/base/fault.h"
#include "shared/rpc/rpc.h"
#include "worker/domain/domain.h"

/* The domain outlives the host. */
PEK_MUST_CHECK enum status membership_service_add(struct rpc_host *host, struct domain *domain,
                                                  struct fault *fault);

#endif
