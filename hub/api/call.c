#include "hub/api/call.h"

#include <inttypes.h>

static enum status add_named(struct api_call *call, struct slice realm, struct fault *fault)
{
    struct instance *instance = registry_find(call->api->options.registry, realm);

    if (!instance && !call->api->options.registry->loaded)
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "the realms are not known yet");
    if (!instance)
        return fault_set_reason(fault, STATUS_NOT_FOUND, "NO_SUCH_REALM", "realm",
                                "there is no such realm");
    return fanout_add(&call->fanout, instance, true, slice_make("", 0));
}

enum status call_add_legs(struct api_call *call, struct fault *fault)
{
    const struct registry *registry = call->api->options.registry;
    struct slice realm = transcode_request_realm(call->request);

    if (call->method->realms == TRANSCODE_HUB)
        return fanout_add_local(&call->fanout, call->api->options.hub_channel, slice_make("", 0));
    if (realm.len)
        return add_named(call, realm, fault);
    if (call->method->realms == TRANSCODE_ONE || !call->session)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "realm", "realm is required");
    if (!registry->loaded)
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "the realms are not known yet");
    bool all = call->method->is_document;
    enum status status = STATUS_OK;
    if (all)
        status = fanout_add_local(&call->fanout, call->api->options.hub_channel, slice_make("", 0));
    for (size_t i = 0; !status && i < registry->count; i++) {
        struct instance *instance = registry->instances[i];
        if (all || session_includes(call->session, instance))
            status = fanout_add(&call->fanout, instance, all, slice_make("", 0));
    }
    return status ? fault_set(fault, status, NULL, "too many realms") : STATUS_OK;
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

size_t call_faults(const struct api_call *call, struct fault *ret_faults)
{
    size_t count = 0;

    for (size_t i = 0; i < call->fanout.count; i++) {
        const struct leg *leg = &call->fanout.legs[i];
        if (leg->state == LEG_DONE && !leg->stopped)
            ret_faults[count++] = leg->fault;
    }
    return count;
}

void call_most_useful(const struct api_call *call, struct fault *ret_fault)
{
    struct fault faults[FANOUT_LEGS_MAX];
    size_t count = call_faults(call, faults);

    if (count == 0) /* no realm knows the user, so none has it */
        (void)fault_set(ret_fault, STATUS_NOT_FOUND, NULL, "not found");
    else
        *ret_fault = faults[outcome_most_useful(faults, count)];
}

void call_add_server_timing(struct api_call *call)
{
    struct buffer text;

    buffer_init(&text, 2048);
    for (size_t i = 0; i < call->fanout.count; i++) {
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
