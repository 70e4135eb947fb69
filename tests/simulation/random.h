/* random: all chance of a seed, in the order in which it is asked for (splitmix64, https://prng.di.unimi.it/splitmix64.c). */
#ifndef PEK_TESTS_SIMULATION_RANDOM_H
#define PEK_TESTS_SIMULATION_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t x = random->state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* Both included. */
static inline int64_t random_between(struct random *random, int64_t least, int64_t most)
{
    return least + (int64_t)(random_next(random) % (uint64_t)(most - least + 1));
}

static inline bool random_chance(struct random *random, unsigned percent)
{
    return random_next(random) % 100 < percent;
}

#endif
