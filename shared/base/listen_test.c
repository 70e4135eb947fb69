#include "shared/base/listen.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define HANG_S 10 /* a question that takes so long ends the test */

static void refuses(const char *text, const char *why)
{
    struct fault fault = {0};
    char expected[256];
    assert_int_equal(listen_try(text, false, "listen", &fault), STATUS_UNAVAILABLE);
    snprintf(expected, sizeof(expected), "cannot listen on %s: %s", text, why);
    assert_string_equal(fault.text, expected);
    assert_string_equal(fault.field, "listen");
}

static void a_free_port_is_free_and_a_taken_one_is_not(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    char text[64];
    struct fault fault = {0};
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(address.sin_port));
    refuses(text, "Address already in use");
    snprintf(text, sizeof(text), "0.0.0.0:%d", ntohs(address.sin_port));
    refuses(text, "Address already in use");
    close(fd);
    snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(address.sin_port));
    assert_int_equal(listen_try(text, false, NULL, &fault), STATUS_OK);
    assert_int_equal(listen_try("127.0.0.1:0", false, NULL, &fault), STATUS_OK);
    assert_int_equal(listen_try("localhost:0", false, NULL, &fault), STATUS_OK);
}

static void a_port_is_shared_by_those_who_all_say_so(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    struct fault fault = {0};
    char text[64];
    int fd;
    (void)state;
    assert_int_equal(listen_bind((struct sockaddr *)&address, len, true, &fd), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(address.sin_port));
    assert_int_equal(listen_try(text, true, NULL, &fault), STATUS_OK);
    refuses(text, "Address already in use");
    close(fd);
}

static void an_address_of_another_machine_is_said_so(void **state)
{
    (void)state;
    refuses("192.0.2.1:8080", "Cannot assign requested address");
    refuses("no.such.name.invalid:1", "Name or service not known");
}

static void a_socket_of_a_folder_that_is_not_there_is_said_so(void **state)
{
    char folder[] = "/tmp/listen_test.XXXXXX", text[128];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct fault fault = {0};
    (void)state;
    refuses("unix:/no/such/folder/socket", "No such file or directory");
    assert_non_null(mkdtemp(folder));
    snprintf(text, sizeof(text), "unix:%s/s", folder);
    assert_int_equal(listen_try(text, false, NULL, &fault), STATUS_OK);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 0), 0);
    alarm(HANG_S);
    refuses(text, "Address already in use");
    /* Who listens hangs: the question before waits to be taken, and leaves no room for another. */
    refuses(text, "Address already in use");
    alarm(0);
    close(fd);
    assert_int_equal(listen_try(text, false, NULL, &fault), STATUS_OK); /* left by who died */
    unlink(address.sun_path);
    rmdir(folder);
}

static void two_addresses_may_be_one(void **state)
{
    static const struct {
        const char *a, *b;
        bool shared;
    } cases[] = {
        {"127.0.0.1:1", "127.0.0.1:1", true},  {"127.0.0.1:1", "127.0.0.1:2", false},
        {"127.0.0.1:1", "127.0.0.2:1", false}, {"0.0.0.0:1", "127.0.0.1:1", true},
        {"127.0.0.1:1", "[::]:1", true},       {"127.0.0.1:0", "127.0.0.1:0", false},
        {"localhost:1", "localhost:1", true},  {"unix:/a", "127.0.0.1:1", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (listen_is_shared(cases[i].a, cases[i].b) != cases[i].shared)
            fail_msg("%s %s", cases[i].a, cases[i].b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_port_is_free_and_a_taken_one_is_not),
        cmocka_unit_test(a_port_is_shared_by_those_who_all_say_so),
        cmocka_unit_test(an_address_of_another_machine_is_said_so),
        cmocka_unit_test(a_socket_of_a_folder_that_is_not_there_is_said_so),
        cmocka_unit_test(two_addresses_may_be_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
