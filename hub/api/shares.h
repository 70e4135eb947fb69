/* shares: how much of this hub one user may have: requests at a time, and writes and searches a second.
 *
 * A write is a call of a method with side effects, a search one of a method that answers a list: both cost a realm more than
 * a point read. Each user has a token bucket (shared/fair/rate.h) of either kind. Streams that nobody reads count among the requests at
 * a time; event streams that go on with what is new, which last, have a number of their own. Each hub counts for itself: with two hubs a user may have twice as much. Calls without a session are
 * not counted here: the HTTP server bounds them by address.
 *
 * What is left is told in the fields RateLimit-Policy and RateLimit, as draft-ietf-httpapi-ratelimit-headers-10 (September
 * 2025) has them: `"writes";q=100;w=10` is a bucket of 100 that is full again after 10 s, `"writes";r=57;t=5` one with 57
 * left that is full in 5 s.
 */
#ifndef PEK_HUB_API_SHARES_H
#define PEK_HUB_API_SHARES_H

#include "hub/http/http.h"
#include "hub/transcode/transcode.h"
#include "shared/fair/fair.h"
#include "shared/fair/rate.h"

#define API_SHARES_USERS_MAX 16384 /* whose buckets are remembered: as many as sessions */

/* 0: no limit. */
struct api_limits {
    uint32_t writes_per_second, writes_burst;
    uint32_t searches_per_second, searches_burst;
    size_t requests_per_user_max;
    size_t live_streams_max, live_streams_per_user_max;
};

struct api_shares {
    struct rate writes, searches;
    struct fair open; /* requests at a time */
    struct fair live; /* event streams that go on */
};

PEK_MUST_CHECK enum status api_shares_init(struct api_shares *shares,
                                           const struct api_limits *limits);
void api_shares_done(struct api_shares *shares);

/* Takes a place for the request, and a token of its method's kind, and adds the headers to the answer to come.
 * RESOURCE_EXHAUSTED with a reason and when to come again. `place` is given back by api_shares_leave in any case. */
PEK_MUST_CHECK enum status api_shares_enter(struct api_shares *shares, struct slice user,
                                            const struct transcode_method *method,
                                            struct http_request *request, struct fair_ticket *place,
                                            struct fault *fault);
void api_shares_leave(struct api_shares *shares, struct fair_ticket *place);
/* The same for an event stream that goes on; UNAVAILABLE when all of them are taken. */
PEK_MUST_CHECK enum status api_shares_enter_live(struct api_shares *shares, struct slice user,
                                                 struct fair_ticket *place, struct fault *fault);
void api_shares_leave_live(struct api_shares *shares, struct fair_ticket *place);

#endif
