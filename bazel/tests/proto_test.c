/* What the proto and embed rules make compiles, links and holds what went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bazel/tests/all_bytes.h"
#include "frame/sample.pb-c.h"
#include "google/api/annotations.pb-c.h"

static void messages_with_imports_round_trip(void **state)
{
    (void)state;
    Frame__Part part = FRAME__PART__INIT;
    Google__Protobuf__Timestamp seen_at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Frame__Sample sample = FRAME__SAMPLE__INIT;
    seen_at.seconds = 1700000000;
    sample.name = (char *)(uintptr_t) "kör";
    sample.part = &part;
    sample.seen_at = &seen_at;

    uint8_t wire[64];
    assert_true(frame__sample__get_packed_size(&sample) <= sizeof(wire));
    size_t len = frame__sample__pack(&sample, wire);
    Frame__Sample *back = frame__sample__unpack(NULL, len, wire);
    assert_non_null(back);
    assert_string_equal(back->name, "kör");
    assert_int_equal(back->seen_at->seconds, 1700000000);
    frame__sample__free_unpacked(back, NULL);
}

static void embedded_file_has_every_byte_and_a_zero_behind(void **state)
{
    (void)state;
    assert_int_equal(all_bytes_len, 517);
    for (size_t i = 0; i < 512; i++)
        assert_int_equal(all_bytes[i], i % 256);
    assert_memory_equal(all_bytes + 512, "0a\\\"?", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_with_imports_round_trip),
        cmocka_unit_test(embedded_file_has_every_byte_and_a_zero_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
