/* instance: how the hub and this realm speak of users: assertions in, tokens out.
 *
 * The hub vouches for a user by an assertion (pek-assertion+jwt: issuer the hub, audience this realm, at most
 * 60 s long). It is good for one use: its jti is remembered for as long as the assertion lives. The answer
 * is this realm's own token (pek-instance+jwt: issuer and audience this realm), which the guard accepts.
 * So the hub can say who calls, for a moment; what a user may do is decided here, call by call.
 *
 * One thread.
 */
#ifndef PEK_WORKER_INSTANCE_INSTANCE_H
#define PEK_WORKER_INSTANCE_INSTANCE_H

#include "shared/base/lru.h"
#include "shared/jwt/jwt.h"

/* Assertions remembered; at 90 s each this is some 700 logins a second before the oldest is forgotten. */
#define INSTANCE_ASSERTIONS_MAX 65536

struct instance {
    const char *realm;
    const char *hub_issuer;
    const struct jwt_keys *keys;     /* this realm's; has the signer */
    const struct jwt_keys *hub_keys; /* the hub's */
    struct lru used;                 /* jti of assertions */
};

/* The strings and key sets outlive it. */
PEK_MUST_CHECK enum status instance_init(struct instance *instance, const char *realm,
                                         const struct jwt_keys *keys, const char *hub_issuer,
                                         const struct jwt_keys *hub_keys);
void instance_done(struct instance *instance);

/* Who the assertion is about, and that it is used up now. UNAUTHENTICATED with a JWT_REASON_… otherwise. */
PEK_MUST_CHECK enum status instance_take_assertion(struct instance *instance,
                                                   struct slice assertion, struct arena *arena,
                                                   int64_t now_s, struct slice *ret_user,
                                                   struct fault *fault);
/* What the hub says of people, with a request that names them (pek.instance.v1.PeopleTold): OK when `people` is what it signed
 * for this realm. Not used up: a request is repeated as it is. UNAUTHENTICATED with a JWT_REASON_… otherwise. */
PEK_MUST_CHECK enum status instance_check_told(const struct instance *instance,
                                               struct slice assertion, struct slice people,
                                               struct arena *arena, int64_t now_s,
                                               struct fault *fault);
/* True for the hub's own name: it is the subject of assertions about no user. */
bool instance_is_hub(const struct instance *instance, struct slice user);

/* A token of this realm for the user. It is bound (RFC 8705, cnf["x5t#S256"]) to the client certificate with
 * these 32 bytes of SHA-256, when there is one: it is worth nothing on another connection. Empty: not bound. */
PEK_MUST_CHECK enum status instance_issue_token(const struct instance *instance, struct slice user,
                                                struct slice certificate_sha256,
                                                struct arena *arena, int64_t now_s,
                                                struct slice *ret_token, int64_t *ret_expires_s);

#endif
