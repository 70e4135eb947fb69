#include "hub/route/template.h"

#include <ctype.h>

/* Where the parser stands in the pattern. */
struct cursor {
    const char *start, *at;
    struct template *template;
    struct fault *fault;
};

static enum status refuse(const struct cursor *cursor, const char *what)
{
    return fault_set(cursor->fault, STATUS_INVALID_ARGUMENT, NULL,
                     "template \"%s\": %s at byte %zu", cursor->start, what,
                     (size_t)(cursor->at - cursor->start));
}

static bool is_literal_char(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("-._~%!$&'()+,;=@", c));
}

static bool is_field_char(char c, bool first)
{
    return isalpha((unsigned char)c) || c == '_' || (!first && isdigit((unsigned char)c));
}

static enum status add_segment(struct cursor *cursor, enum segment_kind kind, struct slice literal)
{
    struct template *template = cursor->template;
    if (template->segment_count > 0 &&
        template->segments[template->segment_count - 1].kind == SEGMENT_REST)
        return refuse(cursor, "\"**\" must come last");
    if (template->segment_count == ROUTE_SEGMENTS_MAX)
        return refuse(cursor, "too many segments");
    template->segments[template->segment_count++] =
        (struct template_segment){.kind = kind, .literal = literal};
    return STATUS_OK;
}

/* "*", "**" or a literal. */
static enum status parse_plain_segment(struct cursor *cursor)
{
    if (cursor->at[0] == '*') {
        bool rest = cursor->at[1] == '*';
        cursor->at += rest ? 2 : 1;
        return add_segment(cursor, rest ? SEGMENT_REST : SEGMENT_ONE, (struct slice){0});
    }
    const char *start = cursor->at;
    while (is_literal_char(*cursor->at))
        cursor->at++;
    if (cursor->at == start)
        return refuse(cursor, "a segment is expected");
    return add_segment(cursor, SEGMENT_LITERAL, slice_make(start, (size_t)(cursor->at - start)));
}

static enum status parse_field_path(struct cursor *cursor, struct slice *ret_field)
{
    const char *start = cursor->at;
    do {
        if (cursor->at > start)
            cursor->at++; /* the dot */
        if (!is_field_char(*cursor->at, true))
            return refuse(cursor, "a field name is expected");
        while (is_field_char(*cursor->at, false))
            cursor->at++;
    } while (*cursor->at == '.');
    *ret_field = slice_make(start, (size_t)(cursor->at - start));
    return STATUS_OK;
}

static enum status parse_variable(struct cursor *cursor)
{
    struct template *template = cursor->template;
    cursor->at++; /* '{' */
    if (template->variable_count == ROUTE_VARIABLES_MAX)
        return refuse(cursor, "too many variables");
    struct template_variable variable = {.first = template->segment_count};
    enum status status = parse_field_path(cursor, &variable.field);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < template->variable_count; i++) {
        if (slice_equal(template->variables[i].field, variable.field))
            return refuse(cursor, "a field is named twice");
    }
    if (*cursor->at == '=') {
        do {
            cursor->at++; /* '=' or '/' */
            status = parse_plain_segment(cursor);
            if (status != STATUS_OK)
                return status;
        } while (*cursor->at == '/');
    } else {
        status = add_segment(cursor, SEGMENT_ONE, (struct slice){0});
        if (status != STATUS_OK)
            return status;
    }
    if (*cursor->at != '}')
        return refuse(cursor, "\"}\" is expected");
    cursor->at++;
    variable.end = template->segment_count;
    variable.rest = template->segments[variable.end - 1].kind == SEGMENT_REST;
    template->variables[template->variable_count++] = variable;
    return STATUS_OK;
}

enum status template_parse(const char *pattern, struct template *ret_template, struct fault *fault)
{
    struct template template = {0};
    struct cursor cursor = {pattern, pattern, &template, fault};

    if (*cursor.at != '/')
        return refuse(&cursor, "\"/\" is expected");
    do {
        cursor.at++;
        enum status status =
            *cursor.at == '{' ? parse_variable(&cursor) : parse_plain_segment(&cursor);
        if (status != STATUS_OK)
            return status;
    } while (*cursor.at == '/');
    if (*cursor.at == ':') {
        const char *start = ++cursor.at;
        while (is_literal_char(*cursor.at))
            cursor.at++;
        template.verb = slice_make(start, (size_t)(cursor.at - start));
        if (template.verb.len == 0)
            return refuse(&cursor, "a verb is expected");
    }
    if (*cursor.at != '\0')
        return refuse(&cursor, "an unexpected character");
    *ret_template = template;
    return STATUS_OK;
}
