/* A hub that hosts a realm in its own process. */
#include "tests/integration/federation.h"

#include <fcntl.h>
#include <unistd.h>

#include "shared/log/log.h"
#include "worker/realm/migrations.h"

#define LOG_BYTES_MAX (1u << 20)

static int setup(void **state)
{
    size_t applied;
    struct fault fault;
    return federation_setup(state) ||
           realm_migrate(pg_cluster_conninfo(federation_cluster), &applied, &fault);
}

/* The line of the log that has both texts, NULL when there is none. */
static const char *find_line(char *log, const char *one, const char *other, char *ret_line,
                             size_t bytes)
{
    for (const char *line = log; *line; line += strcspn(line, "\n") + 1) {
        snprintf(ret_line, bytes, "%.*s", (int)strcspn(line, "\n"), line);
        if (strstr(ret_line, one) && strstr(ret_line, other))
            return ret_line;
    }
    return NULL;
}

static size_t read_log(int fd, char *ret_log)
{
    ssize_t len = pread(fd, ret_log, LOG_BYTES_MAX - 1, 0);
    assert_in_range(len, 1, LOG_BYTES_MAX - 2);
    ret_log[len] = '\0';
    return (size_t)len;
}

static void calls_to_it_are_logged_like_those_to_others(void **state)
{
    static char log[LOG_BYTES_MAX], key[160], line[LOG_LINE_BYTES_MAX];
    static const char id[] = "\"request_id\":\"one-of-mine-0001\"";
    const char *const args[] = {"--local-realm=home", key, NULL};
    struct federation f;
    (void)state;
    snprintf(key, sizeof(key), "--local-instance-key=%s", federation_key_path);
    int fd = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);
    assert_true(fd >= 0);
    const struct log_options options = {fd, LOG_DEBUG, "pek-hub", ""};
    federation_begin(&f);
    log_open(&options);
    federation_open_hub(&f, "", args);
    struct answer answer = federation_ask(&f, "GET", "/api/v1/realms/home/groups/none",
                                          "X-Request-Id: one-of-mine-0001\r\n", NULL);
    assert_int_equal(answer.code, 403);
    answer_free(&answer);
    read_log(fd, log);
    assert_non_null(find_line(log, "\"event\":\"api.finished\"", id, line, sizeof(line)));
    char trace[80];
    snprintf(trace, sizeof(trace), "%.*s", (int)(sizeof("\"trace_id\":\"") - 1 + 33),
             strstr(line, "\"trace_id\":\""));
    assert_non_null(find_line(log, "\"event\":\"rpc.finished\"", id, line, sizeof(line)));
    assert_non_null(strstr(line, trace));
    assert_non_null(strstr(line, "\"realm\":\"home\""));
    assert_non_null(strstr(line, "\"method\":\"/pek.group.v1.GroupService/GetGroup\""));
    assert_non_null(strstr(line, "\"status\":\"PERMISSION_DENIED\""));
    assert_non_null(strstr(line, "\"level\":\"debug\""));
    federation_close(&f);
    log_close();
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_to_it_are_logged_like_those_to_others),
    };
    return cmocka_run_group_tests(tests, setup, federation_teardown);
}
