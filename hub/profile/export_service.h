/* export_service: pek.export.v1.ExportService: what the hub stores about the caller. The realms' parts are theirs; the API puts
 * them together, see document in pek/options.proto. */
#ifndef PEK_HUB_PROFILE_EXPORT_SERVICE_H
#define PEK_HUB_PROFILE_EXPORT_SERVICE_H

#include "shared/service/export.h"

/* The kinds of the hub's records: every table that has somebody in it. */
extern const struct export_kind hub_export_kinds[];
extern const size_t hub_export_kind_count;

/* Of profile_service_add. */
PEK_MUST_CHECK enum status export_service_add_hub(struct rpc_host *host, struct service *service,
                                                  struct fault *fault);

#endif
