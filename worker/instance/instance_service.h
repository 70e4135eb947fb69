/* instance_service: pek.instance.v1.InstanceService of one realm. */
#ifndef PEK_WORKER_INSTANCE_INSTANCE_SERVICE_H
#define PEK_WORKER_INSTANCE_INSTANCE_SERVICE_H

#include "shared/pg/pg.h"
#include "shared/rpc/rpc.h"
#include "shared/text/collator.h"
#include "worker/instance/instance.h"
#include "worker/rights/policy_cache.h"

struct instance_service {
    struct instance instance;
    struct pg *pg;
    struct policy_cache *rights;
    struct rpc_host *host;
    const char *version;
    struct text_collator *collator;
    const char *collator_version;
    /* In a fiber: learns the hub's keys again, when an assertion names one that is not known; OK when they
     * may have changed. NULL: never. */
    enum status (*refresh_hub_keys)(void *arg);
    void *refresh_arg;

    struct list watches; /* the service's: open streams of WatchPolicies */
    bool ending;
};

/* OK when the assertion is the hub's word about itself; else UNAUTHENTICATED, or PERMISSION_DENIED of a user's. The
 * service is the method's data. */
PEK_MUST_CHECK enum status instance_service_take_hub(struct rpc_ctx *ctx, const char *assertion);

/* Of a request with a field `told`: what it says of people is the hub's word. Before the handler sees it. Without the field,
 * and when it is empty, nothing is said. */
PEK_MUST_CHECK enum status instance_service_check_told(struct instance_service *service,
                                                       struct rpc_ctx *ctx,
                                                       const ProtobufCMessage *request);

/* Every open WatchPolicies tells its hub that there are notifications to collect. */
void instance_service_tell_notifications(struct instance_service *service);

/* Ends every open WatchPolicies with UNAVAILABLE, and those to come: they would last for ever, and a drain
 * waits for what is open. */
void instance_service_end_watches(struct instance_service *service);

/* All of `service` is filled by the caller and outlives the host. */
PEK_MUST_CHECK enum status
instance_service_add(struct rpc_host *host, struct instance_service *service, struct fault *fault);

#endif
