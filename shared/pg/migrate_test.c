#include "shared/pg/migrate.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/pg_cluster.h"

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

static int schema_reset(void **state)
{
    (void)state;
    pg_cluster_execute(cluster, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    return 0;
}

/* Two statements in the first; not NUL-terminated on purpose. */
static const char sql_text[] = "CREATE TABLE a (n int); INSERT INTO a VALUES (1);GARBAGE";
#define FIRST                                                                                      \
    {                                                                                              \
        "0001_a.sql",                                                                              \
        {                                                                                          \
            sql_text, sizeof(sql_text) - sizeof("GARBAGE")                                         \
        }                                                                                          \
    }

static enum status apply(const struct migration *migrations, size_t count, size_t *ret_applied,
                         struct fault *fault)
{
    const struct migrations all = {"public", migrations, count};
    return migrate_apply(pg_cluster_conninfo(cluster), &all, ret_applied, fault);
}

static void assert_query(const char *sql, const char *want)
{
    char value[64];
    pg_cluster_query(cluster, sql, value, sizeof(value));
    assert_string_equal(value, want);
}

static void files_are_applied_once_and_in_order(void **state)
{
    (void)state;
    const struct migration migrations[] = {
        FIRST, {"0002_b.sql", SLICE_LIT("INSERT INTO a SELECT n + 1 FROM a")}};
    struct fault fault = {0};
    size_t applied = 9;
    assert_int_equal(apply(migrations, 1, &applied, &fault), STATUS_OK);
    assert_int_equal(applied, 1);
    assert_int_equal(apply(migrations, 2, &applied, &fault), STATUS_OK);
    assert_int_equal(applied, 1);
    assert_int_equal(apply(migrations, 2, &applied, &fault), STATUS_OK);
    assert_int_equal(applied, 0);
    assert_query("SELECT sum(n) FROM a", "3");
    assert_query("SELECT string_agg(name, ',' ORDER BY name) FROM pek_migration",
                 "0001_a.sql,0002_b.sql");
    assert_query("SELECT length(sha256) FROM pek_migration LIMIT 1", "64");
}

static void a_changed_file_is_refused_by_name(void **state)
{
    (void)state;
    const struct migration before[] = {FIRST};
    const struct migration after[] = {{"0001_a.sql", SLICE_LIT("CREATE TABLE a (n bigint)")}};
    struct fault fault = {0};
    size_t applied = 9;
    assert_int_equal(apply(before, 1, &applied, &fault), STATUS_OK);
    applied = 9;
    assert_int_equal(apply(after, 1, &applied, &fault), STATUS_FAILED_PRECONDITION);
    assert_int_equal(applied, 9);
    assert_non_null(strstr(fault.text, "0001_a.sql"));
    assert_string_equal(fault.reason, "MIGRATION_CHANGED");
}

/* What a command asks before it works on a database as its owner; it changes nothing. */
static void a_database_of_other_files_is_told_of(void **state)
{
    (void)state;
    const struct migration files[] = {FIRST, {"0002_b.sql", SLICE_LIT("CREATE TABLE b (n int)")}};
    const struct migration other[] = {{"0001_a.sql", SLICE_LIT("CREATE TABLE z (n int)")}};
    const struct migrations one = {"public", files, 1}, two = {"public", files, 2},
                            changed = {"public", other, 1};
    const char *conninfo = pg_cluster_conninfo(cluster);
    struct fault fault = {0};
    size_t applied;
    assert_int_not_equal(migrate_check(conninfo, &one, &fault), STATUS_OK);
    assert_query("SELECT to_regclass('public.pek_migration') IS NULL", "t");
    assert_int_equal(apply(files, 1, &applied, &fault), STATUS_OK);
    assert_int_equal(migrate_check(conninfo, &one, &fault), STATUS_OK);
    assert_int_equal(migrate_check(conninfo, &two, &fault), STATUS_FAILED_PRECONDITION);
    assert_string_equal(fault.text,
                        "0002_b.sql was not applied to this database: run the command migrate");
    assert_int_equal(migrate_check(conninfo, &changed, &fault), STATUS_FAILED_PRECONDITION);
    assert_string_equal(fault.reason, "MIGRATION_CHANGED");
    assert_int_equal(apply(files, 2, &applied, &fault), STATUS_OK);
    assert_int_equal(migrate_check(conninfo, &one, &fault), STATUS_FAILED_PRECONDITION);
}

static void a_failing_file_leaves_nothing_of_itself(void **state)
{
    (void)state;
    const struct migration migrations[] = {
        FIRST,
        {"0002_b.sql", SLICE_LIT("CREATE TABLE b (n int); SELECT 1 / 0")},
        {"0003_c.sql", SLICE_LIT("CREATE TABLE c (n int)")},
    };
    struct fault fault = {0};
    size_t applied;
    assert_int_equal(apply(migrations, 3, &applied, &fault), STATUS_FAILED_PRECONDITION);
    assert_string_equal(fault.text, "0002_b.sql: division by zero");
    assert_query("SELECT to_regclass('b') IS NULL AND to_regclass('c') IS NULL", "t");
    assert_query("SELECT count(*) FROM pek_migration", "1");
}

static void a_file_must_not_end_its_transaction(void **state)
{
    (void)state;
    const struct migration migrations[] = {{"0001_x.sql", SLICE_LIT("COMMIT")}};
    struct fault fault = {0};
    size_t applied;
    assert_int_equal(apply(migrations, 1, &applied, &fault), STATUS_FAILED_PRECONDITION);
    assert_query("SELECT count(*) FROM pek_migration", "0");
}

static void without_a_server_it_is_unavailable(void **state)
{
    (void)state;
    static const struct migrations none = {"public", NULL, 0};
    struct fault fault = {0};
    size_t applied;
    assert_int_equal(migrate_apply("host=/nonexistent connect_timeout=2", &none, &applied, &fault),
                     STATUS_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "/nonexistent")); /* libpq's words, for whoever ran it */
    /* Its complaint of a string that it cannot read might hold a piece of a password. */
    assert_int_equal(migrate_apply("password=hunter 2", &none, &applied, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_null(strstr(fault.text, "2"));
}

static void an_older_program_does_not_migrate_a_newer_schema(void **state)
{
    (void)state;
    static const struct migration files[] = {
        {"0001_x.sql", SLICE_LIT("CREATE TABLE x (n int)")},
        {"0002_x.sql", SLICE_LIT("CREATE TABLE y (n int)")},
        {"0003_x.sql", SLICE_LIT("CREATE TABLE z (n int)")},
    };
    struct fault fault = {0};
    size_t applied;
    assert_int_equal(apply(files, 2, &applied, &fault), STATUS_OK);
    assert_int_equal(apply(files, 1, &applied, &fault), STATUS_FAILED_PRECONDITION);
    assert_string_equal(fault.reason, "SCHEMA_NEWER");
    assert_non_null(strstr(fault.text, "0002_x.sql"));
    /* Another schema's files in the same database are nobody's newer ones. */
    const struct migrations other = {"other", &files[2], 1};
    assert_int_equal(migrate_apply(pg_cluster_conninfo(cluster), &other, &applied, &fault),
                     STATUS_OK);
    assert_int_equal(apply(files, 2, &applied, &fault), STATUS_OK);
}

static void an_older_program_goes_on_with_what_is_compatible(void **state)
{
    (void)state;
    static const struct migration files[] = {
        {"0001_x.sql", SLICE_LIT("CREATE TABLE x (n int)")},
        {"0002_x.sql", SLICE_LIT("-- More.\n" MIGRATION_COMPATIBLE "nobody need know.\n"
                                 "ALTER TABLE x ADD COLUMN more int")},
        {"0003_x.sql", SLICE_LIT("-- Not " MIGRATION_COMPATIBLE "\nALTER TABLE x DROP COLUMN n")},
    };
    const struct migrations older = {"public", files, 1};
    struct fault fault = {0};
    size_t applied;
    assert_int_equal(apply(files, 2, &applied, &fault), STATUS_OK);
    assert_query("SELECT string_agg(compatible::text, ' ' ORDER BY name) FROM pek_migration",
                 "false true");
    assert_int_equal(apply(files, 1, &applied, &fault), STATUS_OK);
    assert_int_equal(applied, 0);
    assert_int_equal(migrate_check(pg_cluster_conninfo(cluster), &older, &fault), STATUS_OK);
    assert_int_equal(apply(files, 3, &applied, &fault), STATUS_OK);
    assert_int_equal(apply(files, 1, &applied, &fault), STATUS_FAILED_PRECONDITION);
    assert_non_null(strstr(fault.text, "0003_x.sql"));
    assert_int_equal(migrate_check(pg_cluster_conninfo(cluster), &older, &fault),
                     STATUS_FAILED_PRECONDITION);
}

/* Somebody reads the table for longer than a file waits. */
static void *read_for_long(void *arg)
{
    (void)arg;
    pg_cluster_execute(cluster, "BEGIN; LOCK TABLE x IN ACCESS SHARE MODE; SELECT pg_sleep(1)");
    return NULL;
}

static void a_file_that_waits_for_a_lock_lets_others_pass(void **state)
{
    (void)state;
    static const struct migration files[] = {
        {"0001_x.sql", SLICE_LIT("CREATE TABLE x (n int)")},
        {"0002_x.sql", SLICE_LIT("ALTER TABLE x ADD COLUMN more int")},
    };
    struct fault fault = {0};
    size_t applied;
    pthread_t reader;
    assert_int_equal(apply(files, 1, &applied, &fault), STATUS_OK);
    assert_int_equal(pthread_create(&reader, NULL, read_for_long, NULL), 0);
    for (char held[8] = ""; strcmp(held, "1") != 0;)
        pg_cluster_query(cluster,
                         "SELECT count(*) FROM pg_locks WHERE relation = 'x'::regclass"
                         " AND pid <> pg_backend_pid()",
                         held, sizeof(held));
    assert_int_equal(apply(files, 2, &applied, &fault), STATUS_OK);
    assert_int_equal(applied, 1);
    pthread_join(reader, NULL);
}

static void *back_up(void *arg)
{
    (void)arg;
    pg_cluster_execute(cluster,
                       "BEGIN; LOCK TABLE pek_migration, pek_timeline IN ACCESS SHARE MODE;"
                       "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_class"
                       " WHERE relname = 'backed_up') LOOP"
                       " PERFORM pg_sleep(0.01); END LOOP; END $$");
    return NULL;
}

/* Nothing is written: that would wait for a standby, and is refused by one. */
static void assert_writes_nothing(const struct migrations *migrations)
{
    char conninfo[512];
    struct fault fault = {0};
    size_t applied = 1;
    snprintf(conninfo, sizeof(conninfo), "%s options='-c default_transaction_read_only=on'",
             pg_cluster_conninfo(cluster));
    assert_int_equal(migrate_check(conninfo, migrations, &fault), STATUS_OK);
    assert_int_equal(migrate_apply(conninfo, migrations, &applied, &fault), STATUS_OK);
    assert_int_equal(applied, 0);
}

static void who_has_nothing_to_do_waits_for_nobody(void **state)
{
    static const struct migration files[] = {{"0001_x.sql", SLICE_LIT("CREATE TABLE x (n int)")}};
    static const struct migrations all = {"public", files, 1};
    struct fault fault = {0};
    size_t applied;
    pthread_t backup;
    (void)state;
    assert_int_equal(apply(files, 1, &applied, &fault), STATUS_OK);
    assert_int_equal(pthread_create(&backup, NULL, back_up, NULL), 0);
    for (char held[8] = ""; strcmp(held, "2") != 0;)
        pg_cluster_query(cluster,
                         "SELECT count(*) FROM pg_locks WHERE mode = 'AccessShareLock' AND relation"
                         " IN ('pek_migration'::regclass, 'pek_timeline'::regclass)"
                         " AND pid <> pg_backend_pid()",
                         held, sizeof(held));
    assert_writes_nothing(&all);
    pg_cluster_execute(cluster, "CREATE TABLE public.backed_up ()");
    pthread_join(backup, NULL);
    pg_cluster_execute(cluster, "DROP TABLE public.backed_up");
}

struct migrator {
    enum status status;
    size_t applied;
};

static void *migrate_on_thread(void *arg)
{
    struct migrator *migrator = arg;
    const struct migration migrations[] = {FIRST};
    struct fault fault = {0};
    migrator->status = apply(migrations, 1, &migrator->applied, &fault);
    return NULL;
}

static void replicas_that_start_together_apply_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    struct migrator migrators[4] = {{STATUS_UNKNOWN, 0}};
    size_t applied = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, migrate_on_thread, &migrators[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(migrators[i].status, STATUS_OK);
        applied += migrators[i].applied;
    }
    assert_int_equal(applied, 1);
    assert_query("SELECT count(*) FROM a", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, schema_reset)
        TEST(files_are_applied_once_and_in_order),
        TEST(a_changed_file_is_refused_by_name),
        TEST(a_database_of_other_files_is_told_of),
        TEST(a_failing_file_leaves_nothing_of_itself),
        TEST(a_file_must_not_end_its_transaction),
        TEST(without_a_server_it_is_unavailable),
        TEST(an_older_program_does_not_migrate_a_newer_schema),
        TEST(an_older_program_goes_on_with_what_is_compatible),
        TEST(a_file_that_waits_for_a_lock_lets_others_pass),
        TEST(who_has_nothing_to_do_waits_for_nobody),
        TEST(replicas_that_start_together_apply_once),
    };
    return cmocka_run_group_tests(tests, cluster_up, cluster_down);
}
