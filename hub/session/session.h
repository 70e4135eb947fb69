/* session: who is logged in, and what each realm gave the hub for them.
 *
 * The cookie is a signed token (ES256, typ pek-session+jwt, sid = the row in hub.session). A session is
 * remembered under the SHA-256 of its cookie, so that a repeated request costs a hash and a lookup; the token
 * itself is not kept, except while the request that brought it runs. What is remembered is at most
 * SESSION_RECHECK_S old: then the row is asked again, so that logout on another hub and a disabled user take
 * effect; on this hub they take effect at once.
 *
 * For each instance the session holds a credential (in the instance's slot, see registry.h): the instance token and the policy hints, as metadata ready
 * to send. It is fetched when first needed, by one fiber however many requests wait, renewed in the background
 * CREDENTIAL_RENEW_S before it expires, and dropped when the realm says that the user's policies changed.
 *
 * The caller's realms are those that know the user (hub.user_realm) and those not yet asked.
 *
 * References are counted: a session removed while requests use it lives until the last of them released it.
 * Loop thread; functions that say so only in a fiber.
 */
#ifndef PEK_HUB_SESSION_SESSION_H
#define PEK_HUB_SESSION_SESSION_H

#include "hub/registry/registry.h"
#include "hub/session/session_store.h"
#include "shared/base/lru.h"
#include "shared/jwt/jwt.h"

#define SESSIONS_MAX 16384
#define SESSION_LIFETIME_S JWT_SESSION_LIFETIME_S
#define SESSION_IDLE_S (2 * 60 * 60)
#define SESSION_TOUCH_S (5 * 60)
#define SESSION_RECHECK_S 30
#define CREDENTIAL_RENEW_S 60
#define CREDENTIAL_RETRY_MS 1000 /* after a failure, before the realm is asked again */
#define CREDENTIAL_HINTS_MAX 16
#define CREDENTIAL_TIMEOUT_MS 5000

struct session;
struct session_store;

struct session_options {
    struct pg *pg;
    struct registry *registry;
    struct jwt_keys *keys; /* signs and verifies cookies */
    const char *issuer;
    void *arg;
    /* A realm gave no token: for the log. May be NULL; never waits. */
    void (*on_token_failure)(void *arg, const struct instance *instance, const struct fault *fault);
};

enum credential_state { CREDENTIAL_NONE, CREDENTIAL_FETCHING, CREDENTIAL_READY, CREDENTIAL_FAILED };

/* Read by the fan-out; changed by session.c only. Of one instance: found by session_credential. */
struct credential {
    uint64_t generation; /* of the instance that it is for */
    enum credential_state state;
    bool member;                   /* the realm knows the user, by hub.user_realm or its own word */
    bool asked;                    /* `member` is the realm's own word */
    bool fetching;                 /* a fiber asks the realm, be it the first time or to renew */
    bool stale;                    /* policies changed while it was being fetched: fetch again */
    int64_t expires_us, expires_s; /* monotonic, wall */
    int64_t retry_us;              /* FAILED: not before */
    struct fault fault;            /* FAILED: why */
    char *memory;                  /* what the pairs and names point into */
    struct rpc_pair pairs[1 + CREDENTIAL_HINTS_MAX];
    size_t pair_count;
    struct slice policies[CREDENTIAL_HINTS_MAX];
    size_t policy_count;
    struct list waiters;
};

struct session {
    struct lru_entry entry;
    struct session_cache *cache;
    unsigned references;
    char *memory;
    struct slice id, user_id, username, name;
    int64_t expires_s;
    int64_t seen_s;                                        /* last request */
    int64_t touched_s;                                     /* last_seen_at in the database */
    int64_t recheck_us;                                    /* monotonic */
    struct credential credentials[REGISTRY_INSTANCES_MAX]; /* by instance slot */
};

struct session_cache {
    struct fibers *fibers;
    struct session_options options;
    struct lru lru;
    unsigned background; /* fibers running */
    struct fiber_event *stopping;
    uint64_t hits, misses, tokens_issued, token_failures;
};

PEK_MUST_CHECK enum status session_cache_init(struct session_cache *cache, struct fibers *fibers,
                                              const struct session_options *options);
/* In a fiber: waits for the fibers in the background. No session may be in use. */
void session_cache_stop(struct session_cache *cache);
void session_cache_done(struct session_cache *cache);

/* In a fiber. Logs `user` in: a new row and its cookie value, in the arena. NOT_FOUND, PERMISSION_DENIED
 * (disabled), UNAVAILABLE (database). */
PEK_MUST_CHECK enum status session_open(struct session_cache *cache, struct cancel *cancel,
                                        struct slice user, struct arena *arena,
                                        struct slice *ret_token, struct fault *fault);
/* In a fiber. UNAUTHENTICATED for whatever is not a running session. Ends with session_release. */
PEK_MUST_CHECK enum status session_find(struct session_cache *cache, struct cancel *cancel,
                                        struct slice token, struct arena *arena,
                                        struct session **ret_session, struct fault *fault);
/* Takes NULL, returns NULL. */
struct session *session_release(struct session *session);
/* In a fiber. Logs out: the row is revoked before this answers OK. */
PEK_MUST_CHECK enum status session_close(struct session_cache *cache, struct cancel *cancel,
                                         struct slice token, struct arena *arena,
                                         struct fault *fault);

/* The realm said that policies of these users changed; count 0: of everybody. Tokens and hints go. */
void session_policies_changed(struct session_cache *cache, struct instance *instance,
                              const char *const *users, size_t count);

/* The session's credential for the instance; a new one when the slot was another instance's before. */
struct credential *session_credential(struct session *session, const struct instance *instance);

/* Waits of a request for a credential. */
struct credential_waiter {
    struct list node;
    struct fiber_event *event;
};
/* READY, FAILED, or FETCHING: then `waiter` is signalled once it is one of the other two; withdraw before the
 * waiter goes away. Starts the fetch. */
enum credential_state credential_get(struct session *session, struct instance *instance,
                                     struct credential_waiter *waiter, struct fiber_event *event);
void credential_withdraw(struct credential_waiter *waiter);
/* The realm refused the token: it will be fetched anew. */
void credential_refused(struct session *session, struct instance *instance);
/* The realm counts among the caller's: it knows the user or was not asked yet. */
bool session_includes(const struct session *session, const struct instance *instance);
/* It knows the user, as far as is known here. */
bool session_is_member(const struct session *session, const struct instance *instance);

#endif
