#include "hub/session/session.h"

#include <assert.h>
#include <stdlib.h>

#include "hub/session/credential.h"
#include "hub/session/ending.h"
#include "hub/session/permission.h"
#include "shared/base/clock.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

/* ---- life cycle -------------------------------------------------------------------------------- */

static void session_destroy(struct session *session)
{
    session_index_remove(session);
    credentials_free(session);
    found_free(session->found);
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
    entry->key = NULL; /* it is not remembered, and heard of for as long as somebody holds it */
    session_release(LIST_ENTRY(entry, struct session, entry));
}

enum status session_cache_init(struct session_cache *cache, struct fibers *fibers,
                               const struct session_options *options, struct fault *fault)
{
    *cache = (struct session_cache){.fibers = fibers, .options = *options};
    cancel_init(&cache->closing, DEADLINE_NONE);
    enum status status = lru_init(&cache->lru, SESSIONS_MAX, forget_entry);
    if (!status)
        status = session_index_init(&cache->index);
    return status ? fault_set(fault, status, NULL, "out of memory") : ending_open(cache, fault);
}

void session_cache_stop(struct session_cache *cache)
{
    struct fiber_event ended = {0};

    cache->stopping = &ended;
    cancel_fire(&cache->closing);
    while (cache->background > 0) {
        enum status status = fiber_event_wait(&ended, DEADLINE_NONE);
        assert(status == STATUS_OK);
        (void)status;
    }
    cache->stopping = NULL;
}

void session_cache_done(struct session_cache *cache)
{
    announcer_close(&cache->announcer);
    lru_done(&cache->lru);
    session_index_done(&cache->index);
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
    session_fiber_ended(cache);
}

void session_fiber_ended(struct session_cache *cache)
{
    cache->background--;
    if (cache->stopping)
        fiber_event_signal(cache->stopping);
}

/* ---- the cookie -------------------------------------------------------------------------------- */

struct jwt_expect session_cookie(const struct session_cache *cache)
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

/* Bytes that are no character would be refused by the database. */
static struct slice printable(struct slice text, char kept[SESSION_USER_AGENT_BYTES_MAX])
{
    size_t len = 0;

    for (size_t i = 0; i < text.len && len < SESSION_USER_AGENT_BYTES_MAX; i++)
        if (text.ptr[i] >= 0x20 && text.ptr[i] < 0x7F)
            kept[len++] = text.ptr[i];
    return slice_make(kept, len);
}

enum status session_open(struct session_cache *cache, struct cancel *cancel, struct slice user,
                         struct slice user_agent, struct arena *arena, struct slice *ret_token,
                         struct fault *fault)
{
    unsigned char random[16];
    char id[SESSION_ID_BYTES + 1], kept[SESSION_USER_AGENT_BYTES_MAX];

    crypto_random(random, sizeof(random));
    base64url_encode(slice_make(random, sizeof(random)), id);
    enum status status = session_store_insert(cache->options.service.pg, cancel, slice_str(id),
                                              user, printable(user_agent, kept), SESSION_LIFETIME_S,
                                              SESSIONS_PER_USER_MAX);
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

/* What hub.user_realm says. A realm that said it does not know the user, before it was known there that it does, is asked anew. */
static void take_realms(struct session *session, const struct session_row *row)
{
    for (size_t i = 0; i < row->realm_count; i++) {
        struct instance *instance = registry_find(session->cache->options.registry, row->realms[i]);
        struct credential *credential = instance ? credential_make(session, instance) : NULL;
        if (!credential || credential->member) /* without memory: as if not asked yet */
            continue;
        credential_drop(credential);
        credential->member = true;
    }
}

static struct session *session_new(struct session_cache *cache, const struct jwt_claims *claims,
                                   const struct session_row *row, int64_t asked_us)
{
    struct session *session = calloc(1, sizeof(*session));
    size_t bytes =
        claims->sid.len + claims->kid.len + row->user_id.len + row->username.len + row->name.len;

    if (!session)
        return NULL;
    session->cache = cache;
    session->references = 1;
    session->memory = malloc(bytes + 1);
    list_init(&session->by_user);
    list_init(&session->by_handle);
    list_init(&session->followers);
    if (!session->memory)
        return session_release(session);
    char *at = session->memory;
    session->id = put(&at, claims->sid);
    session->kid = put(&at, claims->kid);
    session->handle = session_handle_of(session->id);
    session->user_id = put(&at, row->user_id);
    session->username = put(&at, row->username);
    session->name = put(&at, row->name);
    session->avatar_version = row->avatar_version;
    session->person_version = row->person_version;
    session->expires_s = row->expires_s;
    session->touched_s = row->last_seen_s;
    session->seen_s = clock_wall_s();
    session->asked_us = session->confirmed_us = asked_us;
    take_realms(session, row);
    return session;
}

enum status session_refuse(struct fault *fault)
{
    return fault_set_reason(fault, STATUS_UNAUTHENTICATED, "SESSION_INVALID", NULL,
                            "log in: there is no running session for this cookie");
}

static enum status load(struct session_cache *cache, struct cancel *cancel, struct slice id,
                        int64_t idle_s, struct arena *arena, struct session_row *ret_row,
                        struct fault *fault)
{
    enum status status =
        session_store_load(cache->options.service.pg, cancel, id, idle_s, arena, ret_row);
    if (status == STATUS_NOT_FOUND)
        return session_refuse(fault);
    if (status)
        return fault_set(fault, status, NULL, "sessions cannot be looked up now");
    /* A standby may not have heard of its end. */
    if (pg_is_without_primary(cache->options.service.pg) &&
        announcer_knows_ended(&cache->announcer, slice_str(session_handle_of(id).text)))
        return session_refuse(fault);
    return STATUS_OK;
}

static void run_touch(void *arg)
{
    struct session *session = arg;
    struct cancel cancel;

    cancel_init(&cancel, deadline_after_ms(CREDENTIAL_TIMEOUT_MS));
    /* Failing is harmless: the next request tries again. */
    if (session_store_touch(session->cache->options.service.pg, &cancel, session->id))
        session->touched_s = 0;
    session_background_end(session);
}

static void note_seen(struct session *session)
{
    int64_t now_s = clock_wall_s();
    int64_t ago_s = now_s - session->touched_s; /* less than 0: the clock went back */

    session->seen_s = now_s;
    if (ago_s >= 0 && ago_s < SESSION_TOUCH_S)
        return;
    session->touched_s = now_s;
    session_background_begin(session);
    if (fiber_go(session->cache->fibers, run_touch, session))
        session_background_end(session);
}

/* Verifies the cookie, loads its row, remembers it. */
static enum status find_unknown(struct session_cache *cache, struct cancel *cancel,
                                struct slice token, struct slice key, struct arena *arena,
                                struct session **ret_session, struct fault *fault)
{
    const struct jwt_expect expect = session_cookie(cache);
    struct jwt_claims claims;
    struct session_row row;
    uint64_t endings = cache->endings;
    int64_t asked_us = clock_monotonic_us();

    cache->misses++;
    if (jwt_verify(cache->options.keys, &expect, token, arena, clock_wall_s(), &claims, NULL))
        return session_refuse(fault);
    enum status status = load(cache, cancel, claims.sid, SESSION_IDLE_S, arena, &row, fault);
    if (status)
        return status;
    if (!slice_equal(row.user_id, claims.sub))
        return session_refuse(fault);
    /* Of requests that came together the first has made it by now: they share it, and its tokens. */
    struct lru_entry *entry = lru_find(&cache->lru, key);
    struct session *session = entry ? LIST_ENTRY(entry, struct session, entry) : NULL;
    if (session && !session->ended) {
        session->references++;
        *ret_session = session;
        return STATUS_OK;
    }
    session = session_new(cache, &claims, &row, asked_us);
    if (!session)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    if (endings != cache->endings)
        session->asked_us = INT64_MIN; /* it may be the one that ended meanwhile */
    session->references++;             /* the caller's; the first one is the cache's */
    session_index_add(&cache->index, session);
    int64_t left_ms = (row.expires_s - clock_wall_s()) * 1000;
    /* When it does not fit, lru has released its reference and only this request has the session. */
    (void)!lru_insert(&cache->lru, key, deadline_after_ms(left_ms), &session->entry);
    note_seen(session);
    *ret_session = session;
    return STATUS_OK;
}

static bool is_idle(const struct session *session)
{
    return clock_wall_s() - session->seen_s > SESSION_IDLE_S;
}

static bool is_due(const struct session *session)
{
    const struct session_cache *cache = session->cache;
    int64_t age_us = clock_monotonic_us() - session->asked_us;
    int64_t age_max_us =
        (cache->announcer.listening ? SESSION_RECHECK_S * 1000 : SESSION_RECHECK_DEAF_MS) *
        INT64_C(1000);

    return session->asked_us <= cache->missed_us || age_us > age_max_us || is_idle(session);
}

/* Asks the row of a session that is remembered. A database that does not answer logs nobody out, unless Redis
 * knows better or it has been away for too long. */
static enum status recheck(struct session *session, struct cancel *cancel, struct arena *arena,
                           struct fault *fault)
{
    struct session_cache *cache = session->cache;
    struct session_row row;
    struct fault why = {0};
    struct cancel bounded;
    uint64_t endings = cache->endings;

    int64_t began_us = clock_monotonic_us();
    if (is_due(session))
        session->asked_us = began_us;
    cancel_init(&bounded, deadline_after_ms(SESSION_RECHECK_TIMEOUT_MS));
    if (cancel->deadline_us < bounded.deadline_us)
        bounded.deadline_us = cancel->deadline_us;
    cache->rechecks++;
    /* Whom this hub has seen is not idle, though that could perhaps not be noted; the row may tell of another hub. */
    enum status status =
        load(cache, &bounded, session->id, is_idle(session) ? SESSION_IDLE_S : SESSION_LIFETIME_S,
             arena, &row, &why);
    if (!status) {
        session->confirmed_us = began_us;
        take_realms(session, &row);
    }
    if (!status && endings != cache->endings)
        session->asked_us = INT64_MIN;
    if (status && status != STATUS_UNAUTHENTICATED &&
        announcer_knows_ended(&cache->announcer, slice_str(session->handle.text)))
        status = STATUS_UNAUTHENTICATED;
    if (status == STATUS_UNAUTHENTICATED) {
        session->ended = true;
        return session_refuse(fault);
    }
    if (status && session->confirmed_us == SESSION_NEVER_US)
        session->asked_us = SESSION_NEVER_US; /* whoever comes next asks again */
    return STATUS_OK;
}

static bool is_trusted(const struct session *session)
{
    return clock_monotonic_us() - session->confirmed_us <= SESSION_TRUST_S * INT64_C(1000000);
}

/* What was good too long ago is no help while another request is asking: this one asks as well. */
static bool asks_along(const struct session *session)
{
    return !is_trusted(session) &&
           clock_monotonic_us() - session->asked_us < SESSION_RECHECK_TIMEOUT_MS * INT64_C(1000);
}

enum status session_check(struct session *session, struct cancel *cancel, struct arena *arena,
                          struct fault *fault)
{
    bool asks = is_due(session) || asks_along(session);
    enum status status = asks ? recheck(session, cancel, arena, fault) : STATUS_OK;

    /* It may have ended while this fiber waited. */
    if (!status && session->ended)
        status = session_refuse(fault);
    if (status)
        return status;
    if (!is_trusted(session))
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "sessions cannot be looked up now");
    return STATUS_OK;
}

void session_follow(struct session *session, struct session_interest *interest,
                    struct fiber_event *event)
{
    interest->event = event;
    list_append(&session->followers, &interest->node);
}

void session_unfollow(struct session_interest *interest)
{
    list_remove(&interest->node);
}

static enum status find_known(struct session *session, struct cancel *cancel, struct slice key,
                              struct arena *arena, struct fault *fault)
{
    struct session_cache *cache = session->cache;
    enum status status = session_check(session, cancel, arena, fault);

    if (status == STATUS_UNAUTHENTICATED) {
        /* By now another may stand under this key. */
        struct lru_entry *entry = lru_find(&cache->lru, key);
        if (entry == &session->entry)
            lru_remove(&cache->lru, key);
    }
    if (status)
        return status;
    note_seen(session);
    return STATUS_OK;
}

enum status session_find(struct session_cache *cache, struct cancel *cancel, struct slice token,
                         struct arena *arena, struct session **ret_session, struct fault *fault)
{
    if (token.len == 0 || token.len > JWT_TOKEN_BYTES_MAX)
        return session_refuse(fault);
    struct sha256 digest = sha256(token);
    struct slice key = slice_make(digest.bytes, sizeof(digest.bytes));
    struct lru_entry *entry = lru_find(&cache->lru, key);
    if (!entry)
        return find_unknown(cache, cancel, token, key, arena, ret_session, fault);
    struct session *session = LIST_ENTRY(entry, struct session, entry);
    session->references++;
    cache->hits++;
    enum status status = find_known(session, cancel, key, arena, fault);
    if (status)
        session_release(session);
    else
        *ret_session = session;
    return status;
}

/* ---- realms ------------------------------------------------------------------------------------ */

/* Looked at, it is dropped, as if everybody's had changed; see credential.c. It is made when there is none: a realm that says something
 * of the user may know them, and is asked before others. */
static void drop_credential(struct session *session, void *arg)
{
    struct credential *credential = credential_make(session, arg);

    if (credential)
        credential->changes = CREDENTIAL_OUTDATED;
    (void)session_credential(session, arg);
}

void session_policies_changed(struct session_cache *cache, struct instance *instance,
                              const char *const *users, size_t count)
{
    if (count == 0)
        instance->policy_changes++;
    for (size_t i = 0; i < count; i++) {
        permission_user_changed(instance, slice_str(users[i]));
        session_index_of_user(&cache->index, slice_str(users[i]), drop_credential, instance);
    }
}
