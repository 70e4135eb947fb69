/* What the scanner accepts must hold what it promises, whatever the bytes are. */
#include <stdint.h>
#include <stdlib.h>

#include "bazel/fuzz/fuzz.h"
#include "shared/base/utf8.h"
#include "shared/json/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice text = slice_make(data, len);
    struct arena arena;
    struct fault fault = {.status = STATUS_OK};
    arena_init(&arena, (size_t)8 << 20);

    enum status status = json_scan(text, NULL, &arena, &fault);
    must(fault.status == status);
    if (status == STATUS_OK) {
        must(utf8_valid(text));
        must(len > 0 && !memchr(data, '\0', len));
    } else {
        must(fault.text[0] != '\0');
        must(utf8_valid(slice_str(fault.field)));
    }
    arena_done(&arena);
    return 0;
}
