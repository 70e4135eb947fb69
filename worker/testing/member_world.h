/* member_world: an organisation with members, for tests of memberships; see world.h. */
#ifndef PEK_WORKER_TESTING_MEMBER_WORLD_H
#define PEK_WORKER_TESTING_MEMBER_WORLD_H

#include "pek/membership/v1/membership.rpc.h"
#include "worker/testing/world.h"

#define VIEW_MEMBERS (1u << 0)
#define EDIT_MEMBERS (1u << 1)
#define VIEW_GROUP (1u << 2)
#define MEMBERS(method) "/pek.membership.v1.MembershipService/" method

/* As a member of a message. */
char *text(const char *constant);

/* o@o, o@a below it and o@b below that. ann manages the members of o@o and o@a; vic views members everywhere. */
void make_members(struct world *w);

/* The requests of all steps are alike: group 2, user 3. `key` and `ret_membership` may be NULL. */
enum status call(struct world *w, const char *as, const char *method, const char *group,
                 const char *user, const char *etag, const char *key,
                 membership_v1_membership **ret_membership);
/* In o@a. */
enum status step(struct world *w, const char *as, const char *method, const char *user);

/* "N" for a newcomer and so on, of ANCFX; "-" for none. */
const char *state(struct world *w, const char *group, const char *user);
/* A field of each of a list, of one status or (0) without asking. */
const char *members(struct world *w, const char *as, const char *group,
                    membership_v1_member_status status, const char *field);
const char *seen(struct world *w, const char *as, const char *group);
/* How many of those that worker/realm/invariants.h has do not hold in realm a; none. */
size_t broken_invariants(struct world *w);
void assert_all_holds(struct world *w);

#endif
