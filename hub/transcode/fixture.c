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
