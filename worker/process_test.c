/* pek-worker as a process: its commands, a port, and how it stops. The program is argv[1]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pek/group/v1/group.rpc.h"
#include "pek/instance/v1/instance.rpc.h"
#include "shared/base/clock.h"
#include "shared/config/config.h"
#include "shared/jwt/jwt.h"
#include "shared/rpc/rpc.h"
#include "shared/rpc/testing/certificates.h"
#include "tests/support/fiber_run.h"
#include "tests/support/pg_cluster.h"

#define ARGS_MAX 24
#define LINE_BYTES_MAX 4096
#define PATIENCE_MS 60000

static const char *program;
static struct pg_cluster *cluster;
static char folder[64], database[512], owner[512], key_path[128], hub_path[128], hub_key_path[128];
static struct jwt_keys hub_keys;
static struct certificates authority;

static int setup(void **state)
{
    struct es256_key *key;
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/pek-worker-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(key_path, sizeof(key_path), "%s/key.pem", folder);
    snprintf(hub_path, sizeof(hub_path), "%s/hub.json", folder);
    jwt_keys_init(&hub_keys);
    assert_int_equal(es256_key_generate(&key), STATUS_OK);
    assert_int_equal(jwt_keys_set_signer(&hub_keys, key), STATUS_OK);
    snprintf(hub_key_path, sizeof(hub_key_path), "%s/hub.pem", folder);
    assert_int_equal(es256_key_save_private(key, hub_key_path, NULL), STATUS_OK);
    certificates_open(&authority);
    es256_key_free(key);
    struct buffer jwks;
    buffer_init(&jwks, JWT_JWKS_BYTES_MAX);
    assert_int_equal(jwt_keys_write_jwks(&hub_keys, &jwks), STATUS_OK);
    FILE *file = fopen(hub_path, "w");
    assert_non_null(file);
    fwrite(jwks.ptr, 1, jwks.len, file);
    fclose(file);
    buffer_done(&jwks);
    cluster = pg_cluster_start();
    if (!cluster)
        return -1;
    pg_cluster_conninfo_for(cluster, "pek_app", NULL, database, sizeof(database));
    pg_cluster_conninfo_for(cluster, NULL, NULL, owner, sizeof(owner));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(key_path);
    unlink(hub_path);
    unlink(hub_key_path);
    certificates_close(&authority);
    rmdir(folder);
    jwt_keys_done(&hub_keys);
    cluster = pg_cluster_stop(cluster);
    return 0;
}

/* ---- processes ---- */

/* Starts the program; `ret_out` reads its stdout and stderr. */
static pid_t start(FILE **ret_out, const char *command, ...)
{
    char *argv[ARGS_MAX] = {(char *)(uintptr_t)program, (char *)(uintptr_t)command};
    size_t argc = 2;
    va_list args;
    va_start(args, command);
    for (char *arg; (arg = va_arg(args, char *)) && argc + 1 < ARGS_MAX;)
        argv[argc++] = arg;
    va_end(args);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    pid_t pid;
    assert_int_equal(posix_spawn(&pid, program, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *ret_out = fdopen(ends[0], "r");
    assert_non_null(*ret_out);
    return pid;
}

/* Reads on until a line contains `what`; false at the end. */
static bool read_until(FILE *out, const char *what, char *ret_line)
{
    while (fgets(ret_line, LINE_BYTES_MAX, out)) {
        if (what && strstr(ret_line, what))
            return true;
        fprintf(stderr, "  %s", ret_line);
    }
    return false;
}

static int finish(pid_t pid, FILE **out)
{
    char line[LINE_BYTES_MAX];
    int wait_status;
    read_until(*out, NULL, line);
    fclose(*out);
    assert_int_equal(waitpid(pid, &wait_status, 0), pid);
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

#define RUN(...) finish(start(&out, __VA_ARGS__, (char *)NULL), &out)

static int metrics_port; /* of the worker that was served last */

static long port_in(const char *line)
{
    const char *port = strstr(line, "\"port\":");
    assert_non_null(port);
    return strtol(port + 7, NULL, 10);
}

static pid_t serve(FILE **ret_out, char *ret_target, size_t bytes)
{
    char line[LINE_BYTES_MAX];
    pid_t pid = start(ret_out, "serve", "--realm", "worker-acme", "--plaintext", "--listen",
                      "127.0.0.1:0", "--instance-key", key_path, "--hub-keys", hub_path,
                      "--database", database, "--metrics-listen", "127.0.0.1:0", (char *)NULL);
    assert_true(read_until(*ret_out, "worker.metrics_listening", line));
    metrics_port = (int)port_in(line);
    assert_true(read_until(*ret_out, "worker.ready", line));
    snprintf(ret_target, bytes, "127.0.0.1:%ld", port_in(line));
    return pid;
}

/* ---- tests, in the order of an installation ---- */

static void mistakes_of_configuration_end_with_2(void **state)
{
    FILE *out;
    (void)state;
    assert_int_equal(RUN("serve", "--realm", "Not A Realm"), CONFIG_EXIT_MISTAKE);
    assert_int_equal(RUN("check-config", "--realm", "a", "--no-such"), CONFIG_EXIT_MISTAKE);
    assert_int_equal(RUN("token", "--realm", "a"), CONFIG_EXIT_MISTAKE);
    assert_int_equal(RUN("--help"), 0);
}

static void commands_prepare_a_realm_and_repeat_without_harm(void **state)
{
    FILE *out;
    char value[64];
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(RUN("migrate", "--database-owner", owner), 0);
        assert_int_equal(RUN("keygen", "--instance-key", key_path), 0);
        assert_int_equal(RUN("demo", "--demo-kind", "acme", "--realm", "worker-acme",
                             "--instance-key", key_path, "--database", database, "--database-owner",
                             owner),
                         0);
        assert_int_equal(
            RUN("bootstrap", "--god", "zoe", "--realm", "worker-acme", "--database-owner", owner),
            0);
        pg_cluster_query(cluster, "SELECT count(*) FROM pek.realm_group", value, sizeof(value));
        assert_string_equal(value, "66");
        pg_cluster_query(cluster,
                         "SELECT string_agg(user_id, ' ' ORDER BY user_id) FROM pek.policy p JOIN"
                         " pek.policy_assignment a ON a.policy_id = p.id WHERE p.name = 'GOD'",
                         value, sizeof(value));
        assert_string_equal(value, "alice zoe");
    }
    struct stat key;
    assert_int_equal(stat(key_path, &key), 0);
    assert_int_equal(key.st_mode & 077, 0);
}

/* check-config, with one value changed: it must end with 2 and name what is wrong. */
static void check_config_finds(const char *flag, const char *value, const char *mistake)
{
    FILE *out;
    char line[LINE_BYTES_MAX];
    int ended;
    pid_t pid = start(&out, "check-config", "--realm", "worker-acme", "--plaintext", "--listen",
                      "127.0.0.1:0", "--instance-key", key_path, "--hub-keys", hub_path,
                      "--database", database, flag, value, (char *)NULL);
    if (!read_until(out, mistake, line))
        fail_msg("%s %s: nothing says \"%s\"", flag, value, mistake);
    read_until(out, NULL, line);
    fclose(out);
    assert_int_equal(waitpid(pid, &ended, 0), pid);
    assert_int_equal(WEXITSTATUS(ended), strstr(mistake, "is right") ? 0 : CONFIG_EXIT_MISTAKE);
}

static void check_config_reads_files_and_asks_the_database(void **state)
{
    (void)state;
    check_config_finds("--log-level", "info", "the configuration is right");
    check_config_finds("--instance-key", "/nowhere.pem", "instance_key: ");
    check_config_finds("--instance-keys-previous", "/nowhere.pem", "instance_keys_previous: ");
    check_config_finds("--hub-keys", "/nowhere.json", "hub_keys: ");
    check_config_finds("--hub-keys", "/dev/null", "hub_keys: the file is empty");
    check_config_finds("--database-owner", "dbname=elsewhere", "database_owner: it is another");
    check_config_finds("--listen", "127.0.0.1:65536", "listen: '127.0.0.1:65536'");
    check_config_finds("--metrics-listen", "localhost", "metrics_listen: 'localhost'");
    check_config_finds("--listen", "unix:/tmp/socket", "peer_uid must be given");
    check_config_finds("--hub-jwks-ca", "/no/ca", "hub_jwks_ca: /no/ca cannot be read: No such");
    check_config_finds("--instance-key", hub_key_path, "instance_key: it is the key of hub_keys");
    check_config_finds("--database", "host=/nowhere dbname=pek", "database: ");
    check_config_finds("--database", owner, "database: ");
    check_config_finds("--database-standby", database, "database_standby: ");
    check_config_finds("--realm", "worker-other", "database: this database is that of worker-acme");
}

/* check-config, and a start, over TLS, with one file of another: both must end with 2 and say the same. */
static void both_find(const char *certificate, const char *key, const char *flag, const char *value,
                      const char *mistake)
{
    static const char *const commands[] = {"check-config", "serve"};
    for (size_t i = 0; i < 2; i++) {
        FILE *out;
        char line[LINE_BYTES_MAX];
        pid_t pid = start(&out, commands[i], "--realm", "worker-acme", "--listen", "127.0.0.1:0",
                          "--tls-ca", authority.ca_path, "--tls-certificate", certificate,
                          "--tls-key", key, "--instance-key", key_path, "--hub-keys", hub_path,
                          "--database", database, flag, value, (char *)NULL);
        if (!read_until(out, mistake, line))
            fail_msg("%s %s %s: nothing says \"%s\"", commands[i], flag, value, mistake);
        assert_int_equal(finish(pid, &out), strstr(mistake, "is right") ? 0 : CONFIG_EXIT_MISTAKE);
        if (strstr(mistake, "is right"))
            break;
    }
}

static void files_of_another_realm_are_refused(void **state)
{
    struct certificate_paths acme, other;
    char text[256];
    (void)state;
    certificates_issue(&authority, "acme", "worker-acme", &acme);
    certificates_issue(&authority, "other", "worker-other", &other);
    both_find(acme.certificate, acme.key, "--log-level", "info", "the configuration is right");
    snprintf(text, sizeof(text), "tls_key: %s is not the key of tls_certificate", other.key);
    both_find(acme.certificate, other.key, "--log-level", "info", text);
    snprintf(text, sizeof(text), "tls_certificate: %s names worker-other, and not worker-acme",
             other.certificate);
    both_find(other.certificate, other.key, "--log-level", "info", text);
    both_find(other.certificate, other.key, "--tls-name", "worker-other",
              "the configuration is right");
    both_find(acme.certificate, acme.key, "--tls-ca", "/no/ca",
              "tls_ca: /no/ca cannot be read: No such file or directory");
    assert_int_equal(chmod(acme.key, 0600), 0);
    both_find(acme.certificate, acme.key, "--instance-key", acme.key,
              "instance_key: it is the key of tls_key");
}

/* A port that somebody has: the same words, though a start meets it by itself. */
static void a_port_in_use_is_told_with_the_reason(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    char text[64], mistake[128], line[LINE_BYTES_MAX];
    FILE *out;
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(address.sin_port));
    snprintf(mistake, sizeof(mistake), "cannot listen on %s: Address already in use", text);
    check_config_finds("--listen", text, mistake);
    check_config_finds("--metrics-listen", text, mistake);
    pid_t pid = start(&out, "serve", "--realm", "worker-acme", "--plaintext", "--listen", text,
                      "--instance-key", key_path, "--hub-keys", hub_path, "--database", database,
                      (char *)NULL);
    assert_true(read_until(out, mistake, line));
    assert_int_equal(finish(pid, &out), 1);
    close(fd);
    pid = start(&out, "serve", "--realm", "worker-acme", "--plaintext", "--listen", text,
                "--metrics-listen", text, "--instance-key", key_path, "--hub-keys", hub_path,
                "--database", database, (char *)NULL);
    snprintf(mistake, sizeof(mistake), "metrics_listen: '%s' is the port of listen", text);
    assert_true(read_until(out, mistake, line));
    assert_int_equal(finish(pid, &out), CONFIG_EXIT_MISTAKE);
}

/* What a caller does: a token for an assertion, a group for the token. */
static char target[64];

static void call_worker(struct fiber_run *run)
{
    struct rpc_runtime *runtime;
    struct rpc_channel *channel;
    struct fault fault = {0};
    struct cancel cancel;
    cancel_init(&cancel, deadline_after_ms(PATIENCE_MS));
    assert_int_equal(rpc_runtime_new(run->fibers, &runtime), STATUS_OK);
    assert_int_equal(rpc_channel_new(runtime, target, NULL, &channel, &fault), STATUS_OK);
    const struct jwt_claims claims = {
        .iss = SLICE_LIT("hub"),
        .aud = SLICE_LIT("worker-acme"),
        .sub = SLICE_LIT("alice"),
        .iat = clock_wall_s(),
        .exp = clock_wall_s() + 60,
    };
    struct slice assertion;
    assert_int_equal(jwt_sign(&hub_keys, JWT_TYP_ASSERTION, &claims, &run->arena, &assertion),
                     STATUS_OK);
    instance_v1_issue_token_request issue = INSTANCE_V1_ISSUE_TOKEN_REQUEST_INIT;
    instance_v1_issue_token_response *issued;
    issue.assertion = arena_strndup(&run->arena, assertion.ptr, assertion.len);
    assert_int_equal(instance_v1_issue_token_call(channel, &issue, NULL, 0, &cancel, &run->arena,
                                                  &issued, &fault),
                     STATUS_OK);
    group_v1_get_group_request get = GROUP_V1_GET_GROUP_REQUEST_INIT;
    group_v1_group *group;
    const struct rpc_pair pair = {SLICE_LIT("authorization"),
                                  slice_str(arena_printf(&run->arena, "Bearer %s", issued->token))};
    get.id = (char *)(uintptr_t) "kir-dev@kir-dev";
    assert_int_equal(
        group_v1_get_group_call(channel, &get, &pair, 1, &cancel, &run->arena, &group, &fault),
        STATUS_OK);
    assert_string_equal(group->name, "Kir-Dev");
    rpc_channel_free(channel);
    rpc_runtime_free(runtime);
}

/* GET `path` at the metrics port of the worker that was served last. */
static void scrape(const char *path, char *ret_text, size_t bytes)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                        .sin_port = htons((uint16_t)metrics_port)};
    size_t len = 0;
    ssize_t got;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_false(connect(fd, (const struct sockaddr *)(const void *)&address, sizeof(address)));
    assert_true(dprintf(fd, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path) > 0);
    while (len + 1 < bytes && (got = recv(fd, ret_text + len, bytes - 1 - len, 0)) > 0)
        len += (size_t)got;
    ret_text[len] = '\0';
    close(fd);
}

static void served_realm_answers_and_ends_with_0_on_sigterm(void **state)
{
    static const char *const metrics[] = {
        "\npek_build_info{program=\"pek-worker\",version=\"",
        "\npek_rpc_calls_total{method=\"/pek.group.v1.GroupService/GetGroup\",status=\"OK\"} 1\n",
        "\n# TYPE pek_pg_reads_total counter\n",
        "\npek_realm_ready 1\n",
        "\npek_token_cache_misses_total 1\n",
        "\nprocess_open_fds ",
    };
    static char text[1 << 18];
    FILE *out;
    (void)state;
    pid_t pid = serve(&out, target, sizeof(target));
    fiber_run(call_worker);
    scrape("/readyz", text, sizeof(text));
    assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
    scrape("/metrics", text, sizeof(text));
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
        if (!strstr(text, metrics[i]))
            fail_msg("no %s in %s", metrics[i], text);
    kill(pid, SIGTERM);
    assert_int_equal(finish(pid, &out), 0);
}

static void worker_is_not_ready_while_its_database_is_down(void **state)
{
    FILE *out;
    char line[LINE_BYTES_MAX];
    (void)state;
    pid_t pid = serve(&out, target, sizeof(target));
    pg_cluster_down(cluster);
    assert_true(read_until(out, "worker.not_ready", line));
    pg_cluster_launch(cluster);
    assert_true(read_until(out, "worker.ready", line));
    fiber_run(call_worker);
    kill(pid, SIGINT);
    assert_int_equal(finish(pid, &out), 0);
}

/* Serves with another database; its line with `what`, then its exit code. */
static int serve_and_end(const char *conninfo, const char *event, char *ret_line)
{
    FILE *out;
    pid_t pid = start(&out, "serve", "--realm", "worker-acme", "--plaintext", "--listen",
                      "127.0.0.1:0", "--instance-key", key_path, "--hub-keys", hub_path,
                      "--database", conninfo, (char *)NULL);
    assert_true(read_until(out, event, ret_line));
    return finish(pid, &out);
}

static void a_database_that_must_not_be_served_ends_the_worker(void **state)
{
    FILE *out;
    char line[LINE_BYTES_MAX], empty[512];
    (void)state;
    /* A superuser; and tables that nobody made. */
    assert_int_equal(serve_and_end(owner, "database.refused", line), 1);
    assert_non_null(strstr(line, "superuser"));
    pg_cluster_execute(cluster, "CREATE DATABASE empty");
    pg_cluster_conninfo_for(cluster, "pek_app", "empty", empty, sizeof(empty));
    assert_int_equal(serve_and_end(empty, "database.refused", line), 1);
    assert_non_null(strstr(line, "migrate"));
    assert_int_equal(
        RUN("bootstrap", "--god", "zoe", "--realm", "worker-acme", "--database-owner", empty), 1);
    /* And when it becomes so later: after the next reconnect. */
    pid_t pid = serve(&out, target, sizeof(target));
    pg_cluster_execute(cluster, "ALTER ROLE pek_app BYPASSRLS");
    pg_cluster_execute(cluster, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                                " WHERE usename = 'pek_app'");
    assert_true(read_until(out, "database.refused", line));
    assert_non_null(strstr(line, "BYPASSRLS"));
    assert_int_equal(finish(pid, &out), 1);
    pg_cluster_execute(cluster, "ALTER ROLE pek_app NOBYPASSRLS");
}

static void a_database_that_is_away_is_told_in_libpqs_words(void **state)
{
    FILE *out;
    char line[LINE_BYTES_MAX];
    (void)state;
    pid_t pid =
        start(&out, "serve", "--realm", "worker-acme", "--plaintext", "--listen", "127.0.0.1:0",
              "--instance-key", key_path, "--hub-keys", hub_path, "--database",
              "host=/nonexistent user=pek_app password=hunter2", (char *)NULL);
    assert_true(read_until(out, "database.connection", line));
    assert_non_null(strstr(line, "/nonexistent"));
    assert_null(strstr(line, "hunter2"));
    kill(pid, SIGTERM);
    assert_int_equal(finish(pid, &out), 0);
}

/* ---- floods of connections ---- */

#define FLOOD 400
#define CONNECTIONS_MAX 64

static size_t descriptors_of(pid_t pid)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *listing = opendir(path);
    assert_non_null(listing);
    while (readdir(listing))
        count++;
    closedir(listing);
    return count - 2; /* . and .. */
}

static void let_have_descriptors(pid_t pid, size_t count)
{
    struct rlimit limit = {count, RPC_DESCRIPTORS_KEPT + CONNECTIONS_MAX};
    assert_int_equal(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

/* Connects FLOOD times, without a word; waits until all but `kept_max` are closed by the worker; leaves, and waits until
 * the worker has noticed. `ret_most` is how many descriptors it had at most in the flood. */
static void flood(pid_t pid, size_t kept_max, size_t *ret_most)
{
    const size_t before = descriptors_of(pid);
    static int fds[FLOOD];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    size_t open = FLOOD, most = 0;
    address.sin_port = htons((uint16_t)strtol(strchr(target, ':') + 1, NULL, 10));
    for (size_t i = 0; i < FLOOD; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&address, sizeof(address)), 0);
    }
    for (int64_t until_us = deadline_after_ms(PATIENCE_MS); open > kept_max;) {
        char settings[256]; /* what an HTTP/2 server says first */
        size_t now = descriptors_of(pid);
        most = now > most ? now : most;
        assert_true(clock_monotonic_us() < until_us);
        for (size_t i = 0; i < FLOOD; i++) {
            ssize_t got = fds[i] < 0 ? 1 : recv(fds[i], settings, sizeof(settings), MSG_DONTWAIT);
            if (got > 0 || (got < 0 && errno == EAGAIN))
                continue;
            close(fds[i]);
            fds[i] = -1;
            open--;
        }
    }
    *ret_most = most;
    for (size_t i = 0; i < FLOOD; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    for (int64_t until_us = deadline_after_ms(PATIENCE_MS); descriptors_of(pid) > before;)
        assert_true(clock_monotonic_us() < until_us);
}

static pid_t serve_bounded(FILE **ret_out)
{
    char line[LINE_BYTES_MAX];
    pid_t pid = start(ret_out, "serve", "--realm", "worker-acme", "--plaintext", "--listen",
                      "127.0.0.1:0", "--instance-key", key_path, "--hub-keys", hub_path,
                      "--database", database, "--connections-max", "64", (char *)NULL);
    assert_true(read_until(*ret_out, "worker.ready", line));
    snprintf(target, sizeof(target), "127.0.0.1:%ld",
             strtol(strstr(line, "\"port\":") + 7, NULL, 10));
    return pid;
}

static void worker_without_descriptors_serves_again_afterwards(void **state)
{
    FILE *out;
    char line[LINE_BYTES_MAX];
    (void)state;
    size_t most;
    pid_t pid = serve_bounded(&out);
    fiber_run(call_worker);
    let_have_descriptors(pid, descriptors_of(pid) + 4);
    flood(pid, 4, &most);
    assert_true(read_until(out, "worker.connections_refused", line));
    let_have_descriptors(pid, RPC_DESCRIPTORS_KEPT + CONNECTIONS_MAX);
    fiber_run(call_worker);
    kill(pid, SIGTERM);
    assert_int_equal(finish(pid, &out), 0);
}

static void connections_leave_descriptors_for_the_rest(void **state)
{
    FILE *out;
    (void)state;
    pid_t pid = serve_bounded(&out);
    struct rlimit limit;
    size_t most;
    assert_int_equal(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), 0);
    assert_true(limit.rlim_cur >= RPC_DESCRIPTORS_KEPT + CONNECTIONS_MAX);
    flood(pid, CONNECTIONS_MAX + RPC_DESCRIPTORS_KEPT / 2, &most);
    assert_true(most >= CONNECTIONS_MAX);
    assert_true(most < CONNECTIONS_MAX + RPC_DESCRIPTORS_KEPT);
    fiber_run(call_worker);
    kill(pid, SIGTERM);
    assert_int_equal(finish(pid, &out), 0);
}

static void too_few_descriptors_are_refused_at_start(void **state)
{
    FILE *out;
    char line[LINE_BYTES_MAX];
    const char *worker = program;
    (void)state;
    program = "/usr/bin/prlimit";
    pid_t pid =
        start(&out, "--nofile=319:319", worker, "serve", "--realm", "worker-acme", "--plaintext",
              "--listen", "127.0.0.1:0", "--instance-key", key_path, "--hub-keys", hub_path,
              "--database", database, "--connections-max", "64", (char *)NULL);
    program = worker;
    assert_true(read_until(out, "connections_max = 64 needs 320 open files", line));
    assert_int_not_equal(finish(pid, &out), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_of_configuration_end_with_2),
        cmocka_unit_test(commands_prepare_a_realm_and_repeat_without_harm),
        cmocka_unit_test(check_config_reads_files_and_asks_the_database),
        cmocka_unit_test(files_of_another_realm_are_refused),
        cmocka_unit_test(a_port_in_use_is_told_with_the_reason),
        cmocka_unit_test(served_realm_answers_and_ends_with_0_on_sigterm),
        cmocka_unit_test(worker_is_not_ready_while_its_database_is_down),
        cmocka_unit_test(a_database_that_must_not_be_served_ends_the_worker),
        cmocka_unit_test(a_database_that_is_away_is_told_in_libpqs_words),
        cmocka_unit_test(worker_without_descriptors_serves_again_afterwards),
        cmocka_unit_test(connections_leave_descriptors_for_the_rest),
        cmocka_unit_test(too_few_descriptors_are_refused_at_start),
    };
    if (argc != 2)
        return 2;
    program = argv[1];
    return cmocka_run_group_tests(tests, setup, teardown);
}
