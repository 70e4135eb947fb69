/* found: in which realm a session found something last.
 *
 * A question that any realm may answer is put to all of them, though ids hardly ever move. Who was found is looked for in the
 * same realm first, and everywhere when it is not there: so an entry is never more than a guess, which a collision of
 * two keys, a realm that left or a wrong one makes slower and not wrong. It is written only when all realms before that one said
 * that they do not have it, and holds for FOUND_MS: something of the same id in a realm before it is found after that.
 *
 * Bounded: FOUND_MAX entries a session, 24 bytes each, made when the first is written; a new entry takes the place of the old one that
 * shares its place. Nothing is shared between sessions.
 */
#ifndef PEK_HUB_SESSION_FOUND_H
#define PEK_HUB_SESSION_FOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"

#define FOUND_MAX 32
#define FOUND_MS 60000

struct found;

/* NULL without memory: then nothing is remembered. */
struct found *found_new(void);
/* Takes NULL, returns NULL. */
struct found *found_free(struct found *found);
/* `kind` is the namespace of the id. `generation` is of the realm's instance: its slot may be another realm's by the next time. */
void found_put(struct found *found, struct slice kind, struct slice id, uint64_t generation);
/* False when it is not known, or was found too long ago. `found` may be NULL. */
bool found_get(const struct found *found, struct slice kind, struct slice id,
               uint64_t *ret_generation);

#endif
