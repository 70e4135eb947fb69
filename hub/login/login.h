/* login: the pages that begin and end a session.
 *
 *     GET  /auth/login?return_to=/x   → the provider (AuthSCH), with a ticket for this browser
 *     GET  /auth/callback             ← the provider; → return_to with a session, or the registration page
 *     GET  /auth/register             the page on which a new user chooses a username
 *     POST /auth/register             → return_to with a session
 *     POST /auth/logout               ends the session
 *     GET  /auth/dev?user=alice       logs anyone in, in dev mode, on loopback
 *     GET  /auth/state                who is not logged in yet is no mistake: {"signedIn": …, "provider": …, "dev": …}
 *
 * The first four are there only when a provider is configured. /auth/dev is there only when the configuration says
 * dev_login, and answers only a peer on loopback that asked for a name of this machine or public_url's, whose request did not pass a
 * proxy and was not begun by a page of another site: it asks for no password.
 * README.md says why a login is safe. Loop thread; login_handle on the request's fiber.
 */
#ifndef PEK_HUB_LOGIN_LOGIN_H
#define PEK_HUB_LOGIN_LOGIN_H

#include "hub/api/api.h"
#include "hub/http/http.h"
#include "hub/login/oauth.h"
#include "hub/session/session.h"
#include "shared/fair/rate.h"
#include "shared/fetch/fetch.h"

#define LOGIN_TIMEOUT_MS 5000           /* a request here */
#define LOGIN_CALLBACK_TIMEOUT_MS 12000 /* the one in which the provider is called, twice */
#define LOGIN_CALL_TIMEOUT_MS 5000      /* one call to the provider */
#define LOGIN_STATE_LIFETIME_S 600      /* from /auth/login to /auth/callback */
#define LOGIN_REGISTER_LIFETIME_S 900
#define LOGIN_RETURN_BYTES_MAX 1024
#define LOGIN_FORM_BYTES_MAX 4096
/* Logins that one address may finish, so that nobody makes the hub hammer the provider. Many people may sit behind
 * one, so the numbers are for a dormitory. */
#define LOGIN_PER_SECOND 1
#define LOGIN_BURST 60
#define LOGIN_ADDRESSES_MAX 4096
#define LOGIN_COOKIE "pek_login" /* "__Host-" before it over HTTPS */
#define LOGIN_REGISTER_COOKIE "pek_register"
#define LOGIN_PATHS "/auth/"

/* What became of a request here, for log and metrics. */
struct login_event {
    const char *page;   /* "callback" */
    const char *reason; /* "LOGGED_IN", "STATE_REPLAYED": UPPER_SNAKE_CASE, static or the fault's */
    enum status status;
    struct slice user;  /* id, when it is known */
    const char *detail; /* of a failed call to the provider; "" otherwise */
};

struct login_options {
    struct session_cache *sessions;
    const struct api *api;
    struct pg *pg;
    struct slice key;       /* seals tickets; the same on all hubs */
    const char *public_url; /* "https://pek.example"; needed with a provider */
    bool dev;
    struct oauth_options oauth; /* client_id "": no provider */
    const char *ca_path;        /* of the provider's certificate; "": the system's authorities */
    void *arg;
    /* Before each answer of a page that ends a login at the provider. Never waits. May be NULL. */
    void (*finished)(void *arg, struct http_request *request, const struct login_event *event);
};

struct login {
    struct login_options options;
    char *redirect_uri;      /* owned */
    struct fetcher *fetcher; /* NULL: no provider */
    struct rate rate;
};

PEK_MUST_CHECK enum status login_open(struct login *login, struct fibers *fibers,
                                      const struct login_options *options, struct fault *fault);
/* Also of a zeroed one. No request may be inside. Run the loop once more afterwards. */
void login_close(struct login *login);

/* True when the path was one of login's; it is answered then. On the request's fiber. */
bool login_handle(struct login *login, struct http_request *request);

/* A path of this site and nothing else: begins with one '/', no '\', no control character, no segment "." or "..", also
 * not written with %2e, at most LOGIN_RETURN_BYTES_MAX. Where a login may return to. */
bool login_return_is_safe(struct slice path);

#endif
