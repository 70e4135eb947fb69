#include "worker/policy/delegation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "pek/options.rpc.h"
#include "shared/row/row.h"
#include "worker/rights/standing.h"

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
        {{.policy_statements = DELEGATION_STATEMENTS_MAX}, ""},
        {{.policy_statements = DELEGATION_STATEMENTS_MAX + 1}, "POLICY_FULL"},
        {{.policy_alike = DELEGATION_ALIKE_MAX}, ""},
        {{.policy_alike = DELEGATION_ALIKE_MAX + 1}, "STATEMENTS_ALIKE"},
        {{.user_policies = DELEGATION_USER_POLICIES_MAX,
          .user_statements = DELEGATION_USER_STATEMENTS_MAX},
         ""},
        {{.user_policies = DELEGATION_USER_POLICIES_MAX + 1}, "MAKER_FULL"},
        {{.user_statements = DELEGATION_USER_STATEMENTS_MAX + 1}, "MAKER_FULL"},
        {{.realm_policies = DELEGATION_REALM_POLICIES_MAX,
          .realm_statements = DELEGATION_REALM_STATEMENTS_MAX},
         ""},
        {{.realm_policies = DELEGATION_REALM_POLICIES_MAX + 1}, "REALM_FULL"},
        {{.realm_statements = DELEGATION_REALM_STATEMENTS_MAX + 1}, "REALM_FULL"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fault fault = {0};
        assert_int_equal(delegation_check_room(&cases[i].room, &fault),
                         cases[i].reason[0] ? STATUS_FAILED_PRECONDITION : STATUS_OK);
        assert_string_equal(fault.reason, cases[i].reason);
    }
}

/* ---- statements as people write them ---- */

struct written {
    const char *group, *user, *resource;
    Pek__Action action;
};

static enum status make(struct arena *arena, struct written written, policy_v1_statement *made,
                        struct fault *fault)
{
    policy_v1_statement statement = POLICY_V1_STATEMENT_INIT;
    statement.group_id = row_string(written.group);
    statement.user_id = row_string(written.user);
    statement.resource = row_string(written.resource);
    statement.actions = arena_zalloc(arena, 1, sizeof(*statement.actions));
    statement.actions[0] = written.action;
    statement.n_actions = 1;
    return delegation_make_statement(&statement, arena, made, fault);
}

static void statement_says_itself_what_kind_it_is(void **state)
{
    (void)state;
    static const struct {
        struct written written;
        const char *kind;
    } cases[] = {
        {{"Kir-Dev@KIR-dev", "", "", 3}, "GROUP"},
        {{"", "bob", "", 3}, "USER"},
        {{"", "", "", 3}, "REALM"},
        {{"", "", "SCHOLARSHIP_2", 3}, "SCHOLARSHIP_2"},
    };
    struct arena arena;
    struct fault fault;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        policy_v1_statement made;
        assert_int_equal(make(&arena, cases[i].written, &made, &fault), STATUS_OK);
        assert_string_equal(made.group_id, i == 0 ? ONE_GROUP : "");
        assert_string_equal(made.user_id, cases[i].written.user);
        assert_int_equal(delegation_actions(&made), 4);
        assert_string_equal(made.resource, cases[i].kind);
    }
    arena_done(&arena);
}

static void statement_cannot_pose_as_the_realms_own(void **state)
{
    (void)state;
    static const struct written wrong[] = {
        {ONE_GROUP, "", "GROUP_ESCALATION", 3},
        {ONE_GROUP, "", "REALM", 3},
        {"", "bob", "REALM", 3},
        {"", "", "GROUP", 3},
        {"", "", "USER", 3},
        {"", "", "lower", 3},
        {"", "", "1ST", 3},
        {"", "", "SPA CE", 3},
    };
    struct arena arena;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        policy_v1_statement made;
        struct fault fault;
        assert_int_equal(make(&arena, wrong[i], &made, &fault), STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, "statement.resource");
    }
    arena_done(&arena);
}

static void statement_has_some_of_the_eleven(void **state)
{
    (void)state;
    struct arena arena;
    policy_v1_statement written = POLICY_V1_STATEMENT_INIT, made;
    struct fault fault;
    Pek__Action twice[] = {3, 3, 11};
    arena_init(&arena, 4096);
    assert_int_equal(make(&arena, (struct written){"", "", "", 0}, &made, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(make(&arena, (struct written){"", "", "", PEK_ACTION_GOD}, &made, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(delegation_make_statement(&written, &arena, &made, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "statement.actions");
    written.actions = twice;
    written.n_actions = 3;
    assert_int_equal(delegation_make_statement(&written, &arena, &made, &fault), STATUS_OK);
    assert_int_equal(delegation_actions(&made), 1u << 2 | 1u << 10);
    arena_done(&arena);
}

static void merged_statement_is_of_the_kind_that_it_is_then(void **state)
{
    (void)state;
    policy_v1_statement was = POLICY_V1_STATEMENT_INIT, body = POLICY_V1_STATEMENT_INIT;
    was.id = row_string("7");
    was.group_id = row_string(ONE_GROUP);
    was.resource = row_string("GROUP");
    body.user_id = row_string("bob");
    policy_v1_statement merged = delegation_merge_statement(&was, DELEGATION_USER, &body);
    assert_string_equal(merged.id, "7");
    assert_string_equal(merged.group_id, ONE_GROUP);
    assert_string_equal(merged.user_id, "bob");
    assert_string_equal(merged.resource, "");
    was.resource = row_string("SCHOLARSHIP");
    merged = delegation_merge_statement(&was, DELEGATION_GROUP, &body);
    assert_string_equal(merged.group_id, "");
    assert_string_equal(merged.resource, "SCHOLARSHIP");
}

static void statements_of_god_tell_of_the_eleven(void **state)
{
    (void)state;
    Pek__Action actions[] = {PEK_ACTION_EDIT_PROFILE, PEK_ACTION_GOD};
    policy_v1_statement statement = POLICY_V1_STATEMENT_INIT;
    statement.actions = actions;
    statement.n_actions = 2;
    delegation_leave_out_god(&statement);
    assert_int_equal(statement.n_actions, 1);
    delegation_leave_out_god(&statement);
    assert_int_equal(statement.n_actions, 1);
}

static void realms_own_stay_as_they_are(void **state)
{
    (void)state;
    struct fault fault = {0};
    policy_v1_policy policy = POLICY_V1_POLICY_INIT;
    policy_v1_statement statement = POLICY_V1_STATEMENT_INIT;
    policy.name = row_string("GOD");
    assert_int_equal(delegation_check_policy(&policy, &fault), STATUS_FAILED_PRECONDITION);
    assert_string_equal(fault.reason, "REALM_POLICY");
    policy.parent_id = row_string("1");
    assert_int_equal(delegation_check_policy(&policy, &fault), STATUS_OK);
    statement.resource = row_string("GROUP_ESCALATION");
    assert_int_equal(delegation_check_statement(&statement, &fault), STATUS_FAILED_PRECONDITION);
    assert_string_equal(fault.reason, "REALM_STATEMENT");
    statement.resource = row_string("GROUP");
    assert_int_equal(delegation_check_statement(&statement, &fault), STATUS_OK);
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
    static const struct {
        const char *name;
        enum status status;
    } cases[] = {
        {"God", STATUS_INVALID_ARGUMENT},
        {" gOD  in a@a", STATUS_INVALID_ARGUMENT},
        {"", STATUS_INVALID_ARGUMENT},
        {"Godfathers", STATUS_OK},
    };
    struct arena arena;
    struct slice name = {0}, unique_key = {0};
    struct fault fault;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(delegation_make_name(cases[i].name, &arena, &name, &unique_key, &fault),
                         cases[i].status);
    assert_true(slice_equal_str(name, "Godfathers"));
    assert_true(slice_equal_str(unique_key, "godfathers"));
    arena_done(&arena);
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
        cmocka_unit_test(merged_statement_is_of_the_kind_that_it_is_then),
        cmocka_unit_test(statements_of_god_tell_of_the_eleven),
        cmocka_unit_test(realms_own_stay_as_they_are),
        cmocka_unit_test(user_has_the_form_of_the_hubs_ids),
        cmocka_unit_test(names_of_the_realm_are_reserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
