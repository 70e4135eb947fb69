/* directory: keeps the registry as hub.instance says.
 *
 * A fiber reads the table at the start, on every NOTIFY (within milliseconds of the commit, whoever made it) and, should
 * one have been missed, whenever the listening connection is made anew and every DIRECTORY_POLL_MS. What is in the
 * table is what is wanted; the fiber adds, changes, drains and removes until the registry is that. An instance whose
 * address, CA or certificate name changed is another instance: the old one ends with its last call.
 *
 * The instances of the configuration are written into the table first; see instance_store_seed. One that the table has
 * otherwise, because somebody changed it, stays as it is, and on_problem says so. That goes for the realm
 * hosted here as well: where the table has another one for the hubs, or has it for a worker, it is not served, and
 * on_problem says what to do. It is tried again whenever the table changes.
 */
#ifndef PEK_HUB_REGISTRY_DIRECTORY_H
#define PEK_HUB_REGISTRY_DIRECTORY_H

#include "hub/registry/instance_store.h"

#define INSTANCE_BY_BYTES_MAX 200
#define DIRECTORY_POLL_MS 30000
#define DIRECTORY_RETRY_MS 500

struct directory_options {
    struct pg *pg;
    struct registry *registry;
    const char *local_realm;     /* hosted here; "" for none */
    struct rpc_host *local_host; /* serves it */
    const char *const *seeds;    /* "realm=target" */
    size_t seed_count;
    const char *listen;        /* the hub's own address, which no instance may have */
    const struct rpc_tls *tls; /* CA by default, and the hub's certificate; NULL: plain text */
    void *arg;
    /* For the log: a row that cannot be used, or (realm "") a table that cannot be read. */
    void (*on_problem)(void *arg, const char *realm, const struct fault *fault);
    /* For the log: from now on the registry has a row that is new, changed or removed; what it is now, and `row->by` whom. */
    void (*on_follow)(void *arg, const struct instance_row *row);
};

struct directory {
    struct directory_options options;
    struct pg_listener *listener;
    struct fiber_event wanted; /* there may be something to do */
    struct cancel cancel;
    struct cancel_hook cancel_hook;
    char
        by[INSTANCE_BY_BYTES_MAX + 1]; /* in updated_by of what comes from the configuration here */
    bool seeded;                       /* the configuration is in the table, or was there once */
    bool running;
    struct fiber_event *stopping;
};

/* Everything in the options outlives the directory. */
PEK_MUST_CHECK enum status directory_open(struct directory *directory,
                                          const struct directory_options *options,
                                          struct fault *fault);
/* One instance as its row says: `tls` as in the options; a CA of its own and the name that its certificate must have are the row's.
 * Statuses of registry_add, and FAILED_PRECONDITION for a CA without `tls`. */
PEK_MUST_CHECK enum status directory_add(struct registry *registry, const struct rpc_tls *tls,
                                         const struct instance_row *row, struct fault *fault);
/* In a fiber; before registry_stop. Also when it was never opened, if zeroed. */
void directory_stop(struct directory *directory);

#endif
