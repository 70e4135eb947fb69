/* percent: decodes percent-encoding once, strictly. */
#ifndef PEK_HUB_ROUTE_PERCENT_H
#define PEK_HUB_ROUTE_PERCENT_H

#include <stdbool.h>

#include "shared/base/slice.h"

enum percent_rule {
    PERCENT_PLAIN = 0,
    PERCENT_PLUS_IS_SPACE = 1, /* in a query */
    PERCENT_KEEP_SLASH = 2,    /* "%2F" stays as it is */
};

/* Writes at most raw.len bytes to `out` (which may be raw.ptr's own memory) and says how many. False for an
 * escape that is none, a control character, or bytes that are not UTF-8 afterwards. */
bool percent_decode(struct slice raw, unsigned rules, char *out, size_t *ret_len);

#endif
