/* pek-worker as a process that others leave: who asks for its metrics, and who reads its log. The program is argv[1]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_BYTES_MAX 4096

static char *program;

/* `ret_out` reads its stderr. */
static pid_t start(const char *const *argv, FILE **ret_out)
{
    int ends[2];
    pid_t pid;
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    assert_int_equal(
        posix_spawn(&pid, program, &actions, NULL, (char *const *)(uintptr_t)argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *ret_out = fdopen(ends[0], "r");
    assert_non_null(*ret_out);
    return pid;
}

static int ask(uint16_t port, const char *page)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&address, sizeof(address)),
                     0);
    assert_true(dprintf(fd, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", page) > 0);
    return fd;
}

/* The end of what it sends, and then that it receives nothing: both before the answer. */
static void leave(int fd)
{
    const struct linger at_once = {1, 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    close(fd);
}

static void who_leaves_ends_no_worker(void **state)
{
    char key[] = "/tmp/pek-leaving-test-XXXXXX", line[LINE_BYTES_MAX], *port;
    const char *const keygen[] = {program, "keygen", "--instance-key", key, NULL};
    const char *const serve[] = {program,
                                 "serve",
                                 "--realm",
                                 "worker-acme",
                                 "--plaintext",
                                 "--listen",
                                 "127.0.0.1:0",
                                 "--instance-key",
                                 key,
                                 "--hub-jwks-url",
                                 "http://[::1]:1/",
                                 "--database",
                                 "host=/nowhere",
                                 "--metrics-listen",
                                 "127.0.0.1:0",
                                 NULL};
    int wait_status, fd = mkstemp(key);
    FILE *out;
    (void)state;
    close(fd);
    unlink(key);
    signal(SIGPIPE, SIG_DFL); /* for the worker to inherit */
    pid_t pid = start(keygen, &out);
    assert_int_equal(waitpid(pid, &wait_status, 0), pid);
    fclose(out);
    pid = start(serve, &out);
    do
        assert_non_null(fgets(line, sizeof(line), out));
    while (!strstr(line, "worker.metrics_listening"));
    port = strstr(line, "\"port\":");
    assert_non_null(port);
    uint16_t number = (uint16_t)strtol(port + strlen("\"port\":"), NULL, 10);

    kill(pid, SIGSTOP);
    assert_int_equal(waitpid(pid, &wait_status, WUNTRACED), pid);
    leave(ask(number, "/metrics"));
    kill(pid, SIGCONT);
    fd = ask(number, "/healthz");
    assert_true(recv(fd, line, sizeof(line), 0) > 0);
    close(fd);
    fclose(out); /* it has lines to write when it ends */
    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, &wait_status, 0), pid);
    assert_int_equal(wait_status, 0);
    unlink(key);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_leaves_ends_no_worker)};
    if (argc != 2)
        return 2;
    program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
