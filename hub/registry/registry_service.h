/* registry_service: pek.hub.v1.InstanceRegistryService: which instances there are, and how they are now; and, for
 * administrators, changes. A change is written into hub.instance and answered; the directory makes it true. */
#ifndef PEK_HUB_REGISTRY_REGISTRY_SERVICE_H
#define PEK_HUB_REGISTRY_REGISTRY_SERVICE_H

#include "hub/registry/registry.h"
#include "shared/service/service.h"

struct registry_service {
    struct service service;
    struct registry *registry;
    const char *listen; /* the hub's own address, which no instance may have */
    /* Who is told what is wrong with an instance, which names addresses. */
    enum status (*is_admin)(struct pg *pg, struct cancel *cancel, struct slice user,
                            bool *ret_admin);
    void *arg;
    /* For the log: `who` set `realm` to `status`. May be NULL. */
    void (*on_change)(void *arg, const struct rpc_trace *trace, struct slice who, const char *realm,
                      const char *status);
};

/* `service` outlives the host; its `committed` is set here. */
PEK_MUST_CHECK enum status
registry_service_add(struct rpc_host *host, struct registry_service *service, struct fault *fault);

#endif
