/* Who is a member sees their group, as long as they are one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "worker/testing/member_world.h"
#include "worker/testing/policy_world.h"

static enum status sees_group(struct world *w, const char *user, const char *id)
{
    group_v1_group *group;
    return world_get(w, user, id, &group);
}

static const char *holders(struct world *w)
{
    return world_value(w, "SELECT coalesce(string_agg(a.user_id, ' ' ORDER BY a.user_id), '')"
                          " FROM pek.group_policy l JOIN pek.policy_assignment a"
                          " ON a.policy_id = l.policy_id WHERE l.group_id = 'o@a' AND l.kind = 1");
}

static void member_sees_their_group_as_long_as_they_are_one(struct world *w)
{
    static const struct {
        const char *as, *step, *user, *state;
        bool sees;
    } life[] = {
        {"dan", "ApplyForMembership", "", "A", false},
        {"ann", "AcceptMember", "dan", "N", true},
        {"ann", "PromoteMember", "dan", "C", true},
        {"ann", "InactivateMember", "dan", "F", false},
        {"ann", "ReactivateMember", "dan", "C", true},
        {"ann", "ArchiveMember", "dan", "X", false},
        {"ann", "UnarchiveMember", "dan", "C", true},
        {"dan", "LeaveGroup", "", "X", false},
        {"dan", "ApplyForMembership", "", "A", false},
        {"ann", "RejectMember", "dan", "X", false},
        {"ann", "AddMember", "dan", "C", true},
    };
    make_members(w);
    assert_int_equal(step(w, "ann", "AddMember", "eve"), STATUS_OK);
    for (size_t i = 0; i < sizeof(life) / sizeof(life[0]); i++) {
        assert_int_equal(step(w, life[i].as, life[i].step, life[i].user), STATUS_OK);
        assert_string_equal(state(w, "o@a", "dan"), life[i].state);
        assert_int_equal(sees_group(w, "dan", "o@a"),
                         life[i].sees ? STATUS_OK : STATUS_PERMISSION_DENIED);
        assert_string_equal(members(w, "dan", "o@a", MEMBERSHIP_V1_MEMBER_STATUS_ACTIVE, "user_id"),
                            !life[i].sees                     ? "PERMISSION_DENIED"
                            : strcmp(life[i].state, "C") == 0 ? "dan eve"
                                                              : "eve");
        assert_string_equal(holders(w), life[i].sees ? "dan eve" : "eve");
        /* That group, to see it, and nothing else. */
        assert_int_equal(sees_group(w, "dan", "o@b"), STATUS_PERMISSION_DENIED);
        assert_int_equal(step(w, "dan", "AddMember", "zoe"), STATUS_PERMISSION_DENIED);
    }
    assert_string_equal(policy_world_wrongs(w), "");
}

static void set_end(struct world *w, const char *end)
{
    membership_v1_set_member_dates_request req = MEMBERSHIP_V1_SET_MEMBER_DATES_REQUEST_INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    membership_v1_membership *res;
    char *paths[] = {text("end_date")};
    mask.paths = paths;
    mask.n_paths = 1;
    req.group_id = text("o@a");
    req.user_id = text("dan");
    req.end_date = text(end);
    req.update_mask = &mask;
    assert_int_equal(WORLD_RPC(w, membership_v1, set_member_dates, "ann", req, res), STATUS_OK);
}

static const char *end_of_right(struct world *w)
{
    return world_value(w, "SELECT coalesce(max(coalesce((valid_until AT TIME ZONE 'UTC')::text,"
                          " 'none')), 'no right') FROM pek.policy_assignment"
                          " WHERE user_id = 'dan'");
}

static void right_ends_on_the_day_that_the_membership_does(struct world *w)
{
    make_members(w);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_OK);
    assert_string_equal(end_of_right(w), "none");
    set_end(w, "2199-07-01");
    assert_string_equal(end_of_right(w), "2199-06-30 22:00:00");
    set_end(w, "2199-08-01");
    assert_string_equal(end_of_right(w), "2199-07-31 22:00:00");
    /* Becoming something else replaces what was planned. */
    assert_int_equal(step(w, "ann", "InactivateMember", "dan"), STATUS_OK);
    assert_string_equal(end_of_right(w), "no right");
    assert_int_equal(step(w, "ann", "ReactivateMember", "dan"), STATUS_OK);
    assert_string_equal(end_of_right(w), "none");
    set_end(w, "2199-07-01");
    set_end(w, "");
    assert_string_equal(end_of_right(w), "none");
    assert_int_equal(sees_group(w, "dan", "o@a"), STATUS_OK);
}

/* Names of policies are free, and say nothing. */
static void policy_of_that_name_is_not_the_members(struct world *w)
{
    const char *id;
    make_members(w);
    assert_int_equal(policy_world_child(w, "alice", policy_world_id(w, "GOD"), "Members of o@a",
                                        false, (struct given){NULL, NULL, 7}, &id),
                     STATUS_OK);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "AddMember", "eve"), STATUS_OK);
    assert_string_equal(holders(w), "dan eve");
    assert_int_equal(sees_group(w, "dan", "o@a"), STATUS_OK);
    assert_int_equal(sees_group(w, "dan", "o@o"), STATUS_PERMISSION_DENIED);
}

static void who_was_a_member_before_there_was_a_policy_gets_it(struct world *w)
{
    make_members(w);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_OK);
    world_sql(w, "DELETE FROM pek.policy WHERE name = 'Members of o@a'");
    assert_int_equal(sees_group(w, "dan", "o@a"), STATUS_PERMISSION_DENIED);
    assert_int_equal(step(w, "ann", "AddMember", "eve"), STATUS_OK);
    assert_string_equal(holders(w), "dan eve");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(member_sees_their_group_as_long_as_they_are_one),
        WORLD_TEST(right_ends_on_the_day_that_the_membership_does),
        WORLD_TEST(policy_of_that_name_is_not_the_members),
        WORLD_TEST(who_was_a_member_before_there_was_a_policy_gets_it),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
