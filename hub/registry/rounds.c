#include "hub/registry/rounds.h"

#include <stdlib.h>

#include "shared/base/clock.h"

struct rounds_of_realm {
    struct rounds *rounds;
    struct instance *instance; /* while running; referenced */
    bool running, again;
};

/* ---- one round --------------------------------------------------------------------------------- */

static void round_begin(struct rounds *rounds, struct round *round)
{
    cancel_link(&round->link, &rounds->closing, &round->cancel,
                deadline_after_ms(rounds->options.timeout_ms));
    arena_init(&round->arena, rounds->options.arena_bytes_max);
}

static void round_end(struct round *round)
{
    arena_done(&round->arena);
    cancel_unlink(&round->link);
}

enum status round_assertion(struct round *round, struct slice issuer, char **ret_assertion)
{
    struct slice assertion;
    PEK_TRY(instance_assertion(round->instance, issuer, &round->arena, &assertion));
    *ret_assertion = arena_strndup(&round->arena, assertion.ptr, assertion.len);
    return *ret_assertion ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
}

static enum status run_round(struct rounds_of_realm *realm, bool *ret_more)
{
    struct rounds *rounds = realm->rounds;
    const struct rounds_options *options = &rounds->options;
    struct round round = {.instance = realm->instance};
    round_begin(rounds, &round);
    *ret_more = false;
    enum status status = options->run(options->arg, &round, ret_more);
    round_end(&round);
    if (status != STATUS_OK && !round.fault.status)
        (void)fault_set(&round.fault, status, NULL, "it cannot be done now");
    if (status != STATUS_OK && options->on_failure && !rounds->closing.cancelled)
        options->on_failure(options->hub_arg, realm->instance, &round.fault);
    return status;
}

static void run_realm(void *arg)
{
    struct rounds_of_realm *realm = arg;
    struct rounds *rounds = realm->rounds;
    enum status status = STATUS_OK;
    bool more = true;
    while (status == STATUS_OK && more && !rounds->closing.cancelled) {
        realm->again = false;
        status = run_round(realm, &more);
        more |= realm->again;
        if (more && status == STATUS_OK)
            fiber_sleep_ms(rounds->options.pause_ms);
    }
    realm->instance = instance_unref(realm->instance);
    realm->running = false;
    if (--rounds->running == 0)
        fiber_event_signal(&rounds->ended);
}

void rounds_kick(struct rounds *rounds, struct instance *instance)
{
    if (!rounds->realms || rounds->closing.cancelled)
        return;
    struct rounds_of_realm *realm = &rounds->realms[instance->slot];
    const struct rounds_options *options = &rounds->options;
    realm->again = true;
    if (options->is_ready && !options->is_ready(options->hub_arg, instance)) {
        rounds->waits = true;
        return;
    }
    if (realm->running || instance_check(instance, NULL) != STATUS_OK)
        return;
    realm->rounds = rounds;
    realm->instance = instance_ref(instance);
    realm->running = true;
    rounds->running++;
    if (fiber_go(rounds->fibers, run_realm, realm) == STATUS_OK)
        return;
    rounds->running--;
    realm->running = false;
    realm->instance = instance_unref(instance);
}

/* ---- looking ----------------------------------------------------------------------------------- */

void rounds_look(struct rounds *rounds)
{
    fiber_event_signal(&rounds->wake);
}

static void run_looking(void *arg)
{
    struct rounds *rounds = arg;
    while (!rounds->closing.cancelled) {
        struct round round = {0};
        rounds->closing.deadline_us =
            deadline_after_ms(rounds->waits ? rounds->options.pause_ms : rounds->options.poll_ms);
        (void)!fiber_event_wait_cancel(&rounds->wake, &rounds->closing);
        rounds->closing.deadline_us = DEADLINE_NONE;
        if (rounds->closing.cancelled)
            break;
        rounds->waits = false;
        round_begin(rounds, &round);
        rounds->options.look(rounds->options.arg, &round);
        round_end(&round);
    }
    if (--rounds->running == 0)
        fiber_event_signal(&rounds->ended);
}

/* ---- open, close ------------------------------------------------------------------------------- */

enum status rounds_open(struct rounds *rounds, struct fibers *fibers,
                        const struct rounds_options *options)
{
    *rounds = (struct rounds){.options = *options, .fibers = fibers, .waits = true};
    cancel_init(&rounds->closing, DEADLINE_NONE);
    rounds->realms = calloc(REGISTRY_INSTANCES_MAX, sizeof(*rounds->realms));
    if (!rounds->realms)
        return STATUS_RESOURCE_EXHAUSTED;
    rounds->running = 1;
    enum status status = fiber_go(fibers, run_looking, rounds);
    if (status != STATUS_OK)
        rounds->running = 0;
    return status;
}

void rounds_close(struct rounds *rounds)
{
    if (!rounds->realms)
        return;
    cancel_fire(&rounds->closing);
    while (rounds->running > 0)
        (void)!fiber_event_wait(&rounds->ended, DEADLINE_NONE);
    free(rounds->realms);
    rounds->realms = NULL;
}
