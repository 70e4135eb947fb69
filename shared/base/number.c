#include "shared/base/number.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool number_parse(struct slice text, int64_t *ret_value)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    size_t i = negative ? 1 : 0;
    if (i == text.len)
        return false;
    /* Summed up below zero, where there is room for one number more than above. */
    int64_t value = 0;
    for (; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, text.ptr[i] - '0', &value))
            return false;
    }
    if (!negative && __builtin_sub_overflow(0, value, &value))
        return false;
    *ret_value = value;
    return true;
}

size_t number_print(double value, char ret_text[NUMBER_TEXT_BYTES])
{
    assert(isfinite(value));
    /* 15 digits survive from text to double and back, 17 from double to text and back. */
    int len = 0;
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(ret_text, NUMBER_TEXT_BYTES, "%.*g", digits, value);
        if (strtod(ret_text, NULL) == value)
            break;
    }
    return (size_t)len;
}
