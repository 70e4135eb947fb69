/* standing: how a user stands to a policy, and what that lets them do with it.
 *
 * Whoever holds a policy that can issue may create policies under it, and administers all below it. Nobody does
 * that to a policy that they merely hold. GOD may everything.
 */
#ifndef PEK_WORKER_RIGHTS_STANDING_H
#define PEK_WORKER_RIGHTS_STANDING_H

#include <stdbool.h>
#include <stdint.h>

/* Numbers of pek.PolicyRight. */
enum standing_right { STANDING_VIEW = 1, STANDING_ISSUE = 2, STANDING_ADMINISTER = 3 };

/* How a user stands to a policy. */
struct policy_standing {
    bool god;
    bool sees;        /* holds it or one above it */
    bool issues;      /* holds it, and it can issue */
    bool administers; /* holds one above it that can issue */
};

/* False for a number outside the enum. */
bool standing_allows(const struct policy_standing *standing, uint32_t right);

#endif
