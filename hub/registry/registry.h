/* registry: the instances of the federation, how to reach each, and how it is.
 *
 * An instance is one realm: a channel (gRPC, or a host in this process), a breaker, a bounded number of calls in
 * flight, and what is known of its health. Two fibers follow each: one the grpc.health.v1 Watch stream, one the
 * WatchPolicies stream, whose events go to `on_policies` (a user's policies changed there, or anybody's may have).
 *
 * An instance lives as long as the registry; a removed one is kept until its last call ended. Loop thread.
 */
#ifndef PEK_HUB_REGISTRY_REGISTRY_H
#define PEK_HUB_REGISTRY_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/registry/breaker.h"
#include "shared/base/fault.h"
#include "shared/base/list.h"
#include "shared/base/slice.h"
#include "shared/fiber/fiber.h"
#include "shared/jwt/jwt_keys.h"
#include "shared/rpc/rpc.h"

#define REGISTRY_INSTANCES_MAX 16 /* realms per fan-out */
#define INSTANCE_IN_FLIGHT_MAX 256
#define INSTANCE_WAITING_MAX 256
#define INSTANCE_SERVICES_MAX 32
#define REALM_BYTES_MAX 63

enum instance_status {
    INSTANCE_UNKNOWN,
    INSTANCE_SERVING,
    INSTANCE_NOT_SERVING,
    INSTANCE_UNREACHABLE,
};

struct registry;

struct instance {
    struct registry *registry;
    size_t index; /* in the registry; stable */
    char realm[REALM_BYTES_MAX + 1];
    char *target; /* NULL for the local host */
    struct rpc_channel *channel;
    struct breaker breaker;
    size_t in_flight;
    struct list waiting; /* struct instance_ticket */
    size_t waiting_count;
    enum instance_status status;
    int64_t status_wall_s;
    char version[32], collator_version[32];
    char *services[INSTANCE_SERVICES_MAX];
    size_t service_count;
    struct cancel cancel; /* of its fibers */
    unsigned fibers;      /* running */
    uint64_t calls, failures, refused;
};

struct registry_options {
    struct rpc_runtime *runtime; /* NULL in MVP mode: no remote instance can be added */
    struct jwt_keys *keys;       /* signs assertions */
    const char *issuer;          /* the hub's */
    void *arg;
    /* `users` of `instance` must be asked again; count 0: everybody. */
    void (*on_policies)(void *arg, struct instance *instance, const char *const *users,
                        size_t count);
    /* The instance's status changed. May be NULL. */
    void (*on_status)(void *arg, struct instance *instance);
};

struct registry {
    struct fibers *fibers;
    struct registry_options options;
    struct instance *instances[REGISTRY_INSTANCES_MAX];
    size_t count;
    struct fiber_event *stopping; /* signalled as fibers end, while registry_stop waits */
};

void registry_init(struct registry *registry, struct fibers *fibers,
                   const struct registry_options *options);
/* In a fiber: ends the watches and waits for them. No call may be open. */
void registry_stop(struct registry *registry);
void registry_done(struct registry *registry);

/* Realm `[a-z0-9][a-z0-9-]*`. ALREADY_EXISTS, RESOURCE_EXHAUSTED over REGISTRY_INSTANCES_MAX. */
PEK_MUST_CHECK enum status registry_add(struct registry *registry, const char *realm,
                                        const char *target, const struct rpc_tls *tls,
                                        struct fault *fault);
/* The realm that `host` serves in this process. The host outlives the registry. */
PEK_MUST_CHECK enum status registry_add_local(struct registry *registry, const char *realm,
                                              struct rpc_host *host, struct fault *fault);
/* NULL when there is none. */
struct instance *registry_find(const struct registry *registry, struct slice realm);

const char *instance_status_name(enum instance_status status);

/* A short-lived assertion that `user` asks `instance` for a token; in the arena. */
PEK_MUST_CHECK enum status instance_assertion(struct instance *instance, struct slice user,
                                              struct arena *arena, struct slice *ret_assertion);

/* A place among the calls in flight. */
enum admission {
    ADMITTED, /* the call may start; end with instance_leave */
    ADMISSION_WAITS, /* `event` is signalled when it is worth asking again; withdraw with instance_withdraw */
    ADMISSION_REFUSED, /* breaker open, or too many wait */
};
struct instance_ticket {
    struct list node;
    struct fiber_event *event;
    bool waits;
    bool granted;
};
enum admission instance_enter(struct instance *instance, struct instance_ticket *ticket,
                              struct fiber_event *event);
/* `told`: the outcome is one of the realm's (failed or not); else the call was ended by us. */
void instance_leave(struct instance *instance, bool told, bool failed);
void instance_withdraw(struct instance *instance, struct instance_ticket *ticket);

#endif
