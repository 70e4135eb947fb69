#include "worker/group/group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct fault fault;
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof(fixture));
    arena_init(&fixture.arena, 1u << 20);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    return 0;
}

static void bits_are_in_the_order_of_their_names(void **state)
{
    (void)state;
    assert_string_equal(group_profile_fields[__builtin_ctz(GROUP_NAME)], "name");
    assert_string_equal(group_profile_fields[__builtin_ctz(GROUP_DESCRIPTION)], "description");
    assert_string_equal(group_profile_fields[__builtin_ctz(GROUP_WEBPAGE)], "webpage");
    assert_string_equal(group_profile_fields[__builtin_ctz(GROUP_MAIL)], "mail");
    assert_string_equal(group_profile_fields[__builtin_ctz(GROUP_PURPOSE)], "purpose");
    assert_string_equal(group_flag_fields[__builtin_ctz(GROUP_IS_COMMUNITY)], "is_community");
    assert_string_equal(group_flag_fields[__builtin_ctz(GROUP_IS_RESORT)], "is_resort");
    assert_string_equal(group_flag_fields[__builtin_ctz(GROUP_IS_TASK_FORCE)], "is_task_force");
    assert_string_equal(group_flag_fields[__builtin_ctz(GROUP_HAS_TRANSITIVE_MEMBERSHIP)],
                        "has_transitive_membership");
    assert_string_equal(group_flag_fields[__builtin_ctz(GROUP_USERS_CAN_APPLY)], "users_can_apply");
    assert_string_equal(group_flag_fields[__builtin_ctz(GROUP_ARCHIVED_MEMBERS_VISIBLE)],
                        "archived_members_visible");
}

static void profile_checks_only_the_fields_asked_for(void **state)
{
    struct fixture *f = *state;
    char webpage[] = "javascript:x", mail[] = " x@Sch.hu ";
    group_v1_group group = GROUP_V1_GROUP_INIT;
    group.webpage = webpage;
    group.mail = mail;
    group.purpose = (group_v1_purpose)17;
    assert_int_equal(group_profile_make(GROUP_MAIL, "group.", &f->arena, &group, &f->fault),
                     STATUS_OK);
    assert_string_equal(group.mail, "x@Sch.hu");
    assert_ptr_equal(group.webpage, webpage);
    assert_int_equal(group_profile_make(GROUP_WEBPAGE, "group.", &f->arena, &group, &f->fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(f->fault.field, "group.webpage");
    assert_int_equal(group_profile_make(GROUP_PURPOSE, "", &f->arena, &group, &f->fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(f->fault.field, "purpose");
    group.purpose = GROUP_V1_PURPOSE_SERVICE;
    assert_int_equal(group_profile_make(GROUP_PURPOSE, "", &f->arena, &group, &f->fault),
                     STATUS_OK);
}

/* ---- the tree ---- */

static const struct group_node path3[] = {{"o@o", false}, {"o@a", false}, {"o@b", false}};

static void group_is_not_created_under_an_archived_ancestor(void **state)
{
    struct fixture *f = *state;
    const struct group_node path[] = {{"o@o", true}, {"o@a", false}};
    assert_int_equal(group_check_under(path, 2, 1, "parent_id", &f->fault),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(f->fault.reason, GROUP_REASON_ARCHIVED);
    assert_int_equal(group_check_under(path3, 3, 1, "parent_id", &f->fault), STATUS_OK);
}

static void group_is_not_created_with_the_id_of_one_above(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(group_check_new("o@c", path3, 3, &f->fault), STATUS_OK);
    assert_int_equal(group_check_new("o@o", path3, 3, &f->fault), STATUS_ALREADY_EXISTS);
    assert_string_equal(f->fault.field, "slug");
    assert_int_equal(group_check_new("o@b", path3, 3, &f->fault), STATUS_ALREADY_EXISTS);
    assert_string_equal(f->fault.reason, GROUP_REASON_ID_TAKEN);
}

static void tree_has_ten_levels_at_most(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(group_check_under(path3, 3, 7, "parent_id", &f->fault), STATUS_OK);
    assert_int_equal(group_check_under(path3, 3, 8, "parent_id", &f->fault),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(f->fault.reason, GROUP_REASON_DEPTH);
}

static void group_is_not_moved_under_itself_or_its_descendants(void **state)
{
    struct fixture *f = *state;
    struct group_id top = {"o@o", SLICE_LIT("o")}, self = {"o@b", SLICE_LIT("o")};
    assert_int_equal(group_check_move(&self, path3, 3, 1, &f->fault), STATUS_FAILED_PRECONDITION);
    assert_string_equal(f->fault.reason, GROUP_REASON_CYCLE);
    assert_int_equal(group_check_move(&top, path3, 3, 1, &f->fault), STATUS_FAILED_PRECONDITION);
    assert_string_equal(f->fault.reason, GROUP_REASON_CYCLE);
}

static void group_is_not_moved_to_another_organisation(void **state)
{
    struct fixture *f = *state;
    /* "oo" begins with "o": the whole name counts. */
    struct group_id other = {"oo@x", SLICE_LIT("oo")}, same = {"o@x", SLICE_LIT("o")};
    assert_int_equal(group_check_move(&other, path3, 3, 1, &f->fault), STATUS_FAILED_PRECONDITION);
    assert_string_equal(f->fault.reason, GROUP_REASON_ORGANISATION);
    assert_int_equal(group_check_move(&same, path3, 3, 1, &f->fault), STATUS_OK);
    assert_int_equal(group_check_move(&same, NULL, 0, 1, &f->fault), STATUS_OK);
}

static void height_of_the_moved_tree_counts(void **state)
{
    struct fixture *f = *state;
    struct group_id moved = {"o@x", SLICE_LIT("o")};
    assert_int_equal(group_check_move(&moved, path3, 3, 8, &f->fault), STATUS_FAILED_PRECONDITION);
    assert_string_equal(f->fault.reason, GROUP_REASON_DEPTH);
}

static void archive_with_active_subgroups_needs_cascade(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(group_check_archive(2, false, &f->fault), STATUS_FAILED_PRECONDITION);
    assert_string_equal(f->fault.reason, GROUP_REASON_ACTIVE_SUBGROUPS);
    assert_int_equal(group_check_archive(2, true, &f->fault), STATUS_OK);
    assert_int_equal(group_check_archive(0, false, &f->fault), STATUS_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(bits_are_in_the_order_of_their_names),
        TEST(profile_checks_only_the_fields_asked_for),
        TEST(group_is_not_created_under_an_archived_ancestor),
        TEST(group_is_not_created_with_the_id_of_one_above),
        TEST(tree_has_ten_levels_at_most),
        TEST(group_is_not_moved_under_itself_or_its_descendants),
        TEST(group_is_not_moved_to_another_organisation),
        TEST(height_of_the_moved_tree_counts),
        TEST(archive_with_active_subgroups_needs_cascade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
