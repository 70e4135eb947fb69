/* audit_prune: takes what is older than some day out of a realm's audit log. For the operator; never by itself.
 *
 * It says first what would go. What went is itself a row of the log ("audit.prune": before when, and how many rows), written in the same
 * transaction. Months that only this realm has anything in are dropped whole. Positions in a group's history that were given
 * out lead on: what is gone is at its end.
 */
#ifndef PEK_WORKER_REALM_AUDIT_PRUNE_H
#define PEK_WORKER_REALM_AUDIT_PRUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/fault.h"

/* A month, "2026-09", and how many of its rows. */
typedef void (*audit_prune_told)(void *arg, const char *month, int64_t rows);

/* `before` is a day, "2026-09-01", which begins at midnight in Budapest and is not to come: INVALID_ARGUMENT. Only what
 * is before it goes, and only when `confirmed`. `conninfo` is of the owner or a superuser; UNAVAILABLE when that cannot be done: nothing
 * was. Blocks; not for the loop. */
PEK_MUST_CHECK enum status audit_prune(const char *conninfo, const char *realm, const char *before,
                                       bool confirmed, audit_prune_told told, void *arg,
                                       int64_t *ret_rows, struct fault *fault);

#endif
