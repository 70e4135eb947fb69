/* leader: who leads a group holds the policy `GOD in GROUP`, which gives all rights on it. Leading is that, and nothing else.
 *
 * Leadership is handed over and not laid down: a membership does not end while its owner leads the group. But an archived group,
 * which is handed over to nobody, keeps nobody either: who leaves it leads it no more. Who leaves it on a day to come leads it until then,
 * and it is not brought back with that: an active group has a leader who stays.
 * Others let its leader go if they may hand the group over (MOVE_GROUP_OWNER), and not because they edit members.
 */
#ifndef PEK_WORKER_MEMBERSHIP_LEADER_H
#define PEK_WORKER_MEMBERSHIP_LEADER_H

#include "worker/membership/membership_store.h"

#define LEADER_REASON_ENDS "MEMBERSHIP_ENDS"
#define LEADER_REASON_LEADS "GROUP_LEADER"
#define LEADER_REASON_NOBODY "GROUP_WITHOUT_POLICY"

#define LEADER_LIST_MAX                                                                            \
    10 /* who are told of something; one leads, unless policies were assigned by hand */

/* Who leads the group, in order of their ids; column 0. */
PEK_MUST_CHECK enum status leader_list(struct change *change, const char *group_id,
                                       const struct pg_result **ret_rows);
/* FAILED_PRECONDITION on `field` when one of the people leads the group; of an archived one they cease to when the caller may hand it
 * over, as its leader may: `at_once` with an audit row each, or as their membership does (leader_settle). Asked behind their locks; the caller names the users (change.h). */
PEK_MUST_CHECK enum status leader_let_go(struct change *change,
                                         const struct membership_people *people, const char *field,
                                         bool at_once);
/* FAILED_PRECONDITION on `id` when somebody leads one of the groups until a day that is set: what an active group has not. Asked behind
 * the groups' locks. */
PEK_MUST_CHECK enum status leader_check_stays(struct change *change, const struct slice *groups,
                                              size_t count);
/* PERMISSION_DENIED (POST_REASON_LEADER) with `text` for who may not hand the group over: what its leader does, and who may replace
 * them. */
PEK_MUST_CHECK enum status leader_check_caller(struct change *change, const char *group_id,
                                               const char *field, const char *text);
/* Those of the people who lead the group do so until the end that is planned of their membership, if one is. */
PEK_MUST_CHECK enum status leader_settle(struct change *change,
                                         const struct membership_people *people);
/* The only person leads the group from now on, and whoever led it does not. ABORTED when somebody else has handed it
 * over meanwhile; FAILED_PRECONDITION when the group has no such policy any more, or as policy_store_assign.
 * Writes the audit row, and reads `memberships` not again. `ret_former`: as leader_list, before. */
PEK_MUST_CHECK enum status leader_hand_over(struct change *change,
                                            const struct membership_people *person,
                                            const struct pg_result **ret_former);

#endif
