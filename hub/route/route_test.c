#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hub/route/percent.h"
#include "hub/route/route.h"

struct fixture {
    struct route_table *table;
    struct arena arena;
    struct route_match match;
    struct slice allow;
    struct fault fault;
};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    arena_init(&fixture.arena, 1u << 20);
    *state = &fixture;
    return route_table_new(&fixture.table) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    route_table_free(fixture->table);
    arena_done(&fixture->arena);
    return 0;
}

static enum status add(struct fixture *fixture, const char *verb, const char *pattern)
{
    struct route_rule rule = {.verb = verb, .pattern = pattern};
    fixture->fault = (struct fault){0};
    return route_table_add(fixture->table, &rule, &fixture->fault);
}

static enum route_outcome match(struct fixture *fixture, const char *verb, const char *path)
{
    fixture->match = (struct route_match){0};
    fixture->allow = (struct slice){0};
    return route_match(fixture->table, slice_str(verb), slice_str(path), &fixture->arena,
                       &fixture->match, &fixture->allow);
}

#define ADD(verb, pattern) assert_int_equal(add(fixture, verb, pattern), STATUS_OK)

/* "pattern|name=value|…" of what matched, or why not. */
static const char *shown(struct fixture *fixture, const char *verb, const char *path)
{
    static char text[512];
    switch (match(fixture, verb, path)) {
    case ROUTE_UNKNOWN: return "unknown";
    case ROUTE_WRONG_VERB:
        snprintf(text, sizeof(text), "allow %.*s", SLICE_ARG(fixture->allow));
        return text;
    case ROUTE_FOUND: break;
    }
    const struct route_rule *rule = fixture->match.rule;
    size_t len = (size_t)snprintf(text, sizeof(text), "%s", rule->pattern);
    for (size_t i = 0; i < rule->variable_count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "|%s=%.*s", rule->variables[i],
                                SLICE_ARG(fixture->match.values[i]));
    return text;
}

static void paths_find_their_rules(void **state)
{
    struct fixture *fixture = *state;
    ADD("GET", "/api/v1/groups");
    ADD("GET", "/api/v1/groups/{id}");
    ADD("GET", "/api/v1/groups/{id}/members");
    ADD("GET", "/api/v1/groups/mine");
    ADD("GET", "/api/v1/realms/{realm}/groups/{id}");
    ADD("PATCH", "/api/v1/realms/{realm}/groups/{group.id}");
    ADD("POST", "/api/v1/realms/{realm}/groups/{id}:archive");
    ADD("POST", "/api/v1/realms/{realm}/groups/{id}:move");
    ADD("POST", "/api/v1/realms/{realm}/groups");
    ADD("GET", "/v1/{name=shelves/*/books/*}");
    ADD("GET", "/v1/{name=shelves/*}/owner");
    ADD("GET", "/files/{path=**}");
    ADD("GET", "/files/{path=icons/**}");
    ADD("PURGE", "/cache/*");

    static const struct {
        const char *verb, *path, *expected;
    } cases[] = {
        {"GET", "/api/v1/groups", "/api/v1/groups"},
        {"GET", "/api/v1/groups/kir-dev@kir-dev", "/api/v1/groups/{id}|id=kir-dev@kir-dev"},
        {"GET", "/api/v1/groups/kir-dev%40kir-dev", "/api/v1/groups/{id}|id=kir-dev@kir-dev"},
        {"GET", "/api/v1/groups/mine", "/api/v1/groups/mine"},
        {"GET", "/api/v1/groups/mine/members", "/api/v1/groups/{id}/members|id=mine"},
        {"GET", "/api/v1/groups/a%2Fb", "/api/v1/groups/{id}|id=a/b"},
        {"GET", "/api/v1/groups/a%2540", "/api/v1/groups/{id}|id=a%40"},
        {"GET", "/api/v1/groups/k%C3%B6r", "/api/v1/groups/{id}|id=k\xC3\xB6r"},
        {"GET", "/api/v1/groups/a+b", "/api/v1/groups/{id}|id=a+b"},
        {"GET", "/api/v1/groups/...", "/api/v1/groups/{id}|id=..."},
        {"GET", "/api/v1/realms/hub/groups/x", "/api/v1/realms/{realm}/groups/{id}|realm=hub|id=x"},
        {"PATCH", "/api/v1/realms/hub/groups/x",
         "/api/v1/realms/{realm}/groups/{group.id}|realm=hub|group.id=x"},
        {"POST", "/api/v1/realms/hub/groups/a@b:archive",
         "/api/v1/realms/{realm}/groups/{id}:archive|realm=hub|id=a@b"},
        {"POST", "/api/v1/realms/hub/groups/a:b:move",
         "/api/v1/realms/{realm}/groups/{id}:move|realm=hub|id=a:b"},
        /* A colon that is no verb is escaped, and belongs to the value. */
        {"GET", "/api/v1/groups/a%3Ab", "/api/v1/groups/{id}|id=a:b"},
        {"GET", "/api/v1/groups/a:b", "unknown"},
        {"POST", "/api/v1/realms/hub/groups/a:burn", "unknown"},
        {"POST", "/api/v1/realms/hub/groups/a:", "unknown"},
        {"GET", "/api/v1/realms/hub/groups/a:archive", "allow POST"},
        {"GET", "/v1/shelves/1/books/2", "/v1/{name=shelves/*/books/*}|name=shelves/1/books/2"},
        {"GET", "/v1/shelves/a%2Fb/books/2",
         "/v1/{name=shelves/*/books/*}|name=shelves/a%2Fb/books/2"},
        {"GET", "/v1/shelves/7/owner", "/v1/{name=shelves/*}/owner|name=shelves/7"},
        {"GET", "/files/a/b/c", "/files/{path=**}|path=a/b/c"},
        {"GET", "/files", "/files/{path=**}|path="},
        {"GET", "/files/icons/x", "/files/{path=icons/**}|path=icons/x"},
        {"PURGE", "/cache/x", "/cache/*"},
        {"HEAD", "/api/v1/groups/x", "/api/v1/groups/{id}|id=x"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(shown(fixture, cases[i].verb, cases[i].path), cases[i].expected);
}

static void odd_paths_find_nothing(void **state)
{
    struct fixture *fixture = *state;
    ADD("GET", "/a/{id}");
    ADD("GET", "/f/{path=**}");
    static const char *const paths[] = {
        "",       "a/b",       "//a/b",    "/a/",          "/a//b",     "/a/b/",   "/a/.",
        "/a/..",  "/a/%2e%2E", "/a/%2e",   "/a/.%2e",      "/f/x/../y", "/a/%",    "/a/%4",
        "/a/%zz", "/a/%00",    "/a/x%0Ay", "/a/%ff",       "/a/%C0%80", "/f/a//b", "/f/x/%2e%2e",
        "/b/x",   "/a/b/c",    "/a/\x7f",  "/a/%ED%A0%80",
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_string_equal(shown(fixture, "GET", paths[i]), "unknown");
}

static void wrong_verb_is_told_the_right_ones(void **state)
{
    struct fixture *fixture = *state;
    ADD("GET", "/a/{id}");
    ADD("PATCH", "/a/{other}");
    ADD("POST", "/a/{id}:go");
    assert_string_equal(shown(fixture, "DELETE", "/a/x"), "allow PATCH, GET, HEAD");
    assert_string_equal(shown(fixture, "PUT", "/a/x:go"), "allow POST");
    assert_string_equal(shown(fixture, "get", "/a/x"), "allow PATCH, GET, HEAD");
    assert_string_equal(shown(fixture, "DELETE", "/b"), "unknown");
}

static void conflicting_rules_are_refused(void **state)
{
    struct fixture *fixture = *state;
    ADD("GET", "/a/{id}/b");
    assert_int_equal(add(fixture, "GET", "/a/{name}/b"), STATUS_ALREADY_EXISTS);
    assert_non_null(strstr(fixture->fault.text, "/a/{id}/b"));
    assert_non_null(strstr(fixture->fault.text, "/a/{name}/b"));
    assert_int_equal(add(fixture, "GET", "/a/*/b"), STATUS_ALREADY_EXISTS);
    assert_int_equal(add(fixture, "GET", "/{x=a/*}/b"), STATUS_ALREADY_EXISTS);
    ADD("POST", "/a/{name}/b");
    ADD("GET", "/a/{id}/b:verb");
    assert_int_equal(add(fixture, "GET", "/a/{id}/b:verb"), STATUS_ALREADY_EXISTS);
    ADD("GET", "/a/c/b");
    assert_int_equal(route_table_count(fixture->table), 4);
}

static void bad_templates_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const patterns[] = {
        "",      "a",         "/",        "/a/",    "//a",     "/a//b", "/{",
        "/{}",   "/{a",       "/{a=}",    "/{a=b",  "/{1}",    "/{a.}", "/{.a}",
        "/**/a", "/{a=**}/b", "/{a}/{a}", "/a:",    "/a b",    "/a?b",  "/{a={b}}",
        "/***",  "/*a",       "/a:b:c",   "/a:b/c", "/{a}{b}", "/x{a}", "/{a-b}",
    };
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if (add(fixture, "GET", patterns[i]) != STATUS_INVALID_ARGUMENT)
            fail_msg("accepted \"%s\"", patterns[i]);
    }
    assert_int_equal(route_table_count(fixture->table), 0);
}

static void a_full_arena_finds_nothing_rather_than_half(void **state)
{
    struct fixture *fixture = *state;
    ADD("GET", "/a/{id}");
    struct arena small;
    arena_init(&small, 1);
    struct route_match found;
    assert_int_equal(route_match(fixture->table, SLICE_LIT("GET"),
                                 SLICE_LIT("/a/0123456789abcdefgh"), &small, &found, NULL),
                     ROUTE_UNKNOWN);
    arena_done(&small);
}

static void rule_and_values_make_the_path_again(void **state)
{
    struct fixture *fixture = *state;
    ADD("GET", "/a/{realm}/b/{id}:archive");
    ADD("GET", "/c/{name=x/*}/d");
    const struct slice values[] = {SLICE_LIT("hub"), SLICE_LIT("k\xc5\x91r@a/b c:d")};
    const struct slice named[] = {SLICE_LIT("x/y z")};
    struct slice path;
    assert_int_equal(
        route_path(route_table_rule(fixture->table, 0), values, &fixture->arena, &path), STATUS_OK);
    assert_true(slice_equal_str(path, "/a/hub/b/k%C5%91r@a%2Fb%20c%3Ad:archive"));
    assert_int_equal(
        route_match(fixture->table, SLICE_LIT("GET"), path, &fixture->arena, &fixture->match, NULL),
        ROUTE_FOUND);
    assert_true(slice_equal(fixture->match.values[1], values[1]));
    assert_int_equal(route_path(route_table_rule(fixture->table, 1), named, &fixture->arena, &path),
                     STATUS_OK);
    assert_true(slice_equal_str(path, "/c/x/y%20z/d"));
}

static void percent_decodes_once_and_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *expected;
        unsigned rules;
    } cases[] = {
        {"a%20b+c", "a b+c", PERCENT_PLAIN}, {"a%20b+c", "a b c", PERCENT_PLUS_IS_SPACE},
        {"%252F", "%2F", PERCENT_PLAIN},     {"%2f%2F", "%2F%2F", PERCENT_KEEP_SLASH},
        {"%2f", "/", PERCENT_PLAIN},         {"", "", PERCENT_PLAIN},
        {"%", NULL, PERCENT_PLAIN},          {"%2", NULL, PERCENT_PLAIN},
        {"%0a", NULL, PERCENT_PLAIN},        {"%7f", NULL, PERCENT_PLAIN},
        {"%c3", NULL, PERCENT_PLAIN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[64];
        size_t len = 99;
        bool good = percent_decode(slice_str(cases[i].raw), cases[i].rules, out, &len);
        assert_int_equal(good, cases[i].expected != NULL);
        if (good)
            assert_true(slice_equal_str(slice_make(out, len), cases[i].expected));
        else
            assert_int_equal(len, 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paths_find_their_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(odd_paths_find_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_verb_is_told_the_right_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(conflicting_rules_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_templates_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_arena_finds_nothing_rather_than_half, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(rule_and_values_make_the_path_again, setup, teardown),
        cmocka_unit_test(percent_decodes_once_and_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
