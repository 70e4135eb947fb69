/* Three servers, of which others become the primary, and one that is cut off from this program: what it goes on to believe. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "shared/base/clock.h"
#include "shared/pg/testing/servers.h"

#define PAGE "8192"

/* Asynchronous standbys: what they have been sent they have. */
static int start(void **state)
{
    (void)state;
    if (servers_start(3) != 0)
        return -1;
    pg_cluster_execute(primary, "ALTER SYSTEM SET max_standby_streaming_delay = '50ms'");
    /* What is received ends with a page, in the midst of a record. */
    pg_cluster_execute(
        primary, "CREATE SCHEMA torn;"
                 "CREATE FUNCTION torn.pg_last_wal_receive_lsn() RETURNS pg_lsn LANGUAGE sql AS $$"
                 "SELECT '0/0'::pg_lsn + " PAGE " * (1 + div("
                 "       pg_catalog.pg_last_wal_replay_lsn() - '0/0', " PAGE ")) $$");
    pg_cluster_follow(standby, primary);
    pg_cluster_follow(third, primary);
    return 0;
}

/* `reads` NULL: no standby is named. */
static void run_with(const struct pg_options *options, const struct pg_cluster *other,
                     const struct pg_cluster *reads, void (*body)(struct fiber_run *run))
{
    char conninfo[SERVERS_CONNINFO_BYTES], standby_conninfo[SERVERS_CONNINFO_BYTES];
    struct pg_options filled = *options;
    servers_conninfo(primary, other, NULL, conninfo);
    filled.conninfo = conninfo;
    if (reads) {
        servers_conninfo(reads, NULL, NULL, standby_conninfo);
        filled.standby_conninfo = standby_conninfo;
    }
    filled.on_trouble = on_told;
    tell_of("was promoted");
    fiber_run_pg(primary, &filled, body);
}

/* ---- a primary that others made ---- */

static bool over;

static void read_or_promote(struct fiber_run *run, size_t index)
{
    if (index == 0) {
        pg_cluster_promote(third);
        assert_true(fiber_run_until(run, writes));
        fiber_sleep_ms(1500);
        over = true;
    }
    while (!over) {
        (void)must_see(run, index % PG_LANES);
        fiber_sleep_ms(1);
    }
}

static void found_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    pg_cluster_kill(primary);
    assert_true(fiber_run_until(run, is_ready_alone));
    fiber_sleep_ms(2000); /* now each looks for it but seldom */
    over = false;
    fiber_run_parallel(run, 5, read_or_promote);
    assert_false(must_see(run, PG_POINT_READ).at_standby);
}

/* The one that reads come from is not the one that is promoted, and cannot tell. */
static void no_read_fails_when_another_server_becomes_the_primary(void **state)
{
    (void)state;
    run_with(&(struct pg_options){.read_max = 1, .long_read_max = 1}, third, standby, found_body);
}

static void assert_former_is_left(struct fiber_run *run, int64_t before)
{
    int64_t begin_us = clock_monotonic_us();
    while (counted(standby) < before + 20) {
        (void)!pg_write(run->pg, NULL, &count_up, NULL, 0, NULL);
        fiber_sleep_ms(20);
        assert_true(clock_monotonic_us() - begin_us < 10000000);
    }
    int64_t left = counted(standby);
    for (int i = 0; i < 20; i++)
        assert_int_equal(pg_write(run->pg, NULL, &count_up, NULL, 0, NULL), STATUS_OK);
    assert_int_equal(counted(standby), left + 20);
}

/* Also when the former primary is all that there is. */
static void assert_nobody_goes_back(struct fiber_run *run)
{
    char pids[256];
    int64_t left = counted(primary);
    backends_of(standby, "%", pids, sizeof(pids));
    close_door(standby, true);
    end_backends(pids);
    for (int i = 0; i < 100; i++) {
        (void)!pg_write(run->pg, NULL, &count_up, NULL, 0, NULL);
        fiber_sleep_ms(10);
    }
    close_door(standby, false);
    assert_true(fiber_run_until(run, writes));
    assert_int_equal(counted(primary), left);
}

static void one_meets_it_body(struct fiber_run *run)
{
    char pids[256];
    assert_true(fiber_run_until(run, writes));
    pg_cluster_promote(standby);
    assert_int_equal(pg_write(run->pg, NULL, &count_up, NULL, 0, NULL), STATUS_OK);
    int64_t before = counted(standby);
    backends_of(primary, "long read", pids, sizeof(pids));
    close_door(primary, true);
    end_backends(pids);
    assert_former_is_left(run, before);
    assert_string_equal(told.text, "this was the primary before another server was promoted");
    close_door(primary, false);
    backends_of(primary, "%", pids, sizeof(pids));
    assert_string_equal(pids, "");
    assert_nobody_goes_back(run);
}

/* One connection meets the later timeline, and all the others are up. */
static void former_primary_is_left_by_all_connections(void **state)
{
    (void)state;
    run_with(&(struct pg_options){.long_read_max = 1}, standby, NULL, one_meets_it_body);
}

static void standby_tells_of_it_body(struct fiber_run *run)
{
    char pids[64];
    assert_true(fiber_run_until(run, reads_at_standby));
    pg_cluster_promote(standby);
    assert_former_is_left(run, counted(standby));
    assert_true(is_told(run));
    backends_of(primary, "%", pids, sizeof(pids));
    assert_string_equal(pids, "");
}

/* The standby is asked whether it is one, though nobody reads there, and nothing of the primary is lost. */
static void former_primary_is_left_when_a_standby_is_promoted(void **state)
{
    (void)state;
    run_with(&(struct pg_options){0}, standby, standby, standby_tells_of_it_body);
}

/* ---- what is received and not replayed ---- */

static bool is_refused(struct fiber_run *run)
{
    struct seen seen;
    return see(run, PG_POINT_READ, &seen) == STATUS_UNAVAILABLE;
}

static bool is_answered(struct fiber_run *run)
{
    struct seen seen;
    return see(run, PG_POINT_READ, &seen) == STATUS_OK && seen.at_standby;
}

static void set_up(struct fiber_run *run, const char *sql, bool is_believed)
{
    pg_cluster_execute(standby, sql);
    pg_cluster_execute(standby, "SELECT pg_reload_conf()");
    assert_true(fiber_run_until(run, is_believed ? is_answered : is_refused));
    for (int i = 0; i < 3; i++)
        assert_true(is_believed ? is_answered(run) : is_refused(run));
}

static bool is_all_up(struct fiber_run *run)
{
    struct pg_statistics statistics;
    pg_statistics(run->pg, &statistics);
    return statistics.read_connections_up == 6 && statistics.transaction_connections_up == 8 &&
           statistics.pools[PG_POOL_STANDBY_READ].up == 4;
}

static void look_alone(struct fiber_run *run, size_t index)
{
    assert_true(must_see(run, index % PG_LANES).at_standby);
}

static void torn_body(struct fiber_run *run)
{
    char pids[256], conninfo[SERVERS_CONNINFO_BYTES];
    assert_true(fiber_run_until(run, reads_at_standby));
    assert_true(fiber_run_until(run, is_all_up));
    backends_of(primary, "%", pids, sizeof(pids));
    close_door(primary, true);
    end_backends(pids);
    assert_true(fiber_run_until(run, is_ready_alone));
    /* The primary goes on, for the standby: more may come. */
    set_up(run, "SELECT", false);
    pg_cluster_kill(primary);
    assert_true(fiber_run_until(run, standby_hears_nobody));
    pg_cluster_execute(standby, "SELECT pg_wal_replay_pause()");
    set_up(run, "SELECT", false);
    pg_cluster_execute(standby, "SELECT pg_wal_replay_resume()");
    set_up(run, "ALTER SYSTEM SET recovery_min_apply_delay = '1h'", false);
    pg_cluster_execute(standby, "ALTER SYSTEM SET recovery_min_apply_delay = 0");
    servers_conninfo(standby, NULL, NULL, conninfo);
    PGconn *reader = PQconnectdb(conninfo);
    PQclear(PQexec(reader, "BEGIN; SELECT FROM counter"));
    set_up(run, "SELECT", false);
    PQfinish(reader);
    int64_t begin_us = clock_monotonic_us();
    set_up(run, "SELECT", true);
    print_message("its end was found within %lld ms\n",
                  (long long)(clock_monotonic_us() - begin_us) / 1000);
    fiber_run_parallel(run, 40, look_alone);
}

static void a_torn_end_is_the_end_when_nothing_holds_the_replay_up(void **state)
{
    static const struct pg_setting path = {"search_path", "torn,pg_catalog,public"};
    (void)state;
    run_with(&(struct pg_options){.settings = &path, .setting_count = 1}, third, standby,
             torn_body);
}

/* ---- what a hung server keeps ---- */

static struct cancel cancels[2];
static const struct pg_cluster *sleeping_at;
static char sleeping[8];

static bool so_many_sleep(struct fiber_run *run)
{
    char count[8];
    (void)run;
    pg_cluster_query(sleeping_at,
                     "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", count,
                     sizeof(count));
    return strcmp(count, sleeping) == 0;
}

static void await_sleeping(struct fiber_run *run, const struct pg_cluster *at, const char *count)
{
    sleeping_at = at;
    snprintf(sleeping, sizeof(sleeping), "%s", count);
    assert_true(fiber_run_until(run, so_many_sleep));
}

static void sleep_until_cancelled(struct fiber_run *run, size_t index)
{
    static const struct pg_statement nap = {"nap", "SELECT pg_sleep(60)"};
    struct pg_result *rows;
    cancel_init(&cancels[index], deadline_after_ms(50000));
    cancels[index].user = slice_str(index == 0 ? "a" : "b");
    assert_int_equal(pg_read(run->pg, PG_LONG_READ, &cancels[index], &nap, NULL, 0, &rows),
                     STATUS_CANCELLED);
}

static void sleep_or_pause(struct fiber_run *run, size_t index)
{
    if (index < 2) {
        sleep_until_cancelled(run, index);
        return;
    }
    await_sleeping(run, primary, "2");
    pg_cluster_pause(primary);
    cancel_fire(&cancels[0]);
    cancel_fire(&cancels[1]);
}

static int64_t slept_on_ms;

static void sleep_or_cancel(struct fiber_run *run, size_t index)
{
    if (index == 0) {
        sleep_until_cancelled(run, 0);
        return;
    }
    await_sleeping(run, standby, "1");
    int64_t begin_us = clock_monotonic_us();
    cancel_fire(&cancels[0]);
    await_sleeping(run, standby, "0");
    slept_on_ms = (clock_monotonic_us() - begin_us) / 1000;
}

static void hung_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, writes));
    fiber_run_parallel(run, 3, sleep_or_pause);
    pg_cluster_promote(standby);
    bool is_back = fiber_run_until(run, writes);
    if (is_back)
        fiber_run_parallel(run, 2, sleep_or_cancel);
    pg_cluster_resume(primary);
    assert_true(is_back);
    print_message("what was cancelled ended after %lld ms\n", (long long)slept_on_ms);
    assert_true(slept_on_ms < 1500);
}

/* Two Cancels wait for a word of it. */
static void after_a_hung_server_others_are_cancelled_as_before(void **state)
{
    (void)state;
    run_with(&(struct pg_options){0}, standby, NULL, hung_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_read_fails_when_another_server_becomes_the_primary,
                                        start, servers_stop),
        cmocka_unit_test_setup_teardown(former_primary_is_left_by_all_connections, start,
                                        servers_stop),
        cmocka_unit_test_setup_teardown(former_primary_is_left_when_a_standby_is_promoted, start,
                                        servers_stop),
        cmocka_unit_test_setup_teardown(after_a_hung_server_others_are_cancelled_as_before, start,
                                        servers_stop),
        cmocka_unit_test_setup_teardown(a_torn_end_is_the_end_when_nothing_holds_the_replay_up,
                                        start, servers_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
