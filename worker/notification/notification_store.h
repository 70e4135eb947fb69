/* notification_store: the SQL of what people are to be told of.
 *
 * A change that concerns somebody writes a row for each person, in its own transaction. The hub collects them
 * (notification_service.h): a row goes when the hub has stored it. Nobody is told of what they did themselves.
 *
 * There is no cursor: ids are given when a row is written and seen when its transaction ends, so "all up to this one" would
 * lose what commits late. Each event is acknowledged by its own id.
 *
 * Row security limits every statement to the realm of the connection. Statuses are pg's.
 */
#ifndef PEK_WORKER_NOTIFICATION_NOTIFICATION_STORE_H
#define PEK_WORKER_NOTIFICATION_NOTIFICATION_STORE_H

#include "pek/notification/v1/notification.rpc.h"
#include "shared/service/change.h"

#define NOTIFICATION_CHANNEL "pek_notification" /* payload: the realm */
#define NOTIFICATION_BATCH 100                  /* events that the hub is given at a time */
/* What one change may write: people of a batch, each told to so many leaders. */
#define NOTIFICATION_CHANGE_MAX 1000
/* An outbox that no hub collects does not grow for ever; what is beyond is dropped, the oldest first. */
#define NOTIFICATION_DAYS_MAX 30
#define NOTIFICATION_KEPT_MAX 100000
#define NOTIFICATION_PRUNE_ROWS 1000 /* at a time */
/* What the hub could not store is given again after 1/4, 1/2, 1, 2 … seconds. */
#define NOTIFICATION_LATER_S_MAX 600

/* ---- within a change ---- */

struct notice {
    notification_v1_kind kind;
    const char *group_id;
    const char *detail; /* NULL: none */
    bool retracts;
};
/* One row for each recipient about themselves. */
PEK_MUST_CHECK enum status notification_store_tell(struct change *change,
                                                   const struct notice *notice,
                                                   const struct slice *recipients, size_t count);
/* One row for each recipient and subject. INTERNAL for more than NOTIFICATION_CHANGE_MAX. */
PEK_MUST_CHECK enum status
notification_store_tell_about(struct change *change, const struct notice *notice,
                              const struct slice *recipients, size_t recipient_count,
                              const struct slice *subjects, size_t subject_count);
/* What was said of that kind about these subjects, to whomever, holds no more: what was not collected yet goes, and a row
 * that retracts follows what was. */
PEK_MUST_CHECK enum status notification_store_take_back(struct change *change,
                                                        const struct notice *notice,
                                                        const struct slice *subjects, size_t count);

/* ---- for the hub ---- */

/* In one transaction: forgets `stored`, puts `later` off, and answers up to NOTIFICATION_BATCH of the oldest that are due.
 * Columns: event id, kind, recipient, actor, subject, group id, title, detail, create time, retracts, order. */
PEK_MUST_CHECK enum status
notification_store_collect(struct pg *pg, struct cancel *cancel, struct arena *arena,
                           const notification_v1_collect_notifications_request *request,
                           struct pg_result **ret_rows);

/* ---- beside changes ---- */

/* Drops what is too old or too much, some at a time; for a timer. */
PEK_MUST_CHECK enum status notification_store_prune(struct pg *pg, struct cancel *cancel,
                                                    size_t *ret_dropped);

#endif
