/* Requests, of all methods there are. "GET /api/v1/groups?q=a", a line end and a body: as a browser sends it, through the hub's
 * routes and its JSON; what it takes, the realm must take. Or "/pek.group.v1.GroupService/GetGroup", a line end and bytes: as a
 * program sends it to a realm. Whatever is refused is refused with words, in text. */
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/transcode/transcode.h"
#include "protos/descriptor_set.h"
#include "shared/base/utf8.h"
#include "shared/rpc/rpc.h"
#include "shared/rpc/shown.h"
#include "tests/fuzz/services.h"

#define INPUT_BYTES_MAX 8192

static void must_say_why(enum status status, const struct fault *fault)
{
    must(fault->status == status && fault->text[0]);
    must(utf8_valid(slice_str(fault->text)) && utf8_valid(slice_str(fault->field)));
}

/* What of the answer is wanted. */
static void try_mask(const struct rpc_method *method, const ProtobufCMessage *request,
                     struct arena *arena)
{
    struct shown shown = {0};
    struct fault fault = {0};
    enum status status = shown_by_mask(&shown, method, request, arena, &fault);
    ProtobufCMessage *answer = arena_zalloc(arena, 1, method->response->sizeof_message);
    must(answer != NULL);
    protobuf_c_message_init(method->response, answer);
    if (status == STATUS_INVALID_ARGUMENT) {
        must_say_why(status, &fault);
        must(strcmp(fault.field, "read_mask") == 0);
    } else if (status == STATUS_OK) {
        must(protobuf_c_message_get_packed_size(shown_of(&shown, answer)) == 0);
    }
}

/* At the realm. What is taken comes back from its own bytes. */
static enum status decode(const struct rpc_method *method, struct slice bytes, struct arena *arena)
{
    struct fault fault = {0};
    ProtobufCMessage *message = NULL, *again = NULL;
    enum status status = rpc_decode(method->request, bytes, arena, &message, &fault);
    if (status != STATUS_OK) {
        must_say_why(status, &fault);
        return status;
    }
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(len + 1), *packed_again = malloc(len + 1);
    must(packed && packed_again && protobuf_c_message_pack(message, packed) == len);
    status = rpc_decode(method->request, slice_make(packed, len), arena, &again, &fault);
    if (status == STATUS_OK) {
        must(protobuf_c_message_get_packed_size(again) == len);
        must(protobuf_c_message_pack(again, packed_again) == len);
        must(memcmp(packed, packed_again, len) == 0);
    }
    must(status == STATUS_OK || status == STATUS_RESOURCE_EXHAUSTED);
    free(packed);
    free(packed_again);
    try_mask(method, message, arena);
    return STATUS_OK;
}

static void must_be_same(struct transcode_request *request, struct transcode_request *again)
{
    unsigned char print[TRANSCODE_FINGERPRINT_BYTES], print_again[TRANSCODE_FINGERPRINT_BYTES];
    struct slice bytes, bytes_again;
    must(transcode_request_bytes(request, &bytes) == STATUS_OK);
    must(transcode_request_bytes(again, &bytes_again) == STATUS_OK);
    must(slice_equal(bytes, bytes_again));
    must(transcode_request_fingerprint(request, print) == STATUS_OK);
    must(transcode_request_fingerprint(again, print_again) == STATUS_OK);
    must(memcmp(print, print_again, sizeof(print)) == 0);
}

static void ask(const struct transcode *transcode, struct slice line, struct slice body,
                struct arena *arena)
{
    struct route_match match;
    struct transcode_request *request, *again;
    struct fault fault = {0};
    struct slice bytes, verb = slice_cut(&line, ' '), path = slice_cut(&line, '?');
    if (route_match(transcode_routes(transcode), verb, path, arena, &match, NULL) != ROUTE_FOUND ||
        transcode_takes_media(match.rule))
        return;
    const struct transcode_method *method = match.rule->target;
    enum status status = transcode_request_new(transcode, &match, line, body, &request, &fault);
    if (status != STATUS_OK) {
        must_say_why(status, &fault);
        return;
    }
    must(transcode_request_bytes(request, &bytes) == STATUS_OK);
    status = decode(fuzz_method(method->path), bytes, arena);
    must(status == STATUS_OK || status == STATUS_RESOURCE_EXHAUSTED);
    must(transcode_request_decode(transcode, method, bytes, &again, &fault) == STATUS_OK);
    must_be_same(request, again);
    transcode_request_free(again);
    transcode_request_free(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct transcode *transcode;
    struct arena arena;
    if (size > INPUT_BYTES_MAX)
        return 0;
    if (!transcode)
        must(transcode_new(slice_make(pek_descriptor_set, pek_descriptor_set_len), &transcode,
                           NULL) == STATUS_OK);
    arena_init(&arena, RPC_ARENA_BYTES_MAX);
    struct slice rest = slice_make(data, size), line = slice_cut(&rest, '\n');
    const struct rpc_method *method = fuzz_method(line);
    if (method)
        (void)decode(method, rest, &arena);
    else
        ask(transcode, line, rest, &arena);
    arena_done(&arena);
    return 0;
}
