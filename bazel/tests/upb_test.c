/* The upb headers of the source package fit the libupb.so of the binary package: inlined code and
 * library agree on the arena, on mini tables and on messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <google/protobuf/descriptor.upb.h>
#include <upb/decode.h>
#include <upb/def.h>
#include <upb/encode.h>
#include <upb/json_decode.h>
#include <upb/json_encode.h>
#include <upb/reflection.h>

#include "bazel/tests/sample_descriptors_embedded.h"
#include "frame/sample.pb-c.h"

#if defined(UPB_ENABLE_FASTTABLE) || defined(UPB_TRY_ENABLE_FASTTABLE)
#error "Debian's libupb is built without fast tables"
#endif

static upb_DefPool *load_pool(void)
{
    upb_Arena *arena = upb_Arena_New();
    upb_DefPool *pool = upb_DefPool_New();
    upb_Status status;
    upb_Status_Clear(&status);
    google_protobuf_FileDescriptorSet *set = google_protobuf_FileDescriptorSet_parse(
        (const char *)sample_descriptors, sample_descriptors_len, arena);
    assert_non_null(set);
    size_t count = 0;
    const google_protobuf_FileDescriptorProto *const *files =
        google_protobuf_FileDescriptorSet_file(set, &count);
    for (size_t i = 0; i < count; i++) {
        if (!upb_DefPool_AddFile(pool, files[i], &status))
            fail_msg("%s", upb_Status_ErrorMessage(&status));
    }
    upb_Arena_Free(arena);
    return pool;
}

static void inlined_arena_agrees_with_the_library(void **state)
{
    (void)state;
    /* Inlined allocations interleaved with the library's own, over many blocks. */
    upb_Arena *arena = upb_Arena_New();
    unsigned char *blocks[500];
    upb_Array *arrays[500];
    for (size_t i = 0; i < 500; i++) {
        blocks[i] = upb_Arena_Malloc(arena, i + 1);
        arrays[i] = upb_Array_New(arena, kUpb_CType_Int32);
        assert_non_null(blocks[i]);
        memset(blocks[i], (int)(i & 0xff), i + 1);
        for (int j = 0; j < 9; j++)
            assert_true(
                upb_Array_Append(arrays[i], (upb_MessageValue){.int32_val = (int)i + j}, arena));
    }
    for (size_t i = 0; i < 500; i++) {
        for (size_t j = 0; j <= i; j++)
            assert_int_equal(blocks[i][j], i & 0xff);
        for (size_t j = 0; j < 9; j++)
            assert_int_equal(upb_Array_Get(arrays[i], j).int32_val, i + j);
    }
    upb_Arena_Free(arena);
}

static void wire_of_protobuf_c_becomes_json_and_back(void **state)
{
    (void)state;
    upb_DefPool *pool = load_pool();
    const upb_MessageDef *def = upb_DefPool_FindMessageByName(pool, "frame.Sample");
    assert_non_null(def);

    Google__Protobuf__Timestamp seen_at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Frame__Sample sample = FRAME__SAMPLE__INIT;
    sample.name = (char *)(uintptr_t) "kör";
    sample.big_count = INT64_C(9007199254740993);
    sample.seen_at = &seen_at;
    uint8_t wire[64];
    size_t wire_len = frame__sample__pack(&sample, wire);

    upb_Arena *arena = upb_Arena_New();
    upb_Message *message = upb_Message_New(def, arena);
    assert_int_equal(upb_Decode((const char *)wire, wire_len, message,
                                upb_MessageDef_MiniTable(def), NULL, 0, arena),
                     kUpb_DecodeStatus_Ok);
    char json[256];
    upb_Status status;
    upb_Status_Clear(&status);
    size_t json_len = upb_JsonEncode(message, def, pool, 0, json, sizeof(json), &status);
    assert_string_equal(json, "{\"name\":\"kör\",\"bigCount\":\"9007199254740993\","
                              "\"seenAt\":\"1970-01-01T00:00:00Z\"}");

    upb_Message *again = upb_Message_New(def, arena);
    assert_true(upb_JsonDecode(json, json_len, again, def, pool, 0, arena, &status));
    char *encoded = NULL;
    size_t encoded_len = 0;
    assert_int_equal(
        upb_Encode(again, upb_MessageDef_MiniTable(def), 0, arena, &encoded, &encoded_len),
        kUpb_EncodeStatus_Ok);
    assert_int_equal(encoded_len, wire_len);
    assert_memory_equal(encoded, wire, wire_len);
    upb_Arena_Free(arena);
    upb_DefPool_Free(pool);
}

static void custom_options_are_read_through_the_registry(void **state)
{
    (void)state;
    upb_DefPool *pool = load_pool();
    const upb_MessageDef *def = upb_DefPool_FindMessageByName(pool, "frame.Sample");
    const upb_FieldDef *field = upb_MessageDef_FindFieldByNumber(def, 3);
    const upb_FieldDef *mark = upb_DefPool_FindExtensionByName(pool, "frame.mark");
    const upb_MessageDef *options_def =
        upb_DefPool_FindMessageByName(pool, "google.protobuf.FieldOptions");
    assert_non_null(mark);

    /* Options come as generated messages with extensions unread: read them again with the pool. */
    upb_Arena *arena = upb_Arena_New();
    size_t len = 0;
    char *bytes = google_protobuf_FieldOptions_serialize(upb_FieldDef_Options(field), arena, &len);
    upb_Message *options = upb_Message_New(options_def, arena);
    assert_int_equal(upb_Decode(bytes, len, options, upb_MessageDef_MiniTable(options_def),
                                upb_DefPool_ExtensionRegistry(pool), 0, arena),
                     kUpb_DecodeStatus_Ok);
    upb_StringView value = upb_Message_Get(options, mark).str_val;
    assert_int_equal(value.size, 6);
    assert_memory_equal(value.data, "marked", 6);
    upb_Arena_Free(arena);
    upb_DefPool_Free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inlined_arena_agrees_with_the_library),
        cmocka_unit_test(wire_of_protobuf_c_becomes_json_and_back),
        cmocka_unit_test(custom_options_are_read_through_the_registry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
