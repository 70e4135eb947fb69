/* What a realm has before a migration, and what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/pg_cluster.h"
#include "worker/realm/migrations.h"

static struct pg_cluster *cluster;

static int start(void **state)
{
    (void)state;
    cluster = pg_cluster_start();
    return cluster ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    cluster = pg_cluster_stop(cluster);
    return 0;
}

/* All that come before the file of that name; NULL: all. */
static void migrate_before(const char *name)
{
    struct migrations some = *realm_migrations();
    struct fault fault = {0};
    size_t applied;
    for (size_t i = 0; name && i < some.count; i++)
        if (strcmp(some.files[i].name, name) == 0)
            some.count = i;
    if (migrate_apply(pg_cluster_conninfo(cluster), &some, &applied, &fault) != STATUS_OK)
        fail_msg("%s", fault.text);
}

static void assert_value(const char *sql, const char *expected)
{
    char value[400];
    pg_cluster_query(cluster, sql, value, sizeof(value));
    assert_string_equal(value, expected);
}

static void leaders_of_groups_become_members_who_see_them(void **state)
{
    (void)state;
    migrate_before("0015_member_policy.sql");
    pg_cluster_execute(
        cluster,
        "INSERT INTO pek.realm_group (realm, id, name, unique_key, folded, sort_key, purpose)"
        " SELECT r, g, r || g, g, g, '', 0 FROM unnest('{r,s}'::text[]) r,"
        " unnest('{o@a,o@b}'::text[]) g;"
        "INSERT INTO pek.policy (realm, name, unique_key, made_by) VALUES ('r', 'GOD', 'god', "
        "NULL),"
        " ('r', 'GOD in o@a', '1', NULL), ('s', 'GOD in o@a', '2', NULL),"
        " ('r', 'GOD in o@b', '3', 'mallory'), ('r', 'Members of o@b', 'members of o@b', 'x');"
        "INSERT INTO pek.policy_statement (realm, policy_id, group_id, resource, actions)"
        " SELECT realm, id, substr(name, 8), 'GROUP', 2047 FROM pek.policy"
        " WHERE name LIKE 'GOD in %';"
        "INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by)"
        " SELECT realm, id, u, 'x' FROM pek.policy, unnest('{lea,leo}'::text[]) u"
        " WHERE name LIKE 'GOD in %' AND (realm = 'r' OR u = 'leo');"
        "INSERT INTO pek.person (realm, id, display_name, folded, sort_key, version)"
        " VALUES ('r', 'leo', 'Leó', 'leo', 'key', 5), ('r', 'mia', 'Mia', 'mia', 'mia', 1);"
        "INSERT INTO pek.membership (realm, group_id, user_id, sort_key)"
        " SELECT 'r', g, 'mia', '' FROM unnest('{o@a,o@b}'::text[]) g;"
        "INSERT INTO pek.membership_period (realm, group_id, user_id, seq, status, begin_time,"
        " changed_by) SELECT 'r', g, 'mia', 1, 2, now(), 'x' FROM unnest('{o@a,o@b}'::text[]) g;"
        "INSERT INTO pek.audit_log (realm, create_time, actor, action, target_kind, target_id)"
        " VALUES ('r', '2024-05-31 23:30+00', 'x', 'old', 'group', 'o@a'),"
        " ('s', '2025-01-01 00:00+00', 'x', 'old', 'group', 'o@a')");
    migrate_before(NULL);
    /* The audit log is in months, and every row is as it was. */
    assert_value(
        "SELECT string_agg(concat_ws(' ', realm, id, tableoid::regclass), ', ' ORDER BY id)"
        " FROM pek.audit_log WHERE action = 'old'",
        "r 1 pek.audit_log_2024_05, s 2 pek.audit_log_2025_01");
    assert_value("SELECT nextval('pek.audit_log_seq') > max(id) FROM pek.audit_log", "t");
    assert_value("SELECT count(*) FROM pek.audit_log_rest", "0");
    assert_value("SELECT string_agg(concat_ws(' ', m.realm, m.group_id, m.user_id, m.status,"
                 " encode(substr(m.sort_key, 2), 'escape'), m.is_leader), ', '"
                 " ORDER BY m.realm, m.group_id, m.user_id) FROM pek.member m",
                 "r o@a lea 3 lea f, r o@a leo 3 key t, r o@a mia 2  f,"
                 " r o@b mia 2  f, s o@a leo 3 leo t");
    assert_value("SELECT count(*) FROM pek.audit_log WHERE action = 'membership.add'"
                 " AND detail->'periods'->0->>'status' = '3' AND detail->>'user_id' LIKE 'le_'",
                 "3");
    /* A name that people had is theirs: there the first change makes the policy. */
    assert_value("SELECT string_agg(l.realm || ' ' || p.name || ' ' || a.user_id, ', '"
                 " ORDER BY l.realm, p.name, a.user_id) FROM pek.group_policy l JOIN pek.policy p"
                 " ON p.id = l.policy_id JOIN pek.policy_assignment a ON a.policy_id = p.id"
                 " WHERE l.kind = 1",
                 "r Members of o@a lea, r Members of o@a leo, r Members of o@a mia,"
                 " s Members of o@a leo");
    assert_value("SELECT string_agg(DISTINCT s.resource || s.actions || s.group_id, ' ')"
                 " FROM pek.policy_statement s JOIN pek.group_policy l USING (realm, policy_id)"
                 " WHERE kind = 1",
                 "GROUP5o@a");
    assert_value("SELECT count(*) FROM pg_class WHERE relnamespace = 'pek'::regnamespace"
                 " AND relkind = 'r' AND relrowsecurity AND NOT relforcerowsecurity",
                 "0");
}

static void names_of_archived_groups_are_apart(void **state)
{
    (void)state;
    migrate_before("0050_group_archived.sql");
    pg_cluster_execute(
        cluster,
        "INSERT INTO pek.realm_state (realm, collator_version) VALUES ('r', ''), ('s', '');"
        "INSERT INTO pek.realm_group (realm, id, name, unique_key, folded, sort_key, purpose,"
        " is_archived) SELECT r, 'o@' || g, g, g, g, '', 0, g <> 'a'"
        " FROM unnest('{r,s}'::text[]) r, unnest('{a,b}'::text[]) g");
    migrate_before(NULL);
    assert_value("SELECT string_agg(concat_ws(' ', realm, id, kind), ', ' ORDER BY realm, id)"
                 " FROM pek.search_gram",
                 "r o@a group, r o@b archived_group, s o@a group, s o@b archived_group");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(leaders_of_groups_become_members_who_see_them, start, stop),
        cmocka_unit_test_setup_teardown(names_of_archived_groups_are_apart, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
