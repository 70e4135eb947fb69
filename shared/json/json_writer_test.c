#include "shared/json/json_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shared/json/json_scan.h"

static void assert_text(const struct buffer *out, const char *text)
{
    assert_false(out->failed);
    assert_int_equal(out->len, strlen(text));
    assert_memory_equal(out->ptr, text, out->len);
}

static void writer_puts_commas_and_colons_by_itself(void **state)
{
    (void)state;
    struct buffer out;
    struct json_writer json;
    buffer_init(&out, 1024);
    json_writer_init(&json, &out);
    json_object(&json);
    json_key(&json, "a");
    json_int(&json, -1);
    json_key(&json, "list");
    json_array(&json);
    json_bool(&json, true);
    json_null(&json);
    json_object(&json);
    json_object_end(&json);
    json_array(&json);
    json_uint(&json, UINT64_MAX);
    json_array_end(&json);
    json_array_end(&json);
    json_key(&json, "raw");
    json_raw(&json, SLICE_LIT("{\"x\":1}"));
    json_key(&json, "none");
    json_str(&json, NULL);
    json_object_end(&json);
    assert_int_equal(json_writer_finish(&json), STATUS_OK);
    assert_text(&out, "{\"a\":-1,\"list\":[true,null,{},[18446744073709551615]],\"raw\":{\"x\":1},"
                      "\"none\":null}");
    buffer_done(&out);
}

static void strings_escape_what_breaks_json_lines_and_scripts(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 1024);
    json_escape(&out, SLICE_LIT("a\"b\\c\n\t\0\x1f\x7f</é\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA"));
    assert_text(&out, "\"a\\\"b\\\\c\\n\\u0009\\u0000\\u001f\\u007f\\u003c/é\\u2028\\u2029"
                      "\xE2\x80\xAA\"");
    buffer_done(&out);
}

static void strings_replace_bytes_that_are_not_utf8(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 1024);
    json_escape(&out, SLICE_LIT("x\xFFy\xC3"));
    assert_text(&out, "\"x\xEF\xBF\xBDy\xEF\xBF\xBD\"");
    buffer_done(&out);
}

static void every_byte_gives_a_string_that_the_scanner_takes(void **state)
{
    (void)state;
    struct buffer out;
    struct arena arena;
    buffer_init(&out, 1024);
    arena_init(&arena, 65536);
    for (int byte = 1; byte < 256; byte++) {
        char text[1] = {(char)byte};
        buffer_reset(&out);
        arena_reset(&arena);
        json_escape(&out, slice_make(text, 1));
        assert_int_equal(json_scan(buffer_slice(&out), NULL, &arena, NULL), STATUS_OK);
    }
    arena_done(&arena);
    buffer_done(&out);
}

static void writer_stays_broken_after_the_maximum(void **state)
{
    (void)state;
    struct buffer out;
    struct json_writer json;
    buffer_init(&out, 16);
    json_writer_init(&json, &out);
    json_array(&json);
    json_str(&json, "a text longer than the buffer may be");
    json_int(&json, 1);
    json_array_end(&json);
    assert_int_equal(json_writer_finish(&json), STATUS_RESOURCE_EXHAUSTED);
    assert_true(out.len <= 16);
    buffer_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writer_puts_commas_and_colons_by_itself),
        cmocka_unit_test(strings_escape_what_breaks_json_lines_and_scripts),
        cmocka_unit_test(strings_replace_bytes_that_are_not_utf8),
        cmocka_unit_test(every_byte_gives_a_string_that_the_scanner_takes),
        cmocka_unit_test(writer_stays_broken_after_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
