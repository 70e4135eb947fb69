/* siphash: SipHash-2-4, the keyed hash for tables whose keys come from outside.
 *
 * Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#ifndef PEK_SHARED_BASE_SIPHASH_H
#define PEK_SHARED_BASE_SIPHASH_H

#include <stdint.h>

#include "shared/base/slice.h"

/* `key` is secret and random per process. */
uint64_t siphash(const uint64_t key[2], struct slice bytes);

#endif
