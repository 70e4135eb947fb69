/* invariants: what always holds of a realm's tables, asked of the tables themselves, whatever the program believes.
 * For the operator's command `verify` and for the end of tests. */
#ifndef PEK_WORKER_REALM_INVARIANTS_H
#define PEK_WORKER_REALM_INVARIANTS_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/fault.h"

/* Of each invariant: what it says, how many rows break it (0 is good), and one of them ("" of none). */
typedef void (*invariant_told)(void *arg, const char *name, int64_t broken, const char *example);

/* In one snapshot, as the owner of the tables (the application may not read the audit log) or a superuser. Blocks; not
 * for the loop. `ret_broken` is the number of invariants that do not hold. UNAVAILABLE, with libpq's words in the fault,
 * when the tables cannot be read. */
PEK_MUST_CHECK enum status invariants_verify(const char *conninfo, const char *realm,
                                             invariant_told told, void *arg, size_t *ret_broken,
                                             struct fault *fault);

#endif
