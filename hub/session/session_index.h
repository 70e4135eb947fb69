/* session_index: the sessions in memory, those that are remembered and those that somebody holds, by user and by handle.
 *
 * What others say of sessions (a realm whose policies changed, a logout elsewhere, rows that were purged) comes as
 * often as they like; each is a look into a table, and not a walk over all that is remembered. Chained, with keyed
 * hashes, of a fixed size. Owns nothing.
 */
#ifndef PEK_HUB_SESSION_SESSION_INDEX_H
#define PEK_HUB_SESSION_SESSION_INDEX_H

#include <stdint.h>

#include "shared/base/list.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

#define SESSION_INDEX_BUCKETS 16384 /* of each kind; a power of two, about SESSIONS_MAX */

struct session;

struct session_index {
    struct list *users, *handles;
    uint64_t seed[2];
};

/* RESOURCE_EXHAUSTED without memory. */
PEK_MUST_CHECK enum status session_index_init(struct session_index *index);
/* Also of a zeroed one. */
void session_index_done(struct session_index *index);
void session_index_add(struct session_index *index, struct session *session);
/* Harmless when it is not in an index. */
void session_index_remove(struct session *session);
/* Each session of the user, or of the handle; `visit` may remove the one that it is given. */
void session_index_of_user(struct session_index *index, struct slice user,
                           void (*visit)(struct session *session, void *arg), void *arg);
void session_index_of_handle(struct session_index *index, struct slice handle,
                             void (*visit)(struct session *session, void *arg), void *arg);

#endif
