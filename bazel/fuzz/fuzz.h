/* fuzz: what a fuzz target defines. It takes any bytes, returns 0, and proves by not crashing (and by what must hold)
 * that they do no harm. See pek_cc_fuzz in bazel/pek.bzl. */
#ifndef PEK_BAZEL_FUZZ_FUZZ_H
#define PEK_BAZEL_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As assert, also where assertions are off; says which of them it was. */
#define must(holds)                                                                                \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fprintf(stderr, "%s:%d: must(%s)\n", __FILE__, __LINE__, #holds);                      \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
