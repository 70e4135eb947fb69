#include "tests/simulation/clock.h"

#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/simulation/random.h"

#define MONOTONIC_START_US INT64_C(1000000000)
#define WALL_START_S 1800000000

static int64_t passed_us;
static struct random bytes;

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *ret_time)
{
    int64_t now_us = MONOTONIC_START_US + passed_us;

    *ret_time = (struct timespec){.tv_sec = now_us / 1000000, .tv_nsec = now_us % 1000000 * 1000};
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
        ret_time->tv_sec += WALL_START_S;
    return 0;
}

__attribute__((visibility("default"))) ssize_t getrandom(void *to, size_t len, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)to)[i] = (unsigned char)random_next(&bytes);
    return (ssize_t)len;
}

void clock_begin(uint64_t seed)
{
    passed_us = 0;
    bytes.state = ~seed;
}

void clock_pass_us(int64_t us)
{
    passed_us += us;
}

int64_t clock_passed_us(void)
{
    return passed_us;
}

double clock_real_s(void)
{
    struct timespec time;

    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}
