/* realm: everything that one realm needs, as one thing: database, rights, guard, services, host.
 *
 * The worker puts a gRPC server in front of realm_host; the hub hosts realm `hub` in its own process by a
 * local channel to it. Same services, same guard, same code.
 *
 * realm_open does not wait: connections come up behind it, and realm_is_ready tells when calls will be answered. A
 * background fiber makes the sort keys again if ICU or the order has changed (rekey.h). Everything on the loop
 * thread.
 */
#ifndef PEK_WORKER_REALM_REALM_H
#define PEK_WORKER_REALM_REALM_H

#include "shared/base/fault.h"
#include "shared/fiber/fiber.h"
#include "shared/jwt/jwt_keys.h"
#include "shared/pg/pg.h"
#include "shared/rpc/rpc.h"
#include "shared/trace/trace.h"
#include "worker/guard/guard.h"
#include "worker/rights/policy_cache.h"

#define REALM_NAME_BYTES_MAX 63

/* Borrowed for the life of the realm, all but the database options. */
struct realm_options {
    const char *realm;           /* [a-z0-9][a-z0-9-]{0,62} */
    const char *conninfo;        /* as the application role */
    const char *listen_conninfo; /* this and the next two as in struct pg_options */
    const char *standby_conninfo;
    int64_t standby_alone_ms;
    const struct jwt_keys *keys;     /* this realm's, with a signer */
    const struct jwt_keys *hub_keys; /* the hub's public ones */
    const char *hub_issuer;
    const char *version; /* of the program */
    /* As in instance_service.h; may be NULL. */
    enum status (*refresh_hub_keys)(void *arg);
    void *refresh_arg;
    /* As in struct rpc_interceptor; may be NULL. */
    void (*finished)(void *arg, struct rpc_ctx *ctx, const struct fault *outcome,
                     int64_t elapsed_us);
    void *finished_arg;
    /* As in struct pg_options; may be NULL. */
    void (*on_trouble)(void *arg, const struct pg_trouble *trouble);
    void (*on_statement)(void *arg, const struct pg_ended *ended);
    void *trouble_arg;     /* of both */
    struct tracer *tracer; /* of its calls and statements; NULL: none */
    /* So many notifications that no hub collected were dropped (notification_store.h); may be NULL. */
    void (*on_dropped)(void *trouble_arg, size_t notifications);
    /* 0: the defaults of shared/pg and shared/rpc. */
    size_t read_max, long_read_max, transaction_max;
    size_t unary_max, stream_max;
};

struct realm;

PEK_MUST_CHECK enum status realm_open(struct fibers *fibers, const struct realm_options *options,
                                      struct realm **ret_realm, struct fault *fault);
/* In a fiber, when no call is open. Run the loop once more afterwards. Takes NULL, returns NULL. */
struct realm *realm_close(struct realm *realm);

/* Before a drain: ends what would never end by itself (streams of WatchPolicies). */
void realm_end_watches(struct realm *realm);

struct rpc_host *realm_host(struct realm *realm);
bool realm_is_ready(const struct realm *realm);
/* Why not, as pg_unready; "" when it is. */
const char *realm_unready(const struct realm *realm);
/* Sort keys are current, and searches go by worker/search's rows; before, they walk all names. A realm is ready without it. */
bool realm_search_is_ready(const struct realm *realm);
/* In a fiber: waits until it is ready, or answers why it cannot be: FAILED_PRECONDITION is realm_refusal. */
PEK_MUST_CHECK enum status realm_wait_ready(struct realm *realm, struct cancel *cancel);
/* pg_refusal of the realm's database: the program must not go on. "" when there is no such reason. */
const char *realm_refusal(const struct realm *realm);
/* "" while all is well; for the log of the program. */
const char *realm_trouble(const struct realm *realm);

/* For whoever writes policies directly (the operator's commands): who writes also forgets, or waits for the
 * notification. And for a host in process, to watch changes without a call. */
struct pg *realm_pg(struct realm *realm);
struct policy_cache *realm_rights(struct realm *realm);

struct realm_statistics {
    struct pg_statistics pg;
    struct policy_cache_statistics policy;
    struct guard_statistics guard;
};
void realm_statistics(const struct realm *realm, struct realm_statistics *ret_statistics);

/* True for what may name a realm. */
bool realm_name_is_valid(const char *name);

#endif
