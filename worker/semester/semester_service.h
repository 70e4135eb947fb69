/* semester_service: pek.semester.v1.SemesterService of a realm. */
#ifndef PEK_WORKER_SEMESTER_SEMESTER_SERVICE_H
#define PEK_WORKER_SEMESTER_SEMESTER_SERVICE_H

#include "shared/rpc/rpc.h"
#include "worker/domain/domain.h"

PEK_MUST_CHECK enum status semester_service_add(struct rpc_host *host, struct domain *domain,
                                                struct fault *fault);

#endif
