/* Ids of groups: one that is taken is taken again as it is; one that is made of a name is one. A line: the id or the
 * organisation, and behind it a slug and a name. */
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "worker/domain/group_id.h"

#define INPUT_BYTES_MAX 4096

static void must_be_id(const struct group_id *id, struct arena *arena)
{
    struct group_id again;
    must(group_id_parse(id->text, "id", arena, &again, NULL) == STATUS_OK);
    must(strcmp(again.text, id->text) == 0 && slice_equal(again.org, id->org));
    must(id->org.len > 0 && id->text[id->org.len] == '@');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault fault = {0};
    struct group_id id;
    struct arena arena;
    if (size > INPUT_BYTES_MAX || memchr(data, '\0', size))
        return 0;
    arena_init(&arena, 1u << 20);
    struct slice rest = slice_make(data, size);
    struct slice first = slice_cut(&rest, '\n'), second = slice_cut(&rest, '\n');
    const char *text = arena_strndup(&arena, first.ptr, first.len);
    const char *slug = arena_strndup(&arena, second.ptr, second.len);
    const char *name = arena_strndup(&arena, rest.ptr, rest.len);
    must(text && slug && name);
    enum status status = group_id_parse(text, "id", &arena, &id, &fault);
    bool is_org = status == STATUS_OK;
    if (is_org)
        must_be_id(&id, &arena);
    else
        must(status == STATUS_INVALID_ARGUMENT && strcmp(fault.field, "id") == 0 && fault.text[0]);
    status = group_id_make(is_org ? id.org : slice_make("", 0), slug, name, &arena, &id, &fault);
    if (status == STATUS_OK)
        must_be_id(&id, &arena);
    else
        must(status != STATUS_INVALID_ARGUMENT || fault.field[0]);
    arena_done(&arena);
    return 0;
}
