/* What an administrator writes of a realm, a line each: realm, target, name, TLS name, and the rest a CA. It is refused on the field that is
 * wrong, or holds what a channel can be made of. */
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/registry/instance_rules.h"
#include "shared/base/utf8.h"

#define INPUT_BYTES_MAX 8192

static const char *line_of(struct slice *rest, char separator, struct arena *arena)
{
    struct slice line = slice_cut(rest, separator);
    const char *text = arena_strndup(arena, line.ptr, line.len);
    must(text != NULL);
    return text;
}

static bool is_field(const char *field)
{
    static const char *const fields[] = {"realm", "target", "name", "tls_name", "ca_pem"};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (strcmp(field, fields[i]) == 0)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault fault = {0};
    struct instance_row row = {0};
    struct arena arena;
    const char *path;
    uint32_t uid;
    if (size > INPUT_BYTES_MAX)
        return 0;
    arena_init(&arena, 1u << 20);
    struct slice rest = slice_make(data, size);
    row.realm = line_of(&rest, '\n', &arena);
    row.target = line_of(&rest, '\n', &arena);
    row.name = line_of(&rest, '\n', &arena);
    row.tls_name = line_of(&rest, '\n', &arena);
    row.ca_pem = line_of(&rest, '\0', &arena);
    if (!row.tls_name[0])
        row.tls_name = NULL;
    if (!row.ca_pem[0])
        row.ca_pem = NULL;
    enum status status = instance_row_check(&row, &fault);
    bool is_peer = target_is_peer(row.target, &uid, &path);
    (void)target_is_listen(row.target, row.name);
    if (status == STATUS_OK) {
        must(realm_is_valid(row.realm) && strlen(row.target) <= INSTANCE_TARGET_BYTES_MAX);
        must(!strpbrk(row.target, " \t\r") && (!is_peer || (!row.tls_name && !row.ca_pem)));
        must((strncmp(row.target, "peer:", 5) == 0) == is_peer);
        must(!strchr(row.target, ',') || strncmp(row.target, "ipv", 3) == 0);
    } else {
        must(status == STATUS_INVALID_ARGUMENT && is_field(fault.field) && fault.text[0]);
    }
    if (is_peer)
        must(path[0] == '/' && uid != UINT32_MAX);
    arena_done(&arena);
    return 0;
}
