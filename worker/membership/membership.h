/* membership: the life cycle of a member of a group, without SQL and without calls.
 *
 *     (none) -apply-> APPLIED -accept-> NEWBIE -promote-> ACTIVE -inactivate-> FORMER -reactivate-> ACTIVE
 *     any of them -archive-> ARCHIVED -unarchive-> what it was before; ARCHIVED -apply-> APPLIED
 *
 * A membership is a list of periods, each beginning where the one before it ends; the last is open. What a member is
 * now is the period that has this moment in it, so an end that is set for a day to come needs nobody to bring it about.
 *
 * A step is refused with a fault that carries one of the MEMBERSHIP_REASON_…. ABORTED (409) says that the membership is
 * not, or is no longer, in a state in which the step begins: what the loser of a race is told. Source of the rules:
 * the states and operations of the predecessors, without their gaps. No state; any thread.
 */
#ifndef PEK_WORKER_MEMBERSHIP_MEMBERSHIP_H
#define PEK_WORKER_MEMBERSHIP_MEMBERSHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/arena.h"
#include "shared/base/fault.h"

#define MEMBERSHIP_REASON_GROUP_ARCHIVED "GROUP_ARCHIVED"
#define MEMBERSHIP_REASON_CLOSED "GROUP_TAKES_NO_APPLICATIONS"
#define MEMBERSHIP_REASON_MEMBER "ALREADY_MEMBER"
#define MEMBERSHIP_REASON_STATUS "MEMBERSHIP_STATUS"
#define MEMBERSHIP_REASON_NONE "NOT_A_MEMBER"
#define MEMBERSHIP_REASON_OFTEN "MEMBERSHIP_CHANGED_TOO_OFTEN"
#define MEMBERSHIP_REASON_DATE "DATE_IMPOSSIBLE"
#define MEMBERSHIP_REASON_BELOW "TOO_MANY_GROUPS_BELOW"
#define MEMBERSHIP_REASON_FULL "GROUP_FULL"
#define MEMBERSHIP_REASON_USER_FULL "TOO_MANY_GROUPS_GIVEN"

#define MEMBERSHIP_BATCH_MAX 100 /* people in one change */
#define MEMBERSHIP_GROUP_MAX                                                                       \
    20000 /* memberships of one group, former and archived ones among them */
/* Groups into which one person brought another, or themself, and in which they are still an applicant, a newcomer or active:
 * each check of their rights costs with it. What others do to somebody is bounded by each who does it. */
#define MEMBERSHIP_GIVEN_MAX 100
/* Memberships of newcomers and active members below one organisation, each of which may be in a group of its own, a dozen statements.
 * Of one person: they are brought into no more, and leave the organisation however many there are. Of several who leave it in one
 * change: one of them who has as many as there can be leaves room for the others. */
#define MEMBERSHIP_BELOW_MAX 300
#define MEMBERSHIP_BELOW_PEOPLE_MAX (2 * MEMBERSHIP_BELOW_MAX)
/* What begins something in one membership, within a day; what ends it is never refused. From so many periods on it is
 * one a day: what there is of a membership stays small, and nobody is locked out of it for good. */
#define MEMBERSHIP_STEPS_A_DAY 10
#define MEMBERSHIP_PERIODS_MANY 200 /* also: the latest of the history that are told */

/* As stored, and as pek.membership.v1.MemberStatus. */
enum membership_status {
    MEMBERSHIP_NONE = 0,
    MEMBERSHIP_APPLIED = 1,
    MEMBERSHIP_NEWBIE = 2,
    MEMBERSHIP_ACTIVE = 3,
    MEMBERSHIP_FORMER = 4,
    MEMBERSHIP_ARCHIVED = 5,
};

enum membership_step {
    MEMBERSHIP_APPLY,
    MEMBERSHIP_ACCEPT,
    MEMBERSHIP_REJECT, /* by a manager, or withdrawn by the applicant */
    MEMBERSHIP_PROMOTE,
    MEMBERSHIP_INACTIVATE,
    MEMBERSHIP_REACTIVATE,
    MEMBERSHIP_ARCHIVE,
    MEMBERSHIP_UNARCHIVE,
    MEMBERSHIP_ADD, /* by a manager, without an application; a newcomer, unless the caller says otherwise */
    MEMBERSHIP_LEAVE, /* by the member */
    MEMBERSHIP_STEPS
};

struct membership_group {
    bool is_archived;
    bool users_can_apply;
    bool is_organisation; /* who leaves it leaves the groups below it */
};

/* Where a membership stands: what it is, and what it was before that, or NONE. */
struct membership_state {
    enum membership_status status;
    enum membership_status before;
    bool too_soon; /* it began as often as it may within a day */
};

/* Where the step leads: `ret_status` NONE ends the membership as if it had not been. ALREADY_EXISTS for who is a member
 * and applies or is added, FAILED_PRECONDITION for a group that takes nobody and for a membership that changed too often, ABORTED as above. `field` is that of the
 * person. An archived group lets people go, by REJECT, ARCHIVE and LEAVE, and nothing else. */
PEK_MUST_CHECK enum status membership_take(enum membership_step step,
                                           const struct membership_group *group,
                                           const struct membership_state *state, const char *field,
                                           enum membership_status *ret_status, struct fault *fault);

/* The step ends a membership; begins something; neither, as a rejection. */
bool membership_ends(enum membership_step step);
bool membership_begins(enum membership_step step);
/* May have a post, or lead the group: ABORTED for who is neither a newcomer nor active, FAILED_PRECONDITION in an archived
 * group. */
PEK_MUST_CHECK enum status membership_check_serves(const struct membership_group *group,
                                                   const struct membership_state *state,
                                                   struct fault *fault);
/* FAILED_PRECONDITION for an archived group. */
PEK_MUST_CHECK enum status membership_check_open(const struct membership_group *group,
                                                 struct fault *fault);

/* ---- days ---- */

#define MEMBERSHIP_OPEN INT64_MAX /* the end of the last period */
#define MEMBERSHIP_NO_DAY INT64_MIN

/* In microseconds since 1970. */
struct membership_period {
    enum membership_status status;
    int64_t begin_us, end_us;
    const char *changed_by;
};

struct membership_periods {
    struct membership_period *periods; /* room for one more than `count` */
    size_t count;
};

/* "2027-01-31": is it a day of the years 1901 to 2199? */
PEK_MUST_CHECK enum status membership_check_date(const char *date, const char *field,
                                                 struct fault *fault);
/* A newcomer's, active or former membership began on that day: its first period does, and what was before it and no
 * membership makes room. INVALID_ARGUMENT on begin_date when it would be later than the next change or run into an earlier
 * membership, or when it lies in the future; ABORTED for an application or an archived membership. */
PEK_MUST_CHECK enum status membership_set_begin(struct membership_periods *list, int64_t now_us,
                                                int64_t begin_us, struct fault *fault);
/* It ends on that day, or never (MEMBERSHIP_NO_DAY), and is `end_status` (ARCHIVED for NONE) from then on. A day to come is a plan, which
 * the next step replaces. Of a membership that has ended the day is corrected, which may not lie in the future, and not what it became.
 * INVALID_ARGUMENT on end_date when it is before the beginning; ABORTED as above. */
PEK_MUST_CHECK enum status membership_set_end(struct membership_periods *list, int64_t now_us,
                                              int64_t end_us, enum membership_status end_status,
                                              const char *actor, struct fault *fault);

/* The end of its owner's membership of the organisation was planned for `former_us` and is `end_us`; either may be MEMBERSHIP_OPEN.
 * An end on that same day goes along, whoever set it; without one, or with a later one, it ends on the new day as an archived one.
 * One that began later ends as it began. False: it changed nothing. Of a newcomer or active member. */
bool membership_follow(struct membership_periods *list, int64_t now_us, int64_t former_us,
                       int64_t end_us, const char *actor);

#endif
