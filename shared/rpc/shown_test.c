/* What of an answer is sent: a part by a mask, and of what the caller has what tells it apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "google/protobuf/field_mask.pb-c.h"
#include "shared/base/clock.h"
#include "shared/rpc/testing/world.h"

#define PATHS_MAX 4

struct asked {
    char *paths[PATHS_MAX];
    Google__Protobuf__FieldMask mask;
    testing_read_request request;
};

/* Of the object `id`, the fields in `paths`, which end with a NULL. */
static const testing_read_request *ask(struct asked *asked, const char *id,
                                       const char *const *paths)
{
    *asked = (struct asked){.mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT,
                            .request = TESTING_READ_REQUEST_INIT};
    while (paths && paths[asked->mask.n_paths]) {
        asked->paths[asked->mask.n_paths] = (char *)(uintptr_t)paths[asked->mask.n_paths];
        asked->mask.n_paths++;
    }
    asked->mask.paths = asked->paths;
    asked->request.id = (char *)(uintptr_t)id;
    asked->request.read_mask = paths ? &asked->mask : NULL;
    return &asked->request;
}

/* With the etag that the caller has, unless it is NULL. */
static enum status read_object(struct world *world, const testing_read_request *request,
                               const char *etag, struct arena *arena, testing_object **ret_object,
                               struct fault *fault)
{
    const struct rpc_pair pairs[] = {
        {SLICE_LIT("authorization"), SLICE_LIT("Bearer " WORLD_TOKEN)},
        {SLICE_LIT(RPC_IF_NONE_MATCH), slice_str(etag ? etag : "")},
    };
    struct cancel cancel;
    *fault = (struct fault){0};
    cancel_init(&cancel, deadline_after_ms(WORLD_SOON_MS));
    return testing_read_call(world->channel, request, pairs, etag ? 2 : 1, &cancel, arena,
                             ret_object, fault);
}

static void assert_whole(const testing_object *object)
{
    assert_string_equal(object->id, "x");
    assert_string_equal(object->name, "Name");
    assert_true(object->number == 42);
    assert_int_equal(object->n_list, 2);
    assert_string_equal(object->inner->name, "Name");
    assert_int_equal(object->payload.len, 3);
    assert_int_equal(object->choice_case, PEK__TESTING__OBJECT__CHOICE_LEFT);
    assert_true(object->flag);
    assert_string_equal(object->etag, "v3");
}

/* It has what it is told by, and nothing else. */
static void assert_cut(const testing_object *object)
{
    assert_string_equal(object->id, "x");
    assert_string_equal(object->etag, "v3");
    assert_string_equal(object->name, "");
    assert_true(object->number == 0);
    assert_int_equal(object->n_list, 0);
    assert_null(object->inner);
    assert_int_equal(object->payload.len, 0);
    assert_int_equal(object->choice_case, PEK__TESTING__OBJECT__CHOICE__NOT_SET);
    assert_false(object->flag);
}

static void mask_body(struct world *world)
{
    static const char *const all[] = {"*", NULL}, *const none[] = {NULL},
                             *const some[] = {"list", "left", "payload", NULL},
                             *const told_by[] = {"id", NULL};
    struct arena arena;
    struct asked asked;
    struct fault fault;
    testing_object *object = NULL;
    arena_init(&arena, 1 << 20);
    const char *const *const whole[] = {NULL, none, all};
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        assert_int_equal(
            read_object(world, ask(&asked, "x", whole[i]), NULL, &arena, &object, &fault),
            STATUS_OK);
        assert_whole(object);
    }
    assert_int_equal(read_object(world, ask(&asked, "x", told_by), NULL, &arena, &object, &fault),
                     STATUS_OK);
    assert_cut(object);
    assert_int_equal(read_object(world, ask(&asked, "x", some), NULL, &arena, &object, &fault),
                     STATUS_OK);
    assert_int_equal(object->n_list, 2);
    assert_string_equal(object->left, "left");
    assert_int_equal(object->payload.len, 3);
    object->n_list = object->payload.len = 0;
    object->choice_case = PEK__TESTING__OBJECT__CHOICE__NOT_SET;
    assert_cut(object);
    arena_done(&arena);
}

static void answer_has_what_its_mask_names(void **state)
{
    world_case(state, mask_body);
}

static void unknown_body(struct world *world)
{
    static const char *const unknown[] = {"name", "title", NULL}, *const below[] = {"inner.name",
                                                                                    NULL};
    struct arena arena;
    struct asked asked;
    struct fault fault;
    testing_object *object = NULL;
    arena_init(&arena, 1 << 20);
    assert_int_equal(read_object(world, ask(&asked, "x", unknown), NULL, &arena, &object, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "read_mask");
    assert_string_equal(fault.text, "'title' is no field of what is answered");
    assert_int_equal(read_object(world, ask(&asked, "x", below), NULL, &arena, &object, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(world->log.handled, 0);
    /* Who may not is not told what there would be. */
    assert_int_equal(
        read_object(world, ask(&asked, "secret", unknown), NULL, &arena, &object, &fault),
        STATUS_PERMISSION_DENIED);
    arena_done(&arena);
}

static void mask_of_unknown_fields_is_refused_behind_the_guard(void **state)
{
    world_case(state, unknown_body);
}

static void stream_body(struct world *world)
{
    static const char *const some[] = {"name", NULL};
    struct asked asked;
    struct fiber_event event = {0};
    struct rpc_call *call;
    struct slice bytes;
    const struct fault *outcome;
    size_t count = 0;
    ask(&asked, "x", some);
    assert_int_equal(
        world_start(world, "ReadBoth", &asked.request.base, NULL, 0, WORLD_SOON_MS, &event, &call),
        STATUS_OK);
    while (world_next(call, &event, &bytes, &outcome)) {
        testing_object *object =
            pek__testing__object__unpack(NULL, bytes.len, (const uint8_t *)(const void *)bytes.ptr);
        assert_non_null(object);
        assert_string_equal(object->name, "Name");
        assert_int_equal(object->key.len, 3); /* by which lists are merged */
        object->name[0] = '\0';
        assert_cut(object);
        pek__testing__object__free_unpacked(object, NULL);
        count++;
    }
    assert_int_equal(outcome->status, STATUS_OK);
    assert_int_equal(count, 2);
    rpc_call_free(call);
}

static void items_have_what_the_mask_names_and_their_position(void **state)
{
    world_case(state, stream_body);
}

static void unchanged_body(struct world *world)
{
    static const char *const some[] = {"name", NULL};
    struct arena arena;
    struct asked asked;
    struct fault fault;
    testing_object *object = NULL;
    arena_init(&arena, 1 << 20);
    assert_int_equal(read_object(world, ask(&asked, "x", NULL), "v3", &arena, &object, &fault),
                     STATUS_OK);
    assert_cut(object);
    assert_int_equal(read_object(world, ask(&asked, "x", some), "v3", &arena, &object, &fault),
                     STATUS_OK);
    assert_cut(object);
    assert_int_equal(world->log.had, 2);
    static const char *const others[] = {NULL, "", "v2", "v33", "*", "\"v3\""};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(
            read_object(world, ask(&asked, "x", NULL), others[i], &arena, &object, &fault),
            STATUS_OK);
        assert_whole(object);
    }
    assert_int_equal(world->log.had, 2);
    /* Who has its etag may still not read it. */
    assert_int_equal(read_object(world, ask(&asked, "secret", NULL), "v3", &arena, &object, &fault),
                     STATUS_PERMISSION_DENIED);
    arena_done(&arena);
}

static void what_the_caller_has_is_cut_behind_the_guard(void **state)
{
    world_case(state, unchanged_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_EACH(answer_has_what_its_mask_names),
        WORLD_EACH(mask_of_unknown_fields_is_refused_behind_the_guard),
        WORLD_EACH(items_have_what_the_mask_names_and_their_position),
        WORLD_EACH(what_the_caller_has_is_cut_behind_the_guard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
