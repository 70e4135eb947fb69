/* fuzz: what a fuzz target defines. It takes any bytes, returns 0, and proves by not crashing (and by its
 * own asserts) that they do no harm. See pek_cc_fuzz in bazel/pek.bzl. */
#ifndef PEK_BAZEL_FUZZ_FUZZ_H
#define PEK_BAZEL_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
