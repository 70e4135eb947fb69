/* username: the name by which people find a user, chosen once at the first login.
 *
 * [a-z0-9._-]{3,30} beginning with a letter or digit; upper case is taken for lower case; not a reserved word
 * (the site's own paths, and names that would pass for the operators').
 */
#ifndef PEK_HUB_LOGIN_USERNAME_H
#define PEK_HUB_LOGIN_USERNAME_H

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"

#define USERNAME_CHARS_MIN 3
#define USERNAME_CHARS_MAX 30
#define USERNAME_CANDIDATES 10

/* What would be stored, in the arena. INVALID_ARGUMENT with a text for the person who typed it. */
PEK_MUST_CHECK enum status username_check(struct slice typed, struct arena *arena,
                                          struct slice *ret_username, struct fault *fault);

/* Names to offer to somebody of this name ("Kovács Béla" gives kovacs-bela, kovacs-bela-2 …), the best
 * first; every one passes username_check. Also for an empty name. RESOURCE_EXHAUSTED when the arena is full. */
PEK_MUST_CHECK enum status username_candidates(struct slice name, struct arena *arena,
                                               struct slice ret_candidates[USERNAME_CANDIDATES]);

#endif
