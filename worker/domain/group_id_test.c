#include "worker/domain/group_id.h"

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

static void id_is_stored_in_lower_case(void **state)
{
    struct fixture *f = *state;
    struct group_id id;
    assert_int_equal(group_id_parse("Kir-Dev@HELLO_2", "id", &f->arena, &id, &f->fault), STATUS_OK);
    assert_string_equal(id.text, "kir-dev@hello_2");
    assert_true(slice_equal_str(id.org, "kir-dev"));
}

static void id_of_another_form_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"",      "@",    "a",     "a@",    "@a",
                                      "a@b@c", "-a@b", "a@_b",  "a b@c", "á@á",
                                      "a@b/",  "a@%",  "a@b\n", " a@b",  "a.b@c"};
    struct group_id id;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(group_id_parse(bad[i], "group.id", &f->arena, &id, &f->fault),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(f->fault.field, "group.id");
    }
}

static void organisation_is_named_twice(void **state)
{
    struct fixture *f = *state;
    struct group_id id;
    assert_int_equal(group_id_make(SLICE_LIT(""), "", "Kir-Dev", &f->arena, &id, &f->fault),
                     STATUS_OK);
    assert_string_equal(id.text, "kir-dev@kir-dev");
}

static void subgroup_carries_the_organisation_at_any_depth(void **state)
{
    struct fixture *f = *state;
    struct group_id id;
    assert_int_equal(
        group_id_make(SLICE_LIT("schonherz"), "", "Őrült Árvíztűrő Kör", &f->arena, &id, &f->fault),
        STATUS_OK);
    assert_string_equal(id.text, "schonherz@orult-arvizturo-kor");
    assert_int_equal(group_id_make(SLICE_LIT("schonherz"), "kor_1", "x", &f->arena, &id, &f->fault),
                     STATUS_OK);
    assert_string_equal(id.text, "schonherz@kor_1");
}

static void reserved_or_malformed_slug_is_refused(void **state)
{
    struct fixture *f = *state;
    struct group_id id;
    static const char *const bad[] = {"new", "me", "Upper", "a b", "-a", "á"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(group_id_make(SLICE_LIT("o"), bad[i], "x", &f->arena, &id, &f->fault),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(f->fault.field, "slug");
    }
    assert_int_equal(group_id_make(SLICE_LIT("o"), "", "new", &f->arena, &id, &f->fault),
                     STATUS_INVALID_ARGUMENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(id_is_stored_in_lower_case),
        TEST(id_of_another_form_is_refused),
        TEST(organisation_is_named_twice),
        TEST(subgroup_carries_the_organisation_at_any_depth),
        TEST(reserved_or_malformed_slug_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
