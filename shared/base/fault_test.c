#include "shared/base/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void a_refusal_is_one_line(void **state)
{
    (void)state;
    struct fault fault = {0};
    assert_int_equal(fault_set(&fault, STATUS_INVALID_ARGUMENT, "group.name", "%d is too many", 3),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(fault.status, STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "group.name");
    assert_string_equal(fault.text, "3 is too many");
    assert_string_equal(fault.reason, "");
}

static void a_reason_is_kept(void **state)
{
    (void)state;
    struct fault fault = {0};
    assert_int_equal(fault_set_reason(&fault, STATUS_FAILED_PRECONDITION, "GROUP_ARCHIVED", NULL,
                                      "the group is archived"),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(fault.reason, "GROUP_ARCHIVED");
    assert_string_equal(fault.field, "");
}

static void without_a_fault_only_the_status_is_passed_on(void **state)
{
    (void)state;
    assert_int_equal(fault_set(NULL, STATUS_NOT_FOUND, NULL, "nothing"), STATUS_NOT_FOUND);
    assert_int_equal(fault_set_reason(NULL, STATUS_ABORTED, "R", NULL, "nothing"), STATUS_ABORTED);
}

static void a_second_refusal_leaves_nothing_of_the_first(void **state)
{
    (void)state;
    struct fault fault = {0};
    (void)fault_set_reason(&fault, STATUS_ABORTED, "OLD", "old", "old text");
    (void)fault_set(&fault, STATUS_NOT_FOUND, NULL, "new");
    assert_string_equal(fault.reason, "");
    assert_string_equal(fault.field, "");
    assert_string_equal(fault.text, "new");
}

/* Every alignment of a long text of two, three and four byte characters is cut between characters. */
static void a_long_text_is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"\u0151", "\u20ac", "\U0001f600"};
    for (size_t c = 0; c < 3; c++) {
        size_t width = strlen(characters[c]);
        for (size_t shift = 0; shift < 4; shift++) {
            char text[600] = "";
            size_t len = shift;
            memset(text, 'x', shift);
            while (len + width < sizeof(text)) {
                memcpy(text + len, characters[c], width);
                len += width;
            }
            struct fault fault;
            (void)fault_set(&fault, STATUS_INTERNAL, text, "%s", text);
            size_t got = strlen(fault.text);
            assert_true(got < FAULT_TEXT_BYTES_MAX && got >= FAULT_TEXT_BYTES_MAX - 4);
            assert_int_equal((got - shift) % width, 0);
            assert_memory_equal(fault.text, text, got);
            assert_int_equal((strlen(fault.field) - shift) % width, 0);
        }
    }
}

/* Or neither gRPC nor JSON carries it, and a person hears "internal error" without the field. */
static void what_is_no_text_is_left_out(void **state)
{
    (void)state;
    struct fault fault;
    (void)fault_set(&fault, STATUS_INVALID_ARGUMENT, "a\xc5.b", "'%.4s' is no field", "abc\u0151");
    assert_string_equal(fault.field, "a.b");
    assert_string_equal(fault.text, "'abc' is no field");
    (void)fault_set_reason(&fault, STATUS_ABORTED, "\xffR\xe2\x82", NULL,
                           "\xf0\x9f\x98x\xc0\x80\u20ac\xed\xa0\x80");
    assert_string_equal(fault.reason, "R");
    assert_string_equal(fault.text, "x\u20ac");
    (void)fault_set(&fault, STATUS_ABORTED, NULL, "%s", "");
    assert_string_equal(fault.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_is_one_line),
        cmocka_unit_test(a_reason_is_kept),
        cmocka_unit_test(without_a_fault_only_the_status_is_passed_on),
        cmocka_unit_test(a_second_refusal_leaves_nothing_of_the_first),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(what_is_no_text_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
