/* watch: the fibers that follow an instance. Internal to hub/registry.
 *
 * One asks GetInfo whenever the instance comes back, then keeps WatchPolicies open; for a remote instance
 * another keeps grpc.health.v1 Watch open. Both begin again after a pause that grows from WATCH_PAUSE_MIN_MS to
 * WATCH_PAUSE_MAX_MS, so that a healed realm is seen within RELIABILITY's 5 s. While the policy stream is not
 * open nothing remembered of the realm's policies can be trusted: its end and its first event are told as
 * "everybody".
 */
#ifndef PEK_HUB_REGISTRY_WATCH_H
#define PEK_HUB_REGISTRY_WATCH_H

#include "hub/registry/registry.h"

#define WATCH_PAUSE_MIN_MS 100
#define WATCH_PAUSE_MAX_MS 2000
/* A stream is opened anew this often, so that its assertion is not believed for ever. */
#define WATCH_STREAM_MS (10 * 60 * 1000)

PEK_MUST_CHECK enum status watch_start(struct instance *instance);

#endif
