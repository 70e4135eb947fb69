/* Servers that are not of the database's cluster, or of a timeline that it has left: nobody reads there, and nobody listens there. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/pg/internal.h"
#include "shared/pg/testing/servers.h"
#include "tests/support/pg_bouncer.h"

static pid_t bouncer;

static int start(void **state)
{
    (void)state;
    return servers_start(3);
}

static void assert_reads_at_primary(struct fiber_run *run)
{
    for (int i = 0; i < 30; i++) {
        struct seen seen = must_see(run, PG_LONG_READ);
        assert_true(seen.n >= 0 && !seen.at_standby); /* less: of another cluster */
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
    char conninfo[SERVERS_CONNINFO_BYTES], standby_conninfo[SERVERS_CONNINFO_BYTES];
    tell_of(text);
    servers_conninfo(primary, standby, NULL, conninfo);
    servers_conninfo(third, NULL, NULL, standby_conninfo);
    fiber_run_pg(primary,
                 &(struct pg_options){.conninfo = conninfo,
                                      .standby_conninfo = standby_conninfo,
                                      .on_trouble = on_told},
                 body);
}

static void another_cluster_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, is_told));
    assert_non_null(strstr(told.text, "database_standby: "));
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
    assert_true(is_told(run));
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

/* As before each transaction past a pooler, which may lead elsewhere since the session's questions. */
static bool guard_passes(const char *conninfo, const char *timeline, const char *mark)
{
    struct server server = {.role = PG_STANDBY};
    const struct connection connection = {.server = &server, .session = {.has_timelines = true}};
    char value[64];
    const char *values[] = {value};
    PGconn *conn = PQconnectdb(conninfo);
    PGresult *system = PQexec(conn, "SELECT system_identifier FROM pg_control_system()");
    snprintf(value, sizeof(value), "%s %s %s", PQgetvalue(system, 0, 0), timeline, mark);
    PGresult *answer =
        PQexecParams(conn, session_cluster_guard(&connection)->sql, 1, NULL, values, NULL, NULL, 0);
    bool passes = PQresultStatus(answer) == PGRES_TUPLES_OK;
    PQclear(system);
    PQclear(answer);
    PQfinish(conn);
    return passes;
}

/* Its server shows the new timeline only minutes later, when it has nothing to do; its tables show it at once. */
static void remembered_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    pg_cluster_down(primary);
    pg_cluster_promote(standby);
    lead_to(third, standby);
    assert_true(fiber_run_until(run, writes));
    assert_true(fiber_run_until(run, reads_at_standby));
    assert_true(is_true_at(third, "SELECT timeline_id = 1 FROM pg_control_checkpoint()"));
    pg_cluster_kill(standby);
    assert_true(fiber_run_until(run, is_ready_alone));
    assert_true(must_see(run, PG_POINT_READ).at_standby);
}

/* Of a program that is not the superuser, as one whose database notes timelines. */
static char of_third[SERVERS_CONNINFO_BYTES];

/* `reads` there, or it is one that may become the primary. */
static void run_with_notes(bool reads, void (*body)(struct fiber_run *run))
{
    static const struct migration files[] = {
        {"0001_x.sql", SLICE_LIT("CREATE SCHEMA s; GRANT USAGE ON SCHEMA s TO app")}};
    static const struct migrations schema = {"s", files, 1};
    char of_primary[SERVERS_CONNINFO_BYTES];
    struct fault fault = {0};
    size_t applied;
    pg_cluster_execute(primary, "CREATE ROLE app LOGIN; GRANT SELECT, UPDATE ON counter TO app");
    assert_int_equal(migrate_apply(pg_cluster_conninfo(primary), &schema, &applied, &fault),
                     STATUS_OK);
    /* As a dump of a copy has it that was promoted. */
    pg_cluster_execute(
        primary, "INSERT INTO pek_timeline SELECT system_identifier, 7 FROM pg_control_system()");
    pg_cluster_follow(standby, primary);
    pg_cluster_follow(third, primary);
    snprintf(of_primary, sizeof(of_primary), "host=%s,%s%s%s user=app dbname=postgres",
             pg_cluster_folder(primary), pg_cluster_folder(standby), reads ? "" : ",",
             reads ? "" : pg_cluster_folder(third));
    snprintf(of_third, sizeof(of_third), "host=%s user=app dbname=postgres",
             pg_cluster_folder(third));
    fiber_run_pg(primary,
                 &(struct pg_options){.conninfo = of_primary,
                                      .standby_conninfo = reads ? of_third : NULL,
                                      .schema = &schema,
                                      .on_trouble = on_told},
                 body);
}

static void a_standby_is_used_when_its_tables_show_the_timeline(void **state)
{
    (void)state;
    run_with_notes(true, remembered_body);
    char mark[32];
    pg_cluster_query(third, "SELECT mark FROM pek_timeline WHERE timeline = 2", mark, sizeof(mark));
    assert_true(guard_passes(of_third, "00000001", "0") && guard_passes(of_third, "00000002", "0"));
    assert_true(guard_passes(of_third, "00000002", mark));
    assert_false(guard_passes(of_third, "00000002", "1"));
    assert_false(guard_passes(of_third, "00000003", "0"));
    struct server server = {.role = PG_STANDBY};
    static const char *const refusals[] = {"42P01", "42703", "42501"};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct connection elsewhere = {.server = &server, .session = {.has_timelines = true}};
        assert_true(guard_refuses(&elsewhere, session_cluster_guard(&elsewhere), refusals[i]));
        assert_non_null(elsewhere.doomed);
    }
    /* Nobody can say so of what is not. */
    assert_true(is_true_at(third, "SELECT array_agg(timeline ORDER BY timeline) = '{1,2}'"
                                  "  FROM pek_timeline"));
    assert_true(
        is_true_at(third, "SELECT NOT has_table_privilege('app', 'pek_timeline', 'INSERT')"));
}

static void promote_both(struct fiber_run *run)
{
    lead_to(standby, NULL);
    lead_to(third, NULL);
    pg_cluster_kill(primary);
    pg_cluster_promote(standby);
    assert_true(fiber_run_until(run, writes));
    pg_cluster_promote(third);
    pg_cluster_execute(third, "UPDATE counter SET n = 1000000");
}

/* What pg_rewind leaves as it is, since both are of one timeline. */
static void promoted_follows_body(struct fiber_run *run)
{
    char path[128];
    assert_true(fiber_run_until(run, reads_at_standby));
    promote_both(run);
    write_much(third);
    lead_to(third, standby);
    pg_cluster_down(third);
    snprintf(path, sizeof(path), "%s/data/standby.signal", pg_cluster_folder(third));
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fclose(file);
    pg_cluster_launch(third);
    tell_of("does not follow the primary");
    assert_reads_at_primary(run);
    assert_true(is_told(run));
    assert_true(must_see(run, PG_LONG_READ).n < 1000000);
}

static void who_was_promoted_as_well_is_no_standby(void **state)
{
    (void)state;
    run_with_notes(true, promoted_follows_body);
}

static void promoted_beside_body(struct fiber_run *run)
{
    char pids[256];
    assert_true(fiber_run_until(run, writes));
    promote_both(run);
    tell_of("was promoted beside");
    backends_of(standby, "read", pids, sizeof(pids));
    close_door(standby, true);
    end_backends(pids);
    assert_true(fiber_run_until(run, is_told));
    close_door(standby, false);
    assert_true(fiber_run_until(run, writes));
    assert_int_equal(counted(third), 1000000);
    /* It alone goes on. */
    pg_cluster_kill(standby);
    assert_true(fiber_run_until(run, writes));
    assert_true(counted(third) > 1000000);
}

static void of_two_promoted_at_once_one_is_used(void **state)
{
    (void)state;
    run_with_notes(false, promoted_beside_body);
}

/* ---- a primary ---- */

static enum pg_trouble_kind told_kind;

static void on_trouble(void *arg, const struct pg_trouble *trouble)
{
    on_told(arg, trouble);
    if (strstr(trouble->text, told.of))
        told_kind = trouble->kind;
}

static bool is_elsewhere(struct fiber_run *run)
{
    return is_told(run) && told_kind == PG_TROUBLE_ELSEWHERE;
}

static void moved_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, writes));
    assert_string_equal(pg_unready(run->pg), "");
    pg_cluster_kill(primary);
    assert_true(fiber_run_until(run, is_told));
    assert_int_equal(told_kind, PG_TROUBLE_CONNECTION); /* the other may be back in a moment */
    assert_true(fiber_run_until(run, is_elsewhere));
    assert_non_null(strstr(told.text, "lead database back, or"));
    const size_t count = told.count;
    fiber_sleep_ms(2000);
    assert_int_equal(told.count, count);
    assert_string_equal(pg_unready(run->pg), "the database is of another cluster than before");
    /* What it would be anew is nobody's wish, and it may pass. */
    assert_string_equal(pg_refusal(run->pg), "");
    assert_int_equal(counted(standby), 0);
    pg_cluster_launch(primary);
    assert_true(fiber_run_until(run, writes));
    assert_string_equal(pg_unready(run->pg), "");
    assert_int_equal(counted(standby), 0);
}

/* In the list, so that it is all that there is. */
static void a_program_whose_database_is_elsewhere_says_so_and_waits(void **state)
{
    char conninfo[SERVERS_CONNINFO_BYTES];
    (void)state;
    pg_cluster_execute(standby, "CREATE TABLE counter AS SELECT 0::bigint AS n");
    servers_conninfo(primary, standby, NULL, conninfo);
    tell_of("is of another cluster");
    fiber_run_pg(primary, &(struct pg_options){.conninfo = conninfo, .on_trouble = on_trouble},
                 moved_body);
}

/* ---- LISTEN, past a pooler ---- */

static bool hears_standby(struct fiber_run *run)
{
    bool wrote = writes(run);
    pg_cluster_execute(standby, "NOTIFY cluster, 'standby'");
    return wrote && strcmp(heard.payload, "standby") == 0;
}

static void (*listening_body)(struct fiber_run *run);

static void listen_body(struct fiber_run *run)
{
    run_listening(run, run->pg, "cluster", listening_body);
}

/* A pooler before `pooled`, and past it to both. */
static void run_past_pooler(const struct pg_cluster *pooled, const struct pg_cluster *first,
                            const struct pg_cluster *second, const char *text,
                            void (*body)(struct fiber_run *run))
{
    char conninfo[SERVERS_CONNINFO_BYTES], direct[SERVERS_CONNINFO_BYTES];
    bouncer = pg_bouncer_start(pooled, "transaction");
    tell_of(text);
    listening_body = body;
    servers_conninfo(pooled, NULL, PG_BOUNCER_PORT, conninfo);
    servers_conninfo(first, second, NULL, direct);
    fiber_run_pg(primary,
                 &(struct pg_options){
                     .conninfo = conninfo, .listen_conninfo = direct, .on_trouble = on_told},
                 listen_body);
    pg_bouncer_stop(bouncer);
}

static void listens_at_standby_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, hears_standby));
    assert_true(is_listening(run));
    assert_true(is_told(run));
    assert_int_equal(strncmp(told.text, "database_listen: ", 17), 0);
    pg_cluster_execute(primary, "NOTIFY cluster, 'primary'");
    fiber_sleep_ms(200);
    assert_string_equal(heard.payload, "standby");
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

static bool heard_from_standby_alone(struct fiber_run *run)
{
    (void)run;
    pg_cluster_execute(third, "NOTIFY cluster, 'third'");
    pg_cluster_execute(standby, "NOTIFY cluster, 'standby'");
    return strcmp(heard.payload, "standby") == 0;
}

static void promoted_at_once_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, writes));
    assert_true(fiber_run_until(run, heard_from_standby_alone));
    assert_true(fiber_run_until(run, is_told));
    assert_int_equal(strncmp(told.text, "database_listen: ", 17), 0);
    pg_cluster_execute(third, "NOTIFY cluster, 'third'");
    fiber_sleep_ms(200);
    assert_string_equal(heard.payload, "standby");
    /* It is the same server, started anew. */
    pg_cluster_down(standby);
    pg_cluster_launch(standby);
    assert_true(fiber_run_until(run, writes));
    heard.payload[0] = '\0';
    assert_true(fiber_run_until(run, heard_from_standby_alone));
    assert_true(fiber_run_until(run, writes));
}

/* Both are of the database's next timeline. */
static void of_two_promoted_at_once_the_poolers_is_listened_to(void **state)
{
    (void)state;
    pg_cluster_follow(standby, primary);
    pg_cluster_follow(third, primary);
    lead_to(third, NULL);
    lead_to(standby, NULL);
    pg_cluster_promote(standby);
    pg_cluster_promote(third);
    run_past_pooler(standby, third, standby, "is another server than the one that database",
                    promoted_at_once_body);
}

/* ---- a standby behind a pooler ---- */

static void run_with_pooled_standby(const struct pg_setting *setting, const char *text,
                                    void (*body)(struct fiber_run *run))
{
    char pooled[2][SERVERS_CONNINFO_BYTES];
    pid_t other = pg_bouncer_start(primary, "transaction");
    bouncer = pg_bouncer_start(standby, "transaction");
    tell_of(text);
    servers_conninfo(primary, NULL, PG_BOUNCER_PORT, pooled[0]);
    servers_conninfo(standby, NULL, PG_BOUNCER_PORT, pooled[1]);
    fiber_run_pg(primary,
                 &(struct pg_options){.conninfo = pooled[0],
                                      .listen_conninfo = pg_cluster_conninfo(primary),
                                      .standby_conninfo = pooled[1],
                                      .settings = setting,
                                      .setting_count = setting != NULL,
                                      .on_trouble = on_told},
                 body);
    pg_bouncer_stop(other);
    pg_bouncer_stop(bouncer);
}

static bool is_told_by_a_read(struct fiber_run *run)
{
    assert_true(must_see(run, PG_LONG_READ).n >= 0);
    return is_told(run);
}

static void standby_led_elsewhere_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    lead_pooler(standby, third);
    assert_true(fiber_run_until(run, is_told_by_a_read));
    assert_reads_at_primary(run);
    assert_string_equal(told.text, "database_standby: the pooler leads elsewhere now");
}

/* It has replayed more than the one before it, of another cluster. */
static void a_pooled_standby_that_becomes_another_is_not_used(void **state)
{
    (void)state;
    pg_cluster_execute(standby, "CREATE TABLE counter AS SELECT -1::bigint AS n");
    write_much(standby);
    pg_cluster_follow(third, standby);
    pg_cluster_follow(standby, primary);
    run_with_pooled_standby(NULL, "the pooler leads elsewhere now", standby_led_elsewhere_body);
}

static void torn_body(struct fiber_run *run)
{
    struct pg_statistics statistics;
    assert_true(fiber_run_until(run, reads_at_standby));
    for (int i = 0; i < 20; i++) {
        assert_true(writes(run));
        (void)must_see(run, i % PG_LANES);
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
        cmocka_unit_test_setup_teardown(a_standby_of_another_cluster_is_not_used, start,
                                        servers_stop),
        cmocka_unit_test_setup_teardown(a_standby_that_forked_off_is_not_used, start, servers_stop),
        cmocka_unit_test_setup_teardown(a_standby_that_follows_is_used_again, start, servers_stop),
        cmocka_unit_test_setup_teardown(a_standby_is_used_when_its_tables_show_the_timeline, start,
                                        servers_stop),
        cmocka_unit_test_setup_teardown(who_was_promoted_as_well_is_no_standby, start,
                                        servers_stop),
        cmocka_unit_test_setup_teardown(of_two_promoted_at_once_one_is_used, start, servers_stop),
        cmocka_unit_test_setup_teardown(a_program_whose_database_is_elsewhere_says_so_and_waits,
                                        start, servers_stop),
        cmocka_unit_test_setup_teardown(nobody_listens_at_a_former_primary, start, servers_stop),
        cmocka_unit_test_setup_teardown(nobody_listens_in_another_cluster, start, servers_stop),
        cmocka_unit_test_setup_teardown(who_listens_goes_with_the_pooler, start, servers_stop),
        cmocka_unit_test_setup_teardown(of_two_promoted_at_once_the_poolers_is_listened_to, start,
                                        servers_stop),
        cmocka_unit_test_setup_teardown(a_pooled_standby_that_becomes_another_is_not_used, start,
                                        servers_stop),
        cmocka_unit_test_setup_teardown(what_is_read_while_it_is_written_is_read_again, start,
                                        servers_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
