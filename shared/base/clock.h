/* clock: the two clocks. Deadlines and ages are monotonic; what is shown or signed is wall time. */
#ifndef PEK_SHARED_BASE_CLOCK_H
#define PEK_SHARED_BASE_CLOCK_H

#include <stdint.h>

/* Microseconds since an arbitrary start; never goes back. */
int64_t clock_monotonic_us(void);
/* Seconds and microseconds since 1970-01-01 UTC. */
int64_t clock_wall_s(void);
int64_t clock_wall_us(void);

/* An absolute instant on the monotonic clock in microseconds; DEADLINE_NONE never comes. */
#define DEADLINE_NONE INT64_MAX
int64_t deadline_after_ms(int64_t ms);
/* Milliseconds left, rounded up, never negative; INT64_MAX for DEADLINE_NONE. */
int64_t deadline_left_ms(int64_t deadline_us);

#endif
