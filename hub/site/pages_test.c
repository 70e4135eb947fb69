/* Which addresses are the site's. */
#include "hub/site/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static enum status find(const char *list, const char *index, struct pages *ret_pages,
                        struct fault *fault)
{
    static struct files files;

    files_close(&files);
    assert_int_equal(files_open(&files, fault), STATUS_OK);
    if (list)
        assert_int_equal(files_add(&files, SLICE_LIT(PAGES_FILE), slice_str(list), fault),
                         STATUS_OK);
    if (index)
        assert_int_equal(files_add(&files, SLICE_LIT(PAGES_INDEX), slice_str(index), fault),
                         STATUS_OK);
    return pages_find(&files, ret_pages, fault);
}

static void addresses_of_the_site_are_told_from_others(void **state)
{
    static const struct {
        const char *path;
        bool is_page;
    } rows[] = {
        {"/", true},
        {"/search", true},
        {"/search/", false},
        {"/searches", false},
        {"/realms/hub/groups/a@b", true},
        {"/realms//groups/a@b", false},
        {"/realms/hub/groups/", false},
        {"/realms/hub/groups/a@b/c", false},
        {"/realms/hub/groups/*", true},
        {"/realms/hub", false},
        {"/*", false},
        {"/api/v1/groups", false},
        {"search", false},
        {"", false},
        {"\n", false},
    };
    struct pages pages;
    struct fault fault = {0};
    (void)state;
    assert_int_equal(find("/\n/search\n\n/realms/*/groups/*\n", "x", &pages, &fault), STATUS_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (pages_has(&pages, slice_str(rows[i].path)) != rows[i].is_page)
            fail_msg("%s", rows[i].path);
    }
}

static void only_the_last_slash_of_an_address_is_too_much(void **state)
{
    static const struct {
        const char *path;
        bool is_page;
    } rows[] = {
        {"/search/", true},
        {"/realms/hub/groups/a@b/", true},
        {"//", true},
        {"/", false},
        {"/search", false},
        {"/search//", false},
        {"//search/", false},
        {"/search/x/", false},
        {"//evil.example/", false},
        {"/realms/hub/groups//", false},
        {"/realms//evil.example/groups/", false},
        {"search/", false},
        {"", false},
    };
    struct pages pages;
    struct fault fault = {0};
    (void)state;
    assert_int_equal(find("/\n/search\n/realms/*/groups/*\n", "x", &pages, &fault), STATUS_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (pages_has_before_slash(&pages, slice_str(rows[i].path)) != rows[i].is_page)
            fail_msg("%s", rows[i].path);
    }
}

/* Even when a site's list would let any word come first, what is left of an address leads to this host. */
static void address_without_its_slash_leads_to_no_other_host(void **state)
{
    struct pages pages;
    struct fault fault = {0};
    (void)state;
    assert_int_equal(find("/\n/*\n/*/*\n", "x", &pages, &fault), STATUS_OK);
    assert_true(pages_has_before_slash(&pages, SLICE_LIT("/evil.example/")));
    assert_false(pages_has_before_slash(&pages, SLICE_LIT("//evil.example/")));
    assert_false(pages_has_before_slash(&pages, SLICE_LIT("///evil.example/")));
}

static void last_line_needs_no_end(void **state)
{
    struct pages pages;
    struct fault fault = {0};
    (void)state;
    assert_int_equal(find("/a\n/b", "x", &pages, &fault), STATUS_OK);
    assert_true(pages_has(&pages, SLICE_LIT("/b")));
}

static void folder_that_is_no_site_is_refused(void **state)
{
    static const struct {
        const char *list, *index, *says;
    } rows[] = {
        {"/\n", NULL, "/index.html"},
        {NULL, "x", "/pages.txt"},
        {"/\nsearch\n", "x", "'search' is no path"},
    };
    struct pages pages = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fault fault = {0};
        assert_int_equal(find(rows[i].list, rows[i].index, &pages, &fault),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, "site_folder");
        assert_non_null(strstr(fault.text, rows[i].says));
        assert_null(pages.index);
    }
}

static void without_a_site_there_is_no_page(void **state)
{
    const struct pages none = {0};
    (void)state;
    assert_false(pages_has(&none, SLICE_LIT("/")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_the_site_are_told_from_others),
        cmocka_unit_test(only_the_last_slash_of_an_address_is_too_much),
        cmocka_unit_test(address_without_its_slash_leads_to_no_other_host),
        cmocka_unit_test(last_line_needs_no_end),
        cmocka_unit_test(folder_that_is_no_site_is_refused),
        cmocka_unit_test(without_a_site_there_is_no_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
