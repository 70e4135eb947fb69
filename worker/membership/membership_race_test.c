/* Memberships that several managers change at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pek/membership/v1/post.rpc.h"
#include "worker/membership/post.h"
#include "worker/rights/policy.h"
#include "worker/testing/member_world.h"

static struct world *shared_world;
static enum status outcomes[8];

static enum status call_in_fiber(const char *as, const char *method, const char *group,
                                 const char *user)
{
    struct world *w = shared_world;
    membership_v1_accept_member_request req = MEMBERSHIP_V1_ACCEPT_MEMBER_REQUEST_INIT;
    const char *path = arena_printf(w->arena, MEMBERS("%s"), method);
    const struct rpc_method *found = rpc_host_method(realm_host(w->a.realm), slice_str(path));
    struct fault fault = {0};
    ProtobufCMessage *res;
    req.group_id = text(group);
    req.user_id = text(user);
    return rpc_call_unary(w->a.channel, found, &req.base, WORLD_AS(w, as), WORLD_REST(w), &res,
                          &fault);
}

static enum status step_in_fiber(const char *as, const char *method, const char *user)
{
    return call_in_fiber(as, method, "o@a", user);
}

/* A manager each: what one user does at once waits for its turn. */
static const char *manager(size_t index)
{
    return arena_printf(shared_world->arena, "manager-%zu", index);
}

static void make_managers(struct world *w)
{
    shared_world = w;
    make_members(w);
    for (size_t i = 0; i < 8; i++)
        world_grant(w, &w->a, manager(i), manager(i), "o@a", EDIT_MEMBERS);
}

static void accept_dan(struct fiber_run *run, size_t index)
{
    (void)run;
    outcomes[index] = step_in_fiber(manager(index), "AcceptMember", "dan");
}

static void accept_or_reject(struct fiber_run *run, size_t index)
{
    (void)run;
    outcomes[index] =
        step_in_fiber(manager(index), index % 2 ? "RejectMember" : "AcceptMember", "dan");
}

static void apply_eve(struct fiber_run *run, size_t index)
{
    (void)run;
    outcomes[index] = step_in_fiber("eve", "ApplyForMembership", "");
}

static int outcomes_of_8(enum status wanted)
{
    int found = 0;
    for (size_t i = 0; i < 8; i++)
        found += outcomes[i] == wanted;
    return found;
}

static void one_of_many_at_once_takes_the_step(struct world *w)
{
    make_managers(w);
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_OK);
    fiber_run_parallel(w->run, 8, accept_dan);
    assert_int_equal(outcomes_of_8(STATUS_OK), 1);
    assert_int_equal(outcomes_of_8(STATUS_ABORTED), 7);
    assert_int_equal(step(w, "ann", "ArchiveMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_OK);
    fiber_run_parallel(w->run, 8, accept_or_reject);
    assert_int_equal(outcomes_of_8(STATUS_OK), 1);
    assert_int_equal(outcomes_of_8(STATUS_ABORTED), 7);
    fiber_run_parallel(w->run, 8, apply_eve);
    assert_int_equal(outcomes_of_8(STATUS_OK), 1);
    assert_int_equal(outcomes_of_8(STATUS_ALREADY_EXISTS), 7);
    assert_all_holds(w);
}

/* Everybody does something to three people of one group at once. */
static void do_anything(struct fiber_run *run, size_t index)
{
    static const char *const methods[] = {"AcceptMember",     "RejectMember",  "PromoteMember",
                                          "InactivateMember", "ArchiveMember", "ReactivateMember",
                                          "UnarchiveMember",  "AddMember"};
    static const char *const users[] = {"u1", "u2", "u3"};
    unsigned random = (unsigned)index * 2654435761u + 17;
    (void)run;
    outcomes[index] = STATUS_OK;
    for (int i = 0; i < 20; i++) {
        random = random * 1103515245u + 12345;
        const char *user = users[(random >> 16) % 3];
        unsigned what = (random >> 20) % 10;
        enum status status = what < 8 ? step_in_fiber(manager(index), methods[what], user)
                                      : step_in_fiber(user, "ApplyForMembership", "");
        /* FAILED_PRECONDITION: it began too often today. RESOURCE_EXHAUSTED: on a busy machine the others held the group for
         * longer than one waits for it. */
        if (status != STATUS_OK && status != STATUS_ABORTED && status != STATUS_ALREADY_EXISTS &&
            status != STATUS_FAILED_PRECONDITION && status != STATUS_RESOURCE_EXHAUSTED)
            outcomes[index] = status;
    }
}

static void any_steps_at_once_leave_whole_memberships(struct world *w)
{
    make_managers(w);
    fiber_run_parallel(w->run, 8, do_anything);
    assert_int_equal(outcomes_of_8(STATUS_OK), 8);
    assert_all_holds(w);
}

static void add_another(struct fiber_run *run, size_t index)
{
    (void)run;
    outcomes[index] = step_in_fiber(manager(index), "AddMember",
                                    arena_printf(shared_world->arena, "new-%zu", index));
}

static void first_members_at_once_make_one_policy(struct world *w)
{
    make_managers(w);
    /* Whether they meet is chance. */
    for (int round = 0; round < 10; round++) {
        world_sql(w, "DELETE FROM pek.membership WHERE realm = 'a' AND group_id = 'o@a';"
                     "DELETE FROM pek.policy WHERE realm = 'a' AND name LIKE 'Members of %%'");
        fiber_run_parallel(w->run, 8, add_another);
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(outcomes[i], STATUS_OK);
        assert_string_equal(world_value(w,
                                        "SELECT count(*) || ' ' || count(DISTINCT policy_id)"
                                        " FROM pek.policy_assignment WHERE user_id LIKE 'new-%%'"),
                            "8 1");
    }
}

static void hand_over(struct fiber_run *run, size_t index)
{
    (void)run;
    outcomes[index] = step_in_fiber(manager(index), "HandOverLeadership",
                                    arena_printf(shared_world->arena, "new-%zu", index));
}

static void leadership_handed_over_at_once_has_one_winner(struct world *w)
{
    make_managers(w);
    fiber_run_parallel(w->run, 8, add_another);
    for (size_t i = 0; i < 8; i++)
        world_grant(w, &w->a, arena_printf(w->arena, "replaces-%zu", i), manager(i), "o@a",
                    1u << 4);
    for (int round = 0; round < 5; round++) {
        size_t done = 0;
        fiber_run_parallel(w->run, 8, hand_over);
        for (size_t i = 0; i < 8; i++) {
            assert_true(outcomes[i] == STATUS_OK || outcomes[i] == STATUS_ABORTED);
            done += outcomes[i] == STATUS_OK;
        }
        assert_true(done >= 1);
        assert_string_equal(world_value(w, "SELECT count(*) FROM pek.group_policy l"
                                           " JOIN pek.policy_assignment a ON a.policy_id ="
                                           " l.policy_id WHERE l.group_id = 'o@a' AND l.kind = 2"),
                            "1");
    }
}

static void hand_over_again(struct fiber_run *run, size_t index)
{
    (void)run;
    outcomes[index] = step_in_fiber("new-0", "HandOverLeadership",
                                    arena_printf(shared_world->arena, "new-%zu", index + 1));
}

/* By one leader, to several at once: with the first they lead it no more. */
static void leader_hands_over_once(struct world *w)
{
    size_t done = 0;
    make_managers(w);
    fiber_run_parallel(w->run, 8, add_another);
    assert_int_equal(step(w, "alice", "HandOverLeadership", "new-0"), STATUS_OK);
    fiber_run_parallel(w->run, 7, hand_over_again);
    for (size_t i = 0; i < 7; i++) {
        assert_true(outcomes[i] == STATUS_OK || outcomes[i] == STATUS_ABORTED ||
                    outcomes[i] == STATUS_PERMISSION_DENIED);
        done += outcomes[i] == STATUS_OK;
    }
    assert_int_equal(done, 1);
}

static void make_post_type(struct fiber_run *run, size_t index)
{
    struct world *w = shared_world;
    membership_v1_create_post_type_request req = MEMBERSHIP_V1_CREATE_POST_TYPE_REQUEST_INIT;
    membership_v1_post_type *res;
    struct fault fault = {0};
    (void)run;
    req.group_id = text("o@a");
    req.name = arena_printf(w->arena, "Type %zu", index);
    outcomes[index] = membership_v1_create_post_type_call(
        w->a.channel, &req, WORLD_AS(w, manager(index)), WORLD_REST(w), &res, &fault);
}

/* What is counted and then written is counted by one at a time. */
static void limit_holds_for_those_who_come_at_once(struct world *w)
{
    make_managers(w);
    for (size_t i = 0; i < 8; i++)
        world_grant(w, &w->a, arena_printf(w->arena, "all-%zu", i), manager(i), "o@a",
                    POLICY_ACTIONS_ALL);
    for (int round = 0; round < 5; round++) {
        world_sql(w,
                  "DELETE FROM pek.post_type WHERE realm = 'a' AND kind = 5;"
                  "INSERT INTO pek.post_type"
                  " (realm, group_id, kind, name, unique_key, sort_key, actions)"
                  " SELECT 'a', 'o@a', 5, 'x' || n, 'x' || n, '', 0 FROM generate_series(2, %d) n",
                  POST_TYPES_MAX);
        fiber_run_parallel(w->run, 8, make_post_type);
        assert_int_equal(outcomes_of_8(STATUS_OK), 1);
        assert_int_equal(outcomes_of_8(STATUS_FAILED_PRECONDITION), 7);
    }
}

static const char *const below[] = {"o@a", "o@b", "o@c"};
static struct {
    const char *user, *end;
} leaver;

/* "" takes the end back. */
static enum status set_end_in_organisation(const char *as)
{
    struct world *w = shared_world;
    membership_v1_set_member_dates_request req = MEMBERSHIP_V1_SET_MEMBER_DATES_REQUEST_INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    char *fields[] = {text("end_date")};
    membership_v1_membership *res;
    struct fault fault = {0};
    mask.paths = fields;
    mask.n_paths = 1;
    req.group_id = text("o@o");
    req.user_id = text(leaver.user);
    req.end_date = text(leaver.end);
    req.update_mask = &mask;
    return membership_v1_set_member_dates_call(w->a.channel, &req, WORLD_AS(w, as), WORLD_REST(w),
                                               &res, &fault);
}

static void come_below_or_end(struct fiber_run *run, size_t index)
{
    (void)run;
    outcomes[index] = index < 3
                          ? call_in_fiber(manager(index), "AddMember", below[index], leaver.user)
                          : set_end_in_organisation(manager(index));
}

/* An end in the organisation is set, or taken back, while its owner comes into groups below it. */
static void end_in_the_organisation_is_that_of_who_comes_meanwhile(struct world *w)
{
    make_managers(w);
    assert_int_equal(world_create(w, "alice", "o@o", "c", "C"), STATUS_OK);
    world_grant(w, &w->a, "of b", manager(1), "o@b", EDIT_MEMBERS);
    world_grant(w, &w->a, "of c", manager(2), "o@c", EDIT_MEMBERS);
    world_grant(w, &w->a, "of o", manager(3), "o@o", EDIT_MEMBERS);
    /* Whether they meet is chance. */
    for (int round = 0; round < 20; round++) {
        leaver.user = arena_printf(w->arena, "leaver-%d", round);
        leaver.end = "2199-07-01";
        assert_int_equal(call(w, "ann", "AddMember", "o@o", leaver.user, "", NULL, NULL),
                         STATUS_OK);
        if (round % 2) {
            assert_int_equal(set_end_in_organisation("ann"), STATUS_OK);
            leaver.end = "";
        }
        fiber_run_parallel(w->run, 4, come_below_or_end);
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(outcomes[i], STATUS_OK);
        assert_string_equal(
            world_value(w,
                        "SELECT count(*) || ' ' || count(DISTINCT coalesce(end_time, 'infinity'))"
                        " FROM pek.member WHERE user_id = '%s'",
                        leaver.user),
            "4 1");
    }
    assert_all_holds(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(one_of_many_at_once_takes_the_step),
        WORLD_TEST(any_steps_at_once_leave_whole_memberships),
        WORLD_TEST(first_members_at_once_make_one_policy),
        WORLD_TEST(limit_holds_for_those_who_come_at_once),
        WORLD_TEST(leadership_handed_over_at_once_has_one_winner),
        WORLD_TEST(leader_hands_over_once),
        WORLD_TEST(end_in_the_organisation_is_that_of_who_comes_meanwhile),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
