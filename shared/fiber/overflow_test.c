#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "shared/fiber/fiber.h"

#define SETUP_FAILED 101

/* Not a tail call, and deep enough for any stack. */
__attribute__((noinline)) static int descend(int depth)
{
    volatile char frame[512];
    frame[0] = (char)depth;
    return depth > 100000000 ? 0 : descend(depth + 1) + frame[0];
}

static void overflow(void *arg)
{
    *(int *)arg = descend(0);
}

static void null_write(void *arg)
{
    **(int *volatile *)arg = 1;
}

/* Runs the body on a fiber in a child; what it wrote to stderr, and how it ended. */
static int run_child(void (*body)(void *arg), void *arg, char *text, size_t text_bytes)
{
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(pipe_fds[1], STDERR_FILENO);
        close(pipe_fds[0]);
        signal(SIGABRT, SIG_DFL);
        signal(SIGSEGV, SIG_DFL); /* cmocka's */
        uv_loop_t loop;
        struct fibers *fibers;
        if (uv_loop_init(&loop) != 0 || fibers_new(&loop, NULL, &fibers) != STATUS_OK)
            _exit(SETUP_FAILED);
        if (fiber_go(fibers, body, arg) != STATUS_OK)
            _exit(SETUP_FAILED);
        _exit(0);
    }
    close(pipe_fds[1]);
    size_t len = 0;
    for (ssize_t got; (got = read(pipe_fds[0], text + len, text_bytes - 1 - len)) > 0;)
        len += (size_t)got;
    text[len] = '\0';
    close(pipe_fds[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void overflow_says_so_and_aborts(void **state)
{
    (void)state;
    static char text[8192];
    int result;
    int status = run_child(overflow, &result, text, sizeof(text));
    assert_non_null(strstr(text, "fiber stack overflow"));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void another_fault_is_not_called_an_overflow(void **state)
{
    (void)state;
    static char text[65536];
    int *nowhere = NULL;
    int status = run_child(null_write, &nowhere, text, sizeof(text));
    assert_null(strstr(text, "fiber stack overflow"));
    /* A sanitizer exits with a code of its own. */
    assert_true(WIFSIGNALED(status) ||
                (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != SETUP_FAILED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overflow_says_so_and_aborts),
        cmocka_unit_test(another_fault_is_not_called_an_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
