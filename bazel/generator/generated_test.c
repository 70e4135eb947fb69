/* The golden proto's code, called: what it asks of shared/rpc is recorded by functions of the same names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pek/golden/v1/golden.rpc.h"

static struct {
    const ProtobufCMessage *sent;
    const struct rpc_stream *stream;
    const struct rpc_service *service;
    const void *ops;
    void *data;
    const struct rpc_method *called;
    const ProtobufCMessage *request;
    ProtobufCMessage *answer;
    enum status status;
} seen;

enum status rpc_stream_send(struct rpc_stream *stream, const ProtobufCMessage *message)
{
    seen.stream = stream;
    seen.sent = message;
    return seen.status;
}

enum status rpc_host_add(struct rpc_host *host, const struct rpc_service *service, const void *ops,
                         void *data, struct fault *fault)
{
    (void)host;
    (void)fault;
    seen.service = service;
    seen.ops = ops;
    seen.data = data;
    return seen.status;
}

enum status rpc_call_unary(struct rpc_channel *channel, const struct rpc_method *method,
                           const ProtobufCMessage *request, const struct rpc_pair *metadata,
                           size_t metadata_count, struct cancel *cancel, struct arena *arena,
                           ProtobufCMessage **ret_response, struct fault *fault)
{
    (void)channel;
    (void)metadata;
    (void)metadata_count;
    (void)cancel;
    (void)arena;
    (void)fault;
    seen.called = method;
    seen.request = request;
    if (seen.status == STATUS_OK)
        *ret_response = seen.answer;
    return seen.status;
}

static enum status get_thing(struct rpc_ctx *ctx, const golden_v1_get_thing_request *req,
                             golden_v1_thing *res)
{
    (void)ctx;
    res->id = req->id;
    return STATUS_ABORTED;
}

static enum status list_things(struct rpc_ctx *ctx, const golden_v1_list_things_request *req,
                               struct golden_v1_list_things_stream *stream)
{
    (void)ctx;
    (void)req;
    static const golden_v1_thing item = GOLDEN_V1_THING_INIT;
    return golden_v1_list_things_send(stream, &item);
}

static const struct golden_v1_thing_service ops = {
    .get_thing = get_thing,
    .list_things = list_things,
};

static const struct rpc_method *method_of(const struct rpc_service *service, const char *name)
{
    for (size_t i = 0; i < service->method_count; i++) {
        if (strcmp(service->methods[i].name, name) == 0)
            return &service->methods[i];
    }
    fail_msg("no method %s", name);
    return NULL;
}

static const struct rpc_method *thing_method(const char *name)
{
    return method_of(&golden_v1_thing_service_table, name);
}

static int forget_seen(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    return 0;
}

static void dispatch_calls_the_typed_handler(void **state)
{
    (void)state;
    char id[] = "kir-dev@kir-dev";
    golden_v1_get_thing_request req = GOLDEN_V1_GET_THING_REQUEST_INIT;
    golden_v1_thing res = GOLDEN_V1_THING_INIT;
    req.id = id;
    assert_int_equal(thing_method("GetThing")->dispatch(&ops, NULL, &req, &res, NULL),
                     STATUS_ABORTED);
    assert_ptr_equal(res.id, id);
}

static void stream_sends_the_item_to_its_call(void **state)
{
    (void)state;
    golden_v1_list_things_request req = GOLDEN_V1_LIST_THINGS_REQUEST_INIT;
    struct rpc_stream *stream = (struct rpc_stream *)&seen;
    seen.status = STATUS_CANCELLED;
    assert_int_equal(thing_method("ListThings")->dispatch(&ops, NULL, &req, NULL, stream),
                     STATUS_CANCELLED);
    assert_ptr_equal(seen.stream, stream);
    assert_ptr_equal(seen.sent->descriptor, GOLDEN_V1_THING_DESCRIPTOR);
}

static void missing_handler_is_not_implemented(void **state)
{
    (void)state;
    assert_true(thing_method("GetThing")->implemented(&ops));
    assert_true(thing_method("ListThings")->implemented(&ops));
    assert_false(thing_method("UpdateThing")->implemented(&ops));
}

static void target_is_what_the_path_names(void **state)
{
    (void)state;
    char id[] = "a@a", parent[] = "b@a", user[] = "alice";
    golden_v1_thing thing = GOLDEN_V1_THING_INIT;
    golden_v1_thing_owner owner = GOLDEN_V1_THING_OWNER_INIT;
    golden_v1_update_thing_request req = GOLDEN_V1_UPDATE_THING_REQUEST_INIT;
    thing.id = id;
    owner.user_id = user;
    req.thing = &thing;
    req.owner = &owner;
    req.parent_case = PEK__GOLDEN__V1__UPDATE_THING_REQUEST__PARENT_PARENT_ID;
    req.parent_id = parent;
    const struct rpc_method *method = thing_method("UpdateThing");
    assert_int_equal(method->access_count, 3);
    assert_string_equal(method->access[0].target(&req), "a@a");
    assert_string_equal(method->access[1].target(&req), "b@a");
    assert_string_equal(method->access[2].target(&req), "alice");
    assert_true(method->access[2].on_user);
    assert_false(method->access[0].on_user);
}

static void absent_target_is_empty(void **state)
{
    (void)state;
    golden_v1_thing thing = GOLDEN_V1_THING_INIT;
    golden_v1_update_thing_request req = GOLDEN_V1_UPDATE_THING_REQUEST_INIT;
    const struct rpc_method *method = thing_method("UpdateThing");
    for (size_t i = 0; i < method->access_count; i++)
        assert_string_equal(method->access[i].target(&req), "");
    req.thing = &thing;
    assert_string_equal(method->access[0].target(&req), "");
    thing.id = NULL;
    assert_string_equal(method->access[0].target(&req), "");
}

static void rule_on_a_policy_reads_the_policy_and_the_user(void **state)
{
    (void)state;
    char policy[] = "7", user[] = "alice";
    golden_v1_thing_owner owner = GOLDEN_V1_THING_OWNER_INIT;
    golden_v1_take_thing_request req = GOLDEN_V1_TAKE_THING_REQUEST_INIT;
    const struct rpc_access *access = thing_method("TakeThing")->access;
    assert_int_equal(access[0].kind, RPC_ACCESS_POLICY);
    assert_int_equal(access[0].right, 3);
    assert_string_equal(access[0].self(&req), "");
    req.policy_id = policy;
    req.owner = &owner;
    owner.user_id = user;
    assert_string_equal(access[0].target(&req), "7");
    assert_string_equal(access[0].self(&req), "alice");
    assert_string_equal(access[1].self(&req), "alice");
    assert_null(access[1].target);
    assert_int_equal(access[2].kind, RPC_ACCESS_POLICY_FILTER);
    assert_null(access[2].self);
}

static void table_has_the_options_of_the_proto(void **state)
{
    (void)state;
    const struct rpc_method *update = thing_method("UpdateThing");
    assert_string_equal(update->path, "/pek.golden.v1.ThingService/UpdateThing");
    assert_int_equal(update->idempotency, RPC_IDEMPOTENT);
    assert_int_equal(update->request_bytes_max, 1048576);
    assert_ptr_equal(update->request, GOLDEN_V1_UPDATE_THING_REQUEST_DESCRIPTOR);
    assert_ptr_equal(update->response, GOLDEN_V1_THING_DESCRIPTOR);
    assert_false(update->server_streaming);
    assert_true(thing_method("ListThings")->server_streaming);
    assert_int_equal(thing_method("ListThings")->access[0].kind, RPC_ACCESS_FILTER);
    const struct rpc_method *forget = thing_method("ForgetThings");
    assert_int_equal(forget->access[0].kind, RPC_ACCESS_TARGET);
    assert_null(forget->access[0].field);
    const struct rpc_service *info = &golden_v1_httpinfo_service_table;
    assert_int_equal(method_of(info, "GetInfo")->access[0].kind, RPC_ACCESS_PUBLIC);
    assert_int_equal(method_of(info, "ListInfo")->access[0].kind, RPC_ACCESS_AUTHENTICATED);
}

static void add_gives_the_table_to_the_host(void **state)
{
    (void)state;
    int data;
    struct fault fault;
    seen.status = STATUS_ALREADY_EXISTS;
    assert_int_equal(golden_v1_thing_service_add(NULL, &ops, &data, &fault), STATUS_ALREADY_EXISTS);
    assert_ptr_equal(seen.service, &golden_v1_thing_service_table);
    assert_ptr_equal(seen.ops, &ops);
    assert_ptr_equal(seen.data, &data);
}

static void call_answers_the_typed_message(void **state)
{
    (void)state;
    golden_v1_thing answer = GOLDEN_V1_THING_INIT;
    golden_v1_get_thing_request req = GOLDEN_V1_GET_THING_REQUEST_INIT;
    golden_v1_thing *res = NULL;
    seen.answer = &answer.base;
    assert_int_equal(golden_v1_get_thing_call(NULL, &req, NULL, 0, NULL, NULL, &res, NULL),
                     STATUS_OK);
    assert_ptr_equal(res, &answer);
    assert_ptr_equal(seen.called, thing_method("GetThing"));
    assert_ptr_equal(seen.request, &req.base);
}

static void failed_call_leaves_the_output_alone(void **state)
{
    (void)state;
    golden_v1_thing before = GOLDEN_V1_THING_INIT;
    golden_v1_get_thing_request req = GOLDEN_V1_GET_THING_REQUEST_INIT;
    golden_v1_thing *res = &before;
    seen.status = STATUS_UNAVAILABLE;
    assert_int_equal(golden_v1_get_thing_call(NULL, &req, NULL, 0, NULL, NULL, &res, NULL),
                     STATUS_UNAVAILABLE);
    assert_ptr_equal(res, &before);
}

static void short_names_mean_the_same_enum(void **state)
{
    (void)state;
    golden_v1_colour colour = GOLDEN_V1_COLOUR_RED;
    assert_int_equal(colour, 1);
    assert_int_equal(GOLDEN_V1_COLOUR_UNSPECIFIED, 0);
    assert_int_equal(GOLDEN_V1_THING_HTTPSTATE_READY, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(dispatch_calls_the_typed_handler, forget_seen),
        cmocka_unit_test_setup(stream_sends_the_item_to_its_call, forget_seen),
        cmocka_unit_test_setup(missing_handler_is_not_implemented, forget_seen),
        cmocka_unit_test_setup(target_is_what_the_path_names, forget_seen),
        cmocka_unit_test_setup(absent_target_is_empty, forget_seen),
        cmocka_unit_test_setup(rule_on_a_policy_reads_the_policy_and_the_user, forget_seen),
        cmocka_unit_test_setup(table_has_the_options_of_the_proto, forget_seen),
        cmocka_unit_test_setup(add_gives_the_table_to_the_host, forget_seen),
        cmocka_unit_test_setup(call_answers_the_typed_message, forget_seen),
        cmocka_unit_test_setup(failed_call_leaves_the_output_alone, forget_seen),
        cmocka_unit_test_setup(short_names_mean_the_same_enum, forget_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
