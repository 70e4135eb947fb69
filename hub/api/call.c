#include "hub/api/call.h"

#include <inttypes.h>

#include "hub/federation/page_token.h"
#include "hub/session/choice.h"

/* Of the header; what stands of it is whole, and the last realms are left out. */
#define TIMING_BYTES_MAX 4096
#define TIMING_REALM_BYTES_MAX (REALM_BYTES_MAX + 64)

static enum status add_named(struct api_call *call, struct slice realm, struct fault *fault)
{
    struct instance *instance = registry_find(call->api->options.registry, realm);

    if (!instance && !call->api->options.registry->loaded)
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "the realms are not known yet");
    if (!instance)
        return fault_set_reason(fault, STATUS_NOT_FOUND, "NO_SUCH_REALM", "realm",
                                "there is no such realm");
    PEK_TRY(fanout_make_room(&call->fanout, call->arena, 1));
    return fanout_add(&call->fanout, instance, true, slice_make("", 0));
}

static enum status add_local(struct api_call *call)
{
    return fanout_add_local(&call->fanout, call->api->options.hub_channel, slice_make("", 0));
}

static enum status keep_rest(struct api_call *call, const struct choice *choice)
{
    call->rest = arena_zalloc(call->arena, choice->rest_count + 1, sizeof(*call->rest));
    if (!call->rest)
        return STATUS_RESOURCE_EXHAUSTED;
    call->rest_count = choice->rest_count;
    for (size_t i = 0; i < choice->rest_count; i++)
        call->rest[i] = arena_copy(call->arena, slice_str(choice->rest[i]->realm));
    return call->arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

/* A document is of all realms, and of the hub. */
static enum status add_chosen(struct api_call *call)
{
    bool all = call->method->is_document;
    const struct choice_limits limits = {
        .realms = all ? FANOUT_LEGS_MAX - 1 : FANOUT_LEGS_MAX,
        .name_bytes = PAGE_REALMS_BYTES_MAX,
        .all = all,
    };
    struct choice choice;

    PEK_TRY(session_choose(call->session, &limits, call->arena, &choice));
    PEK_TRY(keep_rest(call, &choice));
    PEK_TRY(fanout_make_room(&call->fanout, call->arena, choice.count + all));
    if (all)
        PEK_TRY(add_local(call));
    for (size_t i = 0; i < choice.count; i++)
        PEK_TRY(fanout_add(&call->fanout, choice.realms[i], all, slice_make("", 0)));
    return STATUS_OK;
}

enum status call_add_legs(struct api_call *call, struct fault *fault)
{
    const struct registry *registry = call->api->options.registry;
    struct slice realm = transcode_request_realm(call->request);

    if (call->method->realms == TRANSCODE_HUB) {
        PEK_TRY(fanout_make_room(&call->fanout, call->arena, 1));
        return add_local(call);
    }
    if (realm.len)
        return add_named(call, realm, fault);
    if (call->method->realms == TRANSCODE_ONE || !call->session)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "realm", "realm is required");
    if (!registry->loaded)
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "the realms are not known yet");
    return add_chosen(call) ? fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory")
                            : STATUS_OK;
}

int64_t call_patience_us(const struct api_call *call)
{
    const struct api_options *options = &call->api->options;
    return 1000 * (call->is_export ? options->realm_timeout_ms : options->straggler_ms);
}

enum outcome leg_outcome(const struct leg *leg)
{
    if (leg->stopped)
        return leg->items ? OUTCOME_OK : OUTCOME_STOPPED;
    if (leg->state >= LEG_DONE)
        return outcome_of(leg->fault.status);
    return leg->item || leg->items ? OUTCOME_OK : OUTCOME_STOPPED;
}

bool leg_has_broken(const struct leg *leg)
{
    return leg->state == LEG_DONE && leg->fault.status && !leg->stopped && !leg->item;
}

bool leg_has_nothing(const struct leg *leg)
{
    enum outcome outcome = outcome_of(leg->fault.status);

    return leg_has_broken(leg) && leg->given_before + leg->given == 0 &&
           (outcome == OUTCOME_NOT_FOUND || outcome == OUTCOME_DENIED);
}

bool leg_is_unreachable(const struct leg *leg)
{
    enum outcome outcome = leg_outcome(leg);

    /* INVALID while others answered the same question. */
    return leg->state == LEG_DONE && (outcome_unreachable(outcome) || outcome == OUTCOME_INVALID ||
                                      (leg_has_broken(leg) && !leg_has_nothing(leg)));
}

bool call_not_asked(const struct api_call *call, struct fault *ret_fault)
{
    if (call->rest_count == 0)
        return false;
    (void)fault_set_reason(ret_fault, STATUS_UNAVAILABLE, "REALMS_NOT_ASKED", NULL,
                           "you are in more realms than one request may ask; name the realm: "
                           "%zu are not asked, from %.*s on",
                           call->rest_count, SLICE_ARG(call->rest[0]));
    return true;
}

void call_most_useful(const struct api_call *call, struct fault *ret_fault)
{
    const struct fault *faults[FANOUT_LEGS_MAX + 1];
    struct fault not_asked;
    size_t count = 0;

    for (size_t i = 0; i < call->fanout.count; i++) {
        const struct leg *leg = &call->fanout.legs[i];
        if (leg->state == LEG_DONE && !leg->stopped)
            faults[count++] = &leg->fault;
    }
    if (call_not_asked(call, &not_asked))
        faults[count++] = &not_asked;
    if (count == 0) /* no realm knows the user, so none has it */
        (void)fault_set(ret_fault, STATUS_NOT_FOUND, NULL, "not found");
    else
        *ret_fault = *faults[outcome_most_useful(faults, count)];
}

void call_add_server_timing(struct api_call *call)
{
    struct buffer text;

    buffer_init(&text, TIMING_BYTES_MAX + TIMING_REALM_BYTES_MAX);
    for (size_t i = 0; i < call->fanout.count && text.len < TIMING_BYTES_MAX; i++) {
        const struct leg *leg = &call->fanout.legs[i];
        if (leg->state == LEG_SKIPPED)
            continue;
        int64_t tenths = leg_elapsed_us(leg) / 100;
        buffer_printf(&text, "%s%.*s;dur=%" PRId64 ".%d;desc=\"%s\"", text.len ? ", " : "",
                      SLICE_ARG(leg->realm), tenths / 10, (int)(tenths % 10),
                      outcome_name(leg_outcome(leg)));
    }
    if (text.len && !text.failed)
        http_add_header(call->http, "server-timing", buffer_slice(&text));
    buffer_done(&text);
}
