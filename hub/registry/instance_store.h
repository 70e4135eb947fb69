/* instance_store: the hub's SQL about instances. In fibers, but for the statements, which pekctl runs as well.
 *
 * Statements that change an instance answer one row when they did, none when there is no such instance to change.
 */
#ifndef PEK_HUB_REGISTRY_INSTANCE_STORE_H
#define PEK_HUB_REGISTRY_INSTANCE_STORE_H

#include "hub/registry/registry.h"
#include "shared/pg/pg.h"

#define INSTANCE_CHANNEL "pek_hub_instance"

/* $1 realm, $2 name, $3 target, $4 tls_name, $5 ca_pem, $6 who, $7 'true' to change one that is there. Of $2, $4 and $5
 * NULL is what was not said: of a realm that was there it stays; an empty $4 or $5 is none. No row when it is there (and
 * $7 is false), or is hosted in the hub. One that was removed is anybody's. */
extern const struct pg_statement instance_store_add;
/* $1 realm, $2 ACTIVE, DRAINING or REMOVED, $3 who. */
extern const struct pg_statement instance_store_set_status;

struct instance_row {
    const char *realm, *name, *target; /* in the arena; target NULL for one hosted in the hub */
    const char *tls_name, *ca_pem;     /* NULL for none */
    bool draining, removed;
    const char *by; /* who changed it last; filled in by instance_store_load */
};

/* What a hub's configuration has of the registry. */
struct instance_seeds {
    const char *local_realm;  /* hosted by this hub; "" for none */
    const char *const *items; /* "realm=target" */
    size_t count;
    const char *by; /* in updated_by: that it was the configuration, and which hub's */
};

/* All, by realm, also those that were removed. */
PEK_MUST_CHECK enum status instance_store_load(struct pg *pg, struct cancel *cancel,
                                               struct arena *arena, struct instance_row **ret_rows,
                                               size_t *ret_count);
/* New instances come, those that came so before and were not changed since follow their address; nothing else is touched,
 * and nothing is removed. The realm hosted here also comes back when it was removed: a hub that serves it begins. It does
 * not while another is hosted in the hubs, or it is a worker's. In one transaction. */
PEK_MUST_CHECK enum status instance_store_seed(struct pg *pg, struct cancel *cancel,
                                               const struct instance_seeds *seeds);
/* What the worker said of itself. */
PEK_MUST_CHECK enum status instance_store_tell(struct pg *pg, struct cancel *cancel,
                                               const struct instance *instance);
/* ---- in a transaction ---- */

/* Adds, or (`replace`) changes; what is NULL stays as it was. ALREADY_EXISTS, FAILED_PRECONDITION (REGISTRY_INSTANCES_MAX realms are there). */
PEK_MUST_CHECK enum status instance_store_put(struct pg_transaction *transaction,
                                              const struct instance_row *row, bool replace,
                                              const char *who, struct fault *fault);
/* NOT_FOUND for an instance that is not there or was removed. */
PEK_MUST_CHECK enum status instance_store_change(struct pg_transaction *transaction,
                                                 const char *realm, const char *status,
                                                 const char *who, struct fault *fault);
/* For change_audit. */
extern const struct pg_statement instance_store_audit;

#endif
