/* post_service: pek.membership.v1.PostService of a realm. */
#ifndef PEK_WORKER_MEMBERSHIP_POST_SERVICE_H
#define PEK_WORKER_MEMBERSHIP_POST_SERVICE_H

#include "shared/rpc/rpc.h"
#include "worker/domain/domain.h"

PEK_MUST_CHECK enum status post_service_add(struct rpc_host *host, struct domain *domain,
                                            struct fault *fault);

#endif
