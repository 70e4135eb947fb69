#include "hub/federation/fanout.h"

#include <assert.h>
#include <stdio.h>

#include "shared/base/clock.h"

/* ---- life cycle -------------------------------------------------------------------------------- */

static void wake(struct cancel_hook *hook)
{
    struct fanout *fanout = LIST_ENTRY(hook, struct fanout, cancel_hook);
    fiber_event_signal(&fanout->event);
}

void fanout_begin(struct fanout *fanout, struct cancel *cancel)
{
    fanout->cancel = cancel;
    fanout->cancel_hook.run = wake;
    cancel_hook_add(cancel, &fanout->cancel_hook);
}

/* Of the answer to what it was asked last. */
static bool has_nothing_yet(const struct leg *leg)
{
    return leg->items == leg->items_before;
}

/* What one user can bring about at will must not close the realm to all: neither a limit that the call was over
 * (RESOURCE_EXHAUSTED), nor a lock that another call of theirs holds (ABORTED), nor a long answer that its reader let
 * run out of time, nor a time that was spent in a line of their own making, nor one that was short because earlier
 * pages had used it up. */
static enum breaker_word word_of(const struct leg *leg)
{
    if (leg->fault.status == STATUS_UNAVAILABLE)
        return BREAKER_LOST;
    bool late = leg->fault.status == STATUS_DEADLINE_EXCEEDED && has_nothing_yet(leg) &&
                !leg->spent && !instance_ticket_is_crowd(&leg->ticket);
    return late ? BREAKER_LATE : BREAKER_ANSWERED;
}

/* Lets go of the call and of the place it had. `told`: how it ended says something about the realm. */
static void leave(struct leg *leg, bool told)
{
    if (leg->call)
        leg->call = rpc_call_free(leg->call);
    span_end_call(&leg->span, leg->path, leg->fault.status, leg->realm);
    if (leg->instance && leg->ticket.admitted)
        instance_leave(leg->instance, &leg->ticket, told ? word_of(leg) : BREAKER_SILENT);
    else if (leg->instance)
        instance_withdraw(leg->instance, &leg->ticket);
    credential_withdraw(&leg->waiter);
}

static void end(struct leg *leg, bool told)
{
    leave(leg, told);
    leg->elapsed_us = clock_monotonic_us() - leg->started_us;
    leg->state = LEG_DONE;
}

void leg_stop(struct leg *leg)
{
    if (leg->state < LEG_DONE) {
        (void)fault_set(&leg->fault, STATUS_CANCELLED, NULL, "not needed any more");
        leg->stopped = true;
        end(leg, false);
    }
    /* How it ended is behind what is not needed any more. */
    leg->stopped |= leg->item != NULL;
    leg->item = transcode_item_free(leg->item);
}

void leg_note_row(struct leg *leg)
{
    struct slice id = transcode_item_id(leg->item), realm = transcode_item_realm(leg->item);

    snprintf(leg->row, sizeof(leg->row), "%.*s", SLICE_ARG(id));
    /* One without an id: by what its list tells items apart. */
    for (size_t i = 0; id.len == 0 && i < TRANSCODE_IDENTITY_MAX; i++) {
        struct slice part = transcode_item_identity(leg->item, i);
        size_t len = strlen(leg->row);
        if (part.len > 0 && !(realm.len > 0 && slice_equal(part, realm)))
            snprintf(leg->row + len, sizeof(leg->row) - len, "%s%.*s", len > 0 ? " " : "",
                     SLICE_ARG(part));
    }
}

static void refuse_crowd(struct leg *leg)
{
    (void)fault_set_reason(&leg->fault, STATUS_RESOURCE_EXHAUSTED, "TOO_MANY_REQUESTS", NULL,
                           "too many of your requests wait for realm %.*s", SLICE_ARG(leg->realm));
    fault_set_retry(&leg->fault, FANOUT_RETRY_AFTER_MS);
}

void leg_fail(struct leg *leg, enum status status, const char *text)
{
    /* Not the realm's time was spent, which has not heard of it. */
    if (status == STATUS_DEADLINE_EXCEEDED && leg->ticket.place.state == FAIR_WAITS)
        refuse_crowd(leg);
    else
        (void)fault_set(&leg->fault, status, NULL, "%s", text);
    end(leg, true);
    leg->item = transcode_item_free(leg->item);
}

void fanout_done(struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->count; i++) {
        leg_stop(&fanout->legs[i]);
        instance_unfollow(&fanout->legs[i].interest);
        buffer_done(&fanout->legs[i].json);
        fanout->legs[i].instance = instance_unref(fanout->legs[i].instance);
    }
    cancel_hook_remove(&fanout->cancel_hook);
}

enum status fanout_make_room(struct fanout *fanout, struct arena *arena, size_t count)
{
    assert(fanout->count == 0);
    if (count > FANOUT_LEGS_MAX)
        return STATUS_RESOURCE_EXHAUSTED;
    fanout->legs = arena_alloc(arena, (count + 1) * sizeof(*fanout->legs));
    fanout->room = fanout->legs ? count : 0;
    return fanout->legs ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
}

static struct leg *add_leg(struct fanout *fanout, struct slice request)
{
    if (fanout->count == fanout->room)
        return NULL;
    struct leg *leg = &fanout->legs[fanout->count++];
    *leg = (struct leg){.request = request, .started_us = clock_monotonic_us()};
    buffer_init(&leg->json, fanout->item_bytes_max);
    return leg;
}

enum status fanout_add(struct fanout *fanout, struct instance *instance, bool named,
                       struct slice request)
{
    struct leg *leg = add_leg(fanout, request);

    if (!leg)
        return STATUS_RESOURCE_EXHAUSTED;
    leg->instance = instance_ref(instance);
    instance_follow(instance, &leg->interest, &fanout->event);
    leg->channel = instance->channel;
    leg->realm = slice_str(instance->realm);
    leg->named = named;
    leg->state = LEG_CREDENTIAL;
    return STATUS_OK;
}

enum status fanout_add_failed(struct fanout *fanout, struct slice realm, const struct fault *fault)
{
    struct leg *leg = add_leg(fanout, slice_make("", 0));

    if (!leg)
        return STATUS_RESOURCE_EXHAUSTED;
    leg->realm = realm;
    leg->fault = *fault;
    leg->state = LEG_DONE;
    return STATUS_OK;
}

enum status fanout_add_local(struct fanout *fanout, struct rpc_channel *channel,
                             struct slice request)
{
    struct leg *leg = add_leg(fanout, request);

    if (!leg)
        return STATUS_RESOURCE_EXHAUSTED;
    leg->channel = channel;
    leg->realm = SLICE_LIT(FANOUT_HUB);
    leg->named = true;
    leg->state = LEG_ADMISSION;
    return STATUS_OK;
}

/* ---- one leg ----------------------------------------------------------------------------------- */

void leg_skip(struct leg *leg)
{
    leave(leg, false);
    leg->state = LEG_SKIPPED;
}

static void refuse_unavailable(struct leg *leg)
{
    if (instance_check(leg->instance, &leg->fault) == STATUS_OK)
        (void)fault_set_reason(&leg->fault, STATUS_UNAVAILABLE, "REALM_UNAVAILABLE", NULL,
                               "realm %.*s does not answer at the moment", SLICE_ARG(leg->realm));
    end(leg, false);
}

/* The leg ends as the realm said. That it does not take what the hub says of the caller, who is logged in all the same, is no 401: its operator
 * has to see to it. It answered, so it is not lost. */
static void end_as_told(struct leg *leg)
{
    end(leg, true);
    if (leg->instance && leg->fault.status == STATUS_UNAUTHENTICATED)
        (void)fault_set_reason(&leg->fault, STATUS_UNAVAILABLE, "REALM_REFUSED_HUB", NULL,
                               "realm %.*s does not accept this hub's tokens",
                               SLICE_ARG(leg->realm));
}

/* True when the leg moved on. */
static bool advance_credential(struct fanout *fanout, struct leg *leg)
{
    if (!fanout->session) { /* a public method needs no token */
        leg->state = LEG_ADMISSION;
        return true;
    }
    /* A realm that does not answer will not give a token either. */
    if (instance_is_away(leg->instance)) {
        refuse_unavailable(leg);
        return true;
    }
    enum credential_state state = credential_get(fanout->session, leg->instance, &fanout->trace,
                                                 &leg->waiter, &fanout->event);
    const struct credential *credential = session_credential(fanout->session, leg->instance);

    if (state == CREDENTIAL_READY) {
        if (!leg->named && !credential->member)
            leg_skip(leg);
        else
            leg->state = LEG_ADMISSION;
        return true;
    }
    if (state == CREDENTIAL_FAILED) {
        leg->fault = credential->fault;
        end_as_told(leg);
        return true;
    }
    return false;
}

/* The realm's part of a trace that is recorded is below this call, not beside it. */
static void begin_span(const struct fanout *fanout, struct leg *leg, struct rpc_pair *pairs,
                       size_t count)
{
    span_begin(fanout->cancel->span, SPAN_CLIENT, &leg->span);
    if (!leg->span.tracer)
        return;
    leg->path = fanout->method->path;
    span_traceparent(&leg->span, leg->traceparent);
    for (size_t i = 0; i < count; i++)
        if (slice_equal_str(pairs[i].key, "traceparent"))
            pairs[i].value = slice_make(leg->traceparent, TRACEPARENT_BYTES);
}

static enum status start_call(struct fanout *fanout, struct leg *leg)
{
    struct rpc_pair pairs[FANOUT_PAIRS_MAX + 2 + CREDENTIAL_HINTS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < fanout->pair_count && i < FANOUT_PAIRS_MAX; i++)
        pairs[count++] = fanout->pairs[i];
    begin_span(fanout, leg, pairs, count);
    if (leg->offered.len > 0)
        pairs[count++] = (struct rpc_pair){SLICE_LIT(RPC_IF_NONE_MATCH), leg->offered};
    if (!leg->instance && fanout->local_authorization.len > 0)
        pairs[count++] = (struct rpc_pair){SLICE_LIT("authorization"), fanout->local_authorization};
    if (fanout->session && leg->instance) {
        const struct credential *credential = session_credential(fanout->session, leg->instance);
        for (size_t i = 0; i < credential->pair_count; i++)
            pairs[count++] = credential->pairs[i];
    }
    int64_t call_deadline_us = deadline_after_ms(fanout->call_timeout_ms);
    const struct rpc_call_options options = {
        .path = fanout->method->path,
        .request = leg->request,
        .metadata = pairs,
        .metadata_count = count,
        .deadline_us =
            call_deadline_us < fanout->deadline_us ? call_deadline_us : fanout->deadline_us,
        .server_streaming = fanout->method->server_streaming,
        .event = &fanout->event,
    };
    leg->tries++;
    if (leg->tries == 1 && fanout->budget->tokens < RETRY_BUDGET_BURST)
        fanout->budget->tokens += RETRY_BUDGET_PERCENT / 100.0;
    return rpc_call_start(leg->channel, &options, &leg->call);
}

static bool advance_admission(struct fanout *fanout, struct leg *leg)
{
    struct slice user = fanout->session ? fanout->session->user_id : slice_make("", 0);
    enum admission admission =
        leg->instance ? instance_enter(leg->instance, user, &leg->ticket, &fanout->event)
                      : ADMITTED;

    if (admission == ADMISSION_WAITS)
        return false;
    if (admission == ADMISSION_REFUSED) {
        refuse_unavailable(leg);
        return true;
    }
    if (admission == ADMISSION_CROWDED) {
        refuse_crowd(leg);
        end(leg, false);
        return true;
    }
    /* The token may have been dropped while the leg waited for its place. */
    if (fanout->session && leg->instance &&
        session_credential(fanout->session, leg->instance)->state != CREDENTIAL_READY) {
        leave(leg, false);
        leg->state = LEG_CREDENTIAL;
        return true;
    }
    enum status status = start_call(fanout, leg);
    if (status) { /* the realm has not heard of it */
        (void)fault_set(&leg->fault, status, NULL, "the call could not be started");
        end(leg, false);
        return true;
    }
    leg->state = LEG_CALL;
    return true;
}

static bool may_retry(struct fanout *fanout, const struct leg *leg)
{
    if (leg->fault.status != STATUS_UNAVAILABLE || !has_nothing_yet(leg) ||
        leg->tries > FANOUT_RETRIES_MAX || !leg->instance ||
        fanout->method->idempotency == TRANSCODE_IDEMPOTENCY_UNKNOWN || fanout->budget->tokens < 1)
        return false;
    fanout->budget->tokens -= 1;
    return true;
}

/* As a header can have it, between quotes. */
static bool is_etag(struct slice etag)
{
    for (size_t i = 0; i < etag.len; i++)
        if (etag.ptr[i] <= ' ' || etag.ptr[i] == '"' || (unsigned char)etag.ptr[i] >= 0x7f)
            return false;
    return etag.len <= FANOUT_ETAG_BYTES_MAX;
}

void leg_offer(struct leg *leg, struct slice etag)
{
    leg->offered = is_etag(etag) ? etag : slice_make("", 0);
}

bool leg_is_offered(const struct leg *leg)
{
    return leg->offered.len > 0 && slice_equal(transcode_item_etag(leg->item), leg->offered);
}

/* A realm that answers what it must not is not shown, whatever it was; nor is what cannot be written, which must
 * not be found out when the answer is half made. */
static void check_item(struct fanout *fanout, struct leg *leg)
{
    struct fault problem = {0}, said;

    if (leg->instance && fanout->method->item_realm &&
        !slice_equal(transcode_item_realm(leg->item), leg->realm))
        (void)fault_set(&said, STATUS_DATA_LOSS, NULL,
                        "the realm answered with another realm's object");
    else if (leg->instance && fanout->asked && !transcode_item_is_asked(leg->item, fanout->asked))
        (void)fault_set(&said, STATUS_DATA_LOSS, NULL,
                        "the realm answered with another object than was asked for");
    else if (leg->instance && !transcode_item_has_identity(leg->item))
        (void)fault_set(&said, STATUS_DATA_LOSS, NULL,
                        "the realm answered with an object that has no id, or a very long one");
    else if (!is_etag(transcode_item_etag(leg->item)))
        (void)fault_set(&said, STATUS_DATA_LOSS, NULL,
                        "the realm's etag is longer than %d bytes, or no header can have it",
                        FANOUT_ETAG_BYTES_MAX);
    else if (leg_is_offered(leg))
        return;
    else if (transcode_item_json(leg->item, fanout->rule, fanout->shown, &leg->json, &problem))
        (void)fault_set(&said, STATUS_DATA_LOSS, NULL, "the realm's answer cannot be written: %s",
                        problem.text);
    else
        return;
    leg_note_row(leg);
    leg_fail(leg, said.status, said.text);
}

/* A realm that is known to be gone will not answer any more. A change is waited for all the same: it may have
 * happened, and an answer that comes late is better than none. */
static bool is_lost(const struct fanout *fanout, const struct leg *leg)
{
    return leg->instance && leg->instance->breaker.tripped && has_nothing_yet(leg) &&
           fanout->method->idempotency != TRANSCODE_IDEMPOTENCY_UNKNOWN;
}

static bool advance_call(struct fanout *fanout, struct leg *leg)
{
    const struct fault *outcome;
    struct slice message;

    if (!leg->item && rpc_call_next(leg->call, &message)) {
        if (transcode_item_new(fanout->transcode, fanout->method, message, &leg->item)) {
            leg_fail(leg, STATUS_DATA_LOSS, "the realm's answer cannot be read");
            return true;
        }
        leg->items++;
        check_item(fanout, leg);
        return true;
    }
    if (!rpc_call_ended(leg->call, &outcome)) {
        if (!is_lost(fanout, leg))
            return false;
        refuse_unavailable(leg);
        return true;
    }
    leg->fault = *outcome;
    if (leg->fault.status == STATUS_UNAUTHENTICATED && has_nothing_yet(leg) && fanout->session &&
        leg->instance && leg->refusals < rpc_channel_servers(leg->channel)) {
        leg->refusals++;
        leave(leg, true);
        credential_refused(fanout->session, leg->instance);
        leg->state = LEG_CREDENTIAL;
        return true;
    }
    if (may_retry(fanout, leg)) {
        leave(leg, true);
        leg->state = leg->instance ? LEG_CREDENTIAL : LEG_ADMISSION;
        return true;
    }
    end_as_told(leg);
    return true;
}

void leg_advance(struct fanout *fanout, struct leg *leg)
{
    bool moved = true;

    while (moved && !leg->held && leg->state < LEG_DONE) {
        switch (leg->state) {
        case LEG_CREDENTIAL: moved = advance_credential(fanout, leg); break;
        case LEG_ADMISSION: moved = !fanout->hold && advance_admission(fanout, leg); break;
        case LEG_CALL: moved = advance_call(fanout, leg); break;
        case LEG_DONE:
        case LEG_SKIPPED: break;
        }
    }
}

void leg_took(struct leg *leg)
{
    leg->item = transcode_item_free(leg->item);
    buffer_reset(&leg->json);
    leg->given++;
}

void leg_ask_on(struct leg *leg, struct slice request)
{
    leg->request = request;
    leg->items_before = leg->items;
    leg->tries = 0;
    leg->refusals = 0;
    leg->state = leg->instance ? LEG_CREDENTIAL : LEG_ADMISSION;
}

int64_t leg_elapsed_us(const struct leg *leg)
{
    return leg->state == LEG_DONE ? leg->elapsed_us : clock_monotonic_us() - leg->started_us;
}

void fanout_advance(struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->count; i++)
        leg_advance(fanout, &fanout->legs[i]);
}

enum status fanout_wait(struct fanout *fanout, int64_t until_us)
{
    if (fanout->cancel->cancelled)
        return STATUS_CANCELLED;
    enum status status = fiber_event_wait(
        &fanout->event, until_us < fanout->deadline_us ? until_us : fanout->deadline_us);
    return fanout->cancel->cancelled ? STATUS_CANCELLED : status;
}

enum status fanout_wait_for(struct fanout *fanout, uint64_t waiting, bool held_up, int64_t until_us)
{
    int64_t started_us = clock_monotonic_us();
    uint64_t in_line = 0;

    for (size_t i = 0; i < fanout->count; i++) {
        const struct leg *leg = &fanout->legs[i];
        if (!(waiting & UINT64_C(1) << i))
            continue;
        if (leg->ticket.place.state == FAIR_WAITS)
            in_line |= UINT64_C(1) << i;
        if (started_us + leg->patience_us < until_us)
            until_us = started_us + leg->patience_us;
    }
    enum status status = fanout_wait(fanout, until_us);
    int64_t waited_us = clock_monotonic_us() - started_us;
    for (size_t i = 0; i < fanout->count; i++) {
        if (!(waiting & UINT64_C(1) << i))
            continue;
        fanout->legs[i].patience_us -= waited_us;
        if (held_up && !(in_line & UINT64_C(1) << i))
            fanout->legs[i].waited_us += waited_us;
    }
    return status;
}

static bool is_waited_for(const struct leg *leg, bool answered)
{
    return answered ? !leg_answered(leg) : leg->state == LEG_CREDENTIAL;
}

static bool is_held_up(const struct leg *leg, bool answered)
{
    return answered ? leg->item != NULL : leg->state == LEG_ADMISSION || leg->state == LEG_CALL;
}

bool leg_has_spoken(const struct leg *leg)
{
    return leg->items > 0 || (leg->state == LEG_DONE && !leg->stopped &&
                              !outcome_unreachable(outcome_of(leg->fault.status)));
}

static uint64_t still_waiting(const struct fanout *fanout, bool answered, bool *ret_others,
                              bool *ret_held_up)
{
    uint64_t waiting = 0;

    *ret_others = *ret_held_up = false;
    for (size_t i = 0; i < fanout->count; i++) {
        const struct leg *leg = &fanout->legs[i];
        bool held_up = is_held_up(leg, answered);
        if (is_waited_for(leg, answered))
            waiting |= UINT64_C(1) << i;
        *ret_others |= held_up || (answered && leg_has_spoken(leg));
        *ret_held_up |= held_up;
    }
    return waiting;
}

enum status fanout_await_all(struct fanout *fanout, bool answered, int64_t straggler_ms)
{
    int64_t until_us = fanout->deadline_us;
    uint64_t waiting;
    bool others, held_up, begun = false;

    fanout_advance(fanout);
    while ((waiting = still_waiting(fanout, answered, &others, &held_up)) != 0) {
        if (others && !begun && deadline_after_ms(straggler_ms) < until_us)
            until_us = deadline_after_ms(straggler_ms);
        begun |= others;
        enum status status = others ? fanout_wait_for(fanout, waiting, held_up, until_us)
                                    : fanout_wait(fanout, until_us);
        if (status == STATUS_CANCELLED)
            return status;
        fanout_advance(fanout);
        int64_t now_us = clock_monotonic_us(); /* the deadline may have been brought forward */
        bool over = now_us >= until_us || now_us >= fanout->deadline_us;
        for (size_t i = 0; i < fanout->count; i++) {
            struct leg *leg = &fanout->legs[i];
            if (is_waited_for(leg, answered) && (over || (others && leg->patience_us <= 0)))
                leg_fail(leg, STATUS_DEADLINE_EXCEEDED, "the realm did not answer in time");
        }
    }
    return STATUS_OK;
}
