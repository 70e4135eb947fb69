/* A server that says nothing: noticed within seconds, though nothing tells of it, and told from one that is slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "tests/support/fiber_run.h"

/* Silence, and the time of the probe, and what a busy machine adds. */
#define NOTICED_US 4500000
#define AT_ONCE_US 500000

static struct pg_cluster *primary, *standby;
static char both[256], told[256];
static unsigned told_count;

static const struct pg_statement count_up = {"count_up", "UPDATE counter SET n = n + 1"};
static const struct pg_statement look = {"look", "SELECT n, pg_is_in_recovery() FROM counter"};
static const struct pg_statement nap = {"nap", "SELECT pg_sleep(5), false"};

static int start(void **state)
{
    (void)state;
    primary = pg_cluster_start();
    standby = pg_cluster_start();
    if (!primary || !standby)
        return -1;
    pg_cluster_execute(primary, "CREATE TABLE counter AS SELECT 0::bigint AS n");
    pg_cluster_follow(standby, primary);
    snprintf(both, sizeof(both), "host=%s,%s user=postgres dbname=postgres",
             pg_cluster_folder(primary), pg_cluster_folder(standby));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    primary = pg_cluster_stop(primary);
    standby = pg_cluster_stop(standby);
    return 0;
}

static void on_trouble(void *arg, const struct pg_trouble *trouble)
{
    (void)arg;
    if (!strstr(trouble->text, "does not answer"))
        return;
    told_count++;
    snprintf(told, sizeof(told), "%s", trouble->text);
}

static void run_with(const struct pg_options *options, void (*body)(struct fiber_run *run))
{
    struct pg_options filled = *options;
    filled.on_trouble = on_trouble;
    told_count = 0;
    fiber_run_pg(primary, &filled, body);
}

static enum status see(struct fiber_run *run, enum pg_lane lane,
                       const struct pg_statement *statement, bool *ret_at_standby)
{
    struct pg_result *rows;
    enum status status = pg_read(run->pg, lane, NULL, statement, NULL, 0, &rows);
    if (status != STATUS_OK)
        return status;
    *ret_at_standby = pg_get_bool(rows, 0, 1);
    pg_result_free(rows);
    return STATUS_OK;
}

static bool writes(struct fiber_run *run)
{
    return pg_write(run->pg, NULL, &count_up, NULL, 0, NULL) == STATUS_OK && pg_is_ready(run->pg);
}

static bool reads_at_standby(struct fiber_run *run)
{
    bool at_standby;
    assert_int_equal(see(run, PG_LONG_READ, &look, &at_standby), STATUS_OK);
    return at_standby;
}

/* How long the call took. */
static int64_t timed(struct fiber_run *run, enum pg_lane lane, enum status want_status,
                     bool want_at_standby)
{
    int64_t begin_us = clock_monotonic_us();
    bool at_standby = want_at_standby;
    assert_int_equal(see(run, lane, &look, &at_standby), want_status);
    assert_int_equal(at_standby, want_at_standby);
    return clock_monotonic_us() - begin_us;
}

static void look_once(struct fiber_run *run, size_t index)
{
    bool at_standby;
    (void)!see(run, index % PG_LANES, &look, &at_standby);
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
        assert_non_null(strstr(told, pg_cluster_folder(primary)));
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
    bool at_standby;
    assert_int_equal(see(run, index % PG_LANES, &nap, &at_standby), STATUS_OK);
}

static void slow_body(struct fiber_run *run)
{
    struct pg_statistics statistics;
    fiber_run_parallel(run, 4, nap_once);
    pg_statistics(run->pg, &statistics);
    assert_int_equal(statistics.reconnects, 0);
    assert_int_equal(statistics.reads_resent, 0);
    assert_int_equal(told_count, 0);
}

/* Nobody says anything for five seconds, but for the probes. */
static void a_slow_statement_is_left_alone(void **state)
{
    (void)state;
    run_with(&(struct pg_options){.conninfo = both, .standby_conninfo = both}, slow_body);
}

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
    pg_cluster_resume(primary);
    /* From here on the loop looks at its timers before it reads. */
    assert_int_equal(fiber_offload(do_nothing, NULL), STATUS_OK);
    for (int64_t until_us = deadline_after_ms(3000); clock_monotonic_us() < until_us;)
        ;
}

static void still_body(struct fiber_run *run)
{
    struct pg_statistics statistics;
    fiber_run_parallel(run, 4, nap_or_stand_still);
    pg_statistics(run->pg, &statistics);
    assert_int_equal(statistics.reconnects, 0);
    assert_int_equal(told_count, 0);
}

/* The answer to the probe is there, and nobody was there to read it. */
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
        cmocka_unit_test(a_program_that_stood_still_blames_nobody),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
