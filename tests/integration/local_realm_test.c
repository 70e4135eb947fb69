/* A hub that hosts a realm in its own process. */
#include "tests/integration/federation.h"

#include <fcntl.h>
#include <libpq-fe.h>
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
    /* There is another one before it: of the token. */
    assert_non_null(find_line(log, "GetGroup\",\"status\":\"PERMISSION_DENIED\",\"text\":", id,
                              line, sizeof(line)));
    assert_non_null(strstr(line, "\"event\":\"rpc.finished\""));
    assert_non_null(strstr(line, trace));
    assert_non_null(strstr(line, "\"realm\":\"home\""));
    assert_non_null(strstr(line, "\"method\":\"/pek.group.v1.GroupService/GetGroup\""));
    assert_non_null(strstr(line, "\"status\":\"PERMISSION_DENIED\""));
    assert_non_null(strstr(line, "\"level\":\"debug\""));
    federation_close(&f);
    log_close();
    close(fd);
}

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define TRACED "\"trace_id\":\"" TRACE "\",\"request_id\":\"mine-2\""
#define RECORDED(flags)                                                                            \
    "Traceparent: 00-" TRACE "-b7ad6b7169203331-" flags "\r\nX-Request-Id: mine-2\r\n"

/* Asks, while somebody keeps policies from being read when they are `locked`, and gives what was logged meanwhile. `code` 0: any. */
static const char *log_of_locked(struct federation *f, const char *path, const char *headers,
                                 int code, bool locked)
{
    static char log[LOG_BYTES_MAX];
    FILE *sink = f->arg;
    assert_int_equal(ftruncate(fileno(sink), 0), 0);
    PGconn *other = PQconnectdb(pg_cluster_conninfo(federation_cluster));
    if (locked)
        PQclear(PQexec(other, "BEGIN; LOCK TABLE pek.policy"));
    struct answer answer = federation_ask(f, "GET", path, headers, NULL);
    PQfinish(other);
    if (code && answer.code != code)
        fail_msg("%s: %d %s", path, answer.code, answer.text);
    answer_free(&answer);
    /* The realm's own line may come behind the answer. */
    for (int i = 0; i < 20; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    read_log(fileno(sink), log);
    return log;
}

static const char *log_of(struct federation *f, const char *path, const char *headers, int code)
{
    return log_of_locked(f, path, headers, code, false);
}

static void assert_line(const char *log, const char *event, const char *what, const char *level)
{
    static char line[LOG_LINE_BYTES_MAX];
    const char *found = find_line((char *)(uintptr_t)log, event, what, line, sizeof(line));
    if (!found || !strstr(line, TRACED) || !strstr(line, level))
        fail_msg("%s %s %s: %s", event, what, level, found ? line : log);
}

/* Whatever became of it, and whoever wrote the line. */
static void lines_of_one_request_have_one_trace(void **state)
{
    static char key[160];
    const char *const args[] = {"--local-realm=home", key, "--searches-burst=2",
                                "--searches-per-second=1", NULL};
    struct federation f;
    (void)state;
    snprintf(key, sizeof(key), "--local-instance-key=%s", federation_key_path);
    int fd = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);
    FILE *sink = fdopen(fd, "r+");
    assert_non_null(sink);
    const struct log_options options = {fd, LOG_DEBUG, "pek-hub", ""};
    federation_begin(&f);
    log_open(&options);
    federation_open_hub(&f, "", args);
    f.arg = sink;
    /* A recorded trace has a line everywhere, and so has the token that the request made necessary. */
    const char *log = log_of(&f, "/api/v1/realms/home/groups/none", RECORDED("01"), 403);
    assert_line(log, "api.finished", "GetGroup", "\"info\"");
    assert_line(log, "rpc.finished", "GetGroup", "\"info\"");
    assert_line(log, "rpc.finished", "IssueToken", "\"info\"");
    /* Else what is everyday is for debugging, and what is not has its line. */
    log = log_of(&f, "/api/v1/realms/home/groups/none", RECORDED("00"), 403);
    assert_line(log, "rpc.finished", "GetGroup", "\"debug\"");
    log = log_of(&f, "/api/v1/realms/home/groups?parentId=x", RECORDED("00"), 400);
    assert_line(log, "rpc.finished", "INVALID_ARGUMENT", "\"info\"");
    /* What was slow is worth a look, whatever it came to: here a lock that was waited for in vain. */
    log = log_of_locked(&f, "/api/v1/realms/home/policies:check?action=VIEW_GROUP", RECORDED("00"),
                        429, true);
    assert_line(log, "rpc.finished", "RESOURCE_EXHAUSTED", "\"warn\"");
    /* No token: the line says for which request. */
    f.a->token_lifetime_s = -1;
    log = log_of(&f, "/api/v1/realms/a/groups/one", RECORDED("00"), 502);
    assert_line(log, "instance.no_grant", "\"instance\":\"a\"", "\"warn\"");
    /* Refused before any realm was asked. */
    for (size_t i = 0; i < 20 && !strstr(log, "\"http\":429"); i++)
        log = log_of(&f, "/api/v1/realms/home/groups", RECORDED("00"), 0);
    assert_line(log, "api.finished", "RESOURCE_EXHAUSTED", "\"info\"");
    federation_close(&f);
    log_close();
    fclose(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_to_it_are_logged_like_those_to_others),
        cmocka_unit_test(lines_of_one_request_have_one_trace),
    };
    return cmocka_run_group_tests(tests, setup, federation_teardown);
}
