/* Paths and templates from outside: "verb path" against a fixed table, and the same text as a template. */
#include <stdint.h>
#include <stdlib.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/route/route.h"
#include "shared/base/utf8.h"

static const char *const patterns[] = {
    "/api/v1/groups",
    "/api/v1/groups/{id}",
    "/api/v1/groups/{id}:archive",
    "/api/v1/realms/{realm}/groups/{group.id}/members",
    "/v1/{name=shelves/*/books/*}",
    "/files/{path=**}",
    "/files/{path=icons/**}:get",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct route_table *table;
    if (!table) {
        if (route_table_new(&table) != STATUS_OK)
            abort();
        for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
            struct route_rule rule = {.verb = "GET", .pattern = patterns[i]};
            if (route_table_add(table, &rule, NULL) != STATUS_OK)
                abort();
        }
    }
    struct arena arena;
    arena_init(&arena, 1u << 20);
    struct slice path = slice_make(data, size);
    struct slice verb = slice_cut(&path, ' ');
    struct route_match match;
    if (route_match(table, verb, path, &arena, &match, NULL) == ROUTE_FOUND) {
        for (size_t i = 0; i < match.rule->variable_count; i++) {
            /* What a handler sees is text without control characters, and no way out of a folder. */
            if (!utf8_valid(match.values[i]) ||
                memchr(match.values[i].ptr, '\0', match.values[i].len))
                abort();
            if (slice_equal_str(match.values[i], ".."))
                abort();
        }
    }
    char *pattern = arena_strndup(&arena, (const char *)data, size);
    struct route_table *own;
    if (pattern && route_table_new(&own) == STATUS_OK) {
        struct route_rule rule = {.verb = "GET", .pattern = pattern};
        enum status first = route_table_add(own, &rule, NULL);
        enum status second = route_table_add(own, &rule, NULL);
        if (second != (first == STATUS_OK ? STATUS_ALREADY_EXISTS : first))
            abort();
        route_table_free(own);
    }
    arena_done(&arena);
    return 0;
}
