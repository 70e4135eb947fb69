#include "hub/registry/registry.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>

#include "hub/registry/watch.h"
#include "shared/base/clock.h"
#include "shared/jwt/jwt.h"

/* An assertion lives as long as one call to the realm may take, with a margin for clocks. */
#define ASSERTION_LIFETIME_S 45

const char *instance_status_name(enum instance_status status)
{
    static const char *const names[] = {
        [INSTANCE_UNKNOWN] = "UNKNOWN",
        [INSTANCE_SERVING] = "SERVING",
        [INSTANCE_NOT_SERVING] = "NOT_SERVING",
        [INSTANCE_UNREACHABLE] = "UNREACHABLE",
    };
    return names[status];
}

void registry_init(struct registry *registry, struct fibers *fibers,
                   const struct registry_options *options)
{
    *registry = (struct registry){.fibers = fibers, .options = *options};
}

static struct instance *instance_free(struct instance *instance)
{
    if (!instance)
        return NULL;
    assert(instance->in_flight == 0 && instance->fibers == 0);
    rpc_channel_free(instance->channel);
    for (size_t i = 0; i < instance->service_count; i++)
        free(instance->services[i]);
    free(instance->target);
    free(instance);
    return NULL;
}

void registry_stop(struct registry *registry)
{
    struct fiber_event ended = {0};

    registry->stopping = &ended;
    for (size_t i = 0; i < registry->count; i++)
        cancel_fire(&registry->instances[i]->cancel);
    for (size_t i = 0; i < registry->count; i++) {
        while (registry->instances[i]->fibers > 0) {
            enum status status = fiber_event_wait(&ended, DEADLINE_NONE);
            assert(status == STATUS_OK);
            (void)status;
        }
    }
    registry->stopping = NULL;
}

void registry_done(struct registry *registry)
{
    for (size_t i = 0; i < registry->count; i++)
        instance_free(registry->instances[i]);
    registry->count = 0;
}

static bool realm_is_valid(const char *realm)
{
    size_t len = strlen(realm);

    if (len == 0 || len > REALM_BYTES_MAX || realm[0] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!islower((unsigned char)realm[i]) && !isdigit((unsigned char)realm[i]) &&
            realm[i] != '-')
            return false;
    }
    return true;
}

/* Checks the name and makes room; the channel is still missing. */
static enum status instance_new(struct registry *registry, const char *realm,
                                struct instance **ret_instance, struct fault *fault)
{
    if (!realm_is_valid(realm))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "realm",
                         "a realm is 1 to %d of a-z, 0-9 and '-'", REALM_BYTES_MAX);
    if (registry_find(registry, slice_str(realm)))
        return fault_set(fault, STATUS_ALREADY_EXISTS, "realm", "realm %s is there already", realm);
    if (registry->count == REGISTRY_INSTANCES_MAX)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, "realm", "at most %d instances",
                         REGISTRY_INSTANCES_MAX);
    struct instance *instance = calloc(1, sizeof(*instance));
    if (!instance)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    instance->registry = registry;
    instance->index = registry->count;
    memcpy(instance->realm, realm, strlen(realm) + 1);
    list_init(&instance->waiting);
    cancel_init(&instance->cancel, DEADLINE_NONE);
    *ret_instance = instance;
    return STATUS_OK;
}

static enum status instance_begin(struct registry *registry, struct instance *instance,
                                  enum status status, struct fault *fault)
{
    if (status) {
        instance_free(instance);
        return status;
    }
    registry->instances[registry->count++] = instance;
    status = watch_start(instance);
    return status ? fault_set(fault, status, NULL, "no fiber to watch %s", instance->realm)
                  : STATUS_OK;
}

enum status registry_add(struct registry *registry, const char *realm, const char *target,
                         const struct rpc_tls *tls, struct fault *fault)
{
    struct instance *instance;
    enum status status = instance_new(registry, realm, &instance, fault);

    if (status)
        return status;
    instance->target = strdup(target);
    status = instance->target ? rpc_channel_new(registry->options.runtime, target, tls,
                                                &instance->channel, fault)
                              : fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    return instance_begin(registry, instance, status, fault);
}

enum status registry_add_local(struct registry *registry, const char *realm, struct rpc_host *host,
                               struct fault *fault)
{
    struct instance *instance;
    enum status status = instance_new(registry, realm, &instance, fault);

    if (status)
        return status;
    status = rpc_channel_new_local(host, &instance->channel);
    if (status)
        (void)fault_set(fault, status, NULL, "no channel to the realm in this process");
    return instance_begin(registry, instance, status, fault);
}

struct instance *registry_find(const struct registry *registry, struct slice realm)
{
    for (size_t i = 0; i < registry->count; i++) {
        if (slice_equal_str(realm, registry->instances[i]->realm))
            return registry->instances[i];
    }
    return NULL;
}

enum status instance_assertion(struct instance *instance, struct slice user, struct arena *arena,
                               struct slice *ret_assertion)
{
    int64_t now_s = clock_wall_s();
    const struct jwt_claims claims = {
        .iss = slice_str(instance->registry->options.issuer),
        .aud = slice_str(instance->realm),
        .sub = user,
        .iat = now_s,
        .exp = now_s + ASSERTION_LIFETIME_S,
    };
    return jwt_sign(instance->registry->options.keys, JWT_TYP_ASSERTION, &claims, arena,
                    ret_assertion);
}

/* ---- admission --------------------------------------------------------------------------------- */

enum admission instance_enter(struct instance *instance, struct instance_ticket *ticket,
                              struct fiber_event *event)
{
    if (ticket->granted) { /* instance_leave kept the place for us */
        *ticket = (struct instance_ticket){0};
        if (breaker_admit(&instance->breaker, clock_monotonic_us())) {
            instance->calls++;
            return ADMITTED;
        }
        instance->refused++;
        instance_leave(instance, false, false);
        return ADMISSION_REFUSED;
    }
    if (ticket->waits)
        return ADMISSION_WAITS;
    if (instance->in_flight < INSTANCE_IN_FLIGHT_MAX) {
        if (!breaker_admit(&instance->breaker, clock_monotonic_us())) {
            instance->refused++;
            return ADMISSION_REFUSED;
        }
        instance->in_flight++;
        instance->calls++;
        return ADMITTED;
    }
    if (instance->waiting_count == INSTANCE_WAITING_MAX) {
        instance->refused++;
        return ADMISSION_REFUSED;
    }
    ticket->event = event;
    ticket->waits = true;
    list_append(&instance->waiting, &ticket->node);
    instance->waiting_count++;
    return ADMISSION_WAITS;
}

static void ticket_remove(struct instance *instance, struct instance_ticket *ticket)
{
    list_remove(&ticket->node);
    instance->waiting_count--;
    ticket->waits = false;
}

void instance_leave(struct instance *instance, bool told, bool failed)
{
    int64_t now_us = clock_monotonic_us();
    struct list *first = list_first(&instance->waiting);

    instance->failures += told && failed;
    if (told)
        breaker_told(&instance->breaker, failed, now_us);
    else
        breaker_forgot(&instance->breaker, now_us);
    if (!first) {
        instance->in_flight--;
        return;
    }
    /* The place goes over to the first who waits. */
    struct instance_ticket *ticket = LIST_ENTRY(first, struct instance_ticket, node);
    ticket_remove(instance, ticket);
    ticket->granted = true;
    fiber_event_signal(ticket->event);
}

void instance_withdraw(struct instance *instance, struct instance_ticket *ticket)
{
    if (ticket->waits)
        ticket_remove(instance, ticket);
    else if (ticket->granted)
        instance_leave(instance, false, false);
    *ticket = (struct instance_ticket){0};
}
