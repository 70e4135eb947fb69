/* notification_service: pek.notification.v1.NotificationService of one realm: the outbox, as the hub collects it. */
#ifndef PEK_WORKER_NOTIFICATION_NOTIFICATION_SERVICE_H
#define PEK_WORKER_NOTIFICATION_NOTIFICATION_SERVICE_H

#include "worker/instance/instance_service.h"

/* `instance` knows the hub by its assertions; it outlives the host. */
PEK_MUST_CHECK enum status notification_service_add(struct rpc_host *host,
                                                    struct instance_service *instance,
                                                    struct fault *fault);

#endif
