/* api: an HTTP request under /api, from its route to its answer.
 *
 * How long a request may take is decided in one place (set_deadline in api.c) and stands in http_cancel's deadline:
 * request_timeout_ms, or export_timeout_ms for a stream without page size, or live_timeout_ms for one that goes on. The last line of a stream, its end or the
 * error with the cursor, has API_ENDING_MS of its own behind it. A hub that stops brings the end of its lists forward (api_end_streams).
 *
 * Route → CSRF → session → request message → realms → fan-out → answer. What a method needs is said by its
 * descriptor; there is no code for any one method here.
 *
 * Answers: a unary method gives one JSON object; a streaming one gives a page, NDJSON or an event stream, by
 * Accept. Each carries Server-Timing with one entry a realm.
 */
#ifndef PEK_HUB_API_API_H
#define PEK_HUB_API_API_H

#include "hub/api/shares.h"
#include "hub/federation/fanout.h"
#include "hub/http/http.h"
#include "hub/registry/registry.h"
#include "hub/session/session.h"
#include "hub/transcode/transcode.h"

#define API_PAGE_SIZE_DEFAULT 20
#define API_PAGE_SIZE_MAX 100
#define API_PAGE_BYTES_MAX (4u * 1024 * 1024)
#define API_ITEM_BYTES_MAX                                                                         \
    (1024u * 1024) /* of one item's JSON in a list; a larger one is its realm's fault */
#define API_FLUSH_BYTES                                                                            \
    (32u * 1024) /* NDJSON is written when so much is ready, or nothing more is */
#define API_EVENTS_RETRY                                                                           \
    "retry: 3000\n"        /* milliseconds until a browser asks again; part of the first event */
#define API_ENDING_MS 2000 /* for the last line of a stream whose time is up */
#define API_TOLD_MAX                                                                               \
    100 /* users of one request; of more, the realm is told nothing, and refuses them */
#define API_COOKIE "pek_session"
#define API_COOKIE_SECURE "__Host-pek_session"

/* Of the hub's key and of those it had before: the first seals page tokens, any opens them. The same on all hubs. */
#define API_PAGE_KEYS_MAX 9
struct api_page_keys {
    struct slice keys[API_PAGE_KEYS_MAX];
    size_t count;
};

struct api_options {
    const struct transcode *transcode;
    struct registry *registry;
    struct session_cache *sessions;
    struct rpc_channel *hub_channel; /* the hub's own services; a call carries the cookie's token */
    const struct api_page_keys *page_keys; /* may change while nobody is inside */
    const char *public_origin;             /* "https://pek.example"; "": whatever Host says */
    const char *const *cors_origins;       /* other origins that may use the API; see cors.h */
    size_t cors_origin_count;
    int64_t request_timeout_ms; /* 10 s */
    int64_t export_timeout_ms;  /* 60 s: a stream without page size */
    int64_t live_timeout_ms;    /* 1 h: an event stream that goes on with what is new */
    int64_t realm_timeout_ms;   /* 5 s: one call to one realm */
    int64_t straggler_ms;       /* how long the others may take once one realm answered */
    int64_t events_comment_ms;  /* 15 s: an event stream that has nothing to say sends a comment */
    uint64_t realm_items_max;   /* 1 000 000: of one realm in one list, over all its pages */
    struct api_limits limits;   /* of a user */
    void *people_arg;           /* of the next three */
    /* The id of whom a path names by an id, that of an account that was merged, or a username; empty: nobody's. In a fiber. */
    enum status (*named)(void *arg, struct cancel *cancel, struct slice who, struct arena *arena,
                         struct slice *ret_id);
    /* The realms that are known to know the user, joined by a space; in the arena. In a fiber. */
    enum status (*known_in)(void *arg, struct cancel *cancel, struct slice user,
                            struct arena *arena, struct slice *ret_realms);
    /* What the hub says of the users to a realm whose request names them: a pek.instance.v1.PeopleTold in bytes, in the
     * arena. In a fiber. */
    enum status (*tell)(void *arg, struct cancel *cancel, struct instance *instance,
                        const struct slice *users, size_t count, struct arena *arena,
                        struct slice *ret_told, struct fault *fault);
    struct tracer *tracer; /* each request is a span; NULL: none is recorded */
    void *arg;
    /* After each answer, for log and metrics; a request that was refused before has a `fanout` with nothing but its trace.
     * Never waits. */
    void (*finished)(void *arg, struct http_request *request, const struct transcode_method *method,
                     const struct session *session, const struct fanout *fanout,
                     const struct fault *fault);
};

struct api {
    struct api_options options;
    struct retry_budget budget;
    struct api_shares shares; /* of users */
    struct list streams;      /* struct api_call: lists that run */
    int64_t closing_us;       /* 0, or when they end; see api_end_streams */
};

PEK_MUST_CHECK enum status api_init(struct api *api, const struct api_options *options);
/* No request may be inside. A zeroed one is fine. */
void api_done(struct api *api);

/* The hub stops: lists that are not whole API_ENDING_MS before `until_us` end with UNAVAILABLE and a cursor. */
void api_end_streams(struct api *api, int64_t until_us);

/* On the request's fiber: answers it. */
void api_handle(struct api *api, struct http_request *request);

/* The n-th session cookie of the request; ptr NULL when there are no more (http_cookie has the limit). */
struct slice api_session_token(struct http_request *request, size_t n);
/* The session of the request: that of the first of its cookies which has one. The caller releases it. `ret_token` is
 * that cookie. UNAUTHENTICATED when none has. */
PEK_MUST_CHECK enum status api_find_session(const struct api *api, struct http_request *request,
                                            struct slice *ret_token, struct session **ret_session,
                                            struct fault *fault);
/* A body, if there is one, is JSON; no form of another site's page can send that. */
PEK_MUST_CHECK enum status api_check_json(struct http_request *request, struct fault *fault);
/* Refuses what a foreign page could make a browser send: for every request that changes something. */
PEK_MUST_CHECK enum status api_check_origin(const struct api *api, struct http_request *request,
                                            struct fault *fault);
/* A path that is there, asked with another verb than those in `allow` ("GET, HEAD"): 204 to OPTIONS, with what CORS
 * has to say, else 405. */
void api_reply_wrong_verb(const struct api *api, struct http_request *request, struct slice allow);
/* The reason of a fault that is 412. */
#define API_PRECONDITION_FAILED "PRECONDITION_FAILED"
/* The standard mapping of gRPC statuses, but 502 for DATA_LOSS, a realm that answers garbage, and what the fault's reason
 * has a code for: 412, 413, 415, 422. */
int api_http_code(const struct fault *fault);
/* Answers with the error body of DESIGN section 6, or problem+json when Accept asks; and Retry-After. */
void api_reply_fault(struct http_request *request, const struct fault *fault, int http_code);

#endif
