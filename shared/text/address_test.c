#include "shared/text/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define FOR_EACH(item, list) for (size_t item = 0; item < sizeof(list) / sizeof((list)[0]); item++)

static int arena_make(void **state)
{
    static struct arena arena;
    arena_init(&arena, 1024 * 1024);
    *state = &arena;
    return 0;
}

static int arena_remove(void **state)
{
    arena_done(*state);
    return 0;
}

typedef enum status check(struct slice, size_t, const char *, struct arena *, struct slice *,
                          struct fault *);

static void assert_taken(check *checked, struct arena *arena, size_t chars_max, const char *text,
                         const char *expected)
{
    struct slice got = {0};
    struct fault fault = {0};
    if (checked(slice_str(text), chars_max, "group.webpage", arena, &got, &fault) != STATUS_OK)
        fail_msg("%s: %s", text, fault.text);
    assert_int_equal(got.len, strlen(expected));
    assert_memory_equal(got.ptr, expected, got.len);
}

static void assert_refused(check *checked, struct arena *arena, size_t chars_max, struct slice text)
{
    struct slice got = {0};
    struct fault fault = {0};
    if (checked(text, chars_max, "group.webpage", arena, &got, &fault) != STATUS_INVALID_ARGUMENT)
        fail_msg("%.*s was accepted", SLICE_ARG(text));
    assert_string_equal(fault.field, "group.webpage");
    assert_true(fault.text[0] != '\0');
    assert_null(got.ptr);
}

static void web_addresses_are_accepted(void **state)
{
    const char *good[] = {
        "https://kir-dev.hu",
        "http://kir-dev.hu/",
        "HTTPS://Kir-Dev.hu/a/b?c=d&e=[1]#f",
        "https://kir-dev.hu:8443/x",
        "https://árvíztűrő.hu/kör",
        "https://xn--rvztr-1qa5hia.hu",
        "https://a.b?x",
        "https://a.b#x@y:z",
        "http://10.0.0.1:80/",
        "https://pek.sch.bme.hu/groups/1(2)'3'~",
    };
    FOR_EACH (i, good)
        assert_taken(text_check_webpage, *state, TEXT_WEBPAGE_CHARS_MAX, good[i], good[i]);
    assert_taken(text_check_webpage, *state, TEXT_WEBPAGE_CHARS_MAX, "  https://a.b \t",
                 "https://a.b");
    assert_taken(text_check_webpage, *state, TEXT_WEBPAGE_CHARS_MAX, "https://a.b/o\xcc\x8b",
                 "https://a.b/ő");
}

static void what_is_no_web_address_is_refused(void **state)
{
    struct slice bad[] = {
        SLICE_LIT(""),
        SLICE_LIT("kir-dev.hu"),
        SLICE_LIT("javascript:alert(1)"),
        SLICE_LIT("data:text/html,x"),
        SLICE_LIT("ftp://kir-dev.hu"),
        SLICE_LIT("//kir-dev.hu"),
        SLICE_LIT("https:/kir-dev.hu"),
        SLICE_LIT("https:kir-dev.hu"),
        SLICE_LIT("https://"),
        SLICE_LIT("https:///path"),
        SLICE_LIT("https://?"),
        SLICE_LIT("https://localhost"),
        SLICE_LIT("https://user@kir-dev.hu"),
        SLICE_LIT("https://user:secret@kir-dev.hu"),
        SLICE_LIT("https://kir-dev.hu:0"),
        SLICE_LIT("https://kir-dev.hu:65536"),
        SLICE_LIT("https://kir-dev.hu:"),
        SLICE_LIT("https://kir-dev.hu:80a"),
        SLICE_LIT("https://kir-dev.hu:1:2"),
        SLICE_LIT("https://kir dev.hu"),
        SLICE_LIT("https://kir-dev.hu/a b"),
        SLICE_LIT("https://kir-dev.hu/\n"
                  "x"),
        SLICE_LIT("java\0script://x.y"),
        SLICE_LIT("https://a.b/\0"),
        SLICE_LIT("https://-a.hu"),
        SLICE_LIT("https://a-.hu"),
        SLICE_LIT("https://a..hu"),
        SLICE_LIT("https://.hu"),
        SLICE_LIT("https://a.hu."),
        SLICE_LIT("https://a_b.hu"),
        SLICE_LIT("https://a%2eb.hu"),
        SLICE_LIT("https://[::1]/"),
        SLICE_LIT("https://1.2.3.4.5/"),
        SLICE_LIT("https://1.2/"),
        SLICE_LIT("https://256.1.1.1/"),
        SLICE_LIT("https://a.b\\@evil.hu"),
        SLICE_LIT("https://a.b/x\\y"),
        SLICE_LIT("https://a.b/\"onclick"),
        SLICE_LIT("https://a.b/<script>"),
        SLICE_LIT("https://a.b/\u202e"),
        SLICE_LIT("https://a\u200b.b/"),
        SLICE_LIT("https://a.b/\xff"),
        SLICE_LIT("https://0123456789012345678901234567890123456789012345678901234567890123.hu"),
    };
    FOR_EACH (i, bad)
        assert_refused(text_check_webpage, *state, 200, bad[i]);
}

static void a_password_in_an_address_is_named_as_such_not_repeated(void **state)
{
    struct slice got;
    struct fault fault = {0};
    assert_int_equal(
        text_check_webpage(SLICE_LIT("https://me:secret@a.b"), 64, "webpage", *state, &got, &fault),
        STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(fault.text, "password"));
    assert_null(strstr(fault.text, "secret"));
}

static void addresses_are_counted_in_characters(void **state)
{
    assert_taken(text_check_webpage, *state, 14, "https://őű.hu/", "https://őű.hu/");
    assert_refused(text_check_webpage, *state, 13, SLICE_LIT("https://őű.hu/"));
    assert_taken(text_check_mail, *state, 7, "a@bc.hu", "a@bc.hu");
    assert_refused(text_check_mail, *state, 6, SLICE_LIT("a@bc.hu"));
}

static void mail_addresses_are_accepted(void **state)
{
    const char *good[] = {
        "kir-dev@sch.bme.hu",      "a@b.c", "First.Last+tag@example.com", "o'brien@example.com",
        "x!#$%&*/=?^_`{|}~-@a.hu",
    };
    FOR_EACH (i, good)
        assert_taken(text_check_mail, *state, TEXT_MAIL_CHARS_MAX, good[i], good[i]);
    assert_taken(text_check_mail, *state, TEXT_MAIL_CHARS_MAX, " kor@árvíztűrő.hu ",
                 "kor@árvíztűrő.hu");
}

static void what_is_no_mail_address_is_refused(void **state)
{
    struct slice bad[] = {
        SLICE_LIT(""),
        SLICE_LIT("a"),
        SLICE_LIT("@"),
        SLICE_LIT("a@"),
        SLICE_LIT("@b.hu"),
        SLICE_LIT("a@b"),
        SLICE_LIT("a@b@c.hu"),
        SLICE_LIT(".a@b.hu"),
        SLICE_LIT("a.@b.hu"),
        SLICE_LIT("a..b@c.hu"),
        SLICE_LIT("a b@c.hu"),
        SLICE_LIT("a@c .hu"),
        SLICE_LIT("\"a\"@b.hu"),
        SLICE_LIT("<a@b.hu>"),
        SLICE_LIT("a@b.hu, c@d.hu"),
        SLICE_LIT("a@b.hu\nBcc: x@y.hu"),
        SLICE_LIT("kör@b.hu"),
        SLICE_LIT("a@[127.0.0.1]"),
        SLICE_LIT("a@127.0.0.1"),
        SLICE_LIT("a\0@b.hu"),
        SLICE_LIT("a@b.hu\0"),
        SLICE_LIT("a@-b.hu"),
        SLICE_LIT("a@b_c.hu"),
        SLICE_LIT("mailto:a@b.hu?subject=x"),
        SLICE_LIT("(c)a@b.hu"),
        SLICE_LIT("01234567890123456789012345678901234567890123456789012345678901234@b.hu"),
    };
    FOR_EACH (i, bad)
        assert_refused(text_check_mail, *state, TEXT_USER_MAIL_CHARS_MAX, bad[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_make, arena_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(web_addresses_are_accepted),
        TEST(what_is_no_web_address_is_refused),
        TEST(a_password_in_an_address_is_named_as_such_not_repeated),
        TEST(addresses_are_counted_in_characters),
        TEST(mail_addresses_are_accepted),
        TEST(what_is_no_mail_address_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
