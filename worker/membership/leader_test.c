/* Who leads a group, and how that goes on to somebody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "worker/membership/leader.h"
#include "worker/membership/membership.h"
#include "worker/testing/member_world.h"
#include "worker/testing/policy_world.h"

static const char *leaders(struct world *w)
{
    return world_value(w, "SELECT coalesce(string_agg(a.user_id, ' ' ORDER BY a.user_id), '')"
                          " FROM pek.group_policy l JOIN pek.policy_assignment a"
                          " ON a.policy_id = l.policy_id WHERE l.group_id = 'o@a' AND l.kind = 2");
}

/* dan and eve are members of o@a, dan leads it; alice is GOD. */
static void make_leader(struct world *w)
{
    membership_v1_membership *got;
    make_members(w);
    assert_string_equal(leaders(w), "");
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "AddMember", "eve"), STATUS_OK);
    assert_int_equal(call(w, "alice", "HandOverLeadership", "o@a", "dan", "", NULL, &got),
                     STATUS_OK);
    assert_true(got->is_leader);
}

static void leadership_moves_with_all_its_rights(struct world *w)
{
    make_leader(w);
    assert_string_equal(leaders(w), "dan");
    assert_int_equal(step(w, "dan", "AddMember", "zoe"), STATUS_OK);
    assert_int_equal(step(w, "eve", "AddMember", "zed"), STATUS_PERMISSION_DENIED);
    assert_int_equal(step(w, "dan", "HandOverLeadership", "eve"), STATUS_OK);
    assert_string_equal(leaders(w), "eve");
    assert_int_equal(step(w, "eve", "AddMember", "zed"), STATUS_OK);
    /* A member is what is left, and one sees the group. */
    assert_int_equal(step(w, "dan", "AddMember", "zac"), STATUS_PERMISSION_DENIED);
    assert_int_equal(step(w, "dan", "HandOverLeadership", "zoe"), STATUS_PERMISSION_DENIED);
    assert_string_equal(seen(w, "dan", "o@a"), "dan eve zed zoe");
    assert_string_equal(world_value(w, "SELECT (detail->>'user_id') || (detail->>'leaders')"
                                       " FROM pek.audit_log WHERE action = 'group.handOver'"
                                       " AND actor = 'dan'"),
                        "eve[\"dan\"]");
    assert_string_equal(policy_world_wrongs(w), "");
}

/* On that day, or ("") on none. */
static enum status set_end_as(struct world *w, const char *as, const char *group, const char *user,
                              const char *day)
{
    char *paths[] = {text("end_date")};
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    membership_v1_set_member_dates_request req = MEMBERSHIP_V1_SET_MEMBER_DATES_REQUEST_INIT;
    membership_v1_membership *res;
    req.group_id = text(group);
    req.user_id = text(user);
    req.end_date = text(day);
    mask.paths = paths;
    mask.n_paths = 1;
    req.update_mask = &mask;
    return WORLD_RPC(w, membership_v1, set_member_dates, as, req, res);
}

static enum status set_end(struct world *w, const char *user, const char *day)
{
    return set_end_as(w, "ann", "o@a", user, day);
}

static void leader_stays_until_the_group_is_handed_over(struct world *w)
{
    static const char *const ends[] = {"ArchiveMember", "InactivateMember", "LeaveGroup"};
    make_leader(w);
    for (size_t i = 0; i < 3; i++) {
        const char *as = i < 2 ? "ann" : "dan";
        assert_int_equal(step(w, as, ends[i], "dan"), STATUS_FAILED_PRECONDITION);
        assert_string_equal(w->fault.reason, LEADER_REASON_LEADS);
        assert_string_equal(w->fault.field, "user_id");
    }
    assert_int_equal(set_end(w, "dan", "2199-07-01"), STATUS_FAILED_PRECONDITION);
    assert_int_equal(set_end(w, "eve", "2199-07-01"), STATUS_OK);
    assert_string_equal(state(w, "o@a", "dan"), "C");
    /* Nobody of a batch goes. */
    char *users[] = {text("eve"), text("dan")};
    membership_v1_batch_archive_members_request req =
        MEMBERSHIP_V1_BATCH_ARCHIVE_MEMBERS_REQUEST_INIT;
    membership_v1_batch_archive_members_response *res;
    req.group_id = text("o@a");
    req.user_ids = users;
    req.n_user_ids = 2;
    assert_int_equal(WORLD_RPC(w, membership_v1, batch_archive_members, "ann", req, res),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(state(w, "o@a", "eve"), "C");
    /* Nor by way of the organisation. */
    assert_int_equal(call(w, "ann", "AddMember", "o@o", "dan", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "dan", "LeaveGroup", "o@o", "", "", NULL, NULL),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(state(w, "o@o", "dan"), "C");
    /* Nor does anybody lead it whose membership has its end set. */
    assert_int_equal(step(w, "dan", "HandOverLeadership", "eve"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, LEADER_REASON_ENDS);
    assert_int_equal(set_end(w, "eve", ""), STATUS_OK);
    assert_int_equal(step(w, "dan", "HandOverLeadership", "eve"), STATUS_OK);
    assert_int_equal(call(w, "dan", "LeaveGroup", "o@o", "", "", NULL, NULL), STATUS_OK);
    assert_string_equal(state(w, "o@a", "dan"), "X");
    group_v1_group *group;
    assert_int_equal(world_get(w, "dan", "o@a", &group), STATUS_PERMISSION_DENIED);
}

static void archived_group_keeps_nobody(struct world *w)
{
    group_v1_group *group;
    make_leader(w);
    assert_int_equal(call(w, "ann", "AddMember", "o@o", "dan", "", NULL, NULL), STATUS_OK);
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id = 'o@a'");
    assert_int_equal(step(w, "dan", "HandOverLeadership", "eve"), STATUS_FAILED_PRECONDITION);
    assert_int_equal(call(w, "dan", "LeaveGroup", "o@o", "", "", NULL, NULL), STATUS_OK);
    assert_string_equal(state(w, "o@a", "dan"), "X");
    assert_string_equal(leaders(w), "");
    assert_string_equal(world_value(w, "SELECT actor || target_id || detail FROM pek.audit_log"
                                       " WHERE action = 'group.layDown'"),
                        "dano@a{\"user_id\": \"dan\"}");
    assert_int_equal(world_get(w, "dan", "o@a", &group), STATUS_PERMISSION_DENIED);
    /* Brought back it has no leader, and is given one. */
    world_sql(w, "UPDATE pek.realm_group SET is_archived = false WHERE id = 'o@a'");
    assert_int_equal(step(w, "dan", "AddMember", "zoe"), STATUS_PERMISSION_DENIED);
    assert_int_equal(step(w, "alice", "HandOverLeadership", "eve"), STATUS_OK);
    assert_string_equal(leaders(w), "eve");
    assert_string_equal(policy_world_wrongs(w), "");
}

/* ann and her like edit members, and ole replaces leaders besides. */
static void leader_of_an_archived_group_goes_by_who_may_replace_them(struct world *w)
{
    static const char *const groups[] = {"o@a", "o@o"};
    make_leader(w);
    assert_int_equal(call(w, "ann", "AddMember", "o@o", "dan", "", NULL, NULL), STATUS_OK);
    for (size_t i = 0; i < 2; i++)
        world_sql(w,
                  "UPDATE pek.membership_period SET begin_time = '2020-01-01'"
                  " WHERE user_id = 'dan' AND group_id = '%s'",
                  groups[i]);
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id = 'o@a'");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(call(w, "ann", "ArchiveMember", groups[i], "dan", "", NULL, NULL),
                         STATUS_FAILED_PRECONDITION);
        assert_string_equal(w->fault.reason, LEADER_REASON_LEADS);
        assert_int_equal(set_end_as(w, "ann", groups[i], "dan", "2026-01-02"),
                         STATUS_FAILED_PRECONDITION);
        assert_string_equal(w->fault.reason, LEADER_REASON_LEADS);
    }
    assert_int_equal(set_end_as(w, "ann", "o@o", "dan", "2198-07-01"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, LEADER_REASON_LEADS);
    assert_string_equal(leaders(w), "dan");
    assert_string_equal(state(w, "o@a", "dan"), "C");
    world_grant(w, &w->a, "replaces leaders", "ole", "o@a", EDIT_MEMBERS | 1u << 4);
    assert_int_equal(step(w, "ole", "ArchiveMember", "dan"), STATUS_OK);
    assert_string_equal(leaders(w), "");
    world_sql(w, "UPDATE pek.realm_group SET is_archived = false WHERE id = 'o@a'");
    assert_all_holds(w);
}

static enum status unarchive(struct world *w, const char *as, const char *group, bool cascade)
{
    group_v1_unarchive_group_request req = GROUP_V1_UNARCHIVE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    req.id = text(group);
    req.cascade = cascade;
    return WORLD_CALL(w, unarchive_group, as, req, res);
}

static void leader_of_an_archived_group_leads_it_until_they_leave(struct world *w)
{
    static const char until[] = "SELECT string_agg(coalesce(a.valid_until::text, 'open') || ' ' ||"
                                "   (a.valid_until IS NOT DISTINCT FROM m.end_time), ' ')"
                                "  FROM pek.member m JOIN pek.group_policy l USING (group_id)"
                                "  JOIN pek.policy_assignment a USING (policy_id, user_id)"
                                " WHERE m.user_id = 'dan' AND l.kind = 2";
    make_leader(w);
    assert_int_equal(call(w, "ann", "AddMember", "o@o", "dan", "", NULL, NULL), STATUS_OK);
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id = 'o@a'");
    assert_int_equal(set_end_as(w, "alice", "o@o", "dan", "2198-07-01"), STATUS_OK);
    assert_string_equal(world_value(w, until), "2198-06-30 22:00:00+00 true");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.audit_log"
                                       " WHERE action = 'group.layDown'"),
                        "0");
    assert_string_equal(state(w, "o@a", "dan"), "C");
    /* It is the plan that ends: without it they go on. */
    assert_int_equal(set_end_as(w, "alice", "o@o", "dan", ""), STATUS_OK);
    assert_int_equal(unarchive(w, "dan", "o@a", false), STATUS_OK);
    assert_string_equal(world_value(w, until), "open true");
    assert_int_equal(step(w, "dan", "AddMember", "zoe"), STATUS_OK);
    assert_all_holds(w);
}

/* dan leads o@a and leaves the organisation on a day to come; o@b below it has nobody. */
static void group_comes_back_with_a_leader_who_stays(struct world *w)
{
    group_v1_archive_group_request req = GROUP_V1_ARCHIVE_GROUP_REQUEST_INIT;
    group_v1_group *group;
    make_leader(w);
    assert_int_equal(call(w, "ann", "AddMember", "o@o", "dan", "", NULL, NULL), STATUS_OK);
    req.id = text("o@o");
    req.cascade = true;
    assert_int_equal(WORLD_CALL(w, archive_group, "alice", req, group), STATUS_OK);
    assert_int_equal(unarchive(w, "alice", "o@o", false), STATUS_OK);
    assert_int_equal(set_end_as(w, "alice", "o@o", "dan", "2198-07-01"), STATUS_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(unarchive(w, i ? "alice" : "dan", "o@a", false),
                         STATUS_FAILED_PRECONDITION);
        assert_string_equal(w->fault.reason, LEADER_REASON_ENDS);
        assert_string_equal(w->fault.field, "id");
        assert_non_null(strstr(w->fault.text, " dan, who leads o@a,"));
    }
    assert_int_equal(world_get(w, "alice", "o@a", &group), STATUS_OK);
    assert_true(group->is_archived);
    /* Nor with others. */
    world_sql(w, "UPDATE pek.realm_group AS o SET is_archived = true, archive_id = a.archive_id"
                 " FROM pek.realm_group AS a WHERE o.id = 'o@o' AND a.id = 'o@a'");
    assert_int_equal(unarchive(w, "alice", "o@o", true), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, LEADER_REASON_ENDS);
    assert_int_equal(unarchive(w, "alice", "o@o", false), STATUS_OK);
    /* Who has left leads nothing. */
    assert_int_equal(step(w, "dan", "LeaveGroup", ""), STATUS_OK);
    assert_int_equal(unarchive(w, "alice", "o@a", true), STATUS_OK);
    assert_string_equal(leaders(w), "");
    assert_int_equal(step(w, "alice", "HandOverLeadership", "eve"), STATUS_OK);
    assert_all_holds(w);
}

static void only_members_lead_and_nobody_takes_it(struct world *w)
{
    make_leader(w);
    assert_int_equal(step(w, "bob", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(step(w, "dan", "HandOverLeadership", "bob"), STATUS_ABORTED);
    assert_int_equal(step(w, "dan", "HandOverLeadership", "nobody"), STATUS_ABORTED);
    assert_string_equal(w->fault.reason, MEMBERSHIP_REASON_STATUS);
    assert_int_equal(step(w, "dan", "HandOverLeadership", "dan"), STATUS_PERMISSION_DENIED);
    assert_int_equal(step(w, "ann", "HandOverLeadership", "eve"), STATUS_PERMISSION_DENIED);
    assert_int_equal(call(w, "dan", "HandOverLeadership", "o@a", "eve", "x", NULL, NULL),
                     STATUS_ABORTED);
    /* What one has in a group opens none beside it. */
    assert_int_equal(call(w, "dan", "HandOverLeadership", "o@o", "eve", "", NULL, NULL),
                     STATUS_PERMISSION_DENIED);
    assert_string_equal(leaders(w), "dan");
}

static void group_whose_leader_vanished_is_given_one_from_above(struct world *w)
{
    make_leader(w);
    world_grant(w, &w->a, "replaces leaders", "ole", "o@o", 1u | 1u << 2 | 1u << 4);
    world_sql(w, "DELETE FROM pek.policy_assignment WHERE user_id = 'dan'");
    assert_string_equal(leaders(w), "");
    assert_int_equal(step(w, "ole", "AddMember", "zoe"), STATUS_PERMISSION_DENIED);
    assert_int_equal(step(w, "ole", "HandOverLeadership", "eve"), STATUS_OK);
    assert_string_equal(leaders(w), "eve");
    world_sql(w, "DELETE FROM pek.policy WHERE name = 'GOD in o@a'");
    assert_int_equal(step(w, "ole", "HandOverLeadership", "dan"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, LEADER_REASON_NOBODY);
}

/* Of whom the hub told that they deleted their account: they begin nothing any more. */
static void nobody_who_is_gone_begins_anything(struct world *w)
{
    make_leader(w);
    world_sql(w, "UPDATE pek.person SET is_deleted = true"
                 " WHERE realm = 'a' AND id = 'eve'");
    assert_int_equal(step(w, "dan", "HandOverLeadership", "eve"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "USER_DELETED");
    assert_int_equal(step(w, "ann", "ArchiveMember", "eve"), STATUS_OK);
    assert_int_equal(step(w, "ann", "AddMember", "eve"), STATUS_FAILED_PRECONDITION);
    assert_int_equal(step(w, "ann", "UnarchiveMember", "eve"), STATUS_FAILED_PRECONDITION);
    assert_int_equal(step(w, "dan", "HandOverLeadership", "me"), STATUS_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(leadership_moves_with_all_its_rights),
        WORLD_TEST(leader_stays_until_the_group_is_handed_over),
        WORLD_TEST(archived_group_keeps_nobody),
        WORLD_TEST(leader_of_an_archived_group_goes_by_who_may_replace_them),
        WORLD_TEST(leader_of_an_archived_group_leads_it_until_they_leave),
        WORLD_TEST(group_comes_back_with_a_leader_who_stays),
        WORLD_TEST(only_members_lead_and_nobody_takes_it),
        WORLD_TEST(group_whose_leader_vanished_is_given_one_from_above),
        WORLD_TEST(nobody_who_is_gone_begins_anything),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
