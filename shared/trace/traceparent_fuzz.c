/* The header traceparent. What is taken has ids of lower-case hexadecimal digits that are not all zero, from inside the header, and written
 * again as version 00 it is taken as the same. */
#include <stdio.h>
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "shared/trace/internal.h"

static void must_be_an_id(struct slice id, size_t len)
{
    bool is_zero = true;
    must(id.len == len);
    for (size_t i = 0; i < len; i++) {
        must(strchr("0123456789abcdef", id.ptr[i]) && id.ptr[i]);
        is_zero &= id.ptr[i] == '0';
    }
    must(!is_zero);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size), trace, parent, trace_again, parent_again;
    bool sampled, sampled_again;
    char again[TRACEPARENT_BYTES + 1];
    if (!traceparent_read(text, &trace, &parent, &sampled))
        return 0;
    must_be_an_id(trace, 32);
    must_be_an_id(parent, 16);
    must(trace.ptr > text.ptr && parent.ptr + parent.len < text.ptr + text.len);
    snprintf(again, sizeof(again), "00-%.*s-%.*s-0%d", SLICE_ARG(trace), SLICE_ARG(parent),
             sampled);
    must(traceparent_read(slice_str(again), &trace_again, &parent_again, &sampled_again));
    must(slice_equal(trace, trace_again) && slice_equal(parent, parent_again) &&
         sampled == sampled_again);
    return 0;
}
