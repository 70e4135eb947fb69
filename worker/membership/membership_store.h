/* membership_store: the SQL of memberships.
 *
 * Row security limits every statement to the realm of the connection. A change is about one group and up to
 * MEMBERSHIP_BATCH_MAX people, in as many statements as for one; their memberships are locked in the order of their ids.
 * Statuses are pg's.
 */
#ifndef PEK_WORKER_MEMBERSHIP_MEMBERSHIP_STORE_H
#define PEK_WORKER_MEMBERSHIP_MEMBERSHIP_STORE_H

#include "pek/membership/v1/membership.row.h"
#include "shared/service/change.h"
#include "shared/service/read.h"
#include "shared/text/search.h"
#include "worker/membership/membership.h"
#include "worker/rights/policy.h"

/* ---- reads ---- */

/* What a list of members needs to know of its group, when it has no direct ones. */
struct membership_list_group {
    bool archived_members_visible;
    bool is_transitive;
};
/* NOT_FOUND, and no fault, when there is none. */
PEK_MUST_CHECK enum status membership_store_list_group(struct rpc_ctx *ctx, const char *group_id,
                                                       struct membership_list_group *ret_group);

/* Members of a group, in the order of (sort_key, user_id). */
struct membership_query {
    const char *group_id;
    /* Bits 1 << status that are wanted and may be seen; where archived members are everybody's to see, and else. */
    unsigned statuses_visible, statuses;
    struct slice self; /* whose own application is seen as well; empty: nobody's */
    struct search search;
};
/* Nothing of a group with transitive membership, and nothing of none. */
PEK_MUST_CHECK enum status membership_store_direct(const struct read_batch *batch,
                                                   const struct membership_query *query,
                                                   struct pg_result **ret_rows);
/* `viewed`: the groups that may be named. */
PEK_MUST_CHECK enum status membership_store_transitive(const struct read_batch *batch,
                                                       const struct membership_query *query,
                                                       const struct membership_list_group *group,
                                                       const struct policy_scope *viewed,
                                                       struct pg_result **ret_rows);
/* The statement of the direct ones, for a test that reads its plan. */
extern const struct read_statement membership_store_list;
/* Columns of every row: those of the message, and posts and flairs as membership_store_posts reads them. */
#define MEMBERSHIP_COLUMNS(m) MEMBERSHIP_V1_MEMBERSHIP_COLUMNS(m) ", " #m ".posts, " #m ".flairs"
/* Columns behind: NULL of a direct member; of a transitive list what makes them one ("" their own membership, or what may not
 * be named), and the group's id and name; of a user's memberships the history as the next but one reads it. */
enum { MEMBERSHIP_COLUMN_EXTRA = MEMBERSHIP_V1_MEMBERSHIP_COLUMN_COUNT + 2 };
/* The posts and flairs of any row. */
PEK_MUST_CHECK enum status membership_store_posts(const struct pg_result *rows, size_t row,
                                                  struct arena *arena,
                                                  membership_v1_membership *ret_membership);

/* Memberships of a user in the order of (group_sort_key, group_id), each with its history. */
struct membership_of_query {
    const char *user_id;
    unsigned statuses;
    struct policy_scope archived; /* groups whose archived members are told */
};
PEK_MUST_CHECK enum status membership_store_of_user(const struct read_batch *batch,
                                                    const void *of_query,
                                                    struct pg_result **ret_rows);
/* The history that a row of membership_store_of_user has. */
PEK_MUST_CHECK enum status membership_store_history(const struct pg_result *rows, size_t row,
                                                    struct arena *arena,
                                                    membership_v1_membership *ret_membership);

/* ---- within a change ---- */

/* Nobody archives the group or closes it until the transaction ends. NOT_FOUND, and no fault, when there is none. */
PEK_MUST_CHECK enum status membership_store_lock_group(struct change *change, const char *group_id,
                                                       struct membership_group *ret_group);

/* People of one change, and how their memberships stand. */
struct membership_people {
    const char *group_id;
    struct slice *users; /* distinct */
    size_t count;
    /* As they are now, one for each user; status NONE and no message where there is none. */
    struct membership_state *states;
    membership_v1_membership *memberships;
    bool any_planned; /* an end is set for a day to come */
};
/* Holds the people until the change ends: `alone` in an organisation, beside others in a group below one. What they are in both
 * is then decided by one change after the other. */
PEK_MUST_CHECK enum status
membership_store_hold(struct change *change, const struct membership_people *people, bool alone);
/* A membership for each that has none, as yet in no state; locked by its making. FAILED_PRECONDITION with a fault when the
 * group has more than MEMBERSHIP_GROUP_MAX then. */
PEK_MUST_CHECK enum status membership_store_make(struct change *change,
                                                 const struct membership_people *people);
/* Locks all that there are, and fills in `states` and `memberships`. */
PEK_MUST_CHECK enum status membership_store_lock(struct change *change,
                                                 struct membership_people *people);
/* From now on each is `to`, whatever was planned; `memberships` are read again. Posts are of one continuous membership: of
 * who was none or is none any more they go, but for having led the group. */
PEK_MUST_CHECK enum status membership_store_step(struct change *change,
                                                 struct membership_people *people,
                                                 enum membership_status to);
/* What they are now never was: what was before is open again. For memberships that have had a state before. */
PEK_MUST_CHECK enum status membership_store_undo(struct change *change,
                                                 struct membership_people *people);
/* Counts a change of what belongs to them; `memberships` are read again. */
PEK_MUST_CHECK enum status membership_store_touch(struct change *change,
                                                  struct membership_people *people);
/* Of one person; the same. */
PEK_MUST_CHECK enum status membership_store_set_flairs(struct change *change,
                                                       struct membership_people *person,
                                                       const struct slice *flairs, size_t count);
/* Who leaves the organisation that the group is below on a day that is set: the user, and that time in microseconds of POSIX
 * time; none of the organisation itself. */
PEK_MUST_CHECK enum status membership_store_org_ends(struct change *change,
                                                     const struct membership_people *people,
                                                     const struct pg_result **ret_rows);
/* Each begins something: counts it (MEMBERSHIP_STEPS_A_DAY); struct membership_state is as it was read. FAILED_PRECONDITION
 * on `field` when the caller brought one of them into MEMBERSHIP_GIVEN_MAX other groups, or one of them is in MEMBERSHIP_BELOW_MAX
 * others below the organisation, whoever brought them there. */
PEK_MUST_CHECK enum status membership_store_begin(struct change *change,
                                                  const struct membership_people *people,
                                                  const char *field);
/* As if they had never been. */
PEK_MUST_CHECK enum status membership_store_forget(struct change *change,
                                                   const struct membership_people *people);
/* Where the people are newcomers or active members in the groups below the organisation: group and user, in this order; of several
 * people no more groups than MEMBERSHIP_BELOW_PEOPLE_MAX + 1. */
PEK_MUST_CHECK enum status membership_store_below(struct change *change,
                                                  const struct membership_people *people,
                                                  const struct pg_result **ret_rows);
/* A line of the audit log for each, as they are now. */
PEK_MUST_CHECK enum status membership_store_audit(struct change *change,
                                                  const struct membership_people *people,
                                                  const char *action);

/* What setting days begins with: all periods of one of the people, now, and the days given, which may be "". */
struct membership_days {
    struct membership_periods list; /* empty where there is no membership */
    int64_t now_us;
    int64_t begin_us, end_us; /* MEMBERSHIP_NO_DAY of "" */
};
/* One for each of the people. */
PEK_MUST_CHECK enum status membership_store_days(struct change *change,
                                                 const struct membership_people *people,
                                                 const char *begin_date, const char *end_date,
                                                 struct membership_days **ret_days);
/* The periods of each become these; `memberships` are read again. */
PEK_MUST_CHECK enum status membership_store_set_periods(struct change *change,
                                                        struct membership_people *people,
                                                        const struct membership_days *days);

#endif
