#include "worker/search/search_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "shared/base/clock.h"
#include "worker/realm/rekey.h"
#include "worker/testing/world.h"

/* What no name has, and what names lack: counts of rows of both realms. */
#define GRAMS_OF_NAMES                                                                             \
    "SELECT g.realm, CASE WHEN g.is_archived THEN 'archived_' ELSE '' END || 'group', "            \
    "grams.gram, g.sort_key, g.id, g.folded FROM pek.realm_group AS g,"                            \
    " LATERAL pek.search_grams(g.folded) AS grams (gram)"
static void assert_rows(struct world *w, const char *stale, const char *missing)
{
    assert_string_equal(world_value(w, "SELECT count(*) FROM (SELECT * FROM pek.search_gram"
                                       " EXCEPT " GRAMS_OF_NAMES ") AS stale"),
                        stale);
    assert_string_equal(world_value(w, "SELECT count(*) FROM (" GRAMS_OF_NAMES
                                       " EXCEPT SELECT * FROM pek.search_gram) AS missing"),
                        missing);
}

static const char *grams_of(struct world *w, const char *id)
{
    return world_value(w,
                       "SELECT coalesce(string_agg(gram, ' ' ORDER BY gram), '')"
                       " FROM pek.search_gram WHERE realm = 'a' AND id = '%s'",
                       id);
}

static void rename_group(struct world *w, const char *id, const char *name)
{
    group_v1_update_group_request req = GROUP_V1_UPDATE_GROUP_REQUEST_INIT;
    group_v1_group body = GROUP_V1_GROUP_INIT, *res;
    body.id = (char *)(uintptr_t)id;
    body.name = (char *)(uintptr_t)name;
    req.group = &body;
    assert_int_equal(WORLD_CALL(w, update_group, "alice", req, res), STATUS_OK);
}

/* `count` groups of realm a, written as somebody does who does not know of searches. */
static void add_unindexed(struct world *w, int count, const char *name)
{
    world_sql(w,
              "ALTER TABLE pek.realm_group DISABLE TRIGGER search_insert;"
              "INSERT INTO pek.realm_group (realm, id, name, unique_key, folded, sort_key, purpose)"
              " SELECT 'a', 'x@g' || n, '%s' || n, '%s' || n, '%s ' || n,"
              " convert_to('%s ' || n, 'UTF8'), 0 FROM generate_series(1, %d) AS n;"
              "ALTER TABLE pek.realm_group ENABLE TRIGGER search_insert",
              name, name, name, name, count);
}

static enum status build(struct world *w)
{
    struct text_collator *collator;
    assert_int_equal(text_collator_new(&collator), STATUS_OK);
    enum status status = rekey_search(realm_pg(w->a.realm), &w->cancel, collator);
    text_collator_free(collator);
    return status;
}

/* ---- the rows ---- */

static void rows_come_with_a_name_and_follow_it(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "Öt Ő"), STATUS_OK);
    assert_string_equal(grams_of(w, "o@o"), "o ot t");
    rename_group(w, "o@o", "%_");
    assert_string_equal(grams_of(w, "o@o"), "% %_ _");
    assert_int_equal(world_create(w, "alice", "", "p", "🎉🎊🎉🎊"), STATUS_OK);
    assert_string_equal(grams_of(w, "p@p"), "🎉 🎉🎊 🎉🎊🎉 🎉🎊🎉🎊 🎊 🎊🎉 🎊🎉🎊");
    assert_rows(w, "0", "0");
}

static void a_change_of_anything_else_writes_no_row(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "Szervezet"), STATUS_OK);
    const char *before = world_value(w, "SELECT string_agg(xmin::text, ' ') FROM pek.search_gram");
    world_sql(w, "UPDATE pek.realm_group SET description = 'x', is_archived = is_archived,"
                 " folded = folded");
    assert_string_equal(world_value(w, "SELECT string_agg(xmin::text, ' ') FROM pek.search_gram"),
                        before);
}

static void rows_of_what_is_archived_are_apart(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "Öt Ő"), STATUS_OK);
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true");
    assert_string_equal(grams_of(w, "o@o"), "o ot t");
    assert_rows(w, "0", "0");
    /* As a program leaves them that does not know of it. */
    world_sql(w, "UPDATE pek.search_gram SET kind = 'group'; UPDATE pek.realm_state SET"
                 " search_version = ''");
    assert_int_equal(build(w), STATUS_OK);
    assert_rows(w, "0", "0");
    world_sql(w, "UPDATE pek.realm_group SET is_archived = false, folded = 'x'");
    assert_string_equal(grams_of(w, "o@o"), "x");
    assert_rows(w, "0", "0");
}

static void a_name_that_is_refused_leaves_no_row(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "Szervezet"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "", "p", "SZERVEZET"), STATUS_ALREADY_EXISTS);
    assert_string_equal(grams_of(w, "p@p"), "");
    assert_rows(w, "0", "0");
}

static void building_adds_what_is_missing_and_sweeps_what_is_not_true(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "Szervezet"), STATUS_OK);
    add_unindexed(w, 700, "tabor");
    world_sql(w, "INSERT INTO pek.search_gram VALUES ('a', 'group', 'abc', '\\x01', 'o@o', 'abc'),"
                 " ('b', 'group', 'abc', '\\x01', 'o@o', 'abc')");
    /* The version says that nothing is to be done. */
    assert_int_equal(build(w), STATUS_OK);
    assert_string_equal(grams_of(w, "x@g1"), "");
    world_sql(w, "UPDATE pek.realm_state SET search_version = '' WHERE realm = 'a'");
    const char *before = world_value(w, "SELECT string_agg(xmin::text, ' ') FROM pek.search_gram"
                                        " WHERE realm = 'a' AND id = 'o@o' AND gram <> 'abc'");
    assert_int_equal(build(w), STATUS_OK);
    /* Another realm's is not this one's to sweep; what was right is as it was. */
    assert_rows(w, "1", "0");
    assert_string_equal(world_value(w, "SELECT string_agg(xmin::text, ' ') FROM pek.search_gram"
                                       " WHERE realm = 'a' AND id = 'o@o'"),
                        before);
}

static struct world *building;
static PGconn *building_waits_for;

static void build_or_rename(struct fiber_run *run, size_t index)
{
    static const char *const names[] = {"Egy", "Kettő", "Három", "Négy", "Öt", "Hat"};
    (void)run;
    if (index == 0) {
        assert_int_equal(build(building), STATUS_OK);
        return;
    }
    for (size_t i = 0; i < 6; i++)
        rename_group(building, index == 1 ? "o@o" : "p@p",
                     arena_printf(building->arena, "%s %zu", names[i], index));
}

static void names_that_change_while_rows_are_made_have_theirs(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "Szervezet"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "", "p", "Másik"), STATUS_OK);
    add_unindexed(w, 1000, "tabor");
    world_sql(w, "DELETE FROM pek.search_gram; UPDATE pek.realm_state SET search_version = ''");
    building = w;
    fiber_run_parallel(w->run, 3, build_or_rename);
    assert_string_equal(world_value(w, "SELECT count(*) FROM (" GRAMS_OF_NAMES
                                       " EXCEPT SELECT * FROM pek.search_gram) AS missing"),
                        "0");
}

/* Somebody is in the way of a row of x@g1, so the build waits in its middle. */
static void build_or_hold(struct fiber_run *run, size_t index)
{
    (void)run;
    if (index == 0) {
        assert_int_equal(build(building), STATUS_OK);
        return;
    }
    while (strcmp(world_value(building, "SELECT count(*) FROM pg_stat_activity"
                                        " WHERE wait_event_type = 'Lock'"),
                  "0") == 0)
        fiber_sleep_ms(1);
    PGconn *holder = PQconnectdb(pg_cluster_conninfo(building->cluster));
    PGresult *held = PQexec(holder, "SELECT FROM pek.realm_state FOR SHARE NOWAIT");
    assert_int_equal(PQresultStatus(held), PGRES_TUPLES_OK);
    PQclear(held);
    PQfinish(holder);
    PQfinish(building_waits_for);
}

/* Evaluations hold the realm's state (scoreboard_store_hold) for as long as they write. */
static void evaluations_go_on_while_rows_are_made(struct world *w)
{
    add_unindexed(w, 10, "tabor");
    world_sql(w, "UPDATE pek.realm_state SET search_version = ''");
    building = w;
    building_waits_for = PQconnectdb(pg_cluster_conninfo(w->cluster));
    PGresult *made =
        PQexec(building_waits_for, "BEGIN; SET row_security = off; INSERT INTO pek.search_gram"
                                   " SELECT g.realm, 'group', 't', g.sort_key, g.id, g.folded"
                                   " FROM pek.realm_group AS g WHERE g.id = 'x@g1'");
    assert_int_equal(PQresultStatus(made), PGRES_COMMAND_OK);
    PQclear(made);
    fiber_run_parallel(w->run, 2, build_or_hold);
    assert_rows(w, "0", "0");
}

/* ---- the lead ---- */

static struct search_counts counts;

static void forget_counts(void)
{
    memset(&counts, 0, sizeof(counts));
}

static void assert_lead(struct world *w, const char *text, size_t others, const char *gram,
                        size_t names)
{
    struct search search;
    struct search_lead lead;
    assert_int_equal(search_parse(text, "q", w->arena, &search, &w->fault), STATUS_OK);
    assert_int_equal(search_find_lead(realm_pg(w->a.realm), PG_LONG_READ, &w->cancel, "{group}",
                                      &search, others, &counts, w->arena, &lead),
                     STATUS_OK);
    assert_true(slice_equal_str(lead.gram, gram));
    assert_int_equal(lead.names, names);
}

static void the_rarest_gram_leads(struct world *w)
{
    forget_counts();
    add_unindexed(w, 600, "tabor");
    world_sql(w, "UPDATE pek.realm_state SET search_version = ''");
    assert_int_equal(build(w), STATUS_OK);
    assert_lead(w, "", SEARCH_ALL_NAMES, "", SEARCH_COUNTED_MAX);
    assert_lead(w, "tabor 599", SEARCH_ALL_NAMES, "599", 1);
    assert_lead(w, "t 59", SEARCH_ALL_NAMES, "59", 16);
    assert_lead(w, "tabork", SEARCH_ALL_NAMES, "bork", 0);
    assert_lead(w, "tabor", SEARCH_ALL_NAMES, "tabo", SEARCH_COUNTED_MAX);
    /* Nothing to choose from: not looked at. */
    assert_lead(w, "599", SEARCH_ALL_NAMES, "599", SEARCH_COUNTED_MAX);
}

/* What was counted leads for a while, and never says that there is no name. */
static void grams_are_counted_once_in_a_while(struct world *w)
{
    forget_counts();
    add_unindexed(w, 600, "tabor");
    world_sql(w, "UPDATE pek.realm_state SET search_version = ''");
    assert_int_equal(build(w), STATUS_OK);
    assert_lead(w, "tabor 777", SEARCH_ALL_NAMES, "777", 0);
    assert_lead(w, "tabo 599", SEARCH_ALL_NAMES, "599", 1);
    world_sql(w, "TRUNCATE pek.search_gram");
    assert_lead(w, "tabo 777", SEARCH_ALL_NAMES, "777", 1);
    assert_lead(w, "599 tabo", SEARCH_ALL_NAMES, "599", 1);
    /* One that was not counted: all are counted again. */
    assert_lead(w, "599 zzz", SEARCH_ALL_NAMES, "599", 0);
    for (size_t i = 0; i < SEARCH_GRAMS_KNOWN_MAX; i++)
        counts.known[i].until_us = clock_monotonic_us();
    assert_lead(w, "tabo 599", SEARCH_ALL_NAMES, "tabo", 0);
}

static void a_list_that_is_short_without_is_not_led(struct world *w)
{
    forget_counts();
    add_unindexed(w, 600, "tabor");
    world_sql(w, "UPDATE pek.realm_state SET search_version = ''");
    assert_int_equal(build(w), STATUS_OK);
    assert_lead(w, "59", SEARCH_WALKED_MAX + 1, "59", 16);
    assert_lead(w, "59", SEARCH_WALKED_MAX, "", SEARCH_COUNTED_MAX);
    assert_lead(w, "5", SEARCH_WALKED_MAX + 1, "", SEARCH_COUNTED_MAX);
    assert_lead(w, "tabor", 1000000, "", SEARCH_COUNTED_MAX);
    assert_lead(w, "xyz", SEARCH_WALKED_MAX + 1, "xyz", 0);
    assert_lead(w, "tabor", 0, "", SEARCH_COUNTED_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(rows_come_with_a_name_and_follow_it),
        WORLD_TEST(a_change_of_anything_else_writes_no_row),
        WORLD_TEST(rows_of_what_is_archived_are_apart),
        WORLD_TEST(a_name_that_is_refused_leaves_no_row),
        WORLD_TEST(building_adds_what_is_missing_and_sweeps_what_is_not_true),
        WORLD_TEST(names_that_change_while_rows_are_made_have_theirs),
        WORLD_TEST(evaluations_go_on_while_rows_are_made),
        WORLD_TEST(the_rarest_gram_leads),
        WORLD_TEST(grams_are_counted_once_in_a_while),
        WORLD_TEST(a_list_that_is_short_without_is_not_led),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
