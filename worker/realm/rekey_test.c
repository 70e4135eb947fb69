/* A database of the program before numbers were ordered by value, opened by this one. */
#include "worker/realm/rekey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <unicode/ucol.h>
#include <unicode/ustring.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "shared/crypto/encode.h"
#include "worker/realm/migrations.h"
#include "worker/testing/world.h"

/* What that program knew. */
#define OLD_MIGRATIONS 5
#define OLD_LOCALE "hu-u-ka-shifted"

static const struct {
    const char *id, *name, *folded;
} groups[] = {
    {"o@o", "Szervezet", "szervezet"},   {"o@e8", "8. szint", "8. szint"},
    {"o@e11", "11. szint", "11. szint"}, {"o@e101", "101. szint", "101. szint"},
    {"o@alma", "Alma", "alma"},          {"o@alom", "Álom", "alom"},
    {"o@z2", "Zenekar 2", "zenekar 2"},  {"o@z10", "Zenekar 10", "zenekar 10"},
};
#define GROUPS (sizeof(groups) / sizeof(groups[0]))
#define OLD_ORDER "o@e101 o@e11 o@e8 o@alma o@alom o@o o@z10 o@z2"
#define NEW_ORDER "o@e8 o@e11 o@e101 o@alma o@alom o@o o@z2 o@z10"

static const char *old_key(struct world *w, const char *name)
{
    UErrorCode error = U_ZERO_ERROR;
    UChar units[64];
    uint8_t key[256];
    int32_t length;
    UCollator *icu = ucol_open(OLD_LOCALE, &error);
    u_strFromUTF8(units, 64, &length, name, -1, &error);
    int32_t bytes = ucol_getSortKey(icu, units, length, key, sizeof(key));
    ucol_close(icu);
    assert_true(U_SUCCESS(error) && bytes > 1 && bytes < (int32_t)sizeof(key));
    char *hex = arena_zalloc(w->arena, 2 * (size_t)bytes + 1, 1);
    hex_encode(slice_make(key, (size_t)bytes - 1), hex);
    return hex;
}

static void make_old_database(struct world *w)
{
    struct migrations old = *realm_migrations();
    size_t applied;
    old.count = OLD_MIGRATIONS;
    world_sql(w, "DROP SCHEMA pek CASCADE; DROP TABLE IF EXISTS pek_migration, pek_realm");
    assert_int_equal(migrate_apply(pg_cluster_conninfo(w->cluster), &old, &applied, &w->fault),
                     STATUS_OK);
    for (size_t i = 0; i < GROUPS; i++)
        world_sql(w,
                  "INSERT INTO pek.realm_group (realm, id, parent_id, name, unique_key, folded,"
                  " sort_key, purpose) VALUES ('a', '%s', %s, '%s', lower('%s'), '%s', '\\x%s', 0)",
                  groups[i].id, i ? "'o@o'" : "NULL", groups[i].name, groups[i].name,
                  groups[i].folded, old_key(w, groups[i].name));
    /* Times that the program could store then, and no answer could hold. */
    world_sql(w, "UPDATE pek.realm_group SET foundation_time = '10000-01-01Z' WHERE id = 'o@z2';"
                 "UPDATE pek.realm_group SET foundation_time = '-infinity' WHERE id = 'o@z10'");
    world_sql(w, "INSERT INTO pek.realm_state VALUES ('a', '" OLD_LOCALE "/153.120')");
    assert_string_equal(world_value(w, "SELECT string_agg(id, ' ' ORDER BY sort_key)"
                                       " FROM pek.realm_group"),
                        OLD_ORDER);
}

static void assert_list(struct world *w, const char *q, const char *want)
{
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    req.q = (char *)(uintptr_t)q;
    assert_string_equal(world_list(w, "alice", &req), want);
}

/* What is behind a position is the end of the list, wherever that begins. */
static void assert_position_leads_on(struct world *w, size_t group)
{
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    Pek__Cursor after = PEK__CURSOR__INIT;
    const char *hex = old_key(w, groups[group].name);
    uint8_t *key = arena_alloc(w->arena, 256);
    size_t len = strlen(hex) / 2;
    assert_in_range(len, 1, 256);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &key[i]), 1);
    after.sort_key.data = key;
    after.sort_key.len = len;
    after.id = (char *)(uintptr_t)groups[group].id;
    req.after = &after;
    const char *rest = world_list(w, "alice", &req);
    size_t rest_len = strlen(rest), all_len = strlen(NEW_ORDER);
    assert_true(rest_len <= all_len);
    assert_string_equal(rest, &NEW_ORDER[all_len - rest_len]);
    if (rest_len < all_len && rest_len > 0)
        assert_int_equal(NEW_ORDER[all_len - rest_len - 1], ' ');
}

static void database_of_the_former_order_is_brought_up_to_date(struct world *w)
{
    size_t applied = 0;
    world_close_realm(&w->a);
    world_close_realm(&w->b);
    make_old_database(w);
    assert_int_equal(realm_migrate(pg_cluster_conninfo(w->cluster), &applied, &w->fault),
                     STATUS_OK);
    assert_int_equal(applied, realm_migrations()->count - OLD_MIGRATIONS);
    /* A name that nobody could give any more. */
    world_sql(w, "UPDATE pek.realm_group SET name = name || U&'\\2800' WHERE id = 'o@o'");
    /* Somebody is in the way of one key, so of all: the realm is used by the former ones. */
    PGconn *other = PQconnectdb(pg_cluster_conninfo(w->cluster));
    PQclear(PQexec(other, "BEGIN; SET row_security = off"));
    PGresult *locked = PQexec(other, "SELECT FROM pek.realm_group WHERE id = 'o@z10' FOR UPDATE");
    assert_int_equal(PQntuples(locked), 1);
    PQclear(locked);
    world_start_realm(w, &w->a, "a");
    world_god(w, &w->a, "alice");
    assert_list(w, "", OLD_ORDER);
    assert_list(w, "szint", "o@e101 o@e11 o@e8");
    /* Nor is the semester held up, and what holds the state of the realm as evaluations do. */
    while (strcmp(world_value(w, "SELECT count(*) FROM pg_stat_activity"
                                 " WHERE wait_event_type = 'Lock'"),
                  "0") == 0)
        fiber_sleep_ms(1);
    PGresult *held = PQexec(other, "SELECT FROM pek.realm_state FOR SHARE NOWAIT");
    assert_int_equal(PQresultStatus(held), PGRES_TUPLES_OK);
    PQclear(held);
    PQfinish(other);
    while (!realm_search_is_ready(w->a.realm))
        fiber_sleep_ms(1);
    world_open_realm(w, &w->b, "b");
    assert_list(w, "", NEW_ORDER);
    assert_list(w, "szint", "o@e8 o@e11 o@e101");
    assert_list(w, "1", "o@e11 o@e101 o@z10");
    assert_list(w, "kar zen", "o@z2 o@z10");
    assert_list(w, "nincs", "");
    assert_string_equal(world_value(w,
                                    "SELECT count(*) FROM pek.realm_group AS g WHERE NOT EXISTS ("
                                    " SELECT FROM pek.search_gram AS s WHERE s.id = g.id"
                                    " AND s.sort_key = g.sort_key AND s.gram = left(g.folded, 1))"),
                        "0");
    assert_string_equal(world_value(w, "SELECT string_agg(foundation_time::text, ' ' ORDER BY id)"
                                       " FROM pek.realm_group WHERE id LIKE 'o@z%%'"),
                        "0001-01-01 00:00:00+00 9999-12-31 23:59:59.999999+00");
    for (size_t i = 0; i < GROUPS; i++)
        assert_position_leads_on(w, i);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.realm_state WHERE realm = 'a'"
                                       " AND collator_version LIKE 'hu-u-ka-shifted-kn/%%'"
                                       " AND search_version = collator_version"),
                        "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(database_of_the_former_order_is_brought_up_to_date),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
