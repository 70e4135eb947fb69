/* What a post may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pek/options.rpc.h"
#include "worker/membership/post.h"

#define TOO_LONG "ááááááááááááááááááááááááááááááx"
#define LONG_30 "áááááááááááááááááááááááááááááá"

static struct arena the_arena, *arena = &the_arena;
static struct text_collator *collator;
static struct fault fault;

static int setup(void **state)
{
    (void)state;
    arena_init(arena, 1 << 20);
    assert_int_equal(text_collator_new(&collator), STATUS_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    collator = text_collator_free(collator);
    arena_done(arena);
    return 0;
}

static void a_choice_is_one_of_two(void **state)
{
    static const struct {
        membership_v1_post_kind kind;
        const char *id, *field;
    } rows[] = {
        {MEMBERSHIP_V1_POST_KIND_LEADER_ASSISTANT, "", NULL},
        {MEMBERSHIP_V1_POST_KIND_PAST_LEADER, "", NULL},
        {MEMBERSHIP_V1_POST_KIND_UNSPECIFIED, "7", NULL},
        {MEMBERSHIP_V1_POST_KIND_UNSPECIFIED, "", "kind"},
        {MEMBERSHIP_V1_POST_KIND_OWN, "", "kind"},
        {MEMBERSHIP_V1_POST_KIND_OWN, "7", "kind"},
        {MEMBERSHIP_V1_POST_KIND_FINANCIAL_OFFICER, "7", "kind"},
        {(membership_v1_post_kind)6, "", "kind"},
        {(membership_v1_post_kind)-1, "", "kind"},
        {MEMBERSHIP_V1_POST_KIND_UNSPECIFIED, "x", "post_type_id"},
        {MEMBERSHIP_V1_POST_KIND_UNSPECIFIED, "-7", "post_type_id"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fault = (struct fault){0};
        assert_int_equal(post_check_choice(rows[i].kind, rows[i].id, &fault),
                         rows[i].field ? STATUS_INVALID_ARGUMENT : STATUS_OK);
        assert_string_equal(fault.field, rows[i].field ? rows[i].field : "");
    }
}

static enum status make(const char *name, pek_action action, struct text_name *ret_name,
                        uint32_t *ret_actions)
{
    membership_v1_create_post_type_request req = MEMBERSHIP_V1_CREATE_POST_TYPE_REQUEST_INIT;
    req.name = (char *)(uintptr_t)name;
    req.actions = &action;
    req.n_actions = action ? 1 : 0;
    fault = (struct fault){0};
    return post_make_type(&req, collator, arena, ret_name, ret_actions, &fault);
}

static void a_type_has_a_name_and_rights_that_a_group_can_give(void **state)
{
    struct text_name name;
    uint32_t actions;
    (void)state;
    assert_int_equal(make(" Sörfőző  mester ", PEK_ACTION_UNSPECIFIED, &name, &actions), STATUS_OK);
    assert_true(slice_equal_str(name.name, "Sörfőző mester"));
    assert_int_equal(actions, 0);
    assert_int_equal(make(LONG_30, PEK_ACTION_EDIT_SCORES, &name, &actions), STATUS_OK);
    assert_int_equal(actions, 1 << 6);
    static const char *const names[] = {"", "  ", TOO_LONG, "a\nb", "\xff"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(make(names[i], PEK_ACTION_UNSPECIFIED, &name, &actions),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, "name");
    }
    static const pek_action refused[] = {PEK_ACTION_MOVE_GROUP_OWNER,
                                         PEK_ACTION_VIEW_BASIC_PROFILE,
                                         PEK_ACTION_VIEW_FULL_PROFILE,
                                         PEK_ACTION_EDIT_PROFILE,
                                         PEK_ACTION_GOD,
                                         (pek_action)13};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(make("x", refused[i], &name, &actions), STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, "actions");
    }
}

static enum status flairs(size_t count, const char *first, const char *last)
{
    char *list[POST_FLAIRS_MAX + 1];
    const struct slice *made;
    for (size_t i = 0; i < count; i++)
        list[i] = arena_printf(arena, "%zu", i);
    list[0] = (char *)(uintptr_t)first;
    if (count > 1)
        list[count - 1] = (char *)(uintptr_t)last;
    fault = (struct fault){0};
    return post_make_flairs(list, count, arena, &made, &fault);
}

static void flairs_are_few_and_short(void **state)
{
    (void)state;
    assert_int_equal(flairs(0, "", ""), STATUS_OK);
    assert_int_equal(flairs(POST_FLAIRS_MAX, LONG_30, "🍆"), STATUS_OK);
    assert_int_equal(flairs(POST_FLAIRS_MAX + 1, "x", "y"), STATUS_INVALID_ARGUMENT);
    assert_int_equal(flairs(1, TOO_LONG, ""), STATUS_INVALID_ARGUMENT);
    assert_int_equal(flairs(1, " ", ""), STATUS_INVALID_ARGUMENT);
    assert_int_equal(flairs(2, "a\nb", "y"), STATUS_INVALID_ARGUMENT);
    assert_int_equal(flairs(3, "x  y", " x y"), STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "flairs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_choice_is_one_of_two, setup, teardown),
        cmocka_unit_test_setup_teardown(a_type_has_a_name_and_rights_that_a_group_can_give, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(flairs_are_few_and_short, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
