#include "hub/api/shares.h"

#include <stdio.h>

#include "shared/base/clock.h"

#define CROWDED_RETRY_MS 1000
#define FULL_RETRY_MS 30000

static struct fair_limits at_a_time(size_t all, size_t per_user)
{
    return (struct fair_limits){
        .places = all ? all : SIZE_MAX,
        .places_per_user = per_user ? per_user : SIZE_MAX,
    };
}

enum status api_shares_init(struct api_shares *shares, const struct api_limits *limits)
{
    const struct fair_limits open = at_a_time(0, limits->requests_per_user_max);
    const struct fair_limits live =
        at_a_time(limits->live_streams_max, limits->live_streams_per_user_max);
    *shares = (struct api_shares){0};
    enum status status = rate_init(&shares->writes, limits->writes_per_second, limits->writes_burst,
                                   API_SHARES_USERS_MAX);
    if (status == STATUS_OK)
        status = rate_init(&shares->searches, limits->searches_per_second, limits->searches_burst,
                           API_SHARES_USERS_MAX);
    if (status == STATUS_OK)
        status = fair_init(&shares->open, &open);
    return status == STATUS_OK ? fair_init(&shares->live, &live) : status;
}

void api_shares_done(struct api_shares *shares)
{
    rate_done(&shares->writes);
    rate_done(&shares->searches);
    fair_done(&shares->open);
    fair_done(&shares->live);
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

static enum status crowded(struct fault *fault, const char *text)
{
    (void)fault_set_reason(fault, STATUS_RESOURCE_EXHAUSTED, "TOO_MANY_REQUESTS", NULL, "%s", text);
    return fault_set_retry(fault, CROWDED_RETRY_MS);
}

enum status api_shares_enter_live(struct api_shares *shares, struct slice user,
                                  struct fair_ticket *place, struct fault *fault)
{
    bool full = shares->live.held >= shares->live.limits.places;

    if (fair_enter(&shares->live, user, place, NULL) == FAIR_ANSWER_IN)
        return STATUS_OK;
    if (!full)
        return crowded(fault, "too many of your event streams are open");
    (void)fault_set_reason(fault, STATUS_UNAVAILABLE, "TOO_MANY_STREAMS", NULL,
                           "too many event streams are open");
    return fault_set_retry(fault, FULL_RETRY_MS);
}

void api_shares_leave_live(struct api_shares *shares, struct fair_ticket *place)
{
    fair_leave(&shares->live, place);
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
    if (fair_enter(&shares->open, user, place, NULL) != FAIR_ANSWER_IN)
        return crowded(fault, "too many of your requests are open");
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
