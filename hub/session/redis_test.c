/* The link to a real Redis, which is also killed, hung, emptied and locked. */
#include "hub/session/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "tests/support/fiber_run.h"
#include "tests/support/redis_server.h"

static struct {
    struct redis_server *server;
    struct redis *one, *other;
    unsigned ups, downs, messages;
    char message[128];
} test;

static void on_message(void *arg, struct slice message)
{
    (void)arg;
    test.messages++;
    snprintf(test.message, sizeof(test.message), "%.*s", SLICE_ARG(message));
}

static void on_up(void *arg)
{
    (void)arg;
    test.ups++;
}

static void on_down(void *arg, const char *reason)
{
    (void)arg;
    assert_true(reason[0] != '\0');
    test.downs++;
}

static struct redis *open_link(struct fiber_run *run, const char *url)
{
    const struct redis_events events = {NULL, on_message, on_up, on_down};
    const struct redis_options options = {.url = url};
    struct redis *redis;
    struct fault fault = {0};
    assert_int_equal(redis_new(run->fibers, &options, "test", &events, &redis, &fault), STATUS_OK);
    return redis;
}

static bool both_up(struct fiber_run *run)
{
    (void)run;
    return redis_is_up(test.one) && redis_is_up(test.other);
}

static bool both_down(struct fiber_run *run)
{
    (void)run;
    return !redis_is_up(test.one) && !redis_is_up(test.other);
}

static void open_both(struct fiber_run *run)
{
    test.ups = test.downs = test.messages = 0;
    test.one = open_link(run, redis_server_url(test.server));
    test.other = open_link(run, redis_server_url(test.server));
    assert_true(fiber_run_until(run, both_up));
}

static void close_both(void)
{
    test.one = redis_free(test.one);
    test.other = redis_free(test.other);
}

static bool both_heard(struct fiber_run *run)
{
    (void)run;
    return test.messages >= 2;
}

static bool is_marked(const char *key)
{
    bool marked = false;
    assert_int_equal(redis_marked(test.other, slice_str(key), 5000, &marked), STATUS_OK);
    return marked;
}

/* ---- */

static void message_reaches_every_link(struct fiber_run *run)
{
    open_both(run);
    redis_publish(test.one, SLICE_LIT("a message, \r\n$5 of any \xc3\xa1 bytes"));
    assert_true(fiber_run_until(run, both_heard));
    assert_string_equal(test.message, "a message, \r\n$5 of any \xc3\xa1 bytes");
    assert_int_equal(test.ups, 2);
    assert_int_equal(test.downs, 0);
    close_both();
}

static bool mark_has_expired(struct fiber_run *run)
{
    (void)run;
    return !is_marked("short");
}

static void mark_is_seen_by_every_link_until_it_expires(struct fiber_run *run)
{
    open_both(run);
    redis_mark(test.one, SLICE_LIT("long"), 60);
    redis_mark(test.one, SLICE_LIT("short"), 1);
    redis_mark(test.one, SLICE_LIT("never"), 0);
    bool marked = false;
    assert_int_equal(redis_marked(test.one, SLICE_LIT("long"), 5000, &marked), STATUS_OK);
    assert_true(marked && is_marked("long"));
    assert_false(is_marked("never"));
    assert_true(fiber_run_until(run, mark_has_expired));
    redis_server_command(test.server, "FLUSHALL");
    assert_false(is_marked("long"));
    close_both();
}

static void addresses_are_read_strictly(struct fiber_run *run)
{
    static const char *const wrong[] = {
        "",
        "localhost",
        "http://localhost",
        "redis://",
        "redis://:6379",
        "unix:",
        "unix:relative",
        "redis://host:0",
        "redis://host:x",
        "redis://host:65536",
        "redis:",
        "redis://one,two",
        "redis://:@host",
        "redis://:secret@",
        "redis://::1",
        "redis://[::1]x",
        "redis://[::1",
        "redis://host/1/2",
        "redis-sentinel://host",
        "redis-sentinel://host/",
        "redis-sentinel://host,/name/x",
        "redis-sentinel:///name",
        "redis-sentinel://a,b,c,d,e,f,g,h,i/name",
        "sentinel://host/name",
        "redis://host:6379/x",
        "redis://host:6379/-1",
    };
    static const char *const right[] = {
        "redis://127.0.0.1:1",
        "redis://127.0.0.1:1/3",
        "redis://:secret@127.0.0.1:1",
        "redis://user:p:a@ss@127.0.0.1:1/0",
        "unix:/nonexistent/socket",
        "redis://no-such-host.invalid",
        "redis://[::1]:1",
        "rediss://user:sec/ret@127.0.0.1:1",
        "redis-sentinel://[::1]:1,127.0.0.1:1/name",
        "rediss-sentinel://127.0.0.1:1/name/2",
    };
    const struct redis_events events = {NULL, on_message, on_up, on_down};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct redis_options options = {.url = wrong[i]};
        struct redis *redis = NULL;
        struct fault fault = {0};
        assert_int_equal(redis_new(run->fibers, &options, "test", &events, &redis, &fault),
                         STATUS_INVALID_ARGUMENT);
        assert_int_equal(redis_check(&options, &fault), STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, "redis_url");
        assert_null(strstr(fault.text, "secret"));
        assert_null(redis);
    }
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        struct redis *redis = open_link(run, right[i]);
        bool marked;
        assert_false(redis_is_up(redis));
        redis_publish(redis, SLICE_LIT("nobody hears"));
        redis_mark(redis, SLICE_LIT("nothing"), 60);
        assert_int_equal(redis_marked(redis, SLICE_LIT("nothing"), 5000, &marked),
                         STATUS_UNAVAILABLE);
        fiber_sleep_ms(20);
        redis_free(redis);
    }
}

/* It would be cut, and another socket connected to. */
static void path_that_no_socket_can_have_is_refused_by_name(struct fiber_run *run)
{
    char url[128];
    struct redis_options options = {.url = url};
    struct fault fault = {0};
    (void)run;
    snprintf(url, sizeof(url), "unix:/%0106d", 0);
    assert_int_equal(redis_check(&options, &fault), STATUS_OK);
    snprintf(url, sizeof(url), "unix:/%0107d", 0);
    assert_int_equal(redis_check(&options, &fault), STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "redis_url");
    assert_non_null(strstr(fault.text, "107 bytes"));
}

static void hung_redis_holds_nobody_up_and_is_given_up(struct fiber_run *run)
{
    bool marked;
    open_both(run);
    redis_server_pause(test.server);
    int64_t begin_us = clock_monotonic_us();
    assert_int_equal(redis_marked(test.one, SLICE_LIT("x"), 50, &marked), STATUS_DEADLINE_EXCEEDED);
    assert_true(clock_monotonic_us() - begin_us < 1000000);
    for (int i = 0; i < 10 * REDIS_PENDING_MAX; i++)
        redis_publish(test.one, SLICE_LIT("nobody reads this"));
    assert_true(fiber_run_until(run, both_down));
    assert_true(test.downs >= 2);
    assert_int_equal(redis_marked(test.one, SLICE_LIT("x"), 50, &marked), STATUS_UNAVAILABLE);
    redis_server_resume(test.server);
    assert_true(fiber_run_until(run, both_up));
    assert_int_equal(test.ups, 4);
    test.messages = 0;
    redis_publish(test.other, SLICE_LIT("again"));
    assert_true(fiber_run_until(run, both_heard));
    close_both();
}

static void killed_redis_is_found_again(struct fiber_run *run)
{
    open_both(run);
    redis_mark(test.one, SLICE_LIT("mark"), 60);
    assert_int_equal(is_marked("x"), false);
    redis_server_kill(test.server);
    assert_true(fiber_run_until(run, both_down));
    redis_server_launch(test.server);
    assert_true(fiber_run_until(run, both_up));
    assert_false(is_marked("mark")); /* and it knows nothing */
    close_both();
}

static void link_can_be_closed_in_every_state(struct fiber_run *run)
{
    for (int64_t ms = 0; ms < 250; ms += 10) {
        struct redis *redis = open_link(run, redis_server_url(test.server));
        fiber_sleep_ms(ms);
        redis_publish(redis, SLICE_LIT("x"));
        redis_free(redis);
    }
}

static void redis_that_wants_a_password_is_not_up_without(struct fiber_run *run)
{
    struct redis_server *locked = redis_server_start("open:sesame");
    struct redis *without = open_link(run, redis_server_url(locked));
    /* unix: has no place for a password; a locked one stays down. */
    fiber_sleep_ms(300);
    assert_false(redis_is_up(without));
    redis_free(without);
    redis_server_stop(locked);
}

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
    test.server = redis_server_start(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test.server = redis_server_stop(test.server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REDIS_TEST(message_reaches_every_link),
        REDIS_TEST(mark_is_seen_by_every_link_until_it_expires),
        REDIS_TEST(addresses_are_read_strictly),
        REDIS_TEST(path_that_no_socket_can_have_is_refused_by_name),
        REDIS_TEST(hung_redis_holds_nobody_up_and_is_given_up),
        REDIS_TEST(killed_redis_is_found_again),
        REDIS_TEST(link_can_be_closed_in_every_state),
        REDIS_TEST(redis_that_wants_a_password_is_not_up_without),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
