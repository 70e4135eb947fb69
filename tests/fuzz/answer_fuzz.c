/* What a realm answers: "/pek.group.v1.GroupService/GetGroup", a line end and the bytes of a message. It is no such message, or
 * becomes one line of JSON and one of CSV that is right whatever is in it, and the same when it is read again. */
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/transcode/transcode.h"
#include "protos/descriptor_set.h"
#include "shared/base/utf8.h"
#include "shared/json/json_scan.h"
#include "shared/text/csv.h"

#define INPUT_BYTES_MAX 8192
#define OUT_BYTES_MAX (1u << 22)
#define COLUMNS_MAX 64

static const struct json_limits limits = {.depth_max = 200, .keys_max = 100000};

static struct transcode *transcode;

static void must_be_json(struct slice json)
{
    struct arena arena;
    arena_init(&arena, 1u << 24);
    must(json.len > 0 && !memchr(json.ptr, '\n', json.len) && !memchr(json.ptr, '\r', json.len));
    /* A NUL is right in JSON, but not in what comes in. */
    if (!memmem(json.ptr, json.len, "\\u0000", 6))
        must(json_scan(json, &limits, &arena, NULL) == STATUS_OK);
    arena_done(&arena);
}

static void must_be_row(const struct transcode_method *method, const struct transcode_item *item)
{
    struct slice cells[COLUMNS_MAX];
    struct buffer out;
    struct arena arena;
    struct csv csv;
    size_t columns, count;
    if (!method->is_csv)
        return;
    buffer_init(&out, OUT_BYTES_MAX);
    arena_init(&arena, OUT_BYTES_MAX);
    buffer_append_str(&out, "sep=,\r\n");
    transcode_csv_header(method, &out);
    if (transcode_item_csv(item, &out) == STATUS_OK) {
        csv_init(&csv, buffer_slice(&out));
        must(csv_read(&csv, "", &arena, cells, COLUMNS_MAX, &columns, NULL) == STATUS_OK);
        must(csv_read(&csv, "", &arena, cells, COLUMNS_MAX, &count, NULL) == STATUS_OK);
        must(count == columns && csv.rest.len == 0);
    }
    arena_done(&arena);
    buffer_done(&out);
}

static void look_into(const struct transcode_method *method, const struct transcode_item *item)
{
    (void)transcode_item_sort_key(item);
    must(utf8_valid(transcode_item_id(item)) && utf8_valid(transcode_item_realm(item)));
    must(utf8_valid(transcode_item_etag(item)));
    for (size_t i = 0; transcode_item_unreachable(item, i).len > 0; i++)
        ;
    (void)transcode_item_combined(item);
    if (transcode_item_has_identity(item))
        for (size_t i = 0; i < method->identity_count; i++) {
            struct slice part = transcode_item_identity(item, i);
            must(part.len > 0 && part.len <= TRANSCODE_ID_BYTES_MAX);
        }
    must_be_row(method, item);
}

static void must_be_same(const struct transcode_method *method, struct slice bytes,
                         struct slice json)
{
    struct transcode_item *item;
    struct buffer out;
    buffer_init(&out, OUT_BYTES_MAX);
    must(transcode_item_new(transcode, method, bytes, &item) == STATUS_OK);
    must(transcode_item_json(item, NULL, TRANSCODE_SHOWN_ALL, &out, NULL) == STATUS_OK);
    must(slice_equal(buffer_slice(&out), json));
    transcode_item_free(item);
    buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct transcode_item *item;
    struct fault fault = {0};
    struct buffer out;
    if (size > INPUT_BYTES_MAX)
        return 0;
    if (!transcode)
        must(transcode_new(slice_make(pek_descriptor_set, pek_descriptor_set_len), &transcode,
                           NULL) == STATUS_OK);
    struct slice rest = slice_make(data, size), path = slice_cut(&rest, '\n');
    const struct transcode_method *method = transcode_find(transcode, path);
    if (!method)
        return 0;
    enum status status = transcode_item_new(transcode, method, rest, &item);
    if (status != STATUS_OK) {
        must(status == STATUS_DATA_LOSS || status == STATUS_RESOURCE_EXHAUSTED);
        return 0;
    }
    buffer_init(&out, OUT_BYTES_MAX);
    status = transcode_item_json(item, NULL, TRANSCODE_SHOWN_ALL, &out, &fault);
    if (status == STATUS_OK) {
        must_be_json(buffer_slice(&out));
        must_be_same(method, transcode_item_bytes(item), buffer_slice(&out));
    } else {
        must(out.len == 0 && fault.status == status && utf8_valid(slice_str(fault.text)));
    }
    look_into(method, item);
    transcode_item_free(item);
    buffer_done(&out);
    return 0;
}
