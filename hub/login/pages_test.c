#include "hub/login/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NASTY "<script>alert(1)</script>\"'&"
#define ESCAPED "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"

static struct buffer out;

static int setup(void **state)
{
    (void)state;
    buffer_init(&out, PAGES_BYTES_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buffer_done(&out);
    return 0;
}

static const char *text(void)
{
    buffer_append_char(&out, 0);
    assert_false(out.failed);
    return out.ptr;
}

static void error_page_escapes_its_text(void **state)
{
    (void)state;
    const struct page_error page = {"Title <", SLICE_LIT(NASTY), SLICE_LIT("/a?b=\"><script>&c")};

    page_error_write(&out, &page);
    assert_non_null(strstr(text(), ESCAPED));
    assert_null(strstr(out.ptr, "<script"));
    assert_non_null(strstr(out.ptr, "return_to=%2Fa%3Fb%3D%22%3E%3Cscript%3E%26c\""));
}

static void registration_page_escapes_name_username_and_mistake(void **state)
{
    (void)state;
    const struct page_register page = {SLICE_LIT(NASTY), SLICE_LIT("\" onfocus=\"alert(1)"),
                                       SLICE_LIT(NASTY)};

    page_register_write(&out, &page);
    assert_non_null(strstr(text(), ESCAPED));
    assert_null(strstr(out.ptr, "<script"));
    assert_non_null(strstr(out.ptr, "value=\"&quot; onfocus=&quot;alert(1)\""));
}

static void pages_obey_their_own_policy(void **state)
{
    (void)state;
    const struct page_register page = {SLICE_LIT("Béla"), SLICE_LIT("bela"), SLICE_LIT("")};

    page_register_write(&out, &page);
    assert_null(strstr(text(), "<script"));
    assert_null(strstr(out.ptr, "style="));
    assert_null(strstr(out.ptr, "<style"));
    assert_null(strstr(out.ptr, " on"));
    assert_null(strstr(PAGES_POLICY, "unsafe"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(error_page_escapes_its_text, setup, teardown),
        cmocka_unit_test_setup_teardown(registration_page_escapes_name_username_and_mistake, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(pages_obey_their_own_policy, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
