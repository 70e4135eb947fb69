#include "hub/session/announce.h"

#include <stdio.h>
#include <string.h>

#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

#define KEY_BYTES_MAX (80 + 8 + SESSION_HANDLE_CHARS + 1)

struct session_handle session_handle_of(struct slice id)
{
    struct sha256 digest = sha256(id);
    struct session_handle handle;

    hex_encode(slice_make(digest.bytes, SESSION_HANDLE_CHARS / 2), handle.text);
    return handle;
}

static bool is_handle(struct slice text)
{
    if (text.len != SESSION_HANDLE_CHARS)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!memchr("0123456789abcdef", text.ptr[i], 16))
            return false;
    }
    return true;
}

static struct slice key_of(const struct announcer *announcer, struct slice handle,
                           char ret_key[KEY_BYTES_MAX])
{
    int len = snprintf(ret_key, KEY_BYTES_MAX, "%s:ended:%.*s", announcer->name, SLICE_ARG(handle));
    return slice_make(ret_key, (size_t)len);
}

/* ---- hearing ----------------------------------------------------------------------------------- */

/* "session HANDLE" or "user ID"; anything else is from a newer hub and not for us. */
static void take(struct announcer *announcer, struct slice message)
{
    struct slice what = message;
    struct slice kind = slice_cut(&what, ' ');

    if (slice_equal_str(kind, "session") && is_handle(what))
        announcer->events.session_ended(announcer->events.arg, what);
    else if (slice_equal_str(kind, "user") && what.len > 0)
        announcer->events.user_disabled(announcer->events.arg, what);
}

static void mark(struct announcer *announcer, struct slice message)
{
    char key[KEY_BYTES_MAX];
    struct slice handle = message;
    struct slice kind = slice_cut(&handle, ' ');

    if (slice_equal_str(kind, "session") && is_handle(handle))
        redis_mark(announcer->redis, key_of(announcer, handle, key), announcer->mark_s);
}

/* What PostgreSQL told goes to Redis too, for hubs whose connection to PostgreSQL is broken; not the other way. */
static void pass_on(struct announcer *announcer, struct slice message)
{
    if (!announcer->redis)
        return;
    mark(announcer, message);
    redis_publish(announcer->redis, message);
}

static void on_notify(void *arg, struct slice channel, struct slice payload)
{
    struct announcer *announcer = arg;
    (void)channel;

    take(announcer, payload);
    pass_on(announcer, payload);
}

static void on_lost(void *arg)
{
    struct announcer *announcer = arg;

    announcer->listening = false;
    announcer->events.missed(announcer->events.arg);
}

static void on_listening(void *arg)
{
    struct announcer *announcer = arg;

    announcer->listening = true;
    announcer->events.missed(announcer->events.arg);
}

static void on_redis_message(void *arg, struct slice message)
{
    take(arg, message);
}

static void on_redis_up(void *arg)
{
    struct announcer *announcer = arg;

    announcer->events.redis_changed(announcer->events.arg, true, "");
    announcer->events.missed(announcer->events.arg);
}

static void on_redis_down(void *arg, const char *reason)
{
    struct announcer *announcer = arg;

    announcer->events.redis_changed(announcer->events.arg, false, reason);
}

/* ---- life cycle -------------------------------------------------------------------------------- */

enum status announcer_open(struct announcer *announcer, struct pg *pg,
                           const struct redis_options *options, const char *issuer, int64_t mark_s,
                           const struct announce_events *events, struct fault *fault)
{
    static const struct pg_listener_events listening = {on_notify, on_lost, on_listening};
    const struct redis_events redis = {announcer, on_redis_message, on_redis_up, on_redis_down};

    *announcer = (struct announcer){.events = *events, .mark_s = mark_s};
    snprintf(announcer->name, sizeof(announcer->name), "pek:%s", issuer);
    enum status status =
        pg_listen(pg, ANNOUNCE_CHANNEL, &listening, announcer, &announcer->listener);
    if (status)
        return fault_set(fault, status, NULL, "notifications cannot be listened to");
    if (!options->url || !options->url[0])
        return STATUS_OK;
    return redis_new(pg_fibers(pg), options, announcer->name, &redis, &announcer->redis, fault);
}

void announcer_close(struct announcer *announcer)
{
    announcer->listener = pg_listener_free(announcer->listener);
    announcer->redis = redis_free(announcer->redis);
}

/* ---- telling ----------------------------------------------------------------------------------- */

void announce_session_ended(struct announcer *announcer, struct slice handle)
{
    char message[8 + SESSION_HANDLE_CHARS + 1];
    int len = snprintf(message, sizeof(message), "session %.*s", SLICE_ARG(handle));

    pass_on(announcer, slice_make(message, (size_t)len));
}

bool announcer_knows_ended(struct announcer *announcer, struct slice handle)
{
    char key[KEY_BYTES_MAX];
    bool marked = false;

    return announcer->redis &&
           redis_marked(announcer->redis, key_of(announcer, handle, key), ANNOUNCE_REDIS_TIMEOUT_MS,
                        &marked) == STATUS_OK &&
           marked;
}
