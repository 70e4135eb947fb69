#include "hub/session/ending.h"

#include "shared/base/clock.h"
#include "shared/service/change.h"

/* ---- forgetting -------------------------------------------------------------------------------- */

/* The next request finds the row again; who holds it for longer asks it, and believes nothing until then. */
static void forget(struct session *session, void *arg)
{
    struct session_cache *cache = arg;
    const struct lru_entry *entry = &session->entry;

    session->asked_us = session->confirmed_us = SESSION_NEVER_US;
    LIST_FOR_EACH (node, &session->followers)
        fiber_event_signal(LIST_ENTRY(node, struct session_interest, node)->event);
    if (entry->key)
        lru_remove(&cache->lru, slice_make(entry->key, entry->key_len));
}

static void forget_ended(struct session *session, void *arg)
{
    session->ended = true;
    forget(session, arg);
}

/* Walks all that is remembered, which only whoever runs the hub can make it do. */
void session_keys_changed(struct session_cache *cache)
{
    cache->endings++;
    LIST_FOR_EACH (node, &cache->lru.recency) {
        struct session *session =
            LIST_ENTRY(LIST_ENTRY(node, struct lru_entry, recency), struct session, entry);
        if (!jwt_keys_find(cache->options.keys, session->kid))
            forget_ended(session, cache);
    }
}

/* ---- hearing ----------------------------------------------------------------------------------- */

static void session_ended(void *arg, struct slice handle)
{
    struct session_cache *cache = arg;

    cache->endings++;
    session_index_of_handle(&cache->index, handle, forget, cache);
}

static void user_disabled(void *arg, struct slice user)
{
    struct session_cache *cache = arg;

    cache->endings++;
    session_index_of_user(&cache->index, user, forget, cache);
}

static void missed(void *arg)
{
    struct session_cache *cache = arg;
    cache->missed_us = clock_monotonic_us();
}

static void redis_changed(void *arg, bool up, const char *reason)
{
    const struct session_cache *cache = arg;

    if (cache->options.on_redis)
        cache->options.on_redis(cache->options.arg, up, reason);
}

/* ---- purging: what is too old in the hub's tables ------------------------------------------------ */

enum status session_purge(struct session_cache *cache, struct cancel *cancel, size_t *ret_count)
{
    size_t all = 0, count = SESSION_PURGE_ROWS;

    for (int i = 0; i < SESSION_PURGE_BATCHES_MAX && count == SESSION_PURGE_ROWS; i++) {
        enum status status =
            session_store_purge(cache->options.service.pg, cancel, SESSION_PURGE_ROWS, &count);
        if (status)
            return status;
        all += count;
    }
    *ret_count = all;
    return STATUS_OK;
}

static void run_purge(void *arg)
{
    struct session_cache *cache = arg;
    struct cancel cancel;
    size_t count;

    while (!cache->closing.cancelled) {
        cache->closing.deadline_us = deadline_after_ms(SESSION_PURGE_EVERY_MS);
        (void)!fiber_event_wait_cancel(&cache->wake, &cache->closing);
        if (cache->closing.cancelled)
            break;
        cancel_init(&cancel, deadline_after_ms(CREDENTIAL_TIMEOUT_MS));
        /* Rows that stay cost space until the next time. */
        (void)!session_purge(cache, &cancel, &count);
        (void)!change_forget_keys(&cache->options.service, &cancel);
    }
    session_fiber_ended(cache);
}

enum status ending_open(struct session_cache *cache, struct fault *fault)
{
    const struct session_options *options = &cache->options;
    const struct announce_events events = {cache, session_ended, user_disabled, missed,
                                           redis_changed};

    missed(cache);
    enum status status = announcer_open(&cache->announcer, options->service.pg, &options->redis,
                                        options->issuer, SESSION_LIFETIME_S, &events, fault);
    if (status)
        return status;
    cache->background++;
    status = fiber_go(cache->fibers, run_purge, cache);
    if (status)
        cache->background--;
    return status ? fault_set(fault, status, NULL, "no fiber to purge sessions") : STATUS_OK;
}

/* ---- ending ------------------------------------------------------------------------------------ */

static enum status cannot_end(struct fault *fault, enum status status)
{
    return fault_set(fault, status, NULL, "the session cannot be ended now; try again");
}

static void end(struct session_cache *cache, struct slice handle)
{
    cache->endings++;
    session_index_of_handle(&cache->index, handle, forget_ended, cache);
    announce_session_ended(&cache->announcer, handle);
}

enum status session_close(struct session_cache *cache, struct cancel *cancel, struct slice token,
                          struct arena *arena, struct fault *fault)
{
    const struct jwt_expect expect = session_cookie(cache);
    struct jwt_claims claims;

    if (jwt_verify(cache->options.keys, &expect, token, arena, clock_wall_s(), &claims, NULL))
        return session_refuse(fault);
    enum status status = session_store_revoke(cache->options.service.pg, cancel, claims.sid);
    if (status)
        return cannot_end(fault, status);
    struct session_handle handle = session_handle_of(claims.sid);
    end(cache, slice_str(handle.text));
    return STATUS_OK;
}

enum status session_revoke(struct session_cache *cache, struct cancel *cancel, struct slice user,
                           struct slice handle, struct fault *fault)
{
    enum status status =
        session_store_revoke_handle(cache->options.service.pg, cancel, user, handle);

    if (status == STATUS_NOT_FOUND)
        return fault_set(fault, status, "id", "you have no such session");
    if (status)
        return cannot_end(fault, status);
    end(cache, handle);
    return STATUS_OK;
}

enum status session_revoke_all(struct session_cache *cache, struct cancel *cancel,
                               struct slice user, struct slice except, struct arena *arena,
                               size_t *ret_count, struct fault *fault)
{
    struct slice *handles;
    size_t count;
    enum status status = session_store_revoke_all(cache->options.service.pg, cancel, user, except,
                                                  arena, &handles, &count);

    if (status)
        return cannot_end(fault, status);
    for (size_t i = 0; i < count; i++)
        end(cache, handles[i]);
    *ret_count = count;
    return STATUS_OK;
}
