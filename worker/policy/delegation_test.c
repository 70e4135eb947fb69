#include "worker/policy/delegation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

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

static void each_limit_has_its_reason(void **state)
{
    (void)state;
    const struct {
        struct delegation_room room;
        const char *reason;
    } cases[] = {
        {{DELEGATION_STATEMENTS_MAX, 0, 0, 0, 0}, ""},
        {{DELEGATION_STATEMENTS_MAX + 1, 0, 0, 0, 0}, "POLICY_FULL"},
        {{0, DELEGATION_USER_POLICIES_MAX, DELEGATION_USER_STATEMENTS_MAX, 0, 0}, ""},
        {{0, DELEGATION_USER_POLICIES_MAX + 1, 0, 0, 0}, "MAKER_FULL"},
        {{0, 0, DELEGATION_USER_STATEMENTS_MAX + 1, 0, 0}, "MAKER_FULL"},
        {{0, 0, 0, DELEGATION_REALM_POLICIES_MAX, DELEGATION_REALM_STATEMENTS_MAX}, ""},
        {{0, 0, 0, DELEGATION_REALM_POLICIES_MAX + 1, 0}, "REALM_FULL"},
        {{0, 0, 0, 0, DELEGATION_REALM_STATEMENTS_MAX + 1}, "REALM_FULL"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fault fault = {0};
        assert_int_equal(delegation_check_room(&cases[i].room, &fault),
                         cases[i].reason[0] ? STATUS_FAILED_PRECONDITION : STATUS_OK);
        assert_string_equal(fault.reason, cases[i].reason);
    }
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

static void user_has_the_form_of_the_hubs_ids(void **state)
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
    assert_false(policy_is_user("Alice"));
    assert_false(policy_is_user("-alice"));
    assert_false(policy_is_user("alice@example.org"));
    assert_true(policy_is_user(long_name + 1));
    assert_true(policy_is_user("7.of_9-b"));
}

static void names_of_the_realm_are_reserved(void **state)
{
    (void)state;
    assert_true(delegation_name_is_reserved(SLICE_LIT("god")));
    assert_true(delegation_name_is_reserved(SLICE_LIT("god in a@a")));
    assert_false(delegation_name_is_reserved(SLICE_LIT("godfathers")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holder_may_view_and_issue_but_not_administer),
        cmocka_unit_test(holder_of_the_one_above_administers_but_does_not_issue),
        cmocka_unit_test(god_may_everything_and_a_stranger_nothing),
        cmocka_unit_test(child_issues_only_when_its_parent_can),
        cmocka_unit_test(tree_has_a_deepest_level),
        cmocka_unit_test(each_limit_has_its_reason),
        cmocka_unit_test(statement_says_itself_what_kind_it_is),
        cmocka_unit_test(statement_cannot_pose_as_the_realms_own),
        cmocka_unit_test(statement_has_some_of_the_eleven),
        cmocka_unit_test(user_has_the_form_of_the_hubs_ids),
        cmocka_unit_test(names_of_the_realm_are_reserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
