/* What the history of a group says, and to whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "worker/group/group.h"
#include "worker/testing/member_world.h"

#define VIEW_SCORES (1u << 5)

static const char *history(struct world *w, const char *as, int32_t size, const char *field)
{
    group_v1_list_group_history_request req = GROUP_V1_LIST_GROUP_HISTORY_REQUEST_INIT;
    req.id = text("o@a");
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
    req.id = text("o@a");
    req.page_size = 1;
    while (*(id = world_items(w, "ann", method, &req.base, "id"))) {
        all = arena_printf(w->arena, "%s%s%s", all, *all ? " " : "", id);
        after.id = text(id);
        req.after = &after;
    }
    assert_string_equal(all, history(w, "ann", 0, "id"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(the_latest_is_first_and_members_are_for_editors),
        WORLD_TEST(pages_join),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
