/* fair: places that are shared out by user, so that nobody's crowd stands in another's way.
 *
 * Of `places` (calls in flight, queries under way, transactions) one user holds at most `places_per_user`; who wants more
 * waits, each user in a line of their own, first come first served. A free place goes to the users who wait in turn, one
 * place each: somebody with 60 requests waiting delays somebody with one by one place, not by 60. Both the lines
 * together and each line have a maximum; who comes above is refused at once.
 *
 *     struct fair_ticket ticket = {0};
 *     fair_enter(fair, user, &ticket, event)   IN: have a place; WAITS: `event` when it is one; FULL, USER_FULL: refused
 *     fair_leave(fair, &ticket)                gives the place back, or leaves the line; twice does no harm
 *
 * The empty user is the program itself and callers without a name: one turn like everybody's, without a maximum of its own.
 * A user that holds and awaits nothing costs no memory. Loop thread; the table stays at its place.
 */
#ifndef PEK_SHARED_FAIR_FAIR_H
#define PEK_SHARED_FAIR_FAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/list.h"
#include "shared/base/slice.h"
#include "shared/fiber/fiber.h"

#define FAIR_BUCKETS 64
/* Up to so many at a time nobody crowds: see fair_is_crowd. */
#define FAIR_CROWD 2

struct fair_limits {
    size_t places, places_per_user;
    size_t waiting, waiting_per_user;
};

struct fair {
    struct fair_limits limits;
    uint64_t key[2];
    struct list buckets[FAIR_BUCKETS]; /* of users */
    struct list turn; /* users who wait and may have one more, the next one first */
    size_t held, waiting;
};

enum fair_state { FAIR_OUT, FAIR_WAITS, FAIR_IN };

/* Zeroed: OUT. */
struct fair_ticket {
    struct list node;
    struct fair_user *user;
    struct fiber_event *event;
    enum fair_state state;
};

enum fair_answer { FAIR_ANSWER_IN, FAIR_ANSWER_WAITS, FAIR_ANSWER_USER_FULL, FAIR_ANSWER_FULL };

PEK_MUST_CHECK enum status fair_init(struct fair *fair, const struct fair_limits *limits);
/* Everybody must be out. A zeroed one is fine. */
void fair_done(struct fair *fair);

/* The ticket is OUT, and outlives its place or its wait. FULL also when there is no memory. */
enum fair_answer fair_enter(struct fair *fair, struct slice user, struct fair_ticket *ticket,
                            struct fiber_event *event);
void fair_leave(struct fair *fair, struct fair_ticket *ticket);
/* Signals everybody who waits, places or no places. */
void fair_wake_all(struct fair *fair);

/* In a fiber: enters and waits. RESOURCE_EXHAUSTED when refused, after `wait_max_ms` in the line, or at the deadline of
 * `cancel`: all are busy, which says nothing of what they are busy with. CANCELLED as `cancel` says (may be NULL). The user
 * is the cancel's. */
PEK_MUST_CHECK enum status fair_wait(struct fair *fair, struct cancel *cancel, int64_t wait_max_ms,
                                     struct fair_ticket *ticket);

/* Of one that is IN or WAITS: its user has had more than FAIR_CROWD places or any wait since they last had none. What
 * took long then may be their own queueing, here or further on. */
bool fair_is_crowd(const struct fair_ticket *ticket);

#endif
