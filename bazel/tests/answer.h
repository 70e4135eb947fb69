#ifndef PEK_BAZEL_TESTS_ANSWER_H
#define PEK_BAZEL_TESTS_ANSWER_H

/* 42, said in assembly where we have some for the processor. */
int answer(void);
int answer_twice(void);

#endif
