/* number: numbers to and from text, exactly; what strtol and printf leave to be got wrong. */
#ifndef PEK_SHARED_BASE_NUMBER_H
#define PEK_SHARED_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"

#define NUMBER_TEXT_BYTES 32

/* Decimal digits with at most a '-' before them, and nothing else; false also when it does not fit. */
bool number_parse(struct slice text, int64_t *ret_value);

/* The value of one hexadecimal digit, of either case; -1 when it is none. */
static inline int number_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The shortest decimal text that reads back as the same finite double, NUL-terminated; its length.
 * The locale's decimal point is the C locale's, as long as no program sets LC_NUMERIC: none does. */
size_t number_print(double value, char ret_text[NUMBER_TEXT_BYTES]);

#endif
