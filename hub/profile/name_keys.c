#include "hub/profile/name_keys.h"

#include "hub/profile/name_keys_store.h"
#include "shared/base/clock.h"

#define NOTIFY_CHANNEL "pek_name_keys"
#define ARENA_BYTES_MAX ((size_t)4 << 20)

/* Some of them, in a time of its own; ends with the hub's. */
struct round {
    struct cancel cancel;
    struct cancel_link link;
    struct text_collator *collator;
    struct arena arena;
    struct fault fault;
    size_t made;
};

static enum status make_in(struct pg_transaction *transaction, void *arg)
{
    struct round *round = arg;
    round->fault = (struct fault){0};
    arena_reset(&round->arena);
    return name_keys_store_make_some(transaction, round->collator, &round->arena, &round->made,
                                     &round->fault);
}

/* A few at a time, for whose sake nobody waits long. */
static enum status forget_others(struct name_keys *keys, struct cancel *cancel)
{
    size_t forgotten = NAME_KEYS_FORGET_BATCH;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && forgotten == NAME_KEYS_FORGET_BATCH)
        status = name_keys_store_forget_others(keys->options.pg, cancel, keys->options.collator,
                                               &forgotten);
    return status;
}

static enum status make_some(struct name_keys *keys, bool *is_checked, bool *ret_more)
{
    struct text_collator *collator = keys->options.collator;
    struct round round = {.collator = collator};
    enum status status = STATUS_OK;
    cancel_link(&round.link, &keys->closing, &round.cancel,
                deadline_after_ms(NAME_KEYS_TIMEOUT_MS));
    arena_init(&round.arena, ARENA_BYTES_MAX);
    if (!*is_checked)
        status = forget_others(keys, &round.cancel);
    *is_checked |= status == STATUS_OK;
    if (status == STATUS_OK)
        status = pg_transact(keys->options.pg, &round.cancel, false, make_in, &round);
    arena_done(&round.arena);
    cancel_unlink(&round.link);
    if (status != STATUS_OK && !round.fault.status)
        (void)fault_set(&round.fault, status, NULL, "names cannot be ordered now");
    if (status != STATUS_OK && keys->options.on_failure && !keys->closing.cancelled)
        keys->options.on_failure(keys->options.arg, &round.fault);
    *ret_more = round.made == NAME_KEYS_BATCH;
    return status;
}

static void run(void *arg)
{
    struct name_keys *keys = arg;
    bool is_checked = false;
    (void)!pg_wait_ready(keys->options.pg, &keys->closing);
    while (!keys->closing.cancelled) {
        bool more = true;
        while (more && !keys->closing.cancelled && make_some(keys, &is_checked, &more) == STATUS_OK)
            ;
        keys->closing.deadline_us = deadline_after_ms(NAME_KEYS_POLL_MS);
        (void)!fiber_event_wait_cancel(&keys->wake, &keys->closing);
        keys->closing.deadline_us = DEADLINE_NONE;
    }
    keys->running = false;
    fiber_event_signal(&keys->ended);
}

static void wake(struct name_keys *keys)
{
    fiber_event_signal(&keys->wake);
}

static void on_notify(void *arg, struct slice channel, struct slice payload)
{
    (void)channel;
    (void)payload;
    wake(arg);
}

static void on_listening(void *arg)
{
    wake(arg);
}

static void on_lost(void *arg)
{
    (void)arg; /* on_listening looks at what was missed */
}

enum status name_keys_open(struct name_keys *keys, struct fibers *fibers,
                           const struct name_keys_options *options)
{
    const struct pg_listener_events events = {
        .on_notify = on_notify, .on_lost = on_lost, .on_listening = on_listening};
    *keys = (struct name_keys){.options = *options};
    cancel_init(&keys->closing, DEADLINE_NONE);
    keys->running = true;
    enum status status = fiber_go(fibers, run, keys);
    if (status != STATUS_OK) {
        keys->running = false;
        return status;
    }
    return pg_listen(options->pg, NOTIFY_CHANNEL, &events, keys, &keys->listener);
}

void name_keys_close(struct name_keys *keys)
{
    keys->listener = pg_listener_free(keys->listener);
    if (!keys->running)
        return;
    cancel_fire(&keys->closing);
    while (keys->running)
        (void)!fiber_event_wait(&keys->ended, DEADLINE_NONE);
}
