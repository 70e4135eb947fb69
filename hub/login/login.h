/* login: the pages that begin and end a session: /auth/dev, /auth/logout.
 *
 * /auth/dev is there only when the configuration says dev_login, and answers only a peer on loopback whose
 * request did not pass a proxy: it asks for no password.
 */
#ifndef PEK_HUB_LOGIN_LOGIN_H
#define PEK_HUB_LOGIN_LOGIN_H

#include "hub/api/api.h"
#include "hub/http/http.h"
#include "hub/session/session.h"

#define LOGIN_TIMEOUT_MS 5000
#define LOGIN_RETURN_BYTES_MAX 1024

struct login {
    struct session_cache *sessions;
    const struct api *api;
    bool dev;
};

/* True when the path was one of login's; it is answered then. On the request's fiber. */
bool login_handle(struct login *login, struct http_request *request);

/* A path of this site and nothing else: begins with one '/', no '\', no control character, at most
 * LOGIN_RETURN_BYTES_MAX. Where a login may return to. */
bool login_return_is_safe(struct slice path);

#endif
