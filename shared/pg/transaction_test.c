#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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
    if (!cluster)
        return -1;
    pg_cluster_execute(cluster, "CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL,"
                                " CONSTRAINT counter_not_negative CHECK (value >= 0))");
    return 0;
}

static int cluster_down(void **state)
{
    (void)state;
    cluster = pg_cluster_stop(cluster);
    return 0;
}

static int counter_reset(void **state)
{
    (void)state;
    pg_cluster_execute(cluster, "TRUNCATE counter; INSERT INTO counter VALUES (1, 0), (2, 0)");
    return 0;
}

static const struct pg_statement value_of = {"value_of",
                                             "SELECT value FROM counter WHERE id = $1::int"};
static const struct pg_statement set_value = {
    "set_value", "UPDATE counter SET value = $2::int WHERE id = $1::int"};
static const struct pg_statement add_value = {
    "add_value", "UPDATE counter SET value = value + $2::int WHERE id = $1::int"};
static const struct pg_statement insert_row = {"insert_row",
                                               "INSERT INTO counter VALUES ($1::int, $2::int)"};
static const struct pg_statement sleep_s = {"sleep_s", "SELECT pg_sleep($1::float8)"};
static const struct pg_statement backend = {"backend", "SELECT pg_backend_pid()"};

static int64_t stored(int id)
{
    char sql[64], value[16];
    snprintf(sql, sizeof(sql), "SELECT value FROM counter WHERE id = %d", id);
    pg_cluster_query(cluster, sql, value, sizeof(value));
    return value[0] ? strtoll(value, NULL, 10) : -1;
}

/* Runs a statement whose rows do not matter. */
static enum status run_statement(struct pg_transaction *transaction,
                                 const struct pg_statement *statement, const char *first,
                                 const char *second)
{
    struct pg_param params[] = {pg_str(first), pg_str(second)};
    struct pg_result *result;
    enum status status =
        pg_execute(transaction, statement, params, (first != NULL) + (second != NULL), &result);
    if (status == STATUS_OK)
        pg_result_free(result);
    return status;
}

static struct pg_transaction *begin(struct fiber_run *run, struct cancel *cancel)
{
    struct pg_transaction *transaction = NULL;
    assert_int_equal(pg_begin(run->pg, cancel, false, &transaction), STATUS_OK);
    return transaction;
}

static void commit_keeps_and_rollback_undoes_body(struct fiber_run *run)
{
    struct pg_transaction *transaction = begin(run, NULL);
    struct pg_param params[] = {pg_str("1"), pg_str("5")};
    struct pg_result *result;
    assert_int_equal(pg_execute(transaction, &add_value, params, 2, &result), STATUS_OK);
    assert_int_equal(pg_affected(result), 1);
    pg_result_free(result);
    assert_int_equal(stored(1), 0);
    assert_int_equal(pg_commit(transaction), STATUS_OK);
    assert_int_equal(stored(1), 5);

    transaction = begin(run, NULL);
    assert_int_equal(run_statement(transaction, &add_value, "1", "7"), STATUS_OK);
    pg_rollback(transaction);
    assert_int_equal(stored(1), 5);

    /* Without a statement there is nothing to say to the server. */
    transaction = begin(run, NULL);
    assert_int_equal(pg_commit(transaction), STATUS_OK);
    transaction = begin(run, NULL);
    pg_rollback(transaction);
}

static void commit_keeps_and_rollback_undoes(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.transaction_max = 1},
                 commit_keeps_and_rollback_undoes_body);
}

static void a_failed_statement_leaves_only_rollback_body(struct fiber_run *run)
{
    struct pg_transaction *transaction = begin(run, NULL);
    assert_int_equal(run_statement(transaction, &add_value, "1", "3"), STATUS_OK);
    assert_string_equal(pg_constraint(transaction), "");
    assert_int_equal(run_statement(transaction, &insert_row, "2", "0"), STATUS_ALREADY_EXISTS);
    assert_string_equal(pg_constraint(transaction), "counter_pkey");
    assert_int_equal(run_statement(transaction, &add_value, "1", "3"), STATUS_ALREADY_EXISTS);
    assert_int_equal(pg_commit(transaction), STATUS_ALREADY_EXISTS);
    assert_int_equal(stored(1), 0);

    transaction = begin(run, NULL);
    assert_int_equal(run_statement(transaction, &insert_row, "3", "-1"),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(pg_constraint(transaction), "counter_not_negative");
    pg_rollback(transaction);
    transaction = begin(run, NULL);
    assert_int_equal(run_statement(transaction, &insert_row, "x", "-1"), STATUS_INVALID_ARGUMENT);
    pg_rollback(transaction);
}

static void a_failed_statement_leaves_only_rollback(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.transaction_max = 1},
                 a_failed_statement_leaves_only_rollback_body);
}

/* Both read before either writes, in their first try: one of them cannot be serialized. */
struct increment {
    size_t both_read;
    struct fiber_event go_on[2];
    int tries[2];
    size_t index;
};

static struct increment increment;

struct increment_one {
    size_t index;
};

static enum status increment_once(struct pg_transaction *transaction, void *arg)
{
    const struct increment_one *one = arg;
    struct pg_param id = pg_str("1");
    struct pg_result *result;
    enum status status = pg_execute(transaction, &value_of, &id, 1, &result);
    if (status != STATUS_OK)
        return status;
    char next[16];
    snprintf(next, sizeof(next), "%lld", (long long)pg_get_int(result, 0, 0) + 1);
    pg_result_free(result);
    if (increment.tries[one->index]++ == 0) {
        if (++increment.both_read == 2) {
            fiber_event_signal(&increment.go_on[0]);
            fiber_event_signal(&increment.go_on[1]);
        }
        assert_int_equal(fiber_event_wait(&increment.go_on[one->index], DEADLINE_NONE), STATUS_OK);
    }
    return run_statement(transaction, &set_value, "1", next);
}

static void increment_part(struct fiber_run *run, size_t index)
{
    struct increment_one one = {.index = index};
    assert_int_equal(pg_transact(run->pg, NULL, true, increment_once, &one), STATUS_OK);
}

static void a_serialization_failure_runs_the_whole_again_body(struct fiber_run *run)
{
    struct pg_statistics statistics;
    increment = (struct increment){0};
    fiber_run_parallel(run, 2, increment_part);
    assert_int_equal(stored(1), 2);
    pg_statistics(run->pg, &statistics);
    assert_true(statistics.transaction_retries >= 1);
    assert_true(increment.tries[0] + increment.tries[1] >= 3);
}

static void a_serialization_failure_runs_the_whole_again(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){0},
                 a_serialization_failure_runs_the_whole_again_body);
}

/* Each holds a row, in its first try, and then wants the other's. */
static enum status cross_once(struct pg_transaction *transaction, void *arg)
{
    const struct increment_one *one = arg;
    const char *const rows[] = {"1", "2"};
    enum status status = run_statement(transaction, &add_value, rows[one->index], "1");
    if (status != STATUS_OK)
        return status;
    if (increment.tries[one->index]++ == 0) {
        if (++increment.both_read == 2) {
            fiber_event_signal(&increment.go_on[0]);
            fiber_event_signal(&increment.go_on[1]);
        }
        assert_int_equal(fiber_event_wait(&increment.go_on[one->index], DEADLINE_NONE), STATUS_OK);
    }
    return run_statement(transaction, &add_value, rows[1 - one->index], "1");
}

static void cross_part(struct fiber_run *run, size_t index)
{
    struct increment_one one = {.index = index};
    assert_int_equal(pg_transact(run->pg, NULL, false, cross_once, &one), STATUS_OK);
}

static void two_who_wait_for_each_other_both_get_through_body(struct fiber_run *run)
{
    increment = (struct increment){0};
    fiber_run_parallel(run, 2, cross_part);
    assert_int_equal(stored(1), 2);
    assert_int_equal(stored(2), 2);
    assert_int_equal(increment.tries[0] + increment.tries[1], 3);
}

static void two_who_wait_for_each_other_both_get_through(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){0},
                 two_who_wait_for_each_other_both_get_through_body);
}

static int calls;

static enum status always_aborted(struct pg_transaction *transaction, void *arg)
{
    static const struct pg_statement raise = {"raise_40001", "SELECT raise_40001()"};
    (void)arg;
    calls++;
    return run_statement(transaction, &raise, NULL, NULL);
}

static enum status refused_by_rule(struct pg_transaction *transaction, void *arg)
{
    (void)arg;
    calls++;
    enum status status = run_statement(transaction, &add_value, "1", "1");
    return status == STATUS_OK ? STATUS_FAILED_PRECONDITION : status;
}

static void tries_are_bounded_and_refusals_are_not_tried_again_body(struct fiber_run *run)
{
    calls = 0;
    assert_int_equal(pg_transact(run->pg, NULL, false, always_aborted, NULL), STATUS_ABORTED);
    assert_int_equal(calls, PG_TRANSACTION_TRIES);
    calls = 0;
    assert_int_equal(pg_transact(run->pg, NULL, false, refused_by_rule, NULL),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(calls, 1);
    assert_int_equal(stored(1), 0);
}

static void tries_are_bounded_and_refusals_are_not_tried_again(void **state)
{
    (void)state;
    pg_cluster_execute(cluster, "CREATE FUNCTION raise_40001() RETURNS void LANGUAGE plpgsql AS "
                                "$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$");
    fiber_run_pg(cluster, &(struct pg_options){0},
                 tries_are_bounded_and_refusals_are_not_tried_again_body);
}

static int64_t backend_of(struct pg_transaction *transaction)
{
    struct pg_result *result;
    assert_int_equal(pg_execute(transaction, &backend, NULL, 0, &result), STATUS_OK);
    int64_t pid = pg_get_int(result, 0, 0);
    pg_result_free(result);
    return pid;
}

static void a_deadline_ends_a_statement_body(struct fiber_run *run)
{
    struct cancel cancel;
    cancel_init(&cancel, deadline_after_ms(150));
    int64_t begin_us = clock_monotonic_us();
    struct pg_transaction *transaction = begin(run, &cancel);
    int64_t pid = backend_of(transaction);
    assert_int_equal(run_statement(transaction, &add_value, "1", "1"), STATUS_OK);
    assert_int_equal(run_statement(transaction, &sleep_s, "60", NULL), STATUS_DEADLINE_EXCEEDED);
    assert_true(clock_monotonic_us() - begin_us < 2000000);
    pg_rollback(transaction);
    /* The only connection is usable again, and is the same. */
    transaction = begin(run, NULL);
    assert_int_equal(backend_of(transaction), pid);
    assert_int_equal(run_statement(transaction, &add_value, "2", "1"), STATUS_OK);
    assert_int_equal(pg_commit(transaction), STATUS_OK);
    assert_int_equal(stored(1), 0);
    assert_int_equal(stored(2), 1);
}

static void a_deadline_ends_a_statement(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.transaction_max = 1},
                 a_deadline_ends_a_statement_body);
}

static struct cancel shared_cancel;
static int64_t cancelled_pid;

static void sleep_or_cancel(struct fiber_run *run, size_t index)
{
    if (index == 1) {
        fiber_sleep_ms(50);
        cancel_fire(&shared_cancel);
        return;
    }
    struct pg_transaction *transaction = begin(run, &shared_cancel);
    cancelled_pid = backend_of(transaction);
    int64_t begin_us = clock_monotonic_us();
    assert_int_equal(run_statement(transaction, &sleep_s, "60", NULL), STATUS_CANCELLED);
    assert_true(clock_monotonic_us() - begin_us < 2000000);
    pg_rollback(transaction);
}

static void a_cancelled_transaction_gives_its_connection_back_body(struct fiber_run *run)
{
    cancel_init(&shared_cancel, DEADLINE_NONE);
    fiber_run_parallel(run, 2, sleep_or_cancel);
    struct cancel patience;
    cancel_init(&patience, deadline_after_ms(10000));
    struct pg_transaction *transaction = begin(run, &patience);
    assert_int_equal(backend_of(transaction), cancelled_pid);
    assert_int_equal(pg_commit(transaction), STATUS_OK);
}

static void a_cancelled_transaction_gives_its_connection_back(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.transaction_max = 1},
                 a_cancelled_transaction_gives_its_connection_back_body);
}

static char order[16];

static void add_in_turn(struct fiber_run *run, size_t index)
{
    struct pg_transaction *transaction = begin(run, NULL);
    order[strlen(order)] = (char)('0' + index);
    assert_int_equal(run_statement(transaction, &add_value, "1", "1"), STATUS_OK);
    assert_int_equal(pg_commit(transaction), STATUS_OK);
}

static void transactions_wait_for_a_connection_in_turn_body(struct fiber_run *run)
{
    memset(order, 0, sizeof(order));
    fiber_run_parallel(run, 10, add_in_turn);
    assert_string_equal(order, "0123456789");
    assert_int_equal(stored(1), 10);
    /* Who gives up waiting is passed over. */
    struct pg_transaction *held = begin(run, NULL);
    struct pg_transaction *refused;
    struct cancel cancel;
    cancel_init(&cancel, deadline_after_ms(10));
    assert_int_equal(pg_begin(run->pg, &cancel, false, &refused), STATUS_RESOURCE_EXHAUSTED);
    pg_rollback(held);
    struct pg_statistics statistics;
    pg_statistics(run->pg, &statistics);
    assert_int_equal(statistics.waiting, 0);
}

static void transactions_wait_for_a_connection_in_turn(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.transaction_max = 1},
                 transactions_wait_for_a_connection_in_turn_body);
}

static void a_lock_is_not_awaited_for_ever_body(struct fiber_run *run)
{
    struct pg_transaction *first = begin(run, NULL);
    struct pg_transaction *second = begin(run, NULL);
    assert_int_equal(run_statement(first, &add_value, "1", "1"), STATUS_OK);
    assert_int_equal(run_statement(second, &add_value, "1", "1"), STATUS_RESOURCE_EXHAUSTED);
    pg_rollback(second);
    assert_int_equal(pg_commit(first), STATUS_OK);
    assert_int_equal(stored(1), 1);
}

static void a_lock_is_not_awaited_for_ever(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){0}, a_lock_is_not_awaited_for_ever_body);
}

/* ---- a synchronous standby, which is away ---- */

static const struct pg_statement xids = {"xids",
                                         "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"};

static enum status read_and_say(struct pg_transaction *transaction, void *arg)
{
    enum status *said = arg;
    pg_settle(transaction);
    PEK_TRY(run_statement(transaction, &value_of, "1", NULL));
    return *said;
}

static enum status add_and_say(struct pg_transaction *transaction, void *arg)
{
    enum status *said = arg;
    pg_settle(transaction);
    PEK_TRY(run_statement(transaction, &add_value, "1", "9"));
    return *said;
}

/* Nobody is told, so nobody waits. */
static enum status read_for_oneself(struct pg_transaction *transaction, void *arg)
{
    enum status *said = arg;
    PEK_TRY(run_statement(transaction, &value_of, "1", NULL));
    return *said;
}

static enum status insert_again(struct pg_transaction *transaction, void *arg)
{
    (void)arg;
    pg_settle(transaction);
    return run_statement(transaction, &insert_row, "2", "0");
}

static enum status transact(struct fiber_run *run,
                            enum status (*body)(struct pg_transaction *transaction, void *arg),
                            enum status said, int64_t ms)
{
    struct cancel cancel;
    cancel_init(&cancel, deadline_after_ms(ms));
    return pg_transact(run->pg, &cancel, false, body, &said);
}

static void is_told(struct fiber_run *run)
{
    char before[32], after[32];
    pg_cluster_query(cluster, xids.sql, before, sizeof(before));
    assert_int_equal(transact(run, read_and_say, STATUS_OK, 10000), STATUS_OK);
    assert_int_equal(transact(run, read_and_say, STATUS_NOT_FOUND, 10000), STATUS_NOT_FOUND);
    pg_cluster_query(cluster, xids.sql, after, sizeof(after));
    assert_string_equal(after, before); /* where nobody waits, nothing is written for it */
    assert_int_equal(transact(run, insert_again, STATUS_OK, 10000), STATUS_ALREADY_EXISTS);
    assert_int_equal(transact(run, add_and_say, STATUS_NOT_FOUND, 10000), STATUS_NOT_FOUND);
}

static bool is_set(struct fiber_run *run)
{
    char is[32];
    (void)run;
    pg_cluster_query(cluster, "SHOW synchronous_standby_names", is, sizeof(is));
    return strcmp(is, "nobody") == 0;
}

static void set_standby_body(struct fiber_run *run)
{
    is_told(run);
    assert_int_equal(stored(1), 0);
    pg_cluster_execute(cluster, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    pg_cluster_execute(cluster, "SELECT pg_reload_conf()");
    assert_true(fiber_run_until(run, is_set));
}

static struct cancel endless; /* but for a cancellation, as of what a program does for itself */

static bool another_waits(struct fiber_run *run)
{
    char count[16];
    (void)run;
    pg_cluster_query(cluster, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
                     count, sizeof(count));
    return strcmp(count, "5") == 0;
}

static void write_or_cancel(struct fiber_run *run, size_t index)
{
    if (index == 0)
        assert_int_equal(
            pg_write(run->pg, &endless, &insert_row, PG_PARAMS(pg_str("3"), pg_str("0")), NULL),
            STATUS_CANCELLED);
    else if (fiber_run_until(run, another_waits))
        cancel_fire(&endless);
}

static void nothing_is_told_body(struct fiber_run *run)
{
    static const char transactions[] = "SELECT count(*) FROM pg_stat_activity"
                                       " WHERE application_name = 'pek transaction'";
    char count[16];
    static const enum status waits[] = {STATUS_OK, STATUS_NOT_FOUND, STATUS_ALREADY_EXISTS,
                                        STATUS_FAILED_PRECONDITION};
    assert_int_equal(transact(run, read_and_say, STATUS_PERMISSION_DENIED, 10000),
                     STATUS_PERMISSION_DENIED);
    struct cancel cancel;
    cancel_init(&cancel, deadline_after_ms(10000));
    assert_int_equal(
        pg_note(run->pg, &cancel, &add_value, PG_PARAMS(pg_str("1"), pg_str("0")), NULL),
        STATUS_OK);
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        assert_int_equal(transact(run, read_for_oneself, waits[i], 10000), waits[i]);
        assert_int_equal(transact(run, read_and_say, waits[i], 100), STATUS_DEADLINE_EXCEEDED);
    }
    cancel_init(&endless, DEADLINE_NONE);
    fiber_run_parallel(run, 2, write_or_cancel);
    assert_int_equal(transact(run, insert_again, STATUS_OK, 100), STATUS_DEADLINE_EXCEEDED);
    assert_int_equal(transact(run, add_and_say, STATUS_NOT_FOUND, 100), STATUS_DEADLINE_EXCEEDED);
    /* Their backends wait, whoever is there; so there are no more of them, later either. */
    fiber_sleep_ms(2500);
    pg_cluster_query(cluster, transactions, count, sizeof(count));
    assert_string_equal(count, "8");
    assert_int_equal(transact(run, read_for_oneself, STATUS_OK, 100), STATUS_RESOURCE_EXHAUSTED);
    /* What waits for no standby goes on. */
    cancel_init(&cancel, deadline_after_ms(10000));
    assert_int_equal(
        pg_note(run->pg, &cancel, &add_value, PG_PARAMS(pg_str("1"), pg_str("0")), NULL),
        STATUS_OK);
    pg_cluster_execute(cluster, "ALTER SYSTEM RESET synchronous_standby_names");
    pg_cluster_execute(cluster, "SELECT pg_reload_conf()");
    assert_int_equal(transact(run, read_and_say, STATUS_NOT_FOUND, 10000), STATUS_NOT_FOUND);
    assert_int_equal(stored(1), 0);
}

/* What it rests on was perhaps never on the standby. */
static void what_is_so_already_is_told_when_the_standby_has_it(void **state)
{
    const struct pg_options options = {.transaction_max = 8};
    (void)state;
    fiber_run_pg(cluster, &options, set_standby_body);
    fiber_run_pg(cluster, &options, nothing_is_told_body);
}

static enum status forget_and_add(struct pg_transaction *transaction, void *arg)
{
    static const struct pg_statement forget = {"forget", "DEALLOCATE pek_begin"};
    bool *forgets = arg;
    if (!*forgets)
        return run_statement(transaction, &add_value, "1", "1");
    *forgets = false;
    return run_statement(transaction, &forget, NULL, NULL);
}

static void forgotten_body(struct fiber_run *run)
{
    bool forgets = false;
    assert_int_equal(pg_transact(run->pg, NULL, false, forget_and_add, &forgets), STATUS_OK);
    forgets = true;
    assert_int_equal(pg_transact(run->pg, NULL, false, forget_and_add, &forgets), STATUS_OK);
    assert_int_equal(pg_transact(run->pg, NULL, false, forget_and_add, &forgets), STATUS_OK);
    assert_int_equal(stored(1), 2);
}

/* As a pooler may lead to a session in which nothing is prepared. */
static void what_a_session_has_not_prepared_is_prepared_anew(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.transaction_max = 1}, forgotten_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, counter_reset)
        TEST(commit_keeps_and_rollback_undoes),
        TEST(a_failed_statement_leaves_only_rollback),
        TEST(a_serialization_failure_runs_the_whole_again),
        TEST(two_who_wait_for_each_other_both_get_through),
        TEST(tries_are_bounded_and_refusals_are_not_tried_again),
        TEST(a_deadline_ends_a_statement),
        TEST(a_cancelled_transaction_gives_its_connection_back),
        TEST(transactions_wait_for_a_connection_in_turn),
        TEST(a_lock_is_not_awaited_for_ever),
        TEST(what_a_session_has_not_prepared_is_prepared_anew),
        TEST(what_is_so_already_is_told_when_the_standby_has_it),
    };
    return cmocka_run_group_tests(tests, cluster_up, cluster_down);
}
