/* log_limit: how often one thing may be said.
 *
 * Whoever can bring a line about at will (a peer that flaps) must not fill the disk with it, nor hide what others say.
 * One limit a peer and event: LOG_LIMIT_LINES in LOG_LIMIT_WINDOW_MS; the next line after that says how many were not
 * written. Pure: the caller gives the time. Plain memory, zero-initialised is ready.
 */
#ifndef PEK_SHARED_LOG_LOG_LIMIT_H
#define PEK_SHARED_LOG_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_LIMIT_LINES 5
#define LOG_LIMIT_WINDOW_MS 10000

struct log_limit {
    int64_t window_end_us; /* monotonic */
    unsigned lines;        /* of the window */
    uint64_t suppressed;   /* since the last line that was written */
};

/* Whether a line may be written now. Then `ret_suppressed` says how many were not before it, to be said with it. */
bool log_limit_admits(struct log_limit *limit, int64_t now_us, uint64_t *ret_suppressed);

#endif
