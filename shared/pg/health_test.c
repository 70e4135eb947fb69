/* A server that says nothing: noticed within seconds, though nothing tells of it, and told from one that is slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/pg/testing/servers.h"

/* Silence, and the time of the probe, and what a busy machine adds. */
#define NOTICED_US 4500000
#define AT_ONCE_US 500000

static char both[SERVERS_CONNINFO_BYTES];

static const struct pg_statement nap = {"nap", "SELECT pg_sleep(5)"};

static int start(void **state)
{
    (void)state;
    if (servers_start(2) != 0)
        return -1;
    pg_cluster_follow(standby, primary);
    servers_conninfo(primary, standby, NULL, both);
    return 0;
}

static void run_with(const struct pg_options *options, void (*body)(struct fiber_run *run))
{
    struct pg_options filled = *options;
    filled.on_trouble = on_told;
    tell_of("does not answer");
    fiber_run_pg(primary, &filled, body);
}

/* How long the call took. */
static int64_t timed(struct fiber_run *run, enum pg_lane lane, enum status want_status,
                     bool want_at_standby)
{
    int64_t begin_us = clock_monotonic_us();
    struct seen seen = {.at_standby = want_at_standby};
    assert_int_equal(see(run, lane, &seen), want_status);
    assert_int_equal(seen.at_standby, want_at_standby);
    return clock_monotonic_us() - begin_us;
}

static void look_once(struct fiber_run *run, size_t index)
{
    struct seen seen;
    (void)!see(run, index % PG_LANES, &seen);
}

/* With reads on all connections, and with one alone. */
static void hung_primary_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    for (size_t width = 1; width <= 40; width += 39) {
        pg_cluster_pause(primary);
        int64_t begin_us = clock_monotonic_us();
        fiber_run_parallel(run, width, look_once);
        int64_t took_us = clock_monotonic_us() - begin_us;
        print_message("%zu reads answered %lld ms after the primary hung\n", width,
                      (long long)took_us / 1000);
        assert_true(took_us < NOTICED_US);
        assert_true(pg_is_without_primary(run->pg));
        assert_true(timed(run, PG_POINT_READ, STATUS_OK, true) < AT_ONCE_US);
        assert_true(timed(run, PG_LONG_READ, STATUS_OK, true) < AT_ONCE_US);
        begin_us = clock_monotonic_us();
        assert_int_equal(pg_write(run->pg, NULL, &count_up, NULL, 0, NULL), STATUS_UNAVAILABLE);
        assert_true(clock_monotonic_us() - begin_us < AT_ONCE_US);
        assert_non_null(strstr(told.text, pg_cluster_folder(primary)));
        pg_cluster_resume(primary);
        assert_true(fiber_run_until(run, writes));
        assert_true(fiber_run_until(run, reads_at_standby));
    }
}

static void reads_of_a_hung_primary_come_from_the_standby(void **state)
{
    (void)state;
    run_with(&(struct pg_options){.conninfo = both, .standby_conninfo = both}, hung_primary_body);
}

static void hung_standby_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    pg_cluster_pause(standby);
    int64_t took_us = timed(run, PG_LONG_READ, STATUS_OK, false);
    print_message("a long read answered %lld ms after the standby hung\n",
                  (long long)took_us / 1000);
    assert_true(took_us < NOTICED_US);
    assert_true(timed(run, PG_LONG_READ, STATUS_OK, false) < AT_ONCE_US);
    pg_cluster_resume(standby);
    assert_true(fiber_run_until(run, reads_at_standby));
}

static void long_reads_of_a_hung_standby_come_from_the_primary(void **state)
{
    (void)state;
    run_with(&(struct pg_options){.conninfo = both, .standby_conninfo = both}, hung_standby_body);
}

static void alone_body(struct fiber_run *run)
{
    pg_cluster_pause(primary);
    assert_true(timed(run, PG_POINT_READ, STATUS_UNAVAILABLE, false) < NOTICED_US);
    assert_true(timed(run, PG_POINT_READ, STATUS_UNAVAILABLE, false) < AT_ONCE_US);
    assert_true(timed(run, PG_LONG_READ, STATUS_UNAVAILABLE, false) < AT_ONCE_US);
    pg_cluster_resume(primary);
    assert_true(fiber_run_until(run, writes));
}

static void reads_of_a_hung_server_are_refused_at_once(void **state)
{
    (void)state;
    run_with(&(struct pg_options){0}, alone_body);
}

static void nap_once(struct fiber_run *run, size_t index)
{
    struct pg_result *rows;
    assert_int_equal(pg_read(run->pg, index % PG_LANES, NULL, &nap, NULL, 0, &rows), STATUS_OK);
    pg_result_free(rows);
}

static void slow_body(struct fiber_run *run)
{
    struct pg_statistics statistics;
    fiber_run_parallel(run, 4, nap_once);
    pg_statistics(run->pg, &statistics);
    assert_int_equal(statistics.reconnects, 0);
    assert_int_equal(statistics.reads_resent, 0);
    assert_int_equal(told.count, 0);
}

/* Nobody says anything for five seconds, but for the probes. */
static void a_slow_statement_is_left_alone(void **state)
{
    (void)state;
    run_with(&(struct pg_options){.conninfo = both, .standby_conninfo = both}, slow_body);
}

/* ---- one of several standbys ---- */

static int64_t slowest_us;
static size_t hung_at;

static void look_for_a_while(struct fiber_run *run, size_t index)
{
    (void)index;
    for (int64_t until_us = deadline_after_ms(6000); clock_monotonic_us() < until_us;) {
        int64_t begin_us = clock_monotonic_us();
        (void)must_see(run, PG_LONG_READ);
        if (clock_monotonic_us() - begin_us > slowest_us)
            slowest_us = clock_monotonic_us() - begin_us;
        fiber_sleep_ms(20);
    }
}

static bool third_is_read(struct fiber_run *run)
{
    struct pg_statistics statistics;
    char pids[64];
    pg_statistics(run->pg, &statistics);
    backends_of(third, "long read", pids, sizeof(pids));
    return pids[0] && statistics.pools[PG_POOL_STANDBY_LONG_READ].up == 2;
}

static void one_of_two_body(struct fiber_run *run)
{
    char pids[256];
    assert_true(fiber_run_until(run, reads_at_standby));
    backends_of(standby, "long read", pids, sizeof(pids));
    assert_non_null(strchr(pids, ' '));
    *strchr(pids, ' ') = '\0';
    close_door(standby, true);
    end_backends(pids);
    assert_true(fiber_run_until(run, third_is_read));
    close_door(standby, false);
    pg_cluster_pause(hung_at ? third : standby);
    slowest_us = 0;
    fiber_run_parallel(run, 3, look_for_a_while);
    pg_cluster_resume(hung_at ? third : standby);
    print_message("the slowest long read took %lld ms\n", (long long)slowest_us / 1000);
    assert_true(slowest_us < NOTICED_US);
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.text, pg_cluster_folder(hung_at ? third : standby)));
}

/* The other goes on to answer all the while. */
static void a_hung_standby_does_not_hide_behind_another(void **state)
{
    char standbys[SERVERS_CONNINFO_BYTES];
    (void)state;
    third = pg_cluster_start();
    assert_non_null(third);
    pg_cluster_follow(third, primary);
    servers_conninfo(standby, third, NULL, standbys);
    for (hung_at = 0; hung_at < 2; hung_at++)
        run_with(&(struct pg_options){.standby_conninfo = standbys}, one_of_two_body);
    third = pg_cluster_stop(third);
}

/* ---- how often ---- */

static bool over;
static unsigned probes;

/* In the place of the server, for who comes new. */
static void answer_probes(const struct pg_cluster *cluster)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char question[8];
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.5432",
             pg_cluster_folder(cluster));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    while (!over) {
        fiber_sleep_ms(20);
        int asked = accept(fd, NULL, NULL);
        if (asked < 0)
            continue;
        fiber_sleep_ms(20);
        assert_int_equal(recv(asked, question, sizeof(question), 0), sizeof(question));
        assert_int_equal(send(asked, "N", 1, 0), 1);
        close(asked);
        probes++;
    }
    close(fd);
    assert_int_equal(unlink(address.sun_path), 0);
}

static void nap_or_answer(struct fiber_run *run, size_t index)
{
    if (index > 0) {
        answer_probes(primary);
        return;
    }
    nap_once(run, PG_LONG_READ);
    assert_int_equal(probes, 2); /* after 1.2 s, and 2.4 s later */
    nap_once(run, PG_LONG_READ);
    assert_int_equal(probes, 4); /* what is new is asked about as soon as ever */
    over = true;
}

static void seldom_body(struct fiber_run *run)
{
    close_door(primary, true);
    over = false;
    probes = 0;
    fiber_run_parallel(run, 2, nap_or_answer);
    close_door(primary, false);
    assert_int_equal(told.count, 0);
}

/* With TLS each probe is a line in the server's log. */
static void who_is_slow_is_asked_less_and_less(void **state)
{
    (void)state;
    run_with(&(struct pg_options){0}, seldom_body);
}

/* ---- */

static void do_nothing(void *arg)
{
    (void)arg;
}

static void nap_or_stand_still(struct fiber_run *run, size_t index)
{
    if (index > 0) {
        nap_once(run, PG_POINT_READ);
        return;
    }
    pg_cluster_pause(primary);
    fiber_sleep_ms(1800); /* there is a probe now */
    /* From here on the loop looks at its timers before it reads. */
    assert_int_equal(fiber_offload(do_nothing, NULL), STATUS_OK);
    for (int64_t until_us = deadline_after_ms(3000); clock_monotonic_us() < until_us;)
        ;
    pg_cluster_resume(primary);
}

static void still_body(struct fiber_run *run)
{
    struct pg_statistics statistics;
    fiber_run_parallel(run, 4, nap_or_stand_still);
    pg_statistics(run->pg, &statistics);
    assert_int_equal(statistics.reconnects, 0);
    assert_int_equal(told.count, 0);
}

/* The server stood still as long, as all does on a machine that is suspended. */
static void a_program_that_stood_still_blames_nobody(void **state)
{
    (void)state;
    run_with(&(struct pg_options){0}, still_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_of_a_hung_primary_come_from_the_standby),
        cmocka_unit_test(long_reads_of_a_hung_standby_come_from_the_primary),
        cmocka_unit_test(reads_of_a_hung_server_are_refused_at_once),
        cmocka_unit_test(a_slow_statement_is_left_alone),
        cmocka_unit_test(a_hung_standby_does_not_hide_behind_another),
        cmocka_unit_test(who_is_slow_is_asked_less_and_less),
        cmocka_unit_test(a_program_that_stood_still_blames_nobody),
    };
    return cmocka_run_group_tests(tests, start, servers_stop);
}
