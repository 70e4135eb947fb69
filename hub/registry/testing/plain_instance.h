/* plain_instance: what a worker must answer to be one, and nothing more. */
#ifndef PEK_HUB_REGISTRY_TESTING_PLAIN_INSTANCE_H
#define PEK_HUB_REGISTRY_TESTING_PLAIN_INSTANCE_H

#include "pek/instance/v1/instance.rpc.h"

/* Its data is a `const char **`: the realm that it says it is. Version "7". */
extern const struct instance_v1_instance_service plain_instance;

#endif
