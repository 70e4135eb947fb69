/* rude_worker: a realm over real gRPC that misbehaves as a test tells it to.
 *
 * It speaks enough of pek.instance.v1 and pek.group.v1 for a hub: tokens, info, a policy watch, one group, a list of
 * groups in order with cursor and page size, as ancestors all that it has, a group made, and one changed (which changes its etag only); all that it has as
 * members of any group, and as groups of any user's memberships. It is of a time before read masks and conditional reads, but for
 * `cuts`. What it knows is the test's array. By default it is
 * polite; `fault` says how it is not, and when. On the loop of its test; all fields may be changed between calls.
 */
#ifndef PEK_TESTS_CHAOS_RUDE_WORKER_H
#define PEK_TESTS_CHAOS_RUDE_WORKER_H

#include "shared/fiber/fiber.h"
#include "shared/rpc/rpc.h"

#define RUDE_ITEMS_MAX 256
#define RUDE_HINTS_MAX 8
#define RUDE_WAITING_MAX 64
#define RUDE_TEXT_BYTES_MAX 64
#define RUDE_DRIP_MS 100
#define RUDE_SERVICES 4
#define RUDE_USER "alice"       /* whom it takes everybody for */
#define RUDE_POLICY "Körvezető" /* the one hint it gives */

enum rude_fault {
    RUDE_NOT,
    RUDE_OTHER_REALM,  /* the item says that it is another realm's */
    RUDE_OTHER_ID,     /* the item is another one, or of another group or user */
    RUDE_NO_ID,        /* the item has no id */
    RUDE_LONG_ETAG,    /* an etag that is too long for a header */
    RUDE_BAD_ETAG,     /* or that no header can have */
    RUDE_LONG_ID,      /* an id of a megabyte */
    RUDE_BROKEN_ORDER, /* the item comes before the one sent last */
    RUDE_GARBAGE,      /* bytes that are no message */
    RUDE_NOT_UTF8,     /* a name of invalid bytes */
    RUDE_CUT,          /* a name that ends inside a character */
    RUDE_NO_TIME,      /* a time of the year 10 000 */
    RUDE_LARGE,        /* a message that is too large as JSON */
    RUDE_OVERSIZE,     /* more bytes than a message may have */
    RUDE_SAME,         /* the item sent last, again and again */
    RUDE_ENDLESS,      /* items in order, without end */
    RUDE_DRIP,         /* items in order, without end, RUDE_DRIP_MS apart */
    RUDE_REPLAY, /* ListGroups begins at the beginning, whatever it was asked to go on behind */
    RUDE_SHADOW, /* one item just behind what it was asked to go on behind; then `status` */
    RUDE_AHEAD, /* ListGroups has, page after page, as many as were asked for, all before anybody else's */
    RUDE_FAIL,  /* ends with `status` */
    RUDE_STALL, /* says nothing until the caller gives up */
};

/* The id of the person of a number whom nobody told it of: as long as one may be. */
#define RUDE_UNNAMED "%064zu"

struct rude_item {
    char key[RUDE_TEXT_BYTES_MAX]; /* sort key */
    char id[RUDE_TEXT_BYTES_MAX];
};

struct rude_worker {
    /* What it does. */
    const char *realm;  /* set before rude_worker_open */
    const char *claims; /* realm that GetInfo names; NULL: `realm` */
    struct rude_item items[RUDE_ITEMS_MAX];
    size_t item_count;
    enum rude_fault fault;          /* of GetGroup and the lists … */
    size_t fault_after;             /* … once so many items of the answer are out */
    char etag[RUDE_TEXT_BYTES_MAX]; /* of each group; another after UpdateGroup */
    size_t name_bytes;              /* of each item's name; 0: its id */
    int64_t late_ms;                /* until ListGroups says its first */
    size_t refusals;                /* so many calls from now end with `status` before anything */
    enum status status;
    bool cuts;         /* a group that the caller has by its etag is given without its name */
    bool ignores_case; /* of the id that GetGroup is asked for */
    bool unknown;      /* it does not know any user */
    int64_t token_lifetime_s; /* 0: five minutes */
    bool refuses_hub;         /* IssueToken does not take the assertion */
    bool holds_tokens;        /* IssueToken waits for rude_worker_release_tokens */
    int64_t watch_late_ms;    /* until it says the first of policies */
    size_t names; /* PutPeople: it knows so many, whoever it was told of: "x0", "x1", … */
    /* ListUnnamedPeople gives all of so many (RUDE_UNNAMED) that are behind `after` at once; `unnamed_fails`: the call of that
     * number, from 1, ends with `status`. */
    size_t unnamed, unnamed_fails;
    /* CollectNotifications gives so many events each time, of new ids; `events_again`: of the same, whatever was acknowledged. */
    size_t events;
    bool events_again;
    const char *event_to, *event_link, *event_title; /* NULL: alice, a group of its own, "A" */

    /* What it saw. */
    size_t tokens;    /* issued */
    size_t calls;     /* of groups */
    size_t listed;    /* items that lists gave */
    size_t stalled;   /* calls that wait now */
    size_t cancelled; /* calls that were waiting when the caller left */
    size_t strangers; /* calls without its own token */
    char hints[RUDE_HINTS_MAX][RUDE_TEXT_BYTES_MAX]; /* of the last call */
    size_t hint_count;
    char offered[RUDE_TEXT_BYTES_MAX]; /* the etag that the last call of groups came with */
    size_t updates;
    char mask[256];                                /* of the last UpdateGroup: "name,webpage" */
    size_t told;                                   /* people */
    size_t unnamed_calls, unnamed_begun;           /* those without `after` */
    size_t collected, events_stored, events_later; /* calls, and ids that were acknowledged */

    /* Its own. */
    struct fiber_gate held, watches;
    struct rpc_method methods[13];
    struct rpc_service services[RUDE_SERVICES];
    struct rpc_host *host;
    struct rpc_server *server;
    int port;
};

/* In no fiber. Serves on a free port when it returns; `worker` is zeroed but for what it does. */
PEK_MUST_CHECK enum status rude_worker_open(struct rude_worker *worker, struct fibers *fibers,
                                            struct rpc_runtime *runtime);
/* In a fiber: ends what still waits, and the port. */
void rude_worker_stop(struct rude_worker *worker);
/* After that, in no fiber; run the loop once more afterwards. */
void rude_worker_close(struct rude_worker *worker);

/* An item, in the order of keys and ids, which is the caller's to keep. */
void rude_worker_add(struct rude_worker *worker, const char *key, const char *id);
void rude_worker_release_tokens(struct rude_worker *worker);
/* As a restart would: the hub asks again who this is. */
void rude_worker_end_watches(struct rude_worker *worker);
/* Forgets what it saw, and is polite again. */
void rude_worker_reset(struct rude_worker *worker);

#endif
