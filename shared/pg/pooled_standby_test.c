/* A primary and a standby, each behind a pgbouncer: what a standby may answer, and who is who after a failover. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/pg/testing/servers.h"
#include "tests/support/pg_bouncer.h"

static const char *mode;
static pid_t bouncers[2];
static char pooled[SERVERS_CONNINFO_BYTES], direct[SERVERS_CONNINFO_BYTES];

static int start(void **state)
{
    mode = *state;
    if (servers_start(2) != 0)
        return -1;
    pg_cluster_follow(standby, primary);
    bouncers[0] = pg_bouncer_start(primary, mode);
    bouncers[1] = pg_bouncer_start(standby, mode);
    servers_conninfo(primary, standby, NULL, direct);
    servers_conninfo(primary, standby, PG_BOUNCER_PORT, pooled);
    return 0;
}

static int stop(void **state)
{
    for (size_t i = 0; i < 2; i++)
        pg_bouncer_stop(bouncers[i]);
    return servers_stop(state);
}

static void (*listening_body)(struct fiber_run *run);

static void await_listening(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, is_listening));
    listening_body(run);
}

static void listen_body(struct fiber_run *run)
{
    run_listening(run, run->pg, "pooled", await_listening);
}

/* As the programs do, it listens. */
static void run_with(int64_t standby_age_ms, void (*body)(struct fiber_run *run))
{
    listening_body = body;
    const struct pg_options options = {.conninfo = pooled,
                                       .listen_conninfo = strcmp(mode, "session") ? direct : NULL,
                                       .standby_conninfo = pooled,
                                       .standby_age_ms = standby_age_ms};
    fiber_run_pg(primary, &options, listen_body);
}

/* ---- while there is a primary ---- */

static int64_t written;

static void write_and_look(struct fiber_run *run, size_t index)
{
    for (int i = 0; i < 30; i++) {
        if (index == 0) {
            assert_true(writes(run));
            written++;
            continue;
        }
        int64_t before = written;
        assert_true(must_see(run, PG_LONG_READ).n >= before);
        assert_false(must_see(run, PG_POINT_READ).at_standby);
    }
}

static void nothing_is_missed_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    written = must_see(run, PG_POINT_READ).n;
    fiber_run_parallel(run, 5, write_and_look);
}

static void long_reads_at_a_pooled_standby_miss_nothing(void **state)
{
    (void)state;
    run_with(0, nothing_is_missed_body);
}

/* ---- without one ---- */

static void fell_behind_body(struct fiber_run *run)
{
    char way[512], restore[640];
    struct seen seen;
    assert_true(fiber_run_until(run, reads_at_standby));
    pg_cluster_query(standby, "SELECT quote_literal(current_setting('primary_conninfo'))", way,
                     sizeof(way));
    snprintf(restore, sizeof(restore), "ALTER SYSTEM SET primary_conninfo = %s", way);
    pg_cluster_execute(standby, "ALTER SYSTEM SET primary_conninfo = ''");
    pg_cluster_execute(standby, "SELECT pg_reload_conf()");
    assert_true(fiber_run_until(run, standby_hears_nobody));
    for (int i = 0; i < 4; i++) {
        assert_true(writes(run));
        fiber_sleep_ms(1100); /* the listener asks what the primary keeps */
    }
    pg_cluster_kill(primary);
    assert_true(fiber_run_until(run, is_ready_alone));
    assert_int_equal(see(run, PG_POINT_READ, &seen), STATUS_UNAVAILABLE);
    assert_int_equal(see(run, PG_LONG_READ, &seen), STATUS_UNAVAILABLE);
    pg_cluster_launch(primary);
    pg_cluster_execute(standby, restore);
    pg_cluster_execute(standby, "SELECT pg_reload_conf()");
    assert_true(fiber_run_until(run, writes));
    assert_true(fiber_run_until(run, reads_at_standby));
}

/* Nobody made a long read for a while. */
static void a_pooled_standby_that_fell_behind_answers_nobody(void **state)
{
    (void)state;
    run_with(100, fell_behind_body);
}

/* The standby answers; how long it took. */
static int64_t read_elsewhere_ms(struct fiber_run *run)
{
    int64_t begin_us = clock_monotonic_us();
    bool at_standby = must_see(run, PG_POINT_READ).at_standby;
    int64_t took_ms = (clock_monotonic_us() - begin_us) / 1000;
    print_message("a read answered after %lld ms\n", (long long)took_ms);
    return at_standby ? took_ms : INT64_MAX;
}

static void hung_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    /* As what takes connections and swallows all that is said. */
    assert_int_equal(kill(bouncers[0], SIGSTOP), 0);
    int64_t took_ms = read_elsewhere_ms(run);
    assert_int_equal(kill(bouncers[0], SIGCONT), 0);
    assert_true(took_ms < 4500);
    assert_true(fiber_run_until(run, writes));
}

static void a_hung_pooler_is_noticed_within_seconds(void **state)
{
    (void)state;
    run_with(0, hung_body);
}

/* The pooler goes on to answer. */
static void hung_primary_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    pg_cluster_pause(primary);
    int64_t took_ms = read_elsewhere_ms(run);
    pg_cluster_resume(primary);
    assert_true(took_ms < 5000);
    assert_true(fiber_run_until(run, writes));
}

static void a_primary_that_hangs_behind_its_pooler_is_noticed_within_seconds(void **state)
{
    (void)state;
    run_with(0, hung_primary_body);
}

/* In order, so that it does not come back by itself; the pooler goes on. */
static void standby_gone_body(struct fiber_run *run)
{
    static const struct pg_statement slow = {"slow", "SELECT pg_sleep(5), pg_is_in_recovery()"};
    struct pg_result *rows;
    assert_true(fiber_run_until(run, reads_at_standby));
    assert_int_equal(pg_read(run->pg, PG_LONG_READ, NULL, &slow, NULL, 0, &rows), STATUS_OK);
    assert_true(pg_get_bool(rows, 0, 1)); /* whatever takes long there is left alone */
    pg_result_free(rows);
    pg_cluster_down(standby);
    int64_t begin_us = clock_monotonic_us();
    for (int i = 0; i < 20; i++)
        assert_false(must_see(run, PG_LONG_READ).at_standby);
    int64_t took_ms = (clock_monotonic_us() - begin_us) / 1000;
    print_message("20 reads took %lld ms after the standby ended\n", (long long)took_ms);
    assert_true(took_ms < 4500);
    pg_cluster_launch(standby);
    assert_true(fiber_run_until(run, reads_at_standby));
}

static void a_standby_that_is_gone_behind_its_pooler_costs_seconds(void **state)
{
    (void)state;
    run_with(0, standby_gone_body);
}

static void outage_body(struct fiber_run *run)
{
    char before[512], after[512];
    assert_true(fiber_run_until(run, reads_at_standby));
    pg_cluster_kill(primary);
    assert_true(fiber_run_until(run, is_ready_alone));
    backends_of(standby, "%", before, sizeof(before));
    fiber_sleep_ms(2000); /* a primary is looked for meanwhile */
    backends_of(standby, "%", after, sizeof(after));
    struct slice rest = slice_str(before);
    assert_true(rest.len > 0);
    while (rest.len > 0) {
        struct slice pid = slice_cut(&rest, ' ');
        if (!memmem(after, strlen(after), pid.ptr, pid.len))
            fail_msg("the pooler's connections were %s, and are %s", before, after);
    }
}

static void looking_for_a_primary_leaves_the_pooler_its_connections(void **state)
{
    (void)state;
    run_with(0, outage_body);
}

static void failover_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    assert_true(fiber_run_until(run, writes));
    int64_t n = must_see(run, PG_LONG_READ).n;
    pg_cluster_down(primary); /* in order: the standby has everything */
    assert_true(fiber_run_until(run, is_ready_alone));
    assert_int_equal(must_see(run, PG_POINT_READ).n, n);
    assert_true(must_see(run, PG_LONG_READ).at_standby);
    pg_cluster_promote(standby);
    int64_t begin_us = clock_monotonic_us();
    assert_true(fiber_run_until(run, writes));
    print_message("changes are taken %lld ms after the promotion\n",
                  (long long)(clock_monotonic_us() - begin_us) / 1000);
    assert_false(must_see(run, PG_POINT_READ).at_standby);
    assert_true(must_see(run, PG_POINT_READ).n > n);
    n = must_see(run, PG_POINT_READ).n;
    /* The former primary follows, and is the standby that is found. */
    pg_cluster_follow(primary, standby);
    assert_true(fiber_run_until(run, reads_at_standby));
    assert_int_equal(must_see(run, PG_LONG_READ).n, n);
}

static void who_is_who_is_found_behind_poolers(void **state)
{
    (void)state;
    run_with(0, failover_body);
}

#define POOLED_TEST(test, pool_mode)                                                               \
    cmocka_unit_test_prestate_setup_teardown(test, start, stop, (void *)(uintptr_t)(pool_mode))

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOLED_TEST(long_reads_at_a_pooled_standby_miss_nothing, "transaction"),
        POOLED_TEST(a_pooled_standby_that_fell_behind_answers_nobody, "transaction"),
        POOLED_TEST(a_hung_pooler_is_noticed_within_seconds, "transaction"),
        POOLED_TEST(a_primary_that_hangs_behind_its_pooler_is_noticed_within_seconds,
                    "transaction"),
        POOLED_TEST(a_standby_that_is_gone_behind_its_pooler_costs_seconds, "transaction"),
        POOLED_TEST(looking_for_a_primary_leaves_the_pooler_its_connections, "transaction"),
        POOLED_TEST(who_is_who_is_found_behind_poolers, "transaction"),
        POOLED_TEST(who_is_who_is_found_behind_poolers, "session"),
    };
    if (!pg_bouncer_is_installed()) {
        print_message("skipped: pgbouncer is not installed; ./dev setup does\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
