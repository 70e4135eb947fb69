#include "hub/federation/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct fault refused(enum status status)
{
    struct fault fault;
    (void)fault_set(&fault, status, NULL, "%s", status_name(status));
    return fault;
}

#define FAULTS_MAX 3

static size_t most_useful(const struct fault *faults, size_t count)
{
    const struct fault *all[FAULTS_MAX];
    for (size_t i = 0; i < count; i++)
        all[i] = &faults[i];
    return outcome_most_useful(all, count);
}

static const struct fault *all_refusal(const struct fault *faults, size_t count)
{
    const struct fault *all[FAULTS_MAX];
    for (size_t i = 0; i < count; i++)
        all[i] = &faults[i];
    return outcome_all_refusal(all, count);
}

static void every_status_has_a_class(void **state)
{
    (void)state;
    for (int code = 0; code <= 16; code++)
        assert_int_not_equal(outcome_of((enum status)code), OUTCOME_STOPPED);
    assert_int_equal(outcome_of(STATUS_OK), OUTCOME_OK);
    assert_int_equal(outcome_of(STATUS_UNAUTHENTICATED), OUTCOME_ERROR);
    assert_string_equal(outcome_name(OUTCOME_UNAVAILABLE), "UNAVAILABLE");
}

static void most_useful_refusal_is_invalid_then_unreachable_then_denied_then_not_found(void **state)
{
    (void)state;
    const enum status order[] = {STATUS_NOT_FOUND, STATUS_PERMISSION_DENIED,
                                 STATUS_DEADLINE_EXCEEDED, STATUS_UNAVAILABLE,
                                 STATUS_INVALID_ARGUMENT};
    for (size_t low = 0; low < 5; low++) {
        for (size_t high = low + 1; high < 5; high++) {
            struct fault faults[] = {refused(order[low]), refused(order[high])};
            assert_int_equal(most_useful(faults, 2), 1);
            struct fault swapped[] = {refused(order[high]), refused(order[low])};
            assert_int_equal(most_useful(swapped, 2), 0);
        }
    }
}

static void all_is_refused_when_all_denied_or_none_reached(void **state)
{
    (void)state;
    struct fault denied[] = {refused(STATUS_PERMISSION_DENIED), refused(STATUS_PERMISSION_DENIED)};
    assert_int_equal(all_refusal(denied, 2)->status, STATUS_PERMISSION_DENIED);

    struct fault down[] = {refused(STATUS_DEADLINE_EXCEEDED), refused(STATUS_UNAVAILABLE)};
    assert_int_equal(all_refusal(down, 2)->status, STATUS_UNAVAILABLE);

    struct fault nowhere[] = {refused(STATUS_NOT_FOUND), refused(STATUS_PERMISSION_DENIED)};
    assert_int_equal(all_refusal(nowhere, 2)->status, STATUS_PERMISSION_DENIED);
    assert_int_equal(all_refusal(nowhere, 1)->status, STATUS_NOT_FOUND);

    struct fault bad[] = {refused(STATUS_UNAVAILABLE), refused(STATUS_INVALID_ARGUMENT),
                          refused(STATUS_PERMISSION_DENIED)};
    assert_int_equal(all_refusal(bad, 3)->status, STATUS_INVALID_ARGUMENT);
}

/* A realm that means harm answers what is no question: the others' refusal stands. Or it refuses what is one. */
static void the_majority_says_whether_a_question_is_one(void **state)
{
    (void)state;
    struct fault lie[] = {refused(STATUS_INVALID_ARGUMENT), refused(STATUS_OK),
                          refused(STATUS_INVALID_ARGUMENT)};
    assert_int_equal(all_refusal(lie, 3)->status, STATUS_INVALID_ARGUMENT);
    lie[0] = refused(STATUS_OK);
    assert_null(all_refusal(lie, 3));
    lie[0] = refused(STATUS_UNAVAILABLE);
    assert_null(all_refusal(lie, 3));
    lie[0] = refused(STATUS_NOT_FOUND);
    assert_null(all_refusal(lie, 3));
}

static void all_goes_on_while_one_answers_or_is_only_irrelevant(void **state)
{
    (void)state;
    struct fault one[] = {refused(STATUS_UNAVAILABLE), refused(STATUS_OK)};
    assert_null(all_refusal(one, 2));
    struct fault odd[] = {refused(STATUS_INVALID_ARGUMENT), refused(STATUS_OK)};
    assert_null(all_refusal(odd, 2));
    assert_null(all_refusal(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_class),
        cmocka_unit_test(
            most_useful_refusal_is_invalid_then_unreachable_then_denied_then_not_found),
        cmocka_unit_test(all_is_refused_when_all_denied_or_none_reached),
        cmocka_unit_test(the_majority_says_whether_a_question_is_one),
        cmocka_unit_test(all_goes_on_while_one_answers_or_is_only_irrelevant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
