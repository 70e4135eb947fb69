/* chunks: the chunked coding of RFC 9112 7.1, taken off strictly as it comes. Private to hub/http. Pure: tested and
 * fuzzed alone.
 *
 * Sizes are 1 to CHUNKS_DIGITS_MAX hexadecimal digits; extensions and trailers are read by their grammar, counted and
 * thrown away. A bare LF, a CR that ends nothing, "0x", blanks where none may be: all of it is refused, because a proxy
 * that takes it for something else would see another end of the request.
 */
#ifndef PEK_HUB_HTTP_CHUNKS_H
#define PEK_HUB_HTTP_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/buffer.h"

#define CHUNKS_DIGITS_MAX 8
/* Extensions and trailers of one body together: nobody needs them, and they carry no body. */
#define CHUNKS_EXTRA_BYTES_MAX 16384

/* Zeroed before each body. */
struct chunks {
    int state;
    size_t digits;
    uint64_t left_bytes; /* of the chunk */
    size_t extra_bytes;
    bool done; /* the last chunk and its trailers were read */
};

/* Takes bytes from the front of `*bytes` until it is done or needs more; the data goes to `body`, up to
 * `body_bytes_max`. 0, or the HTTP code to refuse with: 400, 413, 503, and why. */
int chunks_take(struct chunks *chunks, struct slice *bytes, struct buffer *body,
                size_t body_bytes_max, const char **ret_what);

#endif
