/* One server, and what the connections to it note of its timeline: at once, and where that cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "shared/pg/connection.h"
#include "shared/pg/internal.h"
#include "shared/pg/migrate.h"
#include "shared/pg/testing/servers.h"

static const struct migration files[] = {
    {"0001_x.sql", SLICE_LIT("CREATE SCHEMA s; GRANT USAGE ON SCHEMA s TO app")}};
static const struct migrations schema = {"s", files, 1};

static int start(void **state)
{
    struct fault fault = {0};
    size_t applied;
    (void)state;
    if (servers_start(1) != 0)
        return -1;
    pg_cluster_execute(primary, "CREATE ROLE app LOGIN; GRANT SELECT, UPDATE ON counter TO app");
    return migrate_apply(pg_cluster_conninfo(primary), &schema, &applied, &fault) == STATUS_OK ? 0
                                                                                               : -1;
}

static bool all_are_up(struct fiber_run *run)
{
    LIST_FOR_EACH (node, &run->pg->servers[PG_PRIMARY].connections)
        if (LIST_ENTRY(node, struct connection, of_server)->state != LINK_UP)
            return false;
    return true;
}

static bool all_must_note;

static void all_come_up_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, writes));
    assert_true(fiber_run_until(run, all_are_up));
    assert_int_equal(told.count, 0);
    LIST_FOR_EACH (node, &run->pg->servers[PG_PRIMARY].connections)
        if (all_must_note)
            assert_true(LIST_ENTRY(node, struct connection, of_server)->session.cluster.mark > 0);
}

/* As each setting and each mark has it, all connections stay with the only server there is. */
static void all_come_up(bool notes)
{
    char conninfo[SERVERS_CONNINFO_BYTES];
    snprintf(conninfo, sizeof(conninfo), "host=%s user=app dbname=postgres",
             pg_cluster_folder(primary));
    tell_of("");
    all_must_note = notes;
    fiber_run_pg(
        primary,
        &(struct pg_options){.conninfo = conninfo, .schema = &schema, .on_trouble = on_told},
        all_come_up_body);
}

static void who_note_a_timeline_at_once_note_the_same(void **state)
{
    static const char *const levels[] = {"serializable", "repeatable read", "read committed"};
    (void)state;
    /* So all of them find none. */
    pg_cluster_execute(primary, "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql"
                                " AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END';"
                                "CREATE TRIGGER slowly BEFORE INSERT ON pek_timeline"
                                " FOR EACH ROW EXECUTE FUNCTION slowly()");
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        char sql[128];
        snprintf(sql, sizeof(sql), "ALTER ROLE app SET default_transaction_isolation = '%s'",
                 levels[i]);
        pg_cluster_execute(primary, sql);
        pg_cluster_execute(primary, "DELETE FROM pek_timeline");
        all_come_up(true);
        assert_true(is_true_at(primary, "SELECT count(*) = 1 AND min(mark) > 0 FROM pek_timeline"));
    }
}

/* As on a full disk: some found room. */
static void who_cannot_note_it_is_of_no_other_server(void **state)
{
    (void)state;
    pg_cluster_execute(primary, "CREATE SEQUENCE tries; GRANT USAGE ON SEQUENCE tries TO app;"
                                "CREATE OR REPLACE FUNCTION pek_timeline_mark() RETURNS bigint"
                                " LANGUAGE sql AS $$ SELECT nextval('tries') % 2 * 7 $$");
    all_come_up(false);
    assert_true(is_true_at(primary, "SELECT last_value > 1 FROM tries"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_note_a_timeline_at_once_note_the_same, start,
                                        servers_stop),
        cmocka_unit_test_setup_teardown(who_cannot_note_it_is_of_no_other_server, start,
                                        servers_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
