/* services: all methods that there are, for targets that try any of them. */
#ifndef PEK_TESTS_FUZZ_SERVICES_H
#define PEK_TESTS_FUZZ_SERVICES_H

#include "shared/rpc/rpc.h"

/* By "/pek.group.v1.GroupService/GetGroup"; NULL when there is none. */
const struct rpc_method *fuzz_method(struct slice path);

#endif
