/* rounds: what is done with every realm whenever there is something to do, on a fiber a realm.
 *
 *     rounds_kick(rounds, instance)     something is to be done: begins, or goes on once more
 *     options.run                       one round: a call, a transaction
 *
 * A realm that fails, is slow or always has more is so at its own cost: the others have fibers of their own, and between two
 * rounds there is pause_ms. A failure ends it until the next kick. What no kick tells of is found by `look`, every poll_ms,
 * and pause_ms after a realm could not be asked yet.
 * Loop thread.
 */
#ifndef PEK_HUB_REGISTRY_ROUNDS_H
#define PEK_HUB_REGISTRY_ROUNDS_H

#include "hub/registry/registry.h"

/* What a round works with; ends with the hub. */
struct round {
    struct instance *instance; /* NULL while looking */
    struct cancel cancel;
    struct arena arena;
    struct fault fault;
    struct cancel_link link;
};

struct rounds_options {
    struct registry *registry;
    size_t arena_bytes_max;
    int64_t timeout_ms, pause_ms, poll_ms;
    void *arg;
    /* One round; `ret_more` when there may be more to do. A failure has a fault, or is given one. */
    enum status (*run)(void *arg, struct round *round, bool *ret_more);
    /* Kicks those that may have something to do. */
    void (*look)(void *arg, struct round *round);
    void *hub_arg; /* of the two below */
    /* Whether it can be asked: at the start the realm in this process has no database yet. It is tried again. May be NULL. */
    bool (*is_ready)(void *hub_arg, const struct instance *instance);
    /* A round failed; it is tried again. May be NULL. */
    void (*on_failure)(void *hub_arg, const struct instance *instance, const struct fault *fault);
};

struct rounds {
    struct rounds_options options;
    struct fibers *fibers;
    struct rounds_of_realm *realms; /* by slot */
    struct cancel closing;
    struct fiber_event wake, ended;
    bool waits;       /* for a realm that could not be asked yet: at the start, for all of them */
    unsigned running; /* fibers */
};

PEK_MUST_CHECK enum status rounds_open(struct rounds *rounds, struct fibers *fibers,
                                       const struct rounds_options *options);
/* In a fiber; waits for its own. Also of one that was never opened, if zeroed. */
void rounds_close(struct rounds *rounds);

void rounds_kick(struct rounds *rounds, struct instance *instance);
/* `look` is called soon. */
void rounds_look(struct rounds *rounds);

/* The hub's word about itself, for a call to the round's realm; in the arena. */
PEK_MUST_CHECK enum status round_assertion(struct round *round, struct slice issuer,
                                           char **ret_assertion);

#endif
