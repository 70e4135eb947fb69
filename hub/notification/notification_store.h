/* notification_store: the SQL of what people are told of.
 *
 * An event is stored once, whoever says it how often (realm and event id are unique), and each user's have an order in which
 * they become visible: whoever stores something for a user holds their inbox.
 */
#ifndef PEK_HUB_NOTIFICATION_NOTIFICATION_STORE_H
#define PEK_HUB_NOTIFICATION_NOTIFICATION_STORE_H

#include "pek/hub/v1/notification.row.h"
#include "pek/notification/v1/notification.rpc.h"
#include "shared/service/change.h"
#include "shared/service/read.h"

#define NOTIFICATION_CHANNEL "pek_inbox" /* payload: the user who was told of something */
#define NOTIFICATION_BATCH 100           /* events of a realm at a time */

/* ---- collecting ---- */

enum notification_fate {
    NOTIFICATION_STORED,  /* it is there, from now or from before */
    NOTIFICATION_WAITS,   /* the hub does not know yet that the realm knows the recipient */
    NOTIFICATION_NO_USER, /* the hub has no such user (any more) */
};
/* Stores up to NOTIFICATION_BATCH events of the realm, in their order and in one transaction, and does what those that retract say.
 * `ret_fates` has room for `count`. */
PEK_MUST_CHECK enum status notification_store_put(struct pg *pg, struct cancel *cancel,
                                                  const char *realm,
                                                  notification_v1_event *const *events,
                                                  size_t count, enum notification_fate *ret_fates);

/* ---- reading ---- */

struct notification_query {
    struct slice user;
    bool unseen;
};
/* The newest first, for read_list; the oldest first, in batches behind the position. */
PEK_MUST_CHECK enum status notification_store_list(const struct read_batch *batch,
                                                   const void *query, struct pg_result **ret_rows);
PEK_MUST_CHECK enum status notification_store_follow(const struct read_batch *batch,
                                                     const void *query,
                                                     struct pg_result **ret_rows);
/* Of the rows of both: with its sort key. */
extern const struct row_type notification_store_row;

PEK_MUST_CHECK enum status notification_store_count_unseen(struct pg *pg, struct cancel *cancel,
                                                           struct slice user, int32_t *ret_count);

/* ---- within a change, of its actor's ---- */

/* These, or (`up_to` not "") all up to one; `ret_unseen` are left. */
PEK_MUST_CHECK enum status notification_store_mark_seen(struct change *change, char *const *ids,
                                                        size_t count, const char *up_to,
                                                        int32_t *ret_unseen);

/* ---- housekeeping ---- */

/* Over a user's bound the realm that told them most loses its oldest, so that no realm pushes out another's. */
struct notification_bounds {
    int64_t days;
    int64_t per_user_max, per_realm_max;
};
#define NOTIFICATION_PURGE_ROWS 1000 /* at a time */
/* Deletes some of what is over a bound: too old, of a realm, of users who were told of something lately. True in `ret_more` when
 * there may be more. */
PEK_MUST_CHECK enum status notification_store_purge(struct pg *pg, struct cancel *cancel,
                                                    const struct notification_bounds *bounds,
                                                    bool *ret_more);

#endif
