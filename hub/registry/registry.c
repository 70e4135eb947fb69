#include "hub/registry/registry.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hub/registry/instance_rules.h"
#include "hub/registry/replica.h"
#include "hub/registry/watch.h"
#include "shared/base/clock.h"
#include "shared/base/utf8.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"
#include "shared/jwt/jwt.h"

/* An assertion lives as long as one call to the realm may take, with a margin for clocks. */
#define ASSERTION_LIFETIME_S 45

const char *instance_status_name(enum instance_status status)
{
    static const char *const names[] = {
        [INSTANCE_UNKNOWN] = "UNKNOWN",         [INSTANCE_SERVING] = "SERVING",
        [INSTANCE_NOT_SERVING] = "NOT_SERVING", [INSTANCE_UNREACHABLE] = "UNREACHABLE",
        [INSTANCE_IS_DRAINING] = "DRAINING",    [INSTANCE_REFUSED] = "REFUSED",
    };
    return names[status];
}

void instance_set_name(struct instance *instance, const char *name)
{
    struct slice shown = utf8_prefix(slice_str(name), sizeof(instance->name) - 1);
    snprintf(instance->name, sizeof(instance->name), "%.*s", SLICE_ARG(shown));
}

void registry_init(struct registry *registry, struct fibers *fibers,
                   const struct registry_options *options)
{
    *registry = (struct registry){.fibers = fibers, .options = *options};
}

/* ---- references --------------------------------------------------------------------------------- */

static struct instance *instance_free(struct instance *instance)
{
    assert(instance->fibers == 0 && list_empty(&instance->followers));
    fair_done(&instance->calls);
    rpc_channel_free(instance->channel);
    for (size_t i = 0; i < instance->service_count; i++)
        free(instance->services[i]);
    if (instance->ca_fd >= 0)
        close(instance->ca_fd);
    free(instance->target);
    free(instance);
    return NULL;
}

struct instance *instance_ref(struct instance *instance)
{
    instance->references++;
    return instance;
}

struct instance *instance_unref(struct instance *instance)
{
    if (!instance || --instance->references > 0)
        return NULL;
    struct registry *registry = instance->registry;
    registry->slots[instance->slot] = NULL;
    instance_free(instance);
    if (registry->on_freed && !registry->is_stopping)
        registry->on_freed(registry->arg);
    return NULL;
}

/* ---- life cycle --------------------------------------------------------------------------------- */

void registry_stop(struct registry *registry)
{
    struct fiber_event ended = {0};

    registry->is_stopping = true;
    registry->stopping = &ended;
    for (size_t i = 0; i < REGISTRY_INSTANCES_MAX; i++) {
        if (registry->slots[i])
            cancel_fire(&registry->slots[i]->cancel);
    }
    for (size_t i = 0; i < REGISTRY_INSTANCES_MAX; i++) {
        while (registry->slots[i] && registry->slots[i]->fibers > 0) {
            enum status status = fiber_event_wait(&ended, DEADLINE_NONE);
            assert(status == STATUS_OK);
            (void)status;
        }
    }
    registry->stopping = NULL;
}

void registry_done(struct registry *registry)
{
    registry->is_stopping = true;
    for (size_t i = 0; i < registry->count; i++)
        instance_unref(registry->instances[i]);
    registry->count = 0;
    for (size_t i = 0; i < REGISTRY_INSTANCES_MAX; i++)
        assert(!registry->slots[i]);
}

void registry_close_runtime(struct registry *registry)
{
    registry->runtime = rpc_runtime_free(registry->runtime);
}

static enum status find_slot(struct registry *registry, size_t *ret_slot, struct fault *fault)
{
    for (size_t i = 0; i < REGISTRY_INSTANCES_MAX; i++) {
        if (!registry->slots[i]) {
            *ret_slot = i;
            return STATUS_OK;
        }
    }
    return fault_set_reason(fault, STATUS_RESOURCE_EXHAUSTED, "TOO_MANY_REALMS", "realm",
                            "at most %d realms, those included whose last call still runs",
                            REGISTRY_INSTANCES_MAX);
}

/* Checks the name and makes room; the channel is still missing. */
static enum status instance_new(struct registry *registry, const char *realm, const char *name,
                                struct instance **ret_instance, struct fault *fault)
{
    static const struct fair_limits shares = {
        .places = INSTANCE_IN_FLIGHT_MAX,
        .places_per_user = INSTANCE_IN_FLIGHT_PER_USER_MAX,
        .waiting = INSTANCE_WAITING_MAX,
        .waiting_per_user = INSTANCE_WAITING_PER_USER_MAX,
    };
    size_t slot = 0;

    if (!realm_is_valid(realm))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "realm",
                         "a realm is 1 to %d of a-z, 0-9 and '-'", REALM_BYTES_MAX);
    if (registry_find(registry, slice_str(realm)))
        return fault_set(fault, STATUS_ALREADY_EXISTS, "realm", "realm %s is there already", realm);
    if (find_slot(registry, &slot, fault))
        return fault->status;
    struct instance *instance = calloc(1, sizeof(*instance));
    if (!instance)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    instance->registry = registry;
    instance->slot = slot;
    instance->generation = ++registry->generations;
    instance->references = 1; /* the registry's */
    instance->ca_fd = -1;
    memcpy(instance->realm, realm, strlen(realm) + 1);
    instance_set_name(instance, name && name[0] ? name : realm);
    if (fair_init(&instance->calls, &shares)) {
        free(instance);
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "no random bytes");
    }
    list_init(&instance->followers);
    cancel_init(&instance->cancel, DEADLINE_NONE);
    *ret_instance = instance;
    return STATUS_OK;
}

/* Where it belongs. The order does not depend on when a hub heard of an instance, so that all hubs give the same
 * answers. */
static void insert(struct registry *registry, struct instance *instance)
{
    size_t at = registry->count++;

    for (; at > 0 && strcmp(registry->instances[at - 1]->realm, instance->realm) > 0; at--)
        registry->instances[at] = registry->instances[at - 1];
    registry->instances[at] = instance;
    for (; at < registry->count; at++)
        registry->instances[at]->place = at;
}

static enum status instance_begin(struct instance *instance, struct fault *fault)
{
    struct registry *registry = instance->registry;

    registry->slots[instance->slot] = instance;
    insert(registry, instance);
    if (!instance->channel)
        return STATUS_OK;
    enum status status = watch_start(instance);
    if (!status)
        return STATUS_OK;
    instance_remove(instance);
    return fault_set(fault, status, NULL, "no fiber to watch the realm");
}

static enum status make_runtime(struct registry *registry, struct fault *fault)
{
    if (registry->runtime)
        return STATUS_OK;
    enum status status = rpc_runtime_new(registry->fibers, &registry->runtime);
    return status ? fault_set(fault, status, NULL, "gRPC cannot be started") : STATUS_OK;
}

static enum status open_channel(const struct registry *registry, const struct instance_spec *spec,
                                struct rpc_channel **ret_channel, struct fault *fault)
{
    uint32_t uid;
    const char *path;

    if (target_is_peer(spec->target, &uid, &path))
        return rpc_channel_new_peer(registry->runtime, path, uid, ret_channel, fault);
    return rpc_channel_new(registry->runtime, spec->target, spec->tls, ret_channel, fault);
}

static void instance_carry(struct instance *instance)
{
    rpc_channel_carry(instance->channel);
    rpc_channel_on_refused(instance->channel, replica_refused, instance);
}

enum status registry_add(struct registry *registry, const struct instance_spec *spec,
                         struct fault *fault)
{
    struct instance *instance = NULL;
    struct fault problem = {0};

    enum status status = make_runtime(registry, fault);
    if (!status)
        status = instance_new(registry, spec->realm, spec->name, &instance, fault);
    if (status) {
        if (spec->ca_fd >= 0)
            close(spec->ca_fd);
        return status;
    }
    instance->ca_fd = spec->ca_fd;
    instance->endpoint = spec->endpoint;
    instance->target = strdup(spec->target);
    if (!instance->target) {
        instance_free(instance);
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    }
    if (open_channel(registry, spec, &instance->channel, &problem))
        instance_refuse(instance, problem.text);
    else
        instance_carry(instance);
    return instance_begin(instance, fault);
}

enum status registry_add_local(struct registry *registry, const char *realm, struct rpc_host *host,
                               struct fault *fault)
{
    struct instance *instance = NULL;
    enum status status = instance_new(registry, realm, NULL, &instance, fault);

    if (status)
        return status;
    status = rpc_channel_new_local(host, &instance->channel);
    if (status) {
        instance_free(instance);
        return fault_set(fault, status, NULL, "no channel to the realm in this process");
    }
    return instance_begin(instance, fault);
}

/* Ends the watches of one that is asked nothing any more, once its last call ended. */
static void settle(struct instance *instance)
{
    if (instance->mode != INSTANCE_ACTIVE && instance->calls.held == 0)
        cancel_fire(&instance->cancel);
}

void instance_follow(struct instance *instance, struct instance_interest *interest,
                     struct fiber_event *event)
{
    interest->event = event;
    list_append(&instance->followers, &interest->node);
}

void instance_unfollow(struct instance_interest *interest)
{
    if (interest->event)
        list_remove(&interest->node);
    interest->event = NULL;
}

void instance_tell_away(struct instance *instance)
{
    fair_wake_all(&instance->calls);
    LIST_FOR_EACH (interest, &instance->followers)
        fiber_event_signal(LIST_ENTRY(interest, struct instance_interest, node)->event);
}

void instance_drain(struct instance *instance)
{
    if (instance->mode != INSTANCE_ACTIVE)
        return;
    instance->mode = INSTANCE_DRAINING;
    instance_publish(instance);
    instance_tell_away(instance);
    settle(instance);
}

void instance_undrain(struct instance *instance)
{
    if (instance->mode != INSTANCE_DRAINING)
        return;
    instance->mode = INSTANCE_ACTIVE;
    instance_publish(instance);
    watch_resume(instance);
}

void instance_remove(struct instance *instance)
{
    struct registry *registry = instance->registry;

    if (instance->mode == INSTANCE_REMOVED)
        return;
    instance->mode = INSTANCE_REMOVED;
    instance_publish(instance);
    for (size_t i = 0; i < registry->count; i++) {
        if (registry->instances[i] != instance)
            continue;
        registry->count--;
        memmove(&registry->instances[i], &registry->instances[i + 1],
                (registry->count - i) * sizeof(registry->instances[0]));
        for (; i < registry->count; i++)
            registry->instances[i]->place = i;
    }
    instance_tell_away(instance);
    settle(instance);
    instance_unref(instance);
}

enum status instance_check(const struct instance *instance, struct fault *fault)
{
    switch (instance->mode) {
    case INSTANCE_REMOVED:
        return fault_set_reason(fault, STATUS_UNAVAILABLE, "REALM_REMOVED", NULL,
                                "realm %s left the federation", instance->realm);
    case INSTANCE_DRAINING:
        return fault_set_reason(fault, STATUS_UNAVAILABLE, "REALM_DRAINING", NULL,
                                "realm %s is closed for maintenance", instance->realm);
    case INSTANCE_ACTIVE: break;
    }
    if (instance->refused)
        return fault_set_reason(fault, STATUS_UNAVAILABLE, "REALM_REFUSED", NULL,
                                "realm %s is not what was registered: %s", instance->realm,
                                instance->problem);
    return STATUS_OK;
}

bool instance_is_away(const struct instance *instance)
{
    return instance->mode != INSTANCE_ACTIVE || instance->refused ||
           breaker_refuses(&instance->breaker, clock_monotonic_us());
}

struct instance *registry_find(const struct registry *registry, struct slice realm)
{
    size_t low = 0, high = registry->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = slice_compare(slice_str(registry->instances[middle]->realm), realm);
        if (order == 0)
            return registry->instances[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* jti empty: a random one. */
static enum status sign(struct instance *instance, const char *typ, struct slice subject,
                        struct slice jti, struct arena *arena, struct slice *ret_assertion)
{
    int64_t now_s = clock_wall_s();
    const struct jwt_claims claims = {
        .iss = slice_str(instance->registry->options.issuer),
        .aud = slice_str(instance->realm),
        .sub = subject,
        .jti = jti,
        .iat = now_s,
        .exp = now_s + ASSERTION_LIFETIME_S,
    };
    return jwt_sign(instance->registry->options.keys, typ, &claims, arena, ret_assertion);
}

enum status instance_assertion(struct instance *instance, struct slice user, struct arena *arena,
                               struct slice *ret_assertion)
{
    return sign(instance, JWT_TYP_ASSERTION, user, (struct slice){0}, arena, ret_assertion);
}

enum status instance_sign_told(struct instance *instance, struct slice people, struct arena *arena,
                               struct slice *ret_assertion)
{
    const struct sha256 digest = sha256(people);
    struct slice jti;
    PEK_TRY(base64url_encode_in(arena, slice_make(digest.bytes, sizeof(digest.bytes)), &jti));
    return sign(instance, JWT_TYP_PEOPLE, slice_str(instance->registry->options.issuer), jti, arena,
                ret_assertion);
}

/* ---- admission --------------------------------------------------------------------------------- */

/* What the breaker says to a call that has its place. */
static enum admission admit(struct instance *instance, struct instance_ticket *ticket)
{
    if (!breaker_admit(&instance->breaker, clock_monotonic_us())) {
        instance->refusals++;
        fair_leave(&instance->calls, &ticket->place);
        return ADMISSION_REFUSED;
    }
    instance->calls_made++;
    ticket->admitted = true;
    ticket->admitted_us = clock_monotonic_us();
    return ADMITTED;
}

enum admission instance_enter(struct instance *instance, struct slice user,
                              struct instance_ticket *ticket, struct fiber_event *event)
{
    if (instance->mode != INSTANCE_ACTIVE || instance->refused) {
        instance_withdraw(instance, ticket);
        instance->refusals++;
        return ADMISSION_REFUSED;
    }
    if (ticket->place.state == FAIR_OUT) {
        /* Nobody waits for a realm that is not asked. */
        if (breaker_refuses(&instance->breaker, clock_monotonic_us())) {
            instance->refusals++;
            return ADMISSION_REFUSED;
        }
        switch (fair_enter(&instance->calls, user, &ticket->place, event)) {
        case FAIR_ANSWER_IN:
        case FAIR_ANSWER_WAITS: break;
        case FAIR_ANSWER_USER_FULL: instance->refusals++; return ADMISSION_CROWDED;
        case FAIR_ANSWER_FULL: instance->refusals++; return ADMISSION_REFUSED;
        }
    }
    return ticket->place.state == FAIR_IN ? admit(instance, ticket) : ADMISSION_WAITS;
}

void instance_leave(struct instance *instance, struct instance_ticket *ticket,
                    enum breaker_word word)
{
    assert(ticket->admitted);
    instance->failures += word == BREAKER_LATE || word == BREAKER_LOST;
    breaker_told(&instance->breaker, word, ticket->admitted_us, clock_monotonic_us());
    fair_leave(&instance->calls, &ticket->place);
    *ticket = (struct instance_ticket){0};
    settle(instance);
}

void instance_withdraw(struct instance *instance, struct instance_ticket *ticket)
{
    fair_leave(&instance->calls, &ticket->place);
    *ticket = (struct instance_ticket){0};
    settle(instance);
}

bool instance_ticket_is_crowd(const struct instance_ticket *ticket)
{
    return fair_is_crowd(&ticket->place);
}
