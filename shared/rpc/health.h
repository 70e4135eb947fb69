/* health: grpc.health.v1, answered for "" (the whole server) and each service. Private to shared/rpc.
 *
 * An ordinary service on a host without interceptors: probes bring no token. Loop thread only. */
#ifndef PEK_SHARED_RPC_HEALTH_H
#define PEK_SHARED_RPC_HEALTH_H

#include "shared/rpc/rpc.h"

struct health;
/* The service is added to `system`; it answers for the services of `described`. */
PEK_MUST_CHECK enum status health_new(struct rpc_host *system, const struct rpc_host *described,
                                      struct health **ret_health, struct fault *fault);
/* After its host. Takes NULL, returns NULL. */
struct health *health_free(struct health *health);
void health_set_serving(struct health *health, bool serving);
/* Says NOT_SERVING and ends the watches once they have told. */
void health_end(struct health *health);

#endif
