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
    bool goes_on; /* there were groups already */
};

/* What is there already is done; of a run that goes on where another was interrupted, so is what its state does not let be
 * done again. */
enum status demo_done(const struct demo *demo, enum status status);
#define DEMO_CALL(demo, package, method, caller, req, res)                                         \
    demo_done(demo,                                                                                \
              package##_##method##_call((demo)->channel, &(req), &(caller)->authorization, 1,      \
                                        &(demo)->cancel, &(demo)->arena, &(res), &(demo)->fault))

/* The header for calls as this user; points into `ret_caller`. */
PEK_MUST_CHECK enum status demo_sign_in(struct demo *demo, const char *user,
                                        struct demo_caller *ret_caller);
/* What a group is called in its realm: ORG@SLUG. */
#define DEMO_GROUP_ID_BYTES 160
void demo_group_id(const struct demo_group *group, char ret_id[DEMO_GROUP_ID_BYTES]);
/* Each group begins with another of the demo's users. */
static inline unsigned demo_number(size_t at)
{
    return (unsigned)(at * 7);
}
/* The people of a group: `number` picks them among the demo's users. Active ones come first, then newcomers, then who
 * applies; of the active ones DEMO_FORMER and DEMO_GONE are so no longer. */
#define DEMO_PEOPLE_MAX 29
#define DEMO_FORMER 1
#define DEMO_GONE 2
struct demo_people {
    char names[DEMO_PEOPLE_MAX][16];
    char *ids[DEMO_PEOPLE_MAX];
    size_t active, newbies, applicants;
};
void demo_pick(unsigned number, struct demo_people *ret_people);
/* Of an active group. The first of its people leads it from then on if it is not an organisation. */
PEK_MUST_CHECK enum status demo_add_members(struct demo *demo, const char *group_id,
                                            unsigned number, bool leads);
PEK_MUST_CHECK enum status demo_add_active(struct demo *demo, const char *group_id, char **users,
                                           size_t count);
/* From the realm's god to `user`, who becomes a member; god leaves. */
PEK_MUST_CHECK enum status demo_hand_over(struct demo *demo, const char *group_id,
                                          const char *user);

#endif
