#include "worker/policy/delegation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "worker/policy/policy_explain.h"

#define ONE_GROUP "kir-dev@kir-dev"

static void holder_may_view_and_issue_but_not_administer(void **state)
{
    (void)state;
    const struct policy_standing holder = {.sees = true, .issues = true};
    assert_true(standing_allows(&holder, STANDING_VIEW));
    assert_true(standing_allows(&holder, STANDING_ISSUE));
    assert_false(standing_allows(&holder, STANDING_ADMINISTER));
}

static void holder_of_the_one_above_administers_but_does_not_issue(void **state)
{
    (void)state;
    const struct policy_standing above = {.sees = true, .administers = true};
    assert_true(standing_allows(&above, STANDING_ADMINISTER));
    assert_false(standing_allows(&above, STANDING_ISSUE));
}

static void god_may_everything_and_a_stranger_nothing(void **state)
{
    (void)state;
    const struct policy_standing god = {.god = true}, stranger = {0};
    for (uint32_t right = STANDING_VIEW; right <= STANDING_ADMINISTER; right++) {
        assert_true(standing_allows(&god, right));
        assert_false(standing_allows(&stranger, right));
    }
    assert_false(standing_allows(&god, 0));
    assert_false(standing_allows(&god, 4));
}

static void child_issues_only_when_its_parent_can(void **state)
{
    (void)state;
    struct fault fault = {0};
    assert_int_equal(delegation_check_child(false, true, 1, &fault), STATUS_FAILED_PRECONDITION);
    assert_string_equal(fault.reason, "PARENT_CANNOT_ISSUE");
    assert_int_equal(delegation_check_child(false, false, 1, &fault), STATUS_OK);
    assert_int_equal(delegation_check_child(true, true, 1, &fault), STATUS_OK);
}

static void tree_has_a_deepest_level(void **state)
{
    (void)state;
    struct fault fault = {0};
    assert_int_equal(delegation_check_child(true, true, DELEGATION_DEPTH_MAX - 1, &fault),
                     STATUS_OK);
    assert_int_equal(delegation_check_child(true, true, DELEGATION_DEPTH_MAX, &fault),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(fault.reason, "POLICY_TOO_DEEP");
}

static void statement_beyond_the_parent_is_refused_by_its_number(void **state)
{
    (void)state;
    struct fault fault = {0};
    const struct policy_statement parent = {ONE_GROUP, NULL, 7};
    const struct policy_statement children[] = {{ONE_GROUP, "bob", 3}, {NULL, NULL, 1}};
    assert_int_equal(delegation_check_within(children, 1, &parent, 1, "statement", &fault),
                     STATUS_OK);
    assert_int_equal(delegation_check_within(children, 2, &parent, 1, "statement", &fault),
                     STATUS_PERMISSION_DENIED);
    assert_string_equal(fault.text, "statement 2 allows what no statement above it does");
}

/* ---- statements as people write them ---- */

static enum status make(struct arena *arena, const char *group, const char *user,
                        const char *resource, uint32_t action, struct policy_statement *made,
                        const char **kind, struct fault *fault)
{
    return delegation_make_statement(group, user, resource, &action, 1, arena, made, kind, fault);
}

static void statement_says_itself_what_kind_it_is(void **state)
{
    (void)state;
    struct arena arena;
    struct policy_statement made;
    struct fault fault;
    const char *kind;
    arena_init(&arena, 4096);
    assert_int_equal(make(&arena, "Kir-Dev@KIR-dev", "", "", 3, &made, &kind, &fault), STATUS_OK);
    assert_string_equal(made.group, ONE_GROUP);
    assert_null(made.user);
    assert_int_equal(made.actions, 4);
    assert_string_equal(kind, "GROUP");
    assert_int_equal(make(&arena, "", "bob", "", 3, &made, &kind, &fault), STATUS_OK);
    assert_string_equal(kind, "USER");
    assert_int_equal(make(&arena, "", "", "", 3, &made, &kind, &fault), STATUS_OK);
    assert_string_equal(kind, "REALM");
    assert_int_equal(make(&arena, "", "", "SCHOLARSHIP_2", 3, &made, &kind, &fault), STATUS_OK);
    assert_string_equal(kind, "SCHOLARSHIP_2");
    arena_done(&arena);
}

static void statement_cannot_pose_as_the_realms_own(void **state)
{
    (void)state;
    static const struct {
        const char *group, *user, *resource;
    } wrong[] = {
        {ONE_GROUP, "", "GROUP_ESCALATION"},
        {ONE_GROUP, "", "REALM"},
        {"", "bob", "REALM"},
        {"", "", "GROUP"},
        {"", "", "USER"},
        {"", "", "lower"},
        {"", "", "1ST"},
        {"", "", "SPA CE"},
    };
    struct arena arena;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct policy_statement made;
        struct fault fault;
        const char *kind;
        assert_int_equal(
            make(&arena, wrong[i].group, wrong[i].user, wrong[i].resource, 3, &made, &kind, &fault),
            STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, "statement.resource");
    }
    arena_done(&arena);
}

static void statement_has_some_of_the_eleven(void **state)
{
    (void)state;
    struct arena arena;
    struct policy_statement made;
    struct fault fault;
    const char *kind;
    const uint32_t twice[] = {3, 3, 11};
    arena_init(&arena, 4096);
    assert_int_equal(make(&arena, "", "", "", 0, &made, &kind, &fault), STATUS_INVALID_ARGUMENT);
    assert_int_equal(make(&arena, "", "", "", POLICY_ACTION_GOD, &made, &kind, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(delegation_make_statement("", "", "", NULL, 0, &arena, &made, &kind, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "statement.actions");
    assert_int_equal(delegation_make_statement("", "", "", twice, 3, &arena, &made, &kind, &fault),
                     STATUS_OK);
    assert_int_equal(made.actions, 1u << 2 | 1u << 10);
    arena_done(&arena);
}

static void user_is_what_a_token_could_name(void **state)
{
    (void)state;
    char long_name[66];
    memset(long_name, 'a', 65);
    long_name[65] = '\0';
    assert_false(policy_is_user(""));
    assert_false(policy_is_user("a b"));
    assert_false(policy_is_user("\xc3\xa1"));
    assert_false(policy_is_user("a\x7f"));
    assert_false(policy_is_user(long_name));
    assert_true(policy_is_user(long_name + 1));
}

static void names_of_the_realm_are_reserved(void **state)
{
    (void)state;
    assert_true(delegation_name_is_reserved(SLICE_LIT("god")));
    assert_true(delegation_name_is_reserved(SLICE_LIT("god in a@a")));
    assert_false(delegation_name_is_reserved(SLICE_LIT("godfathers")));
}

/* ---- explanations ---- */

static void refusal_names_the_reason_nearest_to_a_grant(void **state)
{
    (void)state;
    const struct policy_statement statements[] = {
        {NULL, NULL, 2}, {"a@a", NULL, 1}, {NULL, "bob", 1}};
    const struct policy_target group = {"b@b", NULL}, realm = {NULL, NULL};
    assert_int_equal(policy_explain_refusal(statements, 1, 1, &group), POLICY_ACTION_NOT_GIVEN);
    assert_int_equal(policy_explain_refusal(statements, 2, 1, &group), POLICY_OTHER_GROUP);
    assert_int_equal(policy_explain_refusal(statements, 2, 1, &realm), POLICY_OTHER_GROUP);
    assert_int_equal(policy_explain_refusal(statements, 3, 1, &group), POLICY_OTHER_USER);
    assert_int_equal(policy_explain_refusal(statements, 3, 3, &realm), POLICY_NOT_ALL_ACTIONS);
    assert_int_equal(policy_explain_refusal(NULL, 0, 1, &realm), POLICY_ACTION_NOT_GIVEN);
}

static void grants_are_the_first_that_add_something(void **state)
{
    (void)state;
    const struct policy_statement statements[] = {
        {"a@a", NULL, 3}, {NULL, NULL, 1}, {NULL, NULL, 1}, {NULL, NULL, 6}};
    const struct policy_target realm = {NULL, NULL};
    bool grants[4];
    assert_true(policy_explain_grants(statements, 4, 3, &realm, grants));
    assert_false(grants[0]);
    assert_true(grants[1]);
    assert_false(grants[2]);
    assert_true(grants[3]);
    assert_false(policy_explain_grants(statements, 3, 3, &realm, grants));
    assert_false(grants[1]);
    assert_false(policy_explain_grants(statements, 4, 0, &realm, grants));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holder_may_view_and_issue_but_not_administer),
        cmocka_unit_test(holder_of_the_one_above_administers_but_does_not_issue),
        cmocka_unit_test(god_may_everything_and_a_stranger_nothing),
        cmocka_unit_test(child_issues_only_when_its_parent_can),
        cmocka_unit_test(tree_has_a_deepest_level),
        cmocka_unit_test(statement_beyond_the_parent_is_refused_by_its_number),
        cmocka_unit_test(statement_says_itself_what_kind_it_is),
        cmocka_unit_test(statement_cannot_pose_as_the_realms_own),
        cmocka_unit_test(statement_has_some_of_the_eleven),
        cmocka_unit_test(user_is_what_a_token_could_name),
        cmocka_unit_test(names_of_the_realm_are_reserved),
        cmocka_unit_test(refusal_names_the_reason_nearest_to_a_grant),
        cmocka_unit_test(grants_are_the_first_that_add_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
