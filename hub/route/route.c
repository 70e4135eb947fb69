#include "hub/route/route.h"

#include <ctype.h>
#include <stdlib.h>

#include "hub/route/percent.h"
#include "hub/route/template.h"
#include "shared/base/buffer.h"

#define ROUTE_TABLE_BYTES_MAX (16u * 1024 * 1024)
#define ROUTE_PATH_SEGMENTS_MAX 128

/* A rule at the end of its path; a node has one for each pair of HTTP verb and custom verb. */
struct leaf {
    struct leaf *next;
    struct slice custom; /* "archive" of "…:archive" */
    struct slice verb;
    struct route_rule rule;
    const char *pattern;
    struct template_variable variables[ROUTE_VARIABLES_MAX];
};

/* The trie: one level a segment. Templates that differ only in the names of variables share their nodes, so
 * that a conflict is a second leaf of the same kind at one node. */
struct node {
    struct node *sibling; /* next literal child of the same parent */
    struct slice literal;
    struct node *literals;
    struct node *one;
    struct node *rest;
    struct leaf *leaves;
};

struct route_table {
    struct arena arena;
    struct node root;
    struct leaf **leaves; /* in the order added */
    size_t count;
};

enum status route_table_new(struct route_table **ret_table)
{
    struct route_table *table = calloc(1, sizeof(*table));
    if (!table)
        return STATUS_RESOURCE_EXHAUSTED;
    arena_init(&table->arena, ROUTE_TABLE_BYTES_MAX);
    table->leaves = arena_zalloc(&table->arena, ROUTE_RULES_MAX, sizeof(*table->leaves));
    if (!table->leaves) {
        free(table);
        return STATUS_RESOURCE_EXHAUSTED;
    }
    *ret_table = table;
    return STATUS_OK;
}

struct route_table *route_table_free(struct route_table *table)
{
    if (table) {
        arena_done(&table->arena);
        free(table);
    }
    return NULL;
}

size_t route_table_count(const struct route_table *table)
{
    return table->count;
}

const struct route_rule *route_table_rule(const struct route_table *table, size_t index)
{
    return &table->leaves[index]->rule;
}

/* ---- building ---------------------------------------------------------------------------------- */

static struct node *literal_child(const struct node *parent, struct slice literal)
{
    struct node *child = parent->literals;
    while (child && !slice_equal(child->literal, literal))
        child = child->sibling;
    return child;
}

static struct node *child_for(struct route_table *table, struct node *parent,
                              const struct template_segment *segment)
{
    struct node **slot = segment->kind == SEGMENT_ONE ? &parent->one : &parent->rest;
    struct node *known =
        segment->kind == SEGMENT_LITERAL ? literal_child(parent, segment->literal) : *slot;
    if (known)
        return known;
    struct node *child = arena_zalloc(&table->arena, 1, sizeof(*child));
    if (!child)
        return NULL;
    if (segment->kind == SEGMENT_LITERAL) {
        child->literal = segment->literal;
        child->sibling = parent->literals;
        parent->literals = child;
    } else {
        *slot = child;
    }
    return child;
}

static const struct leaf *same_leaf(const struct node *node, struct slice verb, struct slice custom)
{
    for (const struct leaf *leaf = node->leaves; leaf; leaf = leaf->next) {
        if (slice_equal(leaf->verb, verb) && slice_equal(leaf->custom, custom))
            return leaf;
    }
    return NULL;
}

static const char *copy(struct arena *arena, const char *str)
{
    return arena_strndup(arena, str ? str : "", str ? strlen(str) : 0);
}

static void leaf_fill(struct route_table *table, struct leaf *leaf, const struct route_rule *rule,
                      const struct template *template)
{
    struct arena *arena = &table->arena;
    leaf->rule = (struct route_rule){
        .verb = copy(arena, rule->verb),
        .pattern = leaf->pattern,
        .body = copy(arena, rule->body),
        .response_body = copy(arena, rule->response_body),
        .target = rule->target,
        .variable_count = template->variable_count,
    };
    leaf->verb = slice_str(leaf->rule.verb);
    leaf->custom = template->verb;
    for (size_t i = 0; i < template->variable_count; i++) {
        leaf->variables[i] = template->variables[i];
        struct slice field = template->variables[i].field;
        leaf->rule.variables[i] = arena_strndup(arena, field.ptr, field.len);
    }
}

enum status route_table_add(struct route_table *table, const struct route_rule *rule,
                            struct fault *fault)
{
    if (table->count == ROUTE_RULES_MAX)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "more than %d routes",
                         ROUTE_RULES_MAX);
    struct leaf *leaf = arena_zalloc(&table->arena, 1, sizeof(*leaf));
    const char *pattern = copy(&table->arena, rule->pattern);
    if (!leaf || !pattern)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for a route");
    struct template template;
    enum status status = template_parse(pattern, &template, fault);
    if (status != STATUS_OK)
        return status;

    struct node *node = &table->root;
    for (size_t i = 0; node && i < template.segment_count; i++)
        node = child_for(table, node, &template.segments[i]);
    if (!node)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for a route");
    const struct leaf *other = same_leaf(node, slice_str(rule->verb), template.verb);
    if (other)
        return fault_set(fault, STATUS_ALREADY_EXISTS, NULL, "%s %s conflicts with %s", rule->verb,
                         pattern, other->pattern);
    leaf->pattern = pattern;
    leaf_fill(table, leaf, rule, &template);
    if (table->arena.failed)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for a route");
    leaf->next = node->leaves;
    node->leaves = leaf;
    table->leaves[table->count++] = leaf;
    return STATUS_OK;
}

/* ---- matching ---------------------------------------------------------------------------------- */

struct search {
    struct slice segments[ROUTE_PATH_SEGMENTS_MAX]; /* as sent, the last without its custom verb */
    size_t segment_count;
    struct slice last; /* "x" of "x:archive" */
    struct slice verb, custom;
    const struct leaf *found;
    struct slice allow[16];
    size_t allow_count;
};

static bool is_dot_segment(struct slice raw)
{
    size_t dots = 0;
    for (size_t i = 0; i < raw.len; dots++) {
        if (raw.ptr[i] == '.')
            i++;
        else if (raw.len - i >= 3 && raw.ptr[i] == '%' && raw.ptr[i + 1] == '2' &&
                 (raw.ptr[i + 2] | 0x20) == 'e')
            i += 3;
        else
            return false;
    }
    return dots == 1 || dots == 2;
}

static bool split(struct slice path, struct search *search)
{
    if (path.len == 0 || path.ptr[0] != '/')
        return false;
    struct slice rest = slice_make(path.ptr + 1, path.len - 1);
    bool more = true;
    while (more) {
        const char *slash = memchr(rest.ptr, '/', rest.len);
        more = slash != NULL;
        struct slice segment = slice_cut(&rest, '/');
        if (segment.len == 0 || is_dot_segment(segment))
            return false;
        if (search->segment_count == ROUTE_PATH_SEGMENTS_MAX)
            return false;
        search->segments[search->segment_count++] = segment;
    }
    struct slice whole = search->segments[search->segment_count - 1];
    search->last = whole;
    const char *colon = memrchr(search->last.ptr, ':', search->last.len);
    if (colon && colon > search->last.ptr) { /* an id with a colon in it is sent as %3A */
        search->last.len = (size_t)(colon - search->last.ptr);
        search->custom = slice_make(colon + 1, whole.len - search->last.len - 1);
        if (search->custom.len == 0)
            return false;
    }
    return true;
}

static void allow_add(struct search *search, struct slice verb)
{
    for (size_t i = 0; i < search->allow_count; i++) {
        if (slice_equal(search->allow[i], verb))
            return;
    }
    if (search->allow_count < sizeof(search->allow) / sizeof(search->allow[0]))
        search->allow[search->allow_count++] = verb;
}

static bool visit_leaves(struct search *search, const struct node *node, struct slice custom)
{
    const struct leaf *get = NULL;
    for (const struct leaf *leaf = node->leaves; leaf; leaf = leaf->next) {
        if (!slice_equal(leaf->custom, custom))
            continue;
        if (slice_equal(leaf->verb, search->verb)) {
            search->found = leaf;
            return true;
        }
        if (slice_equal_str(leaf->verb, "GET"))
            get = leaf;
        allow_add(search, leaf->verb);
    }
    if (get) {
        allow_add(search, SLICE_LIT("HEAD"));
        if (slice_equal_str(search->verb, "HEAD"))
            search->found = get;
    }
    return search->found != NULL;
}

/* Depth first, the most particular child first. A node stands for one way to read the path, so none is
 * visited twice: the table's size is the bound, and in practice the path's length. */
static bool visit(struct search *search, const struct node *node, size_t at, struct slice custom)
{
    if (at == search->segment_count)
        return visit_leaves(search, node, custom) ||
               (node->rest && visit_leaves(search, node->rest, custom));
    const struct node *literal = literal_child(node, search->segments[at]);
    if (literal && visit(search, literal, at + 1, custom))
        return true;
    if (node->one && visit(search, node->one, at + 1, custom))
        return true;
    return node->rest && visit_leaves(search, node->rest, custom);
}

static bool bind_variable(const struct search *search, const struct template_variable *variable,
                          struct arena *arena, struct slice *ret_value)
{
    size_t end = variable->rest ? search->segment_count : variable->end;
    if (variable->first == end) {
        *ret_value = SLICE_LIT("");
        return true;
    }
    const char *start = search->segments[variable->first].ptr;
    const struct slice *last = &search->segments[end - 1];
    struct slice raw = slice_make(start, (size_t)(last->ptr + last->len - start));
    bool several = variable->rest || variable->end - variable->first > 1;
    char *out = arena_alloc(arena, raw.len);
    size_t len = 0;
    if (!out || !percent_decode(raw, several ? PERCENT_KEEP_SLASH : PERCENT_PLAIN, out, &len))
        return false;
    *ret_value = slice_make(out, len);
    return true;
}

static struct slice allow_text(const struct search *search, struct arena *arena)
{
    size_t len = 0;
    for (size_t i = 0; i < search->allow_count; i++)
        len += search->allow[i].len + 2;
    char *text = arena_alloc(arena, len);
    if (!text)
        return (struct slice){0};
    char *at = text;
    for (size_t i = 0; i < search->allow_count; i++) {
        if (i > 0) {
            *at++ = ',';
            *at++ = ' ';
        }
        memcpy(at, search->allow[i].ptr, search->allow[i].len);
        at += search->allow[i].len;
    }
    return slice_make(text, (size_t)(at - text));
}

enum route_outcome route_match(const struct route_table *table, struct slice verb,
                               struct slice raw_path, struct arena *arena,
                               struct route_match *ret_match, struct slice *ret_allow)
{
    struct search search;
    search.segment_count = search.allow_count = 0;
    search.found = NULL;
    search.verb = verb;
    search.custom = (struct slice){0};
    if (!split(raw_path, &search))
        return ROUTE_UNKNOWN;

    struct slice *last = &search.segments[search.segment_count - 1];
    /* A verb that no template has is no part of an id: an action that is not there is not found. */
    *last = search.last;
    visit(&search, &table->root, 0, search.custom);
    if (!search.found) {
        if (search.allow_count == 0)
            return ROUTE_UNKNOWN;
        if (ret_allow)
            *ret_allow = allow_text(&search, arena);
        return ROUTE_WRONG_VERB;
    }
    struct route_match match = {.rule = &search.found->rule};
    for (size_t i = 0; i < match.rule->variable_count; i++) {
        if (!bind_variable(&search, &search.found->variables[i], arena, &match.values[i]))
            return ROUTE_UNKNOWN;
    }
    if (ret_match)
        *ret_match = match;
    return ROUTE_FOUND;
}

/* ---- back to a path ------------------------------------------------------------------------------ */

static void append_encoded(struct buffer *path, struct slice value, bool keep_slash)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.ptr[i];
        if (isalnum(byte) || (byte && strchr("-._~@", byte)) || (keep_slash && byte == '/'))
            buffer_append_char(path, (char)byte);
        else
            buffer_printf(path, "%%%02X", byte);
    }
}

enum status route_path(const struct route_rule *rule, const struct slice *values,
                       struct arena *arena, struct slice *ret_path)
{
    struct buffer path;
    size_t variable = 0;

    buffer_init(&path, ROUTE_PATH_BYTES_MAX);
    for (const char *at = rule->pattern; *at; at++) {
        if (*at != '{') {
            buffer_append_char(&path, *at);
            continue;
        }
        const char *end = strchr(at, '}'); /* the table has parsed it */
        append_encoded(&path, values[variable++], memchr(at, '=', (size_t)(end - at)) != NULL);
        at = end;
    }
    enum status status = path.failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
    if (!status)
        *ret_path = arena_copy(arena, buffer_slice(&path));
    buffer_done(&path);
    return status || !arena->failed ? status : STATUS_RESOURCE_EXHAUSTED;
}
