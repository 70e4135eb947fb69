#include "shared/log/log_limit.h"

bool log_limit_admits(struct log_limit *limit, int64_t now_us, uint64_t *ret_suppressed)
{
    if (now_us >= limit->window_end_us) {
        limit->window_end_us = now_us + LOG_LIMIT_WINDOW_MS * INT64_C(1000);
        limit->lines = 0;
    }
    if (limit->lines == LOG_LIMIT_LINES) {
        limit->suppressed++;
        return false;
    }
    limit->lines++;
    *ret_suppressed = limit->suppressed;
    limit->suppressed = 0;
    return true;
}
