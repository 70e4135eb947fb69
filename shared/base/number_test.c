#include "shared/base/number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void number_reads_the_whole_range(void **state)
{
    (void)state;
    int64_t value = 7;
    assert_true(number_parse(SLICE_LIT("0"), &value));
    assert_int_equal(value, 0);
    assert_true(number_parse(SLICE_LIT("9223372036854775807"), &value));
    assert_true(value == INT64_MAX);
    assert_true(number_parse(SLICE_LIT("-9223372036854775808"), &value));
    assert_true(value == INT64_MIN);
}

static void number_refuses_what_is_no_number_or_does_not_fit(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "-", "+1", " 1", "1 ", "1a", "0x10", "9223372036854775808", "-9223372036854775809",
    };
    int64_t value = 7;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(number_parse(slice_str(wrong[i]), &value));
    assert_int_equal(value, 7);
}

static void number_prints_the_shortest_text_that_reads_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},          {0.1, "0.1"},       {-2.5, "-2.5"},
        {1e300, "1e+300"}, {100000, "100000"}, {0.1 + 0.2, "0.30000000000000004"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[NUMBER_TEXT_BYTES];
        assert_int_equal(number_print(rows[i].value, text), strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
    }
}

static void hex_digits_are_of_either_case(void **state)
{
    (void)state;
    int digits = 0;
    for (int c = -128; c < 128; c++) {
        int value = number_hex_digit((char)c);
        digits += value >= 0;
        assert_true(value < 16);
    }
    assert_int_equal(digits, 22);
    assert_int_equal(number_hex_digit('9'), 9);
    assert_int_equal(number_hex_digit('a'), 10);
    assert_int_equal(number_hex_digit('F'), 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_reads_the_whole_range),
        cmocka_unit_test(hex_digits_are_of_either_case),
        cmocka_unit_test(number_refuses_what_is_no_number_or_does_not_fit),
        cmocka_unit_test(number_prints_the_shortest_text_that_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
