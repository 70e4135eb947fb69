/* group_message: groups as messages of pek.group.v1. */
#ifndef PEK_WORKER_GROUP_GROUP_MESSAGE_H
#define PEK_WORKER_GROUP_GROUP_MESSAGE_H

#include "pek/group/v1/group.rpc.h"
#include "worker/group/group.h"

/* Fills an initialised message; strings are the group's, the rest is in the arena. */
PEK_MUST_CHECK enum status group_to_message(const struct group *group, const char *realm,
                                            struct arena *arena, group_v1_group *ret_message);
/* GROUP_TIME_NONE when absent. INVALID_ARGUMENT outside the years 1 to 9999. */
PEK_MUST_CHECK enum status group_time_from_message(const Google__Protobuf__Timestamp *time,
                                                   const char *field, int64_t *ret_us,
                                                   struct fault *fault);

#endif
