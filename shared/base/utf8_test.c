#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/base/utf8.h"

static unsigned char_len(const char *bytes)
{
    return utf8_char_len(slice_str(bytes));
}

static void utf8_knows_the_length_of_each_character(void **state)
{
    (void)state;
    assert_int_equal(char_len("a"), 1);
    assert_int_equal(char_len("\xC3\xA9"), 2);
    assert_int_equal(char_len("\xE2\x82\xAC"), 3);
    assert_int_equal(char_len("\xF0\x9F\x98\x80"), 4);
    assert_int_equal(utf8_char_len(SLICE_LIT("\0")), 1);
    assert_int_equal(char_len(UTF8_REPLACEMENT), 3);
}

static void utf8_refuses_overlong_forms_surrogates_and_what_is_too_high(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\xC0\x80",         "\xC1\xBF",         "\xE0\x9F\xBF",
        "\xF0\x8F\xBF\xBF", "\xED\xA0\x80",     "\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(char_len(wrong[i]), 0);
    assert_int_equal(char_len("\xED\x9F\xBF"), 3);
    assert_int_equal(char_len("\xF4\x8F\xBF\xBF"), 4);
}

static void utf8_refuses_a_character_that_is_cut_or_continued_wrongly(void **state)
{
    (void)state;
    assert_int_equal(char_len(""), 0);
    assert_int_equal(char_len("\xC3"), 0);
    assert_int_equal(char_len("\xE2\x82"), 0);
    assert_int_equal(char_len("\xF0\x9F\x98"), 0);
    assert_int_equal(char_len("\xE2\x82z"), 0);
}

static void utf8_judges_whole_texts(void **state)
{
    (void)state;
    assert_true(utf8_valid(SLICE_LIT("")));
    assert_true(utf8_valid(SLICE_LIT("\xC3\xA1rv\xC3\xADzt\xC5\xB1r\xC5\x91")));
    assert_false(utf8_valid(SLICE_LIT("ok\xFFok")));
    assert_false(utf8_valid(SLICE_LIT("ok\xC3")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_knows_the_length_of_each_character),
        cmocka_unit_test(utf8_refuses_overlong_forms_surrogates_and_what_is_too_high),
        cmocka_unit_test(utf8_refuses_a_character_that_is_cut_or_continued_wrongly),
        cmocka_unit_test(utf8_judges_whole_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
