/* export_service: pek.export.v1.ExportService: what a realm stores about the caller. */
#ifndef PEK_WORKER_EXPORT_EXPORT_SERVICE_H
#define PEK_WORKER_EXPORT_EXPORT_SERVICE_H

#include "shared/service/export.h"
#include "worker/domain/domain.h"

/* The kinds of a realm's records: every table that has somebody in it. */
extern const struct export_kind export_kinds[];
extern const size_t export_kind_count;

/* `domain` outlives the host. */
PEK_MUST_CHECK enum status export_service_add(struct rpc_host *host, struct domain *domain,
                                              struct fault *fault);

#endif
