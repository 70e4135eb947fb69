/* What a server does to its clients: backends killed, restarts, silence. And notifications over it all. */
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
#include "shared/pg/pg.h"
#include "tests/support/fiber_run.h"

static struct pg_cluster *cluster;

static int cluster_up(void **state)
{
    (void)state;
    cluster = pg_cluster_start();
    if (!cluster)
        return -1;
    pg_cluster_execute(cluster, "CREATE TABLE entry (id int PRIMARY KEY)");
    return 0;
}

static int cluster_down(void **state)
{
    (void)state;
    cluster = pg_cluster_stop(cluster);
    return 0;
}

static const struct pg_statement one = {"one", "SELECT 1"};
static const struct pg_statement insert_entry = {"insert_entry",
                                                 "INSERT INTO entry VALUES ($1::int)"};
static const struct pg_statement backend = {"backend", "SELECT pg_backend_pid()"};

static void terminate(const char *application_name)
{
    char sql[160];
    snprintf(sql, sizeof(sql),
             "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
             " WHERE application_name = '%s'",
             application_name);
    pg_cluster_execute(cluster, sql);
}

static enum status read_one(struct fiber_run *run, struct cancel *cancel)
{
    struct pg_result *result;
    enum status status = pg_read(run->pg, PG_POINT_READ, cancel, &one, NULL, 0, &result);
    if (status == STATUS_OK)
        pg_result_free(result);
    return status;
}

static bool read_is_ok(struct fiber_run *run)
{
    return read_one(run, NULL) == STATUS_OK;
}

static bool is_ready(struct fiber_run *run)
{
    return pg_is_ready(run->pg);
}

static bool both_reads_up(struct fiber_run *run)
{
    struct pg_statistics statistics;
    pg_statistics(run->pg, &statistics);
    return statistics.read_connections_up == 3; /* one of them for long reads */
}

static void a_killed_backend_is_not_seen_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, both_reads_up));
    for (int i = 0; i < 5; i++) {
        char pid[16], sql[64];
        struct pg_result *result;
        assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &backend, NULL, 0, &result),
                         STATUS_OK);
        snprintf(pid, sizeof(pid), "%s", pg_get_str(result, 0, 0));
        pg_result_free(result);
        snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%s, 5000)", pid);
        pg_cluster_execute(cluster, sql);
        /* Goes to the dead one or to the other: either way it is answered. */
        assert_int_equal(read_one(run, NULL), STATUS_OK);
        assert_true(fiber_run_until(run, both_reads_up));
    }
    struct pg_statistics statistics;
    pg_statistics(run->pg, &statistics);
    assert_true(statistics.reconnects >= 5);
}

static void a_killed_backend_is_not_seen(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.read_max = 2, .long_read_max = 1},
                 a_killed_backend_is_not_seen_body);
}

static void when_all_backends_die_reads_come_back_body(struct fiber_run *run)
{
    terminate("pek read");
    enum status status = read_one(run, NULL);
    assert_true(status == STATUS_OK || status == STATUS_UNAVAILABLE);
    int64_t begin_us = clock_monotonic_us();
    assert_true(fiber_run_until(run, read_is_ok));
    assert_true(clock_monotonic_us() - begin_us < 5000000);
}

static void when_all_backends_die_reads_come_back(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){0}, when_all_backends_die_reads_come_back_body);
}

static bool nothing_is_up(struct fiber_run *run)
{
    struct pg_statistics statistics;
    pg_statistics(run->pg, &statistics);
    return statistics.read_connections_up == 0 && statistics.transaction_connections_up == 0;
}

static void a_restart_is_unavailable_and_then_over_body(struct fiber_run *run)
{
    pg_cluster_down(cluster);
    assert_true(fiber_run_until(run, nothing_is_up));
    struct pg_transaction *transaction;
    int64_t begin_us = clock_monotonic_us();
    assert_int_equal(pg_begin(run->pg, NULL, false, &transaction), STATUS_UNAVAILABLE);
    assert_int_equal(read_one(run, NULL), STATUS_UNAVAILABLE);
    assert_true(clock_monotonic_us() - begin_us < 500000); /* at once, not after a wait */
    assert_false(pg_is_ready(run->pg));
    assert_true(strlen(pg_last_error(run->pg)) > 0);

    pg_cluster_launch(cluster);
    begin_us = clock_monotonic_us();
    assert_true(fiber_run_until(run, is_ready));
    assert_true(clock_monotonic_us() - begin_us < 5000000);
    assert_int_equal(read_one(run, NULL), STATUS_OK);
    assert_int_equal(pg_begin(run->pg, NULL, false, &transaction), STATUS_OK);
    struct pg_result *result;
    assert_int_equal(pg_execute(transaction, &one, NULL, 0, &result), STATUS_OK);
    pg_result_free(result);
    assert_int_equal(pg_commit(transaction), STATUS_OK);
}

static void a_restart_is_unavailable_and_then_over(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){0}, a_restart_is_unavailable_and_then_over_body);
}

static int64_t entries(void)
{
    char count[16];
    pg_cluster_query(cluster, "SELECT count(*) FROM entry", count, sizeof(count));
    return strtoll(count, NULL, 10);
}

static enum status insert(struct pg_transaction *transaction, const char *id)
{
    struct pg_param param = pg_str(id);
    struct pg_result *result;
    enum status status = pg_execute(transaction, &insert_entry, &param, 1, &result);
    if (status == STATUS_OK)
        pg_result_free(result);
    return status;
}

static void a_transaction_whose_backend_died_commits_nothing_body(struct fiber_run *run)
{
    struct pg_transaction *transaction;
    assert_int_equal(pg_begin(run->pg, NULL, false, &transaction), STATUS_OK);
    assert_int_equal(insert(transaction, "1"), STATUS_OK);
    terminate("pek transaction");
    assert_int_equal(pg_commit(transaction), STATUS_UNAVAILABLE);
    assert_int_equal(entries(), 0);
    assert_true(fiber_run_until(run, is_ready));
    /* The connection is up again under a transaction that began before: it must not go on there. */
    assert_int_equal(pg_begin(run->pg, NULL, false, &transaction), STATUS_OK);
    assert_int_equal(insert(transaction, "1"), STATUS_OK);
    terminate("pek transaction");
    fiber_sleep_ms(300);
    assert_true(fiber_run_until(run, is_ready));
    assert_int_equal(insert(transaction, "2"), STATUS_UNAVAILABLE);
    pg_rollback(transaction);
    assert_int_equal(entries(), 0);
}

static void a_transaction_whose_backend_died_commits_nothing(void **state)
{
    (void)state;
    pg_cluster_execute(cluster, "TRUNCATE entry");
    fiber_run_pg(cluster, &(struct pg_options){.transaction_max = 1},
                 a_transaction_whose_backend_died_commits_nothing_body);
}

static char words[256];

static void keep_words(void *arg, const struct pg_trouble *trouble)
{
    (void)arg;
    if (words[0] == '\0')
        snprintf(words, sizeof(words), "%s", trouble->text);
}

/* As on a full disk: WAL cannot be written, so the server ends, with a SQLSTATE that says nothing of that. */
static void a_server_that_ends_at_commit_body(struct fiber_run *run)
{
    struct pg_transaction *transaction;
    char sql[256];
    assert_int_equal(pg_begin(run->pg, NULL, false, &transaction), STATUS_OK);
    assert_int_equal(insert(transaction, "1"), STATUS_OK);
    pg_cluster_query(cluster,
                     "SELECT format('COPY (SELECT) TO PROGRAM ''prlimit --fsize=0 --pid %s''', pid)"
                     "  FROM pg_stat_activity WHERE application_name = 'pek transaction'",
                     sql, sizeof(sql));
    pg_cluster_execute(cluster, sql);
    words[0] = '\0';
    assert_int_equal(pg_commit(transaction), STATUS_UNAVAILABLE);
    assert_true(fiber_run_until(run, is_ready));
    if (!strstr(words, "could not write to"))
        fail_msg("it said: %s", words);
}

static void a_server_that_ends_at_commit_leaves_open_what_became_of_it(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.transaction_max = 1, .on_trouble = keep_words},
                 a_server_that_ends_at_commit_body);
}

static int tries;

static enum status insert_after_losing_one(struct pg_transaction *transaction, void *arg)
{
    (void)arg;
    enum status status = insert(transaction, "7");
    if (status == STATUS_OK && tries++ == 0) {
        struct pg_result *result;
        char sql[64];
        status = pg_execute(transaction, &backend, NULL, 0, &result);
        if (status != STATUS_OK)
            return status;
        snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%s, 5000)",
                 pg_get_str(result, 0, 0));
        pg_result_free(result);
        pg_cluster_execute(cluster, sql);
        struct pg_result *after;
        status = pg_execute(transaction, &one, NULL, 0, &after);
        if (status == STATUS_OK)
            pg_result_free(after);
    }
    return status;
}

static bool two_transactions_up(struct fiber_run *run)
{
    struct pg_statistics statistics;
    pg_statistics(run->pg, &statistics);
    return statistics.transaction_connections_up == 2;
}

static void a_loss_before_commit_runs_the_whole_again_body(struct fiber_run *run)
{
    tries = 0;
    assert_true(fiber_run_until(run, two_transactions_up));
    assert_int_equal(pg_transact(run->pg, NULL, false, insert_after_losing_one, NULL), STATUS_OK);
    assert_int_equal(tries, 2);
    assert_int_equal(entries(), 1);
}

static void a_loss_before_commit_runs_the_whole_again(void **state)
{
    (void)state;
    pg_cluster_execute(cluster, "TRUNCATE entry");
    fiber_run_pg(cluster, &(struct pg_options){.transaction_max = 2},
                 a_loss_before_commit_runs_the_whole_again_body);
}

static void a_hung_server_does_not_hang_its_callers_body(struct fiber_run *run)
{
    struct cancel cancel;
    struct pg_transaction *transaction;
    assert_int_equal(pg_begin(run->pg, NULL, false, &transaction), STATUS_OK);
    assert_int_equal(insert(transaction, "1"), STATUS_OK);
    pg_rollback(transaction);
    pg_cluster_pause(cluster);
    int64_t begin_us = clock_monotonic_us();
    cancel_init(&cancel, deadline_after_ms(200));
    assert_int_equal(read_one(run, &cancel), STATUS_DEADLINE_EXCEEDED);
    cancel_init(&cancel, deadline_after_ms(200));
    enum status status = pg_begin(run->pg, &cancel, false, &transaction);
    if (status == STATUS_OK) {
        status = insert(transaction, "2");
        pg_rollback(transaction);
    }
    /* The other when ROLLBACK still had the only connection: its own waiting. */
    assert_true(status == STATUS_DEADLINE_EXCEEDED || status == STATUS_RESOURCE_EXHAUSTED);
    assert_true(clock_monotonic_us() - begin_us < 1500000);
    pg_cluster_resume(cluster);
    assert_true(fiber_run_until(run, read_is_ok));
    assert_true(fiber_run_until(run, is_ready));
    assert_int_equal(entries(), 0);
}

static void a_hung_server_does_not_hang_its_callers(void **state)
{
    (void)state;
    pg_cluster_execute(cluster, "TRUNCATE entry");
    fiber_run_pg(cluster, &(struct pg_options){.transaction_max = 1},
                 a_hung_server_does_not_hang_its_callers_body);
}

static void a_name_is_looked_up_off_the_loop_body(struct fiber_run *run)
{
    struct pg *pg;
    /* Nobody listens on port 1. */
    struct pg_options options = {.conninfo = "host=localhost port=1"};
    assert_int_equal(pg_new(run->fibers, &options, &pg, NULL), STATUS_OK);
    int64_t deadline_us = deadline_after_ms(10000);
    while (pg_last_error(pg)[0] == '\0' && clock_monotonic_us() < deadline_us)
        fiber_sleep_ms(5);
    assert_non_null(strstr(pg_last_error(pg), "port 1 failed"));
    assert_false(pg_is_ready(pg));
    pg_free(pg);
    /* Freed while attempts are under way on pool threads. */
    assert_int_equal(pg_new(run->fibers, &options, &pg, NULL), STATUS_OK);
    fiber_sleep_ms(2);
    pg_free(pg);
    options.conninfo = "no such keyword=1";
    assert_int_equal(pg_new(run->fibers, &options, &pg, NULL), STATUS_INVALID_ARGUMENT);
}

static void a_name_is_looked_up_off_the_loop(void **state)
{
    (void)state;
    fiber_run(a_name_is_looked_up_off_the_loop_body);
}

static struct fiber_event heard;
static char last_channel[64];
static char last_payload[64];
static char events_seen[64];

static void see(char event)
{
    events_seen[strlen(events_seen)] = event;
    fiber_event_signal(&heard);
}

static void on_notify(void *arg, struct slice channel, struct slice payload)
{
    (void)arg;
    snprintf(last_channel, sizeof(last_channel), "%.*s", SLICE_ARG(channel));
    snprintf(last_payload, sizeof(last_payload), "%.*s", SLICE_ARG(payload));
    see('n');
}

static void on_lost(void *arg)
{
    (void)arg;
    see('-');
}

static void on_listening(void *arg)
{
    (void)arg;
    see('+');
}

static void await(const char *seen)
{
    while (strcmp(events_seen, seen) != 0)
        assert_int_equal(fiber_event_wait(&heard, deadline_after_ms(10000)), STATUS_OK);
}

static void notifications_are_heard_and_their_loss_is_told_body(struct fiber_run *run)
{
    static const struct pg_listener_events events = {
        .on_notify = on_notify, .on_lost = on_lost, .on_listening = on_listening};
    struct pg_listener *listener;
    memset(events_seen, 0, sizeof(events_seen));
    assert_int_equal(pg_listen(run->pg, "odd \"name", &events, NULL, &listener), STATUS_OK);
    await("-+");
    pg_cluster_execute(cluster, "NOTIFY \"odd \"\"name\", 'hello'");
    await("-+n");
    assert_string_equal(last_channel, "odd \"name");
    assert_string_equal(last_payload, "hello");
    pg_cluster_execute(cluster, "NOTIFY another, 'not for us'");
    terminate("pek listen");
    await("-+n-+");
    pg_cluster_execute(cluster, "NOTIFY \"odd \"\"name\", 'again'");
    await("-+n-+n");
    assert_string_equal(last_payload, "again");
    pg_listener_free(listener);
}

static void notifications_are_heard_and_their_loss_is_told(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){0},
                 notifications_are_heard_and_their_loss_is_told_body);
}

/* The server as a half-open connection has it: there, and silent. */
static void a_silent_listener_is_noticed_within_seconds_body(struct fiber_run *run)
{
    static const struct pg_listener_events events = {
        .on_notify = on_notify, .on_lost = on_lost, .on_listening = on_listening};
    struct pg_listener *listener;
    char pid[16];
    memset(events_seen, 0, sizeof(events_seen));
    assert_int_equal(pg_listen(run->pg, "silence", &events, NULL, &listener), STATUS_OK);
    await("-+");
    fiber_sleep_ms(2500); /* heartbeats of a connection that lives harm nobody */
    assert_string_equal(events_seen, "-+");
    pg_cluster_query(cluster,
                     "SELECT pid FROM pg_stat_activity WHERE application_name = 'pek listen'", pid,
                     sizeof(pid));
    assert_int_equal(kill((pid_t)strtol(pid, NULL, 10), SIGSTOP), 0);
    int64_t begin_us = clock_monotonic_us();
    await("-+-+");
    assert_true(clock_monotonic_us() - begin_us < 5000000);
    pg_cluster_execute(cluster, "NOTIFY silence, 'heard'");
    await("-+-+n");
    assert_int_equal(kill((pid_t)strtol(pid, NULL, 10), SIGCONT), 0);
    pg_listener_free(listener);
}

static void a_silent_listener_is_noticed_within_seconds(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){0},
                 a_silent_listener_is_noticed_within_seconds_body);
}

static void read_or_end_backend(struct fiber_run *run, size_t index)
{
    char text[16];
    if (index == 0) {
        (void)!read_one(run, NULL);
        return;
    }
    pg_cluster_query(cluster,
                     "SELECT pid FROM pg_stat_activity WHERE application_name = 'pek read'", text,
                     sizeof(text));
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    fiber_sleep_ms(100); /* the question lies there */
    assert_int_equal(kill(pid, SIGQUIT), 0);
    assert_int_equal(kill(pid, SIGCONT), 0);
}

static void last_words_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, read_is_ok));
    fiber_run_parallel(run, 2, read_or_end_backend);
    assert_true(fiber_run_until(run, read_is_ok));
}

/* It warns, and leaves something of ours unread: the socket has words and an error at once. */
static void a_backend_with_last_words_is_noticed(void **state)
{
    (void)state;
    fiber_run_pg(cluster, &(struct pg_options){.read_max = 1}, last_words_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backend_with_last_words_is_noticed),
        cmocka_unit_test(a_killed_backend_is_not_seen),
        cmocka_unit_test(when_all_backends_die_reads_come_back),
        cmocka_unit_test(a_restart_is_unavailable_and_then_over),
        cmocka_unit_test(a_transaction_whose_backend_died_commits_nothing),
        cmocka_unit_test(a_server_that_ends_at_commit_leaves_open_what_became_of_it),
        cmocka_unit_test(a_loss_before_commit_runs_the_whole_again),
        cmocka_unit_test(a_hung_server_does_not_hang_its_callers),
        cmocka_unit_test(a_name_is_looked_up_off_the_loop),
        cmocka_unit_test(notifications_are_heard_and_their_loss_is_told),
        cmocka_unit_test(a_silent_listener_is_noticed_within_seconds),
    };
    return cmocka_run_group_tests(tests, cluster_up, cluster_down);
}
