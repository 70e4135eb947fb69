/* deadlines: which of many waiting calls runs out of time next; one timer for all of them.
 *
 * A binary heap, intrusive. Only calls that have to wait enter it: one that answers at once costs nothing.
 * Loop thread only.
 */
#ifndef PEK_SHARED_RPC_DEADLINES_H
#define PEK_SHARED_RPC_DEADLINES_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/status.h"

struct uv_loop_s;
struct deadlines;

struct deadline {
    int64_t at_us;                             /* monotonic */
    void (*passed)(struct deadline *deadline); /* called once; the deadline was removed before */
    size_t position;                           /* deadlines'; 0: not in a heap */
};

PEK_MUST_CHECK enum status deadlines_new(struct uv_loop_s *loop, struct deadlines **ret_deadlines);
/* Closes its timer: run the loop once more afterwards. Takes NULL, returns NULL. */
struct deadlines *deadlines_free(struct deadlines *deadlines);
/* DEADLINE_NONE is not entered, and is no failure. */
PEK_MUST_CHECK enum status deadlines_add(struct deadlines *deadlines, struct deadline *deadline);
/* Harmless when it is not in the heap. */
void deadlines_remove(struct deadlines *deadlines, struct deadline *deadline);

#endif
