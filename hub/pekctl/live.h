/* live: what the workers themselves say, asked now.
 *
 * The database knows what is wanted; whether a worker answers, and which version it runs, only the worker knows. All are asked at
 * once, as a hub would ask: gRPC with the hub's certificate.
 */
#ifndef PEK_HUB_PEKCTL_LIVE_H
#define PEK_HUB_PEKCTL_LIVE_H

#include <stddef.h>

#include "shared/rpc/rpc.h"

#define LIVE_TIMEOUT_MS 2000 /* for all together */
#define LIVE_TEXT_BYTES 160

struct live {
    const char *realm, *target, *tls_name; /* tls_name NULL: the realm */
    char state[24];                        /* "SERVING", "UNREACHABLE", "WRONG_REALM" */
    char version[48];
    char problem[LIVE_TEXT_BYTES]; /* "" for none */
    int elapsed_ms;
};

/* Fills what was asked. `tls` as the hub's, NULL without; its server_name is not looked at. The status is about this program: a
 * worker that does not answer is a state. */
PEK_MUST_CHECK enum status live_ask(struct live *items, size_t count, const struct rpc_tls *tls);

#endif
