#include "hub/people/people.h"

#include <stdlib.h>
#include <string.h>

#include "hub/people/people_store.h"
#include "shared/base/clock.h"

#define NOTIFY_CHANNEL "pek_people" /* payload: the realm */
#define ARENA_BYTES_MAX (1u << 20)

/* ---- one realm ---------------------------------------------------------------------------------- */

/* A call or a statement of this round; ends with the hub's. */
struct round {
    struct cancel cancel;
    struct cancel_hook hook;
    struct arena arena;
    struct fault fault;
};

static void end_round(struct cancel_hook *hook)
{
    cancel_fire(&LIST_ENTRY(hook, struct round, hook)->cancel);
}

static enum status note_heard(struct people_of_realm *realm, struct round *round)
{
    struct slice users[PEOPLE_HEARD_MAX];
    size_t count = realm->heard_count;
    for (size_t i = 0; i < count; i++)
        users[i] = arena_copy(&round->arena, slice_str(realm->heard[i]));
    realm->heard_count = 0;
    if (count == 0)
        return STATUS_OK;
    return round->arena.failed ? STATUS_RESOURCE_EXHAUSTED
                               : people_store_note(realm->people->options.pg, &round->cancel,
                                                   realm->instance->realm, users, count, false);
}

static enum status assertion_of(struct people_of_realm *realm, struct round *round,
                                char **ret_assertion)
{
    struct slice assertion;
    PEK_TRY(instance_assertion(realm->instance, realm->people->options.issuer, &round->arena,
                               &assertion));
    *ret_assertion = arena_strndup(&round->arena, assertion.ptr, assertion.len);
    return *ret_assertion ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
}

static enum status call(struct people_of_realm *realm, struct round *round,
                        instance_v1_person **people, size_t count,
                        instance_v1_put_people_response **ret_response)
{
    instance_v1_put_people_request request = INSTANCE_V1_PUT_PEOPLE_REQUEST_INIT;
    struct instance *instance = realm->instance;
    PEK_TRY(assertion_of(realm, round, &request.assertion));
    request.people = people;
    request.n_people = count;
    return instance_v1_put_people_call(instance->channel, &request, NULL, 0, &round->cancel,
                                       &round->arena, ret_response, &round->fault);
}

/* Whom the realm has met and nobody told it of. */
static enum status sweep(struct people_of_realm *realm, struct round *round)
{
    struct pg *pg = realm->people->options.pg;
    struct instance *instance = realm->instance;
    instance_v1_list_unnamed_people_request request = INSTANCE_V1_LIST_UNNAMED_PEOPLE_REQUEST_INIT;
    instance_v1_list_unnamed_people_response *response;
    struct slice users[PEOPLE_BATCH];
    size_t count = PEOPLE_BATCH;
    while (count == PEOPLE_BATCH) {
        PEK_TRY(assertion_of(realm, round, &request.assertion));
        PEK_TRY(instance_v1_list_unnamed_people_call(instance->channel, &request, NULL, 0,
                                                     &round->cancel, &round->arena, &response,
                                                     &round->fault));
        count = response->n_users < PEOPLE_BATCH ? response->n_users : PEOPLE_BATCH;
        for (size_t i = 0; i < count; i++)
            users[i] = slice_str(response->users[i]);
        /* A realm that repeats itself is asked no further. */
        if (count > 0 && strcmp(response->users[count - 1], request.after) <= 0)
            break;
        if (count > 0) {
            PEK_TRY(people_store_note(pg, &round->cancel, instance->realm, users, count, true));
            request.after = response->users[count - 1];
        }
    }
    realm->sweeps = false;
    return STATUS_OK;
}

/* One batch; `ret_more` when there may be another. */
static enum status tell_batch(struct people_of_realm *realm, struct round *round, bool *ret_more)
{
    struct pg *pg = realm->people->options.pg;
    const char *name = realm->instance->realm;
    instance_v1_put_people_response *response;
    instance_v1_person **people;
    size_t count;
    *ret_more = false;
    PEK_TRY(note_heard(realm, round));
    if (realm->sweeps)
        PEK_TRY(sweep(realm, round));
    PEK_TRY(people_store_news(pg, &round->cancel, name, &round->arena, &people, &count));
    if (count == 0 || instance_check(realm->instance, &round->fault) != STATUS_OK)
        return STATUS_OK;
    PEK_TRY(call(realm, round, people, count, &response));
    if (response->n_known_users > count)
        return fault_set(&round->fault, STATUS_DATA_LOSS, "known_users",
                         "it names more people than it was told of");
    *ret_more = count == PEOPLE_BATCH;
    return people_store_told(pg, &round->cancel, name, people, count, response->known_users,
                             response->n_known_users);
}

static enum status run_round(struct people_of_realm *realm, bool *ret_more)
{
    struct people *people = realm->people;
    struct round round = {.hook = {.run = end_round}};
    cancel_init(&round.cancel, deadline_after_ms(PEOPLE_TIMEOUT_MS));
    cancel_hook_add(&people->closing, &round.hook);
    arena_init(&round.arena, ARENA_BYTES_MAX);
    enum status status = tell_batch(realm, &round, ret_more);
    arena_done(&round.arena);
    cancel_hook_remove(&round.hook);
    if (status != STATUS_OK && !round.fault.status)
        (void)fault_set(&round.fault, status, NULL, "people cannot be told of now");
    if (status != STATUS_OK && people->options.on_failure && !people->closing.cancelled)
        people->options.on_failure(people->options.arg, realm->instance, &round.fault);
    return status;
}

static void tell_realm(void *arg)
{
    struct people_of_realm *realm = arg;
    struct people *people = realm->people;
    enum status status = STATUS_OK;
    bool more = true;
    while (status == STATUS_OK && more && !people->closing.cancelled) {
        realm->again = false;
        status = run_round(realm, &more);
        more |= realm->again;
        if (more && status == STATUS_OK)
            fiber_sleep_ms(PEOPLE_PAUSE_MS);
    }
    realm->instance = instance_unref(realm->instance);
    realm->running = false;
    if (--people->running == 0)
        fiber_event_signal(&people->ended);
}

static void kick(struct people *people, struct instance *instance)
{
    struct people_of_realm *realm = &people->realms[instance->slot];
    if (people->closing.cancelled)
        return;
    realm->again = true;
    if (people->options.is_ready && !people->options.is_ready(people->options.arg, instance))
        return;
    if (realm->running || instance_check(instance, NULL) != STATUS_OK)
        return;
    realm->people = people;
    realm->instance = instance_ref(instance);
    realm->running = true;
    people->running++;
    if (fiber_go(people->fibers, tell_realm, realm) == STATUS_OK)
        return;
    people->running--;
    realm->running = false;
    realm->instance = instance_unref(instance);
}

/* ---- hearing ------------------------------------------------------------------------------------- */

static bool has_heard(const struct people_of_realm *realm, const char *user)
{
    for (size_t i = 0; i < realm->heard_count; i++)
        if (strcmp(realm->heard[i], user) == 0)
            return true;
    return false;
}

void people_heard(struct people *people, struct instance *instance, const char *const *users,
                  size_t count)
{
    if (!people->realms)
        return;
    struct people_of_realm *realm = &people->realms[instance->slot];
    if (realm->generation != instance->generation) {
        realm->heard_count = 0;
        realm->sweeps = true;
    }
    realm->generation = instance->generation;
    /* Whom there is no room for is among those whom nobody told of, whom the realm is asked for. */
    realm->sweeps |= realm->heard_count + count > PEOPLE_HEARD_MAX;
    for (size_t i = 0; i < count && realm->heard_count < PEOPLE_HEARD_MAX; i++) {
        size_t len = strlen(users[i]);
        if (len <= PEOPLE_USER_BYTES_MAX && !has_heard(realm, users[i]))
            memcpy(realm->heard[realm->heard_count++], users[i], len + 1);
    }
    realm->sweeps |= count == 0;
    kick(people, instance);
}

static void on_notify(void *arg, struct slice channel, struct slice payload)
{
    struct people *people = arg;
    struct instance *instance = registry_find(people->options.registry, payload);
    (void)channel;
    if (instance)
        kick(people, instance);
}

static void on_lost(void *arg)
{
    (void)arg; /* on_listening looks at what was missed */
}

static void look_at_all(void *arg)
{
    struct people *people = arg;
    fiber_event_signal(&people->wake);
}

/* ---- looking: what no notification told of ------------------------------------------------------- */

static void look(struct people *people)
{
    const struct registry *registry = people->options.registry;
    struct round round = {.hook = {.run = end_round}};
    struct pg_result *realms;
    cancel_init(&round.cancel, deadline_after_ms(PEOPLE_TIMEOUT_MS));
    cancel_hook_add(&people->closing, &round.hook);
    enum status status = people_store_realms(people->options.pg, &round.cancel, &realms);
    cancel_hook_remove(&round.hook);
    for (size_t i = 0; i < registry->count; i++)
        if (people->realms[registry->instances[i]->slot].sweeps)
            kick(people, registry->instances[i]);
    if (status != STATUS_OK)
        return;
    for (size_t i = 0; i < pg_rows(realms); i++) {
        struct instance *instance =
            registry_find(people->options.registry, pg_get_slice(realms, i, 0));
        if (instance)
            kick(people, instance);
    }
    pg_result_free(realms);
}

static void run(void *arg)
{
    struct people *people = arg;
    while (!people->closing.cancelled) {
        people->closing.deadline_us = deadline_after_ms(PEOPLE_POLL_MS);
        (void)!fiber_event_wait_cancel(&people->wake, &people->closing);
        people->closing.deadline_us = DEADLINE_NONE;
        if (!people->closing.cancelled)
            look(people);
    }
    if (--people->running == 0)
        fiber_event_signal(&people->ended);
}

/* ---- open, close --------------------------------------------------------------------------------- */

enum status people_open(struct people *people, struct fibers *fibers,
                        const struct people_options *options)
{
    const struct pg_listener_events events = {
        .on_notify = on_notify, .on_lost = on_lost, .on_listening = look_at_all};
    *people = (struct people){.options = *options, .fibers = fibers};
    cancel_init(&people->closing, DEADLINE_NONE);
    people->realms = calloc(REGISTRY_INSTANCES_MAX, sizeof(*people->realms));
    if (!people->realms)
        return STATUS_RESOURCE_EXHAUSTED;
    people->running = 1;
    enum status status = fiber_go(fibers, run, people);
    if (status != STATUS_OK) {
        people->running = 0;
        return status;
    }
    return pg_listen(options->pg, NOTIFY_CHANNEL, &events, people, &people->listener);
}

void people_close(struct people *people)
{
    if (!people->realms)
        return;
    people->listener = pg_listener_free(people->listener);
    cancel_fire(&people->closing);
    while (people->running > 0)
        (void)!fiber_event_wait(&people->ended, DEADLINE_NONE);
    free(people->realms);
    people->realms = NULL;
}
