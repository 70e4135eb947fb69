#include "hub/api/call.h"
#include "shared/json/json_writer.h"

static bool succeeded(const struct leg *leg)
{
    return leg->state == LEG_DONE && leg->fault.status == STATUS_OK && leg->item;
}

/* The first success; NULL when there is none (yet). */
static struct leg *winner(struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->count; i++) {
        if (succeeded(&fanout->legs[i]))
            return &fanout->legs[i];
    }
    return NULL;
}

static bool all_ended(const struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->count; i++) {
        if (fanout->legs[i].state < LEG_DONE)
            return false;
    }
    return true;
}

static enum status set_requests(struct api_call *call)
{
    struct slice bytes;
    enum status status = transcode_request_bytes(call->request, &bytes);

    for (size_t i = 0; !status && i < call->fanout.count; i++)
        call->fanout.legs[i].request = bytes;
    return status;
}

/* Runs the legs until the answer is known: one success, or (EVERY, or no success) all ended. */
static enum status await(struct api_call *call, bool every)
{
    struct fanout *fanout = &call->fanout;
    enum status status = STATUS_OK;

    fanout_advance(fanout);
    while (!status && !all_ended(fanout) && (every || !winner(fanout))) {
        status = fanout_wait(fanout, fanout->deadline_us);
        fanout_advance(fanout);
    }
    for (size_t i = 0; status == STATUS_DEADLINE_EXCEEDED && i < fanout->count; i++) {
        if (fanout->legs[i].state < LEG_DONE)
            leg_fail(&fanout->legs[i], status, "the realm did not answer in time");
    }
    return status == STATUS_CANCELLED ? status : STATUS_OK;
}

static void reply_json(struct api_call *call, struct buffer *body)
{
    const struct http_header_pair headers[] = {
        {SLICE_LIT("content-type"), SLICE_LIT("application/json")},
        {SLICE_LIT("cache-control"), SLICE_LIT("no-store")},
    };
    call_add_server_timing(call);
    http_reply(call->http, 200, headers, 2, buffer_slice(body));
}

/* {"results":[{"realm":"…","result":{…}}, …]} in the order of the realms. */
static enum status write_every(struct api_call *call, struct buffer *body)
{
    struct json_writer json;
    enum status status = STATUS_OK;

    json_writer_init(&json, body);
    json_object(&json);
    json_key(&json, "results");
    json_array(&json);
    for (size_t i = 0; !status && i < call->fanout.count; i++) {
        struct leg *leg = &call->fanout.legs[i];
        if (leg->state == LEG_SKIPPED)
            continue;
        json_object(&json);
        json_key(&json, "realm");
        json_slice(&json, leg->realm);
        json_key(&json, "result");
        json_raw(&json, slice_make("", 0));
        status = transcode_item_json(leg->item, call->match.rule, body);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
    return status ? status : json_writer_finish(&json);
}

static bool every_succeeded(const struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->count; i++) {
        if (fanout->legs[i].state != LEG_SKIPPED && !succeeded(&fanout->legs[i]))
            return false;
    }
    return true;
}

enum status call_unary(struct api_call *call, struct fault *fault)
{
    bool every = call->method->realms == TRANSCODE_EVERY && call->fanout.count > 1;
    enum status status = set_requests(call);

    if (!status)
        status = await(call, every);
    struct leg *leg = winner(&call->fanout);
    if (!status && (every ? !every_succeeded(&call->fanout) : !leg)) {
        call_most_useful(call, fault);
        status = fault->status;
    } else if (!status) {
        struct buffer body;
        buffer_init(&body, API_PAGE_BYTES_MAX);
        status = every ? write_every(call, &body)
                       : transcode_item_json(leg->item, call->match.rule, &body);
        if (!status)
            reply_json(call, &body);
        buffer_done(&body);
    }
    if (status && !fault->status)
        (void)fault_set(fault, status, NULL, "the answer could not be made");
    if (status) {
        call_add_server_timing(call);
        api_reply_fault(call->http, fault, 0);
    }
    return status;
}
