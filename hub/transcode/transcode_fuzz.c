/* Requests and answers from outside. The first byte chooses: a body, a query, both in an update, or the bytes
 * of a message. What is accepted must come back through JSON as the same message. */
#include <stdint.h>
#include <stdlib.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/transcode/odd_descriptors_embedded.h"
#include "hub/transcode/transcode.h"

static struct transcode *transcode;

static bool request_of(struct slice verb, struct slice path, struct slice query, struct slice body,
                       struct transcode_request **ret_request)
{
    struct arena arena;
    struct route_match match;
    struct fault fault = {0};
    arena_init(&arena, 1u << 16);
    if (route_match(transcode_routes(transcode), verb, path, &arena, &match, NULL) != ROUTE_FOUND)
        abort();
    enum status status = transcode_request_new(transcode, &match, query, body, ret_request, &fault);
    if (status != STATUS_OK && (fault.status != status || !fault.text[0]))
        abort(); /* a refusal says why */
    arena_done(&arena);
    return status == STATUS_OK;
}

static void json_of(struct slice bytes, struct buffer *out, bool *ret_good)
{
    const struct transcode_method *echo =
        transcode_find(transcode, SLICE_LIT("/odd.OddService/Echo"));
    struct transcode_item *item;
    *ret_good = transcode_item_new(transcode, echo, bytes, &item) == STATUS_OK;
    if (*ret_good) {
        *ret_good = transcode_item_json(item, NULL, TRANSCODE_SHOWN_ALL, out, NULL) == STATUS_OK;
        transcode_item_free(item);
    }
}

/* Body to message to JSON to message to JSON: the second JSON is the first. */
static void round_trip(struct slice body)
{
    struct transcode_request *request, *again;
    struct slice bytes;
    struct buffer first, second;
    bool good;
    if (!request_of(SLICE_LIT("POST"), SLICE_LIT("/odd"), (struct slice){0}, body, &request))
        return;
    buffer_init(&first, 1u << 22);
    buffer_init(&second, 1u << 22);
    if (transcode_request_bytes(request, &bytes) != STATUS_OK)
        abort();
    json_of(bytes, &first, &good);
    /* A FieldMask may hold names that its JSON cannot spell; that is an error, not a crash. */
    if (good && first.len < 100000 &&
        request_of(SLICE_LIT("POST"), SLICE_LIT("/odd"), (struct slice){0}, buffer_slice(&first),
                   &again)) {
        if (transcode_request_bytes(again, &bytes) != STATUS_OK)
            abort();
        json_of(bytes, &second, &good);
        if (!good || !slice_equal(buffer_slice(&first), buffer_slice(&second)))
            abort();
        transcode_request_free(again);
    }
    buffer_done(&first);
    buffer_done(&second);
    transcode_request_free(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!transcode && transcode_new(slice_make(odd_descriptors, odd_descriptors_len), &transcode,
                                    NULL) != STATUS_OK)
        abort();
    if (size == 0)
        return 0;
    struct slice rest = slice_make(data + 1, size - 1);
    struct transcode_request *request = NULL;
    struct buffer out;
    bool good;
    switch (data[0]) {
    case 'b': round_trip(rest); break;
    case 'q':
        if (request_of(SLICE_LIT("GET"), SLICE_LIT("/odd"), rest, (struct slice){0}, &request))
            transcode_request_free(request);
        break;
    case 'u': {
        struct slice query = slice_cut(&rest, '\n');
        if (request_of(SLICE_LIT("PATCH"), SLICE_LIT("/update/x"), query, rest, &request))
            transcode_request_free(request);
        break;
    }
    default:
        buffer_init(&out, 1u << 22);
        json_of(rest, &out, &good);
        /* Unless it stands in a text of the message. */
        must(!good || memmem(rest.ptr, rest.len, "hiddenNumber", 12) ||
             !memmem(out.ptr, out.len, "\"hiddenNumber\"", 14));
        buffer_done(&out);
    }
    return 0;
}
