#include "hub/federation/combine.h"

void combine_add(struct combine *combine, int32_t value)
{
    uint64_t square = (uint64_t)((int64_t)value * value);

    if (__builtin_add_overflow(combine->squares, square, &combine->squares))
        combine->squares = UINT64_MAX;
}

uint32_t combine_value(const struct combine *combine, uint32_t max)
{
    uint64_t low = 0, high = max;

    /* The largest number up to max whose square is not more. */
    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;
        if (middle * middle <= combine->squares)
            low = middle;
        else
            high = middle - 1;
    }
    return (uint32_t)low;
}
