/* point_rules_service: pek.evaluation.v1.PointRulesService of a realm. */
#ifndef PEK_WORKER_EVALUATION_POINT_RULES_SERVICE_H
#define PEK_WORKER_EVALUATION_POINT_RULES_SERVICE_H

#include "shared/rpc/rpc.h"
#include "worker/domain/domain.h"

PEK_MUST_CHECK enum status point_rules_service_add(struct rpc_host *host, struct domain *domain,
                                                   struct fault *fault);

#endif
