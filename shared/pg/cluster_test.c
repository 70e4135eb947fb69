/* Servers that are not of the database's cluster, or of a timeline that it has left: nobody reads there, and nobody listens there. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fiber_run.h"
#include "tests/support/pg_bouncer.h"

static struct pg_cluster *primary, *standby, *third;
static char told[256];
static const char *told_of;
static pid_t bouncer;

static const struct pg_statement count_up = {"count_up", "UPDATE counter SET n = n + 1"};
static const struct pg_statement look = {"look", "SELECT n, pg_is_in_recovery() FROM counter"};

static int start(void **state)
{
    (void)state;
    told[0] = '\0';
    primary = pg_cluster_start();
    standby = pg_cluster_start();
    third = pg_cluster_start();
    if (!primary || !standby || !third)
        return -1;
    pg_cluster_execute(primary, "CREATE TABLE counter AS SELECT 0::bigint AS n");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    primary = pg_cluster_stop(primary);
    standby = pg_cluster_stop(standby);
    third = pg_cluster_stop(third);
    return 0;
}

static void on_trouble(void *arg, const struct pg_trouble *trouble)
{
    (void)arg;
    if (strstr(trouble->text, told_of))
        snprintf(told, sizeof(told), "%s", trouble->text);
}

static bool is_told(struct fiber_run *run)
{
    (void)run;
    return told[0] != '\0';
}

static bool sees(struct fiber_run *run, bool *ret_at_standby)
{
    struct pg_result *rows;
    if (pg_read(run->pg, PG_LONG_READ, NULL, &look, NULL, 0, &rows) != STATUS_OK)
        return false;
    assert_true(pg_get_int(rows, 0, 0) >= 0); /* less: of another cluster */
    *ret_at_standby = pg_get_bool(rows, 0, 1);
    pg_result_free(rows);
    return true;
}

static bool reads_at_standby(struct fiber_run *run)
{
    bool at_standby;
    return sees(run, &at_standby) && at_standby;
}

static bool writes(struct fiber_run *run)
{
    return pg_write(run->pg, NULL, &count_up, NULL, 0, NULL) == STATUS_OK && pg_is_ready(run->pg);
}

static void assert_reads_at_primary(struct fiber_run *run)
{
    for (int i = 0; i < 30; i++) {
        bool at_standby;
        assert_true(sees(run, &at_standby));
        assert_false(at_standby);
        fiber_sleep_ms(50);
    }
}

/* WAL, so that its position is beyond that of others. */
static void write_much(const struct pg_cluster *cluster)
{
    pg_cluster_execute(cluster, "CREATE TABLE much AS SELECT g FROM generate_series(1, 300000) g");
}

static void lead_to(const struct pg_cluster *follower, const struct pg_cluster *leader)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
             "ALTER SYSTEM SET primary_conninfo = 'host=%s user=postgres dbname=postgres'",
             leader ? pg_cluster_folder(leader) : "/nowhere");
    pg_cluster_execute(follower, sql);
    pg_cluster_execute(follower, "SELECT pg_reload_conf()");
}

static bool is_true_at(const struct pg_cluster *cluster, const char *sql)
{
    char text[8];
    pg_cluster_query(cluster, sql, text, sizeof(text));
    return text[0] == 't';
}

static bool standby_hears_nobody(struct fiber_run *run)
{
    (void)run;
    return is_true_at(standby, "SELECT count(*) = 0 FROM pg_stat_wal_receiver");
}

static bool third_has_much(struct fiber_run *run)
{
    (void)run;
    return is_true_at(third, "SELECT to_regclass('much') IS NOT NULL");
}

static bool third_shows_the_next_timeline(struct fiber_run *run)
{
    (void)run;
    pg_cluster_execute(standby, "CHECKPOINT");
    pg_cluster_execute(third, "CHECKPOINT");
    return is_true_at(third, "SELECT timeline_id = 2 FROM pg_control_checkpoint()");
}

/* ---- a standby ---- */

/* The third. */
static void run_with_standby(const char *text, void (*body)(struct fiber_run *run))
{
    char conninfo[256], standby_conninfo[256];
    told_of = text;
    snprintf(conninfo, sizeof(conninfo), "host=%s,%s user=postgres dbname=postgres",
             pg_cluster_folder(primary), pg_cluster_folder(standby));
    pg_cluster_conninfo_for(third, NULL, NULL, standby_conninfo, sizeof(standby_conninfo));
    fiber_run_pg(primary,
                 &(struct pg_options){.conninfo = conninfo,
                                      .standby_conninfo = standby_conninfo,
                                      .on_trouble = on_trouble},
                 body);
}

static void another_cluster_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, is_told));
    assert_non_null(strstr(told, "database_standby: "));
    assert_reads_at_primary(run);
}

static void a_standby_of_another_cluster_is_not_used(void **state)
{
    struct fault fault = {0};
    char of_third[256];
    (void)state;
    pg_cluster_execute(standby, "CREATE TABLE counter AS SELECT -1::bigint AS n");
    write_much(standby);
    pg_cluster_follow(third, standby);
    run_with_standby("is of another cluster", another_cluster_body);
    pg_cluster_conninfo_for(third, NULL, NULL, of_third, sizeof(of_third));
    const struct pg_options options = {.conninfo = pg_cluster_conninfo(primary),
                                       .standby_conninfo = of_third};
    assert_int_equal(pg_probe(&options, &fault), STATUS_UNAVAILABLE);
    assert_string_equal(fault.field, "database_standby");
    assert_non_null(strstr(fault.text, "is of another cluster"));
}

/* It has more of what was than the one that is promoted. */
static void forked_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    lead_to(standby, NULL);
    assert_true(fiber_run_until(run, standby_hears_nobody));
    pg_cluster_execute(primary, "UPDATE counter SET n = 1000000");
    write_much(primary);
    assert_true(fiber_run_until(run, third_has_much));
    pg_cluster_kill(primary);
    pg_cluster_promote(standby);
    lead_to(third, standby);
    assert_true(fiber_run_until(run, writes));
    assert_reads_at_primary(run);
    assert_string_not_equal(told, "");
}

static void a_standby_that_forked_off_is_not_used(void **state)
{
    (void)state;
    pg_cluster_follow(standby, primary);
    pg_cluster_follow(third, primary);
    run_with_standby("it is not used before it shows timeline 2", forked_body);
}

static void follows_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    pg_cluster_down(primary);
    pg_cluster_promote(standby);
    lead_to(third, standby);
    assert_true(fiber_run_until(run, writes));
    assert_true(fiber_run_until(run, third_shows_the_next_timeline));
    assert_true(fiber_run_until(run, reads_at_standby));
    assert_true(fiber_run_until(run, writes));
}

static void a_standby_that_follows_is_used_again(void **state)
{
    (void)state;
    pg_cluster_follow(standby, primary);
    pg_cluster_follow(third, primary);
    run_with_standby("it is not used before it shows timeline 2", follows_body);
}

/* ---- LISTEN, past a pooler ---- */

static bool listens;
static unsigned heard_standby, heard_primary;

static void on_notify(void *arg, struct slice channel, struct slice payload)
{
    (void)arg, (void)channel;
    heard_standby += slice_equal_str(payload, "standby");
    heard_primary += slice_equal_str(payload, "primary");
}

static void on_lost(void *arg)
{
    (void)arg;
    listens = false;
}

static void on_listening(void *arg)
{
    (void)arg;
    listens = true;
}

static bool is_listening(struct fiber_run *run)
{
    (void)run;
    return listens;
}

static bool hears_standby(struct fiber_run *run)
{
    bool wrote = writes(run);
    pg_cluster_execute(standby, "NOTIFY cluster, 'standby'");
    return wrote && heard_standby > 0;
}

static void (*listening_body)(struct fiber_run *run);

static void listen_body(struct fiber_run *run)
{
    static const struct pg_listener_events events = {on_notify, on_lost, on_listening};
    struct pg_listener *listener;
    listens = false;
    heard_standby = heard_primary = 0;
    assert_int_equal(pg_listen(run->pg, "cluster", &events, NULL, &listener), STATUS_OK);
    listening_body(run);
    pg_listener_free(listener);
}

/* A pooler before `pooled`, and past it to both. */
static void run_past_pooler(const struct pg_cluster *pooled, const struct pg_cluster *first,
                            const struct pg_cluster *second, const char *text,
                            void (*body)(struct fiber_run *run))
{
    char conninfo[256], direct[256];
    bouncer = pg_bouncer_start(pooled, "transaction");
    told_of = text;
    listening_body = body;
    snprintf(conninfo, sizeof(conninfo),
             "host=%s port=" PG_BOUNCER_PORT " user=postgres dbname=postgres",
             pg_cluster_folder(pooled));
    snprintf(direct, sizeof(direct), "host=%s,%s user=postgres dbname=postgres",
             pg_cluster_folder(first), pg_cluster_folder(second));
    fiber_run_pg(primary,
                 &(struct pg_options){
                     .conninfo = conninfo, .listen_conninfo = direct, .on_trouble = on_trouble},
                 listen_body);
    pg_bouncer_stop(bouncer);
}

static void listens_at_standby_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, hears_standby));
    assert_true(is_listening(run));
    assert_string_not_equal(told, "");
    assert_int_equal(strncmp(told, "database_listen: ", 17), 0);
    heard_primary = 0;
    pg_cluster_execute(primary, "NOTIFY cluster, 'primary'");
    fiber_sleep_ms(200);
    assert_int_equal(heard_primary, 0);
}

static void nobody_listens_at_a_former_primary(void **state)
{
    (void)state;
    pg_cluster_follow(standby, primary);
    pg_cluster_promote(standby);
    run_past_pooler(standby, primary, standby, "this was the primary", listens_at_standby_body);
}

static void nobody_listens_in_another_cluster(void **state)
{
    struct fault fault = {0};
    (void)state;
    pg_cluster_execute(standby, "CREATE TABLE counter AS SELECT 0::bigint AS n");
    run_past_pooler(standby, primary, standby, "is of another cluster", listens_at_standby_body);
    const struct pg_options options = {.conninfo = pg_cluster_conninfo(standby),
                                       .listen_conninfo = pg_cluster_conninfo(primary)};
    assert_int_equal(pg_probe(&options, &fault), STATUS_UNAVAILABLE);
    assert_string_equal(fault.field, "database_listen");
    assert_non_null(strstr(fault.text, "is of another cluster"));
}

/* The pooler is told of another server, and ends nobody's connection. */
static void lead_pooler(const struct pg_cluster *from, const struct pg_cluster *to)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/bouncer.ini", pg_cluster_folder(from));
    FILE *file = fopen(path, "ae");
    assert_non_null(file);
    fprintf(file, "[databases]\npostgres = host=%s\n", pg_cluster_folder(to));
    fclose(file);
    assert_int_equal(kill(bouncer, SIGHUP), 0);
}

static void led_elsewhere_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, is_listening));
    assert_true(fiber_run_until(run, writes));
    pg_cluster_promote(standby);
    lead_pooler(primary, standby);
    listens_at_standby_body(run);
}

static void who_listens_goes_with_the_pooler(void **state)
{
    (void)state;
    pg_cluster_follow(standby, primary);
    run_past_pooler(primary, primary, standby, "this was the primary", led_elsewhere_body);
}

/* ---- a standby behind a pooler ---- */

static void run_with_pooled_standby(const struct pg_setting *setting, const char *text,
                                    void (*body)(struct fiber_run *run))
{
    char pooled[2][256];
    pid_t other = pg_bouncer_start(primary, "transaction");
    bouncer = pg_bouncer_start(standby, "transaction");
    told_of = text;
    for (size_t i = 0; i < 2; i++)
        snprintf(pooled[i], sizeof(pooled[i]),
                 "host=%s port=" PG_BOUNCER_PORT " user=postgres dbname=postgres",
                 pg_cluster_folder(i ? standby : primary));
    fiber_run_pg(primary,
                 &(struct pg_options){.conninfo = pooled[0],
                                      .listen_conninfo = pg_cluster_conninfo(primary),
                                      .standby_conninfo = pooled[1],
                                      .settings = setting,
                                      .setting_count = setting != NULL,
                                      .on_trouble = on_trouble},
                 body);
    pg_bouncer_stop(other);
    pg_bouncer_stop(bouncer);
}

static bool is_told_by_a_read(struct fiber_run *run)
{
    bool at_standby;
    assert_true(sees(run, &at_standby));
    return is_told(run);
}

static void standby_led_elsewhere_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    lead_pooler(standby, third);
    assert_true(fiber_run_until(run, is_told_by_a_read));
    assert_reads_at_primary(run);
    assert_non_null(strstr(told, "database_standby: "));
}

/* It has replayed more than the one before it, of another cluster. */
static void a_pooled_standby_that_becomes_another_is_not_used(void **state)
{
    (void)state;
    pg_cluster_execute(standby, "CREATE TABLE counter AS SELECT -1::bigint AS n");
    write_much(standby);
    pg_cluster_follow(third, standby);
    pg_cluster_follow(standby, primary);
    run_with_pooled_standby(NULL, "is of another cluster", standby_led_elsewhere_body);
}

static void torn_body(struct fiber_run *run)
{
    struct pg_statistics statistics;
    struct pg_result *rows;
    assert_true(fiber_run_until(run, reads_at_standby));
    for (int i = 0; i < 20; i++) {
        assert_true(writes(run));
        assert_int_equal(pg_read(run->pg, i % PG_LANES, NULL, &look, NULL, 0, &rows), STATUS_OK);
        pg_result_free(rows);
    }
    pg_statistics(run->pg, &statistics);
    assert_true(statistics.reads_resent > 0 && statistics.transaction_retries > 0);
    assert_int_equal(statistics.reconnects, 0);
}

/* Every second time in a session, as PostgreSQL below 15.5 may. */
static void what_is_read_while_it_is_written_is_read_again(void **state)
{
    static const struct pg_setting path = {"search_path", "torn,pg_catalog,public"};
    (void)state;
    pg_cluster_execute(
        primary,
        "CREATE SCHEMA torn;"
        "CREATE FUNCTION torn.pg_control_system(OUT system_identifier bigint)"
        " LANGUAGE plpgsql AS $$ BEGIN"
        "    IF NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory'"
        "                                          AND pid = pg_backend_pid()) THEN"
        "        PERFORM pg_advisory_lock_shared(1);" /* which outlives the failure */
        "        RAISE 'calculated CRC checksum does not match' USING ERRCODE = 'XX000';"
        "    END IF;"
        "    PERFORM pg_advisory_unlock_shared(1);"
        "    system_identifier := s.system_identifier FROM pg_catalog.pg_control_system() s;"
        "END $$");
    pg_cluster_follow(standby, primary);
    run_with_pooled_standby(&path, "CRC", torn_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_standby_of_another_cluster_is_not_used, start, stop),
        cmocka_unit_test_setup_teardown(a_standby_that_forked_off_is_not_used, start, stop),
        cmocka_unit_test_setup_teardown(a_standby_that_follows_is_used_again, start, stop),
        cmocka_unit_test_setup_teardown(nobody_listens_at_a_former_primary, start, stop),
        cmocka_unit_test_setup_teardown(nobody_listens_in_another_cluster, start, stop),
        cmocka_unit_test_setup_teardown(who_listens_goes_with_the_pooler, start, stop),
        cmocka_unit_test_setup_teardown(a_pooled_standby_that_becomes_another_is_not_used, start,
                                        stop),
        cmocka_unit_test_setup_teardown(what_is_read_while_it_is_written_is_read_again, start,
                                        stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
