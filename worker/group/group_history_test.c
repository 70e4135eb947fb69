/* What the history of a group says, and to whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/group/group.h"
#include "worker/group/group_store.h"
#include "worker/testing/member_world.h"

#define VIEW_SCORES (1u << 5)

static const char *history(struct world *w, const char *as, int32_t size, const char *field)
{
    group_v1_list_group_history_request req = GROUP_V1_LIST_GROUP_HISTORY_REQUEST_INIT;
    req.group_id = text("o@a");
    req.page_size = size;
    return world_items(w, as, "/pek.group.v1.GroupService/ListGroupHistory", &req.base, field);
}

static void make_history(struct world *w)
{
    make_members(w);
    world_grant(w, &w->a, "sees", "sue", "o@a", VIEW_MEMBERS | VIEW_GROUP | VIEW_SCORES);
    world_grant(w, &w->a, "edits", "ann", "o@a", VIEW_GROUP | VIEW_SCORES);
    assert_int_equal(step(w, "bob", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(step(w, "ann", "AcceptMember", "bob"), STATUS_OK);
    assert_int_equal(step(w, "alice", "HandOverLeadership", "bob"), STATUS_OK);
    /* Of other groups and other realms. */
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "zed", "", NULL, NULL), STATUS_OK);
    world_sql(w, "INSERT INTO pek.audit_log (realm, actor, action, target_kind, target_id)"
                 " VALUES ('b', 'eve', 'group.create', 'group', 'o@a')");
}

static void the_latest_is_first_and_members_are_for_editors(struct world *w)
{
    make_history(w);
    assert_string_equal(history(w, "ann", 0, "action"),
                        "group.handOver membership.accept membership.apply group.create");
    assert_string_equal(history(w, "ann", 0, "actor"), "alice ann bob alice");
    assert_string_equal(history(w, "ann", 2, "action"), "group.handOver membership.accept");
    assert_string_equal(history(w, "sue", 0, "action"), "group.handOver group.create");
    assert_string_equal(history(w, "bob", 0, "action"),
                        "group.handOver membership.accept membership.apply group.create");
    assert_string_equal(history(w, "vic", 0, "action"), "PERMISSION_DENIED");
}

/* Every position leads on to what was before it. */
static void pages_join(struct world *w)
{
    group_v1_list_group_history_request req = GROUP_V1_LIST_GROUP_HISTORY_REQUEST_INIT;
    Pek__Cursor after = PEK__CURSOR__INIT;
    const char *method = "/pek.group.v1.GroupService/ListGroupHistory", *all = "", *id;
    make_history(w);
    req.group_id = text("o@a");
    req.page_size = 1;
    while (*(id = world_items(w, "ann", method, &req.base, "id"))) {
        all = arena_printf(w->arena, "%s%s%s", all, *all ? " " : "", id);
        after.id = text(id);
        req.after = &after;
    }
    assert_string_equal(all, history(w, "ann", 0, "id"));
}

/* Pages that a page of the history touches, as the application. */
static int pages_of_history(struct world *w)
{
    int pages = 0;
    const char *plan = world_value(
        w,
        "SET ROLE pek_app; SET pek.realm = 'a'; SET plan_cache_mode = force_generic_plan;"
        " PREPARE asked AS %s; EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON)"
        " EXECUTE asked ('', '', false, 'o@a', '{group,membership}', 21)",
        group_store_list_history.sql);
    const char *hit = strstr(plan, "\"Shared Hit Blocks\": ");
    assert_non_null(hit);
    assert_int_equal(sscanf(hit, "\"Shared Hit Blocks\": %d", &pages), 1);
    return pages;
}

/* As many as before of others' are not looked at. */
static void it_costs_its_page_whatever_others_did(struct world *w)
{
    static const char log[] =
        "INSERT INTO pek.audit_log (realm, actor, action, target_kind, target_id)"
        " SELECT 'a', 'eve', 'group.update', 'group', %s"
        " FROM generate_series(1, %d) n; ANALYZE pek.audit_log";
    make_history(w);
    world_sql(w, log, "'o@a'", 500);
    int few = pages_of_history(w);
    world_sql(w, log, "'p@p' || n % 1000", 100000);
    int many = pages_of_history(w);
    print_message("pages of a history: %d, and %d among 100 000 others\n", few, many);
    assert_true(few <= 40 && many <= few + 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(the_latest_is_first_and_members_are_for_editors),
        WORLD_TEST(pages_join),
        WORLD_TEST(it_costs_its_page_whatever_others_did),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
