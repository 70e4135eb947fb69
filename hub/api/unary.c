#include "hub/api/any.h"
#include "shared/json/json_writer.h"

static bool succeeded(const struct leg *leg)
{
    return leg->state == LEG_DONE && leg->fault.status == STATUS_OK && leg->item;
}

static enum status set_requests(struct api_call *call)
{
    struct slice bytes;
    enum status status = transcode_request_bytes(call->request, &bytes);

    for (size_t i = 0; !status && i < call->fanout.count; i++)
        call->fanout.legs[i].request = bytes;
    return status;
}

static bool all_ended(const struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->count; i++) {
        if (fanout->legs[i].state < LEG_DONE)
            return false;
    }
    return true;
}

/* Until all legs ended. */
static enum status await_every(struct api_call *call)
{
    struct fanout *fanout = &call->fanout;
    enum status status = STATUS_OK;

    fanout_advance(fanout);
    while (!status && !all_ended(fanout)) {
        status = fanout_wait(fanout, fanout->deadline_us);
        fanout_advance(fanout);
    }
    for (size_t i = 0; status == STATUS_DEADLINE_EXCEEDED && i < fanout->count; i++) {
        if (fanout->legs[i].state < LEG_DONE)
            leg_fail(&fanout->legs[i], status, "the realm did not answer in time");
    }
    return status == STATUS_CANCELLED ? status : STATUS_OK;
}

static void reply_json(struct api_call *call, struct slice body)
{
    const struct http_header_pair headers[] = {
        {SLICE_LIT("content-type"), SLICE_LIT("application/json")},
        {SLICE_LIT("cache-control"), SLICE_LIT("no-store")},
    };
    call_add_server_timing(call);
    http_reply(call->http, 200, headers, 2, body);
}

/* {"results":[{"realm":"…","result":{…}}, …]} in the order of the realms. */
static enum status write_every(struct api_call *call, struct buffer *body)
{
    struct json_writer json;

    json_writer_init(&json, body);
    json_object(&json);
    json_key(&json, "results");
    json_array(&json);
    for (size_t i = 0; i < call->fanout.count; i++) {
        const struct leg *leg = &call->fanout.legs[i];
        if (leg->state == LEG_SKIPPED)
            continue;
        json_object(&json);
        json_key(&json, "realm");
        json_slice(&json, leg->realm);
        json_key(&json, "result");
        json_raw(&json, buffer_slice(&leg->json));
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
    return json_writer_finish(&json);
}

static bool every_succeeded(const struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->count; i++) {
        if (fanout->legs[i].state != LEG_SKIPPED && !succeeded(&fanout->legs[i]))
            return false;
    }
    return true;
}

static enum status answer_every(struct api_call *call, struct fault *fault)
{
    struct buffer body;
    enum status status = await_every(call);

    if (status)
        return fault_set(fault, status, NULL, "the client went away");
    if (!every_succeeded(&call->fanout)) {
        call_most_useful(call, fault);
        return fault->status;
    }
    buffer_init(&body, API_PAGE_BYTES_MAX);
    status = write_every(call, &body);
    if (!status)
        reply_json(call, buffer_slice(&body));
    buffer_done(&body);
    return status ? fault_set(fault, status, NULL, "the answers do not fit into one") : STATUS_OK;
}

static enum status answer_any(struct api_call *call, struct fault *fault)
{
    struct leg *leg = NULL;
    enum status status = any_await(call, &leg, fault);

    any_add_headers(call, leg);
    if (!status)
        reply_json(call, buffer_slice(&leg->json));
    return status;
}

enum status call_unary(struct api_call *call, struct fault *fault)
{
    enum status status = call_add_legs(call, fault);

    if (!status)
        status = set_requests(call);
    if (!status)
        status = call->method->realms == TRANSCODE_EVERY && call->fanout.count > 1
                     ? answer_every(call, fault)
                     : answer_any(call, fault);
    if (status && !fault->status)
        (void)fault_set(fault, status, NULL, "the answer could not be made");
    if (status) {
        call_add_server_timing(call);
        api_reply_fault(call->http, fault, 0);
    }
    return status;
}
