/* session_store: the hub's SQL about users, sessions and their realms. In fibers. */
#ifndef PEK_HUB_SESSION_SESSION_STORE_H
#define PEK_HUB_SESSION_SESSION_STORE_H

#include "shared/base/arena.h"
#include "shared/base/slice.h"
#include "shared/service/read.h"

#define SESSION_ID_BYTES 22 /* base64url of 128 random bits */

/* Of a session that may be used: not revoked, not expired, not idle too long, user not disabled. */
struct session_row {
    struct slice user_id, username, name; /* in the arena */
    int64_t avatar_version, person_version;
    int64_t expires_s, last_seen_s; /* wall clock */
    struct slice *realms;           /* in the arena */
    size_t realm_count;
};

/* NOT_FOUND when there is none that may be used. */
PEK_MUST_CHECK enum status session_store_load(struct pg *pg, struct cancel *cancel, struct slice id,
                                              int64_t idle_s, struct arena *arena,
                                              struct session_row *ret_row);
/* Also notes the login time, and ends the user's least recently used sessions over `running_max`. NOT_FOUND when the user is unknown, PERMISSION_DENIED when disabled. */
PEK_MUST_CHECK enum status session_store_insert(struct pg *pg, struct cancel *cancel,
                                                struct slice id, struct slice user,
                                                struct slice user_agent, int64_t lifetime_s,
                                                int64_t running_max);
PEK_MUST_CHECK enum status session_store_touch(struct pg *pg, struct cancel *cancel,
                                               struct slice id);
/* Idempotent. */
PEK_MUST_CHECK enum status session_store_revoke(struct pg *pg, struct cancel *cancel,
                                                struct slice id);
/* Asked anew each time: taking the right away holds at once. */
PEK_MUST_CHECK enum status session_store_is_admin(struct pg *pg, struct cancel *cancel,
                                                  struct slice user, bool *ret_admin);
/* The user's session of that handle, which may have ended already. NOT_FOUND when there is none that has not expired. */
PEK_MUST_CHECK enum status session_store_revoke_handle(struct pg *pg, struct cancel *cancel,
                                                       struct slice user, struct slice handle);
/* The user's running sessions but the one of handle `except`; their handles, in the arena. */
PEK_MUST_CHECK enum status session_store_revoke_all(struct pg *pg, struct cancel *cancel,
                                                    struct slice user, struct slice except,
                                                    struct arena *arena, struct slice **ret_handles,
                                                    size_t *ret_count);

/* A user's running sessions, as they are shown to that user: the read_next of a list of session_store_summary, the last
 * used first. The argument is a struct session_question. */
struct session_question {
    struct slice user, current; /* `current` is the handle of the session that asks */
    int64_t idle_s;
};
extern const struct row_type session_store_summary;
PEK_MUST_CHECK enum status session_store_list(const struct read_batch *batch, const void *arg,
                                              struct pg_result **ret_rows);
/* Deletes at most so many rows that expired. */
PEK_MUST_CHECK enum status session_store_purge(struct pg *pg, struct cancel *cancel,
                                               int64_t rows_max, size_t *ret_count);

PEK_MUST_CHECK enum status session_store_note_realm(struct pg *pg, struct cancel *cancel,
                                                    struct slice user, const char *realm,
                                                    bool member);

#endif
