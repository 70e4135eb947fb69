/* The audit log is thinned by age, for one realm, when the operator says so, and says so itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/pg_cluster.h"
#include "worker/realm/audit_prune.h"
#include "worker/testing/member_world.h"

#define VIEW_SCORES (1u << 5)

static char told[512];

static void tell(void *arg, const char *month, int64_t rows)
{
    size_t len = strlen(told);
    (void)arg;
    snprintf(told + len, sizeof(told) - len, "%s%s:%lld", len ? " " : "", month, (long long)rows);
}

static enum status prune(struct world *w, const char *realm, const char *before, bool confirmed,
                         int64_t *ret_rows)
{
    told[0] = '\0';
    return audit_prune(pg_cluster_conninfo(w->cluster), realm, before, confirmed, tell, NULL,
                       ret_rows, &w->fault);
}

/* A row a day of two winters, in realm a and in realm b, of group o@a. */
static void make_old(struct world *w)
{
    world_sql(
        w, "SET ROLE pek_owner; SELECT pek.audit_month(d::date) FROM generate_series(timestamp "
           "'2020-11-01',"
           " timestamp '2021-02-01', interval '1 month') AS d; RESET ROLE;"
           " INSERT INTO pek.audit_log (realm, create_time, actor, action, target_kind, target_id)"
           " SELECT r, d, 'old', 'group.update', 'group', 'o@a' FROM unnest('{a,b}'::text[]) r,"
           " generate_series(timestamptz '2020-11-01 12:00+00', timestamptz '2021-02-28 12:00+00',"
           " interval '1 day') AS d WHERE r = 'a' OR d < '2021-01-01'");
}

#define OLD(realm)                                                                                 \
    "SELECT coalesce(string_agg(month || ':' || n, ' ' ORDER BY month), '') FROM ("                \
    " SELECT to_char(create_time AT TIME ZONE 'UTC', 'YYYY-MM') AS month, count(*) AS n"           \
    "   FROM pek.audit_log WHERE realm = '" realm "' AND actor = 'old' GROUP BY 1) AS m"
#define MONTHS                                                                                     \
    "SELECT string_agg(right(relname, 7), ' ' ORDER BY relname) FROM pg_class"                     \
    " WHERE relnamespace = 'pek'::regnamespace AND relkind = 'r' AND relname ~ "                   \
    "'^audit_log_202[01]'"

static void drop_old(struct world *w)
{
    world_sql(w, "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class"
                 " WHERE relnamespace = 'pek'::regnamespace AND relname ~ '^audit_log_202[01]_..$'"
                 " LOOP EXECUTE format('DROP TABLE %%s', t); END LOOP; END $$");
}

static void it_says_what_would_go_and_does_it_when_told_to(struct world *w)
{
    int64_t rows = -1;
    make_old(w);
    assert_int_equal(prune(w, "a", "2021-02-10", false, &rows), STATUS_OK);
    assert_int_equal(rows, 101);
    /* Midnight in Budapest: noon of the ninth is the last. */
    assert_string_equal(told, "2020-11:30 2020-12:31 2021-01:31 2021-02:9");
    assert_string_equal(world_value(w, OLD("a")), "2020-11:30 2020-12:31 2021-01:31 2021-02:28");
    assert_int_equal(prune(w, "a", "2021-02-10", true, &rows), STATUS_OK);
    assert_int_equal(rows, 101);
    assert_string_equal(world_value(w, OLD("a")), "2021-02:19");
    assert_string_equal(world_value(w,
                                    "SELECT actor || ' ' || target_id || ' ' ||"
                                    " (detail->>'rows') || ' ' || (detail->>'before')::timestamptz"
                                    "  FROM pek.audit_log WHERE action = 'audit.prune'"),
                        world_value(w, "SELECT 'operator a 101 ' ||"
                                       " timestamptz '2021-02-09 23:00+00'"));
    /* Once more there is nothing, and nothing to tell. */
    assert_int_equal(prune(w, "a", "2021-02-10", true, &rows), STATUS_OK);
    assert_int_equal(rows, 0);
    assert_string_equal(
        world_value(w, "SELECT count(*) FROM pek.audit_log WHERE action = 'audit.prune'"), "1");
    drop_old(w);
}

/* A month that another realm has something in stays for it; the others go whole. */
static void the_other_realm_keeps_all(struct world *w)
{
    int64_t rows;
    make_old(w);
    assert_int_equal(prune(w, "a", "2021-02-10", true, &rows), STATUS_OK);
    assert_string_equal(world_value(w, OLD("b")), "2020-11:30 2020-12:31");
    assert_string_equal(world_value(w, MONTHS), "2020_11 2020_12 2021_02");
    /* Those that stayed are as they were. */
    assert_string_equal(world_value(w,
                                    "SELECT bool_and(relforcerowsecurity) FROM pg_class"
                                    " WHERE relname LIKE 'audit_log%%' AND relkind IN ('r', 'p')"),
                        "t");
    assert_int_equal(prune(w, "b", "2021-03-01", true, &rows), STATUS_OK);
    assert_int_equal(rows, 61);
    assert_string_equal(world_value(w, MONTHS), "2021_02");
    assert_string_equal(world_value(w, OLD("a")), "2021-02:19");
    drop_old(w);
}

static void what_is_no_past_day_is_refused(struct world *w)
{
    static const char *const bad[] = {"",           "2021",       "2021-13-01", "2021-02-31",
                                      "2021/02/01", "2999-01-01", "now",        "2021-02-01x"};
    int64_t rows;
    make_old(w);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(prune(w, "a", bad[i], true, &rows), STATUS_INVALID_ARGUMENT);
        assert_string_equal(w->fault.field, "before");
    }
    assert_string_equal(world_value(w, OLD("a")), "2020-11:30 2020-12:31 2021-01:31 2021-02:28");
    drop_old(w);
}

/* Pages that were begun go on, and end where the log now begins; what must hold still does. */
static void history_that_is_read_goes_on(struct world *w)
{
    group_v1_list_group_history_request req = GROUP_V1_LIST_GROUP_HISTORY_REQUEST_INIT;
    Pek__Cursor after = PEK__CURSOR__INIT;
    const char *method = "/pek.group.v1.GroupService/ListGroupHistory", *id, *all = "";
    int64_t rows;
    size_t pages = 0;
    make_members(w);
    world_grant(w, &w->a, "edits", "ann", "o@a", VIEW_GROUP | VIEW_SCORES);
    world_sql(w, "SELECT setval('pek.audit_log_seq', 1000)");
    make_old(w);
    world_sql(w, "UPDATE pek.audit_log SET id = id - 1000 WHERE actor = 'old'");
    assert_int_equal(step(w, "ann", "AddMember", "bob"), STATUS_OK);
    req.group_id = text("o@a");
    req.page_size = 1;
    while (*(id = world_items(w, "ann", method, &req.base, "id"))) {
        all = arena_printf(w->arena, "%s%s%s", all, *all ? " " : "", id);
        after.id = text(id);
        req.after = &after;
        if (++pages == 10)
            assert_int_equal(prune(w, "a", "2021-02-10", true, &rows), STATUS_OK);
    }
    req.after = NULL;
    req.page_size = 0;
    assert_string_equal(all, world_items(w, "ann", method, &req.base, "id"));
    assert_int_equal(pages, 1 + 1 + 19); /* added, made, and what is left of February */
    drop_old(w);
}

/* The checker compares memberships with what the log says last; of what was said before that time there is nothing. */
static void what_must_hold_still_does(struct world *w)
{
    int64_t rows;
    make_members(w);
    assert_int_equal(step(w, "ann", "AddMember", "bob"), STATUS_OK);
    assert_int_equal(step(w, "alice", "HandOverLeadership", "bob"), STATUS_OK);
    assert_int_equal(call(w, "ann", "AddMember", "o@o", "bob", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "HandOverLeadership", "o@o", "bob", "", NULL, NULL),
                     STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "bob", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "HandOverLeadership", "o@b", "bob", "", NULL, NULL),
                     STATUS_OK);
    assert_all_holds(w);
    /* All of it was two years ago. */
    world_sql(w, "UPDATE pek.audit_log SET create_time = create_time - interval '2 years';"
                 " UPDATE pek.membership SET update_time = update_time - interval '2 years',"
                 "  create_time = create_time - interval '2 years'");
    assert_all_holds(w);
    assert_int_equal(
        prune(w, "a", world_value(w, "SELECT to_char(now() - interval '1 year', 'YYYY-MM-DD')"),
              true, &rows),
        STATUS_OK);
    assert_true(rows > 0);
    assert_all_holds(w);
    /* What changed since, and was not written down, is still found. */
    world_sql(w, "UPDATE pek.membership SET update_time = now() WHERE group_id = 'o@b'");
    assert_int_equal(broken_invariants(w), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(it_says_what_would_go_and_does_it_when_told_to),
        WORLD_TEST(the_other_realm_keeps_all),
        WORLD_TEST(what_is_no_past_day_is_refused),
        WORLD_TEST(history_that_is_read_goes_on),
        WORLD_TEST(what_must_hold_still_does),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
