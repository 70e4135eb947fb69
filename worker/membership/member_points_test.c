/* Points keep a membership from ending behind the judges' backs, and an application from being as if it had not been. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/membership/member_points.h"
#include "worker/testing/evaluation_world.h"

static void assert_refused(struct world *w, enum status status, const char *reason)
{
    assert_int_equal(status, STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, reason);
    assert_string_equal(w->fault.field, "user_id");
}

static void nobody_leaves_while_their_points_wait(struct world *w)
{
    make_evaluation(w);
    assert_int_equal(call(w, "ann", "AddMember", "o@o", "dan", "", NULL, NULL), STATUS_OK);
    const evaluation_v1_scoreboard *board = opened(w);
    const char *work = board->guidelines[0]->id;
    assert_int_equal(set_points(w, "lea", board, "dan", work, 5, ""), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "eve", work, 0, ""), STATUS_OK);
    set_status(w, board, SUBMITTED);
    assert_refused(w, step(w, "dan", "LeaveGroup", ""), MEMBER_POINTS_REASON_WAIT);
    /* Nor by way of the organisation. */
    assert_refused(w, call(w, "dan", "LeaveGroup", "o@o", "", "", NULL, NULL),
                   MEMBER_POINTS_REASON_WAIT);
    assert_string_equal(state(w, "o@o", "dan"), "C");
    assert_string_equal(state(w, "o@a", "dan"), "C");
    /* Who has none of them goes, and so does everybody whom a manager sends away. */
    assert_int_equal(step(w, "eve", "LeaveGroup", ""), STATUS_OK);
    assert_int_equal(step(w, "ann", "ArchiveMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "UnarchiveMember", "dan"), STATUS_OK);
    /* Off season nobody judges them, nor in an archived group. */
    set_season(w, "2024-2025/1", OFF);
    assert_int_equal(step(w, "dan", "LeaveGroup", ""), STATUS_OK);
    set_season(w, "2024-2025/1", APPLICATION);
    assert_int_equal(step(w, "ann", "UnarchiveMember", "dan"), STATUS_OK);
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id = 'o@a'");
    assert_int_equal(step(w, "dan", "LeaveGroup", ""), STATUS_OK);
    world_sql(w, "UPDATE pek.realm_group SET is_archived = false WHERE id = 'o@a'");
    assert_int_equal(step(w, "ann", "UnarchiveMember", "dan"), STATUS_OK);
    /* In another semester nobody judges them. */
    set_season(w, "2024-2025/2", APPLICATION);
    assert_int_equal(step(w, "dan", "LeaveGroup", ""), STATUS_OK);
    assert_all_holds(w);
}

static void they_leave_before_and_afterwards(struct world *w)
{
    static const evaluation_v1_evaluation_status statuses[] = {OPEN, ACCEPTED, REJECTED};
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(set_points(w, "lea", board, "dan", board->guidelines[0]->id, 5, ""),
                     STATUS_OK);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        set_status(w, board, statuses[i]);
        assert_int_equal(step(w, "dan", "LeaveGroup", ""), STATUS_OK);
        assert_int_equal(step(w, "ann", "UnarchiveMember", "dan"), STATUS_OK);
    }
}

static void who_has_points_does_not_apply_as_if_it_had_not_been(struct world *w)
{
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    const char *work = board->guidelines[0]->id;
    assert_int_equal(set_points(w, "lea", board, "dan", work, 5, ""), STATUS_OK);
    assert_int_equal(set_points(w, "lea", board, "eve", work, 0, ""), STATUS_OK);
    assert_int_equal(step(w, "dan", "LeaveGroup", ""), STATUS_OK);
    assert_int_equal(step(w, "eve", "LeaveGroup", ""), STATUS_OK);
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(step(w, "eve", "ApplyForMembership", ""), STATUS_OK);
    assert_refused(w, step(w, "dan", "WithdrawApplication", ""), MEMBER_POINTS_REASON_SOME);
    assert_refused(w, step(w, "ann", "RejectMember", "dan"), MEMBER_POINTS_REASON_SOME);
    assert_string_equal(state(w, "o@a", "dan"), "A");
    assert_int_equal(step(w, "ann", "ArchiveMember", "dan"), STATUS_OK);
    /* A 0 is no points. */
    assert_int_equal(step(w, "ann", "RejectMember", "eve"), STATUS_OK);
    assert_string_equal(state(w, "o@a", "eve"), "X");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(nobody_leaves_while_their_points_wait),
        WORLD_TEST(they_leave_before_and_afterwards),
        WORLD_TEST(who_has_points_does_not_apply_as_if_it_had_not_been),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
