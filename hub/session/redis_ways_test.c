/* The ways to a real Redis: over TLS, with a password, and by sentinels that make another one the master. */
#include "hub/session/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <netdb.h>

#include "shared/base/clock.h"
#include "shared/rpc/testing/certificates.h"
#include "tests/support/fiber_run.h"
#include "tests/support/redis_server.h"

#define FAILOVER_MS 60000 /* sentinels take their time; nothing here waits for it but the test */

static struct {
    struct certificates authority, other;
    struct certificate_paths server, client, stranger;
    struct redis *redis;
    unsigned messages;
    char reason[512];
} test;

static void on_message(void *arg, struct slice message)
{
    (void)arg;
    (void)message;
    test.messages++;
}

static void on_up(void *arg)
{
    (void)arg;
    test.reason[0] = '\0';
}

static void on_down(void *arg, const char *reason)
{
    (void)arg;
    assert_null(strstr(reason, "sesame"));
    snprintf(test.reason, sizeof(test.reason), "%s", reason);
}

static void open_link(struct fiber_run *run, const struct redis_options *options)
{
    const struct redis_events events = {NULL, on_message, on_up, on_down};
    struct fault fault = {0};
    test.messages = 0;
    test.reason[0] = '\0';
    assert_int_equal(redis_new(run->fibers, options, "test", &events, &test.redis, &fault),
                     STATUS_OK);
}

static void close_link(void)
{
    test.redis = redis_free(test.redis);
}

static bool is_up(struct fiber_run *run)
{
    (void)run;
    return redis_is_up(test.redis);
}

static bool is_down(struct fiber_run *run)
{
    (void)run;
    return !redis_is_up(test.redis);
}

static bool has_reason(struct fiber_run *run)
{
    (void)run;
    return test.reason[0] != '\0';
}

static bool has_message(struct fiber_run *run)
{
    (void)run;
    return test.messages > 0;
}

static bool is_marked(const char *key)
{
    bool marked = false;
    assert_int_equal(redis_marked(test.redis, slice_str(key), 5000, &marked), STATUS_OK);
    return marked;
}

/* It is up, and does all that a link is for. */
static void assert_works(struct fiber_run *run, const struct redis_options *options)
{
    static char large[100000];
    open_link(run, options);
    if (!fiber_run_until(run, is_up))
        fail_msg("%s", test.reason);
    memset(large, 'x', sizeof(large) - 1);
    redis_mark(test.redis, SLICE_LIT("mark"), 60);
    redis_publish(test.redis, slice_str(large)); /* more than one record of TLS */
    assert_true(fiber_run_until(run, has_message));
    assert_true(is_marked("mark"));
    assert_false(is_marked("other"));
    close_link();
}

static void assert_refused(struct fiber_run *run, const struct redis_options *options,
                           const char *why)
{
    open_link(run, options);
    assert_true(fiber_run_until(run, has_reason));
    if (!strstr(test.reason, why))
        fail_msg("\"%s\", not \"%s\"", test.reason, why);
    assert_false(redis_is_up(test.redis));
    close_link();
}

/* ---- TLS ---- */

static const char *tls_lines(int port, const char *clients)
{
    static char lines[1024];
    snprintf(lines, sizeof(lines),
             "tls-port %d\ntls-cert-file %s\ntls-key-file %s\ntls-ca-cert-file %s\n"
             "tls-auth-clients %s\n",
             port, test.server.certificate, test.server.key, test.authority.ca_path, clients);
    return lines;
}

static void tls_is_for_whom_the_certificate_names(struct fiber_run *run)
{
    int port = redis_server_free_port();
    char url[128], by_address[128];
    struct redis_server *server = redis_server_start_as(NULL, tls_lines(port, "no"));
    snprintf(url, sizeof(url), "rediss://localhost:%d/1", port);
    snprintf(by_address, sizeof(by_address), "rediss://127.0.0.1:%d", port);
    struct redis_options options = {.url = url, .ca = test.authority.ca_path};
    assert_works(run, &options);
    options.ca = test.other.ca_path;
    assert_refused(run, &options, "its certificate is not accepted: ");
    options.ca = "";
    assert_refused(run, &options, "its certificate is not accepted: ");
    options.ca = "/nonexistent/ca.pem";
    assert_refused(run, &options, "redis_ca: ");
    options = (struct redis_options){.url = by_address, .ca = test.authority.ca_path};
    assert_refused(run, &options, "its certificate is not accepted: IP address mismatch");
    redis_server_stop(server);
}

static void tls_may_want_a_certificate_of_the_hub(struct fiber_run *run)
{
    int port = redis_server_free_port();
    char url[128];
    struct redis_server *server = redis_server_start_as("sesame", tls_lines(port, "yes"));
    snprintf(url, sizeof(url), "rediss://:sesame@localhost:%d", port);
    struct redis_options options = {url, test.authority.ca_path, test.client.certificate,
                                    test.client.key};
    assert_works(run, &options);
    options.certificate = options.key = "";
    assert_refused(run, &options, "TLS: tlsv13 alert certificate required");
    options.certificate = test.stranger.certificate;
    options.key = test.stranger.key;
    assert_refused(run, &options, "TLS: tlsv1 alert ");
    redis_server_stop(server);
}

static void one_side_without_tls_is_no_way(struct fiber_run *run)
{
    int plain = redis_server_free_port(), secret = redis_server_free_port();
    char url[128], lines[1200];
    snprintf(lines, sizeof(lines), "%sport %d\n", tls_lines(secret, "no"), plain);
    struct redis_server *server = redis_server_start_as(NULL, lines);
    struct redis_options options = {.url = url};
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", plain);
    assert_works(run, &options);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", secret);
    assert_refused(run, &options, "");
    options.ca = test.authority.ca_path;
    snprintf(url, sizeof(url), "rediss://127.0.0.1:%d", plain);
    assert_refused(run, &options, ""); /* it may take the greeting for half a command, and wait */
    redis_server_stop(server);
}

static void tls_server_that_is_killed_is_found_again(struct fiber_run *run)
{
    int port = redis_server_free_port();
    char url[128];
    struct redis_server *server = redis_server_start_as(NULL, tls_lines(port, "no"));
    snprintf(url, sizeof(url), "rediss://localhost:%d", port);
    const struct redis_options options = {.url = url, .ca = test.authority.ca_path};
    for (int64_t ms = 0; ms < 100; ms += 5) { /* closed in every state */
        open_link(run, &options);
        fiber_sleep_ms(ms);
        close_link();
    }
    open_link(run, &options);
    assert_true(fiber_run_until(run, is_up));
    redis_server_kill(server);
    assert_true(fiber_run_until(run, is_down));
    redis_server_launch(server);
    assert_true(fiber_run_until(run, is_up));
    redis_server_pause(server);
    assert_true(fiber_run_until(run, is_down));
    redis_server_resume(server);
    assert_true(fiber_run_until(run, is_up));
    close_link();
    redis_server_stop(server);
}

/* ---- names ---- */

#define NAME "redis.test"

static bool turns;

/* In the place of libc's, which asks files and servers; libuv must see it. NAME has three addresses; nobody listens at the first two. */
__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **ret_found)
{
    static const char *const addresses[] = {"127.0.0.2", "127.0.0.3", "127.0.0.1"};
    static size_t asked;
    int (*libc)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    int error = 0;
    *(void **)&libc = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!name || strcmp(name, NAME) != 0)
        return libc(name, service, hints, ret_found);
    for (size_t i = 0; !error && i < 3; i++, ret_found = &(*ret_found)->ai_next)
        error = libc(addresses[(i + asked) % 3], service, hints, ret_found);
    asked += turns;
    return error;
}

static void each_address_of_a_name_is_tried(struct fiber_run *run)
{
    int port = redis_server_free_port(), sentinel_port = redis_server_free_port();
    char url[128], lines[256];
    snprintf(lines, sizeof(lines), "bind 127.0.0.1\nport %d\n", port);
    struct redis_server *server = redis_server_start_as(NULL, lines);
    snprintf(lines, sizeof(lines), "bind 127.0.0.1\nport %d\nsentinel monitor pek 127.0.0.1 %d 1\n",
             sentinel_port, port);
    struct redis_server *sentinel = redis_server_start_sentinel(lines);
    const struct redis_options options = {.url = url};
    for (int i = 0; i < 2; i++) {
        turns = i;
        snprintf(url, sizeof(url), "redis://" NAME ":%d", port);
        assert_works(run, &options);
        snprintf(url, sizeof(url), "redis-sentinel://" NAME ":%d," NAME ":%d/pek", sentinel_port,
                 sentinel_port);
        assert_works(run, &options);
    }
    redis_server_stop(sentinel);
    redis_server_stop(server);
}

/* ---- passwords ---- */

static void password_is_the_right_one(struct fiber_run *run)
{
    int port = redis_server_free_port();
    char url[128], lines[128];
    snprintf(lines, sizeof(lines),
             "port %d\nuser hub on >sesame ~* &test* -@all +set +exists +publish +subscribe\n",
             port);
    struct redis_server *server = redis_server_start_as("open:sesame", lines);
    const struct redis_options options = {.url = url};
    snprintf(url, sizeof(url), "redis://:open:sesame@127.0.0.1:%d", port);
    assert_works(run, &options);
    snprintf(url, sizeof(url), "redis://hub:sesame@127.0.0.1:%d", port);
    assert_works(run, &options);
    snprintf(url, sizeof(url), "redis://:wrong-sesame@127.0.0.1:%d", port);
    assert_refused(run, &options, "it answered WRONGPASS");
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", port);
    assert_refused(run, &options, "it answered NOAUTH");
    redis_server_stop(server);
}

static void server_that_takes_no_marks_is_not_up(struct fiber_run *run)
{
    int port = redis_server_free_port();
    char url[128], lines[64];
    snprintf(lines, sizeof(lines), "port %d\n", port);
    struct redis_server *server = redis_server_start_as(NULL, lines);
    const struct redis_options options = {.url = url};
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", port);
    open_link(run, &options);
    assert_true(fiber_run_until(run, is_up));
    redis_server_command(server, "REPLICAOF 127.0.0.1 1");
    assert_true(fiber_run_until(run, is_down));
    assert_string_equal(test.reason, "it answered READONLY");
    redis_server_command(server, "REPLICAOF NO ONE");
    assert_true(fiber_run_until(run, is_up));
    close_link();
    redis_server_stop(server);
}

/* ---- sentinels ---- */

#define SENTINELS 3

struct group {
    bool tls;
    int ports[2], sentinel_ports[SENTINELS];
    struct redis_server *servers[2], *sentinels[SENTINELS];
    char url[256];
};

/* A server of the group, or a sentinel: on `port` with TLS or without. */
static void write_port(const struct group *group, int port, char *ret_lines, size_t bytes)
{
    if (group->tls)
        snprintf(ret_lines, bytes, "%stls-replication yes\n", tls_lines(port, "no"));
    else
        snprintf(ret_lines, bytes, "port %d\n", port);
}

static void group_start(struct group *group, bool tls)
{
    char lines[2048], port[1200];
    *group = (struct group){.tls = tls};
    for (size_t i = 0; i < 2; i++) {
        group->ports[i] = redis_server_free_port();
        write_port(group, group->ports[i], port, sizeof(port));
        snprintf(lines, sizeof(lines), "%sreplica-announce-ip localhost\nmasterauth sesame\n%s",
                 port, "repl-diskless-sync-delay 0\n");
        if (i > 0)
            snprintf(lines + strlen(lines), 64, "replicaof localhost %d\n", group->ports[0]);
        group->servers[i] = redis_server_start_as("sesame", lines);
    }
    int len =
        snprintf(group->url, sizeof(group->url), "redis%s-sentinel://:sesame@", tls ? "s" : "");
    for (size_t i = 0; i < SENTINELS; i++) {
        group->sentinel_ports[i] = redis_server_free_port();
        write_port(group, group->sentinel_ports[i], port, sizeof(port));
        snprintf(lines, sizeof(lines),
                 "%ssentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n"
                 "sentinel monitor pek localhost %d 2\nsentinel auth-pass pek sesame\n"
                 "sentinel down-after-milliseconds pek 500\nsentinel failover-timeout pek 2000\n",
                 port, group->ports[0]);
        group->sentinels[i] = redis_server_start_sentinel(lines);
        len += snprintf(group->url + len, sizeof(group->url) - (size_t)len, "%slocalhost:%d",
                        i > 0 ? "," : "", group->sentinel_ports[i]);
    }
    snprintf(group->url + len, sizeof(group->url) - (size_t)len, "/pek");
}

static void group_stop(struct group *group)
{
    for (size_t i = 0; i < SENTINELS; i++)
        redis_server_stop(group->sentinels[i]);
    for (size_t i = 0; i < 2; i++)
        redis_server_stop(group->servers[i]);
}

static void wait_until(bool (*condition)(struct fiber_run *run), struct fiber_run *run)
{
    int64_t until_us = deadline_after_ms(FAILOVER_MS);
    while (!condition(run) && clock_monotonic_us() < until_us)
        fiber_sleep_ms(10);
    if (!condition(run))
        fail_msg("not within %d ms; down: %s", FAILOVER_MS, test.reason);
}

static bool knows_mark(struct fiber_run *run)
{
    bool marked = false;
    return is_up(run) && redis_marked(test.redis, SLICE_LIT("mark"), 1000, &marked) == STATUS_OK &&
           marked;
}

static void follow_a_failover(struct fiber_run *run, bool tls)
{
    struct group group;
    group_start(&group, tls);
    const struct redis_options options = {.url = group.url,
                                          .ca = tls ? test.authority.ca_path : ""};
    fiber_sleep_ms(5000); /* sentinels find each other and the replica, which they tell nobody of */
    open_link(run, &options);
    wait_until(is_up, run);
    redis_mark(test.redis, SLICE_LIT("mark"), 600);
    wait_until(knows_mark, run);
    fiber_sleep_ms(500); /* to the replica */
    redis_server_kill(group.servers[0]);
    redis_server_kill(group.sentinels[0]);
    assert_true(fiber_run_until(run, is_down));
    int64_t down_us = clock_monotonic_us();
    wait_until(is_up, run);
    print_message("up again %lld ms after the master was killed\n",
                  (long long)(clock_monotonic_us() - down_us) / 1000);
    assert_true(knows_mark(run)); /* the replica had it */
    /* Who was master comes back as one that nobody is led to. */
    redis_server_launch(group.servers[0]);
    fiber_sleep_ms(2500);
    assert_true(knows_mark(run));
    close_link();
    open_link(run, &options);
    wait_until(knows_mark, run);
    close_link();
    group_stop(&group);
}

static void failover_is_followed(struct fiber_run *run)
{
    follow_a_failover(run, false);
}

static void failover_is_followed_over_tls(struct fiber_run *run)
{
    follow_a_failover(run, true);
}

static void sentinels_that_cannot_say_are_told_of(struct fiber_run *run)
{
    int port = redis_server_free_port(), other = redis_server_free_port();
    char url[128], lines[256];
    snprintf(lines, sizeof(lines), "port %d\nsentinel monitor pek 127.0.0.1 %d 1\n", port, other);
    struct redis_server *sentinel = redis_server_start_sentinel(lines);
    const struct redis_options options = {.url = url};
    snprintf(url, sizeof(url), "redis-sentinel://127.0.0.1:%d/nobody", port);
    assert_refused(run, &options, "a sentinel knows no master of that name");
    snprintf(url, sizeof(url), "redis-sentinel://127.0.0.1:%d/pek", port);
    assert_refused(run, &options, "cannot connect: connection refused");
    snprintf(url, sizeof(url), "redis-sentinel://127.0.0.1:%d/pek", other);
    assert_refused(run, &options, "a sentinel: cannot connect: connection refused");
    redis_server_stop(sentinel);
}

/* ---- */

static void run_body(void **state)
{
    fiber_run((void (*)(struct fiber_run *))(uintptr_t)*state);
}

#define REDIS_TEST(body)                                                                           \
    {                                                                                              \
#body, run_body, NULL, NULL, (void *)(uintptr_t)(body)                                     \
    }

static int set_up(void **state)
{
    (void)state;
    certificates_open(&test.authority);
    certificates_open(&test.other);
    certificates_issue(&test.authority, "server", "localhost", &test.server);
    certificates_issue(&test.authority, "client", "pek-hub", &test.client);
    certificates_issue(&test.other, "stranger", "pek-hub", &test.stranger);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certificates_close(&test.authority);
    certificates_close(&test.other);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REDIS_TEST(tls_is_for_whom_the_certificate_names),
        REDIS_TEST(tls_may_want_a_certificate_of_the_hub),
        REDIS_TEST(one_side_without_tls_is_no_way),
        REDIS_TEST(tls_server_that_is_killed_is_found_again),
        REDIS_TEST(each_address_of_a_name_is_tried),
        REDIS_TEST(password_is_the_right_one),
        REDIS_TEST(server_that_takes_no_marks_is_not_up),
        REDIS_TEST(sentinels_that_cannot_say_are_told_of),
        REDIS_TEST(failover_is_followed),
        REDIS_TEST(failover_is_followed_over_tls),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
