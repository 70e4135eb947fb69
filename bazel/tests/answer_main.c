#include <stdio.h>

#include "bazel/tests/answer.h"

int main(void)
{
    printf("%d\n", answer_twice());
    return 0;
}
