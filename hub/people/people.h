/* people: each realm is told of the people whom it knows: what they are called, and nothing more.
 *
 * What is to be told is a row of hub.person_news, written in the transaction of the change by triggers: a name that changed, an
 * owner who is gone, a realm that has come to know somebody. A fiber a realm sends what there is
 * (InstanceService.PutPeople), and takes the rows away when the realm has answered: at least once, in the order of a
 * sequence that the realm compares, so that nothing older overwrites. A realm that is down is told when it is back.
 *
 * A realm says whose policies or memberships changed (people_heard). Whom the hub does not know to be known there may
 * be so now: the realm is told of them, and answers whether it knows them. So somebody whom a leader adds is found in
 * the realm's lists with their name, and the hub asks that realm for them, without anybody having logged in.
 *
 * Whom a request names, as one that adds members, the realm is told of with the request (people_tell), so that they have their
 * name in its answer.
 *
 * What may have been missed is made up for when the realm's watch begins: it is asked whom it has met and nobody has told it of, a
 * batch a round, and is told of them before the next one. However many they are, and whatever fails meanwhile, it comes to an end.
 *
 * The database of either may go back: by a restore, or a failover that lost something. Versions have the time in them, so a hub that
 * went back still gives higher ones. A realm counts what it was told, and the hub what the realm took (hub.people_told); where the two differ, which
 * is seen in each answer of the feed and asked for when the realm's watch begins, the realm is told everything again,
 * a batch a round. Neither counts what is told while they differ, so a difference stays until it is settled.
 *
 * The same feed tells each realm of accounts that became one (hub.user_merge), until it has done it. What a realm would move
 * is asked in the same way.
 *
 * One realm's slowness is its own; what it can bring about is bounded: PEOPLE_HEARD_MAX users a round, a round each
 * PEOPLE_PAUSE_MS. Loop thread.
 */
#ifndef PEK_HUB_PEOPLE_PEOPLE_H
#define PEK_HUB_PEOPLE_PEOPLE_H

#include "hub/registry/rounds.h"
#include "shared/pg/pg.h"

#define PEOPLE_HEARD_MAX 256 /* of more, the realm is asked whom nobody told it of */
#define PEOPLE_PAUSE_MS 100
#define PEOPLE_POLL_MS 5000
#define PEOPLE_TIMEOUT_MS 5000 /* of one round with one realm */
#define PEOPLE_MERGES_A_ROUND 100
#define PEOPLE_USER_BYTES_MAX 64

struct people_options {
    struct pg *pg; /* the hub's */
    struct registry *registry;
    struct slice issuer; /* the hub, as the subject of an assertion about itself */
    void *arg;
    /* Whether it can be asked: at the start the realm in this process has no database yet. It is tried again. May be NULL. */
    bool (*is_ready)(void *arg, const struct instance *instance);
    /* A realm could not be told; it is tried again. */
    void (*on_failure)(void *arg, const struct instance *instance, const struct fault *fault);
    /* A database went back, the realm's or the hub's: it is told everything again. May be NULL. */
    void (*on_again)(void *arg, const struct instance *instance, bool is_realms);
};

struct people_of_realm {
    uint64_t generation; /* whom `heard` is of */
    bool sweep_due;      /* the realm is to be asked whom nobody told it of, from the beginning */
    bool sweeping;       /* that is under way: it was asked up to `swept`, "" for the beginning */
    char swept[PEOPLE_USER_BYTES_MAX + 1];
    size_t heard_count;
    char heard[PEOPLE_HEARD_MAX][PEOPLE_USER_BYTES_MAX + 1];
};

struct people {
    struct people_options options;
    struct rounds rounds;
    struct pg_listener *listener;
    struct people_of_realm *realms; /* by slot */
};

PEK_MUST_CHECK enum status people_open(struct people *people, struct fibers *fibers,
                                       const struct people_options *options);
/* In a fiber; waits for its own. Also of one that was never opened, if zeroed. */
void people_close(struct people *people);

/* The realm says that the policies or memberships of these users changed; count 0: or of anybody. */
void people_heard(struct people *people, struct instance *instance, const char *const *users,
                  size_t count);

/* In a fiber. What the hub says of users to a realm whose request names them, signed: a pek.instance.v1.PeopleTold in bytes,
 * in the arena. `pg` is the hub's. Up to PEOPLE_BATCH. UNAVAILABLE when the database is: then the realm is not asked. */
PEK_MUST_CHECK enum status people_tell(void *pg, struct cancel *cancel, struct instance *instance,
                                       const struct slice *users, size_t count, struct arena *arena,
                                       struct slice *ret_told, struct fault *fault);

/* In a fiber. people_store_named of the hub's `pg`. */
PEK_MUST_CHECK enum status people_named(void *pg, struct cancel *cancel, struct slice who,
                                        struct arena *arena, struct slice *ret_id);
/* The same of people_store_known_in. */
PEK_MUST_CHECK enum status people_known_in(void *pg, struct cancel *cancel, struct slice user,
                                           struct arena *arena, struct slice *ret_realms);

#endif
