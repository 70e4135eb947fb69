/* One name that has the addresses of all servers, in the order that whoever answers for names pleases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <netdb.h>
#include <semaphore.h>
#include <time.h>

#include "shared/base/clock.h"
#include "shared/pg/testing/servers.h"

#define NAME "servers.test"
#define HUNG_NAME "hung.test"
#define HUNG_S 60

static char addresses[2][32];
static bool turned;
static sem_t answered;

/* In the place of libc's, which asks files and servers; libuv must see it. */
__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **ret_found)
{
    int (*libc)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&libc = dlsym(RTLD_NEXT, "getaddrinfo");
    if (name && strcmp(name, HUNG_NAME) == 0) {
        const struct timespec until = {time(NULL) + HUNG_S, 0};
        (void)!sem_timedwait(&answered, &until);
        sem_post(&answered); /* for who asks next */
        return EAI_NONAME;
    }
    if (!name || strcmp(name, NAME) != 0)
        return libc(name, service, hints, ret_found);
    int error = libc(addresses[turned], service, hints, ret_found);
    return error ? error : libc(addresses[!turned], service, hints, &(*ret_found)->ai_next);
}

/* Of this process, so that nobody else has them. */
static int start(void **state)
{
    struct pg_cluster **const all[] = {&primary, &standby};
    (void)state;
    if (servers_start(2) != 0)
        return -1;
    pg_cluster_follow(standby, primary);
    for (size_t i = 0; i < 2; i++) {
        unsigned pid = (unsigned)getpid();
        snprintf(addresses[i], sizeof(addresses[i]), "127.%u.%u.%zu", 1 + pid / 256 % 250,
                 pid % 256, 1 + i);
        pg_cluster_listen(*all[i], addresses[i]);
    }
    turned = false;
    return 0;
}

static void run_with(bool first_is_standby, bool reads, void (*body)(struct fiber_run *run))
{
    static const char conninfo[] = "host=" NAME " user=postgres dbname=postgres";
    turned = first_is_standby;
    tell_of("no primary is found");
    fiber_run_pg(primary,
                 &(struct pg_options){.conninfo = conninfo,
                                      .standby_conninfo = reads ? conninfo : NULL,
                                      .on_trouble = on_told},
                 body);
}

static void writes_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, writes));
    assert_int_equal(told.count, 0);
    /* Who answers for names need not keep an order; whoever loses its connection finds the primary again. */
    turned = !turned;
    pg_cluster_execute(primary, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                " WHERE application_name LIKE 'pek %'");
    assert_true(fiber_run_until(run, writes));
}

static void both_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    writes_body(run);
    assert_true(fiber_run_until(run, reads_at_standby));
}

static void all_are_found_in_any_order(void **state)
{
    (void)state;
    for (int first_is_standby = 0; first_is_standby < 2; first_is_standby++) {
        run_with(first_is_standby, false, writes_body);
        run_with(first_is_standby, true, both_body);
    }
}

static void hung_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    assert_true(fiber_run_until(run, writes));
    pg_cluster_pause(primary);
    int64_t begin_us = clock_monotonic_us();
    bool at_standby = must_see(run, PG_POINT_READ).at_standby;
    int64_t took_ms = (clock_monotonic_us() - begin_us) / 1000;
    pg_cluster_promote(standby);
    bool is_back = fiber_run_until(run, writes);
    pg_cluster_resume(primary);
    print_message("a read answered %lld ms after the primary hung\n", (long long)took_ms);
    assert_true(at_standby && took_ms < 4500);
    assert_true(is_back);
}

static void a_hung_one_does_not_hide_the_others(void **state)
{
    (void)state;
    run_with(false, true, hung_body);
}

/* ---- of one thread for names, nobody takes it ---- */

static struct cancel cancel;
static bool is_back;

static bool two_sleep(struct fiber_run *run)
{
    (void)run;
    return is_true_at(primary, "SELECT count(*) = 2 FROM pg_stat_activity"
                               " WHERE wait_event = 'PgSleep'");
}

static void sleep_or_pause(struct fiber_run *run, size_t index)
{
    static const struct pg_statement nap = {"nap", "SELECT pg_sleep(60)"};
    struct pg_result *rows;
    if (index < 2) {
        assert_int_equal(pg_read(run->pg, PG_LONG_READ, &cancel, &nap, NULL, 0, &rows),
                         STATUS_CANCELLED);
        return;
    }
    assert_true(fiber_run_until(run, two_sleep));
    pg_cluster_pause(primary);
    cancel_fire(&cancel);
}

static void cancelled_body(struct fiber_run *run)
{
    cancel_init(&cancel, deadline_after_ms(50000));
    assert_true(fiber_run_until(run, writes));
    fiber_run_parallel(run, 3, sleep_or_pause);
    pg_cluster_promote(standby);
    is_back = fiber_run_until(run, writes);
}

/* The program also ends while that one hangs. */
static void cancels_at_a_hung_one_do_not_hide_the_others(void **state)
{
    (void)state;
    run_with(false, false, cancelled_body);
    pg_cluster_resume(primary);
    assert_true(is_back);
}

static void writes_and_answer_body(struct fiber_run *run)
{
    bool is_written = fiber_run_until(run, writes);
    sem_post(&answered);
    assert_true(is_written);
}

static void a_name_that_nobody_answers_for_does_not_hide_the_next_host(void **state)
{
    char conninfo[SERVERS_CONNINFO_BYTES];
    (void)state;
    snprintf(conninfo, sizeof(conninfo), "host=" HUNG_NAME ",%s user=postgres dbname=postgres",
             addresses[0]);
    fiber_run_pg(primary, &(struct pg_options){.conninfo = conninfo, .connect_timeout_ms = 1000},
                 writes_and_answer_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_are_found_in_any_order, start, servers_stop),
        cmocka_unit_test_setup_teardown(a_hung_one_does_not_hide_the_others, start, servers_stop),
        cmocka_unit_test_setup_teardown(cancels_at_a_hung_one_do_not_hide_the_others, start,
                                        servers_stop),
        cmocka_unit_test_setup_teardown(a_name_that_nobody_answers_for_does_not_hide_the_next_host,
                                        start, servers_stop),
    };
    sem_init(&answered, 0, 0);
    setenv("UV_THREADPOOL_SIZE", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
