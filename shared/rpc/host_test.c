/* What a host refuses to run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <uv.h>

#include "echo.rpc.h"
#include "shared/rpc/rpc.h"

struct hosted {
    uv_loop_t loop;
    struct fibers *fibers;
    struct rpc_host *host;
};

static enum status authenticate(void *arg, struct rpc_ctx *ctx, struct principal *ret_principal)
{
    (void)arg, (void)ctx, (void)ret_principal;
    return STATUS_UNAUTHENTICATED;
}

static enum status authorize(void *arg, struct rpc_ctx *ctx, const void *request)
{
    (void)arg, (void)ctx, (void)request;
    return STATUS_PERMISSION_DENIED;
}

static const struct rpc_interceptor guard = {NULL, authenticate, authorize, NULL};

static void hosted_open(struct hosted *hosted, const struct rpc_interceptor *interceptor)
{
    *hosted = (struct hosted){0};
    uv_loop_init(&hosted->loop);
    assert_int_equal(fibers_new(&hosted->loop, NULL, &hosted->fibers), STATUS_OK);
    struct rpc_host_options options = {.interceptor = *interceptor};
    assert_int_equal(rpc_host_new(hosted->fibers, &options, &hosted->host), STATUS_OK);
}

static void hosted_close(struct hosted *hosted)
{
    rpc_host_free(hosted->host);
    fibers_free(hosted->fibers);
    while (uv_run(&hosted->loop, UV_RUN_DEFAULT) != 0)
        continue;
    assert_int_equal(uv_loop_close(&hosted->loop), 0);
}

static bool implemented(const void *ops)
{
    return ops != NULL;
}

static enum status dispatch(const void *ops, struct rpc_ctx *ctx, const void *request,
                            void *response, struct rpc_stream *stream)
{
    (void)ops, (void)ctx, (void)request, (void)response, (void)stream;
    return STATUS_OK;
}

static const struct rpc_access access_public[] = {{.kind = RPC_ACCESS_PUBLIC}};
static const struct rpc_access access_none[] = {{.kind = RPC_ACCESS_NONE}};
static const struct rpc_access access_public_and_more[] = {{.kind = RPC_ACCESS_PUBLIC},
                                                           {.kind = RPC_ACCESS_AUTHENTICATED}};
static const struct rpc_access access_unreadable[] = {
    {.kind = RPC_ACCESS_TARGET, .action = 1, .field = "id"}};
static const struct rpc_access access_filter[] = {{.kind = RPC_ACCESS_FILTER, .action = 1}};

static const struct rpc_method method_good = {
    .name = "M",
    .path = "/pek.testing.S/M",
    .request = TESTING_TEXT_DESCRIPTOR,
    .response = TESTING_TEXT_DESCRIPTOR,
    .access = access_public,
    .access_count = 1,
    .implemented = implemented,
    .dispatch = dispatch,
};

static int ops_of_anything;

static enum status add(struct rpc_host *host, const struct rpc_method *method, const void *ops,
                       struct fault *ret_fault)
{
    const struct rpc_service service = {"pek.testing.S", method, 1};
    return rpc_host_add(host, &service, ops, NULL, ret_fault);
}

static void assert_refused(const struct rpc_interceptor *interceptor,
                           const struct rpc_method *method, enum status status, const char *text)
{
    struct hosted hosted;
    struct fault fault = {0};
    hosted_open(&hosted, interceptor);
    assert_int_equal(add(hosted.host, method, &ops_of_anything, &fault), status);
    assert_non_null(strstr(fault.text, "/pek.testing.S/M"));
    assert_non_null(strstr(fault.text, text));
    assert_null(rpc_host_method(hosted.host, slice_str(method->path)));
    hosted_close(&hosted);
}

static void method_without_access_rule_is_refused(void **state)
{
    (void)state;
    struct rpc_method method = method_good;
    method.access_count = 0;
    assert_refused(&guard, &method, STATUS_FAILED_PRECONDITION, "no access rule");
    method.access_count = 1;
    method.access = access_none;
    assert_refused(&guard, &method, STATUS_FAILED_PRECONDITION, "empty access rule");
    method.access = access_public_and_more;
    method.access_count = 2;
    assert_refused(&guard, &method, STATUS_FAILED_PRECONDITION, "public");
}

static void rule_that_nobody_can_decide_is_refused(void **state)
{
    (void)state;
    struct rpc_method method = method_good;
    method.access = access_unreadable;
    assert_refused(&guard, &method, STATUS_FAILED_PRECONDITION, "field id");
    method.access = access_filter;
    struct rpc_interceptor none = {0};
    assert_refused(&none, &method, STATUS_FAILED_PRECONDITION, "authenticate");
    none.authenticate = authenticate;
    assert_refused(&none, &method, STATUS_FAILED_PRECONDITION, "cannot decide");
}

static void method_without_handler_is_refused(void **state)
{
    (void)state;
    struct rpc_method method = method_good;
    method.dispatch = NULL;
    assert_refused(&guard, &method, STATUS_UNIMPLEMENTED, "no handler");

    struct hosted hosted;
    struct fault fault = {0};
    hosted_open(&hosted, &guard);
    assert_int_equal(add(hosted.host, &method_good, NULL, &fault), STATUS_UNIMPLEMENTED);
    struct testing_echo incomplete = {0};
    assert_int_equal(testing_echo_add(hosted.host, &incomplete, NULL, &fault),
                     STATUS_UNIMPLEMENTED);
    assert_non_null(strstr(fault.text, "/pek.testing.Echo/Say"));
    hosted_close(&hosted);
}

static void method_added_twice_is_refused(void **state)
{
    (void)state;
    struct hosted hosted;
    struct fault fault = {0};
    hosted_open(&hosted, &guard);
    assert_int_equal(add(hosted.host, &method_good, &ops_of_anything, &fault), STATUS_OK);
    assert_int_equal(add(hosted.host, &method_good, &ops_of_anything, &fault),
                     STATUS_ALREADY_EXISTS);
    const struct rpc_method *found = rpc_host_method(hosted.host, SLICE_LIT("/pek.testing.S/M"));
    assert_ptr_equal(found, &method_good);
    assert_null(rpc_host_method(hosted.host, SLICE_LIT("/pek.testing.S/N")));
    hosted_close(&hosted);
}

/* A message that holds itself, as protoc-c would describe it. */
static void recursive_request_is_refused(void **state)
{
    (void)state;
    static ProtobufCMessageDescriptor recursive;
    static ProtobufCFieldDescriptor self;
    self = (ProtobufCFieldDescriptor){
        .name = "self", .id = 1, .type = PROTOBUF_C_TYPE_MESSAGE, .descriptor = &recursive};
    recursive = *TESTING_TEXT_DESCRIPTOR;
    recursive.fields = &self;
    recursive.n_fields = 1;
    struct rpc_method method = method_good;
    method.request = &recursive;
    assert_refused(&guard, &method, STATUS_FAILED_PRECONDITION, "recursive");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(method_without_access_rule_is_refused),
        cmocka_unit_test(rule_that_nobody_can_decide_is_refused),
        cmocka_unit_test(method_without_handler_is_refused),
        cmocka_unit_test(method_added_twice_is_refused),
        cmocka_unit_test(recursive_request_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
