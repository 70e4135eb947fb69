/* Files come into tables as they are, whatever is in them; and what does not add up is not kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/staging/staging.h"
#include "tests/support/pg_cluster.h"

static struct pg_cluster *cluster;
static struct staging staging;
static struct fault fault;
static char folder[] = "/tmp/pek-staging-XXXXXX";

static void write_file(const char *contents)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/things.csv", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(contents, file);
    fclose(file);
}

static enum status load(const char *contents)
{
    static const struct staging_file file = {"things", "id name", "more", false};
    write_file(contents);
    return staging_load(&staging, &file);
}

static const char *value(const char *sql)
{
    static char text[4096];
    PGresult *result = PQexec(staging.connection, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(staging.connection));
    snprintf(text, sizeof(text), "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    return text;
}

static int begin(void **state)
{
    (void)state;
    fault = (struct fault){0};
    staging = (struct staging){PQconnectdb(pg_cluster_conninfo(cluster)), folder, &fault};
    return staging_run(&staging, "BEGIN") || staging_begin(&staging);
}

static int end(void **state)
{
    (void)state;
    PQfinish(staging.connection);
    return 0;
}

static void file_comes_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(
        load("\xEF\xBB\xBF\"id\",name,other\r\n1,\"a, \"\"b\"\"\r\nc\",x\r\n2,,\r\n3,\"\",y\r\n"),
        STATUS_OK);
    assert_string_equal(
        value("SELECT string_agg(concat_ws('|', line_no, id, coalesce(name, 'NULL'),"
              " coalesce(more, 'NULL'), coalesce(other, 'NULL')), ';' ORDER BY line_no)"
              " FROM in_things"),
        "1|1|a, \"b\"\r\nc|NULL|x;2|2|NULL|NULL|NULL;3|3||NULL|y");
}

static void file_that_is_missing_is_empty_only_where_it_may_be(void **state)
{
    static const struct staging_file may = {"nothing", "id", "", true},
                                     must = {"none", "id", "", false};
    (void)state;
    assert_int_equal(staging_load(&staging, &may), STATUS_OK);
    assert_string_equal(value("SELECT count(id) FROM in_nothing"), "0");
    assert_string_equal(value("SELECT reason FROM remark"), "there is no such file in the folder");
    assert_int_equal(staging_load(&staging, &must), STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "none.csv");
}

static void header_is_names_and_nothing_else(void **state)
{
    static char wide[8192];
    const char *const bad[] = {
        "",
        "id,name) AS x; DROP TABLE staged_file; --\n",
        "id,\"na\"\"me\",name\n",
        "id,name,\n",
        wide,
        "id,Name\n",
    };
    (void)state;
    int len = snprintf(wide, sizeof(wide), "id,name");
    for (int i = 0; i < 99; i++)
        len += snprintf(wide + len, sizeof(wide) - (size_t)len, ",c%d", i);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (load(bad[i]) != STATUS_INVALID_ARGUMENT || strcmp(fault.field, "things.csv") != 0)
            fail_msg("%zu: %s", i, fault.text);
        fault = (struct fault){0};
    }
}

static void value_that_is_none_is_null(void **state)
{
    static const char *const all[][2] = {
        {"as_id('18')", "18"},
        {"as_id('-1')", "-"},
        {"as_id('9999999999999999999')", "-"},
        {"as_id(' 1')", "-"},
        {"as_number('-12')", "-12"},
        {"as_number('1e3')", "-"},
        {"as_flag('t')", "true"},
        {"as_flag('yes')", "-"},
        {"as_day('2024-02-29')", "2024-02-29"},
        {"as_day('2023-02-29')", "-"},
        {"as_day('1899-12-31')", "-"},
        {"as_day('2023-13-01')", "-"},
        {"as_day('infinity')", "-"},
        {"as_time('2016-12-01 23:59:59.5') AT TIME ZONE 'UTC'", "2016-12-01 23:59:59.5"},
        {"as_time('2016-12-01 24:00:00')", "-"},
        {"as_time('2016-02-30 10:00:00')", "-"},
        {"as_time('now')", "-"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char sql[200];
        snprintf(sql, sizeof(sql), "SELECT coalesce((pg_temp.%s)::text, '-')", all[i][0]);
        assert_string_equal(value(sql), all[i][1]);
    }
}

static void text_is_stored_as_it_would_be_when_typed(void **state)
{
    struct text_collator *collator;
    (void)state;
    assert_int_equal(text_collator_new(&collator), STATUS_OK);
    /* More than a batch, and of them one that cannot be and one that is empty. */
    assert_int_equal(
        staging_texts(&staging, "made",
                      "SELECT n, CASE n WHEN 7 THEN E'a\\u200Bb' WHEN 8 THEN '' ELSE"
                      " '  Név \\ \"' || n || ' ' END FROM generate_series(1, 450) AS n",
                      staging_make_name, collator),
        STATUS_OK);
    assert_string_equal(value("SELECT concat_ws('|', count(*), count(text), min(text), min(folded) "
                              "FILTER (WHERE text <> ''),"
                              " min(octet_length(sort_key)) > 0 OR true) FROM made"),
                        "449|448|Név \\ \"1|nev \\ \"1|t");
    assert_string_equal(
        value("SELECT string_agg(text, ',' ORDER BY sort_key) FROM made WHERE line_no IN"
              " (2, 10, 100)"),
        "Név \\ \"2,Név \\ \"10,Név \\ \"100");
    text_collator_free(collator);
}

static void rows_have_to_add_up(void **state)
{
    (void)state;
    assert_int_equal(load("id,name\n1,a\n2,b\n"), STATUS_OK);
    assert_int_equal(staging_add_up(&staging), STATUS_INTERNAL);
    assert_int_equal(staging_run(&staging, "INSERT INTO outcome VALUES ('things', 1, '1', 1),"
                                           " ('things', 1, '1', 2)"),
                     STATUS_OK);
    assert_int_equal(staging_add_up(&staging), STATUS_INTERNAL);
    assert_int_equal(
        staging_run(&staging, "DELETE FROM outcome; INSERT INTO outcome VALUES ('things', 1, '1',"
                              " 1, NULL), ('things', 2, E'\\x1b[2J', 3, 'it is bad')"),
        STATUS_OK);
    assert_int_equal(staging_add_up(&staging), STATUS_OK);
    /* What somebody wrote as an id is not printed to a terminal. */
    char sql[4096];
    snprintf(sql, sizeof(sql), "SELECT concat_ws(' ', file, rows, what, ids) FROM (%s) AS r",
             staging_reasons);
    assert_string_equal(value(sql), "things 1 not taken: it is bad row 2");
}

static int setup(void **state)
{
    (void)state;
    cluster = pg_cluster_start();
    return cluster && mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof(path), "%s/things.csv", folder);
    unlink(path);
    rmdir(folder);
    cluster = pg_cluster_stop(cluster);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(file_comes_as_it_is, begin, end),
        cmocka_unit_test_setup_teardown(file_that_is_missing_is_empty_only_where_it_may_be, begin,
                                        end),
        cmocka_unit_test_setup_teardown(header_is_names_and_nothing_else, begin, end),
        cmocka_unit_test_setup_teardown(value_that_is_none_is_null, begin, end),
        cmocka_unit_test_setup_teardown(text_is_stored_as_it_would_be_when_typed, begin, end),
        cmocka_unit_test_setup_teardown(rows_have_to_add_up, begin, end),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
