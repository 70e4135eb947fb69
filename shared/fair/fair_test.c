/* Who gets which place, in what order. Nothing here looks at a clock but the waits of fibers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <uv.h>

#include "shared/base/clock.h"
#include "shared/fair/fair.h"

#define CROWD 60

static struct fair fair;
static struct fiber_event event;

static void open_fair(size_t places, size_t places_per_user, size_t waiting,
                      size_t waiting_per_user)
{
    const struct fair_limits limits = {places, places_per_user, waiting, waiting_per_user};
    assert_int_equal(fair_init(&fair, &limits), STATUS_OK);
}

static enum fair_answer enter(const char *user, struct fair_ticket *ticket)
{
    *ticket = (struct fair_ticket){0};
    return fair_enter(&fair, slice_str(user), ticket, &event);
}

static void nobody_holds_more_than_their_share(void **state)
{
    struct fair_ticket tickets[10], other;
    (void)state;
    open_fair(8, 3, 100, 100);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(enter("a", &tickets[i]), i < 3 ? FAIR_ANSWER_IN : FAIR_ANSWER_WAITS);
    assert_int_equal(enter("b", &other), FAIR_ANSWER_IN);
    assert_int_equal(fair.held, 4);
    fair_leave(&fair, &tickets[0]);
    assert_int_equal(tickets[3].state, FAIR_IN); /* the next of the same line */
    assert_int_equal(tickets[4].state, FAIR_WAITS);
    fair_leave(&fair, &tickets[7]); /* out of the middle of the line */
    for (size_t i = 0; i < 10; i++)
        fair_leave(&fair, &tickets[i]);
    fair_leave(&fair, &other);
    fair_leave(&fair, &other);
    fair_done(&fair);
}

/* The factor that one user's crowd costs another: one place, not one a request. */
static void crowd_delays_another_by_one_place(void **state)
{
    static struct fair_ticket crowd[CROWD];
    struct fair_ticket other;
    size_t given = 0; /* places that the crowd got before the other */
    (void)state;
    open_fair(1, 1, 1000, 100);
    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(enter("crowd", &crowd[i]), i == 0 ? FAIR_ANSWER_IN : FAIR_ANSWER_WAITS);
    assert_int_equal(enter("other", &other), FAIR_ANSWER_WAITS);
    while (other.state != FAIR_IN)
        fair_leave(&fair, &crowd[given++]);
    assert_true(given <= 2);
    fair_leave(&fair, &other);
    assert_int_equal(crowd[given].state, FAIR_IN);
    while (given < CROWD)
        fair_leave(&fair, &crowd[given++]);
    fair_done(&fair);
}

static void places_go_round_the_users(void **state)
{
    struct fair_ticket first, tickets[3][3];
    static const char *const names[] = {"a", "b", "c"};
    char order[10] = "";
    (void)state;
    open_fair(1, 1, 100, 100);
    assert_int_equal(enter("z", &first), FAIR_ANSWER_IN);
    for (size_t user = 0; user < 3; user++) /* all of a before all of b before all of c */
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(enter(names[user], &tickets[user][i]), FAIR_ANSWER_WAITS);
    fair_leave(&fair, &first);
    for (size_t n = 0; n < 9; n++) {
        for (size_t at = 0; at < 9; at++) {
            struct fair_ticket *ticket = &tickets[at / 3][at % 3];
            if (ticket->state != FAIR_IN)
                continue;
            order[n] = names[at / 3][0];
            fair_leave(&fair, ticket);
            break;
        }
    }
    assert_string_equal(order, "abcabcabc");
    fair_done(&fair);
}

static void lines_are_bounded_together_and_each(void **state)
{
    struct fair_ticket in, tickets[6];
    (void)state;
    open_fair(1, 1, 3, 2);
    assert_int_equal(enter("a", &in), FAIR_ANSWER_IN);
    assert_int_equal(enter("a", &tickets[0]), FAIR_ANSWER_WAITS);
    assert_int_equal(enter("a", &tickets[1]), FAIR_ANSWER_WAITS);
    assert_int_equal(enter("a", &tickets[2]), FAIR_ANSWER_USER_FULL);
    assert_int_equal(enter("b", &tickets[3]), FAIR_ANSWER_WAITS);
    assert_int_equal(enter("c", &tickets[4]), FAIR_ANSWER_FULL);
    assert_int_equal(fair.waiting, 3);
    fair_leave(&fair, &tickets[3]);
    assert_int_equal(enter("c", &tickets[4]), FAIR_ANSWER_WAITS);
    fair_leave(&fair, &in);
    for (size_t i = 0; i < 5; i++)
        fair_leave(&fair, &tickets[i]);
    fair_done(&fair);
}

static void nobody_by_name_has_no_share_of_their_own(void **state)
{
    struct fair_ticket tickets[4], other;
    (void)state;
    open_fair(4, 1, 100, 1);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(enter("", &tickets[i]), FAIR_ANSWER_IN);
    assert_false(fair_is_crowd(&tickets[3]));
    assert_int_equal(enter("a", &other), FAIR_ANSWER_WAITS);
    fair_leave(&fair, &tickets[0]);
    assert_int_equal(other.state, FAIR_IN);
    for (size_t i = 1; i < 4; i++)
        fair_leave(&fair, &tickets[i]);
    fair_leave(&fair, &other);
    fair_done(&fair);
}

static void crowd_is_one_until_its_last_has_left(void **state)
{
    struct fair_ticket tickets[FAIR_CROWD + 1], other;
    (void)state;
    open_fair(100, 50, 100, 100);
    for (size_t i = 0; i < FAIR_CROWD; i++)
        enter("a", &tickets[i]);
    assert_false(fair_is_crowd(&tickets[0]));
    enter("a", &tickets[FAIR_CROWD]);
    enter("b", &other);
    for (size_t i = 0; i <= FAIR_CROWD; i++) { /* to the last of them */
        assert_true(fair_is_crowd(&tickets[i]));
        fair_leave(&fair, &tickets[i]);
    }
    assert_false(fair_is_crowd(&other));
    fair_leave(&fair, &other);
    enter("a", &tickets[0]);
    assert_false(fair_is_crowd(&tickets[0]));
    fair_leave(&fair, &tickets[0]);
    fair_done(&fair);
}

/* ---- fibers -------------------------------------------------------------------------------------- */

static uv_loop_t loop;
static struct fibers *fibers;

static void body(void *arg)
{
    struct fair_ticket held = {0}, ticket = {0};
    struct cancel cancel;
    (void)arg;
    cancel_init(&cancel, DEADLINE_NONE);
    cancel.user = SLICE_LIT("a");
    assert_int_equal(fair_wait(&fair, &cancel, 1000, &held), STATUS_OK);
    assert_int_equal(fair_wait(&fair, &cancel, 5, &ticket), STATUS_RESOURCE_EXHAUSTED);
    assert_int_equal(ticket.state, FAIR_OUT);
    cancel.deadline_us = deadline_after_ms(5);
    assert_int_equal(fair_wait(&fair, &cancel, 60000, &ticket), STATUS_RESOURCE_EXHAUSTED);
    cancel_fire(&cancel);
    assert_int_equal(fair_wait(&fair, &cancel, 60000, &ticket), STATUS_CANCELLED);
    assert_int_equal(fair.waiting, 0);
    fair_leave(&fair, &held);
    assert_int_equal(fair.held, 0);
}

static void wait_ends_with_a_place_or_with_its_reason(void **state)
{
    (void)state;
    open_fair(1, 1, 10, 10);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(fibers_new(&loop, NULL, &fibers), STATUS_OK);
    assert_int_equal(fiber_go(fibers, body, NULL), STATUS_OK);
    while (fibers_count(fibers) > 0)
        uv_run(&loop, UV_RUN_ONCE);
    fibers_free(fibers);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    fair_done(&fair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_holds_more_than_their_share),
        cmocka_unit_test(crowd_delays_another_by_one_place),
        cmocka_unit_test(places_go_round_the_users),
        cmocka_unit_test(lines_are_bounded_together_and_each),
        cmocka_unit_test(nobody_by_name_has_no_share_of_their_own),
        cmocka_unit_test(crowd_is_one_until_its_last_has_left),
        cmocka_unit_test(wait_ends_with_a_place_or_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
