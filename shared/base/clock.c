#include "shared/base/clock.h"

#include <time.h>

static int64_t clock_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_s(void)
{
    return clock_us(CLOCK_REALTIME) / 1000000;
}

int64_t clock_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t deadline_after_ms(int64_t ms)
{
    int64_t now = clock_monotonic_us();
    if (ms <= 0)
        return now;
    return ms > (INT64_MAX - now) / 1000 - 1 ? DEADLINE_NONE : now + ms * 1000;
}

int64_t deadline_left_ms(int64_t deadline_us)
{
    if (deadline_us == DEADLINE_NONE)
        return INT64_MAX;
    int64_t now = clock_monotonic_us();
    return deadline_us <= now ? 0 : (deadline_us - now - 1) / 1000 + 1;
}
