/* Whoever has a place in a table gets what is there: each column of the hub and of realms that says who somebody is, is in the
 * export of that person, or is named here with the reason why not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/profile/export_service.h"
#include "hub/schema/schema.h"
#include "shared/base/buffer.h"
#include "tests/support/pg_cluster.h"
#include "worker/export/export_service.h"
#include "worker/realm/migrations.h"

static struct pg_cluster *cluster;

/* "schema.table column" and why nobody gets it. */
static const char *const not_exported[][2] = {
    {"hub.user_gram user_id", "pieces of the names that hub.profile has, for searching"},
    {NULL, NULL},
};

static int load(void **state)
{
    struct fault fault = {0};
    size_t applied;
    (void)state;
    cluster = pg_cluster_start();
    if (!cluster)
        return -1;
    assert_int_equal(realm_migrate(pg_cluster_conninfo(cluster), &applied, &fault), STATUS_OK);
    assert_int_equal(
        migrate_apply(pg_cluster_conninfo(cluster), hub_migrations(), &applied, &fault), STATUS_OK);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    cluster = pg_cluster_stop(cluster);
    return 0;
}

/* FROM or JOIN schema.table AS x, and x.column = $1. */
static bool statement_has(const char *sql, const char *table, const char *column)
{
    char text[256];
    int len = snprintf(text, sizeof(text), "%s AS ", table);
    for (const char *at = strstr(sql, text); at; at = strstr(at + 1, text)) {
        char alias = at[len];
        char wanted[128];
        snprintf(wanted, sizeof(wanted), "%c.%s = $1", alias, column);
        if (strstr(sql, wanted))
            return true;
    }
    return false;
}

static bool is_exported(const struct export_kind *kinds, size_t count, const char *table,
                        const char *column)
{
    for (size_t i = 0; i < count; i++)
        if (statement_has(kinds[i].statement.sql, table, column))
            return true;
    for (size_t i = 0; not_exported[i][0]; i++) {
        char name[256];
        snprintf(name, sizeof(name), "%s %s", table, column);
        if (strcmp(not_exported[i][0], name) == 0)
            return true;
    }
    return false;
}

/* What a person's id stands in: by its name, or because it refers to them. Views show tables. */
static const char people_columns[] =
    "SELECT coalesce(string_agg(format('%s.%s %s', n.nspname, c.relname, a.attname), E'\\n'"
    "         ORDER BY n.nspname, c.relname, a.attnum), '')"
    "  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    "  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " WHERE n.nspname IN ('pek', 'hub') AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    "   AND (a.attname ~ '(^|_)(user_id|actor|recipient|sender|subject|owner|person_id|user)$|_by$'"
    "        OR (c.relname IN ('person', 'user_account') AND a.attname = 'id')"
    "        OR EXISTS (SELECT FROM pg_constraint AS k"
    "             JOIN pg_class AS r ON r.oid = k.confrelid"
    "            WHERE k.conrelid = c.oid AND k.contype = 'f' AND a.attnum = ANY (k.conkey)"
    "              AND a.attname <> 'realm' AND r.relname IN ('person', 'user_account', "
    "'profile')))";

static void every_column_with_somebody_in_it_is_exported(void **state)
{
    static char columns[16384];
    struct buffer missing;
    size_t seen = 0;
    (void)state;
    buffer_init(&missing, sizeof(columns));
    pg_cluster_query(cluster, people_columns, columns, sizeof(columns));
    for (char *line = columns, *next; *line; line = next, seen++) {
        char *column = strchr(line, ' ');
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = '\0';
        assert_non_null(column);
        *column++ = '\0';
        bool hub = strncmp(line, "hub.", 4) == 0;
        if (!is_exported(hub ? hub_export_kinds : export_kinds,
                         hub ? hub_export_kind_count : export_kind_count, line, column))
            buffer_printf(&missing, "  %s %s\n", line, column);
    }
    if (missing.len > 0)
        fail_msg("in no export, and not named as such:\n%.*s", (int)missing.len, missing.ptr);
    buffer_done(&missing);
    assert_true(seen >= 20);
}

/* Each line runs, as the application does, and names what it gives. */
static void every_statement_is_one(void **state)
{
    const struct {
        const struct export_kind *kinds;
        size_t count;
    } parts[] = {{hub_export_kinds, hub_export_kind_count}, {export_kinds, export_kind_count}};
    (void)state;
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < parts[p].count; i++) {
            static char sql[8192];
            const struct export_kind *kind = &parts[p].kinds[i];
            assert_true(parts[p].count <= EXPORT_KINDS_MAX);
            snprintf(
                sql, sizeof(sql),
                "SET ROLE pek_app; SET pek.realm = 'a'; PREPARE asked (text, text, bigint) AS %s;"
                " EXECUTE asked ('nobody', '', 1)",
                kind->statement.sql);
            pg_cluster_execute(cluster, sql);
            for (size_t j = 0; j < i; j++) {
                assert_string_not_equal(parts[p].kinds[j].kind, kind->kind);
                assert_string_not_equal(parts[p].kinds[j].statement.name, kind->statement.name);
            }
        }
}

static void column_that_is_not_exported_is_found(void **state)
{
    (void)state;
    assert_true(is_exported(export_kinds, export_kind_count, "pek.post", "user_id"));
    assert_false(is_exported(export_kinds, export_kind_count, "pek.post", "actor"));
    assert_false(is_exported(export_kinds, export_kind_count, "pek.no_such_table", "recipient"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_column_with_somebody_in_it_is_exported),
        cmocka_unit_test(every_statement_is_one),
        cmocka_unit_test(column_that_is_not_exported_is_found),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
