/* demo_members: the people of a demo group: active, new, former and archived ones, and applicants; who leads it and who has
 * which post; so that every list has something to show. Internal to worker/demo. */
#ifndef PEK_WORKER_DEMO_DEMO_MEMBERS_H
#define PEK_WORKER_DEMO_DEMO_MEMBERS_H

#include "shared/rpc/rpc.h"
#include "worker/demo/demo.h"
#include "worker/program.h"

struct demo_caller {
    struct rpc_pair authorization;
    char header[2048];
};

struct demo {
    struct program *program;
    const struct demo_realm *realm;
    struct rpc_channel *channel;
    struct cancel cancel;
    struct arena arena; /* of one call */
    struct demo_caller god;
    struct fault fault;
    size_t made;
};

/* The header for calls as this user; points into `ret_caller`. */
PEK_MUST_CHECK enum status demo_sign_in(struct demo *demo, const char *user,
                                        struct demo_caller *ret_caller);
/* Of an active group. `number` picks its people among the demo's users; the first is user number + 1, who leads it from
 * then on if it is not an organisation. */
PEK_MUST_CHECK enum status demo_add_members(struct demo *demo, const char *group_id,
                                            unsigned number, bool leads);
/* From the realm's god to `user`, who becomes a member; god leaves. */
PEK_MUST_CHECK enum status demo_hand_over(struct demo *demo, const char *group_id,
                                          const char *user);

#endif
