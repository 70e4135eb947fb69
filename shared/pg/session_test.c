/* What a new connection must show: its role, the schema, a session of its own. And what is told of trouble. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/pg/migrate.h"
#include "shared/pg/pg.h"
#include "tests/support/fiber_run.h"
#include "tests/support/pg_bouncer.h"

static struct pg_cluster *cluster;

static const struct migration files[] = {
    {"0001_x.sql", SLICE_LIT("CREATE TABLE s.x (n int); GRANT SELECT, INSERT ON s.x TO app")},
    {"0002_x.sql", SLICE_LIT("INSERT INTO s.x VALUES (1)")},
};
static const struct migrations schema = {"s", files, 2};
/* Of a schema whose tables are bound by row security, and whose database says whose it is. */
static const struct migrations bound = {"s", files, 2, "(n > 0)",
                                        "SELECT 'it is ' || name FROM s.owned"};
static const struct migrations older = {"s", files, 1};

static int cluster_up(void **state)
{
    struct fault fault = {0};
    size_t applied;
    (void)state;
    cluster = pg_cluster_start();
    if (!cluster)
        return -1;
    pg_cluster_execute(cluster, "CREATE ROLE app LOGIN; CREATE ROLE owner LOGIN;"
                                "CREATE SCHEMA s; GRANT USAGE ON SCHEMA s TO app, owner");
    assert_int_equal(migrate_apply(pg_cluster_conninfo(cluster), &schema, &applied, &fault),
                     STATUS_OK);
    pg_cluster_execute(cluster, "ALTER TABLE s.x OWNER TO owner");
    return 0;
}

static int cluster_down(void **state)
{
    (void)state;
    cluster = pg_cluster_stop(cluster);
    return 0;
}

/* ---- what is told ---- */

static struct {
    size_t count;
    enum pg_trouble_kind kind;
    char sqlstate[6], statement[64], text[512];
} told;

static void on_trouble(void *arg, const struct pg_trouble *trouble)
{
    (void)arg;
    told.count++;
    told.kind = trouble->kind;
    snprintf(told.sqlstate, sizeof(told.sqlstate), "%s", trouble->sqlstate);
    snprintf(told.statement, sizeof(told.statement), "%s", trouble->statement);
    snprintf(told.text, sizeof(told.text), "%s", trouble->text);
}

static struct pg_options options_for(const char *user, const struct migrations *migrations)
{
    static char conninfo[512];
    memset(&told, 0, sizeof(told));
    pg_cluster_conninfo_for(cluster, user, NULL, conninfo, sizeof(conninfo));
    return (struct pg_options){
        .conninfo = conninfo, .schema = migrations, .on_trouble = on_trouble};
}

/* Opens one, waits until it is ready or refused, and closes it. */
static enum status try_to_open(struct fiber_run *run, const struct pg_options *options,
                               char ret_refusal[512])
{
    struct pg *pg;
    struct cancel cancel;
    cancel_init(&cancel, deadline_after_ms(20000));
    assert_int_equal(pg_new(run->fibers, options, &pg, NULL), STATUS_OK);
    enum status status = pg_wait_ready(pg, &cancel);
    snprintf(ret_refusal, 512, "%s", pg_refusal(pg));
    pg_free(pg);
    return status;
}

static void assert_refused(struct fiber_run *run, const char *user,
                           const struct migrations *migrations, const char *why)
{
    char refusal[512];
    struct pg_options options = options_for(user, migrations);
    assert_int_equal(try_to_open(run, &options, refusal), STATUS_FAILED_PRECONDITION);
    if (!strstr(refusal, why))
        fail_msg("%s", refusal);
    assert_int_equal(told.kind, PG_TROUBLE_REFUSED);
    assert_string_equal(told.text, refusal);
}

static void assert_taken(struct fiber_run *run, const struct migrations *program)
{
    char refusal[512];
    struct pg_options options = options_for("app", program);
    assert_int_equal(try_to_open(run, &options, refusal), STATUS_OK);
    assert_string_equal(refusal, "");
    assert_int_equal(told.count, 0);
}

static void roles_that_row_security_does_not_bind_are_refused_body(struct fiber_run *run)
{
    assert_taken(run, &schema);
    assert_refused(run, NULL, &schema, "superuser");
    assert_refused(run, "owner", &schema, "owner");
    static const struct {
        const char *make, *undo, *why;
    } changes[] = {
        {"ALTER ROLE app BYPASSRLS", "ALTER ROLE app NOBYPASSRLS", "BYPASSRLS"},
        {"ALTER ROLE app SET row_security = off", "ALTER ROLE app RESET row_security",
         "row_security"},
        {"GRANT owner TO app", "REVOKE owner FROM app", "owner"},
        {"GRANT postgres TO app", "REVOKE postgres FROM app", "superuser"},
        {"CREATE ROLE mighty BYPASSRLS; GRANT mighty TO app", "DROP ROLE mighty", "mighty"},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        pg_cluster_execute(cluster, changes[i].make);
        assert_refused(run, "app", &schema, changes[i].why);
        pg_cluster_execute(cluster, changes[i].undo);
    }
    assert_taken(run, &schema);
}

static void roles_that_row_security_does_not_bind_are_refused(void **state)
{
    (void)state;
    fiber_run(roles_that_row_security_does_not_bind_are_refused_body);
}

/* A policy that is there besides, or is not there, shows in no flag of the table. */
static void tables_without_the_programs_policy_are_refused_body(struct fiber_run *run)
{
    static const struct {
        const char *make, *undo, *why;
    } changes[] = {
        {"ALTER TABLE s.x DISABLE ROW LEVEL SECURITY", "ALTER TABLE s.x ENABLE ROW LEVEL SECURITY",
         "switched off, or not forced, on table s.x"},
        {"ALTER TABLE s.x NO FORCE ROW LEVEL SECURITY", "ALTER TABLE s.x FORCE ROW LEVEL SECURITY",
         "switched off, or not forced, on table s.x"},
        {"DROP POLICY p ON s.x", "CREATE POLICY p ON s.x USING (n > 0) WITH CHECK (n > 0)",
         "policy alone on table s.x"},
        {"CREATE POLICY open ON s.x USING (true)", "DROP POLICY open ON s.x",
         "policy alone on table s.x"},
        {"CREATE POLICY shut ON s.x AS RESTRICTIVE FOR SELECT USING (n > 0)",
         "DROP POLICY shut ON s.x", "policy alone on table s.x"},
        {"ALTER POLICY p ON s.x USING (true)", "ALTER POLICY p ON s.x USING (n > 0)",
         "policy alone on table s.x"},
        {"ALTER POLICY p ON s.x WITH CHECK (true)", "ALTER POLICY p ON s.x WITH CHECK (n > 0)",
         "policy alone on table s.x"},
        {"ALTER POLICY p ON s.x TO app", "ALTER POLICY p ON s.x TO PUBLIC",
         "policy alone on table s.x"},
        {"CREATE TABLE s.y (n int); ALTER TABLE s.y ENABLE ROW LEVEL SECURITY;"
         " ALTER TABLE s.y FORCE ROW LEVEL SECURITY",
         "DROP TABLE s.y", "policy alone on table s.y"},
        /* Whose the database is comes after it. */
        {"INSERT INTO s.owned VALUES ('theirs')", "TRUNCATE s.owned", "it is theirs"},
    };
    pg_cluster_execute(cluster,
                       "ALTER TABLE s.x ENABLE ROW LEVEL SECURITY;"
                       " ALTER TABLE s.x FORCE ROW LEVEL SECURITY;"
                       " CREATE POLICY p ON s.x USING (n > 0) WITH CHECK (n > 0);"
                       " CREATE TABLE s.owned (name text, n int); GRANT SELECT ON s.owned TO app;"
                       " ALTER TABLE s.owned ENABLE ROW LEVEL SECURITY;"
                       " ALTER TABLE s.owned FORCE ROW LEVEL SECURITY;"
                       " ALTER TABLE s.owned ALTER n SET DEFAULT 1;"
                       " CREATE POLICY p ON s.owned USING (n > 0) WITH CHECK (n > 0)");
    char refusal[512];
    struct pg_options options = options_for("app", &bound);
    assert_int_equal(try_to_open(run, &options, refusal), STATUS_OK);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        pg_cluster_execute(cluster, changes[i].make);
        assert_refused(run, "app", &bound, changes[i].why);
        pg_cluster_execute(cluster, changes[i].undo);
    }
    assert_int_equal(try_to_open(run, &options, refusal), STATUS_OK);
    pg_cluster_execute(cluster, "DROP TABLE s.owned; DROP POLICY p ON s.x;"
                                " ALTER TABLE s.x DISABLE ROW LEVEL SECURITY;"
                                " ALTER TABLE s.x NO FORCE ROW LEVEL SECURITY");
}

static void tables_without_the_programs_policy_are_refused(void **state)
{
    (void)state;
    fiber_run(tables_without_the_programs_policy_are_refused_body);
}

static void a_database_of_another_encoding_is_refused(void **state)
{
    static const char *const encodings[] = {"SQL_ASCII", "LATIN2"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char sql[200], conninfo[512];
        struct fault fault = {0};
        size_t applied;
        snprintf(sql, sizeof(sql),
                 "CREATE DATABASE other TEMPLATE template0 ENCODING '%s' LOCALE 'C'", encodings[i]);
        pg_cluster_execute(cluster, sql);
        pg_cluster_conninfo_for(cluster, NULL, "other", conninfo, sizeof(conninfo));
        assert_int_equal(migrate_apply(conninfo, &schema, &applied, &fault),
                         STATUS_FAILED_PRECONDITION);
        assert_non_null(strstr(fault.text, encodings[i]));
        struct pg_options options = options_for("app", &schema);
        pg_cluster_conninfo_for(cluster, "app", "other", conninfo, sizeof(conninfo));
        options.conninfo = conninfo;
        assert_int_equal(pg_probe(&options, &fault), STATUS_FAILED_PRECONDITION);
        assert_non_null(strstr(fault.text, encodings[i]));
        pg_cluster_execute(cluster, "DROP DATABASE other");
    }
}

static bool is_refused(struct fiber_run *run)
{
    return pg_refusal(run->pg)[0] != '\0';
}

static bool is_not_ready(struct fiber_run *run)
{
    return !pg_is_ready(run->pg);
}

static bool is_ready_again(struct fiber_run *run)
{
    return pg_is_ready(run->pg) && !is_refused(run);
}

static void a_role_that_became_mighty_is_refused_after_a_reconnect_body(struct fiber_run *run)
{
    assert_false(is_refused(run));
    pg_cluster_execute(cluster, "ALTER ROLE app BYPASSRLS");
    pg_cluster_execute(cluster, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                                " WHERE usename = 'app'");
    assert_true(fiber_run_until(run, is_refused));
    assert_true(fiber_run_until(run, is_not_ready));
    pg_cluster_execute(cluster, "ALTER ROLE app NOBYPASSRLS");
    assert_true(fiber_run_until(run, is_ready_again));
}

static void a_role_that_became_mighty_is_refused_after_a_reconnect(void **state)
{
    (void)state;
    struct pg_options options = options_for("app", &schema);
    fiber_run_pg(cluster, &options, a_role_that_became_mighty_is_refused_after_a_reconnect_body);
}

static void another_schema_than_the_programs_is_refused_body(struct fiber_run *run)
{
    assert_refused(run, "app", &older, "0002_x.sql");
    pg_cluster_execute(cluster, "UPDATE pek_migration SET compatible = true");
    assert_taken(run, &older);
    pg_cluster_execute(cluster, "UPDATE pek_migration SET compatible = false");
    assert_refused(run, "app", &older, "0002_x.sql");
    pg_cluster_execute(cluster, "UPDATE pek_migration SET schema = 't' WHERE name = '0002_x.sql'");
    assert_refused(run, "app", &schema, "0002_x.sql");
    /* Somebody else's. */
    pg_cluster_execute(cluster, "UPDATE pek_migration SET schema = 't'");
    assert_refused(run, "app", &schema, "no schema s, but t: is it the right one?");
    pg_cluster_execute(cluster, "UPDATE pek_migration SET schema = 's'");
    pg_cluster_execute(cluster, "REVOKE SELECT ON pek_migration FROM PUBLIC");
    assert_refused(run, "app", &schema, "migrate");
    pg_cluster_execute(cluster, "GRANT SELECT ON pek_migration TO PUBLIC");
    pg_cluster_execute(cluster, "ALTER TABLE pek_migration RENAME TO elsewhere");
    assert_refused(run, "app", &schema, "migrate");
    pg_cluster_execute(cluster, "ALTER TABLE elsewhere RENAME TO pek_migration");
    assert_taken(run, &schema);
}

static void another_schema_than_the_programs_is_refused(void **state)
{
    (void)state;
    fiber_run(another_schema_than_the_programs_is_refused_body);
}

/* ---- statements ---- */

static const struct pg_statement select_x = {"select_x", "SELECT n FROM s.x"};
static const struct pg_statement insert_x = {"insert_x", "INSERT INTO s.x SELECT 2 RETURNING n"};

static enum status read_x(struct fiber_run *run)
{
    struct pg_result *result;
    enum status status = pg_read(run->pg, PG_POINT_READ, NULL, &select_x, NULL, 0, &result);
    if (status == STATUS_OK)
        pg_result_free(result);
    return status;
}

static enum status insert(struct pg_transaction *transaction, void *arg)
{
    (void)arg;
    struct pg_result *result;
    enum status status = pg_execute(transaction, &insert_x, NULL, 0, &result);
    if (status == STATUS_OK)
        pg_result_free(result);
    return status;
}

static void read_part(struct fiber_run *run, size_t index)
{
    (void)index;
    assert_int_equal(read_x(run), STATUS_OK);
}

static void insert_part(struct fiber_run *run, size_t index)
{
    (void)index;
    assert_int_equal(pg_transact(run->pg, NULL, false, insert, NULL), STATUS_OK);
}

static void a_changed_column_is_prepared_anew_body(struct fiber_run *run)
{
    static const char *const types[] = {"bigint", "text", "bigint", "int"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char sql[128];
        fiber_run_parallel(run, 100, read_part);
        fiber_run_parallel(run, 16, insert_part);
        snprintf(sql, sizeof(sql), "ALTER TABLE s.x ALTER n TYPE %s USING n::%s", types[i],
                 types[i]);
        pg_cluster_execute(cluster, sql);
    }
    fiber_run_parallel(run, 100, read_part);
    struct pg_statistics statistics;
    pg_statistics(run->pg, &statistics);
    assert_true(statistics.reads_resent > 0);
    assert_int_equal(statistics.reconnects, 0);
    assert_int_equal(told.count, 0);
}

static void a_changed_column_is_prepared_anew(void **state)
{
    (void)state;
    struct pg_options options = options_for("app", &schema);
    fiber_run_pg(cluster, &options, a_changed_column_is_prepared_anew_body);
}

static void a_missing_grant_is_a_fault_of_ours_body(struct fiber_run *run)
{
    pg_cluster_execute(cluster, "REVOKE SELECT ON s.x FROM app");
    for (int i = 0; i < 50; i++)
        assert_int_equal(read_x(run), STATUS_INTERNAL);
    assert_int_equal(told.count, 1); /* not fifty lines */
    assert_int_equal(told.kind, PG_TROUBLE_STATEMENT);
    assert_string_equal(told.sqlstate, "42501");
    assert_string_equal(told.statement, "select_x");
    assert_non_null(strstr(told.text, "permission denied"));
    pg_cluster_execute(cluster, "GRANT SELECT ON s.x TO app");
    assert_int_equal(read_x(run), STATUS_OK);
}

static void a_missing_grant_is_a_fault_of_ours(void **state)
{
    (void)state;
    struct pg_options options = options_for("app", &schema);
    fiber_run_pg(cluster, &options, a_missing_grant_is_a_fault_of_ours_body);
}

static void what_libpq_says_is_told_without_a_password_body(struct fiber_run *run)
{
    struct pg *pg;
    struct pg_options options = options_for("app", &schema);
    options.conninfo = "host=/nonexistent user=app password=hunter2";
    assert_int_equal(pg_new(run->fibers, &options, &pg, NULL), STATUS_OK);
    fiber_sleep_ms(600);
    assert_int_equal(told.count, 1); /* of fourteen connections and several tries */
    assert_int_equal(told.kind, PG_TROUBLE_CONNECTION);
    assert_non_null(strstr(told.text, "/nonexistent"));
    assert_null(strstr(told.text, "hunter2"));
    pg_free(pg);
}

static void what_libpq_says_is_told_without_a_password(void **state)
{
    (void)state;
    fiber_run(what_libpq_says_is_told_without_a_password_body);
}

/* ---- several servers, and a pooler ---- */

static struct pg_cluster *other;

static bool writes(struct fiber_run *run)
{
    return pg_transact(run->pg, NULL, false, insert, NULL) == STATUS_OK && pg_is_ready(run->pg);
}

static int64_t rows_of(struct pg_cluster *which)
{
    char count[16];
    pg_cluster_query(which, "SELECT count(*) FROM s.x", count, sizeof(count));
    return strtoll(count, NULL, 10);
}

static void a_promoted_standby_is_found_and_the_way_back_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, writes));
    pg_cluster_kill(cluster);
    assert_int_not_equal(pg_transact(run->pg, NULL, false, insert, NULL), STATUS_OK);
    fiber_sleep_ms(500); /* the standby is there, and is no primary */
    assert_false(pg_is_ready(run->pg));
    pg_cluster_promote(other);
    int64_t begin_us = clock_monotonic_us();
    assert_true(fiber_run_until(run, writes));
    assert_true(clock_monotonic_us() - begin_us < 5000000);
    int64_t before = rows_of(other);
    /* Back: the former primary follows, then the roles change once more. */
    pg_cluster_follow(cluster, other);
    assert_int_equal(pg_transact(run->pg, NULL, false, insert, NULL), STATUS_OK);
    assert_int_equal(rows_of(other), before + 1);
    pg_cluster_down(other); /* in order: the standby has everything */
    pg_cluster_promote(cluster);
    assert_true(fiber_run_until(run, writes));
    assert_true(rows_of(cluster) >= before + 2);
}

static void a_promoted_standby_is_found_and_the_way_back(void **state)
{
    char conninfo[512];
    (void)state;
    other = pg_cluster_start();
    assert_non_null(other);
    pg_cluster_follow(other, cluster);
    struct pg_options options = options_for("app", &schema);
    snprintf(conninfo, sizeof(conninfo),
             "host=%s,%s user=app dbname=postgres target_session_attrs=read-write",
             pg_cluster_folder(other), pg_cluster_folder(cluster));
    options.conninfo = conninfo;
    fiber_run_pg(cluster, &options, a_promoted_standby_is_found_and_the_way_back_body);
    other = pg_cluster_stop(other);
}

static void bouncer_options(struct pg_options *ret_options, char conninfo[512])
{
    static const struct pg_setting realm = {"pek.realm", "worker-acme"};
    *ret_options = options_for("app", &schema);
    snprintf(conninfo, 512, "host=%s port=" PG_BOUNCER_PORT " user=app dbname=postgres",
             pg_cluster_folder(cluster));
    ret_options->conninfo = conninfo;
    ret_options->settings = &realm;
    ret_options->setting_count = 1;
}

static size_t heard;

static void on_notify(void *arg, struct slice channel, struct slice payload)
{
    (void)arg;
    (void)channel;
    (void)payload;
    heard++;
}

static bool listens;

static void on_listening(void *arg)
{
    (void)arg;
    listens = true;
}

static void on_lost(void *arg)
{
    (void)arg;
    listens = false;
}

static bool is_listening(struct fiber_run *run)
{
    (void)run;
    return listens;
}

static bool has_heard(struct fiber_run *run)
{
    (void)run;
    return heard > 0;
}

static void a_session_pooler_is_as_good_as_the_server_body(struct fiber_run *run)
{
    static const struct pg_statement realm = {"realm", "SELECT current_setting('pek.realm', true)"};
    static const struct pg_listener_events events = {on_notify, on_lost, on_listening};
    struct pg_listener *listener;
    struct pg_result *result;
    for (int i = 0; i < 20; i++) {
        fiber_run_parallel(run, 50, read_part);
        fiber_run_parallel(run, 16, insert_part);
        assert_int_equal(pg_transact(run->pg, NULL, true, insert, NULL), STATUS_OK);
        assert_int_equal(pg_read(run->pg, PG_LONG_READ, NULL, &realm, NULL, 0, &result), STATUS_OK);
        assert_string_equal(pg_get_str(result, 0, 0), "worker-acme");
        pg_result_free(result);
    }
    heard = 0;
    assert_int_equal(pg_listen(run->pg, "pooled", &events, NULL, &listener), STATUS_OK);
    assert_true(fiber_run_until(run, is_listening));
    pg_cluster_execute(cluster, "NOTIFY pooled");
    assert_true(fiber_run_until(run, has_heard));
    pg_listener_free(listener);
}

static void a_session_pooler_is_as_good_as_the_server(void **state)
{
    char conninfo[512];
    struct pg_options options;
    (void)state;
    if (!pg_bouncer_is_installed())
        fail_msg("pgbouncer is not installed; run ./dev setup");
    pid_t pid = pg_bouncer_start(cluster, "session");
    bouncer_options(&options, conninfo);
    fiber_run_pg(cluster, &options, a_session_pooler_is_as_good_as_the_server_body);
    pg_bouncer_stop(pid);
}

/* What transaction mode would bring about later: the session of this connection is suddenly another's. */
static enum status become_another(struct pg_transaction *transaction, void *arg)
{
    static const struct pg_statement become = {
        "become", "SELECT set_config('pek.session', 'another', false)"};
    struct pg_result *result;
    (void)arg;
    enum status status = pg_execute(transaction, &become, NULL, 0, &result);
    if (status == STATUS_OK)
        pg_result_free(result);
    return status;
}

static void nothing_runs_in_a_foreign_session_body(struct fiber_run *run)
{
    int64_t before = rows_of(cluster);
    assert_int_equal(pg_transact(run->pg, NULL, false, become_another, NULL), STATUS_OK);
    assert_int_not_equal(pg_transact(run->pg, NULL, false, insert, NULL), STATUS_OK);
    assert_int_equal(rows_of(cluster), before);
    assert_int_equal(told.kind, PG_TROUBLE_REFUSED);
    assert_non_null(strstr(told.text, "pgbouncer"));
}

static void nothing_runs_in_a_foreign_session(void **state)
{
    char conninfo[512];
    struct pg_options options;
    (void)state;
    if (!pg_bouncer_is_installed())
        fail_msg("pgbouncer is not installed; run ./dev setup");
    pid_t pid = pg_bouncer_start(cluster, "session");
    bouncer_options(&options, conninfo);
    options.transaction_max = 1;
    fiber_run_pg(cluster, &options, nothing_runs_in_a_foreign_session_body);
    pg_bouncer_stop(pid);
}

static void a_transaction_pooler_is_refused_by_name_body(struct fiber_run *run)
{
    char conninfo[512], refusal[512];
    struct pg_options options;
    bouncer_options(&options, conninfo);
    assert_int_equal(try_to_open(run, &options, refusal), STATUS_FAILED_PRECONDITION);
    assert_non_null(strstr(refusal, "pgbouncer"));
    assert_non_null(strstr(refusal, "session"));
}

static void a_transaction_pooler_is_refused_by_name(void **state)
{
    (void)state;
    if (!pg_bouncer_is_installed())
        fail_msg("pgbouncer is not installed; run ./dev setup");
    pid_t pid = pg_bouncer_start(cluster, "transaction");
    fiber_run(a_transaction_pooler_is_refused_by_name_body);
    pg_bouncer_stop(pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_that_row_security_does_not_bind_are_refused),
        cmocka_unit_test(tables_without_the_programs_policy_are_refused),
        cmocka_unit_test(a_database_of_another_encoding_is_refused),
        cmocka_unit_test(a_role_that_became_mighty_is_refused_after_a_reconnect),
        cmocka_unit_test(another_schema_than_the_programs_is_refused),
        cmocka_unit_test(a_changed_column_is_prepared_anew),
        cmocka_unit_test(a_missing_grant_is_a_fault_of_ours),
        cmocka_unit_test(what_libpq_says_is_told_without_a_password),
        cmocka_unit_test(a_session_pooler_is_as_good_as_the_server),
        cmocka_unit_test(nothing_runs_in_a_foreign_session),
        cmocka_unit_test(a_transaction_pooler_is_refused_by_name),
        cmocka_unit_test(a_promoted_standby_is_found_and_the_way_back),
    };
    return cmocka_run_group_tests(tests, cluster_up, cluster_down);
}
