/* A real pgbouncer in transaction mode: two realms through one pool of two servers, who never meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "shared/base/clock.h"
#include "shared/pg/migrate.h"
#include "shared/pg/pg.h"
#include "shared/pg/testing/servers.h"
#include "tests/support/pg_bouncer.h"

#define REALMS 2
#define SERVERS 2
#define ROUNDS 20
#define PARTS 60
#define STRANGER "rude" /* a realm that a session was left in */

static const struct migration files[] = {
    {"0001_thing.sql",
     SLICE_LIT("CREATE TABLE s.thing (realm text NOT NULL DEFAULT current_setting('pek.realm'),"
               " n bigint, UNIQUE (realm, n));"
               "ALTER TABLE s.thing ENABLE ROW LEVEL SECURITY;"
               "ALTER TABLE s.thing FORCE ROW LEVEL SECURITY;"
               "CREATE POLICY p ON s.thing USING (realm = current_setting('pek.realm', true))"
               " WITH CHECK (realm = current_setting('pek.realm', true));"
               "GRANT SELECT, INSERT ON s.thing TO app")},
};
/* The last speaks of the setting, which is there while the database is looked at. */
static const struct migrations schema = {
    "s", files, 1, "(realm = current_setting('pek.realm'::text, true))",
    "SELECT 'no realm is set' WHERE coalesce(current_setting('pek.realm', true), '') = ''"};

static const struct pg_statement insert_statement = {"pooling_insert",
                                                     "INSERT INTO s.thing (n) VALUES ($1::bigint)"};
static const struct pg_statement seen_statement = {
    "pooling_seen", "SELECT current_setting('pek.realm', true),"
                    "       count(*) FILTER (WHERE realm <> current_setting('pek.realm', true)),"
                    "       count(*) FROM s.thing"};
static const struct pg_statement broken_statement = {"pooling_broken", "SELECT 1 / $1::int"};
static const struct pg_statement sleep_statement = {"pooling_sleep", "SELECT pg_sleep($1::float)"};

static struct pg_cluster *cluster;
static pid_t bouncer;

static struct {
    char pooled[512], direct[512];
    struct pg *realms[REALMS];
    int64_t written[REALMS], next;
    unsigned cancelled, refused;
    enum pg_trouble_kind kind;
    char text[512];
} test;

static const char *const realm_names[REALMS] = {"worker-acme", "worker-other"};

static int cluster_up(void **state)
{
    struct fault fault = {0};
    size_t applied;
    (void)state;
    if (!pg_bouncer_is_installed()) {
        print_message("pgbouncer is not installed; run ./dev setup\n");
        return -1;
    }
    cluster = pg_cluster_start();
    if (!cluster)
        return -1;
    pg_cluster_execute(cluster, "CREATE ROLE app LOGIN; CREATE SCHEMA s;"
                                "GRANT USAGE ON SCHEMA s TO app");
    assert_int_equal(migrate_apply(pg_cluster_conninfo(cluster), &schema, &applied, &fault),
                     STATUS_OK);
    pg_cluster_conninfo_for(cluster, "app", NULL, test.direct, sizeof(test.direct));
    snprintf(test.pooled, sizeof(test.pooled),
             "host=%s port=" PG_BOUNCER_PORT " user=app dbname=postgres",
             pg_cluster_folder(cluster));
    return 0;
}

static int cluster_down(void **state)
{
    (void)state;
    cluster = pg_cluster_stop(cluster);
    return 0;
}

static void on_trouble(void *arg, const struct pg_trouble *trouble)
{
    (void)arg;
    test.kind = trouble->kind;
    snprintf(test.text, sizeof(test.text), "%s", trouble->text);
}

static struct pg *open_realm(struct fiber_run *run, size_t index, bool pooled)
{
    const struct pg_setting realm = {"pek.realm", realm_names[index]};
    struct pg *pg;
    struct cancel cancel;
    const struct pg_options options = {
        .conninfo = pooled ? test.pooled : test.direct,
        .listen_conninfo = pooled ? test.direct : NULL,
        .settings = &realm,
        .setting_count = 1,
        .schema = &schema,
        .on_trouble = on_trouble,
    };
    cancel_init(&cancel, deadline_after_ms(20000));
    assert_int_equal(pg_new(run->fibers, &options, &pg, NULL), STATUS_OK);
    if (pg_wait_ready(pg, &cancel) != STATUS_OK)
        fail_msg("not ready: %s %s", pg_refusal(pg), pg_last_error(pg));
    return pg;
}

static void open_realms(struct fiber_run *run)
{
    for (size_t i = 0; i < REALMS; i++)
        test.realms[i] = open_realm(run, i, true);
}

static void close_realms(void)
{
    for (size_t i = 0; i < REALMS; i++)
        test.realms[i] = pg_free(test.realms[i]);
}

/* ---- what is done in each realm at the same time ---- */

static void judge_seen(size_t realm, const struct pg_result *result, int64_t written)
{
    assert_string_equal(pg_get_str(result, 0, 0), realm_names[realm]);
    assert_int_equal(pg_get_int(result, 0, 1), 0);
    assert_true(pg_get_int(result, 0, 2) >= written);
}

static void look_in(size_t realm, enum pg_lane lane)
{
    struct pg_result *result;
    int64_t written = test.written[realm];
    assert_int_equal(pg_read(test.realms[realm], lane, NULL, &seen_statement, NULL, 0, &result),
                     STATUS_OK);
    judge_seen(realm, result, written);
    pg_result_free(result);
}

struct write {
    size_t realm;
    int64_t n;
    bool breaks;
};

/* What it wrote it sees, and nothing of the other realm, in the same transaction and over several round trips. */
static enum status write_body(struct pg_transaction *transaction, void *arg)
{
    struct write *write = arg;
    struct pg_result *result;
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)write->n);
    PEK_TRY(pg_apply(transaction, &insert_statement, PG_PARAMS(pg_str(text)), NULL));
    const int64_t written = test.written[write->realm]; /* others go on meanwhile */
    PEK_TRY(pg_execute(transaction, &seen_statement, NULL, 0, &result));
    judge_seen(write->realm, result, written);
    pg_result_free(result);
    if (write->breaks)
        return pg_apply(transaction, &broken_statement, PG_PARAMS(pg_str("0")), NULL);
    return STATUS_OK;
}

static void change(size_t realm, bool breaks)
{
    struct write write = {realm, test.next++, breaks};
    enum status status = pg_transact(test.realms[realm], NULL, false, write_body, &write);
    if (!breaks)
        test.written[realm]++;
    if (breaks != (status != STATUS_OK))
        fail_msg("%s %s", status_name(status), pg_last_error(test.realms[realm]));
}

static void break_a_batch(size_t realm)
{
    struct pg_result *result;
    assert_int_not_equal(pg_read(test.realms[realm], PG_POINT_READ, NULL, &broken_statement,
                                 PG_PARAMS(pg_str("0")), &result),
                         STATUS_OK);
    test.refused++;
}

static void run_out_of_time(size_t realm, bool in_transaction)
{
    struct cancel cancel;
    struct pg_result *result;
    struct pg_transaction *transaction;
    cancel_init(&cancel, deadline_after_ms(30));
    enum status status;
    if (in_transaction) {
        status = pg_begin(test.realms[realm], &cancel, false, &transaction);
        if (status == STATUS_OK) {
            status = pg_apply(transaction, &sleep_statement, PG_PARAMS(pg_str("5")), NULL);
            pg_rollback(transaction);
        }
    } else {
        status = pg_read(test.realms[realm], PG_LONG_READ, &cancel, &sleep_statement,
                         PG_PARAMS(pg_str("5")), &result);
    }
    assert_int_not_equal(status, STATUS_OK);
    test.cancelled++;
}

static void do_a_part(struct fiber_run *run, size_t index)
{
    size_t realm = index % REALMS;
    (void)run;
    switch (index / REALMS % 6) {
    case 0: change(realm, false); break;
    case 1: change(realm, true); break;
    case 2: break_a_batch(realm); break;
    case 3: look_in(realm, PG_LONG_READ); break;
    default: look_in(realm, PG_POINT_READ); break;
    }
}

/* Somebody else with the same login, who leaves sessions as nobody should. */
static void leave_sessions_dirty(void *arg)
{
    PGconn *conn = PQconnectdb(test.pooled);
    (void)arg;
    PQclear(PQexec(conn, "SET pek.realm = '" STRANGER "'; SET pek.session = '" STRANGER "';"
                         "SET statement_timeout = 3000; SET lock_timeout = 1;"
                         "SET default_transaction_read_only = on; SET bytea_output = escape;"
                         "SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'"));
    PQfinish(conn);
}

static void realms_never_meet(struct fiber_run *run)
{
    memset(&test.written, 0, sizeof(test.written));
    open_realms(run);
    for (int round = 0; round < ROUNDS; round++) {
        if (round % 4 == 1)
            assert_int_equal(fiber_offload(leave_sessions_dirty, NULL), STATUS_OK);
        if (round % 5 == 2) {
            run_out_of_time(0, true);
            run_out_of_time(1, false);
        }
        fiber_run_parallel(run, PARTS, do_a_part);
    }
    close_realms();
    assert_true(test.written[0] > 0 && test.written[1] > 0);
    print_message("%lld and %lld rows, %u failed statements, %u out of time\n",
                  (long long)test.written[0], (long long)test.written[1], test.refused,
                  test.cancelled);
    for (size_t i = 0; i < REALMS; i++) {
        char sql[128], count[24];
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM s.thing WHERE realm = '%s'",
                 realm_names[i]);
        pg_cluster_query(cluster, sql, count, sizeof(count));
        assert_int_equal(strtoll(count, NULL, 10), test.written[i]);
    }
}

/* ---- what each transaction has, and what it leaves ---- */

static void assert_read(struct pg *pg, enum pg_lane lane, const struct pg_statement *statement,
                        const char *value)
{
    struct pg_result *result;
    assert_int_equal(pg_read(pg, lane, NULL, statement, NULL, 0, &result), STATUS_OK);
    assert_string_equal(pg_get_str(result, 0, 0), value);
    pg_result_free(result);
}

static void settings_are_those_of_a_session(struct fiber_run *run)
{
    static const struct pg_statement all = {
        "pooling_all",
        "SELECT concat_ws(' ', current_setting('pek.realm'), current_setting('statement_timeout'),"
        "       current_setting('lock_timeout'), current_setting('bytea_output'),"
        "       current_setting('transaction_read_only'), current_setting('timezone'),"
        "       current_setting('idle_in_transaction_session_timeout'))"};
    static const struct pg_statement write = {"pooling_write",
                                              "INSERT INTO s.thing (n) VALUES (-1) RETURNING n"};
    struct pg *pooled = open_realm(run, 0, true), *direct = open_realm(run, 0, false);
    struct pg *both[] = {pooled, direct};
    struct pg_result *result;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fiber_offload(leave_sessions_dirty, NULL), STATUS_OK);
        assert_read(both[i], PG_POINT_READ, &all, "worker-acme 10s 1500ms hex on UTC 5s");
        assert_read(both[i], PG_LONG_READ, &all, "worker-acme 1min 1500ms hex on UTC 5s");
        assert_int_not_equal(pg_read(both[i], PG_POINT_READ, NULL, &write, NULL, 0, &result),
                             STATUS_OK);
        assert_int_equal(pg_write(both[i], NULL, &sleep_statement, PG_PARAMS(pg_str("0")), NULL),
                         STATUS_OK);
    }
    pg_free(pooled);
    pg_free(direct);
}

/* Somebody else with the same login, who sets no realm. */
static void look_into_sessions(void *arg)
{
    PGconn *conn = PQconnectdb(test.pooled);
    PGresult *result = PQexec(conn, "SELECT coalesce(current_setting('pek.realm', true), ''),"
                                    " (SELECT count(*) FROM s.thing),"
                                    " (SELECT count(*) FROM pg_prepared_statements)");
    snprintf(arg, 64, "%s,%s,%s", PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1),
             PQgetvalue(result, 0, 2));
    PQclear(result);
    PQfinish(conn);
}

static void nothing_is_left_in_a_session(struct fiber_run *run)
{
    char seen[64];
    open_realms(run);
    fiber_run_parallel(run, PARTS, do_a_part);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(fiber_offload(look_into_sessions, seen), STATUS_OK);
        assert_string_equal(seen, ",0,0");
    }
    close_realms();
}

struct other {
    const char *name, *first, *then;
    PGconn *conn;
};

/* Another client of the pool, with one batch after the other, the second cut by the end of the first: pgbouncer lends its
 * session on, with answers that nobody has taken. Of the same name, or setting the other name would take them. */
static void leave_answers(void *arg)
{
    struct other *other = arg;
    char conninfo[640];
    PGresult *result;
    snprintf(conninfo, sizeof(conninfo), "%s client_encoding=UTF8 application_name='%s'",
             test.pooled, other->name);
    other->conn = PQconnectdb(conninfo);
    assert_int_equal(PQenterPipelineMode(other->conn), 1);
    PQsendQueryParams(other->conn, "SELECT pg_sleep(0.05)", 0, NULL, NULL, NULL, NULL, 0);
    PQpipelineSync(other->conn);
    PQsendQueryParams(other->conn, other->first, 0, NULL, NULL, NULL, NULL, 0);
    for (int i = 0; i < 2; i++)
        PQsendQueryParams(other->conn, other->then, 0, NULL, NULL, NULL, NULL, 0);
    PQflush(other->conn);
    for (int ends = 0; ends < 2; ends += !result) {
        result = PQgetResult(other->conn);
        ends += PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        PQclear(result);
    }
}

static bool all_are_up(struct fiber_run *run)
{
    (void)run;
    struct pg_statistics statistics;
    for (size_t i = 0; i < REALMS; i++) {
        pg_statistics(test.realms[i], &statistics);
        for (size_t k = 0; k < PG_POOLS; k++)
            if (statistics.pools[k].up < statistics.pools[k].connections_max)
                return false;
    }
    return true;
}

static void assert_not_anothers(enum status status)
{
    assert_true(status == STATUS_OK || status == STATUS_UNAVAILABLE ||
                status == STATUS_DEADLINE_EXCEEDED || status == STATUS_RESOURCE_EXHAUSTED);
}

/* With time limits: a session whose batch failed is deaf to what pgbouncer itself asks first, and answers nobody. */
static bool reads_right(struct fiber_run *run)
{
    struct pg_result *result;
    struct cancel cancel;
    cancel_init(&cancel, deadline_after_ms(500));
    enum status status =
        pg_read(test.realms[0], PG_POINT_READ, &cancel, &seen_statement, NULL, 0, &result);
    assert_not_anothers(status);
    if (status != STATUS_OK)
        return false;
    judge_seen(0, result, 0);
    pg_result_free(result);
    (void)run;
    return true;
}

static bool writes_right(struct fiber_run *run)
{
    struct write write = {0, test.next++, false};
    struct cancel cancel;
    cancel_init(&cancel, deadline_after_ms(500));
    enum status status = pg_transact(test.realms[0], &cancel, false, write_body, &write);
    assert_not_anothers(status);
    (void)run;
    return status == STATUS_OK;
}

static void answers_of_others_are_given_to_nobody(struct fiber_run *run)
{
    static const char row[] = "SELECT '" STRANGER "', 0, 999", error[] = "SELECT 1 / 0",
                      copy[] = "COPY (SELECT 1) TO STDOUT";
    struct other others[] = {
        {"pek read", row, row, NULL},      {"pek transaction", row, row, NULL},
        {"pek read", error, row, NULL},    {"pek transaction", error, row, NULL},
        {"pek read", "SELECT", row, NULL}, {"pek transaction", row, error, NULL},
        {"pek read", copy, row, NULL},     {"pek transaction", copy, row, NULL},
    };
    const size_t count = sizeof(others) / sizeof(others[0]);
    memset(&test.written, 0, sizeof(test.written));
    open_realms(run);
    for (size_t i = 0; i < 2 * count; i++) {
        struct other *other = &others[i % count];
        assert_true(fiber_run_until(run, all_are_up));
        assert_int_equal(fiber_offload(leave_answers, other), STATUS_OK);
        assert_true(fiber_run_until(run, i % 2 ? writes_right : reads_right));
        PQfinish(other->conn);
    }
    close_realms();
}

/* ---- listening ---- */

static bool is_refused(struct fiber_run *run)
{
    (void)run;
    return pg_refusal(test.realms[0])[0] != '\0';
}

static void hear_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, is_listening));
    pg_cluster_execute(cluster, "NOTIFY pooled");
    assert_true(fiber_run_until(run, has_heard));
}

static void listening_goes_past_the_pooler(struct fiber_run *run)
{
    struct pg *pg = open_realm(run, 0, true);
    run_listening(run, pg, "pooled", hear_body);
    pg_free(pg);
}

static void refused_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, is_refused));
    assert_int_equal(test.kind, PG_TROUBLE_REFUSED);
    assert_non_null(strstr(pg_refusal(test.realms[0]), "database_listen"));
}

static void listening_through_the_pooler_is_refused(struct fiber_run *run)
{
    const struct pg_options options = {
        .conninfo = test.pooled, .listen_conninfo = test.pooled, .on_trouble = on_trouble};
    assert_int_equal(pg_new(run->fibers, &options, &test.realms[0], NULL), STATUS_OK);
    run_listening(run, test.realms[0], "pooled", refused_body);
    test.realms[0] = pg_free(test.realms[0]);
}

static void what_leads_elsewhere_is_found_by_check_config(void **state)
{
    struct fault fault = {0};
    (void)state;
    const struct pg_options options = {.conninfo = test.pooled, .listen_conninfo = test.pooled};
    bouncer = pg_bouncer_start_narrow(cluster, "transaction", SERVERS);
    assert_int_equal(pg_probe(&options, &fault), STATUS_FAILED_PRECONDITION);
    assert_string_equal(fault.field, "database_listen");
    assert_non_null(strstr(fault.text, "leads to a pooler"));
    const struct pg_options nowhere = {.conninfo = test.pooled, .listen_conninfo = "host=/nowhere"};
    assert_int_not_equal(pg_probe(&nowhere, &fault), STATUS_OK);
    assert_non_null(strstr(fault.text, "/nowhere"));
    const struct pg_options right = {.conninfo = test.pooled, .listen_conninfo = test.direct};
    assert_int_equal(pg_probe(&right, &fault), STATUS_OK);
    pg_bouncer_stop(bouncer);
    bouncer = pg_bouncer_start(cluster, "statement");
    assert_int_not_equal(pg_probe(&right, &fault), STATUS_OK);
    assert_non_null(strstr(fault.text, "statement pooling mode"));
    pg_bouncer_stop(bouncer);
}

/* ---- a pooler that goes ---- */

static bool both_read(struct fiber_run *run)
{
    struct pg_result *result;
    (void)run;
    for (size_t i = 0; i < REALMS; i++) {
        if (pg_read(test.realms[i], PG_POINT_READ, NULL, &seen_statement, NULL, 0, &result))
            return false;
        judge_seen(i, result, 0);
        pg_result_free(result);
    }
    return true;
}

static bool both_ready(struct fiber_run *run)
{
    (void)run;
    return pg_is_ready(test.realms[0]) && pg_is_ready(test.realms[1]);
}

static void killed_pooler_is_found_again(struct fiber_run *run)
{
    open_realms(run);
    assert_true(both_read(run));
    pg_bouncer_stop(bouncer);
    assert_false(both_read(run));
    fiber_sleep_ms(3000);
    bouncer = pg_bouncer_start_narrow(cluster, "transaction", SERVERS);
    int64_t begin_us = clock_monotonic_us();
    assert_true(fiber_run_until(run, both_read));
    int64_t took_ms = (clock_monotonic_us() - begin_us) / 1000;
    print_message("reads back %lld ms after the pooler was\n", (long long)took_ms);
    assert_true(took_ms < 5000);
    assert_true(fiber_run_until(run, both_ready)); /* for changes, too */
    fiber_run_parallel(run, PARTS, do_a_part);
    close_realms();
}

/* ---- cost ---- */

static void read_part(struct fiber_run *run, size_t index)
{
    (void)run, (void)index;
    static const struct pg_statement one = {"pooling_one",
                                            "SELECT n FROM s.thing WHERE realm = 'x' AND n = 1"};
    struct pg_result *result;
    assert_int_equal(pg_read(test.realms[0], PG_POINT_READ, NULL, &one, NULL, 0, &result),
                     STATUS_OK);
    pg_result_free(result);
}

static void write_part(struct fiber_run *run, size_t index)
{
    (void)run, (void)index;
    change(0, false);
}

static double time_of(struct fiber_run *run, size_t width, int rounds,
                      void (*part)(struct fiber_run *run, size_t index))
{
    int64_t begin_us = clock_monotonic_us();
    for (int i = 0; i < rounds; i++)
        fiber_run_parallel(run, width, part);
    return (double)(clock_monotonic_us() - begin_us) / ((double)width * rounds);
}

/* Said, not asserted: it is what a machine makes of it. */
static void cost_is_told(struct fiber_run *run)
{
    double took[2][3];
    for (size_t pooled = 0; pooled < 2; pooled++) {
        test.realms[0] = open_realm(run, 0, pooled);
        test.written[0] = 0;
        (void)time_of(run, 50, 20, read_part);
        took[pooled][0] = time_of(run, 1, 1000, read_part);
        took[pooled][1] = time_of(run, 50, 100, read_part);
        took[pooled][2] = time_of(run, 4, 100, write_part);
        test.realms[0] = pg_free(test.realms[0]);
    }
    static const char *const what[] = {"one read", "a read of 50", "a transaction of 4"};
    for (size_t i = 0; i < 3; i++)
        print_message("%s: %.0f us direct, %.0f us pooled, %.2f times\n", what[i], took[0][i],
                      took[1][i], took[1][i] / took[0][i]);
}

/* ---- */

static void run_body(void **state)
{
    bouncer = pg_bouncer_start_narrow(cluster, "transaction", SERVERS);
    fiber_run((void (*)(struct fiber_run *))(uintptr_t)*state);
    pg_bouncer_stop(bouncer);
}

#define POOLING_TEST(body)                                                                         \
    {                                                                                              \
#body, run_body, NULL, NULL, (void *)(uintptr_t)(body)                                     \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOLING_TEST(realms_never_meet),
        POOLING_TEST(settings_are_those_of_a_session),
        POOLING_TEST(nothing_is_left_in_a_session),
        POOLING_TEST(answers_of_others_are_given_to_nobody),
        POOLING_TEST(listening_goes_past_the_pooler),
        POOLING_TEST(listening_through_the_pooler_is_refused),
        POOLING_TEST(killed_pooler_is_found_again),
        POOLING_TEST(cost_is_told),
        cmocka_unit_test(what_leads_elsewhere_is_found_by_check_config),
    };
    return cmocka_run_group_tests(tests, cluster_up, cluster_down);
}
