/* oauth: the authorization code flow (RFC 6749 section 4.1, PKCE RFC 7636, OpenID Connect Core 3.1), the parts of
 * it that need no network: what is said to the provider, and what its answers are worth.
 *
 *     state, nonce and PKCE verifier of one login come from `oauth_login_new`; the last two are derived from the
 *     state with the hub's key, so that the state is all that must be remembered, and knowing it (it is in
 *     URLs) gives nobody the verifier.
 *
 * Everything a provider says is from outside: bounded, scanned (json_scan) before it is parsed, and refused
 * whole when one thing is wrong. Faults carry a text in Hungarian for the person who logs in and a reason for the log; neither
 * quotes what came from outside. Statuses: UNKNOWN, the provider's answer makes no sense (a page says 502);
 * RESOURCE_EXHAUSTED, the arena is full; others are named below. Any thread.
 */
#ifndef PEK_HUB_LOGIN_OAUTH_H
#define PEK_HUB_LOGIN_OAUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

#define OAUTH_SECRET_CHARS                                                                         \
    BASE64URL_CHARS(SHA256_BYTES) /* 43; of state, nonce, verifier, challenge */
#define OAUTH_CODE_BYTES_MAX 2048
#define OAUTH_TOKEN_BYTES_MAX 8192
#define OAUTH_SUBJECT_BYTES_MAX 64
#define OAUTH_ANSWER_BYTES_MAX (64u * 1024)
#define OAUTH_ANSWER_DEPTH_MAX 8
#define OAUTH_ANSWER_KEYS_MAX 1000
#define OAUTH_URL_BYTES_MAX 4096
#define OAUTH_LEEWAY_S 30

struct oauth_options {
    const char *authorize_url, *token_url, *userinfo_url;
    const char *issuer; /* of ID tokens and of the `iss` parameter; "" takes any */
    const char *client_id, *client_secret;
    const char *scopes;       /* "openid profile" */
    const char *redirect_uri; /* exactly as registered; never made from a request */
    bool pkce;
};

/* ---- one login --------------------------------------------------------------------------------- */

struct oauth_login {
    char state[OAUTH_SECRET_CHARS + 1];
    char nonce[OAUTH_SECRET_CHARS + 1];
    char verifier[OAUTH_SECRET_CHARS + 1];
};
/* 256 random bits of state, and what belongs to it. */
void oauth_login_new(struct slice key, struct oauth_login *ret_login);
/* The login that this state was made for; INVALID_ARGUMENT when it has not the shape of one. */
PEK_MUST_CHECK enum status oauth_login_again(struct slice key, struct slice state,
                                             struct oauth_login *ret_login);
/* S256: base64url(SHA-256(verifier)). */
void oauth_challenge(struct slice verifier, char ret_challenge[OAUTH_SECRET_CHARS + 1]);

/* Where the browser is sent. */
PEK_MUST_CHECK enum status oauth_authorize_url(const struct oauth_options *options,
                                               const struct oauth_login *login, struct arena *arena,
                                               struct slice *ret_url);

/* ---- the way back ------------------------------------------------------------------------------ */

struct oauth_callback {
    struct slice state; /* "" when there is none */
    struct slice code;  /* "" when there is none */
    struct slice error; /* "" when there is none */
    struct slice issuer;
};
/* INVALID_ARGUMENT for a query that is malformed, or names one of these twice. */
PEK_MUST_CHECK enum status oauth_callback_parse(struct slice query, struct arena *arena,
                                                struct oauth_callback *ret_callback,
                                                struct fault *fault);
/* What it says, once its state is known to be ours. OK: there is a code. PERMISSION_DENIED: the provider or
 * the person refused; UNAVAILABLE: the provider cannot now; INVALID_ARGUMENT: no code, or another issuer
 * (RFC 9207); UNKNOWN: another error. */
PEK_MUST_CHECK enum status oauth_callback_check(const struct oauth_options *options,
                                                const struct oauth_callback *callback,
                                                struct fault *fault);

/* ---- the provider's answers -------------------------------------------------------------------- */

/* The form to POST to the token endpoint. */
PEK_MUST_CHECK enum status oauth_token_form(const struct oauth_options *options,
                                            const struct oauth_login *login, struct slice code,
                                            struct arena *arena, struct slice *ret_form);

/* User and password of HTTP Basic at the token endpoint: form-encoded first (RFC 6749, 2.3.1). In the arena. */
PEK_MUST_CHECK enum status oauth_basic(const struct oauth_options *options, struct arena *arena,
                                       const char **ret_user, const char **ret_password);

struct oauth_token {
    const char *access_token; /* in the arena; printable ASCII */
    struct slice subject;     /* of the ID token; "" when there is none */
};
/* The token endpoint's answer. An ID token is not asked for its signature: it came from the endpoint itself over
 * TLS (OpenID Connect Core 3.1.3.7, 6); issuer, audience, nonce and expiry must be right. INVALID_ARGUMENT: the
 * provider did not take the code. */
PEK_MUST_CHECK enum status oauth_token_parse(const struct oauth_options *options,
                                             const struct oauth_login *login, int http_code,
                                             struct slice body, int64_t now_s, struct arena *arena,
                                             struct oauth_token *ret_token, struct fault *fault);

struct oauth_user {
    struct slice subject; /* 1 to OAUTH_SUBJECT_BYTES_MAX printable ASCII characters */
    struct slice name;    /* normalised; "" when the provider gave none that can be a name */
};
/* The userinfo endpoint's answer; `token` must be about the same subject. */
PEK_MUST_CHECK enum status oauth_userinfo_parse(const struct oauth_token *token, int http_code,
                                                struct slice body, struct arena *arena,
                                                struct oauth_user *ret_user, struct fault *fault);

#endif
