/* The chunked coding: however it comes in pieces, it ends the same. */
#include <stdint.h>
#include <stdlib.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/http/chunks.h"

#define BODY_BYTES_MAX 4096

/* In pieces of `step` bytes; the code, and how much was left over. */
static int take(struct slice bytes, size_t step, struct chunks *chunks, struct buffer *body,
                size_t *ret_left)
{
    const char *what = NULL;
    int code = 0;
    while (bytes.len > 0 && code == 0 && !chunks->done) {
        size_t len = bytes.len < step ? bytes.len : step;
        struct slice piece = slice_make(bytes.ptr, len);
        code = chunks_take(chunks, &piece, body, BODY_BYTES_MAX, &what);
        if (code != 0 && !what)
            abort();
        if (code == 0 && !chunks->done && piece.len > 0)
            abort();
        bytes = slice_make(bytes.ptr + len - piece.len, bytes.len - len + piece.len);
    }
    *ret_left = bytes.len;
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chunks whole = {0}, pieces = {0};
    struct buffer whole_body, pieces_body;
    size_t whole_left, pieces_left;
    buffer_init(&whole_body, BODY_BYTES_MAX);
    buffer_init(&pieces_body, BODY_BYTES_MAX);
    int whole_code = take(slice_make(data, size), size, &whole, &whole_body, &whole_left);
    int pieces_code = take(slice_make(data, size), 1, &pieces, &pieces_body, &pieces_left);
    if (whole_code != pieces_code || whole.done != pieces.done || whole_body.len > BODY_BYTES_MAX)
        abort();
    if (whole_code == 0 && (whole_left != pieces_left ||
                            !slice_equal(buffer_slice(&whole_body), buffer_slice(&pieces_body))))
        abort();
    buffer_done(&whole_body);
    buffer_done(&pieces_body);
    return 0;
}
