/* fanout: one question to several realms at once, each on a leg of its own.
 *
 * A leg goes CREDENTIAL → ADMISSION → CALL → DONE: it gets the user's token and hints for the realm, a place among
 * the realm's calls, asks, and takes messages one at a time as they are wanted. It goes back to CREDENTIAL when
 * the realm refused the token, before it did anything (as often for a question as it has replicas, each of which may take another), and for another try when a method that is safe to repeat could not reach
 * the realm and nothing was taken of this question's answer yet. A realm that says it does not know the user, and was not named, is SKIPPED: it is
 * not one of the caller's. One that cannot be asked fails: it might be.
 *
 * Everything is driven by one fiber, that of the HTTP request:
 *     while (…) { fanout_advance(f); look at the legs; fanout_wait(f, until); }
 * Nothing here waits but fanout_wait. Legs are in the arena of whoever asks, as many as there are realms to ask, since stacks
 * of fibers are small; the calls' memory is their own. fanout_done frees that, and cancels what still runs.
 */
#ifndef PEK_HUB_FEDERATION_FANOUT_H
#define PEK_HUB_FEDERATION_FANOUT_H

#include "hub/federation/merge.h"
#include "hub/federation/outcome.h"
#include "hub/registry/registry.h"
#include "hub/session/session.h"
#include "hub/transcode/transcode.h"
#include "shared/trace/trace.h"

#define FANOUT_LEGS_MAX MERGE_SOURCES_MAX /* realms per fan-out; a bit each in a uint64_t */
#define FANOUT_RETRIES_MAX 2
#define FANOUT_PAIRS_MAX 8
#define FANOUT_ROW_BYTES_MAX 127
#define FANOUT_ETAG_BYTES_MAX                                                                      \
    128 /* of an etag, which becomes a header; a longer one is its realm's fault */
#define FANOUT_HUB                                                                                 \
    "hub" /* what a leg to the hub itself is called; a realm may have that name, too */
#define FANOUT_RETRY_AFTER_MS 1000 /* said to a user whose own calls are in the way */
/* Retries are at most this share of the calls of the last while, see struct retry_budget; at once, as many as one of two replicas may
 * have under way when it ends. */
#define RETRY_BUDGET_PERCENT 10
#define RETRY_BUDGET_BURST 128 /* half of INSTANCE_IN_FLIGHT_MAX */

enum leg_state { LEG_CREDENTIAL, LEG_ADMISSION, LEG_CALL, LEG_DONE, LEG_SKIPPED };

struct leg {
    enum leg_state state;
    struct slice realm;
    struct instance *instance; /* a reference; NULL: a service of the hub itself */
    struct rpc_channel *channel;
    struct slice path;    /* of the method that it was asked last */
    struct slice request; /* message bytes; borrowed */
    struct slice
        offered;  /* the etag of what the client has; empty: it has nothing. See leg_offer */
    bool held;    /* not asked before another has answered */
    bool named;   /* the client named this realm: it is asked even if it does not know the user */
    bool stopped; /* by us, its answer was not needed any more */
    unsigned tries, refusals;
    struct credential_waiter waiter;
    struct instance_ticket ticket;
    struct instance_interest interest;
    struct rpc_call *call;
    struct span span; /* of that call */
    char traceparent[TRACEPARENT_BYTES + 1];
    struct transcode_item *item; /* the head: taken from the call, not yet used */
    struct buffer json;    /* of the head; what has no JSON is no head, but the realm's fault */
    uint64_t items;        /* heads so far, this one included */
    uint64_t items_before; /* of these, of the questions before the present one; see leg_ask_on */
    uint64_t given;        /* of these, used */
    /* Of a list that goes on: what it gave, and how long it kept others waiting, in the parts before. */
    uint64_t given_before;
    int64_t waited_us;   /* goes on counting; each item earns some back */
    int64_t patience_us; /* how long others may yet be kept waiting for it */
    bool spent;          /* it came with less than its whole patience */
    struct fault fault;  /* when DONE; status OK for success */
    char row[FANOUT_ROW_BYTES_MAX +
             1];                    /* id, or else identity, of the item that was the fault; "" */
    int64_t started_us, elapsed_us; /* see leg_elapsed_us */
};

/* A token bucket: each call puts RETRY_BUDGET_PERCENT/100 in, each retry takes 1 out. One per hub. */
struct retry_budget {
    double tokens;
};

struct fanout {
    const struct transcode *transcode;
    const struct transcode_method *method;
    struct session *session; /* NULL: public or the hub's own */
    struct retry_budget *budget;
    struct rpc_trace trace;       /* of the request; also where a token is asked for */
    const struct rpc_pair *pairs; /* sent on every leg: trace context, idempotency key */
    size_t pair_count;
    struct slice local_authorization;    /* of legs to the hub itself; empty: none */
    const struct route_rule *rule;       /* of the answer's JSON; NULL: whole messages */
    size_t item_bytes_max;               /* of one item's JSON */
    const struct transcode_asked *asked; /* what each answer must be of; NULL: anything */
    uint64_t shown;                      /* what of it is JSON; see transcode_request_shown */
    bool hold;               /* legs wait before ADMISSION: their requests are still being made */
    int64_t deadline_us;     /* of the whole */
    int64_t call_timeout_ms; /* of each call */
    struct fiber_event event;
    struct cancel *cancel; /* the client's going away */
    struct cancel_hook cancel_hook;
    size_t count, room;
    struct leg *legs; /* the first `count` of `room`, in the arena */
};

/* `fanout` is zeroed but for the members above `event`, which the caller set. */
void fanout_begin(struct fanout *fanout, struct cancel *cancel);
void fanout_done(struct fanout *fanout);
/* Once, before the first leg: for `count` of them. RESOURCE_EXHAUSTED over FANOUT_LEGS_MAX, or without memory. */
PEK_MUST_CHECK enum status fanout_make_room(struct fanout *fanout, struct arena *arena,
                                            size_t count);

/* RESOURCE_EXHAUSTED without room. `request` outlives the fan-out. */
PEK_MUST_CHECK enum status fanout_add(struct fanout *fanout, struct instance *instance, bool named,
                                      struct slice request);
/* A leg that is DONE without having been asked: a realm that has no part in this any more. `realm` outlives the
 * fan-out. */
PEK_MUST_CHECK enum status fanout_add_failed(struct fanout *fanout, struct slice realm,
                                             const struct fault *fault);
PEK_MUST_CHECK enum status fanout_add_local(struct fanout *fanout, struct rpc_channel *channel,
                                            struct slice request);

/* Moves every leg as far as it goes without waiting. */
void fanout_advance(struct fanout *fanout);
/* The same for one: of whom a head was taken, and the others wait for nothing. */
void leg_advance(struct fanout *fanout, struct leg *leg);
/* Waits until every leg is past LEG_CREDENTIAL (`answered` false) or has answered. Once one has a token, or has spoken, the others
 * have straggler_ms more, at most their patience; then they have failed by DEADLINE_EXCEEDED. A realm that failed, or is none of the
 * caller's, hurries nobody: there is nothing that could be given without the others. */
PEK_MUST_CHECK enum status fanout_await_all(struct fanout *fanout, bool answered,
                                            int64_t straggler_ms);
/* Sleeps until a leg may go on. DEADLINE_EXCEEDED at `until_us` (at most the deadline); CANCELLED when the
 * client went away. */
PEK_MUST_CHECK enum status fanout_wait(struct fanout *fanout, int64_t until_us);
/* The same for the legs in `waiting` (a bit each), at the cost of their patience, and not beyond it. `held_up`: others
 * have something to give meanwhile, so that it counts in the parts of the list that follow. A wait in a line of the
 * user's own making does not. */
PEK_MUST_CHECK enum status fanout_wait_for(struct fanout *fanout, uint64_t waiting, bool held_up,
                                           int64_t until_us);
/* The realm is told which etag the client has, before it is asked: if that is the present one, the answer may lack all but what it
 * is checked and compared by, and has no JSON. Any etag will do; one that is none is not told. */
void leg_offer(struct leg *leg, struct slice etag);
/* Whether the head has that etag. */
bool leg_is_offered(const struct leg *leg);
/* The head was used: frees it; the next fanout_advance brings the next. */
void leg_took(struct leg *leg);
/* Asks the realm of a leg that ended well, and whose head was taken, once more: for what comes behind. `request` outlives the
 * fan-out. */
void leg_ask_on(struct leg *leg, struct slice request);
/* Keeps the head's id in `row`, for the log: it is what is wrong. */
void leg_note_row(struct leg *leg);
/* Ends a leg with a fault of ours (straggler, wrong answer); its call is cancelled. */
void leg_fail(struct leg *leg, enum status status, const char *text);
/* Ends a leg that has no part in the answer. */
void leg_skip(struct leg *leg);
/* Ends a leg whose answer is no longer wanted. */
void leg_stop(struct leg *leg);

/* From its start to its end, or to now. */
int64_t leg_elapsed_us(const struct leg *leg);
/* Its realm has answered: with an item, or with an end that is no failure. */
bool leg_has_spoken(const struct leg *leg);
/* Nothing more is waited for before its head, or its outcome, is there. */
static inline bool leg_answered(const struct leg *leg)
{
    return leg->item || leg->state >= LEG_DONE;
}

#endif
