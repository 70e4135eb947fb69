#include "bazel/tests/answer.h"

#if !defined(__x86_64__) && !defined(__aarch64__)
int answer(void)
{
    return 42;
}
#endif

int answer_twice(void)
{
    return 2 * answer();
}
