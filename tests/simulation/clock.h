/* clock: time that passes only when told to.
 *
 * clock.c has functions of the C library under their own names, so that this program and the libraries that it is linked with (libuv)
 * take them from there: clock_gettime, and getrandom, whose bytes follow from the seed.
 */
#ifndef PEK_TESTS_SIMULATION_CLOCK_H
#define PEK_TESTS_SIMULATION_CLOCK_H

#include <stdint.h>

/* From the beginning again, for another seed. */
void clock_begin(uint64_t seed);
void clock_pass_us(int64_t us);
/* Since clock_begin. */
int64_t clock_passed_us(void);
/* The time outside. */
double clock_real_s(void);

#endif
