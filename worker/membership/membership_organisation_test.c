/* Who leaves an organisation leaves what is below it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/membership/membership.h"
#include "worker/testing/member_world.h"

static void who_leaves_the_organisation_leaves_its_groups(struct world *w)
{
    membership_v1_set_member_dates_request req = MEMBERSHIP_V1_SET_MEMBER_DATES_REQUEST_INIT;
    membership_v1_membership *got;
    make_members(w);
    for (int i = 1; i <= 3; i++) {
        const char *user = arena_printf(w->arena, "u%d", i);
        assert_int_equal(call(w, "ann", "AddMember", "o@o", user, "", NULL, NULL), STATUS_OK);
        assert_int_equal(call(w, "ann", "AddMember", "o@a", user, "", NULL, NULL), STATUS_OK);
    }
    assert_int_equal(call(w, "u1", "ApplyForMembership", "o@b", "", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "u1", "LeaveGroup", "o@o", "", "", NULL, NULL), STATUS_OK);
    assert_string_equal(state(w, "o@a", "u1"), "X");
    assert_string_equal(state(w, "o@b", "u1"), "A");
    assert_int_equal(call(w, "ann", "ArchiveMember", "o@o", "u2", "", NULL, NULL), STATUS_OK);
    assert_string_equal(state(w, "o@a", "u2"), "X");
    assert_string_equal(state(w, "o@a", "u3"), "C");
    /* On a day to come there as well; who leaves a group stays in the organisation. */
    req.group_id = text("o@o");
    req.user_id = text("u3");
    req.end_date = text("2199-07-01");
    assert_int_equal(WORLD_RPC(w, membership_v1, set_member_dates, "ann", req, got), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT string_agg(group_id || extract(year FROM end_time),"
                                       " ' ' ORDER BY group_id) FROM pek.member"
                                       " WHERE user_id = 'u3'"),
                        "o@a2199 o@o2199");
    req.end_date = text("2198-07-01");
    req.group_id = text("o@a");
    assert_int_equal(WORLD_RPC(w, membership_v1, set_member_dates, "ann", req, got), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT string_agg(group_id || extract(year FROM end_time),"
                                       " ' ' ORDER BY group_id) FROM pek.member"
                                       " WHERE user_id = 'u3'"),
                        "o@a2198 o@o2199");
    /* But in none longer than there. */
    req.end_date = text("2199-08-01");
    assert_int_equal(WORLD_RPC(w, membership_v1, set_member_dates, "ann", req, got), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT count(DISTINCT end_time)::text FROM pek.member"
                                       " WHERE user_id = 'u3'"),
                        "1");
    req.end_date = text("");
    assert_int_equal(WORLD_RPC(w, membership_v1, set_member_dates, "ann", req, got), STATUS_OK);
    assert_non_null(got->end_time);
    req.end_date = text("2198-07-01");
    assert_int_equal(WORLD_RPC(w, membership_v1, set_member_dates, "ann", req, got), STATUS_OK);
    /* Nor does who comes into one later stay longer. */
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "u3", "", NULL, &got), STATUS_OK);
    assert_non_null(got->end_time);
    assert_string_equal(world_value(w, "SELECT string_agg(group_id || extract(year FROM end_time),"
                                       " ' ' ORDER BY group_id) FROM pek.member"
                                       " WHERE user_id = 'u3'"),
                        "o@a2198 o@b2199 o@o2199");
    assert_all_holds(w);
}

/* o@a was moved to the top level: o@b is below it still, and o@o is another organisation. */
static void organisation_is_the_top_of_the_tree_and_not_of_the_id(struct world *w)
{
    membership_v1_set_member_dates_request req = MEMBERSHIP_V1_SET_MEMBER_DATES_REQUEST_INIT;
    membership_v1_membership *got;
    static const char *const groups[] = {"o@o", "o@a", "o@b"};
    make_members(w);
    for (int i = 0; i < 9; i++) {
        const char *user = arena_printf(w->arena, "u%d", 1 + i % 3);
        assert_int_equal(call(w, "alice", "AddMember", groups[i / 3], user, "", NULL, NULL),
                         STATUS_OK);
    }
    world_sql(w, "UPDATE pek.realm_group SET parent_id = NULL WHERE id = 'o@a'");
    assert_int_equal(call(w, "ann", "ArchiveMember", "o@a", "u1", "", NULL, NULL), STATUS_OK);
    assert_string_equal(state(w, "o@b", "u1"), "X");
    assert_string_equal(state(w, "o@o", "u1"), "C");
    assert_int_equal(call(w, "u2", "LeaveGroup", "o@o", "", "", NULL, NULL), STATUS_OK);
    assert_string_equal(state(w, "o@a", "u2"), "C");
    assert_string_equal(state(w, "o@b", "u2"), "C");
    /* So it is with a day to come, also of who comes later. */
    req.user_id = text("u3");
    for (size_t i = 0; i < 2; i++) {
        req.group_id = text(groups[i]);
        req.end_date = text(i ? "2199-07-01" : "2198-07-01");
        assert_int_equal(WORLD_RPC(w, membership_v1, set_member_dates, "ann", req, got), STATUS_OK);
    }
    static const char ends[] = "SELECT string_agg(group_id || extract(year FROM end_time), ' '"
                               " ORDER BY group_id) FROM pek.member WHERE user_id = 'u3'";
    assert_string_equal(world_value(w, ends), "o@a2199 o@b2199 o@o2198");
    assert_int_equal(call(w, "alice", "ArchiveMember", "o@b", "u3", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "u3", "", NULL, NULL), STATUS_OK);
    assert_string_equal(world_value(w, ends), "o@a2199 o@b2199 o@o2198");
    assert_all_holds(w);
}

/* One of the two; an empty end is none. */
static enum status set_day_as(struct world *w, const char *group, const char *user,
                              const char *begin, const char *end, membership_v1_member_status then)
{
    char *fields[] = {text(begin[0] ? "begin_date" : "end_date")};
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    membership_v1_set_member_dates_request req = MEMBERSHIP_V1_SET_MEMBER_DATES_REQUEST_INIT;
    membership_v1_membership *got;
    mask.paths = fields;
    mask.n_paths = 1;
    req.group_id = text(group);
    req.user_id = text(user);
    req.begin_date = text(begin);
    req.end_date = text(end);
    req.end_status = then;
    req.update_mask = &mask;
    return WORLD_RPC(w, membership_v1, set_member_dates, "alice", req, got);
}

static enum status set_day(struct world *w, const char *group, const char *user, const char *begin,
                           const char *end)
{
    return set_day_as(w, group, user, begin, end, 0);
}

/* u1 is a former member of the organisation and stays in the group; u2 left both, and came back to the group. */
static void day_that_is_corrected_ends_nothing_of_now(struct world *w)
{
    static const char *const groups[] = {"o@o", "o@a"};
    make_members(w);
    for (int i = 0; i < 6; i++) {
        const char *user = arena_printf(w->arena, "u%d", 1 + i % 3);
        assert_int_equal(call(w, "ann", "AddMember", groups[i / 3], user, "", NULL, NULL),
                         STATUS_OK);
        assert_int_equal(set_day(w, groups[i / 3], user, "2020-01-01", ""), STATUS_OK);
    }
    assert_int_equal(call(w, "ann", "InactivateMember", "o@o", "u1", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "ann", "ArchiveMember", "o@o", "u2", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "ann", "AddMember", "o@a", "u2", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "HandOverLeadership", "o@a", "u2", "", NULL, NULL),
                     STATUS_OK);
    for (int i = 1; i <= 2; i++) {
        const char *user = arena_printf(w->arena, "u%d", i);
        assert_int_equal(set_day(w, "o@o", user, "", "2021-01-01"), STATUS_OK);
        assert_string_equal(state(w, "o@a", user), "C");
    }
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.membership_period WHERE group_id"
                                       " = 'o@o' AND status > 3 AND begin_time < '2021-01-02'"),
                        "2");
    /* Who is a member leaves on a day of the past as well. */
    assert_int_equal(set_day(w, "o@o", "u3", "", "2022-01-01"), STATUS_OK);
    assert_string_equal(state(w, "o@a", "u3"), "X");
    assert_all_holds(w);
}

static const char *ends(struct world *w, const char *user)
{
    return world_value(w,
                       "SELECT string_agg(concat_ws(' ', group_id, extract(year FROM end_time),"
                       "   nullif(next_status::text, '5')), ', ' ORDER BY group_id)"
                       " FROM pek.member WHERE user_id = '%s'",
                       user);
}

static void end_that_is_moved_or_taken_back_is_so_below(struct world *w)
{
    static const char *const groups[] = {"o@o", "o@a", "o@b"};
    make_members(w);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(call(w, "alice", "AddMember", groups[i], "u1", "", NULL, NULL), STATUS_OK);
    assert_int_equal(set_day(w, "o@a", "u1", "", "2198-07-01"), STATUS_OK);
    assert_int_equal(set_day(w, "o@b", "u1", "", "2195-07-01"), STATUS_OK);
    assert_int_equal(set_day(w, "o@o", "u1", "", "2197-07-01"), STATUS_OK);
    assert_string_equal(ends(w, "u1"), "o@a 2197, o@b 2195, o@o 2197");
    assert_int_equal(set_day(w, "o@o", "u1", "", "2199-07-01"), STATUS_OK);
    assert_string_equal(ends(w, "u1"), "o@a 2199, o@b 2195, o@o 2199");
    assert_int_equal(set_day(w, "o@o", "u1", "", "2193-07-01"), STATUS_OK);
    assert_string_equal(ends(w, "u1"), "o@a 2193, o@b 2193, o@o 2193");
    assert_int_equal(set_day(w, "o@o", "u1", "", ""), STATUS_OK);
    assert_string_equal(ends(w, "u1"), "o@a, o@b, o@o");
    /* o@a's own day is lost, which its history says. */
    assert_string_equal(world_value(w, "SELECT string_agg(substr(action, 12), ' ' ORDER BY id)"
                                       " FROM pek.group_history WHERE group_id = 'o@a'"
                                       "  AND user_id = 'u1'"),
                        "add setDates leaveOrganisation leaveOrganisation leaveOrganisation"
                        " setDates");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.policy_assignment"
                                       " WHERE user_id = 'u1' AND valid_until IS NOT NULL"),
                        "0");
    assert_all_holds(w);
}

/* u2 is a newcomer of the organisation. */
static void plan_that_a_step_replaces_is_none_below(struct world *w)
{
    static const char *const steps[] = {"PromoteMember", "InactivateMember"};
    make_members(w);
    assert_int_equal(call(w, "u2", "ApplyForMembership", "o@o", "", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "ann", "AcceptMember", "o@o", "u2", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "ann", "AddMember", "o@a", "u2", "", NULL, NULL), STATUS_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(set_day(w, "o@o", "u2", "", "2199-07-01"), STATUS_OK);
        assert_string_equal(ends(w, "u2"), "o@a 2199, o@o 2199");
        assert_int_equal(call(w, "ann", steps[i], "o@o", "u2", "", NULL, NULL), STATUS_OK);
        assert_string_equal(ends(w, "u2"), "o@a, o@o");
    }
    assert_all_holds(w);
}

static void former_member_of_the_organisation_stays_in_its_groups(struct world *w)
{
    static const char *const groups[] = {"o@o", "o@a"};
    const membership_v1_member_status former = MEMBERSHIP_V1_MEMBER_STATUS_FORMER;
    make_members(w);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(call(w, "ann", "AddMember", groups[i], "u1", "", NULL, NULL), STATUS_OK);
        assert_int_equal(set_day(w, groups[i], "u1", "2020-01-01", ""), STATUS_OK);
    }
    assert_int_equal(set_day(w, "o@o", "u1", "", "2199-07-01"), STATUS_OK);
    assert_string_equal(ends(w, "u1"), "o@a 2199, o@o 2199");
    assert_int_equal(set_day_as(w, "o@o", "u1", "", "2199-07-01", former), STATUS_OK);
    assert_string_equal(ends(w, "u1"), "o@a, o@o 2199 4");
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "u1", "", NULL, NULL), STATUS_OK);
    assert_string_equal(ends(w, "u1"), "o@a, o@b, o@o 2199 4");
    assert_int_equal(set_day_as(w, "o@o", "u1", "", "2022-01-01", former), STATUS_OK);
    assert_string_equal(state(w, "o@o", "u1"), "F");
    assert_string_equal(state(w, "o@a", "u1"), "C");
    assert_all_holds(w);
}

static void who_leaves_founds_nothing(struct world *w)
{
    make_members(w);
    world_grant(w, &w->a, "Founder", "dan", "o@a", 2047);
    assert_int_equal(call(w, "ann", "AddMember", "o@o", "dan", "", NULL, NULL), STATUS_OK);
    assert_int_equal(set_day(w, "o@o", "dan", "", "2199-07-01"), STATUS_OK);
    assert_int_equal(world_create(w, "dan", "o@a", "c", "C"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "MEMBERSHIP_ENDS");
    assert_string_equal(w->fault.field, "parent_id");
    assert_int_equal(set_day(w, "o@o", "dan", "", ""), STATUS_OK);
    assert_int_equal(world_create(w, "dan", "o@a", "c", "C"), STATUS_OK);
    assert_all_holds(w);
}

/* Members by hand: u1 to u`people` are active in o@o and in `groups` groups below it, which have nobody else. */
static void make_many(struct world *w, int groups, int people)
{
    make_members(w);
    world_sql(w,
              "SET pek.realm = 'a';"
              "INSERT INTO pek.realm_group (id, parent_id, name, unique_key, folded, sort_key,"
              " purpose) SELECT 'o@g' || n, 'o@o', 'G' || n, 'g' || n, '', '', 0"
              "   FROM generate_series(1, %d) n;"
              "INSERT INTO pek.person (id, display_name, folded, sort_key)"
              " SELECT 'u' || n, 'U' || n, 'u' || n, '' FROM generate_series(1, %d) n;"
              "INSERT INTO pek.membership (group_id, user_id, sort_key)"
              " SELECT g.id, p.id, '\x01' FROM pek.realm_group g, pek.person p"
              "  WHERE p.id LIKE 'u%%' AND (g.id = 'o@o' OR g.id LIKE 'o@g%%');"
              "INSERT INTO pek.membership_period (group_id, user_id, seq, status, begin_time,"
              " changed_by) SELECT m.group_id, m.user_id, 1, 3, '2020-01-01', 'x'"
              "   FROM pek.membership m",
              groups, people);
}

static enum status archive_first(struct world *w, int people)
{
    membership_v1_batch_archive_members_request req =
        MEMBERSHIP_V1_BATCH_ARCHIVE_MEMBERS_REQUEST_INIT;
    membership_v1_batch_archive_members_response *got;
    char *users[MEMBERSHIP_BATCH_MAX];
    for (int i = 0; i < people; i++)
        users[i] = arena_printf(w->arena, "u%d", i + 1);
    req.group_id = text("o@o");
    req.user_ids = users;
    req.n_user_ids = (size_t)people;
    return WORLD_RPC(w, membership_v1, batch_archive_members, "ann", req, got);
}

/* u1 applies to the organisation, u2 is a member of it and u3 a former one; all are members below. */
static void application_that_is_archived_ends_nothing_below(struct world *w)
{
    make_members(w);
    for (int i = 1; i <= 3; i++) {
        const char *user = arena_printf(w->arena, "u%d", i);
        assert_int_equal(call(w, "ann", "AddMember", "o@a", user, "", NULL, NULL), STATUS_OK);
        if (i > 1)
            assert_int_equal(call(w, "ann", "AddMember", "o@o", user, "", NULL, NULL), STATUS_OK);
    }
    assert_int_equal(call(w, "ann", "InactivateMember", "o@o", "u3", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "u1", "ApplyForMembership", "o@o", "", "", NULL, NULL), STATUS_OK);
    assert_int_equal(archive_first(w, 3), STATUS_OK);
    assert_string_equal(state(w, "o@o", "u1"), "X");
    assert_string_equal(state(w, "o@a", "u1"), "C");
    assert_string_equal(state(w, "o@a", "u2"), "X");
    assert_string_equal(state(w, "o@a", "u3"), "X");
    assert_all_holds(w);
}

/* How often a statement of the change wrote the log. */
static const char *log_writes(struct world *w, int people)
{
    world_sql(w, "ALTER SEQUENCE public.log_writes RESTART");
    assert_int_equal(archive_first(w, people), STATUS_OK);
    return world_value(w, "SELECT last_value FROM public.log_writes");
}

static void people_leave_each_group_together(struct world *w)
{
    membership_v1_batch_add_members_request req = MEMBERSHIP_V1_BATCH_ADD_MEMBERS_REQUEST_INIT;
    membership_v1_batch_add_members_response *got;
    char *users[] = {text("u1"), text("u2"), text("u3")};
    make_many(w, 3, 4);
    world_sql(w, "CREATE SEQUENCE public.log_writes;"
                 "CREATE FUNCTION public.count_log() RETURNS trigger LANGUAGE plpgsql"
                 " SECURITY DEFINER AS"
                 "  'BEGIN PERFORM nextval(''public.log_writes''); RETURN NULL; END';"
                 "CREATE TRIGGER log_writes AFTER INSERT ON pek.audit_log"
                 " FOR EACH STATEMENT EXECUTE FUNCTION public.count_log()");
    assert_string_equal(log_writes(w, 1), "4");
    world_sql(w, "UPDATE pek.membership_period SET status = 3 WHERE user_id = 'u1'");
    assert_string_equal(log_writes(w, 3), "4");
    assert_string_equal(state(w, "o@g3", "u3"), "X");
    assert_string_equal(state(w, "o@g3", "u4"), "C");
    /* As they come in with an end. */
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(call(w, "ann", "AddMember", "o@o", users[i], "", NULL, NULL), STATUS_OK);
        assert_int_equal(
            set_day(w, "o@o", users[i], "", arena_printf(w->arena, "219%d-07-01", 7 + (int)i % 2)),
            STATUS_OK);
    }
    world_sql(w, "ALTER SEQUENCE public.log_writes RESTART");
    req.group_id = text("o@a");
    req.user_ids = users;
    req.n_user_ids = 3;
    assert_int_equal(WORLD_RPC(w, membership_v1, batch_add_members, "ann", req, got), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT last_value FROM public.log_writes"), "2");
    assert_string_equal(ends(w, "u2"), "o@a 2198, o@g1, o@g2, o@g3, o@o 2198");
    assert_string_equal(ends(w, "u3"), "o@a 2197, o@g1, o@g2, o@g3, o@o 2197");
    world_sql(w, "DROP TRIGGER log_writes ON pek.audit_log; DROP FUNCTION public.count_log();"
                 "DROP SEQUENCE public.log_writes");
}

static void more_than_a_change_does_is_refused_and_never_one_person(struct world *w)
{
    make_many(w, MEMBERSHIP_BELOW_PEOPLE_MAX + 1, 2);
    assert_int_equal(archive_first(w, 2), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, MEMBERSHIP_REASON_BELOW);
    assert_string_equal(state(w, "o@o", "u1"), "C");
    assert_int_equal(archive_first(w, 1), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT string_agg(DISTINCT status::text, ' ')"
                                       " FROM pek.member WHERE user_id = 'u1'"),
                        "5");
}

static void one_who_is_in_many_groups_keeps_nobody_else(struct world *w)
{
    make_many(w, MEMBERSHIP_BELOW_MAX, 2);
    world_sql(w, "SET pek.realm = 'a'; DELETE FROM pek.membership"
                 " WHERE user_id = 'u2' AND group_id NOT IN ('o@o', 'o@g1')");
    assert_int_equal(archive_first(w, 2), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT string_agg(DISTINCT status::text, ' ')"
                                       " FROM pek.member WHERE user_id IN ('u1', 'u2')"),
                        "5");
}

static void nobody_is_brought_into_more_than_they_leave(struct world *w)
{
    make_many(w, MEMBERSHIP_BELOW_MAX, 1);
    assert_int_equal(call(w, "ann", "AddMember", "o@a", "u1", "", NULL, NULL),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, MEMBERSHIP_REASON_BELOW);
    assert_string_equal(w->fault.field, "user_id");
    /* One more of an organisation of its own, or of the one itself. */
    world_sql(w, "UPDATE pek.realm_group SET parent_id = NULL WHERE id = 'o@a'");
    assert_int_equal(call(w, "ann", "AddMember", "o@a", "u1", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "ann", "ArchiveMember", "o@a", "u1", "", NULL, NULL), STATUS_OK);
    world_sql(w, "UPDATE pek.realm_group SET parent_id = 'o@o' WHERE id = 'o@a'");
    world_sql(w, "SET pek.realm = 'a'; DELETE FROM pek.membership WHERE group_id = 'o@o'");
    assert_int_equal(call(w, "ann", "AddMember", "o@o", "u1", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "u1", "LeaveGroup", "o@g1", "", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "ann", "AddMember", "o@a", "u1", "", NULL, NULL), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(who_leaves_the_organisation_leaves_its_groups),
        WORLD_TEST(organisation_is_the_top_of_the_tree_and_not_of_the_id),
        WORLD_TEST(day_that_is_corrected_ends_nothing_of_now),
        WORLD_TEST(end_that_is_moved_or_taken_back_is_so_below),
        WORLD_TEST(plan_that_a_step_replaces_is_none_below),
        WORLD_TEST(former_member_of_the_organisation_stays_in_its_groups),
        WORLD_TEST(application_that_is_archived_ends_nothing_below),
        WORLD_TEST(people_leave_each_group_together),
        WORLD_TEST(more_than_a_change_does_is_refused_and_never_one_person),
        WORLD_TEST(one_who_is_in_many_groups_keeps_nobody_else),
        WORLD_TEST(nobody_is_brought_into_more_than_they_leave),
        WORLD_TEST(who_leaves_founds_nothing),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
