/* profile_world: the service of profiles over the realms of a hub_world, which it asks as in a whole hub. */
#ifndef PEK_HUB_PROFILE_TESTING_PROFILE_WORLD_H
#define PEK_HUB_PROFILE_TESTING_PROFILE_WORLD_H

#include "hub/profile/profile_service.h"
#include "hub/session/testing/hub_world.h"

struct profile_world {
    struct profile_service service;
    struct transcode *transcode;
    struct retry_budget budget;
    struct rpc_host *host; /* of the hub's own services, with sessions and profiles */
    struct rpc_channel *channel;
};

void profile_world_open(struct profile_world *p, struct hub_world *h);
void profile_world_close(struct profile_world *p);

#endif
