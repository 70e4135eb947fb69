/* The commands of docs/operations.md, Backup: what they wrote makes the same realms in another cluster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "worker/realm/realm.h"
#include "worker/testing/world.h"

#define ROWS_BYTES_MAX 65536

/* Every row of every table of the realms, and who may do what with it. */
static const char everything_sql[] =
    "SELECT string_agg(t.name || ' ' || rows || ' ' || digest, E'\\n' ORDER BY t.name) FROM ("
    /* Rights that are as by default may be written down or not. */
    " SELECT c.oid::regclass::text || coalesce(c.relacl, acldefault('r', c.relowner))::text"
    "        || coalesce((SELECT string_agg(a.attname || a.attacl::text, ',' ORDER BY a.attnum)"
    "             FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL), '')"
    "        || c.relrowsecurity"
    "        || c.relforcerowsecurity || pg_get_userbyid(c.relowner) AS name,"
    "        (xpath('/row/n/text()', x))[1]::text AS rows, (xpath('/row/d/text()', x))[1]::text AS "
    "digest"
    "   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,"
    "        query_to_xml(format('SELECT count(*) AS n,"
    "            coalesce(md5(string_agg(r::text, E''\\n'' ORDER BY r::text)), ''none'') AS d FROM "
    "%s r',"
    "            c.oid::regclass), false, true, '') AS x"
    "  WHERE c.relkind = 'r' AND (n.nspname = 'pek' OR c.relname = 'pek_migration')) AS t";

static void fill(struct world *w)
{
    world_god(w, &w->a, "alice");
    world_god(w, &w->b, "bea");
    assert_int_equal(world_create(w, "alice", "", "kir-dev", "Kir-Dev"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "kir-dev@kir-dev", "web", "Ünnep \"kör\" 'x' \\"),
                     STATUS_OK);
    world_sql(w, "INSERT INTO pek.realm_state (realm, collator_version) VALUES ('c', 'other')");
}

static void restored_realm_answers(struct world *w, const char *conninfo)
{
    static const struct pg_statement names = {
        "names", "SELECT string_agg(id, ' ' ORDER BY id) FROM pek.realm_group"};
    struct realm *realm;
    struct pg_result *result;
    const struct realm_options options = {
        .realm = "a",
        .conninfo = conninfo,
        .keys = &w->a.keys,
        .hub_keys = &w->hub_keys,
        .hub_issuer = WORLD_HUB,
        .version = "test",
    };
    assert_int_equal(realm_open(w->run->fibers, &options, &realm, &w->fault), STATUS_OK);
    assert_int_equal(realm_wait_ready(realm, &w->cancel), STATUS_OK);
    assert_int_equal(pg_read(realm_pg(realm), PG_POINT_READ, &w->cancel, &names, NULL, 0, &result),
                     STATUS_OK);
    assert_string_equal(pg_get_str(result, 0, 0), "kir-dev@kir-dev kir-dev@web");
    pg_result_free(result);
    /* And takes changes: as a caller makes them. */
    struct rpc_channel *channel;
    struct rpc_channel *before = w->a.channel;
    assert_int_equal(rpc_channel_new_local(realm_host(realm), &channel), STATUS_OK);
    w->a.channel = channel;
    if (world_create(w, "alice", "kir-dev@kir-dev", "later", "Later"))
        fail_msg("%s: %s", w->fault.text, pg_last_error(realm_pg(realm)));
    w->a.channel = before;
    rpc_channel_free(channel);
    realm_close(realm);
}

/* Of the cluster's roles only the federation's go with its backup, and who granted one there may be nobody here. */
static void keep_own_roles(char *path)
{
    static char sed[] = "sed", options[] = "-ni", script[] = "s/ GRANTED BY [^ ;]*//; / pek_/p";
    char *argv[] = {sed, options, script, path, NULL};
    pid_t pid;
    int wait_status;
    assert_int_equal(posix_spawnp(&pid, sed, NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(pid, &wait_status, 0), pid);
    assert_int_equal(wait_status, 0);
}

static void a_backup_restores_every_row_and_right(struct world *w)
{
    static char before[ROWS_BYTES_MAX], after[ROWS_BYTES_MAX];
    char backup[256], roles[128], dump[128], owner[256], app[256];
    fill(w);
    pg_cluster_execute(w->cluster, "CREATE ROLE pek_backup LOGIN BYPASSRLS;"
                                   "GRANT pg_read_all_data TO pek_backup;"
                                   "CREATE ROLE pek_acme LOGIN IN ROLE pek_app;"
                                   "CREATE ROLE boss LOGIN SUPERUSER");
    pg_cluster_query(w->cluster, everything_sql, before, sizeof(before));
    assert_non_null(strstr(before, "pek.realm_group"));
    pg_cluster_conninfo_for(w->cluster, "pek_backup", NULL, backup, sizeof(backup));
    struct pg_cluster *other = pg_cluster_start();
    assert_non_null(other);
    snprintf(roles, sizeof(roles), "%s/roles.sql", pg_cluster_folder(other));
    snprintf(dump, sizeof(dump), "%s/pek.dump", pg_cluster_folder(other));
    pg_cluster_run(w->cluster, "pg_dumpall",
                   (const char *[]){"--roles-only", "--no-role-passwords", "--file", roles,
                                    "--dbname", backup, NULL});
    keep_own_roles(roles);
    pg_cluster_run(w->cluster, "pg_dump",
                   (const char *[]){"--format=custom", "--file", dump, "--dbname", backup, NULL});

    pg_cluster_run(other, "psql",
                   (const char *[]){"--no-psqlrc", "--quiet", "--file", roles, "--dbname",
                                    pg_cluster_conninfo(other), NULL});
    pg_cluster_execute(other, "CREATE DATABASE pek OWNER pek_owner");
    pg_cluster_conninfo_for(other, NULL, "pek", owner, sizeof(owner));
    pg_cluster_run(
        other, "pg_restore",
        (const char *[]){"--exit-on-error", "--single-transaction", "--dbname", owner, dump, NULL});
    pg_cluster_query_in(other, "pek", everything_sql, after, sizeof(after));
    assert_string_equal(before, after);
    pg_cluster_query(other,
                     "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles"
                     " WHERE rolname !~ '^pg_'",
                     after, sizeof(after));
    assert_string_equal(after, "pek_acme pek_app pek_backup pek_owner postgres");
    pg_cluster_conninfo_for(other, "pek_acme", "pek", app, sizeof(app));
    restored_realm_answers(w, app);
    pg_cluster_stop(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_backup_restores_every_row_and_right),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
