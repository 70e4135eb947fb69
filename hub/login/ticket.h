/* ticket: what the hub must remember of a browser that is not logged in, kept by the browser itself.
 *
 *     expiry "." base64url(field) "." … "." base64url(HMAC-SHA-256(key, kind ":" all before))
 *
 * Its holder can read a ticket; nobody without the key can make one, change one, or use one of another kind.
 * Nothing is kept on the hub, so that any hub with the key can open it. That a ticket is used once is not the
 * ticket's to say: see user_store_spend.
 */
#ifndef PEK_HUB_LOGIN_TICKET_H
#define PEK_HUB_LOGIN_TICKET_H

#include <stdint.h>

#include "shared/base/arena.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

#define TICKET_FIELDS_MAX 4
#define TICKET_BYTES_MAX                                                                           \
    3072 /* browsers keep 4096 bytes of a cookie, with its name and attributes */

/* RESOURCE_EXHAUSTED when it would be longer than TICKET_BYTES_MAX or the arena is full. `expires_s` is wall
 * time. `kind` is a literal. */
PEK_MUST_CHECK enum status ticket_seal(struct slice key, const char *kind, int64_t expires_s,
                                       const struct slice *fields, size_t count,
                                       struct arena *arena, struct slice *ret_ticket);
/* Fills `count` fields, in the arena. INVALID_ARGUMENT for whatever this key did not seal as this kind, or
 * has more or fewer fields; DEADLINE_EXCEEDED when it did, but the time is over. */
PEK_MUST_CHECK enum status ticket_open(struct slice key, const char *kind, struct slice ticket,
                                       int64_t now_s, struct arena *arena, struct slice *ret_fields,
                                       size_t count);

#endif
