#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pek/golden/v1/golden.rpc.h"
#include "shared/row/mask.h"

static const char *const fields[] = {"id",     "colour",   "create_time", "sort_key",
                                     "isOpen", "distance", "colours"};
enum {
    ID = 1,
    COLOUR = 2,
    CREATE_TIME = 4,
    SORT_KEY = 8,
    IS_OPEN = 16,
    DISTANCE = 32,
    COLOURS = 64
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static void mask_means_the_fields_that_it_names(void **state)
{
    (void)state;
    golden_v1_thing body = GOLDEN_V1_THING_INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    char id[] = "id", distance[] = "distance", realm[] = "realm", part[] = "id.x";
    char *good[] = {distance, id, distance}, *other[] = {id, realm}, *below[] = {part};
    unsigned taken = 7;
    struct fault fault;
    body.isopen = true;
    mask.paths = good;
    mask.n_paths = 3;
    assert_int_equal(mask_take(&mask, &body.base, fields, FIELDS, &taken, &fault), STATUS_OK);
    assert_int_equal(taken, ID | DISTANCE);
    mask.paths = other;
    mask.n_paths = 2;
    assert_int_equal(mask_take(&mask, &body.base, fields, FIELDS, &taken, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "update_mask");
    assert_string_equal(fault.text, "'realm' cannot be changed here");
    mask.paths = below;
    mask.n_paths = 1;
    assert_int_equal(mask_take(&mask, &body.base, fields, FIELDS, &taken, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(taken, ID | DISTANCE);
}

static void no_mask_means_the_fields_that_are_set(void **state)
{
    (void)state;
    golden_v1_thing body = GOLDEN_V1_THING_INIT;
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Google__Protobuf__FieldMask empty = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    golden_v1_colour colours[] = {GOLDEN_V1_COLOUR_UNSPECIFIED};
    char id[] = "x";
    uint8_t key[] = {0};
    unsigned taken;
    struct fault fault;
    assert_int_equal(mask_take(NULL, &body.base, fields, FIELDS, &taken, &fault), STATUS_OK);
    assert_int_equal(taken, 0);
    body.id = NULL;
    assert_int_equal(mask_take(&empty, &body.base, fields, FIELDS, &taken, &fault), STATUS_OK);
    assert_int_equal(taken, 0);
    body.id = id;
    body.colour = GOLDEN_V1_COLOUR_RED;
    body.create_time = &time;
    body.sort_key = (ProtobufCBinaryData){1, key};
    body.isopen = true;
    body.distance = INT64_C(1) << 40;
    body.colours = colours;
    body.n_colours = 1;
    assert_int_equal(mask_take(NULL, &body.base, fields, FIELDS, &taken, &fault), STATUS_OK);
    assert_int_equal(taken, ID | COLOUR | CREATE_TIME | SORT_KEY | IS_OPEN | DISTANCE | COLOURS);
}

static void mask_is_required_where_there_is_no_body(void **state)
{
    (void)state;
    unsigned taken;
    struct fault fault;
    assert_int_equal(mask_take(NULL, NULL, fields, FIELDS, &taken, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "update_mask");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mask_means_the_fields_that_it_names),
        cmocka_unit_test(no_mask_means_the_fields_that_are_set),
        cmocka_unit_test(mask_is_required_where_there_is_no_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
