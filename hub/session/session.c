#include "hub/session/session.h"

#include <assert.h>
#include <stdlib.h>

#include "hub/session/credential.h"
#include "shared/base/clock.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

/* ---- life cycle -------------------------------------------------------------------------------- */

static void session_destroy(struct session *session)
{
    for (size_t i = 0; i < REGISTRY_INSTANCES_MAX; i++)
        credential_done(&session->credentials[i]);
    free(session->memory);
    free(session);
}

struct session *session_release(struct session *session)
{
    if (session && --session->references == 0)
        session_destroy(session);
    return NULL;
}

static void forget_entry(struct lru_entry *entry)
{
    session_release(LIST_ENTRY(entry, struct session, entry));
}

enum status session_cache_init(struct session_cache *cache, struct fibers *fibers,
                               const struct session_options *options)
{
    *cache = (struct session_cache){.fibers = fibers, .options = *options};
    return lru_init(&cache->lru, SESSIONS_MAX, forget_entry);
}

void session_cache_stop(struct session_cache *cache)
{
    struct fiber_event ended = {0};

    cache->stopping = &ended;
    while (cache->background > 0) {
        enum status status = fiber_event_wait(&ended, DEADLINE_NONE);
        assert(status == STATUS_OK);
        (void)status;
    }
    cache->stopping = NULL;
}

void session_cache_done(struct session_cache *cache)
{
    lru_done(&cache->lru);
}

void session_background_begin(struct session *session)
{
    session->references++;
    session->cache->background++;
}

void session_background_end(struct session *session)
{
    struct session_cache *cache = session->cache;

    session_release(session);
    cache->background--;
    if (cache->stopping)
        fiber_event_signal(cache->stopping);
}

/* ---- the cookie -------------------------------------------------------------------------------- */

static struct jwt_expect expected_cookie(const struct session_cache *cache)
{
    return (struct jwt_expect){
        .typ = JWT_TYP_SESSION,
        .iss = slice_str(cache->options.issuer),
        .aud = slice_str(cache->options.issuer),
        .leeway_s = JWT_LEEWAY_S,
        .lifetime_max_s = SESSION_LIFETIME_S,
        .sub_required = true,
        .sid_required = true,
    };
}

enum status session_open(struct session_cache *cache, struct cancel *cancel, struct slice user,
                         struct arena *arena, struct slice *ret_token, struct fault *fault)
{
    unsigned char random[16];
    char id[SESSION_ID_BYTES + 1];

    crypto_random(random, sizeof(random));
    base64url_encode(slice_make(random, sizeof(random)), id);
    enum status status =
        session_store_insert(cache->options.pg, cancel, slice_str(id), user, SESSION_LIFETIME_S);
    if (status == STATUS_NOT_FOUND)
        return fault_set(fault, status, "user", "there is no such user");
    if (status == STATUS_PERMISSION_DENIED)
        return fault_set(fault, status, "user", "this user is disabled");
    if (status)
        return fault_set(fault, status, NULL, "sessions cannot be stored now");
    int64_t now_s = clock_wall_s();
    const struct jwt_claims claims = {
        .iss = slice_str(cache->options.issuer),
        .aud = slice_str(cache->options.issuer),
        .sub = user,
        .sid = slice_str(id),
        .iat = now_s,
        .exp = now_s + SESSION_LIFETIME_S,
    };
    status = jwt_sign(cache->options.keys, JWT_TYP_SESSION, &claims, arena, ret_token);
    return status ? fault_set(fault, status, NULL, "the session cannot be signed") : STATUS_OK;
}

/* ---- finding ----------------------------------------------------------------------------------- */

static struct slice put(char **at, struct slice text)
{
    struct slice copy = slice_make(*at, text.len);
    if (text.len)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

static struct session *session_new(struct session_cache *cache, struct slice id,
                                   const struct session_row *row)
{
    struct session *session = calloc(1, sizeof(*session));
    size_t bytes = id.len + row->user_id.len + row->username.len + row->name.len;

    if (!session)
        return NULL;
    session->cache = cache;
    session->references = 1;
    session->memory = malloc(bytes + 1);
    for (size_t i = 0; i < REGISTRY_INSTANCES_MAX; i++)
        credential_init(&session->credentials[i]);
    if (!session->memory)
        return session_release(session);
    char *at = session->memory;
    session->id = put(&at, id);
    session->user_id = put(&at, row->user_id);
    session->username = put(&at, row->username);
    session->name = put(&at, row->name);
    session->expires_s = row->expires_s;
    session->touched_s = row->last_seen_s;
    session->seen_s = clock_wall_s();
    session->recheck_us = deadline_after_ms(SESSION_RECHECK_S * 1000);
    for (size_t i = 0; i < row->realm_count; i++) {
        struct instance *instance = registry_find(cache->options.registry, row->realms[i]);
        if (instance)
            session_credential(session, instance)->member = true;
    }
    return session;
}

static enum status refuse(struct fault *fault)
{
    return fault_set_reason(fault, STATUS_UNAUTHENTICATED, "SESSION_INVALID", NULL,
                            "log in: there is no running session for this cookie");
}

static enum status load(struct session_cache *cache, struct cancel *cancel, struct slice id,
                        struct arena *arena, struct session_row *ret_row, struct fault *fault)
{
    enum status status =
        session_store_load(cache->options.pg, cancel, id, SESSION_IDLE_S, arena, ret_row);
    if (status == STATUS_NOT_FOUND)
        return refuse(fault);
    if (status)
        return fault_set(fault, status, NULL, "sessions cannot be looked up now");
    return STATUS_OK;
}

/* Verifies the cookie, loads its row, remembers it. */
static enum status find_unknown(struct session_cache *cache, struct cancel *cancel,
                                struct slice token, struct slice key, struct arena *arena,
                                struct session **ret_session, struct fault *fault)
{
    const struct jwt_expect expect = expected_cookie(cache);
    struct jwt_claims claims;
    struct session_row row;

    cache->misses++;
    if (jwt_verify(cache->options.keys, &expect, token, arena, clock_wall_s(), &claims, NULL))
        return refuse(fault);
    enum status status = load(cache, cancel, claims.sid, arena, &row, fault);
    if (status)
        return status;
    if (!slice_equal(row.user_id, claims.sub))
        return refuse(fault);
    struct session *session = session_new(cache, claims.sid, &row);
    if (!session)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    session->references++; /* the caller's; the first one is the cache's */
    int64_t left_ms = (row.expires_s - clock_wall_s()) * 1000;
    /* When it does not fit, lru has released its reference and only this request has the session. */
    (void)!lru_insert(&cache->lru, key, deadline_after_ms(left_ms), &session->entry);
    *ret_session = session;
    return STATUS_OK;
}

static void run_touch(void *arg)
{
    struct session *session = arg;
    struct cancel cancel;

    cancel_init(&cancel, deadline_after_ms(CREDENTIAL_TIMEOUT_MS));
    /* Failing is harmless: the next request tries again. */
    if (session_store_touch(session->cache->options.pg, &cancel, session->id))
        session->touched_s = 0;
    session_background_end(session);
}

static void note_seen(struct session *session)
{
    int64_t now_s = clock_wall_s();

    session->seen_s = now_s;
    if (now_s - session->touched_s < SESSION_TOUCH_S)
        return;
    session->touched_s = now_s;
    session_background_begin(session);
    if (fiber_go(session->cache->fibers, run_touch, session))
        session_background_end(session);
}

enum status session_find(struct session_cache *cache, struct cancel *cancel, struct slice token,
                         struct arena *arena, struct session **ret_session, struct fault *fault)
{
    if (token.len == 0 || token.len > JWT_TOKEN_BYTES_MAX)
        return refuse(fault);
    struct sha256 digest = sha256(token);
    struct slice key = slice_make(digest.bytes, sizeof(digest.bytes));
    struct lru_entry *entry = lru_find(&cache->lru, key);
    if (!entry)
        return find_unknown(cache, cancel, token, key, arena, ret_session, fault);
    struct session *session = LIST_ENTRY(entry, struct session, entry);
    session->references++;
    cache->hits++;
    if (clock_wall_s() - session->seen_s > SESSION_IDLE_S ||
        clock_monotonic_us() > session->recheck_us) {
        struct session_row row;
        session->recheck_us = deadline_after_ms(SESSION_RECHECK_S * 1000);
        enum status status = load(cache, cancel, session->id, arena, &row, fault);
        /* A database that is down logs nobody out: what it said last holds until it is back. */
        if (status == STATUS_UNAUTHENTICATED) {
            lru_remove(&cache->lru, key);
            session_release(session);
            return status;
        }
    }
    note_seen(session);
    *ret_session = session;
    return STATUS_OK;
}

enum status session_close(struct session_cache *cache, struct cancel *cancel, struct slice token,
                          struct arena *arena, struct fault *fault)
{
    const struct jwt_expect expect = expected_cookie(cache);
    struct sha256 digest = sha256(token);
    struct jwt_claims claims;

    if (jwt_verify(cache->options.keys, &expect, token, arena, clock_wall_s(), &claims, NULL))
        return refuse(fault);
    enum status status = session_store_revoke(cache->options.pg, cancel, claims.sid);
    if (status)
        return fault_set(fault, status, NULL, "the session cannot be ended now; try again");
    lru_remove(&cache->lru, slice_make(digest.bytes, sizeof(digest.bytes)));
    return STATUS_OK;
}

/* ---- realms ------------------------------------------------------------------------------------ */

bool session_includes(const struct session *session, const struct instance *instance)
{
    const struct credential *credential = &session->credentials[instance->slot];
    return credential->generation != instance->generation || credential->member ||
           !credential->asked;
}

bool session_is_member(const struct session *session, const struct instance *instance)
{
    const struct credential *credential = &session->credentials[instance->slot];
    return credential->generation == instance->generation && credential->member;
}

void session_policies_changed(struct session_cache *cache, struct instance *instance,
                              const char *const *users, size_t count)
{
    LIST_FOR_EACH (node, &cache->lru.recency) {
        struct session *session =
            LIST_ENTRY(LIST_ENTRY(node, struct lru_entry, recency), struct session, entry);
        bool meant = count == 0;
        for (size_t i = 0; i < count && !meant; i++)
            meant = slice_equal_str(session->user_id, users[i]);
        if (meant)
            credential_drop(session_credential(session, instance));
    }
}
