/* outcome: what one realm's answer means for the whole request.
 *
 * The seventeen statuses fall into seven classes; the answer of several realms is chosen by class, never by
 * who answered first. Source of the order: DESIGN "Combine": for ANY the first OK, else INVALID, then any
 * realm not reached (503/504), then DENIED (403), then NOT_FOUND (404).
 */
#ifndef PEK_HUB_FEDERATION_OUTCOME_H
#define PEK_HUB_FEDERATION_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/fault.h"

/*          class        the more useful refusal has the higher rank */
#define OUTCOME_TABLE(X)                                                                           \
    X(STOPPED, 0)                                                                                  \
    X(OK, 0)                                                                                       \
    X(NOT_FOUND, 1)                                                                                \
    X(DENIED, 2)                                                                                   \
    X(TIMEOUT, 3)                                                                                  \
    X(UNAVAILABLE, 4)                                                                              \
    X(ERROR, 5)                                                                                    \
    X(INVALID, 6)

enum outcome {
#define OUTCOME_ENUM(name, rank) OUTCOME_##name,
    OUTCOME_TABLE(OUTCOME_ENUM)
#undef OUTCOME_ENUM
};

/* "UNAVAILABLE". Static storage. */
const char *outcome_name(enum outcome outcome);
enum outcome outcome_of(enum status status);
/* The realm did not give a usable answer: TIMEOUT, UNAVAILABLE or ERROR. */
bool outcome_unreachable(enum outcome outcome);

/* Of several refusals the most useful one: the index into `faults`, by rank of its class, the first of
 * equals. `count` is at least one and none is OK. */
size_t outcome_most_useful(const struct fault *const *faults, size_t count);

/* For ALL: what the whole request fails with. NULL when the merge goes on: no realm at all, or one OK, or some that could
 * not be reached. All DENIED or NOT_FOUND is 403 or 404; not one reached is 503/504. Each realm got the same question, so
 * INVALID refuses the whole request, unless as many answer it: who is in the minority is out of step, or means harm. One that
 * refuses what the others answer is named as unreachable; one that answers what the others refuse is not heard. */
const struct fault *outcome_all_refusal(const struct fault *const *faults, size_t count);

#endif
