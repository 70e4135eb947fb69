/* One user's crowd and somebody else, on one database: who is served in what order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/pg/pg.h"
#include "tests/support/fiber_run.h"

#define CROWD 60
#define FOREVER_MS 60000

static struct pg_cluster *cluster;
static const struct pg_statement slow = {"share_slow", "SELECT pg_sleep(0.005)"};
static const struct pg_statement stuck = {"share_stuck", "SELECT pg_sleep(2)"};

static size_t crowd_done, crowd_refused, crowd_before_other;

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

static int reset(void **state)
{
    (void)state;
    crowd_done = crowd_refused = 0;
    crowd_before_other = SIZE_MAX;
    return 0;
}

/* The crowd comes first, all of it; the last fiber is somebody else. */
static void begin_cancel(struct cancel *cancel, size_t index)
{
    cancel_init(cancel, deadline_after_ms(FOREVER_MS));
    cancel->user = index < CROWD ? SLICE_LIT("crowd") : SLICE_LIT("other");
}

static void note(size_t index, enum status status)
{
    if (index == CROWD) {
        assert_int_equal(status, STATUS_OK);
        crowd_before_other = crowd_done;
    } else if (status == STATUS_OK) {
        crowd_done++;
    } else {
        assert_int_equal(status, STATUS_RESOURCE_EXHAUSTED);
        crowd_refused++;
    }
}

static void read_one(struct fiber_run *run, size_t index)
{
    struct cancel cancel;
    struct pg_result *result = NULL;
    begin_cancel(&cancel, index);
    note(index, pg_read(run->pg, PG_LONG_READ, &cancel, run->arg, NULL, 0, &result));
    pg_result_free(result);
}

static void write_one(struct fiber_run *run, size_t index)
{
    struct cancel cancel;
    struct pg_transaction *transaction;
    struct pg_result *result = NULL;
    begin_cancel(&cancel, index);
    enum status status = pg_begin(run->pg, &cancel, false, &transaction);
    if (status == STATUS_OK) {
        status = pg_execute(transaction, run->arg, NULL, 0, &result);
        pg_result_free(result);
        assert_int_equal(status, STATUS_OK);
        assert_int_equal(pg_commit(transaction), STATUS_OK);
    }
    note(index, status);
}

static void searches_body(struct fiber_run *run)
{
    run->arg = (void *)(uintptr_t)&slow;
    fiber_run_parallel(run, CROWD + 1, read_one);
}

/* On one connection two of the crowd are ahead, not 60. */
static void searches_of_one_user_are_not_in_the_way_of_another(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.long_read_max = 1, .line_ms = FOREVER_MS},
                 searches_body);
    assert_true(crowd_before_other <= 4);
    assert_int_equal(crowd_done, CROWD);
}

static void changes_body(struct fiber_run *run)
{
    run->arg = (void *)(uintptr_t)&slow;
    fiber_run_parallel(run, CROWD + 1, write_one);
}

/* Of four connections the crowd has one. */
static void changes_of_one_user_are_not_in_the_way_of_another(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.transaction_max = 4, .line_ms = FOREVER_MS},
                 changes_body);
    assert_true(crowd_before_other <= 3);
    assert_int_equal(crowd_done, CROWD);
}

static void stuck_reads_body(struct fiber_run *run)
{
    run->arg = (void *)(uintptr_t)&stuck;
    fiber_run_parallel(run, CROWD, read_one);
}

/* Long before anybody's deadline: the caller learns that it is the line, and not the database. */
static void line_ends_with_resource_exhausted_before_the_deadline(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.long_read_max = 1, .line_ms = 100},
                 stuck_reads_body);
    assert_int_equal(crowd_done, 2);
    assert_int_equal(crowd_refused, CROWD - 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, reset)
    const struct CMUnitTest tests[] = {
        TEST(searches_of_one_user_are_not_in_the_way_of_another),
        TEST(changes_of_one_user_are_not_in_the_way_of_another),
        TEST(line_ends_with_resource_exhausted_before_the_deadline),
    };
    return cmocka_run_group_tests(tests, cluster_up, cluster_down);
}
