/* session: who is logged in, and what each realm gave the hub for them.
 *
 * The cookie is a signed token (ES256, typ pek-session+jwt, sid = the row in hub.session). A session is
 * remembered under the SHA-256 of its cookie, so that a repeated request costs a hash and a lookup; the token
 * itself is not kept, except while the request that brought it runs.
 *
 * The row is the truth. A session that ends here is forgotten before its end is acknowledged; of one that ends
 * elsewhere the announcer tells (announce.h). What is remembered is asked again after SESSION_RECHECK_S, or after
 * SESSION_RECHECK_DEAF_MS while announcements may be missed, and whenever they may have been. A database that cannot
 * be asked logs nobody out, for SESSION_TRUST_S; README.md argues the numbers.
 *
 * For an instance that it needed the session holds a credential (by the instance's slot, see registry.h): the instance token and the policy hints, as metadata
 * ready to send. A session has as many as its user has realms, and a few more, not as many as there are (choice.h). It is fetched when first needed, by one fiber however many requests wait, renewed in the background
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
#include "hub/session/announce.h"
#include "hub/session/found.h"
#include "hub/session/session_index.h"
#include "hub/session/session_store.h"
#include "shared/base/lru.h"
#include "shared/jwt/jwt.h"

#define SESSIONS_MAX 16384
/* Running ones of one user; at the next login the least recently used ends. */
#define SESSIONS_PER_USER_MAX 100
#define SESSION_LIFETIME_S JWT_SESSION_LIFETIME_S
#define SESSION_IDLE_S (2 * 60 * 60)
#define SESSION_USER_AGENT_BYTES_MAX 200 /* the column's bound too */
#define SESSION_TOUCH_S (5 * 60)
#define SESSION_RECHECK_S 30
#define SESSION_RECHECK_DEAF_MS 1000
#define SESSION_RECHECK_TIMEOUT_MS 500 /* then what is remembered holds */
#define SESSION_TRUST_S 300
#define SESSION_PURGE_EVERY_MS (10 * 60 * 1000)
#define SESSION_PURGE_ROWS 1000
#define SESSION_PURGE_BATCHES_MAX 20
#define CREDENTIAL_RENEW_S 60
#define CREDENTIAL_RETRY_MS                                                                        \
    1000 /* from when a realm that failed was asked, or one gave, until it is asked again */
#define CREDENTIAL_HINTS_MAX 16
#define CREDENTIAL_TIMEOUT_MS 5000
/* Realms that a session asks at once of its own, which it has no page token for: as many as a request does. */
#define SESSION_REALMS_ASKED_MAX 64

struct session;
struct permissions;

struct session_options {
    struct service service; /* first: SessionService's data begins with it */
    struct registry *registry;
    struct jwt_keys *keys; /* signs and verifies cookies */
    const char *issuer;
    struct redis_options redis;
    void *arg;
    /* A realm gave no token, for the log; `trace` is that of the request that it was asked for. May be NULL; never waits. */
    void (*on_token_failure)(void *arg, const struct instance *instance,
                             const struct rpc_trace *trace, const struct fault *fault);
    /* Redis came or went, for the log. May be NULL. */
    void (*on_redis)(void *arg, bool up, const char *reason);
};

enum credential_state { CREDENTIAL_NONE, CREDENTIAL_FETCHING, CREDENTIAL_READY, CREDENTIAL_FAILED };

/* Read by the fan-out; changed by credential.c only. Of one instance: found by session_credential. */
struct credential {
    size_t slot;         /* of the instance that it is for */
    uint64_t generation; /* likewise */
    uint64_t
        changes; /* of policies in the instance, when it was looked at last; see session_policies_changed */
    enum credential_state state;
    bool member;                   /* the realm knows the user, by hub.user_realm or its own word */
    bool asked;                    /* `member` is the realm's own word */
    bool fetching;                 /* a fiber asks the realm, be it the first time or to renew */
    bool stale;                    /* policies changed while it was being fetched: fetch again */
    int64_t expires_us, expires_s; /* monotonic, wall */
    int64_t retry_us;              /* FAILED, READY: not before */
    struct fault fault;            /* FAILED: why */
    void *memory;                  /* pairs and names, and what they point into */
    struct rpc_pair *pairs;
    size_t pair_count; /* at most 1 + CREDENTIAL_HINTS_MAX */
    struct slice *policies;
    size_t policy_count;
    struct permissions *permissions; /* permission.h; NULL for none */
    uint64_t drops;                  /* how often it was dropped */
    struct list waiters;
};

struct session {
    struct lru_entry entry;
    struct session_cache *cache;
    unsigned references;
    char *memory;
    struct slice id, user_id, username, name;
    int64_t avatar_version, person_version; /* as they were when the row was asked */
    struct slice kid;                       /* of the key that signed the cookie */
    struct session_handle handle;
    int64_t expires_s;
    int64_t seen_s;                  /* last request */
    int64_t touched_s;               /* last_seen_at in the database */
    int64_t asked_us;                /* monotonic: when the row was asked last */
    int64_t confirmed_us;            /* monotonic: when it was last said to be good */
    bool ended;                      /* by this hub, or its row says so; who holds it sees that */
    struct credential **credentials; /* in the order of slots; made when first needed */
    size_t credential_count, credential_room;
    struct found *found;            /* see found.h; NULL before the first */
    struct list by_user, by_handle; /* session_index's */
    struct list followers;          /* struct session_interest */
};

struct session_cache {
    struct session_options options;
    struct fibers *fibers;
    struct lru lru;
    struct session_index index; /* of what is in `lru` */
    struct announcer announcer;
    int64_t missed_us;       /* monotonic: what was asked before may be out of date */
    uint64_t endings;        /* heard of or done here: a row read meanwhile may be out of date */
    struct cancel closing;   /* of the fiber that purges */
    struct fiber_event wake; /* by closing only */
    unsigned background;     /* fibers running */
    struct fiber_event *stopping;
    uint64_t hits, misses, rechecks, tokens_issued, token_failures;
};

/* Listens and purges from now on. On failure, too, session_cache_stop and _done follow. */
PEK_MUST_CHECK enum status session_cache_init(struct session_cache *cache, struct fibers *fibers,
                                              const struct session_options *options,
                                              struct fault *fault);
/* In a fiber: waits for the fibers in the background. No session may be in use. */
void session_cache_stop(struct session_cache *cache);
void session_cache_done(struct session_cache *cache);

/* In a fiber. Logs `user` in: a new row and its cookie value, in the arena. Of `user_agent`, what the browser says that it
 * is, the printable ASCII is kept, up to SESSION_USER_AGENT_BYTES_MAX. NOT_FOUND, PERMISSION_DENIED (disabled), UNAVAILABLE
 * (database). */
PEK_MUST_CHECK enum status session_open(struct session_cache *cache, struct cancel *cancel,
                                        struct slice user, struct slice user_agent,
                                        struct arena *arena, struct slice *ret_token,
                                        struct fault *fault);
/* In a fiber. UNAUTHENTICATED for whatever is not a running session; UNAVAILABLE when nobody can tell. Ends with
 * session_release. */
PEK_MUST_CHECK enum status session_find(struct session_cache *cache, struct cancel *cancel,
                                        struct slice token, struct arena *arena,
                                        struct session **ret_session, struct fault *fault);
/* Takes NULL, returns NULL. */
struct session *session_release(struct session *session);
#define SESSION_NEVER_US (INT64_MIN / 2)
/* In a fiber, of one that is held for long: OK while it runs, and the statuses of session_find. Being asked so is no use of it. What
 * was heard of it is no proof (its user may have another name, and whoever writes to Redis says anything): its row is asked. */
PEK_MUST_CHECK enum status session_check(struct session *session, struct cancel *cancel,
                                         struct arena *arena, struct fault *fault);
/* Of one who holds it for long: `event` is signalled when it ends, or is heard to have ended: ask session_check then,
 * and now and then. */
struct session_interest {
    struct list node;
    struct fiber_event *event;
};
void session_follow(struct session *session, struct session_interest *interest,
                    struct fiber_event *event);
void session_unfollow(struct session_interest *interest);
/* In a fiber. Logs out: the row is revoked before this answers OK. */
PEK_MUST_CHECK enum status session_close(struct session_cache *cache, struct cancel *cancel,
                                         struct slice token, struct arena *arena,
                                         struct fault *fault);
/* In a fiber. Ends one of the user's sessions, of this or another browser, by its handle. OK when it has ended
 * already, NOT_FOUND when the user has none of that handle that could still run. */
PEK_MUST_CHECK enum status session_revoke(struct session_cache *cache, struct cancel *cancel,
                                          struct slice user, struct slice handle,
                                          struct fault *fault);
/* In a fiber. Ends all of the user's sessions but `except` (a handle; empty: none is spared). */
PEK_MUST_CHECK enum status session_revoke_all(struct session_cache *cache, struct cancel *cancel,
                                              struct slice user, struct slice except,
                                              struct arena *arena, size_t *ret_count,
                                              struct fault *fault);
/* In a fiber: deletes rows that expired, some at a time. */
PEK_MUST_CHECK enum status session_purge(struct session_cache *cache, struct cancel *cancel,
                                         size_t *ret_count);
/* The key set changed: cookies of keys that are not in it any more are forgotten. */
void session_keys_changed(struct session_cache *cache);

/* The realm said that policies of these users changed; count 0: of everybody. Tokens and hints go. What it costs does
 * not depend on how many sessions there are: a realm may say so as often as it likes. */
void session_policies_changed(struct session_cache *cache, struct instance *instance,
                              const char *const *users, size_t count);

/* The session's credential for the instance, as it is now; one without anything while there is none. */
const struct credential *session_credential(struct session *session,
                                            const struct instance *instance);

/* Waits of a request for a credential. */
struct credential_waiter {
    struct list node;
    struct fiber_event *event;
    bool heard; /* what it waited for has ended */
};
/* READY, FAILED, or FETCHING: then `waiter` is signalled once it is one of the other two; withdraw before the
 * waiter goes away. Starts the fetch, which goes on under `trace` (copied; NULL: of no request). */
enum credential_state credential_get(struct session *session, struct instance *instance,
                                     const struct rpc_trace *trace,
                                     struct credential_waiter *waiter, struct fiber_event *event);
void credential_withdraw(struct credential_waiter *waiter);
/* The realm refused the token: it will be fetched anew. */
void credential_refused(struct session *session, struct instance *instance);
/* The user changed something in the realm. One that did not know them may do so now: it counts among theirs until it has
 * answered again. */
void session_changed_something(struct session *session, const struct instance *instance);
/* In a fiber: a realm that says now that the user is its administrator (GOD) or leads a group (GOD in GROUP), in the arena; NULL for none. All of theirs
 * are asked at once; who has not answered at `deadline_us` has said nothing. It is no more than what a realm says: nothing
 * that is not the realm's may depend on it. */
const char *session_find_god(struct session *session, const struct rpc_trace *trace,
                             int64_t deadline_us, struct arena *arena);

#endif
