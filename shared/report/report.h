/* report: the log lines that the hub and a worker write alike, of what a library told them. Libraries do not log: the
 * programs decide, and decide the same.
 */
#ifndef PEK_SHARED_REPORT_REPORT_H
#define PEK_SHARED_REPORT_REPORT_H

#include "shared/pg/pg.h"
#include "shared/rpc/rpc.h"

/* A call that took longer is worth a line. */
#define REPORT_SLOW_CALL_US 1000000

/* rpc.finished, of a call that a host of `realm` answered ("": the process's, as in shared/log): an error when it failed
 * for a reason of ours; a warning when it was slow and no stream, whose length is its reader's; info when it failed or was
 * slow otherwise, or when its traceparent says that the trace is recorded. What is left is everyday, and for debugging:
 * answers, calls that nobody waits for any more, and that something is not there or not allowed. The request id and the
 * trace id are those of the hub's api.finished. */
void report_call(const char *realm, struct rpc_ctx *ctx, const struct fault *outcome,
                 int64_t elapsed_us);
/* database.connection, .statement, .refused, .primary or .elsewhere: a lost connection comes back by itself, the rest wants somebody's
 * attention. `realm` as above. */
void report_database(const char *realm, const struct pg_trouble *trouble);

/* notifications.dropped: so many were in the realm's outbox for too long, or too many, and no hub collected them. */
void report_dropped(const char *realm, size_t notifications);

#endif
