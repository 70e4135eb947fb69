#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/calendar.h"
#include "shared/pg/pg.h"
#include "tests/support/fiber_run.h"

#define TIMES 2000

static struct pg_cluster *cluster;

static int cluster_up(void **state)
{
    (void)state;
    cluster = pg_cluster_start();
    return cluster ? 0 : -1;
}

static int cluster_down(void **state)
{
    (void)state;
    cluster = pg_cluster_stop(cluster);
    return 0;
}

/* What comes back, and what the server itself says of it: microseconds since 1970, by exact arithmetic. */
static const struct pg_statement echo = {
    "echo_time",
    "SELECT t, (extract(epoch FROM t) * 1000000)::numeric(30, 0)::text"
    " FROM (SELECT $1::timestamptz AS t) AS given",
};

static void round_trip(struct fiber_run *run, int64_t seconds, int32_t nanos)
{
    struct pg_result *result;
    int64_t back_s = 0;
    int32_t back_nanos = -1;
    char expected[32];
    struct pg_param time = pg_timestamp(&run->arena, seconds, nanos);
    assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &echo, &time, 1, &result), STATUS_OK);
    assert_int_equal(pg_get_timestamp(result, 0, 0, &back_s, &back_nanos), STATUS_OK);
    assert_int_equal(back_s, seconds);
    assert_int_equal(back_nanos, nanos / 1000 * 1000);
    snprintf(expected, sizeof(expected), "%lld", (long long)(seconds * 1000000 + nanos / 1000));
    assert_string_equal(pg_get_str(result, 0, 1), expected);
    pg_result_free(result);
    arena_reset(&run->arena);
}

static uint64_t random_state = 88172645463325252u;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void times_of_all_years_come_back_exactly_body(struct fiber_run *run)
{
    static const int64_t edges[] = {
        CALENDAR_SECONDS_MIN,
        CALENDAR_SECONDS_MAX,
        -1,
        0,
        /* Where microseconds in a double begin to be rounded: 1684 and 2255. */
        -9025257600,
        9007199254,
        INT64_C(-9007199255),
        /* 1582-10-15, 1600-02-29, 1900-02-28, 2000-02-29 */
        -12219292800,
        -11670998400,
        -2203977600,
        951782400,
    };
    static const int32_t nanos[] = {0, 1, 999, 1000, 500000000, 999999000, 999999999};
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
        for (size_t n = 0; n < sizeof(nanos) / sizeof(nanos[0]); n++)
            round_trip(run, edges[i], nanos[n]);
    for (size_t i = 0; i < TIMES; i++)
        round_trip(run,
                   CALENDAR_SECONDS_MIN +
                       (int64_t)(random_next() %
                                 (uint64_t)(CALENDAR_SECONDS_MAX - CALENDAR_SECONDS_MIN + 1)),
                   (int32_t)(random_next() % 1000000000));
}

static void times_of_all_years_come_back_exactly(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){0}, times_of_all_years_come_back_exactly_body);
}

static void time_that_cannot_be_is_refused_body(struct fiber_run *run)
{
    static const struct {
        int64_t seconds;
        int32_t nanos;
    } bad[] = {{CALENDAR_SECONDS_MIN - 1, 0},
               {CALENDAR_SECONDS_MAX + 1, 0},
               {INT64_MIN, 0},
               {INT64_MAX, 0},
               {0, -1},
               {0, 1000000000}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct pg_result *result;
        struct pg_param time = pg_timestamp(&run->arena, bad[i].seconds, bad[i].nanos);
        assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &echo, &time, 1, &result),
                         STATUS_INVALID_ARGUMENT);
    }
}

static void time_that_cannot_be_is_refused(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){0}, time_that_cannot_be_is_refused_body);
}

static void row_with_a_time_outside_is_said_to_be_broken_body(struct fiber_run *run)
{
    static const char *const bad[] = {"infinity",
                                      "-infinity",
                                      "10000-01-01 00:00:00+00",
                                      "294276-12-31 23:59:59.999999+00",
                                      "0001-12-31 23:59:59.999999+00 BC",
                                      "4713-01-01 00:00:00+00 BC"};
    static const struct pg_statement plain = {"plain_time", "SELECT $1::timestamptz AS founded"};
    struct pg_result *result;
    int64_t seconds = 7;
    int32_t nanos = 7;
    for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
        struct pg_param text =
            i < sizeof(bad) / sizeof(bad[0]) ? pg_str(bad[i]) : PG_NULL; /* NULL is none either */
        assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &plain, &text, 1, &result),
                         STATUS_OK);
        assert_int_equal(pg_get_timestamp(result, 0, 0, &seconds, &nanos), STATUS_DATA_LOSS);
        assert_string_equal(pg_column_name(result, 0), "founded");
        assert_int_equal(seconds, 7);
        assert_int_equal(nanos, 7);
        pg_result_free(result);
    }
}

static void row_with_a_time_outside_is_said_to_be_broken(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){0},
                 row_with_a_time_outside_is_said_to_be_broken_body);
}

/* A server whose own habits are others. */
static void reading_does_not_depend_on_the_servers_settings_body(struct fiber_run *run)
{
    round_trip(run, 951782400, 123456789);
}

static void reading_does_not_depend_on_the_servers_settings(void **state)
{
    (void)state;
    pg_cluster_execute(cluster, "ALTER ROLE ALL SET datestyle = 'SQL, DMY';"
                                "ALTER ROLE ALL SET timezone = 'Europe/Budapest'");
    fiber_run_pg(cluster, &(struct pg_options){0},
                 reading_does_not_depend_on_the_servers_settings_body);
    pg_cluster_execute(cluster, "ALTER ROLE ALL RESET datestyle; ALTER ROLE ALL RESET timezone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_of_all_years_come_back_exactly),
        cmocka_unit_test(time_that_cannot_be_is_refused),
        cmocka_unit_test(row_with_a_time_outside_is_said_to_be_broken),
        cmocka_unit_test(reading_does_not_depend_on_the_servers_settings),
    };
    return cmocka_run_group_tests(tests, cluster_up, cluster_down);
}
