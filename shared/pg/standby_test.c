/* Reads that a standby answers: never older than what was acknowledged before, and all of them while there is no primary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/pg/testing/servers.h"

static char both[SERVERS_CONNINFO_BYTES];

static const struct pg_statement look_long = {
    "look_long",
    "SELECT n, pg_is_in_recovery() FROM counter, pg_sleep(0.5)",
};

static void write_one(struct fiber_run *run)
{
    assert_int_equal(pg_write(run->pg, NULL, &count_up, NULL, 0, NULL), STATUS_OK);
}

/* A pair, the second the synchronous standby of the first. */
static int start(void **state)
{
    (void)state;
    if (servers_start(2) != 0)
        return -1;
    pg_cluster_execute(primary, "ALTER SYSTEM SET max_standby_streaming_delay = '50ms'");
    pg_cluster_follow(standby, primary);
    pg_cluster_execute(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'");
    pg_cluster_execute(primary, "SELECT pg_reload_conf()");
    servers_conninfo(primary, standby, NULL, both);
    return 0;
}

static void run_with(const struct pg_options *options, void (*body)(struct fiber_run *run))
{
    struct pg_options filled = *options;
    filled.conninfo = filled.standby_conninfo = both;
    fiber_run_pg(primary, &filled, body);
}

/* ---- while there is a primary ---- */

static int64_t written;

static void write_and_look(struct fiber_run *run, size_t index)
{
    for (int i = 0; i < 50; i++) {
        if (index == 0) {
            write_one(run);
            written++;
            continue;
        }
        int64_t before = written;
        assert_true(must_see(run, PG_LONG_READ).n >= before);
        assert_false(must_see(run, PG_POINT_READ).at_standby);
    }
}

static void long_reads_go_to_a_standby_and_miss_nothing_body(struct fiber_run *run)
{
    struct pg_statistics statistics;
    assert_true(fiber_run_until(run, reads_at_standby));
    written = must_see(run, PG_POINT_READ).n;
    fiber_run_parallel(run, 6, write_and_look);
    pg_statistics(run->pg, &statistics);
    assert_true(statistics.standby_reads > 0);
    assert_int_equal(statistics.pools[PG_POOL_STANDBY_READ].up, 4);
    assert_false(statistics.without_primary);
}

static void long_reads_go_to_a_standby_and_miss_nothing(void **state)
{
    (void)state;
    run_with(&(struct pg_options){0}, long_reads_go_to_a_standby_and_miss_nothing_body);
}

static void a_standby_that_is_behind_is_not_asked_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    pg_cluster_execute(standby, "SELECT pg_wal_replay_pause()");
    write_one(run);
    struct seen own = must_see(run, PG_POINT_READ), seen = must_see(run, PG_LONG_READ);
    assert_int_equal(seen.n, own.n);
    assert_false(seen.at_standby);
    pg_cluster_execute(standby, "SELECT pg_wal_replay_resume()");
    assert_true(fiber_run_until(run, reads_at_standby));
    assert_int_equal(must_see(run, PG_LONG_READ).n, own.n);
}

static void a_standby_that_is_behind_is_not_asked(void **state)
{
    (void)state;
    run_with(&(struct pg_options){0}, a_standby_that_is_behind_is_not_asked_body);
}

static int64_t looked_us;

static void look_or_lock(struct fiber_run *run, size_t index)
{
    struct pg_result *rows;
    if (index == 0) {
        int64_t begin_us = clock_monotonic_us();
        assert_int_equal(pg_read(run->pg, PG_LONG_READ, NULL, &look_long, NULL, 0, &rows),
                         STATUS_OK);
        pg_result_free(rows);
        looked_us = clock_monotonic_us() - begin_us;
        return;
    }
    fiber_sleep_ms(200);
    pg_cluster_execute(primary, "BEGIN; LOCK TABLE counter IN ACCESS EXCLUSIVE MODE; COMMIT");
}

static void a_read_that_is_in_the_way_of_replay_is_asked_again_body(struct fiber_run *run)
{
    struct pg_statistics statistics;
    assert_true(fiber_run_until(run, reads_at_standby));
    fiber_run_parallel(run, 2, look_or_lock);
    pg_statistics(run->pg, &statistics);
    assert_true(statistics.reads_resent > 0);
    assert_true(looked_us > 650000); /* its half second twice, the first cut off */
}

static void a_read_that_is_in_the_way_of_replay_is_asked_again(void **state)
{
    (void)state;
    run_with(&(struct pg_options){0}, a_read_that_is_in_the_way_of_replay_is_asked_again_body);
}

/* ---- what a guard meets ---- */

static int guard_count;
static char guard_text[96];

static void on_guard_trouble(void *arg, const struct pg_trouble *trouble)
{
    (void)arg;
    guard_count += trouble->kind == PG_TROUBLE_STATEMENT;
    snprintf(guard_text, sizeof(guard_text), "%s %s: %s", trouble->sqlstate, trouble->statement,
             trouble->text);
}

static bool is_told_of_a_guard(struct fiber_run *run)
{
    assert_false(must_see(run, PG_LONG_READ).at_standby);
    return guard_count > 0;
}

static void a_guard_that_fails_is_told_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, is_told_of_a_guard));
    assert_int_equal(guard_count, 1);
    assert_string_equal(guard_text, "22P02 pek_standby_guard: no position");
}

/* A function of the server's that does not do what it should; the primary answers. */
static void a_guard_that_fails_is_told(void **state)
{
    static const struct pg_setting path = {"search_path", "broken,pg_catalog,public"};
    (void)state;
    pg_cluster_execute(primary, "CREATE SCHEMA broken;"
                                "CREATE FUNCTION broken.pg_last_wal_replay_lsn() RETURNS pg_lsn"
                                " LANGUAGE plpgsql AS $$ BEGIN"
                                "    RAISE 'no position' USING ERRCODE = '22P02'; END $$");
    run_with(
        &(struct pg_options){.settings = &path, .setting_count = 1, .on_trouble = on_guard_trouble},
        a_guard_that_fails_is_told_body);
}

/* ---- without one ---- */

static void reads_stay_within_their_time_body(struct fiber_run *run)
{
    struct seen seen;
    assert_true(fiber_run_until(run, reads_at_standby));
    pg_cluster_kill(primary);
    assert_true(fiber_run_until(run, is_alone));
    assert_true(must_see(run, PG_POINT_READ).at_standby);
    fiber_sleep_ms(600);
    assert_false(pg_is_ready(run->pg));
    assert_int_equal(see(run, PG_POINT_READ, &seen), STATUS_UNAVAILABLE);
    assert_int_equal(see(run, PG_LONG_READ, &seen), STATUS_UNAVAILABLE);
    pg_cluster_launch(primary);
    assert_true(fiber_run_until(run, writes));
}

static void reads_without_a_primary_stay_within_their_time(void **state)
{
    (void)state;
    run_with(&(struct pg_options){.standby_alone_ms = 500}, reads_stay_within_their_time_body);
}

static void fell_behind_body(struct fiber_run *run)
{
    char way[512], restore[640];
    struct seen seen;
    assert_true(fiber_run_until(run, reads_at_standby));
    pg_cluster_query(standby, "SELECT quote_literal(current_setting('primary_conninfo'))", way,
                     sizeof(way));
    snprintf(restore, sizeof(restore), "ALTER SYSTEM SET primary_conninfo = %s", way);
    pg_cluster_execute(primary, "ALTER SYSTEM SET synchronous_standby_names = ''");
    pg_cluster_execute(primary, "SELECT pg_reload_conf()");
    pg_cluster_execute(standby, "ALTER SYSTEM SET primary_conninfo = ''");
    pg_cluster_execute(standby, "SELECT pg_reload_conf()");
    assert_true(fiber_run_until(run, standby_hears_nobody));
    /* A long read asks what the primary keeps, when the standby is not left alone for having been behind. */
    for (int i = 0; i < 3; i++) {
        write_one(run);
        assert_false(must_see(run, PG_LONG_READ).at_standby);
        fiber_sleep_ms(1100);
    }
    for (int i = 0; i < 2;
         i++) { /* what is known of it is still known when it was there for a moment */
        pg_cluster_kill(primary);
        assert_true(fiber_run_until(run, is_alone));
        assert_int_equal(see(run, PG_POINT_READ, &seen), STATUS_UNAVAILABLE);
        assert_int_equal(see(run, PG_LONG_READ, &seen), STATUS_UNAVAILABLE);
        pg_cluster_launch(primary);
        assert_true(fiber_run_until(run, writes));
    }
    pg_cluster_execute(standby, restore);
    pg_cluster_execute(standby, "SELECT pg_reload_conf()");
    pg_cluster_execute(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'");
    pg_cluster_execute(primary, "SELECT pg_reload_conf()");
    assert_true(fiber_run_until(run, writes));
    assert_true(fiber_run_until(run, reads_at_standby));
}

/* Its replication stopped before the primary was lost. */
static void a_standby_that_fell_behind_answers_nobody(void **state)
{
    (void)state;
    run_with(&(struct pg_options){.standby_age_ms = 100}, fell_behind_body);
}

static bool reads_alone(struct fiber_run *run)
{
    struct seen seen;
    return see(run, PG_POINT_READ, &seen) == STATUS_OK;
}

static void restarted_body(struct fiber_run *run)
{
    struct seen seen;
    assert_true(fiber_run_until(run, reads_at_standby));
    pg_cluster_execute(standby, "SELECT pg_wal_replay_pause()");
    write_one(run);
    int64_t n = must_see(run, PG_POINT_READ).n;
    pg_cluster_kill(primary);
    /* It has the last change, and begins without it. */
    pg_cluster_execute(standby, "ALTER SYSTEM SET recovery_min_apply_delay = '1h'");
    pg_cluster_kill(standby);
    pg_cluster_launch(standby);
    assert_true(fiber_run_until(run, is_ready_alone));
    for (int i = 0; i < 5; i++)
        assert_int_equal(see(run, i % PG_LANES, &seen), STATUS_UNAVAILABLE);
    pg_cluster_execute(standby, "ALTER SYSTEM RESET recovery_min_apply_delay");
    pg_cluster_execute(standby, "SELECT pg_reload_conf()");
    assert_true(fiber_run_until(run, reads_alone));
    assert_int_equal(must_see(run, PG_POINT_READ).n, n);
    assert_int_equal(must_see(run, PG_LONG_READ).n, n);
    pg_cluster_launch(primary);
    assert_true(fiber_run_until(run, writes));
    assert_true(fiber_run_until(run, reads_at_standby));
}

static void a_standby_that_was_restarted_answers_when_it_has_all(void **state)
{
    (void)state;
    run_with(&(struct pg_options){0}, restarted_body);
}

static int64_t acknowledged, unavailable, slowest_us;
static bool killed, over;

/* A history: what is read is never less than what was acknowledged before. */
static void load(struct fiber_run *run, size_t index)
{
    while (!over) {
        int64_t before = acknowledged, begin_us = clock_monotonic_us();
        struct seen seen;
        if (index < 2) {
            enum status status = pg_write(run->pg, NULL, &count_up, NULL, 0, NULL);
            acknowledged += status == STATUS_OK;
            assert_true(status == STATUS_OK || status == STATUS_UNAVAILABLE);
        } else {
            enum status status = see(run, index % 2 ? PG_LONG_READ : PG_POINT_READ, &seen);
            assert_true(status == STATUS_OK || (status == STATUS_UNAVAILABLE && killed));
            assert_true(status != STATUS_OK || seen.n >= before);
            unavailable += status != STATUS_OK;
            if (clock_monotonic_us() - begin_us > slowest_us)
                slowest_us = clock_monotonic_us() - begin_us;
        }
        fiber_sleep_ms(2);
    }
}

/* On a busy machine connections to the standby may be lost as well, and come back. */
static bool has_answered_for_a_while(struct fiber_run *run)
{
    struct seen seen;
    int64_t before = unavailable;
    fiber_sleep_ms(500);
    return unavailable == before && see(run, PG_POINT_READ, &seen) == STATUS_OK &&
           seen.at_standby && reads_at_standby(run);
}

static void lose_primary(struct fiber_run *run, size_t index)
{
    if (index > 0) {
        load(run, index - 1);
        return;
    }
    fiber_sleep_ms(500);
    killed = true;
    pg_cluster_kill(primary);
    assert_true(fiber_run_until(run, is_ready_alone));
    assert_int_equal(pg_write(run->pg, NULL, &count_up, NULL, 0, NULL), STATUS_UNAVAILABLE);
    assert_true(fiber_run_until(run, has_answered_for_a_while));
    assert_int_equal(told.count, 1);
    pg_cluster_promote(standby);
    assert_true(fiber_run_until(run, writes));
    over = true;
}

static void nothing_acknowledged_is_lost_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    tell_of("primary is found");
    assert_true(fiber_run_until(run, reads_alone));
    acknowledged = must_see(run, PG_POINT_READ).n;
    fiber_run_parallel(run, 9, lose_primary);
    assert_true(counted(standby) >= acknowledged);
    assert_int_equal(told.count, 2);
    assert_string_equal(told.text, "a primary is found");
    assert_true(fiber_run_until(run, reads_alone));
    assert_true(must_see(run, PG_POINT_READ).n >= acknowledged);
    print_message("%lld written, %lld reads unavailable, the slowest took %lld ms\n",
                  (long long)acknowledged, (long long)unavailable, (long long)slowest_us / 1000);
    /* It comes back, waits for nobody, and knows of nothing: nobody writes there, also when connections are made anew. */
    pg_cluster_launch(primary);
    pg_cluster_execute(primary, "ALTER SYSTEM RESET synchronous_standby_names");
    pg_cluster_execute(primary, "SELECT pg_reload_conf()");
    pg_cluster_execute(standby, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                " WHERE application_name LIKE 'pek %'");
    int64_t left = counted(primary);
    for (int i = 0; i < 100; i++) {
        (void)!pg_write(run->pg, NULL, &count_up, NULL, 0, NULL);
        fiber_sleep_ms(5);
    }
    assert_true(fiber_run_until(run, writes));
    assert_int_equal(counted(primary), left);
}

static void nothing_acknowledged_is_lost_when_the_primary_is_killed(void **state)
{
    (void)state;
    run_with(&(struct pg_options){.on_trouble = on_told}, nothing_acknowledged_is_lost_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_reads_go_to_a_standby_and_miss_nothing),
        cmocka_unit_test(a_standby_that_is_behind_is_not_asked),
        cmocka_unit_test(a_read_that_is_in_the_way_of_replay_is_asked_again),
        cmocka_unit_test(a_guard_that_fails_is_told),
        cmocka_unit_test(reads_without_a_primary_stay_within_their_time),
        cmocka_unit_test(a_standby_that_fell_behind_answers_nobody),
        cmocka_unit_test(a_standby_that_was_restarted_answers_when_it_has_all),
        /* The last: the roles are others then. */
        cmocka_unit_test(nothing_acknowledged_is_lost_when_the_primary_is_killed),
    };
    return cmocka_run_group_tests(tests, start, servers_stop);
}
