/* route: from verb and path to a rule, by the path templates of google.api.http.
 *
 *     Template = "/" Segments [ ":" Verb ]      Segments = Segment { "/" Segment }
 *     Segment  = "*" | "**" | LITERAL | "{" FieldPath [ "=" Segments ] "}"
 *
 * "*" is one segment, "**" the rest (last only), `{a}` is `{a=*}`. Source: google/api/http.proto.
 *
 * A table is filled at start and read afterwards; matching costs O(segments) on a trie, and takes no memory
 * but the arena's. Where several templates fit, a literal wins over a variable and a variable over "**",
 * segment by segment from the left; two rules that would fit equally are refused when the second is added.
 *
 * A ":" in the last segment begins a verb; a path whose verb no template has is not there. A value with a colon is sent
 * as %3A.
 *
 * Paths are matched as sent: each variable is percent-decoded once ("a%2Fb" in `{id}` is the one value "a/b";
 * in a "**" variable "%2F" stays, so that it remains different from "/"). Empty segments, "." and "..",
 * also escaped, never match; neither do invalid escapes and values with control characters or invalid UTF-8.
 */
#ifndef PEK_HUB_ROUTE_ROUTE_H
#define PEK_HUB_ROUTE_ROUTE_H

#include <stddef.h>

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"

#define ROUTE_SEGMENTS_MAX 32
#define ROUTE_VARIABLES_MAX 8
#define ROUTE_RULES_MAX 4096
#define ROUTE_PATH_BYTES_MAX 8192 /* that route_path makes */

struct route_table;

struct route_rule {
    const char *verb;          /* "GET"; any custom word */
    const char *pattern;       /* "/api/v1/groups/{id}:archive" */
    const char *body;          /* "*", a field, "" for none */
    const char *response_body; /* a field, "" for the whole message */
    const void *target;        /* the caller's: what to do */
    /* Filled by route_table_add: the field paths in order of their occurrence. */
    const char *variables[ROUTE_VARIABLES_MAX];
    size_t variable_count;
};

struct route_match {
    const struct route_rule *rule;
    struct slice values[ROUTE_VARIABLES_MAX]; /* decoded; of rule->variables */
};

enum route_outcome {
    ROUTE_FOUND,
    ROUTE_UNKNOWN,    /* 404: no template fits the path */
    ROUTE_WRONG_VERB, /* 405: with the verbs that would do */
};

PEK_MUST_CHECK enum status route_table_new(struct route_table **ret_table);
/* Takes NULL, returns NULL. */
struct route_table *route_table_free(struct route_table *table);
/* Copies what `rule` points at but `target`. INVALID_ARGUMENT for a template that is none, ALREADY_EXISTS for
 * one that fits the same paths with the same verb as an earlier one; the fault's text names both. */
PEK_MUST_CHECK enum status route_table_add(struct route_table *table, const struct route_rule *rule,
                                           struct fault *fault);
size_t route_table_count(const struct route_table *table);
const struct route_rule *route_table_rule(const struct route_table *table, size_t index);

/* HEAD is answered by GET's rule when it has none. `ret_match` is set when found, `ret_allow` ("GET, HEAD,
 * POST", in the arena) when the verb is wrong; both may be NULL. ROUTE_UNKNOWN when the arena is full. */
enum route_outcome route_match(const struct route_table *table, struct slice verb,
                               struct slice raw_path, struct arena *arena,
                               struct route_match *ret_match, struct slice *ret_allow);

/* The path that the rule would match with these values, of rule->variables in their order: percent-encoded, also '/'
 * but in a variable with a template of its own. In the arena. */
PEK_MUST_CHECK enum status route_path(const struct route_rule *rule, const struct slice *values,
                                      struct arena *arena, struct slice *ret_path);

#endif
