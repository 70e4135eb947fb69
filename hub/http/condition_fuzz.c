/* If-Match and If-None-Match: refused by name, or a list of etags, which is the same list when it is written again. */
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/http/condition.h"
#include "hub/http/internal.h"

static enum status read_list(struct slice value, bool weak_too, struct condition *ret_condition,
                             struct fault *fault)
{
    static const struct slice name = {"if-match", 8};
    struct head_header header = {.name = name, .value = value};
    struct http_request request = {.headers = &header, .header_count = 1};
    return condition_read(&request, name.ptr, weak_too, ret_condition, fault);
}

static void must_come_back(const struct condition *condition)
{
    struct condition again;
    struct buffer out;
    buffer_init(&out, 1u << 20);
    for (size_t i = 0; i < condition->count; i++) {
        must(condition->etags[i].len > 0 && condition_is_etag(condition->etags[i]));
        must(condition_names(condition, condition->etags[i]));
        buffer_printf(&out, "%s\"%.*s\"", i > 0 ? ", " : "", SLICE_ARG(condition->etags[i]));
    }
    must(read_list(buffer_slice(&out), false, &again, NULL) == STATUS_OK);
    must(!again.any && again.count == condition->count);
    for (size_t i = 0; i < again.count; i++)
        must(slice_equal(again.etags[i], condition->etags[i]));
    buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct condition strong, all;
    struct fault fault = {0};
    if (size > HTTP_LINE_BYTES_MAX)
        return 0;
    struct slice value = slice_make(data, size);
    enum status status = read_list(value, true, &all, &fault);
    must(read_list(value, false, &strong, NULL) == STATUS_OK || status != STATUS_OK ||
         all.count > strong.count);
    if (status != STATUS_OK) {
        must(status == STATUS_INVALID_ARGUMENT && strcmp(fault.field, "if-match") == 0);
        return 0;
    }
    must(all.given && all.count <= CONDITION_ETAGS_MAX && all.any == slice_equal_str(value, "*"));
    must(all.count == 0 || !all.any);
    must_come_back(&all);
    return 0;
}
