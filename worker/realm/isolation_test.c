/* Realms that share a database, and the tables that keep them apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/pg_grants.h"
#include "worker/realm/rekey.h"
#include "worker/testing/world.h"

/* ---- the catalog ---- */

static void every_table_has_the_realm_first_and_forced_row_security(struct world *w)
{
    assert_string_equal(
        world_value(w, "SELECT coalesce(string_agg(c.relname, ' '), '') FROM pg_class c"
                       " WHERE c.relnamespace = 'pek'::regnamespace AND c.relkind IN ('r', 'p')"
                       " AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS ("
                       "  SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*'"
                       "   AND p.polpermissive AND p.polwithcheck IS NOT NULL))"),
        "");
    /* Keys and unique indexes begin with the realm. */
    assert_string_equal(
        world_value(w, "SELECT coalesce(string_agg(i.indexrelid::regclass::text, ' '), '')"
                       " FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
                       " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
                       " WHERE c.relnamespace = 'pek'::regnamespace AND i.indisunique"
                       " AND a.attname <> 'realm'"),
        "");
    assert_string_equal(
        world_value(w, "SELECT coalesce(string_agg(c.relname, ' '), '') FROM pg_class c"
                       " WHERE c.relnamespace = 'pek'::regnamespace AND c.relkind IN ('r', 'p')"
                       " AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid"
                       "  AND i.indisprimary)"),
        "");
    /* Foreign keys, too, and none that forgets what it pointed at. */
    assert_string_equal(
        world_value(w, "SELECT coalesce(string_agg(k.conname, ' '), '') FROM pg_constraint k"
                       " JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]"
                       " WHERE k.connamespace = 'pek'::regnamespace AND k.contype = 'f'"
                       " AND (a.attname <> 'realm' OR k.confdeltype IN ('n', 'd'))"),
        "");
}

static void roles_are_bound_by_row_security(struct world *w)
{
    assert_string_equal(world_value(w,
                                    "SELECT string_agg(rolname || rolsuper || rolbypassrls, ' '"
                                    " ORDER BY rolname) FROM pg_roles WHERE rolname LIKE 'pek%%'"),
                        "pek_appfalsefalse pek_ownerfalsefalse");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pg_class WHERE relnamespace ="
                                       " 'pek'::regnamespace AND relkind = 'r'"
                                       " AND relowner <> 'pek_owner'::regrole"),
                        "0");
}

/* ---- connections ---- */

static void connection_without_a_realm_sees_and_adds_nothing(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    static const char *const tables[] = {
        "realm_group",    "policy",         "policy_statement",   "policy_assignment",
        "policy_count",   "realm_user",     "idempotency",        "realm_state",
        "search_gram",    "person",         "membership",         "membership_period",
        "member",         "policy_holding", "group_policy",       "post_type",
        "membership_now", "post",           "group_history",      "notification",
        "user_merge",     "scoreboard",     "scoreboard_message", "scoreboard_member",
        "guideline",      "point",          "entry_request",      "scoreboard_entry",
        "point_comment",  "accepted_entry", "judged_scoreboard",  "point_history",
        "counted_points", "scored_user",    "scoreboard_points",  "group_organisation",
        "people_told"};
    static const char *const roles[] = {"pek_app", "pek_owner"};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (size_t r = 0; r < 2; r++)
            assert_string_equal(
                world_value(w, "SET ROLE %s; SELECT count(*) FROM pek.%s", roles[r], tables[i]),
                "0");
    assert_string_equal(world_value(w, "SET ROLE pek_owner; SELECT count(*) FROM pek.audit_log"),
                        "0");
    assert_string_equal(
        world_value(w, "DO $$ BEGIN SET LOCAL ROLE pek_app;"
                       " INSERT INTO pek.policy (realm, name) VALUES ('a', 'x');"
                       " RAISE 'inserted'; EXCEPTION WHEN insufficient_privilege THEN NULL;"
                       " END $$; SELECT count(*) FROM pek.policy WHERE name = 'x'"),
        "0");
}

static void connection_of_one_realm_cannot_write_into_another(struct world *w)
{
    assert_string_equal(
        world_value(w, "DO $$ BEGIN SET LOCAL ROLE pek_app; SET LOCAL pek.realm = 'b';"
                       " INSERT INTO pek.policy (realm, name) VALUES ('a', 'x');"
                       " RAISE 'inserted'; EXCEPTION WHEN insufficient_privilege THEN NULL;"
                       " END $$; SELECT count(*) FROM pek.policy WHERE name = 'x'"),
        "0");
}

/* ---- grants ---- */

/* All that the application may do, as PG_GRANTS has it. Whoever needs more adds it here and says why in the migration. */
static const char grants[] =
    "accepted_entry r:\n"
    "audit_log: action+ actor+ detail+ target_id+ target_kind+ trace_id+\n"
    "counted_points r:\n"
    "drafted_cell r:\n"
    "drafted_points r:\n"
    "entry_request r: finalized* group_id+ justification* recommendation* recommended_by* "
    "revision= scoreboard_id+ type* user_id+\n"
    "evaluated_member r:\n"
    "group_history r:\n"
    "group_organisation r:\n"
    "group_policy r: group_id+ kind+ policy_id+\n"
    "guideline rd: category* description* max_per_guideline* max_per_member* name* position*"
    " scoreboard_id+\n"
    "idempotency rd: key+ method+ request_sha256+ response= user_id+\n"
    "import_key:\n"
    "judged_scoreboard r:\n"
    "member r:\n"
    "membership rd: avatar_version= display_name= end_time= flairs= folded= group_id+ next_status= "
    "paced_until="
    " past_posts= posts= sort_key* status= status_time= update_time= user_id+ version=\n"
    "membership_now r:\n"
    "membership_period rd: begin_time* changed_by+ end_time* group_id+ seq+ status+ user_id+\n"
    "notification rd: actor+ detail+ group_id+ kind+ next_time= recipient+ retracts+ subject+ "
    "title+"
    " tries=\n"
    "people_told r: version*\n"
    "person r: avatar_version* display_name* folded* id+ is_deleted* met_by+ sort_key* version*\n"
    "point r: group_id+ guideline_id+ origin_group_id* points* scoreboard_id+ user_id+\n"
    "point_comment rd: closes+ guideline_id+ revision= scoreboard_id+ text* update_time= user_id+"
    " written_by+\n"
    "point_draft r: group_id+ revision* scoreboard_id+ subgroup_id+ update_time=\n"
    "point_draft_cell r: guideline_id+ points* scoreboard_id+ subgroup_id+ user_id+\n"
    "point_history rd: score+ score_max+ semester+ user_id+\n"
    "policy rd: can_issue+ made_by+ name+ parent_id+ unique_key+ version=\n"
    "policy_assignment rd: assigned_by+ policy_id+ user_id+ valid_until+\n"
    "policy_count r:\n"
    "policy_holding r:\n"
    "policy_statement rd: actions* group_id* made_by+ policy_id+ resource* user_id*\n"
    "post rd: given_by+ group_id+ type_id+ user_id+\n"
    "post_type rd: actions+ group_id+ kind+ name+ policy_id= sort_key+ unique_key+\n"
    "realm_group r: archive_id= archived_members_visible= description* folded* foundation_time+"
    " has_transitive_membership* id+ is_archived= is_community* is_resort* is_task_force* mail*"
    " name* parent_id* purpose* sort_key* unique_key* update_time= users_can_apply= version="
    " webpage*\n"
    "realm_state r: collator_version* points_least= points_max= points_responsibility_max="
    " points_score_max= points_time= points_version= points_work_max= search_version= season= "
    "semester= semester_time="
    " semester_version=\n"
    "realm_user r: user_id+\n"
    "scoreboard r: created_by+ entry_status* group_id+ least* point_status* report*"
    " responsibility_max* revision= semester+ submit_time= total_max* update_time= version+"
    " work_max*\n"
    "scoreboard_entry r:\n"
    "scoreboard_member r:\n"
    "scoreboard_message r: scoreboard_id+ text+ user_id+\n"
    "scoreboard_points r:\n"
    "scored_user r:\n"
    "search_gram rd: folded+ gram+ id+ kind+ realm+ sort_key+\n"
    "user_merge r:";

static void application_may_do_the_least_that_works(struct world *w)
{
    /* Months of the audit log come and go; nothing is allowed on them. */
    assert_string_equal(
        world_value(w, "SELECT regexp_replace((%s), E'audit_log_[a-z0-9_]+:\\n', '', 'g')",
                    PG_GRANTS("pek", "pek_app")),
        grants);
    /* It runs no function but what its statements name; and owns nothing. */
    assert_string_equal(
        world_value(
            w, "SELECT coalesce(string_agg(p.proname, ' ' ORDER BY p.proname), '') FROM pg_proc p"
               " WHERE p.pronamespace = 'pek'::regnamespace"
               " AND has_function_privilege('pek_app', p.oid, 'EXECUTE')"),
        "audit_months merge_user point_squares point_total scoreboard_totals search_grams "
        "semester_before");
    assert_string_equal(world_value(w, "SELECT has_schema_privilege('pek_app', 'pek', 'CREATE')"),
                        "f");
}

/* One statement as the application, in realm a: what became of it. */
static const char *as_application(struct world *w, const char *sql)
{
    world_sql(w,
              "DROP TABLE IF EXISTS public.outcome; CREATE TABLE public.outcome (state text);"
              " DO $$ BEGIN SET LOCAL ROLE pek_app; SET LOCAL pek.realm = 'a'; %s; RESET ROLE;"
              " INSERT INTO public.outcome VALUES ('done'); EXCEPTION WHEN OTHERS THEN"
              " RESET ROLE; INSERT INTO public.outcome VALUES (SQLSTATE); END $$",
              sql);
    return world_value(w, "SELECT state FROM public.outcome");
}

/* Who has the application's connection makes no administrator from nothing. */
static void application_makes_no_administrators(struct world *w)
{
    world_god(w, &w->a, "alice");
    static const char *const refused[] = {
        "PERFORM pek.make_god('mallory')",
        "INSERT INTO pek.policy_statement (policy_id, resource, actions) VALUES (1, 'REALM', 4095)",
        "UPDATE pek.policy_statement SET actions = 4095 WHERE policy_id = 1",
        "UPDATE pek.policy SET name = 'GOD'",
        "INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by) SELECT 1, 'm', 'm'",
        "INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by) SELECT 1, 'm', 'n'",
        "UPDATE pek.policy_assignment SET user_id = 'mallory'",
        "UPDATE pek.policy_count SET policies = 0",
        "DELETE FROM pek.audit_log",
        "DELETE FROM pek.realm_group",
        "TRUNCATE pek.policy CASCADE",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_string_equal(as_application(w, refused[i]), "42501");
    assert_string_equal(as_application(w, "INSERT INTO pek.policy_assignment (policy_id, user_id,"
                                          " assigned_by) VALUES (1, 'bob', 'alice')"),
                        "done");
    /* Nobody writes half a GOD, whoever they are. */
    world_sql(w,
              "DO $$ BEGIN INSERT INTO pek.policy_statement (realm, policy_id, group_id, resource,"
              " actions) VALUES ('a', 1, NULL, 'REALM', 2049); RAISE 'written';"
              " EXCEPTION WHEN check_violation THEN NULL; END $$");
    world_sql(w, "DROP TABLE public.outcome");
}

/* ---- two realms ---- */

static enum status in_b(struct world *w, const char *user, const char *slug, const char *name)
{
    group_v1_create_group_request req = GROUP_V1_CREATE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    req.slug = (char *)(uintptr_t)slug;
    req.name = (char *)(uintptr_t)name;
    return group_v1_create_group_call(w->b.channel, &req,
                                      world_metadata(w, &w->b, user, NULL, NULL), 1, WORLD_REST(w),
                                      &res, &w->fault);
}

static void same_group_lives_in_two_realms(struct world *w)
{
    group_v1_group *got;
    group_v1_list_groups_request list = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    world_god(w, &w->a, "alice");
    world_god(w, &w->b, "bea");
    assert_int_equal(world_create(w, "alice", "", "kir-dev", "Kir-Dev"), STATUS_OK);
    assert_int_equal(in_b(w, "bea", "kir-dev", "Kir-Dev"), STATUS_OK);
    assert_int_equal(in_b(w, "bea", "only-b", "Csak itt"), STATUS_OK);
    assert_string_equal(world_list(w, "alice", &list), "kir-dev@kir-dev");
    assert_int_equal(world_get(w, "alice", "only-b@only-b", &got), STATUS_NOT_FOUND);
    /* Rights do not cross, either. */
    assert_int_equal(in_b(w, "alice", "x", "X"), STATUS_PERMISSION_DENIED);
    assert_int_equal(world_get(w, "bea", "kir-dev@kir-dev", &got), STATUS_PERMISSION_DENIED);
    assert_string_equal(world_value(w, "SELECT string_agg(realm || ':' || n, ' ' ORDER BY realm)"
                                       " FROM (SELECT realm, count(*) n FROM pek.realm_group"
                                       " GROUP BY realm) AS counted"),
                        "a:1 b:2");
}

/* ---- sort keys ---- */

static void keys_of_another_collator_are_made_again(struct world *w)
{
    group_v1_list_groups_request list = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    struct text_collator *collator;
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "c", "Cz"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "", "b", "Csak"), STATUS_OK);
    world_sql(w, "INSERT INTO pek.realm_group (realm, id, name, unique_key, folded, sort_key,"
                 " purpose) SELECT 'a', 'x@g' || n, 'G ' || n, 'g ' || n, '', '', 0"
                 " FROM generate_series(1, 1200) n");
    world_sql(w, "UPDATE pek.realm_group SET sort_key = decode(md5(id), 'hex')");
    assert_int_equal(text_collator_new(&collator), STATUS_OK);
    /* The version agrees: nothing to do. */
    assert_int_equal(rekey_names(realm_pg(w->a.realm), &w->cancel, collator), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.realm_group"
                                       " WHERE sort_key <> decode(md5(id), 'hex')"),
                        "0");
    world_sql(w, "UPDATE pek.realm_state SET collator_version = 'older'");
    assert_int_equal(rekey_names(realm_pg(w->a.realm), &w->cancel, collator), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.realm_group"
                                       " WHERE sort_key = decode(md5(id), 'hex') OR folded = ''"),
                        "0");
    list.page_size = 2;
    assert_string_equal(world_list(w, "alice", &list), "c@c b@b");
    assert_string_equal(world_value(w, "SELECT string_agg(collator_version, ' ' ORDER BY realm)"
                                       " FROM pek.realm_state"),
                        arena_printf(w->arena, "%s older", text_collator_version(collator)));
    text_collator_free(collator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(every_table_has_the_realm_first_and_forced_row_security),
        WORLD_TEST(roles_are_bound_by_row_security),
        WORLD_TEST(connection_without_a_realm_sees_and_adds_nothing),
        WORLD_TEST(connection_of_one_realm_cannot_write_into_another),
        WORLD_TEST(application_may_do_the_least_that_works),
        WORLD_TEST(application_makes_no_administrators),
        WORLD_TEST(same_group_lives_in_two_realms),
        WORLD_TEST(keys_of_another_collator_are_made_again),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
