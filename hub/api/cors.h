/* cors: which other origins may use the API from a browser (the Fetch standard, "CORS protocol"). None unless the
 * configuration names them; those that it does may also change things, with the cookie where the browser sends it.
 */
#ifndef PEK_HUB_API_CORS_H
#define PEK_HUB_API_CORS_H

#include "hub/api/api.h"

/* True when the configuration names the origin, exactly as the Origin header has it. */
bool cors_allows(const struct api *api, struct slice origin);
/* Adds to the answer to come what lets that origin read it; and Vary, as soon as any origin is named at all. */
void cors_add_headers(const struct api *api, struct http_request *request);
/* What a preflight is told besides: the verbs of `allow`, and which headers may be sent. */
void cors_add_preflight(const struct api *api, struct http_request *request, struct slice allow);

#endif
