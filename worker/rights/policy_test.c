#include "worker/rights/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { VIEW_MEMBERS = 1, EDIT_MEMBERS, VIEW_GROUP, EDIT_GROUP_PROFILE, MOVE_GROUP_OWNER };
#define ONE_GROUP "kir-dev@kir-dev"
#define OTHER_GROUP "kir-dev@hello"

static bool allows(const struct policy_statement *statements, size_t count, uint32_t action,
                   const char *group, const char *user)
{
    struct policy_rights rights = {statements, count};
    struct policy_target target = {group, user};
    return policy_rights_allow(&rights, policy_action_bit(action), &target);
}

static void action_of_no_number_is_never_granted(void **state)
{
    (void)state;
    const struct policy_statement everything = {NULL, NULL, POLICY_ACTIONS_ALL};
    assert_false(allows(&everything, 1, 0, ONE_GROUP, NULL));
    assert_false(allows(&everything, 1, 13, ONE_GROUP, NULL));
    assert_true(allows(&everything, 1, 11, ONE_GROUP, NULL));
}

static void id_has_one_spelling(void **state)
{
    (void)state;
    static const char *const others[] = {"",   "0",  "01",  "007", "-1",  "+1",
                                         " 1", "1 ", "1.0", "1e0", "0x1", "9223372036854775808"};
    assert_true(policy_is_id("1"));
    assert_true(policy_is_id("10"));
    assert_true(policy_is_id("9223372036854775807"));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (policy_is_id(others[i]))
            fail_msg("'%s' is an id", others[i]);
}

static void nobody_may_anything_without_statement(void **state)
{
    (void)state;
    assert_false(allows(NULL, 0, VIEW_GROUP, ONE_GROUP, NULL));
    assert_false(allows(NULL, 0, VIEW_GROUP, NULL, NULL));
}

static void statement_on_one_group_opens_only_that_group(void **state)
{
    (void)state;
    const struct policy_statement statement = {ONE_GROUP, NULL, policy_action_bit(VIEW_GROUP)};
    assert_true(allows(&statement, 1, VIEW_GROUP, ONE_GROUP, NULL));
    assert_false(allows(&statement, 1, EDIT_MEMBERS, ONE_GROUP, NULL));
    assert_false(allows(&statement, 1, VIEW_GROUP, OTHER_GROUP, NULL));
    assert_false(allows(&statement, 1, VIEW_GROUP, NULL, NULL));
    assert_false(allows(&statement, 1, VIEW_GROUP, NULL, "alice"));
}

static void statement_on_one_user_opens_no_group(void **state)
{
    (void)state;
    const struct policy_statement statement = {NULL, "bob", POLICY_ACTIONS_ALL};
    assert_false(allows(&statement, 1, VIEW_GROUP, ONE_GROUP, NULL));
    assert_false(allows(&statement, 1, VIEW_GROUP, NULL, NULL));
    assert_true(allows(&statement, 1, VIEW_GROUP, NULL, "bob"));
    assert_false(allows(&statement, 1, VIEW_GROUP, NULL, "carol"));
}

static void god_is_no_union_of_the_eleven(void **state)
{
    (void)state;
    const struct policy_statement pieces[] = {
        {NULL, NULL, POLICY_ACTIONS_ALL}, {NULL, NULL, 1}, {NULL, NULL, POLICY_ACTIONS_ALL & ~1u}};
    const struct policy_statement god = {NULL, NULL, 2 * POLICY_ACTIONS_ALL + 1};
    assert_false(allows(pieces, 3, POLICY_ACTION_GOD, NULL, NULL));
    assert_true(allows(&god, 1, POLICY_ACTION_GOD, NULL, NULL));
    assert_true(allows(&god, 1, EDIT_MEMBERS, ONE_GROUP, NULL));
}

static void rights_of_a_group_are_found_among_many(void **state)
{
    (void)state;
    const struct policy_statement statements[] = {
        {NULL, "bob", 1}, {"a@a", NULL, 4}, {"a@b", NULL, 1}, {"a@b", NULL, 4},
        {"a@c", NULL, 2}, {"b@b", NULL, 1}, {"b@b", NULL, 4},
    };
    size_t count = sizeof(statements) / sizeof(statements[0]);
    assert_true(allows(statements, count, VIEW_GROUP, "a@a", NULL));
    assert_true(allows(statements, count, VIEW_GROUP, "a@b", NULL));
    assert_false(allows(statements, count, VIEW_GROUP, "a@c", NULL));
    assert_true(allows(statements, count, VIEW_GROUP, "b@b", NULL));
    assert_false(allows(statements, count, VIEW_GROUP, "b@c", NULL));
}

static void scope_lists_each_group_once(void **state)
{
    (void)state;
    const struct policy_statement statements[] = {
        {NULL, "bob", POLICY_ACTIONS_ALL},
        {"a@a", NULL, 4},
        {"a@b", NULL, 4},
        {"a@b", NULL, 5},
        {"a@c", NULL, 2},
        {"a@d", "bob", 4},
    };
    struct policy_rights rights = {statements, sizeof(statements) / sizeof(statements[0])};
    struct arena arena;
    struct policy_scope scope;
    arena_init(&arena, 4096);
    assert_int_equal(policy_rights_scope(&rights, policy_action_bit(VIEW_GROUP), &arena, &scope),
                     STATUS_OK);
    assert_false(scope.all);
    assert_int_equal(scope.group_count, 2);
    assert_true(slice_equal_str(scope.groups[0], "a@a"));
    assert_true(slice_equal_str(scope.groups[1], "a@b"));
    arena_done(&arena);
}

static void scope_is_everything_with_an_unrestricted_statement(void **state)
{
    (void)state;
    const struct policy_statement statement = {NULL, NULL, 4};
    struct policy_rights rights = {&statement, 1};
    struct arena arena;
    struct policy_scope scope;
    arena_init(&arena, 4096);
    assert_int_equal(policy_rights_scope(&rights, policy_action_bit(VIEW_GROUP), &arena, &scope),
                     STATUS_OK);
    assert_true(scope.all);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(id_has_one_spelling),
        cmocka_unit_test(action_of_no_number_is_never_granted),
        cmocka_unit_test(nobody_may_anything_without_statement),
        cmocka_unit_test(statement_on_one_group_opens_only_that_group),
        cmocka_unit_test(statement_on_one_user_opens_no_group),
        cmocka_unit_test(god_is_no_union_of_the_eleven),
        cmocka_unit_test(rights_of_a_group_are_found_among_many),
        cmocka_unit_test(scope_lists_each_group_once),
        cmocka_unit_test(scope_is_everything_with_an_unrestricted_statement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
