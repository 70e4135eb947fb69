#include "hub/api/shares.h"

#include <stdio.h>

#include "shared/base/clock.h"

#define CROWDED_RETRY_MS 1000

enum status api_shares_init(struct api_shares *shares, const struct api_limits *limits)
{
    const size_t per_user = limits->requests_per_user_max;
    const struct fair_limits open = {
        .places = SIZE_MAX,
        .places_per_user = per_user ? per_user : SIZE_MAX,
    };
    *shares = (struct api_shares){0};
    enum status status = rate_init(&shares->writes, limits->writes_per_second, limits->writes_burst,
                                   API_SHARES_USERS_MAX);
    if (status == STATUS_OK)
        status = rate_init(&shares->searches, limits->searches_per_second, limits->searches_burst,
                           API_SHARES_USERS_MAX);
    return status == STATUS_OK ? fair_init(&shares->open, &open) : status;
}

void api_shares_done(struct api_shares *shares)
{
    rate_done(&shares->writes);
    rate_done(&shares->searches);
    fair_done(&shares->open);
}

static void tell(struct http_request *request, const struct rate *rate, const char *name,
                 const struct rate_state *state)
{
    char text[64];

    snprintf(text, sizeof(text), "\"%s\";q=%u;w=%u", name, rate->burst,
             (rate->burst + rate->per_second - 1) / rate->per_second);
    http_add_header(request, "ratelimit-policy", slice_str(text));
    snprintf(text, sizeof(text), "\"%s\";r=%u;t=%u", name, state->remaining, state->full_after_s);
    http_add_header(request, "ratelimit", slice_str(text));
}

enum status api_shares_enter(struct api_shares *shares, struct slice user,
                             const struct transcode_method *method, struct http_request *request,
                             struct fair_ticket *place, struct fault *fault)
{
    bool writes = method->idempotency != TRANSCODE_NO_SIDE_EFFECTS;
    struct rate *rate = writes ? &shares->writes : &shares->searches;
    const char *name = writes ? "writes" : "searches";
    struct rate_state state;

    if (user.len == 0)
        return STATUS_OK;
    if (fair_enter(&shares->open, user, place, NULL) != FAIR_ANSWER_IN) {
        (void)fault_set_reason(fault, STATUS_RESOURCE_EXHAUSTED, "TOO_MANY_REQUESTS", NULL,
                               "too many of your requests are open");
        return fault_set_retry(fault, CROWDED_RETRY_MS);
    }
    if (rate->per_second == 0 || !(writes || method->server_streaming))
        return STATUS_OK;
    bool taken = rate_take(rate, user, clock_monotonic_us(), &state);
    tell(request, rate, name, &state);
    if (taken)
        return STATUS_OK;
    (void)fault_set_reason(fault, STATUS_RESOURCE_EXHAUSTED, "RATE_LIMITED", NULL,
                           "too many %s: %u a second after the first %u", name, rate->per_second,
                           rate->burst);
    return fault_set_retry(fault, state.next_after_ms);
}

void api_shares_leave(struct api_shares *shares, struct fair_ticket *place)
{
    fair_leave(&shares->open, place);
}
