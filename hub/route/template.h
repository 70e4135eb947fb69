/* template: a path template of google.api.http, parsed. Private to hub/route. */
#ifndef PEK_HUB_ROUTE_TEMPLATE_H
#define PEK_HUB_ROUTE_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "hub/route/route.h"

enum segment_kind { SEGMENT_LITERAL, SEGMENT_ONE, SEGMENT_REST };

struct template_segment {
    enum segment_kind kind;
    struct slice literal; /* into the pattern */
};

struct template_variable {
    struct slice field; /* into the pattern */
    size_t first, end;  /* segments [first, end) */
    bool rest;          /* the last one is "**": end is open */
};

struct template
{
    struct template_segment segments[ROUTE_SEGMENTS_MAX];
    size_t segment_count;
    struct template_variable variables[ROUTE_VARIABLES_MAX];
    size_t variable_count;
    struct slice verb; /* behind the last ':', empty for none */
};

/* `ret_template` points into `pattern`. INVALID_ARGUMENT with what is wrong and at which byte. */
PEK_MUST_CHECK enum status template_parse(const char *pattern, struct template *ret_template,
                                          struct fault *fault);

#endif
