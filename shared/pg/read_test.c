#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/pg/pg.h"
#include "tests/support/fiber_run.h"

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

static const struct pg_statement echo_int = {"echo_int", "SELECT $1::int8"};
static const struct pg_statement divide = {"divide", "SELECT 100 / $1::int8"};
static const struct pg_statement wrong_sql = {"wrong_sql", "SELECT FROM WHERE"};
static const struct pg_statement sleep_s = {"sleep_s", "SELECT pg_sleep($1::float8)"};

static void values_of_all_types_come_back_body(struct fiber_run *run)
{
    static const struct pg_statement all_types = {
        "all_types",
        "SELECT $1::text, $2::bytea, $3::bool, $4::int8, $5::text[], $6::text, $7::text,"
        " ($5::text[])[2], current_setting('pek.realm')",
    };
    struct slice items[] = {SLICE_LIT("plain"), SLICE_LIT("a \"b\" \\c,{}'"), SLICE_LIT("NULL"),
                            SLICE_LIT("")};
    const char utf8_tail[] = "árvíztűrő and more";
    struct pg_param params[] = {
        pg_text(slice_make(utf8_tail, strlen("árvíztűrő"))),
        pg_bytea(slice_make("\0\1\xff\\x", 5)),
        pg_bool(true),
        pg_int(&run->arena, INT64_MIN),
        pg_text_array(&run->arena, items, 4),
        pg_str(NULL),
        pg_text(slice_str(NULL)),
    };
    struct pg_result *result;
    assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &all_types, params, 7, &result),
                     STATUS_OK);
    assert_int_equal(pg_rows(result), 1);
    assert_string_equal(pg_get_str(result, 0, 0), "árvíztűrő");
    struct slice bytes = pg_get_bytea(result, 0, 1, &run->arena);
    assert_int_equal(bytes.len, 5);
    assert_memory_equal(bytes.ptr, "\0\1\xff\\x", 5);
    assert_true(pg_get_bool(result, 0, 2));
    assert_true(pg_get_int(result, 0, 3) == INT64_MIN);
    assert_true(pg_is_null(result, 0, 5));
    assert_int_equal(pg_get_slice(result, 0, 5).len, 0);
    assert_false(pg_is_null(result, 0, 6));
    assert_string_equal(pg_get_str(result, 0, 7), "a \"b\" \\c,{}'");
    assert_string_equal(pg_get_str(result, 0, 8), "worker-acme");
    pg_result_free(result);
}

static void values_of_all_types_come_back(void **state)
{
    (void)state;
    static const struct pg_setting realm = {"pek.realm", "worker-acme"};
    fiber_run_pg(cluster, &(struct pg_options){.settings = &realm, .setting_count = 1},
                 values_of_all_types_come_back_body);
}

static void read_echo(struct fiber_run *run, size_t index)
{
    struct arena arena;
    arena_init(&arena, 4096);
    struct pg_param param = pg_int(&arena, (int64_t)index);
    struct pg_result *result;
    assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &echo_int, &param, 1, &result),
                     STATUS_OK);
    assert_int_equal(pg_get_int(result, 0, 0), index);
    pg_result_free(result);
    arena_done(&arena);
}

static void reads_of_a_turn_share_few_batches_body(struct fiber_run *run)
{
    struct pg_statistics statistics;
    for (unsigned round = 1; round <= 2; round++) {
        fiber_run_parallel(run, 200, read_echo);
        pg_statistics(run->pg, &statistics);
        assert_int_equal(statistics.reads, 200 * round);
        assert_true(statistics.read_batches <= 10 * round);
    }
    assert_int_equal(statistics.reads_resent, 0);
    assert_int_equal(statistics.waiting, 0);
}

static void reads_of_a_turn_share_few_batches(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){0}, reads_of_a_turn_share_few_batches_body);
}

/* The fifth fails, by its values; the tenth, by its text. */
static void read_or_fail(struct fiber_run *run, size_t index)
{
    struct pg_result *result;
    struct pg_param zero = pg_str("0");
    if (index % 20 == 5) {
        assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &divide, &zero, 1, &result),
                         STATUS_INTERNAL);
    } else if (index % 20 == 10) {
        assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &wrong_sql, NULL, 0, &result),
                         STATUS_INTERNAL);
    } else {
        read_echo(run, index);
    }
}

static void the_failure_of_a_neighbour_is_not_seen_body(struct fiber_run *run)
{
    struct pg_statistics statistics;
    fiber_run_parallel(run, 40, read_or_fail);
    pg_statistics(run->pg, &statistics);
    assert_true(statistics.reads_resent > 0);
    assert_int_equal(statistics.reconnects, 0);
    assert_true(strlen(pg_last_error(run->pg)) > 0);
    fiber_run_parallel(run, 40, read_or_fail);
}

static void the_failure_of_a_neighbour_is_not_seen(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.read_max = 1},
                 the_failure_of_a_neighbour_is_not_seen_body);
    fiber_run_pg(cluster, &(struct pg_options){0}, the_failure_of_a_neighbour_is_not_seen_body);
}

static void a_write_is_refused_body(struct fiber_run *run)
{
    static const struct pg_statement insert = {"insert_refused", "INSERT INTO refused VALUES (1)"};
    struct pg_result *result;
    for (int lane = 0; lane < 2; lane++)
        assert_int_equal(pg_read(run->pg, (enum pg_lane)lane, NULL, &insert, NULL, 0, &result),
                         STATUS_INTERNAL);
}

static void a_write_is_refused(void **state)
{
    (void)state;
    char count[8];
    pg_cluster_execute(cluster, "CREATE TABLE refused (n int)");
    fiber_run_pg(cluster, &(struct pg_options){0}, a_write_is_refused_body);
    pg_cluster_query(cluster, "SELECT count(*) FROM refused", count, sizeof(count));
    assert_string_equal(count, "0");
}

static void bad_values_are_refused_before_they_are_sent_body(struct fiber_run *run)
{
    struct pg_result *result;
    struct pg_param nul = pg_text(slice_make("a\0b", 3));
    assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &echo_int, &nul, 1, &result),
                     STATUS_INVALID_ARGUMENT);
    struct arena tiny;
    arena_init(&tiny, 1);
    struct pg_param failed = pg_int(&tiny, 1234567);
    assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &echo_int, &failed, 1, &result),
                     STATUS_RESOURCE_EXHAUSTED);
    struct slice item = SLICE_LIT("a");
    failed = pg_text_array(&tiny, &item, 1);
    assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &echo_int, &failed, 1, &result),
                     STATUS_RESOURCE_EXHAUSTED);
    arena_done(&tiny);
    struct pg_statistics statistics;
    pg_statistics(run->pg, &statistics);
    assert_int_equal(statistics.read_batches, 0);
}

static void bad_values_are_refused_before_they_are_sent(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){0},
                 bad_values_are_refused_before_they_are_sent_body);
}

static size_t refusals;

static void read_or_be_refused(struct fiber_run *run, size_t index)
{
    struct pg_param param = pg_str("1");
    struct pg_result *result;
    (void)index;
    enum status status = pg_read(run->pg, PG_POINT_READ, NULL, &echo_int, &param, 1, &result);
    if (status == STATUS_RESOURCE_EXHAUSTED)
        refusals++;
    else
        pg_result_free(result);
}

static void too_many_waiting_reads_are_refused_body(struct fiber_run *run)
{
    refusals = 0;
    fiber_run_parallel(run, 50, read_or_be_refused);
    assert_int_equal(refusals, 40);
}

static void too_many_waiting_reads_are_refused(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.waiting_max = 10},
                 too_many_waiting_reads_are_refused_body);
}

static bool no_query_sleeps(struct fiber_run *run)
{
    (void)run;
    char count[8];
    pg_cluster_query(cluster,
                     "SELECT count(*) FROM pg_stat_activity"
                     " WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'",
                     count, sizeof(count));
    return strcmp(count, "0") == 0;
}

static void backend_pid(struct fiber_run *run, char *ret_pid, size_t bytes)
{
    static const struct pg_statement pid = {"backend_pid", "SELECT pg_backend_pid()"};
    struct pg_result *result;
    assert_int_equal(pg_read(run->pg, PG_LONG_READ, NULL, &pid, NULL, 0, &result), STATUS_OK);
    snprintf(ret_pid, bytes, "%s", pg_get_str(result, 0, 0));
    pg_result_free(result);
}

static void a_read_ends_at_its_deadline_body(struct fiber_run *run)
{
    char before[16], after[16];
    struct pg_param seconds = pg_str("60");
    struct pg_result *result;
    struct cancel cancel;
    backend_pid(run, before, sizeof(before));
    int64_t begin_us = clock_monotonic_us();
    cancel_init(&cancel, deadline_after_ms(100));
    assert_int_equal(pg_read(run->pg, PG_LONG_READ, &cancel, &sleep_s, &seconds, 1, &result),
                     STATUS_DEADLINE_EXCEEDED);
    assert_true(clock_monotonic_us() - begin_us < 2000000);
    /* Nobody shared it: it is cancelled in the server, and the connection goes on. */
    assert_true(fiber_run_until(run, no_query_sleeps));
    backend_pid(run, after, sizeof(after));
    assert_string_equal(before, after);
    /* Past its deadline from the start. */
    assert_int_equal(pg_read(run->pg, PG_LONG_READ, &cancel, &sleep_s, &seconds, 1, &result),
                     STATUS_DEADLINE_EXCEEDED);
}

static void a_read_ends_at_its_deadline(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.read_max = 1, .long_read_max = 1},
                 a_read_ends_at_its_deadline_body);
}

static struct cancel shared_cancel;

static void read_long_or_cancel(struct fiber_run *run, size_t index)
{
    struct pg_param seconds = pg_str("60");
    struct pg_result *result;
    if (index == 0) {
        assert_int_equal(
            pg_read(run->pg, PG_LONG_READ, &shared_cancel, &sleep_s, &seconds, 1, &result),
            STATUS_CANCELLED);
    } else {
        fiber_sleep_ms(50);
        cancel_fire(&shared_cancel);
    }
}

static void a_cancelled_read_is_cancelled_in_the_server_body(struct fiber_run *run)
{
    cancel_init(&shared_cancel, DEADLINE_NONE);
    fiber_run_parallel(run, 2, read_long_or_cancel);
    assert_true(fiber_run_until(run, no_query_sleeps));
    assert_true(list_empty(&shared_cancel.hooks));
}

static void a_cancelled_read_is_cancelled_in_the_server(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.read_max = 1, .long_read_max = 1},
                 a_cancelled_read_is_cancelled_in_the_server_body);
}

#define LEAVERS 6
static size_t stayed;

/* The last ends the others; whoever is behind them stays. */
static void read_behind_or_cancel(struct fiber_run *run, size_t index)
{
    struct pg_param seconds = pg_str(index < LEAVERS ? "60" : "0");
    struct pg_result *result;
    if (index < LEAVERS) {
        assert_int_equal(
            pg_read(run->pg, PG_LONG_READ, &shared_cancel, &sleep_s, &seconds, 1, &result),
            STATUS_CANCELLED);
    } else if (index < 2 * LEAVERS) {
        assert_int_equal(pg_read(run->pg, PG_LONG_READ, NULL, &sleep_s, &seconds, 1, &result),
                         STATUS_OK);
        pg_result_free(result);
        stayed++;
    } else {
        fiber_sleep_ms(50);
        cancel_fire(&shared_cancel);
    }
}

static void long_reads_are_cancelled_beside_others_body(struct fiber_run *run)
{
    struct pg_statistics statistics;
    stayed = 0;
    cancel_init(&shared_cancel, DEADLINE_NONE);
    fiber_run_parallel(run, 2 * LEAVERS + 1, read_behind_or_cancel);
    assert_int_equal(stayed, LEAVERS);
    assert_true(fiber_run_until(run, no_query_sleeps));
    /* A query that is not cancelled ends with its connection, after PG_DROP_GRACE_MS. */
    pg_statistics(run->pg, &statistics);
    assert_int_equal(statistics.reconnects, 0);
}

/* Also when others wait for their connection, and when many leave at once. */
static void long_reads_are_cancelled_beside_others(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.long_read_max = 1},
                 long_reads_are_cancelled_beside_others_body);
    fiber_run_pg(cluster, &(struct pg_options){.long_read_max = LEAVERS},
                 long_reads_are_cancelled_beside_others_body);
}

static int64_t short_took_us;

static void read_long_or_short(struct fiber_run *run, size_t index)
{
    struct pg_param seconds = pg_str(index == 0 ? "2" : "0");
    int64_t begin_us = clock_monotonic_us();
    struct pg_result *result;
    assert_int_equal(pg_read(run->pg, PG_LONG_READ, NULL, &sleep_s, &seconds, 1, &result),
                     STATUS_OK);
    pg_result_free(result);
    if (index > 0)
        short_took_us = clock_monotonic_us() - begin_us;
}

static void a_long_read_has_its_connection_alone_body(struct fiber_run *run)
{
    fiber_run_parallel(run, 8, read_long_or_short);
    assert_true(short_took_us < 1000000);
}

/* What comes in the same turn takes the other one. */
static void a_long_read_has_its_connection_alone(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.long_read_max = 2},
                 a_long_read_has_its_connection_alone_body);
}

/* The first fails late, and the Prepare of the second with it; the fourth relies on that, behind a third that lets the
 * second be sent again before it. */
static void read_in_batches(struct fiber_run *run, size_t index)
{
    static const struct pg_statement late_failure = {"late_failure",
                                                     "SELECT 1 / (pg_sleep(0.2) IS NULL)::int"},
                                     late = {"late", "SELECT pg_sleep(0.2)"},
                                     both = {"both", "SELECT 1"};
    const struct pg_statement *const statements[] = {&late_failure, &both, &late, &both};
    struct pg_result *result;
    if (index >= 2)
        fiber_sleep_ms(50);
    enum status status = pg_read(run->pg, PG_POINT_READ, NULL, statements[index], NULL, 0, &result);
    assert_int_equal(status, index == 0 ? STATUS_INTERNAL : STATUS_OK);
    if (status == STATUS_OK)
        pg_result_free(result);
}

static void a_prepare_too_many_is_none_body(struct fiber_run *run)
{
    fiber_run_parallel(run, 4, read_in_batches);
}

static void a_prepare_too_many_is_none(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.read_max = 1}, a_prepare_too_many_is_none_body);
}

static void many_statements_are_prepared_body(struct fiber_run *run)
{
    static char names[700][24];
    static char sqls[700][48];
    static struct pg_statement statements[700];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 700; i++) {
            snprintf(names[i], sizeof(names[i]), "many_%zu", i);
            snprintf(sqls[i], sizeof(sqls[i]), "SELECT %zu + $1::int8", i);
            statements[i] = (struct pg_statement){names[i], sqls[i]};
            struct pg_param one = pg_str("1");
            struct pg_result *result;
            assert_int_equal(
                pg_read(run->pg, PG_POINT_READ, NULL, &statements[i], &one, 1, &result), STATUS_OK);
            assert_int_equal(pg_get_int(result, 0, 0), i + 1);
            pg_result_free(result);
        }
    }
}

static void more_statements_than_the_table_holds_still_run(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.read_max = 1}, many_statements_are_prepared_body);
}

static void large_values_pass_both_ways_body(struct fiber_run *run)
{
    static const struct pg_statement echo_text = {"echo_text", "SELECT $1::text"};
    static char text[3 * 1024 * 1024];
    memset(text, 'x', sizeof(text));
    struct pg_param param = pg_text(slice_make(text, sizeof(text)));
    struct pg_result *result;
    assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &echo_text, &param, 1, &result),
                     STATUS_OK);
    assert_int_equal(pg_get_slice(result, 0, 0).len, sizeof(text));
    pg_result_free(result);
}

static void large_values_pass_both_ways(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){0}, large_values_pass_both_ways_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_all_types_come_back),
        cmocka_unit_test(reads_of_a_turn_share_few_batches),
        cmocka_unit_test(the_failure_of_a_neighbour_is_not_seen),
        cmocka_unit_test(a_write_is_refused),
        cmocka_unit_test(bad_values_are_refused_before_they_are_sent),
        cmocka_unit_test(too_many_waiting_reads_are_refused),
        cmocka_unit_test(a_read_ends_at_its_deadline),
        cmocka_unit_test(a_cancelled_read_is_cancelled_in_the_server),
        cmocka_unit_test(long_reads_are_cancelled_beside_others),
        cmocka_unit_test(a_long_read_has_its_connection_alone),
        cmocka_unit_test(a_prepare_too_many_is_none),
        cmocka_unit_test(more_statements_than_the_table_holds_still_run),
        cmocka_unit_test(large_values_pass_both_ways),
    };
    return cmocka_run_group_tests(tests, cluster_up, cluster_down);
}
