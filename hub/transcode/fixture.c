#include "hub/transcode/fixture.h"

#include "hub/transcode/odd_descriptors_embedded.h"
#include "protos/descriptor_set.h"

struct transcode *odd, *pek;
struct arena arena;
struct buffer out;
struct fault fault;

int setup_all(void **state)
{
    (void)state;
    arena_init(&arena, 1u << 24);
    buffer_init(&out, 1u << 24);
    struct fault why = {0};
    if (transcode_new(slice_make(odd_descriptors, odd_descriptors_len), &odd, &why) != STATUS_OK ||
        transcode_new(slice_make(pek_descriptor_set, pek_descriptor_set_len), &pek, &why) !=
            STATUS_OK) {
        print_error("%s\n", why.text);
        return -1;
    }
    return 0;
}

int teardown_all(void **state)
{
    (void)state;
    odd = transcode_free(odd);
    pek = transcode_free(pek);
    arena_done(&arena);
    buffer_done(&out);
    return 0;
}

int reset(void **state)
{
    (void)state;
    arena_reset(&arena);
    buffer_reset(&out);
    fault = (struct fault){0};
    return 0;
}

enum status make(const struct transcode *transcode, const char *line, struct slice body,
                 struct route_match *match, struct transcode_request **ret_request)
{
    struct slice target = slice_str(line);
    struct slice verb = slice_cut(&target, ' ');
    struct slice path = slice_cut(&target, '?');
    if (route_match(transcode_routes(transcode), verb, path, &arena, match, NULL) != ROUTE_FOUND)
        fail_msg("no route: %s", line);
    fault = (struct fault){0};
    return transcode_request_new(transcode, match, target, body, ret_request, &fault);
}

void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s is not in %s", part, text);
}

const char *echo(const char *line, const char *body)
{
    struct route_match match;
    struct transcode_request *request = NULL;
    if (make(odd, line, slice_str(body), &match, &request) != STATUS_OK)
        return fault.text;
    struct slice bytes;
    struct transcode_item *item = NULL;
    assert_int_equal(transcode_request_bytes(request, &bytes), STATUS_OK);
    assert_int_equal(transcode_item_new(odd, match.rule->target, bytes, &item), STATUS_OK);
    buffer_reset(&out);
    assert_int_equal(transcode_item_json(item, NULL, TRANSCODE_SHOWN_ALL, &out, NULL), STATUS_OK);
    buffer_append_char(&out, '\0');
    transcode_item_free(item);
    transcode_request_free(request);
    return out.ptr;
}

void assert_refused(const char *line, const char *body, const char *field, const char *text)
{
    struct route_match match;
    struct transcode_request *request = NULL;
    enum status status = make(odd, line, slice_str(body), &match, &request);
    if (status != STATUS_INVALID_ARGUMENT)
        fail_msg("%s %s gave %s", line, body, status_name(status));
    assert_null(request);
    assert_int_equal(fault.status, status);
    if (strcmp(fault.text, text) != 0 || strcmp(fault.field, field) != 0)
        fail_msg("%s %s: field \"%s\", text: %s", line, body, fault.field, fault.text);
}
