/* combine: one number of all items of a list, whatever realms they came from; (pek.routing).combine declares it.
 *
 * FUNCTION_ROOT_OF_SQUARES, the only one yet, is min(floor(sqrt(Σ x²)), max). Source of the formula: the predecessor's score
 * of a person over all groups. Exact for whatever realms say: sums that do not fit are as large as can be, and `max` then is
 * the number. No state but the struct's.
 */
#ifndef PEK_HUB_FEDERATION_COMBINE_H
#define PEK_HUB_FEDERATION_COMBINE_H

#include <stdint.h>

struct combine {
    uint64_t squares;
};

void combine_add(struct combine *combine, int32_t value);
uint32_t combine_value(const struct combine *combine, uint32_t max);

#endif
