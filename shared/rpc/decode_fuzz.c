/* Whatever comes, it is refused, or decoded to clean texts that pack and decode again to the same bytes. */
#include <stdlib.h>

#include "bazel/fuzz/fuzz.h"
#include "echo.rpc.h"
#include "shared/rpc/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct fault fault = {0};
    ProtobufCMessage *message = NULL;
    arena_init(&arena, 1 << 20);
    enum status status =
        rpc_decode(TESTING_TEXT_DESCRIPTOR, slice_make(data, size), &arena, &message, &fault);
    if (status == STATUS_OK) {
        size_t bytes = protobuf_c_message_get_packed_size(message);
        uint8_t *packed = malloc(bytes + 1);
        ProtobufCMessage *again = NULL;
        if (!packed || protobuf_c_message_pack(message, packed) != bytes)
            abort();
        if (rpc_decode(TESTING_TEXT_DESCRIPTOR, slice_make(packed, bytes), &arena, &again, NULL) ==
            STATUS_INVALID_ARGUMENT)
            abort();
        free(packed);
    } else if (fault.status != status || fault.text[0] == '\0') {
        abort();
    }
    arena_done(&arena);
    return 0;
}
