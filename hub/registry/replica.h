/* replica: what is wrong with one of the replicas behind an instance's target, while others answer for the realm. Internal to hub/registry.
 *
 * One that refuses the hub with UNAUTHENTICATED (another key, a clock that is off) has no calls while others take them (shared/rpc/tunnel.h), so
 * that nobody but its operator would notice; nor would anybody one that is in a target "ipv4:…" or "ipv6:…" and is not there. Both are told
 * once, by on_replica, and are the `problem` of an instance that has no other. Of targets that name no addresses nobody knows who is not there.
 */
#ifndef PEK_HUB_REGISTRY_REPLICA_H
#define PEK_HUB_REGISTRY_REPLICA_H

#include "hub/registry/registry.h"

/* `arg` is the instance; see rpc_channel_on_refused. */
void replica_refused(void *arg, const char *address, const struct fault *fault);
/* With each heartbeat. */
void replica_look(struct instance *instance);

#endif
