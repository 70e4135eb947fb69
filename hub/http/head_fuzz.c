/* Heads of requests, whole and in pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/http/field.h"
#include "hub/http/head.h"

static void look_into(const struct head *head)
{
    size_t framings = 0;
    for (size_t i = 0; i < head->header_count; i++) {
        struct slice value, rest = head->headers[i].value;
        if (head->headers[i].name.len == 0)
            abort();
        framings += name_is(head->headers[i].name, "content-length") ||
                    name_is(head->headers[i].name, "transfer-encoding");
        while (cookie_find(&rest, "a", &value))
            ;
        (void)accept_quality(head->headers[i].value, "application/json");
        (void)encoding_quality(head->headers[i].value, "gzip");
    }
    bool is_path = head->path.ptr[0] == '/' || slice_equal_str(head->path, "*");
    if (framings > 1 || !is_path || (head->chunked && head->body_bytes > 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct head_limits limits = {HTTP_LINE_BYTES_MAX, HTTP_HEADER_BYTES_MAX};
    struct slice bytes = slice_make(data, size);
    struct head_scan scan = {0}, slow = {0};
    struct head head;
    const char *what = NULL;
    size_t len = 0, slow_len = 0;
    int code = head_find(&scan, bytes, &limits, &len, &what), slow_code = 0;
    if (len > size)
        abort();
    /* However it comes, it ends at the same place or is refused for the same reason. */
    for (size_t come = 0; come <= size && slow_code == 0 && slow_len == 0; come++)
        slow_code = head_find(&slow, slice_make(data, come), &limits, &slow_len, &what);
    if (slow_code != code || slow_len != len)
        abort();
    if (code == 0 && len > 0 && head_parse(slice_make(bytes.ptr, len), &head, &what) == 0)
        look_into(&head);
    return 0;
}
