/* What a realm says of a failure: a status in the first byte, then any bytes as its details. Nothing but text gets to a person, and
 * what was understood is said again as the same. */
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "shared/base/utf8.h"
#include "shared/rpc/fault_wire.h"
#include "shared/rpc/queue.h"

static void must_be_text(const char *text, size_t bytes_max)
{
    size_t len = strnlen(text, bytes_max);
    must(len < bytes_max && utf8_valid(slice_make(text, len)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault fault, again;
    if (size == 0)
        return 0;
    enum status status = data[0] % (STATUS_UNAUTHENTICATED + 1);
    fault_wire_unpack(status, slice_make(data + 1, size - 1), &fault);
    must(fault.status == status && fault.retry_after_ms >= 0);
    must(status == STATUS_OK || fault.text[0]);
    must_be_text(fault.text, sizeof(fault.text));
    must_be_text(fault.field, sizeof(fault.field));
    must_be_text(fault.reason, sizeof(fault.reason));
    grpc_slice packed = fault_wire_pack(&fault);
    fault_wire_unpack(status, rpc_message_bytes(&packed), &again);
    grpc_slice_unref(packed);
    must(again.status == status && again.retry_after_ms == fault.retry_after_ms);
    must(strcmp(again.text, fault.text) == 0 && strcmp(again.field, fault.field) == 0 &&
         strcmp(again.reason, fault.reason) == 0);
    return 0;
}
