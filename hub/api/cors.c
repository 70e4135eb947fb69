#include "hub/api/cors.h"

#define CORS_HEADERS                                                                               \
    "accept, content-type, idempotency-key, if-match, if-none-match, last-event-id, traceparent, " \
    "x-request-id"
/* All that docs/api.md tells a client to read. */
#define CORS_EXPOSED                                                                               \
    "content-location, etag, federation-incomplete, ratelimit, ratelimit-policy, retry-after, "    \
    "server-timing, x-request-id"

bool cors_allows(const struct api *api, struct slice origin)
{
    for (size_t i = 0; origin.len > 0 && i < api->options.cors_origin_count; i++) {
        if (slice_equal_str(origin, api->options.cors_origins[i]))
            return true;
    }
    return false;
}

void cors_add_headers(const struct api *api, struct http_request *request)
{
    struct slice origin = http_header(request, "origin", 0);

    if (api->options.cors_origin_count == 0)
        return;
    http_add_header(request, "vary", SLICE_LIT("origin"));
    if (!cors_allows(api, origin))
        return;
    http_add_header(request, "access-control-allow-origin", origin);
    http_add_header(request, "access-control-allow-credentials", SLICE_LIT("true"));
    http_add_header(request, "access-control-expose-headers", SLICE_LIT(CORS_EXPOSED));
}

void cors_add_preflight(const struct api *api, struct http_request *request, struct slice allow)
{
    if (!http_header(request, "access-control-request-method", 0).ptr ||
        !cors_allows(api, http_header(request, "origin", 0)))
        return;
    http_add_header(request, "access-control-allow-methods", allow);
    http_add_header(request, "access-control-allow-headers", SLICE_LIT(CORS_HEADERS));
    http_add_header(request, "access-control-max-age", SLICE_LIT("600"));
}
