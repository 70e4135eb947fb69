#include "hub/http/gzip.h"

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#define GZIP_WINDOW_BITS (MAX_WBITS + 16) /* 16: the gzip format, as zlib.h says */
#define GZIP_MEMORY_LEVEL 8

struct gzip {
    z_stream stream;
};

struct gzip *gzip_new(int level)
{
    struct gzip *gzip = calloc(1, sizeof(*gzip));
    if (gzip && deflateInit2(&gzip->stream, level, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL,
                             Z_DEFAULT_STRATEGY) != Z_OK) {
        free(gzip);
        return NULL;
    }
    return gzip;
}

struct gzip *gzip_free(struct gzip *gzip)
{
    if (gzip) {
        deflateEnd(&gzip->stream);
        free(gzip);
    }
    return NULL;
}

bool gzip_body(struct gzip *gzip, struct slice body, struct arena *arena, struct slice *ret_body)
{
    z_stream *stream = &gzip->stream;
    unsigned char *out = arena_alloc(arena, body.len);
    if (!out || deflateReset(stream) != Z_OK)
        return false;
    stream->next_in = (unsigned char *)(uintptr_t)body.ptr;
    stream->avail_in = (unsigned)body.len;
    stream->next_out = out;
    stream->avail_out = (unsigned)body.len;
    if (deflate(stream, Z_FINISH) != Z_STREAM_END)
        return false;
    *ret_body = slice_make(out, body.len - stream->avail_out);
    return true;
}
