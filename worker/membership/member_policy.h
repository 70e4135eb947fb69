/* member_policy: what a member of a group gets by being one: the policy `Members of GROUP`, which lets them see the group
 * and its members; and the policies of their posts.
 *
 * The policy is made with the first member, directly under the realm's GOD, and found by pek.group_policy: a name could be
 * anybody's. All of them are assigned and revoked in the transaction that changes the membership or the post, by the realm
 * itself, so they use up nobody's budget, and nobody else assigns or revokes them; the assignments of a membership with a
 * planned end have that end. So has the leader's, which comes by handing over (leader.h).
 */
#ifndef PEK_WORKER_MEMBERSHIP_MEMBER_POLICY_H
#define PEK_WORKER_MEMBERSHIP_MEMBER_POLICY_H

#include "worker/membership/membership_store.h"

/* After any change of the people's memberships and posts: newcomers and active members hold these policies as long as they
 * are that, and nobody else does. The number of statements depends on nothing but whether one of them leads the group. */
PEK_MUST_CHECK enum status member_policy_settle(struct change *change,
                                                const struct membership_people *people);

#endif
