/* registry: the instances of the federation, how to reach each, and how it is.
 *
 * An instance is one realm: a channel (gRPC, or a host in this process), a breaker, a bounded number of calls in
 * flight, and what is known of its health. Two fibers follow each: one the grpc.health.v1 Watch stream and a
 * heartbeat, one the WatchPolicies stream, whose events go to `on_policies` (a user's policies changed there, or
 * anybody's may have).
 *
 * ACTIVE    asked.
 * DRAINING  listed, but asked nothing new: a call is refused as UNAVAILABLE. Once its last running call ended its
 *           watches end too. May become ACTIVE again.
 * REMOVED   not listed any more. Freed when the last reference went.
 *
 * References are counted, because a call outlasts the removal of its realm: whoever keeps a pointer over a wait
 * has one. While an instance exists it has a `slot` of its own, below REGISTRY_INSTANCES_MAX, for arrays beside the
 * registry (a session's credentials); a slot is given anew only when its instance was freed, and `generation` tells
 * the new one from the old. A realm that waits for a free slot is added when on_freed was called.
 *
 * An instance that says it is another realm, or that is no worker, is REFUSED: listed with the reason, never asked
 * for anything but who it is. Loop thread.
 */
#ifndef PEK_HUB_REGISTRY_REGISTRY_H
#define PEK_HUB_REGISTRY_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/registry/breaker.h"
#include "shared/base/fault.h"
#include "shared/base/list.h"
#include "shared/base/slice.h"
#include "shared/crypto/crypto.h"
#include "shared/fair/fair.h"
#include "shared/fiber/fiber.h"
#include "shared/jwt/jwt_keys.h"
#include "shared/rpc/rpc.h"

#define REGISTRY_INSTANCES_MAX 1000 /* realms; of which one request asks FANOUT_LEGS_MAX at most */
#define INSTANCE_IN_FLIGHT_MAX 256
#define INSTANCE_WAITING_MAX 1024
/* Of both, one user's; see shared/fair. */
#define INSTANCE_IN_FLIGHT_PER_USER_MAX 32
#define INSTANCE_WAITING_PER_USER_MAX 64
#define INSTANCE_SERVICES_MAX 32
#define REALM_BYTES_MAX 63
#define INSTANCE_SERVICE_BYTES_MAX 127
#define INSTANCE_NAME_CHARACTERS_MAX 200
#define INSTANCE_NAME_BYTES_MAX (4 * INSTANCE_NAME_CHARACTERS_MAX)
#define INSTANCE_PROBLEM_BYTES_MAX 159
#define INSTANCE_VERSION_BYTES_MAX 31
/* How long it is told that a replica refused the hub: one that goes on is asked again after ten seconds. */
#define INSTANCE_REFUSAL_MS 60000
/* How long a replica may be away, as one that is restarted is. */
#define INSTANCE_REPLICA_AWAY_MS 30000
#define INSTANCE_ADDRESS_BYTES_MAX 63
#define INSTANCE_USER_BUCKETS 256

/* What is told of an instance. */
enum instance_status {
    INSTANCE_UNKNOWN,
    INSTANCE_SERVING,
    INSTANCE_NOT_SERVING,
    INSTANCE_UNREACHABLE,
    INSTANCE_IS_DRAINING,
    INSTANCE_REFUSED,
};

enum instance_mode { INSTANCE_ACTIVE, INSTANCE_DRAINING, INSTANCE_REMOVED };

struct registry;

struct instance {
    struct registry *registry;
    size_t slot;
    size_t place;        /* in `instances` of the registry, while it is there */
    uint64_t generation; /* never 0, never the same twice */
    unsigned references;
    enum instance_mode mode;
    char realm[REALM_BYTES_MAX + 1];
    char name[INSTANCE_NAME_BYTES_MAX + 1];
    char *target; /* NULL for the local host */
    struct sha256
        endpoint; /* of all that says how it is reached: another one is another instance */
    int ca_fd;    /* memory that is read as the file of its CA; -1 for none */
    struct rpc_channel *channel; /* NULL when it could not be made: then it is refused */
    struct breaker breaker;
    struct fair calls;           /* places in flight, shared out by user */
    struct list followers;       /* struct instance_interest */
    enum instance_status status; /* follows from mode, refused and health */
    enum instance_status health; /* the first four */
    bool refused;
    char problem[INSTANCE_PROBLEM_BYTES_MAX +
                 1]; /* why it is REFUSED or UNREACHABLE; see instance_problem */
    char
        refusal[INSTANCE_PROBLEM_BYTES_MAX + 1]; /* what a replica said last that refused the hub */
    int64_t refusal_us;
    char away[INSTANCE_PROBLEM_BYTES_MAX + 1]; /* which replica of its target is not there; "" */
    int64_t away_us;                           /* since when */
    bool away_told;
    int64_t status_wall_s;
    char version[INSTANCE_VERSION_BYTES_MAX + 1], collator_version[INSTANCE_VERSION_BYTES_MAX + 1];
    char *services[INSTANCE_SERVICES_MAX];
    size_t service_count;
    bool info_is_new;     /* version or services are not what the database was told */
    struct cancel cancel; /* of its fibers */
    unsigned fibers;      /* running */
    uint64_t calls_made, failures, refusals;
    uint64_t
        policy_changes; /* how often everybody's may have changed: who remembers more than one user's compares */
    /* How often something of a user changed who falls here; see hub/session/permission.h. */
    uint32_t user_changes[INSTANCE_USER_BUCKETS];
    bool watched; /* it tells of changes now: since its first word of them, until it breaks off */
    bool
        in_doubt; /* its last word on its health was that it does not serve; the next heartbeat is due */
};

struct registry_options {
    struct jwt_keys *
        keys; /* signs assertions; NULL: how instances are is all that is asked, and no assertion made */
    const char *issuer; /* the hub's */
    void *arg;
    /* `users` of `instance` must be asked again; count 0: everybody. */
    void (*on_policies)(void *arg, struct instance *instance, const char *const *users,
                        size_t count);
    /* The instance has notifications to collect. May be NULL. */
    void (*on_notifications)(void *arg, struct instance *instance);
    /* The instance's status changed. May be NULL. */
    void (*on_status)(void *arg, struct instance *instance);
    /* One of its replicas refuses the hub, or is not there. May be NULL. */
    void (*on_replica)(void *arg, struct instance *instance, const char *problem);
};

struct registry {
    struct fibers *fibers;
    struct registry_options options;
    struct rpc_runtime *runtime; /* made with the first instance that needs it */
    struct instance *instances
        [REGISTRY_INSTANCES_MAX]; /* ACTIVE and DRAINING, by realm: the order of all hubs */
    size_t count;
    struct instance *slots[REGISTRY_INSTANCES_MAX]; /* all that exist */
    uint64_t generations;
    bool loaded; /* false: a realm that is not here may only not have been read yet */
    /* Set by who follows the database; may be NULL. A slot became free; an instance told what it is. */
    void (*on_freed)(void *arg);
    void (*on_info)(void *arg, struct instance *instance);
    void *arg;
    bool is_stopping;
    struct fiber_event *stopping; /* signalled as fibers end, while registry_stop waits */
};

void registry_init(struct registry *registry, struct fibers *fibers,
                   const struct registry_options *options);
/* In a fiber: ends the watches and waits for them. No call may be open. */
void registry_stop(struct registry *registry);
/* Nobody else may have a reference. */
void registry_done(struct registry *registry);
/* After registry_done, outside fibers: gRPC's thread ends. */
void registry_close_runtime(struct registry *registry);

/* What an instance is made of; copied. */
struct instance_spec {
    const char *realm; /* [a-z0-9][a-z0-9-]* */
    const char *name;  /* NULL: the realm */
    const char *target;
    const struct rpc_tls *tls; /* NULL: plain text */
    struct sha256 endpoint;
    int ca_fd; /* becomes the instance's, also on failure; -1 for none */
};
/* An instance whose channel cannot be made (files that cannot be read) is there, and REFUSED. INVALID_ARGUMENT,
 * ALREADY_EXISTS, RESOURCE_EXHAUSTED over REGISTRY_INSTANCES_MAX, those included whose last call still runs. */
PEK_MUST_CHECK enum status registry_add(struct registry *registry, const struct instance_spec *spec,
                                        struct fault *fault);
/* The realm that `host` serves in this process. The host outlives the registry. */
PEK_MUST_CHECK enum status registry_add_local(struct registry *registry, const char *realm,
                                              struct rpc_host *host, struct fault *fault);
/* NULL when there is none. */
struct instance *registry_find(const struct registry *registry, struct slice realm);
void instance_drain(struct instance *instance);
void instance_undrain(struct instance *instance);
/* The caller's own reference, if it has one, holds. */
void instance_remove(struct instance *instance);

/* Returns what it was given. */
struct instance *instance_ref(struct instance *instance);
/* Takes NULL, returns NULL. */
struct instance *instance_unref(struct instance *instance);

/* OK, or why nothing new may be asked: UNAVAILABLE. What the breaker thinks is not looked at. */
PEK_MUST_CHECK enum status instance_check(const struct instance *instance, struct fault *fault);
/* The same, and the breaker: whether waiting for it is of any use. */
bool instance_is_away(const struct instance *instance);

/* Why it is REFUSED or UNREACHABLE; else what is wrong with one of its replicas, "" for nothing. For whoever is logged in. */
const char *instance_problem(const struct instance *instance);

const char *instance_status_name(enum instance_status status);
/* What is shown of an instance: whole characters, as many as fit, none that controls. */
void instance_set_name(struct instance *instance, const char *name);

/* A short-lived assertion that `user` asks `instance` for a token; in the arena. */
PEK_MUST_CHECK enum status instance_assertion(struct instance *instance, struct slice user,
                                              struct arena *arena, struct slice *ret_assertion);

/* A short-lived signature of what the hub says of people to `instance`: of these bytes; in the arena. */
PEK_MUST_CHECK enum status instance_sign_told(struct instance *instance, struct slice people,
                                              struct arena *arena, struct slice *ret_assertion);

/* Of one that waits for the instance in whatever way: `event` is signalled when it is away all of a sudden. */
struct instance_interest {
    struct list node;
    struct fiber_event *event;
};
void instance_follow(struct instance *instance, struct instance_interest *interest,
                     struct fiber_event *event);
/* Also of one that follows nothing, if zeroed. */
void instance_unfollow(struct instance_interest *interest);

/* A place among the calls in flight, of which each user has a share. */
enum admission {
    ADMITTED, /* the call may start; end with instance_leave */
    ADMISSION_WAITS, /* `event` is signalled when it is worth asking again; withdraw with instance_withdraw */
    ADMISSION_REFUSED, /* breaker open, too many wait, or instance_check says why */
    ADMISSION_CROWDED, /* too many of this user wait */
};
/* Zeroed: out. */
struct instance_ticket {
    struct fair_ticket place;
    bool admitted;
    int64_t admitted_us;
};
/* `user` is looked at the first time only; empty: nobody known. */
enum admission instance_enter(struct instance *instance, struct slice user,
                              struct instance_ticket *ticket, struct fiber_event *event);
/* Of one that was ADMITTED. */
void instance_leave(struct instance *instance, struct instance_ticket *ticket,
                    enum breaker_word word);
/* Of one that was not. */
void instance_withdraw(struct instance *instance, struct instance_ticket *ticket);
/* Of one that was ADMITTED: a long wait may be the line of its own user, at the realm. It says nothing of the realm. */
bool instance_ticket_is_crowd(const struct instance_ticket *ticket);

#endif
