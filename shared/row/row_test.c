#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pek/golden/v1/golden.row.h"
#include "tests/support/fiber_run.h"

static struct pg_cluster *cluster;
static struct fault fault;

static int cluster_up(void **state)
{
    (void)state;
    cluster = pg_cluster_start();
    if (!cluster)
        return -1;
    pg_cluster_execute(cluster,
                       "CREATE SCHEMA pek; CREATE TABLE pek.golden_thing (id text, realm text,"
                       " state smallint, colour bigint, create_time timestamptz, sort_key bytea,"
                       " version bigint, is_open boolean, weight bigint, distance bigint,"
                       " colours bigint);"
                       " CREATE TABLE pek.golden_info (user_id text, seen_time timestamptz,"
                       " group_id text)");
    return 0;
}

static int cluster_down(void **state)
{
    (void)state;
    cluster = pg_cluster_stop(cluster);
    return 0;
}

/* One row of those values. */
static struct pg_result *row_of(struct fiber_run *run, const char *values)
{
    static const struct pg_statement all = {
        "golden_all",
        "SELECT " GOLDEN_V1_THING_COLUMNS(g) ", 'own' FROM pek.golden_thing AS g",
    };
    struct pg_result *rows;
    char sql[512];
    int len = snprintf(sql, sizeof(sql),
                       "TRUNCATE pek.golden_thing; INSERT INTO pek.golden_thing"
                       " (realm, id, colour, state, create_time, sort_key, version, is_open,"
                       " weight, distance, colours) VALUES (%s)",
                       values);
    assert_in_range(len, 1, sizeof(sql) - 1);
    pg_cluster_execute(run->cluster, sql);
    assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &all, NULL, 0, &rows), STATUS_OK);
    return rows;
}

static void values_of_all_kinds_outlive_the_rows(struct fiber_run *run)
{
    golden_v1_thing thing;
    struct pg_result *rows =
        row_of(run, "'a', 'őz', 1, 1, '1684-07-28 00:00:00.000001+00', '\\x00ff', 7, true,"
                    " -2147483648, 9223372036854775807, 5");
    assert_string_equal(pg_get_str(rows, 0, GOLDEN_V1_THING_COLUMN_COUNT), "own");
    assert_int_equal(golden_v1_thing_from_row(rows, 0, &run->arena, &thing, &fault), STATUS_OK);
    pg_result_free(rows);
    assert_string_equal(thing.realm, "a");
    assert_string_equal(thing.id, "őz");
    assert_int_equal(thing.colour, GOLDEN_V1_COLOUR_RED);
    assert_int_equal(thing.state, GOLDEN_V1_THING_HTTPSTATE_READY);
    assert_int_equal(thing.create_time->seconds, -9007200000);
    assert_int_equal(thing.create_time->nanos, 1000);
    assert_int_equal(thing.sort_key.len, 2);
    assert_memory_equal(thing.sort_key.data, "\0\xff", 2);
    assert_string_equal(thing.etag, "v7");
    assert_true(thing.isopen);
    assert_int_equal(thing.weight, INT32_MIN);
    assert_true(thing.distance == INT64_MAX);
    assert_int_equal(thing.n_colours, 2);
    assert_int_equal(thing.colours[0], 1);
    assert_int_equal(thing.colours[1], 3);
    assert_null(thing.owner);
    assert_string_equal(golden_v1_thing_row.noun, "thing");
    assert_int_equal(row_check_etag(&golden_v1_thing_row, &thing, thing.id, "v7", &fault),
                     STATUS_OK);
    assert_int_equal(row_check_etag(&golden_v1_thing_row, &thing, thing.id, "", &fault), STATUS_OK);
    assert_int_equal(row_check_etag(&golden_v1_thing_row, &thing, thing.id, "v7.6fe0", &fault),
                     STATUS_OK); /* with what was told beside it */
    assert_int_equal(row_check_etag(&golden_v1_thing_row, &thing, thing.id, "v", &fault),
                     STATUS_ABORTED);
    assert_int_equal(row_check_etag(&golden_v1_thing_row, &thing, thing.id, "v8", &fault),
                     STATUS_ABORTED);
    assert_string_equal(fault.reason, ROW_REASON_CHANGED);
    assert_string_equal(fault.text, "thing őz was changed by somebody else");
}

static void nulls_are_defaults(struct fiber_run *run)
{
    golden_v1_thing thing;
    struct pg_result *rows =
        row_of(run, "NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL");
    assert_int_equal(golden_v1_thing_from_row(rows, 0, &run->arena, &thing, &fault), STATUS_OK);
    pg_result_free(rows);
    golden_v1_thing empty = GOLDEN_V1_THING_INIT;
    empty.etag = thing.etag;
    assert_int_equal(protobuf_c_message_get_packed_size(&thing.base),
                     protobuf_c_message_get_packed_size(&empty.base));
    assert_string_equal(thing.id, "");
    assert_null(thing.create_time);
}

static void brief_columns_are_read_by_the_same_reader(struct fiber_run *run)
{
    static const struct pg_statement brief = {
        "golden_brief",
        "SELECT " GOLDEN_V1_THING_BRIEF_COLUMNS(g) ", 'own' FROM pek.golden_thing AS g",
    };
    golden_v1_thing thing;
    struct pg_result *rows;
    pg_result_free(row_of(run, "'a', 'x', 1, 1, now(), '\\x00', 7, true, 2, 3, 5"));
    assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &brief, NULL, 0, &rows), STATUS_OK);
    assert_string_equal(pg_get_str(rows, 0, GOLDEN_V1_THING_COLUMN_COUNT), "own");
    assert_int_equal(golden_v1_thing_from_row(rows, 0, &run->arena, &thing, &fault), STATUS_OK);
    pg_result_free(rows);
    assert_string_equal(thing.realm, "a");
    assert_string_equal(thing.id, "x");
    assert_string_equal(thing.etag, "v7");
    assert_int_equal(thing.sort_key.len, 1);
    assert_int_equal(thing.colour, GOLDEN_V1_COLOUR_RED);
    assert_int_equal(thing.state, 0);
    assert_null(thing.create_time);
    assert_false(thing.isopen);
    assert_int_equal(thing.weight, 0);
    assert_int_equal(thing.n_colours, 0);
}

static void mask_is_brief_when_all_that_it_names_is(struct fiber_run *run)
{
    char id[] = "id", colour[] = "colour", weight[] = "weight", all[] = "*";
    char *paths[] = {id, colour, weight};
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    (void)run;
    mask.paths = paths;
    assert_false(row_is_brief(&golden_v1_thing_row, NULL));
    assert_false(row_is_brief(&golden_v1_thing_row, &mask));
    mask.n_paths = 2;
    assert_true(row_is_brief(&golden_v1_thing_row, &mask));
    assert_false(row_is_brief(&golden_v1_httpinfo_thing_row, &mask));
    mask.n_paths = 3;
    assert_false(row_is_brief(&golden_v1_thing_row, &mask));
    paths[2] = all;
    assert_false(row_is_brief(&golden_v1_thing_row, &mask));
}

static void value_that_the_field_cannot_hold_is_named(struct fiber_run *run)
{
    static const char *const bad[][2] = {
        {"'a', 'x', 0, 0, 'infinity', '', 1, true, 0, 0, 0",
         "thing x cannot be read: its create_time"},
        {"'a', 'x', 0, 0, '10000-01-01Z', '', 1, true, 0, 0, 0",
         "thing x cannot be read: its create_time"},
        {"'a', 'x', 0, 0, '0044-03-15Z BC', '', 1, true, 0, 0, 0",
         "thing x cannot be read: its create_time"},
        {"'a', 'x', 0, 0, now(), '', 1, true, 2147483648, 0, 0",
         "thing x cannot be read: its weight"},
        {"'a', 'x', -2147483649, 0, now(), '', 1, true, 0, 0, 0",
         "thing x cannot be read: its colour"},
    };
    golden_v1_thing thing = GOLDEN_V1_THING_INIT;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct pg_result *rows = row_of(run, bad[i][0]);
        assert_int_equal(golden_v1_thing_from_row(rows, 0, &run->arena, &thing, &fault),
                         STATUS_DATA_LOSS);
        assert_string_equal(fault.text, bad[i][1]);
        assert_string_equal(thing.id, "");
        assert_int_equal(golden_v1_thing_from_row(rows, 0, &run->arena, &thing, NULL),
                         STATUS_DATA_LOSS);
        pg_result_free(rows);
    }
}

static void row_without_an_id_is_named_by_all_that_it_has_instead(struct fiber_run *run)
{
    static const struct pg_statement all = {
        "golden_infos",
        "SELECT " GOLDEN_V1_HTTPINFO_THING_COLUMNS(g) " FROM pek.golden_info AS g",
    };
    golden_v1_httpinfo_thing thing;
    struct pg_result *rows;
    pg_cluster_execute(run->cluster, "INSERT INTO pek.golden_info VALUES"
                                     " ('alice', 'infinity', 'kir-dev@kir-dev')");
    assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &all, NULL, 0, &rows), STATUS_OK);
    assert_int_equal(golden_v1_httpinfo_thing_from_row(rows, 0, &run->arena, &thing, &fault),
                     STATUS_DATA_LOSS);
    assert_string_equal(fault.text, "httpinfo thing user_id alice, group_id kir-dev@kir-dev cannot "
                                    "be read: its seen_time");
    pg_result_free(rows);
}

static void row_beyond_the_arena_is_refused(struct fiber_run *run)
{
    golden_v1_thing thing = GOLDEN_V1_THING_INIT;
    struct arena arena;
    arena_init(&arena, 200);
    struct pg_result *rows =
        row_of(run, "'a', repeat('x', 500), 0, 0, now(), '', 1, true, 0, 0, 0");
    assert_int_equal(golden_v1_thing_from_row(rows, 0, &arena, &thing, &fault),
                     STATUS_RESOURCE_EXHAUSTED);
    arena_done(&arena);
    pg_result_free(rows);
}

static void only_row_is_taken_and_none_is_missed(struct fiber_run *run)
{
    golden_v1_thing thing;
    struct pg_result *rows = row_of(run, "'a', 'x', 0, 0, now(), '', 1, true, 0, 0, 0");
    assert_int_equal(row_take(&golden_v1_thing_row, rows, &run->arena, &thing, &fault), STATUS_OK);
    assert_string_equal(thing.id, "x");
    pg_result_free(rows);
    static const struct pg_statement none = {
        "golden_none",
        "SELECT " GOLDEN_V1_THING_COLUMNS(g) " FROM pek.golden_thing AS g WHERE false",
    };
    assert_int_equal(pg_read(run->pg, PG_POINT_READ, NULL, &none, NULL, 0, &rows), STATUS_OK);
    assert_int_equal(row_take(&golden_v1_thing_row, rows, &run->arena, &thing, &fault),
                     STATUS_NOT_FOUND);
    pg_result_free(rows);
    assert_int_equal(row_missing(&golden_v1_thing_row, "thing.id", "x", &fault), STATUS_NOT_FOUND);
    assert_string_equal(fault.field, "thing.id");
    assert_string_equal(fault.text, "there is no thing x");
}

static void run_body(void **state)
{
    fault = (struct fault){0};
    fiber_run_pg(cluster, &(struct pg_options){0}, (void (*)(struct fiber_run *))(uintptr_t)*state);
}

int main(void)
{
#define TEST(body)                                                                                 \
    {                                                                                              \
#body, run_body, NULL, NULL, (void *)(uintptr_t)(body)                                     \
    }
    const struct CMUnitTest tests[] = {
        TEST(values_of_all_kinds_outlive_the_rows),
        TEST(nulls_are_defaults),
        TEST(brief_columns_are_read_by_the_same_reader),
        TEST(mask_is_brief_when_all_that_it_names_is),
        TEST(value_that_the_field_cannot_hold_is_named),
        TEST(row_beyond_the_arena_is_refused),
        TEST(row_without_an_id_is_named_by_all_that_it_has_instead),
        TEST(only_row_is_taken_and_none_is_missed),
    };
    return cmocka_run_group_tests(tests, cluster_up, cluster_down);
}
