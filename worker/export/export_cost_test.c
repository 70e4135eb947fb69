/* What a realm reads for one person does not grow with what it has of others: their export, and that two accounts become one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/export/export_service.h"
#include "worker/testing/world.h"

#define FEW 1000
#define MANY 20000

/* Others, and what others have and did: a row or so of each table for each of them. */
static void make_others(struct world *w, int from, int to)
{
    world_sql(
        w,
        "SET pek.realm = 'a';"
        "INSERT INTO pek.realm_group (id, name, folded, sort_key, unique_key, parent_id, purpose)"
        " SELECT 'g' || n || '@o', 'G ' || n, 'g ' || n, convert_to('g ' || n, 'UTF8'), 'g ' || n, "
        "'o@o', 0"
        "   FROM generate_series(%d, %d) AS n;"
        "INSERT INTO pek.person (id, display_name, folded, sort_key, met_by)"
        " SELECT 'x' || n, 'X ' || n, 'x ' || n, convert_to('x ' || n, 'UTF8'), 'x' || n + 1"
        "   FROM generate_series(%d, %d) AS n;"
        "INSERT INTO pek.membership (group_id, user_id, sort_key)"
        " SELECT 'g' || n || '@o', 'x' || n, '\\x01' FROM generate_series(%d, %d) AS n;"
        "INSERT INTO pek.membership_period (group_id, user_id, seq, status, begin_time, changed_by)"
        " SELECT 'g' || n || '@o', 'x' || n, 1, 3, now() - interval '1 day', 'x' || n + 1"
        "   FROM generate_series(%d, %d) AS n;"
        "INSERT INTO pek.policy (name, unique_key, made_by)"
        " SELECT 'P ' || n, 'p ' || n, 'x' || n FROM generate_series(%d, %d) AS n;"
        "INSERT INTO pek.policy_statement (policy_id, group_id, user_id, resource, actions, "
        "made_by)"
        " SELECT p.id, NULL, 'x' || n + 2, 'USER', 4, 'x' || n FROM generate_series(%d, %d) AS n"
        "   JOIN pek.policy AS p ON p.name = 'P ' || n;"
        "INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by)"
        " SELECT p.id, 'x' || n + 1, 'x' || n FROM generate_series(%d, %d) AS n"
        "   JOIN pek.policy AS p ON p.name = 'P ' || n;"
        "INSERT INTO pek.notification (kind, recipient, actor, subject, group_id, title, detail)"
        " SELECT 1, 'x' || n, 'x' || n + 1, 'x' || n + 2, 'g1@o', '', ''"
        "   FROM generate_series(%d, %d) AS n;"
        "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail)"
        " SELECT 'x' || n, 'membership.add', 'membership', 'g1@o', '', "
        "jsonb_build_object('user_id', 'x' || n + 1)"
        "   FROM generate_series(%d, %d) AS n;"
        "INSERT INTO pek.realm_user (user_id) SELECT 'x' || n FROM generate_series(%d, %d) AS n;"
        "INSERT INTO pek.idempotency (user_id, key, method, request_sha256)"
        " SELECT 'x' || n, 'k', 'm', sha256('') FROM generate_series(%d, %d) AS n;",
        from, to, from, to, from, to, from, to, from, to, from, to, from, to, from, to, from, to,
        from, to, from, to);
    world_sql(w, "VACUUM ANALYZE");
}

/* Pages of buffers that a statement of the application's touches, whatever PostgreSQL thinks of its parameters. */
static int pages(struct world *w, const char *sql, const char *execute)
{
    int pages = 0;
    const char *plan =
        world_value(w,
                    "SET ROLE pek_app; SET pek.realm = 'a'; SET plan_cache_mode = "
                    "force_generic_plan; PREPARE asked AS %s;"
                    " EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE asked (%s)",
                    sql, execute);
    const char *hit = strstr(plan, "\"Shared Hit Blocks\": ");
    assert_non_null(hit);
    assert_int_equal(sscanf(hit, "\"Shared Hit Blocks\": %d", &pages), 1);
    const char *read = strstr(plan, "\"Shared Read Blocks\": ");
    int more = 0;
    if (read && sscanf(read, "\"Shared Read Blocks\": %d", &more) == 1)
        pages += more;
    return pages;
}

static const char merge[] = "SELECT pek.merge_user($1, $2, true)";

static void what_others_have_costs_nothing(struct world *w)
{
    int few[EXPORT_KINDS_MAX];
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    make_others(w, 1, FEW);
    for (size_t i = 0; i < export_kind_count; i++)
        few[i] = pages(w, export_kinds[i].statement.sql, "'x7', '', 500");
    int few_of_merge = pages(w, merge, "'x7', 'x9'");
    make_others(w, FEW + 1, MANY);
    for (size_t i = 0; i < export_kind_count; i++) {
        int many = pages(w, export_kinds[i].statement.sql, "'x7', '', 500");
        if (many > few[i] + 10)
            fail_msg("%s reads %d pages, and %d of more people", export_kinds[i].kind, few[i],
                     many);
    }
    /* Most of it is what PostgreSQL reads of itself, for a new connection. */
    assert_in_range(pages(w, merge, "'x7', 'x9'"), 1, few_of_merge + 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(what_others_have_costs_nothing),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
