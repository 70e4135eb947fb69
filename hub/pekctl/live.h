/* live: how the instances are, seen as a hub would see them, now.
 *
 * The database knows what is wanted; how a worker is only the worker knows. The hub's own registry is run here for a moment, with the
 * hub's certificate: the same questions (health, GetInfo), the same states and the same words as in `instance.status` and
 * GET /api/v1/instances. It is what a hub on this machine would see.
 */
#ifndef PEK_HUB_PEKCTL_LIVE_H
#define PEK_HUB_PEKCTL_LIVE_H

#include "hub/registry/instance_store.h"

#define LIVE_TIMEOUT_MS                                                                            \
    3000 /* for all together; a worker that hangs is UNREACHABLE after two heartbeats */
#define LIVE_TIMEOUT_EACH_MS 5 /* and for each: its connection, and its certificate */

struct live {
    struct instance_row row; /* which one; the caller's */
    const char *state;       /* as instance_status_name; "UNKNOWN" when the time was up */
    char version[INSTANCE_VERSION_BYTES_MAX + 1];
    char problem[INSTANCE_PROBLEM_BYTES_MAX + 1]; /* "" for none */
    int elapsed_ms;
};

/* Fills what was asked. `tls` as the hub's, NULL without. The status is about this program: a
 * worker that does not answer is a state. */
PEK_MUST_CHECK enum status live_ask(struct live *items, size_t count, const struct rpc_tls *tls);

#endif
