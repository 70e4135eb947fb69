#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "shared/rpc/fault_wire.h"
#include "shared/rpc/queue.h"

static struct fault round_trip(const struct fault *fault)
{
    grpc_slice details = fault_wire_pack(fault);
    struct fault back;
    fault_wire_unpack(fault->status, rpc_message_bytes(&details), &back);
    grpc_slice_unref(details);
    return back;
}

static void assert_round_trip(const struct fault *fault)
{
    struct fault back = round_trip(fault);
    assert_int_equal(back.status, fault->status);
    assert_string_equal(back.reason, fault->reason);
    assert_string_equal(back.field, fault->field);
    assert_string_equal(back.text, fault->text);
    assert_int_equal(back.retry_after_ms, fault->retry_after_ms);
}

static void fault_survives_the_wire(void **state)
{
    (void)state;
    struct fault fault;
    fault_set(&fault, STATUS_NOT_FOUND, NULL, "no group %s", "árvíz");
    assert_round_trip(&fault);
    fault_set(&fault, STATUS_INVALID_ARGUMENT, "group.name", "group.name is empty");
    assert_round_trip(&fault);
    fault_set_reason(&fault, STATUS_RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", NULL, "later");
    assert_round_trip(&fault);
    fault_set_retry(&fault, 1250);
    assert_round_trip(&fault);
    fault_set(&fault, STATUS_ABORTED, "group.name", "later");
    fault_set_retry(&fault, 86400000); /* as long as that nobody is kept away */
    assert_int_equal(round_trip(&fault).retry_after_ms, 0);
    char long_text[2 * FAULT_TEXT_BYTES_MAX];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    fault_set_reason(&fault, STATUS_ABORTED, long_text, long_text, "%s", long_text);
    assert_round_trip(&fault);
}

static void details_are_what_other_clients_expect(void **state)
{
    (void)state;
    struct fault fault;
    fault_set(&fault, STATUS_INVALID_ARGUMENT, "group.name", "group.name is empty");
    grpc_slice details = fault_wire_pack(&fault);
    struct slice bytes = rpc_message_bytes(&details);
    Google__Rpc__Status *status =
        google__rpc__status__unpack(NULL, bytes.len, (const uint8_t *)bytes.ptr);
    assert_non_null(status);
    assert_int_equal(status->code, 3);
    assert_string_equal(status->message, "group.name is empty");
    assert_int_equal(status->n_details, 2);
    assert_string_equal(status->details[0]->type_url, "type.googleapis.com/google.rpc.ErrorInfo");
    Google__Rpc__ErrorInfo *info = google__rpc__error_info__unpack(
        NULL, status->details[0]->value.len, status->details[0]->value.data);
    assert_non_null(info);
    assert_string_equal(info->reason, "INVALID_ARGUMENT");
    assert_string_equal(info->domain, "pek");
    google__rpc__error_info__free_unpacked(info, NULL);
    google__rpc__status__free_unpacked(status, NULL);
    grpc_slice_unref(details);
}

static void only_details_of_ours_are_believed(void **state)
{
    (void)state;
    struct fault fault, back;
    fault_set(&fault, STATUS_NOT_FOUND, NULL, "10.0.0.1 said: secret");
    grpc_slice details = fault_wire_pack(&fault);
    struct slice bytes = rpc_message_bytes(&details);
    /* Another status than the one of the call. */
    fault_wire_unpack(STATUS_INTERNAL, bytes, &back);
    assert_int_equal(back.status, STATUS_INTERNAL);
    assert_string_equal(back.text, "internal error");
    /* None, garbage, and ours cut short. */
    fault_wire_unpack(STATUS_UNAVAILABLE, (struct slice){0}, &back);
    assert_string_equal(back.text, "not reachable at present");
    fault_wire_unpack(STATUS_NOT_FOUND, SLICE_LIT("\xff\xff"), &back);
    assert_string_equal(back.text, "not found");
    for (size_t cut = 0; cut < bytes.len; cut++) {
        fault_wire_unpack(STATUS_NOT_FOUND, slice_make(bytes.ptr, cut), &back);
        assert_int_equal(back.status, STATUS_NOT_FOUND);
        assert_true(back.text[0] != '\0');
    }
    grpc_slice_unref(details);
}

/* Whoever is refused hears something, whatever the realm is. */
static void what_has_no_text_gets_one(void **state)
{
    (void)state;
    struct fault back;
    const struct fault silent = {.status = STATUS_NOT_FOUND, .reason = "GONE", .field = "id"};
    grpc_slice details = fault_wire_pack(&silent);
    fault_wire_unpack(STATUS_NOT_FOUND, rpc_message_bytes(&details), &back);
    grpc_slice_unref(details);
    assert_string_equal(back.text, "not found");
    assert_string_equal(back.reason, "GONE");
    assert_string_equal(back.field, "id");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_survives_the_wire),
        cmocka_unit_test(details_are_what_other_clients_expect),
        cmocka_unit_test(only_details_of_ours_are_believed),
        cmocka_unit_test(what_has_no_text_gets_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
