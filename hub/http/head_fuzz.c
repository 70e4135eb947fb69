/* Heads of requests, whole and in part. */
#include <stdint.h>
#include <stdlib.h>

#include "hub/http/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct head_limits limits = {HTTP_LINE_BYTES_MAX, HTTP_HEADER_BYTES_MAX};
    struct slice bytes = slice_make(data, size);
    struct head head;
    const char *what = NULL;
    size_t len = head_length(bytes);
    if (len > size)
        abort();
    if (len == 0) {
        (void)head_judge_partial(bytes, &limits, &what);
        return 0;
    }
    if (head_parse(slice_make(bytes.ptr, len), &limits, &head, &what) != 0)
        return 0;
    size_t framings = 0;
    for (size_t i = 0; i < head.header_count; i++) {
        struct slice value;
        if (head.headers[i].name.len == 0)
            abort();
        framings += name_is(head.headers[i].name, "content-length") ||
                    name_is(head.headers[i].name, "transfer-encoding");
        struct slice rest = head.headers[i].value;
        while (cookie_find(&rest, "a", &value))
            ;
        (void)accept_quality(head.headers[i].value, "application/json");
    }
    if (framings > 1 || head.target.ptr[0] != '/')
        abort();
    return 0;
}
