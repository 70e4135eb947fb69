/* announce: what hubs tell each other of sessions that ended.
 *
 * PostgreSQL tells: triggers NOTIFY in the transaction that revokes a session or disables a user, so nobody who
 * does either (this hub, another, an operator in psql) can forget to. When a Redis is configured, every hub also
 * passes on what it heard or did there: a second way, and a mark per ended session that outlives the message.
 *
 * Sessions are spoken of by handle (session_handle), never by id. Loop thread; what is told is told outside fibers
 * or inside any, and must not wait.
 */
#ifndef PEK_HUB_SESSION_ANNOUNCE_H
#define PEK_HUB_SESSION_ANNOUNCE_H

#include "hub/session/redis.h"
#include "shared/pg/pg.h"

#define ANNOUNCE_CHANNEL "pek_session"
#define ANNOUNCE_REDIS_TIMEOUT_MS 50

/* What names a session outside of this process and its database: 128 bits of the SHA-256 of its id, in hex. */
#define SESSION_HANDLE_CHARS 32
struct session_handle {
    char text[SESSION_HANDLE_CHARS + 1];
};
struct session_handle session_handle_of(struct slice id);

struct announce_events {
    void *arg;
    void (*session_ended)(void *arg, struct slice handle);
    void (*user_disabled)(void *arg, struct slice user);
    /* Something may have been missed until now. */
    void (*missed)(void *arg);
    /* For the log: Redis came or went; `reason` is "" when it came. */
    void (*redis_changed)(void *arg, bool up, const char *reason);
};

struct announcer {
    struct announce_events events;
    struct pg_listener *listener;
    struct redis *redis; /* NULL when none is configured */
    char name[80];       /* of the marks and the channel in Redis; has the issuer in it */
    int64_t mark_s;      /* how long a session can last at most */
    bool listening;      /* to PostgreSQL, without a gap since `missed` */
};

/* `mark_s` as above. */
PEK_MUST_CHECK enum status announcer_open(struct announcer *announcer, struct pg *pg,
                                          const struct redis_options *redis, const char *issuer,
                                          int64_t mark_s, const struct announce_events *events,
                                          struct fault *fault);
/* After the last fiber left. Run the loop once more afterwards. Idempotent. */
void announcer_close(struct announcer *announcer);

/* This hub ended the session (its row says so): tells those whom PostgreSQL may not reach. */
void announce_session_ended(struct announcer *announcer, struct slice handle);
/* In a fiber, while PostgreSQL cannot be asked: true when Redis knows that the session ended. False says nothing. */
bool announcer_knows_ended(struct announcer *announcer, struct slice handle);

#endif
