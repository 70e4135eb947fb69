/* bootstrap: how a realm gets its first administrator. */
#ifndef PEK_WORKER_REALM_BOOTSTRAP_H
#define PEK_WORKER_REALM_BOOTSTRAP_H

#include "shared/base/fault.h"

/* Makes the realm's GOD policy, unless it is there, and gives it to the user; twice is once. As the owner of the
 * tables or a superuser: the application's role may not. Blocks; not for the loop. */
PEK_MUST_CHECK enum status realm_bootstrap(const char *conninfo, const char *realm,
                                           const char *user, struct fault *fault);

#endif
