/* world: one seed: a hub over scripted realms, what happens to them, and clients that watch what they are told.
 *
 * The hub is the code as it is: api, session, registry, federation, fibers, libuv's loop. What is not its own is replaced where the
 * program is linked, by objects that have the same functions:
 *
 *     clock.c    time and random bytes                of the C library
 *     channel.c  what realms answer, and when         for shared/rpc/channel.c
 *     browser.c  requests and what they were given    for hub/http
 *     store.c    the hub's database                   for hub/session/session_store.c and announce.c
 *
 * The loop turns without waiting; when nothing is left to do, time jumps to the next timer.
 */
#ifndef PEK_TESTS_SIMULATION_WORLD_H
#define PEK_TESTS_SIMULATION_WORLD_H

#include <uv.h>

#include "hub/api/api.h"
#include "tests/simulation/clock.h"
#include "tests/simulation/random.h"

#define REALMS_MAX 64 /* a bit each in a uint64_t */
#define USERS_MAX 12
#define ITEM_TEXT_BYTES 12
#define NAME_BYTES 24
#define CROWD_ANSWER_MS 400 /* what each answer takes in a crowd */

/* For how long after a fault it may be the reason of what the hub says of a realm: breaker, credential and heartbeats forget sooner. */
#define BLAME_US (10 * INT64_C(1000000))
/* The same for what the registry did with it: who is added is asked like any other. */
#define MOVED_US (1 * INT64_C(1000000))

struct item {
    char key[ITEM_TEXT_BYTES], id[ITEM_TEXT_BYTES];
};

enum weather { FAIR, DOWN, FROZEN };

struct realm {
    struct world *world;
    size_t index;
    char name[NAME_BYTES], target[2 * NAME_BYTES];
    struct item *items; /* in order */
    size_t item_count;
    uint32_t knows;          /* a bit a user */
    unsigned faults_percent; /* of its answers */
    unsigned slow_percent;   /* likewise */
    uint64_t epoch;          /* of its tokens: those of an earlier one it refuses */
    int64_t epoch_us;        /* when that began */
    enum weather weather;
    int64_t frozen_us; /* since when */
    int64_t blamed_us; /* when it last did what the hub may hold against it; INT64_MIN: never */
    int64_t moved_us;  /* when the registry's word of it last changed; INT64_MIN: never */
    struct list calls; /* open ones */
};

struct world {
    uint64_t seed;
    bool verbose, failed;
    struct random random;
    uv_loop_t loop;
    struct fibers *fibers;
    struct registry registry;
    struct session_cache sessions;
    struct api api;
    struct api_page_keys page_keys;
    struct realm realms[REALMS_MAX]; /* in the order of names */
    size_t realm_count;
    struct user {
        char id[NAME_BYTES], session[NAME_BYTES];
        char *cookie;
        uint64_t stored; /* a bit a realm of which the hub's database has that it knows them */
    } users[USERS_MAX];
    size_t user_count;
    unsigned faults_percent; /* of the database's answers */
    int64_t store_failed_us;
    bool calm;            /* nothing goes wrong */
    bool crowd;           /* many requests of few users to one realm; see crowd.c */
    bool healed;          /* nor from now on */
    struct list requests; /* struct http_request */
    uint64_t request_count;
    /* channel.c's */
    struct fiber_event pump;
    bool pump_ended, stopping;
    size_t calls_open, channels_open;
    uint64_t calls_first, calls_again; /* of requests; the second after the realm was UNAVAILABLE */
    uint64_t calls_made, items_given, answers;
    size_t tasks; /* fibers of world_go that run */
};

/* Of all seeds that were run. */
struct counts {
    uint64_t seeds, failures, answers, items, calls;
    double passed_s;
};

/* Runs the seed. */
void world_run(uint64_t seed, bool verbose, struct transcode *transcode, struct jwt_keys *keys,
               struct counts *counts);

/* The first thing that does not hold ends the seed in failure. */
void world_blame(struct world *world, const char *format, ...) PEK_PRINTF(2, 3);
/* A line of the script, when asked for. */
void world_log(struct world *world, const char *format, ...) PEK_PRINTF(2, 3);
/* A fiber that world_run waits for. */
void world_go(struct world *world, void (*run)(void *arg), void *arg);
void world_sleep_ms(struct world *world, int64_t least, int64_t most);

/* The hub may hold this against the realm from now on. */
void realm_blame(struct realm *realm);
/* What it did, or the registry did with it, may be the reason of what the hub says of it since `since_us`. */
bool realm_is_to_blame(const struct realm *realm, int64_t since_us);
/* How the item stands to a position, both (sort key, id). */
int item_compare(const struct item *a, const struct item *b);

/* channel.c: opened by shared/rpc's own names. */
void channel_pump(void *world);
void realm_set_weather(struct realm *realm, enum weather weather);
/* All but the watches break off: those that would be answered late, and never. */
void realm_drop_calls(struct realm *realm);
/* Open calls that the request made to methods of groups. */
size_t realm_calls_of(struct realm *realm, uint64_t request);

/* crowd.c: in a fiber. */
void crowd_run(struct world *world);

/* breaker_model.c: what it holds against the breaker of the registry. */
void breaker_model_begin(struct world *world);

#endif
