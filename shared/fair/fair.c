#include "shared/fair/fair.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "shared/base/clock.h"
#include "shared/base/siphash.h"

struct fair_user {
    struct list node; /* in its bucket */
    struct list turn; /* in fair->turn while it waits and may have one more */
    struct list waiting;
    size_t held, waiting_count;
    bool crowd;
    size_t name_len;
    char name[];
};

enum status fair_init(struct fair *fair, const struct fair_limits *limits)
{
    *fair = (struct fair){.limits = *limits};
    list_init(&fair->turn);
    for (size_t i = 0; i < FAIR_BUCKETS; i++)
        list_init(&fair->buckets[i]);
    return getrandom(fair->key, sizeof(fair->key), 0) == (ssize_t)sizeof(fair->key)
               ? STATUS_OK
               : STATUS_UNAVAILABLE;
}

void fair_done(struct fair *fair)
{
    assert(fair->held == 0 && fair->waiting == 0);
    (void)fair;
}

/* ---- users --------------------------------------------------------------------------------------- */

static struct fair_user *user_of(struct fair *fair, struct slice name)
{
    struct list *bucket = &fair->buckets[siphash(fair->key, name) % FAIR_BUCKETS];

    LIST_FOR_EACH (it, bucket) {
        struct fair_user *user = LIST_ENTRY(it, struct fair_user, node);
        if (slice_equal(slice_make(user->name, user->name_len), name))
            return user;
    }
    struct fair_user *user = malloc(sizeof(*user) + name.len);
    if (!user)
        return NULL;
    *user = (struct fair_user){.name_len = name.len};
    if (name.len > 0)
        memcpy(user->name, name.ptr, name.len);
    list_init(&user->turn);
    list_init(&user->waiting);
    list_append(bucket, &user->node);
    return user;
}

static void user_forget(struct fair_user *user)
{
    if (user->held > 0 || user->waiting_count > 0)
        return;
    list_remove(&user->turn);
    list_remove(&user->node);
    free(user);
}

static bool user_may_have_one(const struct fair *fair, const struct fair_user *user)
{
    return user->name_len == 0 || user->held < fair->limits.places_per_user;
}

/* ---- places -------------------------------------------------------------------------------------- */

static void give(struct fair *fair, struct fair_ticket *ticket)
{
    ticket->state = FAIR_IN;
    fair->held++;
    ticket->user->held++;
    if (ticket->user->held > FAIR_CROWD)
        ticket->user->crowd = true;
}

static void take_out_of_line(struct fair *fair, struct fair_ticket *ticket)
{
    list_remove(&ticket->node);
    fair->waiting--;
    ticket->user->waiting_count--;
}

/* The user stands in the round exactly while somebody of theirs waits for a place that they may have. */
static void settle_turn(struct fair *fair, struct fair_user *user)
{
    if (user->waiting_count == 0 || !user_may_have_one(fair, user))
        list_remove(&user->turn);
    else if (list_empty(&user->turn))
        list_append(&fair->turn, &user->turn);
}

static void share_out(struct fair *fair)
{
    struct list *next;

    while (fair->held < fair->limits.places && (next = list_pop(&fair->turn))) {
        struct fair_user *user = LIST_ENTRY(next, struct fair_user, turn);
        struct fair_ticket *ticket =
            LIST_ENTRY(list_first(&user->waiting), struct fair_ticket, node);
        take_out_of_line(fair, ticket);
        give(fair, ticket);
        settle_turn(fair, user);
        fiber_event_signal(ticket->event);
    }
}

enum fair_answer fair_enter(struct fair *fair, struct slice name, struct fair_ticket *ticket,
                            struct fiber_event *event)
{
    struct fair_user *user = user_of(fair, name);
    const size_t line_max = name.len == 0 ? fair->limits.waiting : fair->limits.waiting_per_user;

    assert(ticket->state == FAIR_OUT);
    if (!user)
        return FAIR_ANSWER_FULL;
    *ticket = (struct fair_ticket){.user = user, .event = event};
    list_init(&ticket->node);
    if (fair->held < fair->limits.places && list_empty(&fair->turn) &&
        user_may_have_one(fair, user)) {
        give(fair, ticket);
        return FAIR_ANSWER_IN;
    }
    user->crowd |= !user_may_have_one(fair, user);
    if (user->waiting_count >= line_max || fair->waiting >= fair->limits.waiting) {
        enum fair_answer answer =
            user->waiting_count >= line_max ? FAIR_ANSWER_USER_FULL : FAIR_ANSWER_FULL;
        ticket->user = NULL;
        user_forget(user);
        return answer;
    }
    ticket->state = FAIR_WAITS;
    list_append(&user->waiting, &ticket->node);
    user->waiting_count++;
    fair->waiting++;
    settle_turn(fair, user);
    return FAIR_ANSWER_WAITS;
}

void fair_leave(struct fair *fair, struct fair_ticket *ticket)
{
    struct fair_user *user = ticket->user;
    const enum fair_state state = ticket->state;

    if (state == FAIR_OUT)
        return;
    if (state == FAIR_WAITS) {
        take_out_of_line(fair, ticket);
    } else {
        fair->held--;
        user->held--;
    }
    *ticket = (struct fair_ticket){.state = FAIR_OUT};
    settle_turn(fair, user);
    share_out(fair);
    user_forget(user);
}

void fair_wake_all(struct fair *fair)
{
    for (size_t i = 0; i < FAIR_BUCKETS; i++) {
        LIST_FOR_EACH (it, &fair->buckets[i]) {
            struct fair_user *user = LIST_ENTRY(it, struct fair_user, node);
            LIST_FOR_EACH (waiting, &user->waiting)
                fiber_event_signal(LIST_ENTRY(waiting, struct fair_ticket, node)->event);
        }
    }
}

bool fair_is_crowd(const struct fair_ticket *ticket)
{
    return ticket->user && ticket->user->name_len > 0 && ticket->user->crowd;
}

/* ---- for fibers ---------------------------------------------------------------------------------- */

struct waking {
    struct cancel_hook hook;
    struct fiber_event event;
};

static void on_cancel(struct cancel_hook *hook)
{
    fiber_event_signal(&LIST_ENTRY(hook, struct waking, hook)->event);
}

enum status fair_wait(struct fair *fair, struct cancel *cancel, int64_t wait_max_ms,
                      struct fair_ticket *ticket)
{
    struct waking waking = {.hook = {.run = on_cancel}};
    int64_t until_us = deadline_after_ms(wait_max_ms);

    switch (fair_enter(fair, cancel ? cancel->user : slice_make("", 0), ticket, &waking.event)) {
    case FAIR_ANSWER_IN: return STATUS_OK;
    case FAIR_ANSWER_WAITS: break;
    case FAIR_ANSWER_USER_FULL:
    case FAIR_ANSWER_FULL: return STATUS_RESOURCE_EXHAUSTED;
    }
    if (cancel) {
        if (cancel->deadline_us < until_us)
            until_us = cancel->deadline_us;
        cancel_hook_add(cancel, &waking.hook);
    }
    (void)!fiber_event_wait(&waking.event, until_us);
    if (cancel)
        cancel_hook_remove(&waking.hook);
    if (ticket->state == FAIR_IN)
        return STATUS_OK;
    fair_leave(fair, ticket);
    return cancel_status(cancel) == STATUS_CANCELLED ? STATUS_CANCELLED : STATUS_RESOURCE_EXHAUSTED;
}
