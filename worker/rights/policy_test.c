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
    return policy_rights_allow(&rights, policy_action_bits(action), &target);
}

static void action_of_no_number_is_never_granted(void **state)
{
    (void)state;
    const struct policy_statement everything = {NULL, NULL, POLICY_ACTIONS_ALL};
    assert_false(allows(&everything, 1, 0, ONE_GROUP, NULL));
    assert_false(allows(&everything, 1, 13, ONE_GROUP, NULL));
    assert_true(allows(&everything, 1, 11, ONE_GROUP, NULL));
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
    const struct policy_statement statement = {ONE_GROUP, NULL, policy_action_bits(VIEW_GROUP)};
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

static void god_needs_all_eleven_on_the_realm(void **state)
{
    (void)state;
    const struct policy_statement in_group = {ONE_GROUP, NULL, POLICY_ACTIONS_ALL};
    const struct policy_statement ten = {NULL, NULL, POLICY_ACTIONS_ALL & ~1u};
    const struct policy_statement all = {NULL, NULL, POLICY_ACTIONS_ALL};
    assert_false(allows(&in_group, 1, POLICY_ACTION_GOD, NULL, NULL));
    assert_false(allows(&ten, 1, POLICY_ACTION_GOD, NULL, NULL));
    assert_true(allows(&all, 1, POLICY_ACTION_GOD, NULL, NULL));
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
    assert_int_equal(policy_rights_scope(&rights, policy_action_bits(VIEW_GROUP), &arena, &scope),
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
    assert_int_equal(policy_rights_scope(&rights, policy_action_bits(VIEW_GROUP), &arena, &scope),
                     STATUS_OK);
    assert_true(scope.all);
    arena_done(&arena);
}

static void child_statement_must_lie_within_its_parent(void **state)
{
    (void)state;
    const struct policy_statement parent = {ONE_GROUP, NULL, 0x7};
    const struct policy_statement narrower = {ONE_GROUP, "bob", 0x3};
    const struct policy_statement wider_group = {NULL, NULL, 0x3};
    const struct policy_statement other_group = {OTHER_GROUP, NULL, 0x3};
    const struct policy_statement everything = {NULL, NULL, POLICY_ACTIONS_ALL};
    assert_true(policy_statement_within(&narrower, &parent));
    assert_false(policy_statement_within(&parent, &narrower));
    assert_false(policy_statement_within(&wider_group, &parent));
    assert_false(policy_statement_within(&other_group, &parent));
    assert_true(policy_statement_within(&wider_group, &everything));
}

static void child_exceeds_its_parent_by_any_one_right(void **state)
{
    (void)state;
    for (uint32_t action = 1; action <= 11; action++) {
        const struct policy_statement parent = {NULL, NULL,
                                                POLICY_ACTIONS_ALL & ~policy_action_bits(action)};
        const struct policy_statement child = {ONE_GROUP, NULL, policy_action_bits(action)};
        assert_false(policy_statement_within(&child, &parent));
    }
}

static void two_parents_do_not_cover_one_child_together(void **state)
{
    (void)state;
    const struct policy_statement parents[] = {{NULL, NULL, 1}, {NULL, NULL, 2}};
    const struct policy_statement child = {NULL, NULL, 3};
    const struct policy_statement halves[] = {{NULL, NULL, 1}, {ONE_GROUP, NULL, 2}};
    assert_false(policy_statements_within(&child, 1, parents, 2));
    assert_true(policy_statements_within(halves, 2, parents, 2));
    assert_true(policy_statements_within(NULL, 0, parents, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(action_of_no_number_is_never_granted),
        cmocka_unit_test(nobody_may_anything_without_statement),
        cmocka_unit_test(statement_on_one_group_opens_only_that_group),
        cmocka_unit_test(statement_on_one_user_opens_no_group),
        cmocka_unit_test(god_needs_all_eleven_on_the_realm),
        cmocka_unit_test(rights_of_a_group_are_found_among_many),
        cmocka_unit_test(scope_lists_each_group_once),
        cmocka_unit_test(scope_is_everything_with_an_unrestricted_statement),
        cmocka_unit_test(child_statement_must_lie_within_its_parent),
        cmocka_unit_test(child_exceeds_its_parent_by_any_one_right),
        cmocka_unit_test(two_parents_do_not_cover_one_child_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
