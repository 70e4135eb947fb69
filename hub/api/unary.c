#include "hub/api/any.h"
#include "hub/api/condition.h"
#include "hub/api/given_back.h"
#include "shared/json/json_writer.h"

static bool succeeded(const struct leg *leg)
{
    return leg->state == LEG_DONE && leg->fault.status == STATUS_OK && leg->item;
}

/* For the one realm of the call; each time anew, since it does not hold for long. */
static enum status tell(struct api_call *call, struct fault *fault)
{
    const struct api_options *options = &call->api->options;
    struct slice users[API_TOLD_MAX + 1], told;
    size_t count = 0;

    while (count <= API_TOLD_MAX &&
           (users[count] = transcode_request_user(call->request, count)).len > 0)
        count++;
    if (count == 0 || count > API_TOLD_MAX)
        return STATUS_OK;
    PEK_TRY(options->tell(options->people_arg, http_cancel(call->http),
                          call->fanout.legs[0].instance, users, count, call->arena, &told, fault));
    return transcode_request_set_told(call->request, told);
}

enum status call_set_requests(struct api_call *call, struct fault *fault)
{
    struct slice bytes = {0};
    enum status status = call->method->told ? tell(call, fault) : STATUS_OK;

    if (!status)
        status = transcode_request_bytes(call->request, &bytes);
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

/* `caching`: what a browser may do with it; PRIVATE: keep it, and ask each time whether it is still so and still the caller's to
 * see. */
#define CACHING_NONE SLICE_LIT("no-store")
#define CACHING_PRIVATE SLICE_LIT("private, no-cache")

static void reply_json(struct api_call *call, int code, struct slice caching, struct slice body)
{
    const struct http_header_pair headers[] = {
        {SLICE_LIT("content-type"), SLICE_LIT("application/json")},
        {SLICE_LIT("cache-control"), caching},
    };
    call_add_server_timing(call);
    http_reply(call->http, code, headers, 2, body);
}

/* Bytes of somebody else's making: shown as what they are or not at all, and by themselves they do nothing. */
static void reply_media(struct api_call *call, int code, const struct leg *leg)
{
    const char *type = transcode_item_media_type(leg->item);
    const struct http_header_pair headers[] = {
        {SLICE_LIT("cache-control"), CACHING_PRIVATE},
        {SLICE_LIT("content-security-policy"),
         SLICE_LIT("default-src 'none'; sandbox; frame-ancestors 'none'")},
        /* Not of what the client has, which a cache would then take for this type. */
        {SLICE_LIT("content-type"), slice_str(type ? type : "application/octet-stream")},
    };
    call_add_server_timing(call);
    http_reply(call->http, code, headers, code == 304 ? 2 : 3, buffer_slice(&leg->json));
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
    enum status status = call_add_legs(call, fault);

    if (!status)
        status = call_set_requests(call, fault);
    if (status)
        return status;
    status = await_every(call);
    if (status)
        return fault_set(fault, status, NULL, "the client went away");
    if (!every_succeeded(&call->fanout) || call->rest_count > 0) {
        call_most_useful(call, fault);
        return fault->status;
    }
    buffer_init(&body, API_PAGE_BYTES_MAX);
    status = write_every(call, &body);
    if (!status)
        reply_json(call, 200, CACHING_NONE, buffer_slice(&body));
    buffer_done(&body);
    return status ? fault_set(fault, status, NULL, "the answers do not fit into one") : STATUS_OK;
}

static bool reads(struct api_call *call)
{
    struct slice verb = http_method(call->http);
    return slice_equal_str(verb, "GET") || slice_equal_str(verb, "HEAD");
}

/* What is read and has an ETag. Not somebody's profile: what other realms let the caller see of it is no part of its etag. */
static struct slice caching_of(struct api_call *call, const struct leg *leg)
{
    bool keeps =
        reads(call) && transcode_item_etag(leg->item).len > 0 && !call->method->item_unreachable;
    return keeps ? CACHING_PRIVATE : CACHING_NONE;
}

/* The answer of one realm, as its conditions have it. */
static enum status reply_item(struct api_call *call, const struct leg *leg, struct fault *fault)
{
    int code = condition_of_answer(call, leg, fault);

    if (code != 200 && code != 304)
        return fault->status;
    if (transcode_gives_media(call->match.rule))
        reply_media(call, code, leg);
    else
        reply_json(call, code, caching_of(call, leg), buffer_slice(&leg->json));
    return STATUS_OK;
}

/* `offers`: of a read, what If-None-Match says goes with it. */
static enum status ask_any(struct api_call *call, bool offers, struct leg **ret_leg,
                           struct fault *fault)
{
    enum status status = call_add_legs(call, fault);

    if (!status)
        status = call_set_requests(call, fault);
    if (!status && offers)
        condition_offer(call);
    if (!status)
        status = any_await_one(call, ret_leg, fault);
    return status;
}

static void begin_again(struct api_call *call)
{
    fanout_done(&call->fanout);
    call_begin_fanout(call);
}

static enum status read_any(struct api_call *call, struct fault *fault)
{
    struct leg *leg = NULL;
    enum status status = ask_any(call, true, &leg, fault);

    if (!status && condition_is_of_another(call, leg)) {
        begin_again(call);
        status = ask_any(call, false, &leg, fault);
    }
    any_add_headers(call, leg);
    if (!status && call->method->realms == TRANSCODE_HUB)
        any_add_unheard(call, leg);
    return status ? status : reply_item(call, leg, fault);
}

/* Another etag may be the present one, or that of the try which is remembered by its key. */
static bool asks_for_another(const struct fault *fault)
{
    return condition_is_refusal(fault) || strcmp(fault->reason, "IDEMPOTENCY_KEY_REUSED") == 0;
}

/* With each etag that If-Match names, until one will do. */
static enum status change(struct api_call *call, const struct condition *condition,
                          struct fault *fault)
{
    const struct route_rule *rule = call->match.rule;
    struct leg *leg = NULL;
    size_t tries = condition->count ? condition->count : 1;
    size_t i = 0;
    enum status status;

    do {
        if (i > 0) {
            begin_again(call);
            *fault = (struct fault){0};
        }
        status = condition->count
                     ? transcode_request_set_etag(call->request, rule, condition->etags[i])
                     : STATUS_OK;
        if (!status)
            status = ask_any(call, false, &leg, fault);
    } while (status && ++i < tries && asks_for_another(fault));
    if (!status && leg->instance)
        session_changed_something(call->session, leg->instance);
    if (status && condition->given && condition_is_refusal(fault))
        status = condition_fail(fault);
    return status ? status : reply_item(call, leg, fault);
}

static enum status change_checked(struct api_call *call, struct fault *fault)
{
    struct condition condition = {0};
    struct given_back back = {0};
    enum status status = condition_of_change(call, &condition, fault);

    if (!status && condition.count == 1)
        status = transcode_request_set_etag(call->request, call->match.rule, condition.etags[0]);
    if (!status)
        status = given_back_reduce(call, &condition, &back, fault);
    if (status && condition.given && condition_is_refusal(fault))
        status = condition_fail(fault);
    if (!status && back.current && back.is_part) /* whose ETag would be another one's */
        reply_json(call, 200, CACHING_NONE, buffer_slice(&back.current->json));
    else if (!status)
        status =
            back.current ? reply_item(call, back.current, fault) : change(call, &condition, fault);
    given_back_done(&back);
    return status;
}

enum status call_unary(struct api_call *call, struct fault *fault)
{
    enum status status;

    if (call->method->realms == TRANSCODE_EVERY && !transcode_request_realm(call->request).len)
        status = answer_every(call, fault);
    else
        status = reads(call) ? read_any(call, fault) : change_checked(call, fault);
    if (status && !fault->status)
        (void)fault_set(fault, status, NULL, "the answer could not be made");
    if (status) {
        call_add_server_timing(call);
        api_reply_fault(call->http, fault, 0);
    }
    return status;
}
