/* draft_service: pek.evaluation.v1.DraftService of a realm. */
#ifndef PEK_WORKER_EVALUATION_DRAFT_SERVICE_H
#define PEK_WORKER_EVALUATION_DRAFT_SERVICE_H

#include "shared/rpc/rpc.h"
#include "worker/domain/domain.h"

/* Of a group that is nobody's subgroup, and of one above which there is no scoreboard of the semester. */
#define DRAFT_REASON_NO_PARENT "NO_PARENT"
#define DRAFT_REASON_NO_SCOREBOARD "NO_SCOREBOARD"
#define DRAFT_REASON_NOT_BELOW "NOT_BELOW"

PEK_MUST_CHECK enum status draft_service_add(struct rpc_host *host, struct domain *domain,
                                             struct fault *fault);

#endif
